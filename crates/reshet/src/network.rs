//! A network as plain data: a list of layers whose shapes fit.
//!
//! It holds no numbers: parameters live in a [`Model`](crate::Model) or, while
//! training, in an engine. It prints, compares, and is saved as a short text:
//! `784-100:relu-1:sigmoid`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Result, activation::Activation, error::Error};

/// One layer, as one module of PyTorch's `nn.Sequential`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layer {
    /// y = x Wᵀ + b: inputs, outputs. x is (batch, inputs), W (outputs, inputs).
    Linear(usize, usize),
    /// A function applied to each number.
    Activation(Activation),
    /// While training, each number is 0 with this probability p, and the
    /// others are divided by 1 − p (Srivastava et al. 2014). Else y = x.
    Dropout(f32),
}

impl From<Activation> for Layer {
    fn from(activation: Activation) -> Self {
        Self::Activation(activation)
    }
}

/// Layers, one after the other: each one's output is the next one's input.
///
/// ```
/// use reshet::prelude::*;
/// let network = sequential![Linear(784, 100), ReLU, Linear(100, 1), Sigmoid]?;
/// assert_eq!(network, "784-100:relu-1:sigmoid".parse()?);
/// assert_eq!(network.parameters(), 78_601);
///
/// let error = sequential![Linear(784, 100), ReLU, Linear(128, 10)].unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "layer 2, Linear(128 → 10), cannot follow layer 1, Linear(784 → 100): \
///      it takes 128 values and gets 100"
/// );
/// # Ok::<(), reshet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sequential {
    layers: Vec<Layer>,
}

/// Builds a [`Sequential`] from layers, as PyTorch's `nn.Sequential(…)`.
///
/// Gives a `Result`: shapes are checked.
#[macro_export]
macro_rules! sequential {
    ($($layer:expr),* $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::{Activation::*, Layer::*};
        $crate::Sequential::new([$($crate::Layer::from($layer)),*])
    }};
}

/// More parameters than this is taken for a slip of the keyboard (8 GB).
const MOST_PARAMETERS: usize = 1 << 31;

impl Sequential {
    /// Checks that each layer takes what the one before gives.
    ///
    /// # Errors
    /// Names both layers that do not fit, or the layer that makes no sense.
    pub fn new(layers: impl IntoIterator<Item = Layer>) -> Result<Self> {
        let layers: Vec<Layer> = layers.into_iter().collect();
        let mut before: Option<(usize, usize)> = None;
        let (mut number, mut parameters) = (0, 0usize);
        for layer in &layers {
            match *layer {
                Layer::Linear(inputs, outputs) => {
                    number += 1;
                    let this = format!("layer {number}, {layer}");
                    if inputs == 0 || outputs == 0 {
                        return Err(Error::invalid(format!(
                            "{this}: a layer needs at least one input and one output"
                        )));
                    }
                    if let Some((i, o)) = before.filter(|&(_, o)| o != inputs) {
                        return Err(Error::invalid(format!(
                            "{this}, cannot follow layer {}, {}: it takes {inputs} values and gets {o}",
                            number - 1,
                            Layer::Linear(i, o),
                        )));
                    }
                    before = Some((inputs, outputs));
                    parameters = inputs
                        .checked_add(1)
                        .and_then(|n| n.checked_mul(outputs))
                        .and_then(|n| n.checked_add(parameters))
                        .filter(|&n| n <= MOST_PARAMETERS)
                        .ok_or_else(|| {
                            Error::invalid(format!(
                                "{this}: more than {MOST_PARAMETERS} parameters; is a width mistyped?"
                            ))
                        })?;
                }
                Layer::Activation(Activation::LeakyReLU(x) | Activation::ELU(x))
                    if !x.is_finite() =>
                {
                    return Err(Error::invalid(format!("{layer}: {x} is not a finite number")));
                }
                Layer::Dropout(p) if !(0.0..1.0).contains(&p) => {
                    return Err(Error::invalid(format!(
                        "dropout({p}): the probability must be at least 0 and below 1"
                    )));
                }
                _ => {}
            }
        }
        if before.is_none() {
            return Err(Error::invalid("a network needs at least one Linear layer"));
        }
        Ok(Self { layers })
    }

