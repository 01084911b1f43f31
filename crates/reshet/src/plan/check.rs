//! Checks data, batches, parameters and memory against a plan.

use super::{FusedLayer, Plan};
use crate::{
    Features, Loss, Result,
    activation::Activation,
    data::{Dataset, Given, Inputs, Targets, Wanted, are_probabilities, memory},
    error::Error,
};

/// Copies of the parameters that a training holds: the parameters, gradients, the optimiser's
/// state, a snapshot to fall back on, and the copy being written.
const COPIES: u64 = 8;
/// Fewer bytes than this are always free.
const WORTH_ASKING: u64 = 1 << 28;

impl Plan {
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
                 ask about one of them, or use CrossEntropyLoss",
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
        let fits = match given {
            Given::Classes(_) => classes,
            Given::Values(_) => true,
            Given::Partial(_) | Given::Chosen(..) => !classes,
        };
        if !fits {
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
            Given::Values(values) if classes => {
                let soft = values.len() == samples * outputs;
                match values.chunks_exact(outputs).position(|row| !are_probabilities(row)) {
                    None if soft => Ok(Wanted::Probabilities { values, width: outputs }),
                    _ => Err(Error::invalid(format!(
                        "{} needs class numbers as targets, or a probability per class that sum to 1",
                        loss.name()
                    ))),
                }
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
            Wanted::Classes(_) | Wanted::Probabilities { .. } => return Ok(()),
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
