//! What the reader (`lib.rs`) and the packer (`examples/pack.rs`) agree on.
//!
//! The pixels of 250 images in a row make a block, and a block is a sequence of runs: a gap of
//! zeros, then ink. The ink's first, second and last pixel look different from the rest, and a
//! pixel looks like the one before it, so the lengths of the runs are stored apart from the
//! pixels: then a pixel's Huffman code may depend on its place in the run, and reading has no
//! branch to mispredict.
//!
//! A file holds, one after the other:
//!
//! - for each of [`TABLES`] Huffman codes the length in bits of its 256 symbols, a byte each;
//! - for each block where its streams begin in the file, [`STREAMS`] × `u32`, little-endian;
//! - the streams: the runs of a block (gap, ink, gap, ink, …), then its ink, cut into
//!   [`LANES`] equal pieces that the reader decodes side by side;
//! - [`PADDING`] zeros.
#![allow(dead_code, reason = "the reader and the packer each need only some of it")]

/// Pixels in a block.
pub const BLOCK: usize = 250 * 28 * 28;
/// Streams of ink in a block. One code can be read only when the one before it is known; four
/// streams keep the processor busy while it waits.
pub const LANES: usize = 4;
/// Streams in a block: runs, then ink.
pub const STREAMS: usize = 1 + LANES;
/// The reader takes eight bytes at a time and may decode a few symbols too many.
pub const PADDING: usize = 32;

/// The longest code: a table of 2¹¹ entries, and five codes in 56 bits.
pub const MAX_BITS: usize = 11;
/// The longest gap that one symbol says; a longer one goes on after a run of no ink.
pub const MAX_GAP: usize = 255;
/// Ink runs are shorter than this (the longest has 20 pixels).
pub const RUN: usize = 32;
/// How many Huffman codes there are: 32 for each of ink, gaps and lengths.
pub const TABLES: usize = 96;

/// The code of a gap's length, after a run of `ink` pixels, fewer than [`RUN`].
pub fn gap_table(ink: usize) -> usize {
    32 + ink
}

/// The code of an ink run's length, after a gap.
pub fn length_table(gap: usize) -> usize {
    64 + gap.min(31)
}

/// The code of a pixel, after the pixel `left`.
pub fn ink_table(place: u8, left: u8) -> usize {
    usize::from(place * 8 + left / 32)
}

/// The places of a run's pixels: 0 first, 1 second, 2 last, 3 any other.
pub fn places(ink: usize) -> [u8; RUN] {
    std::array::from_fn(|k| match k {
        0 => 0,
        _ if k + 1 == ink => 2,
        1 => 1,
        _ => 3,
    })
}
