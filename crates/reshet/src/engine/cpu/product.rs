//! C ← A·B, for A read one number at a time and B and C one strip wide.
//!
//! ```text
//! for each M rows of C (and of A)          M × N vectors of C stay in registers
//!   for p in 0..k                          in this order, so a number's bits do not
//!     for each of the M rows               depend on how rows are grouped or shared
//!       C[row] += A[row, p] · B[p]         N vectors at once
//! ```
//! The three products of a layer are this one: Y = X·W (rows: samples),
//! dW = Xᵀ·dZ (rows: inputs), dXᵀ = W·dZᵀ (rows: inputs).

use std::ptr::null;

use super::vector::{Vector, prefetch, prefetch_to_write};

/// A: a matrix in strips, or transposed within one.
#[derive(Clone, Copy)]
pub(super) struct Left {
    /// Row 0 of the first strip.
    pub at: *const f32,
    pub strips: usize,
    /// From a strip to the next.
    pub next: usize,
    /// The first strips' shape, and the last one's.
    pub inner: Segment,
    pub last: Segment,
}

/// `len` columns of A.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    /// From a row to the next.
    pub row: usize,
    /// From a column to the next.
    pub step: usize,
    pub len: usize,
}

/// Cache lines that will be needed after a product, asked for while it computes.
#[derive(Clone, Copy)]
pub(super) struct Fetch {
    at: *const f32,
    left: usize,
    /// What comes after.
    then: [(*const f32, usize); 3],
    to_write: bool,
}

impl Fetch {
    pub const NOTHING: Self = Self { at: null(), left: 0, then: [(null(), 0); 3], to_write: false };

    /// `count` numbers that will be read.
    pub fn to_read(at: *const f32, count: usize) -> Self {
        Self { at, left: count.div_ceil(LINE), ..Self::NOTHING }
    }

    /// `count` numbers at each of some places, the null ones left out, that will be written.
    pub fn to_write([at, then @ ..]: [*mut f32; 4], count: usize) -> Self {
        let lines = count.div_ceil(LINE);
        let then = then.map(|at| (at.cast_const(), if at.is_null() { 0 } else { lines }));
        Self { at, left: lines, then, to_write: true }
    }

    /// The next lines of one place, at most `most`.
    #[inline(always)]
    fn lines(&mut self, most: usize) -> usize {
        if self.left == 0
            && let Some(next) = self.then.iter_mut().find(|(_, lines)| *lines > 0)
        {
            (self.at, self.left) = std::mem::replace(next, (null(), 0));
        }
        self.left.min(most)
    }

    /// Asks for the next of these lines.
    #[inline(always)]
    fn ask(&mut self) {
        if self.to_write {
            prefetch_to_write(self.at.cast_mut());
        } else {
            prefetch(self.at);
        }
        self.at = self.at.wrapping_add(LINE);
        self.left -= 1;
    }
}

/// Numbers in a cache line.
const LINE: usize = 16;
/// Strips of A that one pass sums over: 512 columns.
const DEEP: usize = 8;
/// A sum over at least this many products takes long enough to fetch where it goes.
const LONG: usize = 32;

/// What C starts from.
#[derive(Clone, Copy)]
pub(super) enum Start {
    Zero,
    /// Each row from this one (the bias).
    Row(*const f32),
    /// What is there.
    Itself,
}

/// C ← start + A·B for `rows` rows of A from `first` on, and `width` columns, a
/// multiple of 16. Rows of B stand `step_b` apart, rows of C `step_c`.
///
/// # Safety
/// V's instructions are enabled. Rows `first..first + rows` of A are there, as many rows of B
/// as A has columns, and `rows` rows of C, all `width` wide, as is the row that C starts from.
/// Nobody else writes A or B or touches C meanwhile.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn product<V: Vector>(
    left: &Left,
    first: usize,
    b: *const f32,
    step_b: usize,
    start: Start,
    c: *mut f32,
    step_c: usize,
    rows: usize,
    width: usize,
    fetch: &mut Fetch,
) {
    debug_assert!(width % 16 == 0 && width <= 64 && step_b >= width && step_c >= width);
    debug_assert!(left.strips > 0 && left.last.len <= left.inner.len);
    // So deep that what the rows share of B stays in the second-level cache.
    let mut start = start;
    for first_strip in (0..left.strips).step_by(DEEP) {
        let strips = DEEP.min(left.strips - first_strip);
        let ends = first_strip + strips == left.strips;
        // SAFETY: the caller's promise; columns stay below `width`.
        unsafe {
            let part = Left {
                at: left.at.add(first_strip * left.next),
                strips,
                last: if ends { left.last } else { left.inner },
                ..*left
            };
            let b = b.add(first_strip * left.inner.len * step_b);
            rows_of::<V>(&part, first, b, step_b, start, c, step_c, rows, width, fetch);
        }
        start = Start::Itself;
    }
}

