//! Work that has nothing to do with each other, on several threads.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// Does `tasks` tasks, each on one of so many threads, the caller's among them. Returns the results
/// in the order of the tasks.
pub(crate) fn each<T: Send>(
    threads: usize,
    tasks: usize,
    work: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let some = || {
        loop {
            let task = next.fetch_add(1, Relaxed);
            if task >= tasks {
                return;
            }
            let result = work(task);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((task, result));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(tasks) {
            // A system that gives no more threads gives fewer.
            if thread::Builder::new().spawn_scoped(scope, some).is_err() {
                break;
            }
        }
        some();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(task, _)| *task);
    done.into_iter().map(|(_, result)| result).collect()
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
