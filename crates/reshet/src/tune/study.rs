//! The race: who is trained next, on which core, and who goes on.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::ControlFlow,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use super::{Candidate, Record, Space, Trial, trial};
use crate::{Dataset, Error, Result};

/// Of so many one goes on, trained for so many times as many epochs.
const ETA: usize = 3;
/// Candidates of a generation.
const GENERATION: usize = ETA * ETA;

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
    space: Space,
    first: Vec<Candidate>,
    known: Vec<Record>,
    trials: usize,
    time: Option<Duration>,
    epochs: usize,
    jobs: usize,
    seed: u64,
}

/// What happens in a study.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A training has ended.
    Trained(&'a Record),
    /// Nothing, for a tenth of a second: time to draw.
    Tick,
}

/// What came of a study.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// All trials that were begun, in the order of their numbers.
    pub trials: Vec<Trial>,
    /// Whether all was done that was asked, rather than stopped.
    pub finished: bool,
    /// The most epochs a candidate is trained.
    pub epochs: usize,
    /// Samples that were validated on.
    pub validated: usize,
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
    fn rungs(&self) -> Vec<usize> {
        let mut rungs: Vec<usize> =
            [ETA * ETA, ETA, 1].iter().map(|part| self.epochs.div_ceil(*part)).collect();
        rungs.dedup();
        rungs
    }
}

impl Outcome {
    /// The records of the longest training that any trial has had, the best first.
    pub fn finalists(&self) -> Vec<&Record> {
        let most = self.trials.iter().filter_map(|t| Some(t.last()?.epochs)).max();
        let all = self.trials.iter().filter_map(Trial::last);
        let mut finalists: Vec<&Record> = all.filter(|r| Some(r.epochs) == most).collect();
        finalists.sort_by(|a, b| a.order(b));
        finalists
    }

    /// The best of those that were trained longest.
    pub fn best(&self) -> Option<&Record> {
        self.finalists().first().copied().filter(|record| record.loss.is_some())
    }

    /// One standard error of the best one's measure: what chance alone makes of so many
    /// validation samples. Of an accuracy √(p(1−p)/n), of R² (1 − R²)√(2/n).
    pub fn standard_error(&self, accuracy: bool) -> f64 {
        let p = self.best().and_then(|best| best.measure).unwrap_or(0.0);
        let n = self.validated.max(1) as f64;
        if accuracy { (p * (1.0 - p) / n).sqrt() } else { (1.0 - p) * (2.0 / n).sqrt() }
    }

    /// The smallest network that is as good as the best, within one standard error.
    pub fn simplest(&self, accuracy: bool) -> Option<&Record> {
        let least = self.best()?.measure? - self.standard_error(accuracy);
        let near = |record: &&Record| record.measure.is_some_and(|measure| measure >= least);
        self.finalists().into_iter().filter(near).min_by_key(|record| record.parameters)
    }

    /// The networks that no smaller one beats, the smallest first.
    pub fn frontier(&self) -> Vec<&Record> {
        let mut all: Vec<&Record> = self.trials.iter().flat_map(|t| &t.records).collect();
        all.sort_by(|a, b| a.parameters.cmp(&b.parameters).then(a.order(b)));
        let mut frontier: Vec<&Record> = Vec::new();
        for record in all {
            let best = frontier.last().and_then(|r| r.measure).unwrap_or(f64::NEG_INFINITY);
            if record.measure.is_some_and(|measure| measure > best) {
                frontier.push(record);
            }
        }
        frontier
    }

    /// How much of the differences among the shortest trainings goes with each of what
    /// was varied: the variance between fourths of a range (or between choices) as a part
    /// of all, less what chance alone would give (adjusted η²). The most first.
    pub fn importance(&self, space: &Space) -> Vec<(&'static str, f64)> {
        let first: Vec<&Record> = self.trials.iter().filter_map(|t| t.records.first()).collect();
        // By rank, so that a few that went wrong do not drown the rest.
        let mut order: Vec<usize> = (0..first.len()).collect();
        order.sort_by(|a, b| first[*a].order(first[*b]));
        let mut ranks = vec![0.0; first.len()];
        order.iter().enumerate().for_each(|(rank, i)| ranks[*i] = rank as f64);
        let places: Vec<_> = first.iter().map(|r| space.places(&r.candidate)).collect();
        let names = places.first().map(|p| p.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        let names = names.unwrap_or_default();
        let share = |(at, name): (usize, &'static str)| {
            let known = places.iter().zip(&ranks);
            let known = known.filter_map(|(places, rank)| Some((places[at].1?, *rank)));
            (name, eta_squared(known.collect()))
        };
        let mut all: Vec<_> = names.into_iter().enumerate().map(share).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }
}

/// Of pairs (place, rank): the part of the ranks' variance between groups of places,
/// adjusted for their number.
fn eta_squared(mut pairs: Vec<(f64, f64)>) -> f64 {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut places: Vec<f64> = pairs.iter().map(|(place, _)| *place).collect();
    places.dedup();
    // Few places are choices, a group each; many are a range, in fourths.
    let groups: Vec<&[(f64, f64)]> = match places.len() {
        0..=8 => pairs.chunk_by(|a, b| a.0 == b.0).collect(),
        _ => pairs.chunks(pairs.len().div_ceil(4)).collect(),
    };
    let mean = |of: &[(f64, f64)]| of.iter().map(|(_, rank)| rank).sum::<f64>() / of.len() as f64;
    let whole = mean(&pairs);
    let all: f64 = pairs.iter().map(|(_, rank)| (rank - whole).powi(2)).sum();
    let between = |group: &&[(f64, f64)]| group.len() as f64 * (mean(group) - whole).powi(2);
    let between: f64 = groups.iter().map(between).sum();
    let (n, k) = (pairs.len() as f64, groups.len() as f64);
    if all <= 0.0 || n <= k {
        return 0.0;
    }
    (1.0 - (1.0 - between / all) * (n - 1.0) / (n - k)).max(0.0)
}

/// A training to be done.
struct Task {
    trial: usize,
    rung: usize,
    epochs: usize,
    candidate: Candidate,
    /// It was done before, in a study that is gone on with.
    known: Option<Record>,
}

/// The state of the race.
struct Race {
    rungs: Vec<usize>,
    trials: Vec<Trial>,
    /// Of each generation: those still to be heard of on its rung, and that rung.
    generations: Vec<(Vec<usize>, usize)>,
    waiting: VecDeque<(usize, usize)>,
    known: BTreeMap<(usize, usize), Record>,
}

impl Race {
    fn new(study: &Study) -> Self {
        let known = study.known.iter().map(|r| ((r.trial, r.rung), r.clone())).collect();
        let (rungs, waiting) = (study.rungs(), VecDeque::new());
        let mut race = Self { rungs, trials: Vec::new(), generations: Vec::new(), waiting, known };
        race.draw(study);
        race
    }

