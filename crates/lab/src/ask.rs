//! Asking a model: one sample, its mistakes, what it does not believe.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use reshet::{
    Answer, Dataset, Device, Error, Features, Model, Result, Storage, Targets, Task, data::images,
    explain::Trace, loss::Target, metrics::argmax,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    answers::{self, Item, TracedLayer},
    cells,
    run::Run,
};

/// Pixels of a drawing, at most.
const MOST_PIXELS: usize = 4_000_000;

/// What a model is asked about; one of the three.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Input {
    /// The run, where the address does not say it.
    pub run: Option<String>,
    drawing: Option<Drawing>,
    values: Option<Vec<f32>>,
    row: Option<BTreeMap<String, Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Drawing {
    width: usize,
    height: usize,
    pixels: String,
}

impl Input {
    /// What the network will see.
    pub fn features(&self, model: &Model) -> Result<Features> {
        let meaning = model.meaning();
        let shape = &meaning.shape;
        match (&self.drawing, &self.values, &self.row) {
            (Some(drawing), None, None) => {
                if shape[..] != [1, 28, 28] || !meaning.bytes {
                    let what = format!("this model takes samples of shape {shape:?}, not digits");
                    return Err(Error::Invalid(what));
                }
                Features::new(Storage::U8(drawing.digit()?), shape)
            }
            (None, Some(values), None) if meaning.bytes => {
                let byte = |x: &f32| (0.0..=255.0).contains(x).then_some(x.round() as u8);
                let bytes: Option<Vec<u8>> = values.iter().map(byte).collect();
                let what = "values: this model takes bytes, numbers from 0 to 255";
                sized(values, model)?;
                Features::new(Storage::U8(bytes.ok_or(Error::Invalid(what.into()))?), shape)
            }
            (None, Some(values), None) => {
                sized(values, model)?;
                Features::new(Storage::F32(values.clone()), shape)
            }
            (None, None, Some(row)) => {
                let Some(columns) = &meaning.columns else {
                    let what = "row: the model was not trained on a table and knows no columns";
                    return Err(Error::Invalid(what.into()));
                };
                let text = |value: &Value| match value {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                columns.features(&row.iter().map(|(k, v)| (k.clone(), text(v))).collect())
            }
            _ => Err(Error::Invalid("give one of \"drawing\", \"values\", \"row\"".into())),
        }
    }
}

fn sized(values: &[f32], model: &Model) -> Result<()> {
    let (needs, has) = (model.network().inputs(), values.len());
    match needs == has {
        true => Ok(()),
        false => Err(Error::Invalid(format!("values: {has} of them; the network takes {needs}"))),
    }
}

impl Drawing {
    /// As MNIST has its digits.
    fn digit(&self) -> Result<Vec<u8>> {
        let (width, height) = (self.width, self.height);
        if width == 0 || width.saturating_mul(height) > MOST_PIXELS {
            let what = format!("drawing: {width}×{height} pixels; at most {MOST_PIXELS}");
            return Err(Error::Invalid(what));
        }
        let pixels = BASE64
            .decode(&self.pixels)
            .map_err(|e| Error::Invalid(format!("drawing: pixels are not base64: {e}")))?;
        if pixels.len() != width * height {
            let n = pixels.len();
            let what = format!("drawing: {n} pixels are not {width}×{height}");
            return Err(Error::Invalid(what));
        }
        images::digit_from_grey(&pixels, width)
    }
}

/// One sample through the network.
pub fn trace(step: usize, model: &Model, features: &Features) -> Result<answers::Trace> {
    let mut input = vec![0.0; features.width()];
    features.read(0, &mut input);
    let trace = Trace::new(model, &input)?;
    let answers = trace.layers.last().cloned().unwrap_or_default();
    let answer = model.meaning().answer(&answers);
    let value = match answer {
        Answer::Numbers([y]) => Some(json!(y)),
        Answer::Numbers(all) => Some(json!(all)),
        _ => None,
    };
    let named = answer.probabilities().map(|(name, p)| (name.to_string(), json!(p)));
    let (label, probabilities) = (answer.label(), value.is_none().then(|| named.collect()));
    let layers = linear(model)
        .into_iter()
        .zip(trace.layers)
        .map(|((name, activation), values)| TracedLayer { name, activation, values })
        .collect();
    let columns = model.meaning().columns.as_ref();
    Ok(answers::Trace {
        row_values: columns.map(|columns| cells::cells(columns, &input)),
        step,
        label,
        probabilities,
        value,
        input,
        evidence: trace.evidence,
        layers,
        row: None,
        truth: None,
        right: None,
    })
}

/// The Linear layers with what follows each.
pub fn linear(model: &Model) -> Vec<(String, String)> {
    let mut layers: Vec<(String, String)> = Vec::new();
    for layer in model.network().layers() {
        match layer {
            reshet::Layer::Linear(..) => layers.push((layer.to_string(), String::new())),
            reshet::Layer::Activation(activation) => {
                if let Some((_, last)) = layers.last_mut() {
                    *last = activation.to_string();
                }
            }
            reshet::Layer::Dropout(_) => {}
        }
    }
    if let (Some((_, last)), Task::Classes) = (layers.last_mut(), model.task())
        && last.is_empty()
    {
        *last = "softmax".into();
    }
    layers
}

/// A sample of a run's data through its network, beside the truth.
pub fn trace_row(
    run: &Run,
    step: usize,
    model: &Model,
    part: &str,
    row: u32,
) -> Result<answers::Trace> {
    let data = part_of(run, part)?;
    if row as usize >= data.len() {
        let n = data.len();
        return Err(Error::Invalid(format!("row {row}: the {part} part has {n}, from 0")));
    }
    let one = data.select(&[row]);
    let told = trace(step, model, one.features())?;
    let truth = match (one.targets().row(0), run.task()) {
        (Target::Class(class), _) => json!(run.names().get(class as usize)),
        (Target::Probabilities(p), _) => json!(run.names().get(argmax(p))),
        // Zeros and ones are answers too.
        (Target::Values(all), Task::Binary) => json!(model.meaning().answer(all).label()),
        (Target::Values([y]), _) => json!(y),
        (Target::Values(all), _) => json!(all),
        _ => Value::Null,
    };
    let right = told.label.as_ref().map(|label| truth == **label);
    Ok(answers::Trace { row: Some(row), truth: Some(truth), right, ..told })
}

/// The training or the test part.
pub fn part_of<'a>(run: &'a Run, part: &str) -> Result<&'a Dataset> {
    let Some(lesson) = &run.lesson else {
        return Err(Error::Invalid(format!("{}: its data is not here", run.name)));
    };
    match (part, &lesson.test) {
        ("train", _) => Ok(&lesson.train),
        ("test", Some(test)) => Ok(test),
        ("test", None) => Err(Error::Invalid("there is no test part".into())),
        _ => Err(Error::Invalid(format!("part: \"train\" or \"test\", not \"{part}\""))),
    }
}

