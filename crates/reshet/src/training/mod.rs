//! The three stages by hand: forward, backward, update.
//!
//! For writing your own loop; [`Trainer`](crate::Trainer) has one ready. A batch is rows of
//! the attached dataset, or arrays passed with the call (`…_on`).

mod batch;
mod saved;
mod setup;

use self::batch::{no_inputs, wanted};
use crate::{
    Dataset, Device, Loss, Model, Optimizer, Plan, Result, Score, Sequential,
    data::{BatchTargets, Inputs, Rows},
    engine::{Buffer, Engine, Samples},
    error::{Diverged, Error},
    model::{self, Meaning},
    optim::Hyper,
};

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

    /// Runs the first stage: computes the network's outputs for these rows of the dataset.
    ///
    /// # Errors
    /// `rows` is empty or has a row that does not exist; there is no dataset.
    pub fn forward(&mut self, rows: &[u32]) -> Result<()> {
        let samples = Samples::of(attached(&self.data)?, rows);
        check_rows(&samples)?;
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        self.engine.forward(&samples);
        (self.stage, self.of) = (Stage::Forward, Of::Rows);
        Ok(())
    }

    /// Runs the first stage: computes the network's outputs for these samples, row by row.
    /// Dropout is on.
    ///
    /// # Errors
    /// There are no samples, or an incomplete one, or a number that is not finite.
    pub fn forward_on<'a>(&mut self, inputs: impl Into<Inputs<'a>>) -> Result<()> {
        let inputs = self.inputs(inputs.into())?;
        let rows = &self.rows;
        let samples = Samples { inputs, targets: None, weights: None, rows, attached: false };
        self.engine.forward(&samples);
        (self.stage, self.of) = (Stage::Forward, Of::Arrays);
        Ok(())
    }

    /// Runs the second stage: computes the mean loss of the batch and its gradient, which
    /// replaces the last one.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is not finite; there was no forward pass.
    pub fn backward(&mut self) -> Result<f32> {
        self.backward_into(false)
    }

    /// Does the same as [`Training::backward`], but adds to the gradient instead of replacing it.
    ///
    /// # Errors
    /// As [`Training::backward`].
    pub fn accumulate(&mut self) -> Result<f32> {
        self.backward_into(true)
    }

    fn backward_into(&mut self, accumulate: bool) -> Result<f32> {
        self.after(Stage::Forward, "backward", "forward")?;
        if self.of == Of::Arrays {
            let what = "backward: after forward_on, give backward_on the targets";
            return Err(Error::invalid(what));
        }
        let samples = Samples::of(attached(&self.data)?, &self.rows);
        let loss = self.engine.backward(&samples, None, accumulate);
        self.went_back(loss)
    }

    /// Runs the second stage after [`Training::forward_on`]: computes the mean loss for these
    /// targets and its gradient, which replaces the last one.
    ///
    /// # Errors
    /// As [`Training::backward`]; the targets do not fit the samples or the loss.
    pub fn backward_on<'a>(&mut self, targets: impl Into<BatchTargets<'a>>) -> Result<f32> {
        self.after(Stage::Forward, "backward_on", "forward_on")?;
        if self.of == Of::Rows {
            return Err(Error::invalid("backward_on: after forward, call backward"));
        }
        let (plan, meaning) = (self.engine.plan(), &self.meaning);
        let samples = Samples {
            inputs: no_inputs(plan),
            ..wanted(plan, meaning, &mut self.numbers, targets.into(), &self.rows)?
        };
        let loss = self.engine.backward(&samples, None, false);
        self.went_back(loss)
    }

    /// Runs the second stage with your own loss: `derivative` is dLoss/dOutput, one row per
    /// sample, with respect to what [`Training::output`] returns. It is not divided by the
    /// number of samples.
    ///
    /// ```
    /// use reshet::prelude::*;
    /// let mut net = sequential![Linear(1, 1)]?.with_loss(MSELoss).start()?;
    /// net.forward_on(&[1.0, 2.0])?;
    /// let d: Vec<f32> = net.output(2).iter().map(|y| y.powi(3)).collect(); // of Σ y⁴ / 4
    /// net.backward_from(&d)?;
    /// net.update(SGD::new(0.01))?;
    /// # Ok::<(), reshet::Error>(())
    /// ```
    ///
    /// # Errors
    /// There was no forward pass; `derivative` does not have one number per output, or has one
    /// that is not finite.
    pub fn backward_from(&mut self, derivative: &[f32]) -> Result<()> {
        self.after(Stage::Forward, "backward_from", "forward")?;
        let plan = self.engine.plan();
        let needed = self.rows.len() * plan.outputs;
        if derivative.len() != needed {
            let has = derivative.len();
            return Err(Error::invalid(format!("{needed} derivatives are needed, not {has}")));
        }
        if let Some(i) = derivative.iter().position(|d| !d.is_finite()) {
            let d = derivative[i];
            return Err(Error::invalid(format!("derivative {i} (counted from 0): {d}")));
        }
        self.numbers.clear();
        self.numbers.extend_from_slice(derivative);
        if plan.loss_sees_logits() {
            self.logits.resize(needed, 0.0);
            self.engine.output(&mut self.logits);
            self.engine.plan().derivative(&self.logits, &mut self.numbers, &mut self.wide);
        }
        let samples = match self.of {
            Of::Rows => Samples { targets: None, ..Samples::of(attached(&self.data)?, &self.rows) },
            Of::Arrays => Samples {
                inputs: no_inputs(self.engine.plan()),
                targets: None,
                weights: None,
                rows: &self.rows,
                attached: false,
            },
        };
        self.engine.backward(&samples, Some(&self.numbers), false);
        self.stage = Stage::Backward;
        Ok(())
    }

    fn went_back(&mut self, loss: f32) -> Result<f32> {
        self.stage = Stage::Backward;
        if loss.is_finite() { Ok(loss) } else { Err(self.diverged(f64::NAN, Some(loss))) }
    }

    /// Runs the third stage: updates the parameters.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a parameter is no longer finite; there was no backward pass; a
    /// hyper-parameter is out of range.
    pub fn update(&mut self, optimizer: impl Into<Optimizer>) -> Result<()> {
        self.after(Stage::Backward, "update", "backward")?;
        let optimizer = optimizer.into();
        optimizer.check()?;
        (self.stage, self.optimizer) = (Stage::Start, Some(optimizer));
        let finite = self.engine.update(&Hyper { optimizer, clip_norm: self.clip });
        if finite { Ok(()) } else { Err(self.diverged(optimizer.lr(), None)) }
    }

    /// Runs the three stages in one call, fused where the engine can, with the same bits.
    /// Returns the mean loss before the update.
    ///
    /// # Errors
    /// As the three stages.
    pub fn step(&mut self, rows: &[u32], optimizer: impl Into<Optimizer>) -> Result<f32> {
        let samples = Samples::of(attached(&self.data)?, rows);
        check_rows(&samples)?;
        let optimizer = optimizer.into();
        optimizer.check()?;
        let hyper = Hyper { optimizer, clip_norm: self.clip };
        let done = self.engine.step(&samples, &hyper);
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        self.of = Of::Rows;
        self.stepped(done, optimizer)
    }

    /// Does the same as [`Training::step`] on arrays: inputs row by row, and their targets
    /// (numbers, class numbers, or [`Targets`](crate::Targets)). The arrays are not copied. The
    /// same samples as rows of a dataset give the same bits, except for dropout, which depends
    /// on a sample's place in the batch.
    ///
    /// # Errors
    /// The arrays do not fit the network or its loss, or hold a number that is not finite; as
    /// [`Training::step`].
    pub fn step_on<'a>(
        &mut self,
        inputs: impl Into<Inputs<'a>>,
        targets: impl Into<BatchTargets<'a>>,
        optimizer: impl Into<Optimizer>,
    ) -> Result<f32> {
        let inputs = self.inputs(inputs.into())?;
        let optimizer = optimizer.into();
        optimizer.check()?;
        let (plan, meaning) = (self.engine.plan(), &self.meaning);
        let targets = wanted(plan, meaning, &mut self.numbers, targets.into(), &self.rows)?;
        let samples = Samples { inputs, ..targets };
        let done = self.engine.step(&samples, &Hyper { optimizer, clip_norm: self.clip });
        self.stepped(done, optimizer)
    }

    fn stepped(&mut self, (loss, finite): (f32, bool), optimizer: Optimizer) -> Result<f32> {
        (self.stage, self.optimizer) = (Stage::Start, Some(optimizer));
        if !loss.is_finite() {
            Err(self.diverged(optimizer.lr(), Some(loss)))
        } else if !finite {
            Err(self.diverged(optimizer.lr(), None))
        } else {
            Ok(loss)
        }
    }

    /// Hints which rows come next ([`Batch::following`](crate::Batch::following)).
    /// The engine may fetch them while it computes; nothing else changes.
    pub fn prefetch(&mut self, rows: &[u32]) {
        let samples = self.data.as_ref().map_or(0, Dataset::len);
        if rows.iter().all(|row| (*row as usize) < samples) {
            self.engine.prefetch(rows);
        }
    }

    /// Checks the inputs of a batch against the network, and numbers its samples.
    fn inputs<'a>(&mut self, inputs: Inputs<'a>) -> Result<Rows<'a>> {
        let inputs = inputs.rows_of(self.network.inputs())?;
        let count = inputs.len();
        if count == 0 {
            return Err(Error::invalid(EMPTY));
        }
        if count > u32::MAX as usize {
            return Err(Error::invalid(format!("{count} samples; at most {} fit", u32::MAX)));
        }
        if self.of == Of::Rows {
            self.rows.clear();
            self.of = Of::Arrays;
        }
        // The stages of the batch before this one are void.
        self.stage = Stage::Start;
        self.rows.truncate(count);
        self.rows.extend(self.rows.len() as u32..count as u32);
        Ok(inputs)
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
        // A loss that is not finite is found before its update.
        let step = self.engine.updates().saturating_sub(u64::from(self.stage == Stage::Start));
        Error::Diverged(Box::new(Diverged { step, lr, what, last_good: None, last_good_step: 0 }))
    }

    /// Returns the network's outputs for the first `samples` of the current batch, one row each:
    /// y in the loss's formula.
    pub fn output(&self, samples: usize) -> Vec<f32> {
        let plan = self.engine.plan();
        let mut output = vec![0.0; samples.min(self.rows.len()) * plan.outputs];
        self.engine.output(&mut output);
        plan.output(&mut output, &mut Vec::new());
        output
    }

    /// Returns the answers for the first `samples` of the current batch: as
    /// [`Training::output`], but probabilities where the network ends in logits, and numbers in
    /// the data's own units.
    pub fn answers(&self, samples: usize) -> Vec<f32> {
        let plan = self.engine.plan();
        let mut answers = vec![0.0; samples.min(self.rows.len()) * plan.outputs];
        self.engine.output(&mut answers);
        plan.answer(&mut answers, &mut Vec::new());
        self.meaning.to_numbers(&mut answers);
        answers
    }

    /// Predicts each sample with the network as it is now: probabilities (of yes; of each
    /// class) or numbers, one row of outputs each. Dropout is off. A batch between the stages
    /// is discarded.
    ///
    /// # Errors
    /// A sample is incomplete, or a number is not finite.
    pub fn predict<'a>(&mut self, inputs: impl Into<Inputs<'a>>) -> Result<&[f32]> {
        let inputs = inputs.into().rows_of(self.network.inputs())?;
        self.stage = Stage::Start;
        self.numbers.clear();
        self.numbers.resize(inputs.len() * self.engine.plan().outputs, 0.0);
        self.engine.predict(inputs, &mut self.numbers);
        self.engine.plan().answer(&mut self.numbers, &mut self.wide);
        self.meaning.to_numbers(&mut self.numbers);
        Ok(&self.numbers)
    }

    /// Returns all parameters, flat, in the order of PyTorch's `state_dict`.
    pub fn parameters(&self) -> Vec<f32> {
        self.copy(Buffer::Parameters)
    }

    /// Returns the gradient of the last backward pass, in the parameters' order.
    pub fn gradients(&self) -> Vec<f32> {
        self.copy(Buffer::Gradients)
    }

    pub(crate) fn copy(&self, buffer: Buffer) -> Vec<f32> {
        let mut into = vec![0.0; self.engine.plan().parameters];
        self.engine.read(buffer, &mut into);
        into
    }

    /// Copies a buffer into `into`, in the parameters' order. A buffer without content yet is
    /// all 0.
    ///
    /// # Errors
    /// `into` does not have one number per parameter.
    pub fn read(&self, buffer: Buffer, into: &mut [f32]) -> Result<()> {
        self.check_length(into.len())?;
        self.engine.read(buffer, into);
        Ok(())
    }

    /// Overwrites a buffer with `from`, in the parameters' order: for example parameters of
    /// another network, or gradients summed over several machines, between backward and update.
    ///
    /// # Errors
    /// `from` does not have one number per parameter, or has one that is not finite; no
    /// optimiser has this slot.
    pub fn write(&mut self, buffer: Buffer, from: &[f32]) -> Result<()> {
        self.check_length(from.len())?;
        if let Some(name) = self.engine.plan().not_finite(from) {
            return Err(Error::invalid(format!("the value for {name} is not finite")));
        }
        if let Buffer::State(slot) = buffer
            && slot >= Optimizer::MOST_SLOTS
        {
            return Err(Error::invalid(format!("no optimizer has a slot {slot}")));
        }
        self.engine.write(buffer, from);
        Ok(())
    }

    fn check_length(&self, has: usize) -> Result<()> {
        let needs = self.engine.plan().parameters;
        if has == needs {
            return Ok(());
        }
        Err(Error::invalid(format!("the network has {needs} parameters, not {has}")))
    }

    /// Copies the parameters of another training of the same network. The optimiser's state and
    /// the counters stay.
    ///
    /// # Errors
    /// The networks differ.
    pub fn copy_from(&mut self, other: &Training) -> Result<()> {
        if self.network != other.network {
            let (ours, theirs) = (&self.network, &other.network);
            return Err(Error::invalid(format!("parameters of {theirs} do not fit {ours}")));
        }
        self.stage = Stage::Start;
        if self.engine.copy_from(&*other.engine) {
            return Ok(());
        }
        self.numbers.resize(self.engine.plan().parameters, 0.0);
        other.engine.read(Buffer::Parameters, &mut self.numbers);
        self.engine.write(Buffer::Parameters, &self.numbers);
        Ok(())
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

    /// Returns what inputs and outputs stand for.
    pub fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    /// Tests the network as it is now on these samples, as `model().test(…)` does, but without
    /// a second engine.
    ///
    /// # Errors
    /// The data does not have the training's inputs and kind of target.
    pub fn test(&mut self, data: &Dataset) -> Result<Score> {
        let data = &self.meaning.with_all_classes(data)?;
        self.plan().check(&data.in_units(&self.meaning.units))?;
        // The engine's memory of the last batch is gone after this.
        self.stage = Stage::Start;
        let mut rows = vec![0.0; data.len() * self.plan().outputs];
        self.engine.predict(Rows::of(data.features()), &mut rows);
        Ok(model::score(self.plan(), &self.meaning, &mut rows, data))
    }

    /// Copies the network as it is now into a [`Model`].
    pub fn model(&self) -> Model {
        self.model_with(self.parameters())
    }

    pub(crate) fn model_with(&self, parameters: Vec<f32>) -> Model {
        let (notes, ready) = Default::default();
        let (network, loss) = (self.network.clone(), self.loss.clone());
        Model { network, loss, parameters, meaning: self.meaning.clone(), notes, ready }
    }
}

const EMPTY: &str = "a batch needs at least one sample";

fn attached(data: &Option<Dataset>) -> Result<&Dataset> {
    let what = "this training has no dataset: pass arrays to step_on or forward_on";
    data.as_ref().ok_or_else(|| Error::invalid(what))
}

/// Checks all rows; an engine does not check them again.
fn check_rows(samples: &Samples) -> Result<()> {
    let (rows, count) = (samples.rows, samples.inputs.len());
    let Some(last) = rows.iter().max() else { return Err(Error::invalid(EMPTY)) };
    if (*last as usize) < count {
        return Ok(());
    }
    Err(Error::invalid(format!("row {last}: the data has {count} samples, counted from 0")))
}
