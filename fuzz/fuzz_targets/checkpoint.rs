#![no_main]
//! Checkpoints of trainings.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fuzz::with_file("checkpoint.safetensors", bytes, |path| {
        let _ = reshet::Checkpoint::load(path);
    });
});
