//! Data: features and targets in memory, readers of files, and batches.
//!
//! One module per format: [`idx`] (MNIST's), [`npy`] and [`npz`] (NumPy's), [`table`] (CSV),
//! pictures and folders of them. A [`DataLoader`] makes batches.

#[cfg(feature = "pictures")]
mod askew;
#[cfg(feature = "pictures")]
mod bmp;
#[cfg(feature = "download")]
mod cache;
mod classes;
#[cfg(feature = "classics")]
pub mod classics;
mod cores;
mod dataset;
#[cfg(feature = "download")]
pub mod download;
#[cfg(feature = "pictures")]
mod drawing;
pub mod fashion;
mod features;
#[cfg(feature = "pictures")]
pub mod folder;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(not(feature = "gzip"))]
#[path = "no_gzip.rs"]
mod gzip;
pub mod idx;
#[cfg(feature = "pictures")]
pub mod images;
mod inputs;
#[cfg(feature = "pictures")]
mod jpeg;
#[cfg(feature = "pictures")]
mod listing;
mod loader;
pub mod make;
pub mod memory;
pub mod mnist;
pub mod npy;
pub mod npz;
#[cfg(feature = "pictures")]
mod parts;
#[cfg(feature = "pictures")]
pub mod picture;
#[cfg(feature = "pictures")]
mod raster;
pub(crate) mod streamed;
pub mod table;
mod targets;
pub(crate) mod zip;

pub(crate) use cores::{SEE_FILES, side_by_side};
pub use dataset::Dataset;
pub(crate) use dataset::{Fingerprint, wrong_weights};
pub use features::{Features, Pictures, Storage};
pub use inputs::{BatchTargets, Chosen, Inputs};
pub(crate) use inputs::{Given, Numbers, Rows, Wanted};
pub use loader::{Batch, DataLoader};
pub use streamed::{Bounds, StreamedRows};
pub use table::Table;
pub use targets::Targets;
pub(crate) use targets::{are_probabilities, to_probabilities};

/// The number of values of a shape; None if the product of its sizes overflows, even without
/// the sizes that are 0.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    let most = shape.iter().try_fold(1usize, |n, size| n.checked_mul((*size).max(1)))?;
    Some(if shape.contains(&0) { 0 } else { most })
}
