//! A trained network: what is saved, sent, tested and asked.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    Dataset, Device, Loss, Plan, Result, Score, Sequential, Storage, Targets, Task, error::Error,
    formats,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl Meaning {
    pub(crate) fn of(data: &Dataset, loss: &Loss) -> Self {
        let (task, names) = match data.targets() {
            Targets::Classes { names, .. } => (Task::Classes, names.clone()),
            Targets::YesNo { names, .. } => match &names[..] {
                [name] => (Task::Binary, vec![format!("not {name}"), name.clone()]),
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
        Self { task, names, shape: features.shape().to_vec(), bytes }
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
        let plan = self.plan()?;
        let mut answers = self.logits(data, device)?;
        plan.answer(&mut answers);
        Ok(answers)
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
        let plan = self.plan()?;
        let data = &self.with_all_classes(data);
        plan.check(data)?;
        let mut rows = self.logits(data, device)?;
        let (targets, outputs) = (data.targets(), plan.outputs);
        let (mut sum, mut weight) = (0.0, 0.0);
        let mut z = vec![0.0; outputs];
        for (i, row) in rows.chunks_exact(outputs).enumerate() {
            z.iter_mut().zip(row).for_each(|(z, x)| *z = f64::from(*x));
            sum += plan.head.row(&mut z, targets.row(i));
            weight += plan.head.weight(targets.row(i), outputs);
        }
        plan.answer(&mut rows);
        Ok(Score::new(&rows, targets, self.task(), sum / weight))
    }

    /// Data in which the last classes happen not to occur still has them.
    fn with_all_classes(&self, data: &Dataset) -> Dataset {
        match data.targets() {
            Targets::Classes { names, .. } if self.meaning.names.starts_with(names) => {
                data.renamed(self.meaning.names.clone())
            }
            _ => data.clone(),
        }
    }

    fn logits(&self, data: &Dataset, device: Device) -> Result<Vec<f32>> {
        let plan = self.plan()?;
        plan.check_inputs(data)?;
        let mut into = vec![0.0; data.len() * plan.outputs];
        let rows: Vec<u32> = (0..data.len() as u32).collect();
        let mut engine = device.engine(plan, data.clone(), &self.parameters, 0);
        engine.predict(data.features(), &rows, &mut into);
        Ok(into)
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
