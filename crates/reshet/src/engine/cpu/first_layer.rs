//! A first layer that skips zeros: where its masks are. `sparse` makes and uses them.

use super::{layers::Dense, matrix::BLOCK};

/// A first layer that skips zeros, and what it keeps for a batch.
#[derive(Clone, Copy)]
pub(super) struct FirstLayer {
    pub layer: Dense,
    /// Samples that there is room for, a multiple of 64.
    pub samples: usize,
    /// The samples' masks, `samples` of each block of inputs: `[block][sample]`;
    /// once for all threads, or, if each has its own strips, once for each.
    pub masks: *mut u64,
    /// From a thread's masks to the next one's; 0 if all share them.
    pub masks_each: usize,
    /// For each thread the same turned: `[block][samples / 64][input % 64]`.
    pub turned: *mut u64,
    pub turned_each: usize,
    /// For each thread a mask a block: inputs that were not zero in some sample so
    /// far, or whose weights may have moved without.
    pub seen: *mut u64,
    /// 0 before a batch has begun that skips zeros.
    pub seen_length: usize,
    /// How many threads have such stretches.
    pub threads: usize,
}

impl FirstLayer {
    /// How many inputs a sample has.
    pub fn inputs(&self) -> usize {
        self.layer.weights.rows - 1
    }

    /// The masks of a block of inputs, from a sample on.
    ///
    /// # Safety
    /// There is such a thread, and room for the sample.
    #[inline(always)]
    pub unsafe fn masks(&self, thread: usize, block: usize, sample: usize) -> *mut u64 {
        debug_assert!(thread < self.threads);
        debug_assert!(block < blocks(self.inputs()) && sample <= self.samples);
        // SAFETY: within the masks of all threads.
        unsafe { self.masks.add(thread * self.masks_each + block * self.samples + sample) }
    }

    /// The turned masks of a block of inputs, for a batch of so many samples.
    ///
    /// # Safety
    /// There is such a thread, and room for the samples.
    #[inline(always)]
    pub unsafe fn turned(&self, thread: usize, block: usize, samples: usize) -> *mut u64 {
        debug_assert!(thread < self.threads);
        debug_assert!(block < blocks(self.inputs()) && samples <= self.samples);
        // SAFETY: within the masks of all threads.
        unsafe { self.turned.add(thread * self.turned_each + block * blocks(samples) * BLOCK) }
    }

    /// Where a thread notes which inputs of a block have not been zero in some sample so far.
    ///
    /// # Safety
    /// There is such a thread.
    #[inline(always)]
    pub unsafe fn seen_at(&self, thread: usize, block: usize) -> *mut u64 {
        debug_assert!(thread < self.threads && block < blocks(self.inputs()));
        debug_assert!(self.threads * seen_each(self.inputs()) <= self.seen_length);
        // SAFETY: within the masks of all threads.
        unsafe { self.seen.add(thread * seen_each(self.inputs()) + block) }
    }

    /// Which inputs of a block have not been zero in some sample so far.
    ///
    /// # Safety
    /// The thread is the caller's own, and a batch has begun that skips zeros.
    #[inline(always)]
    pub unsafe fn seen(&self, thread: usize, block: usize) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { *self.seen_at(thread, block) }
    }
}

/// Masks of `seen` a thread has: its own cache lines, whichever way they lie.
pub(super) fn seen_each(inputs: usize) -> usize {
    blocks(inputs).next_multiple_of(8) + 8
}

/// Blocks of 64 that `n` items make.
pub(super) fn blocks(n: usize) -> usize {
    n.div_ceil(BLOCK)
}
