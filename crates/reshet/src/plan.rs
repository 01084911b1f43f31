//! A network and its loss, lowered to the fused layers that an engine runs.
//!
//! All parameters live in ONE flat buffer, in the order of PyTorch's
//! `state_dict`: for each Linear its weight, (out, in) row by row, then its
//! bias. A [`Plan`] says where each parameter is. Engines may use another layout inside;
//! buffers are always read and written in this order.
//!
//! ```text
//! Sequential  Linear(784,100)  ReLU  Linear(100,1)  Sigmoid   + BCELoss
//!                  └────fused────┘        │            │           │
//! Plan             Dense 784→100, ReLU   Dense 100→1   └────Head───┘
//! ```

use std::ops::Range;

use crate::{
    Features, Layer, Loss, Result, Sequential,
    activation::Activation,
    data::{Dataset, Given, Inputs, Targets, Wanted, memory},
    error::Error,
    init::Init,
    loss::Head,
};

/// Copies of the parameters that a training holds: the parameters, gradients, the optimiser's
/// state, a snapshot to fall back on, and the copy being written.
const COPIES: u64 = 8;
/// Fewer bytes than this are always free.
const WORTH_ASKING: u64 = 1 << 28;

/// A lowered network, which an engine runs: see the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Values per sample.
    pub inputs: usize,
    /// Outputs per sample.
    pub outputs: usize,
    /// Length of the flat parameter buffer.
    pub parameters: usize,
    pub(crate) layers: Vec<FusedLayer>,
    pub(crate) head: Head,
}

/// A layer, fused with the activation that follows it; its input is the output of the layer
/// before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FusedLayer {
    Dense(Dense),
    /// An activation that could not be fused: the second of two in a row.
    Activation(Activation),
    /// p, and the module's number, which keys the mask.
    Dropout(f32, usize),
}

/// y = f(x Wᵀ + b)
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dense {
    pub inputs: usize,
    pub outputs: usize,
    /// f
    pub activation: Activation,
    /// The number of the Linear in the Sequential, as in `2.weight`.
    pub module: usize,
    /// Where W starts in the flat buffer; b follows it.
    pub offset: usize,
}

impl Dense {
    pub fn weight(&self) -> Range<usize> {
        self.offset..self.offset + self.inputs * self.outputs
    }

    pub fn bias(&self) -> Range<usize> {
        let start = self.weight().end;
        start..start + self.outputs
    }
}

/// A parameter: its name in PyTorch's `state_dict`, its shape, and its place in the flat
/// buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `0.weight`, `0.bias`, `2.weight`, …
    pub name: String,
    /// (out, in) or (out)
    pub shape: Vec<usize>,
    /// Its part of the flat buffer.
    pub range: Range<usize>,
}

impl Plan {
    /// Lowers a network with its loss.
    ///
    /// # Errors
    /// The output activation does not go with the loss.
    pub fn new(network: &Sequential, loss: Loss) -> Result<Self> {
        let head = Head::new(loss, network.output_activation(), network.outputs())?;
        // An activation that the loss includes is no layer.
        let layers = match network.layers() {
            [before @ .., Layer::Activation(last)] if *last == head.output => before,
            layers => layers,
        };

        let (mut fused, mut offset) = (Vec::new(), 0);
        for (module, layer) in layers.iter().enumerate() {
            match *layer {
                Layer::Linear(inputs, outputs) => {
                    let activation = Activation::Identity;
                    fused.push(FusedLayer::Dense(Dense {
                        inputs,
                        outputs,
                        activation,
                        module,
                        offset,
                    }));
                    offset += (inputs + 1) * outputs;
                }
                Layer::Activation(Activation::Identity) | Layer::Dropout(0.0) => {}
                Layer::Activation(activation) => match fused.last_mut() {
                    Some(FusedLayer::Dense(dense)) if dense.activation == Activation::Identity => {
                        dense.activation = activation;
                    }
                    _ => fused.push(FusedLayer::Activation(activation)),
                },
                Layer::Dropout(p) => fused.push(FusedLayer::Dropout(p, module)),
            }
        }
        let (inputs, outputs) = (network.inputs(), network.outputs());
        Ok(Self { inputs, outputs, parameters: offset, layers: fused, head })
    }

    /// Returns the loss.
    pub fn loss(&self) -> &Loss {
        &self.head.loss
    }

    pub(crate) fn dense(&self) -> impl Iterator<Item = &Dense> {
        self.layers.iter().filter_map(|layer| match layer {
            FusedLayer::Dense(dense) => Some(dense),
            _ => None,
        })
    }

    /// Returns the named parameters, in the flat buffer's order.
    pub fn named_parameters(&self) -> Vec<Parameter> {
        let named = |dense: &Dense| {
            let Dense { inputs, outputs, module, .. } = *dense;
            [
                Parameter {
                    name: format!("{module}.weight"),
                    shape: vec![outputs, inputs],
                    range: dense.weight(),
                },
                Parameter {
                    name: format!("{module}.bias"),
                    shape: vec![outputs],
                    range: dense.bias(),
                },
            ]
        };
        self.dense().flat_map(named).collect()
    }

