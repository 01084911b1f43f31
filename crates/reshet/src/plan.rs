//! A network and its loss, lowered once to what an engine runs.
//!
//! All parameters live in ONE flat buffer, in the order of PyTorch's
//! `state_dict`: for each Linear its weight, (out, in) row by row, then its
//! bias. A [`Plan`] says what stands where. Engines may lay their own copies
//! out otherwise; across [`Engine`](crate::engine::Engine) this order holds.
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
    data::{Dataset, Targets},
    error::Error,
    init::Init,
    loss::Head,
};

/// What an engine runs: see the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Values a sample has.
    pub inputs: usize,
    /// Values the network gives.
    pub outputs: usize,
    /// Length of the flat parameter buffer.
    pub parameters: usize,
    pub(crate) steps: Vec<Step>,
    pub(crate) head: Head,
}

/// One fused step; its input is the step before's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
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

/// A parameter's place: its name as PyTorch's `state_dict` has it, its shape,
/// and where it stands in the flat buffer.
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
    /// An output activation that does not go with the loss.
    pub fn new(network: &Sequential, loss: Loss) -> Result<Self> {
        let head = Head::new(loss, network.output_activation(), network.outputs())?;
        // An activation that the loss starts from before is no step.
        let layers = match network.layers() {
            [before @ .., Layer::Activation(last)] if *last == head.output => before,
            layers => layers,
        };

        let (mut steps, mut offset) = (Vec::new(), 0);
        for (module, layer) in layers.iter().enumerate() {
            match *layer {
                Layer::Linear(inputs, outputs) => {
                    let activation = Activation::Identity;
                    steps.push(Step::Dense(Dense { inputs, outputs, activation, module, offset }));
                    offset += (inputs + 1) * outputs;
                }
                Layer::Activation(Activation::Identity) | Layer::Dropout(0.0) => {}
                Layer::Activation(activation) => match steps.last_mut() {
                    Some(Step::Dense(dense)) if dense.activation == Activation::Identity => {
                        dense.activation = activation;
                    }
                    _ => steps.push(Step::Activation(activation)),
                },
                Layer::Dropout(p) => steps.push(Step::Dropout(p, module)),
            }
        }
        let (inputs, outputs) = (network.inputs(), network.outputs());
        Ok(Self { inputs, outputs, parameters: offset, steps, head })
    }

    /// The loss.
    pub fn loss(&self) -> &Loss {
        &self.head.loss
    }

    pub(crate) fn dense(&self) -> impl Iterator<Item = &Dense> {
        self.steps.iter().filter_map(|step| match step {
            Step::Dense(dense) => Some(dense),
            _ => None,
        })
    }

    /// The named parameters, in the flat buffer's order.
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

    /// Fresh parameters.
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

    /// Turns what the engine gives (what the loss sees) into the network's output.
    pub(crate) fn output(&self, rows: &mut [f32]) {
        if self.head.output != Activation::Identity {
            self.each_row(rows, |row| self.head.output.forward(row));
        }
    }

    /// Turns what the engine gives into probabilities, or numbers.
    pub(crate) fn answer(&self, rows: &mut [f32]) {
        self.each_row(rows, |row| self.head.answer(row));
    }

    fn each_row(&self, rows: &mut [f32], f: impl Fn(&mut [f64])) {
        let mut wide = vec![0.0; self.outputs];
        for row in rows.chunks_exact_mut(self.outputs) {
            wide.iter_mut().zip(&*row).for_each(|(w, x)| *w = f64::from(*x));
            f(&mut wide);
            row.iter_mut().zip(&wide).for_each(|(x, w)| *x = *w as f32);
        }
    }

    /// Whether the data has the network's inputs and the loss's kind of target.
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
            Targets::Numbers { values, .. }
                if loss.is_binary() && !values.iter().all(|t| (0.0..=1.0).contains(t)) =>
            {
                wrong(format!(
                    "{} needs targets from 0 (no) to 1 (yes), and the data has others; \
                     use MSELoss for numbers",
                    loss.name()
                ))
            }
            Targets::Numbers { values, .. } => self.check_reach(values),
            _ => Ok(()),
        }
    }

    /// An output that ends in Sigmoid can never be 4: such targets are refused
    /// rather than learnt badly.
    fn check_reach(&self, values: &[f32]) -> Result<()> {
        let last = match self.steps.last() {
            Some(Step::Dense(dense)) => dense.activation,
            Some(Step::Activation(activation)) => *activation,
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

    pub(crate) fn check_inputs(&self, features: &Features) -> Result<()> {
        if features.width() == self.inputs {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the network takes {} values a sample and the data has {}",
            self.inputs,
            features.width()
        )))
    }
}
