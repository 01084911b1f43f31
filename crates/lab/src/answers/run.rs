//! A run, its course and its steps.

use std::path::PathBuf;

use reshet::{Score, metrics};
use serde::Serialize;

use super::Task;
use crate::{constant::Losses, curve::Tested, found::Finding, spec::Spec, told::Told};

/// A run.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Run {
    pub id: String,
    pub name: String,
    pub data: Option<String>,
    pub spec: Option<Spec>,
    pub network: String,
    pub task: Task,
    pub names: Vec<String>,
    pub shape: Vec<usize>,
    pub pictures: bool,
    pub parameters: usize,
    pub state: Phase,
    pub stage: Option<Stage>,
    pub step: usize,
    pub steps: usize,
    pub steps_per_epoch: Option<usize>,
    pub epoch: usize,
    pub lr: f64,
    pub pace: Option<f64>,
    pub loss: Option<f32>,
    pub seconds: f64,
    pub test: Option<Test>,
    pub baseline: Option<Baseline>,
    pub tensors: Vec<Tensor>,
    pub columns: Option<Vec<Column>>,
    pub inputs: Option<Vec<String>>,
    pub trainable: bool,
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub saved: Option<PathBuf>,
    pub reason: Option<String>,
    /// The same, for a page in any language.
    pub reason_told: Option<Told>,
    pub command: Option<String>,
    /// What looks wrong in what came of it, once it has ended.
    pub findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub curves: Option<Curves>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub stage_report: Option<StageReport>,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It trains.
    Running,
    /// It waits.
    Paused,
    /// All epochs are trained.
    Done,
    /// It was told to stop.
    Stopped,
    /// A loss or a parameter was not finite.
    Diverged,
    /// A fault of the program ended it.
    Failed,
    /// A model from a file.
    Loaded,
}

impl Phase {
    /// Whether the training goes on, or may.
    pub fn alive(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}

/// What was done last of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The outputs are there.
    Forward,
    /// The loss and the gradient are there.
    Backward,
}

/// What always giving the same answer scores.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Baseline {
    /// Accuracy, or the RMSE of the mean.
    pub measure: f64,
    /// The answer; None for numbers.
    pub answer: Option<String>,
    /// The loss of the best constant answer: of classes their shares, of numbers the mean. None
    /// before a run.
    pub loss: Option<f64>,
    /// The loss of what knows nothing: ln K, ln 2, about the variance. None before a run.
    pub even_loss: Option<f64>,
}

impl Baseline {
    /// Of a score, which has it beside it; `names` are the model's.
    pub fn of(score: &Score, names: &[String]) -> Self {
        let (metrics::ScoreKind::Answers { baseline, .. }
        | metrics::ScoreKind::Numbers { baseline, .. }) = &score.kind;
        let answer = score.commonest(names).map(String::from);
        Self { measure: *baseline, answer, loss: None, even_loss: None }
    }

    /// With the losses of constant answers, where they are finite.
    pub fn with_losses(self, losses: Option<Losses>) -> Self {
        let finite = |loss: f64| Some(loss).filter(|loss| loss.is_finite());
        let loss = losses.and_then(|losses| finite(losses.best));
        Self { loss, even_loss: losses.and_then(|losses| finite(losses.even)), ..self }
    }
}

/// The curves of a run: the loss of its batches, and of the network as it was at the same moments on the
/// test part and on as many samples it learns from.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Curves {
    pub loss: Vec<(usize, f64)>,
    pub test: Vec<Tested>,
    pub train: Vec<Tested>,
}

/// A tensor of parameters.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
}

/// A column as a form asks for it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Column {
    Number { name: String, typical: f64, low: f64, high: f64 },
    Category { name: String, words: Vec<String> },
}

/// A test of the network as it was after a step: what the curve and the list of runs show.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Test {
    pub step: usize,
    /// Tested: all of the test part, or some of it where a test of all takes long.
    pub samples: usize,
    pub loss: f64,
    /// Accuracy or R²; None where nothing varies.
    pub measure: Option<f64>,
    pub baseline: f64,
    #[serde(flatten)]
    pub kind: TestKind,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(untagged)]
