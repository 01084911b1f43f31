//! What a network was at moments of its course: for going back in time.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;

/// Memory that one run's moments may take, in bytes.
pub const LIMIT: usize = 64 << 20;
/// Moments that a run is meant to have.
const WANTED: usize = 200;

/// The parameters at some moments. Many at the start, where most happens; then
/// evenly. When they would take more than the limit every second one goes.
#[derive(Debug)]
pub struct Moments {
    held: Vec<(usize, Held)>,
    /// Where those lie that are not in memory; it goes with them.
    folder: Option<TempDir>,
    /// Steps between two.
    every: usize,
    limit: usize,
}

/// The parameters of one moment.
#[derive(Debug)]
enum Held {
    Here(Arc<[f32]>),
    OnDisk { path: PathBuf, bytes: usize },
}

impl Held {
    fn bytes(&self) -> usize {
        match self {
            Self::Here(parameters) => size_of_val(&**parameters),
            Self::OnDisk { bytes, .. } => *bytes,
        }
    }

    fn read(&self) -> io::Result<Arc<[f32]>> {
        match self {
            Self::Here(parameters) => Ok(parameters.clone()),
            Self::OnDisk { path, .. } => {
                let bytes = fs::read(path)?;
                Ok(bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect())
            }
        }
    }
}

impl Moments {
    /// Of a training of so many steps.
    pub fn new(steps: usize) -> Self {
        Self { held: Vec::new(), folder: None, every: (steps / WANTED).max(1), limit: LIMIT }
    }

    /// Takes less memory than it would by itself.
    pub fn bound(&mut self, limit: usize) {
        self.limit = self.limit.min(limit);
    }

    /// Whether the network after `step` steps should be kept.
    pub fn wants(&self, step: usize) -> bool {
        self.held
            .last()
            .is_none_or(|(last, _)| step >= (2 * last).min(last + self.every).max(last + 1))
    }

    /// Keeps the parameters after `step` steps; those of the last one stay held
    /// until another comes.
    pub fn keep(&mut self, step: usize, parameters: Arc<[f32]>) {
        self.held.retain(|(held, _)| *held != step);
        self.held.push((step, Held::Here(parameters)));
        while self.bytes() > self.limit && self.held.len() > 2 {
            self.thin();
        }
    }

    /// Lets every second one go, but for the first and the last.
    fn thin(&mut self) {
        self.every *= 2;
        let last = self.held.len() - 1;
        let mut i = 0;
        self.held.retain(|_| {
            i += 1;
            (i - 1) % 2 == 0 || i - 1 == last
        });
    }

    /// Writes all of them into a folder within `within`, and lets their memory go.
    ///
    /// # Errors
    /// They cannot be written: they stay in memory.
    pub fn move_to_disk(&mut self, within: &Path) -> io::Result<()> {
        if self.in_memory() == 0 {
            return Ok(());
        }
        let folder = tempfile::tempdir_in(within)?;
        let mut written = Vec::new();
        for (step, held) in &self.held {
            let (path, parameters) = (folder.path().join(step.to_string()), held.read()?);
            let mut file = io::BufWriter::new(File::create(&path)?);
            for number in &*parameters {
                file.write_all(&number.to_le_bytes())?;
            }
            file.flush()?;
            written.push((*step, Held::OnDisk { path, bytes: held.bytes() }));
        }
        self.held = written;
        self.folder = Some(folder);
        Ok(())
    }

    /// Makes do with so many bytes, from now on.
    pub fn shrink(&mut self, limit: usize) {
        self.limit = limit;
        while self.bytes() > limit && self.held.len() > 2 {
            self.thin();
        }
    }

    /// Bytes they take, in memory or on disk.
    pub fn bytes(&self) -> usize {
        self.held.iter().map(|(_, held)| held.bytes()).sum()
    }

    /// Bytes they take in memory.
    pub fn in_memory(&self) -> usize {
        let here = self.held.iter().filter(|(_, held)| matches!(held, Held::Here(_)));
        here.map(|(_, held)| held.bytes()).sum()
    }

    /// The steps after which they were.
    pub fn steps(&self) -> Vec<usize> {
        self.held.iter().map(|(step, _)| *step).collect()
    }

    /// The last one at or before `step`, or the first; without a step the newest.
    ///
    /// # Errors
    /// It lies on disk and cannot be read.
    pub fn at(&self, step: Option<usize>) -> io::Result<Option<(usize, Arc<[f32]>)>> {
        let found = match step {
            Some(step) => self.held.iter().rev().find(|(held, _)| *held <= step),
            None => self.held.last(),
        };
        let Some((step, held)) = found.or(self.held.first()) else { return Ok(None) };
        Ok(Some((*step, held.read()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(steps: usize, parameters: usize, limit: usize) -> Moments {
        let mut moments = Moments { limit, ..Moments::new(steps) };
        for step in 0..=steps {
            if moments.wants(step) || step == steps {
                moments.keep(step, vec![step as f32; parameters].into());
            }
        }
        moments
    }

    #[test]
    fn dense_at_the_start_then_even_first_and_last_stay() {
        let moments = course(2400, 10, LIMIT);
        let steps = moments.steps();
        assert_eq!(&steps[..5], &[0, 1, 2, 4, 8]);
        assert_eq!(steps[steps.len() - 1], 2400);
        assert!((150..=260).contains(&steps.len()), "{}", steps.len());
        assert_eq!(moments.at(Some(3)).unwrap().map(|(step, p)| (step, p[0])), Some((2, 2.0)));
        assert_eq!(moments.at(None).unwrap().map(|(step, _)| step), Some(2400));
    }

    #[test]
    fn memory_is_bounded_however_long_and_large() {
        for (steps, parameters, limit) in [(100_000, 100, 40_000), (500, 20_000, 100_000)] {
            let moments = course(steps, parameters, limit);
            let held = moments.steps();
            assert!(moments.bytes() <= limit.max(2 * 4 * parameters), "{}", moments.bytes());
            assert_eq!((held[0], held[held.len() - 1]), (0, steps));
        }
    }

    #[test]
    fn on_disk_they_are_the_same_and_take_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let files = || fs::read_dir(folder.path()).unwrap().count();
        let mut moments = course(20, 3, LIMIT);
        let (steps, bytes) = (moments.steps(), moments.bytes());
        moments.move_to_disk(folder.path()).unwrap();
        assert_eq!((moments.in_memory(), moments.bytes(), moments.steps()), (0, bytes, steps));
        let (step, parameters) = moments.at(Some(4)).unwrap().unwrap();
        assert_eq!((step, &parameters[..]), (4, &[4.0; 3][..]));
        moments.move_to_disk(folder.path()).unwrap();
        assert_eq!(files(), 1);
        drop(moments);
        assert_eq!(files(), 0);
    }
}
