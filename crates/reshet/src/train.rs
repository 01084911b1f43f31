//! The training loop, written once.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use crate::{
    DataLoader, Dataset, Device, Error, Init, Loss, Model, Optimizer, Plan, Result, Schedule,
    Score, Sequential, Targets, Training, activation::Activation, engine::Buffer, optim::Adam,
    schedule::Clock,
};

/// The last good snapshot is at most this old.
const SNAPSHOT_STEPS: usize = 1000;
const SNAPSHOT_TIME: Duration = Duration::from_secs(10);

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
    pub(crate) optimizer: Optimizer,
    schedule: Schedule,
    epochs: usize,
    pub(crate) batch_size: usize,
    seed: u64,
    shuffle: bool,
    init: Init,
    parameters: Option<Vec<f32>>,
    clip: Option<f32>,
    device: Device,
    validation: Option<Dataset>,
    patience: Option<usize>,
    on_event: Handler<'a>,
}

type Handler<'a> = Box<dyn FnMut(&Event) -> ControlFlow<()> + 'a>;

/// What happens while training.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A step was taken.
    Step {
        /// From 0.
        epoch: usize,
        /// In this epoch, from 0.
        i: usize,
        /// Over all epochs, from 0.
        step: usize,
        /// Over all epochs.
        steps: usize,
        /// Of this batch, before its update.
        loss: f32,
        /// Learning rate.
        lr: f64,
    },
    /// An epoch ended.
    Epoch {
        /// From 0.
        epoch: usize,
        /// The mean of its steps' losses.
        loss: f64,
        /// On the validation part, if there is one.
        validation: Option<Score>,
    },
    /// Training is over; asking to stop means nothing any more.
    End {
        /// Updates taken.
        steps: usize,
        /// Why it ended.
        ended: Ended,
    },
}

/// What came of a training.
#[derive(Clone, Debug)]
pub struct Fit {
    /// The trained model; with early stopping that of the best epoch.
    pub model: Model,
    /// Whole epochs trained.
    pub epochs: usize,
    /// Updates taken.
    pub steps: usize,
    /// The mean of the last epoch's step losses (of what there was of it).
    pub final_loss: f64,
    /// Why it ended.
    pub ended: Ended,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All epochs were trained.
    Done,
    /// The validation loss had not fallen for `patience` epochs.
    Patience,
    /// The event handler asked.
    Asked,
}

