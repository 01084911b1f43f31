//! What is in a folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Result, error::Error};

pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |e| Error::unreadable(folder, e);
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let entries = entries.map(|e| e.map(|e| e.path()).map_err(unreadable));
    let mut entries = entries.collect::<Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

pub(super) fn name(path: &Path) -> String {
    path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}

pub(super) fn is_picture(path: &Path) -> bool {
    let known = ["png", "jpg", "jpeg", "bmp"];
    !name(path).starts_with('.')
        && path.extension().is_some_and(|e| known.iter().any(|k| e.eq_ignore_ascii_case(k)))
}

/// Whether a folder is none of the user's: hidden, or left by an archive or a disk station.
pub(super) fn is_hidden(path: &Path) -> bool {
    let name = name(path);
    name.starts_with('.') || ["__MACOSX", "@eaDir", "$RECYCLE.BIN"].contains(&&*name)
}
