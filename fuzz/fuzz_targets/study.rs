#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reshet_cli::fuzzed::study(bytes));
