//! Reads and writes models as safetensors (<https://github.com/huggingface/safetensors>).
//!
//! The tensors are named and laid out as PyTorch's `state_dict` of the same
//! `nn.Sequential`: `0.weight` (out, in), `0.bias` (out), … in float32. Everything else
//! is JSON in the file's metadata, under `reshet`:
//!
//! ```json
//! { "format": 1, "network": "784-100:relu-1:sigmoid", "loss": { "type": "BCELoss" },
//!   "meaning": { "task": "binary", "names": ["not 7", "7"], "shape": [1, 28, 28], "bytes": true }, "notes": {} }
//! ```
//! The JSON also has `sums`, the checksum of each tensor, and ends with one of its own, `crc`:
//! see [`files::sums`](crate::files::sums).
//! Nothing in it changes from run to run: the same training gives the same bytes.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::{Read, Seek},
    path::Path,
};

use super::{
    foreign::tensors::{ElementType, StateDict, StoredTensor, TensorFile},
    metadata::{Counters, METADATA_KEY, Metadata, TRAINING_PREFIX},
};
use crate::{
    Model, Plan, Result,
    error::Error,
    files::sums::{self, Seal},
};
use safetensors::{
    SafeTensors,
    tensor::{Dtype, TensorView, serialize},
};

/// The longest header of a network.
const MOST_HEADER: u64 = 32 << 20;
/// The most texts and commas of a header; JSON of many small things takes many times its
/// bytes in memory. A column of a table takes 23 or so.
const MOST_PARTS: usize = 1 << 22;
/// The most quotes outside of texts: about twelve per tensor.
const MOST_QUOTES: usize = 200_000;

impl Model {
    /// Writes the model to a safetensors file: see [`formats::safetensors`](self).
    ///
    /// # Errors
    /// The file cannot be written; an existing file is then left unchanged.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        super::write_file(path.as_ref(), &to_bytes(self)?)
    }

    /// Reads a model that [`Model::save`] wrote.
    ///
    /// # Errors
    /// The file is not a model, or is damaged: says what and where.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        read(path).map_err(|e| in_file(path, e))
    }
}

/// Encodes a model as the bytes of a file.
///
/// # Errors
/// None in practice: all shapes were checked when the model was made.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>> {
    file_of(model, Metadata::of(model), Vec::new())
}

/// Encodes a model and additional tensors.
pub(super) fn file_of(
    model: &Model,
    mut metadata: Metadata,
    others: Vec<(String, TensorView)>,
) -> Result<Vec<u8>> {
    let bytes = tensor_bytes(&model.parameters);
    let mut tensors = others;
    let wrong = |e: String| Error::invalid(format!("model: {e}"));
    for p in model.plan()?.named_parameters() {
        let bytes = &bytes[4 * p.range.start..4 * p.range.end];
        let view = TensorView::new(Dtype::F32, p.shape, bytes).map_err(|e| wrong(e.to_string()))?;
        tensors.push((p.name, view));
    }
    metadata.sums = sums_of(&tensors);
    // One key only: a map of several would be written in a random order.
    let json = sums::sealed(&metadata.json()?);
    let metadata = HashMap::from([(METADATA_KEY.to_string(), json)]);
    let bytes = serialize(tensors, Some(metadata)).map_err(|e| wrong(e.to_string()))?;
    // What could not be read again is not written.
    check_header(&bytes).map_err(|e| wrong(format!("too many columns to be saved: {e}")))?;
    Ok(bytes)
}

/// The checksums of tensors, by name.
pub(crate) fn sums_of(tensors: &[(String, TensorView)]) -> BTreeMap<String, String> {
    tensors.iter().map(|(name, view)| (name.clone(), sums::of(view.data()))).collect()
}

