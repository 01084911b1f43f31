//! Losses: what training minimises, each with its derivative.
//!
//! Definitions are PyTorch's with mean reduction
//! (<https://pytorch.org/docs/stable/nn.html#loss-functions>), with one
//! exception. Where an output activation and its loss belong together
//! (Sigmoid or Tanh with BCE, Softmax with cross entropy) the loss is computed
//! from the logits, the numbers before that activation. That is exact and
//! finite at any logit; log σ(z) computed in two steps is −∞ below z ≈ −104
//! in `f32`, and training then ends in NaN.
//!
//! Losses are computed row by row in `f64`. The last layer is narrow, so this costs
//! little, and all engines share the code.

use serde::{Deserialize, Serialize};

use crate::{
    Result,
    activation::{Activation, sigmoid, softmax},
    error::Error,
};

/// A loss function, reduced to the mean over the batch.
///
/// In the formulas y is the network's output, z the logits (the output before
/// its Sigmoid, Tanh or Softmax), t the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Loss {
    /// Binary cross entropy: −t ln y − (1 − t) ln(1 − y), the mean over all
    /// outputs. Goes with a Sigmoid output, or with Tanh, where y = (1 + tanh z) / 2.
    BCELoss,
    /// Binary cross entropy for a network that ends in logits: y = σ(z).
    BCEWithLogitsLoss,
    /// Cross entropy: −ln softmax(z)ₜ for the right class t; of soft labels −Σ tc ln softmax(z)c
    /// over the classes c, with tc their probabilities. For a network that ends in
    /// logits, or in Softmax (which is then not applied twice).
    CrossEntropyLoss {
        /// ε in [0, 1]: the target becomes 1 − ε for the right class, plus ε
        /// spread evenly over all classes.
        #[serde(default)]
        label_smoothing: f32,
        /// One weight per class; the mean is weighted too.
        #[serde(default)]
        weight: Option<Vec<f32>>,
    },
    /// Mean squared error: (y − t)²
    MSELoss,
    /// Mean absolute error: |y − t|
    L1Loss,
    /// Smooth L1: (y − t)² / 2β where |y − t| < β, else |y − t| − β/2.
    SmoothL1Loss {
        /// β, the error at which the square changes to a straight line.
        #[serde(default = "one")]
        beta: f32,
    },
    /// Quantile loss, also called pinball loss (Koenker and Bassett 1978, "Regression Quantiles"):
    /// q (t − y) where y < t, else (1 − q) (y − t). The output becomes the q-th quantile of the
    /// targets: a share q of them is below it. With q = 0.5 it is half of [`Loss::L1Loss`], and the
    /// output the median.
    QuantileLoss {
        /// q, above 0 and below 1.
        quantile: f32,
    },
}

fn one() -> f32 {
    1.0
}

/// The target of one row.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Target<'a> {
    /// The number of the right class.
    Class(u32),
    /// The probability of each class.
    Probabilities(&'a [f32]),
    /// One number per output.
    Values(&'a [f32]),
    /// One number per output; NaN: that output does not count.
    Partial(&'a [f32]),
    /// Only one output counts.
    Chosen {
        /// The number of that output.
        output: u32,
        /// Its target.
        value: f32,
    },
}

impl Loss {
    /// Creates cross entropy without smoothing or weights.
    pub fn cross_entropy() -> Self {
        Self::CrossEntropyLoss { label_smoothing: 0.0, weight: None }
    }

    /// Creates smooth L1 with PyTorch's β = 1.
    pub fn smooth_l1() -> Self {
        Self::SmoothL1Loss { beta: 1.0 }
    }

    /// Whether the outputs are answers to yes/no questions.
    pub(crate) fn is_binary(&self) -> bool {
        matches!(self, Self::BCELoss | Self::BCEWithLogitsLoss)
    }

    /// Returns the loss's name, as PyTorch spells it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::BCELoss => "BCELoss",
            Self::BCEWithLogitsLoss => "BCEWithLogitsLoss",
            Self::CrossEntropyLoss { .. } => "CrossEntropyLoss",
            Self::MSELoss => "MSELoss",
            Self::L1Loss => "L1Loss",
            Self::SmoothL1Loss { .. } => "SmoothL1Loss",
            Self::QuantileLoss { .. } => "QuantileLoss",
        }
    }
}

/// The loss, joined with the network's output activation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    pub loss: Loss,
    /// The loss is given scale · z: 2 after Tanh, since (1 + tanh z) / 2 = σ(2z).
    pub scale: f64,
    /// The output activation, if the loss includes it; else Identity, and the activation stays
    /// a layer.
    pub output: Activation,
}

