//! Follows a graph from its input to its outputs.
//!
//! Each value is a constant, the network so far, a decision from it (a label), or not
//! understood. A node that is not understood matters only if an output needs it; then the
//! output is not understood either, so no node is left out. The network so far is a chain of
//! links. GELU and SiLU, which most programs write as several nodes, are recognised where two
//! branches meet.

use std::{collections::HashMap, rc::Rc};

use super::{
    attributes::{attribute, float, int, text, words},
    constants::constant,
    label::Label,
    links::{Links, Op},
    proto::{Graph, Node},
    tensor::Const,
    value::{NOT_SO, Value},
};
use crate::{Activation, formats::foreign::affine::Affine};

/// A graph, followed.
pub struct Walk {
    pub links: Links,
    pub values: HashMap<String, Value>,
    /// Links whose outputs a node gives names to.
    pub names: Vec<Names>,
    /// The number of all labels' texts.
    said: usize,
}

/// The names that a node gives to a link's outputs.
pub struct Names {
    pub link: usize,
    pub names: Vec<String>,
    pub node: Rc<str>,
}

/// The most label texts: a hostile file could repeat many of them.
const MOST_SAID: usize = 1 << 20;

impl Walk {
    /// `input`: name and a sample's shape.
    ///
    /// # Errors
    /// A node takes what no node before it gives; a constant is damaged.
    pub fn of(graph: &Graph, input: &str, dims: Option<Vec<usize>>) -> Result<Self, String> {
        let (values, names) = Default::default();
        let mut walk = Self { links: Links::new(dims), values, names, said: 0 };
        for tensor in &graph.initializer {
            let constant = Const::of(tensor).map_err(|e| format!("tensor {}: {e}", tensor.name))?;
            walk.values.insert(tensor.name.clone(), Value::Const(constant.into()));
        }
        walk.values.insert(input.into(), Value::Net(0));
        for (i, node) in graph.node.iter().enumerate() {
            let name =
                if node.name.is_empty() { String::new() } else { format!(" \"{}\"", node.name) };
            let at: Rc<str> =
                format!("node {} of {}, {}{name}", i + 1, graph.node.len(), node.op_type).into();
            let value = walk.node(node, &at).map_err(|e| format!("{at}: {e}"))?;
            // Of TopK the second output says where the largest are.
            let main = usize::from(node.op_type == "TopK");
            for (i, output) in node.output.iter().enumerate() {
                let value = match &value {
                    Value::Unknown(_) => value.clone(),
                    value if i == main => value.clone(),
                    _ => Value::Unknown(format!("{at}: its output \"{output}\"").into()),
                };
                walk.values.insert(output.clone(), value);
            }
        }
        Ok(walk)
    }

    fn node(&mut self, node: &Node, at: &Rc<str>) -> Result<Value, String> {
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in node.input.iter().filter(|name| !name.is_empty()) {
            inputs.push(self.values.get(name).cloned().ok_or_else(|| {
                format!(
                    "it takes \"{name}\", which no input and no node before it gives \
                     (the nodes run in a circle, or out of order)"
                )
            })?);
        }
        let computed_shape = node.op_type == "Reshape" && matches!(inputs[..], [Value::Net(_), _]);
        if let Some(Value::Unknown(why)) = inputs.iter().find(|v| matches!(v, Value::Unknown(_)))
            && !computed_shape
        {
            return Ok(Value::Unknown(why.clone()));
        }
        if !["", "ai.onnx", "ai.onnx.ml"].contains(&&*node.domain) {
            let what = format!("{at}: an operator of \"{}\", which is not known", node.domain);
            return Ok(Value::Unknown(what.into()));
        }
        let net = inputs.iter().any(|v| matches!(v, Value::Net(_)));
        let label = inputs.iter().find_map(|v| match v {
            Value::Label(label) => Some(label),
            _ => None,
        });
        let value = match label {
            Some(label) if net => {
                Err(format!("what is decided in {} goes on into the network", label.node))
            }
            Some(label) => label.after(node, &inputs).and_then(|label| self.label(label)),
            None if net => self.net(node, &inputs, at),
            None => constant(node, &inputs),
        };
        Ok(value.unwrap_or_else(|why| Value::Unknown(format!("{at}: {why}").into())))
    }

    fn label(&mut self, label: Label) -> Result<Value, String> {
        self.said += label.says.len();
        if self.said > MOST_SAID {
            return Err("too many labels".into());
        }
        Ok(Value::Label(label.into()))
    }

