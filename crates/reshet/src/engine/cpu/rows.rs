//! What a thread does to its own block of samples, apart from the products.

use std::ops::Range;

use super::{
    ahead,
    kernels::Kernels,
    matrix::{BLOCK, Matrix, ROUND, STRIP},
    stages::Stage,
    subnormal::narrow,
    work::Work,
};
use crate::{activation::Activation, data::Numbers, engine::dropout::Mask};

/// Rows that are asked for ahead of the one that is copied: they lie anywhere.
const AHEAD: usize = 8;

/// Copies samples from the features, as numbers, into stage 0.
///
/// # Safety
/// `work` describes what is there; nobody else touches these samples of stage 0.
#[inline(always)]
pub(super) unsafe fn gather(work: &Work, rows: Range<usize>) {
    let x = &work.stages.all[0].y;
    let width = x.columns;
    debug_assert!(width == work.batch.inputs.width);
    debug_assert!(rows.end <= work.batch.rows.len().min(x.rows));
    for row in rows {
        if let Some(later) = work.batch.rows.get(row + AHEAD) {
            ahead::ask_for(work.batch.inputs, *later);
        }
        let from = work.batch.rows[row] as usize * width;
        for strip in 0..x.strips() {
            let (start, n) = (from + strip * STRIP, x.used(strip));
            // SAFETY: this thread's own row of stage 0.
            let to = unsafe { std::slice::from_raw_parts_mut(work.stages.at(x, strip, row), n) };
            match work.batch.inputs.numbers {
                Numbers::U8(bytes) => {
                    for (to, byte) in to.iter_mut().zip(&bytes[start..start + n]) {
                        *to = f32::from(*byte) / 255.0;
                    }
                }
                Numbers::F32(values) => copy_row(&values[start..start + n], to),
            }
        }
    }
}

/// Copies a row; a short one without a call, which took longer than the copying.
#[inline(always)]
fn copy_row(mut from: &[f32], mut to: &mut [f32]) {
    if from.len() >= 16 {
        return to.copy_from_slice(from);
    }
    macro_rules! piece {
        ($n:literal) => {
            if let Some((piece, rest)) = from.split_first_chunk::<$n>() {
                let (place, places) = to.split_at_mut($n);
                place.copy_from_slice(piece);
                (from, to) = (rest, places);
            }
        };
    }
    piece!(8);
    piece!(4);
    piece!(2);
    if let ([from], [to]) = (from, to) {
        *to = *from;
    }
}

/// y = f(z) for some samples, and some strips unless it is Softmax.
///
/// # Safety
/// V's instructions are enabled. `work` describes what is there, the stage is one of its own.
/// Of these samples and strips, or of these samples' whole rows if it is Softmax, nobody else
/// touches the stage; `thread` is the caller's own, for its scratch.
#[inline(always)]
pub(super) unsafe fn activation_forward<V: Kernels>(
    work: &Work,
    thread: usize,
    activation: Activation,
    stage: &Stage,
    rows: &Range<usize>,
    strips: Range<usize>,
) {
    let (y, z) = (stage.y, stage.input());
    debug_assert!(rows.end <= y.rows && strips.end <= y.strips() && thread < work.threads);
    if is_bare_output(work, activation, stage) {
        return;
    }
    // SAFETY: `Work` describes what is there; rows are this thread's own.
    unsafe {
        if activation == Activation::Softmax {
            let wide = work.scratch.wide(thread, y.columns);
            for row in rows.clone() {
                load_row(work, &z, row, wide);
                activation.forward(wide);
                store_row(work, &y, row, wide);
            }
            return;
        }
        for strip in strips {
            let at = |m: &Matrix| work.stages.at(m, strip, rows.start);
            V::activation_forward(activation, at(&z), at(&y), rows.len() * y.width(strip));
        }
    }
}

