//! The products of a first layer that skips zeros.

use std::ops::Range;

use super::{
    super::{
        matrix::Matrix,
        vector::Vector,
        work::{Accumulate, BLOCK, Work},
    },
    Sparse, blocks,
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

/// Z = X·W + b for some samples and a strip of outputs.
///
/// # Safety
/// V's instructions are enabled. `work` and `sparse` describe what is there; the masks of these
/// samples have been made; of Z, these samples of this strip are this thread's own.
#[inline(always)]
pub(in super::super) unsafe fn forward<V: Vector>(
    work: &Work,
    sparse: &Sparse,
    thread: usize,
    weights: &Matrix,
    z: &Matrix,
    strip: usize,
    samples: Range<usize>,
) {
    debug_assert!(strip < weights.strips() && samples.end <= work.rows.len());
    debug_assert_eq!((weights.rows, weights.columns), (work.inputs.width + 1, z.columns));
    debug_assert!(samples.end <= z.rows.min(sparse.samples));
    let step = weights.width(strip);
    // SAFETY: `Work` describes what is there; this part of Z is this thread's own.
    unsafe {
        let w = work.flat.parameters.add(weights.at(strip, 0)).cast_const();
        let z = work.stage.add(z.at(strip, 0));
        let masks = sparse.masks(work, thread).cast_const();
        for first in samples.clone().step_by(BLOCK) {
            let part = first..samples.end.min(first + BLOCK);
            with_source!(work, |source| {
                by_vectors!(step, at most 8, |column, N| forward_part::<V, _, N>(
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
    let inputs = work.inputs.width;
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

/// dW = Xᵀ·dZ for some inputs of one block and a strip of outputs.
///
/// # Safety
/// V's instructions are enabled. `work` and `sparse` describe what is there; the masks have been
/// turned for `thread`; at `dw` is room for the rows of `inputs`, this thread's own.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(in super::super) unsafe fn gradient<V: Vector>(
    work: &Work,
    sparse: &Sparse,
    thread: usize,
    dz: &Matrix,
    strip: usize,
    inputs: Range<usize>,
    dw: *mut f32,
    accumulate: Accumulate,
) {
    debug_assert!(strip < dz.strips() && work.rows.len() <= dz.rows && thread < work.threads);
    debug_assert!(inputs.end <= work.inputs.width);
    debug_assert!(!inputs.is_empty() && inputs.start / BLOCK == (inputs.end - 1) / BLOCK);
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
                by_vectors!(step, at most V::REGISTERS / 4, |column, N| gradient_part::<V, _, N>(
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
    // Neighbours are not zero in much the same samples: two at a time.
    for input in inputs.clone().step_by(2) {
        // SAFETY: the caller's promise.
        unsafe {
            let (source, masks) = (source.skip(input), masks.add(input % BLOCK));
            let dw = dw.add((input - inputs.start) * step);
            if input + 1 < inputs.end {
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
    let width = work.inputs.width;
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
            let x = source.skip(*work.rows.get_unchecked(sample) as usize * width);
            let mut d = [V::splat(0.0); N];
            for n in 0..N {
                d[n] = V::load(dz.add(sample * step + n * V::LANES));
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