    /// Initialises parameters.
    pub fn init(&self, init: Init, seed: u64) -> Vec<f32> {
        let mut parameters = vec![0.0; self.parameters];
        for dense in self.dense() {
            let end = dense.bias().end;
            let (weights, biases) =
                parameters[dense.offset..end].split_at_mut(dense.inputs * dense.outputs);
            init.fill(dense.module, seed, weights, biases);
        }
        parameters
    }

    /// The name of the first parameter that is not finite.
    pub(crate) fn not_finite(&self, parameters: &[f32]) -> Option<String> {
        self.named_parameters()
            .into_iter()
            .find(|p| !parameters[p.range.clone()].iter().all(|x| x.is_finite()))
            .map(|p| p.name)
    }

    /// Converts the engine's outputs (the loss's inputs) to the network's output.
    pub(crate) fn output(&self, rows: &mut [f32], wide: &mut Vec<f64>) {
        if self.loss_sees_logits() {
            self.each_row(rows, wide, |row| self.head.output.forward(row));
        }
    }

    /// Converts the engine's outputs to probabilities, or numbers.
    pub(crate) fn answer(&self, rows: &mut [f32], wide: &mut Vec<f64>) {
        if self.head.answering() != (1.0, Activation::Identity) {
            self.each_row(rows, wide, |row| self.head.answer(row));
        }
    }

    /// Whether the loss includes the output activation.
    pub(crate) fn loss_sees_logits(&self) -> bool {
        self.head.output != Activation::Identity
    }

    /// Converts the derivative by the network's output to the derivative by the loss's inputs
    /// `z`, which the engine returned; `wide` is room for three rows.
    pub(crate) fn derivative(&self, z: &[f32], d: &mut [f32], wide: &mut Vec<f64>) {
        let (activation, n) = (self.head.output, self.outputs);
        wide.resize(3 * n, 0.0);
        let (wide_z, rest) = wide.split_at_mut(n);
        let (wide_y, wide_d) = rest.split_at_mut(n);
        for (z, d) in z.chunks_exact(n).zip(d.chunks_exact_mut(n)) {
            wide_z.iter_mut().zip(z).for_each(|(wide, z)| *wide = f64::from(*z));
            wide_d.iter_mut().zip(&*d).for_each(|(wide, d)| *wide = f64::from(*d));
            wide_y.copy_from_slice(wide_z);
            activation.forward(wide_y);
            activation.backward(wide_z, wide_y, wide_d);
            d.iter_mut().zip(&*wide_d).for_each(|(d, wide)| *d = *wide as f32);
        }
    }

    /// Calls `f` with each row in f64; `wide` is room for one.
    fn each_row(&self, rows: &mut [f32], wide: &mut Vec<f64>, f: impl Fn(&mut [f64])) {
        wide.resize(self.outputs, 0.0);
        for row in rows.chunks_exact_mut(self.outputs) {
            wide.iter_mut().zip(&*row).for_each(|(w, x)| *w = f64::from(*x));
            f(wide);
            row.iter_mut().zip(&*wide).for_each(|(x, w)| *x = *w as f32);
        }
    }

    /// Checks that the data has the network's inputs and the loss's kind of target.
    ///
    /// # Errors
    /// Says which of the two does not fit, and what would.
    pub fn check(&self, data: &Dataset) -> Result<()> {
        self.check_inputs(data.features())?;
        let (loss, outputs) = (self.loss(), self.outputs);
        let wrong = |what: String| Err(Error::invalid(what));
        let classes = matches!(loss, Loss::CrossEntropyLoss { .. });
        let give = |n: usize| format!("give it {n} output{}", if n == 1 { "" } else { "s" });
        match data.targets() {
            Targets::Classes { names, .. } if !classes => wrong(format!(
                "{} needs numbers as targets, and the data has {} classes; \
                 ask about one of them (is; --is LABEL), or use CrossEntropyLoss",
                loss.name(),
                names.len()
            )),
            Targets::Classes { names, .. } if names.len() != outputs => wrong(format!(
                "the data has {} classes and the network {outputs} outputs; {}",
                names.len(),
                give(names.len())
            )),
            Targets::Classes { .. } => Ok(()),
            _ if classes => wrong(
                "CrossEntropyLoss needs class numbers as targets; \
                 use BCELoss for yes/no and MSELoss for numbers"
                    .into(),
            ),
            Targets::YesNo { width, .. } | Targets::Numbers { width, .. } if *width != outputs => {
                wrong(format!(
                    "the data has {width} target values a sample and the network {outputs} outputs; {}",
                    give(*width)
                ))
            }
            Targets::Numbers { values, .. } => self.check_values(values),
            _ => Ok(()),
        }
    }

