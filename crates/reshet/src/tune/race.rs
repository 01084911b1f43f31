//! Decides which candidate is trained next, and which ones go on.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{Candidate, Record, Study, Trial};

/// One of this many candidates goes on, for this many times as many epochs.
const ETA: usize = 3;
/// Candidates of a generation.
const GENERATION: usize = ETA * ETA;

/// A training to be done.
pub(super) struct Task {
    pub trial: usize,
    pub rung: usize,
    pub epochs: usize,
    pub candidate: Candidate,
    /// Its record, if it was done before the study was resumed.
    pub known: Option<Record>,
}

/// The state of the race.
pub(super) struct Race {
    rungs: Vec<usize>,
    pub trials: Vec<Trial>,
    /// For each generation: the trials without a result on its rung yet, and that rung.
    generations: Vec<(Vec<usize>, usize)>,
    waiting: VecDeque<(usize, usize)>,
    known: BTreeMap<(usize, usize), Record>,
}

impl Race {
    pub fn new(study: &Study) -> Self {
        let known = study.known.iter().map(|r| ((r.trial, r.rung), r.clone())).collect();
        let (rungs, waiting) = (rungs(study.epochs), VecDeque::new());
        let mut race = Self { rungs, trials: Vec::new(), generations: Vec::new(), waiting, known };
        race.draw(study);
        race
    }

    /// Draws generations for as long as there is room for one: two are at work at once.
    fn draw(&mut self, study: &Study) {
        let over = |(left, _): &(Vec<usize>, usize)| left.is_empty();
        while self.trials.len() < study.trials
            // All but the newest generation must be over: the known results are then the
            // same, whichever training was quicker.
            && self.generations.iter().rev().skip(1).all(over)
        {
            let start = self.trials.len();
            // The known results: the generations before the newest, the best first.
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
    pub fn next(&mut self) -> Option<Task> {
        let best = (0..self.waiting.len()).min_by_key(|at| {
            let (trial, rung) = self.waiting[*at];
            (trial / GENERATION, usize::MAX - rung, trial)
        })?;
        let (trial, rung) = self.waiting.remove(best)?;
        let candidate = self.trials[trial].candidate.clone();
        let known = self.known.remove(&(trial, rung));
        // A record of another study is ignored.
        let known = known.filter(|r| r.candidate == candidate && r.epochs == self.rungs[rung]);
        Some(Task { trial, rung, epochs: self.rungs[rung], candidate, known })
    }

    pub fn done(&mut self, study: &Study, record: Record) {
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
            let third = heard.len().div_ceil(ETA);
            // The best third, and those that are smaller than all better ones: small
            // networks cost little, and are on the frontier only if they are trained.
            let mut smallest = usize::MAX;
            let mut on = Vec::new();
            for (place, record) in heard.iter().enumerate() {
                let usual = study.usual() == Some(record.trial);
                if place < third || record.parameters < smallest || usual {
                    on.push(record.trial);
                }
                smallest = smallest.min(record.parameters);
            }
            on.sort_unstable();
            self.waiting.extend(on.iter().map(|trial| (*trial, rung + 1)));
            self.generations[generation] = (on, rung + 1);
        }
        self.draw(study);
    }

    pub fn finished(&self, study: &Study) -> bool {
        self.trials.len() == study.trials
            && self.generations.iter().all(|(left, _)| left.is_empty())
    }

    fn at_work(&self) -> bool {
        self.generations.iter().any(|(left, _)| !left.is_empty())
    }
}

/// The epochs of each rung, the shortest first.
fn rungs(epochs: usize) -> Vec<usize> {
    let mut rungs: Vec<usize> =
        [ETA * ETA, ETA, 1].iter().map(|part| epochs.div_ceil(*part)).collect();
    rungs.dedup();
    rungs
}

pub(super) fn lock(race: &Mutex<Race>) -> MutexGuard<'_, Race> {
    race.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for something to do; None when there will be nothing more.
pub(super) fn next(race: &Mutex<Race>, changed: &Condvar, stop: &AtomicBool) -> Option<Task> {
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
        // A stop between the check and the wait is seen after this.
        let waited = changed.wait_timeout(race, Duration::from_millis(50));
        race = waited.map_or_else(|e| e.into_inner().0, |(race, _)| race);
    }
}
