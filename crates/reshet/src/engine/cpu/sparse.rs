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

use super::{
    matrix::Matrix,
    vector::{Portable, Vector, prefetch},
    work::{Accumulate, BLOCK, Work},
};
use crate::data::{Features, Storage};

/// What the sparse first layer keeps for a batch.
#[derive(Clone, Copy)]
pub(super) struct Sparse {
    /// The samples' masks, `samples` of each block of inputs: `[block][sample]`;
    /// once for all threads, or, if each has its own columns, once for each.
    pub masks: *mut u64,
    pub samples: usize,
    /// For each thread the same turned: `[block][samples / 64][input % 64]`.
    pub turned: *mut u64,
    /// Masks a thread has.
    pub each: usize,
    /// For each thread a mask a block: inputs that were not zero in some sample so far.
    pub seen: *mut u64,
}

impl Sparse {
    unsafe fn masks(&self, work: &Work, thread: usize) -> *mut u64 {
        // SAFETY: within the masks of all threads.
        unsafe { self.masks.add(if work.own_columns { thread * self.each } else { 0 }) }
    }

    /// Which inputs of a block have not been zero in some sample so far.
    pub unsafe fn seen(&self, work: &Work, thread: usize, block: usize) -> u64 {
        // SAFETY: within the masks of all threads.
        unsafe { *self.seen.add(thread * blocks(work.features.width()) + block) }
    }
}

/// Blocks of 64 that `n` items make.
pub(super) fn blocks(n: usize) -> usize {
    n.div_ceil(BLOCK)
}

/// Where features are stored, and how a number is read there.
trait Source: Copy {
    unsafe fn skip(self, n: usize) -> Self;
    unsafe fn number(self, i: usize) -> f32;
    /// Bit i: number i of the first n (at most 64) is not zero.
    unsafe fn not_zero<V: Vector>(self, n: usize) -> u64;
}

/// Bytes that stand for x / 255.
static BYTES: [f32; 256] = {
    let (mut table, mut i) = ([0.0; 256], 0);
    while i < 256 {
        table[i] = i as f32 / 255.0;
        i += 1;
    }
    table
};

impl Source for *const u8 {
    #[inline(always)]
    unsafe fn skip(self, n: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { self.add(n) }
    }

    #[inline(always)]
    unsafe fn number(self, i: usize) -> f32 {
        // SAFETY: the caller's promise; the table has a number for each byte.
        unsafe { *BYTES.get_unchecked(usize::from(*self.add(i))) }
    }

    #[inline(always)]
    unsafe fn not_zero<V: Vector>(self, n: usize) -> u64 {
        // SAFETY: the caller vouches for n ≤ 64 bytes.
        unsafe {
            if n == 64 {
                return V::nonzero_bytes(self);
            }
            let mut bytes = [0u8; 64];
            self.copy_to_nonoverlapping(bytes.as_mut_ptr(), n);
            V::nonzero_bytes(bytes.as_ptr())
        }
    }
}

impl Source for *const f32 {
    #[inline(always)]
    unsafe fn skip(self, n: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { self.add(n) }
    }

    #[inline(always)]
    unsafe fn number(self, i: usize) -> f32 {
        // SAFETY: the caller's promise.
        unsafe { *self.add(i) }
    }

    #[inline(always)]
    unsafe fn not_zero<V: Vector>(self, n: usize) -> u64 {
        // SAFETY: the caller vouches for n numbers.
        (0..n).fold(0, |mask, i| mask | u64::from(unsafe { *self.add(i) } != 0.0) << i)
    }
}

/// Calls a function on the features, whatever their storage.
macro_rules! with_source {
    ($work:expr, |$source:ident| $f:expr) => {
        match $work.features.storage() {
            Storage::U8(bytes) => {
                let $source = bytes.as_ptr();
                $f
            }
            Storage::F32(values) => {
                let $source = values.as_ptr();
                $f
            }
        }
    };
}

/// Calls a kernel made for N vectors on each group of a width's vectors.
macro_rules! by_vectors {
    ($columns:expr, |$column:ident, $n:ident| $f:expr) => {
        let mut $column = $columns.start;
        while $column < $columns.end {
            let left = ($columns.end - $column) / V::LANES;
            macro_rules! run {
                ($count:literal) => {{
                    const $n: usize = $count;
                    $f;
                    $column += $count * V::LANES;
                }};
            }
            match left {
                8.. if V::LANES < 16 => run!(8),
                6.. if V::LANES < 16 => run!(6),
                4.. => run!(4),
                3 => run!(3),
                2 => run!(2),
                _ => run!(1),
            }
        }
    };
}

