//! What the threads of a phase share: what is to be done, and where everything is.

use std::sync::atomic::AtomicBool;

use super::{matrix::Matrix, sparse::Sparse, update::Stretch};
use crate::{
    activation::Activation,
    data::{Rows, Wanted},
    loss::Head,
    optim::Rule,
};

/// Gradients whose squares are summed in one go; fixed, so that the order is.
pub(super) const NORM_CHUNK: usize = 4096;
/// Samples that go through the layers together.
pub(super) const BLOCK: usize = 64;

/// A step of the plan with the places of its matrices.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// The weights, (in + 1, out), and the activation that follows.
    Dense(Matrix, Activation),
    Activation(Activation),
    /// p and the module's number.
    Dropout(f32, usize),
}

/// The places of what a step leaves behind, (samples, width) each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stage {
    /// The output. Stage 0 is the network's input.
    pub y: Matrix,
    /// The loss's derivative by the output, then by the activation's input.
    pub d: Matrix,
    /// The activation's input, where its derivative needs that.
    pub z: Option<Matrix>,
}

/// All that the threads share in a phase. Built by the engine, which owns what
/// the pointers point to.
pub(super) struct Work<'a> {
    pub ops: &'a [Op],
    pub stages: &'a [Stage],
    pub head: &'a Head,
    pub outputs: usize,
    pub inputs: Rows<'a>,
    pub targets: Option<Wanted<'a>>,
    /// The loss's derivative by what it sees, (samples, outputs), where it is given.
    pub derivative: Option<&'a [f32]>,
    /// How much each sample counts.
    pub weights: Option<&'a [f32]>,
    pub rows: &'a [u32],
    /// The rows of the next batch, as far as they are known.
    pub next: &'a [u32],
    pub threads: usize,
    /// The first layer skips zeros.
    pub sparse: Option<Sparse>,
    /// Each thread keeps its own strips of the first layer, in all phases.
    pub own_strips: bool,
    /// And of the second, which is the last, the weights that those strips meet.
    pub own_rest: bool,
    /// Where the second layer sums by strips of its inputs, if it does.
    pub partial: Option<Matrix>,
    /// Keys the dropout masks; None when predicting.
    pub dropout: Option<(u64, u64)>,
    /// What the batch's losses are divided by.
    pub denominator: f64,
    /// Where the stages' matrices are.
    pub stage: *mut f32,
    /// The loss of each row.
    pub losses: *mut f64,
    /// A stretch for each thread, `scratch_each` long.
    pub scratch: *mut f32,
    pub scratch_each: usize,
    /// A row of numbers for each thread, `wide_each` long.
    pub wide: *mut f64,
    pub wide_each: usize,
    pub flat: Stretch,
    pub flat_length: usize,
    /// What `weights` does.
    pub gradient: Option<Accumulate>,
    pub rule: Option<Rule>,
    pub scale: f32,
    /// Whether this update takes what is tiny for 0.
    pub settle: bool,
    /// A sum of squares for each `NORM_CHUNK` of gradients.
    pub norms: *mut f64,
    /// Set to false by whoever meets a parameter that is not finite.
    pub finite: AtomicBool,
}

// SAFETY: threads write disjoint parts: their own samples, weights, scratch.
unsafe impl Sync for Work<'_> {}

/// Whether a new gradient replaces the one there or is added to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accumulate {
    No,
    Yes,
}
