//! A trained network: saved, loaded, tested, and used to predict.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use crate::{
    Dataset, Device, Loss, Pictures, Plan, Result, Score, Sequential, Storage, Targets, Task,
    Training,
    data::{
        Inputs,
        table::{Columns, Unit},
    },
    engine::{Buffer, Engine, Samples},
    error::Error,
    metrics::{Report, check_threshold},
    short::Short,
};

/// A network, its parameters, and what its numbers mean.
#[derive(Clone, PartialEq)]
pub struct Model {
    pub(crate) network: Sequential,
    pub(crate) loss: Loss,
    /// In the plan's flat order.
    pub(crate) parameters: Vec<f32>,
    pub(crate) meaning: Meaning,
    /// Free notes on how the model was made: `data`, `optimizer`, …
    pub notes: BTreeMap<String, String>,
    pub(crate) ready: Ready,
}

/// Shortened: not all parameters.
impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Model")
            .field("network", &self.network.to_string())
            .field("loss", &self.loss.name())
            .field("parameters", &Short(&self.parameters))
            .field("task", &self.meaning.task)
            .finish_non_exhaustive()
    }
}

/// What a model's inputs and outputs stand for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meaning {
    /// The kind of question.
    pub task: Task,
    /// Classes: their names, one per output. A yes/no question: its two answers,
    /// no first; several: what yes means, one per question. Numbers: empty.
    pub names: Vec<String>,
    /// One sample's shape: `[1, 28, 28]` for a digit.
    pub shape: Vec<usize>,
    /// Whether the inputs were bytes that stand for x / 255.
    #[serde(default)]
    pub bytes: bool,
    /// How a row of a table becomes the inputs, if the data was a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// The units of predicted numbers, one per output; empty: the outputs as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<Unit>,
    /// How a picture is converted to this shape.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pictures: Pictures,
}

/// Keeps defaults out of a model's file.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Meaning {
    /// Creates the meaning of samples of this shape, used as they are.
    pub fn new(task: Task, names: Vec<String>, shape: &[usize]) -> Self {
        let (shape, pictures) = (shape.to_vec(), Pictures::Digit);
        Self { task, names, shape, bytes: false, columns: None, units: Vec::new(), pictures }
    }

    /// The answers' names: `names`, or for numbers of a table the target columns.
    pub(crate) fn answers(&self) -> &[String] {
        match (&self.columns, self.task) {
            (Some(columns), Task::Number) => &columns.targets,
            _ => &self.names,
        }
    }

    /// Derives the meaning of a network's inputs and outputs from its data and loss.
    pub fn of(data: &Dataset, loss: &Loss) -> Self {
        let (task, names) = match data.targets() {
            Targets::Classes { names, .. } => (Task::Classes, names.clone()),
            Targets::YesNo { names, width, .. } => match (&names[..], width) {
                ([name], 1) => (Task::Binary, vec![format!("not {name}"), name.clone()]),
                _ => (Task::Binary, names.clone()),
            },
            // Zeros and ones under BCE are answers, not amounts.
            Targets::Numbers { width, .. } if loss.is_binary() => {
                let answers = if *width == 1 { 2 } else { *width };
                (Task::Binary, (0..answers).map(|name| name.to_string()).collect())
            }
            Targets::Numbers { .. } => (Task::Number, Vec::new()),
        };
        let features = data.features();
        let bytes = matches!(features.storage(), Storage::U8(_));
        let (shape, columns) = (features.shape().to_vec(), features.columns().cloned());
        let pictures = features.pictures();
        Self { task, names, shape, bytes, columns, units: Vec::new(), pictures }
    }

    /// The meaning of a network that has no data.
    pub(crate) fn without_data(plan: &Plan) -> Self {
        let outputs = plan.outputs;
        let numbered = |n: usize| (0..n).map(|i| i.to_string()).collect();
        let (task, names) = match plan.loss() {
            Loss::CrossEntropyLoss { .. } => (Task::Classes, numbered(outputs)),
            loss if loss.is_binary() => (Task::Binary, numbered(outputs.max(2))),
            _ => (Task::Number, Vec::new()),
        };
        Self::new(task, names, &[plan.inputs])
    }

    /// The origin that each target's numbers are counted from; empty: 0.
    pub(crate) fn origins(&self) -> &[f64] {
        self.columns.as_ref().map_or(&[], |columns| &columns.origins)
    }

    /// Converts the network's outputs to numbers, counted from 0.
    pub(crate) fn to_numbers(&self, answers: &mut [f32]) {
        self.to_units(answers);
        let origins = self.origins();
        for row in answers.chunks_exact_mut(origins.len().max(1)) {
            let pairs = row.iter_mut().zip(origins);
            pairs.for_each(|(y, origin)| *y = (f64::from(*y) + origin) as f32);
        }
    }

    /// Converts the network's outputs to numbers, counted from the targets' origins.
    fn to_units(&self, answers: &mut [f32]) {
        for row in answers.chunks_exact_mut(self.units.len().max(1)) {
            row.iter_mut().zip(&self.units).for_each(|(y, unit)| *y = unit.value(*y));
        }
    }

    /// Matches the data's classes to the model's by name: the data may have fewer of them, or
    /// in another order.
    pub(crate) fn with_all_classes(&self, data: &Dataset) -> Result<Dataset> {
        match self.task {
            Task::Classes => data.with_classes(&self.names),
            _ => Ok(data.clone()),
        }
    }
}

