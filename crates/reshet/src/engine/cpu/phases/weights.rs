//! Weights: their gradient, their update, or both.

use std::{ops::Range, sync::atomic::Ordering::Relaxed};

use crate::engine::cpu::{
    ahead::Ahead,
    bf16,
    first_layer::FirstLayer,
    flat::Stretch,
    kernels::Kernels,
    layers::Op,
    linear,
    matrix::{BLOCK, Matrix, STRIP},
    product::Fetch,
    shares::share,
    sparse,
    strategy::{Strategy, Strip},
    update::How,
    vector::fence,
    work::{Accumulate, Work},
};
use crate::optim::Rule;

/// Computes the gradient of the thread's weights, or updates them, or both: a
/// block of weights is updated while its gradient is still in the cache.
///
/// # Safety
/// See [`Phases`](super::Phases); V's instructions are enabled.
#[inline(always)]
pub(super) unsafe fn weights<V: Kernels>(work: &Work, thread: usize) {
    debug_assert!(thread < work.threads);
    let (threads, mut finite) = (work.threads, true);
    let shared = work.task.bucket.map_or(0..work.flat.length, |bucket| bucket.start..bucket.end);
    let mut ahead = Ahead::new(next_samples(work, thread));
    // SAFETY: `Work` describes what is there; weights are this thread's own.
    unsafe {
        if work.task.gradient.is_some()
            && let Some(first) = work.strategy.skips_zeros_of(0)
            && shared.start < first.layer.weights.end()
        {
            sparse::turn(work, first, thread);
        }
        for (op, layer) in work.ops.iter().enumerate() {
            let Op::Dense(layer) = layer else { continue };
            for number in 0..layer.weights.strips() {
                let together = if work.rounded(op).is_some() { bf16::ROWS } else { 1 };
                let (weights, shared) = (&layer.weights, shared.clone());
                let part = Strip { op, weights, number, shared, together };
                for rows in work.strategy.own_rows(&part, thread, threads) {
                    finite &= strip::<V>(work, thread, &mut ahead, &part, rows);
                }
            }
        }
    }
    fence();
    if !finite {
        work.finite.store(false, Relaxed);
    }
}

/// The samples of the next batch whose features a thread asks for: those it will read.
fn next_samples(work: &Work, thread: usize) -> Range<usize> {
    let all = work.batch.next.len();
    match work.strategy {
        Strategy::Samples | Strategy::SparseSamples(_) | Strategy::SparseRows(_) => {
            share(all, thread, work.threads)
        }
        Strategy::SparseStrips(_) | Strategy::SparseStripsOfTwo(..) => 0..all,
    }
}

/// Some rows of a strip of weights, and where they are: of one strip of the layer's input, or
/// the bias.
struct Part<'a> {
    op: usize,
    weights: &'a Matrix,
    strip: usize,
    rows: Range<usize>,
    /// Of all flat buffers; the gradient is in the scratch memory if it is used at once.
    flat: Stretch,
}

impl Part<'_> {
    /// From a row to the next.
    #[inline(always)]
    fn step(&self) -> usize {
        self.weights.width(self.strip)
    }

    #[inline(always)]
    fn is_bias(&self) -> bool {
        self.rows.start + 1 == self.weights.rows
    }

    /// What an update will write, asked for while the gradient is computed.
    #[inline(always)]
    fn to_write(&self) -> Fetch {
        let [first, second, third] = self.flat.state;
        let places = [self.flat.parameters, first, second, third];
        Fetch::to_write(places, self.rows.len() * self.step())
    }
}

