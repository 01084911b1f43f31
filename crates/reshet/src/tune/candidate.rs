//! What is tried once: a network and how it is trained.

use serde::{Deserialize, Serialize};

use crate::{AdamW, Error, Result, Schedule, Sequential, Targets, Trainer};

/// One way to build and train a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Candidate {
    /// Widths of the hidden layers.
    pub hidden: Vec<usize>,
    /// Of the hidden layers.
    pub activation: String,
    /// AdamW's learning rate.
    pub lr: f64,
    /// Samples a step.
    pub batch_size: usize,
    /// AdamW's.
    pub weight_decay: f64,
    /// After each hidden layer.
    pub dropout: f64,
    /// `constant`, `cosine`, `one-cycle`.
    pub schedule: String,
}

impl Candidate {
    /// The network for data of so many inputs and these targets.
    ///
    /// # Errors
    /// An unknown activation; a width of 0.
    pub fn network(&self, inputs: usize, targets: &Targets) -> Result<Sequential> {
        Sequential::parse(&self.text(inputs, &targets.output_layer()), Some(inputs))
    }

    /// The network's text; `output` as [`Targets::output_layer`] writes it.
    pub fn text(&self, inputs: usize, output: &str) -> String {
        let dropout = match self.dropout {
            0.0 => String::new(),
            p => format!(":dropout({p})"),
        };
        let layer = |n: &usize| format!("-{n}:{}{dropout}", self.activation);
        let hidden: String = self.hidden.iter().map(layer).collect();
        format!("{inputs}{hidden}{output}")
    }

    /// A trainer of this network that does so.
    ///
    /// # Errors
    /// An unknown schedule.
    pub fn trainer<'a>(&self, network: Sequential) -> Result<Trainer<'a>> {
        let schedule = match &*self.schedule {
            "constant" => Schedule::Constant,
            "cosine" => Schedule::CosineAnnealingLR { eta_min: 0.0 },
            "one-cycle" => Schedule::OneCycleLR,
            other => {
                let hint =
                    crate::network::did_you_mean(other, &["constant", "cosine", "one-cycle"]);
                return Err(Error::invalid(format!("no schedule is called \"{other}\"{hint}")));
            }
        };
        let optimizer = AdamW { weight_decay: self.weight_decay, ..AdamW::new(self.lr) };
        Ok(Trainer::new(network)
            .optimizer(optimizer)
            .schedule(schedule)
            .batch_size(self.batch_size))
    }
}
