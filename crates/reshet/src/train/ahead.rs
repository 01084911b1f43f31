//! Steps that a device takes many at once, and that the loop tells one by one.
//!
//! [`Trainer::fit`](crate::Trainer::fit) lets the loop run ahead: nobody looks at the training
//! between two of its events. If one of them ends the training, the steps after it are taken back.
//! While the steps of one launch are told, the device takes those of the next.

use std::collections::VecDeque;

use super::training_loop::TrainingLoop;
use crate::{Batch, Error, Event, Optimizer, Result, training::Step};

/// A launch of many steps.
struct Launch {
    /// Where the state before it is kept.
    slot: usize,
    steps: Vec<(Batch, Optimizer)>,
}

/// The launches whose steps are not all told.
#[derive(Default)]
pub(super) struct Ahead {
    /// No launch goes past a multiple of so many steps.
    every: Option<usize>,
    /// The launch whose losses are being told.
    told: Option<Launch>,
    /// Its losses that have not been told.
    untold: VecDeque<f32>,
    /// Why the step after them failed.
    failed: Option<Error>,
    /// The launches after it, which the device has been given.
    begun: VecDeque<Launch>,
}

impl Ahead {
    /// May run ahead, up to each multiple of `every` steps, where the training is looked at.
    pub fn up_to(every: Option<usize>) -> Self {
        Self { every, ..Self::default() }
    }

    /// Whether all steps have been told.
    pub fn is_told(&self) -> bool {
        self.untold.is_empty() && self.begun.is_empty()
    }

    /// The steps that have begun or are done, and have not been told.
    fn pending(&self) -> usize {
        self.untold.len() + self.begun.iter().map(|launch| launch.steps.len()).sum::<usize>()
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

    /// Takes the next steps of this epoch in one launch; false if that is not worth it. The launch
    /// after it begins before these are waited for: the device has something to do while they are
    /// told.
    fn launch(&mut self) -> Result<bool> {
        let first = self.ahead.as_ref().is_some_and(|ahead| ahead.begun.is_empty());
        if first && !self.begin(0)? {
            return Ok(false);
        }
        let next = self.ahead.as_ref().and_then(|ahead| ahead.begun.front());
        let slot = next.map_or(0, |next| 1 - next.slot);
        if !self.rests() {
            self.begin(slot)?;
        }
        let Some(ahead) = &mut self.ahead else { return Ok(false) };
        let Some(mut launch) = ahead.begun.pop_front() else { return Ok(false) };
        let (losses, failed) = self.training.finish_steps(&borrowed(&launch.steps));
        if failed.is_err() {
            // What comes after a step that failed is not taken.
            launch.steps.truncate(losses.len() + 1);
            ahead.begun.clear();
        }
        (ahead.untold, ahead.failed) = (losses.into(), failed.err());
        ahead.told = Some(launch);
        Ok(true)
    }

    /// Whether the state is to be brought back before anything else begins.
    fn rests(&self) -> bool {
        let pending = self.ahead.as_ref().map_or(0, Ahead::pending);
        self.is_due(self.step() + pending)
    }

    /// Begins the next steps of this epoch in one launch; false if that is not worth it.
    fn begin(&mut self, slot: usize) -> Result<bool> {
        let (batch_size, left) = self.batches_left();
        let Some(ahead) = &self.ahead else { return Ok(false) };
        let (every, pending) = (ahead.every, ahead.pending());
        // Where the training is looked at, nothing may have begun.
        let looked_at = every.is_some_and(|every| (self.step() + pending) % every.max(1) == 0);
        if pending > 0 && looked_at {
            return Ok(false);
        }
        let until =
            every.map_or(usize::MAX, |every| every.max(1) - (self.step() + pending) % every.max(1));
        let left = left.saturating_sub(pending);
        let count = self.training.steps_at_once(batch_size).min(until).min(left);
        if count < 2 {
            return Ok(false);
        }
        let mut steps = Vec::new();
        for i in 0..count {
            steps.push((self.next_batch()?, self.optimizer_after(pending + i)));
        }
        self.training.mark(slot)?;
        self.training.begin_steps(&borrowed(&steps))?;
        if let Some(ahead) = &mut self.ahead {
            ahead.begun.push_back(Launch { slot, steps });
        }
        Ok(true)
    }

    /// Takes back the steps that have not been told.
    pub(super) fn take_back(&mut self) -> Result<()> {
        let Some(ahead) = &mut self.ahead else { return Ok(()) };
        let untold = ahead.untold.len() + usize::from(ahead.failed.take().is_some());
        ahead.untold.clear();
        // Back to before the launch that is being told, or if it is told, before the next.
        let (slot, again) = match (ahead.told.take().filter(|_| untold > 0), ahead.begun.front()) {
            (Some(mut launch), _) => {
                launch.steps.truncate(launch.steps.len().saturating_sub(untold));
                (launch.slot, launch.steps)
            }
            (None, Some(next)) => (next.slot, Vec::new()),
            (None, None) => return Ok(()),
        };
        ahead.begun.clear();
        // The same steps once more have the same bits.
        let back = self.training.back_to_mark(slot);
        let mut once_more = || self.training.steps_until(&borrowed(&again))?.1;
        match back.and_then(|()| once_more()) {
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

fn borrowed(steps: &[(Batch, Optimizer)]) -> Vec<Step<'_>> {
    steps.iter().map(|(batch, optimizer)| Step::on(batch, *optimizer)).collect()
}
