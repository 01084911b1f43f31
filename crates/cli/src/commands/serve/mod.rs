//! `reshet serve`: the local page, and what of the program a page is given.

mod host;
mod keeper;
#[cfg(not(target_os = "wasi"))]
mod local;
pub mod spec;

pub use host::Here;
#[cfg(not(target_os = "wasi"))]
pub use local::{Args, run};
