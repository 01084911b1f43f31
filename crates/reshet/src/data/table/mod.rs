//! Tables of numbers and words, as they come in CSV files.
//!
//! ```text
//! rows.csv ──csv──▶ Table ──Prepare──▶ Dataset (train, validation, test)
//!                                        └ Columns: how a row becomes numbers; goes into the Model
//! ```
//! [`Table`] holds the cells as they were read. [`Prepare`] picks the target,
//! splits, and learns from the training part alone how a row becomes the
//! network's inputs; what it has learnt ([`Columns`]) is stored in the model,
//! so a raw row is all that a prediction needs.

mod answers;
mod blocks;
mod builder;
mod cell;
mod check;
mod chunk;
mod columns;
mod combined;
pub mod csv;
mod dates;
mod dialect;
mod encoder;
mod files;
mod finish;
mod grouped;
mod guess;
mod head;
mod header;
mod known;
mod leaks;
mod letters;
mod missing;
mod names;
mod odd;
#[cfg(feature = "parquet")]
mod parquet;
mod parsed;
mod preamble;
mod prepare;
mod question;
mod ranked;
#[cfg(feature = "csv")]
mod records;
#[cfg(not(feature = "csv"))]
#[path = "no_records.rs"]
mod records;
mod scaling;
mod sought;
mod split;
mod stand_ins;
mod statistics;
mod stream;
mod streamed;
mod suspect;
#[cfg(feature = "csv")]
mod text;
#[cfg(not(feature = "csv"))]
#[path = "no_text.rs"]
mod text;
mod twins;
mod unit;
#[cfg(feature = "xlsx")]
mod workbook;
#[cfg(not(feature = "xlsx"))]
#[path = "no_workbook.rs"]
mod workbook;
mod written;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    ops::ControlFlow,
    path::{Path, PathBuf},
    slice,
};

pub use builder::TableBuilder;
pub use cell::Cell;
use cell::{MOST_LONG, Packed};
pub(crate) use cell::{UNKNOWN, shortest};
pub use check::{Check, Checked};
pub(crate) use chunk::Chunk;
use chunk::{for_each_cell, fractions};
#[doc(hidden)]
pub use columns::MOST_CELLS;
pub use columns::{Column, ColumnKind, Columns, LeftOut};
pub(crate) use columns::{ENOUGH_ROWS, FEWEST_ROWS};
pub use dates::{Dates, Order};
use encoder::Encoder;
use files::{Beginning, Files};
pub(crate) use head::{Dressed, Head, Renumbered};
pub use letters::seen;
pub(crate) use missing::MISSING;
use missing::is_no_number;
pub use odd::OddCells;
use parsed::Parsed;
pub use prepare::{Prepare, Prepared};
pub use question::Ask;
pub use scaling::Scaling;
pub use stream::{Rows, Samples};
pub use streamed::{Estimate, Streamed};
pub use unit::Unit;
pub use written::Written;

pub use super::streamed::{Bounds, StreamedRows};
use crate::{
    Result,
    data::{memory, side_by_side},
    error::Error,
    network::thousands,
    short::Short,
    visible,
};

/// Different words a column may have; with more it is no category.
pub(crate) const MOST_WORDS: usize = 1 << 16;

/// Cells that are kept in one piece: 32 MiB. Their long numbers must all have a place.
const PIECE: usize = MOST_LONG;

/// Rows of named columns in memory: four bytes a cell, and eight more for a number whose digits
/// single precision does not hold.
#[derive(Clone)]
pub struct Table {
    /// Where it came from, for messages.
    pub(crate) source: String,
    /// How its file was written.
    pub(crate) dialect: Option<csv::Dialect>,
    /// The words that stand for nothing, if they are not the usual ones.
    pub(crate) missing: Option<Vec<String>>,
    /// What was passed over in the file, for people.
    said: Vec<String>,
    /// Rows that held the columns' names again.
    repeated: usize,
    pub(crate) heads: Vec<Head>,
    pub(crate) chunks: Vec<Chunk>,
    rows: usize,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Table")
            .field("source", &self.source)
            .field("rows", &self.rows)
            .field("columns", &Short(&self.names()))
            .finish_non_exhaustive()
    }
}

