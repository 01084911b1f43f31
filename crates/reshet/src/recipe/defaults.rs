//! The defaults of a recipe, by the kind of data.

use super::{OptimizerName, Recipe, ScheduleName};
use crate::{
    Activation, Adam, AdamW, Init, Optimizer, RMSprop, SGD, Targets,
    data::table::{ENOUGH_ROWS, Scaling},
};

/// Dropout for tables, where nothing else was measured to be better.
const DROPOUT: f32 = 0.2;
/// For classes of fewer than [`ENOUGH_ROWS`] samples; too much for a network that is less wide than ours.
const DROPOUT_OF_FEW_ROWS: f32 = 0.7;

/// The default settings of a recipe.
///
/// A setting that is given replaces its own default; a [`net`](Recipe::net) replaces all
/// with [`Defaults::Plain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defaults {
    /// For digits, arrays and any explicit network: a constant learning rate, no dropout, no
    /// weight decay.
    Plain,
    /// For folders of pictures.
    Pictures,
    /// For tables whose targets are numbers.
    Table,
    /// For tables whose targets are classes, or yes or no.
    TableOfClasses,
}

impl Defaults {
    /// Returns those for a table with these targets.
    pub fn of_table(targets: &Targets) -> Self {
        match targets {
            Targets::Numbers { .. } => Self::Table,
            _ => Self::TableOfClasses,
        }
    }

    /// Makes a recipe of these defaults for `samples` training samples. What depends only on
    /// the optimiser is left open.
    fn recipe(self, samples: usize) -> Recipe {
        match self {
            Self::Plain => plain(),
            Self::Pictures => pictures(samples),
            Self::Table => table(samples, false),
            Self::TableOfClasses => table(samples, true),
        }
    }
}

fn plain() -> Recipe {
    Recipe {
        hidden: Some(vec![100]),
        activation: Some(Activation::ReLU),
        dropout: Some(0.0),
        optimizer: Some(OptimizerName::Adam),
        schedule: Some(ScheduleName::Constant),
        epochs: Some(5),
        batch_size: Some(50),
        ..Recipe::default()
    }
}

/// Measured on Fashion-MNIST (seeds 0 to 4: 90.2 to 90.6 %, on average 90.4) and on
/// its first 300, 1,000 and 5,000 pictures. GELU for ReLU gave 0.5 points, dropout
/// 0.1 instead of 0.2 another 0.3; few pictures need small batches and more epochs
/// (1,000 pictures: 81.1 %, and 80.1 % with batches of 128 and 16 epochs).
fn pictures(samples: usize) -> Recipe {
    Recipe {
        hidden: Some(vec![512, 256]),
        activation: Some(Activation::GELU),
        dropout: Some(0.1),
        optimizer: Some(OptimizerName::AdamW),
        lr: Some(0.002),
        weight_decay: Some(0.01),
        schedule: Some(ScheduleName::OneCycle),
        epochs: Some((30_000 / samples.max(1)).clamp(16, 50)),
        batch_size: Some(if samples < 10_000 { 32 } else { 128 }),
        ..Recipe::default()
    }
}

