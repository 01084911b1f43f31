//! A layer's three products, of rounded numbers: see the module above, and `linear` for those of
//! single ones.

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::native;
#[cfg(any(test, all(target_arch = "x86_64", target_os = "linux", not(miri))))]
use super::tiles;
use super::{By, RoundedLayer, RoundedStage, SharedRounded};
use crate::engine::cpu::{
    kernels::Kernels,
    layers::Op,
    matrix::{Matrix, STRIP},
    product::{Fetch, Left, Product, Segment, Start},
    shares::share,
    work::{Accumulate, Work},
};

/// Pairs of samples that one product sums over before it stores.
const DEPTH: usize = 256;

/// Computes a product of pairs.
///
/// # Safety
/// As of [`Product::compute`].
#[inline(always)]
unsafe fn product<V: Kernels>(rounded: &SharedRounded, product: &Product, fetch: &mut Fetch) {
    // SAFETY: the caller's promise; `By` says what there is.
    unsafe {
        match rounded.by {
            By::Emulation => V::product_of_pairs(product, fetch),
            #[cfg(target_arch = "x86_64")]
            By::Avx512 => native::product(product, fetch),
            #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
            By::Tiles => tiles::by_instructions(product, fetch),
            #[cfg(test)]
            By::EmulatedTiles => tiles::product::<tiles::Emulated>(product, fetch),
        }
    }
}

/// Rounds some samples of a stage.
///
/// # Safety
/// As of [`super::convert::round_samples`].
#[inline(always)]
unsafe fn round<V: Kernels>(work: &Work, from: &Matrix, to: &RoundedStage, rows: &Range<usize>) {
    // SAFETY: the caller's promise; of the instructions, as above.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if work.rounded.as_ref().is_some_and(|rounded| rounded.rounds_natively()) {
            return native::round_samples(work, from, to, rows);
        }
        V::round_samples(work, from, to, rows);
    }
}

/// Rounds some samples of a layer's input.
///
/// # Safety
/// V's instructions are enabled. The matrices are those that `work` describes, the samples this
/// thread's own: nobody else writes what is read or touches what is written.
#[inline(always)]
pub(in super::super) unsafe fn round_inputs<V: Kernels>(
    work: &Work,
    layer: &RoundedLayer,
    x: &Matrix,
    rows: &Range<usize>,
) {
    // SAFETY: the caller's promise.
    unsafe { round::<V>(work, x, &layer.x, rows) }
}

/// Rounds some samples of dZ.
///
/// # Safety
/// As of [`round_inputs`].
#[inline(always)]
pub(in super::super) unsafe fn round_outputs<V: Kernels>(
    work: &Work,
    layer: &RoundedLayer,
    d: &Matrix,
    rows: &Range<usize>,
) {
    // SAFETY: the caller's promise.
    unsafe { round::<V>(work, d, &layer.d, rows) }
}

/// Rounds some rows of a strip of weights.
///
/// # Safety
/// As of [`super::convert::round_weights`].
#[inline(always)]
pub(in super::super) unsafe fn round_rows<V: Kernels>(
    work: &Work,
    layer: &RoundedLayer,
    weights: &Matrix,
    strip: usize,
    rows: Range<usize>,
    stream: bool,
) {
    // SAFETY: the caller's promise; of the instructions, as above.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        if work.rounded.as_ref().is_some_and(|rounded| rounded.rounds_natively()) {
            return native::round_weights(work, layer, weights, strip, rows, stream);
        }
        V::round_weights(work, layer, weights, strip, rows, stream);
    }
}

/// Rounds the thread's share of the weights that are not rounded yet.
///
/// # Safety
/// V's instructions are enabled; nobody writes weights meanwhile, and all threads do this.
#[inline(always)]
pub(in super::super) unsafe fn round_stale<V: Kernels>(work: &Work, thread: usize) {
    let Some(rounded) = &work.rounded else { return };
    for (op, layer) in work.ops.iter().enumerate() {
        let (Op::Dense(dense), Some(layer)) = (layer, rounded.stale_layer(op)) else { continue };
        let (weights, inputs) = (&dense.weights, dense.weights.rows - 1);
        for strip in share(weights.strips(), thread, work.threads) {
            for row in (0..inputs).step_by(STRIP) {
                let rows = row..inputs.min(row + STRIP);
                // SAFETY: this thread's own strip.
                unsafe { round_rows::<V>(work, layer, weights, strip, rows, false) }
            }
        }
    }
}

/// A whole matrix of pairs, a row a sample.
unsafe fn left(rounded: &SharedRounded, a: &Matrix) -> Left {
    let part = |strip| Segment { row: a.width(strip), step: 1, len: a.used(strip) };
    Left {
        // SAFETY: the caller vouches for the matrix.
        at: unsafe { rounded.stage(a, 0, 0) },
        strips: a.strips(),
        next: STRIP * a.rows,
        inner: part(0),
        last: part(a.strips() - 1),
    }
}

