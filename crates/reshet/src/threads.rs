//! Work that has nothing to do with each other, on several threads.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

/// `f(0) … f(n − 1)`, on so many threads, the caller's among them; in order.
pub(crate) fn each<T: Send>(threads: usize, n: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = threads.min(n);
    if threads < 2 {
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
        let others: Vec<_> = (1..threads).map_while(start).collect();
        let own = work();
        // A panic of a thread continues here.
        let join = |t: thread::ScopedJoinHandle<_>| {
            t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        others.into_iter().flat_map(join).chain(own).collect()
    });
    all.sort_by_key(|(i, _)| *i);
    all.into_iter().map(|(_, t)| t).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_are_in_the_order_of_the_tasks() {
        for threads in [0, 1, 3, 20] {
            assert_eq!(super::each(threads, 10, |i| i * i), Vec::from_iter((0..10).map(|i| i * i)));
        }
        assert!(super::each(3, 0, |i| i).is_empty());
    }
}
