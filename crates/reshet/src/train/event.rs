//! What a training tells as it goes on, and its result.

use crate::{Device, Model, Score};

/// An event of a training.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A step was taken.
    Step {
        /// The epoch, from 0.
        epoch: usize,
        /// The step within this epoch, from 0.
        i: usize,
        /// The step over all epochs, from 0.
        step: usize,
        /// The number of steps of all epochs.
        steps: usize,
        /// The loss of this batch before the update.
        loss: f32,
        /// The learning rate.
        lr: f64,
    },
    /// An epoch ended.
    Epoch {
        /// The epoch, from 0.
        epoch: usize,
        /// The mean of its steps' losses.
        loss: f64,
        /// The score on the validation part, if there is one.
        validation: Option<Score>,
    },
    /// The graphics card has failed, and the training goes on on another device, with the next step:
    /// the steps since its state was last brought back were taken there again. Told once; no step
    /// or epoch is told twice.
    Device {
        /// Updates taken.
        step: usize,
        /// The device that it goes on on.
        device: Device,
        /// What has failed.
        why: String,
    },
    /// Training is over; a request to stop has no effect any more.
    End {
        /// Updates taken.
        steps: usize,
        /// Why it ended.
        ended: Ended,
    },
}

/// The most steps that a log keeps; longer trainings keep every k-th.
const LOGGED_STEPS: usize = 5000;

impl Event {
    /// Whether a log should keep this event: of the steps at most 5,000, evenly spaced, and
    /// all other events.
    pub fn is_logged(&self) -> bool {
        match self {
            Self::Step { step, steps, .. } => step % steps.div_ceil(LOGGED_STEPS).max(1) == 0,
            _ => true,
        }
    }
}

/// The result of a training.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The trained model; with early stopping, the model of the best epoch.
    pub model: Model,
    /// Whole epochs trained.
    pub epochs: usize,
    /// Updates taken.
    pub steps: usize,
    /// The mean of the last epoch's step losses, even if that epoch is incomplete.
    pub final_loss: f64,
    /// The mean loss of each whole epoch since the training was last resumed.
    pub epoch_losses: Vec<f64>,
    /// Why it ended.
    pub ended: Ended,
    /// What cuBLASLt computed on a card, if the network has layers that are large enough for it: see
    /// [`Training::allow_cublaslt`](crate::Training::allow_cublaslt). Not known of an average of
    /// networks.
    pub cublaslt: Option<CublasLt>,
}

/// Whether NVIDIA's cuBLASLt computed the products of a training's large layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CublasLt {
    /// It did, in this version, as `12.9.3`; where a batch was large enough, and until the card failed
    /// if it did.
    Used(String),
    /// It is not to be had, or a first check of it failed, for this reason.
    LeftOut(String),
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All epochs were trained.
    Done,
    /// The validation loss had not fallen for `patience` epochs.
    Patience,
    /// The event handler asked for it.
    Asked,
}
