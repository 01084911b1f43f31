//! The inputs of a model: which of them can vary, and what the network takes where one does.

use std::{collections::BTreeMap, ops::Range};

use reshet::{
    Dataset, Error, Model, Result,
    data::table::{ColumnKind, Columns},
    network::did_you_mean,
};
use serde_json::Value;

use crate::{answers::Axis, cells};

/// An input that can vary.
#[derive(Clone)]
pub(super) struct Varying {
    pub name: String,
    pub low: f64,
    pub high: f64,
    /// Where it stands among what the network takes.
    pub slots: Range<usize>,
}

impl Varying {
    /// So many places, from end to end.
    pub fn places(&self, count: usize) -> Vec<f64> {
        let step = (self.high - self.low) / (count - 1) as f64;
        (0..count).map(|i| self.low + step * i as f64).collect()
    }

    pub fn axis(&self) -> Axis {
        Axis { name: self.name.clone(), low: self.low, high: self.high }
    }
}

/// The inputs of a model.
pub(super) struct Inputs<'a> {
    pub columns: Option<&'a Columns>,
    pub varying: Vec<Varying>,
    /// What the network takes where all are as usual.
    pub usual: Vec<f32>,
}

impl<'a> Inputs<'a> {
    pub fn of(model: &'a Model, data: Option<&Dataset>) -> Result<Self> {
        let meaning = model.meaning();
        if meaning.bytes || meaning.shape.len() != 1 {
            return Err(Error::Invalid("the samples are pictures: they have no plane".into()));
        }
        let (columns, mut varying) = (meaning.columns.as_ref(), Vec::new());
        match columns {
            Some(columns) => {
                let mut at = 0;
                for column in &columns.inputs {
                    let slots = at..at + column.kind.width();
                    at = slots.end;
                    if let ColumnKind::Number { range: [low, high], .. } = column.kind {
                        varying.push(wider(column.name.clone(), low, high, slots));
                    }
                }
            }
            None => {
                let width = model.network().inputs();
                let ends = ends(data, width);
                for (i, (low, high)) in ends.into_iter().enumerate() {
                    varying.push(wider(format!("x{}", i + 1), low, high, i..i + 1));
                }
            }
        }
        let mut inputs = Self { columns, varying, usual: Vec::new() };
        inputs.usual = inputs.encoded(None)?;
        Ok(inputs)
    }

    /// What the network takes where one input has this value and all others are as usual.
    pub fn encoded(&self, one: Option<(&Varying, f64)>) -> Result<Vec<f32>> {
        let Some(columns) = self.columns else {
            let middle = |v: &Varying| ((v.low + v.high) / 2.0) as f32;
            let mut all: Vec<f32> = self.varying.iter().map(middle).collect();
            if let Some((varying, value)) = one {
                all[varying.slots.start] = value as f32;
            }
            return Ok(all);
        };
        let mut row: BTreeMap<String, String> = BTreeMap::new();
        for column in &columns.inputs {
            let usual = match &column.kind {
                ColumnKind::Number { fill, .. } => fill.to_string(),
                ColumnKind::Two { values: [first, _] } => first.clone(),
                ColumnKind::Category { values, .. } => values.first().cloned().unwrap_or_default(),
            };
            row.insert(column.name.clone(), usual);
        }
        if let Some((varying, value)) = one {
            row.insert(varying.name.clone(), value.to_string());
        }
        let features = columns.features(&row)?;
        let mut all = vec![0.0; features.width()];
        features.read(0, &mut all);
        Ok(all)
    }

    /// The same for each of these values, of the input alone.
    pub fn slots_at(&self, varying: &Varying, values: &[f64]) -> Result<Vec<Vec<f32>>> {
        let slots = |value: &f64| {
            Ok(self.encoded(Some((varying, *value)))?[varying.slots.clone()].to_vec())
        };
        values.iter().map(slots).collect()
    }

    pub fn named(&self, name: Option<&str>, place: usize) -> Result<&Varying> {
        let Some(name) = name else {
            let none = || Error::Invalid("no input is a number: there is no plane".into());
            return self.varying.get(place).or(self.varying.first()).ok_or_else(none);
        };
        let found = self.varying.iter().find(|varying| varying.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = self.varying.iter().map(|varying| &*varying.name).collect();
            let hint = did_you_mean(name, &names);
            Error::Invalid(format!("no input that is a number is called \"{name}\"{hint}"))
        })
    }

    /// A sample's value of an input, as the table has it.
    pub fn value(&self, varying: &Varying, sample: &[f32]) -> Option<f64> {
        match self.columns {
            Some(columns) => {
                cells::cells(columns, sample).get(&varying.name).and_then(Value::as_f64)
            }
            None => Some(f64::from(sample[varying.slots.start])),
        }
    }
}

/// With a little room at both ends.
fn wider(name: String, low: f64, high: f64, slots: Range<usize>) -> Varying {
    let room = if high > low { 0.06 * (high - low) } else { 1.0 };
    Varying { name, low: low - room, high: high + room, slots }
}

/// The least and the largest of each input.
fn ends(data: Option<&Dataset>, width: usize) -> Vec<(f64, f64)> {
    let Some(data) = data else { return vec![(-3.0, 3.0); width] };
    let mut ends = vec![(f64::MAX, f64::MIN); width];
    let mut sample = vec![0.0; width];
    for row in 0..data.len() {
        data.features().read(row, &mut sample);
        for ((low, high), x) in ends.iter_mut().zip(&sample) {
            *low = low.min(f64::from(*x));
            *high = high.max(f64::from(*x));
        }
    }
    ends
}
