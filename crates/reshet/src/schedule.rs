//! Learning-rate schedules: the learning rate of each step.
//!
//! PyTorch's definitions
//! (<https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate>).
//! [`Schedule::StepLR`] and [`Schedule::ReduceLROnPlateau`] change the rate once per epoch,
//! the others at each step, over the whole training.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate changes while training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Schedule {
    /// A constant rate: lr
    #[default]
    Constant,
    /// Decay in steps: lr · γ^⌊epoch / step_size⌋
    StepLR {
        /// Epochs between two decays.
        step_size: usize,
        /// γ
        gamma: f64,
    },
    /// Decay along a cosine: η + (lr − η)(1 + cos(π t / T)) / 2, T the number of steps.
    CosineAnnealingLR {
        /// η, the rate at the end.
        eta_min: f64,
    },
    /// Up from lr/25 to lr in the first 30 % of the steps, then down to
    /// lr/250,000, both along a cosine (Smith and Topin 2018). The optimiser's
    /// learning rate is the highest.
    OneCycleLR,
    /// The rate is multiplied by `factor` when the loss has not fallen by a ten-thousandth
    /// for more than `patience` epochs. The loss is the validation part's, if
    /// there is one.
    ReduceLROnPlateau {
        /// The factor of each reduction.
        factor: f64,
        /// The number of epochs without improvement that are allowed.
        patience: usize,
    },
}

impl Schedule {
    /// Returns the learning rate of `step` out of `steps`, in `epoch` (all from 0); `lr` is the
    /// optimiser's, already reduced by [`Schedule::ReduceLROnPlateau`].
    pub fn lr(self, lr: f64, step: usize, steps: usize, epoch: usize) -> f64 {
        let cosine = |from: f64, to: f64, at: f64| to + (from - to) * (1.0 + (PI * at).cos()) / 2.0;
        match self {
            Self::Constant | Self::ReduceLROnPlateau { .. } => lr,
            Self::StepLR { step_size, gamma } => lr * gamma.powi((epoch / step_size) as i32),
            Self::CosineAnnealingLR { eta_min } => cosine(lr, eta_min, step as f64 / steps as f64),
            Self::OneCycleLR => {
                let (start, end) = (lr / 25.0, lr / 25.0 / 1e4);
                // The last step of each phase, as PyTorch counts them.
                let (top, last) = (0.3 * steps as f64 - 1.0, steps as f64 - 1.0);
                let step = step as f64;
                if step <= top {
                    cosine(start, lr, step / top.max(1.0))
                } else {
                    cosine(lr, end, ((step - top) / (last - top)).min(1.0))
                }
            }
        }
    }
}

/// The state of a schedule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    schedule: Schedule,
    lr: f64,
    /// The state of ReduceLROnPlateau.
    best: f64,
    bad: usize,
}

impl Clock {
    pub fn new(schedule: Schedule, lr: f64) -> Self {
        Self { schedule, lr, best: f64::INFINITY, bad: 0 }
    }

    /// The learning rate of `step` out of `steps`, in `epoch` (all from 0).
    pub fn lr(&self, step: usize, steps: usize, epoch: usize) -> f64 {
        self.schedule.lr(self.lr, step, steps, epoch)
    }

    /// The state that changes from epoch to epoch, floats as their bits.
    pub fn state(&self) -> [u64; 3] {
        [self.lr.to_bits(), self.best.to_bits(), self.bad as u64]
    }

    /// Restores what [`Clock::state`] returned.
    pub fn restore(&mut self, [lr, best, bad]: [u64; 3]) {
        (self.lr, self.best, self.bad) = (f64::from_bits(lr), f64::from_bits(best), bad as usize);
    }

    /// Tells the schedule an epoch's loss.
    pub fn epoch_ended(&mut self, loss: f64) {
        let Schedule::ReduceLROnPlateau { factor, patience } = self.schedule else { return };
        if loss < self.best * (1.0 - 1e-4) {
            (self.best, self.bad) = (loss, 0);
        } else {
            self.bad += 1;
        }
        if self.bad > patience {
            (self.lr, self.bad) = (self.lr * factor, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against PyTorch's run on the same losses.
    #[test]
    fn plateau_is_pytorchs() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/schedules.json");
        let text = std::fs::read_to_string(path).unwrap();
        let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
        let all = golden["schedules"].as_array().unwrap();
        let case = all.iter().find(|c| c["type"] == "ReduceLROnPlateau").unwrap();
        let schedule = Schedule::ReduceLROnPlateau {
            factor: case["factor"].as_f64().unwrap(),
            patience: case["patience"].as_u64().unwrap() as usize,
        };
        let mut clock = Clock::new(schedule, case["base_lr"].as_f64().unwrap());
        let pairs = case["losses"].as_array().unwrap().iter().zip(case["lr"].as_array().unwrap());
        for (loss, lr) in pairs {
            assert!((clock.lr(0, 1, 0) - lr.as_f64().unwrap()).abs() < 1e-12);
            clock.epoch_ended(loss.as_f64().unwrap());
        }
    }
}
