//! A study, as its settings describe it.

use std::{fmt, sync::Arc, thread, time::Duration};

use super::{Candidate, Record, Space};
use crate::Group;

/// A hyper-parameter search: see the [module](super).
///
/// ```
/// use reshet::{prelude::*, tune::{Space, Study}};
/// # let x = Features::new(Storage::F32((0..80).map(|i| i as f32 / 40.0 - 1.0).collect()), &[1])?;
/// # let data = Dataset::new(x, Targets::numbers((0..80).map(|i| (i as f32 / 9.0).sin()).collect(), 1))?;
/// # use reshet::Features;
/// let splits = [data.split(0.25, 0)?];
/// let space = Space { depth: [1, 2], width: [4, 32], ..Space::default() };
/// let study = Study::new(space).epochs(9).trials(9);
/// let outcome = study.run(&splits)?;
/// let best = outcome.best().unwrap();
/// println!("{:?}: {:?}", best.candidate, best.measure);
/// # Ok::<(), reshet::Error>(())
/// ```
#[derive(Clone)]
pub struct Study {
    pub(super) space: Space,
    pub(super) first: Vec<Candidate>,
    pub(super) known: Vec<Record>,
    pub(super) trials: usize,
    pub(super) time: Option<Duration>,
    pub(super) epochs: usize,
    pub(super) jobs: usize,
    pub(super) seed: u64,
    pub(super) group: Option<Arc<dyn Group>>,
}

impl Study {
    /// Creates a study of this space with the defaults: 100 trials of at most 9 epochs, one
    /// core each.
    pub fn new(space: Space) -> Self {
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        let (first, known) = (Vec::new(), Vec::new());
        Self { space, first, known, trials: 100, time: None, epochs: 9, jobs, seed: 0, group: None }
    }

    /// Sets candidates to begin with, such as the defaults. The first one is always trained
    /// to the end: see [`Outcome::best`](super::Outcome::best).
    pub fn first(mut self, candidates: impl IntoIterator<Item = Candidate>) -> Self {
        self.first.extend(candidates);
        self
    }

    /// Sets the number of candidates.
    pub fn trials(mut self, trials: usize) -> Self {
        self.trials = trials;
        self
    }

    /// Ends the study after this time; unfinished trainings are lost.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Sets the epochs of the longest trainings; the shorter ones have a third or a ninth.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Sets the number of trainings at once, one core each. It changes only the time.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Sets the seed of candidates, weights and shuffles.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Hands trainings out to the other ranks of a group, each of which calls
    /// [`Study::help`](Self::help). Only rank 0 runs the study. It is the same study, whatever the
    /// number of ranks, if all have the same instruction set.
    pub fn group(mut self, group: Arc<dyn Group>) -> Self {
        self.group = Some(group);
        self
    }

    /// Resumes a study of the same data, space and seed, in which these trainings are done.
    pub fn resume(mut self, known: Vec<Record>) -> Self {
        self.known = known;
        self
    }

    /// The trial that always goes on, if there is one.
    pub(super) fn usual(&self) -> Option<usize> {
        (!self.first.is_empty()).then_some(0)
    }
}

impl fmt::Debug for Study {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let ranks = self.group.as_ref().map_or(1, |group| group.ranks());
        f.debug_struct("Study")
            .field("space", &self.space)
            .field("first", &self.first)
            .field("known", &self.known.len())
            .field("trials", &self.trials)
            .field("time", &self.time)
            .field("epochs", &self.epochs)
            .field("jobs", &self.jobs)
            .field("seed", &self.seed)
            .field("ranks", &ranks)
            .finish()
    }
}
