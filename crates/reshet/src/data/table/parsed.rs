//! Rows of CSV as cells, a block at a time.

use std::collections::HashMap;

use super::{
    Cell, Chunk,
    blocks::Block,
    dialect::Dialect,
    records::{Record, empty_record, parser},
    written::{Written, is_open, leading_zeros},
};
use crate::{Result, data::memory, error::Error};

/// What is known of a file from its beginning.
pub(crate) struct Layout {
    /// The file's name, for messages.
    pub source: String,
    pub names: Vec<String>,
    pub dialect: Dialect,
    /// The columns whose numbers are known to be written in some way.
    pub written: Vec<Option<Written>>,
}

impl Layout {
    /// Stops before memory runs out: the table and the network's inputs made
    /// from it stand side by side for a moment.
    pub fn check_memory(&self, rows: usize, position: u64, size: u64) -> Result<()> {
        if size == 0 {
            return Ok(());
        }
        let share = (position as f64 / size as f64).clamp(1e-3, 1.0);
        let here = 4.0 * rows as f64 * self.names.len() as f64;
        let all = here / share;
        memory::check(&self.source, (2.0 * all) as u64, (2.0 * all - here) as u64)
    }

    /// The rows of a block. `lenient`: bad ones are passed over, not an error.
    pub(super) fn parse(&self, block: &Block, lenient: bool) -> Result<Parsed> {
        let width = self.names.len();
        let mut words = vec![Words::default(); width];
        let Parsed { mut chunk, mut firsts, mut bad, .. } = Parsed::empty(width);
        chunk.cells.reserve(block.text.len() / 6);
        let mut rows = parser(&block.text, self.dialect.separator)?;
        let mut row = empty_record(&rows);
        while rows
            .read_byte_record(&mut row)
            .map_err(|e| Error::data(format!("{}: {e}", self.source)))?
        {
            let line = block.line_of(&row);
            let start = chunk.cells.len();
            let cells = &mut chunk.cells;
            match self.row(&row, line, &mut words, &mut firsts, |cell| cells.push(cell)) {
                Ok(()) => chunk.lines.push(line),
                Err(what) if lenient => {
                    chunk.cells.truncate(start);
                    bad.push((line, what));
                }
                Err(what) => return Err(Error::data(what)),
            }
        }
        chunk.cells.shrink_to_fit();
        Ok(Parsed { chunk, words: Vec::new(), firsts, bad }.with_words(words))
    }

    fn row(
        &self,
        row: &Record,
        line: u64,
        words: &mut [Words],
        firsts: &mut [Firsts],
        mut push: impl FnMut(Cell),
    ) -> Result<(), String> {
        let at = || format!("{}:{line}", self.source);
        if row.len() != self.names.len() {
            let (n, is) = (row.len(), if row.len() == 1 { "cell" } else { "cells" });
            let columns = self.names.len();
            // A quote that is never closed swallows lines.
            let swallowed = row.iter().any(|field| field.contains(&b'\n'));
            let hint = if swallowed { "; is there a quote that is never closed?" } else { "" };
            return Err(format!("{}: {n} {is}, and there are {columns} columns{hint}", at()));
        }
        // All cells of the row at once: most are ASCII.
        let text = std::str::from_utf8(row.as_slice()).map_err(|_| {
            let broken = |field: &[u8]| std::str::from_utf8(field).is_err();
            let column = row.iter().position(broken).unwrap_or(0);
            let name = &self.names[column];
            format!("{}: column \"{name}\": not UTF-8 text; save the file as UTF-8", at())
        })?;
        let comma = self.dialect.comma;
        for column in 0..row.len() {
            let text = row.range(column).and_then(|range| text.get(range)).unwrap_or_default();
            let cell = match &self.written[column] {
                None => Cell::parse(text, comma),
                Some(written) => match written.parse(text) {
                    Some(x) => Some(Cell::from_number(x)),
                    None => Cell::parse(text, comma).filter(|cell| cell.is_missing()),
                },
            };
            let cell = cell.unwrap_or_else(|| words[column].cell(text.trim()));
            // Most cells are not the first of their kind.
            if comma || firsts[column].number.is_none() || cell.word().is_some() {
                firsts[column].see(cell, text, comma, line);
            }
            push(cell);
        }
        Ok(())
    }
}

/// A block of rows, its words numbered by themselves.
pub(crate) struct Parsed {
    pub chunk: Chunk,
    /// The words of each column, by number.
    pub words: Vec<Vec<String>>,
    /// Where each column first has what.
    pub firsts: Vec<Firsts>,
    /// The lines of rows that were passed over, and what is wrong with each.
    pub bad: Vec<(u64, String)>,
}

impl Parsed {
    /// No rows of so many columns.
    pub fn empty(width: usize) -> Self {
        let (words, firsts) = (vec![Vec::new(); width], vec![Firsts::default(); width]);
        Self { chunk: Chunk::default(), words, firsts, bad: Vec::new() }
    }

    /// With the words that its cells mean.
    pub fn with_words(self, words: Vec<Words>) -> Self {
        Self { words: words.into_iter().map(|words| words.list).collect(), ..self }
    }
}

/// The lines in which a column first has a word, a number, a number with leading zeros, one
/// whose comma may part thousands or decimals (`1,234`), one whose comma cannot part thousands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Firsts {
    pub word: Option<u64>,
    pub number: Option<u64>,
    pub zeros: Option<u64>,
    pub open: Option<u64>,
    pub clear: Option<u64>,
}

impl Firsts {
    /// What came before in the file goes first.
    pub fn or(self, later: Self) -> Self {
        Self {
            word: self.word.or(later.word),
            number: self.number.or(later.number),
            zeros: self.zeros.or(later.zeros),
            open: self.open.or(later.open),
            clear: self.clear.or(later.clear),
        }
    }

    /// Takes note of a cell with this text.
    pub fn see(&mut self, cell: Cell, text: &str, comma: bool, line: u64) {
        if cell.word().is_some() {
            self.word.get_or_insert(line);
            if leading_zeros(text.trim()) {
                self.zeros.get_or_insert(line);
            }
        } else if !cell.is_missing() {
            self.number.get_or_insert(line);
            if comma && text.contains(',') {
                let open = is_open(text, ',');
                if open { &mut self.open } else { &mut self.clear }.get_or_insert(line);
            }
        }
    }
}

/// The words of a column in one block.
#[derive(Clone, Default)]
pub(crate) struct Words {
    list: Vec<String>,
    codes: HashMap<String, u32>,
}

impl Words {
    pub fn cell(&mut self, word: &str) -> Cell {
        if let Some(code) = self.codes.get(word) {
            return Cell::from_word(*code);
        }
        let code = self.list.len() as u32;
        self.list.push(word.into());
        self.codes.insert(word.into(), code);
        Cell::from_word(code)
    }
}
