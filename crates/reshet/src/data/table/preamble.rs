//! What may stand in a file before its table: a line that names the separator, comments, a
//! title, the declarations of an ARFF file.

use super::{blocks::lines_in, guess::records, header::is_surely_header};
use crate::{Result, error::Error};

/// Rows looked through for a title.
const MOST_TITLES: usize = 10;

/// What stood before the table.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Preamble {
    /// Bytes before the table, and their lines.
    pub bytes: usize,
    pub lines: u64,
    /// What it said stands between two cells.
    pub separator: Option<u8>,
    /// Lines that begin with this are comments.
    pub comment: Option<u8>,
    /// The names of the columns, where they are declared or stand in a comment.
    pub names: Option<Vec<String>>,
    /// What was passed over, for people.
    pub said: Vec<String>,
}

impl Preamble {
    fn pass(&mut self, text: &[u8], bytes: usize) {
        self.lines += lines_in(&text[self.bytes..self.bytes + bytes]);
        self.bytes += bytes;
    }

    /// Of the beginning of a file.
    pub fn of(source: &str, text: &[u8]) -> Result<Self> {
        let mut preamble = Self::default();
        if preamble.arff(source, text)? {
            return Ok(preamble);
        }
        let first = line(text);
        let word = String::from_utf8_lossy(first).trim().to_lowercase();
        if let Some(separator) = word.trim_matches('"').strip_prefix("sep=") {
            let separator = if separator.is_empty() { "\t" } else { separator };
            preamble.separator = separator.bytes().next();
            preamble.pass(text, first.len());
        }
        preamble.comments(text);
        Ok(preamble)
    }

    /// Comments, of which the last may hold the names: `# a,b,c`.
    fn comments(&mut self, text: &[u8]) {
        let mut last = None;
        let begin = self.bytes;
        loop {
            let line = line(&text[self.bytes..]);
            let blank = line.trim_ascii().is_empty();
            match line.trim_ascii_start().first() {
                Some(mark @ (b'#' | b'%')) => {
                    self.comment = Some(*mark);
                    last = Some((self.bytes, line));
                }
                _ if blank && last.is_some() && !line.is_empty() => {}
                _ => break,
            }
            self.pass(text, line.len());
        }
        let Some((at, line)) = last else { return };
        let begins = |row: &[u8]| row.first().is_some_and(|b| Some(*b) == self.comment);
        // `#id,name` above rows of two cells are names, whatever else is a comment; and rows that
        // begin with it too are rows: #1,2.
        let bare = line.trim_ascii().trim_ascii_start();
        let bare = &bare[1..];
        let separators = self.separator.map_or(vec![b',', b';', b'\t', b'|'], |s| vec![s]);
        let rest = &text[self.bytes..];
        for separator in separators {
            let names = records(bare, separator).into_iter().next().unwrap_or_default();
            let rows = records(rest, separator);
            let alike = rows.iter().filter(|row| row.len() == names.len()).count();
            if names.len() > 1 && !rows.is_empty() && alike == rows.len() {
                let same = |row: &Vec<String>| {
                    row.iter()
                        .zip(&names)
                        .all(|(a, b)| a.parse::<f64>().is_ok() == b.parse::<f64>().is_ok())
                };
                if rows.iter().all(same) && records(rest, separator).len() > 1 && !begins(rest) {
                    // What is commented out looks like any row.
                    break;
                }
                self.names = Some(names);
                break;
            }
        }
        let lines = lines_in(&text[begin..self.bytes]);
        let (comments, named) = match &self.names {
            Some(_) => (lines - lines_in(&text[at..self.bytes]).min(lines), true),
            None => (lines, false),
        };
        if named {
            self.said.push("the columns' names stand in a comment".into());
        }
        if comments > 0 {
            let lines = if comments == 1 { "comment line" } else { "comment lines" };
            self.said.push(format!("{comments} {lines} passed over"));
        }
    }

