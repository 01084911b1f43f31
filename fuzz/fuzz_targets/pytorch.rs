#![no_main]
//! Files of torch.save, zip and legacy.

use libfuzzer_sys::fuzz_target;
use reshet::formats::import::Import;

fuzz_target!(|bytes: &[u8]| {
    fuzz::with_file("net.pt", bytes, |path| {
        for network in ["4-5:relu-3:softmax", "3-6:tanh-4:gelu-1:sigmoid"] {
            let _ = Import { network: Some(network.into()), ..Import::default() }.read(path);
        }
        let _ = Import::default().read(path);
    });
});
