//! Dropout's masks, the same for every engine.

use crate::rng::{Purpose, Stream, uniform};

/// The mask of dropout at one step: 0, or 1 / (1 − p). Keyed by the sample's
/// row, so that it depends neither on the batch nor on threads; in a batch made just now
/// by its place there.
#[derive(Clone, Copy)]
pub(crate) struct Mask {
    stream: Stream,
    p: f32,
}

impl Mask {
    pub fn new(seed: u64, step: u64, module: usize, p: f32) -> Self {
        // Step and module share the index; the seed carries what does not fit.
        let seed = seed ^ (module as u64) << 48;
        Self { stream: Stream::new(seed, Purpose::Dropout, step as u32), p }
    }

    /// For one number of a sample's row.
    pub fn at(self, row: u32, column: usize) -> f32 {
        let bits = self.stream.block(Self::block(row, column));
        self.scale(bits[column % 4])
    }

    /// For the 32 columns from `first` on, a multiple of 4.
    #[inline(always)]
    pub fn stretch(self, row: u32, first: usize) -> [f32; 32] {
        let blocks: [[u32; 4]; 8] = self.stream.blocks(Self::block(row, first));
        let mut scales = [0.0; 32];
        for (scale, bits) in scales.iter_mut().zip(blocks.as_flattened()) {
            *scale = self.scale(*bits);
        }
        scales
    }

    /// Random bits come by four columns.
    #[inline(always)]
    fn block(row: u32, column: usize) -> u64 {
        u64::from(row) << 30 | (column / 4) as u64
    }

    #[inline(always)]
    fn scale(self, bits: u32) -> f32 {
        if uniform(bits) < self.p { 0.0 } else { 1.0 / (1.0 - self.p) }
    }
}
