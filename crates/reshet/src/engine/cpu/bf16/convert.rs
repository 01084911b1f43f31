//! From single numbers to pairs of rounded ones.

use std::ops::Range;

use super::{ROWS, RoundedLayer, RoundedStage, SharedRounded, pairs::Pairs};
use crate::engine::cpu::{
    matrix::{Matrix, STRIP},
    vector::Vector,
    work::Work,
};

/// Rounds some samples of a stage.
///
/// # Safety
/// The instructions of V and P are enabled. The matrices are those that `work` describes, with
/// these rows, which begin with a pair; nobody else writes what is read or touches what is written.
#[inline(always)]
pub(in super::super) unsafe fn round_samples<V: Vector, P: Pairs<V>>(
    work: &Work,
    from: &Matrix,
    to: &RoundedStage,
    rows: &Range<usize>,
) {
    let Some(rounded) = &work.rounded else { return };
    debug_assert!(rows.start % rounded.together() == 0 && rows.end <= from.rows);
    debug_assert!(to.turned || to.samples.columns >= from.columns);
    // SAFETY: `Work` describes what is there.
    unsafe {
        let zero = V::splat(0.0);
        for strip in 0..from.strips() {
            let width = from.width(strip);
            for row in (rows.start..rows.end).step_by(2).take_while(|_| !to.turned) {
                let first = work.stages.at(from, strip, row);
                let to = rounded.stage(&to.samples, strip, row / 2);
                for column in (0..width).step_by(V::LANES) {
                    let second =
                        if row + 1 < rows.end { V::load(first.add(width + column)) } else { zero };
                    P::of_two(V::load(first.add(column)), second).store(to.add(column));
                }
            }
            for row in rows.clone() {
                let from = work.stages.at(from, strip, row);
                let to = rounded.stage(&to.columns, strip / 2, row).add(strip % 2 * STRIP / 2);
                for column in (0..width).step_by(2 * V::LANES) {
                    let second = column + V::LANES;
                    let second = if second < width { V::load(from.add(second)) } else { zero };
                    P::in_a_row(V::load(from.add(column)), second).store(to.add(column / 2));
                }
            }
        }
        if to.turned {
            turn_samples::<V, P>(work, rounded, from, &to.samples, rows);
        }
        fill_up(work, rounded, from, to, rows);
    }
}

/// Rounds pairs of some samples, a row an input: square by square, as many pairs as lanes and as
/// many inputs.
///
/// # Safety
/// As of [`round_samples`].
#[inline(always)]
unsafe fn turn_samples<V: Vector, P: Pairs<V>>(
    work: &Work,
    rounded: &SharedRounded,
    from: &Matrix,
    to: &Matrix,
    rows: &Range<usize>,
) {
    let (mut pair, end) = (rows.start / 2, rows.end.div_ceil(2));
    while pair < end {
        let many = (V::LANES - pair % V::LANES).min(end - pair);
        for column in (0..from.columns).step_by(V::LANES) {
            let (strip, inputs) = (column / STRIP, V::LANES.min(from.columns - column));
            // SAFETY: `Work` describes what is there; columns up to whole vectors are.
            unsafe {
                let (zero, width) = (V::splat(0.0), from.width(strip));
                let mut square = [zero; 16];
                for p in 0..many {
                    let row = 2 * (pair + p);
                    let first = work.stages.at(from, strip, row).add(column % STRIP);
                    let second = if row + 1 < rows.end { V::load(first.add(width)) } else { zero };
                    square[p] = P::of_two(V::load(first), second);
                }
                V::transpose(&mut square);
                for i in 0..inputs {
                    let to = rounded.stage(to, pair / STRIP, column + i).add(pair % STRIP);
                    if many == V::LANES {
                        square[i].store(to);
                        continue;
                    }
                    let mut lanes = [0.0; 16];
                    square[i].store(lanes.as_mut_ptr());
                    to.copy_from_nonoverlapping(lanes.as_ptr(), many);
                }
            }
        }
        pair += many;
    }
}

