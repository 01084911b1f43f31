//! Reads a graph's decision from the network's outputs: one of several classes, or yes or no.
//!
//! A model decides for the first of the largest outputs, or for yes if the probability is above
//! 0.5. A graph with another decision is refused.

use std::rc::Rc;

use super::{
    attributes::{float, int},
    label::{Label, Rule, Said},
    links::{Link, Links, Op},
    proto::Node,
    value::{NOT_SO, Value},
};
use crate::{Activation, formats::foreign::affine::Affine};

impl Links {
    /// Reads the decision of a node.
    pub fn decided(&self, node: &Node, inputs: &[Value], at: &Rc<str>) -> Result<Label, String> {
        let axis = int(node, "axis");
        match (&*node.op_type, inputs) {
            ("ArgMax", [Value::Net(x)]) => {
                // By default it is 0: the samples.
                if axis != Some(1) && axis != Some(-1) {
                    return Err("it chooses among samples, not among outputs".into());
                }
                if int(node, "select_last_index").unwrap_or(0) != 0 {
                    return Err(
                        "of equal outputs it takes the last; a model takes the first".into()
                    );
                }
                self.largest(*x, at)
            }
            ("ArgMin", _) => Err(SMALLEST.into()),
            ("TopK", [Value::Net(x), rest @ ..]) => {
                let k = match rest {
                    [Value::Const(k)] => k.whole(),
                    _ => int(node, "k").map(|k| vec![k]),
                };
                if int(node, "largest").unwrap_or(1) != 1 {
                    return Err(SMALLEST.into());
                }
                if k.as_deref() != Some(&[1]) || !matches!(axis, None | Some(-1 | 1)) {
                    return Err("only the one largest output of each sample can be chosen".into());
                }
                self.largest(*x, at)
            }
            (op @ ("Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual"), [a, b]) => {
                let (x, c, op) = match (a, b) {
                    (Value::Net(x), Value::Const(c)) => (*x, c, op),
                    (Value::Const(c), Value::Net(x)) => (*x, c, turned(op)),
                    _ => return Err("two branches of the network are compared".into()),
                };
                let thresholds = c.numbers();
                match thresholds.first() {
                    Some(first) if thresholds.iter().all(|t| t == first) => {
                        self.above(x, op, *first, at)
                    }
                    _ => Err("it compares with several thresholds".into()),
                }
            }
            ("Binarizer", [Value::Net(x)]) => {
                let threshold = float(node, "threshold").unwrap_or(0.0);
                Ok(as_numbers(self.above(*x, "Greater", threshold.into(), at)?))
            }
            // 0.5 becomes 0, the even one.
            ("Round", [Value::Net(x)]) if self.is_probability(*x) => {
                Ok(as_numbers(self.above(*x, "Greater", 0.5, at)?))
            }
            _ => Err(NOT_SO.into()),
        }
    }

    /// 1 − p and p of Sigmoid's p, side by side.
    pub fn no_and_yes(&mut self, no: usize, yes: usize, at: &Rc<str>) -> Result<Value, String> {
        let of_yes = match &self.all[no] {
            Link { before, op: Op::Affine(a), .. } => {
                *before == yes && *a == Affine::scalar(-1.0, 1.0)
            }
            _ => false,
        };
        if !of_yes || !matches!(self.all[yes].op, Op::Activation(Activation::Sigmoid)) {
            return Err("two branches side by side".into());
        }
        let dims = self.width(yes).map(|n| vec![2 * n]);
        self.all.push(Link { before: yes, op: Op::NoAndYes, dims, node: at.clone() });
        Ok(Value::Net(self.all.len() - 1))
    }

