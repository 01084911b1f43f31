//! How a CSV file is written: told, or guessed from its beginning.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use super::{
    Cell,
    blocks::{SAMPLE, Tidy, has_spaced_quotes, last_row_end},
    header::{has_header, is_expected},
    parsed::Format,
    records::parser,
    written::{Written, is_clear, is_open},
};
use crate::{Result, error::Error, visible};

/// What may stand between two cells; of equally good ones the first.
pub(super) const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// So many of 1000 rows must have as many words for spaces to stand between cells.
const SPACES_AGREE: usize = 900;

/// How a file is to be read, where it is not to be guessed.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What stands between two cells.
    pub separator: Option<u8>,
    /// Whether the first row holds the columns' names.
    pub header: Option<bool>,
    /// How the text is encoded, by the name that browsers know; None: UTF-8, or guessed.
    pub encoding: Option<String>,
    /// Of a spreadsheet: the sheet's name; None: the first that holds something.
    pub sheet: Option<String>,
    /// Columns whose cells are kept as they are, to be shown beside answers:
    /// [`Samples::kept`](super::Samples::kept).
    pub keep: Vec<String>,
    /// Columns of a model: a first row with all of them, or with words that are half of them,
    /// is a header.
    pub columns: Vec<String>,
    /// Columns that were asked for: a first row with one of them is a header.
    pub targets: Vec<String>,
    /// The words that stand for nothing, besides empty cells; None: the usual ones, as NA.
    pub missing: Option<Vec<String>>,
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
    /// Whether spaces stand around quotes: `1, "a"`.
    pub spaced: bool,
    /// The encoding its text was read from, if that was not UTF-8, and whether it is a guess.
    pub encoding: Option<(&'static str, bool)>,
    /// Whether it is a sheet of a spreadsheet.
    pub sheet: bool,
}

impl Options {
    /// Refuses the name of a sheet for a file that has none.
    #[cfg_attr(
        not(any(feature = "csv", feature = "parquet")),
        expect(dead_code, reason = "no table is read")
    )]
    pub(super) fn check_no_sheet(&self, source: &str) -> Result<()> {
        let Some(name) = &self.sheet else { return Ok(()) };
        Err(Error::invalid(format!(
            "{source}: it has no sheet \"{}\"; only spreadsheets have sheets",
            visible(name)
        )))
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let header = if self.header { "with a header" } else { "without a header" };
        if self.sheet {
            return write!(f, "a spreadsheet, {header}");
        }
        let separator = match self.separator {
            b',' => "commas",
            b';' => "semicolons",
            b'\t' => "tabs",
            b'|' => "bars",
            b' ' => "spaces",
            other => return write!(f, "cells apart by \"{}\"", char::from(other)),
        };
        let comma = if self.comma { ", decimal commas" } else { "" };
        write!(f, "cells apart by {separator}, {header}{comma}")?;
        match self.encoding {
            Some((name, true)) => write!(f, ", text taken for {name}"),
            Some((name, false)) => write!(f, ", text in {name}"),
            None => Ok(()),
        }
    }
}

/// The sample without the row that was cut off.
pub(super) fn first_rows(sample: &[u8]) -> &[u8] {
    if sample.len() < SAMPLE {
        return sample;
    }
    last_row_end(sample, false).0.map_or(sample, |end| &sample[..end])
}

/// The sample without the spaces around quotes, if there are such; and whether there are.
fn closed_up(sample: &[u8], separator: u8) -> (Cow<'_, [u8]>, bool) {
    if !has_spaced_quotes(sample, separator) {
        return (Cow::Borrowed(sample), false);
    }
    let closed = Tidy::Quotes(separator).of_text(sample);
    let widths = |text: &[u8]| {
        let rows = records(text, separator);
        let width = rows.first().map_or(0, Vec::len);
        rows.iter().filter(|row| row.len() == width).count() * 1000 / rows.len().max(1)
    };
    match widths(&closed) >= widths(sample) {
        true => (Cow::Owned(closed), true),
        false => (Cow::Borrowed(sample), false),
    }
}

pub(super) fn records(sample: &[u8], separator: u8) -> Vec<Vec<String>> {
    let format = Format { separator, comment: None, quote: b'"' };
    let Ok(parser) = parser(sample, format) else { return Vec::new() };
    let rows = parser.into_byte_records().take(200).map_while(Result::ok);
    let text = |field: &[u8]| String::from_utf8_lossy(field).trim().to_string();
    rows.map(|row| row.iter().map(text).collect()).collect()
}

/// How many of 1000 rows have the commonest number of cells, and that number.
fn agreement(rows: &[Vec<String>]) -> (usize, usize) {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.len()).or_default() += 1);
    let most = counts.into_iter().max_by_key(|(_, n)| *n);
    most.map_or((0, 0), |(width, n)| (1000 * n / rows.len(), width))
}

/// What stands between two cells, and how many of these a row has.
pub(super) fn separator_of(sample: &[u8], options: &Options) -> (u8, usize) {
    // The separator that gives the same number of cells in the most rows; of
    // equals the one that gives more cells, then the commoner one.
    let agreeing = |separator: u8| match agreement(&tidied(sample, separator)) {
        (_, 0 | 1) => (0, 0),
        agreement => agreement,
    };
    if let Some(separator) = options.separator {
        return (separator, agreement(&tidied(sample, separator)).1);
    }
    let best = SEPARATORS.into_iter().rev().max_by_key(|s| agreeing(*s)).unwrap_or(b',');
    let (best_agrees, width) = agreeing(best);
    let (spaces_agree, cells) = agreeing(b' ');
    // A title may stand above; sentences have as many words only by chance.
    match spaces_agree > best_agrees && spaces_agree >= SPACES_AGREE && cells > 1 {
        true => (b' ', cells),
        false => (best, width.max(1)),
    }
}

/// The rows of a sample, without what stands around their cells.
fn tidied(sample: &[u8], separator: u8) -> Vec<Vec<String>> {
    match separator {
        b' ' => records(&Tidy::Spaces.of_text(sample), separator),
        _ => records(&closed_up(sample, separator).0, separator),
    }
}

/// The dialect that makes most sense of the file's beginning; its separator is known.
pub(super) fn guess(sample: &[u8], options: &Options, comment: Option<u8>) -> Dialect {
    let separator = options.separator.unwrap_or(b',');
    let spaced = separator != b' ' && closed_up(sample, separator).1;
    let mut rows = tidied(sample, separator);
    let is_comment = |row: &Vec<String>| {
        comment.is_some_and(|mark| row.first().is_some_and(|c| c.as_bytes().first() == Some(&mark)))
    };
    rows.retain(|row| !is_comment(row));
    let comma = separator != b',' && {
        let mut cells = rows.iter().skip(1).flatten();
        let point = |c: &String| c.contains('.') && is_number(c, false) && !is_open(c, '.');
        // Semicolons are there because the comma means decimals; others leave 1,234 open.
        let comma = |c: &String| is_clear(c, ',') || (separator == b';' && is_open(c, ','));
        cells.clone().any(comma) && !cells.any(point)
    };
    let expected = || rows.first().is_some_and(|first| is_expected(first, options));
    let header = options.header.unwrap_or_else(|| expected() || has_header(&rows, comma));
    Dialect { separator, header, comma, spaced, encoding: None, sheet: false }
}

fn is_number(text: &str, comma: bool) -> bool {
    Cell::parse(text, comma).is_some_and(|cell| cell.number().is_some())
}