pub enum TestKind {
    Answers {
        accuracy: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        accuracy_interval: Option<[f64; 2]>,
        errors: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        all_right: Option<f64>,
    },
    Numbers {
        rmse: f64,
        mae: f64,
        r2: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[cfg_attr(test, ts(optional))]
        r2_mean: Option<f64>,
    },
}

impl Test {
    /// Of a score after so many steps.
    pub fn of(step: usize, score: &Score) -> Self {
        let (baseline, kind) = match &score.kind {
            metrics::ScoreKind::Answers {
                accuracy, interval, baseline, errors, all_right, ..
            } => {
                let kind = TestKind::Answers {
                    accuracy: *accuracy,
                    accuracy_interval: *interval,
                    errors: *errors,
                    all_right: *all_right,
                };
                (*baseline, kind)
            }
            metrics::ScoreKind::Numbers { rmse, mae, r2, baseline, r2_mean, .. } => {
                let kind = TestKind::Numbers { rmse: *rmse, mae: *mae, r2: *r2, r2_mean: *r2_mean };
                (*baseline, kind)
            }
        };
        Self {
            step,
            samples: score.samples,
            loss: score.loss,
            measure: score.measure(),
            baseline,
            kind,
        }
    }
}

/// What is new of a training.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Progress {
    pub run: String,
    pub step: usize,
    pub epoch: usize,
    pub lr: f64,
    pub loss: Vec<(usize, f64)>,
    pub test: Vec<Tested>,
    /// Of samples it learns from, at the same moments.
    pub train: Vec<Tested>,
    /// The newest test in whole, if there is one since the last message.
    pub tested: Option<Test>,
    pub seconds: f64,
}

/// A run that was deleted.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Gone {
    pub run: String,
}

/// What came of one stage of a step.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "stage", rename_all = "lowercase")]
pub enum StageReport {
    Forward {
        step: usize,
        batch: usize,
        rows: Vec<u32>,
        outputs: Vec<Vec<f32>>,
        targets: Vec<Vec<f32>>,
    },
    Backward {
        step: usize,
        loss: f32,
        tensors: Vec<Gradient>,
    },
    Update {
        step: usize,
        lr: f64,
        /// Updates so far, this one with it: t in Adam's formula.
        #[cfg_attr(test, ts(type = "number"))]
        updates: u64,
        /// With its settings, as a model's file has them.
        #[cfg_attr(
            test,
            ts(
                type = "{ type: string; betas?: [number, number]; alpha?: number; eps?: number; momentum?: number; weight_decay: number } | null"
            )
        )]
        optimizer: Option<reshet::Optimizer>,
        changes: Vec<Change>,
        /// Why it has learnt nothing, or a layer has not.
        nothing: Option<Nothing>,
    },
}

/// A tensor's gradient: its length, and its largest number with its place.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Gradient {
    pub name: String,
    pub norm: f64,
    pub largest: Largest,
}

#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Largest {
    pub index: Vec<usize>,
    pub value: f32,
}

/// What an update did to one parameter.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Change {
    pub name: String,
    pub index: Vec<usize>,
    pub before: f32,
    pub gradient: f32,
    pub after: f32,
    /// What the optimizer keeps of this parameter, after the update: Adam's m and v.
    pub state: Vec<f32>,
}

/// Why a step has changed nothing, or not a whole layer. Layers with weights are counted from 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Nothing {
    /// The learning rate is 0.
    RateIsZero,
    /// All of the batch is answered right, and surely.
    AllRight { loss: f32 },
    /// No gradient comes to this layer: its neurons are all 0, or at an end of their activation.
    NoGradient { layer: usize },
    /// So much less gradient comes to the first layer than to the last.
    Vanishing { times: f64 },
    /// The steps are too small to change a number of 32 bits.
    TooSmall,
}

/// The moments of a run that are held.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Snapshots {
    pub steps: Vec<usize>,
    pub bytes: usize,
    pub limit: usize,
}
