//! What is to be trained, as the page says it.

use serde::{Deserialize, Serialize};

/// What is to be trained; what is left out takes the data's default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default, deny_unknown_fields)]
pub struct Spec {
    /// `mnist`, or where the data lies.
    pub data: String,
    /// Yes or no about this class.
    pub is: Option<String>,
    /// The column that is asked about, of a table.
    pub target: Option<String>,
    /// The hidden layers.
    pub hidden: Option<Vec<Hidden>>,
    /// `sgd`, `adam`, `adamw`, `rmsprop`.
    pub optimizer: Option<String>,
    /// Learning rate.
    pub lr: Option<f64>,
    /// Pulls weights towards 0.
    pub weight_decay: Option<f64>,
    /// `constant`, `cosine`, `one-cycle`.
    pub schedule: Option<String>,
    /// Samples a step.
    pub batch_size: Option<usize>,
    /// How often all samples are seen.
    pub epochs: Option<usize>,
    /// Of weights, shuffles and splits.
    #[cfg_attr(test, ts(type = "number | null"))]
    pub seed: Option<u64>,
}

/// A hidden layer.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Hidden {
    /// Neurons.
    pub width: usize,
    /// As in a network's text: `relu`, `leaky_relu(0.2)`; None: a layer without.
    #[serde(default)]
    pub activation: Option<String>,
    /// The part of its neurons that is left out at each step.
    #[serde(default)]
    pub dropout: f32,
}
