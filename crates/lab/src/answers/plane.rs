//! A model over one or two of its inputs.

use serde::Serialize;

/// A model over one or two of its inputs, the others as they usually are.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Plane {
    pub step: usize,
    pub x: Axis,
    /// None: one input varies, and a curve is drawn over it.
    pub y: Option<Axis>,
    /// Inputs that are numbers: each can be an axis.
    pub inputs: Vec<String>,
    /// What is predicted.
    pub target: Option<String>,
    /// Of a question's answers; of numbers none.
    pub names: Vec<String>,
    /// Samples, evenly chosen.
    pub spots: Vec<Spot>,
    pub field: Option<Field>,
    /// Of the first layer's neurons z in low x and low y, in high x and low y, in low x and high y.
    pub lines: Vec<[f32; 3]>,
    pub curve: Option<Curve>,
}

/// An input that varies.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Axis {
    /// The column's name.
    pub name: String,
    /// Where it begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

/// A sample: x, y, its class's place or its number, and 1 in the test part.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Spot(pub f64, pub f64, pub f64, pub f64);

/// The answers in `side` × `side` places, x first, both from low to high.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Field {
    pub side: usize,
    /// The answer's place among the names.
    pub classes: Vec<usize>,
    /// The answer's probability (of a yes/no question: that of yes), or the number.
    pub values: Vec<f32>,
}

/// The answers along one input.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Curve {
    /// Places.
    pub xs: Vec<f64>,
    /// The answers there.
    pub ys: Vec<f32>,
    /// What each neuron of the last hidden layer adds to it, most first.
    pub parts: Vec<Vec<f32>>,
}
