//! Test vectors: generated samples with a model's answers, with which exports check themselves.
//!
//! A model holds no data, so the samples are generated from its inputs' description: columns'
//! ranges and values, bytes, or plain numbers. They are the same each time.

use crate::data::table::{Cell, ColumnKind, Columns, shortest};
use crate::{Dataset, Features, Model, Result, Storage};

/// The number of samples.
const SAMPLES: usize = 12;

/// Raw samples, before any encoding, and the model's answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// One row per sample: the cells of a table's columns, or the sample's values (bytes as 0 to
    /// 255).
    pub rows: Vec<Vec<Raw>>,
    /// The encoded rows: the network's inputs, row by row.
    pub inputs: Vec<f32>,
    /// The answers of [`Model::predict`], row by row.
    pub answers: Vec<f32>,
}

/// One raw value.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// A number, or a byte.
    Number(f32),
    /// A word.
    Word(String),
    /// A missing value.
    Missing,
}

impl Probe {
    /// Generates samples for a model, with its answers.
    ///
    /// # Errors
    /// None for a model that [`Model::new`] has accepted.
    pub fn of(model: &Model) -> Result<Self> {
        let meaning = model.meaning();
        let rows: Vec<Vec<Raw>> = match &meaning.columns {
            Some(columns) => (0..SAMPLES).map(|n| row(columns, n)).collect(),
            None => {
                let width = model.network().inputs();
                (0..SAMPLES).map(|n| values(width, n, meaning.bytes)).collect()
            }
        };
        let inputs = match &meaning.columns {
            Some(columns) => encoded(columns, &rows)?,
            None => {
                let scale = if meaning.bytes { 255.0 } else { 1.0 };
                rows.iter().flatten().map(|raw| raw.number() / scale).collect()
            }
        };
        let features = Features::new(Storage::F32(inputs.clone()), &meaning.shape)?;
        let answers = model.predict(&Dataset::unlabelled(features)?)?;
        Ok(Self { rows, inputs, answers })
    }
}

impl Raw {
    /// Returns the number; NaN for anything else.
    pub fn number(&self) -> f32 {
        if let Self::Number(x) = self { *x } else { f32::NAN }
    }
}

/// From 0 to 1, evenly spread over n and i: the multiples of two irrational numbers.
fn spread(n: usize, i: usize) -> f64 {
    (0.5 + n as f64 * 0.618_033_988_75 + i as f64 * 0.754_877_666_25).fract()
}

/// Weak samples among strong ones: an answer close to 0 or 1 would hide a mistake.
fn values(width: usize, n: usize, bytes: bool) -> Vec<Raw> {
    let strength = [1.0, 0.25, 0.05, 0.0][n % 4];
    let value = |i| match bytes {
        true => (256.0 * strength * spread(n, i)).floor() as f32,
        false => (2.0 * strength * (2.0 * spread(n, i) - 1.0)) as f32,
    };
    (0..width).map(|i| Raw::Number(value(i))).collect()
}

fn row(columns: &Columns, n: usize) -> Vec<Raw> {
    let cell = |(i, kind): (usize, &ColumnKind)| match kind {
        ColumnKind::Number { range: [low, high], indicator, .. } => {
            if *indicator && (n + i) % 4 == 3 {
                return Raw::Missing;
            }
            Raw::Number((low + (high - low) * spread(n, i)) as f32)
        }
        ColumnKind::Two { .. } | ColumnKind::Category { .. } => {
            let values = match kind {
                ColumnKind::Two { values } => &values[..],
                ColumnKind::Category { values, .. } => values,
                ColumnKind::Number { .. } => &[],
            };
            match values.get((n + i) % (values.len() + 2)) {
                Some(value) => Raw::Word(value.clone()),
                None if (n + i) % 2 == 0 => Raw::Missing,
                None => Raw::Word("never seen".into()),
            }
        }
    };
    columns.inputs.iter().map(|column| &column.kind).enumerate().map(cell).collect()
}

/// Encodes the rows as the network's inputs, as tables are encoded.
fn encoded(columns: &Columns, rows: &[Vec<Raw>]) -> Result<Vec<f32>> {
    let mut words = vec![Vec::new(); columns.inputs.len()];
    let mut cells = Vec::new();
    for row in rows {
        for (raw, words) in row.iter().zip(&mut words) {
            cells.push(match raw {
                Raw::Number(x) => Cell::from_number(shortest(*x)),
                Raw::Missing => Cell::Missing,
                // A value may be a word that looks like a number: `1` among letters.
                Raw::Word(word) => Cell::parse(word, false).unwrap_or_else(|| {
                    words.push(word.clone());
                    Cell::Word(words.len() as u32 - 1)
                }),
            });
        }
    }
    columns.encode(&cells, &words)
}
