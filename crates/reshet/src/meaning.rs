//! What a network's inputs and outputs stand for.

use serde::{Deserialize, Serialize};

use crate::{
    Dataset, Loss, Pictures, Plan, Storage, Targets, Task,
    data::table::{Columns, Unit},
    metrics::{HalfWidths, Residuals},
};

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
    /// How far answers were off for samples that were not trained on, one per output; empty: that
    /// is not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub residuals: Vec<Residuals>,
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
        let (columns, units, residuals) = Default::default();
        let (shape, bytes, pictures) = (shape.to_vec(), false, Pictures::Digit);
        Self { task, names, shape, bytes, columns, units, residuals, pictures }
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
        let (units, residuals) = Default::default();
        Self { task, names, shape, bytes, columns, units, residuals, pictures }
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

    /// Returns how far each target's answers may be off, in its unit, with this probability: see
    /// [`Residuals::half_width`]. None where that is not known.
    pub fn half_widths(&self, coverage: f64) -> Option<Vec<HalfWidths<'_>>> {
        let mut all = Vec::new();
        for (k, residuals) in self.residuals.iter().enumerate() {
            // They are counted as the training counts.
            let origin = self.origins().get(k).copied().unwrap_or(0.0);
            all.push(residuals.half_widths(coverage)?.counted_from(origin));
        }
        (!all.is_empty()).then_some(all)
    }

    /// Says what is wrong with the residuals, if anything is.
    pub(crate) fn check_residuals(&self, outputs: usize) -> Result<(), String> {
        if !self.residuals.is_empty()
            && (self.task != Task::Number || self.residuals.len() != outputs)
        {
            return Err(format!("residuals of {} targets for {outputs}", self.residuals.len()));
        }
        self.residuals.iter().try_for_each(Residuals::check)
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
    pub(crate) fn to_units(&self, answers: &mut [f32]) {
        for row in answers.chunks_exact_mut(self.units.len().max(1)) {
            row.iter_mut().zip(&self.units).for_each(|(y, unit)| *y = unit.value(*y));
        }
    }

    /// Matches the data's classes to the model's by name: the data may have fewer of them, or
    /// in another order.
    pub(crate) fn with_all_classes(&self, data: &Dataset) -> crate::Result<Dataset> {
        match self.task {
            Task::Classes => data.with_classes(&self.names),
            _ => Ok(data.clone()),
        }
    }
}
