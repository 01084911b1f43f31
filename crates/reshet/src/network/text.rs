//! Reads and writes a network as a short text: `784-100:relu-1:sigmoid`.

use std::{fmt, str::FromStr};

use super::{Layer, Sequential};
use crate::{Result, activation::Activation, error::Error};

impl Sequential {
    /// Reads a network such as `784-100:relu-1:sigmoid`: widths, each with the activations and
    /// dropout that follow it. The input width may be left out if the first width has an
    /// activation (`100:relu-1:sigmoid`); then it is `inputs`.
    ///
    /// # Errors
    /// A word is not a layer (suggests a similar one), shapes do not fit, or the first width
    /// is not `inputs`.
    pub fn parse(text: &str, inputs: Option<usize>) -> Result<Self> {
        Self::read(text, inputs, false)
    }

    /// `whole`: as [`Display`](fmt::Display) writes it, the input width always first.
    fn read(text: &str, inputs: Option<usize>, whole: bool) -> Result<Self> {
        let wrong = |part: &str, why: String| {
            Error::invalid(format!("network \"{text}\": \"{part}\" {why}"))
        };
        let mut layers = Vec::new();
        let mut width = None;
        for part in split_outside_brackets(text, '-') {
            let mut words = split_outside_brackets(part, ':');
            let number = words.next().unwrap_or_default().trim();
            let outputs: usize = number.parse().map_err(|_| {
                let why = "is not a width; write for example 784-100:relu-1:sigmoid";
                wrong(number, why.into())
            })?;
            let then = words
                .map(|word| parse_layer(word.trim()).map_err(|why| wrong(word, why)))
                .collect::<Result<Vec<_>>>()?;
            let is_input = whole || then.iter().all(|layer| matches!(layer, Layer::Dropout(_)));
            match (width, inputs) {
                (None, Some(n)) if is_input && n != outputs => {
                    let mut why =
                        format!("is the number of inputs, but the data has {n} values a sample");
                    if part == text {
                        why += &format!("; one layer of {outputs} is \"{n}-{part}\"");
                    }
                    return Err(wrong(part, why));
                }
                (None, _) if is_input => {}
                (None, None) => {
                    let why = "comes first, so the number of inputs is missing before it";
                    return Err(wrong(part, why.into()));
                }
                (before, given) => {
                    layers.push(Layer::Linear(before.or(given).unwrap_or(0), outputs));
                }
            }
            layers.extend(then);
            width = Some(outputs);
        }
        Self::new(layers)
    }
}

impl fmt::Display for Sequential {
    /// The network string, as [`Sequential::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.inputs())?;
        for layer in &self.layers {
            if let Layer::Linear(_, outputs) = layer {
                write!(f, "-{outputs}")?;
                continue;
            }
            write!(f, ":")?;
            word(layer, f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Activation {
    /// As in a network string: `relu`, `leaky_relu(0.2)`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        word(&Layer::Activation(*self), f)
    }
}

/// A layer other than Linear.
fn word(layer: &Layer, f: &mut fmt::Formatter) -> fmt::Result {
    let same = |known: &Layer| std::mem::discriminant(known) == std::mem::discriminant(layer);
    let name = NAMES.iter().find(|(_, known, _)| match (known, layer) {
        (Layer::Activation(a), Layer::Activation(b)) => {
            std::mem::discriminant(a) == std::mem::discriminant(b)
        }
        _ => same(known),
    });
    f.write_str(name.map_or("", |(name, ..)| name))?;
    match layer {
        Layer::Activation(Activation::LeakyReLU(x) | Activation::ELU(x)) | Layer::Dropout(x) => {
            write!(f, "({x})")
        }
        _ => Ok(()),
    }
}

impl FromStr for Sequential {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text, None)
    }
}

/// Reads an activation as a network's text has it: `relu`, `leaky_relu(0.2)`.
impl FromStr for Activation {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match parse_layer(word.trim()) {
            Ok(Layer::Activation(activation)) => Ok(activation),
            Ok(_) => Err(Error::invalid(format!("\"{word}\" is not an activation"))),
            Err(why) => Err(Error::invalid(format!("activation: \"{word}\" {why}"))),
        }
    }
}

impl TryFrom<String> for Sequential {
    type Error = Error;

    /// Reads what `Display` wrote. Unlike text that people write, it may begin with an
    /// activation: `12:sigmoid-5` applies it to the 12 inputs first.
    fn try_from(text: String) -> Result<Self> {
        Self::read(&text, None, true)
    }
}

impl From<Sequential> for String {
    fn from(network: Sequential) -> Self {
        network.to_string()
    }
}

