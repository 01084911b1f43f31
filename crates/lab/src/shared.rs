//! What the labs of one server have in common: its cores, its memory, its data.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reshet::{Dataset, Error, Result};

use crate::{
    cores::Cores,
    lesson::Lesson,
    turns::{self, Turns},
};

/// Runs of one lab that are kept, where there are others.
const MOST_RUNS: usize = 12;
/// Training samples that are looked at once a run has ended, where others wait.
const MOST_LOOKED_AT: usize = 5000;
/// Multiplications of a step, at most, where others wait for its end: a third of a second or so.
const MOST_WORK: u64 = 2_000_000_000;

/// What the labs of one server have in common.
pub(crate) struct Shared {
    pub cores: Arc<Cores>,
    /// For requests that take long.
    pub turns: Turns,
    /// For the ends of runs: their last look at all data, their folders.
    pub ends: Turns,
    /// Data that all have: none of them holds it for itself.
    data: Mutex<Vec<Dataset>>,
    pub bounds: Option<Bounds>,
}

/// What one lab among others may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Runs that are kept.
    pub runs: usize,
    /// Bytes of one run's moments.
    pub moments: usize,
    /// Training samples that are looked at once a run has ended.
    pub looked_at: usize,
}

impl Shared {
    /// For one lab alone.
    pub fn with_none() -> Self {
        Self {
            cores: Arc::new(Cores::for_one()),
            turns: Turns::new(turns::MOST),
            ends: Turns::new(1),
            data: Mutex::default(),
            bounds: None,
        }
    }

    /// For labs that have so many cores together, and so much memory each.
    pub fn among(cores: usize, memory: u64) -> Self {
        let moments = usize::try_from(memory / 8).unwrap_or(usize::MAX);
        Self {
            cores: Arc::new(Cores::shared(cores)),
            // Beside the trainings: each takes a core from them.
            turns: Turns::new(2),
            ends: Turns::new(1),
            data: Mutex::default(),
            bounds: Some(Bounds { runs: MOST_RUNS, moments, looked_at: MOST_LOOKED_AT }),
        }
    }

    pub fn data(&self) -> MutexGuard<'_, Vec<Dataset>> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that nobody waits long for a step of it, where others wait.
    ///
    /// # Errors
    /// They would.
    pub fn check_step(&self, lesson: &Lesson) -> Result<()> {
        let parameters = lesson.network.parameters().max(1) as u64;
        let samples = lesson.batch_size().min(lesson.train.len()) as u64;
        if self.bounds.is_none() || samples.saturating_mul(parameters) <= MOST_WORK {
            return Ok(());
        }
        let most = (MOST_WORK / parameters).max(1);
        Err(Error::Setting {
            name: "batch-size",
            value: samples.to_string(),
            why: format!("others wait while a step is taken; with this network at most {most}"),
        })
    }
}
