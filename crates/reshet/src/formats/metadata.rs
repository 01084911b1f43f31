//! The description of a model, as JSON in a file's metadata: all of it but its parameters, and the
//! counters of a training that was saved with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Loss, Meaning, Model, Optimizer, Plan, Result, Sequential, error::Error};

/// The key of the description in a file's metadata.
pub const METADATA_KEY: &str = "reshet";
/// The format version that this program reads and writes.
const FORMAT: u32 = 1;
/// The prefix of tensors that are not the model's.
pub const TRAINING_PREFIX: &str = "training.";

/// Everything of a model except its parameters.
#[derive(Serialize, Deserialize)]
pub struct Metadata {
    format: u32,
    network: Sequential,
    loss: Loss,
    meaning: Meaning,
    #[serde(default)]
    notes: BTreeMap<String, String>,
    /// The counters of a training that was saved with its optimiser's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Counters>,
    /// The checksum of each tensor; none of versions that did not write them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sums: BTreeMap<String, String>,
}

impl Metadata {
    pub fn of(model: &Model) -> Self {
        Self {
            format: FORMAT,
            network: model.network.clone(),
            loss: model.loss.clone(),
            meaning: model.meaning.clone(),
            notes: model.notes.clone(),
            training: None,
            sums: BTreeMap::new(),
        }
    }

    pub fn json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| Error::invalid(format!("model: {e}")))
    }

    pub fn parse(json: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let wrong = |e: serde_json::Error| Error::data(format!("its metadata is damaged: {e}"));
        let Version { format } = serde_json::from_str(json).map_err(wrong)?;
        if format != FORMAT {
            return Err(Error::data(format!(
                "model format {format}; this program reads format {FORMAT}"
            )));
        }
        serde_json::from_str(json).map_err(wrong)
    }

    pub fn plan(&self) -> Result<Plan> {
        Plan::new(&self.network, self.loss.clone())
    }

    /// Joins the metadata with the parameters, in the plan's order.
    pub fn model(self, parameters: Vec<f32>) -> Result<Model> {
        let inputs = self.network.inputs();
        let mut model = Model::new(self.network, self.loss, parameters, self.meaning)?;
        let shape = &model.meaning.shape;
        if crate::data::count(shape) != Some(inputs) {
            return Err(Error::data(format!(
                "its metadata is damaged: samples of shape {shape:?} for a network of {inputs} inputs"
            )));
        }
        let outputs = model.network.outputs();
        let checked = model.meaning.check_residuals(outputs);
        checked.map_err(|what| Error::data(format!("its metadata is damaged: {what}")))?;
        model.notes = self.notes;
        Ok(model)
    }
}

/// The numbers of a training that are not its network's.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Counters {
    pub seed: u64,
    pub updates: u64,
    pub slots: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<Optimizer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f32>,
}
