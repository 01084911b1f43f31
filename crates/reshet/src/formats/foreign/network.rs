//! What the reader of a file hands on to the import.

use super::{chain::Chain, pixels::KnownInputs};
use crate::Model;

/// The contents of a file.
pub enum Found {
    /// A complete model of ours.
    Ours(Box<Model>),
    Foreign(Box<ForeignNetwork>),
}

/// A network of another program, and what its file tells about its meaning.
pub struct ForeignNetwork {
    pub chain: Chain,
    pub names: Option<Vec<String>>,
    pub shape: Option<Vec<usize>>,
    /// The decision that the file makes from its outputs.
    pub decision: Option<Decision>,
    /// The kind of file and the program that wrote it.
    pub origin: String,
    /// What was assumed, a line each.
    pub said: Vec<String>,
}

/// The decision that a file makes from a network's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// One of several classes.
    Class,
    /// Yes or no, of each output.
    #[cfg_attr(not(feature = "onnx"), expect(dead_code, reason = "only ONNX has it"))]
    YesNo,
}

/// What the user tells of a graph.
#[cfg_attr(not(feature = "onnx"), expect(dead_code, reason = "only ONNX has graphs"))]
pub struct GraphOptions<'a> {
    /// The output that is the prediction, if a graph has several.
    pub output: Option<&'a str>,
    /// Whether the decision counts that a graph makes from the network's outputs; else these
    /// outputs count themselves.
    pub decides: bool,
    /// A sample's shape.
    pub shape: Option<&'a [usize]>,
    pub inputs: KnownInputs,
}
