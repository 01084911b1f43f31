//! Sheets of spreadsheets (`.xlsx`, `.xls`, `.xlsb`, `.ods`), with the feature `xlsx`.
//!
//! A sheet becomes the text that a spreadsheet program would save as CSV, and is read as one:
//! so the same table means the same in either form. Formulas count as the values that were
//! saved with them.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
};

use calamine::{
    Data, ExcelDateTime, Reader, SheetType, SheetVisible, Sheets, Xlsx, open_workbook_auto_from_rs,
};

use super::list;
use crate::{Result, data::memory, error::Error, network::did_you_mean, visible};

/// What stands between two cells of the text.
pub(super) const SEPARATOR: u8 = b',';
/// Whole numbers from here on have more digits than a spreadsheet keeps.
const ROUNDED: f64 = 1e15;
/// Bytes of text between two looks at the memory that is left.
const LOOK: usize = 16 << 20;
/// Rows and columns of a sheet, at most: what spreadsheet programs have.
const MOST_ROWS: u32 = 1 << 20;
const MOST_COLUMNS: u32 = 1 << 14;

/// A sheet as a text.
pub(super) struct Sheet {
    /// Rows of cells apart by commas.
    pub text: Vec<u8>,
    /// What is to be known of it, for people.
    pub said: Vec<String>,
}

/// Reads the sheet of this name, or the first one that is not hidden and holds a table, or else
/// something.
///
/// # Errors
/// It is no spreadsheet, a damaged one, or one with a password; no such sheet; more than
/// fits into memory.
pub(super) fn read(source: &str, bytes: Vec<u8>, name: Option<&str>) -> Result<Sheet> {
    // The reader panics at some files that it could refuse.
    catch_unwind(AssertUnwindSafe(|| read_sheet(source, bytes, name))).unwrap_or_else(|_| {
        let what = "a damaged spreadsheet: it cannot be read to its end; save the table as CSV";
        Err(Error::data(format!("{source}: {what}")))
    })
}

fn read_sheet(source: &str, bytes: Vec<u8>, name: Option<&str>) -> Result<Sheet> {
    let wrong = |what: String| Error::data(format!("{source}: {what}"));
    let mut book = open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(|_| {
        wrong(
            "an archive or an Office file that cannot be read as a spreadsheet (damaged, or with \
             a password?); save the table as CSV"
                .into(),
        )
    })?;
    let all = book.sheet_names();
    let shown = |name: &&String| {
        let of = |sheet: &&calamine::Sheet| sheet.name == **name;
        book.sheets_metadata().iter().find(of).is_none_or(|sheet| {
            sheet.visible == SheetVisible::Visible && sheet.typ == SheetType::WorkSheet
        })
    };
    let wanted: Vec<String> = match name {
        Some(name) if all.iter().any(|other| other == name) => vec![name.into()],
        Some(name) => {
            let known: Vec<&str> = all.iter().map(String::as_str).collect();
            let guess = did_you_mean(name, &known);
            return Err(wrong(format!("no sheet is called \"{}\"{guess}", visible(name))));
        }
        None => all.iter().filter(shown).cloned().collect(),
    };
    let mut first: Option<(&String, Rows)> = None;
    for name in &wanted {
        let mut rows = Rows::new(source);
        fill(&mut rows, &mut book, name).map_err(|e| match e {
            Failed::Ours(e) => e,
            Failed::Theirs(what) => wrong(format!("sheet \"{}\": {what}", visible(name))),
        })?;
        let is_table = rows.is_table();
        if is_table || (first.is_none() && !rows.is_empty()) {
            first = Some((name, rows));
        }
        if is_table {
            break;
        }
    }
    if let Some((name, rows)) = first {
        let mut said = Vec::new();
        let others: Vec<&str> =
            all.iter().map(String::as_str).filter(|other| other != name).collect();
        if !others.is_empty() {
            let (name, others) = (visible(name), list(others));
            said.push(format!("sheet \"{name}\" is read; there are also {others}"));
        }
        said.extend(rows.said());
        return Ok(Sheet { text: rows.text()?, said });
    }
    Err(wrong(match name {
        Some(name) => format!("sheet \"{}\" is empty", visible(name)),
        None => "there is no sheet with anything in it".into(),
    }))
}

