//! A file's bytes as UTF-8 text: unzipped, and decoded if they are in another encoding.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use encoding_rs_io::DecodeReaderBytesBuilder;

use super::{
    blocks::{LONGEST, SAMPLE},
    dialect::Options,
    workbook,
};
use crate::{Result, data::gzip, error::Error};

/// A text, and what is known of it.
pub(super) struct Text {
    /// What has been read: its beginning.
    pub start: Vec<u8>,
    /// What follows.
    pub rest: Box<dyn Read + Send>,
    /// The encoding that it was brought to UTF-8 from, and whether that is a guess.
    pub encoding: Option<(&'static str, bool)>,
    /// Of a spreadsheet's sheet: what is to be known of it, for people.
    pub sheet: Option<Vec<String>>,
}

/// What files begin with that are no text, and what to do about them.
const OTHERS: [(&[u8], &str); 7] = [
    (b"%PDF", "a PDF, not CSV; tables are read from CSV files"),
    (b"PAR1", "a Parquet file; its name must end in .parquet"),
    (b"\x93NUMPY", "an array of NumPy's; its name must end in .npy"),
    (b"\x89PNG", "a picture, not CSV"),
    (b"\xff\xfe\0\0", "text in UTF-32; save it as UTF-8"),
    (b"\0\0\xfe\xff", "text in UTF-32; save it as UTF-8"),
    (b"<?xml", "XML, not CSV; save the table as CSV"),
];

/// What spreadsheets begin with: archives, and what older programs write.
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"];

impl Text {
    /// Of `from`, whose name is for messages; of the options encoding and sheet count.
    pub fn new(source: &str, from: Box<dyn Read + Send>, options: &Options) -> Result<Self> {
        let told = options.encoding.as_deref().map(named).transpose()?;
        let unreadable = |e: io::Error| Error::data(format!("cannot read {source}: {e}"));
        let mut from = from;
        let mut start = Vec::new();
        from.by_ref().take(2).read_to_end(&mut start).map_err(unreadable)?;
        if source.to_lowercase().ends_with(".gz") && start != [0x1f, 0x8b] {
            return Err(Error::data(format!("{source}: its name says gzip, and it is not")));
        }
        if start == [0x1f, 0x8b] {
            let all = io::Cursor::new(std::mem::take(&mut start)).chain(from);
            let unpacked = gzip::gunzip(BufReader::with_capacity(1 << 18, all));
            from = Box::new(unpacked.map_err(|what| Error::data(format!("{source}: {what}")))?);
        }
        read_start(&mut from, &mut start).map_err(unreadable)?;
        if WORKBOOKS.iter().any(|begins| start.starts_with(begins)) {
            from.read_to_end(&mut start).map_err(unreadable)?;
            let mut sheet = workbook::read(source, start, options.sheet.as_deref())?;
            let (mut text, mut start) =
                (io::Cursor::new(std::mem::take(&mut sheet.text)), Vec::new());
            read_start(&mut text, &mut start).map_err(unreadable)?;
            sheet.text = start;
            let rest = Box::new(text);
            return Ok(Self { start: sheet.text, rest, encoding: None, sheet: Some(sheet.said) });
        }
        options.check_no_sheet(source)?;
        if let Some((_, what)) = OTHERS.iter().find(|(begins, _)| start.starts_with(begins)) {
            return Err(Error::data(format!("{source}: {what}")));
        }
        if let Some(what) = markup(&start) {
            return Err(Error::data(format!("{source}: {what}")));
        }
        let encoding = told.or_else(|| encoding_of(&start));
        let Some(encoding) = encoding.filter(|encoding| *encoding != UTF_8) else {
            if start.starts_with(&[0xef, 0xbb, 0xbf]) {
                start.drain(..3);
            }
            if start.contains(&0) {
                let what = "it holds zero bytes: not a text file";
                return Err(Error::data(format!("{source}: {what}")));
            }
            return Ok(Self { start, rest: from, encoding: None, sheet: None });
        };
        let marked = start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]);
        let all = io::Cursor::new(start).chain(from);
        let mut decoded: Box<dyn Read + Send> =
            Box::new(DecodeReaderBytesBuilder::new().encoding(Some(encoding)).build(all));
        let mut start = Vec::new();
        read_start(&mut decoded, &mut start).map_err(unreadable)?;
        if start.starts_with(&[0xef, 0xbb, 0xbf]) {
            start.drain(..3);
        }
        let guessed = told.is_none() && !marked;
        let encoding = Some((encoding.name(), guessed));
        Ok(Self { start, rest: decoded, encoding, sheet: None })
    }
}

