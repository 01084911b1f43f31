//! `reshet explain MODEL DATA --dependence COLUMNS`

use std::path::Path;

use anyhow::{Context, Result};
use reshet::{
    Model,
    explain::{Dependence, Place, Value},
    metrics::{Task, digits},
    visible,
};
use serde_json::json;

use crate::{
    drawing::chart::{Axis, Chart, Look},
    say, terminal,
};

/// Outputs of which a chart shows a line.
pub const MOST_LINES: usize = 7;
/// Words that a picture shows.
const MOST_WORDS: usize = 100;

/// Prints how the answer follows columns, and draws it into a folder.
pub fn show(model: &Model, found: &[Dependence], folder: Option<&Path>, json: bool) -> Result<()> {
    let names = names(model);
    if json {
        say!("{}", json!({ "outputs": names, "dependence": found }));
    }
    for dependence in found {
        let chart = chart(dependence, &names);
        if !json {
            let columns = terminal::columns().unwrap_or(terminal::COLUMNS);
            match &chart {
                Some(chart) => say!("{}", chart.text(columns, terminal::colour())),
                None => say!("{}", table(dependence, &names)),
            }
        }
        if let Some(folder) = folder {
            let chart = chart.unwrap_or_else(|| dots(dependence, &names));
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            let stem = stem(&dependence.name);
            chart.save(folder, &stem)?;
            let path = folder.join(stem);
            terminal::note(&format!("drawn: {0}.svg, {0}.png", path.display()));
        }
    }
    Ok(())
}

/// What each output is.
pub fn names(model: &Model) -> Vec<String> {
    let meaning = model.meaning();
    let outputs = model.network().outputs();
    match (model.task(), &meaning.columns) {
        (Task::Binary, _) if outputs == 1 => {
            vec![format!("probability of {}", meaning.names.last().map_or("yes", String::as_str))]
        }
        (Task::Number, Some(columns)) => columns.targets.clone(),
        (Task::Number, None) => (0..outputs).map(|i| format!("output {i}")).collect(),
        _ => meaning.names.clone(),
    }
}

/// The curves over a number; None for a column of words.
fn chart(dependence: &Dependence, names: &[String]) -> Option<Chart> {
    let number = |place: &Place| match place.value {
        Value::Number(x) => Some(x),
        Value::Word(_) => None,
    };
    let xs: Vec<f64> = dependence.places.iter().map(number).collect::<Option<_>>()?;
    let title = format!("The answer over {}, on average", visible(&dependence.name));
    let y = if names.len() == 1 { names[0].as_str() } else { "answer" };
    let mut chart = Chart::new(title, Axis::linear(&*dependence.name), Axis::linear(y));
    for (k, name) in names.iter().enumerate().take(MOST_LINES) {
        let points = xs.iter().zip(&dependence.places).map(|(x, place)| (*x, place.mean[k]));
        let name = if names.len() == 1 { "" } else { name };
        chart = chart.with(Look::Line, name, points.collect());
    }
    Some(chart)
}

/// A dot for each word and output; of a single output with how much the effect differs.
fn dots(dependence: &Dependence, names: &[String]) -> Chart {
    let places = &dependence.places[..dependence.places.len().min(MOST_WORDS)];
    let word = |place: &Place| match &place.value {
        Value::Word(word) => short(word),
        Value::Number(x) => digits(*x),
    };
    let title = format!("The answer by {}, on average", visible(&dependence.name));
    let x = if names.len() == 1 { names[0].as_str() } else { "answer" };
    let words = Axis::names(&*dependence.name, places.iter().map(word).collect());
    let mut chart = Chart::new(title, Axis::linear(x), words);
    if names.len() == 1 {
        let ends = |(i, place): (usize, &Place)| {
            let (mean, sd, y) = (place.mean[0], place.sd[0], i as f64);
            [(mean - sd, y), (mean + sd, y), (f64::NAN, f64::NAN)]
        };
        chart = chart.with(Look::Whisker, "", places.iter().enumerate().flat_map(ends).collect());
    }
    for (k, name) in names.iter().enumerate().take(MOST_LINES) {
        let points = places.iter().enumerate().map(|(i, place)| (place.mean[k], i as f64));
        let name = if names.len() == 1 { "" } else { name };
        chart = chart.with(Look::Mark, name, points.collect());
    }
    chart
}

/// A name as a picture has room for it.
pub fn short(name: &str) -> String {
    const MOST: usize = 30;
    let name = visible(name);
    match name.chars().count() > MOST {
        true => name.chars().take(MOST - 1).chain(['…']).collect(),
        false => name.into_owned(),
    }
}

/// A line a value: the mean answers, and how much the effect differs.
fn table(dependence: &Dependence, names: &[String]) -> String {
    let word = |place: &Place| match &place.value {
        Value::Word(word) => visible(word).into_owned(),
        Value::Number(x) => digits(*x),
    };
    let words: Vec<String> = dependence.places.iter().map(word).collect();
    let longest = words.iter().map(|w| w.chars().count()).max().unwrap_or(0);
    let heads = names.iter().take(MOST_LINES).map(|name| visible(name)).collect::<Vec<_>>();
    let mut text = format!("{}: {}, on average", visible(&dependence.name), heads.join(", "));
    for (word, place) in words.iter().zip(&dependence.places) {
        let cell = |(mean, sd): (&f64, &f64)| format!("{:>9} ± {}", digits(*mean), digits(*sd));
        let cells: Vec<String> =
            place.mean.iter().zip(&place.sd).take(MOST_LINES).map(cell).collect();
        text += &format!("\n  {word:longest$}  {}", cells.join("  "));
    }
    text
}

/// A file's name for a column.
fn stem(column: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '-' };
    format!("dependence-{}", column.chars().map(plain).collect::<String>())
}
