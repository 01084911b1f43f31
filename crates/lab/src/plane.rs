//! A model over one or two of its inputs, the others as they usually are: what it answers there,
//! the samples, and the lines and kinks of its neurons.

use std::{collections::BTreeMap, ops::Range};

use reshet::{
    Answer, Dataset, Device, Error, Layer, Model, Result, Targets, Task,
    data::table::{ColumnKind, Columns},
    explain::Trace,
    loss::Target,
    network::did_you_mean,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    answers::{Axis, Curve, Field, Plane, Spot},
    cells,
    lesson::part,
    run::Run,
};

/// Places along an axis, where two inputs vary.
const SIDE: usize = 48;
/// Places along the axis, where one does.
const ALONG: usize = 161;
/// Samples of a part, at most.
const MOST_SPOTS: usize = 700;
/// Neurons of a layer, at most.
const MOST_NEURONS: usize = 64;

/// Which plane, and when.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    x: Option<String>,
    y: Option<String>,
    pub step: Option<usize>,
}

/// An input that can vary.
struct Varying {
    name: String,
    low: f64,
    high: f64,
    /// Where it stands among what the network takes.
    slots: Range<usize>,
}

impl Varying {
    /// So many places, from end to end.
    fn places(&self, count: usize) -> Vec<f64> {
        let step = (self.high - self.low) / (count - 1) as f64;
        (0..count).map(|i| self.low + step * i as f64).collect()
    }

    fn axis(&self) -> Axis {
        Axis { name: self.name.clone(), low: self.low, high: self.high }
    }
}

/// The inputs of a model.
struct Inputs<'a> {
    columns: Option<&'a Columns>,
    varying: Vec<Varying>,
    /// What the network takes where all are as usual.
    usual: Vec<f32>,
}

