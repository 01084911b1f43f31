//! Tables larger than memory: their rows are read once into a file beside the run, and from there
//! portion by portion while a network trains.
//!
//! ```text
//! files ──▶ Store (four bytes a cell, on disk) ──▶ statistics, Columns: of all training rows, as in memory
//!                    │                         └▶ sample, validation, test: Datasets in memory
//!                    └▶ TableRows: the source of StreamedRows
//! ```
//! What is learnt of the columns is learnt from all training rows and exactly, but for quantiles and medians,
//! which are of 100,000 evenly spaced rows, as they are in memory. Leaks and other things
//! that look wrong are sought in the sample.

mod estimate;
mod rows;
mod store;
mod stored;

use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

pub use estimate::Estimate;

use self::{rows::TableRows, stored::Stored};
use super::{
    Chunk, Columns, Prepare, Prepared, Table,
    csv::Options,
    prepare::{Learnt, Rows},
    question::Question,
    split::{Part, Way},
    statistics::{FEW, FEW_ANSWERS, Gathered},
    suspect,
};
use crate::{
    Result,
    data::streamed::{Bounds, Division, Progress, Side, StreamedRows, goes_on, size_of_part},
    error::Error,
    network::thousands,
};

/// The most rows of the sample.
const MOST_SAMPLED: usize = 100_000;
/// A table that is read portion by portion, and what is in memory of it.
#[derive(Clone)]
pub struct Streamed {
    /// The training rows.
    pub rows: StreamedRows,
    /// In memory: as `train` a sample of the training rows, the validation and the test part, and
    /// what was decided about the table.
    pub prepared: Prepared,
}

impl Prepare {
    /// Does the same as [`Prepare::of`] for the table in these files, which need not fit into
    /// memory. The parts are chosen row by row, by chance; those for validation and test are at
    /// most so large that they fit. `progress` is told how much of how much is read, and says whether to
    /// go on, also while the rows are passed over again.
    ///
    /// # Errors
    /// As [`Prepare::of`] and [`Table::read_files`]; the memory is too little; groups, times,
    /// folds and weights, which need all rows in memory; [`Error::Stopped`].
    pub fn stream(
        self,
        paths: &[PathBuf],
        options: &Options,
        bounds: &Bounds,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Streamed> {
        self.check_streamed()?;
        bounds.check()?;
        let stored = Stored::read(paths, options, bounds, progress)?;
        self.of_stored(stored, bounds.memory, progress)
    }

    fn check_streamed(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::invalid(format!("{what} in memory")));
        if self.way != Way::Chance {
            return wrong("rows that stay together, or are divided in time, must all be");
        }
        if self.fold.is_some() {
            return wrong("the rows of folds must all be");
        }
        if self.weight.is_some() || self.weights.is_some() {
            return wrong("rows with weights must all be");
        }
        Ok(())
    }

    fn of_stored(self, stored: Stored, memory: u64, progress: &mut Progress) -> Result<Streamed> {
        let targets = self.places(&stored.table)?;
        let all = stored.statistics(FEW_ANSWERS, |column| targets.contains(&column), progress)?;
        let mut said = vec![stored.table.about()];
        said.extend(stored.table.passed_over());
        let (question, asked) = self.question(&stored.table, &targets, &all)?;
        said.extend(asked);
        let origins = match self.scaling {
            super::Scaling::None => Vec::new(),
            _ => question.origins(&all),
        };
        let (dates, of_dates) = self.dates(&stored.table, &question);
        let stored = stored.with_dates(&dates);
        said.extend(of_dates);

        let cells = stored.table.heads.len() as u64;
        // Raw, and later as inputs.
        let most = (memory / 8 / (8 * cells)).max(1) as f64;
        let rows = stored.table.rows() as f64;
        let capped = |fraction: f64| fraction.min(0.4 * most / rows);
        let division = Division {
            seed: self.seed,
            test: capped(self.test),
            validation: capped(self.validation),
        };
        let share = (MOST_SAMPLED as f64).min(0.2 * most) / rows;
        let Passed { counts, mut kept, statistics, unanswered } =
            pass_over(&stored, &question, &division, share, progress)?;
        if unanswered > 0 {
            said.push(format!("{unanswered} rows have no target and are passed over"));
        }
        let trained = counts.iter().sum();
        if trained == 0 || kept.rows() == 0 {
            return Err(Error::data("there are no rows to train on"));
        }
        let learnt = self.learn(&stored.table, &question, &statistics, &dates);
        let columns = Arc::new(Columns { origins, dates, ..learnt });
        said.extend(columns.lines_of_left_out());
        columns.check_inputs(&stored.table.source)?;
        let width = columns.width() as u64;
        let most = memory as f64 / 8.0 / (4.0 * width as f64);
        let found = [Part::Test, Part::Validation].map(|part| kept.count(part));
        kept.thin(|part| match part {
            Part::Train | Part::None => (0.2 * most) as usize,
            Part::Validation | Part::Test => (0.4 * most) as usize,
        });
        let asked = [
            ("test", Part::Test, self.test, division.test),
            ("validation", Part::Validation, self.validation, division.validation),
        ];
        for ((what, part, asked, is), found) in asked.into_iter().zip(found) {
            said.extend(size_of_part(what, asked, is, found, kept.count(part)));
        }
        let Kept { table, parts, .. } = kept;
        suspect::check_case(&table, &question, &self.ask)?;
        let (answers, answered) = question.read(&table, &columns.origins)?;
        let rows_of = Rows { answers, rows: answered, parts, weights: None };
        let learnt = Learnt { columns, question, statistics };
        let mut prepared = self.made(table, &learnt, rows_of, said)?;
        let sampled = thousands(prepared.train.len());
        prepared.said.push(format!(
            "streamed: {} rows to train on; what looks wrong was sought in {sampled} of them",
            thousands(trained)
        ));
        let Learnt { columns, question, .. } = learnt;
        let portion = (memory / 8 / (4 * width + 8)).max(1) as usize;
        let source = TableRows { stored, question, columns, division };
        Ok(Streamed { rows: StreamedRows::new(Box::new(source), counts, portion), prepared })
    }
}

