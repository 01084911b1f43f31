//! When there is no memory: a sentence and exit code 1.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::Write,
};

/// The system's memory. Where it has no more, the program says so and ends: there is nothing
/// it could do with an empty pointer but abort.
struct Memory;

#[global_allocator]
static MEMORY: Memory = Memory;

// SAFETY: each function is the system allocator's, with the caller's promises passed on; an
// empty pointer is not returned but ends the program.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promises.
        given(unsafe { System.realloc(old, layout, size) }, size)
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(old, layout) }
    }
}

#[inline]
fn given(memory: *mut u8, size: usize) -> *mut u8 {
    if memory.is_null() {
        no_memory(size);
    }
    memory
}

#[cold]
fn no_memory(size: usize) -> ! {
    // Nothing here may ask for memory.
    let mut text = [0; 120];
    let mut rest = &mut text[..];
    let _ = writeln!(rest, "error: out of memory: the system does not give {size} bytes more");
    let left = rest.len();
    let _ = std::io::stderr().write_all(&text[..text.len() - left]);
    std::process::exit(crate::exit::FAILURE.into())
}
