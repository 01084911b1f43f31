//! What the threads of a phase share: what is to be done, and where everything is.

use std::{ops::Range, sync::atomic::AtomicBool};

use super::{
    bf16::{RoundedLayer, SharedRounded},
    flat::SharedFlat,
    layers::Op,
    scratch::SharedScratch,
    shares::share,
    stages::SharedStages,
    strategy::Strategy,
};
use crate::{
    data::{Rows, Wanted},
    loss::Head,
    optim::Rule,
};

/// All that the threads share in a phase. Built by the engine, which owns what
/// the pointers point to.
pub(super) struct Work<'a> {
    pub ops: &'a [Op],
    pub threads: usize,
    /// Samples that go through the layers together.
    pub together: usize,
    pub strategy: Strategy,
    pub batch: Batch<'a>,
    pub objective: Objective<'a>,
    pub stages: SharedStages<'a>,
    pub scratch: SharedScratch,
    pub flat: SharedFlat,
    /// What is rounded, if products are in bfloat16.
    pub rounded: Option<SharedRounded<'a>>,
    pub task: Task,
    /// Set to false by whoever meets a parameter that is not finite.
    pub finite: AtomicBool,
}

impl Work<'_> {
    /// The layer, if its products are in bfloat16.
    #[inline(always)]
    pub fn rounded(&self, op: usize) -> Option<&RoundedLayer> {
        self.rounded.as_ref()?.layer(op)
    }

    /// The samples that a thread takes through the layers: whole pairs or tiles of them, where
    /// pairs are rounded.
    pub fn own_samples(&self, thread: usize) -> Range<usize> {
        let all = self.batch.rows.len();
        let together = self.rounded.as_ref().map_or(1, SharedRounded::together);
        let units = share(all.div_ceil(together), thread, self.threads);
        all.min(together * units.start)..all.min(together * units.end)
    }
}

// SAFETY: threads write disjoint parts: their own samples, weights, scratch.
unsafe impl Sync for Work<'_> {}

/// Which samples.
pub(super) struct Batch<'a> {
    pub inputs: Rows<'a>,
    pub rows: &'a [u32],
    /// The rows of the next batch, as far as they are known.
    pub next: &'a [u32],
    /// Keys the dropout masks; None when predicting.
    pub dropout: Option<(u64, u64)>,
}

/// What the loss is computed from.
pub(super) struct Objective<'a> {
    pub head: &'a Head,
    pub targets: Option<Wanted<'a>>,
    /// The loss's derivative by what it sees, (samples, outputs), where it is given.
    pub derivative: Option<&'a [f32]>,
    /// How much each sample counts.
    pub weights: Option<&'a [f32]>,
    /// What the batch's losses are divided by.
    pub denominator: f64,
}

/// Some of the weights that follow each other: whole strips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    pub start: usize,
    pub end: usize,
}

/// What the `weights` phase does.
#[derive(Clone, Copy)]
pub(super) struct Task {
    /// The weights that it is about; None: all.
    pub bucket: Option<Bucket>,
    /// Computes the gradient.
    pub gradient: Option<Accumulate>,
    /// Updates the weights, by their gradient times `scale`.
    pub rule: Option<Rule>,
    pub scale: f32,
    /// Whether this update takes what is tiny for 0.
    pub settle: bool,
}

impl Task {
    /// No weight is touched.
    pub const NOTHING: Self =
        Self { bucket: None, gradient: None, rule: None, scale: 1.0, settle: false };

    /// Whether a gradient is used at once, and then need not be kept.
    #[inline(always)]
    pub fn is_fused(&self) -> bool {
        self.gradient.is_some() && self.rule.is_some()
    }
}

/// Whether a new gradient replaces the one there or is added to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accumulate {
    No,
    Yes,
}
