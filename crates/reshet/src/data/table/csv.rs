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
    io::{self, BufReader, Read},
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
    Dressed, Table,
    blocks::{Blocks, Count, SAMPLE},
    dialect::{first_rows, guess, names},
    parsed::{Layout, Parsed},
    records::{empty_record, parser},
};
use crate::{Result, data::gzip, error::Error};

/// Reads a file whole; `progress` is told how many bytes of how many are read.
///
/// # Errors
/// No such file; rows of different lengths; a quote that is never closed; not
/// UTF-8; two columns of one name; more than fits into memory. Names the line.
pub fn read(path: &Path, options: Options, progress: &mut dyn FnMut(u64, u64)) -> Result<Table> {
    let rows = Reader::open(path, &options)?;
    let mut table = Table::new(rows.layout.source.clone(), rows.layout.names.clone());
    table.dialect = Some(rows.layout.dialect);
    for (head, written) in table.heads.iter_mut().zip(&rows.layout.written) {
        head.dressed = written.clone().map(Dressed::known);
    }
    rows.each(|read, layout, position, size| {
        table.append(read);
        progress(position, size);
        layout.check_memory(table.bytes(), table.rows(), position, size)
    })?;
    if table.rows() == 0 {
        let what = "there are no rows under the header";
        return Err(Error::data(format!("{}: {what}", table.source)));
    }
    table.finish();
    Ok(table)
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
        let mut from: Box<dyn io::Read + Send> = Box::new(Count(from, Arc::clone(&read)));
        let mut start = Vec::new();
        let unreadable = |e: io::Error| Error::data(format!("cannot read {source}: {e}"));
        from.by_ref().take(2).read_to_end(&mut start).map_err(unreadable)?;
        if source.to_lowercase().ends_with(".gz") && start != [0x1f, 0x8b] {
            return Err(Error::data(format!("{source}: its name says gzip, and it is not")));
        }
        let mut from: Box<dyn io::Read + Send> = if start == [0x1f, 0x8b] {
            let all = io::Cursor::new(start).chain(from);
            start = Vec::new();
            let unpacked = gzip::gunzip(BufReader::with_capacity(1 << 18, all));
            Box::new(unpacked.map_err(|what| Error::data(format!("{source}: {what}")))?)
        } else {
            from
        };
        from.by_ref().take(SAMPLE as u64).read_to_end(&mut start).map_err(unreadable)?;
        if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = start[..] {
            let what = "its text is UTF-16; save it as UTF-8 (\"CSV UTF-8\" in Excel)";
            return Err(Error::data(format!("{source}: {what}")));
        }
        if start.starts_with(b"PK\x03\x04") {
            let what = "a spreadsheet or an archive, not CSV; save the table as CSV";
            return Err(Error::data(format!("{source}: {what}")));
        }
        if start.starts_with(&[0xef, 0xbb, 0xbf]) {
            start.drain(..3);
        }
        if start.contains(&0) {
            return Err(Error::data(format!("{source}: it holds zero bytes: not a text file")));
        }
        let sample = first_rows(&start);
        let dialect = guess(sample, options);
        let mut rows =
            parser(sample, dialect.separator).map_err(|e| Error::data(format!("{source}: {e}")))?;
        let mut first = empty_record(&rows);
        let found = rows.read_byte_record(&mut first);
        if !found.map_err(|e| Error::data(format!("{source}: {e}")))? {
            return Err(Error::data(format!("{source}: the file is empty")));
        }
        let mut line = 1;
        if dialect.header {
            let end = rows.position().byte() as usize;
            line = rows.position().line();
            start.drain(..end);
        }
        let names = names(&source, &first, dialect.header)?;
        let written = names.iter().map(|name| options.written.get(name).cloned()).collect();
        let layout = Layout { source, names, dialect, written };
        let blocks = Blocks { text: from, rest: start, line, ended: false };
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
    /// the file's size.
    fn each(mut self, mut each: impl FnMut(Parsed, &Layout, u64, u64) -> Result<()>) -> Result<()> {
        let Self { layout, blocks, read, size } = &mut self;
        let (layout, read, size) = (&*layout, &*read, *size);
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let next = Mutex::new((0, blocks));
        // Blocks that were given on: who is far ahead of it waits.
        let (done, went_on) = (Mutex::new(0), Condvar::new());
        let (give, take) = mpsc::channel();
        let work = |give: mpsc::Sender<_>| {
            loop {
                let (number, block) = {
                    let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                    let block = next.1.next(&layout.source);
                    next.0 += 1;
                    (next.0 - 1, block.transpose())
                };
                let Some(block) = block else { return };
                let parsed = block.and_then(|block| layout.parse(&block, false));
                if give.send((number, parsed)).is_err() {
                    return;
                }
                let done = done.lock().unwrap_or_else(PoisonError::into_inner);
                let ahead = |done: &mut usize| number >= done.saturating_add(8 * cores);
                drop(went_on.wait_while(done, ahead).unwrap_or_else(PoisonError::into_inner));
            }
        };
        let go_on = |to: usize| {
            *done.lock().unwrap_or_else(PoisonError::into_inner) = to;
            went_on.notify_all();
        };
        thread::scope(|scope| {
            for _ in 0..cores {
                let give = give.clone();
                scope.spawn(|| work(give));
            }
            drop(give);
            let (mut waiting, mut number) = (BTreeMap::new(), 0);
            for (n, parsed) in take {
                waiting.insert(n, parsed);
                while let Some(parsed) = waiting.remove(&number) {
                    let given = parsed
                        .and_then(|rows: Parsed| each(rows, layout, read.load(Relaxed), size));
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

#[cfg(test)]
mod tests {
    use super::{
        super::blocks::{BLOCK, LONGEST},
        *,
    };

    fn table(text: impl Into<Vec<u8>>, options: &Options) -> Result<(Table, Dialect)> {
        let text: Vec<u8> = text.into();
        let size = text.len() as u64;
        let from = Box::new(io::Cursor::new(text));
        let rows = Reader::new("t.csv".into(), from, size, options)?;
        let dialect = rows.layout.dialect;
        let mut table = Table::new("t.csv".into(), rows.layout.names.clone());
        rows.each(|read, _, _, _| {
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
        fails(b"a,b\n1,\xff\n".as_slice(), "t.csv:2: column \"b\": not UTF-8");
        fails(b"\xff\xfea\0".as_slice(), "UTF-16");
        fails(b"PK\x03\x04....".as_slice(), "save the table as CSV");
        fails(b"a,b\n1,\0\n".as_slice(), "not a text file");
        let long = format!("a,b\n1,\"{}", "x\n".repeat(LONGEST / 2 + SAMPLE));
        fails(long, "t.csv:2: a quote is opened in this row and never closed");
        fails(b"\x1f\x8bnot gzip".as_slice(), "cannot read t.csv");
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
    fn gzipped_and_not_are_the_same() {
        use std::io::Write;
        let text = "a,b\n1,x\n2,y\n";
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(text.as_bytes()).unwrap();
        let (zipped, _) = table(gz.finish().unwrap(), &Options::default()).unwrap();
        assert_eq!(column(&zipped, 1), column(&read(text).0, 1));
    }
}
