//! Optimisers, with PyTorch's hyper-parameters and formulas. In order of complexity:
//! [`SGD`], [`RMSprop`], [`Adam`], [`AdamW`].
//!
//! Their state (momentum and the like) belongs to the engine. In the formulas
//! θ is a parameter, g its gradient, λ the weight decay, t the step from 1.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Result, error::Error};

/// Stochastic gradient descent, with momentum (Sutskever et al. 2013).
///
/// g ← g + λθ;  b ← μb + g;  θ ← θ − lr · b, or with Nesterov's momentum
/// θ ← θ − lr · (g + μb).
/// See <https://pytorch.org/docs/stable/generated/torch.optim.SGD.html>.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SGD {
    /// Learning rate.
    pub lr: f64,
    /// μ, 0 for none.
    pub momentum: f64,
    /// Whether to use Nesterov's momentum.
    pub nesterov: bool,
    /// λ: pulls weights towards 0.
    pub weight_decay: f64,
}

/// RMSprop: divides by a running root mean square of the gradient (Hinton 2012).
///
/// g ← g + λθ;  v ← αv + (1 − α)g²;  d = √v + ε;  θ ← θ − lr · g/d. Centred: v minus
/// the square of a running mean of g. With momentum: b ← μb + g/d, θ ← θ − lr · b.
/// See <https://pytorch.org/docs/stable/generated/torch.optim.RMSprop.html>.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RMSprop {
    /// Learning rate.
    pub lr: f64,
    /// α, how slowly v forgets.
    pub alpha: f64,
    /// ε, added after the root.
    pub eps: f64,
    /// λ: pulls weights towards 0.
    pub weight_decay: f64,
    /// μ, 0 for none.
    pub momentum: f64,
    /// Whether to use the variance instead of the mean square.
    pub centered: bool,
}

/// Adam (Kingma and Ba 2015, <https://arxiv.org/abs/1412.6980>).
///
/// g ← g + λθ;  m ← β₁m + (1 − β₁)g;  v ← β₂v + (1 − β₂)g²;
/// θ ← θ − lr · m̂ / (√v̂ + ε), with m̂ = m / (1 − β₁ᵗ), v̂ = v / (1 − β₂ᵗ).
/// AMSGrad uses the largest v so far.
/// See <https://pytorch.org/docs/stable/generated/torch.optim.Adam.html>.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// (β₁, β₂), how slowly m and v forget.
    pub betas: (f64, f64),
    /// ε, added after the root.
    pub eps: f64,
    /// λ: pulls weights towards 0, through the gradient.
    pub weight_decay: f64,
    /// Reddi et al. 2018.
    pub amsgrad: bool,
}

/// [`Adam`] with decoupled weight decay (Loshchilov and Hutter 2019,
/// <https://arxiv.org/abs/1711.05101>): θ ← θ − lr · λθ first, and λ stays out of g.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    /// Learning rate.
    pub lr: f64,
    /// (β₁, β₂), how slowly m and v forget.
    pub betas: (f64, f64),
    /// ε, added after the root.
    pub eps: f64,
    /// λ: pulls weights towards 0, separately from the gradient.
    pub weight_decay: f64,
    /// Reddi et al. 2018.
    pub amsgrad: bool,
}

impl SGD {
    /// Creates SGD without momentum and weight decay.
    pub fn new(lr: f64) -> Self {
        Self { lr, momentum: 0.0, nesterov: false, weight_decay: 0.0 }
    }
}

impl RMSprop {
    /// Creates RMSprop with PyTorch's defaults: α = 0.99, ε = 1e-8.
    pub fn new(lr: f64) -> Self {
        let (weight_decay, momentum) = (0.0, 0.0);
        Self { lr, alpha: 0.99, eps: 1e-8, weight_decay, momentum, centered: false }
    }
}

impl Adam {
    /// Creates Adam with PyTorch's defaults: β = (0.9, 0.999), ε = 1e-8.
    pub fn new(lr: f64) -> Self {
        Self { lr, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0, amsgrad: false }
    }
}

impl AdamW {
    /// Creates AdamW with PyTorch's defaults: β = (0.9, 0.999), ε = 1e-8, λ = 0.01.
    pub fn new(lr: f64) -> Self {
        Self { lr, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.01, amsgrad: false }
    }
}

/// Any of the optimisers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
#[allow(missing_docs)]
pub enum Optimizer {
    SGD(SGD),
    RMSprop(RMSprop),
    Adam(Adam),
    AdamW(AdamW),
}

macro_rules! into_optimizer {
    ($($name:ident),*) => { $(
        impl From<$name> for Optimizer {
            fn from(o: $name) -> Self { Self::$name(o) }
        }
        impl From<&$name> for Optimizer {
            fn from(o: &$name) -> Self { Self::$name(*o) }
        }
    )* };
}
into_optimizer!(SGD, RMSprop, Adam, AdamW);

