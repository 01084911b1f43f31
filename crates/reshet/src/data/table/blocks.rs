//! The text of a file, a block of whole rows after the other.

use std::{
    io::{self, Read as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{
    dialect::{Dialect, SEPARATORS},
    records::Record,
};
use crate::{Result, error::Error};

/// Bytes of text parsed in one go.
pub(super) const BLOCK: usize = 1 << 20;
/// A row longer than this has a quote that is never closed.
pub(super) const LONGEST: usize = 1 << 25;
/// What of the file is looked at to guess its dialect.
pub(super) const SAMPLE: usize = 1 << 16;

/// What is still to come of a text.
pub(super) struct Blocks {
    pub text: Box<dyn io::Read + Send>,
    /// Read, but not yet parsed: the beginning of a row.
    pub rest: Vec<u8>,
    pub line: u64,
    pub ended: bool,
    /// What is done to the text before its rows are parsed.
    pub tidy: Option<Tidy>,
}

/// What is done to a text so that its rows can be parsed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Tidy {
    /// Spaces around quotes go; the separator.
    Quotes(u8),
    /// Spaces between cells become one, those around rows go.
    Spaces,
}

impl Tidy {
    pub fn of(dialect: &Dialect) -> Option<Self> {
        match dialect.separator {
            b' ' => Some(Self::Spaces),
            separator => dialect.spaced.then_some(Self::Quotes(separator)),
        }
    }

    pub fn of_text(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Quotes(separator) => close_up(text, separator),
            Self::Spaces => collapse(text),
        }
    }
}

/// The text with one space between two cells, and none around rows.
fn collapse(text: &[u8]) -> Vec<u8> {
    let is_space = |b: u8| b == b' ' || b == b'\t';
    let mut collapsed = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        let start = collapsed.last().is_none_or(|last| matches!(last, b'\n' | b' '));
        match *byte {
            b'"' if start => {
                let end = quoted_end(text, at);
                collapsed.extend_from_slice(&text[at..end]);
                at = end;
                continue;
            }
            byte if is_space(byte) => {
                if !start {
                    collapsed.push(b' ');
                }
            }
            b'\r' | b'\n' => {
                if collapsed.last() == Some(&b' ') {
                    collapsed.pop();
                }
                collapsed.push(*byte);
            }
            byte => collapsed.push(byte),
        }
        at += 1;
    }
    if collapsed.last() == Some(&b' ') {
        collapsed.pop();
    }
    collapsed
}

/// Whole rows.
pub(super) struct Block {
    pub first_line: u64,
    pub text: Vec<u8>,
}

impl Blocks {
    /// The next text that ends with a row.
    pub fn next(&mut self, source: &str) -> Result<Option<Block>> {
        if self.ended {
            return Ok(None);
        }
        let mut text = std::mem::take(&mut self.rest);
        text.reserve(BLOCK + SAMPLE);
        loop {
            // A row that goes on and on is looked through anew each time: not for each little bit.
            let want = BLOCK.saturating_sub(text.len()).max(text.len()) as u64;
            let got = self.text.by_ref().take(want).read_to_end(&mut text);
            let got = got.map_err(|e| Error::data(format!("cannot read {}: {e}", source)))?;
            let (end, quoted) = last_row_end(&text, self.tidy.is_some());
            self.ended = got == 0;
            if (self.ended && quoted) || text.len() > LONGEST {
                let line = self.line + lines_in(&text[..end.unwrap_or(0)]);
                let what = "a quote is opened in this row and never closed, or this is no table";
                self.ended = true;
                return Err(Error::at(source, line, None, what));
            }
            if self.ended {
                break;
            }
            if let Some(end) = end {
                self.rest = text.split_off(end);
                break;
            }
        }
        let first_line = self.line;
        self.line += lines_in(&text);
        if let Some(tidy) = self.tidy {
            text = tidy.of_text(&text);
        }
        Ok((!text.is_empty()).then_some(Block { first_line, text }))
    }
}

impl Block {
    /// The file's line in which a row begins, behind empty ones and comments.
    pub fn line_of(&self, row: &Record, comment: Option<u8>) -> u64 {
        let Some(position) = row.position() else { return self.first_line };
        let mut before = &self.text[position.byte() as usize..];
        let mut skipped = 0;
        loop {
            let empty = before.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
            skipped += lines_in(&before[..empty]);
            before = &before[empty..];
            if comment.is_none() || before.first().copied() != comment {
                return self.first_line - 1 + position.line() + skipped;
            }
            let end = before.iter().position(|b| *b == b'\n').unwrap_or(before.len());
            before = &before[end..];
        }
    }
}

/// Counts what passes through.
pub(super) struct Count<R>(pub R, pub Arc<AtomicU64>);

impl<R: io::Read> io::Read for Count<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(into)?;
        self.1.fetch_add(n as u64, Relaxed);
        Ok(n)
    }
}

/// Line feeds, counted in bytes that cannot overflow, which is what vectorises.
pub(super) fn lines_in(text: &[u8]) -> u64 {
    let count = |part: &[u8]| part.iter().map(|b| u8::from(*b == b'\n')).sum::<u8>();
    text.chunks(255).map(|part| u64::from(count(part))).sum()
}

/// Whether a byte is a space around a quote, or one of the two of a space that does not break.
fn is_space(byte: u8, separator: u8) -> bool {
    matches!(byte, b' ' | 0xc2 | 0xa0) || (byte == b'\t' && separator != b'\t')
}

