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
    linear,
    matrix::STRIP,
    rows,
    update::{Stretch, update},
    vector::Vector,
    work::{BLOCK, NORM_CHUNK, Op, Work},
};

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
    // SAFETY: `Work` describes what is there; samples are this thread's own.
    unsafe {
        for block in blocks(work, thread) {
            rows::gather(work, block.clone());
            for (i, op) in work.ops.iter().enumerate() {
                let (x, stage) = (work.stages[i].y, &work.stages[i + 1]);
                let y = stage.y;
                let z = stage.z.unwrap_or(y);
                let activation = match *op {
                    Op::Dense(weights, activation) => {
                        linear::forward::<V>(work, &weights, &x, &z, &block);
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
                rows::activation_forward::<V>(work, thread, activation, stage, &block);
            }
        }
    }
}

/// Takes the thread's samples from their loss back to every layer's dz.
#[inline(always)]
unsafe fn backward<V: Vector>(work: &Work, thread: usize) {
    // SAFETY: `Work` describes what is there; samples are this thread's own.
    unsafe {
        for block in blocks(work, thread) {
            rows::loss(work, thread, &block);
            for (i, op) in work.ops.iter().enumerate().rev() {
                let (before, stage) = (&work.stages[i], &work.stages[i + 1]);
                let d = stage.d;
                match *op {
                    Op::Dense(weights, activation) => {
                        rows::activation_backward::<V>(work, thread, activation, stage, &block);
                        if i > 0 {
                            linear::backward::<V>(work, thread, &weights, &d, &before.d, &block);
                        }
                    }
                    Op::Activation(activation) => {
                        rows::activation_backward::<V>(work, thread, activation, stage, &block);
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
                        let dw = work.flat.gradients.add(at);
                        if row < inputs {
                            linear::gradient::<V>(work, x, d, strip, row..until, dw, accumulate);
                        } else {
                            linear::bias_gradient::<V>(work, d, strip, dw, accumulate);
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
            let gradients = std::slice::from_raw_parts(work.flat.gradients.add(start), length);
            let sum = gradients.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
            *work.norms.add(chunk) = sum;
        }
    }
}