impl Head {
    /// Joins an output activation with a loss, or says why they do not go together.
    pub fn new(loss: Loss, output: Activation, outputs: usize) -> Result<Self> {
        let ends = |what: &str| Err(Error::invalid(format!("{}: {what}", loss.name())));
        let (scale, output) = match (&loss, output) {
            (_, Activation::Softmax) if outputs == 1 => {
                return ends(
                    "Softmax over one output is always 1; for a yes/no question use Sigmoid",
                );
            }
            (Loss::BCELoss, Activation::Sigmoid) => (1.0, output),
            (Loss::BCELoss, Activation::Tanh) => (2.0, output),
            (Loss::BCELoss, _) => {
                return ends(
                    "needs a network that ends in Sigmoid or Tanh; use BCEWithLogitsLoss for one that ends in Linear",
                );
            }
            (Loss::BCEWithLogitsLoss, Activation::Identity) => (1.0, output),
            (Loss::BCEWithLogitsLoss, _) => {
                return ends(
                    "takes logits, so the network must end in Linear; use BCELoss after Sigmoid or Tanh",
                );
            }
            (Loss::CrossEntropyLoss { .. }, _) if outputs == 1 => {
                return ends(
                    "needs one output per class, at least two; for a yes/no question use Sigmoid and BCELoss",
                );
            }
            (Loss::CrossEntropyLoss { .. }, Activation::Sigmoid | Activation::Tanh) => {
                return ends(
                    "takes logits; end the network in Linear or Softmax, not in Sigmoid or Tanh",
                );
            }
            (Loss::CrossEntropyLoss { .. }, Activation::Identity | Activation::Softmax) => {
                (1.0, output)
            }
            _ => (1.0, Activation::Identity),
        };
        match &loss {
            Loss::CrossEntropyLoss { label_smoothing: e, .. } if !(0.0..=1.0).contains(e) => {
                ends(&format!("label smoothing must be from 0 to 1, not {e}"))
            }
            Loss::CrossEntropyLoss { weight: Some(w), .. } if w.len() != outputs => {
                ends(&format!("{} class weights for {outputs} classes", w.len()))
            }
            Loss::CrossEntropyLoss { weight: Some(w), .. }
                if !w.iter().all(|w| *w >= 0.0 && w.is_finite()) =>
            {
                ends("class weights must be finite and not negative")
            }
            Loss::SmoothL1Loss { beta } if !(*beta >= 0.0 && beta.is_finite()) => {
                ends(&format!("beta must be finite and not negative, not {beta}"))
            }
            Loss::QuantileLoss { quantile: q } if !(*q > 0.0 && *q < 1.0) => {
                ends(&format!("the quantile must be above 0 and below 1, not {q}"))
            }
            _ => Ok(Self { loss, scale, output }),
        }
    }

    /// A row's share of the mean's denominator: its class weight for cross entropy, else the
    /// number of its outputs that count.
    pub fn weight(&self, target: Target) -> f64 {
        match (&self.loss, target) {
            (Loss::CrossEntropyLoss { weight: Some(w), .. }, Target::Class(t)) => {
                w[t as usize].into()
            }
            (_, Target::Class(_) | Target::Probabilities(_) | Target::Chosen { .. }) => 1.0,
            (_, Target::Values(values)) => values.len() as f64,
            (_, Target::Partial(values)) => {
                values.iter().filter(|value| !value.is_nan()).count() as f64
            }
        }
    }

    /// Whether samples can have different shares of the denominator, apart from their own
    /// weights.
    pub fn weighs(&self) -> bool {
        matches!(self.loss, Loss::CrossEntropyLoss { weight: Some(_), .. })
    }

    /// Computes the loss of one row, summed over its outputs and not yet divided by the
    /// batch's denominator. `z` is the network's output; it is overwritten with the derivative.
    pub fn row(&self, z: &mut [f64], target: Target) -> f64 {
        let mut loss = [0.0];
        self.rows(std::iter::once(z), [target], &mut loss);
        loss[0]
    }

