//! The three stages by hand: forward, backward, update.
//!
//! For whoever writes the loop; [`Trainer`](crate::Trainer) writes it for you.

use crate::{
    Dataset, Device, Engine, Init, Loss, Model, Optimizer, Plan, Result, Score, Sequential,
    data::table::Unit,
    engine::Buffer,
    error::{Diverged, Error},
    model::{self, Meaning},
    optim::Hyper,
};

/// A network with its loss, on its way to a device.
#[derive(Clone, Debug)]
pub struct Setup {
    network: Sequential,
    loss: Loss,
    seed: u64,
    init: Init,
    device: Device,
    parameters: Option<Vec<f32>>,
    units: Vec<Unit>,
}

impl Sequential {
    /// Says what training makes small.
    pub fn with_loss(self, loss: Loss) -> Setup {
        let (init, device) = (Init::Default, Device::best());
        let (parameters, units) = (None, Vec::new());
        Setup { network: self, loss, seed: 0, init, device, parameters, units }
    }
}

impl Setup {
    /// The seed of initial weights and dropout (0 if not said).
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How weights start.
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    /// Starts from these parameters instead of fresh ones.
    pub fn parameters(mut self, parameters: Vec<f32>) -> Self {
        self.parameters = Some(parameters);
        self
    }

    /// Learns numbers in these units, one an output; answers come in the data's own.
    pub fn units(mut self, units: Vec<Unit>) -> Self {
        self.units = units;
        self
    }

    /// Chooses the device; [`Device::best`] if not said.
    ///
    /// # Errors
    /// The loss does not go with the network's output.
    pub fn on(mut self, device: Device) -> Result<Self> {
        Plan::new(&self.network, self.loss.clone())?;
        self.device = device;
        Ok(self)
    }

    /// Binds the network to the data it will learn from.
    ///
    /// # Errors
    /// The network does not fit its loss or the data; says what would.
    pub fn attach(self, data: &Dataset) -> Result<Training> {
        let plan = Plan::new(&self.network, self.loss.clone())?;
        let data = &data.in_units(&self.units);
        plan.check(data)?;
        let parameters = self.parameters.unwrap_or_else(|| plan.init(self.init, self.seed));
        let (mut meaning, samples) = (Meaning::of(data, &self.loss), data.len());
        meaning.units = self.units;
        let start =
            Model::new(self.network.clone(), self.loss.clone(), parameters, meaning.clone())?;
        let engine = self.device.engine(plan, data.clone(), start.parameters(), self.seed);
        let (network, loss) = (self.network, self.loss);
        Ok(Training { network, loss, meaning, engine, samples, stage: Stage::Start, clip: None })
    }
}

/// What has been done with the current batch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Stage {
    Start,
    Forward,
    Backward,
}

/// A network attached to a dataset and an engine.
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
pub struct Training {
    network: Sequential,
    loss: Loss,
    meaning: Meaning,
    engine: Box<dyn Engine>,
    samples: usize,
    stage: Stage,
    clip: Option<f32>,
}

impl Training {
    /// Scales gradients so that their norm over all parameters is at most
    /// `norm` (Pascanu et al. 2013; PyTorch's `clip_grad_norm_`).
    pub fn clip_grad_norm(&mut self, norm: Option<f32>) {
        self.clip = norm;
    }

    /// First stage: the network's outputs for these rows of the dataset.
    ///
    /// # Errors
    /// No rows, or one that is not there.
    pub fn forward(&mut self, rows: &[u32]) -> Result<()> {
        self.check(rows)?;
        self.engine.forward(rows);
        self.stage = Stage::Forward;
        Ok(())
    }

    /// Second stage: the mean loss of the batch, and its fresh gradient.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is not finite; no forward pass before.
    pub fn backward(&mut self) -> Result<f32> {
        self.backward_into(false)
    }

    /// [`Training::backward`] that adds to the gradient instead of replacing it.
    ///
    /// # Errors
    /// As [`Training::backward`].
    pub fn accumulate(&mut self) -> Result<f32> {
        self.backward_into(true)
    }

    fn backward_into(&mut self, accumulate: bool) -> Result<f32> {
        self.after(Stage::Forward, "backward", "forward")?;
        let loss = self.engine.backward(accumulate);
        self.stage = Stage::Backward;
        if loss.is_finite() { Ok(loss) } else { Err(self.diverged(f64::NAN, Some(loss))) }
    }

    /// Third stage: takes a step along the gradient.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a parameter is no longer finite; no backward pass
    /// before; hyper-parameters that make no sense.
    pub fn update(&mut self, optimizer: impl Into<Optimizer>) -> Result<()> {
        self.after(Stage::Backward, "update", "backward")?;
        let optimizer = optimizer.into();
        optimizer.check()?;
        self.stage = Stage::Start;
        let finite = self.engine.update(&Hyper { optimizer, clip_norm: self.clip });
        if finite { Ok(()) } else { Err(self.diverged(optimizer.lr(), None)) }
    }