impl Model {
    /// Creates a model from its parts, with the parameters in the plan's flat order.
    ///
    /// # Errors
    /// The loss does not go with the network, the number of parameters is wrong, or one is
    /// not finite.
    pub fn new(
        network: Sequential,
        loss: Loss,
        parameters: Vec<f32>,
        meaning: Meaning,
    ) -> Result<Self> {
        Plan::new(&network, loss.clone())?.check_parameters(&parameters)?;
        let (notes, ready) = Default::default();
        Ok(Self { network, loss, parameters, meaning, notes, ready })
    }

    /// Returns the network.
    pub fn network(&self) -> &Sequential {
        &self.network
    }

    /// Returns the loss it was trained with.
    pub fn loss(&self) -> &Loss {
        &self.loss
    }

    /// Returns all parameters, flat, in the order of PyTorch's `state_dict`.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Finds a parameter by its name: `0.weight` (out, in) or `0.bias`.
    pub fn parameter(&self, name: &str) -> Option<&[f32]> {
        let named = self.plan().ok()?.named_parameters();
        named.into_iter().find(|p| p.name == name).map(|p| &self.parameters[p.range])
    }

    /// Returns what inputs and outputs stand for.
    pub fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    /// Returns the kind of question.
    pub fn task(&self) -> Task {
        self.meaning.task
    }

    pub(crate) fn plan(&self) -> Result<Plan> {
        Plan::new(&self.network, self.loss.clone())
    }

    /// Converts one sample's outputs of the last layer to its answer, in the data's own units.
    pub(crate) fn answers(&self, mut logits: Vec<f32>) -> Vec<f32> {
        // A model's network and loss were checked when it was made.
        if let Ok(plan) = self.plan() {
            plan.answer(&mut logits, &mut Vec::new());
        }
        self.meaning.to_numbers(&mut logits);
        logits
    }

