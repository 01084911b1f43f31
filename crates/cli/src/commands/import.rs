//! `reshet import FILE -o MODEL`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use reshet::{Error, Task, formats::import::Import};

use crate::{say, settings::recipe::Named, terminal::note};

#[derive(clap::Args)]
pub struct Args {
    /// A state_dict of PyTorch (.pt, .pth, .safetensors), or an ONNX file
    file: PathBuf,
    /// File to write the model to
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// A state_dict's network, as 784-100:relu-1:sigmoid: the file does not contain activations
    #[arg(long, value_name = "NET")]
    net: Option<String>,
    /// Kind of question, if the output activation does not show it
    #[arg(long, value_parser = Named::<Task>::new())]
    task: Option<Task>,
    /// Names of the classes, as cat,dog; for a yes/no question, no comes first
    #[arg(long, value_delimiter = ',', value_name = "A,B,…")]
    classes: Option<Vec<String>>,
    /// A sample's shape, as 1,28,28
    #[arg(long, value_delimiter = ',', value_name = "SIZES")]
    shape: Option<Vec<usize>>,
    /// The network takes bytes as x / 255, as torchvision's ToTensor does
    #[arg(long)]
    bytes: bool,
    /// ONNX: the output that is the answer, if there are several
    #[arg(long, value_name = "OUTPUT")]
    answer: Option<String>,
    /// A state_dict: its layers in the network's order, if the file does not decide it
    #[arg(long, value_delimiter = ',', value_name = "A,B,…")]
    order: Option<Vec<String>>,
    /// Value of a white pixel in the network's inputs, if the file does not show it: 1 or 255
    #[arg(long, value_name = "1|255")]
    white: Option<f32>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let import = Import {
        network: args.net.clone(),
        task: args.task,
        names: args.classes.clone(),
        shape: args.shape.clone(),
        bytes: args.bytes,
        answer: args.answer.clone(),
        order: args.order.clone(),
        white: args.white,
    };
    let imported = import.read(&args.file).map_err(|error| hinted(error, args))?;
    let same = |a: &PathBuf, b: &PathBuf| {
        a == b || a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b))
    };
    if same(&args.file, &args.output) {
        let what = "-o: that is the file itself; choose another name";
        return Err(Error::Invalid(what.into()).into());
    }
    imported.said.iter().for_each(|line| note(&with_flag(line)));
    imported.model.save(&args.output)?;
    say!("{}: {}", args.output.display(), imported.model.network());
    Ok(ExitCode::SUCCESS)
}

/// A line of what was assumed, with the flag that says otherwise.
fn with_flag(line: &str) -> String {
    let flags = [
        ("task ", "--task binary|classes|number says otherwise"),
        ("the layers' order is taken", "--order A,B,… says it"),
        ("the file does not say how bright a pixel is", "--white 255: it was trained on 0…255"),
    ];
    let flag = flags.iter().find(|(start, _)| line.starts_with(start)).map(|(_, flag)| *flag);
    let names = line.ends_with("classes are called by their numbers");
    match flag.or(names.then_some("--classes A,B,…")) {
        Some(flag) => format!("{line} ({flag})"),
        None => line.into(),
    }
}

/// Adds the flag that answers what an error asks for.
fn hinted(error: Error, args: &Args) -> Error {
    match error {
        Error::Data(what) if what.ends_with("say which one is the answer") => {
            Error::Data(format!("{what} (--answer OUTPUT)"))
        }
        Error::Invalid(what) if what.contains("say what network it is") => {
            let net = what.rsplit(' ').next().unwrap_or_default();
            let (file, output) = (quoted(&args.file), quoted(&args.output));
            let command = format!("reshet import {file} -o {output} --net {net}");
            Error::Invalid(format!("{what}:\n  {command}"))
        }
        Error::Invalid(what) if what.contains("say what white is") => {
            Error::Invalid(format!("{what} (--white 1 or --white 255)"))
        }
        Error::Invalid(what) => {
            let classes = what.contains("names are needed") || what.contains("classes to name");
            let flag = if classes { " (--classes A,B,…)" } else { "" };
            Error::Invalid(what + flag)
        }
        other => other,
    }
}

fn quoted(path: &Path) -> String {
    match path.display().to_string() {
        text if text.contains([' ', '(', '\'', '"', '&', ';']) => format!("{text:?}"),
        text => text,
    }
}
