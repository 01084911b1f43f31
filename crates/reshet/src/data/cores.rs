//! Independent work on all cores.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

/// Whether a thread that is started sees files: a tab's threads have none (`docs/web.md`).
pub(crate) const SEE_FILES: bool = !cfg!(target_os = "wasi");

/// `f(0) … f(n − 1)`, on all cores, in order.
pub(crate) fn side_by_side<T: Send>(n: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let cores = thread::available_parallelism().map_or(1, usize::from).min(n);
    if cores < 2 {
        return (0..n).map(f).collect();
    }
    let next = AtomicUsize::new(0);
    let mut all: Vec<(usize, T)> = thread::scope(|scope| {
        let work = || {
            let take = || Some(next.fetch_add(1, Relaxed)).filter(|i| *i < n);
            std::iter::from_fn(|| take().map(|i| (i, f(i)))).collect::<Vec<_>>()
        };
        // This thread takes its part, and all of it where no other can be started.
        let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let threads: Vec<_> = (1..cores).map_while(start).collect();
        let own = work();
        // A panic of a thread continues here.
        let join = |t: thread::ScopedJoinHandle<_>| {
            t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().flat_map(join).chain(own).collect()
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, t)| t).collect()
}
