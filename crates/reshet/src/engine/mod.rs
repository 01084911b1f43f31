//! The narrow waist: an engine runs training steps over a dataset.
//!
//! An [`Engine`] is made for one [`Plan`], attached to one [`Dataset`], and
//! then told row numbers. It owns the parameters, their gradients and the
//! optimiser's state; between the stages all three are readable and writable as
//! flat slices in the plan's order.

pub mod cpu;
pub mod reference;

use std::{env, fmt, num::NonZero, thread};

use crate::{Features, Plan, Result, data::Dataset, error::Error, optim::Hyper, rng::uniform};

pub use cpu::Instructions;

/// A flat buffer of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// The weights and biases.
    Parameters,
    /// What the last backward pass gave.
    Gradients,
    /// A slot of the optimiser's state: see [`Optimizer::slots`](crate::Optimizer::slots).
    State(usize),
}

/// Runs a plan over a dataset. [`Training`](crate::Training) is the friendly
/// face; it checks what it is given, engines do not check again.
pub trait Engine: Send {
    /// What is run.
    fn plan(&self) -> &Plan;

    /// What it runs on, in words.
    fn device(&self) -> Device;

    /// Computes the output for these rows, as training sees it (dropout on).
    fn forward(&mut self, rows: &[u32]);

    /// The output of the last `forward`: what the loss sees, (rows, outputs).
    fn output(&self, into: &mut [f32]);

    /// The mean loss of the last `forward`, and its gradient, which replaces
    /// the gradient before it or, if asked, is added to it.
    fn backward(&mut self, accumulate: bool) -> f32;

    /// Takes a step along the gradient. False if a parameter is no longer finite.
    fn update(&mut self, hyper: &Hyper) -> bool;

    /// A hint: these rows are the next ones asked for. An engine may fetch them
    /// while it computes.
    fn prefetch(&mut self, _rows: &[u32]) {}

    /// Forward, backward and update; the same bits as the three apart. An
    /// engine may fuse them, and then need not keep the gradient.
    fn step(&mut self, rows: &[u32], hyper: &Hyper) -> (f32, bool) {
        self.forward(rows);
        let loss = self.backward(false);
        (loss, self.update(hyper))
    }

    /// What the loss would see for these rows of any features (dropout off).
    fn predict(&mut self, features: &Features, rows: &[u32], into: &mut [f32]);

    /// Updates taken since the state was fresh.
    fn updates(&self) -> u64;

    /// Says how many updates the state has seen: for resuming.
    fn set_updates(&mut self, updates: u64);

    /// Copies a buffer out, in the plan's order. State not yet there is 0.
    fn read(&self, buffer: Buffer, into: &mut [f32]);

    /// Copies a buffer in.
    fn write(&mut self, buffer: Buffer, from: &[f32]);
}

/// Where a network is trained or run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu {
        /// Threads that share the work.
        threads: usize,
        /// The path through the kernels.
        instructions: Instructions,
    },
    /// Plain loops in `f64`, slow, written to be read: what the others are held to.
    Reference,
}

impl Device {
    /// The fastest there is here: a GPU if one really answers, else the CPU.
    /// Its text ([`Display`](fmt::Display)) says what was chosen and why.
    pub fn best() -> Self {
        Self::cpu()
    }

    /// All cores of the processor.
    pub fn cpu() -> Self {
        Self::Cpu { threads: cores(), instructions: Instructions::best() }
    }

