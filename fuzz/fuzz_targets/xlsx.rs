#![no_main]

libfuzzer_sys::fuzz_target!(
    // The reader of spreadsheets panics at some files, which is caught: not each is a crash.
    init: std::panic::set_hook(Box::new(|_| {})),
    |bytes: &[u8]| fuzz::readers::xlsx(bytes)
);
