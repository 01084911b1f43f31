//! ONNX (<https://onnx.ai>): writes models, with the encoding of their inputs in the graph;
//! reads networks of other programs.

mod attributes;
mod constants;
mod decide;
mod dense;
mod encoding;
mod export;
mod fuse;
mod graph;
mod label;
mod links;
mod ours;
mod output;
mod proto;
mod read;
mod relabel;
mod shapes;
mod tensor;
mod value;
mod walk;

pub use export::{Exported, IR_VERSION, OPSET, Port, export};
pub(super) use read::read;
