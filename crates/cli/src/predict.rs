//! `reshet predict MODEL INPUT…`

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use reshet::{
    Dataset, Error, Features, Model, Storage, Targets, Task, data::images, metrics::argmax,
};
use serde_json::{Map, json};

use crate::{digits, say, terminal};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors that `reshet train` wrote
    model: PathBuf,
    /// Pictures of digits: PNG, JPEG or BMP, any size, light or dark background
    #[arg(required = true, value_name = "PICTURE")]
    inputs: Vec<PathBuf>,
    /// Print a JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let model = Model::load(&args.model)?;
    let shape = &model.meaning().shape;
    if *shape != [1, 28, 28] {
        let what = format!("takes samples of shape {shape:?}, not pictures of 28×28 digits");
        return Err(Error::Invalid(format!("{}: this model {what}", args.model.display())).into());
    }
    // All pictures are read before the first answer: a bad one is told at once.
    let pictures = args.inputs.iter().map(|path| images::digit(path));
    let pictures = pictures.collect::<reshet::Result<Vec<_>>>()?;
    let data = unlabelled(pictures.concat())?;
    let answers = model.predict(&data)?;
    let answers = answers.chunks_exact(model.network().outputs());
    for ((path, picture), row) in args.inputs.iter().zip(&pictures).zip(answers) {
        let answer = Answer::new(&model, row);
        if args.json {
            let mut line = answer.json();
            line.insert("input".into(), json!(path));
            say!("{}", serde_json::Value::Object(line));
        } else {
            say!("{}: {}", path.display(), terminal::bold(&answer.text()));
            say!("{}", digits::one(picture, "as the network sees it, 28×28"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn unlabelled(pixels: Vec<u8>) -> Result<Dataset> {
    let features = Features::new(Storage::U8(pixels), &[1, 28, 28])?;
    let rows = features.rows();
    Dataset::new(features, Targets::numbers(vec![0.0; rows], 1)).context("pictures")
}

/// What the outputs of one sample mean.
struct Answer {
    /// Each answer with its probability, or nothing for a number.
    probabilities: Vec<(String, f32)>,
    value: f32,
    best: usize,
}

impl Answer {
    fn new(model: &Model, row: &[f32]) -> Self {
        let meaning = model.meaning();
        let probabilities = match (meaning.task, &meaning.names[..]) {
            (Task::Number, _) => Vec::new(),
            (Task::Binary, [name]) => {
                vec![(format!("not {name}"), 1.0 - row[0]), (name.clone(), row[0])]
            }
            (_, names) => names.iter().cloned().zip(row.iter().copied()).collect(),
        };
        let of: Vec<f32> = probabilities.iter().map(|(_, p)| *p).collect();
        Self { probabilities, value: row[0], best: argmax(&of) }
    }

    fn text(&self) -> String {
        match self.probabilities.get(self.best) {
            Some((label, p)) => format!("{label} ({:.1} %)", 100.0 * p),
            None => self.value.to_string(),
        }
    }

    fn json(&self) -> Map<String, serde_json::Value> {
        let mut line = Map::new();
        match self.probabilities.get(self.best) {
            Some((label, _)) => {
                let all: Map<_, _> =
                    self.probabilities.iter().map(|(l, p)| (l.clone(), json!(p))).collect();
                line.insert("label".into(), json!(label));
                line.insert("probabilities".into(), all.into());
            }
            None => {
                line.insert("value".into(), json!(self.value));
            }
        }
        line
    }
}
