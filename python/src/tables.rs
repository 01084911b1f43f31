//! Tables to learn from, prepared as the program prepares them.

use pyo3::prelude::*;
use reshet::{
    Error, Model, Recipe, Result,
    data::table::{Ask, Prepare, Prepared, Table, csv, seen},
};

use crate::{
    arrays::floats,
    frames::{Dialect, Source},
    model::columns_of,
    python,
};

/// The part of the rows to test on if nothing is said, as the program has it.
const TEST: f64 = 0.2;

/// A table, and what is asked of it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct TableRequest<'py> {
    table: Source<'py>,
    target: Vec<String>,
    drop: Vec<String>,
    only: Vec<String>,
    missing: Option<Vec<String>>,
    positive: Option<String>,
    scaling: Option<String>,
    group: Option<String>,
    time: Option<String>,
    test: Option<Test<'py>>,
    weights: Option<Weights<'py>>,
    /// Of the files among them.
    dialect: Dialect,
}

/// What is tested on.
#[derive(FromPyObject)]
enum Test<'py> {
    Fraction(f64),
    Table(Source<'py>),
}

/// How much each row counts.
#[derive(FromPyObject)]
enum Weights<'py> {
    Column(String),
    Rows(Bound<'py, PyAny>),
}

/// What is learnt from.
pub struct Learnt {
    pub parts: Prepared,
    /// Training samples by which a recipe is chosen.
    pub samples: usize,
    /// What the data is called.
    pub name: String,
}

