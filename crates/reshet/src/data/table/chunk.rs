//! Rows of a table as they are kept, a piece after the other.

use super::{
    Cell,
    cell::{Packed, Unpacked},
};

/// Consecutive rows, row by row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    pub cells: Vec<Packed>,
    /// The numbers that do not fit into their cells.
    pub long: Vec<f64>,
    /// The line in the file of each row.
    pub lines: Lines,
}

impl Chunk {
    /// Adds a cell to the last row.
    pub fn push(&mut self, cell: Cell) {
        self.cells.push(Packed::new(cell, &mut self.long));
    }

    /// Writes another cell in a cell's place.
    pub fn set(&mut self, place: usize, cell: Cell) {
        self.cells[place] = Packed::new(cell, &mut self.long);
    }

    /// Adds the rows that follow.
    pub fn append(&mut self, other: &Self) {
        let before = self.long.len();
        match other.long.is_empty() {
            true => self.cells.extend_from_slice(&other.cells),
            false => self.cells.extend(other.cells.iter().map(|cell| cell.moved(before))),
        }
        self.long.extend_from_slice(&other.long);
        self.lines.append(&other.lines);
    }

    /// Adds some of another chunk's rows; `width`: cells of a row.
    pub fn append_rows(
        &mut self,
        other: &Self,
        rows: impl IntoIterator<Item = usize>,
        width: usize,
    ) {
        for row in rows {
            for cell in &other.cells[row * width..][..width] {
                let cell = match cell.unpack() {
                    Unpacked::Long(place) => Packed::number(other.long[place], &mut self.long),
                    _ => *cell,
                };
                self.cells.push(cell);
            }
            self.lines.push(other.lines.at(row));
        }
    }

    pub fn bytes(&self) -> u64 {
        (size_of_val(&self.cells[..]) + size_of_val(&self.long[..])) as u64
    }
}

/// Line numbers, most of which follow one on the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    first: u64,
    /// Empty while each row is one line.
    each: Vec<u64>,
    rows: usize,
}

impl Lines {
    /// Adds the lines of rows that follow.
    fn append(&mut self, other: &Self) {
        let steady = self.each.is_empty() && other.each.is_empty();
        if steady && (self.rows == 0 || other.first == self.first + self.rows as u64) {
            self.first = if self.rows == 0 { other.first } else { self.first };
            self.rows += other.rows;
            return;
        }
        (0..other.rows).for_each(|row| self.push(other.at(row)));
    }

    pub fn push(&mut self, line: u64) {
        if self.rows == 0 {
            self.first = line;
        }
        let steady = line == self.first + self.rows as u64;
        if !steady && self.each.is_empty() {
            self.each = (0..self.rows as u64).map(|i| self.first + i).collect();
        }
        if !steady || !self.each.is_empty() {
            self.each.push(line);
        }
        self.rows += 1;
    }

    /// The same rows `by` lines further down.
    pub fn move_by(&mut self, by: u64) {
        self.first += by;
        self.each.iter_mut().for_each(|line| *line += by);
    }

    pub fn at(&self, row: usize) -> u64 {
        self.each.get(row).copied().unwrap_or(self.first + row as u64)
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether each row is the line behind the one before.
    pub fn are_steady(&self) -> bool {
        self.each.is_empty()
    }
}

/// Changes each cell of a column.
pub(super) fn for_each_cell(
    chunks: &mut [Chunk],
    column: usize,
    width: usize,
    mut change: impl FnMut(Cell) -> Cell,
) {
    for chunk in chunks {
        for place in (column..chunk.cells.len()).step_by(width) {
            let cell = chunk.cells[place].cell(&chunk.long);
            let changed = change(cell);
            if changed != cell {
                chunk.set(place, changed);
            }
        }
    }
}

/// Whether numbers of a column have decimals.
pub(super) fn fractions(chunks: &[Chunk], column: usize, width: usize) -> bool {
    let has_decimals =
        |cell: Cell| cell.number().is_some_and(|x| x.is_finite() && x.fract() != 0.0);
    chunks.iter().any(|chunk| {
        let mut cells = chunk.cells.iter().skip(column).step_by(width);
        cells.any(|cell| has_decimals(cell.rough(&chunk.long)))
    })
}
