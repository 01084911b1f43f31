//! Nodes' attributes, by name and type.

use super::proto::{Attribute, Node};

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
