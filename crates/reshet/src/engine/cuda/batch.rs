//! The samples of a step on their way to the card.

use std::sync::{Arc, PoisonError, Weak};

use super::{
    card::{Memory, Stream},
    job::{self, Job, Plain},
};
use crate::{
    Result,
    data::{Dataset, Numbers, Rows, Storage, Wanted},
    engine::Samples,
};

/// Memory that grows with what it is filled with.
pub(super) struct Room<T>(Option<Memory<T>>);

impl<T> Default for Room<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Plain> Room<T> {
    /// Makes room for so many numbers; what was there is lost if it has to grow.
    pub fn reserve(&mut self, stream: &Stream, length: usize, what: &str) -> Result<&Memory<T>> {
        if self.0.as_ref().is_none_or(|memory| memory.len() < length) {
            // The old one first: both need not fit.
            self.0 = None;
            self.0 = Some(stream.allocate(length, what)?);
        }
        match &self.0 {
            Some(memory) => Ok(memory),
            None => unreachable!("it was made above"),
        }
    }

    /// The memory, if there is any yet.
    pub fn get(&self) -> Option<&Memory<T>> {
        self.0.as_ref()
    }

    /// Copies these numbers to its start, and returns where that is.
    pub fn fill(&mut self, stream: &Stream, numbers: &[T], what: &str) -> Result<u64> {
        let memory = self.reserve(stream, numbers.len(), what)?;
        stream.write(memory, numbers)?;
        Ok(memory.address())
    }
}

/// The order of an epoch's samples, on the card once: a launch says where in it its batches begin.
#[derive(Default)]
pub(super) struct Order {
    /// Held, so that its address is no other order's.
    of: Option<Arc<Vec<u32>>>,
    numbers: Room<u32>,
}

impl Order {
    /// Where the order is on the card that all of these batches are parts of, if there is one.
    pub fn of(&mut self, stream: &Stream, batches: &[Samples]) -> Result<Option<u64>> {
        let order = |samples: &Samples| samples.order.map(|(order, _)| Arc::as_ptr(order));
        let Some((first, _)) = batches.first().and_then(|samples| samples.order) else {
            return Ok(None);
        };
        if batches.iter().any(|samples| order(samples) != Some(Arc::as_ptr(first))) {
            return Ok(None);
        }
        let what = "the order of the samples";
        if !self.of.as_ref().is_some_and(|known| Arc::ptr_eq(known, first)) {
            self.of = None;
            self.numbers.fill(stream, first, what)?;
            self.of = Some(first.clone());
        }
        Ok(self.numbers.get().map(Memory::address))
    }
}

/// Inputs on the card.
enum Inputs {
    Bytes(Memory<u8>),
    Numbers(Memory<f32>),
}

impl Inputs {
    fn new(stream: &Stream, inputs: Rows) -> Result<Self> {
        let what = "the inputs of the data";
        Ok(match inputs.numbers {
            Numbers::U8(bytes) => Self::Bytes(stream.with(bytes, what)?),
            Numbers::F32(numbers) => Self::Numbers(stream.with(numbers, what)?),
        })
    }

    fn tell(&self, job: &mut Job) {
        match self {
            Self::Bytes(memory) => {
                job.inputs = memory.address();
                job.flags |= job::BYTES;
            }
            Self::Numbers(memory) => job.inputs = memory.address(),
        }
    }
}

/// A whole dataset on the card; networks that learn from the same one share it.
pub(super) struct Resident {
    /// So that its addresses are no other data's.
    data: Dataset,
    inputs: Inputs,
    classes: Option<Memory<u32>>,
    values: Option<Memory<f32>>,
    weights: Option<Memory<f32>>,
}

impl Resident {
    /// The data on the card, where it may be already; None if it takes more than three quarters of
    /// what is free.
    pub fn of(stream: &Stream, data: &Dataset) -> Option<Arc<Self>> {
        let mut residents = stream.card.residents.lock().unwrap_or_else(PoisonError::into_inner);
        residents.retain(|resident| resident.strong_count() > 0);
        let mut there = residents.iter().filter_map(Weak::upgrade);
        if let Some(same) = there.find(|resident| is_same(&resident.data, data)) {
            return Some(same);
        }
        let bytes = match data.features().storage() {
            Storage::U8(values) => values.len(),
            Storage::F32(values) => 4 * values.len(),
        };
        // A part is left to the network and what its layers compute.
        if bytes > stream.card.free() / 4 * 3 {
            return None;
        }
        let resident = Arc::new(Self::new(stream, data).ok()?);
        residents.push(Arc::downgrade(&resident));
        Some(resident)
    }

    fn new(stream: &Stream, data: &Dataset) -> Result<Self> {
        let what = "the targets of the data";
        let inputs = Inputs::new(stream, Rows::of(data.features()))?;
        let (classes, values) = match data.wanted() {
            Wanted::Classes(classes) => (Some(stream.with(classes, what)?), None),
            Wanted::Values { values, .. }
            | Wanted::Partial { values, .. }
            | Wanted::Probabilities { values, .. } => (None, Some(stream.with(values, what)?)),
            Wanted::Chosen { values, outputs, .. } => {
                (Some(stream.with(outputs, what)?), Some(stream.with(values, what)?))
            }
        };
        let weights = data.weights().map(|weights| stream.with(weights, what)).transpose()?;
        stream.wait()?;
        Ok(Self { data: data.clone(), inputs, classes, values, weights })
    }

    pub fn tell_inputs(&self, job: &mut Job) {
        self.inputs.tell(job);
    }

