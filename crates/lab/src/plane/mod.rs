//! A model over one or two of its inputs, the others as they usually are: what it answers there,
//! the samples, and the lines and kinks of its neurons.

mod inputs;

use std::collections::{HashMap, hash_map::Entry};

use reshet::{
    Answer, Dataset, Device, Layer, Model, Result, Targets, Task, explain::Trace, loss::Target,
    metrics::argmax,
};
use serde::Deserialize;

use self::inputs::{Inputs, Varying};
use crate::{
    answers::{Axis, Curve, Field, Plane, Spot},
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
pub(crate) struct Asked {
    x: Option<String>,
    y: Option<String>,
    pub step: Option<usize>,
}

/// The model as it is at a step.
///
/// # Errors
/// The samples are pictures; there is no such input.
pub(crate) fn plane(run: &Run, step: usize, model: &Model, asked: &Asked) -> Result<Plane> {
    let lesson = run.lesson.as_ref();
    let train = lesson.map(|lesson| &lesson.train);
    let over = Over::new(model, train, asked.x.as_deref(), asked.y.as_deref())?;
    let mut spots = Vec::new();
    for (data, test) in [(train, 0.0), (lesson.and_then(|lesson| lesson.test.as_ref()), 1.0)] {
        let Some(data) = data else { continue };
        let seen = over.spots(&part(data, MOST_SPOTS));
        spots.extend(seen.into_iter().map(|Spot(x, y, truth, _)| Spot(x, y, truth, test)));
    }
    let target = model.meaning().columns.as_ref().and_then(|columns| columns.targets.first());
    let alone = over.y.is_none();
    Ok(Plane {
        step,
        x: over.x(),
        y: over.y(),
        inputs: over.inputs(),
        target: target.cloned(),
        names: run.names().to_vec(),
        spots,
        field: if alone { None } else { Some(over.field()?) },
        lines: over.lines()?,
        curve: if alone { Some(over.curve()?) } else { None },
    })
}

/// A model over one or two of its inputs, the others as they usually are.
pub struct Over<'a> {
    model: &'a Model,
    inputs: Inputs<'a>,
    x: Varying,
    /// None: one input varies.
    y: Option<Varying>,
}

impl<'a> Over<'a> {
    /// Chooses the inputs by their names; without names the first two that are numbers. Of a model
    /// that has no columns `data` tells how far its inputs reach.
    ///
    /// # Errors
    /// The samples are pictures; no input that is a number is called so.
    pub fn new(
        model: &'a Model,
        data: Option<&Dataset>,
        x: Option<&str>,
        y: Option<&str>,
    ) -> Result<Self> {
        let inputs = Inputs::of(model, data)?;
        let x = inputs.named(x, 0)?.clone();
        let y = inputs.named(y, usize::from(x.name == inputs.varying[0].name))?.clone();
        let alone = inputs.varying.len() == 1 || x.name == y.name;
        Ok(Self { model, inputs, x, y: (!alone).then_some(y) })
    }

    /// The input that is drawn across.
    pub fn x(&self) -> Axis {
        self.x.axis()
    }

    /// The input that is drawn upwards; None: one input varies.
    pub fn y(&self) -> Option<Axis> {
        self.y.as_ref().map(Varying::axis)
    }

    /// The names of all inputs that can vary.
    pub fn inputs(&self) -> Vec<String> {
        self.inputs.varying.iter().map(|varying| varying.name.clone()).collect()
    }

    /// Samples. Where one input varies, their height is what is to be answered.
    pub fn spots(&self, data: &Dataset) -> Vec<Spot> {
        let origin = self.origin();
        let mut sample = vec![0.0; data.width()];
        let mut spots = Vec::new();
        for row in 0..data.len() {
            data.features().read(row, &mut sample);
            let Some(truth) = truth(data.targets(), row, origin) else { continue };
            let Some(across) = self.inputs.value(&self.x, &sample) else { continue };
            let up = match &self.y {
                Some(y) => self.inputs.value(y, &sample),
                None => Some(truth),
            };
            if let Some(up) = up {
                spots.push(Spot(across, up, truth, 0.0));
            }
        }
        spots
    }

