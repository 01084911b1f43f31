//! The state of a training: see [`Checkpoint`].

use std::{
    collections::{BTreeMap, HashMap},
    fmt, fs,
    path::Path,
};

use safetensors::{
    SafeTensors,
    tensor::{Dtype, TensorView, serialize},
};
use serde::{Deserialize, Serialize};

use crate::{
    CublasLt, Optimizer, Precision, Result, Training,
    engine::Buffer,
    error::Error,
    files::{sums, write_file},
    formats::safetensors::{check_header, check_sums, sums_of},
    schedule::Clock,
    short::Short,
};

const FORMAT: u32 = 1;
const KEY: &str = "reshet-checkpoint";

/// The state of a training between two steps: all that is needed to resume it as if it had
/// never stopped.
///
/// Its file is safetensors: `parameters`, the optimiser's `state.0`, `state.1`, … and,
/// with early stopping, `best`, each flat in the order of the model's tensors. The
/// rest is JSON in the metadata under `reshet-checkpoint`, with a checksum of each tensor and
/// of itself ([`sums`]). Shuffles and dropout need no state: they are functions of seed, epoch
/// and step.
#[derive(Clone)]
pub struct Checkpoint {
    /// Anything worth keeping with it: a program's settings, its version.
    pub notes: BTreeMap<String, String>,
    about: About,
    parameters: Vec<f32>,
    state: Vec<Vec<f32>>,
    best: Option<Vec<f32>>,
}

impl fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("about", &self.about)
            .field("parameters", &Short(&self.parameters))
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct About {
    format: u32,
    network: String,
    /// The fingerprint of the training data: a training resumes on the same data only.
    data: u64,
    updates: u64,
    standing: Position,
    /// Samples per step; None of versions that did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch_size: Option<usize>,
    /// What computed it; None of versions that did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instructions: Option<String>,
    /// The precision of its products, if it is not `f32`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    precision: Option<String>,
}

/// The metadata of a file.
#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(flatten)]
    about: About,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    notes: BTreeMap<String, String>,
    /// The checksum of each tensor; none of versions that did not write them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    sums: BTreeMap<String, String>,
}

/// The numbers of [`Standing`]; floats as their bits, since JSON has no infinity.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Position {
    epoch: usize,
    batches: usize,
    steps: usize,
    sum: u64,
    last_mean: u64,
    since_best: usize,
    best: Option<u64>,
    clock: [u64; 3],
}

/// The state of a training, apart from the engine's.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// Whole epochs done.
    pub epoch: usize,
    /// Batches done of the current epoch.
    pub batches: usize,
    /// Updates taken.
    pub steps: usize,
    /// The sum of those batches' losses.
    sum: f64,
    /// The mean loss of the last whole epoch.
    last_mean: f64,
    pub clock: Clock,
    /// The best epoch's watched loss and parameters.
    pub best: Option<(f64, Vec<f32>)>,
    pub since_best: usize,
}

impl Standing {
    pub fn new(clock: Clock) -> Self {
        let (epoch, batches, steps, since_best) = Default::default();
        Self { epoch, batches, steps, sum: 0.0, last_mean: 0.0, clock, best: None, since_best }
    }

    pub fn add(&mut self, loss: f32) {
        self.sum += f64::from(loss);
        self.batches += 1;
        self.steps += 1;
    }

    /// The mean loss of the epoch so far.
    pub fn mean(&self) -> f64 {
        self.sum / self.batches.max(1) as f64
    }

    pub fn epoch_ended(&mut self) {
        self.last_mean = self.mean();
        (self.epoch, self.batches, self.sum) = (self.epoch + 1, 0, 0.0);
    }

    /// The mean loss of the current epoch, or of the last one if none has begun.
    pub fn last_mean(&self) -> f64 {
        if self.batches > 0 { self.mean() } else { self.last_mean }
    }
}

