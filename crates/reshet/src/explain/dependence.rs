//! Partial dependence: how the answer follows one column, on average over samples.

use serde::Serialize;

use super::{groups, sampled};
use crate::{
    Dataset, Device, Features, Model, Result, Storage,
    data::table::{Cell, ColumnKind, Columns},
    error::Error,
    network::did_you_mean,
};

/// The samples that are averaged over, at most.
const MOST_SAMPLES: usize = 1000;
/// The values of a number that are tried.
const PLACES: usize = 41;
/// The values of a category that are tried, at most.
const MOST_WORDS: usize = 50;

/// How the answer follows one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dependence {
    /// The column's name, or `input 3`.
    pub name: String,
    /// Its values, ascending or in the model's order.
    pub places: Vec<Place>,
}

/// The answers where a column has one value in all samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Place {
    /// The column's value.
    pub value: Value,
    /// The mean answer, one per output: probabilities (of yes; of each class) or numbers.
    pub mean: Vec<f64>,
    /// How much the effect of this value differs between samples: the standard deviation of the
    /// answer less the sample's mean over all values. 0 where each sample follows the column alike.
    pub sd: Vec<f64>,
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Of a column of numbers.
    Number(f64),
    /// Of a column of words.
    Word(String),
}

/// Computes partial dependence (Friedman 2001, "Greedy Function Approximation"): gives one column
/// each of its values in turn in all samples (at most 1,000, evenly chosen), and averages the
/// answers. Of a number, 41 values from the least to the largest of the training part; of a category,
/// its 50 commonest values.
///
/// Columns that depend on each other make samples that cannot be: believe the ends of the curve
/// less.
///
/// # Errors
/// No input is called so; the data does not have the model's inputs.
pub fn dependence(model: &Model, data: &Dataset, column: &str) -> Result<Dependence> {
    model.plan()?.check_inputs(data.features())?;
    let data = sampled(data, MOST_SAMPLES);
    let (width, outputs) = (data.width(), model.network().outputs());
    let (start, slots) = slots(model, &data, column)?;
    let mut inputs = vec![0.0; data.len() * width];
    for (row, into) in inputs.chunks_exact_mut(width).enumerate() {
        data.features().read(row, into);
    }
    let mut predictor = model.predictor(Device::best())?;
    let mut all: Vec<Vec<f32>> = Vec::new();
    for (_, values) in &slots {
        for row in inputs.chunks_exact_mut(width) {
            row[start..start + values.len()].copy_from_slice(values);
        }
        let features = Features::new(Storage::F32(inputs.clone()), data.features().shape())?;
        let mut answers = Vec::new();
        predictor.predict(&features, &mut answers)?;
        all.push(answers);
    }
    let own = means(&all);
    let values = slots.into_iter().map(|(value, _)| value);
    let place = |(value, answers): (Value, &Vec<f32>)| {
        let (mean, sd) = (0..outputs).map(|k| effect(answers, &own, k, outputs)).unzip();
        Place { value, mean, sd }
    };
    let places = values.zip(&all).map(place).collect();
    Ok(Dependence { name: column.into(), places })
}

/// The mean over all values, of each sample's outputs.
fn means(all: &[Vec<f32>]) -> Vec<f64> {
    let mut means = vec![0.0; all.first().map_or(0, Vec::len)];
    for answers in all {
        for (mean, y) in means.iter_mut().zip(answers) {
            *mean += f64::from(*y) / all.len() as f64;
        }
    }
    means
}

/// The mean of output k of so many, and the standard deviation of what is added to each sample's own.
fn effect(answers: &[f32], own: &[f64], k: usize, outputs: usize) -> (f64, f64) {
    let samples = || answers.iter().zip(own).skip(k).step_by(outputs);
    let n = samples().count() as f64;
    let mean = samples().map(|(y, _)| f64::from(*y)).sum::<f64>() / n;
    let added = || samples().map(|(y, own)| f64::from(*y) - own);
    let middle = added().sum::<f64>() / n;
    let variance = added().map(|x| (x - middle).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt())
}

/// A column's value and its inputs.
type Encoded = (Value, Vec<f32>);

