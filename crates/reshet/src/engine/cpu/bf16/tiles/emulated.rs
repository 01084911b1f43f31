//! The tile instructions, as Intel's manual describes them.

use super::{Block, Config, Shape, TILE, Tiles};

/// Tiles on any processor.
pub(in super::super) struct Emulated;

/// A tile register: rows of 64 bytes.
pub(super) type Tile = [[u32; TILE]; TILE];

/// The eight registers, and their shapes.
#[derive(Clone, Copy)]
pub(super) struct Registers {
    config: Config,
    tiles: [Tile; 8],
}

impl Registers {
    pub const NONE: Self = Self {
        config: Config {
            palette: 0,
            start_row: 0,
            reserved: [0; 14],
            widths: [0; 16],
            rows: [0; 16],
        },
        tiles: [[[0; TILE]; TILE]; 8],
    };

    /// LDTILECFG: the shapes; all tiles become 0.
    pub fn configure(&mut self, config: &Config) {
        assert!(config.palette == 1 && config.start_row == 0 && config.reserved == [0; 14]);
        for tile in 0..16 {
            let (width, rows) = (config.widths[tile], usize::from(config.rows[tile]));
            assert!(width <= 64 && rows <= TILE && (width == 0) == (rows == 0));
            assert!(tile < 8 || rows == 0);
        }
        *self = Self { config: *config, ..Self::NONE };
    }

    /// TILERELEASE
    pub fn release(&mut self) {
        *self = Self::NONE;
    }

    /// Rows of a tile, and numbers of 32 bits in each.
    fn shape(&self, tile: usize) -> (usize, usize) {
        let shape =
            (usize::from(self.config.rows[tile]), usize::from(self.config.widths[tile]) / 4);
        assert!(self.config.palette == 1 && shape.0 > 0, "tile {tile} has no shape");
        shape
    }

    /// TILEZERO
    pub fn zero(&mut self, tile: usize) {
        self.shape(tile);
        self.tiles[tile] = [[0; TILE]; TILE];
    }

    /// TILELOADD: rows that are `step` bytes apart.
    ///
    /// # Safety
    /// The rows are there.
    pub unsafe fn load(&mut self, tile: usize, from: *const u8, step: usize) {
        let (rows, numbers) = self.shape(tile);
        self.tiles[tile] = [[0; TILE]; TILE];
        for row in 0..rows {
            // SAFETY: the caller's promise.
            unsafe {
                let from = from.wrapping_add(row * step);
                let to = self.tiles[tile][row].as_mut_ptr().cast::<u8>();
                std::ptr::copy_nonoverlapping(from, to, 4 * numbers);
            }
        }
    }

    /// TILESTORED
    ///
    /// # Safety
    /// There is room for the rows.
    pub unsafe fn store(&self, tile: usize, to: *mut u8, step: usize) {
        let (rows, numbers) = self.shape(tile);
        for row in 0..rows {
            // SAFETY: the caller's promise.
            unsafe {
                let from = self.tiles[tile][row].as_ptr().cast::<u8>();
                std::ptr::copy_nonoverlapping(from, to.wrapping_add(row * step), 4 * numbers);
            }
        }
    }

    /// TDPBF16PS: c += a · b
    pub fn multiply(&mut self, c: usize, a: usize, b: usize) {
        let ((rows, columns), (rows_a, depth)) = (self.shape(c), self.shape(a));
        assert!(rows == rows_a && self.shape(b) == (depth, columns));
        assert!(a != b && a != c && b != c);
        for m in 0..rows {
            // Of the first numbers of the pairs, and of the second.
            let mut sums = [[0.0f32; TILE]; 2];
            for k in 0..depth {
                let x = self.tiles[a][m][k];
                for n in 0..columns {
                    let y = self.tiles[b][k][n];
                    sums[0][n] = fused(x << 16, y << 16, sums[0][n]);
                    sums[1][n] = fused(x & 0xffff_0000, y & 0xffff_0000, sums[1][n]);
                }
            }
            for n in 0..columns {
                let sum = normal(sums[0][n] + sums[1][n]);
                let before = normal(f32::from_bits(self.tiles[c][m][n]));
                self.tiles[c][m][n] = normal(before + sum).to_bits();
            }
            self.tiles[c][m][columns..].fill(0);
        }
        self.tiles[c][rows..].fill([0; TILE]);
    }
}

/// Subnormal numbers are 0.
fn normal(x: f32) -> f32 {
    if x.is_subnormal() { 0.0f32.copysign(x) } else { x }
}

/// a · b + sum, rounded once, of two bfloat16 numbers.
fn fused(a: u32, b: u32, sum: f32) -> f32 {
    let (a, b) = (normal(f32::from_bits(a)), normal(f32::from_bits(b)));
    let product = a * b;
    // It is exact, unless it is too small or too large for an f32.
    normal(if product.is_normal() || a == 0.0 || b == 0.0 {
        product + sum
    } else {
        a.mul_add(b, sum)
    })
}

impl Tiles for Emulated {
    unsafe fn compute(shape: &Shape, blocks: &[Block]) {
        let mut tiles = Registers::NONE;
        tiles.configure(&shape.config);
        // SAFETY: the caller's promise.
        unsafe {
            for block in blocks {
                for (tile, c) in block.c.iter().enumerate() {
                    match block.adds {
                        0 => tiles.zero(tile),
                        _ => tiles.load(tile, c.cast(), shape.step_c),
                    }
                }
                let (mut a, mut b) = (block.a.map(|a| a.cast::<u8>()), block.b.map(|b| b.cast()));
                for strip in 0..=block.strips {
                    let (mut step_a, mut depth) = (shape.step_a, 4);
                    if strip == block.strips {
                        (step_a, depth) = (shape.step_a_last, block.last);
                        a = block.a_last.map(|a| a.cast());
                    }
                    for _ in 0..depth {
                        for i in 0..2 {
                            tiles.load(4 + i, a[i], step_a);
                            tiles.load(6 + i, b[i], shape.step_b);
                            a[i] = a[i].wrapping_add(4 * TILE);
                            b[i] = b[i].wrapping_add(shape.step_b_tile);
                        }
                        for (c, [a, b]) in [[4, 6], [4, 7], [5, 6], [5, 7]].into_iter().enumerate()
                        {
                            tiles.multiply(c, a, b);
                        }
                    }
                    a = a.map(|a| a.wrapping_add(shape.next_a));
                }
                for (tile, c) in block.c.iter().enumerate() {
                    tiles.store(tile, c.cast(), shape.step_c);
                }
            }
        }
        tiles.release();
    }
}
