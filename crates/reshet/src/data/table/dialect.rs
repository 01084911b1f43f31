//! How a CSV file is written.

use std::{collections::BTreeMap, fmt};

use super::written::Written;
use crate::{Result, error::Error, visible};

/// What may stand between two cells; of equally good ones the first.
pub(super) const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

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

/// How rows are parsed.
#[cfg_attr(not(feature = "csv"), expect(dead_code, reason = "nothing is parsed"))]
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    pub separator: u8,
    /// Lines that begin with this are comments.
    pub comment: Option<u8>,
    /// What stands around cells that hold a separator.
    pub quote: u8,
}
