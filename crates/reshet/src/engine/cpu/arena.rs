//! Where the engine's numbers are: one buffer after the other, so that many of them share a
//! huge page, and what a step reads side by side (a weight, its momentum, its variance) is
//! spread over the sets of the caches. With each buffer on a page of its own the lecture's
//! step took 5 % longer.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    ptr::NonNull,
    sync::Arc,
};

use super::matrix::ROUND;
use crate::huge;

/// Gives buffers out, each where the one before it ends.
#[derive(Default)]
pub(super) struct Arena {
    chunk: Option<Arc<Chunk>>,
    /// Numbers of it that have been given out.
    used: usize,
}

/// Numbers whose start is aligned to a cache line.
#[derive(Default)]
pub(super) struct Buffer {
    chunk: Option<Arc<Chunk>>,
    first: usize,
    length: usize,
}

impl Arena {
    /// So many zeros.
    pub fn zeros(&mut self, length: usize) -> Buffer {
        let room = |chunk: &Arc<Chunk>| chunk.length() - self.used;
        let chunk = match self.chunk.take().filter(|chunk| room(chunk) >= length) {
            Some(chunk) => chunk,
            None => {
                // Goes on where the last one ended: pages of large buffers that all begin
                // alike meet in the same sets and banks.
                self.used %= huge::PAGE / size_of::<f32>();
                Arc::new(Chunk::new(self.used + length))
            }
        };
        let first = self.used;
        self.used += length.next_multiple_of(ROUND);
        self.chunk = Some(Arc::clone(&chunk));
        let mut buffer = Buffer { chunk: Some(chunk), first, length };
        // SAFETY: so many numbers are there, and nobody else's.
        unsafe { buffer.as_mut_ptr().write_bytes(0, length) };
        buffer
    }
}

impl Buffer {
    fn start(&self) -> *mut f32 {
        match &self.chunk {
            // SAFETY: within the chunk.
            Some(chunk) => unsafe { chunk.start.as_ptr().add(self.first) },
            None => NonNull::dangling().as_ptr(),
        }
    }

    pub fn as_mut_ptr(&mut self) -> *mut f32 {
        self.start()
    }

    pub fn as_slice(&self) -> &[f32] {
        // SAFETY: the arena has written so many numbers, and they are this buffer's own.
        unsafe { std::slice::from_raw_parts(self.start(), self.length) }
    }

    pub fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.length) }
    }
}

/// Memory that lives until the last of its buffers is gone.
struct Chunk {
    start: NonNull<f32>,
    layout: Layout,
}

impl Chunk {
    /// Whole huge pages; what a small network needs is not worth one.
    fn new(length: usize) -> Self {
        let bytes = length * size_of::<f32>();
        let (size, align) =
            if bytes < huge::PAGE / 8 { (1 << 16, 64) } else { (huge::PAGE, huge::PAGE) };
        let layout = Layout::from_size_align(bytes.max(1).next_multiple_of(size), align);
        let layout = layout.expect("fewer bytes than half of all addresses");
        // SAFETY: the layout has a size.
        let start = NonNull::new(unsafe { alloc(layout) });
        let Some(start) = start else { handle_alloc_error(layout) };
        huge::ask(start.as_ptr(), layout.size());
        Self { start: start.cast(), layout }
    }

    fn length(&self) -> usize {
        self.layout.size() / size_of::<f32>()
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) }
    }
}

// SAFETY: a chunk only hands out its address; what is there belongs to one buffer each.
unsafe impl Send for Chunk {}
// SAFETY: as above.
unsafe impl Sync for Chunk {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_zero_apart_and_outlive_the_arena() {
        let mut arena = Arena::default();
        // Small ones, one that needs huge pages, and one that finds room after it.
        let large = if cfg!(miri) { 3_000 } else { 3_000_000 };
        let lengths = [0, 1, 100, 16_384, large, 5];
        let mut buffers = lengths.map(|length| arena.zeros(length));
        drop(arena);
        for (i, buffer) in buffers.iter_mut().enumerate() {
            assert_eq!(buffer.as_mut_ptr().addr() % 64, 0);
            assert!(buffer.as_slice().iter().all(|x| *x == 0.0));
            buffer.as_mut_slice().fill(1.0 + i as f32);
        }
        for (i, buffer) in buffers.iter().enumerate() {
            assert_eq!(buffer.as_slice().len(), lengths[i]);
            assert!(buffer.as_slice().iter().all(|x| *x == 1.0 + i as f32));
        }
    }
}