/// C ← start + A·B for some samples: `a` rounded, `b` rounded weights.
///
/// # Safety
/// As of [`forward`]; `start` has a row as wide as each strip, or there is none.
#[inline(always)]
unsafe fn by_weights<V: Kernels>(
    work: &Work,
    a: &Matrix,
    b: &Matrix,
    start: impl Fn(usize) -> Start,
    c: &Matrix,
    rows: &Range<usize>,
) {
    let Some(rounded) = &work.rounded else { return };
    debug_assert!(rows.end <= a.rows.min(c.rows));
    debug_assert_eq!((a.columns, c.columns), (b.rows, b.columns));
    // SAFETY: `Work` describes what is there.
    unsafe {
        for strip in 0..b.strips() {
            let (width, next) = (b.width(strip), strip + 1);
            let mut fetch = if next < b.strips() {
                Fetch::to_read(rounded.weights(b, next, 0), b.rows * b.width(next))
            } else {
                Fetch::NOTHING
            };
            let part = Product {
                left: left(rounded, a),
                first: rows.start,
                rows: rows.len(),
                b: rounded.weights(b, strip, 0),
                step_b: width,
                start: start(strip),
                c: work.stages.at(c, strip, rows.start),
                step_c: width,
                width,
            };
            product::<V>(rounded, &part, &mut fetch);
        }
    }
}

/// Z = X·W + b
///
/// # Safety
/// V's instructions are enabled. The matrices are those that `work` describes, `weights` the
/// layer's; the samples are this thread's own, their inputs rounded: nobody else writes what is read
/// or touches what is written.
#[inline(always)]
pub(in super::super) unsafe fn forward<V: Kernels>(
    work: &Work,
    layer: &RoundedLayer,
    weights: &Matrix,
    z: &Matrix,
    rows: &Range<usize>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let bias =
            |strip| Start::Row(work.flat.parameters(weights.at(strip, weights.rows - 1)).cast());
        by_weights::<V>(work, &layer.x.columns, &layer.weights, bias, z, rows);
    }
}

/// dX = dZ·Wᵀ
///
/// # Safety
/// As of [`forward`]; dZ is rounded.
#[inline(always)]
pub(in super::super) unsafe fn backward<V: Kernels>(
    work: &Work,
    layer: &RoundedLayer,
    dx: &Matrix,
    rows: &Range<usize>,
) {
    let Some(turned) = &layer.turned else { return };
    // SAFETY: the caller's promise.
    unsafe { by_weights::<V>(work, &layer.d.columns, turned, |_| Start::Zero, dx, rows) }
}

/// dW = Xᵀ·dZ for some inputs (rows of W) of one strip of them, and a strip of outputs.
///
/// # Safety
/// As of [`forward`], for all samples of the batch, inputs and dZ rounded; at `dw` is room for the
/// rows of `inputs`, as wide as the strip, this thread's own.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(in super::super) unsafe fn gradient<V: Kernels>(
    work: &Work,
    layer: &RoundedLayer,
    strip: usize,
    inputs: Range<usize>,
    dw: *mut f32,
    accumulate: Accumulate,
    fetch: &mut Fetch,
) {
    let Some(rounded) = &work.rounded else { return };
    let (x, dz) = (&layer.x, &layer.d.samples);
    let (pairs, strip_x) = (rounded.pairs(work.batch.rows.len()), inputs.start / STRIP);
    debug_assert!(strip < dz.strips() && pairs <= dz.rows);
    debug_assert!(!inputs.is_empty() && strip_x == (inputs.end - 1) / STRIP);
    // SAFETY: `Work` describes what is there.
    unsafe {
        let width = dz.width(strip);
        let all = Product {
            left: left(rounded, &x.samples),
            first: inputs.start,
            rows: inputs.len(),
            b: rounded.stage(dz, strip, 0),
            step_b: width,
            start: if accumulate == Accumulate::Yes { Start::Itself } else { Start::Zero },
            c: dw,
            step_c: width,
            width,
        };
        if x.turned {
            // Of the batch's samples alone.
            let last = (pairs - 1) / STRIP;
            let len = pairs - last * STRIP;
            let last = Segment { row: x.samples.width(last), step: 1, len };
            let left = Left { strips: pairs.div_ceil(STRIP), last, ..all.left };
            return product::<V>(rounded, &Product { left, ..all }, fetch);
        }
        let mut start = all.start;
        for first in (0..pairs).step_by(DEPTH) {
            let len = DEPTH.min(pairs - first);
            let part = Segment { row: 1, step: x.samples.width(strip_x), len };
            let at = rounded.stage(&x.samples, strip_x, first).add(inputs.start % STRIP);
            let left = Left { at, strips: 1, next: 0, inner: part, last: part };
            let b = rounded.stage(dz, strip, first);
            product::<V>(rounded, &Product { left, first: 0, b, start, ..all }, fetch);
            start = Start::Itself;
        }
    }
}
