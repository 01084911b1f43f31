//! The flat buffers: parameters, their gradients, the optimiser's state.

use std::ptr::null_mut;

use super::{
    arena::{self, Arena},
    matrix::ROUND,
};
use crate::engine;

/// Gradients whose squares are summed in one go; fixed, so that the order is.
pub(super) const NORM_CHUNK: usize = 4096;

/// The flat buffers, laid out as the ops say.
pub(super) struct Flat {
    pub parameters: arena::Buffer,
    /// Empty until somebody asks for them: a fused step does without.
    gradients: arena::Buffer,
    pub state: Vec<arena::Buffer>,
    length: usize,
    /// A sum of squares for each [`NORM_CHUNK`] of gradients.
    norms: Vec<f64>,
}

impl Flat {
    /// Parameters that are 0, no gradients and no state.
    pub fn new(length: usize, arena: &mut Arena) -> Self {
        Self {
            parameters: arena.zeros(length),
            gradients: arena::Buffer::default(),
            state: Vec::new(),
            length,
            norms: vec![0.0; length.div_ceil(NORM_CHUNK)],
        }
    }

    pub fn has_gradients(&self) -> bool {
        !self.gradients.as_slice().is_empty()
    }

    /// Makes room for gradients.
    pub fn keep_gradients(&mut self, arena: &mut Arena) {
        if !self.has_gradients() {
            self.gradients = arena.zeros(self.length);
        }
    }

    /// Makes room for so many slots of state, and for no more.
    pub fn keep_state(&mut self, slots: usize, arena: &mut Arena) {
        self.state.resize_with(slots, || arena.zeros(self.length));
    }

    /// The length of the gradient as a vector, of the sums that the last `norms` phase left.
    pub fn norm(&self) -> f64 {
        self.norms.iter().sum::<f64>().sqrt()
    }

    /// What there is of a buffer; None while it would be 0 throughout.
    pub fn get(&self, buffer: engine::Buffer) -> Option<&[f32]> {
        let buffer = match buffer {
            engine::Buffer::Parameters => &self.parameters,
            engine::Buffer::Gradients if !self.has_gradients() => return None,
            engine::Buffer::Gradients => &self.gradients,
            engine::Buffer::State(slot) => self.state.get(slot)?,
        };
        Some(buffer.as_slice())
    }

    /// A buffer to write to; makes room for it.
    pub fn get_mut(&mut self, buffer: engine::Buffer, arena: &mut Arena) -> &mut [f32] {
        let buffer = match buffer {
            engine::Buffer::Parameters => &mut self.parameters,
            engine::Buffer::Gradients => {
                self.keep_gradients(arena);
                &mut self.gradients
            }
            engine::Buffer::State(slot) => {
                let slots = self.state.len().max(slot + 1);
                self.keep_state(slots, arena);
                &mut self.state[slot]
            }
        };
        buffer.as_mut_slice()
    }

    /// What the threads share of it.
    pub fn share(&mut self) -> SharedFlat {
        let mut state = [null_mut(); 3];
        for (pointer, buffer) in state.iter_mut().zip(&mut self.state) {
            *pointer = buffer.as_mut_ptr();
        }
        SharedFlat {
            start: Stretch {
                parameters: self.parameters.as_mut_ptr(),
                gradients: self.gradients.as_mut_ptr(),
                state,
            },
            length: self.length,
            has_gradients: self.has_gradients(),
            norms: self.norms.as_mut_ptr(),
        }
    }
}

/// Pointers to the same stretch of each flat buffer.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    pub parameters: *mut f32,
    pub gradients: *mut f32,
    pub state: [*mut f32; 3],
}

impl Stretch {
    /// From the n-th number on.
    ///
    /// # Safety
    /// So many numbers are at each pointer but the null ones and the gradients.
    pub unsafe fn skip(self, n: usize) -> Self {
        // SAFETY: the caller vouches for n numbers; unused slots are null, and so
        // may gradients be that nobody reads.
        unsafe {
            Self {
                parameters: self.parameters.add(n),
                gradients: self.gradients.wrapping_add(n),
                state: self.state.map(|slot| if slot.is_null() { slot } else { slot.add(n) }),
            }
        }
    }
}

/// Where the flat buffers are.
pub(super) struct SharedFlat {
    start: Stretch,
    pub length: usize,
    has_gradients: bool,
    norms: *mut f64,
}

impl SharedFlat {
    /// The parameters from the n-th on.
    ///
    /// # Safety
    /// So many are there.
    #[inline(always)]
    pub unsafe fn parameters(&self, n: usize) -> *mut f32 {
        debug_assert!(n <= self.length && n % ROUND == 0);
        // SAFETY: the caller's promise.
        unsafe { self.start.parameters.add(n) }
    }

    /// All buffers from the n-th number on; gradients that are not kept point to nothing.
    ///
    /// # Safety
    /// So many are there.
    #[inline(always)]
    pub unsafe fn skip(&self, n: usize) -> Stretch {
        debug_assert!(n <= self.length && n % ROUND == 0);
        // SAFETY: the caller's promise.
        unsafe { self.start.skip(n) }
    }

    /// The chunks that sums of squares are made of.
    pub fn chunks(&self) -> usize {
        self.length.div_ceil(NORM_CHUNK)
    }

    /// Sums the squares of a chunk of the gradient.
    ///
    /// # Safety
    /// There is such a chunk, gradients are kept, and nobody else writes this chunk's or touches
    /// its sum.
    pub unsafe fn sum_squares(&self, chunk: usize) {
        debug_assert!(self.has_gradients && chunk < self.chunks());
        let start = chunk * NORM_CHUNK;
        let length = NORM_CHUNK.min(self.length - start);
        // SAFETY: within the gradients; the rest is the caller's promise.
        unsafe {
            let gradients = std::slice::from_raw_parts(self.start.gradients.add(start), length);
            let sum = gradients.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
            *self.norms.add(chunk) = sum;
        }
    }
}
