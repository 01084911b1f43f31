//! The MNIST handwritten digits: 60,000 to train on and 10,000 to test with, 28 × 28 pixels
//! each, packed into the crate itself. Nothing is downloaded and nothing is read from disk.
//!
//! ```
//! let images = reshet_mnist::test_images();
//! let labels = reshet_mnist::test_labels();
//! let pixels = reshet_mnist::ROWS * reshet_mnist::COLUMNS;
//! let (first, digit) = (&images[..pixels], labels[0]);
//! assert_eq!(digit, 7);
//! assert!(first.iter().any(|&pixel| pixel == 254));
//! ```
//!
//! Every call unpacks its data anew, the images on all cores; keep what it returns.
//!
//! # Source and licence of the data
//!
//! The MNIST database of handwritten digits, by Yann LeCun, Corinna Cortes and Christopher
//! J. C. Burges, is made available under the terms of the
//! [Creative Commons Attribution-Share Alike 3.0](https://creativecommons.org/licenses/by-sa/3.0/)
//! licence. The bytes are those of the original files, in the original order, without their
//! headers.

mod format;

use format::*;
use std::{sync::Mutex, thread};

/// Rows of an image.
pub const ROWS: usize = 28;
/// Columns of an image.
pub const COLUMNS: usize = 28;
/// Number of training images.
pub const TRAIN: usize = 60_000;
/// Number of test images.
pub const TEST: usize = 10_000;

static TRAIN_IMAGES: &[u8] = include_bytes!("../data/train-images.bin");
static TRAIN_LABELS: &[u8] = include_bytes!("../data/train-labels.bin");
static TEST_IMAGES: &[u8] = include_bytes!("../data/test-images.bin");
static TEST_LABELS: &[u8] = include_bytes!("../data/test-labels.bin");

/// The training images: 60,000 × 28 × 28 pixels, row by row, 0 the paper and 255 the ink.
pub fn train_images() -> Vec<u8> {
    unpack(TRAIN_IMAGES, TRAIN)
}

/// The digits, 0 to 9, that the 60,000 training images show.
pub fn train_labels() -> Vec<u8> {
    TRAIN_LABELS.to_vec()
}

/// The test images: 10,000 × 28 × 28 pixels, row by row, 0 the paper and 255 the ink.
pub fn test_images() -> Vec<u8> {
    unpack(TEST_IMAGES, TEST)
}

/// The digits, 0 to 9, that the 10,000 test images show.
pub fn test_labels() -> Vec<u8> {
    TEST_LABELS.to_vec()
}

fn unpack(packed: &[u8], images: usize) -> Vec<u8> {
    let tables = tables(packed);
    let mut out = vec![0; images * ROWS * COLUMNS];
    let blocks = Mutex::new(out.chunks_mut(BLOCK).enumerate());
    let next = || blocks.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((k, out)) = next() {
                    let start = TABLES * 256 + k * STREAMS * 4;
                    let streams = std::array::from_fn(|s| {
                        let at = start + s * 4;
                        let offset = packed[at..at + 4].try_into().unwrap();
                        Bits::new(&packed[u32::from_le_bytes(offset) as usize..])
                    });
                    unpack_block(&tables, streams, out);
                }
            });
        }
    });
    out
}

/// Indexed by the next `MAX_BITS` bits: the symbol that they begin with in the high byte, the
/// length of its code in the low one.
type Table = [u16; 1 << MAX_BITS];

/// Canonical Huffman codes: shorter before longer, then by symbol, so the lengths say it all.
fn tables(packed: &[u8]) -> Vec<Table> {
    let table = |lengths: &[u8]| {
        let mut table = [0; 1 << MAX_BITS];
        let mut at = 0;
        for bits in 1..=MAX_BITS {
            for symbol in (0..256).filter(|&s| usize::from(lengths[s]) == bits) {
                let end = at + (1 << (MAX_BITS - bits));
                table[at..end].fill((symbol << 8 | bits) as u16);
                at = end;
            }
        }
        table
    };
    packed[..TABLES * 256].chunks(256).map(table).collect()
}

/// Reads codes from the high bits down.
struct Bits<'a> {
    rest: &'a [u8],
    window: u64,
    valid: u32,
}

impl<'a> Bits<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest, window: 0, valid: 0 }
    }

    /// Makes at least 56 bits valid. The part of a byte that reaches below them is read again.
    #[inline(always)]
    fn refill(&mut self) {
        let next = u64::from_be_bytes(self.rest[..8].try_into().unwrap());
        self.window |= next >> self.valid;
        self.rest = &self.rest[(63 - self.valid as usize) / 8..];
        self.valid |= 56;
    }

    #[inline(always)]
    fn symbol(&mut self, table: &Table) -> u8 {
        let entry = table[(self.window >> (64 - MAX_BITS)) as usize];
        let bits = entry & 63;
        self.window <<= bits;
        self.valid -= u32::from(bits);
        (entry >> 8) as u8
    }
}

/// Decodes a block into `out`, which is all zeros.
fn unpack_block(tables: &[Table], streams: [Bits; STREAMS], out: &mut [u8]) {
    let tables: &[Table; TABLES] = tables.try_into().unwrap();
    let [mut runs, mut lanes @ ..] = streams;

    // The runs, and where in its run each pixel of ink is. Copies of a fixed size, here and
    // below, are much faster than those of just the run; the next one overwrites the excess.
    let places: [_; RUN] = std::array::from_fn(places);
    let mut lengths = Vec::with_capacity(out.len() / 16);
    let mut ink = Vec::with_capacity(out.len() / 4);
    let (mut at, mut length) = (0, 0);
    while at < out.len() {
        runs.refill();
        let gap = usize::from(runs.symbol(&tables[gap_table(length)]));
        length = usize::from(runs.symbol(&tables[length_table(gap)])) % RUN;
        lengths.push((gap, length));
        let end = ink.len() + length;
        ink.extend_from_slice(&places[length]);
        ink.truncate(end);
        at += gap + length;
    }

    // The ink, over its places.
    let piece = ink.len().div_ceil(LANES);
    ink.resize(piece * LANES + RUN, 0);
    let mut left = [0; LANES];
    for k in 0..piece {
        for lane in 0..LANES {
            if k % 5 == 0 {
                lanes[lane].refill();
            }
            let pixel = &mut ink[lane * piece + k];
            left[lane] = lanes[lane].symbol(&tables[ink_table(*pixel, left[lane])]);
            *pixel = left[lane];
        }
    }

    // The ink, with the gaps between.
    let (mut at, mut from) = (0, 0);
    for (gap, length) in lengths {
        at += gap;
        if let Some(to) = out.get_mut(at..at + 2 * RUN) {
            to[..RUN].copy_from_slice(&ink[from..from + RUN]);
            to[length..length + RUN].fill(0);
        } else {
            out[at..at + length].copy_from_slice(&ink[from..from + length]);
        }
        at += length;
        from += length;
    }
}
