//! A file that comes over the wire: stored as it comes, judged before it is read.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;
use reshet::{Error, Result};
use tempfile::TempDir;

/// The endings of tables as text, each also packed as `.gz`.
const ENDINGS: [&str; 3] = [".csv", ".tsv", ".txt"];
/// The ending of models.
const MODEL: &str = ".safetensors";
/// What files of other kinds begin with: workbooks and archives, old workbooks, Parquet.
const OTHERS: [&[u8]; 3] = [b"PK", &[0xd0, 0xcf, 0x11, 0xe0], b"PAR1"];
const GZIP: &[u8] = &[0x1f, 0x8b];

/// What a file is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Table,
    Model,
}

/// A file on its way into a folder of its own, which goes with it unless it is kept.
pub struct Upload {
    kind: Kind,
    folder: TempDir,
    name: String,
    file: File,
}

impl Upload {
    /// Begins one.
    ///
    /// # Errors
    /// A name of another kind of file; the folder cannot be written.
    pub(crate) fn new(within: &Path, name: &str, kind: Kind) -> Result<Self> {
        // A name, not a path: what the browser says cannot leave the folder.
        let clean = |c: char| if c.is_alphanumeric() || "._- ".contains(c) { c } else { '_' };
        let name: String = name.chars().take(100).map(clean).collect();
        let name = name.trim_matches(['.', ' ']);
        let name = if name.is_empty() { "table.csv" } else { name }.to_string();
        let lower = name.to_lowercase();
        let plain = lower.strip_suffix(".gz").unwrap_or(&lower);
        match kind {
            Kind::Table if !ENDINGS.iter().any(|ending| plain.ends_with(ending)) => {
                return Err(no_table(&name));
            }
            Kind::Model if !lower.ends_with(MODEL) => {
                return Err(Error::Data(format!("{name}: a model's file is called {MODEL}")));
            }
            _ => {}
        }
        let folder = tempfile::tempdir_in(within).map_err(|e| failed(&name, e))?;
        let file = File::create(folder.path().join(&name)).map_err(|e| failed(&name, e))?;
        Ok(Self { kind, folder, name, file })
    }

    /// Adds what came.
    ///
    /// # Errors
    /// It cannot be stored.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| failed(&self.name, e))
    }

    /// What it is to be.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }

    /// Whether a file has the same name and the same bytes.
    pub(crate) fn is_same(&self, path: &Path) -> bool {
        path.file_name().is_some_and(|name| name == self.name.as_str())
            && same_bytes(&self.path(), path).unwrap_or(false)
    }

    /// How much text it is, unpacked; of more than `most` bytes only that it is more.
    ///
    /// # Errors
    /// It is no text of a table, whatever it is called.
    pub(crate) fn text(&self, most: u64) -> Result<Text> {
        let mut file = File::open(self.path()).map_err(|e| failed(&self.name, e))?;
        let mut start = [0; 4];
        let read = filled(&mut file, &mut start);
        if OTHERS.iter().any(|other| start[..read].starts_with(other)) {
            return Err(no_table(&self.name));
        }
        let file = File::open(self.path()).map_err(|e| failed(&self.name, e))?;
        if !start.starts_with(GZIP) {
            return Ok(Text::of(file.take(most)));
        }
        let mut unpacked = MultiGzDecoder::new(file);
        let read = filled(&mut unpacked, &mut start);
        if OTHERS.iter().any(|other| start[..read].starts_with(other)) {
            return Err(no_table(&self.name));
        }
        Ok(Text::of(start[..read].chain(unpacked).take(most)))
    }

    /// Leaves it where it is: it is read again for another question.
    pub(crate) fn keep(self) {
        let _ = self.folder.keep();
    }
}

/// How much a text is, as a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub bytes: u64,
    /// Counted by whatever may separate them.
    pub cells: u64,
    /// The same of the longest line.
    pub columns: u64,
}

impl Text {
    /// Counts what there is; where it is damaged its reader says so.
    fn of(mut from: impl Read) -> Self {
        let (mut text, mut line) = (Self::default(), 0);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = filled(&mut from, &mut buffer);
            for byte in &buffer[..read] {
                line += u64::from(matches!(byte, b',' | b';' | b'\t' | b'|' | b' ' | b'\n'));
                text.columns = text.columns.max(line);
                if *byte == b'\n' {
                    (text.cells, line) = (text.cells + line, 0);
                }
            }
            text.bytes += read as u64;
            if read < buffer.len() {
                text.cells += line;
                return text;
            }
        }
    }
}

