#![no_main]
//! Model files of ours, and safetensors of others.

use libfuzzer_sys::fuzz_target;
use reshet::formats::{import::Import, safetensors::from_bytes};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(model) = from_bytes(bytes) {
        let again = reshet::formats::safetensors::to_bytes(&model).expect("it was read");
        assert_eq!(from_bytes(&again).expect("it was written"), model);
    }
    fuzz::with_file("net.safetensors", bytes, |path| {
        let network = Some("4-5:relu-3:softmax".into());
        let _ = Import { network, ..Import::default() }.read(path);
    });
});