/// The loss that goes with a network's output and the data's question.
///
/// Sigmoid and Tanh: BCE, unless the targets are numbers other than 0 and 1.
/// Softmax: cross entropy. Else by the data: classes, yes/no, or numbers.
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
    /// Ten epochs of batches of 64 with `Adam::new(0.001)`, shuffled, unless said otherwise.
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
            validation: None,
            patience: None,
            on_event: Box::new(|_| ControlFlow::Continue(())),
        }
    }

    /// The loss; if not said, [`infer_loss`] chooses.
    pub fn loss(mut self, loss: Loss) -> Self {
        self.loss = Some(loss);
        self
    }

    /// The optimiser.
    pub fn optimizer(mut self, optimizer: impl Into<Optimizer>) -> Self {
        self.optimizer = optimizer.into();
        self
    }

    /// The learning rate's course.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = schedule;
        self
    }

    /// How often all samples are seen.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// Samples a step.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// Seeds initial weights, shuffles and dropout.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Whether each epoch has an order of its own (yes, if not said).
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = shuffle;
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

    /// Limits the gradient's norm: see [`Training::clip_grad_norm`].
    pub fn clip_grad_norm(mut self, norm: f32) -> Self {
        self.clip = Some(norm);
        self
    }

    /// Where to train.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Tests on these samples after each epoch.
    pub fn validation(mut self, data: &Dataset) -> Self {
        self.validation = Some(data.clone());
        self
    }

    /// Stops when the validation loss has not fallen for this many epochs, and
    /// goes back to the best one.
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = Some(epochs);
        self
    }

    /// Is told what happens; [`ControlFlow::Break`] ends the training there.
    pub fn on_event(mut self, f: impl FnMut(&Event) -> ControlFlow<()> + 'a) -> Self {
        self.on_event = Box::new(f);
        self
    }

    /// What would be trained on this data, all of it checked: what [`Trainer::fit`] begins with.
    ///
    /// # Errors
    /// Network, loss, data or hyper-parameters do not fit.
    pub fn plan(&self, data: &Dataset) -> Result<Plan> {
        let invalid = |what: &str| Err(Error::Invalid(what.into()));
        if self.batch_size == 0 {
            return invalid("a batch needs at least one sample");
        }
        if self.patience.is_some() && self.validation.is_none() {
            return invalid("patience needs a validation part to watch");
        }
        if matches!(self.schedule, Schedule::StepLR { step_size: 0, .. }) {
            return invalid("StepLR: step_size must be at least 1 epoch");
        }
        self.optimizer.check()?;
        let loss = self.loss.clone().unwrap_or_else(|| infer_loss(&self.network, data.targets()));
        let plan = Plan::new(&self.network, loss)?;
        plan.check(data)?;
        Ok(plan)
    }

    /// The network that will be trained.
    pub fn network(&self) -> &Sequential {
        &self.network
    }

    /// Trains.
    ///
    /// # Errors
    /// As [`Trainer::plan`]; [`Error::Diverged`], with the last good model.
    pub fn fit(mut self, data: &Dataset) -> Result<Fit> {
        let mut training = self.training(data)?;
        self.run(&mut training, data)
    }

    /// The network on its device, attached to the data, all of it checked.
    pub(crate) fn training(&mut self, data: &Dataset) -> Result<Training> {
        let loss = self.plan(data)?.loss().clone();
        let mut setup = self
            .network
            .clone()
            .with_loss(loss)
            .seeded(self.seed)
            .init(self.init)
            .on(self.device)?;
        if let Some(parameters) = self.parameters.take() {
            setup = setup.parameters(parameters);
        }
        let mut training = setup.attach(data)?;
        training.clip_grad_norm(self.clip);
        Ok(training)
    }

    /// The batches of an epoch.
    pub(crate) fn loader(&self, data: &Dataset, epoch: usize) -> DataLoader {
        let loader = data.loader(self.batch_size.min(data.len()));
        if self.shuffle { loader.shuffled(self.seed, epoch) } else { loader }
    }

    pub(crate) fn tell(&mut self, event: &Event) -> ControlFlow<()> {
        (self.on_event)(event)
    }

    fn run(&mut self, training: &mut Training, data: &Dataset) -> Result<Fit> {
        let batch_size = self.batch_size.min(data.len());
        let steps = self.epochs * data.len().div_ceil(batch_size);
        let mut clock = Clock::new(self.schedule, self.optimizer.lr());
        let mut snapshot = Snapshot::of(training, 0);
        let mut best: Option<(f64, Vec<f32>)> = None;
        let mut fit = Progress::default();
        let mut since_best = 0;
        let mut ended = Ended::Done;
        'epochs: for epoch in 0..self.epochs {
            fit.start_epoch();
            for (i, batch) in self.loader(data, epoch).enumerate() {
                let lr = clock.lr(fit.steps, steps, epoch);
                training.prefetch(batch.following());
                let loss = training
                    .step(&batch, self.optimizer.with_lr(lr))
                    .map_err(|e| snapshot.rescue(e, training))?;
                let step = fit.steps;
                fit.add(loss);
                snapshot.renew(training, fit.steps);
                let event = Event::Step { epoch, i, step, steps, loss, lr };
                if (self.on_event)(&event).is_break() {
                    ended = Ended::Asked;
                    break 'epochs;
                }
            }
            fit.epochs += 1;
            let validation = match &self.validation {
                Some(data) => Some(training.test(data)?),
                None => None,
            };
            let watched = validation.as_ref().map_or(fit.mean(), |score| score.loss);
            clock.epoch_ended(watched);
            let event = Event::Epoch { epoch, loss: fit.mean(), validation };
            let asked = (self.on_event)(&event).is_break();
            if let Some(patience) = self.patience {
                since_best += 1;
                if best.as_ref().is_none_or(|(loss, _)| watched < *loss) {
                    best = Some((watched, training.parameters()));
                    since_best = 0;
                }
                if since_best >= patience {
                    ended = Ended::Patience;
                    break;
                }
            }
            if asked {
                ended = Ended::Asked;
                break;
            }
        }
        let _ = (self.on_event)(&Event::End { steps: fit.steps, ended });
        let model = match best {
            Some((_, parameters)) => training.model_with(parameters),
            None => training.model(),
        };
        Ok(Fit { model, epochs: fit.epochs, steps: fit.steps, final_loss: fit.mean(), ended })
    }
}

#[derive(Default)]
struct Progress {
    epochs: usize,
    steps: usize,
    sum: f64,
    count: usize,
}

impl Progress {
    fn start_epoch(&mut self) {
        (self.sum, self.count) = (0.0, 0);
    }

    fn add(&mut self, loss: f32) {
        self.sum += f64::from(loss);
        self.count += 1;
        self.steps += 1;
    }

    fn mean(&self) -> f64 {
        self.sum / self.count.max(1) as f64
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