    /// A node that takes the network so far.
    fn net(&mut self, node: &Node, inputs: &[Value], at: &Rc<str>) -> Result<Value, String> {
        use Activation::*;
        let axis = int(node, "axis");
        let activation = |walk: &mut Self, f| match inputs {
            [Value::Net(x), ..] => Ok(walk.links.push(*x, Op::Activation(f), at)),
            _ => Err(NOT_SO.into()),
        };
        let in_rows = |a: Option<i64>| a.is_none_or(|a| a == 1 || a == -1);
        match (&*node.op_type, inputs) {
            ("Relu", _) => activation(self, ReLU),
            ("Sigmoid", _) => activation(self, Sigmoid),
            ("Tanh", _) => activation(self, Tanh),
            ("LeakyRelu", _) => activation(self, LeakyReLU(float(node, "alpha").unwrap_or(0.01))),
            ("Elu", _) => activation(self, ELU(float(node, "alpha").unwrap_or(1.0))),
            ("Softmax", [Value::Net(x)]) if in_rows(axis) && self.links.is_flat(*x) => {
                activation(self, Softmax)
            }
            ("Gelu", _) => match text(node, "approximate").as_deref() {
                None | Some("none") => activation(self, GELU),
                _ => Err("GELU approximated by tanh is not the exact one".into()),
            },
            ("Swish", _) if float(node, "alpha").is_none_or(|a| a == 1.0) => activation(self, SiLU),
            ("LogSoftmax", [Value::Net(x)]) if in_rows(axis) && self.links.is_flat(*x) => {
                Ok(self.links.push(*x, Op::LogSoftmax, at))
            }
            ("Exp", [Value::Net(x)]) if matches!(self.links.all[*x].op, Op::LogSoftmax) => {
                Ok(self.links.push(self.links.all[*x].before, Op::Activation(Softmax), at))
            }
            ("Erf", [Value::Net(x)]) => Ok(self.links.push(*x, Op::Erf { complement: false }, at)),
            ("Erfc", [Value::Net(x)]) => Ok(self.links.push(*x, Op::Erf { complement: true }, at)),
            ("Neg", [Value::Net(x)]) => {
                Ok(self.links.push(*x, Op::Affine(Affine::scalar(-1.0, 0.0)), at))
            }
            ("Identity", [Value::Net(x)]) => Ok(Value::Net(*x)),
            ("Dropout", [Value::Net(x), rest @ ..]) => {
                // With a ratio and a third input, which says that it trains.
                let trains = match rest {
                    [_, Value::Const(trains)] => trains.numbers() != [0.0],
                    [_, _] => true,
                    _ => false,
                };
                match trains {
                    true => Err("it is in training mode; export the network after eval()".into()),
                    false => Ok(Value::Net(*x)),
                }
            }
            ("Cast", [Value::Net(x)]) => match int(node, "to") {
                Some(1 | 10 | 11 | 16) => Ok(Value::Net(*x)),
                _ => Err("a cast that rounds".into()),
            },
            ("ZipMap", [Value::Net(x)]) => {
                let names = words(node, "classlabels_strings").or_else(|| {
                    let ints = &attribute(node, "classlabels_int64s")?.ints;
                    Some(ints.iter().map(i64::to_string).collect())
                });
                self.names.extend(names.map(|names| Names { link: *x, names, node: at.clone() }));
                Ok(Value::Net(*x))
            }
            ("Gemm", [Value::Net(x), Value::Const(w), rest @ ..]) => {
                self.links.gemm(node, *x, w, rest, at)
            }
            ("MatMul", [Value::Net(x), Value::Const(w)]) => {
                let op = Op::Linear { weight: w.clone(), by_output: false, alpha: 1.0, bias: None };
                self.links.linear(*x, op, at)
            }
            ("Add" | "Sub" | "Mul" | "Div", [a, b]) => {
                self.links.arithmetic(&node.op_type, a, b, at)
            }
            ("BatchNormalization", [Value::Net(x), rest @ ..]) => {
                self.links.normalize(node, *x, rest, at)
            }
            ("Scaler", [Value::Net(x)]) => {
                let list = |name| {
                    let floats = &attribute(node, name)?.floats;
                    Some(floats.iter().map(|x| f64::from(*x)).collect::<Vec<_>>())
                };
                let scale = list("scale").filter(|s| !s.is_empty()).unwrap_or(vec![1.0]);
                let offset = list("offset").filter(|s| !s.is_empty()).unwrap_or(vec![0.0]);
                let back = offset.iter().map(|o| -o).collect();
                let centred = Affine { scale: vec![1.0], shift: back };
                let affine = centred.then(&Affine { scale, shift: vec![0.0] });
                Ok(self.links.push(*x, Op::Affine(affine), at))
            }
            ("Flatten", [Value::Net(x)]) if axis.is_none_or(|a| a == 1) => {
                let flat = self.links.width(*x).map(|n| vec![n]);
                Ok(self.links.shaped(*x, flat, at))
            }
            ("Reshape", [Value::Net(x), shape]) => self.links.reshape(*x, shape, at),
            ("Transpose", [Value::Net(x)]) => {
                let order = attribute(node, "perm").map(|a| a.ints.clone()).unwrap_or_default();
                self.links.transposed(*x, &order, at)
            }
            ("Squeeze", [Value::Net(x), ..]) if self.links.width(*x) == Some(1) => {
                Ok(Value::Net(*x))
            }
            ("Concat", [Value::Net(no), Value::Net(yes)]) if in_rows(axis) => {
                self.links.no_and_yes(*no, *yes, at)
            }
            (
                "ArgMax" | "ArgMin" | "TopK" | "Greater" | "GreaterOrEqual" | "Less"
                | "LessOrEqual" | "Binarizer" | "Round",
                _,
            ) => {
                let label = self.links.decided(node, inputs, at)?;
                self.label(label)
            }
            ("Shape" | "Size", _) => Err("a shape that is computed".into()),
            _ => Err(NOT_SO.into()),
        }
    }
}
