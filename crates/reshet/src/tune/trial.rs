//! One candidate's way through the race.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use serde::{Deserialize, Serialize};

use super::Candidate;
use crate::{Dataset, Device, Ended, Error, Result, metrics::Kind};

/// What one training of a candidate came to: a line of a study's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The trial's number, from 0.
    pub trial: usize,
    /// How far it had come in the race: 0 is the shortest training.
    pub rung: usize,
    /// Epochs of this training.
    pub epochs: usize,
    /// Numbers that were learnt.
    pub parameters: usize,
    /// The validation loss; None if it diverged.
    pub loss: Option<f64>,
    /// Accuracy, or R², on the validation part.
    pub measure: Option<f64>,
    /// What was trained.
    #[serde(flatten)]
    pub candidate: Candidate,
}

impl Record {
    /// Better comes first: by accuracy or R², then by loss, then the older one.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        let key = |record: &Self| {
            let worst = (f64::NEG_INFINITY, f64::INFINITY);
            match (record.measure, record.loss) {
                (Some(measure), Some(loss)) => (measure, loss),
                (None, Some(loss)) => (worst.0, loss),
                _ => worst,
            }
        };
        let (a, b) = (key(self), key(other));
        b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)).then(self.trial.cmp(&other.trial))
    }
}

/// A trial, with all it came to so far.
#[derive(Clone, Debug)]
pub struct Trial {
    /// From 0.
    pub number: usize,
    /// What is tried.
    pub candidate: Candidate,
    /// Its trainings, the shortest first.
    pub records: Vec<Record>,
}

impl Trial {
    /// The longest training it has had.
    pub fn last(&self) -> Option<&Record> {
        self.records.last()
    }
}

/// Trains a candidate for so many epochs and tests it; None if it was told to stop.
pub(super) fn train(
    candidate: &Candidate,
    (trial, rung, epochs): (usize, usize, usize),
    seed: u64,
    (train, validation): (&Dataset, &Dataset),
    stop: &AtomicBool,
) -> Result<Option<Record>> {
    let network = candidate.network(train.width(), train.targets())?;
    let parameters = network.parameters();
    // One core a candidate: the others have their own.
    let device = Device::cpu().threads(1);
    let fit = candidate
        .trainer(network)?
        .epochs(epochs)
        .seed(seed)
        .device(device)
        .on_event(|_| match stop.load(Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        })
        .fit(train);
    let (loss, measure) = match fit {
        Ok(fit) if fit.ended == Ended::Asked => return Ok(None),
        Ok(fit) => {
            let score = fit.model.test_on(validation, device)?;
            let measure = match score.kind {
                Kind::Answers { accuracy, .. } => Some(accuracy),
                Kind::Numbers { .. } => score.measure(),
            };
            (Some(score.loss).filter(|loss| loss.is_finite()), measure)
        }
        Err(Error::Diverged(_)) => (None, None),
        Err(other) => return Err(other),
    };
    let candidate = candidate.clone();
    Ok(Some(Record { trial, rung, epochs, parameters, loss, measure, candidate }))
}
