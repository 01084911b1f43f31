//! Data: features and targets in memory, and how they are handed out.
//!
//! A file a format: [`idx`] (MNIST's), [`npy`] (NumPy's), [`table`] (CSV), pictures; a
//! [`DataLoader`] gives batches.

mod dataset;
#[cfg(feature = "download")]
pub mod download;
pub mod idx;
#[cfg(feature = "images")]
pub mod images;
mod loader;
pub mod memory;
pub mod mnist;
pub mod npy;
pub mod table;

pub use dataset::{Dataset, Features, Storage, Targets};
pub use loader::{Batch, DataLoader};
pub use table::Table;
