//! What the API answers. The page's own types, `web/src/api-types.ts`, are made of these.

use std::path::PathBuf;

use reshet::{Score, metrics};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    curve::Tested,
    found::Finding,
    run::{Baseline, Phase, Stage},
    spec::Spec,
};

/// All there is.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct State {
    #[serde(flatten)]
    pub about: About,
    pub data: Vec<Data>,
    pub runs: Vec<Run>,
    /// The names of the studies.
    pub studies: Vec<String>,
    /// The run that trains, or stands.
    pub current: Option<String>,
}

/// The kind of question a network answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Task {
    Binary,
    Classes,
    Number,
}

impl From<reshet::Task> for Task {
    fn from(task: reshet::Task) -> Self {
        match task {
            reshet::Task::Binary => Self::Binary,
            reshet::Task::Classes => Self::Classes,
            reshet::Task::Number => Self::Number,
        }
    }
}

/// The program and its machine.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct About {
    pub version: String,
    pub device: String,
    pub threads: usize,
    pub cores: usize,
}

/// Data that can be asked for.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Data {
    pub id: String,
    pub name: String,
    pub kind: DataKind,
    pub train_samples: usize,
    pub test_samples: usize,
    pub shape: Vec<usize>,
    pub features: usize,
    pub task: Task,
    pub names: Vec<String>,
    pub columns: Option<Vec<String>>,
    pub target: Option<String>,
    pub said: Vec<String>,
    pub warnings: Vec<String>,
    /// The first rows of a table, as they were read.
    #[cfg_attr(test, ts(type = "Record<string, string | number | null>[]"))]
    pub rows: Vec<Map<String, Value>>,
    pub defaults: Spec,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum DataKind {
    /// Of bytes, grey or coloured.
    Pictures,
    Table,
    Array,
}

/// What a spec comes to.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Plan {
    pub network: String,
    pub task: Task,
    pub names: Vec<String>,
    pub inputs: usize,
    pub outputs: usize,
    pub output_activation: String,
    pub loss: String,
    pub parameters: usize,
    pub train_samples: usize,
    pub test_samples: usize,
    pub steps_per_epoch: usize,
    pub steps: usize,
    pub baseline: Option<Baseline>,
    pub shape: Vec<usize>,
    pub spec: Spec,
    pub command: String,
    pub said: Vec<String>,
    pub warnings: Vec<String>,
    /// What looks wrong in the network.
    pub findings: Vec<Finding>,
}

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

/// The curves of a run: (step, loss) and (step, loss, measure).
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Curves {
    pub loss: Vec<(usize, f64)>,
    pub test: Vec<Tested>,
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
            metrics::Kind::Answers { accuracy, interval, baseline, errors, all_right, .. } => {
                let kind = TestKind::Answers {
                    accuracy: *accuracy,
                    accuracy_interval: *interval,
                    errors: *errors,
                    all_right: *all_right,
                };
                (*baseline, kind)
            }
            metrics::Kind::Numbers { rmse, mae, r2, baseline, r2_mean, .. } => {
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
        changes: Vec<Change>,
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
}

/// The moments of a run that are held.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Snapshots {
    pub steps: Vec<usize>,
    pub bytes: usize,
    pub limit: usize,
}

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
