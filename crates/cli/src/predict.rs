//! `reshet predict MODEL INPUT…`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use reshet::{
    Dataset, Error, Features, Model, Storage, Task,
    data::{images, npy, npz, picture::Picture},
    metrics::argmax,
    visible,
};
use serde_json::{Map, Value, json};

use crate::{
    digits, pictures,
    rows::{self, How},
    say,
    source::{is_npy, is_npz},
    table::{Csv, is_table},
    terminal,
    test::{check, load, unfit},
};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors that `reshet train` wrote, or its run's folder
    model: PathBuf,
    /// Rows of a table (.csv, or - for standard input), pictures (PNG, JPEG or BMP of
    /// any size; drawn digits on light or dark paper), or arrays (.npy; of an .npz
    /// its x, or x_test)
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Yes/no models: the probability above which the answer is yes (default 0.5)
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Table: pass over bad rows instead of stopping there
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    csv: Csv,
    /// Print a JSON object a line instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let model = load(&args.model)?;
    check(args.threshold, &model)?;
    let threshold = args.threshold.unwrap_or(0.5);
    if let Some(columns) = &model.meaning().columns {
        let Args { csv, json, skip_bad, .. } = args;
        let missing = |path: &&PathBuf| **path != Path::new("-") && !path.is_file();
        if let Some(path) = args.inputs.iter().find(missing) {
            return Err(Error::Data(format!("cannot read {}: no such file", path.display())).into());
        }
        for (i, path) in args.inputs.iter().enumerate() {
            let name = (args.inputs.len() > 1).then(|| path.display().to_string());
            let (json, skip_bad, first) = (*json, *skip_bad, i == 0);
            let how = How { csv, threshold, json, skip_bad, first, name };
            rows::predict(&model, columns, path, &how)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
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
        if !args.json
            && !is_npy(path)
            && !is_npz(path)
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
    if is_table(path) {
        let what = "the model was not trained on a table and knows no columns";
        return Err(Error::Data(format!("{}: {what}", path.display())).into());
    }
    let features = if is_npy(path) {
        npy::features(path, model.meaning().bytes)?
    } else if is_npz(path) {
        npz::features(path, model.meaning().bytes)?
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
                format!("{} ({:.1} %)", visible(label), 100.0 * p)
            }
            Self::Several(all) => {
                let answer = |(name, p, is): &(String, f32, bool)| {
                    let name = visible(name);
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
