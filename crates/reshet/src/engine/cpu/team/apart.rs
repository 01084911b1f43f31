//! Memory that threads do not share a cache line of.

/// On cache lines of its own: who watches one counter does not slow down who
/// changes another.
#[repr(align(128))]
#[derive(Default)]
pub(super) struct Apart<T>(pub T);
