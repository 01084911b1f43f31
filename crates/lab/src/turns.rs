//! Work that takes long: a few at a time.

use std::sync::{Condvar, Mutex, PoisonError};

/// Workers at once, of one lab.
pub(crate) const MOST: usize = 4;

/// Turns at work that takes long.
pub(crate) struct Turns {
    most: usize,
    busy: Mutex<usize>,
    freed: Condvar,
}

impl Turns {
    /// For so many at once.
    pub fn new(most: usize) -> Self {
        Self { most, busy: Mutex::new(0), freed: Condvar::new() }
    }

    /// Does some work when it is its turn.
    pub fn take<T>(&self, work: impl FnOnce() -> T) -> T {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.freed.wait_while(busy, |busy| *busy >= self.most);
        *waited.unwrap_or_else(PoisonError::into_inner) += 1;
        // Given back also where the work panics.
        let _turn = Turn(self);
        work()
    }
}

struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.busy.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        thread,
        time::Duration,
    };

    use super::*;

    #[test]
    fn never_more_than_a_few_at_once_and_none_is_lost() {
        let (turns, now, most) = (Turns::new(MOST), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    turns.take(|| {
                        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                        thread::sleep(Duration::from_millis(2));
                        now.fetch_sub(1, SeqCst);
                    });
                });
            }
        });
        assert!((1..=MOST).contains(&most.into_inner()));
        for _ in 0..MOST {
            assert!(catch_unwind(AssertUnwindSafe(|| turns.take(|| panic!("at work")))).is_err());
        }
        assert_eq!(turns.take(|| 7), 7);
    }
}
