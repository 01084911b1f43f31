//! Parquet, with the feature `parquet`: columns of numbers, words, booleans and
//! dates; what is nested in lists or groups is refused.
//!
//! Text is read as CSV's is, so that a model asks the same of both. The reader is
//! the Apache project's: <https://parquet.apache.org>.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use ::parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
};

use super::{
    Cell, Table,
    cell::{Packed, shortest},
    csv::Options,
    missing::{in_columns, is_one_of},
    parsed::{Parsed, Words},
};
use crate::{Result, data::memory, error::Error};

/// Rows turned into cells in one go.
const ROWS: usize = 10_000;

/// Reads a file whole; of the options the words that stand for nothing count. `progress` is told
/// how many rows of how many are read.
///
/// # Errors
/// No such file; not Parquet, or damaged; a nested column; more than fits into memory.
pub fn read(path: &Path, options: &Options, progress: &mut dyn FnMut(u64, u64)) -> Result<Table> {
    // The reader panics at some files that it could refuse.
    catch_unwind(AssertUnwindSafe(|| read_rows(path, options, progress))).unwrap_or_else(|_| {
        let what = "not a Parquet file, or a damaged one: it cannot be read to its end";
        Err(Error::data(format!("{}: {what}", path.display())))
    })
}

fn read_rows(path: &Path, options: &Options, progress: &mut dyn FnMut(u64, u64)) -> Result<Table> {
    let source = path.display().to_string();
    options.check_no_sheet(&source)?;
    let wrong = |what: String| Error::data(format!("{source}: {what}"));
    let damaged = |e: ::parquet::errors::ParquetError| {
        Error::data(format!("{source}: not a Parquet file, or a damaged one: {e}"))
    };
    let file = File::open(path).map_err(|e| Error::unreadable(path, e))?;
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let about = reader.metadata().file_metadata();
    let fields = about.schema().get_fields();
    if let Some(nested) = fields.iter().find(|field| !field.is_primitive()) {
        return Err(wrong(format!(
            "column \"{}\" holds lists or groups; flatten it",
            nested.name()
        )));
    }
    let names: Vec<String> = fields.iter().map(|field| field.name().to_string()).collect();
    let (width, rows) = (names.len(), about.num_rows().max(0) as u64);
    if rows == 0 {
        return Err(wrong("there are no rows in it".into()));
    }
    // The table, and the inputs made from it.
    let bytes = rows.saturating_mul(8 * width as u64);
    memory::check(&source, bytes, bytes)?;
    let mut table = Table::new(source.clone(), names);
    table.missing.clone_from(&options.missing);
    let mut read = Parsed::empty(width);
    let mut words = vec![Words::default(); width];
    let missing_in = in_columns(options.missing.as_deref(), &table.column_names());
    for (row, fields) in reader.get_row_iter(None).map_err(damaged)?.enumerate() {
        let fields = fields.map_err(damaged)?;
        let line = row as u64 + 1;
        for (column, (name, field)) in fields.get_column_iter().enumerate() {
            if let Some(what) = impossible(field) {
                return Err(wrong(format!("row {line}: column \"{name}\": {what}")));
            }
            let missing = missing_in.as_ref().map(|all| &all[column][..]);
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
                None => return Err(wrong(format!("row {line}: column \"{name}\": {field}"))),
            };
            let text = if let Field::Str(text) = field { text } else { "" };
            read.firsts[column].see(cell, text, false, line);
            read.chunk.cells.push(cell);
        }
        read.chunk.lines.push(line);
        if read.chunk.lines.len() == ROWS || line == rows {
            let full = std::mem::replace(&mut read, Parsed::empty(width));
            let words = std::mem::replace(&mut words, vec![Words::default(); width]);
            table.append(full.with_words(words));
            progress(line, rows);
        }
    }
    table.finish();
    Ok(table)
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
