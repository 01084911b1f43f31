//! What the team synchronises with: the standard library, or loom, which tries every order in
//! which threads can meet (`just loom`).

#[cfg(not(loom))]
pub use std::{
    hint::spin_loop,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, Ordering::*},
    },
    thread::{Builder, JoinHandle, park, sleep},
    time::Instant,
};

#[cfg(loom)]
pub use self::model::*;

#[cfg(loom)]
mod model {
    pub use loom::{
        sync::{
            Arc,
            atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, Ordering::*},
        },
        thread::{Builder, JoinHandle, park, yield_now as spin_loop},
    };
    use std::{sync::OnceLock, time::Duration};

    pub fn sleep(_: Duration) {
        spin_loop();
    }

    /// Time stands still: what happens may not depend on it.
    pub struct Instant;

    impl Instant {
        pub fn now() -> std::time::Instant {
            static NOW: OnceLock<std::time::Instant> = OnceLock::new();
            *NOW.get_or_init(std::time::Instant::now)
        }
    }
}

/// So many looks at a number that another thread will change; few for loom, to which they are
/// all the same, and for Miri, which is slow.
pub const fn looks(count: u32) -> u32 {
    if cfg!(loom) {
        1
    } else if cfg!(miri) {
        count / 500
    } else {
        count
    }
}
