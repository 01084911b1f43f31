//! A layer's three products, on the engine's matrices.

use std::ops::Range;

use super::{
    kernels::Kernels,
    matrix::{BLOCK, Matrix, ROUND, STRIP},
    product::{Fetch, Left, Product, Segment, Start},
    scratch::SQUARE,
    shares::blocks,
    work::{Accumulate, Work},
};

/// Samples of a batch that one product sums over before it stores.
const DEPTH: usize = 256;

/// Z = X·W + b
///
/// # Safety
/// V's instructions are enabled. The matrices are those that `work` describes, the samples
/// this thread's own: nobody else writes what is read or touches what is written.
#[inline(always)]
pub(super) unsafe fn forward<V: Kernels>(
    work: &Work,
    weights: &Matrix,
    x: &Matrix,
    z: &Matrix,
    rows: &Range<usize>,
) {
    debug_assert!(rows.end <= x.rows && rows.end <= z.rows);
    debug_assert_eq!((weights.rows, weights.columns), (x.columns + 1, z.columns));
    // SAFETY: `Work` describes what is there.
    unsafe {
        let last = x.strips() - 1;
        let part = |strip| Segment { row: x.width(strip), step: 1, len: x.used(strip) };
        for strip in 0..weights.strips() {
            let width = weights.width(strip);
            let bias = work.flat.parameters(weights.at(strip, weights.rows - 1));
            let left = Left {
                at: work.stages.at(x, 0, 0),
                strips: x.strips(),
                next: STRIP * x.rows,
                inner: part(0),
                last: part(last),
            };
            // Another core may have updated the next strip.
            let next = strip + 1;
            let mut fetch = if next < weights.strips() {
                let numbers = weights.rows * weights.width(next);
                Fetch::to_read(work.flat.parameters(weights.at(next, 0)), numbers)
            } else {
                Fetch::NOTHING
            };
            let product = Product {
                left,
                first: rows.start,
                rows: rows.len(),
                b: work.flat.parameters(weights.at(strip, 0)),
                step_b: width,
                start: Start::Row(bias),
                c: work.stages.at(z, strip, rows.start),
                step_c: width,
                width,
            };
            V::product(&product, &mut fetch);
        }
    }
}

/// What one strip of inputs adds to Z, a strip wide; the first adds b too. The
/// partial sums of a strip stand below those of the strip before.
///
/// # Safety
/// As of [`forward`]; of the sums, this strip's are this thread's own.
#[inline(always)]
pub(super) unsafe fn partial<V: Kernels>(
    work: &Work,
    weights: &Matrix,
    x: &Matrix,
    strip: usize,
    sums: &Matrix,
    rows: &Range<usize>,
) {
    debug_assert!(strip < x.strips() && weights.strips() == 1 && rows.end <= x.rows);
    debug_assert_eq!((sums.rows, sums.columns), (x.strips() * x.rows, weights.columns));
    // SAFETY: `Work` describes what is there.
    unsafe {
        let width = weights.width(0);
        let part = Segment { row: x.width(strip), step: 1, len: x.used(strip) };
        let left =
            Left { at: work.stages.at(x, strip, 0), strips: 1, next: 0, inner: part, last: part };
        let bias = Start::Row(work.flat.parameters(weights.at(0, weights.rows - 1)));
        let product = Product {
            left,
            first: rows.start,
            rows: rows.len(),
            b: work.flat.parameters(weights.at(0, strip * STRIP)),
            step_b: width,
            start: if strip == 0 { bias } else { Start::Zero },
            c: work.stages.at(sums, 0, strip * x.rows + rows.start),
            step_c: width,
            width,
        };
        V::product(&product, &mut Fetch::NOTHING.clone());
    }
}

/// Z = the partial sums of all strips of inputs, added in their order.
///
/// # Safety
/// As of [`forward`]; all partial sums of these samples are there.
#[inline(always)]
pub(super) unsafe fn add_up<V: Kernels>(
    work: &Work,
    x: &Matrix,
    sums: &Matrix,
    z: &Matrix,
    rows: &Range<usize>,
) {
    debug_assert!(rows.end <= x.rows && rows.end <= z.rows && z.columns == sums.columns);
    // SAFETY: `Work` describes what is there.
    unsafe {
        for row in rows.clone() {
            let to = work.stages.at(z, 0, row);
            for column in (0..z.width(0)).step_by(V::LANES) {
                let from = |strip| work.stages.at(sums, 0, strip * x.rows + row).add(column);
                let mut sum = V::load(from(0));
                for strip in 1..x.strips() {
                    sum = sum.add(V::load(from(strip)));
                }
                sum.store(to.add(column));
            }
        }
    }
}

