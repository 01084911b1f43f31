//! Batches: the rows of each training step.

use std::{ops::Deref, sync::Arc};

use super::Dataset;
use crate::rng::{Purpose, Stream};

/// An iterator over one epoch's batches, as PyTorch's `DataLoader`: every
/// sample exactly once. It gives row numbers, not copies of samples.
///
/// ```
/// use reshet::{Dataset, Features, Storage, Targets};
/// let features = Features::new(Storage::F32(vec![0.0; 10]), &[1])?;
/// let data = Dataset::new(features, Targets::numbers(vec![0.0; 10], 1))?;
/// let sizes: Vec<usize> = data.loader(4).shuffled(0, 0).map(|batch| batch.len()).collect();
/// assert_eq!(sizes, [4, 4, 2]);
/// assert_eq!(data.loader(4).drop_last().len(), 2);
/// # Ok::<(), reshet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DataLoader {
    order: Arc<Vec<u32>>,
    batch_size: usize,
    position: usize,
    end: usize,
}

/// The row numbers of one step.
#[derive(Clone, Debug)]
pub struct Batch {
    order: Arc<Vec<u32>>,
    start: usize,
    end: usize,
}

impl Deref for Batch {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.order[self.start..self.end]
    }
}

impl Batch {
    /// The whole order, and where in it the batch begins.
    pub(crate) fn place(&self) -> (&Arc<Vec<u32>>, usize) {
        (&self.order, self.start)
    }

    /// Returns the rows of the next batch in the loader's order; fewer at the end of the epoch.
    pub fn following(&self) -> &[u32] {
        let end = self.order.len().min(self.end + self.len());
        &self.order[self.end..end]
    }
}

impl DataLoader {
    /// Makes batches of these rows, in this order.
    pub(crate) fn in_order(order: Vec<u32>, batch_size: usize) -> Self {
        let end = order.len();
        Self { order: Arc::new(order), batch_size, position: 0, end }
    }

    /// Skips the next batches.
    pub(crate) fn skip_batches(&mut self, count: usize) {
        let step = self.batch_size.saturating_mul(count);
        self.position = self.position.saturating_add(step).min(self.end);
    }
}

impl Dataset {
    /// Makes batches of `batch_size` rows in the data's order; the last may be smaller.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    pub fn loader(&self, batch_size: usize) -> DataLoader {
        assert!(batch_size > 0, "a batch needs at least one sample");
        DataLoader::in_order((0..self.len() as u32).collect(), batch_size)
    }
}

impl DataLoader {
    /// Shuffles the rows, in an order that depends only on seed and epoch.
    pub fn shuffled(mut self, seed: u64, epoch: usize) -> Self {
        let order = Arc::make_mut(&mut self.order);
        Stream::new(seed, Purpose::Shuffle, epoch as u32).shuffle(order);
        self
    }

    /// Drops the last batch if it is not full.
    pub fn drop_last(mut self) -> Self {
        self.end -= (self.end - self.position) % self.batch_size;
        self
    }
}

impl Iterator for DataLoader {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let start = self.position;
        self.position = start.saturating_add(self.batch_size).min(self.end);
        (start < self.position).then(|| Batch {
            order: self.order.clone(),
            start,
            end: self.position,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.end - self.position).div_ceil(self.batch_size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for DataLoader {}
