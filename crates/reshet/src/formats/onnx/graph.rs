//! Builds a graph: nodes, constants, and unique names.

use std::collections::HashSet;

use prost::bytes::Bytes;

use super::proto::{
    Attribute, Dim, Graph, Node, Shape, Tensor, TensorType, Type, ValueInfo, holds, kind,
};

/// The batch's size, which stays open.
const BATCH: &str = "N";

#[derive(Default)]
pub struct Builder {
    pub graph: Graph,
    taken: HashSet<String>,
}

impl Builder {
    /// Returns this name, or a similar one that is not taken.
    pub fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_string();
        let mut n = 1;
        while name.is_empty() || !self.taken.insert(name.clone()) {
            n += 1;
            name = format!("{wanted}_{n}");
        }
        name
    }

    /// Adds an input [N, width] of this type; returns its name.
    pub fn input(&mut self, wanted: &str, of: i32, width: usize) -> String {
        let name = self.name(wanted);
        self.graph.input.push(value(&name, of, &[width]));
        name
    }

    /// Adds an output [N, …] of this type: renames a node's output.
    pub fn output(&mut self, name: &str, from: &str, of: i32, widths: &[usize]) {
        let node = self.plain("Identity", [from]);
        node.output = vec![name.into()];
        self.graph.output.push(value(name, of, widths));
    }

    fn plain<'n>(&mut self, op: &str, inputs: impl IntoIterator<Item = &'n str>) -> &mut Node {
        let name = self.name(op);
        let input = inputs.into_iter().map(String::from).collect();
        let node = Node {
            op_type: op.into(),
            output: vec![format!("{name}:0")],
            name,
            input,
            ..Node::default()
        };
        self.graph.node.push(node);
        let last = self.graph.node.len() - 1;
        &mut self.graph.node[last]
    }

    /// Adds a node; returns the name of its output.
    pub fn node<'n>(&mut self, op: &str, inputs: impl IntoIterator<Item = &'n str>) -> String {
        self.plain(op, inputs).output[0].clone()
    }

    /// Adds a node with integer attributes.
    pub fn node_with<'n>(
        &mut self,
        op: &str,
        inputs: impl IntoIterator<Item = &'n str>,
        ints: &[(&str, i64)],
    ) -> String {
        let attribute = |(name, i): &(&str, i64)| Attribute {
            name: name.to_string(),
            i: Some(*i),
            holds: holds::INT,
            ..Attribute::default()
        };
        let node = self.plain(op, inputs);
        node.attribute = ints.iter().map(attribute).collect();
        node.output[0].clone()
    }

    /// Adds a node with an `alpha`.
    pub fn node_alpha(&mut self, op: &str, input: &str, alpha: f32) -> String {
        let node = self.plain(op, [input]);
        node.attribute = vec![Attribute {
            name: "alpha".into(),
            f: Some(alpha),
            holds: holds::FLOAT,
            ..Attribute::default()
        }];
        node.output[0].clone()
    }

    /// Adds constant numbers.
    pub fn floats(&mut self, wanted: &str, dims: &[usize], values: &[f32]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.raw(wanted, kind::FLOAT, dims, bytes)
    }

    pub fn ints(&mut self, wanted: &str, values: &[i64]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.raw(wanted, kind::INT64, &[values.len()], bytes)
    }

    pub fn truths(&mut self, wanted: &str, values: &[bool]) -> String {
        let bytes: Vec<u8> = values.iter().map(|x| u8::from(*x)).collect();
        self.raw(wanted, kind::BOOL, &[values.len()], bytes)
    }

    pub fn words(&mut self, wanted: &str, values: &[impl AsRef<str>]) -> String {
        let word = |w: &str| Bytes::copy_from_slice(w.as_bytes());
        let string_data = values.iter().map(|w| word(w.as_ref())).collect();
        let tensor = Tensor { string_data, ..Tensor::default() };
        self.constant(wanted, kind::STRING, &[values.len()], tensor)
    }

    fn raw(&mut self, wanted: &str, of: i32, dims: &[usize], bytes: Vec<u8>) -> String {
        let tensor = Tensor { raw_data: Some(bytes.into()), ..Tensor::default() };
        self.constant(wanted, of, dims, tensor)
    }

    fn constant(&mut self, wanted: &str, of: i32, dims: &[usize], tensor: Tensor) -> String {
        let name = self.name(wanted);
        let dims = dims.iter().map(|d| *d as i64).collect();
        let tensor = Tensor { name: name.clone(), dims, data_type: of, ..tensor };
        self.graph.initializer.push(tensor);
        name
    }
}

fn value(name: &str, of: i32, widths: &[usize]) -> ValueInfo {
    let batch = Dim { name: Some(BATCH.into()), ..Dim::default() };
    let width = |w: &usize| Dim { value: Some(*w as i64), ..Dim::default() };
    let dim = std::iter::once(batch).chain(widths.iter().map(width)).collect();
    let tensor = TensorType { elem_type: of, shape: Some(Shape { dim }) };
    ValueInfo { name: name.into(), kind: Some(Type { tensor: Some(tensor) }) }
}