/// The layers' names in lower case, their defaults, and whether they take a number.
const NAMES: [(&str, Layer, bool); 10] = [
    ("relu", Layer::Activation(Activation::ReLU), false),
    ("leaky_relu", Layer::Activation(Activation::LeakyReLU(0.01)), true),
    ("sigmoid", Layer::Activation(Activation::Sigmoid), false),
    ("tanh", Layer::Activation(Activation::Tanh), false),
    ("softmax", Layer::Activation(Activation::Softmax), false),
    ("gelu", Layer::Activation(Activation::GELU), false),
    ("silu", Layer::Activation(Activation::SiLU), false),
    ("elu", Layer::Activation(Activation::ELU(1.0)), true),
    ("identity", Layer::Activation(Activation::Identity), false),
    ("dropout", Layer::Dropout(0.5), true),
];

fn parse_layer(word: &str) -> Result<Layer, String> {
    let (name, number) = match word.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix(')')),
        None => (word, None),
    };
    let Some((_, layer, takes_number)) = NAMES.iter().find(|(n, ..)| *n == name.to_lowercase())
    else {
        let known = NAMES.map(|(n, ..)| n);
        return Err(format!("is not a layer{}", did_you_mean(name, &known)));
    };
    if !takes_number && word.contains('(') {
        return Err("takes no number".into());
    }
    let Some(number) = number else {
        return if word.contains('(') { Err("lacks its )".into()) } else { Ok(*layer) };
    };
    let number: f32 =
        number.trim().parse().map_err(|_| format!("needs a number, as {name}(0.2)"))?;
    Ok(match layer {
        Layer::Dropout(_) => Layer::Dropout(number),
        Layer::Activation(Activation::ELU(_)) => Activation::ELU(number).into(),
        _ => Activation::LeakyReLU(number).into(),
    })
}

/// `; did you mean "relu"? (relu, tanh, …)`: suggests the nearest known word, if one is near.
pub fn did_you_mean(word: &str, known: &[&str]) -> String {
    let list = known.join(", ");
    let nearest = known
        .iter()
        .map(|k| (distance(&word.to_lowercase(), k), k))
        .min()
        .filter(|(d, k)| *d <= 1 + k.len() / 3);
    match nearest {
        Some((_, nearest)) => format!("; did you mean \"{nearest}\"? (known: {list})"),
        None => format!(" (known: {list})"),
    }
}

/// Levenshtein's distance: letters to insert, delete or exchange.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let exchange = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = exchange.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A negative or tiny slope has a `-` of its own: `leaky_relu(1e-3)`.
fn split_outside_brackets(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth <= 0 && c == separator
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in [
            "784-100:relu-1:sigmoid",
            "4-1",
            "20-30:relu:dropout(0.5)-12:leaky_relu(0.2)-4:softmax",
            "7:dropout(0.1)-5:relu:tanh-3:identity",
            "3-2:elu(1.5)-2:silu-2:gelu-1:tanh",
            "5-4:leaky_relu(-0.1)-1",
        ] {
            let network: Sequential = text.parse().unwrap();
            assert_eq!(network.to_string(), text);
        }
        // Found by fuzzing: what was written was not read.
        let squashed = Sequential::new([Activation::Sigmoid.into(), Layer::Linear(12, 5)]).unwrap();
        assert_eq!(Sequential::try_from(squashed.to_string()).unwrap(), squashed);
        let inferred = Sequential::parse("100:relu-1:sigmoid", Some(784)).unwrap();
        assert_eq!(inferred.to_string(), "784-100:relu-1:sigmoid");
        assert!("3-2:leakyrelu".parse::<Sequential>().is_err());
        assert_eq!("3-2:ReLU-1".parse::<Sequential>().unwrap().to_string(), "3-2:relu-1");
        assert_eq!(
            "3-2:leaky_relu-1".parse::<Sequential>().unwrap().to_string(),
            "3-2:leaky_relu(0.01)-1"
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (text, inputs, says) in [
            ("784-100:rellu-1", None, "did you mean \"relu\""),
            ("784-100:banana-1", None, "\"banana\" is not a layer (known: relu"),
            ("784-x-1", None, "\"x\" is not a width"),
            ("784--1", None, "\"\" is not a width"),
            ("", None, "is not a width"),
            ("780-10", Some(784), "\"780\" is the number of inputs, but the data has 784"),
            ("1", Some(10), "has 10 values a sample; one layer of 1 is \"10-1\""),
            ("100:relu-1", None, "the number of inputs is missing"),
            ("784-0-1", None, "layer 1, Linear(784 → 0): a layer needs"),
            ("784", None, "at least one Linear"),
            ("784-100:relu(3)-1", None, "takes no number"),
            ("784-100:dropout(1)-1", None, "below 1"),
            ("784-100:dropout(nan)-1", None, "below 1"),
            ("784-100:elu(inf)-1", None, "not a finite number"),
            ("784-100:elu(2-1", None, "lacks its )"),
            ("784-100:elu(a)-1", None, "needs a number"),
            ("99999999999-99999999999-1", None, "mistyped"),
            ("18446744073709551615-2", None, "mistyped"),
        ] {
            let error = Sequential::parse(text, inputs).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
