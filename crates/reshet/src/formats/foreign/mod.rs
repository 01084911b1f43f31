//! Networks of other programs: the tensors and layers that their files hold, and how these become
//! a network of ours. The readers of each format build on this; [`import`](super::import) stands
//! above both.

pub mod affine;
pub mod chain;
pub mod layers;
pub mod network;
mod order;
pub mod pixels;
pub mod state_dict;
pub mod tensors;
