//! What is to be trained, as the page says it.

use reshet::{Error, Result, data::table::Scaling, recipe::check_steps};
use serde::{Deserialize, Serialize};

/// Hidden layers, at most.
const MOST_LAYERS: usize = 1000;

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
    /// How numbers of a table become inputs: `standard`, `min-max`, `none`, `piecewise`,
    /// `piecewise-always`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional, type = "string"))]
    pub scaling: Option<Scaling>,
    /// Whether a table's numbers, those to be predicted too, are taken as they are.
    #[serde(skip_serializing_if = "is_false")]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub no_scale: bool,
    /// The part of the samples to test on, where the data has no test part; 0: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub test_fraction: Option<f64>,
    /// Of the products: `f32`, `bf16`, `tf32` (on a card alone), or `auto`: bf16 where it is faster.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub precision: Option<String>,
    /// Of weights, shuffles and splits.
    #[cfg_attr(test, ts(type = "number | null"))]
    pub seed: Option<u64>,
}

/// For serde.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !value
}

impl Spec {
    /// Checks that its steps on so many samples, and its layers, can be counted. `batch_size`:
    /// where it names none.
    ///
    /// # Errors
    /// They cannot.
    pub(crate) fn check_sizes(&self, samples: usize, batch_size: usize) -> Result<()> {
        let batches = samples.div_ceil(self.batch_size.unwrap_or(batch_size).max(1));
        check_steps(self.epochs.unwrap_or(1), batches)?;
        let layers = self.hidden.as_ref().map_or(0, Vec::len);
        if layers > MOST_LAYERS {
            let why = format!("more layers than this page takes; at most {MOST_LAYERS}");
            return Err(Error::Setting { name: "hidden", value: layers.to_string(), why });
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::{Kind, Told};

    #[test]
    fn sizes_are_checked_without_overflow() {
        let refused = |spec: Spec| {
            let checked = spec.check_sizes(60_000, 50);
            checked.err().map(|error| Told::error(&error).kind)
        };
        let epochs = |epochs| Spec { epochs: Some(epochs), ..Spec::default() };
        assert_eq!(refused(Spec::default()), None);
        assert_eq!(refused(epochs(1_000_000)), None);
        assert_eq!(refused(epochs(usize::MAX)), Some(Kind::TooManySteps));
        assert_eq!(refused(epochs(usize::MAX / 1200 + 1)), Some(Kind::TooManySteps));
        assert_eq!(refused(Spec { batch_size: Some(0), ..epochs(3) }), None);
        assert_eq!(refused(Spec { batch_size: Some(usize::MAX), ..epochs(3) }), None);
        let one = Hidden { width: 1, activation: None, dropout: 0.0 };
        let deep = Spec { hidden: Some(vec![one; 1001]), ..Spec::default() };
        assert_eq!(refused(deep), Some(Kind::TooManyLayers));
    }
}
