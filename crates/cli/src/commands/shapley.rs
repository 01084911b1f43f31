//! `reshet explain MODEL DATA --shapley`

use std::{ops::Range, path::Path};

use anyhow::{Context, Result};
use reshet::{
    Dataset, Error, Model, Task,
    explain::{MeanAbsolute, SampleValues, Sampling, Shapley, shapley},
    metrics::digits,
    visible,
};
use serde_json::json;

use crate::{
    commands::dependence::{MOST_LINES, names, short},
    drawing::chart::{Axis, Chart, Look},
    say, terminal,
};

/// Samples that the mean is of, at most.
const MOST_SAMPLES: usize = 100;
/// Columns that are shown, the others are only counted.
const MOST_COLUMNS: usize = 30;

/// What is asked.
#[derive(clap::Args)]
pub struct ShapleyArgs {
    /// What each column adds to the answers (Shapley values): the mean size over the samples
    #[arg(long, conflicts_with = "dependence")]
    pub shapley: bool,
    /// With --shapley: of each of these samples, counted from 0
    #[arg(long, value_delimiter = ',', num_args = 1, value_name = "N,…", requires = "shapley")]
    samples: Vec<usize>,
    /// With --shapley: permutations are sampled until no standard error is above this fraction of
    /// a sample's largest value, or for 32 rounds of the background
    #[arg(
        long,
        default_value_t = 0.01,
        value_name = "X",
        requires = "shapley",
        allow_negative_numbers = true
    )]
    tolerance: f64,
}

/// Explains samples, prints what was found, and draws it into a folder.
pub fn show(
    args: &ShapleyArgs,
    model: &Model,
    data: &Dataset,
    seed: u64,
    folder: Option<&Path>,
    json: bool,
) -> Result<()> {
    let n = data.len();
    if let Some(wrong) = args.samples.iter().find(|sample| **sample >= n) {
        let what = format!("--samples: there are {n} samples, so no sample {wrong}");
        return Err(Error::Invalid(what).into());
    }
    let numbers = match args.samples.is_empty() {
        true => (0..n.min(MOST_SAMPLES)).map(|i| i * n / n.min(MOST_SAMPLES)).collect(),
        false => args.samples.clone(),
    };
    let rows: Vec<u32> = numbers.iter().map(|sample| *sample as u32).collect();
    let sampling = Sampling { tolerance: args.tolerance, seed, ..Sampling::default() };
    let found = shapley(model, &data.select(&rows), data, &sampling)?;
    let names = names(model);
    if json {
        let mut told = json!({
            "outputs": names, "base_values": found.base_values, "background": found.background,
            "mean_absolute": found.mean_absolute(),
        });
        if !args.samples.is_empty() {
            let sample = |(number, values): (&usize, &SampleValues)| {
                let mut told = json!(values);
                told["sample"] = (*number).into();
                told
            };
            told["columns"] = json!(found.columns);
            told["samples"] = numbers.iter().zip(&found.samples).map(sample).collect();
        }
        say!("{told}");
    }
    let pictures = match args.samples.is_empty() {
        true => of_all(model, &found, &names),
        false => of_each(model, &found, &numbers, &names),
    };
    if !json {
        say!("{}", pictures.iter().map(|(_, p)| p.text()).collect::<Vec<_>>().join("\n\n"));
    }
    let left_out = names.len().saturating_sub(MOST_LINES);
    if left_out > 0 && model.task() == Task::Number && !json {
        say!("\nand {left_out} numbers more: --json has all");
    }
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        for (stem, picture) in pictures {
            picture.chart().save(folder, &stem)?;
            let path = folder.join(stem);
            terminal::note(&format!("drawn: {0}.svg, {0}.png", path.display()));
        }
    }
    Ok(())
}

/// Values of columns, and their errors: what is printed and drawn.
struct Picture {
    head: String,
    title: String,
    /// What the values are of.
    output: String,
    /// The columns, the largest first: name, value, standard error.
    columns: Vec<(String, f64, f64)>,
    /// Whether values have a sign.
    signed: bool,
}

/// The mean size over the samples: of all probabilities together, of each number, as they may have
/// other units.
fn of_all(model: &Model, found: &Shapley, names: &[String]) -> Vec<(String, Picture)> {
    let one = |k: usize| of_outputs(found, names, k..k + 1);
    match names.len() {
        many @ 2.. if model.task() != Task::Number => {
            vec![("shapley".into(), of_outputs(found, names, 0..many))]
        }
        many @ 2.. => {
            (0..many.min(MOST_LINES)).map(|k| (format!("shapley-output-{k}"), one(k))).collect()
        }
        _ => vec![("shapley".into(), one(0))],
    }
}