    /// The declarations of an ARFF file, up to `@data`; whether it is one.
    fn arff(&mut self, source: &str, text: &[u8]) -> Result<bool> {
        let mut names = Vec::new();
        let (mut at, mut relation) = (0, false);
        loop {
            let line = line(&text[at..]);
            if line.is_empty() {
                return match relation {
                    true => Err(Error::data(format!("{source}: an ARFF file without @data"))),
                    false => Ok(false),
                };
            }
            at += line.len();
            let words = String::from_utf8_lossy(line);
            let words = words.trim();
            let (word, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
            match &*word.to_lowercase() {
                "" => {}
                word if word.starts_with('%') => {}
                "@relation" => relation = true,
                "@attribute" if relation => names.push(attribute(rest.trim())),
                "@data" if relation => break,
                _ if !relation => return Ok(false),
                other => {
                    let what = format!("\"{other}\" is no declaration of an ARFF file");
                    return Err(Error::data(format!("{source}: {what}")));
                }
            }
        }
        let first = text[at..].trim_ascii_start();
        if first.starts_with(b"{") {
            let what = "a sparse ARFF file; save it with all values, or as CSV";
            return Err(Error::data(format!("{source}: {what}")));
        }
        self.pass(text, at);
        (self.names, self.comment) = (Some(names), Some(b'%'));
        self.said.push("an ARFF file: its attributes are the columns' names".into());
        Ok(true)
    }

    /// Passes over titles above the names: rows of a single cell, where those below have more; and
    /// rows of too few cells above one that surely holds names.
    pub fn titles(&mut self, text: &[u8], separator: u8, width: usize) {
        if self.names.is_some() || width < 2 {
            return;
        }
        let begin = self.bytes;
        let mut titles = Vec::new();
        for _ in 0..MOST_TITLES {
            let line = line(&text[self.bytes..]);
            let Some(row) = records(line, separator).into_iter().next() else {
                if line.is_empty() {
                    break;
                }
                self.pass(text, line.len());
                continue;
            };
            let filled = row.iter().filter(|cell| !cell.is_empty()).count();
            let is_title = filled == 1
                && !row[0].is_empty()
                && row[0].parse::<f64>().is_err()
                && (row.len() == 1 || (row.len() == width && width > 2));
            let is_title = is_title || {
                let rows = records(&text[self.bytes..], separator);
                (1..width).contains(&row.len())
                    && rows.get(1).is_some_and(|names| names.len() == width)
                    && row.iter().any(|cell| cell.parse::<f64>().is_err())
                    && is_surely_header(&rows[1..])
            };
            if !is_title {
                break;
            }
            let filled: Vec<String> = row.into_iter().filter(|cell| !cell.is_empty()).collect();
            titles.push(filled.join(", "));
            self.pass(text, line.len());
        }
        match &titles[..] {
            [] => {
                self.lines -= lines_in(&text[begin..self.bytes]);
                self.bytes = begin;
            }
            [title] => self.said.push(format!("a title passed over: \"{title}\"")),
            [title, ..] => {
                let n = titles.len();
                self.said.push(format!("{n} lines of titles passed over, the first \"{title}\""));
            }
        }
    }
}

/// The first line, with its line feed.
fn line(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|b| *b == b'\n').map_or(text.len(), |at| at + 1);
    &text[..end]
}

/// An attribute's name: `'petal length' numeric`.
fn attribute(text: &str) -> String {
    match text.chars().next() {
        Some(quote @ ('\'' | '"')) => text[1..].split(quote).next().unwrap_or_default().into(),
        _ => text.split([' ', '\t', '{']).next().unwrap_or_default().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Preamble {
        let mut preamble = Preamble::of("t", text.as_bytes()).unwrap();
        preamble.titles(text.as_bytes(), preamble.separator.unwrap_or(b','), 3);
        preamble
    }

    #[test]
    #[cfg(feature = "csv")]
    fn what_stands_before_a_table_is_passed_over() {
        for (before, separator, comment) in [
            ("", None, None),
            ("sep=;\n", Some(b';'), None),
            ("\"sep=,\"\r\n", Some(b','), None),
            ("# made by hand\n# twice\n\n", None, Some(b'#')),
            ("Sales of 2024\n\n", None, None),
            ("Sales,,\nby town,,\n", None, None),
        ] {
            let rows = if separator == Some(b';') { "a;b;c\n1;2;3\n" } else { "a,b,c\n1,2,3\n" };
            let preamble = of(&format!("{before}{rows}"));
            let told = (preamble.bytes, preamble.separator, preamble.comment);
            assert_eq!(told, (before.len(), separator, comment), "{before}");
            assert_eq!(preamble.lines, before.lines().count() as u64, "{before}");
        }
        let named = of("# a,b,c\n1,2,3\n4,5,6\n");
        assert_eq!(named.names.unwrap(), ["a", "b", "c"]);
        assert_eq!(of("# 7,8,9\n1,2,3\n4,5,6\n").names, None);
        assert_eq!(of("1,,\n2,5,\n").bytes, 0);
    }

    #[test]
    fn arff_declares_its_columns() {
        let text = "% Fisher\n@RELATION iris\n@ATTRIBUTE 'petal length' REAL\n\
                    @attribute class {a,b}\n\n@DATA\n1.5,a\n";
        let preamble = of(text);
        assert_eq!(preamble.names.unwrap(), ["petal length", "class"]);
        assert_eq!((preamble.bytes, preamble.lines), (text.find("1.5").unwrap(), 6));
        let sparse = Preamble::of("t", b"@relation x\n@attribute a real\n@data\n{0 1}\n");
        assert!(sparse.unwrap_err().to_string().contains("sparse"));
    }
}
