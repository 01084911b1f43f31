//! `reshet export MODEL --to FORMAT -o FILE`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::ValueEnum;
use reshet::{
    Error,
    formats::{pytorch, write_file},
};

use crate::{say, test::load};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors that `reshet train` wrote, or its run's folder
    model: PathBuf,
    /// What to write, if FILE's ending does not say it
    #[arg(long, value_name = "FORMAT")]
    to: Option<Format>,
    /// Where to write it
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

/// What can be written.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// FILE.pt: a state_dict
    Pytorch,
}

impl Format {
    /// From a file's ending.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "pt" | "pth" => Some(Self::Pytorch),
            _ => None,
        }
    }
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let unclear = || {
        let known: Vec<_> = Format::value_variants()
            .iter()
            .filter_map(|f| f.to_possible_value())
            .map(|v| v.get_name().to_string())
            .collect();
        let path = args.output.display();
        Error::Invalid(format!("{path}: which format? say --to {}", known.join("|")))
    };
    let format = args.to.or_else(|| Format::of(&args.output)).ok_or_else(unclear)?;
    let model = load(&args.model)?;
    let written = match format {
        Format::Pytorch => {
            write_file(&args.output, &pytorch::state_dict(&model)?)?;
            vec![args.output.clone()]
        }
    };
    written.iter().for_each(|path| say!("written: {}", path.display()));
    Ok(ExitCode::SUCCESS)
}
