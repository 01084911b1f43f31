//! `reshet export MODEL --to FORMAT -o FILE`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::ValueEnum;
use reshet::{
    Error,
    formats::onnx::Port,
    formats::{onnx, pytorch, write_file},
};

use crate::{
    commands::code::{self, Language},
    input::asked::load,
    say,
    terminal::note,
};

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors that `reshet train` wrote, or its run's folder
    model: PathBuf,
    /// Format to write, if FILE's ending does not show it
    #[arg(long, value_name = "FORMAT")]
    to: Option<Format>,
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    code: code::Flags,
}

/// What can be written.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// FILE.onnx: from raw values to labels, for any runtime
    Onnx,
    /// FILE.py, a script around an nn.Sequential, and FILE.pt, its state_dict
    Pytorch,
    /// FILE.h: a header of C99
    C,
    /// FILE.rs: a module of Rust that needs only core
    Rust,
    /// FILE.html: a page that runs the model in a browser
    Html,
}

impl Format {
    /// From a file's ending.
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "onnx" => Some(Self::Onnx),
            "py" | "pt" => Some(Self::Pytorch),
            "h" => Some(Self::C),
            "rs" => Some(Self::Rust),
            "html" => Some(Self::Html),
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
    let code = |language| -> Result<Vec<PathBuf>> {
        code::write(&model, language, &args.code, &args.output)?;
        Ok(vec![args.output.clone()])
    };
    let written = match format {
        Format::C => code(Language::C)?,
        Format::Rust => code(Language::Rust)?,
        Format::Html => code(Language::Html)?,
        Format::Onnx => {
            let exported = onnx::export(&model)?;
            write_file(&args.output, &exported.bytes)?;
            let (ir, opset) = (onnx::IR_VERSION, onnx::OPSET);
            say!("ONNX, IR version {ir}, opset {opset}");
            for (what, ports) in [("in ", &exported.inputs), ("out", &exported.outputs)] {
                for Port { name, kind, shape } in ports {
                    say!("{what}  {name}  {kind} {shape}");
                }
            }
            if exported.inputs.iter().any(|port| port.kind == "string") {
                // ONNX has no operator that cuts them.
                note("the graph compares words as they are: cut the spaces around them before");
            }
            vec![args.output.clone()]
        }
        Format::Pytorch => {
            let (script, weights) = (pytorch::script(&model)?, pytorch::state_dict(&model)?);
            let both = ["py", "pt"].map(|end| args.output.with_extension(end));
            write_file(&both[0], script.as_bytes())?;
            write_file(&both[1], &weights)?;
            both.to_vec()
        }
    };
    written.iter().for_each(|path| say!("written: {}", path.display()));
    Ok(ExitCode::SUCCESS)
}
