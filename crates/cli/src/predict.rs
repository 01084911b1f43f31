//! `reshet predict MODEL INPUT…`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use reshet::{
    Dataset, Error, Features, Model, Storage, Task,
    data::{images, npy},
    metrics::argmax,
};
use serde_json::{Map, Value, json};

use crate::{
    digits, say,
    source::is_npy,
    terminal,
    test::{check, load, unfit},
};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors that `reshet train` wrote, or its run's folder
    model: PathBuf,
    /// Pictures of digits (PNG, any size, light or dark background), or arrays (.npy)
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Yes/no models: the probability above which the answer is yes (default 0.5)
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Print a JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let model = load(&args.model)?;
    check(args.threshold, &model)?;
    let threshold = args.threshold.unwrap_or(0.5);
    // All inputs are read before the first answer: a bad one is told at once.
    let inputs = args.inputs.iter().map(|path| read(&model, path));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    for (path, data) in args.inputs.iter().zip(inputs) {
        let answers = model.predict(&data);
        let answers = answers.map_err(|e| unfit(e, &args.model, path.display()))?;
        for row in answers.chunks_exact(model.network().outputs()) {
            let answer = Answer::new(&model, row, threshold);
            if args.json {
                let mut line = answer.json();
                line.insert("input".into(), json!(path));
                say!("{}", Value::Object(line));
            } else {
                say!("{}: {}", path.display(), terminal::bold(&answer.text()));
            }
        }
        if let (false, false, Storage::U8(pixels)) =
            (args.json, is_npy(path), data.features().storage())
        {
            say!("{}", digits::one(pixels, "as the network sees it, 28×28"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The samples of an array, or the one of a picture.
fn read(model: &Model, path: &Path) -> Result<Dataset> {
    let shape = &model.meaning().shape;
    let features = if is_npy(path) {
        npy::features(path, model.meaning().bytes)?
    } else if *shape == [1, 28, 28] {
        Features::new(Storage::U8(images::digit(path)?), shape)?
    } else {
        let what =
            format!("this model takes samples of shape {shape:?}, not pictures of 28×28 digits");
        return Err(Error::Invalid(format!("{}: {what}", path.display())).into());
    };
    Ok(Dataset::unlabelled(features)?)
}

/// What the outputs of one sample mean.
enum Answer {
    /// One of these, each with its probability, and its place.
    One(Vec<(String, f32)>, usize),
    /// Each of these questions for itself, with the probability of yes, and whether it is.
    Several(Vec<(String, f32, bool)>),
    Numbers(Vec<f32>),
}

impl Answer {
    fn new(model: &Model, row: &[f32], threshold: f64) -> Self {
        let meaning = model.meaning();
        let named = |row: &[f32]| meaning.names.iter().cloned().zip(row.iter().copied()).collect();
        let is = |p: f32| f64::from(p) > threshold;
        match (meaning.task, row) {
            (Task::Number, _) => Self::Numbers(row.to_vec()),
            (Task::Binary, [yes]) => Self::One(named(&[1.0 - yes, *yes]), is(*yes).into()),
            (Task::Binary, _) => {
                let all = meaning.names.iter().zip(row);
                Self::Several(all.map(|(name, p)| (name.clone(), *p, is(*p))).collect())
            }
            (Task::Classes, _) => Self::One(named(row), argmax(row)),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::One(all, place) => {
                let (label, p) = &all[*place];
                format!("{label} ({:.1} %)", 100.0 * p)
            }
            Self::Several(all) => {
                let answer = |(name, p, is): &(String, f32, bool)| {
                    format!("{name}: {} ({:.1} %)", if *is { "yes" } else { "no" }, 100.0 * p)
                };
                all.iter().map(answer).collect::<Vec<_>>().join(", ")
            }
            Self::Numbers(values) => {
                values.iter().map(f32::to_string).collect::<Vec<_>>().join(" ")
            }
        }
    }

    fn json(&self) -> Map<String, Value> {
        let (label, all): (Value, Map<_, _>) = match self {
            Self::One(all, place) => (
                json!(all[*place].0),
                all.iter().map(|(name, p)| (name.clone(), json!(p))).collect(),
            ),
            Self::Several(all) => (
                all.iter().filter(|(.., is)| *is).map(|(name, ..)| name.clone()).collect(),
                all.iter().map(|(name, p, _)| (name.clone(), json!(p))).collect(),
            ),
            Self::Numbers(values) => {
                let value = if let [value] = values[..] { json!(value) } else { json!(values) };
                return Map::from_iter([("value".into(), value)]);
            }
        };
        Map::from_iter([("label".into(), label), ("probabilities".into(), all.into())])
    }
}
