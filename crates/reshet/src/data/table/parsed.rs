//! Rows of CSV as cells, a block at a time.

use std::collections::HashMap;

use super::{
    Chunk, UNKNOWN,
    blocks::Block,
    cell::{Packed, Read, is_name},
    dialect::Dialect,
    records::{Record, empty_record, parser},
    written::{Written, is_open},
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
    /// `here`: the bytes of the table so far.
    pub fn check_memory(&self, here: u64, rows: usize, position: u64, size: u64) -> Result<()> {
        if size == 0 {
            return Ok(());
        }
        let share = (position as f64 / size as f64).clamp(1e-3, 1.0);
        let (here, inputs) = (here as f64, 4.0 * rows as f64 * self.names.len() as f64);
        let all = (here + inputs) / share;
        memory::check(&self.source, all as u64, (all - here) as u64)
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
            match self.row(&row, line, &mut words, &mut firsts, &mut chunk) {
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
        chunk: &mut Chunk,
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
            let first = &mut firsts[column];
            let read = match &self.written[column] {
                None => Read::parse(text, comma),
                Some(written) => match written.parse(text) {
                    Some(number) => Some(Read::Long { number, decimals: UNKNOWN }),
                    None => Read::parse(text, comma).filter(|read| *read == Read::Missing),
                },
            };
            let (packed, plain) = match read {
                Some(Read::Short { number, decimals }) => {
                    first.see_decimals(decimals, text, line);
                    (Packed::short(number), true)
                }
                Some(Read::Long { number, decimals }) => {
                    first.see_decimals(decimals, text, line);
                    (Packed::number(number, &mut chunk.long), true)
                }
                Some(Read::Missing) => (Packed::MISSING, false),
                None => (words[column].cell(text.trim()), false),
            };
            // Most cells are not the first of their kind.
            if comma || !plain || first.number.is_none() {
                first.see(packed, text, comma, line);
            }
            chunk.cells.push(packed);
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

/// The lines in which a column first has a word, a number, a number that is a name (`007`), one
/// whose comma may part thousands or decimals (`1,234`), one whose comma cannot part thousands;
/// and how its numbers are written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Firsts {
    pub word: Option<u64>,
    pub number: Option<u64>,
    pub name: Option<u64>,
    pub open: Option<u64>,
    pub clear: Option<u64>,
    /// A number whose last decimal is 0: `3.10`.
    pub trailing: Option<u64>,
    /// The fewest and the most decimals of a number.
    pub decimals: Option<[u8; 2]>,
}

impl Firsts {
    /// What came before in the file goes first.
    pub fn or(self, later: Self) -> Self {
        Self {
            word: self.word.or(later.word),
            number: self.number.or(later.number),
            name: self.name.or(later.name),
            open: self.open.or(later.open),
            clear: self.clear.or(later.clear),
            trailing: self.trailing.or(later.trailing),
            decimals: match (self.decimals, later.decimals) {
                (Some(a), Some(b)) => Some([a[0].min(b[0]), a[1].max(b[1])]),
                (a, b) => a.or(b),
            },
        }
    }

    /// Takes note of how a number is written.
    fn see_decimals(&mut self, decimals: u8, text: &str, line: u64) {
        let [least, most] = self.decimals.get_or_insert([decimals; 2]);
        (*least, *most) = ((*least).min(decimals), (*most).max(decimals));
        let known = decimals > 0 && decimals != UNKNOWN;
        if known && self.trailing.is_none() && text.trim_ascii_end().ends_with('0') {
            self.trailing = Some(line);
        }
    }

    /// Takes note of a cell with this text.
    pub fn see(&mut self, cell: Packed, text: &str, comma: bool, line: u64) {
        if cell.code().is_some() {
            self.word.get_or_insert(line);
            if is_name(text.trim()) {
                self.name.get_or_insert(line);
            }
        } else if cell != Packed::MISSING {
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
    pub fn cell(&mut self, word: &str) -> Packed {
        if let Some(code) = self.codes.get(word) {
            return Packed::word(*code);
        }
        let code = self.list.len() as u32;
        self.list.push(word.into());
        self.codes.insert(word.into(), code);
        Packed::word(code)
    }
}
