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

use self::source::{Source, with_source};
use super::{
    vector::{Portable, Vector},
    work::{BLOCK, Op, Work},
};
use crate::data::{Numbers, Rows};

pub(super) use self::products::{forward, gradient};

/// What the sparse first layer keeps for a batch.
#[derive(Clone, Copy)]
pub(super) struct Sparse {
    /// The samples' masks, `samples` of each block of inputs: `[block][sample]`;
    /// once for all threads, or, if each has its own strips, once for each.
    pub masks: *mut u64,
    pub samples: usize,
    /// For each thread the same turned: `[block][samples / 64][input % 64]`.
    pub turned: *mut u64,
    /// Masks a thread has.
    pub each: usize,
    /// For each thread a mask a block: inputs that were not zero in some sample so
    /// far, or whose weights may have moved without.
    pub seen: *mut u64,
}

impl Sparse {
    unsafe fn masks(&self, work: &Work, thread: usize) -> *mut u64 {
        // SAFETY: within the masks of all threads.
        unsafe { self.masks.add(if work.own_strips { thread * self.each } else { 0 }) }
    }

    /// Which inputs of a block have not been zero in some sample so far.
    pub unsafe fn seen(&self, work: &Work, thread: usize, block: usize) -> u64 {
        // SAFETY: within the masks of all threads.
        unsafe { *self.seen.add(thread * seen_each(work.inputs.width) + block) }
    }
}

/// Masks of `seen` a thread has: its own cache lines, whichever way they lie.
pub(super) fn seen_each(inputs: usize) -> usize {
    blocks(inputs).next_multiple_of(8) + 8
}

/// Blocks of 64 that `n` items make.
pub(super) fn blocks(n: usize) -> usize {
    n.div_ceil(BLOCK)
}

/// Above this share of inputs that are not zero, the dense products are taken;
/// they are even at 0.6 (`docs/kernels.md`).
const WORTH_IT: f64 = 0.5;

/// Whether the first layer should skip the zeros of samples like these.
pub(super) fn is_worth_it(ops: &[Op], inputs: Rows) -> bool {
    matches!(ops.first(), Some(Op::Dense(..))) && density(inputs) <= WORTH_IT
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
#[inline(always)]
pub(super) unsafe fn scan<V: Vector>(
    work: &Work,
    sparse: &Sparse,
    thread: usize,
    samples: Range<usize>,
) {
    let width = work.inputs.width;
    // SAFETY: `Work` describes what is there; these masks are this thread's own.
    unsafe {
        let masks = sparse.masks(work, thread);
        with_source!(work, |source| for sample in samples {
            let row = source.skip(work.rows[sample] as usize * width);
            for block in 0..blocks(width) {
                let first = block * BLOCK;
                let mask = row.skip(first).not_zero::<V>(BLOCK.min(width - first));
                *masks.add(block * sparse.samples + sample) = mask;
            }
        })
    }
}

/// Turns all masks, for this thread, and notes which inputs have been seen.
#[inline(always)]
pub(super) unsafe fn turn(work: &Work, sparse: &Sparse, thread: usize) {
    let (inputs, samples) = (blocks(work.inputs.width), work.rows.len());
    // SAFETY: `Work` describes what is there; the stretches are this thread's own.
    unsafe {
        let turned = sparse.turned.add(thread * sparse.each);
        for block in 0..inputs {
            let mut seen = 0;
            for part in 0..blocks(samples) {
                let first = part * BLOCK;
                let mut square = [0u64; 64];
                let masks = sparse.masks(work, thread).add(block * sparse.samples + first);
                masks.copy_to_nonoverlapping(square.as_mut_ptr(), BLOCK.min(samples - first));
                seen |= square.iter().fold(0, |all, mask| all | mask);
                transpose(&mut square);
                let to = turned.add((block * blocks(samples) + part) * BLOCK);
                square.as_ptr().copy_to_nonoverlapping(to, BLOCK);
            }
            *sparse.seen.add(thread * seen_each(work.inputs.width) + block) |= seen;
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
