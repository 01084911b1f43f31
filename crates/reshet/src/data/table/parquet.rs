//! Parquet, with the feature `parquet`: columns of numbers, words, booleans and
//! dates; what is nested in lists or groups is refused.
//!
//! Text is read as CSV's is, so that a model asks the same of both. The reader is
//! the Apache project's: <https://parquet.apache.org>.

use std::{
    fmt,
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use ::parquet::{
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, reader::RowIter},
};

use super::{
    Cell,
    cell::{Packed, shortest},
    csv::Options,
    files::Beginning,
    missing::{in_columns, is_one_of},
    names::places,
    parsed::{Parsed, Words},
};
use crate::{Result, error::Error};

/// Rows turned into cells in one go.
const ROWS: usize = 8192;

/// A file's rows, a block after the other: memory holds a row group's pages and a block.
pub(super) struct Blocks {
    source: String,
    names: Vec<String>,
    missing: Option<Vec<String>>,
    missing_in: Option<Vec<Vec<String>>>,
    /// Columns whose cells are kept as they are.
    keep: Vec<usize>,
    rows: RowIter<'static>,
    /// Rows that are read, of how many.
    read: u64,
    all: u64,
}

impl Blocks {
    /// Opens a file; of the options the words that stand for nothing and the columns to keep
    /// count.
    ///
    /// # Errors
    /// No such file; not Parquet, or damaged; a nested column; no rows.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        let source = path.display().to_string();
        options.check_no_sheet(&source)?;
        unpanicked(&source, || Self::begin(path, source.clone(), options))
    }

    fn begin(path: &Path, source: String, options: &Options) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::unreadable(path, e))?;
        let reader = SerializedFileReader::new(file).map_err(|e| damaged(&source, &e))?;
        let about = reader.metadata().file_metadata();
        let fields = about.schema().get_fields();
        if let Some(nested) = fields.iter().find(|field| !field.is_primitive()) {
            let what = format!("column \"{}\" holds lists or groups; flatten it", nested.name());
            return Err(Error::data(format!("{source}: {what}")));
        }
        let names: Vec<String> = fields.iter().map(|field| field.name().to_string()).collect();
        let all = about.num_rows().max(0) as u64;
        if all == 0 {
            return Err(Error::data(format!("{source}: there are no rows in it")));
        }
        let missing_in = in_columns(options.missing.as_deref(), &names);
        let keep = places(&source, &names, &options.keep)?;
        let rows = RowIter::from_file_into(Box::new(reader));
        let missing = options.missing.clone();
        Ok(Self { source, names, missing, missing_in, keep, rows, read: 0, all })
    }

    pub fn beginning(&self) -> Beginning {
        Beginning {
            source: self.source.clone(),
            names: self.names.clone(),
            dialect: None,
            missing: self.missing.clone(),
            written: vec![None; self.names.len()],
            said: Vec::new(),
        }
    }

    /// Rows that are read, and all there are.
    pub fn position(&self) -> (u64, u64) {
        (self.read, self.all)
    }

    /// The next rows; None at the end.
    ///
    /// # Errors
    /// The file is damaged; a field that is neither a number nor a text.
    pub fn next(&mut self) -> Result<Option<Parsed>> {
        let source = self.source.clone();
        unpanicked(&source, || self.next_rows())
    }

    fn next_rows(&mut self) -> Result<Option<Parsed>> {
        let width = self.names.len();
        let mut read = Parsed::empty(width);
        let mut words = vec![Words::default(); width];
        for fields in self.rows.by_ref().take(ROWS) {
            let fields = fields.map_err(|e| damaged(&self.source, &e))?;
            self.read += 1;
            let line = self.read;
            let wrong = |name: &str, what: &dyn fmt::Display| {
                Error::data(format!("{}: row {line}: column \"{name}\": {what}", self.source))
            };
            for (column, (name, field)) in fields.get_column_iter().enumerate() {
                if let Some(what) = impossible(field) {
                    return Err(wrong(name, &what));
                }
                let missing = self.missing_in.as_ref().map(|all| &all[column][..]);
                let long = &mut read.chunk.long;
                let cell = match text_or_number(field) {
                    Some(Ok(cell)) => Packed::new(number_or_missing(cell, missing), long),
                    Some(Err(text)) => match parse(text.trim(), missing) {
                        Some(Cell::Missing) => {
                            read.gone[column].add(text.trim(), 1);
                            Packed::MISSING
                        }
                        Some(cell) => Packed::new(cell, long),
                        None => words[column].cell(text.trim()),
                    },
                    None => return Err(wrong(name, field)),
                };
                let text = if let Field::Str(text) = field { text } else { "" };
                read.firsts[column].see(cell, text, false, line);
                read.chunk.cells.push(cell);
            }
            read.chunk.lines.push(line);
        }
        let read = read.with_words(words);
        Ok((read.chunk.lines.len() > 0).then(|| read.keeping(&self.keep)))
    }
}

