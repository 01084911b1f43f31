//! The three stages by hand: forward, backward, update.
//!
//! For writing your own loop; [`Trainer`](crate::Trainer) has one ready. A batch is rows of
//! the attached dataset, or arrays passed with the call (`…_on`).

mod among;
mod batch;
mod buffers;
pub(crate) mod members;
mod outputs;
mod saved;
mod setup;
mod stages;
mod step;

use crate::{
    CublasLt, Dataset, Device, Loss, Meaning, Optimizer, Plan, Precision, Result, Sequential,
    engine::Engine,
};

pub(crate) use self::step::Step;

pub use self::setup::Setup;

/// What has been done with the current batch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Stage {
    Start,
    Forward,
    Backward,
}

/// The source of the current batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    /// The attached dataset.
    Rows,
    /// Arrays that were passed with the call.
    Arrays,
}

/// A network on an engine. You can train it step by step, inspect it between the stages, save
/// it and resume it.
///
/// With a dataset attached, a batch is a list of rows:
///
/// ```
/// use reshet::prelude::*;
/// # use reshet::{Features, Storage, Targets};
/// // y = 2x
/// let x = Features::new(Storage::F32(vec![0.0, 1.0, 2.0, 3.0]), &[1])?;
/// let data = Dataset::new(x, Targets::numbers(vec![0.0, 2.0, 4.0, 6.0], 1))?;
/// let mut training = sequential![Linear(1, 1)]?.with_loss(MSELoss).attach(&data)?;
/// let sgd = SGD::new(0.1);
/// let mut last = f32::INFINITY;
/// for epoch in 0..200 {
///     for batch in data.loader(4) {
///         training.forward(&batch)?;
///         last = training.backward()?;
///         training.update(&sgd)?;
///     }
/// }
/// assert!(last < 1e-4);
/// # Ok::<(), reshet::Error>(())
/// ```
///
/// Without a dataset, a batch is arrays; the results have the same bits:
///
/// ```
/// use reshet::prelude::*;
/// let mut agent = sequential![Linear(2, 8), ReLU, Linear(8, 1)]?.with_loss(MSELoss).start()?;
/// let states = [0.0, 0.0, 1.0, 0.5]; // two samples of two numbers
/// let loss = agent.step_on(&states, &[0.0, 1.0], SGD::new(0.1))?;
/// assert_eq!(agent.predict(&states)?.len(), 2);
/// # assert!(loss.is_finite());
/// # Ok::<(), reshet::Error>(())
/// ```
pub struct Training {
    network: Sequential,
    loss: Loss,
    seed: u64,
    meaning: Meaning,
    engine: Box<dyn Engine>,
    /// In the training's units.
    data: Option<Dataset>,
    stage: Stage,
    of: Of,
    clip: Option<f32>,
    /// The optimiser of the last update.
    optimizer: Option<Optimizer>,
    /// The current batch of the dataset, or 0, 1, 2, … of an array.
    rows: Vec<u32>,
    /// Answers, targets in the training's units, or derivatives.
    numbers: Vec<f32>,
    /// The numbers that the loss was given for the current batch.
    logits: Vec<f32>,
    /// Room for some rows.
    wide: Vec<f64>,
}

impl Training {
    /// Limits the norm of the gradient over all parameters to `norm`
    /// (Pascanu et al. 2013; PyTorch's `clip_grad_norm_`).
    pub fn clip_grad_norm(&mut self, norm: Option<f32>) {
        self.clip = norm;
    }

    /// Returns the norm to which the gradient is limited.
    pub(crate) fn norm_limit(&self) -> Option<f32> {
        self.clip
    }

    /// Returns the optimiser of the last update, or of the training that was loaded.
    pub fn optimizer(&self) -> Option<Optimizer> {
        self.optimizer
    }

    /// Sets the optimiser that [`Training::save`] records if there was no update yet.
    pub fn set_optimizer(&mut self, optimizer: impl Into<Optimizer>) {
        self.optimizer = Some(optimizer.into());
    }

    /// Returns the number of updates taken.
    pub fn updates(&self) -> u64 {
        self.engine.updates()
    }

    /// Sets how many updates the optimiser's state has seen: for resuming.
    pub(crate) fn set_updates(&mut self, updates: u64) {
        self.engine.set_updates(updates);
    }

    /// Returns the network.
    pub fn network(&self) -> &Sequential {
        &self.network
    }

    /// Returns the lowered network.
    pub fn plan(&self) -> &Plan {
        self.engine.plan()
    }

    /// Returns the device it runs on.
    pub fn device(&self) -> Device {
        self.engine.device()
    }

    /// Returns the precision of its products.
    pub fn precision(&self) -> Precision {
        self.engine.precision()
    }

    /// Lets NVIDIA's cuBLASLt compute the products of large layers on a card, or does not (the
    /// default): those of at least 1,024 · 1,024 weights with 256 inputs and outputs or more, for
    /// batches of 256 samples or more.
    ///
    /// It is loaded if it is there, and left out if a first check of it fails. Its bits may be others
    /// on another card, and with another version of it; so [`Trainer`](crate::Trainer) allows it
    /// where the training may go on on another device ([`Trainer::fall_back`](crate::Trainer::fall_back)).
    /// On other devices this does nothing. Predictions are computed without it.
    ///
    /// # Errors
    /// `RESHET_CUBLASLT_FROM`, which can set another number in place of 1,024, is none.
    pub fn allow_cublaslt(&mut self, allow: bool) -> Result<()> {
        self.engine.allow_library(allow)
    }

    /// Returns whether cuBLASLt computes products of this training, if it is allowed and there are
    /// layers that are large enough for it.
    pub fn cublaslt(&self) -> Option<CublasLt> {
        Some(match self.engine.library()? {
            Ok(version) => CublasLt::Used(version.into()),
            Err(why) => CublasLt::LeftOut(why.into()),
        })
    }

    /// Returns the number of slots of the optimiser's state.
    pub(crate) fn slots(&self) -> usize {
        self.engine.slots()
    }

    /// Tells what of the device has failed since this was last asked.
    pub(crate) fn failed(&self) -> Result<()> {
        self.engine.fault().map_or(Ok(()), Err)
    }

    /// Returns what inputs and outputs stand for.
    pub fn meaning(&self) -> &Meaning {
        &self.meaning
    }
}
