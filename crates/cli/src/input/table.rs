//! Files of tables: which ones they are, and reading them.

use std::{
    cell::Cell,
    collections::HashMap,
    io::{IsTerminal, Read},
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Instant,
};

use reshet::{
    Error, Result, Table,
    data::{classics::Classic, table::csv},
    network::did_you_mean,
};

use crate::terminal::{self, ProgressBar, note};

/// Endings of tables' names; what cannot be read is told with what to do.
const ENDINGS: [&str; 13] = [
    ".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".arff", ".parquet", ".xlsx", ".xlsm",
    ".xlsb", ".xls", ".ods",
];

/// Endings of the files of a table in a folder.
const ENDINGS_OF_PARTS: [&str; 4] = [".csv", ".tsv", ".tab", ".parquet"];

/// Whether a path is a table: by its name, perhaps with `.gz`; a pipe; a text without an
/// ending whose rows have as many cells each; a folder of such files.
pub fn is_table(path: &Path) -> bool {
    if path.is_dir() {
        return !parts(path).is_empty();
    }
    ends_with(path, &ENDINGS)
        || is_stream(path)
        || inside(path).is_some()
        || (path.extension().is_none() && holds_rows(path))
}

fn ends_with(path: &Path, endings: &[&str]) -> bool {
    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().to_lowercase());
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    endings.iter().any(|end| name.ends_with(end))
}

/// The files of the table in a folder, by their names; none if it has folders in it.
fn parts(folder: &Path) -> Vec<PathBuf> {
    let mut parts = visible_files(folder);
    parts.retain(|path| ends_with(path, &ENDINGS_OF_PARTS));
    parts
}

/// The files in a folder, by their names; none if it has folders in it. Files that begin with a dot
/// or `_` are no part of it: programs leave their notes so.
pub fn visible_files(folder: &Path) -> Vec<PathBuf> {
    let hidden = |path: &Path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']))
    };
    let Ok(all) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut all: Vec<PathBuf> =
        all.flatten().map(|e| e.path()).filter(|path| !hidden(path)).collect();
    if all.iter().any(|path| path.is_dir()) {
        return Vec::new();
    }
    all.sort();
    all
}

/// The files of one table: those that were given, folders as the files in them.
///
/// # Errors
/// A file is not there; the same rows would be read twice, from one file or from `x` and `x.gz`.
pub fn files<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Vec<PathBuf>> {
    let files = all_files(paths)?;
    let mut known: HashMap<PathBuf, &Path> = HashMap::new();
    for file in files.iter().filter(|file| !is_stream(file)) {
        let place = file.canonicalize().unwrap_or_else(|_| file.clone());
        let is_zipped = place.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
        let place = if is_zipped { place.with_extension("") } else { place };
        if let Some(before) = known.insert(place, file) {
            let (file, before) = (file.display(), before.display());
            let what = "holds the same rows: each file is read once; leave one of them out";
            return Err(Error::Data(format!("{file}: {before} {what}")));
        }
    }
    Ok(files)
}

/// All files that were given, also those given twice; folders as the files in them.
fn all_files<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !is_there(path) {
            return Err(not_there(path));
        }
        match path.is_dir() {
            true => files.extend(parts(path)),
            false => files.push(path.to_path_buf()),
        }
    }
    Ok(files)
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

/// Reads a table, with a bar if it takes long; the files of a folder are one table.
pub fn read(path: &Path, options: csv::Options) -> Result<Table> {
    if let Some(classic) = inside(path) {
        note(classic.about());
        return classic.table();
    }
    read_files(&files([path])?, options)
}

/// Reads a table in a file and those that follow it, if any do.
pub fn read_together<'a>(
    path: &'a Path,
    more: impl IntoIterator<Item = &'a Path>,
    options: csv::Options,
) -> Result<Table> {
    let paths: Vec<&Path> = [path].into_iter().chain(more).collect();
    match paths[..] {
        [path] => read(path, options),
        _ => read_files(&files(paths)?, options),
    }
}

/// Refuses files after data that is no table.
pub fn refuse_more(data: &str, more: Option<&Path>) -> Result<()> {
    let Some(other) = more else { return Ok(()) };
    let what = "only the files of a table are read as one; these are none";
    Err(Error::Invalid(format!("{data}, {}: {what}", other.display())))
}

/// Reads a table in several files, with a bar if it takes long.
fn read_files(files: &[PathBuf], options: csv::Options) -> Result<Table> {
    let bar = Reading::new();
    let table = Table::read_files(files, options, &mut |read, of| bar.show(read, of));
    bar.finish();
    table
}

/// Shows how much of a table is read.
pub struct Reading {
    bar: ProgressBar,
    told: Cell<Instant>,
}

impl Reading {
    pub fn new() -> Self {
        let bar = terminal::bar(0, "reading {wide_bar} {bytes}/{total_bytes}  {eta} left");
        Self { bar, told: Cell::new(Instant::now()) }
    }

    /// Says whether to go on: Ctrl-C ends a reading where there is nothing to be saved yet.
    pub fn show(&self, read: u64, of: u64) -> ControlFlow<()> {
        self.bar.set_length(of);
        self.bar.set_position(read);
        if !std::io::stderr().is_terminal() && self.told.get().elapsed().as_secs() >= 2 {
            self.told.set(Instant::now());
            note(&format!("read {} of {} MB", read / 1_000_000, of / 1_000_000));
        }
        terminal::carry_on()
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
