//! What a model says of samples.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Test;

/// One sample through the network.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Trace {
    pub step: usize,
    pub label: Option<String>,
    #[cfg_attr(test, ts(type = "Record<string, number> | null"))]
    pub probabilities: Option<Map<String, Value>>,
    #[cfg_attr(test, ts(type = "number | number[] | null"))]
    pub value: Option<Value>,
    pub input: Vec<f32>,
    pub evidence: Vec<f32>,
    pub layers: Vec<TracedLayer>,
    /// The cells that the inputs came from, of a table.
    #[cfg_attr(test, ts(type = "Record<string, string | number | null> | null"))]
    pub row_values: Option<Map<String, Value>>,
    /// Of a sample that stands in the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub row: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "string | number | number[] | null"))]
    pub truth: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub right: Option<bool>,
}

/// A Linear layer with its activation applied.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TracedLayer {
    pub name: String,
    pub activation: String,
    pub values: Vec<f32>,
}

/// A network with some of its numbers changed, on one sample and on the test part.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Touched {
    pub trace: Trace,
    /// The loss on this sample.
    pub loss: f64,
    /// On the test part, or on some of it where the network is large; None where there is none.
    pub test: Option<Test>,
    pub neuron: Option<Neuron>,
}

/// A neuron on one sample: output = activation(Σ weight · input + bias).
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Neuron {
    /// Of Linear layers, from 0.
    pub layer: usize,
    pub neuron: usize,
    /// What its tensors are called.
    pub weight_name: String,
    pub bias_name: String,
    pub activation: String,
    pub inputs: Vec<f32>,
    pub weights: Vec<f32>,
    pub bias: f32,
    pub sum: f32,
    pub output: f32,
    /// The largest weight of its layer, by size.
    pub largest: f32,
}

/// A sample as lists show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Item {
    pub row: usize,
    #[cfg_attr(test, ts(type = "number | number[]"))]
    pub truth: Value,
    #[cfg_attr(test, ts(type = "number | number[]"))]
    pub answer: Value,
    /// Of the answer; where it is about belief, of the truth. None for numbers.
    pub probability: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub loss: Option<f64>,
    #[serde(skip)]
    pub weight: f64,
}

/// The wrong ones of the test part.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Mistakes {
    pub step: usize,
    pub samples: usize,
    pub errors: Option<usize>,
    pub names: Vec<String>,
    pub confusion: Option<Vec<Vec<usize>>>,
    /// How many there are of what was asked for.
    pub found: usize,
    pub items: Vec<Item>,
}

/// The ones of the training part that the network believes least.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Suspicious {
    pub step: usize,
    pub names: Vec<String>,
    pub items: Vec<Item>,
}