/// Rows that the beginning should hold, so that a header can be told from what is below it.
const ROWS: usize = 8;

/// Reads the beginning: a sample, and of very wide tables as much as some rows take.
fn read_start(from: &mut dyn Read, start: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let before = start.len();
        from.take(SAMPLE.max(before) as u64).read_to_end(start)?;
        let rows = start.iter().filter(|byte| **byte == b'\n').count();
        if start.len() == before || rows >= ROWS || start.len() > LONGEST {
            return Ok(());
        }
        // Less than was asked for: the end.
        if start.len() < before + SAMPLE.max(before) {
            return Ok(());
        }
    }
}

/// What a text in a language of its own is, and what to do about it.
fn markup(start: &[u8]) -> Option<&'static str> {
    let text = start.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(start).trim_ascii_start();
    let begins = |tag: &str| {
        text.get(..tag.len()).is_some_and(|text| text.eq_ignore_ascii_case(tag.as_bytes()))
    };
    if ["<!doctype html", "<html", "<table"].into_iter().any(begins) {
        return Some("a web page, not CSV, whatever its name; save the table as CSV");
    }
    let object = |text: &[u8]| {
        let name = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
        name.is_some_and(|name| name.starts_with(b"\""))
    };
    let list = text.strip_prefix(b"[").map(<[u8]>::trim_ascii_start);
    (object(text) || list.is_some_and(object)).then_some("JSON, not CSV; save the table as CSV")
}

/// The encoding of this name.
fn named(name: &str) -> Result<&'static Encoding> {
    Encoding::for_label(name.as_bytes()).ok_or_else(|| {
        let known =
            ["utf-8", "utf-16le", "windows-1252", "windows-1255", "iso-8859-8", "shift_jis"];
        let guess = crate::network::did_you_mean(name, &known);
        Error::invalid(format!("no encoding is called \"{name}\"{guess}"))
    })
}

/// The encoding of a text that begins so; None: UTF-8, as far as can be seen.
fn encoding_of(start: &[u8]) -> Option<&'static Encoding> {
    match start {
        [0xff, 0xfe, ..] => return Some(UTF_16LE),
        [0xfe, 0xff, ..] => return Some(UTF_16BE),
        _ => {}
    }
    // Text of two bytes a letter without a mark: nearly every other byte is 0.
    let zeros = |odd: usize| start.iter().skip(odd).step_by(2).filter(|b| **b == 0).count();
    if start.len() > 3 && zeros(0) == 0 && zeros(1) * 5 > start.len() * 2 {
        return Some(UTF_16LE);
    }
    if start.len() > 3 && zeros(1) == 0 && zeros(0) * 5 > start.len() * 2 {
        return Some(UTF_16BE);
    }
    let whole = match std::str::from_utf8(start) {
        Ok(_) => true,
        // The sample may end within a letter.
        Err(e) => e.error_len().is_none() && start.len() >= SAMPLE,
    };
    if whole || start.contains(&0) {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(start, true);
    Some(detector.guess(None, Utf8Detection::Deny))
}

/// The encoding of a file that begins as UTF-8 and does not go on so; None: it does, or it is
/// packed or a pipe, which is not read twice.
pub(super) fn late_encoding(path: &Path) -> Option<&'static str> {
    if !path.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let (mut block, mut held, mut first) = (vec![0; 1 << 18], 0, true);
    loop {
        let n = file.read(&mut block[held..]).ok()?;
        let text = &block[..held + n];
        if n == 0 {
            return if held > 0 { guess_whole(path) } else { None };
        }
        let sample = &text[..text.len().min(SAMPLE)];
        let packed = || sample.starts_with(&[0x1f, 0x8b]) || sample.contains(&0);
        if first && (packed() || encoding_of(sample).is_some()) {
            return None;
        }
        first = false;
        held = match std::str::from_utf8(text) {
            Ok(_) => 0,
            // A letter that goes on in the next block.
            Err(e) if e.error_len().is_none() => {
                let (from, to) = (e.valid_up_to(), text.len());
                block.copy_within(from..to, 0);
                to - from
            }
            Err(_) => return guess_whole(path),
        };
    }
}

