//! Libraries that are loaded while the program runs.

use std::ffi::{CStr, CString, c_char, c_void};

/// Defines a struct of a library's functions, each by its name there, all of which return a status.
macro_rules! functions {
    ($of:ident; $($name:ident: $symbol:literal ($($argument:ty),* $(,)?);)*) => {
        /// The library's functions.
        pub(super) struct $of {
            $(pub $name: unsafe extern "system" fn($($argument),*) -> std::ffi::c_int,)*
            _library: $crate::engine::cuda::library::Library,
        }

        impl $of {
            fn of(library: $crate::engine::cuda::library::Library) -> Result<Self, String> {
                $(
                    let Some($name) = library.function($symbol) else {
                        return Err(format!("it has no {}", $symbol.to_string_lossy()));
                    };
                    // SAFETY: the function of this name has these arguments, says NVIDIA.
                    let $name = unsafe {
                        std::mem::transmute::<
                            *mut std::ffi::c_void,
                            unsafe extern "system" fn($($argument),*) -> std::ffi::c_int,
                        >($name)
                    };
                )*
                Ok(Self { $($name,)* _library: library })
            }
        }
    };
}
pub(super) use functions;

/// A library that stays loaded.
pub(super) struct Library(*mut c_void);

// SAFETY: a handle of the system's, which any thread may use.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

#[cfg(unix)]
mod system {
    use super::{c_char, c_void};

    unsafe extern "C" {
        pub fn dlopen(name: *const c_char, flags: i32) -> *mut c_void;
        pub fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
        pub fn dlerror() -> *const c_char;
    }
}

#[cfg(windows)]
mod system {
    use super::{c_char, c_void};

    #[link(name = "kernel32")]
    unsafe extern "system" {
        pub fn LoadLibraryExA(name: *const c_char, file: *mut c_void, flags: u32) -> *mut c_void;
        pub fn GetProcAddress(library: *mut c_void, name: *const c_char) -> *mut c_void;
    }
}

impl Library {
    /// Loads a library, or says why it cannot be loaded.
    pub fn load(name: &str) -> Result<Self, String> {
        let Ok(text) = CString::new(name) else { return Err(format!("{name:?} is no file name")) };
        #[cfg(unix)]
        // SAFETY: a text that ends in 0; the flag is RTLD_NOW. What a library does when it is
        // loaded is the driver's business.
        let library = unsafe { system::dlopen(text.as_ptr(), 2) };
        #[cfg(windows)]
        // SAFETY: as above; the flag is LOAD_LIBRARY_SEARCH_DEFAULT_DIRS, for a name without a
        // folder: not from where the program happens to be run.
        let library = unsafe {
            let anywhere = if name.contains(['/', '\\']) { 0 } else { 0x1000 };
            system::LoadLibraryExA(text.as_ptr(), std::ptr::null_mut(), anywhere)
        };
        if library.is_null() { Err(why(name)) } else { Ok(Self(library)) }
    }

    /// The address of a function, never null.
    pub fn function(&self, name: &CStr) -> Option<*mut c_void> {
        #[cfg(unix)]
        // SAFETY: a library that is loaded, and a text that ends in 0.
        let address = unsafe { system::dlsym(self.0, name.as_ptr()) };
        #[cfg(windows)]
        // SAFETY: as above.
        let address = unsafe { system::GetProcAddress(self.0, name.as_ptr()) };
        (!address.is_null()).then_some(address)
    }
}

#[cfg(unix)]
fn why(name: &str) -> String {
    // SAFETY: the text of the last failure of this thread, valid until the next call.
    let text = unsafe {
        let text = system::dlerror();
        if text.is_null() { None } else { Some(CStr::from_ptr(text).to_string_lossy()) }
    };
    text.map_or_else(|| name.to_string(), |text| text.into_owned())
}

#[cfg(windows)]
fn why(name: &str) -> String {
    format!("{name}: {}", std::io::Error::last_os_error())
}
