//! What a library without its features says to files that only they can read:
//! `cargo test -p reshet --no-default-features --test without`.

#![cfg(not(any(feature = "csv", feature = "gzip", feature = "onnx")))]

use std::{fmt::Debug, fs, path::PathBuf};

use reshet::{
    Table,
    data::{idx, npz::Npz},
    formats::import::Import,
};

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// The refusal names the file and the feature.
fn refuses<T: Debug>(answer: reshet::Result<T>, name: &str, feature: &str) {
    let error = answer.unwrap_err().to_string();
    assert!(error.contains(name) && error.contains(&format!("the feature `{feature}`")), "{error}");
}

#[test]
fn csv_is_refused() {
    let (_folder, path) = file("rows.csv", b"a,b\n1,2\n");
    refuses(Table::read(path), "rows.csv", "csv");
}

#[test]
fn gzip_is_refused() {
    let gzipped = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03";
    let (_folder, path) = file("train-labels-idx1-ubyte.gz", gzipped);
    refuses(idx::read(&path), "train-labels-idx1-ubyte.gz", "gzip");
    let (_folder, path) = file("rows.csv.gz", gzipped);
    // It lacks both; whoever turns on the one is told of the other.
    refuses(Table::read(path), "rows.csv.gz", "csv");
}

#[test]
fn stored_arrays_are_read_and_deflated_ones_refused() {
    let arrays = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/arrays");
    let stored = Npz::open(&arrays.join("stored.npz")).unwrap();
    assert!(stored.array("x").is_ok(), "{}", stored.list());
    let deflated = Npz::open(&arrays.join("keras.npz")).unwrap();
    let error = deflated.array("x_train").unwrap_err();
    assert!(error.contains("array x_train") && error.contains("the feature `gzip`"), "{error}");
}

#[test]
fn onnx_is_refused() {
    // Its first field is the version of the format.
    let (_folder, path) = file("net.onnx", &[8, 8, 0x12, 1, b'x']);
    refuses(Import::default().read(path), "net.onnx", "onnx");
}
