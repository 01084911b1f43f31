//! Who has what: the threads' shares of samples, columns and weights.

use std::ops::Range;

use super::{
    matrix::{Matrix, ROUND, STRIP},
    work::{BLOCK, Op},
};
use crate::Activation;

/// A thread's share of `n` items.
pub(super) fn share(n: usize, thread: usize, threads: usize) -> Range<usize> {
    n * thread / threads..n * (thread + 1) / threads
}

/// A thread's own columns of the first layer: whole strips if that is nearly fair.
pub(super) fn own_columns(weights: &Matrix, thread: usize, threads: usize) -> Range<usize> {
    let (vectors, whole) = (weights.columns.div_ceil(ROUND), STRIP / ROUND);
    let border = |thread: usize| {
        let fair = vectors * thread / threads;
        let strip = (fair + whole / 2) / whole * whole;
        let near = thread > 0 && thread < threads && strip.abs_diff(fair) <= 1;
        ROUND * if near { strip.min(vectors) } else { fair }
    };
    border(thread)..border(thread + 1)
}

/// Samples in blocks.
pub(super) fn blocks(samples: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let Range { start, end } = samples;
    (start..end).step_by(BLOCK).map(move |first| first..end.min(first + BLOCK))
}

/// Whether each thread can have its own columns of the first layer.
pub(super) fn can_own_columns(ops: &[Op], threads: usize) -> bool {
    match ops.first() {
        // Softmax needs whole rows.
        Some(Op::Dense(weights, activation)) if *activation != Activation::Softmax => {
            threads > 1 && weights.columns.div_ceil(ROUND) >= 2 * threads
        }
        _ => false,
    }
}

/// Whether each thread's own columns are whole strips.
pub(super) fn are_whole_strips(ops: &[Op], threads: usize) -> bool {
    let Some(Op::Dense(weights, _)) = ops.first() else { return false };
    let start = |thread| own_columns(weights, thread, threads).start;
    (0..threads).all(|thread| start(thread) % STRIP == 0)
}
