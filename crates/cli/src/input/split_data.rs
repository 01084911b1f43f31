//! What `train` learns from: training, validation and test part of any data.

use std::{collections::BTreeMap, fmt::Display, path::Path};

use reshet::{
    Dataset, Error, Recipe, Result, Table, Task,
    data::table::{Prepare, Prepared, Scaling, Streamed, StreamedRows, Written, csv},
    recipe::Defaults,
};

use crate::{
    input::{
        arrays,
        source::{Reading, Source},
        streaming::{self, Plan},
        table,
    },
    settings::{Settings, recipe::filled_in, table::refuse},
    terminal::note,
};

/// Data, split into a training, a validation and a test part.
#[derive(Clone)]
pub struct SplitData {
    /// What is trained where nothing was said.
    pub defaults: Defaults,
    /// What the run is called after.
    pub name: String,
    pub train: Dataset,
    pub validation: Option<Dataset>,
    pub test: Option<Dataset>,
    /// What was decided about a table, a line each.
    pub said: Vec<String>,
    /// What looks wrong in it.
    pub warnings: Vec<String>,
    /// What was filled in by the kind of data where nothing was said.
    pub chosen: Option<String>,
    /// The rows to train on, if they are not in memory; `train` is then a sample of them.
    pub streamed: Option<StreamedRows>,
    /// See [`Prepared::tries_pieces`].
    pub tries_pieces: bool,
}

impl SplitData {
    /// Reads and splits the data; fills in what the flags leave open.
    /// `fold`: to test on fold k of so many instead.
    pub fn read(args: &mut Settings, fold: Option<(usize, usize)>) -> anyhow::Result<Self> {
        let asked = args.recipe.0.clone();
        let split = Self::split(args, fold)?;
        split.completed(args, asked)
    }

    /// [`SplitData::read`], but a table that does not fit into memory is streamed.
    pub fn read_or_stream(args: &mut Settings) -> anyhow::Result<Self> {
        let path = Path::new(args.data());
        if args.targets.is_none() && table::is_table(path) && table::is_there(path) {
            let options = args.table.options();
            let asked = args.clone();
            let files = table::files(args.paths())?;
            let inputs = |table: Table, rows| width(&asked, table, rows);
            if let Some(plan) = streaming::plan(&asked, files.clone(), &options, inputs)? {
                return Self::of_plan(args, &plan, &options);
            }
            let error = match Self::read(args, None) {
                Err(error) if is_of_memory(&error) => error,
                done => return done,
            };
            *args = asked.clone();
            let Some(plan) = streaming::plan_after_all(&asked, files, &options, inputs)? else {
                return Err(error);
            };
            note(&format!("{error:#}"));
            return Self::of_plan(args, &plan, &options);
        }
        let asked = args.recipe.0.clone();
        if let Some(split) = arrays::split(args)? {
            return split.completed(args, asked);
        }
        let path = Path::new(args.data());
        if let (Some(size), false) = (args.memory, arrays::is_array(path)) {
            if !path.exists() {
                // That there is no such file comes first.
                Self::read(&mut args.clone(), None)?;
            }
            let data = args.data();
            let what = format!("--memory {size} goes with tables and arrays, not with {data}");
            return Err(Error::Invalid(what).into());
        }
        Self::read(args, None)
    }

    fn of_plan(args: &mut Settings, plan: &Plan, options: &csv::Options) -> anyhow::Result<Self> {
        let asked = args.recipe.0.clone();
        Self::of_stream(args, plan, options)?.completed(args, asked)
    }

    /// What was prepared; `streamed`: all rows, if it holds but a sample of them.
    pub fn of_prepared(
        prepared: Prepared,
        defaults: Defaults,
        name: String,
        streamed: Option<StreamedRows>,
    ) -> Self {
        let Prepared { train, validation, test, said, warnings, tries_pieces } = prepared;
        let chosen = None;
        Self {
            defaults,
            name,
            train,
            validation,
            test,
            said,
            warnings,
            chosen,
            streamed,
            tries_pieces,
        }
    }