fn same_bytes(a: &Path, b: &Path) -> io::Result<bool> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut of_a, mut of_b) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = filled(&mut a, &mut of_a);
        if read != filled(&mut b, &mut of_b) || of_a[..read] != of_b[..read] {
            return Ok(false);
        }
        if read < of_a.len() {
            return Ok(true);
        }
    }
}

/// Reads until all is filled or nothing is left.
fn filled(from: &mut impl Read, into: &mut [u8]) -> usize {
    let mut read = 0;
    while read < into.len() {
        match from.read(&mut into[read..]) {
            Ok(0) | Err(_) => break,
            Ok(n) => read += n,
        }
    }
    read
}

fn no_table(name: &str) -> Error {
    Error::Data(format!(
        "{name}: the page takes tables as text: .csv, .tsv or .txt, each also as .gz; save it as \
         one of these"
    ))
}

fn failed(name: &str, cause: std::io::Error) -> Error {
    Error::Io { what: format!("cannot store {name}"), reading: false, cause }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn stored(name: &str, bytes: &[u8]) -> Result<Text> {
        let folder = tempfile::tempdir().unwrap();
        let mut upload = Upload::new(folder.path(), name, Kind::Table)?;
        bytes.chunks(1000).try_for_each(|piece| upload.write(piece))?;
        assert!(upload.path().starts_with(folder.path()));
        upload.text(10_000_000)
    }

    #[test]
    fn the_same_file_has_the_same_name_and_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let upload = |name: &str, bytes: &[u8]| {
            let mut upload = Upload::new(folder.path(), name, Kind::Table).unwrap();
            upload.write(bytes).unwrap();
            upload
        };
        let rows = b"1,2\n".repeat(40_000);
        let first = upload("x.csv", &rows);
        assert!(upload("x.csv", &rows).is_same(&first.path()));
        assert!(!upload("y.csv", &rows).is_same(&first.path()));
        assert!(!upload("x.csv", &rows[4..]).is_same(&first.path()));
        let mut other = rows.clone();
        other[120_000] = b'7';
        assert!(!upload("x.csv", &other).is_same(&first.path()));
        assert!(!first.is_same(&folder.path().join("x.csv")));
    }

    #[test]
    fn text_is_counted_unpacked_and_no_further_than_asked() {
        let packed = |bytes: usize| {
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(&b"1,2\n".repeat(bytes / 4)).unwrap();
            packer.finish().unwrap()
        };
        let text = stored("x.csv", b"a,b,c\n1,2\n").unwrap();
        assert_eq!(text, Text { bytes: 10, cells: 5, columns: 3 });
        let text = stored("x.csv.gz", &packed(1_000_000)).unwrap();
        assert_eq!(text, Text { bytes: 1_000_000, cells: 500_000, columns: 2 });
        // Gzip is gzip, whatever it is called.
        let bomb = packed(50_000_000);
        assert!(bomb.len() < 1_000_000);
        assert_eq!(stored("x.csv", &bomb).unwrap().bytes, 10_000_000);
    }

    #[test]
    fn other_kinds_of_files_are_refused_by_name_and_by_what_they_begin_with() {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(b"PK\x03\x04 a workbook").unwrap();
        let packed = packer.finish().unwrap();
        for (name, bytes) in [
            ("x.xlsx", &b"PK\x03\x04"[..]),
            ("x.parquet", b"PAR1"),
            ("x.npz", b"PK"),
            ("x", b"a,b\n"),
            ("x.gz", b"a,b\n"),
            ("x.csv", b"PK\x03\x04 a workbook"),
            ("x.csv", b"PAR1"),
            ("x.csv.gz", &packed),
        ] {
            let error = stored(name, bytes).unwrap_err().to_string();
            assert!(error.contains("tables as text"), "{name}: {error}");
        }
        assert!(stored("../../x.csv", b"a,b\n").is_ok());
        assert!(stored("TABLE.TSV", b"a\tb\n").is_ok());
    }
}