/// The part that samples are taken from where none is named: of a run that learns from all, that.
pub fn usual_part(run: &Run) -> &'static str {
    match run.lesson.as_ref().is_some_and(|lesson| lesson.test.is_none()) {
        true => "train",
        false => "test",
    }
}

/// Which mistakes are asked for.
#[derive(Debug, Deserialize)]
pub struct Cell {
    pub step: Option<usize>,
    pub truth: Option<usize>,
    pub answer: Option<usize>,
    #[serde(default)]
    pub offset: usize,
    #[serde(default = "sixty")]
    pub limit: usize,
}

fn sixty() -> usize {
    60
}

/// The places of the truth and of the answer among the names, of one sample, and what the
/// answer is; None for numbers and where several questions are asked at once.
fn judged<'a>(
    model: &'a Model,
    targets: &Targets,
    row: usize,
    outputs: &'a [f32],
) -> Option<(usize, usize, Answer<'a>)> {
    let answer = model.meaning().answer(outputs);
    let truth = match targets.row(row) {
        Target::Class(class) => class as usize,
        Target::Probabilities(p) => argmax(p),
        Target::Values([y]) => usize::from(*y > 0.5),
        _ => return None,
    };
    Some((truth, answer.place()?, answer))
}

/// The probability of the name at this place.
fn probability(answer: &Answer, place: usize) -> f32 {
    answer.probabilities().nth(place).map_or(0.0, |(_, p)| p)
}

