//! The first layer when most of its inputs are zero: only the others are worked on.
//!
//! A mask of 64 bits says which of 64 inputs of a sample are not zero; turned
//! by 90°, which of 64 samples have an input that is not.
//!
//! ```text
//! forward    for each block of 64 inputs         64 rows of W stay in the cache
//!              for each sample
//!                for each bit of its mask        z[sample] += x · W[input]
//! gradient   for each input
//!              for each bit of its turned mask   dW[input] += x · dz[sample]
//! ```
//! A zero would have added exactly nothing, and the order of the sums is the
//! dense products': the bits are the same. The features are read where they
//! are; nothing is copied.

use std::ops::Range;

mod products;
mod source;
mod zeros;

use self::source::{Source, with_source};
pub(super) use self::{
    products::{forward, gradient},
    zeros::Zeros,
};
use super::{
    first_layer::{FirstLayer, blocks},
    layers::Op,
    matrix::BLOCK,
    vector::{Portable, Vector},
    work::Work,
};
use crate::data::{Numbers, Rows};

/// Above this share of inputs that are not zero, the dense products are taken;
/// they are even at 0.6 (`docs/kernels.md`).
const WORTH_IT: f64 = 0.5;

/// Whether the first layer should skip the zeros of samples like these.
pub(super) fn is_worth_it(ops: &[Op], inputs: Rows) -> bool {
    matches!(ops.first(), Some(Op::Dense(..))) && are_mostly_zero(inputs)
}

/// Whether a first layer skips the zeros of such samples.
pub(in super::super) fn are_mostly_zero(inputs: Rows) -> bool {
    density(inputs) <= WORTH_IT
}

/// The share of numbers that are not zero, over at most 64 of some samples.
fn density(inputs: Rows) -> f64 {
    let (width, samples) = (inputs.width, inputs.len());
    let (mut count, mut all) = (0, 0);
    for row in (0..samples).step_by(samples.div_ceil(64).max(1)) {
        for first in (0..width).step_by(BLOCK) {
            let (at, n) = (row * width + first, BLOCK.min(width - first));
            // SAFETY: the slices' bounds are checked, and n numbers are there.
            let mask = unsafe {
                match inputs.numbers {
                    Numbers::U8(bytes) => bytes[at..at + n].as_ptr().not_zero::<Portable>(n),
                    Numbers::F32(values) => values[at..at + n].as_ptr().not_zero::<Portable>(n),
                }
            };
            count += mask.count_ones();
        }
        all += width;
    }
    f64::from(count) / all.max(1) as f64
}

/// Makes the masks of these samples.
///
/// # Safety
/// V's instructions are enabled. The batch's rows are there, as wide as the layer's inputs; of
/// the thread's masks, nobody else touches those of these samples.
#[inline(always)]
pub(super) unsafe fn scan<V: Vector>(
    work: &Work,
    first: &FirstLayer,
    thread: usize,
    samples: Range<usize>,
) {
    let width = work.batch.inputs.width;
    debug_assert!(thread < work.threads && width == first.inputs());
    debug_assert!(samples.end <= work.batch.rows.len());
    // SAFETY: `Work` describes what is there; these masks are this thread's own.
    unsafe {
        with_source!(work, |source| for sample in samples {
            debug_assert!((work.batch.rows[sample] as usize) < work.batch.inputs.len());
            let row = source.skip(work.batch.rows[sample] as usize * width);
            for block in 0..blocks(width) {
                let at = block * BLOCK;
                let mask = row.skip(at).not_zero::<V>(BLOCK.min(width - at));
                *first.masks(thread, block, sample) = mask;
            }
        })
    }
}

/// Turns all masks, for this thread, and notes which inputs have been seen.
///
/// # Safety
/// All masks of the batch have been made, where all threads share them or by this one; nobody
/// else touches what this thread has turned and seen.
#[inline(always)]
pub(super) unsafe fn turn(work: &Work, first: &FirstLayer, thread: usize) {
    debug_assert!(thread < work.threads && work.batch.inputs.width == first.inputs());
    let samples = work.batch.rows.len();
    // SAFETY: `Work` describes what is there; the stretches are this thread's own.
    unsafe {
        for block in 0..blocks(first.inputs()) {
            let mut seen = 0;
            let turned = first.turned(thread, block, samples);
            for part in 0..blocks(samples) {
                let sample = part * BLOCK;
                let mut square = [0u64; 64];
                let masks = first.masks(thread, block, sample);
                masks.copy_to_nonoverlapping(square.as_mut_ptr(), BLOCK.min(samples - sample));
                seen |= square.iter().fold(0, |all, mask| all | mask);
                transpose(&mut square);
                square.as_ptr().copy_to_nonoverlapping(turned.add(part * BLOCK), BLOCK);
            }
            *first.seen_at(thread, block) |= seen;
        }
    }
}

/// Bit j of word i becomes bit i of word j (Warren: "Hacker's Delight", 7–3).
#[inline(always)]
fn transpose(square: &mut [u64; 64]) {
    let (mut width, mut mask) = (32, u64::MAX >> 32);
    while width > 0 {
        for pair in square.chunks_exact_mut(2 * width) {
            let (above, below) = pair.split_at_mut(width);
            for (a, b) in above.iter_mut().zip(below) {
                let swap = (*a >> width ^ *b) & mask;
                *a ^= swap << width;
                *b ^= swap;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposing_moves_each_bit() {
        let mut square: [u64; 64] =
            std::array::from_fn(|i| (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let before = square;
        transpose(&mut square);
        for i in 0..64 {
            for j in 0..64 {
                assert_eq!(square[j] >> i & 1, before[i] >> j & 1, "{i} {j}");
            }
        }
    }
}
