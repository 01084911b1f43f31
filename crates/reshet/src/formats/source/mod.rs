//! Writes models as source code: C99 ([`c`]), Rust without `std` ([`rust`]), a web page
//! ([`html`]).
//!
//! [`Program`] describes, as plain data, how a raw row becomes an answer; each language prints
//! it. All outputs contain test vectors and check themselves on them.
//!
//! ```text
//! raw row ──Input──▶ numbers ──Operation, Operation, …──▶ outputs ──OutputMeaning──▶ answer
//!  age, colour        [N]      Dense, Activation, Units      [M]      label, probabilities, values
//! ```
//!
//! ```
//! use reshet::{formats::source::{Program, c}, prelude::*};
//! # let x = Features::new(Storage::F32(vec![0.0, 1.0]), &[1])?;
//! # let data = Dataset::new(x, Targets::numbers(vec![0.0, 2.0], 1))?;
//! # let model = Trainer::new(sequential![Linear(1, 1)]?).epochs(1).fit(&data)?.model;
//! let header = c::write(&Program::new(&model)?, "line")?;
//! assert!(header.contains("void line_predict(const float *input, float *output)"));
//! # Ok::<(), reshet::Error>(())
//! ```

pub mod c;
mod functions;
pub mod html;
mod int8;
mod layout;
mod names;
pub mod rust;

pub use int8::rounded;
pub use names::identifier;

use std::collections::HashSet;

use crate::{
    Activation, Meaning, Model, Result, Task,
    data::table::{ColumnKind, Columns, Unit},
    error::Error,
    formats::probe::Probe,
    plan,
};

/// More parameters than this make source that compilers cannot handle.
const MOST_PARAMETERS: usize = 4_000_000;

/// How a raw row becomes an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// The kind of raw row.
    pub input: Input,
    /// The number of inputs of the first operation.
    pub inputs: usize,
    /// The number of outputs of the last operation.
    pub outputs: usize,
    /// The operations, in order.
    pub operations: Vec<Operation>,
    /// The meaning of the outputs.
    pub output_meaning: OutputMeaning,
    /// Test vectors: raw rows with the right answers.
    pub probe: Probe,
    /// A description, in lines.
    pub about: Vec<String>,
    meaning: Meaning,
}

/// A raw row.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Numbers, used as they are.
    Numbers,
    /// Bytes that stand for x / 255.
    Bytes,
    /// A table's columns: numbers and words.
    Columns(Columns),
}

/// An operation on a row of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// y = f(x Wᵀ + b)
    Dense {
        /// The number of inputs.
        inputs: usize,
        /// The number of outputs.
        outputs: usize,
        /// W: (outputs, inputs).
        weights: Weights,
        /// b, one per output.
        biases: Vec<f32>,
        /// f
        activation: Activation,
    },
    /// y = f(x)
    Activation(Activation),
    /// y = centre + scale · x, one unit per output.
    Units(Vec<Unit>),
}

/// A layer's weights, output by output.
#[derive(Clone, Debug, PartialEq)]
pub enum Weights {
    /// As they were trained.
    F32(Vec<f32>),
    /// w = scale · q, one scale per output.
    I8(Vec<i8>, Vec<f32>),
}

/// The meaning of the outputs.
#[derive(Clone, Debug, PartialEq)]
pub enum OutputMeaning {
    /// The probability of the second of two answers.
    YesNo([String; 2]),
    /// The probability of yes, one question per output.
    Questions(Vec<String>),
    /// The probability of each class.
    Classes(Vec<String>),
    /// Numbers in their own units.
    Numbers(Vec<String>),
}

impl OutputMeaning {
    fn new(model: &Model) -> Result<Self> {
        let Meaning { task, names, columns, .. } = &model.meaning;
        let outputs = model.network.outputs();
        let wanted = if (*task, outputs) == (Task::Binary, 1) { 2 } else { outputs };
        match (task, &names[..]) {
            (Task::Number, _) => {
                let targets = columns.as_ref().map(|c| c.targets.clone());
                let plain = || match outputs {
                    1 => vec!["value".into()],
                    _ => (1..=outputs).map(|i| format!("value {i}")).collect(),
                };
                Ok(Self::Numbers(targets.filter(|t| t.len() == outputs).unwrap_or_else(plain)))
            }
            (_, names) if names.len() != wanted => {
                let has = names.len();
                Err(Error::data(format!(
                    "the model has {outputs} outputs and {has} names for them"
                )))
            }
            (Task::Binary, [no, yes]) if outputs == 1 => Ok(Self::YesNo([no.clone(), yes.clone()])),
            (Task::Binary, names) => Ok(Self::Questions(names.to_vec())),
            (Task::Classes, names) => Ok(Self::Classes(names.to_vec())),
        }
    }

    /// Returns the names of the two answers, the questions, the classes, or the numbers.
    pub fn labels(&self) -> &[String] {
        match self {
            Self::YesNo(names) => names,
            Self::Questions(names) | Self::Classes(names) | Self::Numbers(names) => names,
        }
    }