/// dz = dy · f′ for some samples, in place, and some strips unless it is Softmax.
///
/// # Safety
/// As of [`activation_forward`], whose outputs are still there.
#[inline(always)]
pub(super) unsafe fn activation_backward<V: Kernels>(
    work: &Work,
    thread: usize,
    activation: Activation,
    stage: &Stage,
    rows: &Range<usize>,
    strips: Range<usize>,
) {
    let (y, z, d) = (stage.y, stage.input(), stage.d);
    debug_assert!(rows.end <= d.rows && strips.end <= d.strips() && thread < work.threads);
    if is_bare_output(work, activation, stage) {
        return;
    }
    // SAFETY: `Work` describes what is there; rows are this thread's own.
    unsafe {
        if activation == Activation::Softmax {
            let n = y.columns;
            let (wide_y, wide_d) = work.scratch.wide(thread, 2 * n).split_at_mut(n);
            for row in rows.clone() {
                load_row(work, &y, row, wide_y);
                load_row(work, &d, row, wide_d);
                activation.backward(&[], wide_y, wide_d);
                store_row(work, &d, row, wide_d);
            }
            return;
        }
        for strip in strips {
            let at = |m: &Matrix| work.stages.at(m, strip, rows.start);
            let length = rows.len() * d.width(strip);
            V::activation_backward(activation, at(&z), at(&y), at(&d), length);
        }
    }
}

/// Whether the loss sees these numbers as the layer leaves them: it calculates in f64, and what
/// it gives back is not tiny.
fn is_bare_output(work: &Work, activation: Activation, stage: &Stage) -> bool {
    let is_last = work.stages.all.last().is_some_and(|last| std::ptr::eq(last, stage));
    is_last && activation == Activation::Identity
}

/// The loss of a block of samples, and its derivative by what the loss sees.
///
/// # Safety
/// `work` describes what is there; nobody else touches these samples' last stage and losses;
/// `thread` is the caller's own, for its scratch.
#[inline(always)]
pub(super) unsafe fn loss(work: &Work, thread: usize, rows: &Range<usize>) {
    let (Some(last), objective) = (work.stages.all.last(), &work.objective) else { return };
    let n = last.y.columns;
    debug_assert!(rows.end <= last.y.rows && rows.len() <= BLOCK && thread < work.threads);
    if let Some(derivative) = objective.derivative {
        debug_assert!(derivative.len() >= rows.end * n);
        // SAFETY: rows, losses and scratch are this thread's own.
        unsafe {
            std::slice::from_raw_parts_mut(work.stages.loss(rows.start), rows.len()).fill(0.0);
            let wide = work.scratch.wide(thread, n);
            for row in rows.clone() {
                let from = &derivative[row * n..][..n];
                wide.iter_mut().zip(from).for_each(|(wide, d)| *wide = f64::from(*d));
                store_row(work, &last.d, row, wide);
            }
        }
        return;
    }
    let Some(targets) = objective.targets else { return };
    // Rows as wide as in the stage: of one strip they are converted in one go.
    let (step, one) = (last.y.columns.next_multiple_of(ROUND), last.y.strips() == 1);
    // SAFETY: rows and scratch are this thread's own.
    unsafe {
        let wide = work.scratch.wide(thread, rows.len() * step);
        if one {
            let from = work.stages.at(&last.y, 0, rows.start);
            let from = std::slice::from_raw_parts(from, wide.len());
            wide.iter_mut().zip(from).for_each(|(wide, z)| *wide = f64::from(*z));
            // Columns added by rounding are the same in all rows, and have no derivative.
            if wide[n..step].iter().any(|z| *z != 0.0) {
                wide.chunks_exact_mut(step).for_each(|z| z[n..].fill(0.0));
            }
        } else {
            for (z, row) in wide.chunks_exact_mut(step).zip(rows.clone()) {
                load_row(work, &last.y, row, z);
            }
        }
        let losses = std::slice::from_raw_parts_mut(work.stages.loss(rows.start), rows.len());
        let samples = work.batch.rows[rows.clone()].iter().map(|sample| *sample as usize);
        let targets = samples.clone().map(|sample| targets.row(sample));
        objective.head.rows(wide.chunks_exact_mut(step).map(|z| &mut z[..n]), targets, losses);
        if let Some(weights) = objective.weights {
            for ((z, loss), sample) in wide.chunks_exact_mut(step).zip(losses).zip(samples) {
                let weight = f64::from(weights[sample]);
                *loss *= weight;
                z.iter_mut().for_each(|d| *d *= weight);
            }
        }
        // Apart from the loop above: what was just stored one by one cannot be
        // loaded in pairs without waiting, which made this half of the loss.
        let part = 1.0 / objective.denominator;
        if one {
            let to = work.stages.at(&last.d, 0, rows.start);
            let to = std::slice::from_raw_parts_mut(to, wide.len());
            to.iter_mut().zip(&*wide).for_each(|(to, d)| *to = narrow(d * part));
            return;
        }
        for (z, row) in wide.chunks_exact_mut(step).zip(rows.clone()) {
            z.iter_mut().for_each(|d| *d *= part);
            store_row(work, &last.d, row, &z[..n]);
        }
    }
}