/// dX = dZ·Wᵀ for some strips of inputs: as it stands, where a strip of Wᵀ is smaller
/// than what the samples have in it, else as dXᵀ = W·dZᵀ, where a number of W meets a
/// vector of samples. Either way something is transposed; the bits are the same.
///
/// # Safety
/// As of [`forward`]; of dX, these strips are this thread's own, and so is the scratch of `thread`.
#[inline(always)]
pub(super) unsafe fn backward<V: Kernels>(
    work: &Work,
    thread: usize,
    weights: &Matrix,
    dz: &Matrix,
    dx: &Matrix,
    inputs: Range<usize>,
    rows: &Range<usize>,
) {
    debug_assert!(rows.end <= dz.rows && rows.end <= dx.rows);
    debug_assert!(rows.len() <= work.together.max(BLOCK));
    debug_assert!(inputs.end <= dx.strips() && thread < work.threads);
    debug_assert_eq!((weights.rows, weights.columns), (dx.columns + 1, dz.columns));
    // SAFETY: `Work` describes what is there; the scratch is this thread's own.
    unsafe {
        let scratch = work.scratch.numbers(thread);
        if dz.strips() == 1 {
            let (outputs, step) = (weights.used(0), weights.width(0));
            let part = Segment { row: dz.width(0), step: 1, len: outputs };
            let at = work.stages.at(dz, 0, rows.start);
            let left = Left { at, strips: 1, next: 0, inner: part, last: part };
            let is_small = |strip| {
                let inputs = dx.used(strip);
                inputs * outputs < rows.len() * (inputs + outputs)
            };
            if inputs.clone().all(is_small) {
                for strip in inputs {
                    let w = work.flat.parameters(weights.at(0, strip * STRIP));
                    let (used, width) = (dx.used(strip), dx.width(strip));
                    transpose::<V>(w, step, used, outputs, scratch, width);
                    let product = Product {
                        left,
                        first: 0,
                        rows: rows.len(),
                        b: scratch,
                        step_b: width,
                        start: Start::Zero,
                        c: work.stages.at(dx, strip, rows.start),
                        step_c: width,
                        width,
                    };
                    V::product(&product, &mut Fetch::NOTHING.clone());
                }
                return;
            }
        }
        // A strip of dXᵀ, (64, samples); then dZᵀ, (out, samples), for each 64 samples.
        let (dx_t, dz_t) = (scratch, scratch.add(SQUARE));
        let parts = blocks(rows.clone()).enumerate().map(|(part, rows)| {
            (dz_t.add(part * BLOCK * dz.strips() * STRIP), rows.len().next_multiple_of(16), rows)
        });
        for (dz_t, samples, rows) in parts.clone() {
            for strip in 0..dz.strips() {
                let (from, width) = (work.stages.at(dz, strip, rows.start), dz.width(strip));
                let to = dz_t.add(strip * STRIP * samples);
                transpose::<V>(from, width, rows.len(), dz.used(strip), to, samples);
            }
        }
        let part = |strip| Segment { row: weights.width(strip), step: 1, len: weights.used(strip) };
        for strip in inputs {
            let left = Left {
                at: work.flat.parameters(weights.at(0, 0)),
                strips: weights.strips(),
                next: STRIP * weights.rows,
                inner: part(0),
                last: part(weights.strips() - 1),
            };
            let inputs = dx.used(strip);
            // A strip of weights meets all samples before the next one.
            for (dz_t, samples, rows) in parts.clone() {
                let product = Product {
                    left,
                    first: strip * STRIP,
                    rows: inputs,
                    b: dz_t,
                    step_b: samples,
                    start: Start::Zero,
                    c: dx_t,
                    step_c: samples,
                    width: samples,
                };
                V::product(&product, &mut Fetch::NOTHING.clone());
                let to = work.stages.at(dx, strip, rows.start);
                let width = dx.width(strip);
                transpose::<V>(dx_t, samples, inputs, rows.len(), to, width);
            }
        }
    }
}

/// dW = Xᵀ·dZ for some inputs (rows of W) and a strip of outputs.
///
/// # Safety
/// As of [`forward`], for all samples of the batch; at `dw` is room for the rows of `inputs`, as
/// wide as the strip, this thread's own, and so is the scratch of `thread`.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn gradient<V: Kernels>(
    work: &Work,
    thread: usize,
    x: &Matrix,
    dz: &Matrix,
    strip: usize,
    inputs: Range<usize>,
    dw: *mut f32,
    accumulate: Accumulate,
    fetch: &mut Fetch,
) {
    debug_assert!(strip < dz.strips() && inputs.end <= x.columns && thread < work.threads);
    debug_assert!(work.batch.rows.len() <= x.rows.min(dz.rows));
    // Of one strip of X.
    debug_assert!(!inputs.is_empty() && inputs.start / STRIP == (inputs.end - 1) / STRIP);
    // SAFETY: `Work` describes what is there.
    unsafe {
        let (strip_x, width) = (inputs.start / STRIP, dz.width(strip));
        if 2 * dz.used(strip) <= width && accumulate == Accumulate::No {
            return gradient_turned::<V>(work, thread, x, dz, strip, inputs, dw, fetch);
        }
        let mut start = if accumulate == Accumulate::Yes { Start::Itself } else { Start::Zero };
        for first in (0..work.batch.rows.len()).step_by(DEPTH) {
            let len = DEPTH.min(work.batch.rows.len() - first);
            let part = Segment { row: 1, step: x.width(strip_x), len };
            let at = work.stages.at(x, strip_x, first).add(inputs.start % STRIP);
            let left = Left { at, strips: 1, next: 0, inner: part, last: part };
            let product = Product {
                left,
                first: 0,
                rows: inputs.len(),
                b: work.stages.at(dz, strip, first),
                step_b: width,
                start,
                c: dw,
                step_c: width,
                width,
            };
            V::product(&product, fetch);
            start = Start::Itself;
        }
    }
}

