//! A trained network: what is saved, sent, tested and asked.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    Dataset, Device, Engine, Features, Loss, Pictures, Plan, Result, Score, Sequential, Storage,
    Targets, Task,
    data::table::{Columns, Unit},
    error::Error,
    formats,
    metrics::{Report, check_threshold},
};

/// A network, its parameters, and what its numbers mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub(crate) network: Sequential,
    pub(crate) loss: Loss,
    /// In the plan's flat order.
    pub(crate) parameters: Vec<f32>,
    pub(crate) meaning: Meaning,
    /// How the model came to be, in free words: `data`, `optimizer`, …
    pub notes: BTreeMap<String, String>,
}

/// What a model's inputs and outputs stand for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meaning {
    /// The kind of question.
    pub task: Task,
    /// Classes: their names, one an output. A yes/no question: its two answers,
    /// no first; several: what yes means, one a question. Numbers: nothing.
    pub names: Vec<String>,
    /// One sample's shape: `[1, 28, 28]` for a digit.
    pub shape: Vec<usize>,
    /// Whether the inputs were bytes that stand for x / 255.
    #[serde(default)]
    pub bytes: bool,
    /// How a table's row becomes the inputs, if they came from a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// The units of numbers that are predicted, one an output; none: as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<Unit>,
    /// How a picture is brought to this shape.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pictures: Pictures,
}

/// Keeps what is usual out of a model's file.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Meaning {
    /// Of samples of this shape, taken as they are.
    pub fn new(task: Task, names: Vec<String>, shape: &[usize]) -> Self {
        let (shape, pictures) = (shape.to_vec(), Pictures::Digit);
        Self { task, names, shape, bytes: false, columns: None, units: Vec::new(), pictures }
    }

    /// What the answers are called: `names`, or of a table's numbers their columns.
    pub(crate) fn answers(&self) -> &[String] {
        match (&self.columns, self.task) {
            (Some(columns), Task::Number) => &columns.targets,
            _ => &self.names,
        }
    }

    /// What this data's samples and targets mean to a network with this loss.
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

    /// Numbers from the network's outputs.
    fn to_units(&self, answers: &mut [f32]) {
        for row in answers.chunks_exact_mut(self.units.len().max(1)) {
            row.iter_mut().zip(&self.units).for_each(|(y, unit)| *y = unit.value(*y));
        }
    }

    /// The data's classes found by name among the model's: data may have fewer
    /// of them, or in another order.
    pub(crate) fn with_all_classes(&self, data: &Dataset) -> Result<Dataset> {
        match self.task {
            Task::Classes => data.with_classes(&self.names),
            _ => Ok(data.clone()),
        }
    }
}

impl Model {
    /// Joins the parts, in the plan's flat order of parameters.
    ///
    /// # Errors
    /// A loss that does not go with the network, the wrong number of
    /// parameters, or one that is not finite.
    pub fn new(
        network: Sequential,
        loss: Loss,
        parameters: Vec<f32>,
        meaning: Meaning,
    ) -> Result<Self> {
        let plan = Plan::new(&network, loss.clone())?;
        if parameters.len() != plan.parameters {
            let (needs, has) = (plan.parameters, parameters.len());
            return Err(Error::data(format!("{network} has {needs} parameters, not {has}")));
        }
        if let Some(name) = plan.not_finite(&parameters) {
            return Err(Error::data(format!("parameter {name} is not finite")));
        }
        Ok(Self { network, loss, parameters, meaning, notes: BTreeMap::new() })
    }

    /// The network.
    pub fn network(&self) -> &Sequential {
        &self.network
    }

    /// The loss it was trained with.
    pub fn loss(&self) -> &Loss {
        &self.loss
    }

    /// All parameters, flat, in the order of PyTorch's `state_dict`.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// A parameter by its name, as `0.weight` (out, in) or `0.bias`.
    pub fn parameter(&self, name: &str) -> Option<&[f32]> {
        let named = self.plan().ok()?.named_parameters();
        named.into_iter().find(|p| p.name == name).map(|p| &self.parameters[p.range])
    }

    /// What inputs and outputs stand for.
    pub fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    /// The kind of question.
    pub fn task(&self) -> Task {
        self.meaning.task
    }

    pub(crate) fn plan(&self) -> Result<Plan> {
        Plan::new(&self.network, self.loss.clone())
    }

    /// One sample's answer from what the last layer gives, in the data's own units.
    pub(crate) fn answers(&self, mut logits: Vec<f32>) -> Vec<f32> {
        // A model's network and loss were checked when it was made.
        if let Ok(plan) = self.plan() {
            plan.answer(&mut logits);
        }
        self.meaning.to_units(&mut logits);
        logits
    }

    /// What the model says to each sample: probabilities (of yes; of each
    /// class) or numbers, one row of outputs a sample. Targets are not looked at;
    /// samples without any are made by [`Dataset::unlabelled`].
    ///
    /// # Errors
    /// The data has another number of values a sample.
    pub fn predict(&self, data: &Dataset) -> Result<Vec<f32>> {
        self.predict_on(data, Device::best())
    }