    /// Describes [`OutputMeaning::labels`], for a comment.
    fn labels_are(&self) -> &'static str {
        match self {
            Self::YesNo(_) => "The two answers: no, yes.",
            Self::Questions(_) => "The questions, one per output.",
            Self::Classes(_) => "The classes, one per output.",
            Self::Numbers(_) => "The names of the outputs.",
        }
    }

    /// Describes the outputs, for a comment; `yes` is the place of the answer yes.
    fn outputs_are(&self, yes: &str) -> String {
        match self {
            Self::YesNo(_) => format!("The probability of yes, {yes}."),
            Self::Questions(_) => "The probability of yes to each question.".into(),
            Self::Classes(_) => "The probability of each class; they add up to 1.".into(),
            Self::Numbers(_) => "The predicted numbers, in their own units.".into(),
        }
    }
}

impl Program {
    /// The words that mean a missing value in a table's cells.
    fn missing_words(&self) -> Vec<String> {
        match &self.input {
            Input::Columns(columns) => columns.missing_words(),
            _ => Vec::new(),
        }
    }

    /// Describes a model, with generated test vectors.
    ///
    /// # Errors
    /// The model's metadata contradict each other, its answers are not finite, or it is
    /// too large to be source code.
    pub fn new(model: &Model) -> Result<Self> {
        Self::lowered(model, false)
    }

    /// Describes a model with weights of eight bits: w ≈ scale · q. To measure the loss of
    /// accuracy, test the model that [`rounded`] returns.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn int8(model: &Model) -> Result<Self> {
        Self::lowered(&rounded(model)?, true)
    }

    fn lowered(model: &Model, int8: bool) -> Result<Self> {
        let plan = model.plan()?;
        if plan.parameters > MOST_PARAMETERS {
            return Err(Error::invalid(format!(
                "{} parameters are too many for source code (at most {MOST_PARAMETERS})",
                plan.parameters
            )));
        }
        let meaning = model.meaning.clone();
        let output_meaning = OutputMeaning::new(model)?;
        let input = match (&meaning.columns, meaning.bytes) {
            (Some(columns), _) => {
                check_columns(columns, plan.inputs)?;
                columns.check_single()?;
                Input::Columns(columns.clone())
            }
            (None, true) => Input::Bytes,
            (None, false) => Input::Numbers,
        };
        let mut operations: Vec<Operation> =
            plan.layers.iter().filter_map(|layer| lower(layer, &model.parameters, int8)).collect();
        let (scale, last) = plan.head.answering();
        if scale != 1.0 {
            operations.push(Operation::Units(vec![Unit { centre: 0.0, scale }; plan.outputs]));
        }
        if last != Activation::Identity {
            operations.push(Operation::Activation(last));
        }
        if !meaning.units.is_empty() {
            if meaning.units.len() != plan.outputs {
                let (units, outputs) = (meaning.units.len(), plan.outputs);
                return Err(Error::data(format!("{units} units for {outputs} outputs")));
            }
            if !meaning.units.iter().all(|u| u.centre.is_finite() && u.scale.is_finite()) {
                return Err(Error::data("a unit is not finite"));
            }
            operations.push(Operation::Units(meaning.units.clone()));
        }
        let probe = Probe::of(model)?;
        if !probe.answers.iter().all(|y| y.is_finite()) {
            return Err(Error::data("the model's answers are not finite numbers"));
        }
        let parameters = crate::network::thousands(plan.parameters);
        let weights = if int8 { ", weights of 8 bits" } else { "" };
        let about = vec![format!("{}, {parameters} parameters{weights}", model.network)];
        let (inputs, outputs) = (plan.inputs, plan.outputs);
        Ok(Self { input, inputs, outputs, operations, output_meaning, probe, about, meaning })
    }

    /// The table's columns, if the raw rows are of a table.
    fn columns(&self) -> Option<&Columns> {
        match &self.input {
            Input::Columns(columns) => Some(columns),
            _ => None,
        }
    }
}

fn lower(layer: &plan::FusedLayer, parameters: &[f32], int8: bool) -> Option<Operation> {
    match layer {
        plan::FusedLayer::Dense(dense) => {
            let plan::Dense { inputs, outputs, activation, .. } = *dense;
            let weights = parameters[dense.weight()].to_vec();
            let weights = if int8 {
                let (values, scales) = int8::round(&weights, inputs);
                Weights::I8(values, scales)
            } else {
                Weights::F32(weights)
            };
            let biases = parameters[dense.bias()].to_vec();
            Some(Operation::Dense { inputs, outputs, weights, biases, activation })
        }
        plan::FusedLayer::Activation(activation) => Some(Operation::Activation(*activation)),
        // Dropout is for training only.
        plan::FusedLayer::Dropout(..) => None,
    }
}

/// Checks the columns: a model's file can claim anything about them.
fn check_columns(columns: &Columns, inputs: usize) -> Result<()> {
    if columns.width() != inputs {
        let width = columns.width();
        return Err(Error::data(format!(
            "its columns make {width} inputs, its network takes {inputs}"
        )));
    }
    let names: HashSet<&str> = columns.inputs.iter().map(|column| &*column.name).collect();
    if names.len() < columns.inputs.len() {
        return Err(Error::data("two of its columns have the same name"));
    }
    let finite = |kind: &ColumnKind| match kind {
        ColumnKind::Number { centre, scale, fill, range, knots, .. } => {
            let all = [centre, scale, fill].into_iter().chain(range).chain(knots);
            all.into_iter().all(|x| (*x as f32).is_finite())
        }
        _ => true,
    };
    match columns.inputs.iter().find(|column| !finite(&column.kind)) {
        Some(column) => {
            Err(Error::data(format!("column \"{}\": its scaling is not finite", column.name)))
        }
        None => Ok(()),
    }
}