fn answers(model: &Model, data: &Dataset) -> Result<Vec<f32>> {
    // One thread: the others may be training.
    model.predict_on(data, Device::cpu().threads(1))
}

/// The wrong ones of the test part, the surest first.
pub fn mistakes(run: &Run, step: usize, model: &Model, cell: &Cell) -> Result<answers::Mistakes> {
    let data = part_of(run, "test")?;
    let said = answers(model, data)?;
    let width = model.network().outputs();
    let names = run.names().len();
    let mut confusion = vec![vec![0usize; names]; names];
    let (mut items, mut errors) = (Vec::new(), 0);
    for (row, said) in said.chunks_exact(width).enumerate() {
        if let Some((truth, answer, all)) = judged(model, data.targets(), row, said) {
            confusion[truth][answer] += 1;
            errors += usize::from(truth != answer);
            let chosen = cell.truth.is_none_or(|t| t == truth)
                && cell.answer.is_none_or(|a| a == answer)
                && (truth != answer || (cell.truth.is_some() && cell.answer.is_some()));
            if chosen {
                let p = probability(&all, answer);
                let (truth, answer, probability) = (json!(truth), json!(answer), Some(p));
                items.push(Item { row, truth, answer, probability, loss: None, weight: p.into() });
            }
        } else if let Target::Values(truth) = data.targets().row(row) {
            let far: f64 = truth.iter().zip(said).map(|(t, s)| f64::from(t - s).abs()).sum();
            let wrong = match model.task() {
                Task::Binary => truth.iter().zip(said).any(|(t, s)| (*t > 0.5) != (*s > 0.5)),
                _ => true,
            };
            errors += usize::from(wrong && model.task() == Task::Binary);
            if wrong {
                let one = |x: &[f32]| if let [x] = x { json!(x) } else { json!(x) };
                let (truth, answer) = (one(truth), one(said));
                items.push(Item { row, truth, answer, probability: None, loss: None, weight: far });
            }
        }
    }
    items.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let found = items.len();
    let items: Vec<Item> = items.into_iter().skip(cell.offset).take(cell.limit.min(1000)).collect();
    let answers = model.task() != Task::Number;
    Ok(answers::Mistakes {
        step,
        samples: data.len(),
        errors: answers.then_some(errors),
        names: run.names().to_vec(),
        confusion: (answers && width == data_width(data)).then_some(confusion),
        found,
        items,
    })
}

/// Outputs that the targets ask for, where a confusion matrix makes sense; else 0.
fn data_width(data: &Dataset) -> usize {
    match data.targets() {
        Targets::Classes { names, .. } => names.len(),
        Targets::YesNo { width: 1, .. } | Targets::Numbers { width: 1, .. } => 1,
        _ => 0,
    }
}

/// The samples of the training part that the network believes least.
pub fn suspicious(
    run: &Run,
    step: usize,
    model: &Model,
    limit: usize,
) -> Result<answers::Suspicious> {
    let data = part_of(run, "train")?;
    let said = answers(model, data)?;
    let mut items = Vec::new();
    for (row, said) in said.chunks_exact(model.network().outputs()).enumerate() {
        let item = match judged(model, data.targets(), row, said) {
            Some((truth, answer, all)) => {
                let p = probability(&all, truth);
                let loss = -f64::from(p.max(f32::MIN_POSITIVE)).ln();
                let answer = json!(answer);
                let (truth, probability) = (json!(truth), Some(p));
                Item { row, truth, answer, probability, loss: Some(loss), weight: loss }
            }
            None => {
                let Target::Values(truth) = data.targets().row(row) else { continue };
                let off = truth.iter().zip(said).map(|(t, s)| f64::from(t - s).powi(2));
                let loss = off.sum::<f64>() / truth.len() as f64;
                let one = |x: &[f32]| if let [x] = x { json!(x) } else { json!(x) };
                let (truth, answer) = (one(truth), one(said));
                Item { row, truth, answer, probability: None, loss: Some(loss), weight: loss }
            }
        };
        items.push(item);
    }
    items.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    items.truncate(limit.min(1000));
    Ok(answers::Suspicious { step, names: run.names().to_vec(), items })
}
