//! PyTorch's files: `state_dict`s in and out.

mod write;

pub use write::state_dict;
