//! How the CPU engine lays out its matrices: in vertical strips.
//!
//! ```text
//! columns 0..64   64..128  128..144     A strip is 64 columns wide; the last is
//!   ┌────────┐   ┌────────┐   ┌──┐      what remains, rounded up to 16. A strip's
//! 0 │ ─────► │ 0 │ ─────► │ 0 │─►│      rows follow each other in memory, so a
//! 1 │ ─────► │ 1 │ ─────► │ 1 │─►│      kernel that works on one strip streams
//! 2 │ ─────► │ 2 │ ─────► │ 2 │─►│      it, however wide the matrix is.
//!   └────────┘   └────────┘   └──┘
//! ```
//! Weights are stored transposed, (in + 1, out) with the bias as the last row,
//! so that a row of weights meets one input and all outputs of a strip at once.
//! Columns added by rounding hold zeros and stay zero.

/// Columns of a strip.
pub(super) const STRIP: usize = 64;
/// Samples that go through the layers together, unless the network is large.
pub(super) const BLOCK: usize = 64;
/// Widths are rounded up to this: the lanes of the widest vector.
pub(super) const ROUND: usize = 16;

/// A matrix's place in a buffer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Matrix {
    offset: usize,
    pub rows: usize,
    pub columns: usize,
}

impl Matrix {
    /// Takes its place at the end of a buffer of length `end`, and moves the end.
    pub fn place(end: &mut usize, rows: usize, columns: usize) -> Self {
        let matrix = Self { offset: *end, rows, columns };
        *end += rows * columns.next_multiple_of(ROUND);
        matrix
    }

    /// Where the next matrix begins.
    pub fn end(&self) -> usize {
        self.offset + self.rows * self.columns.next_multiple_of(ROUND)
    }

    pub fn strips(&self) -> usize {
        self.columns.div_ceil(STRIP)
    }

    /// Columns of a strip, rounded; also the distance of its rows.
    pub fn width(&self, strip: usize) -> usize {
        (self.columns - strip * STRIP).min(STRIP).next_multiple_of(ROUND)
    }

    /// Columns of a strip that are really there.
    pub fn used(&self, strip: usize) -> usize {
        (self.columns - strip * STRIP).min(STRIP)
    }

    /// Where a row of a strip starts.
    pub fn at(&self, strip: usize, row: usize) -> usize {
        self.offset + strip * STRIP * self.rows + row * self.width(strip)
    }

    /// Where one number stands.
    pub fn index(&self, row: usize, column: usize) -> usize {
        self.at(column / STRIP, row) + column % STRIP
    }
}
