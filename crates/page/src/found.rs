//! What looks wrong in a network, or in what came of a training, as the API tells it.

use reshet::{Ended, Fit, Result, diagnosis};
use serde::Serialize;

use crate::{
    run::{Run, State},
    spec::Lesson,
};

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
            Of::FewSteps(steps) => What::FewSteps { steps: *steps },
            Of::NothingSeen => What::NothingSeen,
            Of::StillFalling => What::StillFalling,
            _ => What::Other,
        };
        Self { what, text: finding.to_string() }
    }
}

/// What looks wrong in a network, before it is trained.
pub fn before(lesson: &Lesson) -> Vec<Finding> {
    diagnosis::of_network(&lesson.network).iter().map(Finding::from).collect()
}

/// What looks wrong in a run that has ended: on its test part, or on the training part where
/// there is none.
pub fn after(run: &Run, lesson: &Lesson, done: bool) -> Result<Vec<Finding>> {
    let (steps, model) = run.model_at(None)?;
    let state = run.state();
    let tested = state.test.as_ref().map(|(_, score)| score.clone());
    let fit = Fit {
        model,
        epochs: state.epoch,
        steps,
        final_loss: final_loss(&state),
        epoch_losses: state.epoch_losses.clone(),
        ended: if done { Ended::Done } else { Ended::Asked },
    };
    drop(state);
    let score = match tested {
        Some(score) => score,
        None => fit.model.test_on(&lesson.train, lesson.device)?,
    };
    let (optimizer, schedule) = (lesson.recipe.optimizer()?, lesson.recipe.schedule()?);
    let found = diagnosis::of_fit(&fit, &lesson.train, &score, &optimizer, schedule)?;
    Ok(found.iter().map(Finding::from).collect())
}

fn final_loss(state: &State) -> f64 {
    let last = state.loss.map_or(f64::NAN, f64::from);
    state.epoch_losses.last().copied().unwrap_or(last)
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
