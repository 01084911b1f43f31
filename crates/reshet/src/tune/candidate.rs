//! What is tried once: a network and how it is trained.

use serde::{Deserialize, Serialize};

use crate::{
    Activation, Recipe, Result,
    recipe::{Defaults, OptimizerName, ScheduleName},
};

/// One way to build and train a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Candidate {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Of the hidden layers.
    pub activation: String,
    /// AdamW's learning rate.
    pub lr: f64,
    /// Samples a step.
    pub batch_size: usize,
    /// AdamW's.
    pub weight_decay: f64,
    /// After each hidden layer.
    pub dropout: f64,
    /// `constant`, `cosine`, `one-cycle`.
    pub schedule: String,
}

impl Candidate {
    /// The network's text; `output` as [`Targets::output_layer`](crate::Targets::output_layer) writes it.
    pub fn text(&self, inputs: usize, output: &str) -> String {
        let dropout = match self.dropout {
            0.0 => String::new(),
            p => format!(":dropout({p})"),
        };
        let layer = |n: &usize| format!("-{n}:{}{dropout}", self.activation);
        let hidden: String = self.hidden.iter().map(layer).collect();
        format!("{inputs}{hidden}{output}")
    }

    /// All of it as a recipe, trained for so many epochs.
    ///
    /// # Errors
    /// An unknown activation or schedule.
    pub fn recipe(&self, epochs: usize) -> Result<Recipe> {
        Ok(Recipe {
            hidden: Some(self.hidden.clone()),
            activation: Some(self.activation.parse()?),
            dropout: Some(self.dropout as f32),
            optimizer: Some(OptimizerName::AdamW),
            lr: Some(self.lr),
            weight_decay: Some(self.weight_decay),
            schedule: Some(self.schedule.parse()?),
            epochs: Some(epochs),
            batch_size: Some(self.batch_size),
            ..Recipe::default()
        })
    }

    /// What of a recipe a study varies; what is open is as [`Recipe::trainer`] takes it.
    pub fn of(recipe: &Recipe) -> Self {
        let whole = recipe.resolve_for(Defaults::Plain, usize::MAX);
        Self {
            hidden: whole.hidden.unwrap_or_default(),
            activation: whole.activation.unwrap_or(Activation::ReLU).to_string(),
            lr: whole.lr.unwrap_or_default(),
            batch_size: whole.batch_size.unwrap_or_default(),
            weight_decay: whole.weight_decay.unwrap_or_default(),
            // As it is written, not as f32 has it.
            dropout: whole.dropout.map_or(0.0, |p| p.to_string().parse().unwrap_or(0.0)),
            schedule: whole.schedule.unwrap_or(ScheduleName::Constant).to_string(),
        }
    }
}