impl TableRequest<'_> {
    /// Whether chance alone divides the rows.
    pub fn is_by_chance(&self) -> bool {
        self.group.is_none() && self.time.is_none()
    }

    /// Whether it is open how numbers become inputs.
    pub fn leaves_scaling(&self) -> bool {
        self.scaling.is_none()
    }

    /// Reads and prepares the table. `chooses`: whether sets of defaults are tried.
    pub fn read(&self, py: Python, recipe: &Recipe, chooses: bool) -> PyResult<Learnt> {
        let asked = self.target.iter().chain(&self.drop).chain(&self.only);
        let split = self.group.iter().chain(&self.time);
        let targets = asked.chain(split).chain(self.weight_column()).cloned().collect();
        let missing = self.missing.clone();
        let options = csv::Options { targets, missing, ..Default::default() };
        let table = self.table.read(py, &self.dialect.over(options))?;
        let ask = Ask {
            task: recipe.asked_task(),
            positive: self.positive.clone(),
            is: None,
            amounts: recipe.gives_one_number(),
        };
        let mut prepare = Prepare::new()
            .ask(ask)
            .keep_columns(recipe.net.is_some())
            .seed(recipe.seed.unwrap_or(0));
        let scaling = match &self.scaling {
            Some(name) => name.parse().map_err(python)?,
            None => recipe.scaling(),
        };
        let tries_pieces = chooses && self.leaves_scaling() && recipe.is_open();
        prepare = prepare.scaling(scaling).try_pieces(tries_pieces);
        prepare = self.target.iter().fold(prepare, Prepare::target);
        prepare = self.drop.iter().fold(prepare, Prepare::drop);
        prepare = self.only.iter().fold(prepare, Prepare::only);
        prepare = self.group.iter().fold(prepare, Prepare::group);
        prepare = self.time.iter().fold(prepare, Prepare::time);
        match &self.weights {
            Some(Weights::Column(name)) => prepare = prepare.weight(name),
            Some(Weights::Rows(weights)) => prepare = prepare.weights(floats(py, weights)?),
            None => {}
        }
        let fraction = self.test_fraction();
        if let Some(Test::Table(source)) = &self.test {
            let columns = table.names().into_iter().map(String::from).collect();
            let (written, missing) = (table.written(), self.missing.clone());
            let options = csv::Options { written, columns, missing, ..Default::default() };
            prepare = prepare.test_table(source.read(py, &self.dialect.over(options))?);
        }
        let validation = recipe.validation.unwrap_or(0.0);
        check_parts(validation, fraction).map_err(python)?;
        let samples = (table.rows() as f64 * (1.0 - fraction)) as usize;
        let prepare = prepare.test(fraction).validation(validation);
        let parts = py.detach(|| prepare.of(table)).map_err(python)?;
        Ok(Learnt { parts, samples, name: self.table.name() })
    }

    /// Reads the table as a model knows it that is to go on learning.
    pub fn of_model(&self, py: Python, model: &Model, recipe: &Recipe) -> PyResult<Learnt> {
        let columns = columns_of(model).map_err(python)?;
        self.check_for_model(&columns.targets).map_err(python)?;
        let weights = match &self.weights {
            Some(Weights::Rows(weights)) => Some(floats(py, weights)?),
            _ => None,
        };
        let options = self.dialect.over(columns.options());
        let table = self.table.read(py, &options)?;
        let tested = match &self.test {
            Some(Test::Table(source)) => Some(source.read(py, &options)?),
            _ => None,
        };
        let (validation, fraction) = (recipe.validation.unwrap_or(0.0), self.test_fraction());
        check_parts(validation, fraction).map_err(python)?;
        let samples = (table.rows() as f64 * (1.0 - fraction)) as usize;
        let (meaning, seed) = (model.meaning(), recipe.seed.unwrap_or(0));
        let parts = py.detach(|| -> Result<Prepared> {
            let read = |table: Table, weights: Option<&[f32]>| {
                columns.weighted_dataset(table, meaning.task, &meaning.names, weights)
            };
            let tested = tested.map(|table| read(table, None)).transpose()?;
            let data = read(table, weights.as_deref())?;
            let split = |data: reshet::Dataset, part: f64| match part {
                0.0 => Ok::<_, Error>((data, None)),
                part => data.split(part, seed).map(|(rest, part)| (rest, Some(part))),
            };
            let (data, test) = split(data, fraction)?;
            let (train, validation) = split(data, validation)?;
            let (said, warnings) = Default::default();
            let test = test.or(tested);
            Ok(Prepared { train, validation, test, said, warnings, tries_pieces: false })
        });
        Ok(Learnt { parts: parts.map_err(python)?, samples, name: self.table.name() })
    }

    fn weight_column(&self) -> Option<&String> {
        if let Some(Weights::Column(name)) = &self.weights { Some(name) } else { None }
    }

    fn test_fraction(&self) -> f64 {
        match self.test {
            None => TEST,
            Some(Test::Fraction(part)) => part,
            Some(Test::Table(_)) => 0.0,
        }
    }

    /// Whether all that is asked is what the model was asked.
    fn check_for_model(&self, targets: &[String]) -> Result<()> {
        let same = |(asked, known): (&String, &String)| *asked == seen(known);
        let all = self.target.len() == targets.len() && self.target.iter().zip(targets).all(same);
        if !self.target.is_empty() && !all {
            let (asked, known) = (self.target.join(", "), targets.join(", "));
            let what = format!("target: {asked}; the model to start from predicts {known}");
            return Err(Error::Invalid(what));
        }
        let own = [
            ("drop", !self.drop.is_empty()),
            ("only", !self.only.is_empty()),
            ("missing", self.missing.is_some()),
            ("positive", self.positive.is_some()),
            ("scaling", self.scaling.is_some()),
        ];
        if let Some((name, _)) = own.iter().find(|(_, given)| *given) {
            let what = "the model to start from knows its columns; leave it out";
            return Err(Error::Invalid(format!("{name}: {what}")));
        }
        if let Some(name) = self.weight_column() {
            let what = format!("sample_weight: give the numbers of \"{name}\" themselves here");
            return Err(Error::Invalid(what));
        }
        Ok(())
    }
}

fn check_parts(validation: f64, test: f64) -> Result<()> {
    for (name, part) in [("validation", validation), ("test", test)] {
        if !(0.0..1.0).contains(&part) {
            let what = format!("{name}: a part is a fraction from 0 to 1, not {part}");
            return Err(Error::Invalid(what));
        }
    }
    Ok(())
}
