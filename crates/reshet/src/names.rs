//! Reads the names of losses, optimisers, schedules and the like: PyTorch's (`BCELoss`,
//! `SGD`, `OneCycleLR`) and short ones (`bce`, `sgd`, `one-cycle`), in upper or lower case.

use std::{fmt, str::FromStr};

use crate::{
    Adam, AdamW, Init, Loss, Optimizer, RMSprop, Result, SGD, Schedule, Task, error::Error,
    network::did_you_mean,
};

/// The letters and digits of a name, in lower case, without an ending.
fn plain(name: &str, ending: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    let plain: String = letters.flat_map(char::to_lowercase).collect();
    match plain.strip_suffix(ending) {
        Some(rest) if !rest.is_empty() => rest.into(),
        _ => plain,
    }
}

/// An enum that is written with its short names and read by any of its names. `other` are
/// further spellings, after [`plain`].
macro_rules! names {
    (
        $(#[$about:meta])* $name:ident, a $what:literal, $ending:literal:
        $( $(#[$doc:meta])* $variant:ident = $text:literal $(, other $($other:literal)|+)? ;)*
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum $name { $( $(#[$doc])* $variant ),* }

        names!(text of $name, a $what, $ending:
               $( $variant = $text $(, other $($other)|+)? ;)*);
    };
    (
        text of $name:ident, a $what:literal, $ending:literal:
        $( $variant:ident = $text:literal $(, other $($other:literal)|+)? ;)*
    ) => {
        impl $name {
            /// The short names.
            pub const NAMES: &[&str] = &[$($text),*];

            /// Returns the short name.
            pub fn name(self) -> &'static str {
                match self { $( Self::$variant => $text ),* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self> {
                let given = plain(name, $ending);
                $(
                    if given == plain($text, $ending) $( $(|| given == $other)+ )? {
                        return Ok(Self::$variant);
                    }
                )*
                let (what, hint) = ($what, did_you_mean(name, Self::NAMES));
                Err(Error::invalid(format!("no {what} is called \"{name}\"{hint}")))
            }
        }
    };
}

names! {
    /// A loss without its settings: see [`Loss`].
    LossName, a "loss", "loss":
    /// [`Loss::BCELoss`]
    BCE = "bce";
    /// [`Loss::BCEWithLogitsLoss`]
    BCEWithLogits = "bce-logits", other "bcewithlogits";
    /// [`Loss::CrossEntropyLoss`]
    CrossEntropy = "cross-entropy", other "ce";
    /// [`Loss::MSELoss`]
    MSE = "mse";
    /// [`Loss::L1Loss`]
    L1 = "l1", other "mae";
    /// [`Loss::SmoothL1Loss`]
    SmoothL1 = "smooth-l1";
    /// [`Loss::QuantileLoss`]
    Quantile = "quantile", other "pinball";
}
names! {
    /// An optimiser without its settings: see [`Optimizer`].
    OptimizerName, a "optimizer", "":
    /// [`struct@SGD`]
    SGD = "sgd";
    /// [`struct@Adam`]
    Adam = "adam";
    /// [`struct@AdamW`]
    AdamW = "adamw";
    /// [`struct@RMSprop`]
    RMSprop = "rmsprop";
}
names! {
    /// A learning-rate schedule without its settings: see [`Schedule`].
    ScheduleName, a "schedule", "lr":
    /// [`Schedule::Constant`]
    Constant = "constant";
    /// [`Schedule::StepLR`]
    Step = "step";
    /// [`Schedule::CosineAnnealingLR`]
    Cosine = "cosine", other "cosineannealing";
    /// [`Schedule::OneCycleLR`]
    OneCycle = "one-cycle";
    /// [`Schedule::ReduceLROnPlateau`]
    Plateau = "plateau", other "reducelronplateau";
}
names!(text of Task, a "task", "":
       Binary = "binary", other "yesno"; Classes = "classes"; Number = "number"; );
names!(text of Init, a "initialisation", "":
       Default = "default"; KaimingUniform = "kaiming-uniform"; KaimingNormal = "kaiming-normal";
       XavierUniform = "xavier-uniform"; XavierNormal = "xavier-normal"; );

impl From<LossName> for Loss {
    /// With PyTorch's defaults; of the quantile loss, the median.
    fn from(name: LossName) -> Self {
        match name {
            LossName::BCE => Self::BCELoss,
            LossName::BCEWithLogits => Self::BCEWithLogitsLoss,
            LossName::CrossEntropy => Self::cross_entropy(),
            LossName::MSE => Self::MSELoss,
            LossName::L1 => Self::L1Loss,
            LossName::SmoothL1 => Self::smooth_l1(),
            LossName::Quantile => Self::QuantileLoss { quantile: 0.5 },
        }
    }
}

impl From<&Loss> for LossName {
    fn from(loss: &Loss) -> Self {
        match loss {
            Loss::BCELoss => Self::BCE,
            Loss::BCEWithLogitsLoss => Self::BCEWithLogits,
            Loss::CrossEntropyLoss { .. } => Self::CrossEntropy,
            Loss::MSELoss => Self::MSE,
            Loss::L1Loss => Self::L1,
            Loss::SmoothL1Loss { .. } => Self::SmoothL1,
            Loss::QuantileLoss { .. } => Self::Quantile,
        }
    }
}

/// Reads a loss with PyTorch's defaults.
///
/// ```
/// use reshet::Loss;
/// assert_eq!("bce-logits".parse::<Loss>()?, Loss::BCEWithLogitsLoss);
/// assert_eq!("BCEWithLogitsLoss".parse::<Loss>()?, Loss::BCEWithLogitsLoss);
/// # Ok::<(), reshet::Error>(())
/// ```
impl FromStr for Loss {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        name.parse::<LossName>().map(Self::from)
    }
}

impl Optimizer {
    /// Creates the optimiser of this name (in any case) with PyTorch's defaults and this
    /// learning rate.
    ///
    /// # Errors
    /// No optimiser has this name.
    pub fn named(name: &str, lr: f64) -> Result<Self> {
        name.parse::<OptimizerName>().map(|name| name.with_lr(lr))
    }
}

impl OptimizerName {
    /// Builds the optimiser with PyTorch's defaults and this learning rate.
    pub fn with_lr(self, lr: f64) -> Optimizer {
        match self {
            Self::SGD => SGD::new(lr).into(),
            Self::Adam => Adam::new(lr).into(),
            Self::AdamW => AdamW::new(lr).into(),
            Self::RMSprop => RMSprop::new(lr).into(),
        }
    }

    /// The learning rate where none is given.
    pub(crate) fn default_lr(self) -> f64 {
        if self == Self::RMSprop { 0.01 } else { 0.001 }
    }
}

/// With PyTorch's defaults; `step` divides the rate by ten every ten epochs.
impl From<ScheduleName> for Schedule {
    fn from(name: ScheduleName) -> Self {
        match name {
            ScheduleName::Constant => Self::Constant,
            ScheduleName::Step => Self::StepLR { step_size: 10, gamma: 0.1 },
            ScheduleName::Cosine => Self::CosineAnnealingLR { eta_min: 0.0 },
            ScheduleName::OneCycle => Self::OneCycleLR,
            ScheduleName::Plateau => Self::ReduceLROnPlateau { factor: 0.1, patience: 10 },
        }
    }
}

/// Reads a schedule with PyTorch's defaults; `step` divides the rate by ten every ten epochs.
impl FromStr for Schedule {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        name.parse::<ScheduleName>().map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_in_any_case() {
        for name in LossName::NAMES {
            let loss: Loss = name.parse().unwrap();
            assert_eq!(LossName::from(&loss).name(), *name);
            assert_eq!(loss.name().parse::<Loss>().unwrap(), loss);
            assert_eq!(name.to_uppercase().replace('-', "_").parse::<Loss>().unwrap(), loss);
        }
        for name in OptimizerName::NAMES {
            let optimizer = Optimizer::named(name, 0.5).unwrap();
            assert_eq!((&*optimizer.name().to_lowercase(), optimizer.lr()), (*name, 0.5));
            assert_eq!(Optimizer::named(&name.to_uppercase(), 0.5).unwrap(), optimizer);
        }
        for (long, short) in [
            ("OneCycleLR", "one-cycle"),
            ("StepLR", "step"),
            ("CosineAnnealingLR", "cosine"),
            ("ReduceLROnPlateau", "plateau"),
        ] {
            assert_eq!(long.parse::<Schedule>().unwrap(), short.parse::<Schedule>().unwrap());
        }
        assert_eq!("XAVIER_uniform".parse::<Init>().unwrap(), Init::XavierUniform);
        assert_eq!("Number".parse::<Task>().unwrap(), Task::Number);
        let error = "bse".parse::<Loss>().unwrap_err().to_string();
        assert!(error.contains("did you mean \"bce\"") || error.contains("bce"), "{error}");
        assert!("loss".parse::<Loss>().is_err() && "lr".parse::<Schedule>().is_err());
        assert!(Optimizer::named("", 0.1).is_err());
    }
}
