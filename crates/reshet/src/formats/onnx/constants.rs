//! Constants: nodes with only constant inputs, and nodes' attributes.

use std::rc::Rc;

use super::{
    proto::{Attribute, Node},
    tensor::Const,
    walk::{NOT_SO, Step, Value},
};

/// A node that takes constants only.
pub fn constant(node: &Node, inputs: &[Value]) -> Step {
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

/// A node's attribute of this name.
pub fn attribute<'a>(node: &'a Node, name: &str) -> Option<&'a Attribute> {
    node.attribute.iter().find(|a| a.name == name)
}

/// A whole number among them.
pub fn int(node: &Node, name: &str) -> Option<i64> {
    attribute(node, name)?.i
}

/// A number.
pub fn float(node: &Node, name: &str) -> Option<f32> {
    attribute(node, name)?.f
}

/// A text.
pub fn text(node: &Node, name: &str) -> Option<String> {
    Some(String::from_utf8_lossy(attribute(node, name)?.s.as_ref()?).into_owned())
}

/// A list of texts.
pub fn words(node: &Node, name: &str) -> Option<Vec<String>> {
    let words = &attribute(node, name)?.strings;
    (!words.is_empty())
        .then(|| words.iter().map(|w| String::from_utf8_lossy(w).into_owned()).collect())
}
