//! A file that grows line by line.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{disk, disk::Out, failed, sums, write_file};
use crate::Result;

/// A file of JSON objects, a line each with its checksum: see [`sums`].
///
/// Lines are collected in memory, and written by [`flush`](Log::flush) and
/// [`sync`](Log::sync), on whichever thread calls them. Lines that cannot be written stay in
/// memory for the next time, so that the file never has a gap.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    /// Lines that nobody has begun to write.
    lines: Mutex<Vec<u8>>,
    writer: Mutex<Writer>,
}

#[derive(Debug, Default)]
struct Writer {
    /// None before the first line, and after a failure of the disk.
    out: Option<Out>,
    /// What is to be written next; the beginning of the first line may be in the file already.
    rest: Vec<u8>,
    /// Whether there are bytes that are perhaps not on the disk.
    unsynced: bool,
    /// Whether the system has lost bytes that it had taken.
    lost: bool,
    /// Whether the file's name is on the disk.
    named: bool,
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.file.fmt(f)
    }
}

impl Log {
    /// Creates a log whose lines are added to this file, which is created with the first.
    pub fn to(path: &Path) -> Self {
        let (lines, writer) = Default::default();
        Self { path: path.to_path_buf(), lines, writer }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line: a JSON object, of at least one field. Nothing is written yet. Returns how
    /// many bytes of lines wait.
    pub fn add(&self, object: &str) -> usize {
        let line = sums::sealed(object) + "\n";
        let mut lines = locked(&self.lines);
        lines.extend_from_slice(line.as_bytes());
        lines.len()
    }

    /// Writes the lines that have been added.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io); the lines are kept, and written by the next call that can.
    pub fn flush(&self) -> Result<()> {
        self.write(&mut locked(&self.writer))
    }

    /// Does the same as [`flush`](Log::flush), and waits until all is on the disk.
    ///
    /// # Errors
    /// As [`flush`](Log::flush).
    pub fn sync(&self) -> Result<()> {
        let mut writer = locked(&self.writer);
        self.write(&mut writer)?;
        if !writer.unsynced {
            return Ok(());
        }
        if let Some(Err(e)) = writer.out.as_ref().map(Out::sync) {
            // A system forgets what it could not sync: the next try writes all of it anew.
            (writer.lost, writer.out) = (true, None);
            return Err(failed(&self.path, e));
        }
        writer.unsynced = false;
        Ok(())
    }

    fn write(&self, writer: &mut Writer) -> Result<()> {
        writer.rest.append(&mut locked(&self.lines));
        if writer.lost {
            let mut all = fs::read(&self.path).map_err(|e| failed(&self.path, e))?;
            all.extend_from_slice(&writer.rest);
            write_file(&self.path, &all)?;
            *writer = Writer { named: true, ..Writer::default() };
        }
        if writer.rest.is_empty() {
            return Ok(());
        }
        let failed = |e| failed(&self.path, e);
        if writer.out.is_none() {
            writer.out = Some(Out::append(&self.path).map_err(failed)?);
        }
        if !writer.named {
            disk::sync_folder(disk::parent(&self.path)).map_err(failed)?;
            writer.named = true;
        }
        let Writer { out: Some(out), rest, unsynced, .. } = writer else { return Ok(()) };
        *unsynced = true;
        out.write_from(rest).map_err(failed)
    }
}

/// Nothing that holds one of these locks can panic half-way.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