/// [`weights`] for some rows of a strip, in blocks of 64.
///
/// # Safety
/// As of [`weights`]; these weights are the thread's own.
#[inline(always)]
unsafe fn strip<V: Kernels>(
    work: &Work,
    thread: usize,
    ahead: &mut Ahead,
    part: &Strip,
    rows: Range<usize>,
) -> bool {
    debug_assert!(rows.is_empty() || rows.end <= part.weights.rows);
    let (weights, strip, inputs) = (part.weights, part.number, part.weights.rows - 1);
    let zeros = work.strategy.skips_zeros_of(part.op);
    let (mut row, mut finite) = (rows.start, true);
    while row < rows.end {
        ahead.ask(work, 64);
        // A block of rows meets one strip of the input, or is the bias.
        let until = if row < inputs {
            ((row / STRIP + 1) * STRIP).min(inputs).min(rows.end)
        } else {
            rows.end
        };
        // SAFETY: the caller's promise.
        unsafe {
            let mut flat = work.flat.skip(weights.at(strip, row));
            if work.task.is_fused() {
                // A gradient that is used at once stays in the first-level cache.
                flat.gradients = work.scratch.numbers(thread);
            }
            let part = Part { op: part.op, weights, strip, rows: row..until, flat };
            if let Some(accumulate) = work.task.gradient {
                gradient::<V>(work, thread, &part, zeros, accumulate);
            }
            if let Some(rule) = &work.task.rule {
                finite &= update_part::<V>(work, thread, &part, zeros, rule);
            }
        }
        row = until;
    }
    finite
}

/// The gradient of some weights.
///
/// # Safety
/// As of [`strip`].
#[inline(always)]
unsafe fn gradient<V: Kernels>(
    work: &Work,
    thread: usize,
    part: &Part,
    zeros: Option<&FirstLayer>,
    accumulate: Accumulate,
) {
    let (x, d) = (&work.stages.all[part.op].y, &work.stages.all[part.op + 1].d);
    let (strip, rows, dw) = (part.strip, part.rows.clone(), part.flat.gradients);
    // SAFETY: the caller's promise.
    unsafe {
        if part.is_bias() {
            return linear::bias_gradient::<V>(work, d, strip, dw, accumulate);
        }
        if let Some(first) = zeros {
            return V::sparse_gradient(work, first, thread, d, strip, rows, dw, accumulate);
        }
        let mut fetch = if work.task.is_fused() { part.to_write() } else { Fetch::NOTHING };
        if let Some(rounded) = work.rounded(part.op) {
            let fetch = &mut fetch;
            return bf16::gradient::<V>(work, rounded, strip, rows, dw, accumulate, fetch);
        }
        linear::gradient::<V>(work, thread, x, d, strip, rows, dw, accumulate, &mut fetch);
    }
}

/// Updates some weights. False if one is no longer finite.
///
/// # Safety
/// As of [`strip`]; their gradient is there.
#[inline(always)]
unsafe fn update_part<V: Kernels>(
    work: &Work,
    thread: usize,
    part: &Part,
    zeros: Option<&FirstLayer>,
    rule: &Rule,
) -> bool {
    debug_assert!(!part.rows.is_empty() && part.rows.len() <= BLOCK);
    let (mut mask, mut finite) = (u64::MAX >> (BLOCK - part.rows.len()), true);
    // What all threads read in the next forward pass is streamed.
    let shared = work.threads > 1 && !work.strategy.keeps(part.op);
    let rounded = work.rounded(part.op);
    // Of what is rounded, that is the rounded weights: the others are read once more at once.
    let stream = shared && rounded.is_none();
    let how = How { scale: work.task.scale, settle: work.task.settle, stream };
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(first) = zeros
            && !part.is_bias()
        {
            // The others have no gradient and no momentum: they would stay as they are.
            mask &= first.seen(thread, part.rows.start / BLOCK) >> (part.rows.start % BLOCK);
        }
        while mask != 0 {
            let first = mask.trailing_zeros() as usize;
            let run = (mask >> first).trailing_ones();
            mask &= !(u64::MAX >> (64 - run) << first);
            let flat = part.flat.skip(first * part.step());
            finite &= V::update(rule, flat, run as usize * part.step(), how);
        }
        if let Some(rounded) = rounded
            && !part.is_bias()
        {
            let rows = part.rows.clone();
            bf16::round_rows::<V>(work, rounded, part.weights, part.strip, rows, shared);
        }
    }
    finite
}