    /// The places of the largest outputs.
    fn largest(&self, x: usize, at: &Rc<str>) -> Result<Label, String> {
        let (base, scale, _) = self.activated(x);
        let op = base.map(|base| &self.all[base].op);
        match op {
            None | Some(Op::Activation(Activation::Softmax) | Op::LogSoftmax) => {}
            Some(Op::NoAndYes) => {
                let yes = self.all[base.unwrap_or(x)].before;
                let label = as_numbers(self.above(yes, "Greater", 0.5, at)?);
                return match label.rule {
                    Rule::Above { several: false, .. } if scale > 0.0 => Ok(label),
                    _ => Err("it chooses among the answers to several questions".into()),
                };
            }
            Some(Op::Activation(other)) => {
                return Err(format!(
                    "it chooses among what {other} gives; a model chooses among what Softmax \
                     gives, or among logits"
                ));
            }
            Some(_) => return Err("it chooses among what is not a network's end".into()),
        }
        if base.is_some() && scale <= 0.0 {
            return Err(SMALLEST.into());
        }
        let link = base.unwrap_or(x);
        match self.all[link].dims.as_deref() {
            Some([1]) => Err("it chooses among one output: always the same".into()),
            Some([n]) if *n > MOST_CLASSES => Err(format!("it chooses among {n} outputs")),
            Some([n]) => {
                let says = (0..*n).map(|i| Said::Number(i as f64)).collect();
                Ok(Label { link, rule: Rule::Largest, says, node: at.clone() })
            }
            _ => Err("it is not known how many outputs it chooses among".into()),
        }
    }

    /// Whether outputs are above a threshold, or below: `op` compares them with it.
    fn above(&self, x: usize, op: &str, threshold: f64, at: &Rc<str>) -> Result<Label, String> {
        let (base, scale, shift) = self.activated(x);
        let (link, op, threshold, middle) = match base {
            None => (x, op, threshold, 0.0),
            Some(base) => {
                let middle = match self.all[base].op {
                    Op::Activation(Activation::Sigmoid) => 0.5,
                    Op::Activation(Activation::Tanh) => 0.0,
                    _ => {
                        let what = "it compares what is neither Sigmoid's nor Tanh's nor logits";
                        return Err(what.into());
                    }
                };
                let op = if scale < 0.0 { turned(op) } else { op };
                (base, op, (threshold - shift) / scale, middle)
            }
        };
        // NaN is not near either.
        let near = (threshold - middle).abs() < 1e-7;
        if !near {
            return Err(format!(
                "it decides at {}, a model at {middle}: they would not always agree",
                threshold as f32
            ));
        }
        let several = match self.width(link) {
            Some(n) => n > 1,
            None => return Err("it is not known how many outputs it compares".into()),
        };
        let (truth, tie) = match op {
            "Greater" => (true, false),
            "GreaterOrEqual" => (true, true),
            "Less" => (false, true),
            _ => (false, false),
        };
        let says = vec![Said::Truth(!truth), Said::Truth(truth)];
        Ok(Label { link, rule: Rule::Above { tie, several }, says, node: at.clone() })
    }

    /// Goes back over scalings by one number to the activation a that they follow: its link, s and
    /// t of s·a + t. None: logits come first, or a scaling by several numbers.
    fn activated(&self, mut x: usize) -> (Option<usize>, f64, f64) {
        let (mut scale, mut shift) = (1.0, 0.0);
        loop {
            let link = &self.all[x];
            match &link.op {
                Op::Nothing => {}
                Op::Affine(a) if a.scale.len() == 1 && a.shift.len() == 1 => {
                    (scale, shift) = (scale * a.scale[0], shift + scale * a.shift[0]);
                }
                Op::Linear { .. } | Op::Input | Op::Affine(_) => return (None, 1.0, 0.0),
                _ => return (Some(x), scale, shift),
            }
            x = link.before;
        }
    }

    fn is_probability(&self, x: usize) -> bool {
        match self.activated(x) {
            (Some(base), 1.0, 0.0) => {
                matches!(self.all[base].op, Op::Activation(Activation::Sigmoid))
            }
            _ => false,
        }
    }
}

/// The most outputs to choose among: a graph can claim any number.
const MOST_CLASSES: usize = 1 << 18;
const SMALLEST: &str = "it chooses the smallest output; a model chooses the largest";

/// A comparison with its sides exchanged.
fn turned(op: &str) -> &'static str {
    match op {
        "Greater" => "Less",
        "GreaterOrEqual" => "LessOrEqual",
        "Less" => "Greater",
        _ => "GreaterOrEqual",
    }
}

fn as_numbers(label: Label) -> Label {
    let number = |said: &Said| Said::Number(said.number().unwrap_or(0.0));
    Label { says: label.says.iter().map(number).collect(), ..label }
}
