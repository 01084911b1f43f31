//! C ← A·B by tiles: 16 × 16 sums at once, of 16 pairs each.
//!
//! Processors with AMX have eight registers of 16 rows of 64 bytes. Four hold the sums of 32 rows and
//! 32 columns, two a part of A and two a part of B:
//!
//! ```text
//!            B₀  B₁     16 rows of pairs, 16 pairs wide
//!       A₀   C₀  C₁     A: 16 pairs of each of 16 rows
//!       A₁   C₂  C₃
//! ```
//! so that each part that is loaded is multiplied twice. B is laid out as tiles want it, a row of 16
//! pairs in a cache line; A's rows are pairs of what is summed over, for the gradient too, whose X is
//! kept turned ([`RoundedStage`](super::RoundedStage)). Where the sum ends, both are filled up with
//! zeros to whole tiles.
//!
//! **The order of a sum**: of 16 pairs, those of the first numbers and those of the second are
//! summed apart, one after the other from 0 on, each by one fused multiply-add; then the two sums are
//! added, and what comes out is added to what the 16 pairs before have given. What the sum starts
//! from, a bias or the gradient of other samples, is added last. So bits differ from those of
//! instructions without tiles, and depend on nothing else.
//!
//! One piece of assembler does all of a product (`instructions`): between two pieces the compiler
//! may do with the tiles what it likes. `emulated` does the same, instruction by instruction, as Intel
//! describes them: the instructions are taken only where they have given the same bits.

mod emulated;
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
mod instructions;
#[cfg(test)]
mod tests;

pub(super) use self::emulated::Emulated;
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
pub(super) use self::instructions::{are_here, by_instructions};
#[cfg(all(test, target_arch = "x86_64", target_os = "linux", not(miri)))]
pub(super) use self::tests::trap;
use crate::engine::cpu::{
    matrix::STRIP,
    product::{Fetch, Product, Start},
};

/// Rows and columns of a tile, and the pairs that it sums over.
pub(super) const TILE: usize = 16;
/// Strips of A that one pass sums over: 256 pairs, of which B's 32 columns take 32 KiB of the first-level
/// cache.
const DEEP: usize = 4;
/// Blocks that are described before they are computed.
const TOGETHER: usize = 16;
/// Cache lines that are asked for with each tile's depth of a block.
const LINES: usize = 4;

/// What multiplies tiles.
pub(super) trait Tiles {
    /// Computes these blocks, one after the other.
    ///
    /// # Safety
    /// The instructions are there. What the blocks describe is there and of whole tiles; nobody else
    /// writes A and B or touches C.
    unsafe fn compute(shape: &Shape, blocks: &[Block]);
}

/// What blocks have in common. The assembler knows these places.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Shape {
    config: Config,
    /// In bytes: from a row of A to the next, in strips before the last and in the last.
    step_a: usize,
    step_a_last: usize,
    /// From the end of a row's strip to the next strip.
    next_a: usize,
    /// From a row of B to the next; of 16 rows.
    step_b: usize,
    step_b_tile: usize,
    step_c: usize,
}

/// The tiles' shapes, as LDTILECFG reads them.
#[repr(C)]
#[derive(Clone, Copy)]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    /// Bytes of a row.
    widths: [u16; 16],
    rows: [u8; 16],
}

impl Config {
    /// C in 0 to 3, A in 4 and 5, B in 6 and 7; these rows of A and C.
    fn new(rows: [usize; 2]) -> Self {
        let mut config =
            Self { palette: 1, start_row: 0, reserved: [0; 14], widths: [0; 16], rows: [0; 16] };
        for (tile, rows) in [0, 0, 1, 1, 0, 1].map(|i| rows[i]).into_iter().enumerate() {
            config.rows[tile] = rows as u8;
        }
        config.rows[6..8].fill(TILE as u8);
        config.widths[..8].fill(4 * TILE as u16);
        config
    }
}

/// Two tiles of rows and two of columns. The assembler knows these places.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Block {
    /// The rows of A in the first strip, and in the last.
    a: [*const f32; 2],
    a_last: [*const f32; 2],
    b: [*const f32; 2],
    c: [*mut f32; 4],
    /// Strips of A before the last, and how many tiles deep the last is.
    strips: usize,
    last: usize,
    /// Whether C is added to; else it begins at 0.
    adds: usize,
    /// What is asked for, and how far that goes on with each tile's depth.
    fetch: *const f32,
    fetch_step: usize,
}

impl Block {
    const NONE: Self = Self {
        a: [std::ptr::null(); 2],
        a_last: [std::ptr::null(); 2],
        b: [std::ptr::null(); 2],
        c: [std::ptr::null_mut(); 4],
        strips: 0,
        last: 0,
        adds: 0,
        fetch: std::ptr::null(),
        fetch_step: 0,
    };
}