impl Checkpoint {
    pub(super) fn of(
        training: &Training,
        data: u64,
        slots: usize,
        batch_size: usize,
        at: &Standing,
    ) -> Self {
        let parameters = training.parameters();
        let network = training.network().to_string();
        let state = (0..slots).map(|slot| training.copy(Buffer::State(slot))).collect();
        let standing = Position {
            epoch: at.epoch,
            batches: at.batches,
            steps: at.steps,
            sum: at.sum.to_bits(),
            last_mean: at.last_mean.to_bits(),
            since_best: at.since_best,
            best: at.best.as_ref().map(|(loss, _)| loss.to_bits()),
            clock: at.clock.state(),
        };
        let updates = training.updates();
        let (batch_size, precision) = (Some(batch_size), training.precision());
        let instructions = precision.instructions(training.device());
        // Its bits are those of a card and of a version.
        let instructions = Some(match training.cublaslt() {
            Some(CublasLt::Used(version)) => format!("{instructions}, cublaslt {version}"),
            _ => instructions,
        });
        let format = FORMAT;
        let precision = Some(precision).filter(|p| *p != Precision::F32);
        let precision = precision.map(|precision| precision.to_string());
        let about =
            About { format, network, data, updates, standing, batch_size, instructions, precision };
        let best = at.best.as_ref().map(|(_, best)| best.clone());
        Self { notes: BTreeMap::new(), about, parameters, state, best }
    }

    /// Restores the training's state.
    pub(super) fn restore(
        self,
        training: &mut Training,
        data: u64,
        optimizer: &Optimizer,
        batch_size: usize,
        mut clock: Clock,
    ) -> Result<Standing> {
        let About { network, data: known, updates, standing, batch_size: then, precision, .. } =
            self.about;
        let now = training.network().to_string();
        if network != now {
            let what = format!("the checkpoint is of the network {network}, not of {now}");
            return Err(Error::data(what));
        }
        if self.state.len() != optimizer.slots() {
            let what = "the checkpoint is of a training with another optimizer";
            return Err(Error::data(what));
        }
        if known != data {
            let what = "the training data has changed since the checkpoint was made";
            return Err(Error::data(what));
        }
        // Where an epoch stands is counted in batches.
        if let Some(then) = then.filter(|then| *then != batch_size) {
            let what =
                format!("the checkpoint is of batches of {then} samples, not of {batch_size}");
            return Err(Error::data(what));
        }
        let (then, now): (Precision, _) =
            (known_precision(&precision).parse()?, training.precision());
        // Without its card, TF32 goes on in f32.
        if then.or_f32(training.device()) != now {
            let what = format!("the checkpoint is of a training in {then}, not in {now}");
            return Err(Error::data(what));
        }
        training.write(Buffer::Parameters, &self.parameters)?;
        for (slot, state) in self.state.iter().enumerate() {
            training.write(Buffer::State(slot), state)?;
        }
        training.set_updates(updates);
        clock.restore(standing.clock);
        let Position { epoch, batches, steps, since_best, .. } = standing;
        let best = standing.best.map(f64::from_bits).zip(self.best);
        let (sum, last_mean) = (f64::from_bits(standing.sum), f64::from_bits(standing.last_mean));
        Ok(Standing { epoch, batches, steps, sum, last_mean, clock, best, since_best })
    }

    /// Returns the number of updates taken.
    pub fn steps(&self) -> usize {
        self.about.standing.steps
    }

    /// Returns the number of whole epochs done.
    pub fn epochs(&self) -> usize {
        self.about.standing.epoch
    }

    /// Returns the network, as text.
    pub fn network(&self) -> &str {
        &self.about.network
    }

    /// Returns what computed the training so far, as [`Precision::instructions`] says it, and then the
    /// version of cuBLASLt if that computed products: `cuda, cublaslt 12.9.3`. Another
    /// one gives other bits. None if the file is of a version that did not write it.
    pub fn instructions(&self) -> Option<&str> {
        self.about.instructions.as_deref()
    }

    /// Returns the precision of the training's products, as [`Precision`] is written.
    pub fn precision(&self) -> &str {
        known_precision(&self.about.precision)
    }

