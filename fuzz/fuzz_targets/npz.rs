#![no_main]
//! Files of several arrays.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fuzz::with_file("data.npz", bytes, |path| {
        let _ = reshet::data::npz::read(path, None, true);
    });
});
