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
//! 64, of large networks 256, so that what one layer leaves is still in
//! the cache for the next.
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
//! Narrow vectors take longer than what moves between caches. Where one thread's strips would have
//! many more of them than another's, each takes its own samples, and of each strip its own rows of
//! weights.

mod backward;
mod forward;
mod weights;

use self::{backward::backward, forward::forward, weights::weights};
use super::{
    Instructions,
    shares::share,
    team::Barrier,
    vector::{self, for_each},
    work::Work,
};

/// The phases, compiled for one instruction set.
///
/// # Safety
/// Of each: the processor has the instructions. `Work` describes buffers that are there, with
/// room for its rows, and rows that are there in the features. Each number of a thread below
/// `Work::threads` is one thread's, and all of these run the phase, after the one before it.
pub(super) struct Phases {
    pub forward: unsafe fn(&Work, usize, &Barrier),
    pub backward: unsafe fn(&Work, usize, &Barrier),
    pub weights: unsafe fn(&Work, usize),
    pub norms: unsafe fn(&Work, usize),
}

impl Phases {
    /// Those compiled for these instructions; the portable ones if the processor lacks them.
    pub fn of(instructions: Instructions) -> &'static Self {
        match instructions {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 if instructions.available() => &AVX512,
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 if instructions.available() => &AVX2,
            #[cfg(target_arch = "aarch64")]
            Instructions::Neon => &NEON,
            _ => &PORTABLE,
        }
    }
}

macro_rules! phases {
    ($name:ident, $vector:ident, $($features:literal)?) => {
        static $name: Phases = {
            $(#[target_feature(enable = $features)])?
            unsafe fn forward_phase(work: &Work, thread: usize, barrier: &Barrier) {
                // SAFETY: the instructions are enabled here; the rest is the caller's promise.
                unsafe { forward::<vector::$vector>(work, thread, barrier) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn backward_phase(work: &Work, thread: usize, barrier: &Barrier) {
                // SAFETY: as above.
                unsafe { backward::<vector::$vector>(work, thread, barrier) }
            }
            $(#[target_feature(enable = $features)])?
            unsafe fn weights_phase(work: &Work, thread: usize) {
                // SAFETY: as above.
                unsafe { weights::<vector::$vector>(work, thread) }
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

for_each!(phases);

/// Sums the squares of the gradient, chunk by chunk.
///
/// # Safety
/// See [`Phases`]; gradients are kept.
unsafe fn norms(work: &Work, thread: usize) {
    debug_assert!(thread < work.threads);
    for chunk in share(work.flat.chunks(), thread, work.threads) {
        // SAFETY: within the gradients; this chunk is this thread's own.
        unsafe { work.flat.sum_squares(chunk) }
    }
}