/// The share of numbers that are not zero, over at most 64 of some samples.
pub(super) fn density(features: &Features, rows: impl ExactSizeIterator<Item = usize>) -> f64 {
    let (width, step) = (features.width(), rows.len().div_ceil(64).max(1));
    let (mut count, mut all) = (0, 0);
    for row in rows.step_by(step) {
        for first in (0..width).step_by(BLOCK) {
            let (at, n) = (row * width + first, BLOCK.min(width - first));
            // SAFETY: the slices' bounds are checked, and n numbers are there.
            let mask = unsafe {
                match features.storage() {
                    Storage::U8(bytes) => bytes[at..at + n].as_ptr().not_zero::<Portable>(n),
                    Storage::F32(values) => values[at..at + n].as_ptr().not_zero::<Portable>(n),
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
    let width = work.features.width();
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

/// Z = X·W + b for some samples and the columns `columns` of a strip.
#[inline(always)]
pub(super) unsafe fn forward<V: Vector>(
    work: &Work,
    sparse: &Sparse,
    thread: usize,
    weights: &Matrix,
    z: &Matrix,
    (strip, columns): (usize, Range<usize>),
    samples: Range<usize>,
) {
    let step = weights.width(strip);
    // SAFETY: `Work` describes what is there; this part of Z is this thread's own.
    unsafe {
        let w = work.flat.parameters.add(weights.at(strip, 0)).cast_const();
        let z = work.stage.add(z.at(strip, 0));
        let masks = sparse.masks(work, thread).cast_const();
        for first in samples.clone().step_by(BLOCK) {
            let part = first..samples.end.min(first + BLOCK);
            with_source!(work, |source| {
                by_vectors!(columns, |column, N| forward_part::<V, _, N>(
                    work,
                    masks,
                    sparse.samples,
                    source,
                    w.add(column),
                    z.add(column),
                    step,
                    part.clone(),
                ));
            });
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn forward_part<V: Vector, S: Source, const N: usize>(
    work: &Work,
    masks: *const u64,
    masks_each: usize,
    source: S,
    w: *const f32,
    z: *mut f32,
    step: usize,
    samples: Range<usize>,
) {
    let inputs = work.features.width();
    // SAFETY: the caller's promise.
    unsafe {
        let bias = w.add(inputs * step);
        for sample in samples.clone() {
            for n in 0..N {
                V::load(bias.add(n * V::LANES)).store(z.add(sample * step + n * V::LANES));
            }
        }
        for block in 0..blocks(inputs) {
            let (w, source) = (w.add(block * BLOCK * step), source.skip(block * BLOCK));
            let masks = masks.add(block * masks_each);
            for sample in samples.clone() {
                let mut mask = *masks.add(sample);
                if mask == 0 {
                    continue;
                }
                let x = source.skip(work.rows[sample] as usize * inputs);
                let z = z.add(sample * step);
                let mut sums = [V::splat(0.0); N];
                for n in 0..N {
                    sums[n] = V::load(z.add(n * V::LANES));
                }
                while mask != 0 {
                    let j = mask.trailing_zeros() as usize;
                    mask &= mask - 1;
                    let x = V::splat(x.number(j));
                    for n in 0..N {
                        sums[n] = x.fma(V::load(w.add(j * step + n * V::LANES)), sums[n]);
                    }
                }
                for n in 0..N {
                    sums[n].store(z.add(n * V::LANES));
                }
            }
        }
    }
}

/// Turns all masks, for this thread, and notes which inputs have been seen.
#[inline(always)]
pub(super) unsafe fn turn(work: &Work, sparse: &Sparse, thread: usize) {
    let (inputs, samples) = (blocks(work.features.width()), work.rows.len());
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
            *sparse.seen.add(thread * inputs + block) |= seen;
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

/// Asks for the cache lines of the next samples, some at a time.
pub(super) struct Ahead {
    sample: usize,
    end: usize,
    line: usize,
}

impl Ahead {
    /// Of these samples of the next batch.
    pub fn new(samples: Range<usize>) -> Self {
        Self { sample: samples.start, end: samples.end, line: 0 }
    }

    /// Asks for `count` lines more.
    pub fn ask(&mut self, work: &Work, count: usize) {
        let (width, size) = match work.features.storage() {
            Storage::U8(_) => (work.features.width(), 1),
            Storage::F32(_) => (work.features.width(), 4),
        };
        let bytes = width * size;
        for _ in 0..count {
            if self.sample >= self.end {
                return;
            }
            let at = work.next[self.sample] as usize * bytes + self.line;
            with_source!(work, |source| prefetch(source.cast::<u8>().wrapping_add(at)));
            self.line += 64;
            // The last line begins anywhere in a row that does not begin a line.
            if self.line >= bytes + 63 {
                (self.sample, self.line) = (self.sample + 1, 0);
            }
        }
    }
}

/// dW = Xᵀ·dZ for some inputs of one block and the columns `columns` of a
/// strip, into rows that stand `step` apart.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn gradient<V: Vector>(
    work: &Work,
    sparse: &Sparse,
    thread: usize,
    dz: &Matrix,
    (strip, columns): (usize, Range<usize>),
    inputs: Range<usize>,
    dw: *mut f32,
    accumulate: Accumulate,
) {
    let step = dz.width(strip);
    // SAFETY: `Work` describes what is there; these gradients are this thread's own.
    unsafe {
        let dz = work.stage.add(dz.at(strip, 0)).cast_const();
        let (block, parts) = (inputs.start / BLOCK, blocks(work.rows.len()));
        let turned = sparse.turned.add(thread * sparse.each + block * parts * BLOCK);
        for part in 0..parts {
            let masks = turned.add(part * BLOCK);
            let adds = part > 0 || accumulate == Accumulate::Yes;
            with_source!(work, |source| {
                by_vectors!(columns, |column, N| gradient_part::<V, _, N>(
                    work,
                    source,
                    masks,
                    part * BLOCK,
                    dz.add(column),
                    step,
                    inputs.clone(),
                    dw.add(column - columns.start),
                    adds,
                ));
            });
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn gradient_part<V: Vector, S: Source, const N: usize>(
    work: &Work,
    source: S,
    masks: *const u64,
    first_sample: usize,
    dz: *const f32,
    step: usize,
    inputs: Range<usize>,
    dw: *mut f32,
    adds: bool,
) {
    let width = work.features.width();
    // SAFETY: the caller's promise.
    unsafe {
        let mut input = inputs.start;
        while input < inputs.end {
            let dw = dw.add((input - inputs.start) * step);
            let masks = masks.add(input % BLOCK);
            let (source, pair) = (source.skip(input), input + 1 < inputs.end);
            // Neighbours are not zero in much the same samples.
            if pair {
                rows::<V, S, N, 2>(work, source, masks, first_sample, dz, step, width, dw, adds);
                input += 2;
            } else {
                rows::<V, S, N, 1>(work, source, masks, first_sample, dz, step, width, dw, adds);
                input += 1;
            }
        }
    }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn rows<V: Vector, S: Source, const N: usize, const R: usize>(
    work: &Work,
    source: S,
    masks: *const u64,
    first_sample: usize,
    dz: *const f32,
    step: usize,
    width: usize,
    dw: *mut f32,
    adds: bool,
) {
    unsafe {
        let mut sums = [[V::splat(0.0); N]; R];
        let mut mask = 0;
        for r in 0..R {
            mask |= *masks.add(r);
            if adds {
                for n in 0..N {
                    sums[r][n] = V::load(dw.add(r * step + n * V::LANES));
                }
            }
        }
        while mask != 0 {
            let sample = first_sample + mask.trailing_zeros() as usize;
            mask &= mask - 1;
            let row = *work.rows.get_unchecked(sample) as usize;
            let at = source.skip(row * width);
            let dz = dz.add(sample * step);
            let mut d = [V::splat(0.0); N];
            for n in 0..N {
                d[n] = V::load(dz.add(n * V::LANES));
            }
            for r in 0..R {
                let x = V::splat(at.number(r));
                for n in 0..N {
                    sums[r][n] = x.fma(d[n], sums[r][n]);
                }
            }
        }
        for r in 0..R {
            for n in 0..N {
                sums[r][n].store(dw.add(r * step + n * V::LANES));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_show_what_is_not_zero() {
        for n in 0..=64 {
            let bytes: Vec<u8> = (0..n).map(|i| [0, 1, 128, 0, 255, 127][i * i % 6]).collect();
            let numbers: Vec<f32> = bytes.iter().map(|b| f32::from(*b) * -1e-40).collect();
            let want = (0..n).fold(0, |mask, i| mask | u64::from(bytes[i] != 0) << i);
            // SAFETY: there are n numbers.
            unsafe {
                assert_eq!(bytes.as_ptr().not_zero::<Portable>(n), want);
                assert_eq!(numbers.as_ptr().not_zero::<Portable>(n), want);
            }
        }
    }

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