impl From<&Optimizer> for Optimizer {
    fn from(o: &Optimizer) -> Self {
        *o
    }
}

/// One step's hyper-parameters, all an engine needs to update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hyper {
    /// The optimiser; its `lr` is already the schedule's.
    pub optimizer: Optimizer,
    /// The largest norm of the gradient over all parameters; a larger one is scaled down.
    pub clip_norm: Option<f32>,
}

impl Optimizer {
    /// The largest number of state slots of any optimiser.
    pub const MOST_SLOTS: usize = 3;

    /// Returns the learning rate.
    pub fn lr(&self) -> f64 {
        match self {
            Self::SGD(o) => o.lr,
            Self::RMSprop(o) => o.lr,
            Self::Adam(o) => o.lr,
            Self::AdamW(o) => o.lr,
        }
    }

    /// Returns the same optimiser with another learning rate.
    pub fn with_lr(mut self, lr: f64) -> Self {
        match &mut self {
            Self::SGD(o) => o.lr = lr,
            Self::RMSprop(o) => o.lr = lr,
            Self::Adam(o) => o.lr = lr,
            Self::AdamW(o) => o.lr = lr,
        }
        self
    }

    /// Returns the optimiser's name, as PyTorch spells it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SGD(_) => "SGD",
            Self::RMSprop(_) => "RMSprop",
            Self::Adam(_) => "Adam",
            Self::AdamW(_) => "AdamW",
        }
    }

    /// Checks the hyper-parameters, as PyTorch does.
    ///
    /// # Errors
    /// One of them is out of range.
    pub fn check(&self) -> Result<()> {
        let not_negative = |name: &str, x: f64| {
            if x >= 0.0 && x.is_finite() {
                return Ok(());
            }
            Err(Error::invalid(format!("{}: {name} must be 0 or more, not {x}", self.name())))
        };
        let below_one = |name: &str, x: f64| {
            if (0.0..1.0).contains(&x) {
                return Ok(());
            }
            let wants = "must be at least 0 and below 1";
            Err(Error::invalid(format!("{}: {name} {wants}, not {x}", self.name())))
        };
        not_negative("the learning rate", self.lr())?;
        match *self {
            Self::SGD(o) => {
                not_negative("weight decay", o.weight_decay)?;
                not_negative("momentum", o.momentum)?;
                if o.nesterov && o.momentum == 0.0 {
                    return Err(Error::invalid("SGD: nesterov needs a momentum above 0"));
                }
                Ok(())
            }
            Self::RMSprop(o) => {
                not_negative("weight decay", o.weight_decay)?;
                not_negative("momentum", o.momentum)?;
                not_negative("eps", o.eps)?;
                below_one("alpha", o.alpha)
            }
            Self::Adam(Adam { betas, eps, weight_decay, .. })
            | Self::AdamW(AdamW { betas, eps, weight_decay, .. }) => {
                not_negative("weight decay", weight_decay)?;
                not_negative("eps", eps)?;
                below_one("beta 1", betas.0)?;
                below_one("beta 2", betas.1)
            }
        }
    }

    /// Returns the number of state slots: numbers of state per parameter.
    pub fn slots(&self) -> usize {
        match self {
            Self::SGD(o) => usize::from(o.momentum != 0.0),
            Self::RMSprop(o) => 1 + usize::from(o.momentum != 0.0) + usize::from(o.centered),
            Self::Adam(Adam { amsgrad, .. }) | Self::AdamW(AdamW { amsgrad, .. }) => {
                2 + usize::from(*amsgrad)
            }
        }
    }

    /// Returns the new value of one parameter in step `t` (from 1), given its gradient and its
    /// state of [`Optimizer::slots`] numbers, 0 at first, which is updated.
    ///
    /// For functions of a few variables, without a network:
    ///
    /// ```
    /// use reshet::{Optimizer, SGD};
    /// let optimizer = Optimizer::from(SGD::new(0.1));
    /// let mut w = 5.5;
    /// for t in 1..=300 {
    ///     w = optimizer.step(t, w, 2.0 * w - 4.0, &mut []); // the slope of w² − 4w + 8
    /// }
    /// assert!((w - 2.0).abs() < 1e-9);
    /// ```
    ///
    /// # Panics
    /// `state` has fewer than [`Optimizer::slots`] numbers.
    pub fn step(&self, t: u64, parameter: f64, gradient: f64, state: &mut [f64]) -> f64 {
        self.rule(t).apply(parameter, gradient, state)
    }

    /// The update rule of step t (from 1), with its constants computed.
    pub(crate) fn rule(&self, t: u64) -> Rule {
        let adam = |lr: f64, betas: (f64, f64), eps, decay, shrink, amsgrad| {
            let t = t as f64;
            let (b1, b2) = betas;
            Rule::Adam {
                beta1: b1,
                beta2: b2,
                step: lr / (1.0 - b1.powf(t)),
                root: (1.0 - b2.powf(t)).sqrt(),
                eps,
                decay,
                shrink,
                amsgrad,
            }
        };
        match *self {
            Self::SGD(o) => Rule::SGD(o),
            Self::RMSprop(o) => Rule::RMSprop(o),
            Self::Adam(o) => adam(o.lr, o.betas, o.eps, o.weight_decay, 1.0, o.amsgrad),
            Self::AdamW(o) => {
                adam(o.lr, o.betas, o.eps, 0.0, 1.0 - o.lr * o.weight_decay, o.amsgrad)
            }
        }
    }
}

