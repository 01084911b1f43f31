//! What the fuzz targets read. The tests replay the committed corpus with the same functions:
//! `crates/reshet/tests/corpus.rs`.

pub mod readers;
pub mod shape;
