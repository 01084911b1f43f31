//! Model files: a file a format.

pub mod safetensors;

use std::{io::Write, path::Path};

use crate::{Result, error::Error};

/// Writes a file whole or not at all: into a temporary file beside it, synced,
/// then renamed. A full disk or a crash leaves what was there before.
///
/// # Errors
/// The folder is not there or cannot be written, or the disk is full.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    // Only the kind: the text would name the temporary file, which nobody knows.
    let failed = |e: std::io::Error| Error::io("write", path, e.kind().into());
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        let cause = std::io::Error::other(format!("there is no folder {}", folder.display()));
        return Err(Error::io("write", path, cause));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".reshet-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any file: what the user's umask leaves of it.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}