/// The encoding that a file seems to be in that begins as UTF-8 and goes on otherwise.
fn guess_whole(path: &Path) -> Option<&'static str> {
    let mut file = BufReader::with_capacity(1 << 18, File::open(path).ok()?);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut block = vec![0; 1 << 18];
    loop {
        let n = file.read(&mut block).ok()?;
        detector.feed(&block[..n], n == 0);
        if n == 0 {
            return Some(detector.guess(None, Utf8Detection::Deny).name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], told: Option<&str>) -> (String, Option<(&'static str, bool)>) {
        let from = Box::new(io::Cursor::new(bytes.to_vec()));
        let options = Options { encoding: told.map(String::from), ..Options::default() };
        let mut text = Text::new("t.csv", from, &options).unwrap();
        text.rest.read_to_end(&mut text.start).unwrap();
        (String::from_utf8(text.start).unwrap(), text.encoding)
    }

    #[test]
    fn an_encoding_that_shows_late_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let plain = "street,size\n".to_string() + &"Elm Road,5\n".repeat(60_000);
        let late = |end: &str, name: &str| {
            let (bytes, _, _) = Encoding::for_label(name.as_bytes()).unwrap().encode(end);
            std::fs::write(&path, [plain.as_bytes(), &bytes].concat()).unwrap();
            late_encoding(&path)
        };
        let german = "Hauptstraße,5\nGrüner Weg,7\nÄußere Allee,9\n";
        assert_eq!(late(german, "windows-1252"), Some("windows-1252"));
        assert_eq!(late(german, "utf-8"), None);
        // A letter across the end of a block.
        assert_eq!(late(&"ß".repeat(1 << 18), "utf-8"), None);
        assert_eq!(late_encoding(Path::new("/no/such")), None);
    }

    #[test]
    fn other_languages_are_no_tables() {
        for text in ["<HTML><table>", "\u{feff} <!DOCTYPE html>", "{\"x\": 1}\n", "[\n {\"x\": 1}]"]
        {
            assert!(markup(text.as_bytes()).is_some(), "{text}");
        }
        for text in ["a,b\n", "{x},{y}\n1,2\n", "[1,2]\n", "<1,>2\n", ""] {
            assert!(markup(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn encodings_are_told_or_guessed() {
        let hebrew = "שם,עיר,גיל\nדנה,חיפה,41\nיואב,ירושלים,37\nרות,באר שבע,52\n";
        let german = "Straße,Größe\nHauptstraße,5\nGrüner Weg,7\nÄußere Allee,9\n";
        for (text, name) in [(hebrew, "windows-1255"), (german, "windows-1252")] {
            let (bytes, _, _) = Encoding::for_label(name.as_bytes()).unwrap().encode(text);
            assert_eq!(read(&bytes, None), (text.into(), Some((name, true))));
            assert_eq!(read(&bytes, Some(name)), (text.into(), Some((name, false))));
            assert_eq!(read(text.as_bytes(), None), (text.into(), None));
        }
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let marked = [&[0xff, 0xfe][..], &wide("a,b\n1,2\n")].concat();
        assert_eq!(read(&marked, None), ("a,b\n1,2\n".into(), Some(("UTF-16LE", false))));
        assert_eq!(read(&wide("a,b\n1,2\n"), None).1, Some(("UTF-16LE", true)));
        for mark in [&b"\xff\xfe\0\0a\0\0\0"[..], b"\0\0\xfe\xff\0\0\0a"] {
            let from = Box::new(io::Cursor::new(mark.to_vec()));
            let error = Text::new("t.csv", from, &Options::default()).err().unwrap().to_string();
            assert!(error.contains("UTF-32"), "{error}");
        }
        let error = named("windows-125").unwrap_err().to_string();
        assert!(error.contains("windows-125"), "{error}");
    }
}
