//! Follows a graph from its input to its outputs.
//!
//! Each value is a constant, the network so far, a decision from it (a label), or not
//! understood. A node that is not understood matters only if an output needs it; then the
//! output is not understood either, so no node is left out. The network so far is a chain of
//! links. GELU and SiLU, which most programs write as several nodes, are recognised where two
//! branches meet.

use std::{collections::HashMap, rc::Rc};

use super::{
    constants::{attribute, constant, float, int, text, words},
    label::Label,
    proto::{Graph, Node},
    tensor::Const,
};
use crate::{Activation, formats::chain::Affine};

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

/// A step of the network.
pub struct Link {
    pub before: usize,
    pub op: Op,
    /// A sample's shape behind it, if it is known.
    pub(super) dims: Option<Vec<usize>>,
    /// The node it came from, for messages.
    pub node: Rc<str>,
}

/// What a link does.
pub enum Op {
    Input,
    /// y = x W + b
    Linear {
        weight: Rc<Const>,
        by_output: bool,
        alpha: f64,
        bias: Option<(Rc<Const>, f64)>,
    },
    Affine(Affine),
    /// yᵢ = x at the i-th place in the list.
    Reorder(Rc<Vec<u32>>),
    Activation(Activation),
    /// Half of a GELU: erf(x), or 1 − erf(x).
    Erf {
        complement: bool,
    },
    LogSoftmax,
    /// 1 − p and p, side by side.
    NoAndYes,
    Nothing,
}

/// A graph, followed.
pub struct Walk {
    pub links: Vec<Link>,
    pub values: HashMap<String, Value>,
    /// Links whose outputs a node gives names to.
    pub names: Vec<Names>,
    /// The number of all labels' texts.
    said: usize,
    /// The number of all values that change their places.
    pub(super) moved: usize,
}

/// The names that a node gives to a link's outputs.
pub struct Names {
    pub link: usize,
    pub names: Vec<String>,
    pub node: Rc<str>,
}

/// The most label texts: a hostile file could repeat many of them.
const MOST_SAID: usize = 1 << 20;

/// What a node becomes, or why it is not understood.
pub(super) type Step = Result<Value, String>;

