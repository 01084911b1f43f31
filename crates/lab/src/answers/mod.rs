//! What the API answers. The page's own types, `web/src/api-types.ts`, are made of these.

mod course;
mod model;
mod plane;
mod run;

use serde::Serialize;
use serde_json::{Map, Value};

pub use course::*;
pub use model::*;
pub use plane::*;
pub use run::*;

use crate::{found::Finding, spec::Spec, told::Told};

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
    pub memory: Memory,
}

/// Bytes that the server may take, and those that data and runs hold.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Memory {
    #[cfg_attr(test, ts(type = "number"))]
    pub limit: u64,
    #[cfg_attr(test, ts(type = "number"))]
    pub held: u64,
}

/// What was decided about data, and what looks wrong in it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Notes {
    pub said: Vec<Told>,
    pub warnings: Vec<Told>,
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
    /// The program's.
    pub version: String,
    /// What trainings run on.
    pub device: String,
    /// Threads that train.
    pub threads: usize,
    /// The machine's.
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
    /// The same, for a page in any language.
    pub told: Notes,
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
    /// The same, for a page in any language.
    pub told: Notes,
    /// What looks wrong in the network.
    pub findings: Vec<Finding>,
}
