//! Model files: one module per format.

mod foreign;
pub mod import;
mod metadata;
#[cfg(feature = "onnx")]
pub mod onnx;
#[cfg(not(feature = "onnx"))]
#[path = "no_onnx.rs"]
mod onnx;
pub mod probe;
pub mod pytorch;
pub mod safetensors;
pub(crate) mod saved_training;
pub mod source;

#[cfg(feature = "download")]
use std::{io, path::Path};

#[cfg(feature = "download")]
use tempfile::NamedTempFile;

pub use crate::files::write_file;

/// A temporary file, deleted unless it is renamed.
#[cfg(feature = "download")]
pub(crate) fn temporary(folder: &Path, prefix: &str, suffix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(suffix);
    // A temporary file is private to its owner; this one gets the permissions of
    // any file that the user writes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
