#![no_main]
//! Tables, and what is made of them.

use libfuzzer_sys::fuzz_target;
use reshet::{Prepare, Table};

fuzz_target!(|bytes: &[u8]| {
    fuzz::with_file("rows.csv", bytes, |path| {
        if let Ok(table) = Table::read(path) {
            let _ = Prepare::new().of(table);
        }
    });
});