    /// Predicts each sample: probabilities (of yes; of each class) or numbers, one row of
    /// outputs per sample. Samples are a [`Dataset`], whose targets are ignored,
    /// [`Features`](crate::Features), or plain numbers row by row.
    ///
    /// The model keeps an engine for calls with a few samples. For many calls from several
    /// threads, use one [`Predictor`] per thread.
    ///
    /// # Errors
    /// A sample does not have the network's number of inputs, or a value is not finite.
    pub fn predict<'a>(&self, samples: impl Into<Inputs<'a>>) -> Result<Vec<f32>> {
        let (samples, mut answers) = (samples.into(), Vec::new());
        let rows = samples.rows_of(self.network.inputs())?.len();
        if rows.saturating_mul(self.parameters.len()) > FEW {
            self.predictor(Device::best())?.predict(samples, &mut answers)?;
            return Ok(answers);
        }
        let mut ready = match self.ready.take() {
            Some(ready) => ready,
            None => self.predictor(Device::best().threads(1))?,
        };
        let done = ready.predict(samples, &mut answers);
        self.ready.put(ready);
        done.map(|()| answers)
    }

    /// Does the same as [`Model::predict`], on a chosen device.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_on<'a>(
        &self,
        samples: impl Into<Inputs<'a>>,
        device: Device,
    ) -> Result<Vec<f32>> {
        let mut answers = Vec::new();
        self.predictor(device)?.predict(samples, &mut answers)?;
        Ok(answers)
    }

    /// Copies the parameters of a training of the same network, for example to update a target
    /// network.
    ///
    /// # Errors
    /// The networks differ.
    pub fn copy_from(&mut self, training: &Training) -> Result<()> {
        if training.network() != &self.network {
            let (ours, theirs) = (&self.network, training.network());
            return Err(Error::invalid(format!("parameters of {theirs} do not fit {ours}")));
        }
        training.read(Buffer::Parameters, &mut self.parameters)?;
        if let Some(mut ready) = self.ready.take() {
            ready.engine.write(Buffer::Parameters, &self.parameters);
            self.ready.put(ready);
        }
        Ok(())
    }

    /// Creates a predictor, for many calls.
    ///
    /// # Errors
    /// None for a model that [`Model::new`] has accepted.
    pub fn predictor(&self, device: Device) -> Result<Predictor> {
        let engine = device.engine(self.plan()?, &self.parameters, 0);
        Ok(Predictor { engine, wide: Vec::new(), meaning: self.meaning.clone() })
    }

    /// Predicts each sample and compares with its target.
    ///
    /// # Errors
    /// The data does not have the model's inputs and kind of target.
    pub fn test(&self, data: &Dataset) -> Result<Score> {
        self.test_on(data, Device::best())
    }

    /// Does the same as [`Model::test`], on a chosen device.
    ///
    /// # Errors
    /// As [`Model::test`].
    pub fn test_on(&self, data: &Dataset, device: Device) -> Result<Score> {
        self.predictor(device)?.test(data)
    }

    /// Tests the model as [`Model::test`] does, and reports all measures.
    ///
    /// # Errors
    /// As [`Model::test`].
    pub fn report(&self, data: &Dataset) -> Result<Report> {
        self.full(data, 0.5)
    }

    /// Does the same as [`Model::report`], where yes is a probability above `threshold`.
    ///
    /// # Errors
    /// As [`Model::test`]; [`check_threshold`] refuses the threshold.
    pub fn report_at(&self, data: &Dataset, threshold: f64) -> Result<Report> {
        check_threshold(threshold, self.task())?;
        self.full(data, threshold)
    }

    fn full(&self, data: &Dataset, threshold: f64) -> Result<Report> {
        let (task, data) = (self.task(), self.meaning.with_all_classes(data)?);
        let (score, answers) = self.predictor(Device::best())?.examine(&data)?;
        let names = self.meaning.answers();
        Ok(Report::new(answers, data.targets(), task, names, score.loss, threshold))
    }
}

/// A model with an engine: threads and memory are kept from one prediction to the next.
///
/// ```
/// use reshet::{Device, Features, Storage, prelude::*};
/// # use reshet::Targets;
/// # let x = Features::new(Storage::F32(vec![0.0, 1.0]), &[1])?;
/// # let data = Dataset::new(x, Targets::numbers(vec![0.0, 2.0], 1))?;
/// # let model = Trainer::new(sequential![Linear(1, 1)]?).epochs(1).fit(&data)?.model;
/// let mut predictor = model.predictor(Device::best())?;
/// let mut answers = Vec::new();
/// for x in [0.5, 0.25] {
///     let question = Features::new(Storage::F32(vec![x]), &[1])?;
///     predictor.predict(&question, &mut answers)?;
///     assert_eq!(answers.len(), 1);
/// }
/// # Ok::<(), reshet::Error>(())
/// ```
pub struct Predictor {
    engine: Box<dyn Engine>,
    /// Room for a row.
    wide: Vec<f64>,
    meaning: Meaning,
}

