//! `reshet predict MODEL INPUT…`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use reshet::{
    Dataset, Error, Features, Model, Storage, Task,
    data::{images, npy, picture::Picture},
    metrics::argmax,
};
use serde_json::{Map, Value, json};

use crate::{
    digits, pictures, say,
    source::is_npy,
    terminal,
    test::{load, unfit},
};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors that `reshet train` wrote, or its run's folder
    model: PathBuf,
    /// Pictures (PNG, JPEG or BMP of any size; drawn digits on light or dark
    /// paper), or arrays (.npy)
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Print a JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let model = load(&args.model)?;
    // All inputs are read before the first answer: a bad one is told at once.
    let inputs = args.inputs.iter().map(|path| read(&model, path));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    for (path, data) in args.inputs.iter().zip(inputs) {
        let answers = model.predict(&data);
        let answers = answers.map_err(|e| unfit(e, &args.model, path.display()))?;
        for row in answers.chunks_exact(model.network().outputs()) {
            let answer = Answer::new(&model, row);
            if args.json {
                let mut line = answer.json();
                line.insert("input".into(), json!(path));
                say!("{}", Value::Object(line));
            } else {
                say!("{}: {}", path.display(), terminal::bold(&answer.text()));
            }
        }
        if !args.json
            && !is_npy(path)
            && let Some((pictures, width)) = pictures::grey(data.features())
            && width <= terminal::COLUMNS
        {
            let caption = format!("as the network sees it, {width}×{}", pictures[0].len() / width);
            say!("{}", digits::grid(&[&pictures[0]], &[caption], width));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The samples of an array, or the one of a picture.
fn read(model: &Model, path: &Path) -> Result<Dataset> {
    let shape = &model.meaning().shape;
    let form = pictures::form_of(model.meaning());
    let features = if is_npy(path) {
        npy::features(path, model.meaning().bytes)?
    } else if form.digits {
        Features::new(Storage::U8(images::digit(path)?), shape)?
    } else if let (Some((width, height)), Some(channels)) = (form.size, form.channels) {
        let planes = Picture::open(path)?.planes(channels, width, height);
        Features::new(Storage::U8(planes), shape)?
    } else {
        let what = format!("this model takes samples of shape {shape:?}, not pictures");
        return Err(Error::Invalid(format!("{}: {what}", path.display())).into());
    };
    Ok(Dataset::unlabelled(features)?)
}

/// What the outputs of one sample mean.
enum Answer {
    /// One of these, each with its probability.
    One(Vec<(String, f32)>),
    /// Each of these questions for itself, with the probability of yes.
    Several(Vec<(String, f32)>),
    Numbers(Vec<f32>),
}

impl Answer {
    fn new(model: &Model, row: &[f32]) -> Self {
        let meaning = model.meaning();
        let named = |row: &[f32]| meaning.names.iter().cloned().zip(row.iter().copied()).collect();
        match (meaning.task, row) {
            (Task::Number, _) => Self::Numbers(row.to_vec()),
            (Task::Binary, [yes]) => Self::One(named(&[1.0 - yes, *yes])),
            (Task::Binary, _) => Self::Several(named(row)),
            (Task::Classes, _) => Self::One(named(row)),
        }
    }

    fn best(all: &[(String, f32)]) -> &(String, f32) {
        let of: Vec<f32> = all.iter().map(|(_, p)| *p).collect();
        &all[argmax(&of)]
    }

    fn text(&self) -> String {
        match self {
            Self::One(all) => {
                let (label, p) = Self::best(all);
                format!("{label} ({:.1} %)", 100.0 * p)
            }
            Self::Several(all) => {
                let answer = |(name, p): &(String, f32)| {
                    format!("{name}: {} ({:.1} %)", if *p > 0.5 { "yes" } else { "no" }, 100.0 * p)
                };
                all.iter().map(answer).collect::<Vec<_>>().join(", ")
            }
            Self::Numbers(values) => {
                values.iter().map(f32::to_string).collect::<Vec<_>>().join(" ")
            }
        }
    }

    fn json(&self) -> Map<String, Value> {
        let label = match self {
            Self::One(all) => json!(Self::best(all).0),
            Self::Several(all) => {
                all.iter().filter(|(_, p)| *p > 0.5).map(|(name, _)| name.clone()).collect()
            }
            Self::Numbers(values) => {
                let value = if let [value] = values[..] { json!(value) } else { json!(values) };
                return Map::from_iter([("value".into(), value)]);
            }
        };
        let (Self::One(all) | Self::Several(all)) = self else { return Map::new() };
        let all: Map<_, _> = all.iter().map(|(name, p)| (name.clone(), json!(p))).collect();
        Map::from_iter([("label".into(), label), ("probabilities".into(), all.into())])
    }
}
