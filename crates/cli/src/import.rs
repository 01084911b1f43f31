//! `reshet import FILE -o MODEL`

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use reshet::{
    Activation, Error, Loss, Meaning, Model, Plan, Sequential, Task, formats::safetensors,
};

use crate::say;

#[derive(clap::Args)]
pub struct Args {
    /// A state_dict that PyTorch wrote as safetensors
    file: PathBuf,
    /// Where to write the model
    #[arg(short, long, value_name = "MODEL")]
    output: PathBuf,
    /// The network, as 784-100:relu-1:sigmoid: the file holds no activations
    #[arg(long, value_name = "NET")]
    net: String,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let network = Sequential::parse(&args.net, None)?;
    let (task, loss) = match (network.output_activation(), network.outputs()) {
        (Activation::Sigmoid, _) => (Task::Binary, Loss::BCELoss),
        (_, 1) => (Task::Number, Loss::MSELoss),
        _ => (Task::Classes, Loss::cross_entropy()),
    };
    let plan = Plan::new(&network, loss.clone())?;
    let parameters = safetensors::load_parameters(&args.file, &plan)?;
    let names = (0..network.outputs()).map(|n| n.to_string()).collect();
    let meaning = Meaning::new(task, names, &[network.inputs()]);
    let model = Model::new(network, loss, parameters, meaning)?;
    if args.output == args.file {
        return Err(Error::Invalid("-o: this is the file that is read".into()).into());
    }
    model.save(&args.output)?;
    say!("written: {}", args.output.display());
    Ok(ExitCode::SUCCESS)
}