    /// The three stages in one, fused where the engine can; the same bits.
    ///
    /// # Errors
    /// As the three apart.
    pub fn step(&mut self, rows: &[u32], optimizer: impl Into<Optimizer>) -> Result<f32> {
        self.check(rows)?;
        let optimizer = optimizer.into();
        optimizer.check()?;
        self.stage = Stage::Start;
        let (loss, finite) = self.engine.step(rows, &Hyper { optimizer, clip_norm: self.clip });
        if !loss.is_finite() {
            Err(self.diverged(optimizer.lr(), Some(loss)))
        } else if !finite {
            Err(self.diverged(optimizer.lr(), None))
        } else {
            Ok(loss)
        }
    }

    /// A hint: these rows come next ([`Batch::following`](crate::Batch::following)).
    /// The engine may fetch them while it computes; nothing else changes.
    pub fn prefetch(&mut self, rows: &[u32]) {
        if rows.iter().all(|row| (*row as usize) < self.samples) {
            self.engine.prefetch(rows);
        }
    }

    fn check(&self, rows: &[u32]) -> Result<()> {
        if rows.is_empty() {
            return Err(Error::invalid("a batch needs at least one sample"));
        }
        match rows.iter().find(|row| **row as usize >= self.samples) {
            Some(row) => Err(Error::invalid(format!(
                "row {row}: the data has {} samples, counted from 0",
                self.samples
            ))),
            None => Ok(()),
        }
    }

    fn after(&self, stage: Stage, this: &str, before: &str) -> Result<()> {
        if self.stage == stage {
            return Ok(());
        }
        Err(Error::invalid(format!("{this} without {before}: first call {before} on a batch")))
    }

    fn diverged(&self, lr: f64, loss: Option<f32>) -> Error {
        let what = match loss {
            Some(loss) => format!("the loss ({loss})"),
            None => {
                let name = self.engine.plan().not_finite(&self.parameters());
                format!("parameter {}", name.unwrap_or_default())
            }
        };
        // A loss that is not finite is met before its update.
        let step = self.engine.updates().saturating_sub(u64::from(self.stage == Stage::Start));
        Error::Diverged(Box::new(Diverged { step, lr, what, last_good: None, last_good_step: 0 }))
    }

    /// The network's outputs for the last batch, one row a sample.
    pub fn output(&self, samples: usize) -> Vec<f32> {
        let plan = self.engine.plan();
        let mut output = vec![0.0; samples * plan.outputs];
        self.engine.output(&mut output);
        plan.output(&mut output);
        output
    }

    /// All parameters, flat, in the order of PyTorch's `state_dict`.
    pub fn parameters(&self) -> Vec<f32> {
        self.read(Buffer::Parameters)
    }

    /// The gradient of the last backward pass, in the parameters' order.
    pub fn gradients(&self) -> Vec<f32> {
        self.read(Buffer::Gradients)
    }

    fn read(&self, buffer: Buffer) -> Vec<f32> {
        let mut into = vec![0.0; self.engine.plan().parameters];
        self.engine.read(buffer, &mut into);
        into
    }

    /// The engine: for reading and writing its buffers between the stages.
    pub fn engine(&mut self) -> &mut dyn Engine {
        &mut *self.engine
    }

    /// The network.
    pub fn network(&self) -> &Sequential {
        &self.network
    }

    /// What runs.
    pub fn plan(&self) -> &Plan {
        self.engine.plan()
    }

    /// The network as it is now, tested on these samples: as `model().test(…)`,
    /// without another engine.
    ///
    /// # Errors
    /// The data has other inputs or another kind of target than the training's.
    pub fn test(&mut self, data: &Dataset) -> Result<Score> {
        let data = &self.meaning.with_all_classes(data)?;
        self.plan().check(&data.in_units(&self.meaning.units))?;
        // The engine's memory of the last batch is gone after this.
        self.stage = Stage::Start;
        let mut rows = vec![0.0; data.len() * self.plan().outputs];
        let all: Vec<u32> = (0..data.len() as u32).collect();
        self.engine.predict(data.features(), &all, &mut rows);
        Ok(model::score(self.plan(), &self.meaning, &mut rows, data))
    }

    /// The network as it is now, apart from its engine.
    pub fn model(&self) -> Model {
        self.model_with(self.parameters())
    }

    pub(crate) fn model_with(&self, parameters: Vec<f32>) -> Model {
        Model {
            network: self.network.clone(),
            loss: self.loss.clone(),
            parameters,
            meaning: self.meaning.clone(),
            notes: Default::default(),
        }
    }
}
