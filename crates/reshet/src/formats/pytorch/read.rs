//! Reads files of `torch.save`: a zip since PyTorch 1.6, before that a sequence of pickles
//! followed by the numbers.
//!
//! ```text
//! zip     NAME/data.pkl │ NAME/byteorder │ NAME/data/0 │ NAME/data/1 │ …
//! legacy  magic │ version │ system │ the object │ its storages' keys │ (count, numbers) …
//! ```

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
    rc::Rc,
};

use crc32fast::Hasher;

use super::{
    pickle::{Item, Pickle, Tensor, Value},
    unpickle::unpickle,
};
use crate::{
    Result,
    data::zip,
    error::Error,
    formats::foreign::{
        layers::AVERAGES,
        tensors::{ElementType, StateDict, StoredTensor, TensorFile},
    },
};

/// The number at the start of a legacy file, in a pickle.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// Keys under which programs store a `state_dict`, the likeliest first.
const WRAPPERS: [&str; 8] = [
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "weights",
    "net_state_dict",
    "model_state",
];

/// The place and length of each storage's bytes.
type Storages = HashMap<Rc<str>, (u64, u64)>;

/// Reads a `state_dict`.
///
/// # Errors
/// The file is damaged, or is not a `state_dict`.
pub(in crate::formats) fn read(mut file: File, path: &Path) -> Result<StateDict> {
    let mut start = [0; 2];
    let io = |e| Error::unreadable(path, e);
    file.rewind().and_then(|()| file.read_exact(&mut start)).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let read = if start == *b"PK" { zipped(&mut file, size) } else { legacy(&mut file, size) };
    let (pickle, storages) = read.map_err(Error::data)?;
    let Entries { tensors, other, said } = entries(&pickle, &storages).map_err(Error::data)?;
    let file = TensorFile { file: file.into(), size };
    Ok(StateDict { tensors, other, said, file, in_order: true, origin: "PyTorch" })
}

fn zipped(file: &mut File, size: u64) -> Result<(Pickle, Storages), String> {
    let length = usize::try_from(size).map_err(|_| "larger than this machine's memory")?;
    let part = |file: &mut File, at: usize, n: usize| -> Result<Vec<u8>, String> {
        if at.checked_add(n).is_none_or(|end| end > length) {
            return Err("truncated".into());
        }
        let mut bytes = vec![0; n];
        file.seek(SeekFrom::Start(at as u64)).map_err(|e| e.to_string())?;
        file.read_exact(&mut bytes).map_err(|e| e.to_string())?;
        Ok(bytes)
    };
    let entries = zip::directory(length, |at, n| part(file, at, n))?;
    let root = entries.iter().find_map(|e| e.name.strip_suffix("data.pkl"));
    let root = root.filter(|root| root.is_empty() || root.ends_with('/')).ok_or_else(|| {
        let names: Vec<&str> = entries.iter().take(5).map(|e| &*e.name).collect();
        format!("a zip, but not PyTorch's: no data.pkl in it, but {} …", names.join(", "))
    })?;
    if entries.iter().any(|e| e.name.strip_prefix(root).is_some_and(|n| n.starts_with("code/"))) {
        return Err("a TorchScript program; save the network's state_dict instead: \
                    torch.save(model.state_dict(), \"net.pt\")"
            .into());
    }
    let (mut storages, mut pickle) = (Storages::new(), None);
    for entry in &entries {
        let Some(name) = entry.name.strip_prefix(root) else { continue };
        let wrong = |what: String| format!("{}: {what}", entry.name);
        let key = name.strip_prefix("data/");
        if key.is_none() && !["data.pkl", "byteorder"].contains(&name) {
            continue;
        }
        if entry.deflated || entry.packed != entry.size {
            return Err(wrong("it is packed, which PyTorch never does".into()));
        }
        let start = entry.start(|at, n| part(file, at, n)).map_err(wrong)?;
        if start.checked_add(entry.size).is_none_or(|end| end > length) {
            return Err(wrong(format!("its {} bytes are not in the file: truncated", entry.size)));
        }
        check_crc(file, start as u64, entry).map_err(wrong)?;
        file.seek(SeekFrom::Start(start as u64)).map_err(|e| e.to_string())?;
        let content = BufReader::new(&mut *file).take(entry.size as u64);
        match key {
            Some(key) => drop(storages.insert(key.into(), (start as u64, entry.size as u64))),
            None if name == "byteorder" => {
                let mut order = String::new();
                content.take(16).read_to_string(&mut order).map_err(|e| wrong(e.to_string()))?;
                if order != "little" {
                    return Err(format!("its numbers are {order}-endian; only little is read"));
                }
            }
            None => pickle = Some(unpickle(content).map_err(wrong)?),
        }
    }
    Ok((pickle.ok_or("no data.pkl in it")?, storages))
}

