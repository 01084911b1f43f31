//! The trainings of one candidate, and their results.

use std::{
    cmp::Ordering,
    ops::ControlFlow,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use serde::{Deserialize, Serialize};

use super::Candidate;
use crate::{Dataset, Device, Ended, Error, Model, Recipe, Result, Score, metrics::ScoreKind};

/// The standard errors by which another candidate must be better than the usual one.
const CLEARLY: f64 = 1.5;

/// The result of one training of a candidate: a line of a study's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The trial's number, from 0.
    pub trial: usize,
    /// The rung of the race: 0 is the shortest training.
    pub rung: usize,
    /// Epochs of this training.
    pub epochs: usize,
    /// The number of weights and biases.
    pub parameters: usize,
    /// The validation loss; None if it diverged.
    pub loss: Option<f64>,
    /// Accuracy, or R², on the validation part.
    pub measure: Option<f64>,
    /// For several splits: the validation loss of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<f64>,
    /// The candidate that was trained.
    #[serde(flatten)]
    pub candidate: Candidate,
}

impl Record {
    /// Compares two records, the better first: by accuracy or R², then by loss, then the older
    /// one. After cross-validation by loss alone: it is for few samples, for which accuracy is
    /// a coarse measure.
    pub fn order(&self, other: &Self) -> Ordering {
        let key = |record: &Self| {
            let loss = record.loss.unwrap_or(f64::INFINITY);
            let measure = if record.loss.is_some() { record.measure } else { None };
            let measure = measure.filter(|_| record.losses.is_empty());
            (measure.unwrap_or(f64::NEG_INFINITY), loss)
        };
        let (a, b) = (key(self), key(other));
        b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)).then(self.trial.cmp(&other.trial))
    }

    /// Whether it is better than another by more than chance: after cross-validation, if the
    /// mean difference of the losses is more than 1.5 of its standard errors over the splits.
    /// One split cannot tell.
    pub(super) fn is_clearly_better(&self, than: &Self) -> bool {
        let differences: Vec<f64> =
            than.losses.iter().zip(&self.losses).map(|(theirs, ours)| theirs - ours).collect();
        let k = differences.len() as f64;
        if k < 2.0 {
            return self.order(than) == Ordering::Less;
        }
        let mean = differences.iter().sum::<f64>() / k;
        let squares: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
        mean > CLEARLY * (squares / (k - 1.0) / k).sqrt()
    }
}

/// A trial, with its results so far.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The trial's number, from 0.
    pub number: usize,
    /// The candidate that is tried.
    pub candidate: Candidate,
    /// Its trainings, the shortest first.
    pub records: Vec<Record>,
}

impl Trial {
    /// Returns its longest training.
    pub fn last(&self) -> Option<&Record> {
        self.records.last()
    }
}

/// Trains a candidate for this many epochs, once per split, and tests it on the split's
/// validation part; None if it was stopped.
pub(super) fn train(
    candidate: &Candidate,
    (trial, rung, epochs): (usize, usize, usize),
    seed: u64,
    splits: &[(Dataset, Dataset)],
    stop: &AtomicBool,
) -> Result<Option<Record>> {
    let mut record = Record {
        trial,
        rung,
        epochs,
        parameters: 0,
        loss: None,
        measure: None,
        losses: Vec::new(),
        candidate: candidate.clone(),
    };
    let mut scores = Vec::new();
    for (train, validation) in splits {
        record.parameters = candidate.recipe(epochs)?.network(train)?.parameters();
        let look = || match stop.load(Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        match fit(candidate, epochs, seed, train, look) {
            Ok(None) => return Ok(None),
            Ok(Some(model)) => scores.push(model.test_on(validation, one_core())?),
            Err(Error::Diverged(_)) => return Ok(Some(record)),
            Err(other) => return Err(other),
        }
    }
    let mean = |of: &dyn Fn(&Score) -> Option<f64>| {
        let weighted = scores.iter().map(|score| Some(of(score)? * score.samples as f64));
        let samples: usize = scores.iter().map(|score| score.samples).sum();
        Some(weighted.sum::<Option<f64>>()? / samples as f64)
    };
    record.loss = mean(&|score| Some(score.loss).filter(|loss| loss.is_finite()));
    record.measure = match &scores[..] {
        // For one number, R² over all splits together: few samples may vary too little.
        [Score { kind: ScoreKind::Numbers { r2_mean: None, .. }, .. }, _, ..] => {
            let squares = |score: &Score| match score.kind {
                ScoreKind::Numbers { rmse, baseline, .. } => Some([rmse.powi(2), baseline.powi(2)]),
                ScoreKind::Answers { .. } => None,
            };
            let [error, variance] = [0, 1].map(|which| mean(&|score| Some(squares(score)?[which])));
            error.zip(variance).filter(|(_, v)| *v > 0.0).map(|(error, v)| 1.0 - error / v)
        }
        _ => mean(&Score::measure),
    };
    if scores.len() > 1 {
        record.losses = scores.iter().map(|score| score.loss).collect();
    }
    Ok(Some(record))
}

/// Each training has one core: the others have their own.
pub(super) fn one_core() -> Device {
    Device::cpu().threads(1)
}

/// Trains a candidate for this many epochs; None if `look`, asked at each event, ends it.
pub(super) fn fit(
    candidate: &Candidate,
    epochs: usize,
    seed: u64,
    train: &Dataset,
    look: impl Fn() -> ControlFlow<()>,
) -> Result<Option<Model>> {
    let batch_size = Some(candidate.batch_size.min(train.len()));
    let recipe = Recipe { batch_size, seed: Some(seed), ..candidate.recipe(epochs)? };
    let trainer = recipe.trainer(train)?.device(one_core()).unscaled();
    let fit = trainer.on_event(|_| look()).fit(train)?;
    Ok((fit.ended != Ended::Asked).then_some(fit.model))
}
