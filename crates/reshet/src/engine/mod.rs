//! Engines: they run training steps on a device.
//!
//! An engine is made for one [`Plan`]. It computes over rows of an attached dataset, or over
//! samples that are passed with the call. It owns the parameters, their gradients and
//! the optimiser's state; between the stages [`Training`](crate::Training) can read and write
//! all three as flat slices in the plan's order.

mod among;
mod cpu;
#[cfg(all(feature = "cuda", any(target_os = "linux", windows)))]
mod cuda;
#[cfg(not(all(feature = "cuda", any(target_os = "linux", windows))))]
#[path = "no_cuda.rs"]
mod cuda;
mod dropout;
mod precision;
mod reference;

use std::{env, fmt, num::NonZero, sync::Arc, thread};

use crate::{
    Plan, Result,
    data::{Dataset, Rows, Wanted},
    error::Error,
    loss::{Head, Target},
    optim::Hyper,
};

pub(crate) use among::{Among, Stepped};
pub use cpu::Instructions;
pub(crate) use cpu::{Team, Workspace, share};
pub(crate) use cuda::{Member, Members, member};
pub use precision::Precision;

/// A flat buffer of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// The weights and biases.
    Parameters,
    /// The gradient of the last backward pass.
    Gradients,
    /// A slot of the optimiser's state: see [`Optimizer::slots`](crate::Optimizer::slots).
    State(usize),
}

/// The samples of a training step.
#[derive(Clone, Copy)]
pub(crate) struct Samples<'a> {
    pub inputs: Rows<'a>,
    /// None if the loss's derivative is given instead, or in a forward pass.
    pub targets: Option<Wanted<'a>>,
    /// How much each sample counts in the loss; None: all the same.
    pub weights: Option<&'a [f32]>,
    /// Which samples, in this order.
    pub rows: &'a [u32],
    /// Whether they are rows of the attached dataset.
    pub attached: bool,
    /// The order that the rows are a part of, and where in it they begin, if that is known: an
    /// engine may keep an order for all the steps that follow it. The processor's does not.
    #[cfg_attr(not(all(feature = "cuda", any(target_os = "linux", windows))), allow(dead_code))]
    pub order: Option<(&'a Arc<Vec<u32>>, usize)>,
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
            order: None,
        }
    }

    /// Samples without targets.
    pub fn inputs(inputs: Rows<'a>, rows: &'a [u32]) -> Self {
        Self { inputs, targets: None, weights: None, rows, attached: false, order: None }
    }

    /// How much the i-th of them counts in the loss.
    fn weight(&self, i: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[self.rows[i] as usize].into())
    }

    /// The target of the i-th of them.
    fn target(&self, i: usize) -> Option<Target<'a>> {
        self.targets.map(|targets| targets.row(self.rows[i] as usize))
    }

    /// The divisor of the sum of their losses. Samples that all have weight 0 have loss 0,
    /// not 0/0.
    pub fn denominator(&self, head: &Head) -> f64 {
        let weigh = |i| self.target(i).map_or(0.0, |target| self.weight(i) * head.weight(target));
        let partial = matches!(self.targets, Some(Wanted::Partial { .. }));
        let count = self.rows.len();
        let sum = if self.weights.is_some() || partial || head.weighs() {
            (0..count).map(weigh).sum()
        } else {
            // All samples weigh the same, as in most data.
            count as f64 * if count > 0 { weigh(0) } else { 0.0 }
        };
        sum.max(f64::MIN_POSITIVE)
    }
}

/// Runs a plan. Only [`Training`](crate::Training) and [`Predictor`](crate::Predictor)
/// hold an engine, and they check all arguments: rows exist and have the plan's inputs;
/// targets fit the plan's loss; buffers have the right length.
pub(crate) trait Engine: Send {
    /// The plan that it runs.
    fn plan(&self) -> &Plan;

    /// The device that it runs on.
    fn device(&self) -> Device;

    /// The precision of its products.
    fn precision(&self) -> Precision {
        Precision::F32
    }

    /// Sets the precision of its products in training. [`Engine::predict`] is in `f32` in any case.
    ///
    /// # Errors
    /// The engine does not have that precision.
    fn set_precision(&mut self, precision: Precision) -> Result<()> {
        match precision {
            Precision::F32 => Ok(()),
            Precision::Bf16 | Precision::Tf32 => Err(precision.is_not_on(self.device())),
        }
    }

    /// Lets a library of the card's maker compute products, where that may be faster and gives other
    /// bits, or does not (the default).
    ///
    /// # Errors
    /// What is set for it makes no sense.
    fn allow_library(&mut self, _allow: bool) -> Result<()> {
        Ok(())
    }

    /// The version of the library that computes products, or why there is none; None: it is not
    /// allowed, or nothing is large enough for it.
    fn library(&self) -> Option<std::result::Result<&str, &str>> {
        None
    }

    /// Prepares for rows of this dataset, as [`Samples::attached`] will name them.
    fn attach(&mut self, data: &Dataset);

