//! A text of CSV as records of fields, with the feature `csv`.

pub(super) use csv::ByteRecord as Record;
use csv::{Reader, ReaderBuilder};

use super::dialect::Format;
use crate::Result;

/// Reads the records of a text.
///
/// # Errors
/// The feature is off.
pub(super) fn parser(text: &[u8], format: Format) -> Result<Reader<&[u8]>> {
    let mut builder = ReaderBuilder::new();
    builder.delimiter(format.separator).quote(format.quote).comment(format.comment);
    builder.has_headers(false).flexible(true).buffer_capacity(1 << 13);
    Ok(builder.from_reader(text))
}

/// A record to read into.
pub(super) fn empty_record(_: &Reader<&[u8]>) -> Record {
    Record::new()
}
