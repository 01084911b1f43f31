//! Waiting for another thread: first by looking again and again, then asleep for moments.

use std::time::{Duration, Instant as Time};

use super::sync::{Instant, looks, sleep, spin_loop};

/// Looks, some 15 ns each, before a wait counts as long.
const LONG: u32 = looks(2_000);
/// Looks before the thread sleeps in between, so that the one waited for can have its core.
/// Giving the core up without sleeping would leave it to any other for a whole time slice.
const SLEEPY: u32 = looks(10_000);
const NAP: Duration = Duration::from_micros(50);

/// One wait.
#[derive(Default)]
pub(super) struct Wait {
    looks: u32,
    long_since: Option<Time>,
}

impl Wait {
    /// Passes the time between two looks. True once: when the wait has become long.
    pub fn goes_on(&mut self) -> bool {
        self.looks = self.looks.saturating_add(1);
        if self.looks > SLEEPY {
            sleep(NAP);
        } else {
            spin_loop();
        }
        let becomes_long = self.looks == LONG;
        if becomes_long {
            self.long_since = Some(Instant::now());
        }
        becomes_long
    }

    /// Passes the time, awake.
    pub fn stays_awake(&mut self) {
        self.looks = self.looks.saturating_add(1);
        spin_loop();
    }

    /// How many looks there were.
    pub fn looks(&self) -> u32 {
        self.looks
    }

    /// How long it took; short waits count as nothing.
    pub fn took(&self) -> Duration {
        self.long_since.map_or(Duration::ZERO, |since| Instant::now().duration_since(since))
    }
}
