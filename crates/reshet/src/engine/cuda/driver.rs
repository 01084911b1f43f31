//! The CUDA driver's functions, found in its library while the program runs: neither a build nor a
//! machine without a card needs CUDA.

use std::{
    env,
    ffi::{CStr, c_char, c_int, c_uint, c_void},
    ptr,
    sync::OnceLock,
};

use super::library::{Library, functions};
use crate::{Result, error::Error};

/// What the functions return: 0, or what went wrong.
pub(super) type Status = c_int;
pub(super) const OUT_OF_MEMORY: Status = 2;
const NO_DEVICE: Status = 100;

/// The oldest driver that reads the kernel's PTX: CUDA 12.0.
const VERSION: c_int = 12_000;

/// The driver's own structures, which only it looks into.
pub(super) type Handle = *mut c_void;

functions! {
    Driver;
    init: c"cuInit" (c_uint);
    driver_version: c"cuDriverGetVersion" (*mut c_int);
    device_count: c"cuDeviceGetCount" (*mut c_int);
    device: c"cuDeviceGet" (*mut c_int, c_int);
    device_name: c"cuDeviceGetName" (*mut c_char, c_int, c_int);
    device_attribute: c"cuDeviceGetAttribute" (*mut c_int, c_int, c_int);
    context: c"cuDevicePrimaryCtxRetain" (*mut Handle, c_int);
    set_context: c"cuCtxSetCurrent" (Handle);
    memory: c"cuMemGetInfo_v2" (*mut usize, *mut usize);
    allocate: c"cuMemAlloc_v2" (*mut u64, usize);
    free: c"cuMemFree_v2" (u64);
    copy_in: c"cuMemcpyHtoD_v2" (u64, *const c_void, usize);
    copy_in_later: c"cuMemcpyHtoDAsync_v2" (u64, *const c_void, usize, Handle);
    copy_out: c"cuMemcpyDtoHAsync_v2" (*mut c_void, u64, usize, Handle);
    copy: c"cuMemcpyDtoDAsync_v2" (u64, u64, usize, Handle);
    fill: c"cuMemsetD8Async" (u64, u8, usize, Handle);
    stream: c"cuStreamCreate" (*mut Handle, c_uint);
    destroy_stream: c"cuStreamDestroy_v2" (Handle);
    synchronize: c"cuStreamSynchronize" (Handle);
    load_module: c"cuModuleLoadDataEx" (
        *mut Handle, *const c_void, c_uint, *mut c_uint, *mut *mut c_void
    );
    function: c"cuModuleGetFunction" (*mut Handle, Handle, *const c_char);
    occupancy: c"cuOccupancyMaxActiveBlocksPerMultiprocessor" (*mut c_int, Handle, c_int, usize);
    launch: c"cuLaunchCooperativeKernel" (
        Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut *mut c_void
    );
    allocate_host: c"cuMemAllocHost_v2" (*mut *mut c_void, usize);
    free_host: c"cuMemFreeHost" (*mut c_void);
    wait_for_all: c"cuCtxSynchronize" ();
    event: c"cuEventCreate" (*mut Handle, c_uint);
    destroy_event: c"cuEventDestroy_v2" (Handle);
    record: c"cuEventRecord" (Handle, Handle);
    wait_for: c"cuEventSynchronize" (Handle);
    error_text: c"cuGetErrorString" (Status, *mut *const c_char);
}

impl Driver {
    /// The machine's driver, ready for use.
    pub fn get() -> Result<&'static Self> {
        static DRIVER: OnceLock<Result<Driver, String>> = OnceLock::new();
        let driver = DRIVER.get_or_init(Self::start);
        driver.as_ref().map_err(|why| unavailable(why))
    }

    fn start() -> Result<Self, String> {
        let usual = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };
        let name = env::var("RESHET_CUDA_DRIVER").unwrap_or_else(|_| usual.into());
        let library = Library::load(&name).map_err(|why| {
            format!("there is no CUDA driver ({why}); install NVIDIA's, or use cpu")
        })?;
        let driver = Self::of(library)
            .map_err(|why| format!("{name} is no CUDA driver, or too old: {why}"))?;
        let mut version = 0;
        // SAFETY: the driver writes a number there.
        let status = unsafe { (driver.driver_version)(&mut version) };
        if status != 0 || version < VERSION {
            let [has, needs] =
                [version, VERSION].map(|v| format!("{}.{}", v / 1000, v % 1000 / 10));
            return Err(format!(
                "the driver is of CUDA {has} and {needs} is needed; \
                 update NVIDIA's driver to 525 or later, or use cpu"
            ));
        }
        // SAFETY: the one flag there is is 0.
        match unsafe { (driver.init)(0) } {
            0 => Ok(driver),
            NO_DEVICE => Err(format!("the driver finds no card ({})", driver.text(NO_DEVICE))),
            status => Err(format!("the driver does not start ({})", driver.text(status))),
        }
    }

    /// The driver's words for what went wrong.
    pub fn text(&self, status: Status) -> String {
        let mut text = ptr::null();
        // SAFETY: the driver writes the address of a text there that stays.
        let known = unsafe { (self.error_text)(status, &mut text) } == 0 && !text.is_null();
        if !known {
            return format!("error {status}");
        }
        // SAFETY: as above; it ends in 0.
        let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
        format!("{text}, error {status}")
    }
}

/// Says why there is no such device.
pub(super) fn unavailable(why: &str) -> Error {
    Error::Device(format!("device cuda: {why}"))
}
