//! Models as safetensors (<https://github.com/huggingface/safetensors>).
//!
//! The tensors are named and laid out as PyTorch's `state_dict` of the same
//! `nn.Sequential`: `0.weight` (out, in), `0.bias` (out), … in float32. All else
//! is JSON in the file's metadata, under `reshet`:
//!
//! ```json
//! { "format": 1, "network": "784-100:relu-1:sigmoid", "loss": { "type": "BCELoss" },
//!   "meaning": { "task": "binary", "names": ["not 7", "7"], "shape": [1, 28, 28], "bytes": true }, "notes": {} }
//! ```
//! Nothing in it changes from run to run: the same training gives the same bytes.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

use safetensors::{
    SafeTensors,
    tensor::{Dtype, TensorView, serialize},
};
use serde::{Deserialize, Serialize};

use crate::{Loss, Model, Plan, Result, Sequential, error::Error, model::Meaning};

/// The newest format this program reads and the one it writes.
const FORMAT: u32 = 1;
const KEY: &str = "reshet";

#[derive(Serialize, Deserialize)]
struct Metadata {
    format: u32,
    network: Sequential,
    loss: Loss,
    meaning: Meaning,
    #[serde(default)]
    notes: BTreeMap<String, String>,
}

/// See [`Model::save`].
pub(crate) fn save(model: &Model, path: &Path) -> Result<()> {
    super::write_file(path, &to_bytes(model)?)
}

/// The file's bytes.
///
/// # Errors
/// None in practice: all shapes were checked when the model was made.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>> {
    let metadata = Metadata {
        format: FORMAT,
        network: model.network.clone(),
        loss: model.loss.clone(),
        meaning: model.meaning.clone(),
        notes: model.notes.clone(),
    };
    let bytes: Vec<u8> = model.parameters.iter().flat_map(|x| x.to_le_bytes()).collect();
    let wrong = |e: String| Error::invalid(format!("model: {e}"));
    let tensors = model
        .plan()?
        .named_parameters()
        .into_iter()
        .map(|p| {
            let bytes = &bytes[4 * p.range.start..4 * p.range.end];
            let view =
                TensorView::new(Dtype::F32, p.shape, bytes).map_err(|e| wrong(e.to_string()))?;
            Ok((p.name, view))
        })
        .collect::<Result<Vec<_>>>()?;
    let json = serde_json::to_string(&metadata).map_err(|e| wrong(e.to_string()))?;
    // One key only: a map of several would be written in a random order.
    let metadata = HashMap::from([(KEY.to_string(), json)]);
    serialize(tensors, Some(metadata)).map_err(|e| wrong(e.to_string()))
}

/// See [`Model::load`].
pub(crate) fn load(path: &Path) -> Result<Model> {
    let bytes = fs::read(path).map_err(|e| Error::unreadable(path, e))?;
    from_bytes(&bytes).map_err(|e| Error::data(format!("{}: {e}", path.display())))
}

/// Reads what [`to_bytes`] wrote.
///
/// # Errors
/// Says which part of the file is not what it should be.
pub fn from_bytes(bytes: &[u8]) -> Result<Model> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_safetensors)?;
    let json = header.metadata().as_ref().and_then(|m| m.get(KEY)).ok_or_else(|| {
        Error::data("safetensors, but not a reshet model: it does not say what network it holds")
    })?;
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
    let metadata: Metadata = serde_json::from_str(json).map_err(wrong)?;
    let plan = Plan::new(&metadata.network, metadata.loss.clone())?;
    let parameters = tensors(bytes, &plan)?;
    let mut model = Model::new(metadata.network, metadata.loss, parameters, metadata.meaning)?;
    let fits = model.meaning.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    if fits != Some(plan.inputs) {
        return Err(Error::data(format!(
            "its metadata is damaged: samples of shape {:?} for a network of {} inputs",
            model.meaning.shape, plan.inputs
        )));
    }
    model.notes = metadata.notes;
    Ok(model)
}

/// Reads only the parameters of a network: from a model of ours, or from a
/// `state_dict` that PyTorch wrote as safetensors.
///
/// # Errors
/// Names the tensor that is missing, superfluous, or of another shape or type.
pub fn load_parameters(path: &Path, plan: &Plan) -> Result<Vec<f32>> {
    let bytes = fs::read(path).map_err(|e| Error::unreadable(path, e))?;
    tensors(&bytes, plan).map_err(|e| Error::data(format!("{}: {e}", path.display())))
}

fn not_safetensors(e: safetensors::SafeTensorError) -> Error {
    Error::data(format!("not a safetensors file, or a damaged one: {e}"))
}

fn tensors(bytes: &[u8], plan: &Plan) -> Result<Vec<f32>> {
    let file = SafeTensors::deserialize(bytes).map_err(not_safetensors)?;
    let named = plan.named_parameters();
    let mut names: Vec<&str> = file.names().into_iter().collect();
    names.sort_unstable();
    let list = names.join(", ");
    if let Some(extra) = names.iter().find(|n| !named.iter().any(|p| p.name == **n)) {
        return Err(Error::data(format!(
            "tensor {extra} has no place in the network (the file has {list})"
        )));
    }
    let mut parameters = vec![0.0; plan.parameters];
    for p in named {
        let tensor = file.tensor(&p.name).map_err(|_| {
            Error::data(format!("tensor {} is missing (the file has {list})", p.name))
        })?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != p.shape {
            return Err(Error::data(format!(
                "tensor {} is {:?} of shape {:?}; the network needs F32 of shape {:?}",
                p.name,
                tensor.dtype(),
                tensor.shape(),
                p.shape
            )));
        }
        let numbers = tensor.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
        parameters[p.range].iter_mut().zip(numbers).for_each(|(p, x)| *p = x);
    }
    if let Some(name) = plan.not_finite(&parameters) {
        return Err(Error::data(format!("tensor {name} holds a number that is not finite")));
    }
    Ok(parameters)
}
