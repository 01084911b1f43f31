//! NVIDIA's cuBLASLt, found in its library while the program runs: a build does not need it.
//!
//! Numbers, types and structures are those of `cublasLt.h`, `cublas_api.h` and `library_types.h` of
//! CUDA 12.9. The structures behind handles are made by the library, so their sizes are its own.

use std::{
    env,
    ffi::{c_int, c_void},
    ptr,
    sync::OnceLock,
};

use super::{
    driver::Handle,
    library::{Library, functions},
};

/// `cudaDataType_t`.
const F32: c_int = 0;

/// `cublasComputeType_t`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Compute {
    F32 = 68,
    Bf16 = 75,
    Tf32 = 77,
}

/// `cublasLtMatmulDescAttributes_t`; the value is a `cublasOperation_t`, 1: transposed.
const TRANSPOSE_A: c_int = 3;
const TRANSPOSE_B: c_int = 4;

/// `cublasLtMatmulPreferenceAttributes_t`: the most workspace, of 8 bytes, and what the addresses of
/// A, B, C and D are multiples of, of 4 bytes each.
const WORKSPACE: c_int = 1;
const ALIGNMENTS: [c_int; 4] = [5, 6, 7, 8];

/// `libraryPropertyType`: major, minor, patch.
const VERSION: [c_int; 3] = [0, 1, 2];

/// `cublasLtMatmulAlgo_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Algorithm([u64; 8]);

/// `cublasLtMatmulHeuristicResult_t`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Found {
    algorithm: Algorithm,
    workspace: usize,
    state: c_int,
    waves: f32,
    reserved: [c_int; 4],
}

const _: () = assert!(size_of::<Found>() == 96);

functions! {
    Functions;
    create: c"cublasLtCreate" (*mut Handle);
    destroy: c"cublasLtDestroy" (Handle);
    property: c"cublasLtGetProperty" (c_int, *mut c_int);
    matmul_create: c"cublasLtMatmulDescCreate" (*mut Handle, c_int, c_int);
    matmul_set: c"cublasLtMatmulDescSetAttribute" (Handle, c_int, *const c_void, usize);
    matmul_destroy: c"cublasLtMatmulDescDestroy" (Handle);
    layout_create: c"cublasLtMatrixLayoutCreate" (*mut Handle, c_int, u64, u64, i64);
    layout_destroy: c"cublasLtMatrixLayoutDestroy" (Handle);
    preference_create: c"cublasLtMatmulPreferenceCreate" (*mut Handle);
    preference_set: c"cublasLtMatmulPreferenceSetAttribute" (Handle, c_int, *const c_void, usize);
    preference_destroy: c"cublasLtMatmulPreferenceDestroy" (Handle);
    heuristic: c"cublasLtMatmulAlgoGetHeuristic" (
        Handle, Handle, Handle, Handle, Handle, Handle, Handle, c_int, *mut Found, *mut c_int
    );
    matmul: c"cublasLtMatmul" (
        Handle, Handle, *const f32, u64, Handle, u64, Handle, *const f32, u64, Handle, u64, Handle,
        *const Algorithm, u64, usize, Handle
    );
}

/// What a call says that failed.
pub(super) type Failed = String;

fn check(status: c_int, what: &str) -> Result<(), Failed> {
    match status {
        0 => Ok(()),
        _ => Err(format!("cuBLASLt fails ({what}, status {status})")),
    }
}

/// The names of its library, the newest first, where `RESHET_CUBLASLT` names none.
const NAMES: [&str; 3] = if cfg!(windows) {
    ["cublasLt64_13.dll", "cublasLt64_12.dll", "cublasLt64_11.dll"]
} else {
    ["libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11"]
};

