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
//!
//! A first layer that skips zeros begins differently: each thread has its own
//! strips of it, in forward as in weights, so that these weights never move
//! from one core's cache to another's.
//!
//! ```text
//! forward    every thread its own strips: input → first hidden layer
//! ─────────── all wait ───────────
//!            every thread its own samples: first hidden layer → logits
//! ```
//! And if the second layer is the last, a thread's strips stay its own all the
//! way: what another core has read is slow to write again (`docs/kernels.md`).
//!
//! ```text
//! forward    every thread its own strips: input → hidden layer → partial sums
//! ─────────── all wait ───────────
//! backward   every thread its own samples: partial sums → logits → loss, dz
//! ─────────── all wait ───────────
//! weights    every thread its own strips: dz → dz of the hidden layer → dW, update
//! ```

use std::ops::Range;

use super::{
    ahead::Ahead,
    linear,
    matrix::{Matrix, STRIP},
    product::Fetch,
    rows,
    shares::{blocks, own_strips, share},
    sparse::{self, Sparse},
    team::Barrier,
    update::{How, Stretch, update},
    vector::{Vector, fence},
    work::{BLOCK, NORM_CHUNK, Op, Work},
};
use crate::activation::Activation;

/// The phases, compiled for one instruction set.
pub(super) struct Phases {
    pub forward: unsafe fn(&Work, usize, &Barrier),
    pub backward: unsafe fn(&Work, usize, &Barrier),
    pub weights: unsafe fn(&Work, usize),
    pub norms: unsafe fn(&Work, usize),
}

