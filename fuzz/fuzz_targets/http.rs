#![no_main]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGPIPE;

libfuzzer_sys::fuzz_target!(
    init: {
        // A Rust program ignores the signal of a client that went away; the fuzzer's own does not,
        // and would end by it.
        signal_hook::flag::register(SIGPIPE, Arc::new(AtomicBool::new(false))).expect("a handler");
    },
    |bytes: &[u8]| reshet_cli::fuzzed::http(bytes)
);