impl Functions {
    /// Opens the library in this way: that which `RESHET_CUBLASLT` names, or the newest that can be
    /// opened. A driver may be too old for a newer one.
    ///
    /// # Errors
    /// There is none, or why the first that is there cannot be opened.
    pub fn open_with<T>(open: impl Fn(&'static Self) -> Result<T, Failed>) -> Result<T, Failed> {
        static LIBRARIES: [OnceLock<Result<Functions, Failed>>; 3] = [const { OnceLock::new() }; 3];
        let named = env::var("RESHET_CUBLASLT").ok();
        if named.as_deref() == Some("") {
            return Err("RESHET_CUBLASLT turns it off".into());
        }
        let mut failed = None;
        for (library, name) in LIBRARIES.iter().zip(NAMES) {
            let name = named.as_deref().unwrap_or(name);
            match library
                .get_or_init(|| Self::load(name, named.is_some()))
                .as_ref()
                .map_err(Failed::clone)
            {
                // It is not there.
                Err(why) if why.is_empty() => {}
                found => match found.and_then(&open) {
                    Ok(opened) => return Ok(opened),
                    Err(why) => failed = failed.or(Some(why)),
                },
            }
            if named.is_some() {
                break;
            }
        }
        let [newest, newer, old] = NAMES;
        Err(failed.unwrap_or_else(|| {
            format!("there is no {newest}, {newer} or {old}; RESHET_CUBLASLT can name it")
        }))
    }

    /// Loads a library; the failure is empty if one that nobody has named is not there.
    fn load(name: &str, is_named: bool) -> Result<Self, Failed> {
        let library =
            Library::load(name).map_err(|why| if is_named { why } else { Failed::new() })?;
        Self::of(library).map_err(|why| format!("{name} is no cuBLASLt, or too old: {why}"))
    }

    /// Its version, as `12.9.3`.
    pub fn version(&self) -> Result<String, Failed> {
        let mut parts = Vec::new();
        for part in VERSION {
            let mut number = 0;
            // SAFETY: the library writes a number there.
            check(unsafe { (self.property)(part, &mut number) }, "cublasLtGetProperty")?;
            parts.push(number.to_string());
        }
        Ok(parts.join("."))
    }

    /// A handle of its own, for the context that is set.
    pub fn open(&'static self) -> Result<Owned, Failed> {
        Owned::new("cublasLtCreate", self.destroy, |handle| {
            // SAFETY: the library writes a handle there.
            unsafe { (self.create)(handle) }
        })
    }
}

/// A structure of the library's, given back when dropped.
pub(super) struct Owned {
    handle: Handle,
    destroy: unsafe extern "system" fn(Handle) -> c_int,
}

// SAFETY: a handle of the library's, which any thread may use, one at a time.
unsafe impl Send for Owned {}

impl Owned {
    fn new(
        what: &str,
        destroy: unsafe extern "system" fn(Handle) -> c_int,
        make: impl FnOnce(*mut Handle) -> c_int,
    ) -> Result<Self, Failed> {
        let mut handle = ptr::null_mut();
        check(make(&mut handle), what)?;
        Ok(Self { handle, destroy })
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the library's own, given back once, to the function of its kind. What fails here
        // failed before.
        unsafe { (self.destroy)(self.handle) };
    }
}

/// A matrix as the library sees it: column after column, with no gaps.
#[derive(Clone, Copy)]
pub(super) struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub transposed: bool,
}

/// C = op(A) op(B), or that added to C, and how it is computed.
pub(super) struct Matmul {
    library: &'static Functions,
    operation: Owned,
    layouts: [Owned; 3],
    algorithm: Algorithm,
    workspace: usize,
}

