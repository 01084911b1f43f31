//! Rows of CSV as cells, a block at a time.

use std::collections::HashMap;

use super::{
    Chunk, UNKNOWN,
    blocks::Block,
    cell::{Packed, Read, is_name, number_in_letters},
    dialect::{Dialect, Format},
    letters::seen,
    missing::{is_no_number, is_one_of},
    records::{Record, empty_record, parser},
    written::{Written, is_open},
};
use crate::{Result, error::Error};

/// What is said of a text that is not.
pub(super) const NOT_UTF8: &str = "not UTF-8 text";

pub(super) fn is_not_utf8(error: &Error) -> bool {
    error.to_string().contains(NOT_UTF8)
}

/// What is known of a file from its beginning.
pub(crate) struct Layout {
    /// The file's name, for messages.
    pub source: String,
    pub names: Vec<String>,
    pub dialect: Dialect,
    /// Whether its numbers show that they have decimal commas; None: they do not show it.
    pub mark: Option<bool>,
    pub(super) format: Format,
    /// The columns whose numbers are known to be written in some way.
    pub written: Vec<Option<Written>>,
    /// The words that stand for nothing, if they are not the usual ones; and those of each column.
    pub missing: Option<Vec<String>>,
    pub missing_in: Option<Vec<Vec<String>>>,
    /// Columns whose cells are kept as they are.
    pub keep: Vec<usize>,
    /// The row of the names: where it comes again, it is no row.
    pub header: Option<Record>,
    /// Rows end in a separator.
    pub trailing: bool,
    /// What was passed over, for people.
    pub said: Vec<String>,
}

