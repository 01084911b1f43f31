//! What the training loop trains on, and how.

use std::sync::Arc;

use crate::{
    DataLoader, Dataset, Device, Group, Optimizer, Result,
    data::streamed::{Order as RowOrder, Portions, StreamedRows},
};

/// The data and the settings of the loop.
pub(super) struct Settings {
    pub data: Dataset,
    /// The rows to train on, if they are not in memory; `data` is then a sample of them.
    pub streamed: Option<StreamedRows>,
    pub validation: Option<Dataset>,
    pub optimizer: Optimizer,
    pub epochs: usize,
    pub batch_size: usize,
    pub seed: u64,
    pub shuffle: bool,
    pub patience: Option<usize>,
    pub temperature: Option<f64>,
    pub group: Option<Arc<dyn Group>>,
    pub fall_back: Option<Device>,
}

impl Settings {
    /// The batches of an epoch from number `skip` on; those of rows that are not in memory come in
    /// portions.
    pub fn batches(&self, epoch: usize, skip: usize) -> Result<(DataLoader, Option<Portions>)> {
        let Self { seed, shuffle, batch_size, .. } = *self;
        if let Some(rows) = &self.streamed {
            let none = DataLoader::in_order(Vec::new(), batch_size);
            if epoch >= self.epochs {
                return Ok((none, None));
            }
            let portions = rows.portions(RowOrder { seed, epoch, shuffle, batch_size, skip })?;
            return Ok((none, Some(portions)));
        }
        let loader = self.data.loader(batch_size);
        let mut loader = if shuffle { loader.shuffled(seed, epoch) } else { loader };
        loader.skip_batches(skip);
        Ok((loader, None))
    }

    /// The number of samples to train on.
    pub fn samples(&self) -> usize {
        self.streamed.as_ref().map_or(self.data.len(), StreamedRows::len)
    }

    pub fn fingerprint(&self) -> u64 {
        match &self.streamed {
            Some(rows) => rows.fingerprint(),
            None => self.data.fingerprint(),
        }
    }

    pub fn steps_per_epoch(&self) -> usize {
        self.samples().div_ceil(self.batch_size)
    }

    pub fn steps(&self) -> usize {
        self.epochs.saturating_mul(self.steps_per_epoch())
    }
}