    pub fn tell_targets(&self, wanted: Wanted, job: &mut Job) {
        let classes = self.classes.as_ref().map_or(0, Memory::address);
        let values = self.values.as_ref().map_or(0, Memory::address);
        name_targets(wanted, classes, values, job);
        job.weights = self.weights.as_ref().map_or(0, Memory::address);
    }
}

/// Whether two datasets are the very same numbers.
fn is_same(a: &Dataset, b: &Dataset) -> bool {
    let inputs = |data: &Dataset| match data.features().storage() {
        Storage::U8(values) => (values.as_ptr() as usize, values.len()),
        Storage::F32(values) => (values.as_ptr() as usize, values.len()),
    };
    let targets = |data: &Dataset| match data.wanted() {
        Wanted::Classes(classes) => (classes.as_ptr() as usize, 0, 0, 1),
        Wanted::Values { values, width } => (values.as_ptr() as usize, 0, 1, width),
        Wanted::Partial { values, width } => (values.as_ptr() as usize, 0, 2, width),
        Wanted::Chosen { values, width, outputs } => {
            (values.as_ptr() as usize, outputs.as_ptr() as usize, 3, width)
        }
        Wanted::Probabilities { values, width } => (values.as_ptr() as usize, 0, 4, width),
    };
    let weights = |data: &Dataset| data.weights().map(<[f32]>::as_ptr);
    inputs(a) == inputs(b) && targets(a) == targets(b) && weights(a) == weights(b)
}

/// Samples that are copied to the card for one call.
#[derive(Default)]
pub(super) struct Passed {
    bytes: Room<u8>,
    numbers: Room<f32>,
    classes: Room<u32>,
    values: Room<f32>,
    weights: Room<f32>,
}

impl Passed {
    /// Copies the inputs of these samples, batch after batch.
    pub fn inputs(&mut self, stream: &Stream, batches: &[Samples], job: &mut Job) -> Result<()> {
        let what = "the inputs of a batch";
        let Some(first) = batches.first() else { return Ok(()) };
        let width = first.inputs.width;
        job.flags |= job::GATHERED;
        match first.inputs.numbers {
            Numbers::U8(bytes) => {
                let gathered = gather(batches, bytes, width);
                job.inputs = self.bytes.fill(stream, &gathered, what)?;
                job.flags |= job::BYTES;
            }
            Numbers::F32(numbers) => {
                let gathered = gather(batches, numbers, width);
                job.inputs = self.numbers.fill(stream, &gathered, what)?;
            }
        }
        Ok(())
    }

    /// Copies consecutive samples.
    pub fn block(
        &mut self,
        stream: &Stream,
        inputs: Rows,
        start: usize,
        end: usize,
        job: &mut Job,
    ) -> Result<()> {
        let what = "the inputs of the samples";
        let range = start * inputs.width..end * inputs.width;
        job.flags |= job::GATHERED;
        match inputs.numbers {
            Numbers::U8(bytes) => {
                job.inputs = self.bytes.fill(stream, &bytes[range], what)?;
                job.flags |= job::BYTES;
            }
            Numbers::F32(numbers) => {
                job.inputs = self.numbers.fill(stream, &numbers[range], what)?;
            }
        }
        Ok(())
    }

    /// Copies the targets and weights of these samples.
    pub fn targets(&mut self, stream: &Stream, batches: &[Samples], job: &mut Job) -> Result<()> {
        let what = "the targets of a batch";
        let Some(Samples { targets: Some(wanted), weights, .. }) = batches.first() else {
            return Ok(());
        };
        let (mut classes, mut values) = (0, 0);
        match *wanted {
            Wanted::Classes(all) => {
                classes = self.classes.fill(stream, &gather(batches, all, 1), what)?;
            }
            Wanted::Values { values: all, width }
            | Wanted::Partial { values: all, width }
            | Wanted::Probabilities { values: all, width } => {
                values = self.values.fill(stream, &gather(batches, all, width), what)?;
            }
            Wanted::Chosen { values: all, width, outputs } => {
                classes = self.classes.fill(stream, &gather(batches, outputs, 1), what)?;
                values = self.values.fill(stream, &gather(batches, all, width), what)?;
            }
        }
        name_targets(*wanted, classes, values, job);
        if let Some(weights) = *weights {
            job.weights = self.weights.fill(stream, &gather(batches, weights, 1), what)?;
        }
        Ok(())
    }
}

/// The samples' parts of numbers of this width, in their order.
fn gather<T: Copy>(batches: &[Samples], numbers: &[T], width: usize) -> Vec<T> {
    let rows = batches.iter().flat_map(|samples| samples.rows);
    let mut gathered = Vec::new();
    for row in rows {
        gathered.extend_from_slice(&numbers[*row as usize * width..][..width]);
    }
    gathered
}

/// Says where targets of this kind are.
fn name_targets(wanted: Wanted, classes: u64, values: u64, job: &mut Job) {
    job.targets = values;
    (job.target_kind, job.target_width) = match wanted {
        Wanted::Classes(_) => (job::CLASSES, 1),
        Wanted::Values { width, .. } => (job::VALUES, width as u32),
        Wanted::Partial { width, .. } => (job::PARTIAL, width as u32),
        Wanted::Chosen { width, .. } => (job::CHOSEN, width as u32),
        Wanted::Probabilities { width, .. } => (job::PROBABILITIES, width as u32),
    };
    match wanted {
        Wanted::Classes(_) => job.targets = classes,
        Wanted::Chosen { .. } => job.chosen = classes,
        _ => {}
    }
}
