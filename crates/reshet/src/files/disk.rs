//! Every change that is made to the file system: the one place where the project's programs
//! write.
//!
//! A [`Watcher`] sees each change before it is made and may let it fail, so that tests can try
//! a failure at every point, or record what a power cut would leave.

use std::{
    cell::RefCell,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A change to the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// Creates an empty file, or opens one to write at its end.
    Open(&'a Path),
    /// Writes these bytes at the end of a file.
    Write(&'a Path, &'a [u8]),
    /// Waits until the bytes of a file are on the disk.
    Sync(&'a Path),
    /// Gives a file or folder another name, in place of what has that name.
    Rename(&'a Path, &'a Path),
    /// Removes a file.
    Remove(&'a Path),
    /// Removes a folder and all that is in it.
    RemoveFolder(&'a Path),
    /// Creates a folder.
    CreateFolder(&'a Path),
    /// Waits until the names in a folder are on the disk.
    SyncFolder(&'a Path),
}

/// Sees each change before it is made, on the threads that [`watched`] it.
pub trait Watcher: Send + Sync {
    /// Returns how many bytes of a write are written at most (other changes do not have any),
    /// or the error with which the change fails without being made.
    ///
    /// # Errors
    /// Whatever the change is to fail with.
    fn before(&self, change: &Change) -> io::Result<usize>;

    /// Called when the change has been made; of a write, with the bytes that were written.
    fn after(&self, _change: &Change) {}
}

thread_local! {
    static WATCHER: RefCell<Option<Arc<dyn Watcher>>> = const { RefCell::new(None) };
}

/// Returns the watcher of this thread, to be passed on to a thread that writes for it.
pub fn watcher() -> Option<Arc<dyn Watcher>> {
    WATCHER.with_borrow(Clone::clone)
}

/// Runs `work` with the changes made on this thread watched; None: by nobody.
pub fn watched<T>(by: Option<Arc<dyn Watcher>>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<dyn Watcher>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            WATCHER.set(self.0.take());
        }
    }
    let _restore = Restore(WATCHER.replace(by));
    work()
}

/// Makes a change, if the watcher lets it.
fn make<T>(change: Change, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let Some(watcher) = watcher() else { return work() };
    watcher.before(&change)?;
    let done = work()?;
    watcher.after(&change);
    Ok(done)
}

/// Gives a file or folder another name, in place of a file that has it.
///
/// # Errors
/// The system's.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    make(Change::Rename(from, to), || fs::rename(from, to))
}

/// Removes a file.
///
/// # Errors
/// The system's; not that there is none.
pub fn remove(path: &Path) -> io::Result<()> {
    absent_is_fine(make(Change::Remove(path), || fs::remove_file(path)))
}

/// Removes a folder and all that is in it.
///
/// # Errors
/// The system's; not that there is none.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    absent_is_fine(make(Change::RemoveFolder(path), || fs::remove_dir_all(path)))
}

/// Creates a folder, and says whether it is new.
///
/// # Errors
/// The system's; not that it is there already.
pub fn create_folder(path: &Path) -> io::Result<bool> {
    match make(Change::CreateFolder(path), || fs::create_dir(path)) {
        Ok(()) => {
            sync_folder(parent(path))?;
            Ok(true)
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(false),
        Err(e) => Err(e),
    }
}

/// Creates a folder and those above it.
///
/// # Errors
/// The system's; not that it is there already.
pub fn create_folders(path: &Path) -> io::Result<()> {
    if path.is_dir() || path.as_os_str().is_empty() {
        return Ok(());
    }
    create_folders(parent(path))?;
    create_folder(path).map(|_| ())
}

/// Waits until the names in a folder are on the disk: a file that was renamed keeps its new
/// name through a power cut. Does nothing where the system cannot.
///
/// # Errors
/// The system's.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    make(Change::SyncFolder(path), || {
        if !cfg!(unix) {
            return Ok(());
        }
        match File::open(path).and_then(|folder| folder.sync_all()) {
            // Some file systems have nothing to sync in a folder.
            Err(e) if [ErrorKind::InvalidInput, ErrorKind::Unsupported].contains(&e.kind()) => {
                Ok(())
            }
            done => done,
        }
    })
}

/// The folder that a file is in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn absent_is_fine(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Creates a file without a name in a folder, to write and to read; the system removes it when it
/// is closed, also if the process is killed.
pub(crate) fn nameless(folder: &Path) -> io::Result<Out> {
    let file = make(Change::Open(folder), || tempfile::tempfile_in(folder))?;
    Ok(Out { file, path: folder.to_path_buf() })
}

/// A file that is being written.
pub(crate) struct Out {
    pub file: File,
    path: PathBuf,
}

impl Out {
    /// Creates a file that must not exist.
    pub fn create_new(path: &Path) -> io::Result<Self> {
        Self::open(path, File::options().write(true).create_new(true))
    }

    /// Opens a file to write at its end; creates it if there is none.
    pub fn append(path: &Path) -> io::Result<Self> {
        Self::open(path, File::options().append(true).create(true))
    }

    /// Opens a file to read and to write over it; creates it if there is none.
    pub fn reuse(path: &Path) -> io::Result<Self> {
        Self::open(path, File::options().read(true).write(true).create(true).truncate(false))
    }

    /// The file's path, or of one without a name its folder's.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open(path: &Path, options: &fs::OpenOptions) -> io::Result<Self> {
        let file = make(Change::Open(path), || options.open(path))?;
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// Writes some of the bytes, and returns how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(watcher) = watcher() else { return self.file.write(bytes) };
        let most = watcher.before(&Change::Write(&self.path, bytes))?;
        let written = self.file.write(&bytes[..bytes.len().min(most)])?;
        watcher.after(&Change::Write(&self.path, &bytes[..written]));
        Ok(written)
    }

    /// Writes all bytes that it can: what could not be written stays in `bytes`.
    pub fn write_from(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut done = 0;
        let result = loop {
            if done == bytes.len() {
                break Ok(());
            }
            match self.write(&bytes[done..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        };
        bytes.drain(..done);
        result
    }

    /// Writes all bytes.
    pub fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Waits until the file is on the disk.
    pub fn sync(&self) -> io::Result<()> {
        make(Change::Sync(&self.path), || self.file.sync_all())
    }
}
