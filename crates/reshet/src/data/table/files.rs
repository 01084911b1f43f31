//! A table in several files of the same columns, read one after the other.

use std::path::{Path, PathBuf};

use super::{
    Table, Written,
    csv::{self, Options, Reader},
    dialect::Dialect,
    list,
    parsed::{Layout, Parsed},
};
use crate::{Result, error::Error};

/// What is known of a file before its rows are read.
pub(super) struct Beginning {
    pub source: String,
    pub names: Vec<String>,
    pub dialect: Option<Dialect>,
    /// The words that stand for nothing, if they were told.
    pub missing: Option<Vec<String>>,
    /// The columns whose numbers are known to be written in some way.
    pub written: Vec<Option<Written>>,
    /// What was passed over, for people.
    pub said: Vec<String>,
}

/// An open file of a table.
pub(super) enum TableFile {
    Text(Box<Reader>),
    #[cfg(feature = "parquet")]
    Parquet(Box<super::parquet::Blocks>),
}

/// Whether a file is Parquet, by its name.
pub(super) fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet"))
}

#[cfg(feature = "parquet")]
fn open_parquet(path: &Path, options: &Options) -> Result<TableFile> {
    Ok(TableFile::Parquet(Box::new(super::parquet::Blocks::open(path, options)?)))
}

#[cfg(not(feature = "parquet"))]
fn open_parquet(path: &Path, _options: &Options) -> Result<TableFile> {
    Err(Error::data(format!(
        "{}: this program was built without Parquet; build it with the feature `parquet` (cargo \
         install … --features parquet), or save the table as CSV",
        path.display()
    )))
}

impl TableFile {
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        match is_parquet(path) {
            true => open_parquet(path, options),
            false => Ok(Self::Text(Box::new(Reader::open(path, options)?))),
        }
    }

    pub fn beginning(&self) -> Beginning {
        match self {
            Self::Text(reader) => {
                let layout = &reader.layout;
                Beginning {
                    source: layout.source.clone(),
                    names: layout.names.clone(),
                    dialect: Some(layout.dialect),
                    missing: layout.missing.clone(),
                    written: layout.written.clone(),
                    said: layout.said.clone(),
                }
            }
            #[cfg(feature = "parquet")]
            Self::Parquet(blocks) => blocks.beginning(),
        }
    }

    /// Reads on as the file before did: a text without a header has its columns.
    fn continues(&mut self, names: &[String], comma: bool) {
        match self {
            Self::Text(reader) => {
                let Layout { names: own, dialect, .. } = &mut reader.layout;
                if !dialect.header && own.len() == names.len() {
                    own.clone_from_slice(names);
                }
                dialect.comma = comma;
            }
            #[cfg(feature = "parquet")]
            Self::Parquet(_) => {}
        }
    }

    /// The next rows, in order; none at the end. `lenient`: bad rows of a text are passed over.
    pub fn round(&mut self, lenient: bool) -> Result<Vec<Parsed>> {
        match self {
            Self::Text(reader) => reader.round(lenient),
            #[cfg(feature = "parquet")]
            Self::Parquet(blocks) => Ok(blocks.next()?.into_iter().collect()),
        }
    }

    /// All rows, a block after the other; `each` is also told how much of the file is read, and
    /// how much there is. At most `ahead` blocks wait for it.
    pub fn each(
        self,
        ahead: usize,
        mut each: impl FnMut(Parsed, u64, u64) -> Result<()>,
    ) -> Result<()> {
        match self {
            Self::Text(reader) => reader.each(ahead, |read, _, at, size| each(read, at, size)),
            #[cfg(feature = "parquet")]
            Self::Parquet(mut blocks) => {
                while let Some(read) = blocks.next()? {
                    let (at, of) = blocks.position();
                    each(read, at, of)?;
                }
                Ok(())
            }
        }
    }
}

/// The files of one table, in the order in which they are read. The first one says what the
/// columns are and how numbers are written.
pub(super) struct Files<'a> {
    paths: &'a [PathBuf],
    options: &'a Options,
    /// Open already: a pipe can be opened once.
    first: TableFile,
}

impl<'a> Files<'a> {
    /// Opens the first of the files.
    ///
    /// # Errors
    /// There are none; the first one cannot be read.
    pub fn open(paths: &'a [PathBuf], options: &'a Options) -> Result<Self> {
        let what = "there are no files to read a table from";
        let path = paths.first().ok_or_else(|| Error::data(what))?;
        Ok(Self { paths, options, first: TableFile::open(path, options)? })
    }

    /// An empty table with the files' columns.
    pub fn table(&self) -> Table {
        let mut table = Table::begin(self.first.beginning());
        if self.paths.len() > 1 {
            table.source = format!("{} and {} more", table.source, self.paths.len() - 1);
        }
        table
    }

    /// Opens a file other than the first; its columns must be the table's.
    fn open_more(first: &Path, path: &Path, options: &Options, table: &Table) -> Result<TableFile> {
        let names = table.column_names();
        let options = Options { columns: names.clone(), ..options.clone() };
        let mut file = TableFile::open(path, &options)?;
        file.continues(&names, table.comma());
        let found = file.beginning();
        if found.names != names {
            let first = first.display();
            let what = difference(&names, &found.names);
            return Err(Error::data(format!(
                "{}: its columns are not those of {first}: {what}",
                found.source
            )));
        }
        Ok(file)
    }

