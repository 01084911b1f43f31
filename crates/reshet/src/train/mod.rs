//! Trains a network on a dataset. The settings are here, the loop is in `training_loop`.

mod ahead;
mod by_hand;
mod checkpoint;
mod event;
mod fall_back;
mod settings;
mod snapshot;
pub(crate) mod temperature;
mod training_loop;

use std::{
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Dataset, Device, Error, Group, Init, Loss, Optimizer, Plan, Precision, Result, Schedule,
    Sequential, Targets,
    activation::Activation,
    data::table::{StreamedRows, Unit},
    optim::Adam,
    schedule::Clock,
};

pub use checkpoint::Checkpoint;
pub use event::{CublasLt, Ended, Event, Fit};
use settings::Settings;
pub use training_loop::TrainingLoop;

/// At the end of an epoch, a checkpoint is made if the last one is at least this old.
const CHECKPOINT_TIME: Duration = Duration::from_secs(10);

/// Trains a network on a dataset: epochs, batches, schedule, validation.
///
/// ```
/// use reshet::prelude::*;
/// # use reshet::{Features, Storage, Targets};
/// # let x = Features::new(Storage::F32((0..40).map(|i| i as f32 / 40.0).collect()), &[1])?;
/// # let data = Dataset::new(x, Targets::numbers((0..40).map(|i| i as f32 / 20.0).collect(), 1))?;
/// let network = sequential![Linear(1, 8), ReLU, Linear(8, 1)]?;
/// let fit = Trainer::new(network).epochs(50).batch_size(10).optimizer(Adam::new(0.01)).fit(&data)?;
/// println!("{}", fit.model.test(&data)?);
/// # assert!(fit.final_loss < 0.1);
/// # Ok::<(), reshet::Error>(())
/// ```
pub struct Trainer<'a> {
    network: Sequential,
    loss: Option<Loss>,
    optimizer: Optimizer,
    schedule: Schedule,
    epochs: usize,
    pub(crate) batch_size: usize,
    seed: u64,
    shuffle: bool,
    init: Init,
    parameters: Option<Vec<f32>>,
    clip: Option<f32>,
    device: Device,
    precision: Precision,
    validation: Option<Dataset>,
    streamed: Option<StreamedRows>,
    patience: Option<usize>,
    temperature: Option<f64>,
    units: Option<Vec<Unit>>,
    unscaled: bool,
    pub(crate) on_event: Handler<'a>,
    checkpoint_every: Option<usize>,
    on_checkpoint: Option<Box<dyn FnMut(Checkpoint) + 'a>>,
    resume: Option<Checkpoint>,
    group: Option<Arc<dyn Group>>,
    fall_back: Option<Device>,
}

type Handler<'a> = Box<dyn FnMut(&Event) -> ControlFlow<()> + 'a>;

/// Chooses the loss that fits a network's output and the data's targets.
///
/// Sigmoid and Tanh: BCE, or MSE if the targets are numbers other than 0 and 1.
/// Softmax: cross entropy. Otherwise the targets decide: cross entropy for classes, BCE with
/// logits for yes/no questions, MSE for numbers.
pub fn infer_loss(network: &Sequential, targets: &Targets) -> Loss {
    let amounts = |values: &[f32]| values.iter().any(|v| *v != 0.0 && *v != 1.0);
    match (network.output_activation(), targets) {
        (Activation::Sigmoid | Activation::Tanh, Targets::Numbers { values, .. })
            if amounts(values) =>
        {
            Loss::MSELoss
        }
        (Activation::Sigmoid | Activation::Tanh, _) => Loss::BCELoss,
        (Activation::Softmax, _) | (_, Targets::Classes { .. }) => Loss::cross_entropy(),
        (_, Targets::YesNo { .. }) => Loss::BCEWithLogitsLoss,
        (_, Targets::Numbers { .. }) => Loss::MSELoss,
    }
}