/// Up to this many multiply-adds, one thread is as fast as a team that must first be started.
const FEW: usize = 1 << 22;

/// The engine that a model keeps for a few samples. It has one thread: other threads would be
/// gone after a fork. A call at the same time makes another engine.
#[derive(Default)]
pub(crate) struct Ready(Mutex<Option<Box<Predictor>>>);

impl Ready {
    fn take(&self) -> Option<Predictor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map(|ready| *ready)
    }

    fn put(&self, predictor: Predictor) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(predictor));
    }
}

impl Clone for Ready {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Ignored when models are compared.
impl PartialEq for Ready {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Ready")
    }
}

impl Predictor {
    /// Predicts each sample, as [`Model::predict`], into `answers`, which is cleared first.
    ///
    /// # Errors
    /// A sample does not have the network's number of inputs.
    pub fn predict<'a>(
        &mut self,
        samples: impl Into<Inputs<'a>>,
        answers: &mut Vec<f32>,
    ) -> Result<()> {
        self.logits(samples.into(), answers)?;
        self.engine.plan().answer(answers, &mut self.wide);
        self.meaning.to_numbers(answers);
        Ok(())
    }

    /// Does the same as [`Predictor::predict`], in double precision. Numbers that are large
    /// compared with their spread, such as seconds since 1970, keep their digits.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn predict_double<'a>(
        &mut self,
        samples: impl Into<Inputs<'a>>,
        answers: &mut Vec<f64>,
    ) -> Result<()> {
        let mut single = Vec::new();
        self.logits(samples.into(), &mut single)?;
        self.engine.plan().answer(&mut single, &mut self.wide);
        self.meaning.to_units(&mut single);
        answers.clear();
        answers.extend(single.iter().map(|y| f64::from(*y)));
        let origins = self.meaning.origins();
        for row in answers.chunks_exact_mut(origins.len().max(1)) {
            row.iter_mut().zip(origins).for_each(|(y, origin)| *y += origin);
        }
        Ok(())
    }

    fn logits(&mut self, samples: Inputs, into: &mut Vec<f32>) -> Result<()> {
        let plan = self.engine.plan();
        let rows = samples.rows_of(plan.inputs)?;
        into.clear();
        into.resize(rows.len() * plan.outputs, 0.0);
        self.engine.predict(rows, into);
        Ok(())
    }

    /// Predicts each sample and compares with its target.
    ///
    /// # Errors
    /// As [`Model::test`].
    pub fn test(&mut self, data: &Dataset) -> Result<Score> {
        Ok(self.examine(&self.meaning.with_all_classes(data)?)?.0)
    }

    /// Returns the score and the answers.
    fn examine(&mut self, data: &Dataset) -> Result<(Score, Vec<f32>)> {
        self.engine.plan().check(&data.in_units(&self.meaning.units))?;
        let mut rows = Vec::new();
        self.logits(data.into(), &mut rows)?;
        let score = score(self.engine.plan(), &self.meaning, &mut rows, data);
        Ok((score, rows))
    }
}

/// Scores an engine's outputs for these samples; `rows` becomes the answers.
pub(crate) fn score(plan: &Plan, meaning: &Meaning, rows: &mut [f32], data: &Dataset) -> Score {
    // The loss is in the units of the training, everything else in the data's own.
    let scaled = data.in_units(&meaning.units);
    let all: Vec<u32> = (0..data.len() as u32).collect();
    let samples = Samples::of(&scaled, &all);
    let (mut sum, mut z) = (0.0, vec![0.0; plan.outputs]);
    for (i, row) in rows.chunks_exact(plan.outputs).enumerate() {
        z.iter_mut().zip(row).for_each(|(z, x)| *z = f64::from(*x));
        sum += data.weight(i) * plan.head.row(&mut z, scaled.wanted().row(i));
    }
    plan.answer(rows, &mut z);
    meaning.to_units(rows);
    let loss = sum / samples.denominator(&plan.head);
    Score::new(rows, data.targets(), meaning.task, loss).named(meaning.answers())
}
