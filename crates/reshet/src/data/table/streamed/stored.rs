//! A table whose rows are on disk: what is known of its columns is in memory.

use std::path::{Path, PathBuf};

use super::{
    super::{
        Chunk, Dates, Renumbered, Table,
        chunk::for_each_cell,
        csv::Options,
        dates::Expansion,
        files::Files,
        statistics::{Gathered, Statistics},
    },
    store::{Store, rows_of_piece},
};
use crate::{
    Result,
    data::{
        memory::bytes,
        streamed::{Bounds, Progress, goes_on},
    },
    error::Error,
};

/// Blocks of a text that wait in memory take about so much each.
const BLOCK: u64 = 4 << 20;

pub(super) struct Stored {
    /// Its columns, those that dates become among them, and no rows.
    pub table: Table,
    pub store: Store,
    dates: Expansion,
    /// Columns of the files.
    width: usize,
}

impl Stored {
    /// Reads files from beginning to end within the bounds. `progress` is told how much of how much
    /// is read.
    pub fn read(
        paths: &[PathBuf],
        options: &Options,
        bounds: &Bounds,
        progress: &mut Progress,
    ) -> Result<Self> {
        Files::decoded(paths, options, |files| Self::of_files(files, bounds, progress))
    }

    fn of_files(files: Files, bounds: &Bounds, progress: &mut Progress) -> Result<Self> {
        let Bounds { memory, folder } = bounds;
        let ahead = (memory / 8 / BLOCK).clamp(1, super::super::csv::ahead() as u64) as usize;
        let mut table = files.table();
        let width = table.heads.len();
        let mut store = Store::new(folder, width, rows_of_piece(*memory, width))?;
        // What words of the pieces before have become.
        let mut changes: Vec<(usize, Renumbered)> = Vec::new();
        files.each(&mut table, ahead, |table, read, at, of| {
            let (chunk, renumbered) = table.number_words(read);
            changes.extend(renumbered.into_iter().map(|change| (store.pieces(), change)));
            table.see_fractions(&chunk);
            table.rows += chunk.lines.len();
            goes_on(progress(at, of))?;
            let share = at as f64 / of.max(1) as f64;
            store.push(&chunk).map_err(|e| unwritten(e, folder, store.bytes() as f64 / share))?;
            let fewer = table.bound_words(memory / 8);
            changes.extend(fewer.into_iter().map(|change| (store.pieces(), change)));
            Ok(())
        })?;
        if table.rows() == 0 {
            let what = "there are no rows under the header";
            return Err(Error::data(format!("{}: {what}", table.source)));
        }
        let dates = Expansion::new(&[], |_| &[]);
        let mut stored = Self { table, store, dates, width };
        stored.settle(&changes, progress)?;
        Ok(stored)
    }

    /// Does what can be done only when all rows are known, as for a table in memory.
    fn settle(&mut self, changes: &[(usize, Renumbered)], progress: &mut Progress) -> Result<()> {
        let Self { table, store, width, .. } = self;
        let width = *width;
        let apply = |changed: &Renumbered, chunk: &mut Chunk| {
            let cell = |cell| changed.cell(cell);
            for_each_cell(std::slice::from_mut(chunk), changed.column, width, cell);
        };
        let names = table.finish_heads();
        if !changes.is_empty() || !names.is_empty() {
            store.rewrite(|piece, chunk| {
                goes_on(progress(1, 1))?;
                let before = changes.iter().filter(|(until, _)| piece < *until);
                before.for_each(|(_, changed)| apply(changed, chunk));
                table.name_numbers(&names, std::slice::from_mut(chunk));
                Ok(true)
            })?;
        }
        let letters = table.with_letters(|_| true);
        if letters.is_empty() {
            return Ok(());
        }
        let mut counts = vec![[0, 0]; letters.len()];
        for piece in 0..store.pieces() {
            let chunk = store.read(piece)?;
            for (counts, column) in counts.iter_mut().zip(&letters) {
                let more = table.heads[*column].count_letters(
                    std::slice::from_ref(&chunk),
                    *column,
                    width,
                );
                counts.iter_mut().zip(more).for_each(|(n, more)| *n += more);
            }
        }
        let settled = letters.iter().zip(counts);
        let settled = settled.filter_map(|(c, counts)| table.heads[*c].settle_letters(counts, *c));
        let settled: Vec<Renumbered> = settled.collect();
        if settled.is_empty() {
            return Ok(());
        }
        store.rewrite(|_, chunk| {
            goes_on(progress(1, 1))?;
            settled.iter().for_each(|changed| apply(changed, chunk));
            Ok(true)
        })?;
        let comma = table.comma();
        for column in settled.iter().map(|changed| changed.column) {
            let head = &mut table.heads[column];
            if head.dressed.is_none() {
                let fractional = head.fractional;
                head.undress(&[], comma, || fractional);
            }
        }
        Ok(())
    }

