//! Huge pages: 2 MB instead of 4 kB under large arrays, where the system gives them when
//! asked. What is read here and there is found without walking the tables of pages, and an
//! array is filled in a fifth of the time (`docs/kernels.md`).

/// The size of a huge page.
pub(crate) const PAGE: usize = 1 << 21;

/// An empty vector with room for this many numbers.
pub(crate) fn room<T>(length: usize) -> Vec<T> {
    let vec = Vec::with_capacity(length);
    ask(vec.as_ptr(), vec.capacity());
    vec
}

/// This many zeros.
pub(crate) fn zeros<T: Clone + Default>(length: usize) -> Vec<T> {
    // Large ones come from the system as zeros: no page has been touched yet.
    let vec = vec![T::default(); length];
    ask(vec.as_ptr(), vec.len());
    vec
}

/// Asks for huge pages for all whole ones within these `length` numbers. Pages that have been
/// written already stay as they are.
#[cfg(target_os = "linux")]
pub(crate) fn ask<T>(start: *const T, length: usize) {
    let (first, end) = (start.addr(), start.addr() + length * size_of::<T>());
    let (first, end) = (first.next_multiple_of(PAGE), end / PAGE * PAGE);
    if first < end {
        // SAFETY: advice; it changes nothing that could be read or written. The system may
        // ignore it.
        unsafe { libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn ask<T>(_start: *const T, _length: usize) {}
