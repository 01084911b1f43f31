//! The digits are, byte for byte, those of the original files.

use reshet_mnist::*;
use sha2::{Digest, Sha256};

/// The SHA-256 of an IDX file of bytes: magic number and dimensions, big-endian, then the data.
fn idx_hash(dimensions: &[usize], data: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update([0, 0, 8, dimensions.len() as u8]);
    for &dimension in dimensions {
        hash.update((dimension as u32).to_be_bytes());
    }
    hash.update(data);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn train_images_are_the_original() {
    assert_eq!(
        idx_hash(&[TRAIN, ROWS, COLUMNS], &train_images()),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    );
}

#[test]
fn test_images_are_the_original() {
    assert_eq!(
        idx_hash(&[TEST, ROWS, COLUMNS], &test_images()),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    );
}

#[test]
fn train_labels_are_the_original() {
    assert_eq!(
        idx_hash(&[TRAIN], &train_labels()),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    );
}

#[test]
fn test_labels_are_the_original() {
    assert_eq!(
        idx_hash(&[TEST], &test_labels()),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    );
}

#[test]
fn the_data_fits_into_a_published_crate() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/data");
    let files = std::fs::read_dir(folder).unwrap();
    let size: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(size > 0 && size < 10_000_000, "{size} bytes");
}
