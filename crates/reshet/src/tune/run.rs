//! Runs a study: its threads, which train what the race decides.

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
    Outcome, Record, Study,
    helpers::{Helpers, PAUSE, check_splits},
    race::{Race, lock, next},
    trial,
};
use crate::{Dataset, Error, Result, files::in_words};

/// Without an event for so long, a display may be redrawn.
const TICK: Duration = Duration::from_millis(100);

/// An event of a study.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A training has ended.
    Trained(&'a Record),
    /// Nothing happened for a tenth of a second: time to redraw a display.
    Tick,
}

impl Study {
    /// Runs the study. Each split is a training part and a validation part: one split for a
    /// single validation part ([`Dataset::split`]), several for cross-validation
    /// ([`Dataset::fold`]).
    ///
    /// # Errors
    /// The space is invalid, none of its networks fits the data, or there are no trials, jobs
    /// or splits.
    pub fn run(&self, splits: &[(Dataset, Dataset)]) -> Result<Outcome> {
        self.watch(splits, |_| ControlFlow::Continue(()))
    }

    /// Does the same as [`Study::run`], and calls `tell` with each event.
    /// [`ControlFlow::Break`] ends the study; unfinished trainings are lost.
    ///
    /// # Errors
    /// As [`Study::run`].
    pub fn watch(
        &self,
        splits: &[(Dataset, Dataset)],
        mut tell: impl FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Outcome> {
        self.space.check()?;
        if [self.trials, self.jobs, self.epochs, splits.len()].contains(&0) {
            let what = "a study needs at least one trial, one job, one epoch and one split";
            return Err(Error::invalid(what));
        }
        if let Some(group) = self.group.as_deref() {
            check_splits(group, splits)?;
        }
        let (start, stop) = (Instant::now(), AtomicBool::new(false));
        let mut helpers = self.group.as_deref().map(Helpers::new);
        let race = Mutex::new(Race::new(self));
        let changed = Condvar::new();
        let (sender, records) = mpsc::channel::<Result<Record>>();
        let mut failed = None;
        thread::scope(|scope| {
            for started in 0..self.jobs {
                let sender = sender.clone();
                let (race, changed, stop) = (&race, &changed, &stop);
                let work = move || {
                    while let Some(task) = next(race, changed, stop) {
                        let (number, rung, epochs) = (task.trial, task.rung, task.epochs);
                        let done = match task.known {
                            Some(record) => Ok(Some(record)),
                            None => {
                                let what = (number, rung, epochs);
                                trial::train(&task.candidate, what, self.seed, splits, stop)
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
                };
                // A system that gives no more threads gives fewer.
                match thread::Builder::new().spawn_scoped(scope, work) {
                    Ok(_) => {}
                    Err(cause) if started == 0 => {
                        let (what, reading) = ("cannot start a thread".into(), false);
                        let cause = in_words(cause);
                        failed = Some(Error::Io { what, reading, cause });
                        break;
                    }
                    Err(_) => break,
                }
            }
            drop(sender);
            let mut ticked = Instant::now();
            loop {
                let event = records.recv_timeout(if helpers.is_some() { PAUSE } else { TICK });
                let mut flow = match event {
                    Ok(Ok(ref record)) => tell(Event::Trained(record)),
                    Ok(Err(e)) => {
                        failed.get_or_insert(e);
                        ControlFlow::Break(())
                    }
                    Err(mpsc::RecvTimeoutError::Timeout) if ticked.elapsed() < TICK => {
                        ControlFlow::Continue(())
                    }
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        ticked = Instant::now();
                        tell(Event::Tick)
                    }
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                };
                if let Some(helpers) = &mut helpers
                    && !stop.load(Relaxed)
                {
                    let heard = helpers.exchange(self, &race, |record| {
                        changed.notify_all();
                        tell(Event::Trained(record))
                    });
                    match heard {
                        Ok(ControlFlow::Continue(())) => {}
                        Ok(ControlFlow::Break(())) => flow = ControlFlow::Break(()),
                        Err(e) => {
                            failed.get_or_insert(e);
                            flow = ControlFlow::Break(());
                        }
                    }
                }
                let over = self.time.is_some_and(|time| start.elapsed() >= time);
                if flow.is_break() || over {
                    stop.store(true, Relaxed);
                    changed.notify_all();
                }
            }
        });
        if let Some(helpers) = helpers {
            helpers.release();
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let race = race.into_inner().unwrap_or_else(PoisonError::into_inner);
        let finished = race.finished(self);
        let trials = race.trials.into_iter().filter(|trial| !trial.records.is_empty()).collect();
        let validated = splits.iter().map(|(_, validation)| validation.len()).sum();
        let (epochs, usual) = (self.epochs, self.usual());
        Ok(Outcome { trials, finished, epochs, validated, usual })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Features, Storage, Targets,
        tune::{Candidate, Space},
    };

    /// Inside a ring or not: a network of some width is needed.
    fn ring(n: usize) -> [(Dataset, Dataset); 1] {
        let values: Vec<f32> = (0..2 * n as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0)
            .collect();
        let inside =
            |p: &[f32]| f32::from(u8::from((0.2..0.6).contains(&(p[0] * p[0] + p[1] * p[1]))));
        let labels = values.chunks_exact(2).map(inside).collect();
        let features = Features::new(Storage::F32(values), &[2]).unwrap();
        let targets = Targets::yes_no(labels, vec!["inside".into()]);
        [Dataset::new(features, targets).unwrap().split(0.3, 0).unwrap()]
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
        let data = ring(600);
        let one = study().jobs(1).run(&data).unwrap();
        assert!(one.finished && one.trials.len() == 40);
        for jobs in [2, 5] {
            let other = study().jobs(jobs).run(&data).unwrap();
            assert_eq!(records(&one), records(&other), "{jobs} jobs");
        }
        let other = study().seed(4).run(&data).unwrap();
        assert_ne!(records(&one), records(&other));
    }

    #[test]
    fn a_third_goes_on_each_time_and_those_are_the_best() {
        let data = ring(600);
        let outcome = study().run(&data).unwrap();
        let reached = |rung| records(&outcome).iter().filter(|r| r.rung == rung).count();
        // Four generations of nine and one of four, and the small ones that go with them.
        assert_eq!(reached(0), 40);
        assert!((4 * 3 + 2..30).contains(&reached(1)), "{}", reached(1));
        assert!((4 + 1..20).contains(&reached(2)), "{}", reached(2));
        assert_eq!(outcome.finalists().len(), reached(2));
        let first: Vec<&Record> = outcome.trials[..9].iter().map(|t| &t.records[0]).collect();
        let on: Vec<&&Record> =
            first.iter().filter(|r| outcome.trials[r.trial].records.len() > 1).collect();
        let mut best = first.clone();
        best.sort_by(|a, b| a.order(b));
        for (place, record) in best.iter().enumerate() {
            let small = best[..place].iter().all(|better| record.parameters < better.parameters);
            assert_eq!(on.contains(&record), place < 3 || small, "{record:?}");
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
        let data = ring(600);
        let whole = records(&study().run(&data).unwrap());
        let mut heard = 0;
        let part = study()
            .watch(&data, |event| {
                heard += usize::from(matches!(event, Event::Trained(_)));
                if heard < 20 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .unwrap();
        let done = records(&part);
        assert!(!part.finished && (20..whole.len()).contains(&done.len()), "{}", done.len());
        let mut trained = 0;
        let resumed = study().resume(done.clone());
        let resumed = resumed.watch(&data, |event| {
            trained += usize::from(matches!(event, Event::Trained(_)));
            ControlFlow::Continue(())
        });
        assert_eq!(records(&resumed.unwrap()), whole);
        assert_eq!(trained, whole.len());
    }

    #[test]
    fn candidates_that_diverge_come_last_and_the_first_are_ours() {
        let data = ring(300);
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
        let outcome = study().trials(9).first([ours.clone(), wild]).run(&data).unwrap();
        assert_eq!(outcome.trials[0].candidate, ours);
        let wild = &outcome.trials[1];
        assert!(wild.records.len() == 1 && wild.records[0].loss.is_none(), "{wild:?}");
        assert!(study().trials(0).run(&data).is_err());
        assert!(study().jobs(0).run(&data).is_err());
    }
}