/// Silences some numbers of a block and strengthens the others, in place.
///
/// # Safety
/// `at` is one of the stages' matrices, and nobody else touches these rows of it.
#[inline(always)]
pub(super) unsafe fn dropout(work: &Work, at: &Matrix, rows: &Range<usize>, p: f32, module: usize) {
    let Some((seed, step)) = work.batch.dropout else { return };
    debug_assert!(rows.end <= at.rows.min(work.batch.rows.len()));
    let mask = Mask::new(seed, step, module, p);
    // Columns of a stretch lie side by side: strips are whole multiples of it.
    const { assert!(STRIP % 32 == 0) };
    for row in rows.clone() {
        for start in (0..at.columns).step_by(32) {
            let scales = mask.stretch(work.batch.rows[row], start);
            let n = (at.columns - start).min(32);
            // SAFETY: this thread's own row.
            let numbers =
                unsafe { std::slice::from_raw_parts_mut(work.stages.number(at, row, start), n) };
            numbers.iter_mut().zip(&scales).for_each(|(number, scale)| *number *= scale);
        }
    }
}

/// Copies a block of samples from a matrix to one of the same width.
///
/// # Safety
/// Both are of the stages' matrices, the same one or apart; nobody else writes these rows of the
/// one or touches those of the other.
pub(super) unsafe fn copy(work: &Work, from: &Matrix, to: &Matrix, rows: &Range<usize>) {
    debug_assert!(from.columns == to.columns && rows.end <= from.rows.min(to.rows));
    for strip in 0..from.strips() {
        let n = rows.len() * from.width(strip);
        // SAFETY: this thread's own rows; the two are the same or apart.
        unsafe {
            let to = work.stages.at(to, strip, rows.start);
            std::ptr::copy(work.stages.at(from, strip, rows.start), to, n);
        }
    }
}

/// A row in f64.
///
/// # Safety
/// `from` is one of the stages' matrices, and nobody else writes this row of it.
#[inline(always)]
unsafe fn load_row(work: &Work, from: &Matrix, row: usize, wide: &mut [f64]) {
    debug_assert!(row < from.rows);
    for (strip, wide) in wide[..from.columns].chunks_mut(STRIP).enumerate() {
        // SAFETY: this thread's own row.
        let from = unsafe { work.stages.at(from, strip, row) };
        for (i, wide) in wide.iter_mut().enumerate() {
            // SAFETY: as above.
            *wide = unsafe { (*from.add(i)).into() };
        }
    }
}

/// Stores a row from f64; the columns that rounding added become 0.
///
/// # Safety
/// `to` is one of the stages' matrices, and nobody else touches this row of it.
unsafe fn store_row(work: &Work, to: &Matrix, row: usize, wide: &[f64]) {
    debug_assert!(row < to.rows);
    for (strip, wide) in wide[..to.columns].chunks(STRIP).enumerate() {
        // SAFETY: this thread's own row, as wide as the strip.
        let to = unsafe {
            std::slice::from_raw_parts_mut(work.stages.at(to, strip, row), to.width(strip))
        };
        let (used, added) = to.split_at_mut(wide.len());
        used.iter_mut().zip(wide).for_each(|(to, wide)| *to = narrow(*wide));
        added.fill(0.0);
    }
}