/// [`product`] over a part of its depth, at most `DEEP` strips.
///
/// # Safety
/// As of [`product`].
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn rows_of<V: Vector>(
    left: &Left,
    first: usize,
    b: *const f32,
    step_b: usize,
    start: Start,
    c: *mut f32,
    step_c: usize,
    rows: usize,
    width: usize,
    fetch: &mut Fetch,
) {
    debug_assert!(left.strips <= DEEP);
    // SAFETY: the caller's promise; columns stay below `width`.
    unsafe {
        if V::LANES == 16 {
            // As many sums as registers hold; of one vector as many rows as divide 64.
            match width / 16 {
                4 => columns::<V, 6, 4>(left, first, b, step_b, start, c, step_c, rows, fetch),
                3 => columns::<V, 8, 3>(left, first, b, step_b, start, c, step_c, rows, fetch),
                2 => columns::<V, 12, 2>(left, first, b, step_b, start, c, step_c, rows, fetch),
                _ => columns::<V, 16, 1>(left, first, b, step_b, start, c, step_c, rows, fetch),
            }
            return;
        }
        // Six rows of four vectors, or of two where registers are few.
        let together = V::REGISTERS / 8;
        for column in (0..width).step_by(together * V::LANES) {
            let start = match start {
                Start::Row(row) => Start::Row(row.add(column)),
                other => other,
            };
            let (b, c) = (b.add(column), c.add(column));
            if together == 4 {
                columns::<V, 6, 4>(left, first, b, step_b, start, c, step_c, rows, fetch);
            } else {
                columns::<V, 6, 2>(left, first, b, step_b, start, c, step_c, rows, fetch);
            }
        }
    }
}

/// # Safety
/// As of [`product`], for N vectors of columns.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn columns<V: Vector, const M: usize, const N: usize>(
    left: &Left,
    first: usize,
    b: *const f32,
    step_b: usize,
    start: Start,
    c: *mut f32,
    step_c: usize,
    rows: usize,
    fetch: &mut Fetch,
) {
    debug_assert!(step_b >= N * V::LANES && step_c >= N * V::LANES);
    let mut row = 0;
    // SAFETY: rows stay below `rows`.
    unsafe {
        while row + M <= rows {
            tile::<V, M, N>(left, first, b, step_b, start, c, step_c, row, fetch);
            row += M;
        }
        while row + 4 <= rows {
            tile::<V, 4, N>(left, first, b, step_b, start, c, step_c, row, fetch);
            row += 4;
        }
        while row < rows {
            tile::<V, 1, N>(left, first, b, step_b, start, c, step_c, row, fetch);
            row += 1;
        }
    }
}

/// # Safety
/// As of [`product`], for M rows from `row` on and N vectors of columns.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn tile<V: Vector, const M: usize, const N: usize>(
    left: &Left,
    first: usize,
    mut b: *const f32,
    step_b: usize,
    start: Start,
    c: *mut f32,
    step_c: usize,
    row: usize,
    fetch: &mut Fetch,
) {
    // Plain loops, no closures: a closure would not inherit the instructions.
    // SAFETY: the caller vouches for M rows from `row` and N vectors.
    unsafe {
        let c = c.add(row * step_c);
        let mut sums = [[V::splat(0.0); N]; M];
        match start {
            Start::Zero => {}
            Start::Row(from) => {
                for m in 0..M {
                    for n in 0..N {
                        sums[m][n] = V::load(from.add(n * V::LANES));
                    }
                }
            }
            Start::Itself => {
                for m in 0..M {
                    for n in 0..N {
                        sums[m][n] = V::load(c.add(m * step_c + n * V::LANES));
                    }
                }
            }
        }
        // Written last, but asked for first: another core may still have it.
        if (left.strips - 1) * left.inner.len + left.last.len >= LONG {
            for m in 0..M {
                for n in (0..N * V::LANES).step_by(LINE) {
                    prefetch_to_write(c.add(m * step_c + n));
                }
            }
        }
        let mut asks = *fetch;
        for strip in 0..left.strips {
            let part = if strip + 1 < left.strips { left.inner } else { left.last };
            let a = left.at.add(strip * left.next + (first + row) * part.row);
            let mut at = At::<M> { a, upper: a.wrapping_add(M / 2 * part.row), b, step_b };
            // A loop of its own for what asks for nothing: the asking took a fifth of the time.
            let mut to_go = part.len;
            loop {
                let lines = asks.lines(to_go);
                if lines == 0 {
                    break;
                }
                for _ in 0..lines {
                    asks.ask();
                    at.add_to::<V, N>(&part, &mut sums);
                }
                to_go -= lines;
            }
            for _ in 0..to_go {
                at.add_to::<V, N>(&part, &mut sums);
            }
            b = at.b;
        }
        *fetch = asks;
        for m in 0..M {
            for n in 0..N {
                sums[m][n].store(c.add(m * step_c + n * V::LANES));
            }
        }
    }
}

/// A column of A's M rows, and the row of B that it meets.
struct At<const M: usize> {
    /// In the first row of A.
    a: *const f32,
    /// In row M / 2: from two places on, processors reach six rows without calculating.
    upper: *const f32,
    b: *const f32,
    step_b: usize,
}

impl<const M: usize> At<M> {
    /// Adds what they give to the sums, and goes on to the next.
    ///
    /// # Safety
    /// As of [`tile`].
    #[inline(always)]
    unsafe fn add_to<V: Vector, const N: usize>(
        &mut self,
        part: &Segment,
        sums: &mut [[V; N]; M],
    ) {
        // SAFETY: the caller vouches for M rows and N vectors.
        unsafe {
            let mut right = [V::splat(0.0); N];
            for n in 0..N {
                right[n] = V::load(self.b.add(n * V::LANES));
            }
            for m in 0..M {
                let lower = m < M / 2;
                let (row, m_of) = if lower { (self.a, m) } else { (self.upper, m - M / 2) };
                let x = V::splat(*row.add(m_of * part.row));
                for n in 0..N {
                    sums[m][n] = x.fma(right[n], sums[m][n]);
                }
            }
            self.a = self.a.wrapping_add(part.step);
            self.upper = self.upper.wrapping_add(part.step);
            self.b = self.b.wrapping_add(self.step_b);
        }
    }
}