impl fmt::Display for Optimizer {
    /// As PyTorch prints it: `SGD(lr=0.1, momentum=0.9, nesterov=false, weight_decay=0)`.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}(lr={}", self.name(), self.lr())?;
        match self {
            Self::SGD(SGD { momentum, nesterov, weight_decay, .. }) => write!(
                f,
                ", momentum={momentum}, nesterov={nesterov}, weight_decay={weight_decay})"
            ),
            Self::RMSprop(RMSprop { alpha, eps, weight_decay, momentum, centered, .. }) => write!(
                f,
                ", alpha={alpha}, eps={eps:e}, weight_decay={weight_decay}, \
                 momentum={momentum}, centered={centered})"
            ),
            Self::Adam(Adam { betas: (a, b), eps, weight_decay, amsgrad, .. })
            | Self::AdamW(AdamW { betas: (a, b), eps, weight_decay, amsgrad, .. }) => write!(
                f,
                ", betas=({a}, {b}), eps={eps:e}, weight_decay={weight_decay}, amsgrad={amsgrad})"
            ),
        }
    }
}

/// An optimiser at one step. Its state slots, in order: SGD: b; RMSprop: v, then
/// b if there is momentum, then the mean of g if centred; Adam: m, v, then the
/// largest v if AMSGrad.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::upper_case_acronyms, reason = "named as the optimiser")]
pub(crate) enum Rule {
    SGD(SGD),
    RMSprop(RMSprop),
    Adam {
        beta1: f64,
        beta2: f64,
        /// lr / (1 − β₁ᵗ)
        step: f64,
        /// √(1 − β₂ᵗ)
        root: f64,
        eps: f64,
        /// λ of Adam, 0 for AdamW
        decay: f64,
        /// 1 − lr · λ of AdamW, 1 for Adam
        shrink: f64,
        amsgrad: bool,
    },
}

/// Stands in for ε = 0, where a weight whose gradient was always 0 would become 0/0.
pub(crate) const TINY: f64 = f32::MIN_POSITIVE as f64;

impl Rule {
    /// Whether a parameter without gradient and state stays exactly as it is.
    pub fn rests(&self) -> bool {
        match self {
            Rule::SGD(o) => o.weight_decay == 0.0,
            Rule::RMSprop(o) => o.weight_decay == 0.0,
            Rule::Adam { decay, shrink, .. } => *decay == 0.0 && *shrink == 1.0,
        }
    }

    /// The new parameter, given the old one, its gradient and its state.
    pub fn apply(&self, p: f64, g: f64, state: &mut [f64]) -> f64 {
        match *self {
            Rule::SGD(o) => {
                let mut g = g + o.weight_decay * p;
                if o.momentum != 0.0 {
                    state[0] = o.momentum * state[0] + g;
                    g = if o.nesterov { g + o.momentum * state[0] } else { state[0] };
                }
                p - o.lr * g
            }
            Rule::RMSprop(o) => {
                let g = g + o.weight_decay * p;
                state[0] = o.alpha * state[0] + (1.0 - o.alpha) * g * g;
                let mut v = state[0];
                if o.centered {
                    let mean = &mut state[1 + usize::from(o.momentum != 0.0)];
                    *mean += (1.0 - o.alpha) * (g - *mean);
                    // Rounding can take the variance below 0, where PyTorch gives NaN.
                    v = (v - *mean * *mean).max(0.0);
                }
                let mut g = g / (v.sqrt() + o.eps.max(TINY));
                if o.momentum != 0.0 {
                    state[1] = o.momentum * state[1] + g;
                    g = state[1];
                }
                p - o.lr * g
            }
            Rule::Adam { beta1, beta2, step, root, eps, decay, shrink, amsgrad } => {
                let g = g + decay * p;
                state[0] += (1.0 - beta1) * (g - state[0]);
                state[1] = beta2 * state[1] + (1.0 - beta2) * g * g;
                let mut v = state[1];
                if amsgrad {
                    state[2] = state[2].max(v);
                    v = state[2];
                }
                shrink * p - step * state[0] / (v.sqrt() / root + eps.max(TINY))
            }
        }
    }
}
/// The factor that scales gradients of this norm to a norm of at most `most`;
/// as PyTorch's `clip_grad_norm_`, its 1e-6 included.
pub(crate) fn clip_scale(norm: f64, most: f32) -> f64 {
    (f64::from(most) / (norm + 1e-6)).min(1.0)
}