    /// Takes the numbers of a table without their pieces, unless they come so by this scaling.
    pub fn settle_pieces(&mut self, scaling: Option<Scaling>) {
        let in_vain = self.tries_pieces && scaling != Some(Scaling::PiecewiseAlways);
        if !in_vain && scaling != Some(Scaling::Standard) {
            return;
        }
        let others = [&mut self.validation, &mut self.test].into_iter().flatten();
        [&mut self.train].into_iter().chain(others).for_each(Dataset::drop_pieces);
    }

    /// The number of rows to train on.
    pub fn trained(&self) -> usize {
        self.streamed.as_ref().map_or(self.train.len(), StreamedRows::len)
    }

    /// Fills in what the flags leave open.
    fn completed(mut self, args: &mut Settings, asked: Recipe) -> anyhow::Result<Self> {
        let trained = self.trained();
        let split = &mut self;
        let recipe = &mut args.recipe.0;
        // How many samples are left to train on is known only now.
        let portion = split.streamed.as_ref().map_or(trained, StreamedRows::portion);
        match asked.batch_size {
            None => recipe.batch_size = recipe.batch_size.map(|n| n.min(trained).min(portion)),
            Some(n) if n.min(trained) > portion => {
                let why = format!(
                    "{portion} rows are in memory at a time; ask for smaller batches, or for \
                     more --memory"
                );
                let (name, value) = ("batch-size", n.to_string());
                return Err(Error::Setting { name, value, why }.into());
            }
            Some(_) => {}
        }
        if split.defaults != Defaults::Plain && asked.net.is_none() {
            split.chosen = filled_in(&asked, recipe);
        }
        *recipe = recipe.resolve_sample(&split.train, trained)?;
        if args.balance {
            split.train = split.train.clone().balanced().map_err(of_flag("--balance"))?;
        }
        Ok(self)
    }

    fn split(args: &mut Settings, fold: Option<(usize, usize)>) -> anyhow::Result<Self> {
        let path = Path::new(args.data());
        let there = table::is_there(path);
        if args.targets.is_none() && table::is_table(path) && there {
            if args.names.is_some() {
                let what = "--names: the classes of a table are called as its cells are";
                return Err(Error::Invalid(what.into()).into());
            }
            return Ok(Self::of_table(args, fold)?);
        }
        table::refuse_more(args.data(), args.paths().nth(1))?;
        if !there && args.data() != "mnist" && args.table.given().is_some() {
            return Err(table::not_there(path).into());
        }
        refuse_table_flags(args)?;
        let form = args.pictures.form();
        let reading = Reading { targets: args.targets.as_deref(), scale: !args.no_scale, form };
        let source = Source::open(args.data(), &reading)?;
        source.check_classes()?;
        let source = asked(args, source, path)?;
        let Source { defaults, name, train, test, from_folder } = source;
        if from_folder {
            args.pictures.resolve(train.features());
        }
        let seed = args.recipe.seed.unwrap_or(0);
        let (train, test) = match (fold, args.folds) {
            (Some((k, folds)), _) => {
                let (train, test) = train.fold(k, folds, seed)?;
                (train, Some(test))
            }
            (None, Some(_)) => (train, test),
            _ => test_part(train, test, args.test_fraction, seed)?,
        };
        args.recipe.0 = args.recipe.resolve_for(defaults, train.len());
        let (train, validation) = match args.recipe.validation {
            Some(fraction) if fraction != 0.0 => {
                let parts = train.split(fraction, seed);
                let (train, validation) = parts.map_err(of_flag("--validation"))?;
                (train, Some(validation))
            }
            _ => (train, None),
        };
        let (said, warnings) = Default::default();
        let prepared = Prepared { train, validation, test, said, warnings, tries_pieces: false };
        Ok(Self::of_prepared(prepared, defaults, name, None))
    }

