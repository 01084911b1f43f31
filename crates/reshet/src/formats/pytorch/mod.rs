//! PyTorch's files: `state_dict`s in, without running a file's code; models out, as a
//! `state_dict` and a script that builds the network around it.

mod pickle;
mod read;
mod script;
mod write;

pub(super) use read::read;
pub use script::script;
pub use write::state_dict;
