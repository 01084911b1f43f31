//! The products of a first layer that skips zeros.

use std::ops::Range;

use super::{
    super::{
        first_layer::{FirstLayer, blocks},
        matrix::{BLOCK, Matrix, STRIP},
        vector::Vector,
        work::{Accumulate, Work},
    },
    source::{Source, with_source},
};
use crate::data::Numbers;

/// Calls a kernel made for N vectors on each group of a width's vectors, on as
/// many at once as there are registers for.
macro_rules! by_vectors {
    ($width:expr, at most $most:expr, |$column:ident, $n:ident| $f:expr) => {
        let mut $column = 0;
        while $column < $width {
            let left = ($width - $column) / V::LANES;
            macro_rules! run {
                ($count:literal) => {{
                    const $n: usize = $count;
                    $f;
                    $column += $count * V::LANES;
                }};
            }
            match left {
                9 if $most >= 9 && V::LANES < 8 => run!(9),
                8.. if $most >= 8 && V::LANES < 16 => run!(8),
                6.. if $most >= 6 && V::LANES < 16 => run!(6),
                4.. => run!(4),
                3 => run!(3),
                2 => run!(2),
                _ => run!(1),
            }
        }
    };
}

/// Columns of a strip that are worked on: narrow vectors leave out what rounding added, which stays 0.
/// (Wide ones would have one left over, which takes as long as two.)
#[inline(always)]
fn filled<V: Vector>(matrix: &Matrix, strip: usize) -> usize {
    let used = matrix.used(strip);
    if V::LANES == 4 { used.next_multiple_of(V::LANES) } else { matrix.width(strip) }
}

/// Whether registers hold no more than a strip's columns.
const fn has_little_room<V: Vector>() -> bool {
    V::LANES * V::REGISTERS <= STRIP
}