fn check_crc(file: &mut File, start: u64, entry: &zip::Entry) -> Result<(), String> {
    file.seek(SeekFrom::Start(start)).map_err(|e| e.to_string())?;
    let (mut crc, mut buffer, mut left) = (Hasher::new(), vec![0; 1 << 16], entry.size);
    while left > 0 {
        let part = left.min(buffer.len());
        file.read_exact(&mut buffer[..part]).map_err(|e| e.to_string())?;
        crc.update(&buffer[..part]);
        left -= part;
    }
    // PyTorch can be told not to compute it, and then writes 0.
    if entry.crc == 0 || crc.finalize() == entry.crc {
        return Ok(());
    }
    Err("damaged: its checksum differs".into())
}

fn legacy(file: &mut File, size: u64) -> Result<(Pickle, Storages), String> {
    file.rewind().map_err(|e| e.to_string())?;
    let mut from = BufReader::new(file);
    let mut magic = [0; 15];
    let not = "a pickle, but not a file that torch.save wrote";
    from.read_exact(&mut magic).map_err(|_| not)?;
    // PROTO 2, LONG1 of ten bytes, the number, STOP.
    if magic[..4] != [0x80, 2, 0x8a, 10] || magic[4..14] != MAGIC || magic[14] != b'.' {
        return Err(not.into());
    }
    let version = unpickle(&mut from)?.top;
    if version != Value::Int(1001) {
        return Err("a version of PyTorch's old format that is not known".into());
    }
    let system = unpickle(&mut from)?;
    if let Some(Item::Dict(entries)) = system.item(system.top)
        && entries
            .iter()
            .any(|(k, v)| system.text(*k) == Some("little_endian") && *v == Value::Int(0))
    {
        return Err("its numbers are big-endian; only little is read".into());
    }
    let object = unpickle(&mut from)?;
    let keys = unpickle(&mut from)?;
    let Some(Item::List(list)) = keys.item(keys.top) else {
        return Err("damaged: the list of its storages is missing".into());
    };
    // Only the tensors have the type of each storage's numbers.
    let widths: HashMap<&str, u64> = object
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Tensor(t) => Some((&*t.key, ElementType::of_storage(&t.storage)?.size() as u64)),
            _ => None,
        })
        .collect();
    let mut storages = Storages::new();
    for key in list {
        let key = keys.text(*key).ok_or("damaged: a storage without a name")?;
        let mut count = [0; 8];
        from.read_exact(&mut count).map_err(|_| "truncated: a storage is missing")?;
        let width = widths.get(key).ok_or("a storage whose numbers' type is not known")?;
        let bytes = u64::from_le_bytes(count).checked_mul(*width);
        let at = from.stream_position().map_err(|e| e.to_string())?;
        let end = bytes.and_then(|bytes| at.checked_add(bytes)).filter(|end| *end <= size);
        let end = end.ok_or_else(|| format!("truncated: the storage at byte {at} is cut off"))?;
        from.seek(SeekFrom::Start(end)).map_err(|e| e.to_string())?;
        storages.insert(key.into(), (at, end - at));
    }
    Ok((object, storages))
}

/// The tensors of the `state_dict`, in order, and its other contents.
#[derive(Default)]
struct Entries {
    tensors: Vec<StoredTensor>,
    /// Contents that could be part of a network.
    other: Vec<String>,
    said: Vec<String>,
}