impl<'a> Inputs<'a> {
    fn of(run: &Run, model: &'a Model) -> Result<Self> {
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
                let ends = ends(run.lesson.as_ref().map(|lesson| &lesson.train), width);
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
    fn encoded(&self, one: Option<(&Varying, f64)>) -> Result<Vec<f32>> {
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
    fn slots_at(&self, varying: &Varying, values: &[f64]) -> Result<Vec<Vec<f32>>> {
        let slots = |value: &f64| {
            Ok(self.encoded(Some((varying, *value)))?[varying.slots.clone()].to_vec())
        };
        values.iter().map(slots).collect()
    }

    fn named(&self, name: Option<&str>, place: usize) -> Result<&Varying> {
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
    fn value(&self, varying: &Varying, sample: &[f32]) -> Option<f64> {
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

/// The model as it is at a step.
///
/// # Errors
/// The samples are pictures; there is no such input.
pub fn plane(run: &Run, step: usize, model: &Model, asked: &Asked) -> Result<Plane> {
    let inputs = Inputs::of(run, model)?;
    let x = inputs.named(asked.x.as_deref(), 0)?;
    let y = inputs.named(asked.y.as_deref(), usize::from(x.name == inputs.varying[0].name))?;
    let alone = inputs.varying.len() == 1 || x.name == y.name;
    let (spots, field, lines, curve) = match alone {
        true => (spots(run, &inputs, x, None), None, Vec::new(), Some(curve(model, &inputs, x)?)),
        false => {
            let field = field(model, &inputs, x, y)?;
            (spots(run, &inputs, x, Some(y)), Some(field), lines(model, &inputs, x, y)?, None)
        }
    };
    let target = model.meaning().columns.as_ref().and_then(|columns| columns.targets.first());
    Ok(Plane {
        step,
        x: x.axis(),
        y: (!alone).then(|| y.axis()),
        inputs: inputs.varying.iter().map(|varying| varying.name.clone()).collect(),
        target: target.cloned(),
        names: run.names().to_vec(),
        spots,
        field,
        lines,
        curve,
    })
}

/// Samples of both parts. With one input that varies, y is what is to be answered.
fn spots(run: &Run, inputs: &Inputs, x: &Varying, y: Option<&Varying>) -> Vec<Spot> {
    let Some(lesson) = &run.lesson else { return Vec::new() };
    let mut spots = Vec::new();
    for (data, test) in [(Some(&lesson.train), 0.0), (lesson.test.as_ref(), 1.0)] {
        let Some(data) = data else { continue };
        let data = part(data, MOST_SPOTS);
        let mut sample = vec![0.0; data.width()];
        for row in 0..data.len() {
            data.features().read(row, &mut sample);
            let Some(truth) = truth(data.targets(), row) else { continue };
            let Some(across) = inputs.value(x, &sample) else { continue };
            let up = match y {
                Some(y) => inputs.value(y, &sample),
                None => Some(truth),
            };
            if let Some(up) = up {
                spots.push(Spot(across, up, truth, test));
            }
        }
    }
    spots
}

/// The class's place, or the number.
fn truth(targets: &Targets, row: usize) -> Option<f64> {
    match targets.row(row) {
        Target::Class(class) => Some(f64::from(class)),
        Target::Values([y]) => Some(f64::from(*y)),
        _ => None,
    }
}

/// One thread: the others may be training.
fn answers(model: &Model, samples: &[f32]) -> Result<Vec<f32>> {
    model.predict_on(samples, Device::cpu().threads(1))
}

fn field(model: &Model, inputs: &Inputs, x: &Varying, y: &Varying) -> Result<Field> {
    let across = inputs.slots_at(x, &x.places(SIDE))?;
    let up = inputs.slots_at(y, &y.places(SIDE))?;
    let mut samples = Vec::with_capacity(SIDE * SIDE * inputs.usual.len());
    let mut sample = inputs.usual.clone();
    for row in &up {
        sample[y.slots.clone()].copy_from_slice(row);
        for column in &across {
            sample[x.slots.clone()].copy_from_slice(column);
            samples.extend_from_slice(&sample);
        }
    }
    let said = answers(model, &samples)?;
    let (mut classes, mut values) = (Vec::new(), Vec::new());
    for outputs in said.chunks_exact(model.network().outputs()) {
        let (class, value) = told(&model.meaning().answer(outputs));
        classes.push(class);
        values.push(short(value));
    }
    Ok(Field { side: SIDE, classes, values })
}

/// The answer's place among the names and its probability (of a yes/no question: that of yes);
/// of a number the number.
fn told(answer: &Answer) -> (usize, f32) {
    match answer {
        Answer::YesNo { yes, probability, .. } => (usize::from(*yes), *probability),
        Answer::Class { class, probabilities, .. } => (*class, probabilities[*class]),
        Answer::Several { probabilities, .. } => (0, probabilities[0]),
        Answer::Numbers(numbers) => (0, numbers[0]),
        _ => (0, 0.0),
    }
}

/// As many digits as a picture shows.
fn short(x: f32) -> f32 {
    format!("{x:.4e}").parse().unwrap_or(x)
}

/// z = w·x + b of the first layer's neurons in three corners: in low x and low y, in high x and
/// low y, in low x and high y. A neuron's line is where z is 0.
fn lines(model: &Model, inputs: &Inputs, x: &Varying, y: &Varying) -> Result<Vec<[f32; 3]>> {
    let Some(Layer::Linear(width, neurons)) = model.network().layers().first() else {
        return Ok(Vec::new());
    };
    let corner = |across: f64, up: f64| -> Result<Vec<f32>> {
        let mut sample = inputs.encoded(Some((x, across)))?;
        let other = inputs.encoded(Some((y, up)))?;
        sample[y.slots.clone()].copy_from_slice(&other[y.slots.clone()]);
        Ok(sample)
    };
    let corners = [corner(x.low, y.low)?, corner(x.high, y.low)?, corner(x.low, y.high)?];
    let (weights, biases) = model.parameters().split_at(width * neurons);
    let neuron = |n: usize| {
        let z = |sample: &Vec<f32>| {
            let row = &weights[n * width..][..*width];
            short(row.iter().zip(sample).map(|(w, x)| w * x).sum::<f32>() + biases[n])
        };
        [z(&corners[0]), z(&corners[1]), z(&corners[2])]
    };
    Ok((0..*neurons.min(&MOST_NEURONS)).map(neuron).collect())
}

fn curve(model: &Model, inputs: &Inputs, x: &Varying) -> Result<Curve> {
    let xs = x.places(ALONG);
    let slots = inputs.slots_at(x, &xs)?;
    let mut samples = Vec::new();
    let mut sample = inputs.usual.clone();
    for slot in &slots {
        sample[x.slots.clone()].copy_from_slice(slot);
        samples.extend_from_slice(&sample);
    }
    let said = answers(model, &samples)?;
    let ys = said.chunks_exact(model.network().outputs());
    let ys = ys.map(|outputs| short(told(&model.meaning().answer(outputs)).1)).collect();
    let rest = parts(model, &samples)?;
    Ok(Curve { xs, ys, parts: rest })
}

/// What each neuron of the last hidden layer adds to a number at each place; with the output's
/// bias they add up to it. Those that change most, at most so many.
fn parts(model: &Model, samples: &[f32]) -> Result<Vec<Vec<f32>>> {
    let network = model.network();
    let linear = |layer: &&Layer| matches!(layer, Layer::Linear(..));
    let hidden = network.layers().iter().filter(linear).count() > 1;
    let Some(Layer::Linear(neurons, 1)) = network.layers().last() else { return Ok(Vec::new()) };
    if !hidden || model.task() != Task::Number {
        return Ok(Vec::new());
    }
    let scale = model.meaning().units.first().map_or(1.0, |unit| unit.scale);
    let last = &model.parameters()[model.parameters().len() - neurons - 1..][..*neurons];
    let mut parts = vec![Vec::new(); *neurons];
    for sample in samples.chunks_exact(network.inputs()) {
        let trace = Trace::new(model, sample)?;
        let values = trace.layers.iter().rev().nth(1).map_or(&[][..], |layer| layer);
        for ((part, value), weight) in parts.iter_mut().zip(values).zip(last) {
            part.push(short(value * weight * scale));
        }
    }
    let spread = |part: &Vec<f32>| {
        let (low, high) =
            part.iter().fold((f32::MAX, f32::MIN), |(low, high), y| (low.min(*y), high.max(*y)));
        high - low
    };
    parts.sort_by(|a, b| spread(b).total_cmp(&spread(a)));
    parts.truncate(MOST_NEURONS);
    Ok(parts)
}