/// Compares a file with the checksums in its description, `json`, if that has some.
///
/// # Errors
/// Says what is damaged, and where in the file it is.
pub(crate) fn check_sums(bytes: &[u8], json: &str) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Sums {
        #[serde(default)]
        sums: BTreeMap<String, String>,
    }
    let damaged = |what: String| Err(Error::data(format!("damaged: {what}")));
    let seal = sums::check(json);
    if seal == Seal::Broken {
        return damaged("the checksum of its metadata does not fit".into());
    }
    // What is no JSON is told by whoever reads all of it.
    let Ok(Sums { sums }) = serde_json::from_str(json) else { return Ok(()) };
    if sums.is_empty() {
        return Ok(());
    }
    if seal == Seal::None {
        return damaged("its metadata has lost its checksum".into());
    }
    let file = SafeTensors::deserialize(bytes).map_err(not_safetensors)?;
    for (name, sum) in &sums {
        let Ok(tensor) = file.tensor(name) else {
            return damaged(format!("tensor {name} is missing"));
        };
        if sums::of(tensor.data()) != *sum {
            let start = tensor.data().as_ptr() as usize - bytes.as_ptr() as usize;
            let end = start + tensor.data().len();
            return damaged(format!(
                "the checksum of {name} (bytes {start} to {end}) does not fit"
            ));
        }
    }
    match file.names().into_iter().find(|name| !sums.contains_key(*name)) {
        Some(name) => damaged(format!("tensor {name} has no checksum, as the others have")),
        None => Ok(()),
    }
}

/// The description of a model of ours; None if it is another program's file.
fn description(bytes: &[u8]) -> Result<Option<String>> {
    check_header(bytes)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_safetensors)?;
    Ok(header.metadata().as_ref().and_then(|m| m.get(METADATA_KEY)).cloned())
}

/// Numbers as the bytes of a file.
pub(super) fn tensor_bytes(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|x| x.to_le_bytes()).collect()
}

/// Adds the file's name to an error.
pub(super) fn in_file(path: &Path, error: Error) -> Error {
    match error {
        Error::Data(what) | Error::Invalid(what) => {
            Error::data(format!("{}: {what}", path.display()))
        }
        other => other,
    }
}

/// Reads a model; errors do not name the file.
pub(super) fn read(path: &Path) -> Result<Model> {
    from_bytes(&fs::read(path).map_err(|e| Error::unreadable(path, e))?)
}

/// Decodes what [`to_bytes`] encoded.
///
/// # Errors
/// Says which part of the file is wrong.
pub fn from_bytes(bytes: &[u8]) -> Result<Model> {
    Ok(parsed(bytes)?.0)
}

/// The model, and the counters of a training that was saved with it.
pub(super) fn parsed(bytes: &[u8]) -> Result<(Model, Option<Counters>)> {
    let json = description(bytes)?.ok_or_else(|| {
        Error::data(
            "safetensors, but not a reshet model: it does not say what network it holds \
             (`reshet import` makes a model of it)",
        )
    })?;
    check_sums(bytes, &json)?;
    let metadata = Metadata::parse(&json)?;
    let parameters = tensors(bytes, &metadata.plan()?)?;
    let training = metadata.training;
    Ok((metadata.model(parameters)?, training))
}

/// Reads only the parameters of a network, from a model of ours or from a
/// `state_dict` that PyTorch wrote as safetensors.
///
/// # Errors
/// Names the tensor that is missing or superfluous, or has the wrong shape or type.
pub fn load_parameters(path: &Path, plan: &Plan) -> Result<Vec<f32>> {
    let bytes = fs::read(path).map_err(|e| Error::unreadable(path, e))?;
    let checked = description(&bytes).and_then(|json| match json {
        Some(json) => check_sums(&bytes, &json),
        None => Ok(()),
    });
    let read = checked.and_then(|()| tensors(&bytes, plan));
    read.map_err(|e| Error::data(format!("{}: {e}", path.display())))
}