    /// Computes the output for these samples, with dropout on.
    fn forward(&mut self, samples: &Samples);

    /// Copies the output of the last `forward`, the loss's inputs: (rows, outputs).
    fn output(&self, into: &mut [f32]);

    /// Computes the mean loss of the samples of the last `forward`, and its gradient, which
    /// replaces the last gradient or, with `accumulate`, is added to it. With `derivative`, the
    /// loss's derivative by its inputs, (rows, outputs), the targets are ignored.
    fn backward(&mut self, samples: &Samples, derivative: Option<&[f32]>, accumulate: bool) -> f32;

    /// Updates the parameters. False if one of them is no longer finite.
    fn update(&mut self, hyper: &Hyper) -> bool;

    /// Hints which rows of the attached dataset come next. An engine may fetch them while it
    /// computes.
    fn prefetch(&mut self, _rows: &[u32]) {}

    /// Runs forward, backward and update, with the same bits as the three calls. An
    /// engine may fuse them, and then need not keep the gradient.
    fn step(&mut self, samples: &Samples, hyper: &Hyper) -> (f32, bool) {
        self.forward(samples);
        let loss = self.backward(samples, None, false);
        (loss, self.update(hyper))
    }

    /// Uses the memory of a workspace, if an engine of the same plan left it there, in place of its
    /// own for what a step leaves behind. The output of the last `forward` is gone.
    fn take(&mut self, _workspace: &mut Workspace) {}

    /// Leaves that memory in the workspace for the next engine.
    fn leave(&mut self, _workspace: &mut Workspace) {}

    /// Runs a step on this rank's share of a batch, which may be empty: its gradient is added up
    /// over the group before the update. The parameters stay as they are if a rank ends.
    fn step_among(&mut self, samples: &Samples, hyper: &Hyper, among: &Among) -> Result<Stepped> {
        among::step(self, samples, hyper, among)
    }

    /// Runs a step for each of these batches, with the same bits as one by one. Returns what
    /// [`Engine::step`] returns for each; the last may be one that diverged, and then steps after
    /// it count as not taken, though the parameters may be those after them.
    fn steps(&mut self, batches: &[Samples], hypers: &[Hyper]) -> Vec<(f32, bool)> {
        let mut done = Vec::new();
        for (samples, hyper) in batches.iter().zip(hypers) {
            let (loss, finite) = self.step(samples, hyper);
            done.push((loss, finite));
            if !finite || !loss.is_finite() {
                break;
            }
        }
        done
    }

    /// Begins what [`Engine::steps`] does, and does not wait for it. Two may have begun that are not
    /// finished. Only for an engine that is worth being asked for several steps at once.
    fn begin_steps(&mut self, _batches: &[Samples], _hypers: &[Hyper]) {
        unreachable!("this engine takes step by step")
    }

    /// Waits for the steps that began first, and returns what [`Engine::steps`] returns. If one
    /// of them diverged, what began later counts as not taken.
    fn finish_steps(&mut self) -> Vec<(f32, bool)> {
        unreachable!("this engine takes step by step")
    }

    /// How many steps of so many samples are worth being asked for at once; 1: there is nothing to
    /// gain.
    fn steps_at_once(&self, _samples: usize) -> usize {
        1
    }

    /// Remembers parameters, state and the number of updates, in one of two slots. Only an engine
    /// that is worth being asked for several steps at once has to.
    fn mark(&mut self, _slot: usize) {}

    /// Goes back to what the last [`Engine::mark`] of this slot remembered. Steps that have begun
    /// and are not finished count as not taken.
    fn back_to_mark(&mut self, _slot: usize) {}

    /// Computes the loss's inputs for all of these samples, with dropout off.
    fn predict(&mut self, inputs: Rows, into: &mut [f32]);

    /// The number of updates that the state has seen.
    fn updates(&self) -> u64;

    /// Sets the number of updates that the state has seen, to resume a training.
    fn set_updates(&mut self, updates: u64);

    /// Copies a buffer out, in the plan's order. State that does not exist yet is 0.
    fn read(&self, buffer: Buffer, into: &mut [f32]);

    /// Copies a buffer in.
    fn write(&mut self, buffer: Buffer, from: &[f32]);

    /// The number of slots of optimiser state.
    fn slots(&self) -> usize;

    /// The parameters in this kind of engine's own layout, if it has one.
    fn laid_out(&self) -> Option<&[f32]> {
        None
    }

    /// This engine, if it is a card's.
    #[cfg(all(feature = "cuda", any(target_os = "linux", windows)))]
    fn as_cuda(&mut self) -> Option<&mut cuda::Cuda> {
        None
    }

    /// Takes what has failed since this was last asked. After a failure, numbers that are read
    /// are NaN. Processors do not fail.
    fn fault(&self) -> Option<Error> {
        None
    }

    /// Copies the parameters of an engine of the same plan directly, without the plan's order
    /// in between; false if the two have different layouts.
    fn copy_from(&mut self, _other: &dyn Engine) -> bool {
        false
    }
}

