//! `reshet export MODEL --to c|rust|html`: a model as source code.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use reshet::{
    Device, Error, Model, Score, Task,
    formats::{
        source::{Program, c, html, rounded, rust},
        write_file,
    },
    network::thousands,
};

use crate::{
    input::{
        asked::{ask, unfit},
        source::Source,
    },
    settings::table::Csv,
    terminal::note,
};

/// How a model is written as C.
#[derive(clap::Args)]
pub struct Flags {
    /// C: weights of 8 bits, a quarter of the size; the accuracy is measured on --data
    #[arg(long, value_name = "TYPE", requires = "data")]
    quantize: Option<Quantize>,
    /// Data to measure --quantize on: mnist, a table, a folder, a .npz, …, as for `reshet test`
    #[arg(long, value_name = "DATA", requires = "quantize")]
    data: Option<String>,
    /// The targets that go with a .npy or IDX file, or an array in a .npz
    #[arg(long, value_name = "FILE", requires = "data")]
    targets: Option<PathBuf>,
    #[command(flatten)]
    csv: Csv,
}

/// Numbers that weights can be rounded to.
#[derive(Clone, Copy, ValueEnum)]
enum Quantize {
    /// Integers of 8 bits, and a scale for each output of a layer
    Int8,
}

/// A language.
#[derive(Clone, Copy, PartialEq)]
pub enum Language {
    C,
    Rust,
    Html,
}

/// Writes the model; what was measured is noted.
pub fn write(model: &Model, language: Language, flags: &Flags, path: &Path) -> Result<()> {
    if flags.quantize.is_some() && language != Language::C {
        return Err(Error::Invalid("--quantize goes with --to c".into()).into());
    }
    let program = match (&flags.quantize, &flags.data) {
        (Some(Quantize::Int8), Some(data)) => {
            let cost = cost(model, data, flags)?;
            note(&cost);
            let mut program = Program::int8(model)?;
            program.about.push(cost);
            program
        }
        _ => Program::new(model)?,
    };
    let name = path.file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned());
    let text = match language {
        Language::C => c::write(&program, &name)?,
        Language::Rust => rust::write(&program)?,
        Language::Html => html::write(&program, &name)?,
    };
    write_file(path, text.as_bytes())?;
    Ok(())
}

/// What rounding the weights costs, in words.
fn cost(model: &Model, data: &str, flags: &Flags) -> Result<String> {
    let all = Source::open_test(data, &[], flags.targets.as_deref(), &flags.csv, model.meaning())?;
    let fits = |e| unfit(e, Path::new("the model"), data);
    let all = ask(model, all, None).map_err(fits)?;
    let rounded = rounded(model)?;
    let [before, after] = [model, &rounded].map(|m| m.test(&all));
    let (before, after) = (before.map_err(fits)?, after.map_err(fits)?);
    let [one, other] = [model, &rounded].map(|m| m.predict_on(&all, Device::best()));
    let apart = one?.iter().zip(&other?).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let samples = thousands(before.samples);
    let (name, answer) = match model.task() {
        Task::Number => ("R²", "an answer"),
        _ => ("accuracy", "a probability"),
    };
    let shown = |score: &Score| match (score.accuracy(), score.measure()) {
        (Some(accuracy), _) => format!("{:.2} %", 100.0 * accuracy),
        (_, Some(r2)) => format!("{r2:.4}"),
        _ => "undefined".into(),
    };
    Ok(format!(
        "weights of 8 bits: {name} {} instead of {} on {samples} samples of {data}; \
         {answer} moved by at most {apart:.3}",
        shown(&after),
        shown(&before)
    ))
}
