//! The newest good parameters of a training, for a divergence.

use std::time::{Duration, Instant};

use crate::{Error, Training, engine::Buffer};

/// The last good snapshot is at most this old.
const SNAPSHOT_STEPS: usize = 1000;
const SNAPSHOT_TIME: Duration = Duration::from_secs(10);

/// The last parameters that were all finite.
pub(super) struct Snapshot {
    pub parameters: Vec<f32>,
    step: usize,
    taken: Instant,
}

impl Snapshot {
    pub fn of(training: &Training, step: usize) -> Self {
        Self { parameters: training.parameters(), step, taken: Instant::now() }
    }

    pub fn renew(&mut self, training: &Training, step: usize) {
        if self.is_due(step) {
            self.take(&training.copy(Buffer::Parameters), step);
        }
    }

    /// Whether it is older than it may be after so many steps.
    pub fn is_due(&self, step: usize) -> bool {
        // Looking at the clock costs more than counting.
        step - self.step >= SNAPSHOT_STEPS
            || (step % 64 == 0 && self.taken.elapsed() >= SNAPSHOT_TIME)
    }

    /// Takes these parameters, if they are finite: a step's loss is of the parameters before it.
    pub fn take(&mut self, parameters: &[f32], step: usize) {
        if parameters.iter().all(|x| x.is_finite()) {
            self.parameters.copy_from_slice(parameters);
            (self.step, self.taken) = (step, Instant::now());
        }
    }

    /// Adds the snapshot to a divergence.
    pub fn rescue(&self, error: Error, training: &Training) -> Error {
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