    fn of_table(args: &mut Settings, fold: Option<(usize, usize)>) -> Result<Self> {
        let path = Path::new(args.data()).to_path_buf();
        let table = table::read_together(&path, args.paths().skip(1), args.table.options())?;
        let written = table.written();
        let tries_pieces = args.tries_pieces();
        let mut prepare = prepared(args, &table.names()).try_pieces(tries_pieces);
        prepare = args.time.iter().fold(prepare, Prepare::time);
        let mut test = args.test_fraction.unwrap_or(TEST);
        if args.folds.is_some() {
            test = 0.0;
        }
        if let Some((k, folds)) = fold {
            prepare = prepare.fold(k, folds);
        }
        if let Some(tested) = test_table(args, table.names(), written)? {
            prepare = prepare.test_table(tested);
            test = 0.0;
        }
        let samples = (table.rows() as f64 * (1.0 - test)) as usize;
        let validation = validation_part(args, samples);
        check_fractions(validation, test)?;
        let parts = prepare.test(test).validation(validation).of(table)?;
        let defaults = Defaults::of_table(parts.train.targets());
        args.recipe.0 = args.recipe.resolve_for(defaults, samples);
        Ok(Self::of_prepared(parts, defaults, table::name(&path), None))
    }

    fn of_stream(args: &mut Settings, plan: &Plan, options: &csv::Options) -> Result<Self> {
        // As it is resumed.
        args.memory = Some(plan.memory);
        let names: Vec<&str> = plan.estimate.names.iter().map(String::as_str).collect();
        let mut prepare = prepared(args, &names);
        let mut test = args.test_fraction.unwrap_or(TEST);
        if let Some(file) = &args.test {
            test = 0.0;
            let options = test_options(args, names, BTreeMap::new())?;
            // A larger one is tested block by block, when there is a model.
            if plan.holds(&table::files([file.as_path()])?, &options)? {
                prepare = prepare.test_table(table::read(file, options)?);
            }
        }
        // How many rows there are is known only when they are read.
        let validation = validation_part(args, plan.estimate.rows);
        check_fractions(validation, test)?;
        let streamed = plan.read(prepare.test(test).validation(validation), options, args);
        let Streamed { rows, prepared } = streamed.map_err(of_flag("--memory"))?;
        let defaults = Defaults::of_table(prepared.train.targets());
        let name = table::name(Path::new(args.data()));
        args.recipe.0 = args.recipe.resolve_for(defaults, rows.len());
        Ok(Self::of_prepared(prepared, defaults, name, Some(rows)))
    }
}

/// Refuses flags that only tables know.
pub fn refuse_table_flags(args: &Settings) -> anyhow::Result<()> {
    refuse(&args.table, args.data())?;
    if args.time.is_some() {
        let what = format!("--time goes with a table (CSV), not with {}", args.data());
        return Err(Error::Invalid(what).into());
    }
    if let Some(scaling) = args.scaling {
        let what = format!("--scaling {scaling}: only the columns of a table are scaled so");
        return Err(Error::Invalid(what).into());
    }
    if let Some(path) = &args.test {
        let what = "--test FILE goes with a table; other data brings its own test part";
        return Err(Error::Invalid(format!("{what} ({})", path.display())).into());
    }
    Ok(())
}

/// Data that is no table, with the question that is asked of it.
pub fn asked(args: &Settings, mut source: Source, path: &Path) -> anyhow::Result<Source> {
    match args.recipe.asked_task() {
        Some(Task::Classes) => {
            source = source.with_classes_of_numbers()?.named_by_the_file_beside(path)?;
        }
        Some(Task::Number) if arrays::is_array(path) => {
            source = source.with_numbers_of_classes()?
        }
        None if args.is.is_none() => source.tell_many_classes(),
        _ => {}
    }
    if let Some(names) = &args.names {
        source = source.named(names)?;
    }
    if let Some(label) = &args.is {
        source = source.is(label)?;
    }
    Ok(source)
}

