//! What the targets share: readers take paths, so bytes become a file first.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// In memory where there is such a place.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let shm = Path::new("/dev/shm");
    let base = if shm.is_dir() { shm.into() } else { std::env::temp_dir() };
    let folder = base.join(format!("reshet-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the files");
    folder
});

/// Gives the bytes as a file of this name.
pub fn with_file(name: &str, bytes: &[u8], read: impl FnOnce(&Path)) {
    let path = FOLDER.join(name);
    fs::write(&path, bytes).expect("room for the file");
    read(&path);
}
