//! The next batch's rows, asked for while this one is computed: they lie all
//! over the data, and fetching them only when they are needed took the
//! lecture's step 8 % longer.

use std::ops::Range;

use super::{vector::prefetch, work::Work};
use crate::data::Numbers;

/// Asks for the cache lines of the next samples, some at a time.
pub(super) struct Ahead {
    sample: usize,
    end: usize,
    line: usize,
}

impl Ahead {
    /// Of these samples of the next batch.
    pub fn new(samples: Range<usize>) -> Self {
        Self { sample: samples.start, end: samples.end, line: 0 }
    }

    /// Asks for `count` lines more.
    pub fn ask(&mut self, work: &Work, count: usize) {
        let width = work.batch.inputs.width;
        let (data, bytes) = match work.batch.inputs.numbers {
            Numbers::U8(bytes) => (bytes.as_ptr(), width),
            Numbers::F32(values) => (values.as_ptr().cast(), 4 * width),
        };
        for _ in 0..count {
            if self.sample >= self.end {
                return;
            }
            let row = data.wrapping_add(work.batch.next[self.sample] as usize * bytes);
            let before = row as usize % 64;
            prefetch(row.wrapping_sub(before).wrapping_add(self.line));
            self.line += 64;
            if self.line >= before + bytes {
                (self.sample, self.line) = (self.sample + 1, 0);
            }
        }
    }
}
