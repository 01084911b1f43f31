//! The training loop, written once.

use std::{
    cell::LazyCell,
    time::{Duration, Instant},
};

use super::{Checkpoint, Ended, Event, Fit, Trainer, checkpoint::Standing};
use crate::{Dataset, Error, Result, Training, engine::Buffer, schedule::Clock};

/// The last good snapshot is at most this old.
const SNAPSHOT_STEPS: usize = 1000;
const SNAPSHOT_TIME: Duration = Duration::from_secs(10);
/// At the ends of epochs, a checkpoint is made if the last one is this old.
const CHECKPOINT_TIME: Duration = Duration::from_secs(10);

impl Trainer<'_> {
    /// Trains.
    ///
    /// # Errors
    /// As [`Trainer::plan`]; [`Error::Diverged`], with the last good model; a
    /// checkpoint of another training.
    pub fn fit(mut self, data: &Dataset) -> Result<Fit> {
        let mut training = self.training(data)?;
        self.run(&mut training, data)
    }

    fn run(&mut self, training: &mut Training, data: &Dataset) -> Result<Fit> {
        let batch_size = self.batch_size.min(data.len());
        let steps = self.epochs * data.len().div_ceil(batch_size);
        let clock = Clock::new(self.schedule, self.optimizer.lr());
        let known = LazyCell::new(|| data.fingerprint());
        let mut at = match self.resume.take() {
            Some(checkpoint) => checkpoint.restore(training, *known, &self.optimizer, clock)?,
            None => Standing::new(clock),
        };
        let mut snapshot = Snapshot::of(training, at.steps);
        let mut checkpointed = Instant::now();
        let mut ended = Ended::Done;
        'epochs: while at.epoch < self.epochs && !self.out_of_patience(&at) {
            let epoch = at.epoch;
            let done = at.batches;
            for (i, batch) in self.loader(data, epoch).enumerate().skip(done) {
                let lr = at.clock.lr(at.steps, steps, epoch);
                training.prefetch(batch.following());
                let loss = training
                    .step(&batch, self.optimizer.with_lr(lr))
                    .map_err(|e| snapshot.rescue(e, training))?;
                let step = at.steps;
                at.add(loss);
                snapshot.renew(training, at.steps);
                let event = Event::Step { epoch, i, step, steps, loss, lr };
                if self.tell(&event).is_break() {
                    ended = Ended::Asked;
                    break 'epochs;
                }
                if self.checkpoint_every.is_some_and(|every| at.steps % every.max(1) == 0) {
                    self.checkpoint(training, &known, &at);
                }
            }
            let validation = match &self.validation {
                Some(data) => Some(training.test(data)?),
                None => None,
            };
            let mean = at.mean();
            let watched = validation.as_ref().map_or(mean, |score| score.loss);
            at.clock.epoch_ended(watched);
            at.since_best += 1;
            if self.patience.is_some() && at.best.as_ref().is_none_or(|(loss, _)| watched < *loss) {
                at.best = Some((watched, training.parameters()));
                at.since_best = 0;
            }
            at.epoch_ended();
            let event = Event::Epoch { epoch, loss: mean, validation };
            if self.tell(&event).is_break() {
                ended = Ended::Asked;
                break;
            }
            if self.checkpoint_every.is_none() && checkpointed.elapsed() >= CHECKPOINT_TIME {
                checkpointed = Instant::now();
                self.checkpoint(training, &known, &at);
            }
        }
        if ended == Ended::Done && at.epoch < self.epochs {
            ended = Ended::Patience;
        }
        self.checkpoint(training, &known, &at);
        let _ = self.tell(&Event::End { steps: at.steps, ended });
        let (epochs, steps, final_loss) = (at.epoch, at.steps, at.last_mean());
        let model = match at.best {
            Some((_, parameters)) => training.model_with(parameters),
            None => training.model(),
        };
        Ok(Fit { model, epochs, steps, final_loss, ended })
    }

    fn out_of_patience(&self, at: &Standing) -> bool {
        // After a resumption in the middle of an epoch, that epoch is finished first.
        at.batches == 0 && self.patience.is_some_and(|most| at.epoch > 0 && at.since_best >= most)
    }

    fn checkpoint(
        &mut self,
        training: &mut Training,
        data: &LazyCell<u64, impl FnOnce() -> u64>,
        at: &Standing,
    ) {
        let slots = self.optimizer.slots();
        if let Some(handle) = &mut self.on_checkpoint {
            handle(Checkpoint::of(training, **data, slots, at));
        }
    }
}

/// The last parameters that were all finite.
struct Snapshot {
    parameters: Vec<f32>,
    step: usize,
    taken: Instant,
}

impl Snapshot {
    fn of(training: &Training, step: usize) -> Self {
        Self { parameters: training.parameters(), step, taken: Instant::now() }
    }

    fn renew(&mut self, training: &mut Training, step: usize) {
        // Looking at the clock costs more than counting.
        let due = step - self.step >= SNAPSHOT_STEPS
            || (step % 64 == 0 && self.taken.elapsed() >= SNAPSHOT_TIME);
        if due {
            training.engine().read(Buffer::Parameters, &mut self.parameters);
            (self.step, self.taken) = (step, Instant::now());
        }
    }

    /// Adds the snapshot to a divergence.
    fn rescue(&self, error: Error, training: &Training) -> Error {
        match error {
            Error::Diverged(mut diverged) => {
                diverged.last_good = Some(training.model_with(self.parameters.clone()));
                diverged.last_good_step = self.step as u64;
                Error::Diverged(diverged)
            }
            other => other,
        }
    }
}
