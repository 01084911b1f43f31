//! One candidate: a network and how it is trained.

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
    /// The activation of the hidden layers.
    pub activation: String,
    /// AdamW's learning rate.
    pub lr: f64,
    /// Samples per step.
    pub batch_size: usize,
    /// AdamW's weight decay.
    pub weight_decay: f64,
    /// The dropout after each hidden layer.
    pub dropout: f64,
    /// The schedule: `constant`, `cosine`, `one-cycle`.
    pub schedule: String,
}

impl Candidate {
    /// Writes the network's text; `output` is as
    /// [`Targets::output_layer`](crate::Targets::output_layer) writes it.
    pub fn text(&self, inputs: usize, output: &str) -> String {
        let dropout = match self.dropout {
            0.0 => String::new(),
            p => format!(":dropout({p})"),
        };
        let layer = |n: &usize| format!("-{n}:{}{dropout}", self.activation);
        let hidden: String = self.hidden.iter().map(layer).collect();
        format!("{inputs}{hidden}{output}")
    }

    /// Converts the candidate to a recipe with this many epochs.
    ///
    /// # Errors
    /// The activation or schedule is unknown.
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

    /// Takes from a recipe what a study varies; open settings are as in [`Recipe::trainer`].
    pub fn of(recipe: &Recipe) -> Self {
        let whole = recipe.resolve_for(Defaults::Plain, usize::MAX);
        Self {
            hidden: whole.hidden.unwrap_or_default(),
            activation: whole.activation.unwrap_or(Activation::ReLU).to_string(),
            lr: whole.lr.unwrap_or_default(),
            batch_size: whole.batch_size.unwrap_or_default(),
            weight_decay: whole.weight_decay.unwrap_or_default(),
            // The number as it is written, not its f32 in full.
            dropout: whole.dropout.map_or(0.0, |p| p.to_string().parse().unwrap_or(0.0)),
            schedule: whole.schedule.unwrap_or(ScheduleName::Constant).to_string(),
        }
    }
}
