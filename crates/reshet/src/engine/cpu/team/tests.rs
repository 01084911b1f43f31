use std::{
    sync::atomic::{AtomicUsize as Count, Ordering::SeqCst},
    thread,
};

use super::*;

/// All members, however long they take to wake.
fn everyone(team: &mut Team) -> Crew<'_> {
    loop {
        team.members.iter_mut().for_each(|member| member.pace = Pace::default());
        team.ask_all(Time::now());
        // Who is held stays awake.
        if team.crew.len() == team.members.len() {
            return Crew { team };
        }
        thread::sleep(Duration::from_micros(20));
    }
}

#[test]
fn every_share_is_done_once() {
    let mut team = Team::new(5);
    let counts: Vec<Count> = (0..5).map(|_| Count::new(0)).collect();
    for round in 1..=40 {
        everyone(&mut team).run(&|share, _| {
            counts[share].fetch_add(1, SeqCst);
        });
        assert!(counts.iter().all(|count| count.load(SeqCst) == round));
        if round == 20 {
            thread::sleep(Duration::from_millis(20)); // all asleep
        }
    }
}

#[test]
fn as_many_shares_as_threads_whoever_comes() {
    let mut team = Team::new(4);
    for round in 0..200 {
        let crew = team.gather(Duration::from_micros(round % 50));
        let threads = crew.threads();
        let done = Count::new(0);
        crew.run(&|share, barrier| {
            done.fetch_add(1 << (8 * share), SeqCst);
            barrier.wait();
            let want = 0x01_01_01_01 & (u64::MAX >> (64 - 8 * threads)) as usize;
            assert_eq!(done.load(SeqCst), want);
        });
        if round % 100 == 0 {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn nobody_passes_the_barrier_alone() {
    let mut team = Team::new(3);
    let counts: Vec<Count> = (0..20).map(|_| Count::new(0)).collect();
    for _ in 0..5 {
        counts.iter().for_each(|count| count.store(0, SeqCst));
        everyone(&mut team).run(&|_, barrier| {
            for count in &counts {
                count.fetch_add(1, SeqCst);
                barrier.wait();
                assert_eq!(count.load(SeqCst), 3);
            }
        });
    }
}

#[test]
fn a_panic_comes_back_and_the_team_lives_on() {
    let mut team = Team::new(3);
    for bad in 0..3 {
        for waits in [false, true] {
            let job = |share, barrier: &Barrier| {
                assert_ne!(share, bad);
                if waits {
                    barrier.wait();
                }
            };
            let crew = everyone(&mut team);
            assert!(catch_unwind(AssertUnwindSafe(|| crew.run(&job))).is_err());
        }
    }
    everyone(&mut team).run(&|_, barrier| barrier.wait());
}

#[test]
fn who_was_held_and_not_needed_can_sleep() {
    let mut team = Team::new(2);
    drop(everyone(&mut team));
    while team.shared.slots[0].0.load(Acquire) != ASLEEP {
        thread::yield_now();
    }
}

#[test]
fn who_is_late_is_left_out() {
    let mut team = Team::new(3);
    let crew = everyone(&mut team);
    crew.run(&|share, barrier| {
        if share == 2 {
            thread::sleep(Duration::from_millis(30));
        }
        barrier.wait();
    });
    // The other may be late too, on a busy machine; this one was.
    let now = Time::now();
    assert!(!team.members[1].pace.may_join(now));
    assert!(team.members[1].pace.may_join(now + Duration::from_secs(3600)));
}