/// Two tiles out of `left` rows, so many each, and the second one's first row. Of few rows both have
/// about half; a single one is in both.
fn two_of(left: usize) -> ([usize; 2], usize) {
    match left {
        1 => ([1, 1], 0),
        _ => {
            let first = if left >= 2 * TILE { TILE } else { left.div_ceil(2) };
            ([first, (left - first).min(TILE)], first)
        }
    }
}

/// Computes a product of pairs, whole tiles deep.
///
/// # Safety
/// As of [`Product::compute`]; the instructions are there.
#[inline(always)]
pub(super) unsafe fn product<T: Tiles>(product: &Product, fetch: &mut Fetch) {
    let Product { start, rows, width, .. } = *product;
    // SAFETY: the caller's promise; the sums have room for all rows and columns.
    unsafe {
        let (from, step) = match start {
            Start::Zero => return all_passes::<T>(product, fetch),
            Start::Row(row) => {
                all_passes::<T>(product, fetch);
                (row, 0)
            }
            Start::Itself => {
                // Of a block of weights.
                assert!(rows <= STRIP && width <= STRIP);
                let mut sums = [0.0; STRIP * STRIP];
                let c = sums.as_mut_ptr();
                all_passes::<T>(&Product { c, step_c: STRIP, ..*product }, fetch);
                (c.cast_const(), STRIP)
            }
        };
        for row in 0..rows {
            let (to, from) = (product.c.add(row * product.step_c), from.add(row * step));
            for column in 0..width {
                *to.add(column) += *from.add(column);
            }
        }
    }
}

/// Computes a product from 0 on.
///
/// # Safety
/// As of [`product`].
#[inline(always)]
unsafe fn all_passes<T: Tiles>(product: &Product, fetch: &mut Fetch) {
    let Product { left, first, rows, b, step_b, c, step_c, width, .. } = *product;
    let (bytes, deep) = (size_of::<f32>(), |part: usize| part / TILE);
    debug_assert!(left.inner.step == 1 && left.last.step == 1 && left.last.len % TILE == 0);
    debug_assert!(left.strips == 1 || left.inner.len == STRIP);
    debug_assert!(left.last.len > 0 && width % TILE == 0 && width <= STRIP && step_b >= width);
    for first_strip in (0..left.strips).step_by(DEEP) {
        let strips = DEEP.min(left.strips - first_strip);
        let end = first_strip + strips;
        let part = if end == left.strips { left.last } else { left.inner };
        let mut row = 0;
        while row < rows {
            // All whole blocks, or the last one.
            let whole = (rows - row) / (2 * TILE);
            let (tiles, second) = two_of(rows - row);
            let shape = Shape {
                config: Config::new(tiles),
                step_a: bytes * left.inner.row,
                step_a_last: bytes * part.row,
                next_a: bytes * left.next.saturating_sub(STRIP),
                step_b: bytes * step_b,
                step_b_tile: bytes * step_b * TILE,
                step_c: bytes * step_c,
            };
            let (mut blocks, mut n) = ([Block::NONE; TOGETHER], 0);
            // SAFETY: rows and columns are those of A, B and C.
            unsafe {
                for column in (0..width).step_by(2 * TILE) {
                    // Of an odd number of tiles the last is computed twice.
                    let other = if column + TILE < width { TILE } else { 0 };
                    for block in 0..whole.max(1) {
                        let row = row + block * 2 * TILE;
                        let at = |strip: usize, step: usize| {
                            let at = left.at.add(strip * left.next + (first + row) * step);
                            [at, at.add(second * step)]
                        };
                        let b = b.add(first_strip * STRIP * step_b + column);
                        let c = c.add(row * step_c + column);
                        let depth = (strips - 1) * deep(STRIP) + deep(part.len);
                        let (fetch, fetch_step) = match fetch.stretch(LINES * depth) {
                            Some(at) => (at, LINES * 64),
                            // A line that is there anyway.
                            None => (b, 0),
                        };
                        blocks[n] = Block {
                            a: at(first_strip, left.inner.row),
                            a_last: at(end - 1, part.row),
                            b: [b, b.add(other)],
                            c: [
                                c,
                                c.add(other),
                                c.add(second * step_c),
                                c.add(second * step_c + other),
                            ],
                            strips: strips - 1,
                            last: deep(part.len),
                            adds: usize::from(first_strip > 0),
                            fetch,
                            fetch_step,
                        };
                        n += 1;
                        if n == TOGETHER {
                            T::compute(&shape, &blocks);
                            n = 0;
                        }
                    }
                }
                if n > 0 {
                    T::compute(&shape, &blocks[..n]);
                }
            }
            row += if whole > 0 { whole * 2 * TILE } else { rows - row };
        }
    }
}
