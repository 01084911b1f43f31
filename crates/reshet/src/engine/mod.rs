//! The narrow waist: an engine runs training steps.
//!
//! An engine is made for one [`Plan`]. It computes over rows of a dataset that it is
//! attached to, or over samples handed in now. It owns the parameters, their gradients and
//! the optimiser's state; between the stages all three are readable and writable as flat
//! slices in the plan's order, through [`Training`](crate::Training).

mod cpu;
mod dropout;
mod reference;

use std::{env, fmt, num::NonZero, thread};

use crate::{
    Plan, Result,
    data::{Dataset, Rows, Wanted},
    error::Error,
    loss::{Head, Target},
    optim::Hyper,
};

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

/// What a stage of a training step is computed over.
#[derive(Clone, Copy)]
pub(crate) struct Samples<'a> {
    pub inputs: Rows<'a>,
    /// None where the loss's derivative is given instead, or nothing is learnt.
    pub targets: Option<Wanted<'a>>,
    /// How much each sample counts in the loss; None: all the same.
    pub weights: Option<&'a [f32]>,
    /// Which samples, in this order.
    pub rows: &'a [u32],
    /// Whether they are rows of the dataset that the engine is attached to.
    pub attached: bool,
}

impl<'a> Samples<'a> {
    /// Rows of a dataset.
    pub fn of(data: &'a Dataset, rows: &'a [u32]) -> Self {
        Self {
            inputs: Rows::of(data.features()),
            targets: Some(data.wanted()),
            weights: data.weights(),
            rows,
            attached: true,
        }
    }

    /// How much the i-th of them counts in the loss.
    fn weight(&self, i: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[self.rows[i] as usize].into())
    }

    /// What the i-th of them should give.
    fn target(&self, i: usize) -> Option<Target<'a>> {
        self.targets.map(|targets| targets.row(self.rows[i] as usize))
    }

    /// What the sum of their losses is divided by. Samples that all weigh nothing have
    /// no loss, rather than 0/0.
    pub fn denominator(&self, head: &Head) -> f64 {
        let weigh = |i| self.target(i).map_or(0.0, |target| self.weight(i) * head.weight(target));
        let partial = matches!(self.targets, Some(Wanted::Partial { .. }));
        let count = self.rows.len();
        let sum = if self.weights.is_some() || partial || head.weighs() {
            (0..count).map(weigh).sum()
        } else {
            // As in most data: asking once will do.
            count as f64 * if count > 0 { weigh(0) } else { 0.0 }
        };
        sum.max(f64::MIN_POSITIVE)
    }
}

/// Runs a plan. Only [`Training`](crate::Training) and [`Predictor`](crate::Predictor)
/// hold one, and they have checked all that it is given: rows are there, as wide as the
/// plan's inputs; targets fit the plan's loss; buffers have their lengths.
pub(crate) trait Engine: Send {
    /// What is run.
    fn plan(&self) -> &Plan;

    /// What it runs on.
    fn device(&self) -> Device;

    /// Prepares for rows of this dataset, as [`Samples::attached`] will name them.
    fn attach(&mut self, data: &Dataset);

    /// Computes the output for these samples, as training sees it (dropout on).
    fn forward(&mut self, samples: &Samples);

    /// The output of the last `forward`: what the loss sees, (rows, outputs).
    fn output(&self, into: &mut [f32]);

    /// The mean loss of the samples of the last `forward`, and its gradient, which replaces
    /// the gradient before it or, if asked, is added to it. With `derivative`, the loss's
    /// derivative by what it would see, (rows, outputs), the targets are not looked at.
    fn backward(&mut self, samples: &Samples, derivative: Option<&[f32]>, accumulate: bool) -> f32;

    /// Takes a step along the gradient. False if a parameter is no longer finite.
    fn update(&mut self, hyper: &Hyper) -> bool;

    /// A hint: these rows of the attached dataset are the next ones asked for. An engine
    /// may fetch them while it computes.
    fn prefetch(&mut self, _rows: &[u32]) {}

    /// Forward, backward and update; the same bits as the three apart. An
    /// engine may fuse them, and then need not keep the gradient.
    fn step(&mut self, samples: &Samples, hyper: &Hyper) -> (f32, bool) {
        self.forward(samples);
        let loss = self.backward(samples, None, false);
        (loss, self.update(hyper))
    }

    /// What the loss would see for all of these (dropout off).
    fn predict(&mut self, inputs: Rows, into: &mut [f32]);

    /// Updates taken since the state was fresh.
    fn updates(&self) -> u64;

    /// Sets how many updates the state has seen: for resuming.
    fn set_updates(&mut self, updates: u64);

    /// Copies a buffer out, in the plan's order. State not yet there is 0.
    fn read(&self, buffer: Buffer, into: &mut [f32]);

    /// Copies a buffer in.
    fn write(&mut self, buffer: Buffer, from: &[f32]);

    /// How many slots of optimiser state there are.
    fn slots(&self) -> usize;

    /// The parameters in the layout of engines like this one, if there is such a layout.
    fn laid_out(&self) -> Option<&[f32]> {
        None
    }

    /// Copies the parameters of an engine of the same plan without turning them to the plan's
    /// order and back; false if the two are not laid out alike.
    fn copy_from(&mut self, _other: &dyn Engine) -> bool {
        false
    }
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
    /// The fastest there is here: all cores of the processor, until there is a GPU engine.
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
                "device cuda: this build has no GPU engine yet; use cpu or auto".into(),
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

    /// An engine here, for this plan, with these parameters.
    pub(crate) fn engine(self, plan: Plan, parameters: &[f32], seed: u64) -> Box<dyn Engine> {
        match self {
            Self::Cpu { threads, instructions } => {
                Box::new(cpu::Cpu::new(plan, parameters, seed, threads, instructions))
            }
            Self::Reference => Box::new(reference::Reference::new(plan, parameters, seed)),
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
