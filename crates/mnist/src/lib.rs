//! The MNIST handwritten digits: 60,000 to train on and 10,000 to test with, 28 × 28 pixels
//! each, packed into the crate itself. Nothing is downloaded and nothing is read from disk; only on WASI, as in a
//! browser's tab, the packed parts are files of their own, in `/digits`.
//!
//! ```
//! let images = reshet_mnist::test_images();
//! let labels = reshet_mnist::test_labels();
//! let pixels = reshet_mnist::ROWS * reshet_mnist::COLUMNS;
//! let (first, digit) = (&images[..pixels], labels[0]);
//! assert_eq!(digit, 7);
//! assert!(first.iter().any(|&pixel| pixel == 254));
//! ```
//!
//! Every call unpacks its data anew, the images on several cores; keep what it returns.
//!
//! # Source and licence of the data
//!
//! The MNIST database of handwritten digits, by Yann LeCun, Corinna Cortes and Christopher
//! J. C. Burges, is made available under the terms of the
//! [Creative Commons Attribution-Share Alike 3.0](https://creativecommons.org/licenses/by-sa/3.0/)
//! licence. The bytes are those of the original files, in the original order, without their
//! headers.

use std::{
    sync::{Mutex, PoisonError},
    thread,
};

mod packing;
mod parts;

use parts::{Part, part};

/// Rows of an image.
pub const ROWS: usize = 28;
/// Columns of an image.
pub const COLUMNS: usize = 28;
/// Number of training images.
pub const TRAIN: usize = 60_000;
/// Number of test images.
pub const TEST: usize = 10_000;

/// The training images in parts of 15,000 and the test images in parts of 5,000, each packed
/// on its own, so that several cores can share the unpacking.
const TRAIN_IMAGES: [Part; 4] = [
    part!("train-images-0"),
    part!("train-images-1"),
    part!("train-images-2"),
    part!("train-images-3"),
];
const TEST_IMAGES: [Part; 2] = [part!("test-images-0"), part!("test-images-1")];
const TRAIN_LABELS: Part = part!("train-labels");
const TEST_LABELS: Part = part!("test-labels");

/// The files in which the digits are packed, by their names: what a program for WASI finds in
/// `/digits`.
#[cfg(not(target_os = "wasi"))]
pub fn packed() -> Vec<(&'static str, &'static [u8])> {
    let labels = [TRAIN_LABELS, TEST_LABELS];
    TRAIN_IMAGES.iter().chain(&TEST_IMAGES).chain(&labels).map(Part::file).collect()
}

/// The training images: 60,000 × 28 × 28 pixels, row by row, 0 the paper and 255 the ink.
pub fn train_images() -> Vec<u8> {
    images(TRAIN_IMAGES, TRAIN * ROWS * COLUMNS)
}

/// [`train_images`] into memory of that length.
///
/// # Panics
/// If it is shorter or longer.
pub fn train_images_into(images: &mut [u8]) {
    assert_eq!(images.len(), TRAIN * ROWS * COLUMNS, "the length of the training images");
    unpack(TRAIN_IMAGES, images);
}

/// The digits, 0 to 9, that the 60,000 training images show.
pub fn train_labels() -> Vec<u8> {
    labels(TRAIN_LABELS, TRAIN)
}

/// The test images: 10,000 × 28 × 28 pixels, row by row, 0 the paper and 255 the ink.
pub fn test_images() -> Vec<u8> {
    images(TEST_IMAGES, TEST * ROWS * COLUMNS)
}

/// [`test_images`] into memory of that length.
///
/// # Panics
/// If it is shorter or longer.
pub fn test_images_into(images: &mut [u8]) {
    assert_eq!(images.len(), TEST * ROWS * COLUMNS, "the length of the test images");
    unpack(TEST_IMAGES, images);
}

/// The digits, 0 to 9, that the 10,000 test images show.
pub fn test_labels() -> Vec<u8> {
    labels(TEST_LABELS, TEST)
}

fn images<const N: usize>(parts: [Part; N], length: usize) -> Vec<u8> {
    let mut images = vec![0; length];
    unpack(parts, &mut images);
    images
}

fn labels(part: Part, count: usize) -> Vec<u8> {
    let labels = packing::inflate(&mut &part.packed()[..], count);
    assert_eq!(labels.len(), count, "{}", packing::DAMAGED);
    labels
}

/// Unpacks parts of equal size beside each other.
fn unpack<const N: usize>(parts: [Part; N], into: &mut [u8]) {
    let into = into.chunks_exact_mut(into.len() / parts.len());
    // Read by this thread: on WASI the others may see no files.
    let packed = parts.each_ref().map(Part::packed);
    let left = Mutex::new(packed.iter().zip(into));
    let take = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some((packed, into)) = take() {
            packing::unpack(packed, into);
        }
    };
    thread::scope(|scope| {
        for _ in 1..parts.len() {
            // Where no thread can be started, this one does all.
            if thread::Builder::new().spawn_scoped(scope, work).is_err() {
                break;
            }
        }
        work();
    });
}