    /// Does the same as [`Head::row`] for several rows, with one branch on the kind of loss.
    #[inline(always)]
    pub fn rows<'a>(
        &self,
        rows: impl Iterator<Item = &'a mut [f64]>,
        targets: impl IntoIterator<Item = Target<'a>>,
        losses: &'a mut [f64],
    ) {
        let rows = rows.zip(targets).zip(losses);
        match &self.loss {
            Loss::CrossEntropyLoss { label_smoothing, weight } => {
                for ((z, target), loss) in rows {
                    *loss = match target {
                        Target::Class(t) => {
                            let smoothing = (*label_smoothing).into();
                            cross_entropy(z, t as usize, smoothing, weight.as_deref())
                        }
                        Target::Probabilities(t) => {
                            let smoothing = (*label_smoothing).into();
                            soft_cross_entropy(z, t, smoothing, weight.as_deref())
                        }
                        // Data and loss are checked before: see `Plan::check`.
                        _ => f64::NAN,
                    }
                }
            }
            Loss::BCELoss | Loss::BCEWithLogitsLoss => elements(rows, |z, t| {
                // −t ln σ(x) − (1 − t) ln(1 − σ(x)), written so that e never overflows
                let x = self.scale * z;
                let e = (-x.abs()).exp();
                let loss = x.max(0.0) - x * t + e.ln_1p();
                let sigmoid = if x < 0.0 { e } else { 1.0 } / (1.0 + e);
                (loss, self.scale * (sigmoid - t))
            }),
            Loss::MSELoss => elements(rows, |z, t| ((z - t) * (z - t), 2.0 * (z - t))),
            Loss::L1Loss => elements(rows, |z, t| ((z - t).abs(), sign(z - t))),
            Loss::SmoothL1Loss { beta } => elements(rows, |z, t| {
                let (error, beta) = (z - t, f64::from(*beta));
                if error.abs() < beta {
                    (0.5 * error * error / beta, error / beta)
                } else {
                    (error.abs() - 0.5 * beta, sign(error))
                }
            }),
            Loss::QuantileLoss { quantile } => elements(rows, |z, t| {
                let (error, q) = (z - t, f64::from(*quantile));
                let slope = if error < 0.0 { -q } else { (1.0 - q) * sign(error) };
                (slope * error, slope)
            }),
        }
    }

    /// Converts the loss's inputs to answers: probabilities of yes (BCE), of each class (cross
    /// entropy), or the number itself.
    pub fn answer(&self, z: &mut [f64]) {
        match self.loss {
            Loss::BCELoss | Loss::BCEWithLogitsLoss => {
                z.iter_mut().for_each(|z| *z = sigmoid(self.scale * *z));
            }
            Loss::CrossEntropyLoss { .. } => softmax(z),
            _ => {}
        }
    }

    /// [`Head::answer`] as a factor of z and the function applied after it.
    pub fn answering(&self) -> (f32, Activation) {
        match self.loss {
            Loss::BCELoss | Loss::BCEWithLogitsLoss => (self.scale as f32, Activation::Sigmoid),
            Loss::CrossEntropyLoss { .. } => (1.0, Activation::Softmax),
            _ => (1.0, Activation::Identity),
        }
    }
}

/// Losses that are sums over independent outputs; `f` returns an output's loss and derivative.
#[inline(always)]
fn elements<'a>(
    rows: impl Iterator<Item = ((&'a mut [f64], Target<'a>), &'a mut f64)>,
    f: impl Fn(f64, f64) -> (f64, f64),
) {
    for ((z, target), sum) in rows {
        let Target::Values(t) = target else {
            *sum = masked(z, target, &f);
            continue;
        };
        *sum = 0.0;
        for (z, t) in z.iter_mut().zip(t) {
            let (loss, derivative) = f(*z, f64::from(*t));
            *z = derivative;
            *sum += loss;
        }
    }
}

/// [`elements`] for a row where not every output counts; separate, so that the usual loop stays
/// short.
#[inline(never)]
fn masked(z: &mut [f64], target: Target, f: &impl Fn(f64, f64) -> (f64, f64)) -> f64 {
    let mut sum = 0.0;
    for (i, z) in z.iter_mut().enumerate() {
        let wanted = match target {
            Target::Partial(values) => Some(values[i]).filter(|value| !value.is_nan()),
            Target::Chosen { output, value } => (i == output as usize).then_some(value),
            // Data and loss are checked before: see `Plan::check`.
            _ => return f64::NAN,
        };
        let Some(t) = wanted else {
            *z = 0.0;
            continue;
        };
        let (loss, derivative) = f(*z, f64::from(t));
        *z = derivative;
        sum += loss;
    }
    sum
}

/// −(1 − ε) wₜ ln pₜ − ε/K Σ wc ln pc, with p = softmax(z); z becomes its
/// derivative (1 − ε) wₜ (pc − [c = t]) + ε/K (pc Σw − wc).
fn cross_entropy(z: &mut [f64], t: usize, smoothing: f64, weight: Option<&[f32]>) -> f64 {
    let w = |c: usize| weight.map_or(1.0, |w| f64::from(w[c]));
    let classes = z.len();
    let (hit, spread) = ((1.0 - smoothing) * w(t), smoothing / classes as f64);

    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = max + z.iter().map(|z| (z - max).exp()).sum::<f64>().ln();
    let mut loss = hit * (log_sum - z[t]);
    if spread > 0.0 {
        loss += spread * (0..classes).map(|c| w(c) * (log_sum - z[c])).sum::<f64>();
    }
    let total: f64 = (0..classes).map(w).sum();
    softmax(z);
    for (c, p) in z.iter_mut().enumerate() {
        let right = f64::from(u8::from(c == t));
        *p = hit * (*p - right) + spread * (*p * total - w(c));
    }
    loss
}

