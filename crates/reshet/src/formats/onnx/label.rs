//! Labels: the decision that a graph makes, with the value that it gives for each choice.

use std::{collections::HashSet, rc::Rc};

/// The decision for a sample, or for each of its outputs.
#[derive(Clone, PartialEq)]
pub struct Label {
    /// The link whose values decide.
    pub link: usize,
    pub rule: Rule,
    /// The value for each choice: one per class, or for no and yes, no first.
    pub says: Vec<Said>,
    /// The node that decides, for messages.
    pub node: Rc<str>,
}

/// How it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The first of the largest outputs.
    Largest,
    /// Whether the output is above the middle: 0.5 of Sigmoid, 0 of Tanh and of logits. `tie`:
    /// the middle itself counts as above. `several`: each output for itself.
    Above { tie: bool, several: bool },
}

/// The value for a choice.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Truth(bool),
    Number(f64),
    Word(String),
}

impl Said {
    /// Truths count as 0 and 1.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Truth(truth) => Some(u8::from(*truth).into()),
            Self::Number(number) => Some(*number),
            Self::Word(_) => None,
        }
    }

    pub fn text(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            // Without the sign of −0.
            other => (other.number().unwrap_or(f64::NAN) + 0.0).to_string(),
        }
    }

    pub fn is(&self, other: &Self) -> bool {
        match (self.number(), other.number()) {
            (Some(a), Some(b)) => a == b,
            _ => self == other,
        }
    }
}

impl Label {
    /// Whether all choices have different values.
    pub fn is_distinct(&self) -> bool {
        let texts: HashSet<String> = self.says.iter().map(Said::text).collect();
        texts.len() == self.says.len()
    }
}
