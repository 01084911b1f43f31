//! [`Engine`] on a card.

use std::{cell::RefCell, collections::VecDeque, sync::Arc};

use super::{
    batch::{Order, Passed, Resident, Room},
    card::{Card, Memory, Stream},
    flight::Flight,
    job::{self, Job, Layer, Outcome, Rule, Step},
    layers,
    marks::Mark,
    parts::Large,
};
use crate::{
    Error, Plan, Result,
    data::{Dataset, Rows},
    engine::{Buffer, Device, Engine, Precision, Samples},
    loss::Loss,
    optim::Hyper,
};

/// The room that a prediction's stages may take, in numbers.
const PREDICTED: usize = 32 << 20;

/// Multiply-adds that are worth a launch, and the most steps of one.
const ONE_LAUNCH: usize = 2_000_000_000;
const MOST_STEPS: usize = 256;

/// See the [module](super).
pub(crate) struct Cuda {
    pub(super) plan: Plan,
    pub(super) precision: Precision,
    pub(super) seed: u64,
    pub(super) updates: u64,
    pub(super) stream: Stream,
    pub(super) parameters: Memory<f32>,
    pub(super) gradients: Memory<f32>,
    pub(super) state: Vec<Memory<f32>>,
    pub(super) marks: [Mark; 2],
    pub(super) flights: [Flight; 2],
    /// Which of them have begun and are not finished, the oldest first.
    pub(super) begun: VecDeque<usize>,
    pub(super) layers: Vec<Layer>,
    /// The samples that the stages have room for.
    pub(super) capacity: usize,
    pub(super) card_layers: Memory<Layer>,
    pub(super) stages: Room<f32>,
    /// Where in them the inputs go for a library.
    pub(super) collected: u64,
    pub(super) large: Large,
    pub(super) losses: Room<f64>,
    pub(super) squares: Memory<f64>,
    pub(super) barrier: Memory<u32>,
    pub(super) class_weights: Option<Memory<f32>>,
    pub(super) steps: Room<Step>,
    pub(super) outcomes: Room<Outcome>,
    pub(super) rows: Room<u32>,
    pub(super) order: Order,
    pub(super) derivative: Room<f32>,
    pub(super) resident: Option<Arc<Resident>>,
    pub(super) passed: Passed,
    /// Where the inputs of the last `forward` are.
    pub(super) inputs: (u64, u32),
    /// The first failure that nobody has been told of.
    pub(super) fault: RefCell<Option<Error>>,
}

impl Cuda {
    /// Creates an engine on this card with these parameters.
    pub fn new(plan: Plan, parameters: &[f32], seed: u64, card: u32) -> Result<Self> {
        let stream = Stream::new(Card::open(card)?)?;
        let layers = layers::lower(&plan);
        let class_weights = match plan.loss() {
            Loss::CrossEntropyLoss { weight: Some(weights), .. } => Some(weights),
            _ => None,
        };
        let class_weights =
            class_weights.map(|weights| stream.with(weights, "the class weights")).transpose()?;
        let count = plan.parameters;
        let engine = Self {
            parameters: stream.with(parameters, "the network's parameters")?,
            gradients: stream.zeros(count, "the gradient")?,
            state: Vec::new(),
            marks: Default::default(),
            flights: Default::default(),
            begun: VecDeque::new(),
            capacity: 0,
            card_layers: stream.with(&layers, "the layers")?,
            stages: Room::default(),
            collected: 0,
            large: Large::default(),
            losses: Room::default(),
            squares: stream.allocate(count.div_ceil(job::CHUNK), "the gradient's norm")?,
            barrier: stream.zeros(2, "the barrier")?,
            class_weights,
            steps: Room::default(),
            outcomes: Room::default(),
            rows: Room::default(),
            order: Order::default(),
            derivative: Room::default(),
            resident: None,
            passed: Passed::default(),
            inputs: (0, 0),
            fault: RefCell::new(None),
            plan,
            precision: Precision::F32,
            seed,
            updates: 0,
            stream,
            layers,
        };
        engine.stream.wait()?;
        Ok(engine)
    }