    /// Reads `784-100:relu-1:sigmoid`: widths, each with what follows it. The
    /// leading input width may be left out when the first width has an
    /// activation (`100:relu-1:sigmoid`); then it is `inputs`.
    ///
    /// # Errors
    /// A word that is no activation (with a guess at what was meant), shapes
    /// that do not fit, a first width that is not `inputs`.
    pub fn parse(text: &str, inputs: Option<usize>) -> Result<Self> {
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
            let is_input = then.iter().all(|layer| matches!(layer, Layer::Dropout(_)));
            match (width, inputs) {
                (None, Some(n)) if is_input && n != outputs => {
                    return Err(wrong(
                        part,
                        format!("is the number of inputs, but the data has {n} values a sample"),
                    ));
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

    /// The layers, in order.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Values a sample has.
    pub fn inputs(&self) -> usize {
        self.linears().next().map_or(0, |(inputs, _)| inputs)
    }

    /// Values the network gives for a sample.
    pub fn outputs(&self) -> usize {
        self.linears().last().map_or(0, |(_, outputs)| outputs)
    }

    /// Number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.linears().map(|(inputs, outputs)| (inputs + 1) * outputs).sum()
    }

    /// (inputs, outputs) of each Linear layer.
    pub fn linears(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.layers.iter().filter_map(|layer| match *layer {
            Layer::Linear(inputs, outputs) => Some((inputs, outputs)),
            _ => None,
        })
    }

    /// The activation at the very end, or Identity.
    pub fn output_activation(&self) -> Activation {
        match self.layers.last() {
            Some(Layer::Activation(activation)) => *activation,
            _ => Activation::Identity,
        }
    }

    /// A table of the layers, their output shapes and parameters, as Keras prints it.
    pub fn summary(&self) -> String {
        let mut rows = vec![["", "Layer", "Output shape", "Parameters"].map(String::from)];
        let mut width = self.inputs();
        for (i, layer) in self.layers.iter().enumerate() {
            let mut parameters = 0;
            if let Layer::Linear(inputs, outputs) = *layer {
                width = outputs;
                parameters = (inputs + 1) * outputs;
            }
            let shape = format!("[batch, {width}]");
            rows.push([i.to_string(), layer.to_string(), shape, thousands(parameters)]);
        }
        let column = |c: usize| rows.iter().map(|r| r[c].chars().count()).max().unwrap_or(0);
        let [a, b, c, d] = [column(0), column(1), column(2), column(3)];
        let line = |glyph: &str| glyph.repeat(a + b + c + d + 8) + "\n";
        let mut text = String::new();
        for (i, [number, layer, shape, parameters]) in rows.iter().enumerate() {
            text += &format!(" {number:>a$}  {layer:b$}  {shape:c$}  {parameters:>d$}\n");
            if i == 0 {
                text += &line("─");
            }
        }
        let total = self.parameters();
        text += &line("─");
        text += &format!(
            " Total: {} parameters ({:.1} kB)\n",
            thousands(total),
            total as f64 * 4.0 / 1000.0
        );
        text
    }
}

/// 78601 → `78,601`.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// As [`Layer`]'s lower-case names, with what takes a number and its default.
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
        return Err(format!("is no layer{}", did_you_mean(name, &known)));
    };
    if !takes_number && word.contains('(') {
        return Err("takes no number".into());
    }
    let Some(number) = number else {
        return if word.contains('(') { Err("lacks its )".into()) } else { Ok(*layer) };
    };
    let number: f32 =
        number.trim().parse().map_err(|_| format!("wants a number, as {name}(0.2)"))?;
    Ok(match layer {
        Layer::Dropout(_) => Layer::Dropout(number),
        Layer::Activation(Activation::ELU(_)) => Activation::ELU(number).into(),
        _ => Activation::LeakyReLU(number).into(),
    })
}

/// `; did you mean "relu"? (relu, tanh, …)`: the nearest known word, if one is near.
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

impl fmt::Display for Layer {
    /// As in PyTorch's names: `Linear(784 → 100)`, `ReLU`, `LeakyReLU(0.01)`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Linear(inputs, outputs) => write!(f, "Linear({inputs} → {outputs})"),
            Self::Activation(activation) => write!(f, "{activation:?}"),
            Self::Dropout(p) => write!(f, "Dropout({p})"),
        }
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
            let same =
                |known: &Layer| std::mem::discriminant(known) == std::mem::discriminant(layer);
            let name = NAMES.iter().find(|(_, known, _)| match (known, layer) {
                (Layer::Activation(a), Layer::Activation(b)) => {
                    std::mem::discriminant(a) == std::mem::discriminant(b)
                }
                _ => same(known),
            });
            write!(f, ":{}", name.map_or("", |(name, ..)| name))?;
            match layer {
                Layer::Activation(Activation::LeakyReLU(x) | Activation::ELU(x))
                | Layer::Dropout(x) => write!(f, "({x})")?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl FromStr for Sequential {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text, None)
    }
}

impl TryFrom<String> for Sequential {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Sequential> for String {
    fn from(network: Sequential) -> Self {
        network.to_string()
    }
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
            ("784-100:banana-1", None, "\"banana\" is no layer (known: relu"),
            ("784-x-1", None, "\"x\" is not a width"),
            ("784--1", None, "\"\" is not a width"),
            ("", None, "is not a width"),
            ("780-10", Some(784), "\"780\" is the number of inputs, but the data has 784"),
            ("100:relu-1", None, "the number of inputs is missing"),
            ("784-0-1", None, "layer 1, Linear(784 → 0): a layer needs"),
            ("784", None, "at least one Linear"),
            ("784-100:relu(3)-1", None, "takes no number"),
            ("784-100:dropout(1)-1", None, "below 1"),
            ("784-100:dropout(nan)-1", None, "below 1"),
            ("784-100:elu(inf)-1", None, "not a finite number"),
            ("784-100:elu(2-1", None, "lacks its )"),
            ("784-100:elu(a)-1", None, "wants a number"),
            ("99999999999-99999999999-1", None, "mistyped"),
            ("18446744073709551615-2", None, "mistyped"),
        ] {
            let error = Sequential::parse(text, inputs).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn summary_is_a_table() {
        let network: Sequential = "784-100:relu-1:sigmoid".parse().unwrap();
        let summary = network.summary();
        for part in ["Linear(784 → 100)", "[batch, 100]", "78,500", "Total: 78,601 parameters"] {
            assert!(summary.contains(part), "{summary}");
        }
    }
}
