//! `reshet test MODEL DATA`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use reshet::{Dataset, Error, Model, Targets, Task, metrics::Kind};

use crate::{exit, say, source::Source, terminal::tell};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors that `reshet train` wrote, or its run's folder
    model: PathBuf,
    /// mnist, a folder of pictures or of IDX files, a .npz, or with --targets a
    /// .npy or IDX file
    data: String,
    /// The targets that go with a .npy or IDX file, or an array in a .npz
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// The yes/no question to test, if not the model's own
    #[arg(long, value_name = "LABEL")]
    is: Option<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Exit with 5 if the accuracy (numbers: R²) is below this fraction
    #[arg(long, value_name = "X")]
    fail_under: Option<f64>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.fail_under.is_some_and(|x| x.is_nan() || x > 1.0) {
        let what = "--fail-under: a fraction of at most 1, as 0.97 for 97 %";
        return Err(Error::Invalid(what.into()).into());
    }
    let model = load(&args.model)?;
    let data = Source::open_test(&args.data, args.targets.as_deref(), model.meaning())?;
    let data = ask(&model, data, args.is.as_deref())?;
    let score = model.test(&data).map_err(|e| unfit(e, &args.model, &args.data))?;
    if args.json {
        let mut json = serde_json::to_value(&score)?;
        json["samples"] = score.samples.into();
        json["task"] = serde_json::to_value(model.task())?;
        say!("{json}");
    } else {
        say!("{score}\nloss {:.4}", score.loss);
        if let Kind::Answers { confusion, .. } = &score.kind {
            let names = match &args.is {
                Some(label) => vec![format!("not {label}"), label.clone()],
                None => answer_names(&model),
            };
            say!("{}", table(confusion, &names));
        }
    }
    let reached = match score.kind {
        Kind::Answers { accuracy, .. } => accuracy,
        Kind::Numbers { r2, .. } => r2,
    };
    match args.fail_under {
        Some(least) if reached < least => {
            tell(&format!("below --fail-under: {reached:.4} < {least}"));
            Ok(ExitCode::from(exit::BELOW))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Puts the model's own question (or `is`) to data with classes.
pub fn ask(model: &Model, data: Dataset, is: Option<&str>) -> Result<Dataset> {
    let meaning = model.meaning();
    match (is, meaning.task, data.targets()) {
        (Some(_), Task::Classes | Task::Number, _) => {
            let what =
                format!("--is asks a yes/no question; this model's task is {}", meaning.task);
            Err(Error::Invalid(what).into())
        }
        (Some(label), ..) => Ok(data.is(label)?),
        (None, Task::Binary, Targets::Classes { .. }) if model.network().outputs() == 1 => {
            Ok(data.is(&meaning.names[1])?)
        }
        _ => Ok(data),
    }
}

/// The names of the answers, in the confusion table's order.
fn answer_names(model: &Model) -> Vec<String> {
    let meaning = model.meaning();
    match meaning.task {
        // Several questions are counted together.
        Task::Binary if model.network().outputs() > 1 => vec!["no".into(), "yes".into()],
        _ => meaning.names.clone(),
    }
}

/// Reads a model, or the one in a run's folder.
pub fn load(path: &Path) -> reshet::Result<Model> {
    if path.is_dir() { Model::load(path.join("model.safetensors")) } else { Model::load(path) }
}

/// A model and data that do not go together: bad data, not bad usage.
pub fn unfit(error: Error, model: &Path, data: impl std::fmt::Display) -> Error {
    match error {
        Error::Invalid(what) => {
            Error::Data(format!("{data} does not fit {}: {what}", model.display()))
        }
        other => other,
    }
}

/// The confusion counts: a row for what it is, a column for what was said.
pub fn table(confusion: &[Vec<usize>], names: &[String]) -> String {
    let said: Vec<String> = names.iter().map(|n| format!("said {n}")).collect();
    let short = names.len() > 4;
    let heads: &[String] = if short { names } else { &said };
    let length = |text: &String| text.chars().count();
    let numbers = confusion.iter().flatten().map(|n| n.to_string().len());
    let width = heads.iter().map(length).chain(numbers).max().unwrap_or(0) + 2;
    let first = names.iter().map(length).max().unwrap_or(0).max(2) + 2;
    let mut text = format!("{:first$}", if short { "  is \\ said" } else { "" });
    let first = first.max(text.chars().count());
    heads.iter().for_each(|head| text += &format!("{head:>width$}"));
    for (name, row) in names.iter().zip(confusion) {
        text += &format!("\n{:first$}", format!("  {name}"));
        row.iter().for_each(|n| text += &format!("{n:>width$}"));
    }
    text
}