    /// Keeps a failure, to be told when the call returns.
    fn keep<T>(&self, done: Result<T>) -> Option<T> {
        match done {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault.borrow_mut().get_or_insert(error);
                None
            }
        }
    }

    /// How products are computed in training.
    fn rounding(&self) -> u32 {
        let rounding = match self.precision {
            Precision::F32 => return 0,
            Precision::Bf16 => job::BF16,
            Precision::Tf32 => job::TF32,
        };
        rounding | if self.stream.card.tensor_cores { job::TENSOR_CORES } else { 0 }
    }

    /// What every job says.
    pub(super) fn job(&self, flags: u32) -> Job {
        let (loss, smoothing) = job::loss(self.plan.loss());
        let state = |slot: usize| self.state.get(slot).map_or(0, Memory::address);
        Job {
            layers: self.card_layers.address(),
            parameters: self.parameters.address(),
            gradients: self.gradients.address(),
            state: [state(0), state(1), state(2)],
            class_weights: self.class_weights.as_ref().map_or(0, Memory::address),
            squares: self.squares.address(),
            barrier: self.barrier.address(),
            parameter_count: self.plan.parameters as u64,
            seed: self.seed,
            updates: self.updates,
            scale: self.plan.head.scale,
            layer_count: self.layers.len() as u32,
            flags: flags | if flags & job::TRAINING != 0 { self.rounding() } else { 0 },
            inputs_wide: self.plan.inputs as u32,
            end: self.layers.len() as u32,
            outputs: self.plan.outputs as u32,
            loss,
            smoothing,
            ..Job::default()
        }
    }

    /// Makes room for batches of so many samples.
    pub(super) fn reserve(&mut self, samples: usize) -> Result<()> {
        if samples <= self.capacity {
            return Ok(());
        }
        self.capacity = 0;
        self.large.forget();
        let length;
        (length, self.collected) = layers::place(&mut self.layers, samples);
        let what = format!("the stages of {samples} samples");
        self.stages.reserve(&self.stream, length, &what)?;
        self.losses.reserve(&self.stream, samples, &what)?;
        self.stream.write(&self.card_layers, &self.layers)?;
        self.capacity = samples;
        Ok(())
    }

    /// Makes sure that the state has the optimiser's slots.
    pub(super) fn prepare_state(&mut self, slots: usize) -> Result<()> {
        self.state.truncate(slots);
        while self.state.len() < slots {
            let what = "the optimizer's state";
            self.state.push(self.stream.zeros(self.plan.parameters, what)?);
        }
        Ok(())
    }

    /// Says where the inputs of these samples are.
    pub(super) fn bring_inputs(&mut self, batches: &[Samples], job: &mut Job) -> Result<()> {
        let attached = batches.iter().all(|samples| samples.attached);
        match &self.resident {
            Some(resident) if attached => resident.tell_inputs(job),
            _ => self.passed.inputs(&self.stream, batches, job)?,
        }
        Ok(())
    }

    pub(super) fn bring_targets(&mut self, batches: &[Samples], job: &mut Job) -> Result<()> {
        let attached = batches.iter().all(|samples| samples.attached);
        match (&self.resident, batches.first().and_then(|samples| samples.targets)) {
            (Some(resident), Some(wanted)) if attached => resident.tell_targets(wanted, job),
            _ => self.passed.targets(&self.stream, batches, job)?,
        }
        Ok(())
    }

    fn try_forward(&mut self, samples: &Samples) -> Result<()> {
        let batches = std::slice::from_ref(samples);
        let mut job = self.job(job::FORWARD | job::TRAINING);
        self.bring_inputs(batches, &mut job)?;
        self.inputs = (job.inputs, job.flags & (job::BYTES | job::GATHERED));
        let prepared = self.prepare_on(job, batches, &[])?;
        self.run(prepared, false)?;
        Ok(())
    }

    fn try_backward(
        &mut self,
        samples: &Samples,
        derivative: Option<&[f32]>,
        accumulate: bool,
    ) -> Result<f32> {
        let batches = std::slice::from_ref(samples);
        let (inputs, flags) = self.inputs;
        let mut job = self.job(job::TO_GRADIENT | job::TRAINING | flags);
        job.inputs = inputs;
        if accumulate {
            job.flags |= job::ACCUMULATE;
        }
        match derivative {
            Some(d) => {
                let what = "the loss's derivative";
                job.derivative = self.derivative.fill(&self.stream, d, what)?;
            }
            None => self.bring_targets(batches, &mut job)?,
        }
        let prepared = self.prepare_on(job, batches, &[])?;
        Ok(self.run(prepared, true)?[0].loss as f32)
    }

    fn try_update(&mut self, hyper: &Hyper) -> Result<bool> {
        self.prepare_state(hyper.optimizer.slots())?;
        let rule = Rule::of(hyper, self.updates + 1);
        let clip = hyper.clip_norm.unwrap_or(0.0);
        let step = Step { rule, clip, ..Step::default() };
        let prepared = self.prepare(self.job(job::UPDATE), vec![step], 0)?;
        Ok(self.run(prepared, true)?[0].infinite == 0)
    }

    fn try_predict(&mut self, inputs: Rows, into: &mut [f32]) -> Result<()> {
        let (outputs, count) = (self.plan.outputs, inputs.len());
        let outputs_of = self.layers.iter().map(|layer| layer.outputs as usize);
        let wide = self.plan.inputs + outputs_of.sum::<usize>();
        let block = (PREDICTED / wide.max(1)).clamp(1, 1 << 16);
        for start in (0..count).step_by(block) {
            let end = count.min(start + block);
            let mut job = self.job(job::FORWARD);
            self.passed.block(&self.stream, inputs, start, end, &mut job)?;
            let step = Step { rows: (end - start) as u32, ..Step::default() };
            let prepared = self.prepare(job, vec![step], end - start)?;
            self.run(prepared, false)?;
            self.read_output(&mut into[start * outputs..end * outputs])?;
        }
        Ok(())
    }

    fn read_output(&self, into: &mut [f32]) -> Result<()> {
        let (Some(stages), Some(last)) = (self.stages.get(), self.layers.last()) else {
            return Ok(());
        };
        self.stream.read(stages, last.y as usize, into)
    }

    fn buffer(&self, buffer: Buffer) -> Option<&Memory<f32>> {
        match buffer {
            Buffer::Parameters => Some(&self.parameters),
            Buffer::Gradients => Some(&self.gradients),
            Buffer::State(slot) => self.state.get(slot),
        }
    }

    fn try_write(&mut self, buffer: Buffer, from: &[f32]) -> Result<()> {
        if let Buffer::State(slot) = buffer {
            self.prepare_state(self.state.len().max(slot + 1))?;
        }
        match self.buffer(buffer) {
            Some(into) => self.stream.write(into, from),
            None => Ok(()),
        }
    }
}

