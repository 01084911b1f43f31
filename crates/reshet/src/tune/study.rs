//! A study: what is asked, and the cores that work at it.

use std::{
    ops::ControlFlow,
    sync::{
        Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Candidate, Outcome, Record, Space,
    race::{Race, lock, next},
    trial,
};
use crate::{Dataset, Error, Result};

/// Of so many one goes on, trained for so many times as many epochs.
pub(super) const ETA: usize = 3;
/// Candidates of a generation.
pub(super) const GENERATION: usize = ETA * ETA;

/// A search for a good network: see the [module](super).
///
/// ```
/// use reshet::{prelude::*, tune::{Space, Study}};
/// # let x = Features::new(Storage::F32((0..80).map(|i| i as f32 / 40.0 - 1.0).collect()), &[1])?;
/// # let data = Dataset::new(x, Targets::numbers((0..80).map(|i| (i as f32 / 9.0).sin()).collect(), 1))?;
/// # use reshet::Features;
/// let (train, validation) = data.split(0.25, 0)?;
/// let space = Space { depth: [1, 2], width: [4, 32], ..Space::default() };
/// let study = Study::new(space).epochs(9).trials(9);
/// let outcome = study.run(&train, &validation)?;
/// let best = outcome.best().unwrap();
/// println!("{:?}: {:?}", best.candidate, best.measure);
/// # Ok::<(), reshet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Study {
    pub(super) space: Space,
    pub(super) first: Vec<Candidate>,
    pub(super) known: Vec<Record>,
    pub(super) trials: usize,
    time: Option<Duration>,
    epochs: usize,
    jobs: usize,
    pub(super) seed: u64,
}

/// What happens in a study.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A training has ended.
    Trained(&'a Record),
    /// Nothing, for a tenth of a second: time to draw.
    Tick,
}

impl Study {
    /// In this space; 100 trials of at most 9 epochs, a core each, unless said otherwise.
    pub fn new(space: Space) -> Self {
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        let (first, known) = (Vec::new(), Vec::new());
        Self { space, first, known, trials: 100, time: None, epochs: 9, jobs, seed: 0 }
    }

    /// Candidates to begin with, as the defaults one would use otherwise.
    pub fn first(mut self, candidates: impl IntoIterator<Item = Candidate>) -> Self {
        self.first.extend(candidates);
        self
    }

    /// How many candidates are drawn.
    pub fn trials(mut self, trials: usize) -> Self {
        self.trials = trials;
        self
    }

