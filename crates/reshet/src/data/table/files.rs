//! A table in several files of the same columns, read one after the other.

use std::path::{Path, PathBuf};

use super::{
    Table, Written,
    csv::{self, Options, Reader},
    dialect::Dialect,
    list,
    parsed::{Layout, Parsed, is_not_utf8},
    text::late_encoding,
};
use crate::{
    Result,
    data::streamed::{Progress, goes_on},
    error::Error,
};

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

    /// Opens a file whose text is in an encoding that shows late.
    fn open_decoded(path: &Path, options: &Options, late: Option<&'static str>) -> Result<Self> {
        let Some(name) = late else { return Self::open(path, options) };
        let told = Options { encoding: Some(name.into()), ..options.clone() };
        let mut file = Self::open(path, &told)?;
        match &mut file {
            Self::Text(reader) => reader.layout.dialect.encoding = Some((name, true)),
            #[cfg(feature = "parquet")]
            Self::Parquet(_) => {}
        }
        Ok(file)
    }

    /// Reads on as the file before did: a text without a header has its columns, and one whose
    /// numbers do not show which decimal mark they have has its mark.
    fn continues(&mut self, names: &[String], comma: bool) {
        match self {
            Self::Text(reader) => {
                let Layout { names: own, dialect, mark, .. } = &mut reader.layout;
                if !dialect.header && own.len() == names.len() {
                    own.clone_from_slice(names);
                }
                dialect.comma = mark.unwrap_or(comma);
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
    /// The encodings of files that begin as UTF-8 and go on otherwise; empty: there are none.
    late: Vec<Option<&'static str>>,
    /// Open already: a pipe can be opened once.
    first: TableFile,
}

impl<'a> Files<'a> {
    /// Opens the first of the files.
    ///
    /// # Errors
    /// There are none; the first one cannot be read.
    pub fn open(paths: &'a [PathBuf], options: &'a Options) -> Result<Self> {
        Self::open_decoded(paths, options, Vec::new())
    }

    fn open_decoded(
        paths: &'a [PathBuf],
        options: &'a Options,
        late: Vec<Option<&'static str>>,
    ) -> Result<Self> {
        let what = "there are no files to read a table from";
        let path = paths.first().ok_or_else(|| Error::data(what))?;
        let first = TableFile::open_decoded(path, options, late.first().copied().flatten())?;
        Ok(Self { paths, options, late, first })
    }

    /// [`Files::open`], after it was seen in all of each file which encoding its text is in.
    pub fn open_known(paths: &'a [PathBuf], options: &'a Options) -> Result<Self> {
        let text = |path: &Path| options.encoding.is_none() && !is_parquet(path);
        let late = |path: &PathBuf| if text(path) { late_encoding(path) } else { None };
        Self::open_decoded(paths, options, paths.iter().map(late).collect())
    }

    /// Does something with the files that reads them; where one of them begins as UTF-8 and goes on
    /// otherwise, once more from the beginning, with the likeliest code page for it.
    pub fn decoded<T>(
        paths: &[PathBuf],
        options: &Options,
        mut work: impl FnMut(Files) -> Result<T>,
    ) -> Result<T> {
        match work(Files::open(paths, options)?) {
            Err(e) if options.encoding.is_none() && is_not_utf8(&e) => {
                let late: Vec<_> = paths.iter().map(|path| late_encoding(path)).collect();
                match late.iter().all(Option::is_none) {
                    true => Err(e),
                    false => work(Files::open_decoded(paths, options, late)?),
                }
            }
            done => done,
        }
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
    fn open_more(
        paths: &[PathBuf],
        number: usize,
        options: &Options,
        late: Option<&'static str>,
        table: &mut Table,
    ) -> Result<TableFile> {
        let (first, path) = (&paths[0], &paths[number]);
        let names = table.column_names();
        let options = Options { columns: names.clone(), ..options.clone() };
        let mut file = TableFile::open_decoded(path, &options, late)?;
        file.continues(&names, table.comma());
        let found = file.beginning();
        table.note_dialect(&found);
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
        let Self { paths, options, late, first } = self;
        let mut first = Some(first);
        let sizes: Vec<u64> = paths.iter().map(|path| size_of(path)).collect();
        let all: u64 = sizes.iter().sum();
        let (mut before, mut lines) = (0, 0);
        for i in 0..paths.len() {
            let file = match first.take() {
                Some(first) => first,
                None => {
                    let late = late.get(i).copied().flatten();
                    Self::open_more(paths, i, options, late, table)?
                }
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
    pub fn read(self, progress: &mut Progress) -> Result<Table> {
        let mut table = self.table();
        self.each(&mut table, csv::ahead(), |table, read, at, of| {
            table.append(read);
            goes_on(progress(at, of))?;
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

impl Table {
    /// Takes note of how a further file is written, if not as the first one.
    fn note_dialect(&mut self, file: &Beginning) {
        let (Some(first), Some(own)) = (self.dialect, file.dialect) else { return };
        let source = &file.source;
        if own.comma != first.comma {
            let mark = if own.comma { "commas" } else { "points" };
            self.said.push(format!("{source}: decimal {mark}"));
        }
        if let Some((name, guessed)) = own.encoding.filter(|_| own.encoding != first.encoding) {
            let taken = if guessed { "taken for" } else { "in" };
            self.said.push(format!("{source}: text {taken} {name}"));
        }
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
    use std::ops::ControlFlow;

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
        Files::open(&paths, &Options::default())?.read(&mut |_, _| ControlFlow::Continue(()))
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
    fn each_file_has_its_own_decimal_mark() {
        let parts = [
            ("a.csv", "n;word\n1.5;x\n2.25;y\n"),
            ("b.csv", "n;word\n3,5;y\n4,75;z\n"),
            // It does not show which mark it has: the first one's.
            ("c.csv", "n;word\n5;y\n6;z\n"),
        ];
        let numbers = |table: &Table| -> Vec<f64> {
            table.cells(0).filter_map(|cell| cell.number()).collect()
        };
        let table = read(&parts).unwrap();
        assert_eq!(numbers(&table), [1.5, 2.25, 3.5, 4.75, 5.0, 6.0]);
        assert!(table.said.iter().any(|line| line.ends_with("b.csv: decimal commas")));
        let [a, b, c] = parts;
        let table = read(&[b, c, a]).unwrap();
        assert_eq!(numbers(&table), [3.5, 4.75, 5.0, 6.0, 1.5, 2.25]);
        assert!(table.said.iter().any(|line| line.ends_with("a.csv: decimal points")));
    }

    #[test]
    fn an_encoding_that_shows_late_is_found_in_any_file() {
        let plain = |rows: usize| "street,size\n".to_string() + &"Elm Road,5\n".repeat(rows);
        let (folder, mut paths) = written(&[("a.csv", &plain(3)), ("b.csv", "")]);
        let german = b"Hauptstra\xdfe,5\nGr\xfcner Weg,7\n\xc4u\xdfere Allee,9\n";
        std::fs::write(&paths[1], [plain(60_000).as_bytes(), german].concat()).unwrap();
        let read = |paths: &[PathBuf]| {
            Table::read_files(paths, Options::default(), &mut |_, _| ControlFlow::Continue(()))
        };
        let table = read(&paths).unwrap();
        assert_eq!(table.rows(), 60_006);
        let last = table.cells(0).last().unwrap();
        assert_eq!(table.text(0, last), "Äußere Allee");
        assert!(table.said.iter().any(|l| l.ends_with("b.csv: text taken for windows-1252")));
        paths.remove(0);
        assert_eq!(read(&paths).unwrap().dialect.unwrap().encoding, Some(("windows-1252", true)));
        drop(folder);
    }

    #[test]
    fn a_reading_can_be_stopped() {
        let text = "n,word\n".to_string() + &"1,x\n".repeat(10);
        let (_folder, paths) = written(&[("a.csv", &text), ("b.csv", &text)]);
        let mut told = 0;
        let stopped = Table::read_files(&paths, Options::default(), &mut |_, _| {
            told += 1;
            ControlFlow::Break(())
        });
        assert!(matches!(stopped, Err(Error::Stopped(_))));
        assert_eq!(told, 1);
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