/// Whether a quote stands behind a separator and spaces, or spaces behind a quote and before a
/// separator: `1, "a"`.
pub(super) fn has_spaced_quotes(text: &[u8], separator: u8) -> bool {
    let is_space = |b: u8| is_space(b, separator);
    let begins = |b: u8| b == separator || b == b'\n';
    let places = || (0..text.len()).filter(|i| text[*i] == b'"');
    let before = |i: usize| text[..i].iter().rposition(|b| !is_space(*b));
    let behind = |i: usize| text[i + 1..].iter().position(|b| !is_space(*b)).map(|n| i + 1 + n);
    let opens = |i: usize| before(i).map_or(i > 0, |at| at + 1 < i && begins(text[at]));
    let closes = |i: usize| behind(i).is_some_and(|at| at > i + 1 && begins(text[at]));
    // Only where a quote opens may spaces behind another one close it.
    places().any(opens) || (text.first() == Some(&b'"') && places().any(closes))
}

/// The text without the spaces before an opening and behind a closing quote.
fn close_up(text: &[u8], separator: u8) -> Vec<u8> {
    let is_space = |b: u8| is_space(b, separator);
    let spaces = |at: usize| text[at..].iter().take_while(|b| is_space(**b)).count();
    let mut closed = Vec::with_capacity(text.len());
    let (mut at, mut start) = (0, true);
    while let Some(byte) = text.get(at) {
        let opening = at + spaces(at);
        if start && text.get(opening) == Some(&b'"') {
            let end = quoted_end(text, opening);
            closed.extend_from_slice(&text[opening..end]);
            let next = end + spaces(end);
            let ends = text.get(next).is_none_or(|b| *b == separator || matches!(b, b'\r' | b'\n'));
            (at, start) = (if ends { next } else { end }, false);
            continue;
        }
        closed.push(*byte);
        start = *byte == separator || *byte == b'\n';
        at += 1;
    }
    closed
}

/// Behind the quote that closes the one at `open`; the text's end if none does.
fn quoted_end(text: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return at + 1,
            _ => at += 1,
        }
    }
    at
}

/// Where the first row ends, behind its line feed; quotes may stand behind spaces.
pub(super) fn first_row_end(text: &[u8]) -> usize {
    let empty = text.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let mut from = empty;
    while let Some(feed) = text[from..].iter().position(|b| *b == b'\n') {
        from += feed + 1;
        if let (Some(end), _) = last_row_end(&text[empty..from], true) {
            return empty + end;
        }
    }
    text.len()
}

/// Where the last row that is complete ends, behind its line feed, and whether a
/// quote is open behind it. `spaced`: a quote behind spaces opens a cell too.
///
/// A line feed between quotes ends no row. The text begins with a row.
pub(super) fn last_row_end(text: &[u8], spaced: bool) -> (Option<usize>, bool) {
    if !text.contains(&b'"') {
        return (text.iter().rposition(|b| *b == b'\n').map(|i| i + 1), false);
    }
    let (mut quoted, mut closed, mut start, mut end) = (false, false, true, None);
    for (i, byte) in text.iter().enumerate() {
        match byte {
            b'"' if quoted => (quoted, closed) = (false, true),
            // Twice in a row: a quote that is meant.
            b'"' if start || closed => quoted = true,
            _ if quoted => {}
            b'\n' => (start, closed, end) = (true, false, Some(i + 1)),
            // Which separator it is does not matter: a quote after another
            // one's is as unusual.
            byte if SEPARATORS.contains(byte) => (start, closed) = (true, false),
            b' ' | 0xc2 | 0xa0 if spaced && start => {}
            _ => (start, closed) = (false, false),
        }
        if *byte == b'"' {
            start = false;
        }
    }
    (end, quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_around_quotes_go() {
        for (text, closed) in [
            ("1, \"a, b\" ,2\n", "1,\"a, b\",2\n"),
            ("  \"x\" \r\n\"y\"\n", "\"x\"\r\n\"y\"\n"),
            ("a, b c ,\"d \"\" , e\" \n", "a, b c ,\"d \"\" , e\"\n"),
            ("1, \"two\nlines\" , 3", "1,\"two\nlines\", 3"),
            ("5\" disk, 3\" disk\n", "5\" disk, 3\" disk\n"),
            ("\"a\" b,c", "\"a\" b,c"),
            ("1,\u{a0}\"a, b\"\u{a0},2\n", "1,\"a, b\",2\n"),
            ("1,à\"a\",\"°\"°,2\n", "1,à\"a\",\"°\"°,2\n"),
        ] {
            assert_eq!(String::from_utf8(close_up(text.as_bytes(), b',')).unwrap(), closed);
        }
        assert!(has_spaced_quotes(b"a, \"b\"\n", b',') && has_spaced_quotes(b"\"a\" ,1\n", b','));
        assert!(has_spaced_quotes(b" \"a\"\n", b','));
        assert!(has_spaced_quotes("1,\u{a0}\"a\"\n".as_bytes(), b','));
        assert!(!has_spaced_quotes("1,à\"a\"\n".as_bytes(), b','));
        assert!(!has_spaced_quotes(b"a,\"b\"\n5\" disk, 3\"\n", b','));
        assert_eq!(last_row_end(b"1, \"a\nb\"\n2", true), (Some(9), false));
    }
}
