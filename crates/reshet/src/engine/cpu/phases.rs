//! The phases of a training step, each run by all threads at once.
//!
//! ```text
//! forward    every thread its own samples: input → logits     ┐ no thread looks
//! backward   every thread its own samples: loss, dz, dx, …    ┘ at another's samples
//! ─────────── all wait ───────────
//! weights    every thread its own weights: dW = Xᵀ·dZ, update
//! ```
//! Each number has one owner and each sum one order, so the bits do not depend
//! on how many threads there are. Samples pass through the layers in blocks of
//! 64, so that what one layer leaves is still in the cache for the next.

use std::ops::Range;

use super::{
    math,
    matrix::{Matrix, STRIP},
    product::{Left, Segment, Start, product},
    update::{Stretch, update},
    vector::Vector,
};
use crate::{
    activation::Activation,
    data::{Features, Storage, Targets},
    engine::Mask,
    loss::Head,
    optim::Rule,
};

/// A step of the plan with the places of its matrices.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// The weights, (in + 1, out), and the activation that follows.
    Dense(Matrix, Activation),
    Activation(Activation),
    /// p and the module's number.
    Dropout(f32, usize),
}

/// The places of what a step leaves behind, (samples, width) each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stage {
    /// The output. Stage 0 is the network's input.
    pub y: Matrix,
    /// The loss's derivative by the output, then by the activation's input.
    pub d: Matrix,
    /// The activation's input, where its derivative needs that.
    pub z: Option<Matrix>,
}

/// All that the threads share in a phase. Built by the engine, which owns what
/// the pointers point to.
pub(super) struct Work<'a> {
    pub ops: &'a [Op],
    pub stages: &'a [Stage],
    pub head: &'a Head,
    pub outputs: usize,
    pub features: &'a Features,
    pub targets: &'a Targets,
    pub rows: &'a [u32],
    pub threads: usize,
    /// Keys the dropout masks; None when predicting.
    pub dropout: Option<(u64, u64)>,
    /// What the batch's losses are divided by.
    pub denominator: f64,
    /// Where the stages' matrices are.
    pub stage: *mut f32,
    /// The loss of each row.
    pub losses: *mut f64,
    /// A stretch for each thread, `scratch_each` long.
    pub scratch: *mut f32,
    pub scratch_each: usize,
    /// A row of numbers for each thread, `wide_each` long.
    pub wide: *mut f64,
    pub wide_each: usize,
    pub flat: Stretch,
    pub gradients: *mut f32,
    pub flat_length: usize,
    /// What `weights` does.
    pub gradient: Option<Accumulate>,
    pub rule: Option<Rule>,
    pub scale: f32,
    /// A sum of squares for each `NORM_CHUNK` of gradients.
    pub norms: *mut f64,
    /// Set to false by whoever meets a parameter that is not finite.
    pub finite: std::sync::atomic::AtomicBool,
}

// SAFETY: threads write disjoint parts: their own samples, weights, scratch.
unsafe impl Sync for Work<'_> {}

/// Whether a new gradient replaces the one there or is added to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Accumulate {
    No,
    Yes,
}

/// Gradients whose squares are summed in one go; fixed, so that the order is.
pub(super) const NORM_CHUNK: usize = 4096;
/// Samples that go through the layers together.
const BLOCK: usize = 64;
/// Samples of a batch that one product sums over before it stores.
const DEPTH: usize = 256;

/// The phases, compiled for one instruction set.
pub(super) struct Phases {
    pub forward: unsafe fn(&Work, usize),
    pub backward: unsafe fn(&Work, usize),
    pub weights: unsafe fn(&Work, usize),
    pub norms: unsafe fn(&Work, usize),
}