    /// Ends after this time; what is being trained then is lost.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = Some(time);
        self
    }

    /// Epochs of the candidates that come through; the others have a third or a ninth.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Trainings at once, a core each. It changes nothing but the time.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Of candidates, weights and shuffles.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Goes on with a study of the same data, space and seed: these trainings are done.
    pub fn resume(mut self, known: Vec<Record>) -> Self {
        self.known = known;
        self
    }

    /// Trains on `train`, chooses by `validation`.
    ///
    /// # Errors
    /// A space that makes no sense, data that no network of it fits, no trials or jobs.
    pub fn run(&self, train: &Dataset, validation: &Dataset) -> Result<Outcome> {
        self.watch(train, validation, |_| ControlFlow::Continue(()))
    }

    /// [`Study::run`] that tells what happens; [`ControlFlow::Break`] ends it, and what
    /// is being trained then is lost.
    ///
    /// # Errors
    /// As [`Study::run`].
    pub fn watch(
        &self,
        train: &Dataset,
        validation: &Dataset,
        mut tell: impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Outcome> {
        self.space.check()?;
        if self.trials == 0 || self.jobs == 0 || self.epochs == 0 {
            return Err(Error::invalid("a study needs at least one trial, one job and one epoch"));
        }
        let (start, stop) = (Instant::now(), AtomicBool::new(false));
        let race = Mutex::new(Race::new(self));
        let changed = Condvar::new();
        let (sender, records) = mpsc::channel::<Result<Record>>();
        let mut failed = None;
        thread::scope(|scope| {
            for _ in 0..self.jobs {
                let sender = sender.clone();
                let (race, changed, stop) = (&race, &changed, &stop);
                scope.spawn(move || {
                    while let Some(task) = next(race, changed, stop) {
                        let (number, rung, epochs) = (task.trial, task.rung, task.epochs);
                        let done = match task.known {
                            Some(record) => Ok(Some(record)),
                            None => {
                                let what = (number, rung, epochs);
                                let parts = (train, validation);
                                trial::train(&task.candidate, what, self.seed, parts, stop)
                            }
                        };
                        match done {
                            Ok(Some(record)) => {
                                lock(race).done(self, record.clone());
                                changed.notify_all();
                                let _ = sender.send(Ok(record));
                            }
                            Ok(None) => {}
                            Err(e) => {
                                stop.store(true, Relaxed);
                                changed.notify_all();
                                let _ = sender.send(Err(e));
                            }
                        }
                    }
                });
            }
            drop(sender);
            loop {
                let event = records.recv_timeout(Duration::from_millis(100));
                let flow = match event {
                    Ok(Ok(ref record)) => tell(Event::Trained(record)),
                    Ok(Err(e)) => {
                        failed.get_or_insert(e);
                        ControlFlow::Break(())
                    }
                    Err(mpsc::RecvTimeoutError::Timeout) => tell(Event::Tick),
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                };
                let over = self.time.is_some_and(|time| start.elapsed() >= time);
                if flow.is_break() || over {
                    stop.store(true, Relaxed);
                    changed.notify_all();
                }
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        let race = race.into_inner().unwrap_or_else(PoisonError::into_inner);
        let finished = race.finished(self);
        let trials = race.trials.into_iter().filter(|trial| !trial.records.is_empty()).collect();
        Ok(Outcome { trials, finished, epochs: self.epochs, validated: validation.len() })
    }

    /// Epochs of each rung, the shortest first.
    pub(super) fn rungs(&self) -> Vec<usize> {
        let mut rungs: Vec<usize> =
            [ETA * ETA, ETA, 1].iter().map(|part| self.epochs.div_ceil(*part)).collect();
        rungs.dedup();
        rungs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, Storage, Targets};

    /// Inside a ring or not: a network of some width is needed.
    fn ring(n: usize) -> (Dataset, Dataset) {
        let values: Vec<f32> = (0..2 * n as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0)
            .collect();
        let inside =
            |p: &[f32]| f32::from(u8::from((0.2..0.6).contains(&(p[0] * p[0] + p[1] * p[1]))));
        let labels = values.chunks_exact(2).map(inside).collect();
        let features = Features::new(Storage::F32(values), &[2]).unwrap();
        let targets = Targets::yes_no(labels, vec!["inside".into()]);
        Dataset::new(features, targets).unwrap().split(0.3, 0).unwrap()
    }

    fn study() -> Study {
        let space = Space { depth: [1, 2], width: [2, 40], ..Space::default() };
        Study::new(space).epochs(18).trials(40).seed(3)
    }

    fn records(outcome: &Outcome) -> Vec<Record> {
        outcome.trials.iter().flat_map(|trial| trial.records.clone()).collect()
    }

    #[test]
    fn the_same_seed_is_the_same_study_whatever_the_jobs() {
        let (train, validation) = ring(600);
        let one = study().jobs(1).run(&train, &validation).unwrap();
        assert!(one.finished && one.trials.len() == 40);
        for jobs in [2, 5] {
            let other = study().jobs(jobs).run(&train, &validation).unwrap();
            assert_eq!(records(&one), records(&other), "{jobs} jobs");
        }
        let other = study().seed(4).run(&train, &validation).unwrap();
        assert_ne!(records(&one), records(&other));
    }

    #[test]
    fn a_third_goes_on_each_time_and_those_are_the_best() {
        let (train, validation) = ring(600);
        let outcome = study().run(&train, &validation).unwrap();
        let reached = |rung| records(&outcome).iter().filter(|r| r.rung == rung).count();
        // Four generations of nine and one of four.
        assert_eq!([reached(0), reached(1), reached(2)], [40, 4 * 3 + 2, 4 + 1]);
        assert_eq!(outcome.finalists().len(), 5);
        let first: Vec<&Record> = outcome.trials[..9].iter().map(|t| &t.records[0]).collect();
        let on: Vec<&&Record> =
            first.iter().filter(|r| outcome.trials[r.trial].records.len() > 1).collect();
        assert_eq!(on.len(), 3);
        for worse in first.iter().filter(|r| outcome.trials[r.trial].records.len() == 1) {
            assert!(on.iter().all(|better| better.order(worse).is_lt()));
        }
        let (best, simplest) = (outcome.best().unwrap(), outcome.simplest(true).unwrap());
        assert!(simplest.parameters <= best.parameters);
        assert!(best.measure.unwrap() > 0.75, "{best:?}");
        let frontier = outcome.frontier();
        assert!(frontier.is_sorted_by(|a, b| a.parameters < b.parameters && a.measure < b.measure));
        let importance = outcome.importance(&study().space);
        assert!(importance.iter().all(|(_, share)| (0.0..=1.0).contains(share)), "{importance:?}");
    }

    #[test]
    fn a_study_that_was_stopped_goes_on_to_the_same_end() {
        let (train, validation) = ring(600);
        let whole = records(&study().run(&train, &validation).unwrap());
        let mut heard = 0;
        let part = study()
            .watch(&train, &validation, |event| {
                heard += usize::from(matches!(event, Event::Trained(_)));
                if heard < 20 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .unwrap();
        let done = records(&part);
        assert!(!part.finished && (20..whole.len()).contains(&done.len()), "{}", done.len());
        let mut trained = 0;
        let resumed = study().resume(done.clone());
        let resumed = resumed.watch(&train, &validation, |event| {
            trained += usize::from(matches!(event, Event::Trained(_)));
            ControlFlow::Continue(())
        });
        assert_eq!(records(&resumed.unwrap()), whole);
        assert_eq!(trained, whole.len());
    }

    #[test]
    fn candidates_that_diverge_come_last_and_the_first_are_ours() {
        let (train, validation) = ring(300);
        let ours = Candidate {
            hidden: vec![7],
            activation: "tanh".into(),
            lr: 0.01,
            batch_size: 16,
            weight_decay: 0.01,
            dropout: 0.0,
            schedule: "constant".into(),
        };
        let wild = Candidate { lr: 1e30, activation: "relu".into(), ..ours.clone() };
        let outcome =
            study().trials(9).first([ours.clone(), wild]).run(&train, &validation).unwrap();
        assert_eq!(outcome.trials[0].candidate, ours);
        let wild = &outcome.trials[1];
        assert!(wild.records.len() == 1 && wild.records[0].loss.is_none(), "{wild:?}");
        assert!(study().trials(0).run(&train, &validation).is_err());
        assert!(study().jobs(0).run(&train, &validation).is_err());
    }
}