impl<'a> Trainer<'a> {
    /// Creates a trainer with the defaults: ten epochs, shuffled batches of 64,
    /// `Adam::new(0.001)`.
    pub fn new(network: Sequential) -> Self {
        Self {
            network,
            loss: None,
            optimizer: Adam::new(0.001).into(),
            schedule: Schedule::Constant,
            epochs: 10,
            batch_size: 64,
            seed: 0,
            shuffle: true,
            init: Init::Default,
            parameters: None,
            clip: None,
            device: Device::best(),
            precision: Precision::F32,
            validation: None,
            streamed: None,
            patience: None,
            temperature: None,
            units: None,
            unscaled: false,
            on_event: Box::new(|_| ControlFlow::Continue(())),
            checkpoint_every: None,
            on_checkpoint: None,
            resume: None,
            group: None,
            fall_back: Some(Device::cpu()),
        }
    }

    /// Sets the loss (by default [`infer_loss`] chooses it).
    pub fn loss(mut self, loss: Loss) -> Self {
        self.loss = Some(loss);
        self
    }

    /// Sets the optimiser.
    pub fn optimizer(mut self, optimizer: impl Into<Optimizer>) -> Self {
        self.optimizer = optimizer.into();
        self
    }

    /// Sets the learning-rate schedule.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// Sets the number of epochs: passes over all samples.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Sets the number of samples per step.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Sets the seed of initial weights, shuffles and dropout.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets whether the samples are shuffled in each epoch (true by default).
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
        self
    }

    /// Sets how weights are initialised.
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    /// Starts from these parameters instead of random ones.
    pub fn parameters(mut self, parameters: Vec<f32>) -> Self {
        self.parameters = Some(parameters);
        self
    }

    /// Limits the gradient's norm: see [`Training::clip_grad_norm`](crate::Training::clip_grad_norm).
    pub fn clip_grad_norm(mut self, norm: f32) -> Self {
        self.clip = Some(norm);
        self
    }

    /// Sets the device to train on.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Sets the device that a training goes on on if its graphics card fails, the processor by
    /// default; None: the training then ends with [`Error::Device`]. Another device gives other
    /// bits. A training of a group ends in any case. See [`Event::Device`].
    pub fn fall_back(mut self, device: Option<Device>) -> Self {
        self.fall_back = device;
        self
    }

    /// Sets the precision of the products ([`Precision::F32`] by default).
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Tests on these samples after each epoch.
    pub fn validation(mut self, data: &Dataset) -> Self {
        self.validation = Some(data.clone());
        self
    }

    /// Trains on these rows, which are read portion by portion, instead of those of the dataset
    /// that [`Trainer::fit`] is given: that is a sample of them
    /// ([`Streamed::prepared`](crate::data::table::Streamed::prepared)), from which loss and units
    /// follow.
    pub fn streamed(mut self, rows: &StreamedRows) -> Self {
        self.streamed = Some(rows.clone());
        self
    }

    /// Stops when the validation loss has not fallen for this many epochs, and keeps the
    /// parameters of the best epoch.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = Some(epochs);
        self
    }

    /// Divides what goes into the model's last sigmoid or softmax by this number, once it is trained:
    /// above 1, its probabilities are less certain, below 1 more. The last linear layer's weights and
    /// biases are divided, so that the model remains a network like any other. The training and its
    /// events are not affected.
    ///
    /// Guo et al., "On Calibration of Modern Neural Networks", 2017.
    pub fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets the units in which numeric targets are learnt, one per output; an empty list keeps
    /// the data's own. By default, the targets of a [`Table`](crate::Table), and others with a
    /// root mean square above 10, are scaled to mean 0 and standard deviation 1, or into the range
    /// of a sigmoid or tanh output. The model always answers in the data's own units.
    pub fn units(mut self, units: Vec<Unit>) -> Self {
        self.units = Some(units);
        self
    }

    /// Trains on inputs as they are, however large. By default, inputs far above 1 are refused,
    /// as networks learn poorly from them; those of a [`Table`](crate::Table) are scaled.
    pub fn unscaled(mut self) -> Self {
        self.unscaled = true;
        self
    }

    fn units_for(&self, data: &Dataset, loss: &Loss) -> Vec<Unit> {
        if let Some(units) = &self.units {
            return units.clone();
        }
        let of_table = data.features().columns().is_some();
        if loss.is_binary() || !(of_table || data.targets().are_far_from_one()) {
            return Vec::new();
        }
        Unit::fitting(data.targets(), self.network.output_activation())
    }

    fn check_scale(&self, data: &Dataset) -> Result<()> {
        let Some((input, size)) = data.features().far_above_one().filter(|_| !self.unscaled) else {
            return Ok(());
        };
        Err(Error::invalid(format!(
            "input {input} (counted from 0) is about {size:.0} in size, and networks learn from \
             numbers of about 1: subtract each input's mean and divide by its standard \
             deviation (pixels: divide by 255), read the data as a Table, which does it, or \
             call Trainer::unscaled to train on them as they are"
        )))
    }

    /// Calls `f` with each event; [`ControlFlow::Break`] ends the training there.
    pub fn on_event(mut self, f: impl FnMut(&Event) -> ControlFlow<()> + 'a) -> Self {
        self.on_event = Box::new(f);
        self
    }

    /// Calls `f` with a [`Checkpoint`] every `every` steps; None: when an epoch ends, if the
    /// last checkpoint is at least ten seconds old. Calls it once more when the training ends,
    /// for whatever reason.
    pub fn on_checkpoint(mut self, every: Option<usize>, f: impl FnMut(Checkpoint) + 'a) -> Self {
        self.checkpoint_every = every;
        self.on_checkpoint = Some(Box::new(f));
        self
    }

    /// Resumes from a checkpoint of the same training. The result has the same bits as a
    /// training that never stopped.
    pub fn resume(mut self, checkpoint: Checkpoint) -> Self {
        self.resume = Some(checkpoint);
        self
    }

    /// Trains together with the other ranks of a group, on the same batches as without one. All
    /// ranks have all of the data; each computes the gradient of its share of a batch's rows and
    /// predicts its share of the validation part. The losses are those of a training without a
    /// group to rounding, and the result has the same bits at each rank, and for each group of as
    /// many ranks. A checkpoint of such a training can be resumed by any number of ranks.
    ///
    /// Stages cannot be called by hand.
    pub fn group(mut self, group: Arc<dyn Group>) -> Self {
        self.group = Some(group);
        self
    }

    /// Leaves nothing but steps, for this many epochs.
    pub(crate) fn for_range_test(&mut self, epochs: usize) {
        (self.epochs, self.validation, self.patience, self.streamed) = (epochs, None, None, None);
        self.group = None;
    }

    /// Trains the network on this data.
    ///
    /// # Errors
    /// As [`Trainer::plan`]; [`Error::Diverged`], with the last good model; the
    /// checkpoint is of another training; [`Error::Device`] if the device fails and there is none
    /// to go on on: see [`Trainer::fall_back`].
    pub fn fit(mut self, data: &Dataset) -> Result<Fit> {
        let mut training = self.start(data)?;
        training.run_ahead(self.checkpoint_every);
        let mut checkpointed = Instant::now();
        loop {
            let event = match training.advance() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => {
                    // The last whole step stands.
                    if matches!(error, Error::Group(_)) {
                        self.checkpoint(&mut training)?;
                    }
                    return Err(error);
                }
            };
            if matches!(event, Event::End { .. }) {
                self.checkpoint(&mut training)?;
                // The end is the last event.
                if let Some(news) = training.take_news() {
                    let _ = (self.on_event)(&news);
                }
            }
            if (self.on_event)(&event).is_break() {
                training.take_back()?;
                training.stop();
                continue;
            }
            let due = match (&event, self.checkpoint_every) {
                (Event::Step { .. }, Some(every)) => training.step() % every.max(1) == 0,
                (Event::Epoch { .. }, None) => checkpointed.elapsed() >= CHECKPOINT_TIME,
                _ => false,
            };
            if due {
                self.checkpoint(&mut training)?;
                checkpointed = Instant::now();
            }
        }
        let (fit, failed) = training.end();
        failed.map(|()| fit)
    }

    fn checkpoint(&mut self, training: &mut TrainingLoop) -> Result<()> {
        if let Some(handle) = &mut self.on_checkpoint {
            // What a failing device gives must not replace a good one.
            handle(training.whole_checkpoint()?);
        }
        Ok(())
    }

    /// Lowers the network for this data and checks both, as [`Trainer::fit`] does first.
    ///
    /// # Errors
    /// Network, loss, data or hyper-parameters do not fit.
    pub fn plan(&self, data: &Dataset) -> Result<Plan> {
        self.lowered(data).map(|lowered| lowered.plan)
    }

    /// The units of numbers to be learnt from this data; checks everything first.
    pub(crate) fn units_for_all(&self, data: &Dataset) -> Result<Vec<Unit>> {
        self.lowered(data).map(|lowered| lowered.units)
    }

    fn lowered(&self, data: &Dataset) -> Result<Lowered> {
        let invalid = |what: &str| Err(Error::Invalid(what.into()));
        if self.batch_size == 0 {
            return invalid("a batch needs at least one sample");
        }
        if matches!(self.schedule, Schedule::StepLR { step_size: 0, .. }) {
            return invalid("StepLR: step_size must be at least 1 epoch");
        }
        self.optimizer.check()?;
        self.check_scale(data)?;
        let loss = self.loss.clone().unwrap_or_else(|| infer_loss(&self.network, data.targets()));
        if let Some(temperature) = self.temperature {
            temperature::check(temperature, &self.network, &loss)?;
        }
        let units = self.units_for(data, &loss);
        let (plan, scaled) = (Plan::new(&self.network, loss)?, data.in_units(&units));
        plan.check(&scaled)?;
        plan.check_memory()?;
        Ok(Lowered { plan, scaled, units })
    }

    /// Returns the network that will be trained.
    pub fn network(&self) -> &Sequential {
        &self.network
    }

    /// Prepares the training, for a loop over its events; [`Trainer::fit`] is such a loop. The
    /// event and checkpoint handlers are not called.
    ///
    /// # Errors
    /// As [`Trainer::plan`]; the checkpoint is of another training.
    pub fn start(&mut self, data: &Dataset) -> Result<TrainingLoop> {
        if self.patience.is_some() && self.validation.is_none() {
            return Err(Error::invalid("patience needs a validation part to watch"));
        }
        let Lowered { plan, scaled, units } = self.lowered(data)?;
        let setup = self.network.clone().with_loss(plan.loss().clone());
        let setup = setup.units(units).seeded(self.seed).init(self.init).lowered(self.device);
        let mut setup = setup.precision(self.precision);
        if let Some(parameters) = self.parameters.take() {
            setup = setup.parameters(parameters);
        }
        let mut training = setup.attach_checked(plan, scaled)?;
        training.clip_grad_norm(self.clip);
        let samples = self.streamed.as_ref().map_or(data.len(), StreamedRows::len);
        let settings = Settings {
            data: data.clone(),
            streamed: self.streamed.clone(),
            validation: self.validation.clone(),
            optimizer: self.optimizer,
            epochs: self.epochs,
            batch_size: self.batch_size.min(samples),
            seed: self.seed,
            shuffle: self.shuffle,
            patience: self.patience,
            temperature: self.temperature,
            group: self.group.clone(),
            fall_back: self.fall_back,
        };
        let clock = Clock::new(self.schedule, self.optimizer.lr());
        TrainingLoop::new(training, settings, clock, self.resume.take())
    }
}

/// A network lowered for data that it fits.
struct Lowered {
    plan: Plan,
    /// The data in the training's units.
    scaled: Dataset,
    units: Vec<Unit>,
}
