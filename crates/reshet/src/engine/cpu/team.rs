//! A team of threads that spins briefly before it sleeps.
//!
//! A training step of a small network takes tens of microseconds; waking a
//! sleeping thread alone takes longer than that. So a member that has nothing
//! to do first watches a counter for a while, and only then parks. Inside a job
//! the threads meet at a [`Barrier`].

use std::{
    hint,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::*},
    },
    thread::{self, JoinHandle},
};

/// Looks before a member parks: some tenths of a millisecond.
const LOOKS: u32 = 20_000;

/// A job as the members see it: a pointer to the leader's closure.
type Job<'a> = &'a (dyn Fn(usize, &Barrier) + Sync);

#[derive(Default)]
struct Shared {
    /// Counts jobs; a change is the signal to start.
    round: AtomicUsize,
    /// Points to the leader's `Job` while a round is on; null asks members to leave.
    job: AtomicPtr<()>,
    /// Members still at work in this round.
    busy: Apart<AtomicUsize>,
    barrier: Barrier,
}

/// On cache lines of its own: who watches one counter does not slow down who
/// changes another.
#[repr(align(128))]
#[derive(Default)]
struct Apart<T>(T);

/// Where the threads of a job wait for each other.
#[derive(Default)]
pub(super) struct Barrier {
    threads: AtomicUsize,
    arrived: Apart<AtomicUsize>,
    generation: Apart<AtomicUsize>,
    /// A thread's job panicked: nobody may wait for it.
    panicked: AtomicBool,
}

impl Barrier {
    /// For a job that runs on one thread.
    pub fn alone() -> Self {
        Self { threads: AtomicUsize::new(1), ..Self::default() }
    }

    /// Returns when every thread of the team is here; what each wrote before,
    /// all see after.
    ///
    /// # Panics
    /// If another thread did: it would never come.
    pub fn wait(&self) {
        let generation = self.generation.0.load(Relaxed);
        if self.arrived.0.fetch_add(1, AcqRel) + 1 == self.threads.load(Relaxed) {
            self.arrived.0.store(0, Relaxed);
            self.generation.0.store(generation.wrapping_add(1), Release);
            return;
        }
        let mut looks = 0;
        while self.generation.0.load(Acquire) == generation {
            look_again(&mut looks);
            assert!(!self.panicked.load(Relaxed), "another thread of the team panicked");
        }
    }
}

/// Runs the same closure on several threads at once.
pub(super) struct Team {
    shared: Arc<Shared>,
    members: Vec<JoinHandle<()>>,
}

impl Team {
    /// A team of `threads`, the caller among them.
    pub fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let members: Vec<_> = (1..threads)
            .map_while(|number| {
                let shared = shared.clone();
                let name = format!("reshet-{number}");
                // A system that gives no more threads gives fewer: the bits are the same.
                thread::Builder::new().name(name).spawn(move || member(&shared, number)).ok()
            })
            .collect();
        shared.barrier.threads.store(members.len() + 1, Relaxed);
        Self { shared, members }
    }

    /// How many run, the caller included.
    pub fn threads(&self) -> usize {
        self.members.len() + 1
    }

    /// Runs `job` with the numbers from 0 up: 0 here, the others on the members;
    /// and waits for all. The job's threads can meet at the barrier it is given.
    ///
    /// # Panics
    /// If the job does on any of them.
    pub fn run(&mut self, job: Job) {
        if self.members.is_empty() {
            return job(0, &self.shared.barrier);
        }
        let shared = &*self.shared;
        shared.job.store((&raw const job).cast_mut().cast(), Relaxed);
        shared.busy.0.store(self.members.len(), Relaxed);
        // Publishes both stores above.
        shared.round.fetch_add(1, Release);
        self.members.iter().for_each(|member| member.thread().unpark());
        let mine = catch_unwind(AssertUnwindSafe(|| job(0, &shared.barrier)));
        if mine.is_err() {
            shared.barrier.panicked.store(true, Relaxed);
        }
        // The closure must outlive every member's use of it, panic or not.
        let mut looks = 0;
        while shared.busy.0.load(Acquire) > 0 {
            look_again(&mut looks);
        }
        if shared.barrier.panicked.swap(false, Relaxed) {
            shared.barrier.arrived.0.store(0, Relaxed);
            match mine {
                Err(panic) => std::panic::resume_unwind(panic),
                Ok(()) => panic!("a thread of the team panicked"),
            }
        }
    }
}

/// Between two looks at a counter.
fn look_again(looks: &mut u32) {
    *looks = looks.saturating_add(1);
    // The one waited for may itself be waiting for this core.
    if *looks % 1024 == 0 { thread::yield_now() } else { hint::spin_loop() }
}

fn member(shared: &Shared, number: usize) {
    let mut seen = 0;
    loop {
        let mut looks = 0;
        while shared.round.load(Acquire) == seen {
            if looks < LOOKS {
                look_again(&mut looks);
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
        if catch_unwind(AssertUnwindSafe(|| job(number, &shared.barrier))).is_err() {
            shared.barrier.panicked.store(true, Relaxed);
        }
        shared.busy.0.fetch_sub(1, Release);
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
            team.run(&|number, _| {
                counts[number].fetch_add(1, Relaxed);
            });
            assert!(counts.iter().all(|c| c.load(Relaxed) == round));
            if round == 1000 {
                thread::sleep(std::time::Duration::from_millis(20)); // all parked
            }
        }
    }

    #[test]
    fn nobody_passes_the_barrier_alone() {
        let mut team = Team::new(3);
        let counts: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        for _ in 0..200 {
            counts.iter().for_each(|count| count.store(0, Relaxed));
            team.run(&|_, barrier| {
                for count in &counts {
                    count.fetch_add(1, Relaxed);
                    barrier.wait();
                    assert_eq!(count.load(Relaxed), 3);
                }
            });
        }
    }

    #[test]
    fn a_panic_comes_back_and_the_team_lives_on() {
        let mut team = Team::new(3);
        for bad in 0..3 {
            for waits in [false, true] {
                let job = |number, barrier: &Barrier| {
                    assert_ne!(number, bad);
                    if waits {
                        barrier.wait();
                    }
                };
                assert!(catch_unwind(AssertUnwindSafe(|| team.run(&job))).is_err());
            }
        }
        team.run(&|_, barrier| barrier.wait());
    }
}
