//! Steps on rows of the dataset, and their checks.

use std::sync::Arc;

use crate::{Batch, Dataset, Error, Optimizer, Result, engine::Samples, optim::Hyper};

/// A step on rows of the dataset.
pub(crate) struct Step<'a> {
    pub rows: &'a [u32],
    /// See [`Samples::order`].
    pub order: Option<(&'a Arc<Vec<u32>>, usize)>,
    pub optimizer: Optimizer,
}

impl<'a> Step<'a> {
    /// A step on a batch of a loader.
    pub fn on(batch: &'a Batch, optimizer: Optimizer) -> Self {
        Self { rows: batch, order: Some(batch.place()), optimizer }
    }

    pub(super) fn samples(&self, data: &'a Dataset) -> Samples<'a> {
        Samples { order: self.order, ..Samples::of(data, self.rows) }
    }
}

/// Batches and hyper-parameters of steps, checked.
pub(super) fn checked<'a>(
    data: &'a Dataset,
    clip_norm: Option<f32>,
    steps: &[Step<'a>],
) -> Result<(Vec<Samples<'a>>, Vec<Hyper>)> {
    let (mut batches, mut hypers) = (Vec::new(), Vec::new());
    for step in steps {
        let (samples, optimizer) = (step.samples(data), &step.optimizer);
        check_rows(&samples)?;
        optimizer.check()?;
        if optimizer.slots() != steps[0].optimizer.slots() {
            let what = "steps: all optimizers must be of one kind, with the same state";
            return Err(Error::invalid(what));
        }
        batches.push(samples);
        hypers.push(Hyper { optimizer: *optimizer, clip_norm });
    }
    Ok((batches, hypers))
}

pub(super) const EMPTY: &str = "a batch needs at least one sample";

pub(super) fn attached(data: &Option<Dataset>) -> Result<&Dataset> {
    let what = "this training has no dataset: pass arrays to step_on or forward_on";
    data.as_ref().ok_or_else(|| Error::invalid(what))
}

/// Checks all rows; an engine does not check them again.
pub(super) fn check_rows(samples: &Samples) -> Result<()> {
    let (rows, count) = (samples.rows, samples.inputs.len());
    let Some(last) = rows.iter().max() else { return Err(Error::invalid(EMPTY)) };
    if (*last as usize) < count {
        return Ok(());
    }
    Err(Error::invalid(format!("row {last}: the data has {count} samples, counted from 0")))
}
