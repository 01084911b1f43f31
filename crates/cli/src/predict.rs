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
use serde_json::{Map, json};

use crate::{digits, say, source::is_npy, terminal};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors that `reshet train` wrote
    model: PathBuf,
    /// Pictures of digits (PNG, any size, light or dark background), or arrays (.npy)
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Arrays: take bytes as they are, not as x / 255
    #[arg(long)]
    no_scale: bool,
    /// Print a JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let model = Model::load(&args.model)?;
    // All inputs are read before the first answer: a bad one is told at once.
    let inputs = args.inputs.iter().map(|path| read(&model, path, !args.no_scale));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    for (path, data) in args.inputs.iter().zip(inputs) {
        let answers = model.predict(&data)?;
        for row in answers.chunks_exact(model.network().outputs()) {
            let answer = Answer::new(&model, row);
            if args.json {
                let mut line = answer.json();
                line.insert("input".into(), json!(path));
                say!("{}", serde_json::Value::Object(line));
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
fn read(model: &Model, path: &Path, scale: bool) -> Result<Dataset> {
    let shape = &model.meaning().shape;
    let features = if is_npy(path) {
        npy::features(path, scale)?
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
struct Answer {
    /// Each answer with its probability, or nothing for a number.
    probabilities: Vec<(String, f32)>,
    values: Vec<f32>,
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
        Self { probabilities, values: row.to_vec(), best: argmax(&of) }
    }

    fn text(&self) -> String {
        match self.probabilities.get(self.best) {
            Some((label, p)) => format!("{label} ({:.1} %)", 100.0 * p),
            None => self.values.iter().map(f32::to_string).collect::<Vec<_>>().join(" "),
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
                let value = match self.values[..] {
                    [value] => json!(value),
                    _ => json!(self.values),
                };
                line.insert("value".into(), value);
            }
        }
        line
    }
}
