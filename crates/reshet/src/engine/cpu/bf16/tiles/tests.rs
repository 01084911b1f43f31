//! Tiles against plain loops; and the assembler against the emulation, on processors that have the
//! instructions, and on others with each of them emulated where it is met (`trap`).

use super::*;
use crate::engine::cpu::{
    bf16::pairs::round,
    product::{Left, Segment},
};

#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
pub(in super::super) mod trap;

/// Pairs of rounded numbers of both signs, about 1.
fn pairs(seed: u32, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_769).wrapping_add(12_345);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        round((state >> 8) as f32 / 8_388_608.0 - 1.0)
    };
    (0..n).map(|_| f32::from_bits(next() << 16 | next())).collect()
}

/// A product's factors, and what it starts from.
struct Factors {
    rows: usize,
    width: usize,
    depth: usize,
    a: Vec<f32>,
    b: Vec<f32>,
    bias: Vec<f32>,
    before: Vec<f32>,
}

impl Factors {
    fn new(rows: usize, width: usize, depth: usize) -> Self {
        let numbers = |seed, n: usize| pairs(seed, n).iter().map(|x| x * 0.37).collect();
        Self {
            rows,
            width,
            depth,
            a: pairs(1, rows * depth),
            b: pairs(2, depth * width),
            bias: numbers(3, width),
            before: numbers(4, rows * width),
        }
    }

    /// The strips of A, one below the other, and a row's segment in each of them.
    fn left(&self) -> Left {
        let strips = self.depth.div_ceil(STRIP);
        let part = |len| Segment { row: len, step: 1, len };
        let last = self.depth - (strips - 1) * STRIP;
        let inner = part(if strips > 1 { STRIP } else { last });
        Left { at: self.a.as_ptr(), strips, next: STRIP * self.rows, inner, last: part(last) }
    }

    fn pair(&self, row: usize, p: usize) -> u32 {
        let left = self.left();
        let part = if p / STRIP + 1 < left.strips { left.inner } else { left.last };
        self.a[p / STRIP * left.next + row * part.row + p % STRIP].to_bits()
    }

    /// C, for what it starts from: 0, a bias, or what is there.
    fn by<T: Tiles>(&self, starts: usize) -> Vec<u32> {
        let mut c =
            if starts == 2 { self.before.clone() } else { vec![f32::NAN; self.before.len()] };
        let start = [Start::Zero, Start::Row(self.bias.as_ptr()), Start::Itself][starts];
        let all = Product {
            left: self.left(),
            first: 0,
            rows: self.rows,
            b: self.b.as_ptr(),
            step_b: self.width,
            start,
            c: c.as_mut_ptr(),
            step_c: self.width,
            width: self.width,
        };
        let other = [0.0; 40];
        let mut fetch = Fetch::to_read(other.as_ptr(), other.len());
        // SAFETY: all of it is there; the instructions are, or are emulated.
        unsafe { product::<T>(&all, &mut fetch) };
        c.iter().map(|x| x.to_bits()).collect()
    }

    /// The same in plain loops.
    fn plain(&self, starts: usize) -> Vec<u32> {
        let half =
            |x: u32, upper: bool| f32::from_bits(if upper { x & 0xffff_0000 } else { x << 16 });
        let mut c = Vec::new();
        for row in 0..self.rows {
            for column in 0..self.width {
                let mut total = 0.0;
                for tile in (0..self.depth).step_by(TILE) {
                    let sum = |upper: bool| {
                        let product = |p: usize| {
                            let b = self.b[p * self.width + column].to_bits();
                            half(self.pair(row, p), upper) * half(b, upper)
                        };
                        (tile..tile + TILE).map(product).fold(0.0, |sum, product| sum + product)
                    };
                    total += sum(false) + sum(true);
                }
                total = match starts {
                    0 => total,
                    1 => self.bias[column] + total,
                    _ => self.before[row * self.width + column] + total,
                };
                c.push(total.to_bits());
            }
        }
        c
    }
}

/// Rows, columns and depths with each kind of rest.
fn shapes() -> impl Iterator<Item = Factors> {
    let all = [
        (1, 16, 16),
        (2, 32, 32),
        (31, 48, 64),
        (32, 64, 80),
        (33, 64, 128),
        (17, 16, 272),
        (64, 48, 336),
        (49, 64, 576),
    ];
    let some = if cfg!(miri) { 3 } else { all.len() };
    all.into_iter().take(some).map(|(rows, width, depth)| Factors::new(rows, width, depth))
}

