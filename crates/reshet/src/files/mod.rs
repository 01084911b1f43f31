//! Files as they survive: a full disk, a killed process, a power cut, a flipped bit.
//!
//! [`write_file`] writes whole or not at all, a [`Log`] grows without gaps, a [`Lock`] gives a
//! folder to one process, and [`sums`] finds damage. All of them change the file system through
//! [`disk`] alone, where tests let each change fail.

pub mod disk;
mod lock;
mod log;
pub mod sums;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use crate::{Error, Result};
use disk::Out;
pub use lock::{LOCK, Lock};
pub use log::Log;

/// The beginning of the names of what is not finished.
const TEMPORARY: &str = ".reshet-";

/// Writes a file whole or not at all: into a temporary file beside it, synced, then renamed,
/// and the folder synced. A full disk, a crash or a power cut leaves an existing file
/// unchanged; what this has written stays.
///
/// # Errors
/// The folder does not exist or cannot be written, or the disk is full.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = disk::parent(path);
    if !folder.is_dir() {
        let cause = io::Error::other(format!("there is no folder {}", folder.display()));
        return Err(Error::io("write", path, cause));
    }
    let temporary = temporary_name(folder);
    let written = write_and_rename(&temporary, path, bytes);
    if written.is_err() {
        let _ = disk::remove(&temporary);
    }
    written.and_then(|()| disk::sync_folder(folder)).map_err(|e| failed(path, e))
}

fn write_and_rename(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut out = Out::create_new(temporary)?;
    // Whoever cleans up sees by the lock that it is being written.
    let _ = out.file.try_lock();
    out.write_all(bytes)?;
    out.sync()?;
    disk::rename(temporary, path)
}

/// The number of this process. A WebAssembly module has none, and its files to itself.
fn process() -> u32 {
    if cfg!(target_family = "wasm") { 1 } else { std::process::id() }
}

/// A name that no other file has.
fn temporary_name(folder: &Path) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    loop {
        let (process, count) = (process(), COUNT.fetch_add(1, Relaxed));
        let path = folder.join(format!("{TEMPORARY}{process}-{count}"));
        if !path.exists() {
            return path;
        }
    }
}

/// Removes a folder and all that is in it. One that is cut short leaves nothing of it under
/// the folder's own name.
///
/// # Errors
/// The folder cannot be renamed or removed; not that there is none.
pub fn remove_folder(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let aside = temporary_name(disk::parent(path));
    let done = disk::rename(path, &aside).and_then(|()| disk::remove_folder(&aside));
    done.map_err(|e| Error::io("remove", path, in_words(e)))
}

/// Removes the temporary files in a folder whose processes were killed. Failures are ignored:
/// such files do no harm.
pub fn remove_abandoned(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            continue;
        }
        if path.is_dir() {
            let _ = disk::remove_folder(&path);
        } else if File::open(&path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = disk::remove(&path);
        }
    }
}

/// Whether a name is one of those that these functions give to their own files.
pub fn is_own(name: &str) -> bool {
    name == LOCK || name.starts_with(TEMPORARY)
}

/// Why a file could not be written, in words.
pub(crate) fn failed(path: &Path, cause: io::Error) -> Error {
    Error::io("write", path, in_words(cause))
}

/// Says a cause without the number that the system has for it.
pub fn in_words(cause: io::Error) -> io::Error {
    // The kinds that have no name yet, of those that happen to files.
    #[cfg(target_os = "linux")]
    let words = match cause.raw_os_error() {
        Some(libc::EIO) => Some("the disk failed (input/output error); look at its health"),
        Some(libc::EMFILE | libc::ENFILE) => Some("too many files are open"),
        // Of threads, mostly.
        Some(libc::EAGAIN) => Some("the system has none left for now"),
        _ => None,
    };
    #[cfg(not(target_os = "linux"))]
    let words: Option<&str> = None;
    if let Some(words) = words {
        return io::Error::other(words);
    }
    let kind = cause.kind();
    if kind == io::ErrorKind::NotFound {
        return io::Error::new(kind, "no such file");
    }
    match kind.to_string().as_str() {
        "uncategorized error" | "other error" => cause,
        _ => kind.into(),
    }
}
