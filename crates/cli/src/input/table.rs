//! Files of tables: which ones they are, and reading them.

use std::{
    io::{IsTerminal, Read},
    path::Path,
};

use reshet::{
    Error, Result, Table,
    data::{classics::Classic, table::csv},
    network::did_you_mean,
};

use crate::terminal::{self, note};

/// Endings of tables' names; what cannot be read is told with what to do.
const ENDINGS: [&str; 13] = [
    ".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".arff", ".parquet", ".xlsx", ".xlsm",
    ".xlsb", ".xls", ".ods",
];

/// Whether a path is a table: by its name, perhaps with `.gz`; a pipe; a text without an
/// ending whose rows have as many cells each.
pub fn is_table(path: &Path) -> bool {
    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().to_lowercase());
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    ENDINGS.iter().any(|end| name.ends_with(end))
        || is_stream(path)
        || inside(path).is_some()
        || (path.extension().is_none() && holds_rows(path))
}

/// The table in the program of this name, if no file or folder is called so.
pub fn inside(path: &Path) -> Option<Classic> {
    let classic = Classic::named(path.to_str()?).ok()?;
    (!path.exists()).then_some(classic)
}

/// Whether a table can be read: a file, a pipe, or one in the program.
pub fn is_there(path: &Path) -> bool {
    path.exists() || is_stream(path) || inside(path).is_some()
}

/// Whether a path is standard input or another pipe, which can be read once.
pub fn is_stream(path: &Path) -> bool {
    let is = |m: std::fs::Metadata| !m.is_file() && !m.is_dir();
    path == Path::new("-") || std::fs::metadata(path).is_ok_and(is)
}

/// Whether a file begins with lines of text that have as many separators each.
fn holds_rows(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = std::fs::File::open(path).map(|file| file.take(4096).read_to_end(&mut start));
    let control = |b: &u8| *b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r');
    if !path.is_file() || !matches!(read, Ok(Ok(_))) || start.iter().any(control) {
        return false;
    }
    let lines: Vec<&[u8]> = start.split(|b| *b == b'\n').filter(|line| !line.is_empty()).collect();
    // The last one may be cut off.
    let whole = lines.len().saturating_sub(usize::from(start.len() == 4096));
    let count = |line: &[u8], separator| line.iter().filter(|b| **b == separator).count();
    [b',', b';', b'\t', b'|', b' '].into_iter().any(|separator| {
        let mut counts = lines[..whole].iter().map(|line| count(line, separator));
        let first = counts.next().unwrap_or(0);
        whole > 1 && first > 0 && counts.all(|n| n == first)
    })
}

/// That there is no such file, with the name that was perhaps meant.
pub fn not_there(path: &Path) -> Error {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let beside = std::fs::read_dir(folder.unwrap_or(Path::new(".")));
    let names: Vec<String> = beside
        .map(|all| all.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    let guess = did_you_mean(&name, &names);
    // All files of the folder would be too many.
    let guess = guess.split(" (known").next().unwrap_or_default();
    Error::Data(format!("cannot read {}: no such file{guess}", path.display()))
}

/// The name of a table: its file's, without its endings.
pub fn name(path: &Path) -> String {
    if path == Path::new("-") {
        return "stdin".into();
    }
    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    name.split('.').find(|part| !part.is_empty()).unwrap_or("table").into()
}

/// Reads a table, with a bar if it takes long.
pub fn read(path: &Path, options: csv::Options) -> Result<Table> {
    if let Some(classic) = inside(path) {
        note(classic.about());
        return classic.table();
    }
    let bar = terminal::bar(0, "reading {wide_bar} {bytes}/{total_bytes}  {eta} left");
    let mut told = std::time::Instant::now();
    let table = Table::read_with(path, options, &mut |read, of| {
        bar.set_length(of);
        bar.set_position(read);
        if !std::io::stderr().is_terminal() && told.elapsed().as_secs() >= 2 {
            told = std::time::Instant::now();
            note(&format!("read {} of {} MB", read / 1_000_000, of / 1_000_000));
        }
    });
    bar.finish_and_clear();
    table
}
