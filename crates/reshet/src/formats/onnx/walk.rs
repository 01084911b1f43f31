//! What a graph computes, followed from its input to its output.
//!
//! Each value is a constant, the network so far, what was decided from it (a label), or not
//! understood. A node that is not understood matters only if the output needs it. The network
//! so far is a chain of links; GELU and SiLU, which most programs write as several nodes, are
//! put together again where two branches of it meet.

use std::{collections::HashMap, rc::Rc};

use super::{
    constants::{attribute, constant, float, int, text, words},
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
    /// A class or an answer chosen from what this link gives.
    Label(usize),
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
    /// The classes' names, if a node says them.
    pub names: Option<Vec<String>>,
}

/// What a node becomes, or why it is not understood.
pub(super) type Step = Result<Value, String>;

impl Walk {
    /// `input`: name and a sample's shape.
    ///
    /// # Errors
    /// A node takes what no node before it gives; a constant is damaged.
    pub fn of(graph: &Graph, input: &str, dims: Option<Vec<usize>>) -> Result<Self, String> {
        let start = Link { before: 0, op: Op::Input, dims, node: "the input".into() };
        let mut walk = Self { links: vec![start], values: HashMap::new(), names: None };
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
            for output in &node.output {
                walk.values.insert(output.clone(), value.clone());
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
        let net = inputs.iter().any(|v| matches!(v, Value::Net(_)));
        if !net
            && let Some(Value::Label(link)) = inputs.iter().find(|v| matches!(v, Value::Label(_)))
        {
            self.note_names(node, &inputs);
            return Ok(Value::Label(*link));
        }
        let step = if net { self.net(node, &inputs, at) } else { constant(node, &inputs) };
        Ok(step.unwrap_or_else(|why| Value::Unknown(format!("{at}: {why}").into())))
    }

    /// Names that a label is looked up in.
    fn note_names(&mut self, node: &Node, inputs: &[Value]) {
        let table = match (&*node.op_type, inputs.first()) {
            ("ArrayFeatureExtractor" | "Gather", Some(Value::Const(c))) => c.names(),
            ("LabelEncoder", _) => words(node, "values_strings"),
            _ => None,
        };
        self.names = table.or(self.names.take());
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
            ("Softmax", _) if in_rows(axis) => activation(self, Softmax),
            ("Gelu", _) => match text(node, "approximate").as_deref() {
                None | Some("none") => activation(self, GELU),
                _ => Err("GELU approximated by tanh is not the exact one".into()),
            },
            ("Swish", _) if float(node, "alpha").is_none_or(|a| a == 1.0) => activation(self, SiLU),
            ("LogSoftmax", [Value::Net(x)]) if in_rows(axis) => {
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
            ("Identity" | "Dropout", [Value::Net(x), ..]) => Ok(Value::Net(*x)),
            ("Cast", [Value::Net(x)]) => match int(node, "to") {
                Some(1 | 10 | 11 | 16) => Ok(Value::Net(*x)),
                _ => Err("a cast that rounds".into()),
            },
            ("ZipMap", [Value::Net(x)]) => {
                let names = words(node, "classlabels_strings").or_else(|| {
                    let ints = &attribute(node, "classlabels_int64s")?.ints;
                    Some(ints.iter().map(i64::to_string).collect())
                });
                self.names = names.or(self.names.take());
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
            ("Squeeze", [Value::Net(x), ..]) if self.width(*x) == Some(1) => Ok(Value::Net(*x)),
            ("Concat", [Value::Net(no), Value::Net(yes)]) if in_rows(axis) => {
                match &self.links[*no] {
                    Link { before, op: Op::Affine(a), .. }
                        if before == yes && *a == Affine::scalar(-1.0, 1.0) =>
                    {
                        Ok(self.push(*yes, Op::NoAndYes, at))
                    }
                    _ => Err("two branches side by side".into()),
                }
            }
            (
                "ArgMax" | "TopK" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Round"
                | "Binarizer" | "Sign",
                _,
            ) => match inputs.iter().find(|v| matches!(v, Value::Net(_))) {
                Some(Value::Net(x)) => Ok(Value::Label(*x)),
                _ => Err(NOT_SO.into()),
            },
            ("Shape" | "Size", _) => Err("a shape that is computed".into()),
            _ => Err(NOT_SO.into()),
        }
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

    fn gemm(&mut self, node: &Node, x: usize, w: &Rc<Const>, rest: &[Value], at: &Rc<str>) -> Step {
        let number = |name| f64::from(float(node, name).unwrap_or(1.0));
        if int(node, "transA").unwrap_or(0) != 0 {
            return Err("transA".into());
        }
        let bias = match rest {
            [] => None,
            [Value::Const(b)] => Some((b.clone(), number("beta"))),
            _ => return Err(NOT_SO.into()),
        };
        let by_output = int(node, "transB").unwrap_or(0) != 0;
        self.linear(
            x,
            Op::Linear { weight: w.clone(), by_output, alpha: number("alpha"), bias },
            at,
        )
    }

    fn linear(&mut self, x: usize, op: Op, at: &Rc<str>) -> Step {
        let Op::Linear { weight, by_output, bias, .. } = &op else { return Err(NOT_SO.into()) };
        let [inputs, outputs] = match weight.dims[..] {
            [o, i] if *by_output => [i, o],
            [i, o] => [i, o],
            _ => {
                return Err(format!("its weights have the shape {:?}, not two sizes", weight.dims));
            }
        };
        if !weight.is_floats() || bias.as_ref().is_some_and(|(b, _)| !b.is_floats()) {
            return Err("its weights are not floats".into());
        }
        match &self.links[x].dims {
            Some(dims) if dims.len() != 1 => {
                return Err(format!("samples of shape {dims:?} come in without being flattened"));
            }
            Some(dims) if dims[0] != inputs => {
                return Err(format!("it takes {inputs} values and gets {}", dims[0]));
            }
            _ => {}
        }
        if bias.as_ref().is_some_and(|(b, _)| b.len() != outputs && b.len() != 1) {
            return Err(format!("its bias is not of {outputs} values"));
        }
        self.links.push(Link { before: x, op, dims: Some(vec![outputs]), node: at.clone() });
        Ok(Value::Net(self.links.len() - 1))
    }

    /// y = (x − mean) / √(var + ε) · scale + b
    fn normalize(&mut self, node: &Node, x: usize, rest: &[Value], at: &Rc<str>) -> Step {
        let [Value::Const(scale), Value::Const(b), Value::Const(mean), Value::Const(var)] = rest
        else {
            return Err(NOT_SO.into());
        };
        if int(node, "training_mode").unwrap_or(0) != 0 {
            return Err("it is in training mode; export the network after eval()".into());
        }
        if [b, mean, var].iter().any(|c| c.len() != scale.len()) {
            return Err("its parts are not of one length".into());
        }
        if self.links[x].dims.as_ref().is_some_and(|d| d[..] != [scale.len()]) {
            return Err("it normalizes something else than the values of a dense layer".into());
        }
        let epsilon = f64::from(float(node, "epsilon").unwrap_or(1e-5));
        let [scale, b, mean, var] = [scale, b, mean, var].map(|c| c.numbers());
        let affine = Affine::batch_norm(&scale, &b, &mean, &var, epsilon);
        Ok(self.push(x, Op::Affine(affine), at))
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