/// Measured on eighteen tables of 120 to 5,600 training samples and on four of
/// 8,000 to 43,000: see `docs/decisions/0010-defaults-for-tables.md` and `0019-numbers-in-pieces.md`.
///
/// About 2,000 steps for any table and at least 20 epochs; for millions of samples at
/// most 20,000 steps (of 1,024 samples each) or one epoch. Weight decay keeps small tables
/// from overfitting: the fewer samples, the stronger. So does dropout, where a set of defaults
/// that has less is tried beside it (`docs/decisions/0026-dropout-for-tables.md`, and
/// `0036-small-tables-of-classes.md`). No validation part: small tables lost more by it than early
/// stopping gained.
fn table(samples: usize, classes: bool) -> Recipe {
    let n = samples.max(1);
    let many = n >= 10_000;
    let batch_size = match n {
        ..2_000 => 32,
        2_000..4_000 => 64,
        4_000..10_000 => 128,
        10_000..1_000_000 => 256,
        _ => 1_024,
    };
    let most = (20_000 * batch_size / n).max(1);
    // From so many rows on numbers come in pieces: more inputs, more to hold down.
    let decay = match n {
        ..ENOUGH_ROWS => (200.0 / n as f64).clamp(0.2, 1.0),
        _ => (400.0 / n as f64).clamp(0.3, 1.0),
    };
    let dropout = match n {
        ..ENOUGH_ROWS if classes => DROPOUT_OF_FEW_ROWS,
        ENOUGH_ROWS..10_000 if classes => 0.5,
        ENOUGH_ROWS..4_000 if !classes => 0.4,
        _ if many => 0.0,
        _ => DROPOUT,
    };
    Recipe {
        hidden: Some(vec![128, 64]),
        activation: Some(Activation::SiLU),
        dropout: Some(dropout),
        optimizer: Some(OptimizerName::AdamW),
        lr: Some(0.006),
        // Two digits: people read it.
        weight_decay: Some(if many { 0.05 } else { (decay * 100.0).round() / 100.0 }),
        schedule: Some(ScheduleName::OneCycle),
        epochs: Some((2_000 * batch_size / n).clamp(20, 200).min(most)),
        batch_size: Some(batch_size),
        ..Recipe::default()
    }
}

/// What differs from [`table`] for fewer than [`ENOUGH_ROWS`] samples whose numbers come in pieces.
/// See `docs/decisions/0036-small-tables-of-classes.md` and `0037-small-tables-of-numbers-in-pieces.md`.
pub(super) fn in_pieces(of_numbers: bool) -> Recipe {
    Recipe { dropout: Some(if of_numbers { 0.4 } else { 0.5 }), ..Recipe::default() }
}

/// What differs from [`table`] for one whose numbers count in every detail and have little noise:
/// hardly held down, twice the steps. See `docs/decisions/0020-two-sets-of-defaults.md`.
pub(super) fn detailed(samples: usize) -> Recipe {
    Recipe {
        dropout: Some(0.1),
        weight_decay: Some(0.05),
        epochs: table(samples, false).epochs.map(|epochs| 2 * epochs),
        ..Recipe::default()
    }
}

/// What differs from [`table`] where [`detailed`] has shown that it underfits: a wider network too,
/// and twice the steps again. See `docs/decisions/0030-a-wider-network.md`.
pub(super) fn wide(samples: usize) -> Recipe {
    Recipe {
        hidden: Some(vec![256, 128]),
        epochs: table(samples, false).epochs.map(|epochs| 4 * epochs),
        ..detailed(samples)
    }
}

impl Recipe {
    /// Fills in everything left open from these defaults, for `samples` training samples. The
    /// loss stays open, as it also depends on the data's targets.
    pub fn resolve_for(&self, defaults: Defaults, samples: usize) -> Self {
        let defaults = if self.net.is_some() { Defaults::Plain } else { defaults };
        let mut usual = defaults.recipe(samples);
        usual.batch_size = usual.batch_size.map(|n| n.min(samples));
        if self.hidden.is_some() && usual.dropout == Some(DROPOUT_OF_FEW_ROWS) {
            usual.dropout = Some(DROPOUT);
        }
        if self.net.is_some() {
            (usual.hidden, usual.activation, usual.dropout) = (None, None, None);
        }
        (usual.init, usual.seed) = (Some(Init::Default), Some(0));
        // Given settings win; another optimiser has its own learning rate and weight decay.
        let mut recipe = self.over(&usual);
        recipe.fill_optimizer();
        if let Some(ScheduleName::Step) = recipe.schedule {
            recipe.step_size = recipe.step_size.or(Some(10));
        }
        if let Some(ScheduleName::Step | ScheduleName::Plateau) = recipe.schedule {
            recipe.gamma = recipe.gamma.or(Some(0.1));
        }
        recipe
    }