    /// What the numbers to be predicted are counted from.
    fn origin(&self) -> f64 {
        let columns = self.inputs.columns;
        columns.and_then(|columns| columns.origins.first()).copied().unwrap_or(0.0)
    }

    /// The answers at these places: the class and its probability (of a yes/no question: that of
    /// yes), or the number. Where one input varies, the second number of a place counts nothing.
    ///
    /// # Errors
    /// The engine fails.
    pub fn answers(&self, places: &[(f64, f64)]) -> Result<Vec<(usize, f32)>> {
        let (mut across, mut up) = (HashMap::new(), HashMap::new());
        let mut samples = Vec::with_capacity(places.len() * self.inputs.usual.len());
        let mut sample = self.inputs.usual.clone();
        for (x, y) in places {
            self.put(&mut sample, &self.x, *x, &mut across)?;
            if let Some(varying) = &self.y {
                self.put(&mut sample, varying, *y, &mut up)?;
            }
            samples.extend_from_slice(&sample);
        }
        let said = answers(self.model, &samples)?;
        let outputs = said.chunks_exact(self.model.network().outputs());
        Ok(outputs.map(|outputs| told(&self.model.meaning().answer(outputs))).collect())
    }

    /// Puts an input's value where the network takes it; what it came to is remembered.
    fn put(
        &self,
        sample: &mut [f32],
        varying: &Varying,
        value: f64,
        known: &mut HashMap<u64, Vec<f32>>,
    ) -> Result<()> {
        let slots = match known.entry(value.to_bits()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let all = self.inputs.encoded(Some((varying, value)))?;
                new.insert(all[varying.slots.clone()].to_vec())
            }
        };
        sample[varying.slots.clone()].copy_from_slice(slots);
        Ok(())
    }

    fn field(&self) -> Result<Field> {
        let up = self.y.as_ref().map_or(Vec::new(), |y| y.places(SIDE));
        let across = self.x.places(SIDE);
        let places = up.iter().flat_map(|y| across.iter().map(move |x| (*x, *y)));
        let said = self.answers(&places.collect::<Vec<_>>())?;
        let (classes, values) = said.into_iter().map(|(class, y)| (class, short(y))).unzip();
        Ok(Field { side: SIDE, classes, values })
    }

    /// z = w·x + b of the first layer's neurons in three corners: in low x and low y, in high x
    /// and low y, in low x and high y. A neuron's line is where z is 0.
    ///
    /// # Errors
    /// A value cannot be encoded.
    pub fn lines(&self) -> Result<Vec<[f32; 3]>> {
        match &self.y {
            Some(y) => lines(self.model, &self.inputs, &self.x, y),
            None => Ok(Vec::new()),
        }
    }

    /// The answers along the input that varies, and what each neuron adds to them.
    ///
    /// # Errors
    /// The engine fails.
    pub fn curve(&self) -> Result<Curve> {
        curve(self.model, &self.inputs, &self.x)
    }
}

/// The class's place, or the number.
fn truth(targets: &Targets, row: usize, origin: f64) -> Option<f64> {
    match (targets.row(row), targets) {
        (Target::Class(class), _) => Some(f64::from(class)),
        (Target::Probabilities(p), _) => Some(argmax(p) as f64),
        (Target::Values([y]), Targets::Numbers { .. }) => Some(f64::from(*y) + origin),
        (Target::Values([y]), _) => Some(f64::from(*y)),
        _ => None,
    }
}

/// One thread: the others may be training.
fn answers(model: &Model, samples: &[f32]) -> Result<Vec<f32>> {
    model.predict_on(samples, Device::cpu().threads(1))
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
