//! The engine's team of threads, by itself: `just loom` tries every order in which its threads
//! can meet, `just sanitize` runs its tests with every access to memory checked.

#[path = "../../../crates/reshet/src/engine/cpu/team/mod.rs"]
mod team;

#[cfg(all(test, loom))]
mod tests {
    use loom::cell::UnsafeCell;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering::Relaxed},
        },
        time::Duration,
    };

    use super::team::{Barrier, Crew, Team};

    /// Numbers that threads write without more ado: loom says if two could meet at one.
    struct Numbers(Vec<UnsafeCell<usize>>);

    // SAFETY: loom watches each access.
    unsafe impl Sync for Numbers {}

    impl Numbers {
        fn new(count: usize) -> Self {
            Self((0..count).map(|_| UnsafeCell::new(0)).collect())
        }

        fn add(&self, at: usize, more: usize) {
            // SAFETY: loom watches.
            self.0[at].with_mut(|number| unsafe { *number += more });
        }

        fn get(&self, at: usize) -> usize {
            // SAFETY: loom watches.
            self.0[at].with(|number| unsafe { *number })
        }
    }

    /// Runs `f` in every order; some must have had all threads take part.
    fn explore(f: impl Fn() -> bool + Sync + Send + 'static) {
        let together = Arc::new(AtomicBool::new(false));
        let seen = together.clone();
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(move || {
            if f() {
                seen.store(true, Relaxed);
            }
        });
        assert!(together.load(Relaxed));
    }

    /// Those who will do the next job: both, where they come to meet.
    fn gather(team: &mut Team) -> Crew<'_> {
        for _ in 0..2 {
            if team.gather(Duration::ZERO).threads() == 2 {
                break;
            }
            loom::thread::yield_now();
        }
        team.gather(Duration::ZERO)
    }

    #[test]
    fn what_members_write_the_leader_sees() {
        explore(|| {
            let numbers = Numbers::new(2);
            let mut team = Team::new(2);
            let mut together = false;
            for _ in 0..2 {
                let crew = gather(&mut team);
                let threads = crew.threads();
                crew.run(&|share, _| numbers.add(share, 1));
                if threads == 1 {
                    numbers.add(1, 1);
                }
                together |= threads == 2;
            }
            assert_eq!((numbers.get(0), numbers.get(1)), (2, 2));
            together
        });
    }

    #[test]
    fn what_one_writes_before_the_barrier_all_see_after() {
        explore(|| {
            let (before, after) = (Numbers::new(2), Numbers::new(2));
            let mut team = Team::new(2);
            let crew = gather(&mut team);
            let threads = crew.threads();
            crew.run(&|share, barrier| {
                before.add(share, 1);
                barrier.wait();
                let all = (0..threads).map(|share| before.get(share)).sum();
                after.add(share, all);
                barrier.wait();
                before.add(threads - 1 - share, 1);
            });
            assert_eq!(after.get(0), threads);
            assert_eq!(before.get(0), 2);
            threads == 2
        });
    }

    #[test]
    fn a_panic_leaves_nobody_at_work() {
        for bad in 0..2 {
            explore(move || {
                let numbers = Numbers::new(2);
                let mut team = Team::new(2);
                let crew = gather(&mut team);
                let threads = crew.threads();
                let job = |share, barrier: &Barrier| {
                    numbers.add(share, 1);
                    if share == bad {
                        std::panic::resume_unwind(Box::new("as it should"));
                    }
                    barrier.wait();
                };
                let run = catch_unwind(AssertUnwindSafe(|| crew.run(&job)));
                assert_eq!(run.is_err(), threads > bad);
                numbers.add(0, 1);
                numbers.add(1, 1);
                threads == 2
            });
        }
    }

    #[test]
    fn a_team_ends_whatever_its_members_do() {
        explore(|| {
            let mut team = Team::new(2);
            gather(&mut team).threads() == 2
        });
    }
}
