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

use std::{
    io::{self, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::{Result, error::Error};

/// Writes a file whole or not at all: into a temporary file beside it, synced,
/// then renamed. A full disk or a crash leaves an existing file unchanged.
///
/// # Errors
/// The folder does not exist or cannot be written, or the disk is full.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    // Only the kind: the text would name the temporary file, which the user does not know.
    let failed = |e: io::Error| Error::io("write", path, e.kind().into());
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        let cause = io::Error::other(format!("there is no folder {}", folder.display()));
        return Err(Error::io("write", path, cause));
    }
    let mut file = temporary(folder, ".reshet-", "").map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

/// A temporary file, deleted unless it is renamed.
pub(crate) fn temporary(folder: &Path, prefix: &str, suffix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(suffix);
    // A temporary file is private to its owner; this one gets the permissions of
    // any file that the user writes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
