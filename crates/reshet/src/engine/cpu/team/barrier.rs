//! Where the threads of a job wait for each other.

use std::{cell::Cell, time::Duration};

use super::{
    apart::Apart,
    sync::{AtomicBool, AtomicUsize, Ordering, Relaxed},
    wait::Wait,
};

/// What all threads see of a barrier.
pub(super) struct Meeting {
    /// How many meet.
    threads: AtomicUsize,
    /// How many are waiting.
    arrived: Apart<AtomicUsize>,
    /// Meetings there have been.
    held: Apart<AtomicUsize>,
    /// By share, the last meeting that its thread came to.
    reached: Vec<Apart<AtomicUsize>>,
    /// A thread's job panicked: nobody may wait for it.
    panicked: AtomicBool,
}

/// Shares by their numbers, as bits; those from 63 on have one together.
pub(super) type Shares = u64;

/// The bit of a share.
pub(super) fn bit(share: usize) -> Shares {
    1 << share.min(63)
}

impl Meeting {
    /// For up to this many threads.
    pub fn new(threads: usize) -> Self {
        Self {
            threads: AtomicUsize::new(1),
            arrived: Apart::default(),
            held: Apart::default(),
            reached: (0..threads).map(|_| Apart::default()).collect(),
            panicked: AtomicBool::new(false),
        }
    }

    /// Prepares for a job of this many threads, before any of them begins.
    pub fn begin(&self, threads: usize) {
        debug_assert!((1..=self.reached.len()).contains(&threads));
        self.threads.store(threads, Relaxed);
        // Where a job panicked, some may have been waiting.
        self.arrived.0.store(0, Relaxed);
        self.panicked.store(false, Relaxed);
    }

    /// Says that a thread will not come.
    pub fn give_up(&self) {
        self.panicked.store(true, Relaxed);
    }

    /// Whether one will not come.
    pub fn is_given_up(&self) -> bool {
        self.panicked.load(Relaxed)
    }

    /// Who has not come to this meeting yet.
    fn missing(&self, meeting: usize) -> Shares {
        let reached = self.reached.iter().take(self.threads.load(Relaxed)).enumerate();
        let missing = reached.filter(|(_, reached)| reached.0.load(Relaxed) != meeting);
        missing.fold(0, |bits, (share, _)| bits | bit(share))
    }
}

/// A thread's way to the meetings of a job.
pub(crate) struct Barrier<'a> {
    meeting: &'a Meeting,
    share: usize,
    /// What long waits took so far, and whom the first of them was for.
    pub(super) waited: Cell<Duration>,
    pub(super) late: Cell<Shares>,
}

impl<'a> Barrier<'a> {
    /// For the thread that does this share.
    pub(super) fn new(meeting: &'a Meeting, share: usize) -> Self {
        Self { meeting, share, waited: Cell::default(), late: Cell::default() }
    }

    /// Returns when every thread of the job is here; what each wrote before,
    /// all see after.
    ///
    /// # Panics
    /// If another thread did: it would never come.
    pub fn wait(&self) {
        let all = self.meeting;
        let threads = all.threads.load(Relaxed);
        if threads == 1 {
            return;
        }
        let held = all.held.0.load(Relaxed);
        let next = held.wrapping_add(1);
        all.reached[self.share].0.store(next, Relaxed);
        // Each arrival sees what the ones before it wrote, and the last tells all.
        if all.arrived.0.fetch_add(1, Ordering::AcqRel) + 1 == threads {
            all.arrived.0.store(0, Relaxed);
            all.held.0.store(next, Ordering::Release);
            return;
        }
        let mut wait = Wait::default();
        while all.held.0.load(Ordering::Acquire) == held {
            assert!(!all.is_given_up(), "another thread of the team panicked");
            if wait.goes_on() && self.late.get() == 0 {
                self.late.set(all.missing(next));
            }
        }
        self.waited.set(self.waited.get() + wait.took());
    }
}