/// Z = X·W + b for some samples and a strip of outputs.
///
/// # Safety
/// V's instructions are enabled. `work` describes what is there; the masks of these samples have
/// been made, where all threads share them or by `thread`; of Z, these samples of this strip are
/// this thread's own.
#[inline(always)]
pub(in super::super) unsafe fn forward<V: Vector>(
    work: &Work,
    first: &FirstLayer,
    thread: usize,
    z: &Matrix,
    strip: usize,
    samples: Range<usize>,
) {
    let weights = &first.layer.weights;
    debug_assert!(strip < weights.strips() && samples.end <= work.batch.rows.len());
    debug_assert_eq!((weights.rows, weights.columns), (work.batch.inputs.width + 1, z.columns));
    debug_assert!(thread < work.threads && samples.end <= z.rows.min(first.samples));
    let step = weights.width(strip);
    // SAFETY: `Work` describes what is there; this part of Z is this thread's own.
    unsafe {
        let w = work.flat.parameters(weights.at(strip, 0)).cast_const();
        let z = work.stages.at(z, strip, 0);
        let masks = first.masks(thread, 0, 0).cast_const();
        let masks_each = first.samples;
        let bias = w.add(work.batch.inputs.width * step);
        let columns = filled::<V>(weights, strip);
        for sample in samples.clone().step_by(BLOCK) {
            let part = sample..samples.end.min(sample + BLOCK);
            for sample in part.clone() {
                for column in (0..step).step_by(V::LANES) {
                    V::load(bias.add(column)).store(z.add(sample * step + column));
                }
            }
            with_source!(work, |source| {
                by_vectors!(columns, at most 9, |column, N| forward_part::<V, _, N>(
                    work,
                    masks,
                    masks_each,
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

/// Adds X·W.
///
/// # Safety
/// As of [`forward`], for N vectors of columns from `w` and `z` on.
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
    debug_assert!(samples.len() <= BLOCK && N * V::LANES <= step && samples.end <= masks_each);
    let inputs = work.batch.inputs.width;
    // SAFETY: the caller's promise.
    unsafe {
        for block in 0..blocks(inputs) {
            let (w, source) = (w.add(block * BLOCK * step), source.skip(block * BLOCK));
            let masks = masks.add(block * masks_each);
            for sample in samples.clone() {
                let mut mask = *masks.add(sample);
                if mask == 0 {
                    continue;
                }
                let x = source.skip(work.batch.rows[sample] as usize * inputs);
                let z = z.add(sample * step);
                let mut sums = [V::splat(0.0); N];
                for n in 0..N {
                    sums[n] = V::load(z.add(n * V::LANES));
                }
                while mask != 0 {
                    let j = mask.trailing_zeros() as usize;
                    mask &= mask - 1;
                    let x = V::splat(x.number(j));
                    let w = w.add(j * step);
                    for n in 0..N {
                        sums[n] = x.fma(V::load(w.add(n * V::LANES)), sums[n]);
                    }
                }
                for n in 0..N {
                    sums[n].store(z.add(n * V::LANES));
                }
            }
        }
    }
}

/// dW = Xᵀ·dZ for some inputs of one block and a strip of outputs.
///
/// # Safety
/// V's instructions are enabled. `work` describes what is there; the masks have been turned for
/// `thread`; at `dw` is room for the rows of `inputs`, as wide as the strip, this thread's own.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(in super::super) unsafe fn gradient<V: Vector>(
    work: &Work,
    first: &FirstLayer,
    thread: usize,
    dz: &Matrix,
    strip: usize,
    inputs: Range<usize>,
    dw: *mut f32,
    accumulate: Accumulate,
) {
    let samples = work.batch.rows.len();
    debug_assert!(strip < dz.strips() && samples <= dz.rows && thread < work.threads);
    debug_assert!(inputs.end <= work.batch.inputs.width);
    debug_assert!(!inputs.is_empty() && inputs.start / BLOCK == (inputs.end - 1) / BLOCK);
    let step = dz.width(strip);
    let columns = filled::<V>(dz, strip);
    // SAFETY: `Work` describes what is there; these gradients are this thread's own.
    unsafe {
        let dz = work.stages.at(dz, strip, 0).cast_const();
        let turned = first.turned(thread, inputs.start / BLOCK, samples);
        let most = if has_little_room::<V>() { 9 } else { V::REGISTERS / 4 };
        for part in 0..blocks(samples) {
            let masks = turned.add(part * BLOCK);
            let adds = part > 0 || accumulate == Accumulate::Yes;
            if !adds && columns < step {
                for row in 0..inputs.len() {
                    for column in (columns..step).step_by(V::LANES) {
                        V::splat(0.0).store(dw.add(row * step + column));
                    }
                }
            }
            with_source!(work, |source| {
                by_vectors!(columns, at most most, |column, N| gradient_part::<V, _, N>(
                    work,
                    source,
                    masks,
                    part * BLOCK,
                    dz.add(column),
                    step,
                    inputs.clone(),
                    dw.add(column),
                    adds,
                ));
            });
        }
    }
}

/// # Safety
/// As of [`gradient`], for N vectors of columns from `dz` and `dw` on.
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
    debug_assert!(first_sample < work.batch.rows.len() && N * V::LANES <= step);
    // Neighbours are not zero in much the same samples: two at a time. Narrow vectors rather go
    // through the samples less often, with more of one input's columns at once.
    let together = if has_little_room::<V>() { 1 } else { 2 };
    for input in inputs.clone().step_by(together) {
        // SAFETY: the caller's promise.
        unsafe {
            let (source, masks) = (source.skip(input), masks.add(input % BLOCK));
            let dw = dw.add((input - inputs.start) * step);
            if together == 2 && input + 1 < inputs.end {
                sum::<V, S, N, 2>(work, source, masks, first_sample, dz, step, dw, adds);
            } else {
                sum::<V, S, N, 1>(work, source, masks, first_sample, dz, step, dw, adds);
            }
        }
    }
}

/// A row of dW for each of R inputs that follow each other.
///
/// # Safety
/// As of [`gradient`], for R inputs from `source`, `masks` and `dw` on.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn sum<V: Vector, S: Source, const N: usize, const R: usize>(
    work: &Work,
    source: S,
    masks: *const u64,
    first_sample: usize,
    dz: *const f32,
    step: usize,
    dw: *mut f32,
    adds: bool,
) {
    debug_assert!(R <= 2 && N * V::LANES <= step);
    let width = work.batch.inputs.width;
    // SAFETY: the caller's promise.
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
            debug_assert!(sample < work.batch.rows.len());
            let x = source.skip(*work.batch.rows.get_unchecked(sample) as usize * width);
            let mut d = [V::splat(0.0); N];
            let dz = dz.add(sample * step);
            for n in 0..N {
                d[n] = V::load(dz.add(n * V::LANES));
            }
            for r in 0..R {
                let x = V::splat(x.number(r));
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
