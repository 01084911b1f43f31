//! CSV: a row a line, its cells apart by commas, semicolons, tabs or bars.
//!
//! Separator, header and decimal comma are guessed from the file's beginning
//! ([`Dialect`]) and can be told ([`Options`]). Quotes as in RFC 4180. Plain or
//! gzipped. The file is read in blocks of whole rows, and the blocks of a
//! round are parsed side by side, so memory holds the table and a few blocks,
//! never the text.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

pub use super::dialect::{Dialect, Options};
use super::{
    Table,
    blocks::{Blocks, Count, Tidy, first_row_end},
    dialect::Format,
    files::Files,
    guess::{decimal_mark, first_rows, guess, separator_of},
    missing::in_columns,
    names::{Edges, edges, names, places, unique},
    parsed::{Layout, Parsed},
    preamble::Preamble,
    records::{empty_record, parser},
    text::Text,
    workbook,
};
use crate::{Result, data::SEE_FILES, error::Error};

/// What stands around cells that hold a separator.
fn quote_of(preamble: &Preamble) -> u8 {
    if preamble.comment == Some(b'%') && preamble.names.is_some() { b'\'' } else { b'"' }
}

/// Reads a file whole; `progress` is told how many bytes of how many are read, and says whether to
/// go on.
///
/// # Errors
/// [`Error::Stopped`], if it says not to. No such file; rows of different lengths; a quote that is never closed; not
/// UTF-8; two columns of one name; more than fits into memory. Names the line.
pub fn read(
    path: &Path,
    options: Options,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Table> {
    let paths = [path.to_path_buf()];
    Files::decoded(&paths, &options, |files| files.read(progress))
}

/// Blocks that may wait to be taken while others are parsed.
pub(super) fn ahead() -> usize {
    8 * thread::available_parallelism().map_or(1, usize::from)
}

/// Reads a file (or standard input) from top to bottom.
pub(crate) struct Reader {
    pub layout: Layout,
    /// Bytes of the file; 0 if not known.
    pub size: u64,
    /// Bytes of the file that have been read.
    read: Arc<AtomicU64>,
    blocks: Blocks,
}

impl Reader {
    /// Opens a file, or standard input if it is `-`.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        let failed = |e| Error::unreadable(path, e);
        let (from, size): (Box<dyn io::Read + Send>, u64) = if path == Path::new("-") {
            (Box::new(io::stdin()), 0)
        } else {
            let file = File::open(path).map_err(failed)?;
            let size = file.metadata().map_err(failed)?.len();
            (Box::new(file), size)
        };
        Self::new(path.display().to_string(), from, size, options)
    }

    fn new(
        source: String,
        from: Box<dyn io::Read + Send>,
        size: u64,
        options: &Options,
    ) -> Result<Self> {
        let read = Arc::default();
        let from: Box<dyn io::Read + Send> = Box::new(Count(from, Arc::clone(&read)));
        let Text { mut start, rest, encoding, sheet } = Text::new(&source, from, options)?;
        let mut preamble = Preamble::of(&source, &start)?;
        let mut told =
            Options { separator: options.separator.or(preamble.separator), ..options.clone() };
        if sheet.is_some() {
            told.separator = Some(workbook::SEPARATOR);
        }
        let sample = first_rows(&start);
        let (separator, width) = separator_of(&sample[preamble.bytes.min(sample.len())..], &told);
        preamble.titles(sample, separator, width);
        let told = Options { separator: Some(separator), ..told };
        let sample = &sample[preamble.bytes.min(sample.len())..];
        let mut dialect = guess(sample, &told, preamble.comment);
        (dialect.encoding, dialect.sheet) = (encoding, sheet.is_some());
        let mark = decimal_mark(sample, separator, preamble.comment);
        let format = Format { separator, comment: preamble.comment, quote: quote_of(&preamble) };
        // Read as all that follows will be.
        let tidy = Tidy::of(&dialect);
        let first_end = first_row_end(sample);
        let tidied = tidy.map(|tidy| tidy.of_text(&sample[..first_end]));
        let mut rows = parser(tidied.as_deref().unwrap_or(sample), format)
            .map_err(|e| Error::data(format!("{source}: {e}")))?;
        let mut first = empty_record(&rows);
        let found = rows.read_byte_record(&mut first);
        if !found.map_err(|e| Error::data(format!("{source}: {e}")))? {
            return Err(Error::data(format!("{source}: the file is empty")));
        }
        let edges = edges(sample, &first, format, tidy, dialect.header);
        let mut line = 1 + preamble.lines;
        let mut begin = preamble.bytes;
        let declared = preamble.names.is_some();
        let names = match preamble.names.take() {
            Some(names) => {
                dialect.header = true;
                unique(&source, names)?
            }
            None => {
                let names = names(&source, line, &first, dialect.header, edges)?;
                if dialect.header {
                    begin +=
                        if tidy.is_some() { first_end } else { rows.position().byte() as usize };
                    line += rows.position().line() - 1;
                }
                names
            }
        };
        start.drain(..begin);
        let written = names.iter().map(|name| options.written.get(name).cloned()).collect();
        let missing = options.missing.clone();
        let missing_in = in_columns(missing.as_deref(), &names);
        let keep = places(&source, &names, &options.keep)?;
        let mut said = sheet.unwrap_or_default();
        said.extend(preamble.said);
        said.extend(edges.describe());
        let header = (dialect.header && !declared).then_some(first);
        let trailing = edges == Edges::Trailing;
        let layout = Layout {
            source,
            names,
            dialect,
            mark,
            format,
            written,
            missing,
            missing_in,
            keep,
            header,
            trailing,
            said,
        };
        let blocks = Blocks { text: rest, rest: start, line, ended: false, tidy };
        Ok(Self { layout, size, read, blocks })
    }

    /// The next rows, in order; none at the end. A few blocks are parsed side by
    /// side: each thread reads one and parses it while others read theirs.
    /// `lenient`: bad rows are passed over, not an error.
    pub fn round(&mut self, lenient: bool) -> Result<Vec<Parsed>> {
        let Self { layout, blocks, .. } = self;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let next = Mutex::new((0, blocks));
        let mut read = super::side_by_side(4 * cores, |_| {
            let (number, block) = {
                let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                next.0 += 1;
                (next.0, next.1.next(&layout.source))
            };
            (number, block.transpose().map(|block| layout.parse(&block?, lenient)))
        });
        // The order is that of the reading, not of the threads.
        read.sort_by_key(|(number, _)| *number);
        read.into_iter().filter_map(|(_, read)| read).collect()
    }

    /// All rows that are left, a block after the other: given to `each` in their order, while
    /// the following ones are read and parsed. It is also told where in the file they end, and
    /// the file's size. At most `most_ahead` blocks wait for it.
    pub(super) fn each(
        mut self,
        most_ahead: usize,
        mut each: impl FnMut(Parsed, &Layout, u64, u64) -> Result<()>,
    ) -> Result<()> {
        let Self { layout, blocks, read, size } = &mut self;
        let (layout, read, size) = (&*layout, &*read, *size);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let next = Mutex::new((0, blocks));
        // Blocks that were given on: who is far ahead of it waits.
        let (done, went_on) = (Mutex::new(0), Condvar::new());
        let (give, take) = mpsc::channel();
        // With a block comes where in the file it ends, which must not depend on who is faster.
        let parse_next = || {
            let (number, block, at) = {
                let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                let block = next.1.next(&layout.source);
                next.0 += 1;
                (next.0 - 1, block.transpose()?, read.load(Relaxed))
            };
            Some((number, block.and_then(|block| layout.parse(&block, false)), at))
        };
        let work = |give: mpsc::Sender<_>| {
            while let Some((number, parsed, at)) = parse_next() {
                if give.send((number, parsed, at)).is_err() {
                    return;
                }
                let done = done.lock().unwrap_or_else(PoisonError::into_inner);
                let ahead = |done: &mut usize| number >= done.saturating_add(most_ahead.max(1));
                drop(went_on.wait_while(done, ahead).unwrap_or_else(PoisonError::into_inner));
            }
        };
        let go_on = |to: usize| {
            *done.lock().unwrap_or_else(PoisonError::into_inner) = to;
            went_on.notify_all();
        };
        thread::scope(|scope| {
            let start = |_: &usize| {
                let give = give.clone();
                thread::Builder::new().spawn_scoped(scope, || work(give)).is_ok()
            };
            let helpers = if SEE_FILES { cores } else { 0 };
            if (0..helpers).take_while(start).count() == 0 {
                // No thread can be started: block by block.
                while let Some((_, parsed, at)) = parse_next() {
                    each(parsed?, layout, at, size)?;
                }
                return Ok(());
            }
            drop(give);
            let (mut waiting, mut number) = (BTreeMap::new(), 0);
            for (n, parsed, at) in take {
                waiting.insert(n, (parsed, at));
                while let Some((parsed, at)) = waiting.remove(&number) {
                    let given = parsed.and_then(|rows: Parsed| each(rows, layout, at, size));
                    number += 1;
                    if let Err(e) = given {
                        // Nobody is to wait for more.
                        go_on(usize::MAX);
                        return Err(e);
                    }
                    go_on(number);
                }
            }
            Ok(())
        })
    }
}