    /// Draws generations for as long as there is room for one: two are at work at once.
    fn draw(&mut self, study: &Study) {
        let over = |(left, _): &(Vec<usize>, usize)| left.is_empty();
        while self.trials.len() < study.trials
            // All but the newest generation must be over: what is known is then the
            // same whatever was quick.
            && self.generations.iter().rev().skip(1).all(over)
        {
            let start = self.trials.len();
            // What is known: the generations before the newest, the best first.
            let newest = self.generations.len().saturating_sub(1) * GENERATION;
            let mut known: Vec<&Record> =
                self.trials[..newest].iter().filter_map(Trial::last).collect();
            known.sort_by(|a, b| b.rung.cmp(&a.rung).then(a.order(b)));
            let known: Vec<&Candidate> = known.into_iter().map(|r| &r.candidate).collect();
            let numbers = start..(start + GENERATION).min(study.trials);
            let drawn: Vec<Trial> = numbers
                .clone()
                .map(|number| Trial {
                    number,
                    candidate: match study.first.get(number) {
                        Some(candidate) => candidate.clone(),
                        None => study.space.draw(study.seed, number, &known),
                    },
                    records: Vec::new(),
                })
                .collect();
            self.trials.extend(drawn);
            self.waiting.extend(numbers.clone().map(|trial| (trial, 0)));
            self.generations.push((numbers.collect(), 0));
        }
    }

    /// The next task: of the oldest generation, the highest rung.
    fn next(&mut self) -> Option<Task> {
        let best = (0..self.waiting.len()).min_by_key(|at| {
            let (trial, rung) = self.waiting[*at];
            (trial / GENERATION, usize::MAX - rung, trial)
        })?;
        let (trial, rung) = self.waiting.remove(best)?;
        let candidate = self.trials[trial].candidate.clone();
        let known = self.known.remove(&(trial, rung));
        // A record of another study than this one is not believed.
        let known = known.filter(|r| r.candidate == candidate && r.epochs == self.rungs[rung]);
        Some(Task { trial, rung, epochs: self.rungs[rung], candidate, known })
    }

    fn done(&mut self, study: &Study, record: Record) {
        let (trial, rung) = (record.trial, record.rung);
        self.trials[trial].records.push(record);
        let generation = trial / GENERATION;
        let (left, _) = &mut self.generations[generation];
        left.retain(|number| *number != trial);
        if left.is_empty() && rung + 1 < self.rungs.len() {
            let members = generation * GENERATION..(generation + 1) * GENERATION;
            let members = self.trials.get(members.start..members.end.min(self.trials.len()));
            let mut heard: Vec<&Record> = members
                .unwrap_or_default()
                .iter()
                .filter_map(Trial::last)
                .filter(|record| record.rung == rung && record.loss.is_some())
                .collect();
            heard.sort_by(|a, b| a.order(b));
            let on = heard.len().div_ceil(ETA);
            let mut on: Vec<usize> = heard[..on].iter().map(|record| record.trial).collect();
            on.sort_unstable();
            self.waiting.extend(on.iter().map(|trial| (*trial, rung + 1)));
            self.generations[generation] = (on, rung + 1);
        }
        self.draw(study);
    }

    fn finished(&self, study: &Study) -> bool {
        self.trials.len() == study.trials
            && self.generations.iter().all(|(left, _)| left.is_empty())
    }

    fn at_work(&self) -> bool {
        self.generations.iter().any(|(left, _)| !left.is_empty())
    }
}

fn lock(race: &Mutex<Race>) -> MutexGuard<'_, Race> {
    race.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for something to do; None when there will be nothing more.
fn next(race: &Mutex<Race>, changed: &Condvar, stop: &AtomicBool) -> Option<Task> {
    let mut race = lock(race);
    loop {
        if stop.load(Relaxed) {
            return None;
        }
        if let Some(task) = race.next() {
            return Some(task);
        }
        if !race.at_work() {
            return None;
        }
        // A stop that comes between the look at it and the sleep is seen after this.
        let waited = changed.wait_timeout(race, Duration::from_millis(50));
        race = waited.map_or_else(|e| e.into_inner().0, |(race, _)| race);
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