macro_rules! phases {
    ($name:ident, $vector:ty $(, $features:literal)?) => {
        pub(super) static $name: Phases = {
            $(#[target_feature(enable = $features)])?
            unsafe fn forward_phase(work: &Work, thread: usize) {
                // SAFETY: the instructions are enabled here; the rest is the caller's promise.
                unsafe { forward::<$vector>(work, thread) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn backward_phase(work: &Work, thread: usize) {
                // SAFETY: as above.
                unsafe { backward::<$vector>(work, thread) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn weights_phase(work: &Work, thread: usize) {
                // SAFETY: as above.
                unsafe { weights::<$vector>(work, thread) }
            }
            Phases {
                forward: forward_phase,
                backward: backward_phase,
                weights: weights_phase,
                norms,
            }
        };
    };
}

#[cfg(target_arch = "x86_64")]
phases!(AVX512, super::vector::Avx512, "avx512f,avx2,fma");
#[cfg(target_arch = "x86_64")]
phases!(AVX2, super::vector::Avx2, "avx2,fma");
phases!(PORTABLE, super::vector::Portable);

/// A thread's share of `n` items.
fn share(n: usize, thread: usize, threads: usize) -> Range<usize> {
    n * thread / threads..n * (thread + 1) / threads
}

/// The samples of a thread, in blocks.
fn blocks(work: &Work, thread: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let Range { start, end } = share(work.rows.len(), thread, work.threads);
    (start..end).step_by(BLOCK).map(move |first| first..end.min(first + BLOCK))
}

/// Takes the thread's samples from features to what the loss sees.
#[inline(always)]
unsafe fn forward<V: Vector>(work: &Work, thread: usize) {
    // SAFETY: `Work` describes what is there; rows are this thread's own.
    unsafe {
        for rows in blocks(work, thread) {
            gather(work, rows.clone());
            for (i, op) in work.ops.iter().enumerate() {
                let (x, stage) = (work.stages[i].y, &work.stages[i + 1]);
                let y = stage.y;
                let z = stage.z.unwrap_or(y);
                let activation = match *op {
                    Op::Dense(weights, activation) => {
                        linear_forward::<V>(work, &weights, &x, &z, &rows);
                        activation
                    }
                    Op::Activation(activation) => {
                        copy(work, &x, &z, &rows);
                        activation
                    }
                    Op::Dropout(p, module) => {
                        copy(work, &x, &y, &rows);
                        dropout(work, &y, &rows, p, module);
                        continue;
                    }
                };
                if activation == Activation::Softmax {
                    copy(work, &z, &y, &rows);
                    each_row(
                        work,
                        thread,
                        &rows,
                        |wide, row| {
                            load_row(work, &y, row, wide);
                            activation.forward(wide);
                            store_row(work, &y, row, wide);
                        },
                        y.columns,
                    );
                    continue;
                }
                for strip in 0..y.strips() {
                    let (from, to) = (z.at(strip, rows.start), y.at(strip, rows.start));
                    let n = rows.len() * y.width(strip);
                    let (from, to) = (work.stage.add(from), work.stage.add(to));
                    math::activation_forward::<V>(activation, from, to, n);
                }
            }
        }
    }
}

/// Takes the thread's samples from their loss back to every layer's dz.
#[inline(always)]
unsafe fn backward<V: Vector>(work: &Work, thread: usize) {
    // SAFETY: `Work` describes what is there; rows are this thread's own.
    unsafe {
        for rows in blocks(work, thread) {
            loss(work, thread, &rows);
            for (i, op) in work.ops.iter().enumerate().rev() {
                let (before, stage) = (&work.stages[i], &work.stages[i + 1]);
                let d = stage.d;
                match *op {
                    Op::Dense(weights, activation) => {
                        activation_backward::<V>(work, thread, activation, stage, &rows);
                        if i > 0 {
                            linear_backward::<V>(work, thread, &weights, &d, &before.d, &rows);
                        }
                    }
                    Op::Activation(activation) => {
                        activation_backward::<V>(work, thread, activation, stage, &rows);
                        if i > 0 {
                            copy(work, &d, &before.d, &rows);
                        }
                    }
                    Op::Dropout(p, module) => {
                        if i > 0 {
                            copy(work, &d, &before.d, &rows);
                            dropout(work, &before.d, &rows, p, module);
                        }
                    }
                }
            }
        }
    }
}

/// Computes the gradient of the thread's weights, or updates them, or both: a
/// block of weights is updated while its gradient is still in the cache.
#[inline(always)]
unsafe fn weights<V: Vector>(work: &Work, thread: usize) {
    let mut finite = true;
    // SAFETY: `Work` describes what is there; weights are this thread's own.
    unsafe {
        let mine = share(work.flat_length, thread, work.threads);
        for (i, op) in work.ops.iter().enumerate() {
            let Op::Dense(weights, _) = op else { continue };
            let (x, d) = (&work.stages[i].y, &work.stages[i + 1].d);
            for strip in 0..weights.strips() {
                let (start, width) = (weights.at(strip, 0), weights.width(strip));
                // A row belongs to whom its first number belongs to.
                let row = |at: usize| at.saturating_sub(start).div_ceil(width).min(weights.rows);
                let (mut row, end) = (row(mine.start), row(mine.end));
                while row < end {
                    // A block of rows meets one strip of the input, or the bias.
                    let inputs = weights.rows - 1;
                    let until = if row < inputs {
                        ((row / STRIP + 1) * STRIP).min(inputs).min(end)
                    } else {
                        end
                    };
                    let at = start + row * width;
                    if let Some(accumulate) = work.gradient {
                        let dw = work.gradients.add(at);
                        if row < inputs {
                            linear_gradient::<V>(work, x, d, strip, row..until, dw, accumulate);
                        } else {
                            bias_gradient::<V>(work, d, strip, dw, accumulate);
                        }
                    }
                    if let Some(rule) = &work.rule {
                        let stretch = Stretch {
                            parameters: work.flat.parameters.add(at),
                            gradients: work.flat.gradients.add(at),
                            state: work.flat.state.map(|s| if s.is_null() { s } else { s.add(at) }),
                        };
                        finite &= update::<V>(rule, stretch, (until - row) * width, work.scale);
                    }
                    row = until;
                }
            }
        }
    }
    if !finite {
        work.finite.store(false, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Sums the squares of the gradient, chunk by chunk.
unsafe fn norms(work: &Work, thread: usize) {
    let chunks = work.flat_length.div_ceil(NORM_CHUNK);
    for chunk in share(chunks, thread, work.threads) {
        let start = chunk * NORM_CHUNK;
        let length = NORM_CHUNK.min(work.flat_length - start);
        // SAFETY: within the gradients; this chunk is this thread's own.
        unsafe {
            let gradients = std::slice::from_raw_parts(work.gradients.add(start), length);
            let sum = gradients.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
            *work.norms.add(chunk) = sum;
        }
    }
}

/// Copies samples from the features, as numbers, into stage 0.
#[inline(always)]
unsafe fn gather(work: &Work, rows: Range<usize>) {
    let x = &work.stages[0].y;
    let width = x.columns;
    for row in rows {
        let from = work.rows[row] as usize * width;
        for strip in 0..x.strips() {
            let (start, n) = (from + strip * STRIP, x.used(strip));
            // SAFETY: this thread's own row of stage 0.
            let to = unsafe { std::slice::from_raw_parts_mut(work.stage.add(x.at(strip, row)), n) };
            match work.features.storage() {
                Storage::U8(bytes) => {
                    for (to, byte) in to.iter_mut().zip(&bytes[start..start + n]) {
                        *to = f32::from(*byte) / 255.0;
                    }
                }
                Storage::F32(values) => to.copy_from_slice(&values[start..start + n]),
            }
        }
    }
}

/// Z = X·W + b
#[inline(always)]
unsafe fn linear_forward<V: Vector>(
    work: &Work,
    weights: &Matrix,
    x: &Matrix,
    z: &Matrix,
    rows: &Range<usize>,
) {
    // SAFETY: `Work` describes what is there.
    unsafe {
        let last = x.strips() - 1;
        let part = |strip| Segment { row: x.width(strip), step: 1, len: x.used(strip) };
        for strip in 0..weights.strips() {
            let width = weights.width(strip);
            let bias = work.flat.parameters.add(weights.at(strip, weights.rows - 1));
            let left = Left {
                at: work.stage.add(x.at(0, 0)),
                strips: x.strips(),
                next: STRIP * x.rows,
                inner: part(0),
                last: part(last),
            };
            product::<V>(
                &left,
                rows.start,
                work.flat.parameters.add(weights.at(strip, 0)),
                width,
                Start::Row(bias),
                work.stage.add(z.at(strip, rows.start)),
                width,
                rows.len(),
                width,
            );
        }
    }
}

/// dX = dZ·Wᵀ, as dXᵀ = W·dZᵀ: a number of W meets a vector of samples.
#[inline(always)]
unsafe fn linear_backward<V: Vector>(
    work: &Work,
    thread: usize,
    weights: &Matrix,
    dz: &Matrix,
    dx: &Matrix,
    rows: &Range<usize>,
) {
    // SAFETY: `Work` describes what is there; the scratch is this thread's own.
    unsafe {
        let scratch = work.scratch.add(thread * work.scratch_each);
        let samples = rows.len().next_multiple_of(16);
        // dZᵀ, (out, samples), then a strip of dXᵀ, (64, samples).
        let (dz_t, dx_t) = (scratch.add(STRIP * BLOCK), scratch);
        for strip in 0..dz.strips() {
            let (from, width) = (work.stage.add(dz.at(strip, rows.start)), dz.width(strip));
            let to = dz_t.add(strip * STRIP * samples);
            transpose::<V>(from, width, rows.len(), dz.used(strip), to, samples);
        }
        let part = |strip| Segment { row: weights.width(strip), step: 1, len: weights.used(strip) };
        for strip in 0..dx.strips() {
            let left = Left {
                at: work.flat.parameters.add(weights.at(0, 0)),
                strips: weights.strips(),
                next: STRIP * weights.rows,
                inner: part(0),
                last: part(weights.strips() - 1),
            };
            let (inputs, first) = (dx.used(strip), strip * STRIP);
            product::<V>(&left, first, dz_t, samples, Start::Zero, dx_t, samples, inputs, samples);
            let to = work.stage.add(dx.at(strip, rows.start));
            let width = dx.width(strip);
            transpose::<V>(dx_t, samples, inputs, rows.len(), to, width);
        }
    }
}

/// dW = Xᵀ·dZ for some inputs (rows of W) and a strip of outputs.
#[inline(always)]
unsafe fn linear_gradient<V: Vector>(
    work: &Work,
    x: &Matrix,
    dz: &Matrix,
    strip: usize,
    inputs: Range<usize>,
    dw: *mut f32,
    accumulate: Accumulate,
) {
    // SAFETY: `Work` describes what is there.
    unsafe {
        let (strip_x, width) = (inputs.start / STRIP, dz.width(strip));
        let mut start = if accumulate == Accumulate::Yes { Start::Itself } else { Start::Zero };
        for first in (0..work.rows.len()).step_by(DEPTH) {
            let len = DEPTH.min(work.rows.len() - first);
            let part = Segment { row: 1, step: x.width(strip_x), len };
            let at = work.stage.add(x.at(strip_x, first) + inputs.start % STRIP);
            let left = Left { at, strips: 1, next: 0, inner: part, last: part };
            let b = work.stage.add(dz.at(strip, first));
            product::<V>(&left, 0, b, width, start, dw, width, inputs.len(), width);
            start = Start::Itself;
        }
    }
}

/// db = Σ dZ over the samples, for a strip of outputs.
#[inline(always)]
unsafe fn bias_gradient<V: Vector>(
    work: &Work,
    dz: &Matrix,
    strip: usize,
    db: *mut f32,
    accumulate: Accumulate,
) {
    let width = dz.width(strip);
    // SAFETY: `Work` describes what is there.
    unsafe {
        for column in (0..width).step_by(V::LANES) {
            let to = db.add(column);
            let mut sum = if accumulate == Accumulate::Yes { V::load(to) } else { V::splat(0.0) };
            for row in 0..work.rows.len() {
                sum = sum.add(V::load(work.stage.add(dz.at(strip, row) + column)));
            }
            sum.store(to);
        }
    }
}

/// dz = dy · f′ for a block of samples, in place.
#[inline(always)]
unsafe fn activation_backward<V: Vector>(
    work: &Work,
    thread: usize,
    activation: Activation,
    stage: &Stage,
    rows: &Range<usize>,
) {
    let (y, d) = (stage.y, stage.d);
    let z = stage.z.unwrap_or(y);
    // SAFETY: `Work` describes what is there; rows are this thread's own.
    unsafe {
        if activation == Activation::Softmax {
            let n = y.columns;
            each_row(
                work,
                thread,
                rows,
                |wide, row| {
                    let (wide_y, wide_d) = wide.split_at_mut(n);
                    load_row(work, &y, row, wide_y);
                    load_row(work, &d, row, wide_d);
                    activation.backward(&[], wide_y, wide_d);
                    store_row(work, &d, row, wide_d);
                },
                2 * n,
            );
            return;
        }
        for strip in 0..d.strips() {
            let at = |m: &Matrix| work.stage.add(m.at(strip, rows.start));
            let n = rows.len() * d.width(strip);
            math::activation_backward::<V>(activation, at(&z), at(&y), at(&d), n);
        }
    }
}

/// The loss of a block of samples, and its derivative by what the loss sees.
unsafe fn loss(work: &Work, thread: usize, rows: &Range<usize>) {
    let Some(last) = work.stages.last() else { return };
    // SAFETY: rows and scratch are this thread's own.
    unsafe {
        each_row(
            work,
            thread,
            rows,
            |z, row| {
                load_row(work, &last.y, row, z);
                let target = work.targets.row(work.rows[row] as usize);
                *work.losses.add(row) = work.head.row(z, target);
                z.iter_mut().for_each(|d| *d /= work.denominator);
                store_row(work, &last.d, row, z);
            },
            work.outputs,
        );
    }
}

/// Silences some numbers of a block and strengthens the others, in place.
unsafe fn dropout(work: &Work, at: &Matrix, rows: &Range<usize>, p: f32, module: usize) {
    let Some((seed, step)) = work.dropout else { return };
    let mask = Mask::new(seed, step, module, p);
    for row in rows.clone() {
        for column in 0..at.columns {
            // SAFETY: this thread's own row.
            unsafe {
                *work.stage.add(at.index(row, column)) *= mask.at(work.rows[row], column);
            }
        }
    }
}

/// Copies a block of samples from a matrix to one of the same width.
unsafe fn copy(work: &Work, from: &Matrix, to: &Matrix, rows: &Range<usize>) {
    for strip in 0..from.strips() {
        let n = rows.len() * from.width(strip);
        let at = |m: &Matrix| m.at(strip, rows.start);
        // SAFETY: this thread's own rows; the two are the same or apart.
        unsafe { std::ptr::copy(work.stage.add(at(from)), work.stage.add(at(to)), n) }
    }
}

/// Calls `f` with this thread's row of `n` wide numbers and each row's number.
unsafe fn each_row(
    work: &Work,
    thread: usize,
    rows: &Range<usize>,
    f: impl Fn(&mut [f64], usize),
    n: usize,
) {
    // SAFETY: each thread has its own stretch, at least n long.
    let wide = unsafe { std::slice::from_raw_parts_mut(work.wide.add(thread * work.wide_each), n) };
    rows.clone().for_each(|row| f(wide, row));
}

unsafe fn load_row(work: &Work, from: &Matrix, row: usize, wide: &mut [f64]) {
    for (column, wide) in wide[..from.columns].iter_mut().enumerate() {
        // SAFETY: this thread's own row.
        *wide = unsafe { (*work.stage.add(from.index(row, column))).into() };
    }
}

/// Also zeroes the columns that rounding added.
unsafe fn store_row(work: &Work, to: &Matrix, row: usize, wide: &[f64]) {
    for column in 0..to.columns.next_multiple_of(16) {
        let value = wide.get(column).map_or(0.0, |wide| *wide as f32);
        // SAFETY: this thread's own row.
        unsafe { *work.stage.add(to.index(row, column)) = value }
    }
}

/// to[j][i] = from[i][j] for `rows` × `columns`; the rows of `to` are filled up
/// with zeros to `step_to`.
#[inline(always)]
unsafe fn transpose<V: Vector>(
    from: *const f32,
    step_from: usize,
    rows: usize,
    columns: usize,
    to: *mut f32,
    step_to: usize,
) {
    // SAFETY: the caller vouches for both matrices; `step_to` is a multiple of 16.
    unsafe {
        for j in 0..columns {
            let (from, to) = (from.add(j), to.add(j * step_to));
            let mut i = 0;
            while i + V::LANES <= rows {
                V::gather(from.add(i * step_from), step_from).store(to.add(i));
                i += V::LANES;
            }
            while i < rows {
                *to.add(i) = *from.add(i * step_from);
                i += 1;
            }
            while i < step_to {
                *to.add(i) = 0.0;
                i += 1;
            }
        }
    }
}
