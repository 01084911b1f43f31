//! A table's rows as samples of a question that is known: a model's.

use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

use super::{
    Column, ColumnKind, Columns, OddCells, Table, csv, encoder::encode, files::Files, list,
    question::Question,
};
use crate::{
    Dataset, Features, Meaning, Result, Storage, Targets, Task,
    data::streamed::{Progress, goes_on},
    error::Error,
};

impl Columns {
    /// Another table's rows as samples of the same question, as a test wants them.
    ///
    /// # Errors
    /// Columns that do not match; an answer or a word the model does not know.
    pub fn dataset(&self, table: Table, task: Task, names: &[String]) -> Result<Dataset> {
        self.weighted_dataset(table, task, names, None)
    }

    /// [`Columns::dataset`] whose rows count so much each.
    ///
    /// # Errors
    /// As [`Columns::dataset`]; not a weight a row.
    pub fn weighted_dataset(
        &self,
        table: Table,
        task: Task,
        names: &[String],
        weights: Option<&[f32]>,
    ) -> Result<Dataset> {
        let source = table.source.clone();
        let made = self.dataset_of_answered(table, task, names, weights)?;
        made.ok_or_else(|| {
            let targets = list(self.targets.iter().map(String::as_str));
            Error::data(format!("{source}: no row has the target {targets}"))
        })
    }

    /// The same; None if no row has a target.
    fn dataset_of_answered(
        &self,
        mut table: Table,
        task: Task,
        names: &[String],
        weights: Option<&[f32]>,
    ) -> Result<Option<Dataset>> {
        if task == Task::Number {
            table.settle_letters(|name| self.targets.iter().any(|target| target == name));
        }
        table.read_as(&self.written)?;
        let table = table.with_dates(&self.dates);
        let numbers = self.inputs.iter().filter(|c| matches!(c.kind, ColumnKind::Number { .. }));
        let places = table.places();
        for Column { name, .. } in numbers {
            let head = places.get(&**name).map(|place| &table.heads[*place]);
            if let Some(line) = head.and_then(|head| head.firsts.name) {
                let what = "leading zeros, or more digits than a number holds, make it a name, \
                            and the model knows numbers there";
                return Err(Error::at(&table.source, line, Some(name), what));
            }
        }
        let places = self.targets.iter().map(|name| table.column(name)).collect::<Result<_>>()?;
        let question = Question::known(&table, places, task, names.to_vec());
        let rows = question.answered(&table);
        if rows.is_empty() {
            return Ok(None);
        }
        let targets = question.targets(&table, &self.origins, &rows)?;
        let weights = weights.map(|all| pick_weights(&table, all, &rows)).transpose()?;
        let mut wanted = vec![false; table.rows()];
        rows.iter().for_each(|row| wanted[*row as usize] = true);
        let ([inputs], odd) = encode(table, self, |row| wanted[row].then_some(0))?;
        let made = dataset(inputs, odd, &Arc::new(self.clone()), targets)?;
        match weights {
            Some(weights) => made.weighted(weights).map(Some),
            None => Ok(Some(made)),
        }
    }
}

impl Meaning {
    /// A table's rows as samples of this model's question.
    ///
    /// # Errors
    /// As [`Columns::dataset`]; a model that was not trained on a table.
    pub fn dataset(&self, table: Table) -> Result<Dataset> {
        let columns = self.columns.as_ref().ok_or_else(|| {
            Error::data(format!(
                "{}: the model was not trained on a table and knows no columns",
                table.source
            ))
        })?;
        columns.dataset(table, self.task, &self.names)
    }

    /// Checks that the beginning of a table in these files is samples of this model's question.
    ///
    /// # Errors
    /// As [`Meaning::dataset`] and [`Table::read_files`], of the first rows of the first file.
    pub fn check_beginning(&self, paths: &[PathBuf], options: &csv::Options) -> Result<()> {
        let mut checked = false;
        let go_on = &mut |_, _| ControlFlow::Continue(());
        let done = self.datasets_of(Files::open(paths, options)?, go_on, |_| {
            checked = true;
            Err(Error::Stopped("the beginning is read".into()))
        });
        if checked { Ok(()) } else { done }
    }

    /// The rows of a table in these files as samples of this model's question, some megabytes after the
    /// other, each given to `each`: memory does not grow with the files. `progress` is told how
    /// much of how much is read, and says whether to go on.
    ///
    /// # Errors
    /// As [`Meaning::dataset`] and [`Table::read_files`]; those of `each`; [`Error::Stopped`].
    pub fn datasets(
        &self,
        paths: &[PathBuf],
        options: &csv::Options,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
        each: impl FnMut(Dataset) -> Result<()>,
    ) -> Result<()> {
        // What was given to `each` cannot be taken back: the encoding must be known before.
        self.datasets_of(Files::open_known(paths, options)?, progress, each)
    }

    fn datasets_of(
        &self,
        files: Files,
        progress: &mut Progress,
        mut each: impl FnMut(Dataset) -> Result<()>,
    ) -> Result<()> {
        let Some(columns) = &self.columns else {
            return Err(Error::data("the model was not trained on a table and knows no columns"));
        };
        let none = files.table();
        let mut give = |mut table: Table| {
            table.finish();
            match columns.dataset_of_answered(table, self.task, &self.names, None)? {
                Some(data) => each(data),
                None => Ok(()),
            }
        };
        let mut some = none.clone();
        files.each(&mut none.clone(), AHEAD, |_, read, at, of| {
            some.append(read);
            goes_on(progress(at, of))?;
            if some.bytes() < TOGETHER {
                return Ok(());
            }
            give(std::mem::replace(&mut some, none.clone()))
        })?;
        if some.rows() > 0 { give(some) } else { Ok(()) }
    }
}

/// Bytes of cells that are made samples of in one go, and blocks of text that may wait besides.
const TOGETHER: u64 = 1 << 20;
const AHEAD: usize = 4;

/// The weights of these rows, of all rows' weights.
pub(super) fn pick_weights(table: &Table, all: &[f32], rows: &[u32]) -> Result<Vec<f32>> {
    if all.len() != table.rows() {
        let (source, n, weights) = (&table.source, table.rows(), all.len());
        return Err(Error::data(format!("{source}: {n} rows but {weights} weights")));
    }
    Ok(rows.iter().map(|row| all[*row as usize]).collect())
}

pub(super) fn dataset(
    inputs: Vec<f32>,
    odd: OddCells,
    columns: &Arc<Columns>,
    targets: Targets,
) -> Result<Dataset> {
    let features = Features::new(Storage::F32(inputs), &[columns.width()])?;
    let features = features.with_columns(Arc::clone(columns)).with_odd_cells(odd);
    match &targets {
        Targets::Numbers { values, .. } if values.iter().any(|y| y.is_nan()) => {
            Dataset::with_missing_targets(features, targets)
        }
        _ => Dataset::new(features, targets),
    }
}

/// Some of the rows of a larger dataset, of which a target may be missing in all of them.
pub(super) fn dataset_of_part(
    inputs: Storage,
    columns: &Arc<Columns>,
    targets: Targets,
) -> Result<Dataset> {
    let features = Features::new(inputs, &[columns.width()])?;
    Dataset::of_part(features.with_columns(Arc::clone(columns)), targets)
}
