//! A folder that one process writes to.

use std::{
    fs::{self, File, TryLockError},
    io::{Read, Seek},
    path::{Path, PathBuf},
};

use super::disk::{self, Out};
use crate::{Error, Result};

/// The file in a folder that its process holds locked.
pub const LOCK: &str = ".lock";

/// Holds a folder for this process until it is dropped.
///
/// It is a lock of the operating system on the file `.lock`, which has the process's number in
/// it. The system releases it however the process ends, so that no lock of a killed process
/// remains: a file that is not locked is a left-over. On file systems without locks, everyone
/// gets one.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    // Closing it releases the lock.
    _file: File,
}

impl Lock {
    /// Locks a folder.
    ///
    /// # Errors
    /// [`Error::Invalid`] if another process has it, and which; [`Error::Io`].
    pub fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK);
        loop {
            let out =
                Out::reuse(&path).map_err(|e| Error::io("lock", folder, super::in_words(e)))?;
            match out.file.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(taken(folder, out.file)),
                Err(TryLockError::Error(_)) | Ok(()) => {}
            }
            // Between opening and locking it, who had it may have removed it.
            if !is_at(&out.file, &path) {
                continue;
            }
            let mut out = out;
            let id = format!("{}\n", super::process());
            // Only for people: a lock whose process is not known is a lock.
            let _ = out.file.set_len(0).and_then(|()| out.write_all(id.as_bytes()));
            return Ok(Self { path, _file: out.file });
        }
    }

    /// Whether a process holds this folder.
    pub fn is_held(folder: &Path) -> bool {
        let file = File::open(folder.join(LOCK));
        file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still locked: whoever has opened it sees that it is gone.
        let _ = disk::remove(&self.path);
    }
}

fn taken(folder: &Path, mut file: File) -> Error {
    let mut id = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut id));
    let by = match read {
        Ok(_) if !id.trim().is_empty() => format!("process {}", id.trim()),
        _ => "another process".into(),
    };
    let what = "is writing to it; wait until it has ended, or choose another folder";
    Error::invalid(format!("{}: {by} {what}", folder.display()))
}

/// Whether a path is still the name of this file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |about: fs::Metadata| (about.dev(), about.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(there)) => id(file) == id(there),
        _ => false,
    }
}

/// Elsewhere a file that is open cannot be removed.
#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    fs::metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    #[test]
    fn a_folder_has_one_holder_and_a_left_over_none() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let error = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        assert!(Lock::is_held(folder.path()));
        drop(lock);
        assert!(!folder.path().join(LOCK).exists() && !Lock::is_held(folder.path()));
        // What a killed process leaves is a file that nobody has locked.
        fs::write(folder.path().join(LOCK), "1\n").unwrap();
        assert!(!Lock::is_held(folder.path()));
        drop(Lock::take(folder.path()).unwrap());
    }

    #[test]
    fn of_many_at_once_one_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, times) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..400 {
                        let Ok(lock) = Lock::take(folder.path()) else { continue };
                        assert_eq!(inside.fetch_add(1, SeqCst), 0);
                        times.fetch_add(1, SeqCst);
                        inside.fetch_sub(1, SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert!(times.into_inner() > 0);
    }
}
