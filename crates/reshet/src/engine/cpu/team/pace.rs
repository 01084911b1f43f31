//! When to do without a member of the team.
//!
//! On a machine that is busy with something else a member may stand still for milliseconds in
//! the middle of its share, which takes microseconds; the others can but wait. That cannot be
//! foreseen, only kept rare: after such a wait the training goes on without the member for
//! sixteen times as long as was lost, after the next for 32, and so on. So what is lost is
//! at most a seventeenth of the time, and soon far less.

use std::time::{Duration, Instant};

/// Time without a member for the time it cost, the first time.
const REST: u32 = 16;
/// How often that doubles.
const DOUBLINGS: u32 = 6;
/// Longer is nobody left out, whatever it was that kept the whole program.
const LONGEST: Duration = Duration::from_secs(60);
/// What a member that was woken and not needed, or that came too late, counts as.
const IN_VAIN: Duration = Duration::from_micros(500);

/// What is known of a member's punctuality.
#[derive(Default)]
pub(super) struct Pace {
    /// Not asked before.
    rests_until: Option<Instant>,
    /// How long the last rest was, or is.
    rest: Duration,
    /// Rests without much good work in between.
    rests: u32,
    /// Has been woken, and not yet joined.
    called: bool,
}

impl Pace {
    /// Whether the member may be asked to join.
    pub fn may_join(&self, now: Instant) -> bool {
        self.rests_until.is_none_or(|until| until <= now)
    }

    /// The member sleeps and could be needed: whether to wake it.
    pub fn call(&mut self, now: Instant) -> bool {
        if self.called {
            // It has been woken before, and went back to sleep.
            self.called = false;
            self.fail(now, IN_VAIN);
        }
        self.called = self.may_join(now);
        self.called
    }

    /// The member takes part.
    pub fn join(&mut self) {
        self.called = false;
    }

    /// Waiting for the member took so much longer than doing without.
    pub fn fail(&mut self, now: Instant, lost: Duration) {
        self.rest = lost.min(LONGEST).saturating_mul(REST << self.rests).min(LONGEST);
        self.rests = (self.rests + 1).min(DOUBLINGS);
        self.rests_until = Some(now + self.rest);
    }

    /// The member did its share in time.
    pub fn succeed(&mut self, now: Instant) {
        if self.rests_until.is_some_and(|until| until + self.rest <= now) {
            *self = Self::default();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn rests_double_until_good_work_outlasts_them() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        for doubling in 0..12 {
            assert!(pace.may_join(now));
            pace.fail(now, MS);
            let rest = MS * (REST << doubling.min(DOUBLINGS));
            assert!(!pace.may_join(now + rest - Duration::from_nanos(1)));
            now += rest;
            // Some good work, but less than the rest was long.
            pace.succeed(now + rest / 2);
        }
        now += pace.rest;
        pace.succeed(now);
        pace.fail(now, MS);
        assert!(pace.may_join(now + REST * MS));
    }

    #[test]
    fn who_is_woken_in_vain_is_woken_rarely() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let woken = (0..1_000).filter(|i| pace.call(start + MS * *i)).count();
        assert!((2..12).contains(&woken), "{woken}");
        let mut pace = Pace::default();
        for i in 0..100 {
            assert!(pace.call(start + MS * i));
            pace.join();
        }
    }
}