    /// With the columns that dates become behind its own.
    pub fn with_dates(mut self, dates: &[Dates]) -> Self {
        let place = |dates: &Dates| self.table.heads.iter().position(|h| h.name == dates.name);
        let placed: Vec<(usize, &Dates)> =
            dates.iter().filter_map(|dates| Some((place(dates)?, dates))).collect();
        self.dates = Expansion::new(&placed, |place| &self.table.heads[place].words);
        self.table = self.table.with_dates(dates);
        self
    }

    /// A piece's rows, dates with their parts.
    pub fn chunk(&self, piece: usize) -> Result<Chunk> {
        Ok(self.dates.expand(self.store.read(piece)?, self.width))
    }

    /// A table of one piece's rows after the other, and the number of its first one. In `table` are
    /// the columns.
    pub fn each(
        &self,
        table: &mut Table,
        mut each: impl FnMut(usize, &Table) -> Result<()>,
    ) -> Result<()> {
        for piece in 0..self.store.pieces() {
            table.set_rows(self.chunk(piece)?);
            each(self.store.first_row(piece), table)?;
        }
        table.set_rows(Chunk::default());
        Ok(())
    }

    /// Of each column that is wanted, over all rows: see [`Statistics::gather`].
    pub fn statistics(
        &self,
        few: usize,
        columns: impl Fn(usize) -> bool,
        progress: &mut Progress,
    ) -> Result<Vec<Statistics>> {
        let heads = &self.table.heads;
        let places: Vec<usize> = (0..heads.len()).filter(|column| columns(*column)).collect();
        let mut gathered = Gathered::new(heads, self.table.rows(), few);
        for piece in 0..self.store.pieces() {
            goes_on(progress(1, 1))?;
            let first = self.store.first_row(piece);
            gathered.add(heads, &places, &self.chunk(piece)?, first, &|_| true);
        }
        Ok(gathered.done())
    }
}

/// That the rows could not be written, and how large their file would be.
fn unwritten(error: Error, folder: &Path, size: f64) -> Error {
    let Error::Io { cause, .. } = error else { return error };
    let (folder, size) = (folder.display(), bytes(size as u64));
    let what = format!(
        "cannot write the table's rows into a file in {folder}, which would take about {size}"
    );
    Error::Io { what, reading: false, cause }
}

impl Table {
    /// Takes these rows in place of its own.
    pub(super) fn set_rows(&mut self, chunk: Chunk) {
        self.rows = chunk.lines.len();
        self.chunks.clear();
        self.chunks.push(chunk);
    }

    /// Takes note of the columns whose numbers have decimals.
    fn see_fractions(&mut self, chunk: &Chunk) {
        let width = self.heads.len();
        for (column, head) in self.heads.iter_mut().enumerate() {
            if !head.fractional {
                let chunk = std::slice::from_ref(chunk);
                head.fractional = super::super::fractions(chunk, column, width);
            }
        }
    }
}
