//! Model files: one module per format.

mod foreign;
pub mod import;
mod metadata;
#[cfg(feature = "onnx")]
pub mod onnx;
#[cfg(not(feature = "onnx"))]
#[path = "no_onnx.rs"]
mod onnx;
pub mod probe;
pub mod pytorch;
pub mod safetensors;
pub(crate) mod saved_training;
pub mod source;

pub use crate::files::write_file;
