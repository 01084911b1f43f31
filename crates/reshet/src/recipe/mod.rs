//! Describes a training as plain data: a [`Recipe`].
//!
//! Command-line flags, configuration files, the page's form, the candidates of a
//! study and Python's keywords each make a recipe. What a recipe leaves open,
//! [`Recipe::resolve`] fills in, once, by the kind of data.

mod bag;
mod build;
mod choice;
mod compared;
mod defaults;
pub(crate) mod errors;
mod text;

use serde::{Deserialize, Serialize};

pub use crate::names::{LossName, OptimizerName, ScheduleName};
use crate::{Activation, Dataset, Error, Init, Result, Task};
pub use bag::{Bag, Bagging};
pub use choice::{Choice, Tried};
pub use defaults::Defaults;
use text::{list, name, pair, scalar, short, switch};

/// How to train: the network, its loss, the optimiser, the schedule, and everything else that
/// decides the result. `None` leaves a setting open.
///
/// `serde` reads and writes it in TOML, JSON and the like; the keys are the fields' names with
/// dashes. PyTorch's spelling of losses, optimisers and schedules is read too, and numbers and
/// lists also as text (`"100,50"`).
///
/// ```
/// use reshet::{Dataset, Features, Recipe, Storage, Targets};
/// # let x = Features::new(Storage::F32((0..40).map(|i| i as f32 / 40.0).collect()), &[1])?;
/// # let data = Dataset::new(x, Targets::numbers((0..40).map(|i| i as f32 / 20.0).collect(), 1))?;
/// let recipe: Recipe = serde_json::from_str(r#"{ "hidden": [8], "lr": 0.01, "epochs": 20 }"#)?;
/// let recipe = recipe.resolve(&data)?;
/// assert_eq!(recipe.batch_size, Some(40));
/// let model = recipe.trainer(&data)?.fit(&data)?.model;
/// assert_eq!(model.network().to_string(), "1-8:relu-1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub struct Recipe {
    /// The kind of question; if open, the loss, the output activation or the data decides.
    #[serde(
        deserialize_with = "scalar",
        serialize_with = "name",
        skip_serializing_if = "Option::is_none"
    )]
    pub task: Option<Task>,
    /// The network, as [`Sequential::parse`](crate::Sequential::parse) reads it. It replaces [`hidden`](Self::hidden),
    /// [`activation`](Self::activation) and [`dropout`](Self::dropout).
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub net: Option<String>,
    /// The widths of the hidden layers.
    #[serde(deserialize_with = "list", skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Vec<usize>>,
    /// The activation of the hidden layers.
    #[serde(
        deserialize_with = "scalar",
        serialize_with = "name",
        skip_serializing_if = "Option::is_none"
    )]
    pub activation: Option<Activation>,
    /// The dropout after each hidden layer; 0 for none.
    #[serde(
        deserialize_with = "scalar",
        serialize_with = "short",
        skip_serializing_if = "Option::is_none"
    )]
    pub dropout: Option<f32>,
    /// The loss; if open, see [`infer_loss`](crate::infer_loss).
    #[serde(
        deserialize_with = "scalar",
        serialize_with = "name",
        skip_serializing_if = "Option::is_none"
    )]
    pub loss: Option<LossName>,
    /// Cross entropy: the fraction of the target that is spread over all classes.
    #[serde(
        deserialize_with = "scalar",
        serialize_with = "short",
        skip_serializing_if = "Option::is_none"
    )]
    pub label_smoothing: Option<f32>,
    /// Quantile loss: the share of the targets that is below the answer.
    #[serde(
        deserialize_with = "scalar",
        serialize_with = "short",
        skip_serializing_if = "Option::is_none"
    )]
    pub quantile: Option<f32>,
    /// The optimiser.
    #[serde(
        deserialize_with = "scalar",
        serialize_with = "name",
        skip_serializing_if = "Option::is_none"
    )]
    pub optimizer: Option<OptimizerName>,
    /// The learning rate; for one-cycle the highest.
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub lr: Option<f64>,
    /// SGD and RMSprop: the momentum.
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    /// SGD: Nesterov's momentum.
    #[serde(deserialize_with = "switch", skip_serializing_if = "std::ops::Not::not")]
    pub nesterov: bool,
    /// Adam and AdamW: β₁ and β₂.
    #[serde(deserialize_with = "pair", skip_serializing_if = "Option::is_none")]
    pub betas: Option<[f64; 2]>,
    /// All but SGD: ε.
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub eps: Option<f64>,
    /// RMSprop: α.
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Adam and AdamW: AMSGrad.
    #[serde(deserialize_with = "switch", skip_serializing_if = "std::ops::Not::not")]
    pub amsgrad: bool,
    /// RMSprop: the variance instead of the mean square.
    #[serde(deserialize_with = "switch", skip_serializing_if = "std::ops::Not::not")]
    pub centered: bool,
    /// λ: pulls weights towards 0.
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// The largest norm of the gradient: a larger one is scaled down to it.
    #[serde(
        deserialize_with = "scalar",
        serialize_with = "short",
        skip_serializing_if = "Option::is_none"
    )]
    pub clip_norm: Option<f32>,
    /// How the learning rate changes.
    #[serde(
        deserialize_with = "scalar",
        serialize_with = "name",
        skip_serializing_if = "Option::is_none"
    )]
    pub schedule: Option<ScheduleName>,
    /// StepLR: the epochs between two decays.
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub step_size: Option<usize>,
    /// StepLR and ReduceLROnPlateau: the factor of each decay.
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub gamma: Option<f64>,
    /// How weights are initialised.
    #[serde(
        deserialize_with = "scalar",
        serialize_with = "name",
        skip_serializing_if = "Option::is_none"
    )]
    pub init: Option<Init>,
    /// The number of epochs: passes over all samples.
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Samples per step.
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    /// The seed of weights, shuffles, dropout and splits.
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Whether to keep the samples in the data's order.
    #[serde(deserialize_with = "switch", skip_serializing_if = "std::ops::Not::not")]
    pub no_shuffle: bool,
    /// Early stopping: stops when the validation loss has not fallen for this many epochs.
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// The fraction of the training samples to validate on. The trainer does not split the
    /// data itself: see [`Dataset::split`].
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    /// Probabilities: what goes into the last sigmoid or softmax is divided by it once the network
    /// is trained. See [`Trainer::temperature`](crate::Trainer::temperature).
    #[serde(deserialize_with = "scalar", skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