impl Engine for Cuda {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn device(&self) -> Device {
        Device::Cuda { card: self.stream.card.number() }
    }

    fn precision(&self) -> Precision {
        self.precision
    }

    fn set_precision(&mut self, precision: Precision) -> Result<()> {
        self.precision = precision;
        self.large.forget();
        Ok(())
    }

    fn allow_library(&mut self, allow: bool) -> Result<()> {
        self.try_allow(allow)
    }

    fn library(&self) -> Option<std::result::Result<&str, &str>> {
        self.large.told()
    }

    fn attach(&mut self, data: &Dataset) {
        // Data that does not fit stays where it is, and batches are copied. The old first: both need
        // not fit.
        self.resident = None;
        self.resident = Resident::of(&self.stream, data);
    }

    fn forward(&mut self, samples: &Samples) {
        let done = self.try_forward(samples);
        self.keep(done);
    }

    fn output(&self, into: &mut [f32]) {
        if self.keep(self.read_output(into)).is_none() {
            into.fill(f32::NAN);
        }
    }

    fn backward(&mut self, samples: &Samples, derivative: Option<&[f32]>, accumulate: bool) -> f32 {
        let done = self.try_backward(samples, derivative, accumulate);
        self.keep(done).unwrap_or(f32::NAN)
    }

    fn update(&mut self, hyper: &Hyper) -> bool {
        let done = self.try_update(hyper);
        self.updates += 1;
        self.keep(done).unwrap_or(false)
    }

    fn step(&mut self, samples: &Samples, hyper: &Hyper) -> (f32, bool) {
        let done = self.try_step(samples, hyper);
        self.updates += 1;
        self.keep(done).unwrap_or((f32::NAN, false))
    }

    fn steps(&mut self, batches: &[Samples], hypers: &[Hyper]) -> Vec<(f32, bool)> {
        self.begin_steps(batches, hypers);
        self.finish_steps()
    }

    fn begin_steps(&mut self, batches: &[Samples], hypers: &[Hyper]) {
        let done = self.try_begin(batches, hypers);
        self.updates += batches.len() as u64;
        self.keep(done);
    }

    fn finish_steps(&mut self) -> Vec<(f32, bool)> {
        if self.begun.is_empty() {
            // It failed to begin, which is kept.
            return vec![(f32::NAN, false)];
        }
        let done = self.try_finish();
        self.keep(done).unwrap_or_else(|| vec![(f32::NAN, false)])
    }

    fn steps_at_once(&self, samples: usize) -> usize {
        let products = self.plan.parameters.max(1) * samples.max(1);
        let copied = if self.resident.is_some() { 0 } else { self.plan.inputs * samples };
        (ONE_LAUNCH / products).min(PREDICTED / copied.max(1)).clamp(1, MOST_STEPS)
    }

    fn mark(&mut self, slot: usize) {
        let done = self.try_mark(slot);
        self.keep(done);
    }

    fn back_to_mark(&mut self, slot: usize) {
        let done = self.try_back(slot);
        self.keep(done);
    }

    fn predict(&mut self, inputs: Rows, into: &mut [f32]) {
        let done = self.try_predict(inputs, into);
        if self.keep(done).is_none() {
            into.fill(f32::NAN);
        }
    }

    fn updates(&self) -> u64 {
        self.updates
    }

    fn set_updates(&mut self, updates: u64) {
        self.updates = updates;
    }

    fn read(&self, buffer: Buffer, into: &mut [f32]) {
        let Some(from) = self.buffer(buffer) else { return into.fill(0.0) };
        if self.keep(self.stream.read(from, 0, into)).is_none() {
            into.fill(f32::NAN);
        }
    }

    fn write(&mut self, buffer: Buffer, from: &[f32]) {
        let done = self.try_write(buffer, from);
        self.keep(done);
    }

    fn slots(&self) -> usize {
        self.state.len()
    }

    fn as_cuda(&mut self) -> Option<&mut Cuda> {
        Some(self)
    }

    fn fault(&self) -> Option<Error> {
        self.fault.borrow_mut().take()
    }
}
