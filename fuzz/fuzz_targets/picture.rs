#![no_main]
//! Pictures: PNG, JPEG, BMP.

use libfuzzer_sys::fuzz_target;
use reshet::data::picture::Picture;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(picture) = Picture::decode(bytes) {
        let _ = picture.planes(3, 8, 8);
    }
});