/// The mean size over the samples, of these outputs together.
fn of_outputs(found: &Shapley, names: &[String], which: Range<usize>) -> Picture {
    let outputs = which.len() as f64;
    let of = |column: MeanAbsolute| {
        let mean = column.mean[which.clone()].iter().sum::<f64>() / outputs;
        // Outputs depend on each other: the errors may add up.
        (column.name, mean, column.error[which.clone()].iter().sum::<f64>() / outputs)
    };
    let output = match &names[which.clone()] {
        [name] => visible(name).into_owned(),
        many => format!("answers ({})", many.len()),
    };
    let (samples, background) = (found.samples.len(), found.background);
    let permutations: usize = found.samples.iter().map(|sample| sample.permutations).sum();
    let head = format!(
        "what each column adds to or takes from the {output}: the mean size over {samples} samples, \
         beside {background} background samples, by {permutations} permutations:"
    );
    let title = format!("What each column adds to the {output}, in size");
    let mut columns: Vec<_> = found.mean_absolute().into_iter().map(of).collect();
    columns.sort_by(|a, b| b.1.total_cmp(&a.1));
    Picture { head, title, output, columns, signed: false }
}

/// Each sample's values: of classes those of its answer.
fn of_each(
    model: &Model,
    found: &Shapley,
    numbers: &[usize],
    names: &[String],
) -> Vec<(String, Picture)> {
    let mut all = Vec::new();
    for (number, sample) in numbers.iter().zip(&found.samples) {
        let largest =
            (0..names.len()).max_by(|a, b| sample.answer[*a].total_cmp(&sample.answer[*b]));
        let outputs: Vec<usize> = match model.task() {
            Task::Classes => largest.into_iter().collect(),
            _ => (0..names.len().min(MOST_LINES)).collect(),
        };
        for k in outputs {
            let output = match model.task() {
                Task::Classes => format!("probability of {}", visible(&names[k])),
                _ => visible(&names[k]).into_owned(),
            };
            let (answer, base) = (digits(sample.answer[k]), digits(found.base_values[k]));
            let head =
                format!("sample {number}: {output} {answer}, {base} on average; it differs by");
            let title = format!("Sample {number}: {output} {answer}, {base} on average");
            let column = |(i, name): (usize, &String)| {
                (name.clone(), sample.values[i][k], sample.errors[i][k])
            };
            let mut columns: Vec<_> = found.columns.iter().enumerate().map(column).collect();
            columns.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
            let stem = match names.len() {
                1 => format!("shapley-{number}"),
                _ if model.task() == Task::Classes => format!("shapley-{number}"),
                _ => format!("shapley-{number}-{k}"),
            };
            all.push((stem, Picture { head, title, output, columns, signed: true }));
        }
    }
    all
}

impl Picture {
    /// A line a column, with a bar.
    fn text(&self) -> String {
        const BAR: f64 = 30.0;
        let shown = &self.columns[..self.columns.len().min(MOST_COLUMNS)];
        let value = |x: f64| match self.signed && x > 0.0 {
            true => format!("+{}", digits(x)),
            false => digits(x),
        };
        let wide = |text: &str| text.chars().count();
        let longest = shown.iter().map(|c| wide(&short(&c.0))).max().unwrap_or(0);
        let widest = shown.iter().map(|c| wide(&value(c.1))).max().unwrap_or(0);
        let errors = shown.iter().map(|c| wide(&digits(c.2))).max().unwrap_or(0);
        let most = shown.iter().map(|c| c.1.abs()).fold(f64::MIN_POSITIVE, f64::max);
        let mut text = self.head.clone();
        for (name, x, error) in shown {
            let bar = "█".repeat((BAR * x.abs() / most).round() as usize);
            let (name, x, error) = (short(name), value(*x), digits(*error));
            let line = format!("\n  {name:longest$}  {x:>widest$} ± {error:errors$}  {bar}");
            text += line.trim_end();
        }
        if self.columns.len() > shown.len() {
            text += &format!("\n  and {} columns more", self.columns.len() - shown.len());
        }
        text
    }

    fn chart(&self) -> Chart {
        let shown = &self.columns[..self.columns.len().min(MOST_COLUMNS)];
        let names = Axis::names("", shown.iter().map(|column| short(&column.0)).collect());
        let at = |i: usize| i as f64;
        let bars = shown.iter().enumerate().map(|(i, column)| (column.1, at(i))).collect();
        let ends = |(i, (_, x, error)): (usize, &(String, f64, f64))| {
            [(x - error, at(i)), (x + error, at(i)), (f64::NAN, f64::NAN)]
        };
        let whiskers = shown.iter().enumerate().flat_map(ends).collect();
        let zero = vec![(0.0, -0.5), (0.0, shown.len() as f64 - 0.5)];
        Chart::new(&*self.title, Axis::linear(&*self.output), names)
            .with(Look::Bars, "", bars)
            .with(Look::Whisker, "", whiskers)
            .with(Look::Reference, "", zero)
    }
}
