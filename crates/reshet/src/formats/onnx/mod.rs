//! ONNX (<https://onnx.ai>): models out, with all that is done to their inputs inside the
//! graph; networks of other programs in.

mod answer;
mod constants;
mod decide;
mod dense;
mod export;
mod fuse;
mod graph;
mod label;
mod ours;
mod proto;
mod read;
mod tensor;
mod walk;

pub use export::{Exported, IR_VERSION, OPSET, Port, export};
pub(super) use read::read;
