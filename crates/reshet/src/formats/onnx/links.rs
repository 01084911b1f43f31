//! The network that is found in a graph: a chain of links, with branches where nodes take a value
//! twice.

use std::rc::Rc;

use super::{tensor::Const, value::Value};
use crate::{Activation, formats::foreign::affine::Affine};

/// The links so far; each but the first has one before it.
pub struct Links {
    pub all: Vec<Link>,
    /// How many more values may be held one by one.
    left: usize,
}

/// The most values of samples that are held one by one, all in all: places that they move to,
/// numbers that they are scaled by. A small file can ask for any number of them.
const MOST_VALUES: usize = 3 << 20;

/// One operation of the network, behind another.
pub struct Link {
    pub before: usize,
    pub op: Op,
    /// A sample's shape behind it, if it is known.
    pub dims: Option<Vec<usize>>,
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

impl Links {
    /// The network's input: a sample of this shape.
    pub fn new(dims: Option<Vec<usize>>) -> Self {
        let input = Link { before: 0, op: Op::Input, dims, node: "the input".into() };
        Self { all: vec![input], left: MOST_VALUES }
    }

    /// Counts values that a link will hold one by one.
    ///
    /// # Errors
    /// They are more than a network of dense layers has.
    pub fn hold(&mut self, values: usize) -> Result<(), String> {
        let left = self.left.checked_sub(values).ok_or("too many values to be followed")?;
        self.left = left;
        Ok(())
    }

    /// The links from the input to this one.
    pub fn path(&self, end: usize) -> Vec<usize> {
        let mut path = vec![end];
        let mut at = end;
        while at != 0 {
            at = self.all[at].before;
            path.push(at);
        }
        path.reverse();
        path
    }

    /// Whether a sample is a list of values, as far as it is known.
    pub fn is_flat(&self, x: usize) -> bool {
        self.all[x].dims.as_ref().is_none_or(|dims| dims.len() == 1)
    }

    /// Adds a link that keeps the sample's shape.
    pub fn push(&mut self, before: usize, op: Op, at: &Rc<str>) -> Value {
        let dims = self.all[before].dims.clone();
        self.all.push(Link { before, op, dims, node: at.clone() });
        Value::Net(self.all.len() - 1)
    }

    /// Adds a link that does nothing but give samples another shape.
    pub fn shaped(&mut self, before: usize, dims: Option<Vec<usize>>, at: &Rc<str>) -> Value {
        self.all.push(Link { before, op: Op::Nothing, dims, node: at.clone() });
        Value::Net(self.all.len() - 1)
    }

    /// Values a sample has behind a link.
    pub fn width(&self, link: usize) -> Option<usize> {
        let dims = self.all[link].dims.as_ref()?;
        crate::data::count(dims)
    }
}