macro_rules! phases {
    ($name:ident, $vector:ty $(, $features:literal)?) => {
        pub(super) static $name: Phases = {
            $(#[target_feature(enable = $features)])?
            unsafe fn forward_phase(work: &Work, thread: usize, barrier: &Barrier) {
                // SAFETY: the instructions are enabled here; the rest is the caller's promise.
                unsafe { forward::<$vector>(work, thread, barrier) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn backward_phase(work: &Work, thread: usize, barrier: &Barrier) {
                // SAFETY: as above.
                unsafe { backward::<$vector>(work, thread, barrier) }
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

// What `Instructions::available` asks for.
#[cfg(target_arch = "x86_64")]
phases!(AVX512, super::vector::Avx512, "avx512f,avx512bw,avx2,fma,bmi1,bmi2");
#[cfg(target_arch = "x86_64")]
phases!(AVX2, super::vector::Avx2, "avx2,fma,bmi1,bmi2");
#[cfg(target_arch = "aarch64")]
phases!(NEON, super::vector::Neon, "neon");
phases!(PORTABLE, super::vector::Portable);

/// Takes the batch from features to what the loss sees.
#[inline(always)]
unsafe fn forward<V: Vector>(work: &Work, thread: usize, barrier: &Barrier) {
    let samples = share(work.rows.len(), thread, work.threads);
    // SAFETY: `Work` describes what is there; samples are this thread's own.
    unsafe {
        let mut first = 0;
        if let Some(sparse) = &work.sparse {
            // What a thread looks at itself it need not wait for, nor fetch from another.
            let all = 0..work.rows.len();
            let scanned = if work.own_strips { all.clone() } else { samples.clone() };
            sparse::scan::<V>(work, sparse, thread, scanned);
            if let (true, Op::Dense(weights, activation)) = (work.own_strips, work.ops[0]) {
                let strips = own_strips(&weights, thread, work.threads);
                let layer = (&weights, activation);
                sparse_forward::<V>(work, sparse, thread, layer, strips.clone(), &all);
                if let (true, Some(sums), [_, Op::Dense(next, _)]) =
                    (work.own_rest, &work.partial, work.ops)
                {
                    let hidden = work.stages[1].y;
                    for strip in strips {
                        linear::partial::<V>(work, next, &hidden, strip, sums, &all);
                    }
                }
                barrier.wait();
                first = 1;
            }
        }
        for block in blocks(samples) {
            if work.sparse.is_none() {
                rows::gather(work, block.clone());
            }
            for (i, op) in work.ops.iter().enumerate().skip(first) {
                let (x, stage) = (work.stages[i].y, &work.stages[i + 1]);
                let y = stage.y;
                let z = stage.z.unwrap_or(y);
                let activation = match *op {
                    Op::Dense(weights, activation) => {
                        if let (0, Some(sparse)) = (i, &work.sparse) {
                            let layer = (&weights, activation);
                            let strips = 0..weights.strips();
                            sparse_forward::<V>(work, sparse, thread, layer, strips, &block);
                            continue;
                        }
                        if let (1, Some(sums)) = (i, &work.partial) {
                            for strip in 0..if work.own_rest { 0 } else { x.strips() } {
                                linear::partial::<V>(work, &weights, &x, strip, sums, &block);
                            }
                            linear::add_up::<V>(work, &x, sums, &z, &block);
                        } else {
                            linear::forward::<V>(work, &weights, &x, &z, &block);
                        }
                        activation
                    }
                    Op::Activation(activation) => {
                        rows::copy(work, &x, &z, &block);
                        activation
                    }
                    Op::Dropout(p, module) => {
                        rows::copy(work, &x, &y, &block);
                        rows::dropout(work, &y, &block, p, module);
                        continue;
                    }
                };
                rows::activation_forward::<V>(
                    work,
                    thread,
                    activation,
                    stage,
                    &block,
                    0..y.strips(),
                );
            }
        }
    }
}

/// The first layer, zeros skipped.
#[inline(always)]
unsafe fn sparse_forward<V: Vector>(
    work: &Work,
    sparse: &Sparse,
    thread: usize,
    (weights, activation): (&Matrix, Activation),
    strips: Range<usize>,
    samples: &Range<usize>,
) {
    let stage = &work.stages[1];
    let z = stage.z.unwrap_or(stage.y);
    // SAFETY: the caller's promise.
    unsafe {
        for strip in strips.clone() {
            sparse::forward::<V>(work, sparse, thread, weights, &z, strip, samples.clone());
        }
        rows::activation_forward::<V>(work, thread, activation, stage, samples, strips);
    }
}

/// Takes the thread's samples from their loss back to every layer's dz, and
/// waits until all have.
#[inline(always)]
unsafe fn backward<V: Vector>(work: &Work, thread: usize, barrier: &Barrier) {
    // Of the first layer, each thread may have its own strips instead.
    let first = usize::from(work.own_rest);
    // SAFETY: `Work` describes what is there; samples are this thread's own.
    unsafe {
        for block in blocks(share(work.rows.len(), thread, work.threads)) {
            rows::loss(work, thread, &block);
            for (i, op) in work.ops.iter().enumerate().skip(first).rev() {
                let (before, stage) = (&work.stages[i], &work.stages[i + 1]);
                let (d, all) = (stage.d, 0..stage.d.strips());
                match *op {
                    Op::Dense(weights, activation) => {
                        let (block, inputs) = (&block, 0..before.d.strips());
                        rows::activation_backward::<V>(work, thread, activation, stage, block, all);
                        if i > first {
                            linear::backward::<V>(
                                work, thread, &weights, &d, &before.d, inputs, block,
                            );
                        }
                    }
                    Op::Activation(activation) => {
                        rows::activation_backward::<V>(
                            work, thread, activation, stage, &block, all,
                        );
                        if i > 0 {
                            rows::copy(work, &d, &before.d, &block);
                        }
                    }
                    Op::Dropout(p, module) => {
                        if i > 0 {
                            rows::copy(work, &d, &before.d, &block);
                            rows::dropout(work, &before.d, &block, p, module);
                        }
                    }
                }
            }
        }
        barrier.wait();
        if let (true, [Op::Dense(one, activation), Op::Dense(two, _)]) = (work.own_rest, work.ops) {
            let strips = own_strips(one, thread, work.threads);
            let (hidden, last) = (&work.stages[1], &work.stages[2]);
            for block in blocks(0..work.rows.len()) {
                let (inputs, strips) = (strips.clone(), strips.clone());
                linear::backward::<V>(work, thread, two, &last.d, &hidden.d, inputs, &block);
                rows::activation_backward::<V>(work, thread, *activation, hidden, &block, strips);
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
        if let (Some(sparse), Some(_)) = (&work.sparse, work.gradient) {
            sparse::turn(work, sparse, thread);
        }
        let next = work.next.len();
        let next = if work.own_strips { 0..next } else { share(next, thread, work.threads) };
        let mut ahead = Ahead::new(next);
        // All weights but those of which each thread has its own.
        let mut shared = 0..work.flat_length;
        let mut own = 0..0;
        for (i, op) in work.ops.iter().enumerate() {
            let Op::Dense(weights, _) = op else { continue };
            if i == 0 && work.own_strips {
                own = own_strips(weights, thread, work.threads);
                for part in own.clone() {
                    finite &=
                        strip::<V>(work, thread, &mut ahead, i, weights, part, 0..weights.rows);
                }
                shared.start = weights.end();
                continue;
            }
            if i == 1 && work.own_rest {
                let inputs = weights.rows - 1;
                // The bias goes with the first inputs, as in the sums.
                let bias = if own.start == 0 { inputs..weights.rows } else { 0..0 };
                for rows in [own.start * STRIP..inputs.min(own.end * STRIP), bias] {
                    finite &= strip::<V>(work, thread, &mut ahead, i, weights, 0, rows);
                }
                continue;
            }
            let mine = share(shared.len(), thread, work.threads);
            let mine = shared.start + mine.start..shared.start + mine.end;
            for part in 0..weights.strips() {
                let start = weights.at(part, 0);
                // A row belongs to whom its first number belongs to.
                let row = |at: usize| at.saturating_sub(start).div_ceil(weights.width(part));
                let rows = row(mine.start).min(weights.rows)..row(mine.end).min(weights.rows);
                finite &= strip::<V>(work, thread, &mut ahead, i, weights, part, rows);
            }
        }
    }
    fence();
    if !finite {
        work.finite.store(false, std::sync::atomic::Ordering::Relaxed);
    }
}

/// [`weights`] for some rows of a strip, in blocks of 64.
#[inline(always)]
unsafe fn strip<V: Vector>(
    work: &Work,
    thread: usize,
    ahead: &mut Ahead,
    op: usize,
    weights: &Matrix,
    strip: usize,
    rows: Range<usize>,
) -> bool {
    let mut finite = true;
    let (inputs, step) = (weights.rows - 1, weights.width(strip));
    let Range { start: mut row, end } = rows;
    // SAFETY: the caller's promise.
    unsafe {
        let (x, d) = (&work.stages[op].y, &work.stages[op + 1].d);
        while row < end {
            ahead.ask(work, 64);
            // A block of rows meets one strip of the input, or is the bias.
            let until =
                if row < inputs { ((row / STRIP + 1) * STRIP).min(inputs).min(end) } else { end };
            let at = weights.at(strip, row);
            // A gradient that is used at once stays in the first-level cache.
            let fused = work.gradient.is_some() && work.rule.is_some();
            let dw = if fused {
                work.scratch.add(thread * work.scratch_each)
            } else {
                work.flat.gradients.wrapping_add(at)
            };
            let flat = Stretch { gradients: dw, ..work.flat.skip(at) };
            let mut fetch = if fused {
                let [first, second, third] = flat.state;
                let places = [flat.parameters, first, second, third];
                Fetch::to_write(places, (until - row) * step)
            } else {
                Fetch::NOTHING
            };
            if let Some(accumulate) = work.gradient {
                match &work.sparse {
                    _ if row == inputs => {
                        linear::bias_gradient::<V>(work, d, strip, dw, accumulate)
                    }
                    Some(sparse) if op == 0 => sparse::gradient::<V>(
                        work,
                        sparse,
                        thread,
                        d,
                        strip,
                        row..until,
                        dw,
                        accumulate,
                    ),
                    _ => linear::gradient::<V>(
                        work,
                        thread,
                        x,
                        d,
                        strip,
                        row..until,
                        dw,
                        accumulate,
                        &mut fetch,
                    ),
                }
            }
            if let Some(rule) = &work.rule {
                let mut mask = u64::MAX >> (BLOCK - (until - row));
                if let (0, true, Some(sparse)) = (op, row < inputs, &work.sparse) {
                    // The others have no gradient and no momentum: they would stay as they are.
                    mask &= sparse.seen(work, thread, row / BLOCK) >> (row % BLOCK);
                }
                while mask != 0 {
                    let first = mask.trailing_zeros() as usize;
                    let run = (mask >> first).trailing_ones();
                    mask &= !(u64::MAX >> (64 - run) << first);
                    let n = run as usize * step;
                    let own = work.own_strips && (op == 0 || work.own_rest);
                    let stream = work.threads > 1 && !own;
                    let how = How { scale: work.scale, settle: work.settle, stream };
                    finite &= update::<V>(rule, flat.skip(first * step), n, how);
                }
            }
            row = until;
        }
    }
    finite
}

/// Sums the squares of the gradient, chunk by chunk.
unsafe fn norms(work: &Work, thread: usize) {
    let chunks = work.flat_length.div_ceil(NORM_CHUNK);
    for chunk in share(chunks, thread, work.threads) {
        let start = chunk * NORM_CHUNK;
        let length = NORM_CHUNK.min(work.flat_length - start);
        // SAFETY: within the gradients; this chunk is this thread's own.
        unsafe {
            let gradients = std::slice::from_raw_parts(work.flat.gradients.add(start), length);
            let sum = gradients.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
            *work.norms.add(chunk) = sum;
        }
    }
}