/// Why a sheet could not be read.
enum Failed {
    Ours(Error),
    Theirs(String),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

fn fill(rows: &mut Rows, book: &mut Sheets<Cursor<Vec<u8>>>, name: &str) -> Result<(), Failed> {
    match book {
        Sheets::Xlsx(book) => fill_from_cells(rows, book, name),
        other => {
            let range = other.worksheet_range(name).map_err(|e| Failed::Theirs(e.to_string()))?;
            let (top, left) = range.start().unwrap_or_default();
            for (row, column, value) in range.used_cells() {
                rows.add((top + row as u32, left + column as u32), value)?;
            }
            Ok(())
        }
    }
}

/// Cell by cell: a sheet with one cell far away would else take as much memory as a full one.
fn fill_from_cells(
    rows: &mut Rows,
    book: &mut Xlsx<Cursor<Vec<u8>>>,
    name: &str,
) -> Result<(), Failed> {
    let theirs = |e: calamine::XlsxError| Failed::Theirs(e.to_string());
    let mut cells = book.worksheet_cells_reader(name).map_err(theirs)?;
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(theirs)? {
        let value = Data::from(cell.value);
        if cell.formula.is_some() && value == Data::Empty {
            rows.formulas_without_value += 1;
        }
        rows.add(cell.pos, &value)?;
    }
    Ok(())
}

/// Remarks in a single column have no more rows.
const REMARKS: usize = 20;

/// The rows of a sheet, as they are read.
struct Rows<'a> {
    source: &'a str,
    /// Each row's cells from the first column on, apart by commas, none behind the last.
    text: Vec<u8>,
    rows: Vec<Row>,
    /// The length of the text at the last look at the memory.
    looked: usize,
    /// Whole numbers that a spreadsheet does not hold to the last digit.
    rounded: usize,
    formulas_without_value: usize,
}

/// What is known of a row.
#[derive(Clone, Copy, Default)]
struct Row {
    /// Where its text ends.
    end: usize,
    /// The first column that is filled, the one behind the last, and how many are.
    first: u32,
    width: u32,
    filled: u32,
}

