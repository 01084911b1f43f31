//! The masks of dropout, the same for every engine.

use crate::rng::{Purpose, Stream, uniform};

/// The mask of a dropout layer in one training step: 0 with probability p, otherwise 1 / (1 − p).
///
/// The mask is keyed by the sample's row in the dataset, so it depends neither on the batch nor on
/// the number of threads. In a batch of arrays it is keyed by the sample's position.
#[derive(Clone, Copy)]
pub(crate) struct Mask {
    stream: Stream,
    p: f32,
}

impl Mask {
    pub fn new(seed: u64, step: u64, module: usize, p: f32) -> Self {
        // The index has room for the step; the module goes into the upper bits of the seed.
        let seed = seed ^ (module as u64) << 48;
        Self { stream: Stream::new(seed, Purpose::Dropout, step as u32), p }
    }

    /// Returns the factor for one value of a sample.
    pub fn at(self, row: u32, column: usize) -> f32 {
        let bits = self.stream.block(Self::block(row, column));
        self.scale(bits[column % 4])
    }

    /// Returns the factors for 32 columns from `first` on, which is a multiple of 4.
    #[inline(always)]
    pub fn stretch(self, row: u32, first: usize) -> [f32; 32] {
        let blocks: [[u32; 4]; 8] = self.stream.blocks(Self::block(row, first));
        let mut scales = [0.0; 32];
        for (scale, bits) in scales.iter_mut().zip(blocks.as_flattened()) {
            *scale = self.scale(*bits);
        }
        scales
    }

    /// The block of random bits for a column: each block serves four columns.
    #[inline(always)]
    fn block(row: u32, column: usize) -> u64 {
        u64::from(row) << 30 | (column / 4) as u64
    }

    #[inline(always)]
    fn scale(self, bits: u32) -> f32 {
        if uniform(bits) < self.p { 0.0 } else { 1.0 / (1.0 - self.p) }
    }
}
