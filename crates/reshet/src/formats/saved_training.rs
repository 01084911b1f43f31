//! The file of a training: a model's (see [`safetensors`](super::safetensors)), with the
//! optimiser's state.
//!
//! Each slot of the state is one flat tensor, `training.state.0`, `training.state.1`, …, in the
//! order of the model's parameters; seed and updates are JSON in the model's metadata, under
//! `training`. The reader of models ignores both.

use std::{fs, path::Path};

use safetensors::{
    SafeTensors,
    tensor::{Dtype, TensorView},
};

use super::{
    metadata::{Counters, Metadata, TRAINING_PREFIX},
    safetensors::{file_of, in_file, parsed, tensor_bytes},
};
use crate::{Model, Optimizer, Result, error::Error};

/// The state of a training, apart from its model.
pub(crate) struct Kept {
    /// The seed of dropout.
    pub seed: u64,
    /// The number of updates taken.
    pub updates: u64,
    /// The optimiser of the last update.
    pub optimizer: Option<Optimizer>,
    /// The largest norm of the gradient.
    pub clip: Option<f32>,
    /// The optimiser's state, one buffer per slot.
    pub state: Vec<Vec<f32>>,
}

fn slot_name(slot: usize) -> String {
    format!("{TRAINING_PREFIX}state.{slot}")
}

/// See [`Training::save`](crate::Training::save).
pub(crate) fn save(model: &Model, kept: &Kept, path: &Path) -> Result<()> {
    super::write_file(path, &to_bytes(model, kept)?)
}

/// See [`Training::to_bytes`](crate::Training::to_bytes).
pub(crate) fn to_bytes(model: &Model, kept: &Kept) -> Result<Vec<u8>> {
    let &Kept { seed, updates, optimizer, clip, .. } = kept;
    let counters = Counters { seed, updates, slots: kept.state.len(), optimizer, clip };
    let mut metadata = Metadata::of(model);
    metadata.training = Some(counters);
    let state: Vec<Vec<u8>> = kept.state.iter().map(|state| tensor_bytes(state)).collect();
    let mut slots = Vec::new();
    for (slot, bytes) in state.iter().enumerate() {
        let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes);
        let view = view.map_err(|e| Error::invalid(format!("training: {e}")))?;
        slots.push((slot_name(slot), view));
    }
    file_of(model, metadata, slots)
}

/// See [`Training::load`](crate::Training::load).
pub(crate) fn load(path: &Path) -> Result<(Model, Kept)> {
    let bytes = fs::read(path).map_err(|e| Error::unreadable(path, e))?;
    parse(&bytes).map_err(|e| in_file(path, e))
}

/// See [`Training::from_bytes`](crate::Training::from_bytes).
pub(crate) fn parse(bytes: &[u8]) -> Result<(Model, Kept)> {
    let (model, counters) = parsed(bytes)?;
    let Some(Counters { seed, updates, slots, optimizer, clip }) = counters else {
        return Err(Error::data("a model, but not a training: it has no optimizer state"));
    };
    if slots > Optimizer::MOST_SLOTS {
        let what = format!("{slots} slots of optimizer state; at most {}", Optimizer::MOST_SLOTS);
        return Err(Error::data(format!("its metadata is damaged: {what}")));
    }
    let damaged = |e| Error::data(format!("not a safetensors file, or a damaged one: {e}"));
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let mut state = Vec::new();
    for slot in 0..slots {
        let name = slot_name(slot);
        let missing = |_| Error::data(format!("tensor {name} is missing"));
        let tensor = file.tensor(&name).map_err(missing)?;
        let numbers: Vec<f32> =
            tensor.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if tensor.dtype() != Dtype::F32 || numbers.len() != model.parameters().len() {
            return Err(Error::data(format!("tensor {name} does not fit the network")));
        }
        if !numbers.iter().all(|x| x.is_finite()) {
            let what = format!("tensor {name} holds a number that is not finite");
            return Err(Error::data(what));
        }
        state.push(numbers);
    }
    Ok((model, Kept { seed, updates, optimizer, clip, state }))
}
