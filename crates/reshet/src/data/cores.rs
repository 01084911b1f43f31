//! Independent work on all cores.

use std::thread;

use crate::threads;

/// Whether a thread that is started sees files: a tab's threads have none (`docs/web.md`).
pub(crate) const SEE_FILES: bool = !cfg!(target_os = "wasi");

/// `f(0) … f(n − 1)`, on all cores, in order.
pub(crate) fn side_by_side<T: Send>(n: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    threads::each(thread::available_parallelism().map_or(1, usize::from), n, f)
}
