//! The names of losses, optimisers and schedules, read in one place: PyTorch's (`BCELoss`,
//! `SGD`, `OneCycleLR`) and short ones (`bce`, `sgd`, `one-cycle`), in any case.

use std::str::FromStr;

use crate::{
    Adam, AdamW, Loss, Optimizer, RMSprop, Result, SGD, Schedule, error::Error,
    network::did_you_mean,
};

/// The letters and digits of a name, small, without an ending.
fn plain(name: &str, ending: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    let plain: String = letters.flat_map(char::to_lowercase).collect();
    match plain.strip_suffix(ending) {
        Some(rest) if !rest.is_empty() => rest.into(),
        _ => plain,
    }
}

fn unknown<T>(what: &str, name: &str, known: &[&str]) -> Result<T> {
    let hint = did_you_mean(name, known);
    let all = known.join(", ");
    Err(Error::invalid(format!("no {what} is called \"{name}\"{hint} (there are {all})")))
}

impl Loss {
    /// The short names, as [`Loss::from_str`] reads them.
    pub const NAMES: [&str; 6] = ["bce", "bce-logits", "cross-entropy", "mse", "l1", "smooth-l1"];

    /// The loss's short name: `bce`, `cross-entropy`, …
    pub fn short_name(&self) -> &'static str {
        match self {
            Self::BCELoss => "bce",
            Self::BCEWithLogitsLoss => "bce-logits",
            Self::CrossEntropyLoss { .. } => "cross-entropy",
            Self::MSELoss => "mse",
            Self::L1Loss => "l1",
            Self::SmoothL1Loss { .. } => "smooth-l1",
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
        match &*plain(name, "loss") {
            "bce" => Ok(Self::BCELoss),
            "bcelogits" | "bcewithlogits" => Ok(Self::BCEWithLogitsLoss),
            "crossentropy" | "ce" => Ok(Self::cross_entropy()),
            "mse" => Ok(Self::MSELoss),
            "l1" | "mae" => Ok(Self::L1Loss),
            "smoothl1" => Ok(Self::smooth_l1()),
            _ => unknown("loss", name, &Self::NAMES),
        }
    }
}

impl Optimizer {
    /// The names, as [`Optimizer::named`] reads them.
    pub const NAMES: [&str; 4] = ["sgd", "adam", "adamw", "rmsprop"];

    /// The optimiser of this name (any case) with PyTorch's defaults and this learning rate.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn named(name: &str, lr: f64) -> Result<Self> {
        Ok(match &*plain(name, "") {
            "sgd" => SGD::new(lr).into(),
            "adam" => Adam::new(lr).into(),
            "adamw" => AdamW::new(lr).into(),
            "rmsprop" => RMSprop::new(lr).into(),
            _ => return unknown("optimizer", name, &Self::NAMES),
        })
    }
}

impl Schedule {
    /// The short names, as [`Schedule::from_str`] reads them.
    pub const NAMES: [&str; 5] = ["constant", "step", "cosine", "one-cycle", "plateau"];

    /// The schedule's short name: `constant`, `one-cycle`, …
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::StepLR { .. } => "step",
            Self::CosineAnnealingLR { .. } => "cosine",
            Self::OneCycleLR => "one-cycle",
            Self::ReduceLROnPlateau { .. } => "plateau",
        }
    }
}

/// Reads a schedule with PyTorch's defaults; `step` falls to a tenth every ten epochs.
impl FromStr for Schedule {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match &*plain(name, "lr") {
            "constant" => Ok(Self::Constant),
            "step" => Ok(Self::StepLR { step_size: 10, gamma: 0.1 }),
            "cosine" | "cosineannealing" => Ok(Self::CosineAnnealingLR { eta_min: 0.0 }),
            "onecycle" => Ok(Self::OneCycleLR),
            "plateau" | "reducelronplateau" => {
                Ok(Self::ReduceLROnPlateau { factor: 0.1, patience: 10 })
            }
            _ => unknown("schedule", name, &Self::NAMES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_read_in_any_case() {
        for loss in Loss::NAMES {
            let short: Loss = loss.parse().unwrap();
            assert_eq!(short.short_name(), loss);
            assert_eq!(short.name().parse::<Loss>().unwrap(), short);
            assert_eq!(loss.to_uppercase().replace('-', "_").parse::<Loss>().unwrap(), short);
        }
        for name in Optimizer::NAMES {
            let optimizer = Optimizer::named(name, 0.5).unwrap();
            assert_eq!((&*optimizer.name().to_lowercase(), optimizer.lr()), (name, 0.5));
            assert_eq!(Optimizer::named(&name.to_uppercase(), 0.5).unwrap(), optimizer);
        }
        for name in Schedule::NAMES {
            assert_eq!(name.parse::<Schedule>().unwrap().name(), name);
        }
        for (long, short) in [
            ("OneCycleLR", "one-cycle"),
            ("StepLR", "step"),
            ("CosineAnnealingLR", "cosine"),
            ("ReduceLROnPlateau", "plateau"),
        ] {
            assert_eq!(long.parse::<Schedule>().unwrap(), short.parse::<Schedule>().unwrap());
        }
        let error = "bse".parse::<Loss>().unwrap_err().to_string();
        assert!(error.contains("did you mean \"bce\"") || error.contains("bce"), "{error}");
        assert!("loss".parse::<Loss>().is_err() && "lr".parse::<Schedule>().is_err());
        assert!(Optimizer::named("", 0.1).is_err());
    }
}
