//! `reshet explain MODEL DATA`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use reshet::{
    Dataset, Error, Layer, Model,
    explain::{self, Importance, importance, saliency},
    metrics::Task,
    visible,
};
use serde_json::json;

use crate::{
    commands::{dependence, shapley},
    drawing::{digits, picture},
    input::{
        asked::{Asked, load},
        pictures,
    },
    say, terminal,
};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    asked: Asked,
    /// Shuffles of each input
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// Seed of the shuffles and permutations
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// How the answer follows these columns, each by itself, on average over the samples
    #[arg(long, value_delimiter = ',', num_args = 1, value_name = "COLUMNS")]
    dependence: Vec<String>,
    #[command(flatten)]
    shapley: shapley::ShapleyArgs,
    /// Models of pictures: write the first layer's weights and the saliency as PNG; with
    /// --dependence or --shapley, what they find as SVG and PNG
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let model = load(&args.asked.model)?;
    let data = args.asked.dataset(&model, None)?;
    if !args.dependence.is_empty() {
        let of = |column: &String| explain::dependence(&model, &data, column.trim());
        let found = args.dependence.iter().map(of).collect::<reshet::Result<Vec<_>>>()?;
        dependence::show(&model, &found, args.pictures.as_deref(), args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.shapley.shapley {
        if size(&model).is_some() {
            let what = "--shapley: of pictures, what moves the answer is shown without it";
            return Err(Error::Invalid(what.into()).into());
        }
        let (seed, folder) = (args.seed, args.pictures.as_deref());
        shapley::show(&args.shapley, &model, &data, seed, folder, args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some((height, width)) = size(&model) {
        return explain_pictures(args, &model, &data, height, width);
    }
    if args.pictures.is_some() {
        let what = "--pictures: this model does not look at pictures (it goes with --dependence and --shapley)";
        return Err(Error::Invalid(what.into()).into());
    }
    let found = importance(&model, &data, args.repeats as usize, args.seed);
    let (whole, all) = found.map_err(|e| args.asked.unfit(e))?;
    let measure = if model.task() == Task::Number { "R²" } else { "accuracy" };
    if args.json {
        let name = if measure == "R²" { "r2" } else { measure };
        say!("{}", json!({ name: whole, "importance": all }));
        return Ok(ExitCode::SUCCESS);
    }
    // The importance is of a sample of very large data, the score of all.
    let score = model.test(&data).map_err(|e| args.asked.unfit(e))?;
    say!("{score}\n\nhow far the {measure} falls when a column is shuffled:");
    say!("{}", bars(&all));
    Ok(ExitCode::SUCCESS)
}

/// A line an input, with a bar.
fn bars(all: &[Importance]) -> String {
    const BAR: f64 = 30.0;
    let names = all.iter().map(|i| visible(&i.name).chars().count());
    let longest = names.max().unwrap_or(0).min(30);
    let most = all.iter().map(|i| i.fall).fold(1e-9, f64::max);
    let line = |Importance { name, fall, sd }: &Importance| {
        let eighths = (8.0 * BAR * (fall / most).max(0.0)).round() as usize;
        let part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
        let name = visible(name);
        format!("  {name:longest$}  {fall:>7.4} ± {sd:.4}  {}{part}", "█".repeat(eighths / 8))
    };
    all.iter().map(|i| line(i).trim_end().to_string()).collect::<Vec<_>>().join("\n")
}

/// Height and width, if the model looks at pictures.
fn size(model: &Model) -> Option<(usize, usize)> {
    match (model.meaning().bytes, &model.meaning().shape[..]) {
        (true, [1 | 3, height, width]) => Some((*height, *width)),
        _ => None,
    }
}

fn explain_pictures(
    args: &Args,
    model: &Model,
    data: &Dataset,
    height: usize,
    width: usize,
) -> Result<ExitCode> {
    let saliency = saliency(model, data).map_err(|e| args.asked.unfit(e))?;
    // Of a colour picture, the strongest of its three planes.
    let area = height * width;
    let strongest = |i: usize| saliency.iter().skip(i).step_by(area).copied().fold(0.0, f32::max);
    let saliency: Vec<f32> = (0..area).map(strongest).collect();
    let seen = grey(&saliency, 0.0);
    let (mean, _) = mean_picture(data).context("the samples are no pictures")?;
    if args.json {
        say!("{}", json!({ "shape": [height, width], "saliency": saliency }));
    } else {
        say!("{}", model.test(data)?);
        if 2 * width + 4 <= terminal::COLUMNS {
            let captions = ["the average sample", "what moves the answer"].map(String::from);
            say!("\n{}", digits::grid(&[&mean, &seen], &captions, width));
        }
    }
    if let Some(folder) = &args.pictures {
        let written = save(folder, model, &seen, area, width)?;
        if !args.json {
            written.iter().for_each(|path| say!("saved {}", path.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the saliency and the first layer's weights, grey for 0, white above, black below.
fn save(
    folder: &Path,
    model: &Model,
    seen: &[u8],
    area: usize,
    width: usize,
) -> Result<Vec<PathBuf>> {
    const MOST: usize = 100;
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let path = folder.join("saliency.png");
    picture::save_grid(&path, &[seen], &["what moves the answer".into()], width, 1)?;
    let mut written = vec![path];
    if let Some(Layer::Linear(inputs, neurons)) = model.network().layers().first() {
        let weights = &model.parameters()[..inputs * neurons];
        let one = |neuron: &[f32]| {
            let planes = neuron.len() / area;
            let mean = |i: usize| neuron.iter().skip(i).step_by(area).sum::<f32>() / planes as f32;
            let mean: Vec<f32> = (0..area).map(mean).collect();
            let most = mean.iter().fold(0.0f32, |m, w| m.max(w.abs()));
            grey(&mean, -most)
        };
        let all: Vec<Vec<u8>> = weights.chunks_exact(*inputs).take(MOST).map(one).collect();
        let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        let captions: Vec<String> = (0..all.len()).map(|n| n.to_string()).collect();
        let path = folder.join("weights.png");
        picture::save_grid(&path, &all, &captions, width, 10)?;
        written.push(path);
    }
    Ok(written)
}

/// `low` black, the largest white.
fn grey(values: &[f32], low: f32) -> Vec<u8> {
    let high = values.iter().copied().fold(low, f32::max);
    // Around the middle, as much above as below.
    let high = if low < 0.0 { -low } else { high };
    let span = if high > low { high - low } else { 1.0 };
    values.iter().map(|x| (255.0 * (x - low) / span).round() as u8).collect()
}

fn mean_picture(data: &Dataset) -> Option<(Vec<u8>, usize)> {
    let (all, width) = pictures::grey(data.features())?;
    let area = all.first()?.len();
    let mean = |i: usize| {
        let sum: usize = all.iter().map(|picture| usize::from(picture[i])).sum();
        (sum / all.len()) as u8
    };
    Some(((0..area).map(mean).collect(), width))
}