    pub(super) fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Writes the checkpoint to a file, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written; an existing file is then left unchanged.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        write_file(path.as_ref(), &self.to_bytes()?)
    }

    /// Encodes the checkpoint as the bytes that [`Checkpoint::save`] writes to a file.
    ///
    /// # Errors
    /// None in practice: its parts fit together.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes = |x: &[f32]| x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let mut all = vec![("parameters".to_string(), bytes(&self.parameters))];
        all.extend(self.state.iter().enumerate().map(|(i, s)| (format!("state.{i}"), bytes(s))));
        all.extend(self.best.iter().map(|best| ("best".to_string(), bytes(best))));
        let wrong = |e: String| Error::invalid(format!("checkpoint: {e}"));
        let views = all.iter().map(|(name, bytes)| {
            let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes);
            view.map(|view| (name.clone(), view)).map_err(|e| wrong(e.to_string()))
        });
        let views = views.collect::<Result<Vec<_>>>()?;
        let sums = sums_of(&views);
        let header = Header { about: self.about.clone(), notes: self.notes.clone(), sums };
        let json = serde_json::to_string(&header).map_err(|e| wrong(e.to_string()))?;
        let metadata = HashMap::from([(KEY.to_string(), sums::sealed(&json))]);
        serialize(views, Some(metadata)).map_err(|e| wrong(e.to_string()))
    }

    /// Reads a checkpoint that [`Checkpoint::save`] wrote.
    ///
    /// # Errors
    /// The file is not a checkpoint, or is damaged: says what and where.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|e| Error::unreadable(path, e))?;
        Self::parse(&bytes).map_err(|what| Error::data(format!("{}: {what}", path.display())))
    }

    /// Decodes a checkpoint that [`Checkpoint::to_bytes`] encoded.
    ///
    /// # Errors
    /// The bytes are no checkpoint, or are damaged: says what and where.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes).map_err(Error::data)
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let damaged =
            |e: safetensors::SafeTensorError| format!("not a checkpoint, or a damaged one: {e}");
        check_header(bytes).map_err(|e| e.to_string())?;
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
        let json = header.metadata().as_ref().and_then(|m| m.get(KEY));
        let json = json.ok_or("safetensors, but not a checkpoint")?;
        check_sums(bytes, json).map_err(|e| e.to_string())?;
        let header: Header =
            serde_json::from_str(json).map_err(|e| format!("its metadata is damaged: {e}"))?;
        let Header { about, notes, .. } = header;
        if about.format != FORMAT {
            return Err(format!("checkpoint format {}; this program reads {FORMAT}", about.format));
        }
        let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
        let parameters = read(&file, "parameters")?;
        let parameters = parameters.ok_or("it has no parameters")?;
        let mut state = Vec::new();
        while let Some(slot) = read(&file, &format!("state.{}", state.len()))? {
            state.push(slot);
        }
        let best = read(&file, "best")?;
        let all = state.iter().chain(&best);
        if all.clone().any(|s| s.len() != parameters.len())
            || about.standing.best.is_some() != best.is_some()
        {
            return Err("its parts do not fit together".into());
        }
        if about.standing.best.is_some_and(|loss| f64::from_bits(loss).is_nan()) {
            return Err("damaged: the loss of its best epoch is not a number".into());
        }
        Ok(Self { notes, about, parameters, state, best })
    }
}

/// A tensor's numbers, all finite; None if there is no such tensor.
fn read(file: &SafeTensors, name: &str) -> Result<Option<Vec<f32>>, String> {
    let Some(tensor) = file.tensor(name).ok().filter(|t| t.dtype() == Dtype::F32) else {
        return Ok(None);
    };
    let numbers: Vec<f32> =
        tensor.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    match numbers.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(format!("damaged: number {at} of {name} is {}", numbers[at])),
        None => Ok(Some(numbers)),
    }
}

/// What a file says, or leaves out.
fn known_precision(precision: &Option<String>) -> &str {
    precision.as_deref().unwrap_or("f32")
}
