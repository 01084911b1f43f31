//! A network as plain data: a list of layers whose shapes fit.
//!
//! It holds no parameters: those are in a [`Model`](crate::Model) or, while training, in an
//! engine. It is printed and saved as a short text: `784-100:relu-1:sigmoid`.

mod text;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use text::did_you_mean;

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

/// A network: layers in order, each layer's output the next layer's input.
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
/// Returns a `Result`: shapes are checked.
#[macro_export]
macro_rules! sequential {
    ($($layer:expr),* $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::{Activation::*, Layer::*};
        $crate::Sequential::new([$($crate::Layer::from($layer)),*])
    }};
}

/// More parameters than this (8 GB) are taken for a typing error.
const MOST_PARAMETERS: usize = 1 << 31;

impl Sequential {
    /// Creates a network, and checks that each layer's inputs are the outputs of the layer
    /// before.
    ///
    /// # Errors
    /// Names the two layers that do not fit, or the layer with an impossible setting.
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

    /// Returns the layers, in order.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// Returns the number of inputs: values per sample.
    pub fn inputs(&self) -> usize {
        self.linears().next().map_or(0, |(inputs, _)| inputs)
    }

    /// Returns the number of outputs per sample.
    pub fn outputs(&self) -> usize {
        self.linears().last().map_or(0, |(_, outputs)| outputs)
    }

    /// Returns the number of weights and biases.
    pub fn parameters(&self) -> usize {
        self.linears().map(|(inputs, outputs)| (inputs + 1) * outputs).sum()
    }

    /// Iterates over (inputs, outputs) of the Linear layers.
    pub fn linears(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.layers.iter().filter_map(|layer| match *layer {
            Layer::Linear(inputs, outputs) => Some((inputs, outputs)),
            _ => None,
        })
    }

    /// Returns the activation of the last layer, or Identity.
    pub fn output_activation(&self) -> Activation {
        match self.layers.last() {
            Some(Layer::Activation(activation)) => *activation,
            _ => Activation::Identity,
        }
    }

    /// Writes a table of the layers, their output shapes and parameters, as Keras does.
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
        text +=
            &format!(" Total: {} parameters ({} bytes)\n", thousands(total), thousands(4 * total));
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

impl fmt::Display for Layer {
    /// With PyTorch's names: `Linear(784 → 100)`, `ReLU`, `LeakyReLU(0.01)`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Linear(inputs, outputs) => write!(f, "Linear({inputs} → {outputs})"),
            Self::Activation(activation) => write!(f, "{activation:?}"),
            Self::Dropout(p) => write!(f, "Dropout({p})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_is_a_table() {
        let network: Sequential = "784-100:relu-1:sigmoid".parse().unwrap();
        let summary = network.summary();
        for part in ["Linear(784 → 100)", "[batch, 100]", "78,500", "Total: 78,601 parameters"] {
            assert!(summary.contains(part), "{summary}");
        }
    }
}
