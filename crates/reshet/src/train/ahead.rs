//! Steps that a device takes many at once, and that the loop tells one by one.
//!
//! [`Trainer::fit`](crate::Trainer::fit) lets the loop run ahead: nobody looks at the training
//! between two of its events. If one of them ends the training, the steps after it are taken back.

use std::collections::VecDeque;

use super::training_loop::TrainingLoop;
use crate::{Batch, Error, Event, Optimizer, Result};

/// The steps of the last launch.
#[derive(Default)]
pub(super) struct Ahead {
    /// No launch goes past a multiple of so many steps.
    every: Option<usize>,
    taken: Vec<(Batch, Optimizer)>,
    /// The losses of those that have not been told.
    untold: VecDeque<f32>,
    /// Why the step after them failed.
    failed: Option<Error>,
}

impl Ahead {
    /// May run ahead, up to each multiple of `every` steps, where the training is looked at.
    pub fn up_to(every: Option<usize>) -> Self {
        Self { every, ..Self::default() }
    }

    /// Whether all steps have been told.
    pub fn is_told(&self) -> bool {
        self.untold.is_empty()
    }
}

impl TrainingLoop {
    /// Tells the next step, where it pays to take many at once; else None.
    pub(super) fn advance_ahead(&mut self) -> Result<Option<Event>> {
        let Some(ahead) = &self.ahead else { return Ok(None) };
        if ahead.untold.is_empty() && ahead.failed.is_none() && !self.launch()? {
            return Ok(None);
        }
        let lr = self.lr();
        let Some(ahead) = &mut self.ahead else { return Ok(None) };
        match (ahead.untold.pop_front(), ahead.failed.take()) {
            (Some(loss), failed) => {
                ahead.failed = failed;
                Ok(Some(self.stepped(loss, lr)))
            }
            (None, Some(error)) => Err(self.rescued(error)),
            (None, None) => Ok(None),
        }
    }

    /// Takes the next steps of this epoch in one launch; false if that is not worth it.
    fn launch(&mut self) -> Result<bool> {
        let (batch_size, left) = self.batches_left();
        let Some(Ahead { every, .. }) = self.ahead else { return Ok(false) };
        let until = every.map_or(usize::MAX, |every| every.max(1) - self.step() % every.max(1));
        let count = self.training.steps_at_once(batch_size).min(until).min(left);
        if count < 2 {
            return Ok(false);
        }
        let mut taken = Vec::new();
        for i in 0..count {
            taken.push((self.next_batch()?, self.optimizer_after(i)));
        }
        self.training.mark()?;
        let (losses, failed) = self.training.steps_until(&borrowed(&taken))?;
        let (untold, failed) = (losses.into(), failed.err());
        self.ahead = Some(Ahead { every, taken, untold, failed });
        Ok(true)
    }

    /// Takes back the steps that have not been told.
    pub(super) fn take_back(&mut self) -> Result<()> {
        let Some(ahead) = &mut self.ahead else { return Ok(()) };
        if ahead.untold.is_empty() && ahead.failed.is_none() {
            return Ok(());
        }
        let untold = ahead.untold.len() + usize::from(ahead.failed.is_some());
        let taken = std::mem::take(&mut ahead.taken);
        ahead.untold.clear();
        ahead.failed = None;
        // The same steps once more have the same bits.
        let told = taken.len().saturating_sub(untold);
        let back = self.training.back_to_mark();
        let mut again = || self.training.steps_until(&borrowed(&taken[..told]))?.1;
        match back.and_then(|()| again()) {
            Err(error) => self.survive(error),
            done => done,
        }
    }

    /// Forgets steps that a device took and has lost.
    pub(super) fn forget_ahead(&mut self) {
        if let Some(ahead) = &mut self.ahead {
            *ahead = Ahead::up_to(ahead.every);
        }
    }
}

fn borrowed(steps: &[(Batch, Optimizer)]) -> Vec<(&[u32], Optimizer)> {
    steps.iter().map(|(batch, optimizer)| (&**batch, *optimizer)).collect()
}