/// The most steps of a training: beyond it, numbers of most languages do not count by ones.
const MOST_STEPS: u64 = 1 << 53;

/// Checks that the steps of so many epochs, each of so many batches, can be counted.
///
/// # Errors
/// They are more than 2⁵³.
pub fn check_steps(epochs: usize, batches: usize) -> Result<()> {
    let steps = (epochs as u64).checked_mul(batches as u64);
    if steps.is_some_and(|steps| steps <= MOST_STEPS) {
        return Ok(());
    }
    let why = format!(
        "{batches} batches each are more steps than can be counted; at most {MOST_STEPS} steps"
    );
    wrong("epochs", epochs, why)
}

/// An error about one setting.
fn wrong<T>(name: &'static str, value: impl ToString, why: impl Into<String>) -> Result<T> {
    Err(Error::Setting { name, value: value.to_string(), why: why.into() })
}

impl Recipe {
    /// Fills in everything left open, for this data: from [`Defaults::of_table`] if it
    /// has columns, else from [`Defaults::Plain`]. A resolved recipe does not change.
    ///
    /// # Errors
    /// As [`Recipe::trainer`].
    pub fn resolve(&self, data: &Dataset) -> Result<Self> {
        self.resolve_sample(data, data.len())
    }

    /// Does the same where `data` is a sample of so many samples, as
    /// [`Streamed`](crate::data::table::Streamed) has one.
    ///
    /// # Errors
    /// As [`Recipe::trainer`].
    pub fn resolve_sample(&self, data: &Dataset, samples: usize) -> Result<Self> {
        let defaults = match data.features().columns() {
            Some(_) => Defaults::of_table(data.targets()),
            None => Defaults::Plain,
        };
        let mut recipe = self.resolve_for(defaults, samples);
        let loss = recipe.loss_for(&recipe.network(data)?, data.targets())?;
        recipe.loss = Some(LossName::from(&loss));
        recipe.trainer_of_sample(data, samples)?;
        Ok(recipe)
    }
}
