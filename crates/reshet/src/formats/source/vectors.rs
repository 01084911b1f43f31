//! Test vectors: raw rows with the answers that the reference engine gives them.

use serde::Serialize;

use super::Input;
use crate::{
    Device, Features, Model, Result, Storage,
    data::table::{Cell, Column, Columns, Encoder, Kind},
    error::Error,
    rng::{Purpose, Stream},
};

/// A raw row and its answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Vector {
    /// What is asked.
    pub sample: Sample,
    /// What must come out: probabilities, or numbers in their units.
    pub answer: Vec<f32>,
}

/// A raw row.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Sample {
    /// For [`Input::Numbers`].
    Numbers(Vec<f32>),
    /// For [`Input::Bytes`].
    Bytes(Vec<u8>),
    /// For [`Input::Columns`], column by column.
    Row(Vec<Value>),
}

/// A table's cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A number in a column of numbers.
    Number(f32),
    /// A word in a column of words.
    Word(String),
    /// Nothing.
    Missing,
}

/// All vectors together have about this many numbers.
const NUMBERS: usize = 8192;
/// A word that no table is likely to hold.
const STRANGE: &str = "never seen before";

/// Up to 16 vectors: of `samples`, as far apart as they come, or made up.
pub(super) fn of(model: &Model, input: &Input, samples: Option<&Features>) -> Result<Vec<Vector>> {
    let width = model.network.inputs();
    let count = (NUMBERS / width).clamp(2, 16);
    let stream = Stream::new(0, Purpose::Vectors, 0);
    let uniform = |i: usize| stream.uniform(i as u64);
    let made_up = |number: &dyn Fn(usize) -> f32| (0..count * width).map(number).collect();
    let (features, samples) = match (input, samples.map(|s| (s, s.storage()))) {
        (Input::Columns(columns), _) => rows(columns, count, uniform)?,
        (Input::Bytes, Some((samples, Storage::U8(_))))
        | (Input::Numbers, Some((samples, Storage::F32(_)))) => picked(samples, count, width)?,
        (Input::Bytes, _) => {
            // Mostly black, as pictures of something drawn are.
            let bytes: Vec<f32> = made_up(&|i| 255.0 * (4.0 * uniform(i) - 3.0).max(0.0));
            let bytes = Storage::U8(bytes.into_iter().map(|x| x as u8).collect());
            picked(&Features::new(bytes, &[width])?, count, width)?
        }
        (Input::Numbers, _) => {
            let numbers = made_up(&|i| (400.0 * uniform(i) - 200.0).round() / 100.0);
            picked(&Features::new(Storage::F32(numbers), &[width])?, count, width)?
        }
    };
    let mut answers = Vec::new();
    model.predictor(Device::Reference)?.predict(&features, &mut answers)?;
    let answers = answers.chunks_exact(model.network.outputs()).map(<[f32]>::to_vec);
    let vectors =
        samples.into_iter().zip(answers).map(|(sample, answer)| Vector { sample, answer });
    let finite: Vec<Vector> = vectors.filter(|v| v.answer.iter().all(|y| y.is_finite())).collect();
    match finite.is_empty() {
        true => Err(Error::data("the model's answers are not finite numbers")),
        false => Ok(finite),
    }
}

/// Some of these samples, from the first to the last.
fn picked(all: &Features, count: usize, width: usize) -> Result<(Features, Vec<Sample>)> {
    if all.width() != width {
        let has = all.width();
        return Err(Error::invalid(format!(
            "the network takes {width} values a sample and the data has {has}"
        )));
    }
    let count = count.min(all.rows());
    let rows: Vec<u32> = (0..count).map(|i| (i * all.rows() / count) as u32).collect();
    let features = all.select(&rows);
    let samples = match features.storage() {
        Storage::U8(bytes) => {
            bytes.chunks_exact(width).map(|x| Sample::Bytes(x.to_vec())).collect()
        }
        Storage::F32(numbers) => {
            numbers.chunks_exact(width).map(|x| Sample::Numbers(x.to_vec())).collect()
        }
    };
    Ok((features, samples))
}

/// Rows of a table that holds everything a column can: also nothing, numbers far out, and
/// words that the training never saw.
fn rows(
    columns: &Columns,
    count: usize,
    uniform: impl Fn(usize) -> f32,
) -> Result<(Features, Vec<Sample>)> {
    let words: Vec<Vec<String>> = columns.inputs.iter().map(words).collect();
    let names: Vec<String> = columns.inputs.iter().map(|column| column.name.clone()).collect();
    let mut encoder = Encoder::new(columns, "test vectors", &names)?;
    // A name that stands twice is found where it stands first.
    let places = columns.places("test vectors", &names)?;
    encoder.set_words(|column| &words[column]);
    let (mut inputs, mut samples) = (Vec::new(), Vec::new());
    let mut input = vec![0.0; encoder.width()];
    for row in 0..count {
        let cells: Vec<Cell> = columns
            .inputs
            .iter()
            .enumerate()
            .map(|(i, column)| {
                let [kind, place] = [0, 1].map(|k| uniform((row * names.len() + i) * 2 + k));
                match &column.kind {
                    _ if kind < 0.1 => Cell::MISSING,
                    Kind::Number { range: [low, high], .. } => {
                        let far = if kind < 0.2 { 3.0 } else { 1.0 };
                        let x = low + (high - low) * place * far;
                        // Four digits, so that it is the same however it is read.
                        let short = format!("{x:.3e}").parse().unwrap_or(x);
                        Cell::from_number(if f32::is_finite(short) { short } else { *low })
                    }
                    _ => Cell::from_word((place * words[i].len() as f32) as u32),
                }
            })
            .collect();
        let value = |column: usize| match (cells[column].number(), cells[column].word()) {
            (Some(x), _) => Value::Number(x),
            (_, Some(code)) => Value::Word(words[column][code].clone()),
            _ => Value::Missing,
        };
        samples.push(Sample::Row(places.iter().map(|place| value(*place)).collect()));
        encoder.row(&cells, || 0, |column| &words[column], &mut input)?;
        inputs.extend_from_slice(&input);
    }
    Ok((Features::new(Storage::F32(inputs), &[input.len()])?, samples))
}

/// What can stand in a column of words.
fn words(column: &Column) -> Vec<String> {
    let known = match &column.kind {
        Kind::Number { .. } => return Vec::new(),
        Kind::Two { values } => &values[..],
        Kind::Category { values, .. } => values,
    };
    known.iter().cloned().chain([STRANGE.into()]).collect()
}
