//! Samples as arrays, and what they should give.

use pyo3::{
    buffer::{Element, PyBuffer},
    prelude::*,
};
use reshet::{Dataset, Error, Features, Result, Storage, Targets, data::table::Unit};

use crate::{convert, python};

/// The samples of an array.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Samples<'py> {
    x: Bound<'py, PyAny>,
    /// float32: numbers, 0 or 1, or the places of classes.
    y: Bound<'py, PyAny>,
    /// One sample's.
    shape: Vec<usize>,
    task: String,
    /// The classes, or of a yes/no question the two answers; none: numbers.
    names: Vec<String>,
    /// Targets a sample.
    width: usize,
    /// How much each counts.
    weights: Option<Bound<'py, PyAny>>,
}

impl Samples<'_> {
    /// Whether the targets are numbers.
    pub fn is_of_numbers(&self) -> bool {
        self.task == "number"
    }

    /// Copies them, while nobody else runs Python.
    pub fn read(&self, py: Python) -> PyResult<Dataset> {
        let features = features(py, &self.x, &self.shape)?;
        let targets = targets(py, &self.y, &self.task, &self.names, self.width)?;
        let weights = self.weights.as_ref().map(|all| floats(py, all)).transpose()?;
        let data = Dataset::new(features, targets).map_err(python)?;
        match weights {
            Some(weights) => data.weighted(weights).map_err(python),
            None => Ok(data),
        }
    }
}

/// A buffer's numbers.
fn copied<T: Element>(py: Python, array: &Bound<PyAny>) -> PyResult<Vec<T>> {
    PyBuffer::<T>::get(array)?.to_vec(py)
}

/// Numbers as float32.
pub fn floats(py: Python, array: &Bound<PyAny>) -> PyResult<Vec<f32>> {
    let mut numbers = Vec::new();
    convert::floats(py, array, &mut numbers)?;
    Ok(numbers)
}

/// Samples of this shape, as bytes or float32.
pub fn features(py: Python, x: &Bound<PyAny>, shape: &[usize]) -> PyResult<Features> {
    let storage = match copied::<u8>(py, x) {
        Ok(bytes) => Storage::U8(bytes),
        Err(_) => Storage::F32(copied::<f32>(py, x)?),
    };
    Features::new(storage, shape).map_err(python)
}

/// What samples should give.
pub fn targets(
    py: Python,
    y: &Bound<PyAny>,
    task: &str,
    names: &[String],
    width: usize,
) -> PyResult<Targets> {
    let values = copied::<f32>(py, y)?;
    let names = names.to_vec();
    Ok(match task {
        "classes" if width > 1 => Targets::soft_classes(values, names).map_err(python)?,
        "classes" => Targets::classes(values.iter().map(|c| *c as u32).collect(), names),
        "binary" => Targets::YesNo { values: values.into(), width, names },
        _ => Targets::numbers(values, width),
    })
}

/// Numbers are learnt with mean 0 and standard deviation 1, each counting as its sample does.
pub fn units(data: &Dataset) -> Vec<Unit> {
    let Targets::Numbers { values, width } = data.targets() else { return Vec::new() };
    let weight = |i: usize| data.weights().map_or(1.0, |all| f64::from(all[i]));
    let unit = |q: usize| {
        let column = || values[q..].iter().step_by(*width).map(|y| f64::from(*y)).enumerate();
        let n = column().map(|(i, _)| weight(i)).sum::<f64>();
        let mean = column().map(|(i, y)| weight(i) * y).sum::<f64>() / n;
        let sd = (column().map(|(i, y)| weight(i) * (y - mean).powi(2)).sum::<f64>() / n).sqrt();
        Unit { centre: mean as f32, scale: if sd > 0.0 { sd as f32 } else { 1.0 } }
    };
    (0..*width).map(unit).collect()
}

/// The samples, each counting as much more as its class does.
pub fn weighted(data: Dataset, named: &[(String, f64)]) -> Result<Dataset> {
    let (places, names): (Vec<usize>, &[String]) = match data.targets() {
        Targets::Classes { labels, names, .. } => {
            (labels.iter().map(|l| *l as usize).collect(), names)
        }
        Targets::YesNo { values, width: 1, names } if names.len() == 2 => {
            (values.iter().map(|v| usize::from(*v > 0.5)).collect(), names)
        }
        _ => {
            let what = "class_weight: only classes, or a single yes and no, have such weights";
            return Err(Error::Invalid(what.into()));
        }
    };
    let mut of_class = vec![1.0; names.len()];
    for (name, weight) in named {
        let Some(place) = names.iter().position(|other| is_same(other, name)) else {
            let names = names.join(", ");
            let what = format!("class_weight: no class is called {name}; there are {names}");
            return Err(Error::Invalid(what));
        };
        of_class[place] = *weight;
    }
    let before = |i: usize| data.weights().map_or(1.0, |all| f64::from(all[i]));
    let weight = |(i, place): (usize, &usize)| (before(i) * of_class[*place]) as f32;
    let weights = places.iter().enumerate().map(weight).collect();
    data.weighted(weights)
}

/// Whether two labels are one: the same text, or the same number.
fn is_same(a: &str, b: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    a == b || number(a).is_some_and(|x| number(b) == Some(x))
}
