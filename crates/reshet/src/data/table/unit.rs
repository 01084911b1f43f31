//! The unit of a number that is predicted.

use serde::{Deserialize, Serialize};

use crate::{Activation, Targets};

/// The unit of a number that is predicted: y = centre + scale · output.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// What an output of 0 stands for.
    pub centre: f32,
    /// What an output of 1 adds.
    pub scale: f32,
}

impl Unit {
    /// The output that stands for y.
    pub fn output(self, y: f32) -> f32 {
        (y - self.centre) / self.scale
    }

    /// What an output stands for.
    pub fn value(self, output: f32) -> f32 {
        self.centre + self.scale * output
    }

    /// Units in which a network that ends in `output` can say these numbers:
    /// mean 0 and standard deviation 1, or well inside what a sigmoid or tanh reaches.
    pub(crate) fn fitting(targets: &Targets, output: Activation) -> Vec<Self> {
        let Targets::Numbers { values, width } = targets else { return Vec::new() };
        let of = |q: usize| {
            // NaN: a target that is missing.
            let known = || values[q..].iter().step_by(*width).filter(|y| !y.is_nan());
            let column = || known().map(|y| f64::from(*y));
            let n = column().count() as f64;
            let mean = column().sum::<f64>() / n;
            let sd = (column().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt();
            let (low, high) = column().fold((f64::MAX, f64::MIN), |(l, h), y| (l.min(y), h.max(y)));
            let range = |from: f64, to: f64| {
                let scale = (high - low) / (to - from);
                (low - from * scale, scale)
            };
            let (centre, scale) = match output {
                Activation::Sigmoid | Activation::Softmax => range(0.05, 0.95),
                Activation::Tanh => range(-0.9, 0.9),
                Activation::ReLU => (0.0, sd),
                _ => (mean, sd),
            };
            // All the same: there is nothing to scale.
            let scale = if scale > 0.0 { scale } else { 1.0 };
            Self { centre: centre as f32, scale: scale as f32 }
        };
        (0..*width).map(of).collect()
    }
}
