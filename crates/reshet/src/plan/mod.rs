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

mod check;

use std::ops::Range;

use crate::{Layer, Loss, Result, Sequential, activation::Activation, init::Init, loss::Head};

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
}