    /// The rows of all files, a block after the other; lines are counted through all files.
    /// `each` is also told how much of how much is read.
    pub fn each(
        self,
        table: &mut Table,
        ahead: usize,
        mut each: impl FnMut(&mut Table, Parsed, u64, u64) -> Result<()>,
    ) -> Result<()> {
        let Self { paths, options, first } = self;
        let mut first = Some(first);
        let sizes: Vec<u64> = paths.iter().map(|path| size_of(path)).collect();
        let all: u64 = sizes.iter().sum();
        let (mut before, mut lines) = (0, 0);
        for (i, path) in paths.iter().enumerate() {
            let file = match first.take() {
                Some(first) => first,
                None => Self::open_more(&paths[0], path, options, table)?,
            };
            let mut last = lines;
            file.each(ahead, |mut read, at, of| {
                read.move_lines(lines);
                last = last.max(read.last_line());
                let share = at as f64 / of.max(1) as f64;
                let (at, of) = match paths.len() {
                    1 => (at, of),
                    _ => (before + (share * sizes[i] as f64) as u64, all),
                };
                each(table, read, at, of)
            })?;
            (before, lines) = (before + sizes[i], last);
        }
        Ok(())
    }

    /// Reads them whole.
    pub fn read(self, progress: &mut dyn FnMut(u64, u64)) -> Result<Table> {
        let mut table = self.table();
        self.each(&mut table, csv::ahead(), |table, read, at, of| {
            table.append(read);
            progress(at, of);
            table.check_memory(at, of)
        })?;
        if table.rows() == 0 {
            let what = "there are no rows under the header";
            return Err(Error::data(format!("{}: {what}", table.source)));
        }
        table.finish();
        Ok(table)
    }
}

/// Bytes of a file; 0 if not known.
fn size_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |about| about.len())
}

/// How the columns of a file differ from the first one's.
fn difference(first: &[String], other: &[String]) -> String {
    let lacking = |of: &[String], among: &[String]| -> Vec<String> {
        of.iter().filter(|name| !among.contains(name)).cloned().collect()
    };
    let (lacks, more) = (lacking(first, other), lacking(other, first));
    let named = |names: &[String]| list(names.iter().map(String::as_str));
    match (&lacks[..], &more[..]) {
        ([], []) => "they are in another order".into(),
        (lacks, []) => format!("it lacks {}", named(lacks)),
        ([], more) => format!("it also has {}", named(more)),
        (lacks, more) => format!("it lacks {}, and has {}", named(lacks), named(more)),
    }
}

impl Parsed {
    /// The same rows `by` lines further down.
    fn move_lines(&mut self, by: u64) {
        if by == 0 {
            return;
        }
        self.chunk.lines.move_by(by);
        self.firsts.iter_mut().for_each(|firsts| firsts.move_by(by));
    }

    /// The line of the last row.
    fn last_line(&self) -> u64 {
        let rows = self.chunk.lines.len();
        if rows == 0 { 0 } else { self.chunk.lines.at(rows - 1) }
    }
}

#[cfg(all(test, feature = "csv"))]
mod tests {
    use super::*;

    fn written(parts: &[(&str, &str)]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let paths = parts.iter().map(|(name, text)| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        });
        let paths = paths.collect();
        (folder, paths)
    }

    fn read(parts: &[(&str, &str)]) -> Result<Table> {
        let (_folder, paths) = written(parts);
        Files::open(&paths, &Options::default())?.read(&mut |_, _| {})
    }

    #[test]
    fn several_files_are_one_table() {
        let parts = [
            ("a.csv", "n,word\n1,x\n2,y\n"),
            ("b.csv", "n;word\n3;y\n\n4;z\n"),
            ("c.csv", "5,x\n6,w\n"),
        ];
        let table = read(&parts).unwrap();
        let texts = |column: usize| -> Vec<String> {
            table.cells(column).map(|cell| table.text(column, cell)).collect()
        };
        assert_eq!(texts(0), ["1", "2", "3", "4", "5", "6"]);
        assert_eq!(texts(1), ["x", "y", "y", "z", "x", "w"]);
        let lines: Vec<u64> = (0..6).map(|row| table.line(row)).collect();
        assert_eq!(lines, [2, 3, 5, 7, 8, 9], "as if one stood under the other");
        assert!(table.source.ends_with("a.csv and 2 more"), "{}", table.source);
    }

    #[test]
    fn a_file_of_other_columns_is_named() {
        for (header, what) in [
            ("word,n", "they are in another order"),
            ("n", "it lacks word"),
            ("n,word,day", "it also has day"),
            ("n,day", "it lacks word, and has day"),
        ] {
            let row = header.split(',').map(|_| "7").collect::<Vec<_>>().join(",");
            let other = format!("{header}\n{row}\n{row}\n");
            let error = read(&[("a.csv", "n,word\n1,x\n2,y\n"), ("b.csv", &other)]).unwrap_err();
            let error = error.to_string();
            assert!(error.contains("b.csv: its columns are not those of"), "{error}");
            assert!(error.ends_with(what), "{error}");
        }
        let ragged = read(&[("a.csv", "n,word\n1,x\n"), ("b.csv", "n,word\n1,x\n1\n")]);
        assert!(ragged.unwrap_err().to_string().contains("b.csv:3"));
    }
}
