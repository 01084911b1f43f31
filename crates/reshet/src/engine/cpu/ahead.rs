//! The next batch's rows, asked for while this one is computed: they lie all
//! over the data, and fetching them only when they are needed took the
//! lecture's step 8 % longer.

use std::ops::Range;

use super::{vector::prefetch, work::Work};
use crate::data::{Numbers, Rows};

/// Bytes in a cache line.
const LINE: usize = 64;

/// Where the first sample's features are, and their bytes.
fn first(inputs: Rows) -> (*const u8, usize) {
    match inputs.numbers {
        Numbers::U8(bytes) => (bytes.as_ptr(), inputs.width),
        Numbers::F32(values) => (values.as_ptr().cast(), 4 * inputs.width),
    }
}

/// Asks for the cache lines of one sample.
#[inline(always)]
pub(super) fn ask_for(inputs: Rows, sample: u32) {
    let (data, bytes) = first(inputs);
    let row = data.wrapping_add(sample as usize * bytes);
    let before = row as usize % LINE;
    for line in (0..before + bytes).step_by(LINE) {
        prefetch(row.wrapping_sub(before).wrapping_add(line));
    }
}

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
        let (data, bytes) = first(work.batch.inputs);
        for _ in 0..count {
            if self.sample >= self.end {
                return;
            }
            let row = data.wrapping_add(work.batch.next[self.sample] as usize * bytes);
            let before = row as usize % LINE;
            prefetch(row.wrapping_sub(before).wrapping_add(self.line));
            self.line += LINE;
            if self.line >= before + bytes {
                (self.sample, self.line) = (self.sample + 1, 0);
            }
        }
    }
}