/// The reader panics at some files that it could refuse.
fn unpanicked<T>(source: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let what = "not a Parquet file, or a damaged one: it cannot be read to its end";
        Err(Error::data(format!("{source}: {what}")))
    })
}

fn damaged(source: &str, e: &ParquetError) -> Error {
    Error::data(format!("{source}: not a Parquet file, or a damaged one: {e}"))
}

impl Parsed {
    /// With the texts of these columns kept, row by row.
    fn keeping(mut self, keep: &[usize]) -> Self {
        let Self { chunk, words, .. } = &self;
        let texts = |row: &[Packed]| -> Vec<String> {
            keep.iter().map(|place| row[*place].cell(&chunk.long).text(&words[*place])).collect()
        };
        if !keep.is_empty() {
            self.kept = chunk.cells.chunks_exact(words.len()).flat_map(texts).collect();
        }
        self
    }
}

/// A text as CSV has it; `missing`: the words that stand for nothing, if they are told.
fn parse(text: &str, missing: Option<&[String]>) -> Option<Cell> {
    let Some(missing) = missing else { return Cell::parse(text, false) };
    match text.is_empty() || is_one_of(missing, text) {
        true => Some(Cell::Missing),
        false => Cell::parse(text, false).filter(|cell| !cell.is_missing()),
    }
}

/// A number that is not among the words that stand for nothing.
fn number_or_missing(cell: Cell, missing: Option<&[String]>) -> Cell {
    let is_missing = |x: f64| missing.is_some_and(|words| is_one_of(words, &x.to_string()));
    match cell.number() {
        Some(x) if is_missing(x) => Cell::Missing,
        _ => cell,
    }
}

/// Days from 1970 to the last date that can be written out, some 260,000 years from then.
const MOST_DAYS: u64 = 95_000_000;
const DAY_IN_SECONDS: u64 = 24 * 60 * 60;

/// What is wrong with a date that is in no calendar.
fn impossible(field: &Field) -> Option<String> {
    let (count, per_day, unit) = match field {
        Field::Date(days) => (u64::from(days.unsigned_abs()), 1, "days"),
        Field::TimestampMillis(t) => (t.unsigned_abs(), 1000 * DAY_IN_SECONDS, "milliseconds"),
        Field::TimestampMicros(t) => (t.unsigned_abs(), 1_000_000 * DAY_IN_SECONDS, "microseconds"),
        _ => return None,
    };
    (count / per_day > MOST_DAYS).then(|| format!("{count} {unit} from 1970 is no date"))
}

/// What a field says: a number, or a text to be read as a cell of CSV is; None if nested.
fn text_or_number(field: &Field) -> Option<Result<Cell, String>> {
    let number = |x: f64| Ok(Cell::from_number(x));
    Some(match field {
        Field::Null => Ok(Cell::Missing),
        Field::Bool(yes) => Err(yes.to_string()),
        Field::Byte(x) => number(f64::from(*x)),
        Field::Short(x) => number(f64::from(*x)),
        Field::Int(x) => number(f64::from(*x)),
        Field::UByte(x) => number(f64::from(*x)),
        Field::UShort(x) => number(f64::from(*x)),
        Field::UInt(x) => number(f64::from(*x)),
        // As text: one that a double does not hold is a name.
        Field::Long(x) => Err(x.to_string()),
        Field::ULong(x) => Err(x.to_string()),
        Field::Float16(x) => number(shortest(x.to_f32())),
        Field::Float(x) => number(shortest(*x)),
        Field::Double(x) => number(*x),
        Field::Str(text) => Err(text.clone()),
        Field::Bytes(bytes) => Err(String::from_utf8_lossy(bytes.data()).into_owned()),
        // Dates, times, decimals: as they print.
        Field::Group(_) | Field::ListInternal(_) | Field::MapInternal(_) => return None,
        other => Err(other.to_string()),
    })
}