/// Whether data does not fit into the memory that is free.
fn is_of_memory(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Memory(_)))
}

/// How many inputs each of so many rows becomes, by the first of them.
fn width(args: &Settings, table: Table, rows: usize) -> usize {
    let validation = validation_part(args, rows);
    let test = if args.test.is_some() { 0.0 } else { args.test_fraction.unwrap_or(TEST) };
    let prepare = prepared(&mut args.clone(), &table.names());
    prepare.test(test).validation(validation).width_of(table, rows)
}

/// The part of so many rows to validate on, which does not depend on what the targets are.
fn validation_part(args: &Settings, rows: usize) -> f64 {
    args.recipe.resolve_for(Defaults::Table, rows).validation.unwrap_or(0.0)
}

/// The part of the rows to test on, where nothing is said.
pub const TEST: f64 = 0.2;

/// What the flags say of a table with these columns.
fn prepared(args: &mut Settings, names: &[&str]) -> Prepare {
    let scaling = args.scaling();
    if !args.no_scale {
        // What was decided is kept with the run.
        args.scaling = Some(scaling);
    }
    let recipe = &args.recipe;
    let ask = args.table.ask(recipe.asked_task(), args.is.as_deref(), recipe.gives_one_number());
    let prepare = args.table.prepare(names, ask).keep_columns(recipe.net.is_some());
    prepare.scaling(scaling).seed(recipe.seed.unwrap_or(0))
}

/// The file to test on, if one is given.
fn test_table(
    args: &Settings,
    columns: Vec<&str>,
    written: BTreeMap<String, Written>,
) -> Result<Option<Table>> {
    let Some(file) = &args.test else { return Ok(None) };
    table::read(file, test_options(args, columns, written)?).map(Some)
}

/// How the file to test on is read.
fn test_options(
    args: &Settings,
    columns: Vec<&str>,
    written: BTreeMap<String, Written>,
) -> Result<csv::Options> {
    if args.test_fraction.is_some() {
        let what = "--test and --test-fraction: either a file or a part";
        return Err(Error::Invalid(what.into()));
    }
    let columns = columns.into_iter().map(String::from).collect();
    Ok(csv::Options { written, columns, ..args.table.csv.options() })
}

pub fn check_fractions(validation: f64, test: f64) -> Result<()> {
    for (flag, x) in [("--validation", validation), ("--test-fraction", test)] {
        if !(0.0..1.0).contains(&x) {
            let what = "a part must be a fraction from 0 to 1, not";
            return Err(Error::Invalid(format!("{flag}: {what} {x}")));
        }
    }
    Ok(())
}

/// Bad usage names its flag.
pub fn of_flag(flag: impl Display) -> impl FnOnce(Error) -> Error {
    move |error| match error {
        Error::Invalid(what) => Error::Invalid(format!("{flag}: {what}")),
        other => other,
    }
}

/// The test part: the data's own, or a random fraction of it; 0 for none.
fn test_part(
    train: Dataset,
    test: Option<Dataset>,
    fraction: Option<f64>,
    seed: u64,
) -> Result<(Dataset, Option<Dataset>)> {
    match (test, fraction) {
        (_, Some(0.0)) => Ok((train, None)),
        (Some(test), None) => Ok((train, Some(test))),
        (Some(_), Some(x)) => {
            let what = "the data has a test part of its own; only 0 (no test) makes sense here";
            Err(Error::Invalid(format!("--test-fraction {x}: {what}")))
        }
        (None, fraction) => {
            let parts = train.split(fraction.unwrap_or(0.2), seed);
            let hint = "--test-fraction 0 trains without a test";
            let (train, test) = parts.map_err(|e| match e {
                Error::Data(what) => Error::Data(format!("{what}; {hint}")),
                other => Error::Invalid(format!("{other}; {hint}")),
            })?;
            Ok((train, Some(test)))
        }
    }
}