/// [`gradient`] as dWᵀ = dZᵀ·X, turned, for few outputs: of dW's rows most were what rounding
/// adds. The bits are the same.
///
/// # Safety
/// As of [`gradient`].
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn gradient_turned<V: Kernels>(
    work: &Work,
    thread: usize,
    x: &Matrix,
    dz: &Matrix,
    strip: usize,
    inputs: Range<usize>,
    dw: *mut f32,
    fetch: &mut Fetch,
) {
    // SAFETY: `Work` describes what is there; the scratch is this thread's own.
    unsafe {
        let (strip_x, first) = (inputs.start / STRIP, inputs.start % STRIP);
        let (outputs, step) = (dz.used(strip), dz.width(strip));
        // Whole vectors of the inputs.
        let (from, to) = (first / ROUND * ROUND, (first + inputs.len()).next_multiple_of(ROUND));
        debug_assert!(SQUARE + outputs * (to - from) <= work.scratch.each);
        let dw_t = work.scratch.numbers(thread).add(SQUARE);
        let part = Segment { row: 1, step, len: work.batch.rows.len() };
        let at = work.stages.at(dz, strip, 0);
        let left = Left { at, strips: 1, next: 0, inner: part, last: part };
        let n = to - from;
        let product = Product {
            left,
            first: 0,
            rows: outputs,
            b: work.stages.at(x, strip_x, 0).add(from),
            step_b: x.width(strip_x),
            start: Start::Zero,
            c: dw_t,
            step_c: n,
            width: n,
        };
        V::product(&product, fetch);
        transpose::<V>(dw_t.add(first - from), n, outputs, inputs.len(), dw, step);
    }
}

/// db = Σ dZ over the samples, for a strip of outputs.
///
/// # Safety
/// As of [`gradient`]; at `db` is room for a row.
#[inline(always)]
pub(super) unsafe fn bias_gradient<V: Kernels>(
    work: &Work,
    dz: &Matrix,
    strip: usize,
    db: *mut f32,
    accumulate: Accumulate,
) {
    debug_assert!(strip < dz.strips() && work.batch.rows.len() <= dz.rows);
    // SAFETY: `Work` describes what is there.
    unsafe {
        let step = dz.width(strip);
        for column in (0..step).step_by(V::LANES) {
            let to = db.add(column);
            let from = work.stages.at(dz, strip, 0).add(column);
            // Four sums, as each addition waits for the one before it.
            let mut sums = [V::splat(0.0); 4];
            let (n, whole) = (work.batch.rows.len(), work.batch.rows.len() / 4 * 4);
            for row in (0..whole).step_by(4) {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(V::load(from.add((row + i) * step)));
                }
            }
            for row in whole..n {
                sums[0] = sums[0].add(V::load(from.add(row * step)));
            }
            let sum = sums[0].add(sums[1]).add(sums[2].add(sums[3]));
            let sum = if accumulate == Accumulate::Yes { V::load(to).add(sum) } else { sum };
            sum.store(to);
        }
    }
}

/// to[j][i] = from[i][j] for `rows` × `columns`; the rows of `to` are filled up
/// with zeros to `step_to`.
///
/// # Safety
/// V's instructions are enabled. At `from` are `rows` rows, `step_from` apart, of `columns` rounded
/// up to whole vectors; at `to` is room for `columns` rows of `step_to`.
#[inline(always)]
unsafe fn transpose<V: Kernels>(
    from: *const f32,
    step_from: usize,
    rows: usize,
    columns: usize,
    to: *mut f32,
    step_to: usize,
) {
    debug_assert!(step_to % V::LANES == 0 && step_from >= columns.next_multiple_of(V::LANES));
    // SAFETY: the caller vouches for both matrices; both steps are multiples of
    // 16, so that there are whole squares.
    unsafe {
        for i in (0..step_to).step_by(V::LANES) {
            for j in (0..columns).step_by(V::LANES) {
                let mut square = [V::splat(0.0); 16];
                for r in 0..V::LANES.min(rows.saturating_sub(i)) {
                    square[r] = V::load(from.add((i + r) * step_from + j));
                }
                V::transpose(&mut square);
                for c in 0..V::LANES.min(columns - j) {
                    square[c].store(to.add((j + c) * step_to + i));
                }
            }
        }
    }
}
