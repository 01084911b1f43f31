//! `reshet info MODEL|DATA`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use reshet::{
    Dataset, Model, Sequential, Storage, Targets,
    data::table::{Column, LeftOut, Written},
    formats::write_file,
    network::thousands,
    visible,
};
use serde_json::{Value, json};

use crate::{
    commands::weights,
    drawing::network_svg,
    input::{
        pictures,
        source::{Reading, Source},
        table,
    },
    say,
};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors, a network as 784-100:relu-1:sigmoid, or data (mnist, a folder)
    what: String,
    /// Draw the network: layers, nodes and connections
    #[arg(long, value_name = "FILE.svg")]
    draw: Option<PathBuf>,
    /// Also print the parameters, and for a single dense layer the formula in the data's units
    #[arg(long)]
    weights: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
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
        let model = crate::input::asked::load(path)?;
        if args.json {
            let mut json = model_json(&model)?;
            if args.weights {
                weights::add(&model, &mut json)?;
            }
            return draw(args, model.network(), Some(json));
        }
        about_model(&model);
        if args.weights {
            say!("{}", weights::text(&model)?);
        }
        return draw(args, model.network(), None);
    }
    if args.weights {
        let what = format!("--weights: only a model has parameters, not {}", args.what);
        return Err(reshet::Error::Invalid(what).into());
    }
    // A network string starts with a width; a folder of that name goes first.
    if !path.exists() && args.what.starts_with(|c: char| c.is_ascii_digit()) {
        let network: Sequential = args.what.parse()?;
        if !args.json {
            say!("{}", network.summary());
        }
        return draw(args, &network, args.json.then(|| network_json("network", &network)));
    }
    let source = Source::open(&args.what, &Reading::default())?;
    if args.draw.is_some() {
        let what = "--draw: only a model or a network can be drawn, not data";
        return Err(reshet::Error::Invalid(what.into()).into());
    }
    let (train, test) = (About::new(&source.train), source.test.as_ref().map(About::new));
    if args.json {
        let (train, test) = (train.json(), test.map(|test| test.json()));
        say!("{}", json!({"kind": "data", "name": source.name, "train": train, "test": test}));
        return Ok(ExitCode::SUCCESS);
    }
    say!("{}\n{}", source.name, train.text("training"));
    if let Some(test) = test {
        say!("{}", test.text("test"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether a file holds data that needs nothing beside it, by its name.
fn is_data(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "npz") || reshet::data::idx::is_images(path)
}

/// Draws the network if asked, and prints the object if there is one.
fn draw(args: &Args, network: &Sequential, json: Option<Value>) -> Result<ExitCode> {
    if let Some(path) = &args.draw {
        write_file(path, network_svg::draw(network).as_bytes())?;
    }
    match (json, &args.draw) {
        (Some(mut json), drawn) => {
            if let Some(path) = drawn {
                json["drawn"] = json!(path);
            }
            say!("{json}");
        }
        (None, Some(path)) => say!("drawn in {}", path.display()),
        (None, None) => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn network_json(kind: &str, network: &Sequential) -> Value {
    json!({
        "kind": kind,
        "network": network.to_string(),
        "parameters": network.parameters(),
        "inputs": network.inputs(),
        "outputs": network.outputs(),
    })
}

/// `meaning` and `notes` as they stand in the model's file: see docs/runs.md.
fn model_json(model: &Model) -> Result<Value> {
    let mut json = network_json("model", model.network());
    json["loss"] = model.loss().name().into();
    json["meaning"] = serde_json::to_value(model.meaning())?;
    json["notes"] = json!(model.notes);
    Ok(json)
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
        let names = columns.inputs.iter().map(|c| visible(&c.name).chars().count());
        let widest = names.max().unwrap_or(0);
        let widest = widest.clamp(4, 30);
        say!("target     {}", columns.targets.join(", "));
        say!("columns    {}", columns.inputs.len());
        for Column { name, kind } in &columns.inputs {
            let written = columns.written.get(name).map(Written::example);
            let written = written.map_or(String::new(), |w| format!(", written as {w}"));
            say!("  {:widest$}  {}{written}", visible(name), kind.describe());
        }
        for LeftOut { name, why } in &columns.left_out {
            say!("  {:widest$}  left out: {why}", visible(name));
        }
    }
    for (key, value) in &model.notes {
        say!("{key:10} {value}");
    }
}

/// One part of some data, counted.
struct About<'a> {
    data: &'a Dataset,
    /// The share of the values that are 0.
    zeros: f64,
    /// The classes with their counts.
    classes: Vec<(&'a str, usize)>,
}

impl<'a> About<'a> {
    fn new(data: &'a Dataset) -> Self {
        let zeros = match data.features().storage() {
            Storage::U8(bytes) => bytes.iter().filter(|b| **b == 0).count(),
            Storage::F32(values) => values.iter().filter(|x| **x == 0.0).count(),
        };
        let mut classes = Vec::new();
        if let Targets::Classes { labels, names, .. } = data.targets() {
            classes.extend(names.iter().map(|name| (&**name, 0)));
            labels.iter().for_each(|l| classes[*l as usize].1 += 1);
        }
        Self { data, zeros: zeros as f64 / (data.len() * data.width()) as f64, classes }
    }

    fn text(&self, part: &str) -> String {
        let Self { data, zeros, classes } = self;
        let (n, shape) = (thousands(data.len()), data.features().shape());
        let mut text =
            format!("{part}: {n} samples of shape {shape:?}, {} values each", data.width());
        text += &format!("\n  {:.1} % of the values are zero", 100.0 * zeros);
        for (name, count) in classes {
            let share = 100.0 * *count as f64 / data.len() as f64;
            let name = visible(name);
            text += &format!("\n  {name:>4}  {:>7}  {share:4.1} %", thousands(*count));
        }
        text
    }

    fn json(&self) -> Value {
        let classes = self.classes.iter().map(|(name, n)| (name.to_string(), json!(n)));
        json!({
            "samples": self.data.len(),
            "shape": self.data.features().shape(),
            "values": self.data.width(),
            "zeros": self.zeros,
            "classes": classes.collect::<serde_json::Map<_, _>>(),
        })
    }
}