    /// [`Model::predict`] on a chosen device.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_on(&self, data: &Dataset, device: Device) -> Result<Vec<f32>> {
        let mut answers = Vec::new();
        self.predictor(device)?.predict(data.features(), &mut answers)?;
        Ok(answers)
    }

    /// Readies the model to be asked again and again.
    ///
    /// # Errors
    /// None for a model that [`Model::new`] has let pass.
    pub fn predictor(&self, device: Device) -> Result<Predictor> {
        let plan = self.plan()?;
        // Engines are attached to data; this one is only ever asked about other.
        let features = Features::new(Storage::U8(vec![0; plan.inputs]), &self.meaning.shape)?;
        let engine = device.engine(plan, Dataset::unlabelled(features)?, &self.parameters, 0);
        Ok(Predictor { engine, rows: Vec::new(), meaning: self.meaning.clone() })
    }

    /// Asks the model about each sample and compares with the targets.
    ///
    /// # Errors
    /// The data has other inputs or another kind of target than the model.
    pub fn test(&self, data: &Dataset) -> Result<Score> {
        self.test_on(data, Device::best())
    }

    /// [`Model::test`] on a chosen device.
    ///
    /// # Errors
    /// As [`Model::test`].
    pub fn test_on(&self, data: &Dataset, device: Device) -> Result<Score> {
        self.predictor(device)?.test(data)
    }

    /// [`Model::test`] in full.
    ///
    /// # Errors
    /// As [`Model::test`].
    pub fn report(&self, data: &Dataset) -> Result<Report> {
        self.full(data, 0.5)
    }

    /// [`Model::report`] where yes is what has a probability above `threshold`.
    ///
    /// # Errors
    /// As [`Model::test`]; a threshold that [`check_threshold`] refuses.
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

    /// Writes the model as safetensors: see [`formats::safetensors`].
    ///
    /// # Errors
    /// The file cannot be written; what was there before is then unharmed.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        formats::safetensors::save(self, path.as_ref())
    }

    /// Reads a model that [`Model::save`] wrote.
    ///
    /// # Errors
    /// Not a model, or a damaged one: says what and where.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        formats::safetensors::load(path.as_ref())
    }
}

/// A model that is ready to be asked: its engine, with threads and memory, is
/// kept from one question to the next.
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
    rows: Vec<u32>,
    meaning: Meaning,
}

impl Predictor {
    /// What the model says to each sample, as [`Model::predict`]; `answers` is
    /// cleared first.
    ///
    /// # Errors
    /// The samples have another number of values than the network takes.
    pub fn predict(&mut self, features: &Features, answers: &mut Vec<f32>) -> Result<()> {
        self.logits(features, answers)?;
        self.engine.plan().answer(answers);
        self.meaning.to_units(answers);
        Ok(())
    }

    fn logits(&mut self, features: &Features, into: &mut Vec<f32>) -> Result<()> {
        let plan = self.engine.plan();
        plan.check_inputs(features)?;
        let samples = features.rows();
        into.clear();
        into.resize(samples * plan.outputs, 0.0);
        self.rows.extend(self.rows.len() as u32..samples as u32);
        self.engine.predict(features, &self.rows[..samples], into);
        Ok(())
    }

    /// Asks about each sample and compares with the targets.
    ///
    /// # Errors
    /// As [`Model::test`].
    pub fn test(&mut self, data: &Dataset) -> Result<Score> {
        Ok(self.examine(&self.meaning.with_all_classes(data)?)?.0)
    }

    /// The score, and the answers it is of.
    fn examine(&mut self, data: &Dataset) -> Result<(Score, Vec<f32>)> {
        self.engine.plan().check(&data.in_units(&self.meaning.units))?;
        let mut rows = Vec::new();
        self.logits(data.features(), &mut rows)?;
        let score = score(self.engine.plan(), &self.meaning, &mut rows, data);
        Ok((score, rows))
    }
}

/// The score of what an engine said to these samples; `rows` becomes the answers.
pub(crate) fn score(plan: &Plan, meaning: &Meaning, rows: &mut [f32], data: &Dataset) -> Score {
    // The loss is in the units of the training, everything else in the data's own.
    let scaled = data.in_units(&meaning.units);
    let (mut sum, mut z) = (0.0, vec![0.0; plan.outputs]);
    for (i, row) in rows.chunks_exact(plan.outputs).enumerate() {
        z.iter_mut().zip(row).for_each(|(z, x)| *z = f64::from(*x));
        sum += data.weight(i) * plan.head.row(&mut z, scaled.targets().row(i));
    }
    plan.answer(rows);
    meaning.to_units(rows);
    let loss = sum / plan.head.denominator(&scaled, 0..data.len());
    Score::new(rows, data.targets(), meaning.task, loss).named(meaning.answers())
}