#[cfg(all(test, feature = "csv"))]
mod tests {
    use super::{
        super::blocks::{BLOCK, LONGEST, SAMPLE},
        *,
    };

    fn table(text: impl Into<Vec<u8>>, options: &Options) -> Result<(Table, Dialect)> {
        let text: Vec<u8> = text.into();
        let size = text.len() as u64;
        let from = Box::new(io::Cursor::new(text));
        let rows = Reader::new("t.csv".into(), from, size, options)?;
        let dialect = rows.layout.dialect;
        let mut table = Table::new("t.csv".into(), rows.layout.names.clone());
        rows.each(ahead(), |read, _, _, _| {
            table.append(read);
            Ok(())
        })?;
        Ok((table, dialect))
    }

    fn read(text: &str) -> (Table, Dialect) {
        table(text, &Options::default()).unwrap()
    }

    fn fails(text: impl Into<Vec<u8>>, says: &str) {
        let error = table(text, &Options::default()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    fn column(table: &Table, column: usize) -> Vec<String> {
        table.cells(column).map(|cell| table.text(column, cell)).collect()
    }

    #[test]
    fn the_dialect_is_guessed() {
        let (t, d) = read("a,b\n1,x\n2,\"y, z\"\n");
        assert_eq!((t.names(), d.separator, d.header), (vec!["a", "b"], b',', true));
        assert_eq!(column(&t, 1), ["x", "y, z"]);
        let (t, d) = read("a;b\n1,5;x\n2,25;y\n");
        assert_eq!((d.separator, d.comma), (b';', true));
        assert_eq!(column(&t, 0), ["1.5", "2.25"]);
        assert_eq!(read("a\tb\r\n1\t2\r\n").1.separator, b'\t');
        assert_eq!(read("a|b\n1|2").1.separator, b'|');
        let (t, d) = read("1,2\n3,4\n");
        assert_eq!((t.names(), t.rows(), d.header), (vec!["column 1", "column 2"], 2, false));
        // All words: a header if its words never stand below it.
        assert!(read("sex,colour\nm,red\nf,red\n").1.header);
        assert!(!read("m,red\nf,red\nm,blue\n").1.header);
        assert!(!read("007,$3\n008,$4\n").1.header);
        // 1,234 alone leaves it open; what else is there decides, or else the semicolon.
        for (text, comma) in [
            ("a;b\n1,234;2\n", true),
            ("a\tb\n1,234\t2\n", false),
            ("a\tb\n1,234\t2,5\n", true),
            ("a;b\n1,234;2.5\n", false),
            ("a;b\n1.234;2,5\n", true),
            ("a;b\nx;€ 1.200,50\n", true),
        ] {
            assert_eq!(read(text).1.comma, comma, "{text}");
        }
        assert_eq!(read("\u{feff}one\n1\n2\n").0.names(), ["one"]);
        assert_eq!(read(",b\n0,5\n1,6\n").0.names(), ["column 1", "b"]);
        let told = Options { separator: Some(b';'), header: Some(false), ..Options::default() };
        assert_eq!(table("a,b;c\n1,2;3\n", &told).unwrap().0.names().len(), 2);
    }

    #[test]
    fn bad_files_are_told_with_their_line() {
        fails("", "the file is empty");
        fails("a,b\n1,2\n1,2,3\n", "t.csv:3: 3 cells, and there are 2 columns");
        fails("a,b\n1,2\n\n7\n", "t.csv:4: 1 cell, and there are 2 columns");
        fails("a,a\n1,2\n", "two columns are called \"a\"");
        let mut late = format!("a,b\n{}", "1,x\n".repeat(SAMPLE)).into_bytes();
        late.extend(b"1,\xff\n");
        fails(late, &format!("t.csv:{}: column \"b\": not UTF-8", SAMPLE + 2));
        fails(b"PK\x03\x04....".as_slice(), "save the table as CSV");
        fails(b"a,b\n1,\0\n".as_slice(), "not a text file");
        let long = format!("a,b\n1,\"{}", "x\n".repeat(LONGEST / 2 + SAMPLE));
        fails(long, "t.csv:2: a quote is opened in this row and never closed");
        fails(b"\x1f\x8bnot gzip".as_slice(), "cannot read t.csv");
    }

    #[test]
    fn what_is_around_a_table_is_no_part_of_it() {
        for (text, names, rows) in [
            ("sep=;\na;b\n1;2\n3;4\n", vec!["a", "b"], 2),
            ("# by hand\na,b\n1,2\n# more\n3,4\n", vec!["a", "b"], 2),
            ("# a,b\n1,2\n3,4\n", vec!["a", "b"], 2),
            ("Sales\n\na,b,c\n1,2,3\n4,5,6\n", vec!["a", "b", "c"], 2),
            ("a,b\n1,2\na,b\n3,4\n", vec!["a", "b"], 2),
            ("a,b,\n1,2,\n3,4,\n", vec!["a", "b"], 2),
            ("a,b\n1,2,\n3,4,\n", vec!["a", "b"], 2),
            ("a,b\nx,1,2\ny,3,4\n", vec!["column 1", "a", "b"], 2),
            ("  a   b\n 1.5    x\n 10.25  \"y z\"\n", vec!["a", "b"], 2),
            ("a, b\n1, \"x, y\"\n2, \"z\"\n", vec!["a", "b"], 2),
            (
                "@relation r\n@attribute 'a b' real\n@attribute c {x,'y z'}\n@data\n1,x\n% no\n2,'y z'\n",
                vec!["a b", "c"],
                2,
            ),
        ] {
            let (table, _) = read(text);
            assert_eq!((table.names(), table.rows()), (names, rows), "{text}");
        }
        let (table, _) = read(&format!("Sales\n\na b\n{}7 \"y z\"\n", "1 x\n".repeat(20)));
        assert_eq!(column(&table, 1)[19..], ["x", "y z"]);
        assert_eq!(table.line(20), 24);
        let (table, _) = read("# by hand\na,b\n\n# more\n1,2\n# more\n\n3,4\n");
        assert_eq!((table.line(0), table.line(1)), (5, 8));
        let (table, dialect) = read("a , b\n\"1\" , \"x\" \n\"2\" , \"y\" \n");
        assert!(dialect.spaced);
        assert_eq!(
            (column(&table, 0), column(&table, 1)),
            (vec!["1".into(), "2".into()], vec!["x".into(), "y".into()])
        );
    }

    /// Blocks end between rows, never between quotes, and words keep their
    /// numbers from block to block.
    #[test]
    fn many_blocks_are_one_table() {
        let mut text = String::from("n,word,note\n");
        let rows = 200_000;
        for i in 0..rows {
            let word = ["red", "green", "NA", "blue"][i / 3 % 4];
            match i % 7 {
                0 => text += &format!("{i},{word},\"two\nlines, \"\"quoted\"\"\"\n"),
                _ => text += &format!("{i},{word},5\" disk\n"),
            }
        }
        assert!(text.len() > 4 * BLOCK);
        let (table, _) = read(&text);
        assert_eq!(table.rows(), rows);
        assert!(table.cells(0).enumerate().all(|(i, cell)| cell.number() == Some(i as f64)));
        let words = column(&table, 1);
        assert!((0..rows).all(|i| words[i] == ["red", "green", "", "blue"][i / 3 % 4]));
        let notes = column(&table, 2);
        assert_eq!((&*notes[7], &*notes[8]), ("two\nlines, \"quoted\"", "5\" disk"));
        // Of each seven rows, the first takes two lines.
        assert!(
            [0, 1, 7, 8, 150_000].iter().all(|i| table.line(*i) == (2 + i + i.div_ceil(7)) as u64)
        );
        assert_eq!(table.heads[1].words, ["red", "green", "blue"]);
    }

    #[test]
    #[cfg(feature = "gzip")]
    fn gzipped_and_not_are_the_same() {
        use std::io::Write;
        let text = "a,b\n1,x\n2,y\n";
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text.as_bytes()).unwrap();
        let (zipped, _) = table(gz.finish().unwrap(), &Options::default()).unwrap();
        assert_eq!(column(&zipped, 1), column(&read(text).0, 1));
    }
}
