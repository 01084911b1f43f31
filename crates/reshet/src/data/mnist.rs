//! MNIST: 70,000 handwritten digits, 28 × 28 grey pixels each (LeCun, Cortes
//! and Burges, "The MNIST database of handwritten digits", 1998).

#[cfg(feature = "mnist")]
use super::{Dataset, Features, Storage, Targets};
#[cfg(feature = "mnist")]
use crate::Result;

/// The 60,000 training digits, from inside the program; ten classes.
#[cfg(feature = "mnist")]
pub fn train() -> Result<Dataset> {
    digits(reshet_mnist::train_images(), reshet_mnist::train_labels())
}

/// The 10,000 test digits, from inside the program; ten classes.
#[cfg(feature = "mnist")]
pub fn test() -> Result<Dataset> {
    digits(reshet_mnist::test_images(), reshet_mnist::test_labels())
}

#[cfg(feature = "mnist")]
fn digits(images: Vec<u8>, labels: Vec<u8>) -> Result<Dataset> {
    let features = Features::new(Storage::U8(images), &[1, 28, 28])?;
    let names = (0..10).map(|digit| digit.to_string()).collect();
    Dataset::new(features, Targets::classes(labels.into_iter().map(u32::from).collect(), names))
}