impl Table {
    /// Reads a CSV file, its dialect guessed (see [`csv`]); with the feature `xlsx` the first sheet
    /// of a spreadsheet, with `parquet` a Parquet file if its name ends so.
    ///
    /// # Errors
    /// As [`csv::read`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        Self::read_with(path.as_ref(), csv::Options::default(), &mut |_, _| {
            ControlFlow::Continue(())
        })
    }

    /// [`Table::read`], the dialect told; `progress` is told how much of how much is read, and says
    /// whether to go on.
    ///
    /// # Errors
    /// As [`csv::read`].
    pub fn read_with(
        path: &Path,
        options: csv::Options,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Self> {
        Self::read_files(slice::from_ref(&path.to_path_buf()), options, progress)
    }

    /// Reads several files of the same columns as one table, one after the other. Their rows' lines
    /// are counted through all files. A file whose first row holds no names has the columns of
    /// the first one.
    ///
    /// # Errors
    /// As [`csv::read`]; a file with other columns than the first one, which names it.
    pub fn read_files(
        paths: &[PathBuf],
        options: csv::Options,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Self> {
        Files::decoded(paths, &options, |files| files.read(progress))
    }

    /// A table without rows, of a file that begins so.
    fn begin(from: Beginning) -> Self {
        let mut table = Self::new(from.source, from.names);
        table.dialect = from.dialect;
        table.missing = from.missing;
        table.said = from.said;
        for (head, written) in table.heads.iter_mut().zip(from.written) {
            head.dressed = written.map(Dressed::known);
        }
        table
    }

    /// Stops before memory runs out: the table and the network's inputs made from it stand side
    /// by side for a moment. `at` of `of` bytes are read.
    fn check_memory(&self, at: u64, of: u64) -> Result<()> {
        let (here, all) = self.needed(at, of);
        memory::check(&self.source, all, all - here)
    }

    /// Bytes of the table so far, and of all of it with the inputs made from it.
    fn needed(&self, at: u64, of: u64) -> (u64, u64) {
        if of == 0 {
            return (0, 0);
        }
        let share = (at as f64 / of as f64).clamp(1e-3, 1.0);
        let inputs = 4.0 * self.rows as f64 * self.heads.len() as f64;
        let all = (self.bytes() as f64 + inputs) / share;
        (self.bytes(), all as u64)
    }

    pub(crate) fn new(source: String, names: Vec<String>) -> Self {
        let heads = names.into_iter().map(|name| Head { name, ..Head::default() }).collect();
        Self {
            source,
            dialect: None,
            missing: None,
            said: Vec::new(),
            repeated: 0,
            heads,
            chunks: Vec::new(),
            rows: 0,
        }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn column_names(&self) -> Vec<String> {
        self.heads.iter().map(|head| head.name.clone()).collect()
    }

    /// The columns' names, in the file's order.
    pub fn names(&self) -> Vec<&str> {
        self.heads.iter().map(|head| &*head.name).collect()
    }

    /// What it is and how its file is written: `x.csv: 150 rows, 5 columns; cells apart by commas, …`
    pub(crate) fn about(&self) -> String {
        let (rows, columns) = (thousands(self.rows), self.heads.len());
        let dialect = self.dialect.map_or(String::new(), |dialect| format!("; {dialect}"));
        format!("{}: {rows} rows, {columns} columns{dialect}", self.source)
    }

    /// What was passed over in its file, a line each.
    pub(crate) fn passed_over(&self) -> Vec<String> {
        let n = self.repeated;
        let rows = if n == 1 { "row" } else { "rows" };
        let again =
            (n > 0).then(|| format!("{n} {rows} with the columns' names again, passed over"));
        self.said.iter().cloned().chain(again).collect()
    }

    /// The place of a column.
    ///
    /// # Errors
    /// There is none of this name; lists those there are.
    pub fn column(&self, name: &str) -> Result<usize> {
        let found = self.heads.iter().position(|head| head.name == name);
        let found = found.or_else(|| self.heads.iter().position(|head| head.name == seen(name)));
        found.ok_or_else(|| {
            let names = self.names();
            let guess = crate::network::did_you_mean(name, &names);
            Error::data(format!("{}: no column is called \"{name}\"{guess}", self.source))
        })
    }

    /// The place of each column by its name.
    pub(crate) fn places(&self) -> HashMap<&str, usize> {
        self.heads.iter().enumerate().map(|(place, head)| (&*head.name, place)).collect()
    }

    /// The cells of a column, from top to bottom, their numbers as they are written.
    pub(crate) fn cells(&self, column: usize) -> impl Iterator<Item = Cell> + '_ {
        let head = &self.heads[column];
        self.packed(column).map(|(cell, long)| head.cell(cell.cell(long)))
    }

    /// [`Table::cells`], but numbers as precise as single precision where that tells them apart.
    pub(crate) fn rough_cells(&self, column: usize) -> impl Iterator<Item = Cell> + '_ {
        let head = &self.heads[column];
        self.packed(column).map(|(cell, long)| head.cell(cell.rough(long)))
    }

    /// How often each word of a column occurs.
    pub(crate) fn count_words(&self, column: usize) -> Vec<(&str, usize)> {
        let mut counts: Vec<(&str, usize)> =
            self.heads[column].words.iter().map(|word| (&**word, 0)).collect();
        for (cell, _) in self.packed(column) {
            if let Some((_, n)) = cell.code().and_then(|code| counts.get_mut(code)) {
                *n += 1;
            }
        }
        counts
    }

    /// The cells of a column as they are kept, each with its chunk's long numbers.
    fn packed(&self, column: usize) -> impl Iterator<Item = (Packed, &[f64])> + '_ {
        let width = self.heads.len();
        self.chunks.iter().flat_map(move |chunk| {
            let cells = chunk.cells.iter().skip(column).step_by(width);
            cells.map(|cell| (*cell, &chunk.long[..]))
        })
    }

    /// The cells of a column in these rows, which are in ascending order.
    pub(crate) fn pick(&self, column: usize, rows: impl IntoIterator<Item = usize>) -> Vec<Cell> {
        let width = self.heads.len();
        let (mut chunks, mut start) = (self.chunks.iter().peekable(), 0);
        let cell = |row: usize| {
            while let Some(chunk) = chunks.next_if(|chunk| row >= start + chunk.lines.len()) {
                start += chunk.lines.len();
            }
            let cell = chunks.peek().map_or(Cell::Missing, |chunk| {
                chunk.cells[(row - start) * width + column].cell(&chunk.long)
            });
            self.heads[column].cell(cell)
        };
        rows.into_iter().map(cell).collect()
    }

    /// A cell as it stands in the file; numbers whose decimals vary with as few as they need.
    pub(crate) fn text(&self, column: usize, cell: Cell) -> String {
        self.heads[column].text(cell)
    }

    /// The line in the file of a row.
    pub(crate) fn line(&self, mut row: usize) -> u64 {
        for chunk in &self.chunks {
            if row < chunk.lines.len() {
                return chunk.lines.at(row);
            }
            row -= chunk.lines.len();
        }
        0
    }

    /// Whether the file has decimal commas.
    fn comma(&self) -> bool {
        self.dialect.is_some_and(|dialect| dialect.comma)
    }

    /// The columns whose numbers are not written plainly, and how: for
    /// [`Options::written`](csv::Options::written) of another file.
    pub fn written(&self) -> BTreeMap<String, Written> {
        let written = |head: &Head| Some((head.name.clone(), head.dressed.clone()?.written));
        self.heads.iter().filter_map(written).collect()
    }

    /// Reads all words of these columns as numbers written so, and no others.
    ///
    /// # Errors
    /// The file's own numbers may have been read otherwise.
    pub(crate) fn read_as(&mut self, written: &BTreeMap<String, Written>) -> Result<()> {
        let comma = self.comma();
        for head in &mut self.heads {
            let known = written.get(&head.name);
            let own = head.dressed.take().map(|dressed| dressed.written);
            // Numbers that were plain, or that are words no more, cannot be read again.
            let lost = head.words.is_empty() && own.is_some();
            if let Some(known) = known.filter(|known| {
                own.as_ref() != Some(known) && (lost || (known.decimal == ',') != comma)
            }) {
                return Err(Error::data(format!(
                    "{}: column \"{}\": its numbers are not surely written as in training ({})",
                    self.source,
                    head.name,
                    known.example()
                )));
            }
            let number = |word: &String, written: &Written| match written.parse(word) {
                Some(x) => Cell::from_number(x),
                None if is_no_number(word) => Cell::Missing,
                None => Cell::Word(head.codes[word]),
            };
            head.numbers = known.map_or_else(Vec::new, |written| {
                head.words.iter().map(|word| number(word, written)).collect()
            });
            head.dressed = known.cloned().map(Dressed::known);
        }
        Ok(())
    }

    /// Adds rows whose words have numbers of their own.
    pub(crate) fn append(&mut self, read: Parsed) {
        let (chunk, renumbered) = self.number_words(read);
        let width = self.heads.len();
        for changed in renumbered {
            for_each_cell(&mut self.chunks, changed.column, width, |cell| changed.cell(cell));
        }
        self.rows += chunk.lines.len();
        // Memory of large pieces goes back to the system as soon as each is done with.
        match self.chunks.last_mut() {
            Some(last) if last.cells.len() + chunk.cells.len() <= PIECE => last.append(&chunk),
            Some(last) => {
                last.long.shrink_to_fit();
                let cells = Vec::with_capacity(PIECE.max(chunk.cells.len()));
                let mut next = Chunk { cells, ..Chunk::default() };
                next.append(&chunk);
                self.chunks.push(next);
            }
            None => self.chunks.push(chunk),
        }
    }

    /// The rows that were read, their words numbered as the columns number them; and what the
    /// words of all rows before have become, if that has changed.
    fn number_words(&mut self, read: Parsed) -> (Chunk, Vec<Renumbered>) {
        let Parsed { mut chunk, words, firsts, gone, repeated, .. } = read;
        self.repeated += repeated;
        let (width, comma) = (self.heads.len(), self.comma());
        let mut renumbered = Vec::new();
        self.heads.iter_mut().zip(gone).for_each(|(head, gone)| head.gone.append(gone));
        for (column, (head, words)) in self.heads.iter_mut().zip(words).enumerate() {
            head.firsts = head.firsts.or(firsts[column]);
            if words.is_empty() {
                continue;
            }
            if head.words.len() + words.len() > MOST_WORDS && head.dressed.is_none() {
                // Too many for a category: now or never they are numbers.
                let (fractional, chunks) = (head.fractional, &self.chunks);
                let fractions = || fractional || fractions(chunks, column, width);
                renumbered.extend(head.undress_early(&words, comma, column, fractions));
            }
            let cells: Vec<Cell> = words.into_iter().map(|word| head.cell_of(word)).collect();
            for place in (column..chunk.cells.len()).step_by(width) {
                if let Some(code) = chunk.cells[place].code() {
                    chunk.set(place, cells[code]);
                }
            }
        }
        (chunk, renumbered)
    }
}

