//! What is known of each value in a graph.

use std::rc::Rc;

use super::{label::Label, tensor::Const};

/// What is known of a value.
#[derive(Clone)]
pub enum Value {
    Const(Rc<Const>),
    /// The network up to this link.
    Net(usize),
    /// A decision from the network's outputs.
    Label(Rc<Label>),
    /// Why it is not known.
    Unknown(Rc<str>),
}

/// Why a node is not understood, if there is nothing better to say.
pub const NOT_SO: &str = "it is not part of what a network of dense layers is made of";