    /// Returns how the numbers of a table become inputs unless something else is asked for:
    /// [`Scaling::Piecewise`], but [`Scaling::Standard`] for a network that is given, whose
    /// inputs are then the columns.
    pub fn scaling(&self) -> Scaling {
        match self.net {
            Some(_) => Scaling::Standard,
            None => Scaling::Piecewise,
        }
    }

    /// Fills in the optimiser's own defaults.
    fn fill_optimizer(&mut self) {
        let name = self.optimizer_name();
        let lr = *self.lr.get_or_insert(name.default_lr());
        match name.with_lr(lr) {
            Optimizer::SGD(SGD { momentum, weight_decay, .. }) => {
                self.momentum.get_or_insert(momentum);
                self.weight_decay.get_or_insert(weight_decay);
            }
            Optimizer::RMSprop(RMSprop { alpha, eps, weight_decay, momentum, .. }) => {
                self.alpha.get_or_insert(alpha);
                self.eps.get_or_insert(eps);
                self.weight_decay.get_or_insert(weight_decay);
                self.momentum.get_or_insert(momentum);
            }
            Optimizer::Adam(Adam { betas, eps, weight_decay, .. })
            | Optimizer::AdamW(AdamW { betas, eps, weight_decay, .. }) => {
                self.betas.get_or_insert(betas.into());
                self.eps.get_or_insert(eps);
                self.weight_decay.get_or_insert(weight_decay);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_on_tables_are_bounded() {
        for n in [1, 7, 100, 999, 1_999, 2_000, 9_999, 10_000, 300_000, 1_000_000, 20_000_000] {
            let recipe = Recipe::default().resolve_for(Defaults::Table, n);
            let (epochs, batch_size) = (recipe.epochs.unwrap(), recipe.batch_size.unwrap());
            let steps = epochs * n.div_ceil(batch_size);
            assert!(epochs > 0 && batch_size <= n && steps <= 21_000, "{n} samples: {steps} steps");
            assert!(n < 500 || steps >= 1_500, "{n} samples: {steps} steps");
        }
    }

    #[test]
    fn the_fewer_the_samples_the_stronger_the_decay() {
        let decay = |n| table(n, false).weight_decay.unwrap();
        assert_eq!([decay(50), decay(400)], [1.0, 0.5]);
        assert_eq!([decay(500), decay(5_000), decay(50_000)], [0.8, 0.3, 0.05]);
    }

    #[test]
    fn noisy_kinds_of_tables_have_the_strongest_dropout() {
        let dropouts =
            |classes| [100, 700, 3_500, 5_000, 20_000].map(|n| table(n, classes).dropout);
        assert_eq!(dropouts(false), [0.2, 0.4, 0.4, 0.2, 0.0].map(Some));
        assert_eq!(dropouts(true), [0.7, 0.5, 0.5, 0.5, 0.0].map(Some));
        // A network that is asked for may be narrow.
        let narrow = Recipe { hidden: Some(vec![8]), ..Recipe::default() };
        let resolved = |n| narrow.resolve_for(Defaults::TableOfClasses, n).dropout;
        assert_eq!([resolved(100), resolved(700)], [Some(0.2), Some(0.5)]);
    }

    #[test]
    fn another_optimizer_has_its_own_rate() {
        let sgd = Recipe { optimizer: Some(OptimizerName::SGD), ..Recipe::default() };
        let sgd = sgd.resolve_for(Defaults::Table, 500);
        assert_eq!((sgd.lr, sgd.weight_decay, sgd.betas), (Some(0.001), Some(0.0), None));
        assert_eq!(sgd.schedule, Some(ScheduleName::OneCycle));
    }

    #[test]
    fn what_the_optimizer_fills_in_is_what_it_does_anyway() {
        for name in OptimizerName::NAMES {
            let open = Recipe { optimizer: name.parse().ok(), ..Recipe::default() };
            let filled = open.resolve_for(Defaults::Plain, 10);
            assert_eq!(open.optimizer().unwrap(), filled.optimizer().unwrap());
        }
    }
}
