#![no_main]
//! Arrays of NumPy.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(array) = reshet::data::npy::parse(bytes) {
        let _ = array.into_features(true);
    }
});
