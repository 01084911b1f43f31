//! What is not said on the command line, by the kind of data.
//!
//! `mnist`, arrays and any explicit `--net` train plainly: a constant rate, no
//! validation part, no early stopping, no regularisation. The cleverer defaults
//! apply only where nothing was prescribed: each flag replaces its own one.

use crate::hyper::{OptimizerName, ScheduleName};

/// What kind of data is learnt from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `mnist`, arrays: what the user wrote is what is run.
    Plain,
    /// Folders of pictures or of IDX files.
    Pictures,
    /// CSV files.
    Table,
}

/// How to train where no flag says it.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Of the hidden layers.
    pub activation: &'static str,
    /// Dropout after each hidden layer; 0 for none.
    pub dropout: f32,
    pub optimizer: OptimizerName,
    /// None: what the optimiser's own default is, as with any other optimiser.
    pub lr: Option<f64>,
    /// As `lr`.
    pub weight_decay: Option<f64>,
    pub schedule: ScheduleName,
    pub epochs: usize,
    pub batch_size: usize,
    /// Part of the training samples to validate on.
    pub validation: Option<f64>,
    /// Epochs without a better validation loss before it stops.
    pub patience: Option<usize>,
}

impl Defaults {
    /// The defaults for `samples` training samples of this kind.
    pub fn of(kind: Kind, samples: usize) -> Self {
        match kind {
            Kind::Plain => Self::plain(),
            Kind::Pictures => Self::pictures(samples),
            Kind::Table => Self::table(samples),
        }
    }

    /// What design and documentation promise of `mnist`, arrays and `--net`.
    pub fn plain() -> Self {
        Self {
            hidden: vec![100],
            activation: "relu",
            dropout: 0.0,
            optimizer: OptimizerName::Adam,
            lr: None,
            weight_decay: None,
            schedule: ScheduleName::Constant,
            epochs: 5,
            batch_size: 50,
            validation: None,
            patience: None,
        }
    }

    /// Measured on Fashion-MNIST (seeds 0 to 4: 90.2 to 90.6 %, on average 90.4) and on
    /// its first 300, 1,000 and 5,000 pictures. GELU for ReLU gave 0.5 points, dropout
    /// 0.1 for 0.2 another 0.3; few pictures want small batches and more epochs (of
    /// 1,000, 81.1 % against 80.1 with batches of 128 and 16 epochs).
    fn pictures(samples: usize) -> Self {
        let few = samples < 10_000;
        Self {
            hidden: vec![512, 256],
            activation: "gelu",
            dropout: 0.1,
            optimizer: OptimizerName::AdamW,
            lr: Some(0.002),
            weight_decay: Some(0.01),
            schedule: ScheduleName::OneCycle,
            epochs: (30_000 / samples.max(1)).clamp(16, 50),
            batch_size: if few { 32 } else { 128 },
            ..Self::plain()
        }
    }

    /// Measured on eighteen tables of 120 to 5,600 training samples and on four of
    /// 8,000 to 43,000: see `docs/decisions/0010-defaults-for-tables.md`.
    ///
    /// About 2,000 steps, whatever the table; from 10,000 samples on 20 epochs, and
    /// of millions no more than 20,000 steps (of 1,024 samples each). What keeps
    /// small tables from being learnt by heart is weight decay, the stronger the
    /// fewer they are. No validation part: it cost them more than the best epoch gave.
    fn table(samples: usize) -> Self {
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
        let decay = (200.0 / n as f64).clamp(0.2, 1.0);
        Self {
            hidden: vec![128, 64],
            activation: "silu",
            dropout: if many { 0.0 } else { 0.2 },
            optimizer: OptimizerName::AdamW,
            lr: Some(0.006),
            // Two digits: people read it.
            weight_decay: Some(if many { 0.05 } else { (decay * 100.0).round() / 100.0 }),
            schedule: ScheduleName::OneCycle,
            epochs: if many { most.min(20) } else { (2_000 * batch_size / n).clamp(5, 200) },
            batch_size,
            validation: None,
            patience: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_on_tables_are_bounded() {
        for n in [1, 7, 100, 999, 1_999, 2_000, 9_999, 10_000, 300_000, 1_000_000, 20_000_000] {
            let d = Defaults::table(n);
            let steps = d.epochs * n.div_ceil(d.batch_size);
            assert!(d.epochs > 0 && steps <= 21_000, "{n} samples: {steps} steps");
            assert!(n < 500 || steps >= 1_500, "{n} samples: {steps} steps");
        }
    }

    #[test]
    fn the_fewer_the_samples_the_stronger_the_decay() {
        let decay = |n| Defaults::table(n).weight_decay.expect("tables have one");
        assert_eq!([decay(50), decay(400), decay(5_000), decay(50_000)], [1.0, 0.5, 0.2, 0.05]);
    }
}
