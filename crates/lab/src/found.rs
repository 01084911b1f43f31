//! What looks wrong in a network, or in what came of a training, as the API tells it.

use reshet::{Sequential, diagnosis};
use serde::Serialize;

/// A finding: its kind with its numbers, for a page in any language, and the library's own
/// sentence.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Finding {
    #[serde(flatten)]
    what: What,
    text: String,
}

/// The kinds of findings. Layers are counted from 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum What {
    LinearAfterLinear {
        first: usize,
        second: usize,
    },
    SoftmaxInside {
        layer: usize,
    },
    /// `answer`: the one that is always given; None: the mean.
    NoBetter {
        answer: Option<String>,
    },
    SameAnswer,
    DeadNeurons {
        layer: usize,
        dead: usize,
        of: usize,
    },
    HighLearningRate {
        lr: f64,
        usual: f64,
    },
    LowLearningRate {
        lr: f64,
        usual: f64,
    },
    FewSteps {
        steps: usize,
    },
    NothingSeen,
    StillFalling,
    /// One that this page does not know yet: its text says it.
    Other,
}

impl From<&diagnosis::Finding> for Finding {
    fn from(finding: &diagnosis::Finding) -> Self {
        use diagnosis::Finding as Of;
        let what = match finding {
            Of::LinearAfterLinear(first, second) => {
                What::LinearAfterLinear { first: *first, second: *second }
            }
            Of::SoftmaxInside(layer) => What::SoftmaxInside { layer: *layer },
            Of::NoBetter(answer) => What::NoBetter { answer: answer.clone() },
            Of::SameAnswer => What::SameAnswer,
            Of::DeadNeurons { layer, dead, of } => {
                What::DeadNeurons { layer: *layer, dead: *dead, of: *of }
            }
            Of::HighLearningRate { lr, usual } => What::HighLearningRate { lr: *lr, usual: *usual },
            Of::LowLearningRate { lr, usual } => What::LowLearningRate { lr: *lr, usual: *usual },
            Of::FewSteps(steps) => What::FewSteps { steps: *steps },
            Of::NothingSeen => What::NothingSeen,
            Of::StillFalling => What::StillFalling,
            _ => What::Other,
        };
        Self { what, text: finding.to_string() }
    }
}

/// What looks wrong in a network, before it is trained.
pub fn before(network: &Sequential) -> Vec<Finding> {
    diagnosis::of_network(network).iter().map(Finding::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_told_by_its_kind_with_its_numbers_and_in_words() {
        let dead = Finding::from(&diagnosis::Finding::DeadNeurons { layer: 2, dead: 5, of: 8 });
        let json = serde_json::to_value(&dead).unwrap();
        let text = dead.text.clone();
        let wanted = serde_json::json!({ "kind": "dead_neurons", "layer": 2, "dead": 5, "of": 8, "text": text });
        assert_eq!(json, wanted);
        let same = serde_json::to_value(Finding::from(&diagnosis::Finding::SameAnswer)).unwrap();
        assert_eq!(same["kind"], "same_answer");
    }
}
