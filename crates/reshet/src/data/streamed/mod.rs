//! Rows to train on that are not in memory: they come portion by portion while a network trains.
//!
//! ```text
//! Source (pieces of rows, on disk) ──(a thread: read, encode, shuffle)──▶ portions ──▶ TrainingLoop
//! ```
//! A source is a table ([`Prepare::stream`](super::table::Prepare::stream)) or arrays
//! ([`npy::stream`](super::npy::stream)).

pub(super) mod arrays;
pub(super) mod blocks;
mod opened;
mod portions;

use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

pub(crate) use portions::{Order, Portions};

use super::{Dataset, Storage};
use crate::{
    Result,
    error::Error,
    rng::{Purpose, Stream},
};

/// Less memory than this is not enough for anything.
const LEAST: u64 = 8_000_000;

/// How much memory rows that are streamed may take, and where their file may be.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Bytes of memory. The network is not bounded by it, nor are the targets of arrays. Of the words of a
    /// table an eighth is kept: the column that has most of them counts as free text if they are more.
    pub memory: u64,
    /// The folder of the file that holds the rows, where one is needed. It has no name and is gone when
    /// the program ends, however it ends.
    pub folder: PathBuf,
}

impl Bounds {
    pub(super) fn check(&self) -> Result<()> {
        if self.memory < LEAST {
            let [little, least] = [self.memory, LEAST].map(super::memory::bytes);
            let what = format!("{little} of memory are too few; at least {least}");
            return Err(Error::invalid(what));
        }
        Ok(())
    }
}

/// Told how much of how much is read; says whether to go on.
pub(super) type Progress<'p> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'p;

/// That the caller of a reading asked to stop, as an error.
pub(super) fn goes_on(said: ControlFlow<()>) -> Result<()> {
    match said {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(Error::Stopped("stopped while the data was read".into())),
    }
}

/// Rows to train on that are on disk; clones share them.
#[derive(Clone)]
pub struct StreamedRows(Arc<Inner>);

struct Inner {
    source: Box<dyn Source>,
    /// The training rows of each piece, and of all.
    counts: Vec<usize>,
    rows: usize,
    /// Rows of a portion, at least.
    portion: usize,
}

/// Where rows are, in pieces that are read in any order.
pub(super) trait Source: Send + Sync {
    /// Bytes of the file made for them.
    fn bytes_on_disk(&self) -> u64;

    /// A hash of the rows and of how they become inputs and targets, begun with these numbers.
    fn fingerprint(&self, portion: u64) -> u64;

    /// Inputs and targets of a row.
    fn widths(&self) -> [usize; 2];

    /// No rows.
    fn empty(&self) -> Encoded;

    /// Adds the training rows of these pieces.
    fn encode(&self, pieces: &[u32], into: &mut Encoded) -> Result<()>;

    /// Rows as a dataset.
    fn dataset(&self, rows: Encoded) -> Result<Dataset>;
}

/// Rows as inputs and targets.
pub(super) struct Encoded {
    pub inputs: Storage,
    pub targets: Vec<f32>,
}

impl Encoded {
    /// Adds a row of other ones.
    fn push(&mut self, other: &Self, row: usize, [width, outputs]: [usize; 2]) {
        let inputs = row * width..(row + 1) * width;
        match (&mut self.inputs, &other.inputs) {
            (Storage::U8(to), Storage::U8(from)) => to.extend_from_slice(&from[inputs]),
            (Storage::F32(to), Storage::F32(from)) => to.extend_from_slice(&from[inputs]),
            // Rows of one source are all alike.
            _ => {}
        }
        self.targets.extend_from_slice(&other.targets[row * outputs..][..outputs]);
    }

    /// Adds rows of zeros.
    fn push_zeros(&mut self, rows: usize, [width, outputs]: [usize; 2]) {
        match &mut self.inputs {
            Storage::U8(to) => to.resize(to.len() + rows * width, 0),
            Storage::F32(to) => to.resize(to.len() + rows * width, 0.0),
        }
        self.targets.resize(self.targets.len() + rows * outputs, 0.0);
    }

    fn reserve(&mut self, rows: usize, [width, outputs]: [usize; 2]) {
        match &mut self.inputs {
            Storage::U8(to) => to.reserve_exact(rows * width),
            Storage::F32(to) => to.reserve_exact(rows * width),
        }
        self.targets.reserve_exact(rows * outputs);
    }
}

/// Which part a row goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Train,
    Validation,
    Test,
}

/// Which rows go where: decided for each row by seed and number alone.
#[derive(Clone, Copy)]
pub(super) struct Division {
    pub seed: u64,
    pub test: f64,
    pub validation: f64,
}

impl Division {
    pub fn side(&self, row: usize) -> Side {
        let x = f64::from(Stream::new(self.seed, Purpose::Split, 1).uniform(row as u64));
        if x < self.test {
            Side::Test
        } else if x < self.test + (1.0 - self.test) * self.validation {
            Side::Validation
        } else {
            Side::Train
        }
    }

    /// Whether a row is in a sample of this share of all rows.
    pub fn is_sampled(&self, row: usize, share: f64) -> bool {
        f64::from(Stream::new(self.seed, Purpose::Split, 2).uniform(row as u64)) < share
    }

    /// A hash of it, and of the rows of a portion.
    pub fn fingerprint(&self, hash: u64, portion: u64) -> u64 {
        let Self { seed, test, validation } = self;
        [*seed, test.to_bits(), validation.to_bits(), portion].into_iter().fold(hash, mixed)
    }
}

/// One round of multiply and rotate, as in Fx hashing.
pub(super) fn mixed(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// What to say of a part that is smaller than asked: `share` of all rows, of which `found` were
/// chosen and `kept` fit.
pub(super) fn size_of_part(
    what: &str,
    asked: f64,
    share: f64,
    found: usize,
    kept: usize,
) -> Option<String> {
    if share >= asked && kept == found {
        return None;
    }
    let thousands = crate::network::thousands;
    let rest = match found - kept {
        0 => String::new(),
        n => format!("; {} more are neither trained on nor in it", thousands(n)),
    };
    let kept = thousands(kept);
    Some(format!("{what} part: {kept} rows, as many as fit; not {asked} of all{rest}"))
}

impl StreamedRows {
    /// Of these rows, of which each piece has so many to train on.
    pub(super) fn new(source: Box<dyn Source>, counts: Vec<usize>, portion: usize) -> Self {
        let rows = counts.iter().sum();
        Self(Arc::new(Inner { source, counts, rows, portion: portion.max(1) }))
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.0.rows
    }

    /// Returns false: there are rows to train on.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes of the file that was made for the rows; 0 if they are read where they are.
    pub fn bytes_on_disk(&self) -> u64 {
        self.0.source.bytes_on_disk()
    }

    /// Returns about how many rows are in memory at a time.
    pub fn portion(&self) -> usize {
        self.0.portion
    }

    /// Computes a hash of the rows, of what decides their order, and of how they become inputs and
    /// targets: a cell that is a word is only a number on disk, so the words count too.
    pub fn fingerprint(&self) -> u64 {
        self.0.source.fingerprint(self.0.portion as u64)
    }
}
