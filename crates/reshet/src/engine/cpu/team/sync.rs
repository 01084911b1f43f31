//! What the team synchronises with: the standard library, or loom, which tries every order in
//! which threads can meet (`just loom`).

#[cfg(all(not(loom), not(target_family = "wasm")))]
pub use std::hint::spin_loop;
#[cfg(not(loom))]
pub use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering, Ordering::*},
    },
    thread::{Builder, JoinHandle, park, sleep},
    time::Instant,
};

#[cfg(loom)]
pub use self::model::*;

/// Passes some nanoseconds: WebAssembly has no instruction for a pause.
#[cfg(all(not(loom), target_family = "wasm"))]
pub fn spin_loop() {
    std::sync::atomic::fence(Ordering::SeqCst);
}

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
/// all the same, and for Miri, which is slow. In WebAssembly they are shorter (4 ns in Chromium) and
/// a step is longer: who is woken in one step has to be awake still when the next begins.
pub const fn looks(count: u32) -> u32 {
    if cfg!(loom) {
        1
    } else if cfg!(miri) {
        count / 500
    } else if cfg!(target_family = "wasm") {
        12 * count
    } else {
        count
    }
}