/// What is found in the pass over all rows.
struct Passed {
    /// The training rows of each piece.
    counts: Vec<usize>,
    kept: Kept,
    statistics: Vec<super::statistics::Statistics>,
    /// Rows without a target.
    unanswered: usize,
}

/// Rows that stay in memory, and where each goes.
struct Kept {
    table: Table,
    chunk: Chunk,
    parts: Vec<Part>,
}

impl Kept {
    fn rows(&self) -> usize {
        self.parts.len()
    }

    /// The rows of a part.
    fn count(&self, part: Part) -> usize {
        self.parts.iter().filter(|of| **of == part).count()
    }

    /// Leaves at most so many rows of each part, evenly spaced, and at least one.
    fn thin(&mut self, most: impl Fn(Part) -> usize) {
        let mut rows: Vec<usize> = Vec::new();
        for part in [Part::Train, Part::Validation, Part::Test] {
            let (all, most) = (self.count(part), most(part).max(1));
            let of_part = (0..self.rows()).filter(|row| self.parts[*row] == part);
            let stays = |i: usize| all <= most || (i + 1) * most / all > i * most / all;
            rows.extend(of_part.enumerate().filter(|(i, _)| stays(*i)).map(|(_, row)| row));
        }
        if rows.len() == self.rows() {
            return self.table.set_rows(std::mem::take(&mut self.chunk));
        }
        rows.sort_unstable();
        let mut chunk = Chunk::default();
        chunk.append_rows(&self.chunk, rows.iter().copied(), self.table.heads.len());
        self.parts = rows.iter().map(|row| self.parts[*row]).collect();
        self.chunk = Chunk::default();
        self.table.set_rows(chunk);
    }
}

/// Passes over all rows once: counts those to train on, gathers their statistics, and keeps the
/// rows of the other parts and a share of these.
fn pass_over(
    stored: &Stored,
    question: &Question,
    division: &Division,
    share: f64,
    progress: &mut Progress,
) -> Result<Passed> {
    let heads = &stored.table.heads;
    let places: Vec<usize> = (0..heads.len()).collect();
    let mut gathered = Gathered::new(heads, stored.table.rows(), FEW);
    let mut counts = Vec::new();
    let mut kept = Kept { table: stored.table.clone(), chunk: Chunk::default(), parts: Vec::new() };
    let mut unanswered = 0;
    stored.each(&mut stored.table.clone(), |first, table| {
        goes_on(progress(1, 1))?;
        let answered = question.answered(table);
        unanswered += table.rows() - answered.len();
        let mut parts = vec![Part::None; table.rows()];
        for row in &answered {
            parts[*row as usize] = match division.side(first + *row as usize) {
                Side::Train => Part::Train,
                Side::Validation => Part::Validation,
                Side::Test => Part::Test,
            };
        }
        let trained = |row: usize| parts[row - first] == Part::Train;
        counts.push(parts.iter().filter(|part| **part == Part::Train).count());
        let chunk = &table.chunks[0];
        gathered.add(heads, &places, chunk, first, &trained);
        let stays = |row: &usize| match parts[*row] {
            Part::None => false,
            Part::Train => division.is_sampled(first + row, share),
            Part::Validation | Part::Test => true,
        };
        let staying: Vec<usize> = (0..table.rows()).filter(stays).collect();
        kept.parts.extend(staying.iter().map(|row| parts[*row]));
        kept.chunk.append_rows(chunk, staying, heads.len());
        Ok(())
    })?;
    Ok(Passed { counts, kept, statistics: gathered.done(), unanswered })
}
