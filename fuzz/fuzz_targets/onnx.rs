#![no_main]
//! ONNX; what can be read is written and read again.

use libfuzzer_sys::fuzz_target;
use reshet::formats::{import::Import, onnx};

fuzz_target!(|bytes: &[u8]| {
    fuzz::with_file("net.onnx", bytes, |path| {
        if let Ok(imported) = Import::default().read(path) {
            let exported = onnx::export(&imported.model).expect("it was read");
            fuzz::with_file("again.onnx", &exported.bytes, |path| {
                let again = Import::default().read(path).expect("it was written");
                assert_eq!(again.model.parameters(), imported.model.parameters());
            });
        }
    });
});
