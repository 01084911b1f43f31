//! How a training goes on when its graphics card fails.
//!
//! Now and then parameters and the optimiser's state are brought back from the card. If the card
//! fails, the processor takes the steps since then once more, on the same batches and at the same
//! rates, and goes on with the next. What has been told stays told.

use std::time::{Duration, Instant};

use super::training_loop::TrainingLoop;
use crate::{Batch, Device, Error, Event, Optimizer, Result, Training, engine::Buffer};

/// What was brought back is at most so old.
const KEPT_TIME: Duration = Duration::from_secs(1);
/// So many steps are taken again at most, when one took next to no time.
const KEPT_STEPS: usize = 4096;

/// The last state that was brought back.
pub(super) struct Kept {
    /// What the training goes on on.
    device: Device,
    parameters: Vec<f32>,
    state: Vec<Vec<f32>>,
    updates: u64,
    epoch: usize,
    batches: usize,
    /// The optimiser of each step since then that was told.
    since: Vec<Optimizer>,
    taken: Instant,
    /// Whether somebody may have changed the training meanwhile.
    touched: bool,
}

impl Kept {
    fn of(training: &Training, device: Device, (epoch, batches): (usize, usize)) -> Result<Self> {
        let state = (0..training.slots()).map(|slot| training.copy(Buffer::State(slot))).collect();
        let kept = Self {
            device,
            parameters: training.parameters(),
            state,
            updates: training.updates(),
            epoch,
            batches,
            since: Vec::new(),
            taken: Instant::now(),
            touched: false,
        };
        training.failed().map(|()| kept)
    }

    fn is_due(&self) -> bool {
        self.since.len() >= KEPT_STEPS || self.taken.elapsed() >= KEPT_TIME
    }
}

impl TrainingLoop {
    /// Brings the state back for the first time, if the training is on a device that can fail and
    /// is to go on on this one then.
    pub(super) fn keep_for(&mut self, device: Option<Device>) -> Result<()> {
        // The ranks of a group have the same bits, which another device would not give.
        let (Some(device), false) = (device, self.is_of_group()) else { return Ok(()) };
        if matches!(self.training.device(), Device::Cuda { .. }) {
            // Other bits on another device are fine, so they are on another card.
            self.training.allow_cublaslt(true)?;
            self.cublaslt = self.training.cublaslt();
            self.kept = Some(Kept::of(&self.training, device, self.place())?);
        }
        Ok(())
    }

    /// Somebody is given the training, and may change it.
    pub(super) fn touch(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.touched = true;
        }
    }

    /// Remembers a step that is being told.
    pub(super) fn remember(&mut self, lr: f64) {
        let optimizer = self.optimizer_with(lr);
        if let Some(kept) = &mut self.kept {
            kept.since.push(optimizer);
        }
    }

    /// Whether the state is to be brought back after so many steps.
    pub(super) fn is_due(&self, step: usize) -> bool {
        self.kept.as_ref().is_some_and(Kept::is_due) || self.snapshot.borrow().is_due(step)
    }

    /// Brings the state back if that is due: between two launches.
    pub(super) fn renew_kept(&mut self) -> Result<()> {
        match &self.kept {
            Some(kept) if self.is_all_told() && (kept.touched || kept.is_due()) => {
                self.bring_back()
            }
            _ => Ok(()),
        }
    }

    /// Brings the state back.
    pub(super) fn bring_back(&mut self) -> Result<()> {
        let Some(kept) = &self.kept else { return Ok(()) };
        if kept.since.is_empty() && !kept.touched {
            return Ok(());
        }
        match Kept::of(&self.training, kept.device, self.place()) {
            Ok(kept) => self.kept = Some(kept),
            Err(error) => self.survive(error)?,
        }
        Ok(())
    }

    /// Goes on on another device if this error says that the device has failed.
    ///
    /// # Errors
    /// This one, if it says something else; what went wrong on the other device.
    pub(super) fn survive(&mut self, error: Error) -> Result<()> {
        match (error, self.kept.take()) {
            (Error::Device(why), Some(kept)) => self.fall_back(why, kept),
            (error, kept) => {
                self.kept = kept;
                Err(error)
            }
        }
    }

    /// Begins the batch whose stages are run by hand once more, if it was the device that failed.
    pub(super) fn once_more(&mut self, error: Error) -> Result<Batch> {
        self.survive(error)?;
        let batch = self.next_batch()?;
        self.training.forward(&batch)?;
        Ok(batch)
    }

    fn fall_back(&mut self, why: String, kept: Kept) -> Result<()> {
        self.forget_ahead();
        let Kept { device, parameters, state, updates, .. } = kept;
        self.training.go_on(device, &parameters, &state, updates)?;
        let (mut epoch, mut batches) = (kept.epoch, kept.batches);
        self.turn_to(epoch, batches)?;
        for optimizer in kept.since {
            if batches == self.steps_per_epoch() {
                (epoch, batches) = (epoch + 1, 0);
                self.turn_to(epoch, batches)?;
            }
            let batch = self.next_batch()?;
            self.training.step(&batch, optimizer).map_err(|error| self.rescued(error))?;
            batches += 1;
        }
        let (now, done) = self.place();
        if (epoch, batches) != (now, done) {
            self.turn_to(now, done)?;
        }
        self.news = Some((device, why));
        Ok(())
    }

    /// Tells that the training has gone to another device, once.
    pub(super) fn take_news(&mut self) -> Option<Event> {
        let (device, why) = self.news.take()?;
        Some(Event::Device { step: self.step(), device, why })
    }
}