/// The device that a network is trained or run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu {
        /// The number of threads.
        threads: usize,
        /// The vector instructions of the kernels.
        instructions: Instructions,
    },
    /// An NVIDIA graphics card.
    Cuda {
        /// Its number, from 0, as the driver counts them.
        card: u32,
    },
    /// Plain loops in `f64`: slow, readable; the other engines are tested against it.
    Reference,
}

impl Device {
    /// Returns the fastest device: all cores of the processor. It is never a graphics card as long
    /// as that engine has not been measured on one.
    pub fn best() -> Self {
        Self::cpu()
    }

    /// Returns the processor with all its cores.
    pub fn cpu() -> Self {
        Self::Cpu { threads: cores(), instructions: Instructions::best() }
    }

    /// Returns the graphics card of this number, from 0, as the driver counts them.
    ///
    /// # Errors
    /// There is no such card, no driver or an old one; the build has no GPU engine.
    pub fn cuda(card: u32) -> Result<Self> {
        cuda::open(card)?;
        Ok(Self::Cuda { card })
    }

    /// Finds a device by its name: `auto`, `cpu`, `cuda` or `reference`.
    ///
    /// # Errors
    /// The name is unknown; the device is not available (says why); `RESHET_THREADS` or
    /// `RESHET_INSTRUCTIONS` is invalid.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "auto" | "cpu" => {
                asked_cores()?;
                Instructions::asked()?;
                Ok(if name == "cpu" { Self::cpu() } else { Self::best() })
            }
            "reference" => Ok(Self::Reference),
            "cuda" => Self::cuda(0),
            _ => {
                let known =
                    crate::network::did_you_mean(name, &["auto", "cpu", "cuda", "reference"]);
                Err(Error::invalid(format!("no device is called \"{name}\"{known}")))
            }
        }
    }

    /// Returns the same device with at most this many threads, and never more than the machine
    /// has cores.
    pub fn threads(self, threads: usize) -> Self {
        self.exact_threads(threads.min(cores()))
    }

    /// Does the same as [`Device::threads`], without the limit; for tests.
    #[doc(hidden)]
    pub fn exact_threads(self, threads: usize) -> Self {
        match self {
            Self::Cpu { instructions, .. } => Self::Cpu { threads: threads.max(1), instructions },
            Self::Cuda { .. } | Self::Reference => self,
        }
    }

    /// Returns the same device with other vector instructions; for tests and measurements.
    #[doc(hidden)]
    pub fn instructions(self, instructions: Instructions) -> Self {
        match self {
            Self::Cpu { threads, .. } => Self::Cpu { threads, instructions },
            Self::Cuda { .. } | Self::Reference => self,
        }
    }

    /// The number of threads that trainings which have nothing to do with each other can use.
    pub(crate) fn cores(self) -> usize {
        match self {
            Self::Cpu { threads, .. } => threads,
            Self::Cuda { .. } | Self::Reference => 1,
        }
    }

    /// Returns the name: `cpu`, `cuda` or `reference`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu { .. } => "cpu",
            Self::Cuda { .. } => "cuda",
            Self::Reference => "reference",
        }
    }

    /// Returns what a user should know before trusting the device's results; None if nothing.
    pub fn caution(self) -> Option<&'static str> {
        let what =
            "the engine for cuda has been tested on an emulated card only, not on a real one";
        matches!(self, Self::Cuda { .. }).then_some(what)
    }

    /// Creates an engine on this device, for this plan, with these parameters.
    ///
    /// # Errors
    /// The device is not available, or has no room.
    pub(crate) fn engine(
        self,
        plan: Plan,
        parameters: &[f32],
        seed: u64,
    ) -> Result<Box<dyn Engine>> {
        match self {
            Self::Cpu { threads, instructions } => {
                Ok(Box::new(cpu::Cpu::new(plan, parameters, seed, threads, instructions)))
            }
            Self::Cuda { card } => cuda::engine(plan, parameters, seed, card),
            Self::Reference => Ok(Box::new(reference::Reference::new(plan, parameters, seed))),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Cpu { threads, instructions } => {
                let s = if *threads == 1 { "" } else { "s" };
                write!(f, "cpu, {threads} thread{s}, {instructions}")
            }
            Self::Cuda { card } => {
                write!(f, "cuda, {}", cuda::name(*card))
            }
            Self::Reference => write!(f, "reference, f64, 1 thread"),
        }
    }
}

/// The number of cores this process may use; `RESHET_THREADS` lowers it.
fn cores() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    asked_cores().ok().flatten().map_or(cores, |n| n.get().min(cores))
}

/// The number of threads in `RESHET_THREADS`, if it is set.
fn asked_cores() -> Result<Option<NonZero<usize>>> {
    let Ok(n) = env::var("RESHET_THREADS") else { return Ok(None) };
    let wrong =
        || format!("RESHET_THREADS is \"{n}\": it must be a whole number of threads, 1 or more");
    n.parse().map(Some).map_err(|_| Error::invalid(wrong()))
}
