#![no_main]
//! Networks as text.

use libfuzzer_sys::fuzz_target;
use reshet::Sequential;

fuzz_target!(|text: &str| {
    if let Ok(network) = text.parse::<Sequential>() {
        let again: Sequential = network.to_string().parse().expect("it was printed");
        assert_eq!(again, network);
    }
});
