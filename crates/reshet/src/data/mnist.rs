//! MNIST: 70,000 handwritten digits, 28 × 28 grey pixels each (LeCun, Cortes
//! and Burges, "The MNIST database of handwritten digits", 1998).

#[cfg(feature = "mnist")]
use super::{Dataset, Features, Storage, Targets};
#[cfg(feature = "mnist")]
use crate::{Result, huge};

/// Returns the 60,000 training digits, compiled into the program; ten classes.
#[cfg(feature = "mnist")]
pub fn train() -> Result<Dataset> {
    digits(reshet_mnist::train_images_into, reshet_mnist::train_labels())
}

/// Returns the 10,000 test digits, compiled into the program; ten classes.
#[cfg(feature = "mnist")]
pub fn test() -> Result<Dataset> {
    digits(reshet_mnist::test_images_into, reshet_mnist::test_labels())
}

#[cfg(feature = "mnist")]
fn digits(unpack: fn(&mut [u8]), labels: Vec<u8>) -> Result<Dataset> {
    let mut images = huge::zeros(labels.len() * SIDE * SIDE);
    unpack(&mut images);
    let features = Features::new(Storage::U8(images), &[1, 28, 28])?;
    let names = (0..10).map(|digit| digit.to_string()).collect();
    Dataset::new(features, Targets::classes(labels.into_iter().map(u32::from).collect(), names))
}

/// Width and height of an MNIST picture.
pub(super) const SIDE: usize = 28;
/// The place of MNIST's centre of mass, in pixels: its average over all digits.
pub(super) const CENTRE: f32 = 14.0;

/// Whether pixels of 28×28 are placed as MNIST's: a dark edge, the centre of
/// mass in the middle.
pub(super) fn is_placed(pixel: impl Fn(usize) -> f32) -> bool {
    let at_edge = |i: usize| i == 0 || i == SIDE - 1;
    let edge = |i: &usize| at_edge(i % SIDE) || at_edge(i / SIDE);
    let dark = (0..SIDE * SIDE).filter(edge).filter(|i| pixel(*i) == 0.0).count();
    if dark < 4 * (SIDE - 1) * 9 / 10 {
        return false;
    }
    let (mut x, mut y, mut mass) = (0.0, 0.0, 0.0);
    for i in 0..SIDE * SIDE {
        x += pixel(i) * (i % SIDE) as f32;
        y += pixel(i) * (i / SIDE) as f32;
        mass += pixel(i);
    }
    (x / mass - CENTRE).abs() < 1.0 && (y / mass - CENTRE).abs() < 1.0
}

/// Whether pictures are digits in MNIST's form: nearly all of the first ones are placed as
/// MNIST's. (MNIST: 100 in 100; Fashion-MNIST: 0.)
pub(super) fn are_like_it(bytes: &[u8], shape: &[usize]) -> bool {
    let first: Vec<&[u8]> = bytes.chunks_exact(SIDE * SIDE).take(100).collect();
    let placed = first.iter().filter(|p| is_placed(|i| f32::from(p[i]))).count();
    shape == [1, SIDE, SIDE] && placed * 10 >= first.len() * 9
}
