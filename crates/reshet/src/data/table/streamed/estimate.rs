//! What a table would take in memory, before it is read.

use std::path::PathBuf;

use super::super::{
    Head, MOST_WORDS, Prepare, Scaling, Table,
    columns::MOST_CELLS,
    csv::Options,
    files::Files,
    statistics::{FEW, FEW_ANSWERS, Statistics},
};
use crate::{Result, error::Error};

/// Bytes that are looked at, of the text and of its cells.
const LOOKED_AT: u64 = 16 << 20;
/// A column that has more words than this in what was looked at has new ones in the rest, too.
const MANY_WORDS: usize = 1000;
/// Inputs of a column of words, about, where they cannot be learnt yet.
const OF_WORDS: usize = 51;

/// What a table in memory would be, by its first rows.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// Bytes of the table, its words, and of the inputs made from it.
    pub bytes: u64,
    /// Rows.
    pub rows: usize,
    /// Inputs that a row becomes.
    pub inputs: usize,
    /// The columns' names.
    pub names: Vec<String>,
}

impl Estimate {
    /// Reads the beginning of a table in these files. `inputs` is given these rows and the number of
    /// all, and says how many inputs each becomes: [`Prepare::width_of`], or what a model has.
    ///
    /// # Errors
    /// As [`Table::read_files`].
    pub fn of(
        paths: &[PathBuf],
        options: &Options,
        inputs: impl FnOnce(Table, usize) -> usize,
    ) -> Result<Self> {
        let files = Files::open(paths, options)?;
        let mut table = files.table();
        let mut share = 1.0;
        let ended = files.each(&mut table, 2, |table, read, at, of| {
            table.append(read);
            share = (at as f64 / of.max(1) as f64).clamp(1e-6, 1.0);
            match at >= LOOKED_AT || table.bytes() >= LOOKED_AT {
                true => Err(Error::data("enough")),
                false => Ok(()),
            }
        });
        if table.rows() == 0 {
            ended?;
            let what = "there are no rows under the header";
            return Err(Error::data(format!("{}: {what}", table.source)));
        }
        // What is wrong with a row is told when all are read.
        let words: f64 = table.heads.iter().map(|head| head.bytes_of_all_words(share)).sum();
        table.finish();
        let rows = (table.rows() as f64 / share) as usize;
        let (cells, names) = (table.bytes() as f64 / share, table.column_names());
        let inputs = inputs(table, rows);
        let bytes = (cells + words + 4.0 * rows as f64 * inputs as f64) as u64;
        Ok(Self { bytes, rows, inputs, names })
    }
}

impl Head {
    /// Bytes of the words in all rows, of which these are such a share.
    fn bytes_of_all_words(&self, share: f64) -> f64 {
        let bytes = self.bytes_of_words() as f64;
        let n = self.words.len();
        if n <= MANY_WORDS {
            return bytes;
        }
        bytes * (1.0 / share).min(MOST_WORDS as f64 / n as f64)
    }
}

impl Prepare {
    /// Estimates how many inputs each of so many rows becomes, from these, which are the first of them.
    pub fn width_of(mut self, mut table: Table, rows: usize) -> usize {
        let trained = rows as f64 * (1.0 - self.test) * (1.0 - self.validation);
        if self.scaling == Scaling::Piecewise
            && trained * table.heads.len() as f64 > MOST_CELLS as f64
        {
            self.scaling = Scaling::Standard;
        }
        table.settle_letters(|_| true);
        let column = |head: &Head| 1 + head.true_words().len().min(OF_WORDS);
        let about = table.heads.iter().map(column).sum();
        // Rows that pose no question alone may do so with the others.
        self.learnt_width(table).unwrap_or(about)
    }

    fn learnt_width(&self, table: Table) -> Result<usize> {
        let targets = self.places(&table)?;
        let is_target = |column: usize| targets.contains(&column);
        let all = Statistics::gather(&table, FEW_ANSWERS, is_target, |_| true);
        let (question, _) = self.question(&table, &targets, &all)?;
        let (dates, _) = self.dates(&table, &question);
        let table = table.with_dates(&dates);
        let all = Statistics::gather(&table, FEW, |_| true, |_| true);
        Ok(self.learn(&table, &question, &all, &dates).width())
    }
}
