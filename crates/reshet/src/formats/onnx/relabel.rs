//! Follows a label through the nodes behind it, which map each choice to another value.

use std::ops::RangeInclusive;

use super::{
    attributes::{attribute, int, words},
    label::{Label, Rule, Said},
    proto::Node,
    tensor::Const,
    value::Value,
};

impl Label {
    /// Applies a node whose other inputs are constants.
    ///
    /// # Errors
    /// The node does not just map each choice to another value.
    pub fn after(&self, node: &Node, inputs: &[Value]) -> Result<Self, String> {
        let (truth, number) = (Said::Truth, Said::Number);
        let one = |c: &Const| if c.len() == 1 { said(c).into_iter().next() } else { None };
        let several = matches!(self.rule, Rule::Above { several: true, .. });
        let done = match (&*node.op_type, inputs) {
            ("Identity", [_]) => Some(self.says.clone()),
            ("Reshape" | "Flatten" | "Squeeze" | "Unsqueeze", _) if !several => {
                let shape = inputs.iter().find_map(|v| match v {
                    Value::Const(c) => c.whole(),
                    _ => None,
                });
                let apart = |shape: Vec<i64>| shape.iter().all(|d| (-1..=1).contains(d));
                let apart = node.op_type != "Reshape" || shape.is_none_or(apart);
                apart.then(|| self.says.clone())
            }
            ("Cast", [_]) => int(node, "to").and_then(|to| self.each(|s| cast(s, to))),
            ("Not", [_]) => self.each(|s| Some(truth(s.number()? == 0.0))),
            ("Neg", [_]) => self.each(|s| Some(number(-s.number()?))),
            ("Where", [Value::Label(_), Value::Const(yes), Value::Const(no)]) => {
                let (yes, no) = (one(yes), one(no));
                self.each(|s| if s.number()? != 0.0 { yes.clone() } else { no.clone() })
            }
            ("Gather" | "ArrayFeatureExtractor", [Value::Const(table), Value::Label(_)])
                if table.dims.iter().copied().max() == Some(table.len())
                    && int(node, "axis").unwrap_or(0) == 0 =>
            {
                let table = said(table);
                self.each(|s| {
                    let place = s.number().filter(|n| n.fract() == 0.0)? as i64;
                    let place = if place < 0 { place + table.len() as i64 } else { place };
                    table.get(usize::try_from(place).ok()?).cloned()
                })
            }
            ("LabelEncoder", [_]) => self.encoded(node),
            (op, [Value::Label(_), Value::Const(c)]) => {
                one(c).and_then(|c| self.each(|s| combined(op, s, &c)))
            }
            (op, [Value::Const(c), Value::Label(_)]) => {
                one(c).and_then(|c| self.each(|s| combined(op, &c, s)))
            }
            _ => None,
        };
        let says = done.ok_or_else(|| {
            format!("it takes what is decided in {}, and that is not followed", self.node)
        })?;
        Ok(Self { says, ..self.clone() })
    }

    fn each(&self, f: impl Fn(&Said) -> Option<Said>) -> Option<Vec<Said>> {
        self.says.iter().map(f).collect()
    }

    fn encoded(&self, node: &Node) -> Option<Vec<Said>> {
        // The first version of the operator has one list, and its places.
        if let Some(classes) = words(node, "classes_strings") {
            return self.each(|s| match s {
                Said::Word(word) => {
                    Some(Said::Number(classes.iter().position(|c| c == word)? as f64))
                }
                other => classes.get(other.number()? as usize).cloned().map(Said::Word),
            });
        }
        let (keys, values) = (list(node, "keys")?, list(node, "values")?);
        let pairs = || keys.iter().zip(&values);
        self.each(|s| pairs().find(|(key, _)| key.is(s)).map(|(_, value)| value.clone()))
    }
}

/// The values of a constant, in order.
fn said(c: &Const) -> Vec<Said> {
    match c.names() {
        Some(words) if c.whole().is_none() => words.into_iter().map(Said::Word).collect(),
        _ => c.numbers().into_iter().map(Said::Number).collect(),
    }
}

/// A node's list of strings, whole numbers or floats, whichever it has.
fn list(node: &Node, name: &str) -> Option<Vec<Said>> {
    if let Some(words) = words(node, &format!("{name}_strings")) {
        return Some(words.into_iter().map(Said::Word).collect());
    }
    if let Some(tensor) = attribute(node, &format!("{name}_tensor")).and_then(|a| a.t.as_ref()) {
        return Some(said(&Const::of(tensor).ok()?));
    }
    if let Some(ints) = attribute(node, &format!("{name}_int64s")) {
        return Some(ints.ints.iter().map(|i| Said::Number(*i as f64)).collect());
    }
    let floats = &attribute(node, &format!("{name}_floats"))?.floats;
    Some(floats.iter().map(|x| Said::Number((*x).into())).collect())
}

/// ONNX's numbers of types: 9 truths, 8 strings, 1, 10, 11 and 16 floats, the others integers.
fn cast(said: &Said, to: i64) -> Option<Said> {
    Some(match to {
        8 => Said::Word(said.text()),
        9 => Said::Truth(said.number()? != 0.0),
        1 | 10 | 11 | 16 => Said::Number(said.number()?),
        _ => {
            let whole = said.number()?.trunc();
            integers(to)?.contains(&whole).then_some(Said::Number(whole))?
        }
    })
}

/// The numbers of an integer type. What is beyond them wraps around, and not everywhere alike.
fn integers(of: i64) -> Option<RangeInclusive<f64>> {
    let bits = |n: i32| 2f64.powi(n);
    Some(match of {
        2 => 0.0..=255.0,
        3 => -128.0..=127.0,
        4 => 0.0..=65_535.0,
        5 => -32_768.0..=32_767.0,
        6 => -bits(31)..=bits(31) - 1.0,
        7 => -bits(53)..=bits(53),
        12 => 0.0..=bits(32) - 1.0,
        13 => 0.0..=bits(53),
        _ => return None,
    })
}

fn combined(op: &str, a: &Said, b: &Said) -> Option<Said> {
    if op == "Equal" {
        return Some(Said::Truth(a.is(b)));
    }
    let (a, b) = (a.number()?, b.number()?);
    Some(match op {
        "Add" => Said::Number(a + b),
        "Sub" => Said::Number(a - b),
        "Mul" => Said::Number(a * b),
        "Greater" => Said::Truth(a > b),
        "GreaterOrEqual" => Said::Truth(a >= b),
        "Less" => Said::Truth(a < b),
        "LessOrEqual" => Said::Truth(a <= b),
        "And" => Said::Truth(a != 0.0 && b != 0.0),
        "Or" => Said::Truth(a != 0.0 || b != 0.0),
        "Xor" => Said::Truth((a != 0.0) != (b != 0.0)),
        _ => return None,
    })
}
