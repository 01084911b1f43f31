//! A table's rows on disk, four bytes a cell, in pieces that are read again in any order.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::super::{Chunk, cell::Packed};
use crate::{Result, data::streamed::mixed, error::Error, files::disk};

/// Rows of a piece, at most: few, so that a portion of random pieces is from all over the table.
pub(super) const ROWS: usize = 2048;
/// The cells of a piece take at most this part of the memory: what they become, up to fifty times
/// as much, is then no more than a portion.
const PART: u64 = 512;

/// Rows of a piece of a table of so many columns, within so much memory.
pub(super) fn rows_of_piece(memory: u64, width: usize) -> usize {
    let fit = memory / PART / (4 * width.max(1) as u64);
    (fit as usize).clamp(1, ROWS)
}

/// Rows in a file that has no name: it is gone when the program ends, however it ends.
pub(super) struct Store {
    out: Mutex<disk::Out>,
    /// Cells of a row.
    width: usize,
    /// Rows of a piece, at most.
    rows: usize,
    pieces: Vec<Piece>,
    /// Where the file ends.
    end: u64,
    /// See [`Store::fingerprint`].
    hash: u64,
}

/// Where some rows lie.
struct Piece {
    at: u64,
    first_row: usize,
    rows: u32,
    long: u32,
    /// The line of the first row, and whether the others follow it line by line.
    first_line: u64,
    steady: bool,
}

impl Store {
    /// Creates the file in this folder; a piece has at most so many `rows`.
    pub fn new(folder: &Path, width: usize, rows: usize) -> Result<Self> {
        let out = disk::nameless(folder).map_err(|e| failed("write", folder, e))?;
        // Rows come in another order if pieces are smaller.
        let hash = if rows == ROWS { 0 } else { rows as u64 };
        Ok(Self { out: Mutex::new(out), width, rows, pieces: Vec::new(), end: 0, hash })
    }

    /// Bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// A hash of all cells and their order.
    pub fn fingerprint(&self) -> u64 {
        self.hash
    }

    pub fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// The number of a piece's first row.
    pub fn first_row(&self, piece: usize) -> usize {
        self.pieces[piece].first_row
    }

    /// Adds rows.
    pub fn push(&mut self, chunk: &Chunk) -> Result<()> {
        let rows = chunk.lines.len();
        for first in (0..rows).step_by(self.rows) {
            let mut some = Chunk::default();
            some.append_rows(chunk, first..rows.min(first + self.rows), self.width);
            let first_row = self.pieces.last().map_or(0, |p| p.first_row + p.rows as usize);
            let piece = self.write(&some, first_row, self.end)?;
            self.pieces.push(piece);
        }
        Ok(())
    }

    /// Writes a piece where the file ends, or over one of as many bytes.
    fn write(&mut self, chunk: &Chunk, first_row: usize, at: u64) -> Result<Piece> {
        let steady = chunk.lines.are_steady();
        let mut bytes = Vec::with_capacity(4 * chunk.cells.len() + 8 * chunk.long.len());
        for cell in &chunk.cells {
            self.hash = mixed(self.hash, cell.bits().into());
            bytes.extend_from_slice(&cell.bits().to_le_bytes());
        }
        for x in &chunk.long {
            self.hash = mixed(self.hash, x.to_bits());
            bytes.extend_from_slice(&x.to_le_bytes());
        }
        if !steady {
            let lines = (0..chunk.lines.len()).map(|row| chunk.lines.at(row));
            lines.for_each(|line| bytes.extend_from_slice(&line.to_le_bytes()));
        }
        let out = self.out.get_mut().unwrap_or_else(PoisonError::into_inner);
        let written = out.file.seek(SeekFrom::Start(at)).and_then(|_| out.write_all(&bytes));
        written.map_err(|e| failed("write", out.path(), e))?;
        self.end = self.end.max(at + bytes.len() as u64);
        Ok(Piece {
            at,
            first_row,
            rows: chunk.lines.len() as u32,
            long: chunk.long.len() as u32,
            first_line: chunk.lines.at(0),
            steady,
        })
    }

    /// Reads a piece.
    pub fn read(&self, piece: usize) -> Result<Chunk> {
        let piece = &self.pieces[piece];
        let (rows, long) = (piece.rows as usize, piece.long as usize);
        let lines = if piece.steady { 0 } else { rows };
        let mut bytes = vec![0; 4 * rows * self.width + 8 * (long + lines)];
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        read_at(&mut out.file, piece.at, &mut bytes).map_err(|e| failed("read", out.path(), e))?;
        drop(out);
        let (cells, rest) = bytes.split_at(4 * rows * self.width);
        let (long, lines) = rest.split_at(8 * long);
        let mut chunk = Chunk::default();
        let cells = cells.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b));
        chunk.cells.extend(cells.map(Packed::from_bits));
        chunk.long.extend(long.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)));
        match piece.steady {
            true => (0..rows as u64).for_each(|row| chunk.lines.push(piece.first_line + row)),
            false => {
                let lines = lines.as_chunks::<8>().0.iter().map(|b| u64::from_le_bytes(*b));
                lines.for_each(|line| chunk.lines.push(line));
            }
        }
        Ok(chunk)
    }

    /// Changes all pieces in their order; `change` says whether it has changed one.
    pub fn rewrite(
        &mut self,
        mut change: impl FnMut(usize, &mut Chunk) -> Result<bool>,
    ) -> Result<()> {
        for i in 0..self.pieces.len() {
            let mut chunk = self.read(i)?;
            let long = chunk.long.len();
            if change(i, &mut chunk)? {
                let piece = &self.pieces[i];
                let at = if chunk.long.len() == long { piece.at } else { self.end };
                self.pieces[i] = self.write(&chunk, piece.first_row, at)?;
            }
        }
        Ok(())
    }
}

fn read_at(file: &mut File, at: u64, into: &mut [u8]) -> std::io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(into)
}

fn failed(what: &'static str, path: &Path, cause: std::io::Error) -> Error {
    Error::io(what, path, cause)
}