fn entries(pickle: &Pickle, storages: &Storages) -> Result<Entries, String> {
    let mut found = Entries::default();
    for (key, value) in dictionary(pickle, &mut found.said)? {
        let name = pickle.text(*key).unwrap_or("a key that is no text");
        let what = || format!("{name} ({})", pickle.describe(*value));
        match pickle.item(*value) {
            Some(Item::Tensor(tensor)) => {
                let tensor = stored(name, tensor, storages).map_err(|e| format!("{name}: {e}"))?;
                found.tensors.push(tensor);
            }
            // A number or a text among the tensors: an epoch, a note.
            None | Some(Item::Text(_)) => found.said.push(format!("{} is skipped", what())),
            _ if is_named(name, &OF_TRAINING) => {
                found.said.push(format!("{} is skipped", what()));
            }
            _ => found.other.push(what()),
        }
    }
    Ok(found)
}

/// Words in the names of a training's state.
const OF_TRAINING: [&str; 6] = ["optim", "optimizer", "scheduler", "scaler", "lr", "rng"];

/// Whether one of these words is part of a name.
fn is_named(name: &str, words: &[&str]) -> bool {
    let mut parts = name.split(|c: char| !c.is_alphanumeric());
    parts.any(|part| words.contains(&&*part.to_lowercase()))
}

/// A dictionary of a pickle.
type Pairs = [(Value, Value)];

/// Finds the dictionary of tensors: one under a usual name, or the outermost.
fn dictionary<'p>(pickle: &'p Pickle, said: &mut Vec<String>) -> Result<&'p Pairs, String> {
    let pairs = match pickle.item(pickle.top) {
        Some(Item::Dict(pairs)) => pairs,
        Some(Item::Object(class)) => {
            return Err(format!(
                "a whole object of the class {class}, which only Python with that class could \
                 rebuild; save what it has learnt instead: \
                 torch.save(model.state_dict(), \"net.pt\")"
            ));
        }
        _ => {
            let what = pickle.describe(pickle.top);
            return Err(format!(
                "not a state_dict but {what}; write torch.save(model.state_dict(), \"net.pt\")"
            ));
        }
    };
    let mut search = Search { pickle, found: Vec::new(), left: MOST_VISITS };
    search.inside(pairs, "", 0)?;
    let mut inside = search.found;
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_string();
    let usual = |name: &str| WRAPPERS.iter().position(|wrapper| *wrapper == last(name));
    // Averages of the network beside the network itself.
    let averaged = |name: &str| is_named(name, &AVERAGES);
    inside.sort_by_key(|(name, _)| (averaged(name), usual(name).unwrap_or(WRAPPERS.len())));
    let chosen = match &inside[..] {
        [] => None,
        [(name, _), ..] if has_tensors(pickle, pairs) && usual(name).is_none() => None,
        [(name, inner)] => Some((name, *inner)),
        [(name, inner), (other, _), ..] => {
            let better = usual(name).is_some() || (!averaged(name) && averaged(other));
            if !better {
                let names: Vec<&str> = inside.iter().map(|(name, _)| &**name).collect();
                let names = names.join(", ");
                return Err(format!("several state_dicts: {names}; save one of them alone"));
            }
            let others: Vec<&str> = inside[1..].iter().map(|(name, _)| &**name).collect();
            said.push(format!("taken is {name}; {} beside it is not", others.join(", ")));
            Some((name, *inner))
        }
    };
    if let Some((name, inner)) = chosen {
        if usual(name).is_none() {
            said.push(format!("the state_dict is taken from {name}"));
        }
        let beside = tensors_beside(pickle, pairs);
        if !beside.is_empty() {
            let list = beside.join(", ");
            said.push(format!("not taken over: {list} beside the state_dict"));
        }
        return Ok(inner);
    }
    if has_tensors(pickle, pairs) {
        return Ok(pairs);
    }
    let object = |(key, value): &(Value, Value)| match (pickle.text(*key), pickle.item(*value)) {
        (Some(name), Some(Item::Object(class))) if WRAPPERS.contains(&name) => Some(class),
        _ => None,
    };
    if let Some(class) = pairs.iter().find_map(object) {
        return Err(format!(
            "a whole object of the class {class} in a dictionary; save its state_dict() instead"
        ));
    }
    let name = |(k, v): &(Value, Value)| {
        format!("{} ({})", pickle.text(*k).unwrap_or("?"), pickle.describe(*v))
    };
    let names: Vec<String> = pairs.iter().take(20).map(name).collect();
    Err(match names.is_empty() {
        true => "an empty dictionary".into(),
        false => format!("a dictionary without a state_dict: it has {}", names.join(", ")),
    })
}

