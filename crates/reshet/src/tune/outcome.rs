//! The result of a study: the best and the simplest network, the frontier, the importances.

use std::collections::BTreeMap;

use super::{Record, Space, Trial};

/// The result of a study.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// All trials that were begun, in the order of their numbers.
    pub trials: Vec<Trial>,
    /// Whether the study finished, and was not stopped.
    pub finished: bool,
    /// The most epochs that a candidate is trained.
    pub epochs: usize,
    /// The number of validation samples.
    pub validated: usize,
    /// The trial that stays the best unless another is clearly better: the first of
    /// [`Study::first`](super::Study::first).
    pub usual: Option<usize>,
}

impl Outcome {
    /// Builds an outcome from the records in a journal, also of a study that is still running.
    /// The other arguments are as in the fields.
    pub fn of(records: Vec<Record>, epochs: usize, validated: usize, usual: Option<usize>) -> Self {
        let mut trials = BTreeMap::<usize, Trial>::new();
        for record in records {
            let (number, candidate) = (record.trial, record.candidate.clone());
            let trial = Trial { number, candidate, records: Vec::new() };
            trials.entry(number).or_insert(trial).records.push(record);
        }
        let mut trials: Vec<Trial> = trials.into_values().collect();
        trials.iter_mut().for_each(|trial| trial.records.sort_by_key(|record| record.rung));
        Self { trials, finished: false, epochs, validated, usual }
    }

    /// Returns the records of the trials that were trained longest, the best first.
    pub fn finalists(&self) -> Vec<&Record> {
        let most = self.trials.iter().filter_map(|t| Some(t.last()?.epochs)).max();
        let all = self.trials.iter().filter_map(Trial::last);
        let mut finalists: Vec<&Record> = all.filter(|r| Some(r.epochs) == most).collect();
        finalists.sort_by(|a, b| a.order(b));
        finalists
    }

    /// Returns the best of the trials that were trained longest. After cross-validation it is
    /// the usual one unless another is better by more than chance: the best of many is often
    /// only the luckiest.
    pub fn best(&self) -> Option<&Record> {
        let finalists = self.finalists();
        let best = finalists.first().copied().filter(|record| record.loss.is_some())?;
        let usual = finalists.iter().find(|record| Some(record.trial) == self.usual);
        Some(usual.filter(|usual| !best.is_clearly_better(usual)).unwrap_or(&best))
    }

    /// Computes the standard error of the best trial's measure, given the number of
    /// validation samples: √(p(1−p)/n) for an accuracy, (1 − R²)√(2/n) for R².
    pub fn standard_error(&self, accuracy: bool) -> f64 {
        let p = self.best().and_then(|best| best.measure).unwrap_or(0.0);
        let n = self.validated.max(1) as f64;
        if accuracy { (p * (1.0 - p) / n).sqrt() } else { (1.0 - p) * (2.0 / n).sqrt() }
    }

    /// Returns the smallest network that is as good as the best, within one standard error.
    pub fn simplest(&self, accuracy: bool) -> Option<&Record> {
        let least = self.best()?.measure? - self.standard_error(accuracy);
        let near = |record: &&Record| record.measure.is_some_and(|measure| measure >= least);
        self.finalists().into_iter().filter(near).min_by_key(|record| record.parameters)
    }

    /// Returns the networks that are better than all smaller ones, the smallest first.
    pub fn frontier(&self) -> Vec<&Record> {
        let mut all: Vec<&Record> = self.trials.iter().flat_map(|t| &t.records).collect();
        let measure = |record: &Record| record.measure.unwrap_or(f64::NEG_INFINITY);
        all.sort_by(|a, b| a.parameters.cmp(&b.parameters).then(measure(b).total_cmp(&measure(a))));
        let mut frontier: Vec<&Record> = Vec::new();
        for record in all {
            let best = frontier.last().and_then(|r| r.measure).unwrap_or(f64::NEG_INFINITY);
            if record.measure.is_some_and(|measure| measure > best) {
                frontier.push(record);
            }
        }
        frontier
    }

    /// Computes how much of the variance among the shortest trainings each varied setting
    /// explains: the variance between quarters of a range (or between choices) as a fraction
    /// of all, minus what chance alone would give (adjusted η²). The largest first.
    pub fn importance(&self, space: &Space) -> Vec<(&'static str, f64)> {
        let first: Vec<&Record> = self.trials.iter().filter_map(|t| t.records.first()).collect();
        // By rank, so that a few failed trials do not dominate.
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

/// For pairs (place, rank): the fraction of the ranks' variance between groups of places,
/// adjusted for the number of groups.
fn eta_squared(mut pairs: Vec<(f64, f64)>) -> f64 {
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut places: Vec<f64> = pairs.iter().map(|(place, _)| *place).collect();
    places.dedup();
    // Few places are choices, one group each; many are a range, in quarters.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::Candidate;

    fn record(trial: usize, measure: f64, losses: &[f64]) -> Record {
        let candidate = Candidate {
            hidden: vec![trial + 1],
            activation: "relu".into(),
            lr: 0.01,
            batch_size: 32,
            weight_decay: 0.01,
            dropout: 0.0,
            schedule: "constant".into(),
        };
        let loss = losses.iter().sum::<f64>() / losses.len() as f64;
        let losses = if losses.len() > 1 { losses.to_vec() } else { Vec::new() };
        let (loss, measure) = (Some(loss), Some(measure));
        Record { trial, rung: 0, epochs: 9, parameters: trial, loss, measure, losses, candidate }
    }

    fn best(records: &[Record], usual: Option<usize>) -> usize {
        Outcome::of(records.to_vec(), 9, 100, usual).best().unwrap().trial
    }

    #[test]
    fn after_cross_validation_the_usual_stays_unless_another_is_clearly_better() {
        let usual = record(0, 0.90, &[0.30, 0.40, 0.35]);
        // 0.02 better in each split; as much on average, but only by one of them.
        let better = record(1, 0.89, &[0.28, 0.38, 0.33]);
        let luckier = record(2, 0.95, &[0.31, 0.41, 0.26]);
        assert_eq!(best(&[usual.clone(), better], Some(0)), 1);
        assert_eq!(best(&[usual.clone(), luckier.clone()], Some(0)), 0);
        assert_eq!(best(&[usual, luckier], None), 2);
    }

    #[test]
    fn one_validation_part_decides_by_accuracy() {
        let records = [record(0, 0.90, &[0.30]), record(1, 0.91, &[0.40])];
        assert_eq!(best(&records, Some(0)), 1);
    }
}