impl<'a> Rows<'a> {
    fn new(source: &'a str) -> Self {
        Self {
            source,
            text: Vec::new(),
            rows: Vec::new(),
            looked: 0,
            rounded: 0,
            formulas_without_value: 0,
        }
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether there are rows of several cells, or many: more than a title or a remark.
    fn is_table(&self) -> bool {
        let filled = || self.rows.iter().filter(|row| row.filled > 0);
        filled().count() > 1 && (filled().any(|row| row.filled > 1) || filled().count() > REMARKS)
    }

    /// Adds a cell, behind all that were added.
    fn add(&mut self, (row, column): (u32, u32), value: &Data) -> Result<()> {
        let Some(text) = self.cell(value) else { return Ok(()) };
        let damaged = || {
            let what = "its cells do not follow one on the other: a damaged spreadsheet?";
            Error::data(format!("{}: {what}", self.source))
        };
        if row >= MOST_ROWS || column >= MOST_COLUMNS {
            let what = "a cell outside of what a sheet has: a damaged spreadsheet?";
            return Err(Error::data(format!("{}: {what}", self.source)));
        }
        if (row as usize + 1) < self.rows.len() {
            return Err(damaged());
        }
        let end = self.text.len();
        self.rows.resize(row as usize + 1, Row { end, ..Row::default() });
        let last = &mut self.rows[row as usize];
        if last.filled > 0 && column < last.width {
            return Err(damaged());
        }
        if last.filled == 0 {
            last.first = column;
        }
        let commas = if last.filled == 0 { column } else { column + 1 - last.width };
        self.text.extend(std::iter::repeat_n(SEPARATOR, commas as usize));
        self.text.extend_from_slice(text.as_bytes());
        (last.width, last.end) = (column + 1, self.text.len());
        last.filled += 1;
        if self.text.len() - self.looked > LOOK {
            self.looked = self.text.len();
            memory::check(self.source, 2 * self.looked as u64, self.looked as u64)?;
        }
        Ok(())
    }

    /// A cell as it stands in a CSV file; None if nothing does.
    fn cell(&mut self, value: &Data) -> Option<String> {
        let text = match value {
            Data::Empty => return None,
            Data::Int(x) => return Some(self.number(*x as f64)),
            Data::Float(x) => return Some(self.number(*x)),
            Data::Bool(yes) => return Some(if *yes { "TRUE" } else { "FALSE" }.into()),
            Data::DateTime(time) => return Some(date(time)),
            Data::Error(error) => error.to_string(),
            Data::DurationIso(text) => duration(text),
            Data::DateTimeIso(text) | Data::String(text) => text.clone(),
            // Kinds that the reader may come to know.
            #[allow(unreachable_patterns)]
            other => other.to_string(),
        };
        let quoted = text.contains([',', '"', '\n', '\r'])
            // Elsewhere it would be a comment, or a declaration of an ARFF file.
            || text.trim_start().starts_with(['#', '%', '@']);
        match text.trim().is_empty() {
            true => None,
            false if quoted => Some(format!("\"{}\"", text.replace('"', "\"\""))),
            false => Some(text),
        }
    }

    fn number(&mut self, x: f64) -> String {
        if x.fract() == 0.0 && x.abs() >= ROUNDED {
            self.rounded += 1;
        }
        let size = x.abs();
        match size != 0.0 && !(1e-6..1e17).contains(&size) {
            true => format!("{x:e}"),
            false => x.to_string(),
        }
    }

    fn said(&self) -> Vec<String> {
        let mut said = Vec::new();
        if self.rounded > 0 {
            said.push(format!(
                "{} whole numbers have more than 15 digits: a spreadsheet rounds such numbers; \
                 ids are kept only as text",
                self.rounded
            ));
        }
        if self.formulas_without_value > 0 {
            said.push(format!(
                "{} formulas have no value saved with them, and are taken for missing; open and \
                 save the file in a spreadsheet program",
                self.formulas_without_value
            ));
        }
        said
    }

    /// All rows with as many cells, from the first column that is used to the last; lines
    /// above the table with a single cell are that cell alone.
    fn text(self) -> Result<Vec<u8>> {
        let used = || self.rows.iter().filter(|row| row.filled > 0);
        let left = used().map(|row| row.first).min().unwrap_or(0);
        let right = used().map(|row| row.width).max().unwrap_or(0);
        let padding: u64 = used().map(|row| u64::from(right - row.width)).sum();
        let bytes = self.text.len() as u64 + padding + self.rows.len() as u64;
        memory::check(self.source, bytes, bytes)?;
        let mut text = Vec::with_capacity(bytes as usize);
        let (mut start, mut above) = (0, true);
        for row in &self.rows {
            let cells = &self.text[start..row.end];
            start = row.end;
            above = above && row.filled < 2;
            // Of two columns, a name above the second alone is a header.
            let alone = above && (row.first == left || right - left > 2);
            if row.filled > 0 {
                let skipped = if alone { row.first } else { left };
                text.extend_from_slice(&cells[skipped as usize..]);
                let missing = if alone { 0 } else { right - row.width };
                text.extend(std::iter::repeat_n(SEPARATOR, missing as usize));
            }
            text.push(b'\n');
        }
        Ok(text)
    }
}

/// `2024-01-31`, `2024-01-31 13:45:00`; of a time alone or a duration `13:45:00`.
fn date(time: &ExcelDateTime) -> String {
    if time.is_duration() || (0.0..1.0).contains(&time.as_f64()) {
        let seconds = (time.as_f64() * 86_400.0).round();
        let sign = if seconds < 0.0 { "-" } else { "" };
        let seconds = seconds.abs() as u64;
        return format!("{sign}{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let day = format!("{year:04}-{month:02}-{day:02}");
    match (hour, minute, second) {
        (0, 0, 0) => day,
        _ => format!("{day} {hour:02}:{minute:02}:{second:02}"),
    }
}

/// `PT13H45M00S` as `13:45:00`.
fn duration(text: &str) -> String {
    match text.strip_prefix("PT").and_then(|text| text.strip_suffix('S')) {
        Some(parts) => parts.replace(['H', 'M'], ":"),
        None => text.into(),
    }
}
