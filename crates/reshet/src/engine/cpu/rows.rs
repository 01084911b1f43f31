//! What a thread does to its own block of samples, apart from the products.

use std::ops::Range;

use super::{
    math,
    matrix::{Matrix, ROUND, STRIP},
    subnormal::narrow,
    vector::Vector,
    work::{Stage, Work},
};
use crate::{activation::Activation, data::Numbers, engine::dropout::Mask};

/// Copies samples from the features, as numbers, into stage 0.
#[inline(always)]
pub(super) unsafe fn gather(work: &Work, rows: Range<usize>) {
    let x = &work.stages[0].y;
    let width = x.columns;
    for row in rows {
        let from = work.rows[row] as usize * width;
        for strip in 0..x.strips() {
            let (start, n) = (from + strip * STRIP, x.used(strip));
            // SAFETY: this thread's own row of stage 0.
            let to = unsafe { std::slice::from_raw_parts_mut(work.stage.add(x.at(strip, row)), n) };
            match work.inputs.numbers {
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
#[inline(always)]
pub(super) unsafe fn activation_forward<V: Vector>(
    work: &Work,
    thread: usize,
    activation: Activation,
    stage: &Stage,
    rows: &Range<usize>,
    strips: Range<usize>,
) {
    let y = stage.y;
    let z = stage.z.unwrap_or(y);
    if is_bare_output(work, activation, stage) {
        return;
    }
    // SAFETY: `Work` describes what is there; rows are this thread's own.
    unsafe {
        if activation == Activation::Softmax {
            let wide = wide(work, thread, y.columns);
            for row in rows.clone() {
                load_row(work, &z, row, wide);
                activation.forward(wide);
                store_row(work, &y, row, wide);
            }
            return;
        }
        for strip in strips {
            let at = |m: &Matrix| work.stage.add(m.at(strip, rows.start));
            math::activation_forward::<V>(activation, at(&z), at(&y), rows.len() * y.width(strip));
        }
    }
}

/// dz = dy · f′ for some samples, in place, and some strips unless it is Softmax.
#[inline(always)]
pub(super) unsafe fn activation_backward<V: Vector>(
    work: &Work,
    thread: usize,
    activation: Activation,
    stage: &Stage,
    rows: &Range<usize>,
    strips: Range<usize>,
) {
    let (y, d) = (stage.y, stage.d);
    let z = stage.z.unwrap_or(y);
    if is_bare_output(work, activation, stage) {
        return;
    }
    // SAFETY: `Work` describes what is there; rows are this thread's own.
    unsafe {
        if activation == Activation::Softmax {
            let n = y.columns;
            let (wide_y, wide_d) = wide(work, thread, 2 * n).split_at_mut(n);
            for row in rows.clone() {
                load_row(work, &y, row, wide_y);
                load_row(work, &d, row, wide_d);
                activation.backward(&[], wide_y, wide_d);
                store_row(work, &d, row, wide_d);
            }
            return;
        }
        for strip in strips {
            let at = |m: &Matrix| work.stage.add(m.at(strip, rows.start));
            let length = rows.len() * d.width(strip);
            math::activation_backward::<V>(activation, at(&z), at(&y), at(&d), length);
        }
    }
}

/// Whether the loss sees these numbers as the layer leaves them: it calculates in f64, and what
/// it gives back is not tiny.
fn is_bare_output(work: &Work, activation: Activation, stage: &Stage) -> bool {
    let is_last = work.stages.last().is_some_and(|last| std::ptr::eq(last, stage));
    is_last && activation == Activation::Identity
}

/// The loss of a block of samples, and its derivative by what the loss sees.
#[inline(always)]
pub(super) unsafe fn loss(work: &Work, thread: usize, rows: &Range<usize>) {
    let (Some(last), n) = (work.stages.last(), work.outputs) else { return };
    if let Some(derivative) = work.derivative {
        // SAFETY: rows, losses and scratch are this thread's own.
        unsafe {
            std::slice::from_raw_parts_mut(work.losses.add(rows.start), rows.len()).fill(0.0);
            let wide = wide(work, thread, n);
            for row in rows.clone() {
                let from = &derivative[row * n..][..n];
                wide.iter_mut().zip(from).for_each(|(wide, d)| *wide = f64::from(*d));
                store_row(work, &last.d, row, wide);
            }
        }
        return;
    }
    let Some(targets) = work.targets else { return };
    // Rows as wide as in the stage: of one strip they are converted in one go.
    let (step, one) = (last.y.columns.next_multiple_of(ROUND), last.y.strips() == 1);
    // SAFETY: rows and scratch are this thread's own.
    unsafe {
        let wide = wide(work, thread, rows.len() * step);
        if one {
            let from = work.stage.add(last.y.at(0, rows.start));
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
        let losses = std::slice::from_raw_parts_mut(work.losses.add(rows.start), rows.len());
        let samples = work.rows[rows.clone()].iter().map(|sample| *sample as usize);
        let targets = samples.clone().map(|sample| targets.row(sample));
        work.head.rows(wide.chunks_exact_mut(step).map(|z| &mut z[..n]), targets, losses);
        if let Some(weights) = work.weights {
            for ((z, loss), sample) in wide.chunks_exact_mut(step).zip(losses).zip(samples) {
                let weight = f64::from(weights[sample]);
                *loss *= weight;
                z.iter_mut().for_each(|d| *d *= weight);
            }
        }
        // Apart from the loop above: what was just stored one by one cannot be
        // loaded in pairs without waiting, which made this half of the loss.
        let part = 1.0 / work.denominator;
        if one {
            let to = work.stage.add(last.d.at(0, rows.start));
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
#[inline(always)]
pub(super) unsafe fn dropout(work: &Work, at: &Matrix, rows: &Range<usize>, p: f32, module: usize) {
    let Some((seed, step)) = work.dropout else { return };
    let mask = Mask::new(seed, step, module, p);
    // Columns of a stretch lie side by side: strips are whole multiples of it.
    const { assert!(STRIP % 32 == 0) };
    for row in rows.clone() {
        for start in (0..at.columns).step_by(32) {
            let scales = mask.stretch(work.rows[row], start);
            let n = (at.columns - start).min(32);
            // SAFETY: this thread's own row.
            let numbers =
                unsafe { std::slice::from_raw_parts_mut(work.stage.add(at.index(row, start)), n) };
            numbers.iter_mut().zip(&scales).for_each(|(number, scale)| *number *= scale);
        }
    }
}

/// Copies a block of samples from a matrix to one of the same width.
pub(super) unsafe fn copy(work: &Work, from: &Matrix, to: &Matrix, rows: &Range<usize>) {
    for strip in 0..from.strips() {
        let n = rows.len() * from.width(strip);
        let at = |m: &Matrix| m.at(strip, rows.start);
        // SAFETY: this thread's own rows; the two are the same or apart.
        unsafe { std::ptr::copy(work.stage.add(at(from)), work.stage.add(at(to)), n) }
    }
}

/// This thread's `n` wide numbers.
unsafe fn wide<'a>(work: &Work<'a>, thread: usize, n: usize) -> &'a mut [f64] {
    // SAFETY: each thread has its own stretch, at least n long.
    unsafe { std::slice::from_raw_parts_mut(work.wide.add(thread * work.wide_each), n) }
}

#[inline(always)]
unsafe fn load_row(work: &Work, from: &Matrix, row: usize, wide: &mut [f64]) {
    for (strip, wide) in wide[..from.columns].chunks_mut(STRIP).enumerate() {
        // SAFETY: this thread's own row.
        let from = unsafe { work.stage.add(from.at(strip, row)) };
        for (i, wide) in wide.iter_mut().enumerate() {
            // SAFETY: as above.
            *wide = unsafe { (*from.add(i)).into() };
        }
    }
}

/// Also zeroes the columns that rounding added.
unsafe fn store_row(work: &Work, to: &Matrix, row: usize, wide: &[f64]) {
    for (strip, wide) in wide[..to.columns].chunks(STRIP).enumerate() {
        // SAFETY: this thread's own row, as wide as the strip.
        let to = unsafe {
            std::slice::from_raw_parts_mut(work.stage.add(to.at(strip, row)), to.width(strip))
        };
        let (used, added) = to.split_at_mut(wide.len());
        used.iter_mut().zip(wide).for_each(|(to, wide)| *to = narrow(*wide));
        added.fill(0.0);
    }
}