    /// Checks the targets of a batch of arrays with this many samples.
    ///
    /// # Errors
    /// The targets are of the wrong kind, their number is wrong, or an output does not exist.
    pub(crate) fn batch<'a>(&self, given: Given<'a>, samples: usize) -> Result<Wanted<'a>> {
        let (outputs, loss) = (self.outputs, self.loss());
        let classes = matches!(loss, Loss::CrossEntropyLoss { .. });
        if classes != matches!(given, Given::Classes(_)) {
            let what = if classes { "class numbers" } else { "numbers" };
            return Err(Error::invalid(format!("{} needs {what} as targets", loss.name())));
        }
        let enough = |what: &str, needs: usize, has: usize| {
            if needs == has {
                return Ok(());
            }
            Err(Error::invalid(format!("{samples} samples need {needs} {what}, not {has}")))
        };
        let there = |numbers: &[u32]| match numbers.iter().position(|o| *o as usize >= outputs) {
            Some(i) => Err(Error::invalid(format!(
                "sample {i}: the network has no output {} (it has {outputs}, counted from 0)",
                numbers[i]
            ))),
            None => Ok(()),
        };
        match given {
            Given::Classes(labels) => {
                enough("class numbers", samples, labels.len())?;
                there(labels)?;
                Ok(Wanted::Classes(labels))
            }
            Given::Values(values) => {
                enough("targets", samples * outputs, values.len())?;
                Ok(Wanted::Values { values, width: outputs })
            }
            Given::Partial(values) => {
                enough("targets", samples * outputs, values.len())?;
                Ok(Wanted::Partial { values, width: outputs })
            }
            Given::Chosen(values, chosen) => {
                enough("chosen outputs", samples, chosen.len())?;
                there(chosen)?;
                let width = if values.len() == samples { 1 } else { outputs };
                enough("targets", samples * width, values.len())?;
                Ok(Wanted::Chosen { values, width, outputs: chosen })
            }
        }
    }

    /// Checks that the loss and the last layer can learn a batch's targets.
    pub(crate) fn check_batch(&self, wanted: &Wanted) -> Result<()> {
        let (values, partial) = match wanted {
            Wanted::Classes(_) => return Ok(()),
            Wanted::Values { values, .. } | Wanted::Chosen { values, .. } => (values, false),
            Wanted::Partial { values, .. } => (values, true),
        };
        match values.iter().position(|y| !(y.is_finite() || partial && y.is_nan())) {
            Some(i) => {
                let y = values[i];
                Err(Error::invalid(format!("target {i} (counted from 0): {y} is not finite")))
            }
            None => self.check_values(values),
        }
    }

    /// Checks that the loss and the last layer can learn these targets; NaN is no target.
    fn check_values(&self, values: &[f32]) -> Result<()> {
        if self.loss().is_binary() && values.iter().any(|t| *t < 0.0 || *t > 1.0) {
            return Err(Error::invalid(format!(
                "{} needs targets from 0 (no) to 1 (yes), and the data has others; \
                 use MSELoss for numbers",
                self.loss().name()
            )));
        }
        self.check_reach(values)
    }

    /// Checks that the output activation can reach the targets: Sigmoid can never give 4.
    fn check_reach(&self, values: &[f32]) -> Result<()> {
        let last = match self.layers.last() {
            Some(FusedLayer::Dense(dense)) => dense.activation,
            Some(FusedLayer::Activation(activation)) => *activation,
            _ => Activation::Identity,
        };
        let (low, high) = match last {
            Activation::Sigmoid | Activation::Softmax => (0.0, 1.0),
            Activation::Tanh => (-1.0, 1.0),
            Activation::ReLU => (0.0, f32::INFINITY),
            _ => return Ok(()),
        };
        match values.iter().find(|v| **v < low || **v > high) {
            Some(value) => Err(Error::invalid(format!(
                "a network that ends in {last:?} gives {low} to {high}, and the data has the \
                 target {value}; end it in Linear, or scale the targets"
            ))),
            None => Ok(()),
        }
    }

    /// Checks that samples have the network's inputs.
    pub(crate) fn check_inputs(&self, features: &Features) -> Result<()> {
        Inputs::from(features).rows_of(self.inputs).map(|_| ())
    }

    /// Checks that there is memory to train this network, before it is allocated: a system may
    /// promise memory that it does not have, and kill the program when it is used.
    ///
    /// # Errors
    /// Says how much is needed, and how much is free.
    pub(crate) fn check_memory(&self) -> Result<()> {
        let needs = COPIES.saturating_mul(4).saturating_mul(self.parameters as u64);
        if needs < WORTH_ASKING {
            return Ok(());
        }
        let Some(free) = memory::available().filter(|free| needs > *free) else { return Ok(()) };
        let [needs, free] = [needs, free].map(|bytes| bytes as f64 / 1e9);
        Err(Error::invalid(format!(
            "training {} parameters needs about {needs:.1} GB of memory and {free:.1} GB are free; \
             use narrower layers",
            self.parameters
        )))
    }

    /// Checks that these can be the network's parameters.
    ///
    /// # Errors
    /// Their number is wrong, or one is not finite.
    pub(crate) fn check_parameters(&self, parameters: &[f32]) -> Result<()> {
        let (needs, has) = (self.parameters, parameters.len());
        if has != needs {
            return Err(Error::data(format!("the network has {needs} parameters, not {has}")));
        }
        match self.not_finite(parameters) {
            Some(name) => Err(Error::data(format!("parameter {name} is not finite"))),
            None => Ok(()),
        }
    }
}