impl Layout {
    /// The rows of a block. `lenient`: bad ones are passed over, not an error.
    pub(super) fn parse(&self, block: &Block, lenient: bool) -> Result<Parsed> {
        let width = self.names.len();
        let mut words = vec![Words::default(); width];
        let Parsed { mut chunk, mut firsts, mut gone, mut bad, .. } = Parsed::empty(width);
        chunk.cells.reserve(block.text.len() / 6);
        let (mut kept, mut repeated) = (Vec::new(), 0);
        let mut rows = parser(&block.text, self.format)?;
        let mut row = empty_record(&rows);
        while rows
            .read_byte_record(&mut row)
            .map_err(|e| Error::data(format!("{}: {e}", self.source)))?
        {
            if self.header.as_ref().is_some_and(|header| header == &row) {
                repeated += 1;
                continue;
            }
            let line = block.line_of(&row, self.format.comment);
            let start = chunk.cells.len();
            match self.row(&row, line, &mut words, &mut firsts, &mut gone, &mut chunk) {
                Ok(()) => {
                    chunk.lines.push(line);
                    let text = |place: &usize| String::from_utf8_lossy(&row[*place]).trim().into();
                    kept.extend(self.keep.iter().map(text));
                }
                Err(error) if lenient => {
                    chunk.cells.truncate(start);
                    bad.push((line, error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        chunk.cells.shrink_to_fit();
        Ok(Parsed { chunk, words: Vec::new(), firsts, gone, bad, kept, repeated }.with_words(words))
    }

    /// A number or nothing; None for a word.
    fn read(&self, column: usize, text: &str) -> Option<Read> {
        let comma = self.dialect.comma;
        let usual = || match &self.written[column] {
            None => Read::parse(text, comma),
            Some(written) => match written.parse(text) {
                Some(number) => Some(Read::Long { number, decimals: UNKNOWN }),
                None if is_no_number(text.trim()) => Some(Read::Missing),
                None => Read::parse(text, comma).filter(|read| *read == Read::Missing),
            },
        };
        let Some(missing) = &self.missing_in else { return usual() };
        let missing = &missing[column];
        match text.trim() {
            "" => Some(Read::Missing),
            word if is_one_of(missing, word) => Some(Read::Missing),
            _ => usual().filter(|read| *read != Read::Missing),
        }
    }

    fn row(
        &self,
        row: &Record,
        line: u64,
        words: &mut [Words],
        firsts: &mut [Firsts],
        gone: &mut [Gone],
        chunk: &mut Chunk,
    ) -> Result<()> {
        let width = self.names.len();
        let trailing =
            self.trailing && row.len() == width + 1 && row[width].trim_ascii().is_empty();
        if row.len() != width && !trailing {
            let (n, is) = (row.len(), if row.len() == 1 { "cell" } else { "cells" });
            let columns = self.names.len();
            // A quote that is never closed swallows lines.
            let swallowed = row.iter().any(|field| field.contains(&b'\n'));
            let hint = if swallowed { "; is there a quote that is never closed?" } else { "" };
            let what = format!("{n} {is}, and there are {columns} columns{hint}");
            return Err(Error::at(&self.source, line, None, what));
        }
        // All cells of the row at once: most are ASCII.
        let text = std::str::from_utf8(row.as_slice()).map_err(|_| {
            let broken = |field: &[u8]| std::str::from_utf8(field).is_err();
            let column = row.iter().position(broken).unwrap_or(0);
            let name = &self.names[column];
            let what = format!("{NOT_UTF8}; save the file as UTF-8");
            Error::at(&self.source, line, Some(name), what)
        })?;
        let cell = |column: usize| row.range(column).and_then(|range| text.get(range));
        let cells = (0..width).map(|column| cell(column).unwrap_or_default());
        self.cells(cells, line, words, firsts, gone, chunk);
        Ok(())
    }

    /// Reads the cells of a row, one a column, and adds them to the chunk's last row.
    pub(super) fn cells<'t>(
        &self,
        cells: impl Iterator<Item = &'t str>,
        line: u64,
        words: &mut [Words],
        firsts: &mut [Firsts],
        gone: &mut [Gone],
        chunk: &mut Chunk,
    ) {
        let comma = self.dialect.comma;
        for (column, text) in cells.enumerate() {
            let first = &mut firsts[column];
            let read = self.read(column, text);
            let (packed, plain) = match read {
                Some(Read::Long { decimals, .. })
                    if decimals == UNKNOWN && words[column].keeps(text.trim()) =>
                {
                    first.see_decimals(decimals, text, line);
                    first.number.get_or_insert(line);
                    chunk.cells.push(words[column].cell(text.trim()));
                    continue;
                }
                Some(Read::Short { number, decimals }) => {
                    first.see_decimals(decimals, text, line);
                    (Packed::short(number), true)
                }
                Some(Read::Long { number, decimals }) => {
                    first.see_decimals(decimals, text, line);
                    (Packed::number(number, &mut chunk.long), true)
                }
                Some(Read::Missing) => {
                    gone[column].add(text.trim(), 1);
                    (Packed::MISSING, false)
                }
                None => (words[column].cell(text.trim()), false),
            };
            // Most cells are not the first of their kind.
            if comma || !plain || first.number.is_none() {
                first.see(packed, text, comma, line);
            }
            chunk.cells.push(packed);
        }
    }
}

/// A block of rows, its words numbered by themselves.
pub(crate) struct Parsed {
    pub chunk: Chunk,
    /// The words of each column, by number.
    pub words: Vec<Vec<String>>,
    /// Where each column first has what.
    pub firsts: Vec<Firsts>,
    /// The words of each column that stand for nothing.
    pub gone: Vec<Gone>,
    /// The lines of rows that were passed over, and what is wrong with each.
    pub bad: Vec<(u64, String)>,
    /// The texts of the cells that are kept, row by row.
    pub kept: Vec<String>,
    /// Rows that held the names again.
    pub repeated: usize,
}

impl Parsed {
    /// No rows of so many columns.
    pub fn empty(width: usize) -> Self {
        let (words, firsts) = (vec![Vec::new(); width], vec![Firsts::default(); width]);
        let gone = vec![Gone::default(); width];
        Self {
            chunk: Chunk::default(),
            words,
            firsts,
            gone,
            bad: Vec::new(),
            kept: Vec::new(),
            repeated: 0,
        }
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

    /// The same `by` lines further down.
    pub fn move_by(&mut self, by: u64) {
        let Self { word, number, name, open, clear, trailing, decimals: _ } = self;
        let lines = [word, number, name, open, clear, trailing];
        lines.into_iter().flatten().for_each(|line| *line += by);
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

/// Words that stand for nothing, and how often each does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gone(pub Vec<(String, usize)>);

impl Gone {
    pub fn add(&mut self, word: &str, n: usize) {
        if word.is_empty() {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| known == word) {
            Some((_, count)) => *count += n,
            None => self.0.push((word.into(), n)),
        }
    }

    pub fn append(&mut self, other: Self) {
        other.0.iter().for_each(|(word, n)| self.add(word, *n));
    }
}

/// The words of a column in one block.
#[derive(Clone, Default)]
pub(crate) struct Words {
    list: Vec<String>,
    codes: HashMap<String, u32>,
    /// How many of them are numbers in letters.
    numbers: usize,
}

/// Of so many numbers in letters a block keeps the texts, until all words of the column are known.
const MOST_IN_LETTERS: usize = 64;

impl Words {
    /// Whether the text of a number is kept: if it has letters, and is one of a few.
    fn keeps(&mut self, text: &str) -> bool {
        if self.codes.contains_key(text) {
            return true;
        }
        let keeps = self.numbers < MOST_IN_LETTERS && number_in_letters(text).is_some();
        self.numbers += usize::from(keeps);
        keeps
    }

    pub fn cell(&mut self, word: &str) -> Packed {
        if let Some(code) = self.codes.get(word) {
            return Packed::word(*code);
        }
        // What looks the same is the same word.
        let shown = seen(word);
        let code = match self.codes.get(&*shown) {
            Some(code) => *code,
            None => {
                self.list.push(shown.clone().into_owned());
                self.list.len() as u32 - 1
            }
        };
        self.codes.insert(shown.into_owned(), code);
        self.codes.insert(word.into(), code);
        Packed::word(code)
    }
}
