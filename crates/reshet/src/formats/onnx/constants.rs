//! Nodes with only constant inputs.

use std::rc::Rc;

use super::{
    attributes::{attribute, int},
    proto::Node,
    tensor::Const,
    value::{NOT_SO, Value},
};

/// A node that takes constants only.
pub fn constant(node: &Node, inputs: &[Value]) -> Result<Value, String> {
    let constants: Option<Vec<&Rc<Const>>> =
        inputs.iter().map(|v| if let Value::Const(c) = v { Some(c) } else { None }).collect();
    let constants = constants.ok_or(NOT_SO)?;
    let done = |c: Option<Const>| match c {
        Some(c) => Ok(Value::Const(c.into())),
        None => Err("it rearranges constants in a way that is not followed".into()),
    };
    match (&*node.op_type, &constants[..]) {
        ("Constant", []) => {
            if let Some(tensor) = attribute(node, "value").and_then(|a| a.t.as_ref()) {
                return done(Some(Const::of(tensor)?));
            }
            let ints = attribute(node, "value_ints").map(|a| a.ints.clone());
            done(ints.or(int(node, "value_int").map(|i| vec![i])).map(Const::ints))
        }
        ("Identity", [c]) => Ok(Value::Const((*c).clone())),
        ("Cast", [c]) if c.is_floats() && matches!(int(node, "to"), Some(1 | 11)) => {
            Ok(Value::Const((*c).clone()))
        }
        ("Transpose", [c]) => done(c.transposed(attribute(node, "perm").map(|a| a.ints.clone()))),
        ("Reshape", [c, shape]) => {
            let dims = shape.whole().and_then(|shape| {
                shape.iter().map(|d| usize::try_from(*d).ok()).collect::<Option<Vec<_>>>()
            });
            done(dims.and_then(|dims| c.reshaped(dims)))
        }
        ("Unsqueeze" | "Squeeze", [c, ..])
            if c.len() == c.dims.iter().copied().max().unwrap_or(1) =>
        {
            done(c.reshaped(vec![c.len()]))
        }
        _ => Err("constants that are computed in the graph are not followed".into()),
    }
}