/// Where the column's inputs begin, and what they are for each of its values.
fn slots(model: &Model, data: &Dataset, column: &str) -> Result<(usize, Vec<Encoded>)> {
    let groups = groups(model, data.width());
    let Some(place) = groups.iter().position(|(name, _)| name == column) else {
        let names: Vec<&str> = groups.iter().map(|(name, _)| &**name).collect();
        let hint = did_you_mean(column, &names);
        return Err(Error::invalid(format!("no input is called \"{column}\"{hint}")));
    };
    let start = groups[..place].iter().map(|(_, width)| width).sum();
    match &model.meaning().columns {
        Some(columns) => Ok((start, of_column(columns, place, start)?)),
        None => Ok((start, of_array(data, start))),
    }
}

fn of_column(columns: &Columns, place: usize, start: usize) -> Result<Vec<Encoded>> {
    let column = &columns.inputs[place];
    let mut words = vec![Vec::new(); columns.inputs.len()];
    let (values, cells): (Vec<Value>, Vec<Cell>) = match &column.kind {
        ColumnKind::Number { range: [low, high], .. } => {
            evenly(*low, *high).map(|x| (Value::Number(x), Cell::Number(x))).unzip()
        }
        ColumnKind::Two { values } => {
            words[place] = values.to_vec();
            worded(values).unzip()
        }
        ColumnKind::Category { values, .. } => {
            let commonest = &values[..values.len().min(MOST_WORDS)];
            words[place] = commonest.to_vec();
            worded(commonest).unzip()
        }
    };
    let row = |cell: &Cell| {
        let mut row = vec![Cell::Missing; columns.inputs.len()];
        row[place] = *cell;
        row
    };
    let rows: Vec<Cell> = cells.iter().flat_map(row).collect();
    let inputs = columns.encode(&rows, &words)?;
    let (width, own) = (inputs.len() / cells.len().max(1), column.kind.width());
    let of_row = |row: &[f32]| row[start..start + own].to_vec();
    Ok(values.into_iter().zip(inputs.chunks_exact(width.max(1)).map(of_row)).collect())
}

fn worded(values: &[String]) -> impl Iterator<Item = (Value, Cell)> {
    values.iter().enumerate().map(|(i, word)| (Value::Word(word.clone()), Cell::Word(i as u32)))
}

fn of_array(data: &Dataset, input: usize) -> Vec<Encoded> {
    let mut row = vec![0.0; data.width()];
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for sample in 0..data.len() {
        data.features().read(sample, &mut row);
        let x = f64::from(row[input]);
        (low, high) = (low.min(x), high.max(x));
    }
    evenly(low, high).map(|x| (Value::Number(x), vec![x as f32])).collect()
}

fn evenly(low: f64, high: f64) -> impl Iterator<Item = f64> {
    (0..PLACES).map(move |i| low + (high - low) * i as f64 / (PLACES - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Loss, Meaning, Task};

    /// y = 2a + b: a line with the samples' mean of b, and the same for each.
    #[test]
    fn a_line_is_found_with_what_the_others_add_on_average() {
        let meaning = Meaning::new(Task::Number, vec![], &[2]);
        let parameters = vec![2.0, 1.0, 0.0];
        let model = Model::new("2-1".parse().unwrap(), Loss::MSELoss, parameters, meaning).unwrap();
        let features = Features::new(Storage::F32(vec![0.0, 5.0, 4.0, 7.0]), &[2]).unwrap();
        let data = Dataset::unlabelled(features).unwrap();
        let found = dependence(&model, &data, "input 0").unwrap();
        assert_eq!(found.places.len(), PLACES);
        for (i, place) in found.places.iter().enumerate() {
            let a = 4.0 * i as f64 / 40.0;
            assert_eq!(place.value, Value::Number(a));
            assert!((place.mean[0] - (2.0 * a + 6.0)).abs() < 1e-5, "{place:?}");
            assert!(place.sd[0] < 1e-5, "{place:?}");
        }
        let error = dependence(&model, &data, "input 2").unwrap_err().to_string();
        assert!(error.contains("no input is called \"input 2\""), "{error}");
    }
}