/// −Σ wc t′c ln pc, with p = softmax(z) and t′c = (1 − ε) tc + ε/K; z becomes its derivative
/// pc Σ w t′ − wc t′c.
fn soft_cross_entropy(z: &mut [f64], t: &[f32], smoothing: f64, weight: Option<&[f32]>) -> f64 {
    let spread = smoothing / z.len() as f64;
    let wanted = |c: usize| {
        let w = weight.map_or(1.0, |w| f64::from(w[c]));
        w * ((1.0 - smoothing) * f64::from(t[c]) + spread)
    };
    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = max + z.iter().map(|z| (z - max).exp()).sum::<f64>().ln();
    let loss = z.iter().enumerate().map(|(c, z)| wanted(c) * (log_sum - z)).sum();
    let total: f64 = (0..z.len()).map(wanted).sum();
    softmax(z);
    z.iter_mut().enumerate().for_each(|(c, p)| *p = *p * total - wanted(c));
    loss
}

/// −1, 0 or 1; `f64::signum` has no 0.
fn sign(x: f64) -> f64 {
    f64::from(u8::from(x > 0.0)) - f64::from(u8::from(x < 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads() -> Vec<(Head, Target<'static>)> {
        let values = Target::Values(&[1.0, 0.0, 0.5]);
        let weight = Some(vec![0.5, 2.0, 0.0]);
        [
            (Loss::BCELoss, Activation::Sigmoid, values),
            (Loss::BCELoss, Activation::Tanh, values),
            (Loss::BCEWithLogitsLoss, Activation::Identity, values),
            (Loss::MSELoss, Activation::Identity, values),
            (Loss::L1Loss, Activation::Identity, values),
            (Loss::smooth_l1(), Activation::Identity, values),
            (Loss::SmoothL1Loss { beta: 0.0 }, Activation::Identity, values),
            (Loss::QuantileLoss { quantile: 0.9 }, Activation::Identity, values),
            (Loss::cross_entropy(), Activation::Softmax, Target::Class(1)),
            (
                Loss::CrossEntropyLoss { label_smoothing: 0.1, weight: weight.clone() },
                Activation::Identity,
                Target::Class(1),
            ),
            (Loss::cross_entropy(), Activation::Softmax, Target::Probabilities(&[0.2, 0.5, 0.3])),
            (
                Loss::CrossEntropyLoss { label_smoothing: 0.1, weight },
                Activation::Identity,
                Target::Probabilities(&[0.0, 0.75, 0.25]),
            ),
        ]
        .map(|(loss, output, target)| (Head::new(loss, output, 3).unwrap(), target))
        .into()
    }

    #[test]
    fn derivatives_match_central_differences() {
        for (head, target) in heads() {
            let z = [0.7, -1.9, 0.2];
            let mut d = z;
            head.row(&mut d, target);
            for i in 0..3 {
                let at = |h: f64| {
                    let mut z = z;
                    z[i] += h;
                    head.row(&mut z, target)
                };
                let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
                assert!((d[i] - numeric).abs() < 1e-8, "{head:?}: {} {numeric}", d[i]);
            }
        }
    }

    #[test]
    fn finite_at_extreme_logits() {
        for (head, target) in heads() {
            for z in [[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [0.0; 3]] {
                let mut d = z;
                let loss = head.row(&mut d, target);
                assert!(loss.is_finite() && loss >= 0.0, "{head:?}: {loss}");
                assert!(d.iter().all(|d| d.is_finite()), "{head:?}: {d:?}");
            }
        }
    }

    #[test]
    fn traps_are_refused() {
        use Activation::*;
        for (loss, output, outputs, says) in [
            (Loss::BCELoss, Identity, 1, "BCEWithLogitsLoss"),
            (Loss::BCELoss, ReLU, 1, "Sigmoid"),
            (Loss::BCEWithLogitsLoss, Sigmoid, 1, "use BCELoss"),
            (Loss::cross_entropy(), Sigmoid, 3, "Linear or Softmax"),
            (Loss::cross_entropy(), Identity, 1, "at least two"),
            (Loss::MSELoss, Softmax, 1, "always 1"),
            (Loss::SmoothL1Loss { beta: -1.0 }, Identity, 1, "beta"),
            (Loss::QuantileLoss { quantile: 1.0 }, Identity, 1, "below 1"),
            (
                Loss::CrossEntropyLoss { label_smoothing: 1.5, weight: None },
                Identity,
                3,
                "from 0 to 1",
            ),
            (
                Loss::CrossEntropyLoss { label_smoothing: 0.0, weight: Some(vec![1.0]) },
                Identity,
                3,
                "1 class weights for 3",
            ),
        ] {
            let error = Head::new(loss, output, outputs).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
