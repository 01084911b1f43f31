//! How a CSV file is written: told, or guessed from its beginning.

use std::{collections::BTreeMap, fmt};

use super::{
    Cell,
    blocks::{SAMPLE, last_row_end},
    cell::is_name,
    records::{Record, parser},
    written::{Written, is_clear, is_like_a_number, is_open},
};
use crate::{Result, error::Error};

/// What may stand between two cells; of equally good ones the first.
pub(super) const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// How a file is to be read, where it is not to be guessed.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What stands between two cells.
    pub separator: Option<u8>,
    /// Whether the first row holds the columns' names.
    pub header: Option<bool>,
    /// Columns that are expected: a first row with all of them is a header.
    pub columns: Vec<String>,
    /// Columns whose numbers are written in a way that is known: of a model, or of
    /// another table ([`Table::written`](super::Table::written)).
    pub written: BTreeMap<String, Written>,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// What stands between two cells.
    pub separator: u8,
    /// Whether the first row holds the columns' names.
    pub header: bool,
    /// Whether 3,14 is a number.
    pub comma: bool,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let separator = match self.separator {
            b',' => "commas",
            b';' => "semicolons",
            b'\t' => "tabs",
            b'|' => "bars",
            other => return write!(f, "cells apart by \"{}\"", char::from(other)),
        };
        let header = if self.header { "with a header" } else { "without a header" };
        let comma = if self.comma { ", decimal commas" } else { "" };
        write!(f, "cells apart by {separator}, {header}{comma}")
    }
}

/// The sample without the row that was cut off.
pub(super) fn first_rows(sample: &[u8]) -> &[u8] {
    if sample.len() < SAMPLE {
        return sample;
    }
    last_row_end(sample).0.map_or(sample, |end| &sample[..end])
}

fn records(sample: &[u8], separator: u8) -> Vec<Vec<String>> {
    let Ok(parser) = parser(sample, separator) else { return Vec::new() };
    let rows = parser.into_byte_records().take(200).map_while(Result::ok);
    let text = |field: &[u8]| String::from_utf8_lossy(field).trim().to_string();
    rows.map(|row| row.iter().map(text).collect()).collect()
}

/// The dialect that makes most sense of the file's beginning.
pub(super) fn guess(sample: &[u8], options: &Options) -> Dialect {
    // The separator that gives the same number of cells in the most rows; of
    // equals the one that gives more cells, then the commoner one.
    let agreeing = |separator: u8| {
        let rows = records(sample, separator);
        let width = rows.first().map_or(0, Vec::len);
        let same = rows.iter().filter(|row| row.len() == width).count();
        if width > 1 { (1000 * same / rows.len().max(1), width) } else { (0, 0) }
    };
    let best = || SEPARATORS.into_iter().rev().max_by_key(|s| agreeing(*s)).unwrap_or(b',');
    let separator = options.separator.unwrap_or_else(best);
    let rows = records(sample, separator);
    let comma = separator != b',' && {
        let mut cells = rows.iter().skip(1).flatten();
        let point = |c: &String| c.contains('.') && is_number(c, false) && !is_open(c, '.');
        // Semicolons are there because the comma means decimals; others leave 1,234 open.
        let comma = |c: &String| is_clear(c, ',') || (separator == b';' && is_open(c, ','));
        cells.clone().any(comma) && !cells.any(point)
    };
    let first = || rows.first().map_or(&[][..], Vec::as_slice);
    let expected =
        !options.columns.is_empty() && options.columns.iter().all(|c| first().contains(c));
    let header = options.header.unwrap_or_else(|| expected || has_header(&rows, comma));
    Dialect { separator, header, comma }
}

fn is_number(text: &str, comma: bool) -> bool {
    Cell::parse(text, comma).is_some_and(|cell| cell.number().is_some())
}

/// Names are words, all different, and not what stands below them.
fn has_header(rows: &[Vec<String>], comma: bool) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let is_number =
        |cell: &str, comma| is_number(cell, comma) || is_name(cell) || is_like_a_number(cell);
    if first.iter().any(|name| is_number(name, comma)) {
        return false;
    }
    let below = |column: usize| rest.iter().filter_map(move |row| row.get(column));
    let numeric = |column: usize| below(column).any(|cell| is_number(cell, comma));
    if rest.is_empty() || (0..first.len()).any(numeric) {
        return true;
    }
    let mut names = first.clone();
    names.sort_unstable();
    names.dedup();
    let again = |(column, name): (usize, &String)| below(column).any(|cell| cell == name);
    names.len() == first.len() && !first.iter().enumerate().any(again)
}

/// The columns' names from the first row, or made up.
pub(super) fn names(source: &str, first: &Record, header: bool) -> Result<Vec<String>> {
    let made_up = |column: usize| format!("column {}", column + 1);
    if !header {
        return Ok((0..first.len()).map(made_up).collect());
    }
    let mut names = Vec::new();
    for (column, field) in first.iter().enumerate() {
        let name = std::str::from_utf8(field).map_err(|_| {
            Error::data(format!("{source}:1: not UTF-8 text; save the file as UTF-8"))
        })?;
        let name = match name.trim() {
            // What pandas writes over its row numbers.
            "" => made_up(column),
            name => name.to_string(),
        };
        if names.contains(&name) {
            let what = format!("two columns are called \"{name}\"; give each a name of its own");
            return Err(Error::data(format!("{source}:1: {what}")));
        }
        names.push(name);
    }
    Ok(names)
}
