//! How a CSV file is written, guessed from its beginning.

use std::{borrow::Cow, collections::BTreeMap};

use super::{
    Cell,
    blocks::{SAMPLE, Tidy, has_spaced_quotes, last_row_end},
    dialect::{Dialect, Format, Options, SEPARATORS},
    header::{has_header, is_expected},
    records::parser,
    written::{is_clear, is_open},
};

/// So many of 1000 rows must have as many words for spaces to stand between cells.
const SPACES_AGREE: usize = 900;

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
    let rows = rows_of(sample, separator, comment);
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

/// The rows of a sample but for comments.
fn rows_of(sample: &[u8], separator: u8, comment: Option<u8>) -> Vec<Vec<String>> {
    let mut rows = tidied(sample, separator);
    let is_comment = |row: &Vec<String>| {
        comment.is_some_and(|mark| row.first().is_some_and(|c| c.as_bytes().first() == Some(&mark)))
    };
    rows.retain(|row| !is_comment(row));
    rows
}

/// Whether the numbers of a file's beginning have decimal commas (true) or points (false); None if
/// they show neither, or both.
pub(super) fn decimal_mark(sample: &[u8], separator: u8, comment: Option<u8>) -> Option<bool> {
    let rows = rows_of(sample, separator, comment);
    let cells = || rows.iter().skip(1).flatten();
    let point = |c: &String| c.contains('.') && is_number(c, false) && !is_open(c, '.');
    let (comma, point) = (cells().any(|c| is_clear(c, ',')), cells().any(point));
    (comma != point).then_some(comma && separator != b',')
}

fn is_number(text: &str, comma: bool) -> bool {
    Cell::parse(text, comma).is_some_and(|cell| cell.number().is_some())
}