    /// `auto`, `cpu`, `cuda` or `reference`.
    ///
    /// # Errors
    /// An unknown name; a device that is not there, with the reason; `RESHET_THREADS` or
    /// `RESHET_INSTRUCTIONS` that ask for what is not there.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "auto" | "cpu" => {
                asked_cores()?;
                Instructions::asked()?;
                Ok(if name == "cpu" { Self::cpu() } else { Self::best() })
            }
            "reference" => Ok(Self::Reference),
            "cuda" => Err(Error::Device(
                "device cuda: this build has no GPU engine yet; use --device cpu or auto".into(),
            )),
            _ => {
                let known =
                    crate::network::did_you_mean(name, &["auto", "cpu", "cuda", "reference"]);
                Err(Error::invalid(format!("no device is called \"{name}\"{known}")))
            }
        }
    }

    /// The same device with at most this many threads. More than the machine
    /// has cores are never started: they would only get in each other's way.
    pub fn threads(self, threads: usize) -> Self {
        self.exact_threads(threads.min(cores()))
    }

    /// As [`Device::threads`], without the limit; for tests.
    #[doc(hidden)]
    pub fn exact_threads(self, threads: usize) -> Self {
        match self {
            Self::Cpu { instructions, .. } => Self::Cpu { threads: threads.max(1), instructions },
            Self::Reference => self,
        }
    }

    /// The same device on another path through the kernels; for tests and measurements.
    #[doc(hidden)]
    pub fn instructions(self, instructions: Instructions) -> Self {
        match self {
            Self::Cpu { threads, .. } => Self::Cpu { threads, instructions },
            Self::Reference => self,
        }
    }

    /// `cpu` or `reference`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu { .. } => "cpu",
            Self::Reference => "reference",
        }
    }

    /// An engine here, for this plan and dataset, with these parameters.
    pub(crate) fn engine(
        self,
        plan: Plan,
        data: Dataset,
        parameters: &[f32],
        seed: u64,
    ) -> Box<dyn Engine> {
        match self {
            Self::Cpu { threads, instructions } => {
                Box::new(cpu::Cpu::new(plan, data, parameters, seed, threads, instructions))
            }
            Self::Reference => Box::new(reference::Reference::new(plan, data, parameters, seed)),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Cpu { threads, instructions } => {
                let s = if *threads == 1 { "" } else { "s" };
                write!(f, "cpu, {threads} thread{s}, {instructions} (no GPU engine in this build)")
            }
            Self::Reference => write!(f, "reference, f64, 1 thread"),
        }
    }
}

/// Cores this process may use; `RESHET_THREADS` lowers it.
fn cores() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    asked_cores().ok().flatten().map_or(cores, |n| n.get().min(cores))
}

/// What `RESHET_THREADS` says, if anything.
fn asked_cores() -> Result<Option<NonZero<usize>>> {
    let Ok(n) = env::var("RESHET_THREADS") else { return Ok(None) };
    let wrong =
        || format!("RESHET_THREADS is \"{n}\": it must be a whole number of threads, 1 or more");
    n.parse().map(Some).map_err(|_| Error::invalid(wrong()))
}

/// The mask of dropout at one step: 0, or 1 / (1 − p). Keyed by the sample's
/// row, so that it depends neither on the batch nor on threads.
#[derive(Clone, Copy)]
pub(crate) struct Mask {
    stream: crate::rng::Stream,
    p: f32,
}

impl Mask {
    pub fn new(seed: u64, step: u64, module: usize, p: f32) -> Self {
        use crate::rng::{Purpose, Stream};
        // Step and module share the index; the seed carries what does not fit.
        let seed = seed ^ (module as u64) << 48;
        Self { stream: Stream::new(seed, Purpose::Dropout, step as u32), p }
    }

    /// For one number of a sample's row.
    pub fn at(self, row: u32, column: usize) -> f32 {
        let bits = self.stream.block(Self::block(row, column));
        self.scale(bits[column % 4])
    }

    /// For the 32 columns from `first` on, a multiple of 4.
    #[inline(always)]
    pub fn stretch(self, row: u32, first: usize) -> [f32; 32] {
        let blocks: [[u32; 4]; 8] = self.stream.blocks(Self::block(row, first));
        let mut scales = [0.0; 32];
        for (scale, bits) in scales.iter_mut().zip(blocks.as_flattened()) {
            *scale = self.scale(*bits);
        }
        scales
    }

    /// Random bits come by four columns.
    #[inline(always)]
    fn block(row: u32, column: usize) -> u64 {
        u64::from(row) << 30 | (column / 4) as u64
    }

    #[inline(always)]
    fn scale(self, bits: u32) -> f32 {
        if uniform(bits) < self.p { 0.0 } else { 1.0 / (1.0 - self.p) }
    }
}