#[test]
fn tiles_have_the_bits_of_plain_loops() {
    for factors in shapes() {
        for starts in 0..if factors.rows <= STRIP { 3 } else { 2 } {
            let (got, want) = (factors.by::<Emulated>(starts), factors.plain(starts));
            assert!(got == want, "{} × {}, {}", factors.rows, factors.width, factors.depth);
        }
    }
}

/// More rows than blocks are described at once for.
#[test]
#[cfg_attr(miri, ignore = "slow")]
fn many_rows_are_those_of_few() {
    let all = Factors::new(299, 64, 16);
    assert!(all.by::<Emulated>(1) == all.plain(1));
}

#[test]
fn rows_are_in_one_tile_of_two() {
    for rows in 1..100 {
        let (tiles, second) = two_of(rows);
        assert!(tiles.iter().all(|tile| (1..=TILE).contains(tile)), "{rows}");
        assert_eq!(second + tiles[1], rows.min(2 * TILE), "{rows}");
        assert!(second <= tiles[0]);
    }
}

/// The assembler, instruction by instruction.
#[test]
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
fn the_assembler_computes_what_the_emulation_does() {
    use super::instructions::Amx;

    trap::catch();
    for factors in shapes() {
        for starts in 0..if factors.rows <= STRIP { 3 } else { 2 } {
            let (got, want) = (factors.by::<Amx>(starts), factors.by::<Emulated>(starts));
            assert!(got == want, "{} × {}, {}", factors.rows, factors.width, factors.depth);
        }
    }
    assert!(trap::has_caught() != super::instructions::processor_has_them());
}

/// The check before first use comes to the end of what it checks, and says no where a sum is wrong.
#[test]
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
fn wrong_tiles_are_found_out() {
    use super::instructions::{Amx, are_right};

    trap::catch();
    /// Begins each pass at 0.
    struct Forgets;
    impl Tiles for Forgets {
        unsafe fn compute(shape: &Shape, blocks: &[Block]) {
            for block in blocks {
                // SAFETY: the caller's promise.
                unsafe { Emulated::compute(shape, &[Block { adds: 0, ..*block }]) }
            }
        }
    }
    /// Is off by the last place of one sum.
    struct Rounds;
    impl Tiles for Rounds {
        unsafe fn compute(shape: &Shape, blocks: &[Block]) {
            // SAFETY: the caller's promise.
            unsafe {
                Emulated::compute(shape, blocks);
                let sum = blocks[blocks.len() - 1].c[3];
                *sum = f32::from_bits((*sum).to_bits() ^ 1);
            }
        }
    }
    // SAFETY: the instructions are there, or are emulated.
    unsafe {
        assert!(are_right::<Amx>() && are_right::<Emulated>());
        assert!(!are_right::<Forgets>() && !are_right::<Rounds>());
    }
}

/// On a processor with AMX: tiles of numbers of all kinds, bit for bit.
#[test]
#[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
fn instructions_for_tiles_are_as_emulated() {
    use super::instructions::Amx;

    if !are_here() {
        eprintln!("skipped: no AMX here");
        return;
    }
    for seed in 0..300 {
        let mut factors = Factors::new(1 + seed % 70, 16 + seed / 3 % 4 * 16, 16 + seed % 21 * 16);
        // Of all sizes, some not finite, as rounding leaves them: none subnormal.
        let any = |seed: usize, n: usize| {
            let number = |x: u32| round(f32::from_bits(x.wrapping_mul(2_246_822_519)));
            let pair = |x: u32| f32::from_bits(number(x) << 16 | number(x ^ 0x5bd1_e995));
            (0..n).map(|i| pair((seed * 1_000_003 + i) as u32)).collect::<Vec<f32>>()
        };
        if seed % 2 == 1 {
            factors.a = any(2 * seed, factors.a.len());
            factors.b = any(2 * seed + 1, factors.b.len());
        }
        let (got, want) = (factors.by::<Amx>(0), factors.by::<Emulated>(0));
        for (got, want) in got.into_iter().zip(want) {
            let both_nan = f32::from_bits(got).is_nan() && f32::from_bits(want).is_nan();
            assert!(got == want || both_nan, "{seed}: {got:08x}, not {want:08x}");
        }
    }
}
