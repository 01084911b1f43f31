//! A model, and data with its answers: what `test` and `explain` are given.

use std::path::{Path, PathBuf};

use anyhow::Result;
use reshet::{
    Dataset, Error, Meaning, Model, Score, Targets, Task, Tester,
    data::table::{Columns, OddCells, csv},
    metrics::{Report, check_threshold},
};

use super::{
    arrays,
    odd::tell_odd,
    source::{Source, named},
    streaming,
    table::{self, Reading},
};
use crate::{
    run::{CHECKPOINT, NETWORKS},
    settings::{size::Size, table::Csv},
    terminal::note,
};

/// A model, and data with its answers: what `test` and `explain` are given.
#[derive(clap::Args)]
pub struct Asked {
    /// A model.safetensors that `reshet train` wrote, or its run's folder
    pub model: PathBuf,
    /// mnist, a table, a folder of pictures or of IDX files, a .npz, or with --targets a
    /// .npy or IDX file
    pub data: String,
    /// More files of the same table, with the same columns
    #[arg(value_name = "FILE")]
    more: Vec<PathBuf>,
    /// The targets that go with a .npy or IDX file, or an array in a .npz
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// Names of the classes of IDX files and arrays, as cat,dog, or a file with a name a line
    #[arg(long, value_name = "A,B,…|FILE")]
    names: Option<String>,
    #[command(flatten)]
    csv: Csv,
}

impl Asked {
    /// The data as this model knows it, the model's own question put to it, or `is`.
    pub fn dataset(&self, model: &Model, is: Option<&str>) -> Result<Dataset> {
        let (targets, meaning) = (self.targets.as_deref(), model.meaning());
        let more = &self.more[..];
        let mut data = Source::open_test(&self.data, more, targets, &self.csv, meaning)?;
        if let Some(names) = &self.names {
            data = named(&data, names)?;
        }
        tell_odd(data.features().odd_cells());
        // What the user asks may be wrong usage; what the model asks fits the data or not.
        Ok(ask(model, data, is).map_err(|e| if is.is_some() { e } else { self.unfit(e) })?)
    }

    /// Tests the model on a table that does not fit into memory, block by block; None if it fits,
    /// or is no table. The threshold and the coverage are the report's. `memory`: what the rows
    /// may take.
    pub fn streamed(
        &self,
        model: &Model,
        is: Option<&str>,
        threshold: Option<f64>,
        coverage: Option<f64>,
        memory: Option<Size>,
    ) -> Result<Option<Report>> {
        let path = Path::new(&self.data);
        let paths = || [path].into_iter().chain(self.more.iter().map(PathBuf::as_path));
        let (targets, names) = (self.targets.as_deref(), self.names.as_deref());
        let tested = arrays::tested(model, paths(), targets, names, is, memory);
        if let Some(tester) = tested.map_err(|e| self.unfit_any(e))? {
            return Ok(Some(tester.report(threshold, coverage).map_err(|e| self.unfit(e))?));
        }
        let Some(columns) = model.meaning().columns.as_ref().filter(|_| table::is_table(path))
        else {
            return Ok(None);
        };
        if !table::is_there(path) {
            return Ok(None);
        }
        let options = self.csv.over(columns.options());
        let files = table::files(paths())?;
        let Some((_, estimate)) =
            streaming::within(&files, &options, memory, |_, _| columns.width())?
        else {
            return Ok(None);
        };
        let (needs, rows) = (streaming::in_words(estimate.bytes), estimate.rows);
        note(&format!(
            "about {rows} rows, which would need {needs} of memory: tested block by block; \
             answers and targets stay in memory"
        ));
        let tester = by_blocks(model, &files, &options, is).map_err(|e| self.unfit(e))?;
        Ok(Some(tester.report(threshold, coverage).map_err(|e| self.unfit(e))?))
    }

    fn unfit_any(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast::<Error>() {
            Ok(error) => self.unfit(error).into(),
            Err(error) => error,
        }
    }

    /// That the two do not go together is bad data, not bad usage.
    pub fn unfit(&self, error: Error) -> Error {
        unfit(error, &self.model, &self.data)
    }
}

/// Tests a model on a table in these files block by block.
fn by_blocks(
    model: &Model,
    files: &[PathBuf],
    options: &csv::Options,
    is: Option<&str>,
) -> reshet::Result<Tester> {
    let mut tester = model.tester()?;
    let mut odd = OddCells::default();
    let reading = Reading::new();
    let done =
        model.meaning().datasets(files, options, &mut |at, of| reading.show(at, of), |data| {
            odd += data.features().odd_cells();
            tester.add(&ask(model, data, is)?)
        });
    reading.finish();
    done.map(|()| {
        tell_odd(odd);
        tester
    })
}

/// Checks that the beginning of a table that does not fit into memory is of a question: before a
/// model is trained that is to be tested on it.
pub fn check_blocks(meaning: &Meaning, file: &Path, csv: &Csv) -> reshet::Result<()> {
    let known = meaning.columns.as_ref().map(Columns::options);
    let options = csv.over(known.unwrap_or_default());
    meaning.check_beginning(&table::files([file])?, &options)
}

/// The score of a model on a table that does not fit into memory.
pub fn score_by_blocks(model: &Model, file: &Path, csv: &Csv) -> reshet::Result<Score> {
    let shown = file.display();
    note(&format!("{shown}: tested block by block; answers and targets stay in memory"));
    let known = model.meaning().columns.as_ref().map(Columns::options);
    let options = csv.over(known.unwrap_or_default());
    let tester = by_blocks(model, &table::files([file])?, &options, None)?;
    Ok(tester.report(None, None)?.score)
}

/// Puts the model's own question (or `is`) to data with classes.
pub fn ask(model: &Model, data: Dataset, is: Option<&str>) -> reshet::Result<Dataset> {
    let meaning = model.meaning();
    match (is, meaning.task, data.targets()) {
        (Some(_), Task::Classes | Task::Number, _) => {
            let what =
                format!("--is asks a yes/no question; this model's task is {}", meaning.task);
            Err(Error::Invalid(what))
        }
        (Some(label), ..) => data.is(label),
        (None, Task::Binary, Targets::Classes { .. }) if model.network().outputs() == 1 => {
            data.is(&meaning.names[1])
        }
        _ => Ok(data),
    }
}

/// A threshold that the model has no use for is bad usage.
pub fn check(threshold: Option<f64>, model: &Model) -> Result<()> {
    let checked = threshold.map_or(Ok(()), |x| check_threshold(x, model.task()));
    Ok(checked.map_err(|e| Error::Invalid(format!("--threshold: {e}")))?)
}

/// Reads a model, or the one in a run's folder.
pub fn load(path: &Path) -> reshet::Result<Model> {
    if !path.is_dir() {
        return Model::load(path);
    }
    let model = path.join("model.safetensors");
    let begun = path.join(CHECKPOINT).is_file() || path.join(NETWORKS).is_dir();
    if !model.exists() && begun {
        let folder = path.display();
        return Err(Error::Data(format!(
            "{folder}: the run was cut off before it had a model; go on: reshet train --resume {folder}"
        )));
    }
    Model::load(model)
}

/// A model and data that do not go together: bad data, not bad usage.
pub fn unfit(error: Error, model: &Path, data: impl std::fmt::Display) -> Error {
    match error {
        Error::Invalid(what) => {
            Error::Data(format!("{data} does not fit {}: {what}", model.display()))
        }
        other => other,
    }
}
