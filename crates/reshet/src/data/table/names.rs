//! The columns' names, from a file's first row or made up.

use std::collections::HashSet;

use super::{
    blocks::Tidy,
    dialect::Format,
    letters::seen,
    list,
    records::{Record, parser},
};
use crate::{Result, error::Error};

/// What rows have beyond their columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Edges {
    /// Nothing.
    Plain,
    /// A separator at the end with nothing behind it.
    Trailing,
    /// A cell in front that has no name, as R writes rows' names.
    Unnamed,
}

impl Edges {
    pub fn describe(self) -> Option<String> {
        match self {
            Self::Plain => None,
            Self::Trailing => Some("each row ends in a separator: no column is behind it".into()),
            Self::Unnamed => {
                Some("rows have a cell more than there are names: the first column has none".into())
            }
        }
    }
}

/// What the rows of a sample have beyond their columns.
pub(super) fn edges(
    sample: &[u8],
    first: &Record,
    format: Format,
    tidy: Option<Tidy>,
    header: bool,
) -> Edges {
    let tidied = tidy.map(|tidy| tidy.of_text(sample));
    let Ok(rows) = parser(tidied.as_deref().unwrap_or(sample), format) else {
        return Edges::Plain;
    };
    let rows = rows.into_byte_records();
    let rows: Vec<_> = rows.take(200).map_while(Result::ok).collect();
    let is_empty = |row: &Record| {
        row.get(row.len().saturating_sub(1)).is_some_and(|cell| cell.trim_ascii().is_empty())
    };
    let below = rows.get(1..).unwrap_or_default();
    let longer = !below.is_empty() && below.iter().all(|row| row.len() == first.len() + 1);
    // The last row of the sample may be cut off; a single column cannot end in a separator.
    if first.len() > 1 && !below.is_empty() && is_empty(first) && below.iter().all(is_empty) {
        return Edges::Trailing;
    }
    match (longer && header, longer && below.iter().all(is_empty)) {
        (true, true) => Edges::Trailing,
        (true, false) => Edges::Unnamed,
        _ => Edges::Plain,
    }
}

/// The names from the first row, which stands in this line, or made up.
pub(super) fn names(
    source: &str,
    line: u64,
    first: &Record,
    header: bool,
    edges: Edges,
) -> Result<Vec<String>> {
    let width = first.len() - usize::from(edges == Edges::Trailing && is_last_empty(first));
    if !header {
        return Ok((0..width).map(|place| name_of("", place)).collect());
    }
    let mut names = Vec::new();
    if edges == Edges::Unnamed {
        names.push(name_of("", 0));
    }
    for field in first.iter().take(width) {
        let name = std::str::from_utf8(field)
            .map_err(|_| Error::at(source, line, None, "not UTF-8 text; save the file as UTF-8"))?;
        names.push(name_of(name, names.len()));
    }
    unique(&format!("{source}:{line}"), names)
}

/// The name of the column at this place; made up where nothing stands, as over pandas' row numbers.
pub(super) fn name_of(name: &str, place: usize) -> String {
    match &*seen(name) {
        "" => format!("column {}", place + 1),
        name => name.to_string(),
    }
}

fn is_last_empty(row: &Record) -> bool {
    row.iter().next_back().is_some_and(|cell| cell.trim_ascii().is_empty())
}

/// These names, all different.
pub(super) fn unique(source: &str, names: Vec<String>) -> Result<Vec<String>> {
    let names: Vec<String> = names.iter().map(|name| seen(name).into_owned()).collect();
    let mut known = HashSet::with_capacity(names.len());
    if let Some(name) = names.iter().find(|name| !known.insert(*name)) {
        let what = format!("two columns are called \"{name}\"; give each a name of its own");
        return Err(Error::data(format!("{source}: {what}")));
    }
    Ok(names)
}

/// The places of columns that are asked for.
pub(super) fn places(source: &str, names: &[String], wanted: &[String]) -> Result<Vec<usize>> {
    let place = |name: &String| {
        names.iter().position(|other| *other == seen(name)).ok_or_else(|| {
            let known: Vec<&str> = names.iter().map(String::as_str).collect();
            let guess = crate::network::did_you_mean(name, &known);
            let all = list(known.iter().copied());
            Error::data(format!("{source}: no column is called \"{name}\"{guess}; there are {all}"))
        })
    };
    wanted.iter().map(place).collect()
}