impl Table {
    /// Keeps the words of all columns within so many bytes: makes numbers of those that are written as
    /// numbers are, else forgets them, and the column is free text. Begins with the columns that have most.
    /// Returns what the words of all rows before have become.
    fn bound_words(&mut self, most: u64) -> Vec<Renumbered> {
        let comma = self.comma();
        let mut renumbered = Vec::new();
        let mut bytes: Vec<u64> = self.heads.iter().map(Head::bytes_of_words).collect();
        while bytes.iter().sum::<u64>() > most {
            let largest = (0..bytes.len()).max_by_key(|column| bytes[*column]);
            let Some((column, head)) = largest.map(|column| (column, &mut self.heads[column]))
            else {
                break;
            };
            let fractional = head.fractional;
            let numbers = head.undress_early(&[], comma, column, || fractional);
            if numbers.is_none() {
                head.overflow = true;
                (head.words, head.codes) = Default::default();
            }
            renumbered.extend(numbers);
            bytes[column] = 0;
        }
        renumbered
    }
}

/// Names in a message: `a, b, c`, of many only the first.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 30;
    let names: Vec<_> = names.into_iter().map(visible).collect();
    let more = names.len().saturating_sub(MOST);
    let first = names[..names.len() - more].join(", ");
    if more > 0 { format!("{first} and {more} more") } else { first }
}
