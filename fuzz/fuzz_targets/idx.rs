#![no_main]
//! Files of MNIST's format, plain and gzipped.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    fuzz::with_file("train-images-idx3-ubyte", bytes, |path| {
        let _ = reshet::data::idx::read(path);
    });
});
