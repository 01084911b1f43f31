//! PyTorch's files: reads `state_dict`s without running a file's code; writes models as a
//! `state_dict` and a script that builds the network.

mod pickle;
mod read;
mod script;
mod unpickle;
mod write;

pub(super) use read::read;
pub use script::script;
pub use write::state_dict;
