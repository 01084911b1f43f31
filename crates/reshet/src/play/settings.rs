//! How an agent learns.

use crate::{Optimizer, Result, SGD, error::Error};

/// How an [`Agent`](super::Agent) learns. The defaults are those of the tic-tac-toe example.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The widths of the hidden layers; each is followed by ReLU.
    pub hidden: Vec<usize>,
    /// The learning rate of SGD.
    pub lr: f64,
    /// Actions that are remembered.
    pub remembered: usize,
    /// Remembered actions that a step learns from.
    pub batch: usize,
    /// γ: what a reward is worth an action later.
    pub discount: f32,
    /// Games between two copies of the network. 0: no copy; the network that learns says itself what
    /// follows is worth.
    pub copy_every: usize,
    /// The least ε: how often any action is tried instead of the best one.
    pub least_curious: f32,
    /// Games after which ε − `least_curious` has fallen to 1/e; ε begins at 1.
    pub patience: f32,
    /// Double DQN: the network chooses the next action, the copy values it.
    pub double: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hidden: vec![128, 64],
            lr: 0.1,
            remembered: 10_000,
            batch: 64,
            discount: 0.99,
            copy_every: 1000,
            least_curious: 0.01,
            patience: 5000.0,
            double: false,
        }
    }
}

impl Settings {
    pub(super) fn check(&self) -> Result<()> {
        let invalid = |what: &str| Err(Error::invalid(what));
        if self.batch == 0 || self.remembered < self.batch {
            return invalid("remembered must be at least batch, and batch at least 1");
        }
        if !(0.0..=1.0).contains(&self.discount) {
            return invalid("discount must be from 0 to 1");
        }
        if !(0.0..=1.0).contains(&self.least_curious) || self.patience.is_nan() {
            return invalid("least_curious must be from 0 to 1, and patience a number");
        }
        Optimizer::from(SGD::new(self.lr)).check()
    }
}
