//! A team of threads that spins briefly before it sleeps.
//!
//! A training step of a small network takes tens of microseconds and wakes the
//! team twice; waking a sleeping thread alone takes longer than that. So a
//! member that has nothing to do first watches a counter for a while, and only
//! then parks.

use std::{
    hint,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::*},
    },
    thread::{self, JoinHandle},
};

/// Looks before a member parks: some tens of microseconds.
const SPINS: u32 = 20_000;

/// A job as the members see it: a pointer to the leader's closure.
type Job<'a> = &'a (dyn Fn(usize) + Sync);

struct Shared {
    /// Counts jobs; a change is the signal to start.
    round: AtomicUsize,
    /// Points to the leader's `Job` while a round is on; null asks members to leave.
    job: AtomicPtr<()>,
    /// Members still at work in this round.
    busy: AtomicUsize,
    /// A member's job panicked.
    panicked: AtomicBool,
}

/// Runs the same closure on several threads at once.
pub(super) struct Team {
    shared: Arc<Shared>,
    members: Vec<JoinHandle<()>>,
}

impl Team {
    /// A team of `threads`, the caller among them.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            round: AtomicUsize::new(0),
            job: AtomicPtr::default(),
            busy: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
        });
        let members = (1..threads)
            .map_while(|number| {
                let shared = shared.clone();
                let name = format!("reshet-{number}");
                // A system that gives no more threads gives fewer: the bits are the same.
                thread::Builder::new().name(name).spawn(move || member(&shared, number)).ok()
            })
            .collect();
        Self { shared, members }
    }

    /// How many run, the caller included.
    pub fn threads(&self) -> usize {
        self.members.len() + 1
    }

    /// Runs `job(0)`, `job(1)`, … on the members, `job(0)` here, and waits for all.
    ///
    /// # Panics
    /// If the job does on any of them.
    pub fn run(&mut self, job: Job) {
        if self.members.is_empty() {
            return job(0);
        }
        let shared = &*self.shared;
        shared.job.store((&raw const job).cast_mut().cast(), Relaxed);
        shared.busy.store(self.members.len(), Relaxed);
        // Publishes both stores above.
        shared.round.fetch_add(1, Release);
        self.members.iter().for_each(|member| member.thread().unpark());
        let mine = catch_unwind(AssertUnwindSafe(|| job(0)));
        // The closure must outlive every member's use of it, panic or not.
        let mut spins = 0u32;
        while shared.busy.load(Acquire) > 0 {
            wait(&mut spins);
        }
        if let Err(panic) = mine {
            std::panic::resume_unwind(panic);
        }
        assert!(!shared.panicked.swap(false, Relaxed), "a worker thread panicked");
    }
}

fn wait(spins: &mut u32) {
    *spins = spins.saturating_add(1);
    // Yields when the one waited for may itself be waiting for this core.
    if *spins % 1024 == 0 { thread::yield_now() } else { hint::spin_loop() }
}

fn member(shared: &Shared, number: usize) {
    let mut seen = 0;
    loop {
        let mut spins = 0;
        while shared.round.load(Acquire) == seen {
            if spins < SPINS {
                wait(&mut spins);
            } else {
                thread::park();
            }
        }
        seen = seen.wrapping_add(1);
        let job = shared.job.load(Relaxed).cast::<Job>().cast_const();
        if job.is_null() {
            return;
        }
        // SAFETY: the leader keeps the closure alive until `busy` is 0.
        let job = unsafe { *job };
        if catch_unwind(AssertUnwindSafe(|| job(number))).is_err() {
            shared.panicked.store(true, Relaxed);
        }
        shared.busy.fetch_sub(1, Release);
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.job.store(std::ptr::null_mut(), Relaxed);
        self.shared.round.fetch_add(1, Release);
        for member in self.members.drain(..) {
            member.thread().unpark();
            let _ = member.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everyone_runs_once_a_round() {
        let mut team = Team::new(5);
        let counts: Vec<AtomicUsize> = (0..5).map(|_| AtomicUsize::new(0)).collect();
        for round in 1..=2000 {
            team.run(&|number| {
                counts[number].fetch_add(1, Relaxed);
            });
            assert!(counts.iter().all(|c| c.load(Relaxed) == round));
            if round == 1000 {
                thread::sleep(std::time::Duration::from_millis(20)); // all parked
            }
        }
    }

    #[test]
    fn a_panic_comes_back_and_the_team_lives_on() {
        let mut team = Team::new(3);
        for bad in 0..3 {
            let run = AssertUnwindSafe(|| team.run(&|number| assert_ne!(number, bad)));
            assert!(catch_unwind(run).is_err());
        }
        team.run(&|_| {});
    }
}
