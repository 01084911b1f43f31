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
        #[cfg(test)]
        failing::before(layout.size());
        // SAFETY: as the caller promises.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        #[cfg(test)]
        failing::before(layout.size());
        // SAFETY: as the caller promises.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        #[cfg(test)]
        failing::before(size);
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

/// From now on, memory that is freed goes back to the system.
///
/// A server with many threads would otherwise keep four times its bound: glibc holds freed memory for
/// each thread apart.
pub fn give_back_what_is_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (setting, value) in [
        (libc::M_ARENA_MAX, 2),
        (libc::M_MMAP_THRESHOLD, 1 << 18),
        (libc::M_TRIM_THRESHOLD, 1 << 20),
    ] {
        // SAFETY: it changes how later allocations are made and is locked against other threads;
        // a setting that is refused is left as it was.
        unsafe { libc::mallopt(setting, value) };
    }
}

/// Lets the k-th allocation of at least some size fail, for tests.
#[cfg(test)]
pub mod failing {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    /// The smallest size that counts.
    static LARGE: AtomicUsize = AtomicUsize::new(usize::MAX);
    /// How many are given before the one that fails.
    static LEFT: AtomicUsize = AtomicUsize::new(usize::MAX);

    /// From now on, on all threads: the allocation of this number, from 1, fails.
    pub fn set(number: usize, large: usize) {
        LEFT.store(number - 1, SeqCst);
        LARGE.store(large, SeqCst);
    }

    /// Counts an allocation, and ends the process if it is the one that fails.
    pub fn before(size: usize) {
        if size >= LARGE.load(SeqCst) && LEFT.fetch_sub(1, SeqCst) == 0 {
            LARGE.store(usize::MAX, SeqCst);
            super::no_memory(size);
        }
    }
}