impl Walk {
    /// `input`: name and a sample's shape.
    ///
    /// # Errors
    /// A node takes what no node before it gives; a constant is damaged.
    pub fn of(graph: &Graph, input: &str, dims: Option<Vec<usize>>) -> Result<Self, String> {
        let start = Link { before: 0, op: Op::Input, dims, node: "the input".into() };
        let mut walk = Self {
            links: vec![start],
            values: HashMap::new(),
            names: Vec::new(),
            said: 0,
            moved: 0,
        };
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

    /// The links from the input to this one.
    pub fn path(&self, end: usize) -> Vec<usize> {
        let mut path = vec![end];
        let mut at = end;
        while at != 0 {
            at = self.links[at].before;
            path.push(at);
        }
        path.reverse();
        path
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
        let step = match label {
            Some(label) if net => {
                Err(format!("what is decided in {} goes on into the network", label.node))
            }
            Some(label) => label.after(node, &inputs).and_then(|label| self.label(label)),
            None if net => self.net(node, &inputs, at),
            None => constant(node, &inputs),
        };
        Ok(step.unwrap_or_else(|why| Value::Unknown(format!("{at}: {why}").into())))
    }

    fn label(&mut self, label: Label) -> Step {
        self.said += label.says.len();
        if self.said > MOST_SAID {
            return Err("too many labels".into());
        }
        Ok(Value::Label(label.into()))
    }

    /// A node that takes the network so far.
    fn net(&mut self, node: &Node, inputs: &[Value], at: &Rc<str>) -> Step {
        use Activation::*;
        let axis = int(node, "axis");
        let activation = |walk: &mut Self, f| match inputs {
            [Value::Net(x), ..] => Ok(walk.push(*x, Op::Activation(f), at)),
            _ => Err(NOT_SO.into()),
        };
        let in_rows = |a: Option<i64>| a.is_none_or(|a| a == 1 || a == -1);
        match (&*node.op_type, inputs) {
            ("Relu", _) => activation(self, ReLU),
            ("Sigmoid", _) => activation(self, Sigmoid),
            ("Tanh", _) => activation(self, Tanh),
            ("LeakyRelu", _) => activation(self, LeakyReLU(float(node, "alpha").unwrap_or(0.01))),
            ("Elu", _) => activation(self, ELU(float(node, "alpha").unwrap_or(1.0))),
            ("Softmax", [Value::Net(x)]) if in_rows(axis) && self.is_flat(*x) => {
                activation(self, Softmax)
            }
            ("Gelu", _) => match text(node, "approximate").as_deref() {
                None | Some("none") => activation(self, GELU),
                _ => Err("GELU approximated by tanh is not the exact one".into()),
            },
            ("Swish", _) if float(node, "alpha").is_none_or(|a| a == 1.0) => activation(self, SiLU),
            ("LogSoftmax", [Value::Net(x)]) if in_rows(axis) && self.is_flat(*x) => {
                Ok(self.push(*x, Op::LogSoftmax, at))
            }
            ("Exp", [Value::Net(x)]) if matches!(self.links[*x].op, Op::LogSoftmax) => {
                Ok(self.push(self.links[*x].before, Op::Activation(Softmax), at))
            }
            ("Erf", [Value::Net(x)]) => Ok(self.push(*x, Op::Erf { complement: false }, at)),
            ("Erfc", [Value::Net(x)]) => Ok(self.push(*x, Op::Erf { complement: true }, at)),
            ("Neg", [Value::Net(x)]) => {
                Ok(self.push(*x, Op::Affine(Affine::scalar(-1.0, 0.0)), at))
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
                self.gemm(node, *x, w, rest, at)
            }
            ("MatMul", [Value::Net(x), Value::Const(w)]) => {
                let op = Op::Linear { weight: w.clone(), by_output: false, alpha: 1.0, bias: None };
                self.linear(*x, op, at)
            }
            ("Add" | "Sub" | "Mul" | "Div", [a, b]) => self.arithmetic(&node.op_type, a, b, at),
            ("BatchNormalization", [Value::Net(x), rest @ ..]) => {
                self.normalize(node, *x, rest, at)
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
                Ok(self.push(*x, Op::Affine(affine), at))
            }
            ("Flatten", [Value::Net(x)]) if axis.is_none_or(|a| a == 1) => {
                let flat = self.width(*x).map(|n| vec![n]);
                Ok(self.shaped(*x, flat, at))
            }
            ("Reshape", [Value::Net(x), shape]) => self.reshape(*x, shape, at),
            ("Transpose", [Value::Net(x)]) => {
                let order = attribute(node, "perm").map(|a| a.ints.clone()).unwrap_or_default();
                self.transposed(*x, &order, at)
            }
            ("Squeeze", [Value::Net(x), ..]) if self.width(*x) == Some(1) => Ok(Value::Net(*x)),
            ("Concat", [Value::Net(no), Value::Net(yes)]) if in_rows(axis) => {
                self.no_and_yes(*no, *yes, at)
            }
            (
                "ArgMax" | "ArgMin" | "TopK" | "Greater" | "GreaterOrEqual" | "Less"
                | "LessOrEqual" | "Binarizer" | "Round",
                _,
            ) => {
                let label = self.decided(node, inputs, at)?;
                self.label(label)
            }
            ("Shape" | "Size", _) => Err("a shape that is computed".into()),
            _ => Err(NOT_SO.into()),
        }
    }

    /// 1 − p and p of Sigmoid's p, side by side.
    fn no_and_yes(&mut self, no: usize, yes: usize, at: &Rc<str>) -> Step {
        let of_yes = match &self.links[no] {
            Link { before, op: Op::Affine(a), .. } => {
                *before == yes && *a == Affine::scalar(-1.0, 1.0)
            }
            _ => false,
        };
        if !of_yes || !matches!(self.links[yes].op, Op::Activation(Activation::Sigmoid)) {
            return Err("two branches side by side".into());
        }
        let dims = self.width(yes).map(|n| vec![2 * n]);
        self.links.push(Link { before: yes, op: Op::NoAndYes, dims, node: at.clone() });
        Ok(Value::Net(self.links.len() - 1))
    }

    /// Whether a sample is a list of values, as far as it is known.
    fn is_flat(&self, x: usize) -> bool {
        self.links[x].dims.as_ref().is_none_or(|dims| dims.len() == 1)
    }

    pub(super) fn push(&mut self, before: usize, op: Op, at: &Rc<str>) -> Value {
        let dims = self.links[before].dims.clone();
        self.links.push(Link { before, op, dims, node: at.clone() });
        Value::Net(self.links.len() - 1)
    }

    fn shaped(&mut self, before: usize, dims: Option<Vec<usize>>, at: &Rc<str>) -> Value {
        self.links.push(Link { before, op: Op::Nothing, dims, node: at.clone() });
        Value::Net(self.links.len() - 1)
    }

    /// Values a sample has behind a link.
    pub fn width(&self, link: usize) -> Option<usize> {
        let dims = self.links[link].dims.as_ref()?;
        crate::data::count(dims)
    }

    fn reshape(&mut self, x: usize, shape: &Value, at: &Rc<str>) -> Step {
        let width = self.width(x);
        let Value::Const(shape) = shape else {
            // Computed from the batch's size: it can only be that.
            return Ok(self.shaped(x, width.map(|n| vec![n]), at));
        };
        let wrong = || Err("it does not keep samples apart".to_string());
        let Some(shape) = shape.whole() else { return wrong() };
        match (&shape[..], width) {
            ([-1], Some(1)) => Ok(Value::Net(x)),
            ([_, rest @ ..], _) if !rest.is_empty() => {
                let known = rest.iter().filter(|d| **d > 0).try_fold(1usize, |n, d| {
                    usize::try_from(*d).ok().and_then(|d| n.checked_mul(d))
                });
                let Some(known) = known.filter(|n| *n > 0) else { return wrong() };
                let open = rest.iter().filter(|d| **d <= 0).count();
                let Some(width) = width.or((open == 0).then_some(known)) else { return wrong() };
                if open > 1 || width % known != 0 || (open == 0 && width != known) {
                    return wrong();
                }
                let size = |d: &i64| if *d > 0 { *d as usize } else { width / known };
                let dims = rest.iter().map(size).collect();
                Ok(self.shaped(x, Some(dims), at))
            }
            _ => wrong(),
        }
    }
}

pub(super) const NOT_SO: &str = "it is not part of what a network of dense layers is made of";