/// Fills pairs up to whole tiles with zeros: those of columns, and after the batch's last sample
/// those of samples.
///
/// # Safety
/// As of [`round_samples`].
#[inline(always)]
unsafe fn fill_up(
    work: &Work,
    rounded: &SharedRounded,
    from: &Matrix,
    to: &RoundedStage,
    rows: &Range<usize>,
) {
    let used = from.columns.div_ceil(2);
    // SAFETY: `Work` describes what is there.
    unsafe {
        for pair in used..rounded.pairs(from.columns) {
            for row in rows.clone() {
                *rounded.stage(&to.columns, pair / STRIP, row).add(pair % STRIP) = 0.0;
            }
        }
        if rows.end < work.batch.rows.len() {
            return;
        }
        for pair in rows.end.div_ceil(2)..rounded.pairs(rows.end) {
            if to.turned {
                for input in 0..from.columns {
                    *rounded.stage(&to.samples, pair / STRIP, input).add(pair % STRIP) = 0.0;
                }
                continue;
            }
            for strip in 0..from.strips() {
                let to = rounded.stage(&to.samples, strip, pair);
                to.write_bytes(0, from.width(strip));
            }
        }
    }
}

/// Rounds some rows of a strip of weights, those of one strip of inputs at most; past the caches
/// if they are to be streamed.
///
/// # Safety
/// The instructions of V and P are enabled. `weights` are the layer's, which `work` describes; of
/// these rows, a multiple of 16 of them or up to the last input, nobody else touches the rounded
/// ones or writes the others.
#[inline(always)]
pub(in super::super) unsafe fn round_weights<V: Vector, P: Pairs<V>>(
    work: &Work,
    layer: &RoundedLayer,
    weights: &Matrix,
    strip: usize,
    rows: Range<usize>,
    stream: bool,
) {
    let Some(rounded) = &work.rounded else { return };
    let (inputs, width) = (weights.rows - 1, weights.width(strip));
    debug_assert!(rows.start % ROWS == 0 && (rows.end % ROWS == 0 || rows.end == inputs));
    debug_assert!(rows.end <= inputs && rows.len() <= STRIP);
    // SAFETY: `Work` describes what is there.
    unsafe {
        let (zero, from) = (V::splat(0.0), work.flat.parameters(weights.at(strip, 0)));
        let put = |pairs: V, to: *mut f32| if stream { pairs.stream(to) } else { pairs.store(to) };
        for row in rows.clone().step_by(2) {
            let first = from.add(row * width);
            let to = rounded.weights(&layer.weights, strip, row / 2);
            for column in (0..width).step_by(V::LANES) {
                let second =
                    if row + 1 < rows.end { V::load(first.add(width + column)) } else { zero };
                put(P::of_two(V::load(first.add(column)), second), to.add(column));
            }
        }
        let Some(turned) = &layer.turned else { return };
        let to_strip = rows.start / STRIP;
        // Square by square: as many inputs as lanes, and pairs of outputs.
        for input in (rows.start..rows.end.next_multiple_of(ROWS)).step_by(V::LANES) {
            for column in (0..width).step_by(2 * V::LANES) {
                let mut square = [zero; 16];
                for r in 0..V::LANES.min(rows.end.saturating_sub(input)) {
                    let from = from.add((input + r) * width + column);
                    let second =
                        if column + V::LANES < width { V::load(from.add(V::LANES)) } else { zero };
                    square[r] = P::in_a_row(V::load(from), second);
                }
                V::transpose(&mut square);
                let first = (strip * STRIP + column) / 2;
                for pair in 0..V::LANES.min(turned.rows.saturating_sub(first)) {
                    let to = rounded.weights(turned, to_strip, first + pair);
                    put(square[pair], to.add(input % STRIP));
                }
            }
        }
    }
}