impl Matmul {
    /// Asks the library how it would compute a product of A, B and C, given what their addresses are
    /// multiples of and the most workspace.
    pub fn new(
        library: &'static Functions,
        handle: &Owned,
        compute: Compute,
        matrices: [Matrix; 3],
        alignments: [u32; 3],
        workspace: usize,
    ) -> Result<Self, Failed> {
        // SAFETY, of all calls here: the library writes a handle where it is to make one, reads a value
        // of the size that is passed, and keeps no address; all handles are its own and stay meanwhile.
        let operation = Owned::new("cublasLtMatmulDescCreate", library.matmul_destroy, |made| {
            // SAFETY: as above.
            unsafe { (library.matmul_create)(made, compute as c_int, F32) }
        })?;
        let layout = |matrix: Matrix| {
            let (rows, columns) = (matrix.rows as u64, matrix.columns as u64);
            Owned::new("cublasLtMatrixLayoutCreate", library.layout_destroy, |made| {
                // SAFETY: as above.
                unsafe { (library.layout_create)(made, F32, rows, columns, rows as i64) }
            })
        };
        let [a, b, c] = matrices;
        let layouts = [layout(a)?, layout(b)?, layout(c)?];
        for (attribute, matrix) in [(TRANSPOSE_A, a), (TRANSPOSE_B, b)] {
            let value = c_int::from(matrix.transposed);
            let (at, bytes) = (ptr::from_ref(&value).cast(), size_of_val(&value));
            // SAFETY: as above.
            let status = unsafe { (library.matmul_set)(operation.handle, attribute, at, bytes) };
            check(status, "cublasLtMatmulDescSetAttribute")?;
        }
        let what = "cublasLtMatmulPreferenceCreate";
        let preference = Owned::new(what, library.preference_destroy, |made| {
            // SAFETY: as above.
            unsafe { (library.preference_create)(made) }
        })?;
        let prefer = |attribute, at: *const c_void, bytes| {
            // SAFETY: as above.
            let status =
                unsafe { (library.preference_set)(preference.handle, attribute, at, bytes) };
            check(status, "cublasLtMatmulPreferenceSetAttribute")
        };
        let most = workspace as u64;
        prefer(WORKSPACE, ptr::from_ref(&most).cast(), size_of_val(&most))?;
        let [of_a, of_b, of_c] = alignments;
        for (attribute, bytes) in ALIGNMENTS.into_iter().zip([of_a, of_b, of_c, of_c]) {
            prefer(attribute, ptr::from_ref(&bytes).cast(), size_of_val(&bytes))?;
        }
        let (mut found, mut count) = (Found::default(), 0);
        let [of_a, of_b, of_c] = &layouts;
        // SAFETY: as above; there is room for one result.
        let status = unsafe {
            (library.heuristic)(
                handle.handle,
                operation.handle,
                of_a.handle,
                of_b.handle,
                of_c.handle,
                of_c.handle,
                preference.handle,
                1,
                &mut found,
                &mut count,
            )
        };
        check(status, "cublasLtMatmulAlgoGetHeuristic")?;
        if count < 1 || found.state != 0 || found.workspace > workspace {
            return Err("cuBLASLt has no algorithm for a product".into());
        }
        let Found { algorithm, workspace, .. } = found;
        Ok(Self { library, operation, layouts, algorithm, workspace })
    }

    /// The workspace that it needs, in bytes.
    pub fn workspace(&self) -> usize {
        self.workspace
    }

    /// Has the product computed when the stream has come so far.
    ///
    /// # Safety
    /// The context of the handle is set, the stream is of it. There are all numbers of the three
    /// matrices at these addresses, which are multiples of what was said, and so much workspace; all
    /// stay until the stream is done.
    pub unsafe fn run(
        &self,
        handle: &Owned,
        [a, b, c]: [u64; 3],
        adds: bool,
        workspace: u64,
        stream: Handle,
    ) -> Result<(), Failed> {
        let (alpha, beta) = (1.0, if adds { 1.0 } else { 0.0 });
        let [of_a, of_b, of_c] = &self.layouts;
        // SAFETY: the caller's promise; the factors are read before the call returns.
        let status = unsafe {
            (self.library.matmul)(
                handle.handle,
                self.operation.handle,
                &alpha,
                a,
                of_a.handle,
                b,
                of_b.handle,
                &beta,
                c,
                of_c.handle,
                c,
                of_c.handle,
                &self.algorithm,
                workspace,
                self.workspace,
                stream,
            )
        };
        check(status, "cublasLtMatmul")
    }
}