/// Reads the `state_dict` of another program, as PyTorch writes it; None if the file is a model of
/// ours.
///
/// # Errors
/// The file is damaged, or has numbers that are not weights.
pub(super) fn read_state_dict(mut file: File, path: &Path) -> Result<Option<StateDict>> {
    let io = |e| Error::unreadable(path, e);
    let size = file.metadata().map_err(io)?.len();
    file.rewind().map_err(io)?;
    let mut header = Vec::new();
    file.by_ref().take(8).read_to_end(&mut header).map_err(io)?;
    let length = header.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    if length > size {
        return Err(Error::data("truncated: its header breaks off"));
    }
    if length > MOST_HEADER {
        let what = format!("a header of {length} bytes, where {MOST_HEADER} are the most");
        return Err(Error::data(format!("not a network: {what}")));
    }
    file.by_ref().take(length).read_to_end(&mut header).map_err(io)?;
    check_header(&header)?;
    let json = header.get(8..).filter(|json| json.len() as u64 == length);
    let json = json.ok_or_else(|| Error::data("truncated: its header breaks off"))?;
    let metadata: safetensors::tensor::Metadata = serde_json::from_slice(json)
        .map_err(|e| Error::data(format!("not a safetensors file, or a damaged one: {e}")))?;
    if metadata.metadata().as_ref().is_some_and(|m| m.contains_key(METADATA_KEY)) {
        return Ok(None);
    }
    let data = 8 + length;
    let mut tensors = Vec::new();
    for (name, tensor) in metadata.tensors() {
        let element = match tensor.dtype {
            Dtype::F64 => ElementType::F64,
            Dtype::F32 => ElementType::F32,
            Dtype::F16 => ElementType::F16,
            Dtype::BF16 => ElementType::BF16,
            Dtype::I64 => ElementType::Whole(8),
            other => return Err(Error::data(format!("{name}: numbers of the type {other:?}"))),
        };
        let shape = tensor.shape.clone();
        let mut strides = vec![1usize; shape.len()];
        for i in (1..shape.len()).rev() {
            strides[i - 1] = strides[i].saturating_mul(shape[i]);
        }
        let (start, end) = tensor.data_offsets;
        let bytes = end.saturating_sub(start) as u64;
        let Some(at) =
            data.checked_add(start as u64).filter(|at| bytes <= size.saturating_sub(*at))
        else {
            return Err(Error::data(format!("{name}: its numbers are not in the file: truncated")));
        };
        let stored = StoredTensor { name: name.clone(), shape, strides, element, at, bytes };
        tensors.push(stored.starting(0).map_err(|e| Error::data(format!("{name}: {e}")))?);
    }
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Some(StateDict {
        tensors,
        other: Vec::new(),
        said: Vec::new(),
        file: TensorFile { file: file.into(), size },
        // safetensors are sorted by type and by name.
        in_order: false,
        origin: "safetensors",
    }))
}

/// Refuses a header that would take more memory than a network's. `bytes`: the whole file, or
/// only up to the header's end.
pub(crate) fn check_header(bytes: &[u8]) -> Result<()> {
    let length = bytes.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
    let most = |n: u64, what: &str, most: u64| {
        let text = format!("not a network: {n} {what} in its header, where {most} are the most");
        if n > most { Err(Error::data(text)) } else { Ok(()) }
    };
    let Some(json) = bytes.get(8..).and_then(|rest| rest.get(..usize::try_from(length).ok()?))
    else {
        // A truncated header is reported when it is read.
        return Ok(());
    };
    most(length, "bytes", MOST_HEADER)?;
    let parts = json.iter().filter(|b| matches!(b, b'"' | b',')).count();
    most(parts as u64, "texts and commas", MOST_PARTS as u64)?;
    let quotes = json.windows(2).filter(|w| w[0] != b'\\' && w[1] == b'"').count();
    most(quotes as u64, "quotes", MOST_QUOTES as u64)
}

fn not_safetensors(e: safetensors::SafeTensorError) -> Error {
    Error::data(format!("not a safetensors file, or a damaged one: {e}"))
}

fn tensors(bytes: &[u8], plan: &Plan) -> Result<Vec<f32>> {
    check_header(bytes)?;
    let file = SafeTensors::deserialize(bytes).map_err(not_safetensors)?;
    let named = plan.named_parameters();
    let mut names: Vec<&str> = file.names().into_iter().collect();
    names.retain(|name| !name.starts_with(TRAINING_PREFIX));
    names.sort_unstable();
    let list = names.join(", ");
    if let Some(extra) = names.iter().find(|n| !named.iter().any(|p| p.name == **n)) {
        return Err(Error::data(format!(
            "tensor {extra} has no place in the network (the file has {list})"
        )));
    }
    // The file's size, not its metadata, limits the memory that is allocated.
    if plan.parameters > bytes.len() / 4 {
        let (needs, size) = (plan.parameters, bytes.len());
        return Err(Error::data(format!(
            "the network needs {needs} numbers; the file has {size} bytes"
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
