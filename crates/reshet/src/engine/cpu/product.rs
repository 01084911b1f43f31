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
//!
//! What stands for a number of A and of B may be a pair of bfloat16 numbers: see `bf16`.

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

/// What A and B are made of: 32 bits each.
pub(super) trait Factor<V: Vector> {
    /// Whether each pass begins at 0 and what C starts from is added last.
    const STARTS_LAST: bool;

    /// sum + a · b
    ///
    /// # Safety
    /// The instructions of V, and of this, are enabled.
    unsafe fn add(a: V, b: V, sum: V) -> V;
}

/// A number each.
pub(super) struct Single;

impl<V: Vector> Factor<V> for Single {
    const STARTS_LAST: bool = false;

    #[inline(always)]
    unsafe fn add(a: V, b: V, sum: V) -> V {
        // SAFETY: the caller's promise.
        unsafe { a.fma(b, sum) }
    }
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

    /// Where the next lines of one place are, which the caller asks for: so many or fewer.
    #[cfg(any(test, all(target_arch = "x86_64", target_os = "linux", not(miri))))]
    pub fn stretch(&mut self, lines: usize) -> Option<*const f32> {
        let (count, at) = (self.lines(lines), self.at);
        self.at = at.wrapping_add(count * LINE);
        self.left -= count;
        (count > 0).then_some(at)
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

/// C ← start + A·B
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub left: Left,
    /// The first of A's rows, and how many.
    pub first: usize,
    pub rows: usize,
    pub b: *const f32,
    /// From a row of B to the next.
    pub step_b: usize,
    pub start: Start,
    pub c: *mut f32,
    /// From a row of C to the next.
    pub step_c: usize,
    /// Columns of B and C: a multiple of 16, up to 64.
    pub width: usize,
}

impl Product {
    /// Computes C.
    ///
    /// # Safety
    /// V's instructions are enabled. Rows `first..first + rows` of A are there, as many rows of B
    /// as A has columns, and `rows` rows of C, all `width` wide, as is the row that C starts from.
    /// Nobody else writes A or B or touches C meanwhile.
    #[inline(always)]
    pub unsafe fn compute<V: Vector, F: Factor<V>>(&self, fetch: &mut Fetch) {
        let Self { left, width, .. } = *self;
        debug_assert!(width % 16 == 0 && width <= 64 && self.step_b >= width);
        debug_assert!(left.strips > 0 && left.last.len <= left.inner.len && self.step_c >= width);
        let mut start = self.start;
        // So deep that what the rows share of B stays in the second-level cache.
        for first_strip in (0..left.strips).step_by(DEEP) {
            let strips = DEEP.min(left.strips - first_strip);
            let ends = first_strip + strips == left.strips;
            // SAFETY: the caller's promise.
            unsafe {
                let part = Left {
                    at: left.at.add(first_strip * left.next),
                    strips,
                    last: if ends { left.last } else { left.inner },
                    ..left
                };
                let b = self.b.add(first_strip * left.inner.len * self.step_b);
                Self { left: part, b, start, ..*self }.groups::<V, F>(fetch);
            }
            start = Start::Itself;
        }
    }

    /// A part of the depth, at most `DEEP` strips: as many columns at once as registers hold.
    ///
    /// # Safety
    /// As of [`compute`](Self::compute).
    #[inline(always)]
    unsafe fn groups<V: Vector, F: Factor<V>>(&self, fetch: &mut Fetch) {
        debug_assert!(self.left.strips <= DEEP);
        // SAFETY: the caller's promise; columns stay below `width`.
        unsafe {
            if V::LANES == 16 {
                // Of one vector as many rows as divide 64.
                match self.width / 16 {
                    4 => self.columns::<V, F, 6, 4>(fetch),
                    3 => self.columns::<V, F, 8, 3>(fetch),
                    2 => self.columns::<V, F, 12, 2>(fetch),
                    _ => self.columns::<V, F, 16, 1>(fetch),
                }
                return;
            }
            // Six rows of four vectors, or of two where registers are few.
            let together = V::REGISTERS / 8;
            for column in (0..self.width).step_by(together * V::LANES) {
                let start = match self.start {
                    Start::Row(row) => Start::Row(row.add(column)),
                    other => other,
                };
                let part = Self { b: self.b.add(column), c: self.c.add(column), start, ..*self };
                if together == 4 {
                    part.columns::<V, F, 6, 4>(fetch);
                } else {
                    part.columns::<V, F, 6, 2>(fetch);
                }
            }
        }
    }

