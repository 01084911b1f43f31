//! The text of a file, a block of whole rows after the other.

use std::{
    io::{self, Read as _},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{dialect::SEPARATORS, records::Record};
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
            let (end, quoted) = last_row_end(&text);
            self.ended = got == 0;
            if (self.ended && quoted) || text.len() > LONGEST {
                let line = self.line + lines_in(&text[..end.unwrap_or(0)]);
                let what = "a quote is opened in this row and never closed, or this is no table";
                self.ended = true;
                return Err(Error::data(format!("{source}:{line}: {what}")));
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
        Ok((!text.is_empty()).then_some(Block { first_line, text }))
    }
}

impl Block {
    /// The file's line in which a row begins, behind empty ones.
    pub fn line_of(&self, row: &Record) -> u64 {
        let Some(position) = row.position() else { return self.first_line };
        let before = &self.text[position.byte() as usize..];
        let empty = before.iter().take_while(|b| matches!(b, b'\r' | b'\n'));
        let skipped = empty.filter(|b| **b == b'\n').count() as u64;
        self.first_line - 1 + position.line() + skipped
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
fn lines_in(text: &[u8]) -> u64 {
    let count = |part: &[u8]| part.iter().map(|b| u8::from(*b == b'\n')).sum::<u8>();
    text.chunks(255).map(|part| u64::from(count(part))).sum()
}

/// Where the last row that is complete ends, behind its line feed, and whether a
/// quote is open behind it.
///
/// A line feed between quotes ends no row. The text begins with a row.
pub(super) fn last_row_end(text: &[u8]) -> (Option<usize>, bool) {
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
            _ => (start, closed) = (false, false),
        }
        if *byte == b'"' {
            start = false;
        }
    }
    (end, quoted)
}
