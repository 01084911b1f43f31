//! Who has what: the threads' shares of samples, columns and weights.

use std::ops::Range;

use super::{
    layers::Op,
    matrix::{BLOCK, Matrix, ROUND, STRIP},
};
use crate::Activation;

/// A thread's share of `n` items.
pub(crate) fn share(n: usize, thread: usize, threads: usize) -> Range<usize> {
    n * thread / threads..n * (thread + 1) / threads
}

/// A thread's own strips of the first layer, as near to its share of the columns as whole
/// strips come: of one that two threads shared, each would fetch the other's half too, ahead of
/// need (`docs/kernels.md`).
pub(super) fn own_strips(weights: &Matrix, thread: usize, threads: usize) -> Range<usize> {
    let vectors = weights.columns.div_ceil(ROUND);
    let border = |thread: usize| (ROUND * vectors * thread / threads + STRIP / 2) / STRIP;
    border(thread)..if thread + 1 == threads { weights.strips() } else { border(thread + 1) }
}

/// Whether threads with their own strips have about as many vectors of the first layer each.
pub(super) fn are_strips_even(weights: &Matrix, threads: usize, lanes: usize) -> bool {
    let vectors = |strip| weights.used(strip).div_ceil(lanes);
    let of = |thread| own_strips(weights, thread, threads).map(vectors).sum::<usize>();
    let most = (0..threads).map(of).max().unwrap_or(0);
    most * threads * 5 <= (0..weights.strips()).map(vectors).sum::<usize>() * 6
}

/// Parameters from which a network is large: more than a second-level cache holds, 1 MiB.
const LARGE: usize = 1 << 18;

/// Samples that go through the layers together. Each block of them reads all weights: those of a
/// large network come from memory, and are read less often the more samples meet them there. A
/// sample's sums are its own: the bits are the same.
pub(super) fn samples_together(parameters: usize) -> usize {
    if parameters < LARGE { BLOCK } else { 4 * BLOCK }
}

/// Samples in blocks of 64.
pub(super) fn blocks(samples: Range<usize>) -> impl Iterator<Item = Range<usize>> + Clone {
    blocks_of(samples, BLOCK)
}

/// Samples in blocks of this many.
pub(super) fn blocks_of(
    samples: Range<usize>,
    most: usize,
) -> impl Iterator<Item = Range<usize>> + Clone {
    let Range { start, end } = samples;
    (start..end).step_by(most).map(move |first| first..end.min(first + most))
}

/// Whether each thread can have its own strips of the first layer.
pub(super) fn can_own_strips(ops: &[Op], threads: usize) -> bool {
    match ops.first() {
        // Softmax needs whole rows.
        Some(Op::Dense(layer)) if layer.activation != Activation::Softmax => {
            threads > 1 && layer.weights.strips() >= threads
        }
        _ => false,
    }
}
