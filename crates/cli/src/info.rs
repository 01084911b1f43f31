//! `reshet info MODEL|DATA`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use reshet::{
    Dataset, Model, Sequential, Storage, Targets,
    data::table::{Column, LeftOut},
    formats::write_file,
    network::thousands,
};

use crate::{
    network_svg, pictures, say,
    source::{Reading, Source},
    table,
};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors, a network as 784-100:relu-1:sigmoid, or data (mnist, a folder)
    what: String,
    /// Draw the network: layers, nodes and connections
    #[arg(long, value_name = "FILE.svg")]
    draw: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let path = Path::new(&args.what);
    if table::is_table(path) && path.is_file() {
        let what = "a table: `reshet data check` looks it through";
        return Err(reshet::Error::Invalid(format!("{}: {what}", args.what)).into());
    }
    let is_model = path.extension().is_some_and(|e| e == "safetensors")
        || path.join("model.safetensors").is_file()
        || (path.is_file() && !is_data(path));
    if is_model {
        let model = crate::test::load(path)?;
        about_model(&model);
        return draw(args, model.network());
    }
    // A network string starts with a width; a folder of that name goes first.
    if !path.exists() && args.what.starts_with(|c: char| c.is_ascii_digit()) {
        let network: Sequential = args.what.parse()?;
        say!("{}", network.summary());
        return draw(args, &network);
    }
    let source = Source::open(&args.what, &Reading::default())?;
    if args.draw.is_some() {
        let what = "--draw: only a model or a network can be drawn, not data";
        return Err(reshet::Error::Invalid(what.into()).into());
    }
    say!("{}", source.name);
    about_data("training", &source.train);
    if let Some(test) = &source.test {
        about_data("test", test);
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a file holds data that needs nothing beside it, by its name.
fn is_data(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "npz") || reshet::data::idx::is_images(path)
}

fn draw(args: &Args, network: &Sequential) -> Result<ExitCode> {
    if let Some(path) = &args.draw {
        write_file(path, network_svg::draw(network).as_bytes())?;
        say!("drawn in {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn about_model(model: &Model) {
    say!("{}\n{}", model.network(), model.network().summary());
    let meaning = model.meaning();
    say!("task       {}", meaning.task);
    if !meaning.names.is_empty() {
        say!("labels     {}", meaning.names.join(", "));
    }
    say!("input      {:?}", meaning.shape);
    if let Some(how) = pictures::preparation(meaning) {
        say!("pictures   {how}");
    }
    say!("loss       {}", model.loss().name());
    if let Some(columns) = &meaning.columns {
        let widest = columns.inputs.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
        let widest = widest.clamp(4, 30);
        say!("target     {}", columns.targets.join(", "));
        say!("columns    {}", columns.inputs.len());
        for Column { name, kind } in &columns.inputs {
            say!("  {name:widest$}  {}", kind.describe());
        }
        for LeftOut { name, why } in &columns.left_out {
            say!("  {name:widest$}  left out: {why}");
        }
    }
    for (key, value) in &model.notes {
        say!("{key:10} {value}");
    }
}

fn about_data(part: &str, data: &Dataset) {
    let (n, features) = (thousands(data.len()), data.features());
    say!("{part}: {n} samples of shape {:?}, {} values each", features.shape(), data.width());
    let zeros = match features.storage() {
        Storage::U8(bytes) => bytes.iter().filter(|b| **b == 0).count(),
        Storage::F32(values) => values.iter().filter(|x| **x == 0.0).count(),
    };
    say!(
        "  {:.1} % of the values are zero",
        100.0 * zeros as f64 / (data.len() * data.width()) as f64
    );
    if let Targets::Classes { labels, names } = data.targets() {
        let mut counts = vec![0usize; names.len()];
        labels.iter().for_each(|l| counts[*l as usize] += 1);
        for (name, count) in names.iter().zip(counts) {
            let share = 100.0 * count as f64 / data.len() as f64;
            say!("  {name:>4}  {:>7}  {share:4.1} %", thousands(count));
        }
    }
}