    /// N vectors of columns.
    ///
    /// # Safety
    /// As of [`compute`](Self::compute).
    #[inline(always)]
    unsafe fn columns<V: Vector, F: Factor<V>, const M: usize, const N: usize>(
        &self,
        fetch: &mut Fetch,
    ) {
        debug_assert!(self.step_b >= N * V::LANES && self.step_c >= N * V::LANES);
        let mut row = 0;
        // SAFETY: rows stay below `rows`.
        unsafe {
            while row + M <= self.rows {
                self.tile::<V, F, M, N>(row, fetch);
                row += M;
            }
            while row + 4 <= self.rows {
                self.tile::<V, F, 4, N>(row, fetch);
                row += 4;
            }
            while row < self.rows {
                self.tile::<V, F, 1, N>(row, fetch);
                row += 1;
            }
        }
    }

    /// M rows from `row` on, of N vectors.
    ///
    /// # Safety
    /// As of [`compute`](Self::compute).
    #[inline(always)]
    unsafe fn tile<V: Vector, F: Factor<V>, const M: usize, const N: usize>(
        &self,
        row: usize,
        fetch: &mut Fetch,
    ) {
        let Self { left, step_b, step_c, .. } = *self;
        // Plain loops, no closures: a closure would not inherit the instructions.
        // SAFETY: the caller vouches for M rows from `row` and N vectors.
        unsafe {
            let c = self.c.add(row * step_c);
            let mut sums = [[V::splat(0.0); N]; M];
            if !F::STARTS_LAST {
                match self.start {
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
            }
            // Written last, but asked for first: another core may still have it.
            if (left.strips - 1) * left.inner.len + left.last.len >= LONG {
                for m in 0..M {
                    for n in (0..N * V::LANES).step_by(LINE) {
                        prefetch_to_write(c.add(m * step_c + n));
                    }
                }
            }
            let (mut asks, mut b) = (*fetch, self.b);
            for strip in 0..left.strips {
                let part = if strip + 1 < left.strips { left.inner } else { left.last };
                let a = left.at.add(strip * left.next + (self.first + row) * part.row);
                let mut at = At::<M> { a, upper: a.wrapping_add(M / 2 * part.row), b, step_b };
                // A loop of its own for what asks for nothing: the asking took an eighth of the
                // time where there are twelve multiply-adds in it.
                let mut to_go = part.len;
                loop {
                    let lines = asks.lines(to_go);
                    if lines == 0 {
                        break;
                    }
                    for _ in 0..lines {
                        asks.ask();
                        at.add_to::<V, F, N>(&part, &mut sums);
                    }
                    to_go -= lines;
                }
                for _ in 0..to_go {
                    at.add_to::<V, F, N>(&part, &mut sums);
                }
                b = at.b;
            }
            *fetch = asks;
            if F::STARTS_LAST {
                let (from, step) = match self.start {
                    Start::Zero => (null(), 0),
                    Start::Row(from) => (from, 0),
                    Start::Itself => (c.cast_const(), step_c),
                };
                if !from.is_null() {
                    for m in 0..M {
                        for n in 0..N {
                            let start = V::load(from.add(m * step + n * V::LANES));
                            sums[m][n] = start.add(sums[m][n]);
                        }
                    }
                }
            }
            for m in 0..M {
                for n in 0..N {
                    sums[m][n].store(c.add(m * step_c + n * V::LANES));
                }
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
    /// As of [`Product::compute`]; there are these M rows, and N vectors.
    #[inline(always)]
    unsafe fn add_to<V: Vector, F: Factor<V>, const N: usize>(
        &mut self,
        part: &Segment,
        sums: &mut [[V; N]; M],
    ) {
        // SAFETY: the caller's promise.
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
                    sums[m][n] = F::add(x, right[n], sums[m][n]);
                }
            }
            self.a = self.a.wrapping_add(part.step);
            self.upper = self.upper.wrapping_add(part.step);
            self.b = self.b.wrapping_add(self.step_b);
        }
    }
}
