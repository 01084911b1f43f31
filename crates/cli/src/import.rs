//! `reshet import FILE -o MODEL`

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use reshet::{Error, Task, formats::import::Import};

use crate::{recipe::Named, say, terminal::note};

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
    let imported = import.read(&args.file).map_err(hinted)?;
    let same = |a: &PathBuf, b: &PathBuf| {
        a == b || a.canonicalize().ok().is_some_and(|a| b.canonicalize().is_ok_and(|b| a == b))
    };
    if same(&args.file, &args.output) {
        let what = "-o: that is the file itself; choose another name";
        return Err(Error::Invalid(what.into()).into());
    }
    for line in &imported.said {
        let order = line.starts_with("the layers' order is taken");
        note(&if order { format!("{line} (--order A,B,… says it)") } else { line.clone() });
    }
    imported.model.save(&args.output)?;
    say!("{}: {}", args.output.display(), imported.model.network());
    Ok(ExitCode::SUCCESS)
}

/// Adds the flag that answers what an error asks for.
fn hinted(error: Error) -> Error {
    match error {
        Error::Data(what) if what.ends_with("say which one is the answer") => {
            Error::Data(format!("{what} (--answer OUTPUT)"))
        }
        other => other,
    }
}
