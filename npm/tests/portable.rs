//! The bits that the package gives, from the same calls on this processor: test/net.test.mjs
//! compares with the same file.

use reshet::{Device, Instructions, Model};
use reshet_npm::net::Net;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/test/portable.safetensors");

#[test]
fn portable_instructions_give_the_bits_that_the_package_has_to_give() {
    let device = Device::Cpu { threads: 1, instructions: Instructions::Portable };
    let settings =
        br#"{ "network": "2-8:relu-1:sigmoid", "optimizer": "adam", "lr": 0.05, "seed": 3 }"#;
    let mut net = Net::new(settings, device).unwrap();
    net.attach(vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0], vec![0.0, 1.0, 1.0, 0.0]).unwrap();
    for _ in 0..20 {
        net.epoch(3, true).unwrap();
    }
    let bytes = net.save().unwrap();
    if std::env::var_os("WRITE_BITS").is_some() {
        std::fs::write(KEPT, &bytes).unwrap();
    }
    assert!(bytes == std::fs::read(KEPT).unwrap(), "other bits: WRITE_BITS=1 writes them");
    assert_eq!(Model::load(KEPT).unwrap().network().to_string(), "2-8:relu-1:sigmoid");
}