/// The tensors in a dictionary that could matter, such as the inputs' mean: not a training's state,
/// and not one number.
fn tensors_beside<'p>(pickle: &'p Pickle, pairs: &'p Pairs) -> Vec<&'p str> {
    let named = pairs.iter().filter_map(|(key, value)| {
        let several = |shape: &[usize]| shape.iter().any(|n| *n > 1);
        let tensor = matches!(pickle.item(*value), Some(Item::Tensor(t)) if several(&t.shape));
        pickle.text(*key).filter(|name| tensor && !is_named(name, &OF_TRAINING))
    });
    named.take(20).collect()
}

fn has_tensors(pickle: &Pickle, pairs: &Pairs) -> bool {
    pairs.iter().any(|(_, v)| matches!(pickle.item(*v), Some(Item::Tensor(_))))
}

/// The deepest nesting of dictionaries: one can contain itself.
const DEEPEST: usize = 3;
/// The most dictionaries in a file.
const MOST_DICTS: usize = 100;

/// The most entries that the search for them goes over: dictionaries can contain each other many
/// times.
const MOST_VISITS: usize = 2_000_000;

/// The search for dictionaries of named tensors.
struct Search<'p> {
    pickle: &'p Pickle,
    found: Vec<(String, &'p Pairs)>,
    /// How many more entries it may go over.
    left: usize,
}

impl<'p> Search<'p> {
    /// Finds all that are inside of one, except those of the training's state.
    fn inside(&mut self, pairs: &'p Pairs, outer: &str, depth: usize) -> Result<(), String> {
        for (key, value) in pairs {
            let (text, item) = (self.pickle.text(*key), self.pickle.item(*value));
            let (Some(name), Some(Item::Dict(inner))) = (text, item) else {
                continue;
            };
            if is_named(name, &OF_TRAINING) || self.found.len() >= MOST_DICTS {
                continue;
            }
            self.left = self.left.checked_sub(1 + inner.len()).ok_or(TANGLED)?;
            let name = if outer.is_empty() { name.into() } else { format!("{outer}.{name}") };
            if has_tensors(self.pickle, inner) {
                self.found.push((name, inner));
            } else if depth < DEEPEST {
                self.inside(inner, &name, depth + 1)?;
            }
        }
        Ok(())
    }
}

const TANGLED: &str = "its dictionaries contain each other too many times";

fn stored(name: &str, tensor: &Tensor, storages: &Storages) -> Result<StoredTensor, String> {
    let element = ElementType::of_storage(&tensor.storage)
        .ok_or_else(|| format!("its numbers are of the type {}", tensor.storage))?;
    let (at, bytes) = storages
        .get(&tensor.key)
        .ok_or_else(|| format!("its numbers (storage {}) are missing", tensor.key))?;
    let width = element.size() as u64;
    if tensor.length.checked_mul(width) != Some(*bytes) {
        return Err(format!(
            "its storage should have {} numbers of {width} bytes and has {bytes} bytes",
            tensor.length
        ));
    }
    let (shape, strides) = (tensor.shape.clone(), tensor.strides.clone());
    let (name, start) = (name.to_string(), tensor.offset.checked_mul(width));
    let tensor = StoredTensor { name, shape, strides, element, at: *at, bytes: *bytes };
    tensor.starting(start.ok_or("it starts outside of its storage")?)
}
