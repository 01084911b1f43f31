//! Memory that each thread has for itself in a phase, and leaves as it happens to be.

use super::{
    arena::{self, Arena},
    matrix::{BLOCK, ROUND, STRIP},
};
use crate::Plan;

/// A strip of 64 × 64 at the start of a thread's scratch; what is as wide as a layer comes after.
pub(super) const SQUARE: usize = STRIP * BLOCK;

/// The threads' scratch memory.
pub(super) struct Scratch {
    /// A stretch for each thread, `each` long.
    pub numbers: arena::Buffer,
    each: usize,
    /// Numbers in f64 for each thread, `wide_each` of them.
    pub wide: Vec<f64>,
    wide_each: usize,
    threads: usize,
}

impl Scratch {
    /// Room for what a plan's layers need.
    pub fn new(plan: &Plan, threads: usize, together: usize, arena: &mut Arena) -> Self {
        let widest = plan.dense().map(|d| d.inputs.max(d.outputs)).max().unwrap_or(0);
        let outputs = plan.dense().map(|d| d.outputs).max().unwrap_or(0);
        // A square, and the widest layer's derivatives transposed, of samples that go together.
        let derivatives = together * outputs.next_multiple_of(STRIP);
        let each = SQUARE + derivatives.max(BLOCK * widest.next_multiple_of(STRIP));
        // Two rows of the widest, or a block of outputs; threads apart by a cache line.
        let wide_each =
            (2 * widest).max(BLOCK * plan.outputs.next_multiple_of(ROUND)).next_multiple_of(8);
        Self {
            numbers: arena.zeros(each * threads),
            each,
            wide: vec![0.0; wide_each * threads],
            wide_each,
            threads,
        }
    }

    /// What the threads share of it.
    pub fn share(&mut self) -> SharedScratch {
        SharedScratch {
            numbers: self.numbers.as_mut_ptr(),
            each: self.each,
            wide: self.wide.as_mut_ptr(),
            wide_each: self.wide_each,
            threads: self.threads,
        }
    }
}

/// Where the scratch memory is.
pub(super) struct SharedScratch {
    numbers: *mut f32,
    /// Numbers that a thread has.
    pub each: usize,
    wide: *mut f64,
    wide_each: usize,
    threads: usize,
}

impl SharedScratch {
    /// A thread's numbers, `each` of them.
    ///
    /// # Safety
    /// There is such a thread.
    #[inline(always)]
    pub unsafe fn numbers(&self, thread: usize) -> *mut f32 {
        debug_assert!(thread < self.threads);
        // SAFETY: the caller's promise.
        unsafe { self.numbers.add(thread * self.each) }
    }

    /// The first `n` of a thread's numbers in f64.
    ///
    /// # Safety
    /// The thread is the caller's own; `n` is two rows of a layer or a block of outputs at most;
    /// and what was handed out before is no longer used.
    #[allow(clippy::mut_from_ref, reason = "each thread has its own")]
    pub unsafe fn wide(&self, thread: usize, n: usize) -> &mut [f64] {
        debug_assert!(thread < self.threads && n <= self.wide_each);
        // SAFETY: each thread has its own stretch, at least n long.
        unsafe { std::slice::from_raw_parts_mut(self.wide.add(thread * self.wide_each), n) }
    }
}
