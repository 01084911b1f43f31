//! `reshet serve [RUN|MODEL|STUDY|DATA…]`: the local page.

mod host;
pub mod spec;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::Result;
use reshet::{Device, Error};

use crate::{
    exit, runs, say,
    terminal::{self, bold, note},
    tune,
};

/// Where the page is when nobody says otherwise.
const PORT: u16 = 8080;

#[derive(clap::Args)]
pub struct Args {
    /// What to open: runs, models, studies, tables, folders of pictures; mnist is always there
    #[arg(value_name = "RUN|MODEL|STUDY|DATA")]
    what: Vec<PathBuf>,
    /// Port; 0: any [default: 8080, or any where that one is taken]
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// Address to listen on; any but this machine's own asks for a token
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    host: IpAddr,
    /// Stop the training five seconds after the last page has gone
    #[arg(long)]
    stop_when_closed: bool,
    /// Threads that train [default: all cores but one, which is the browser's]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    terminal::stop_on_interrupt();
    let (mut data, mut models, mut studies) = (vec!["mnist".to_string()], Vec::new(), Vec::new());
    for path in &args.what {
        match () {
            () if tune::is_study(path) => {
                let best = path.join(tune::BEST);
                models.extend(Some(best).filter(|best| runs::is_run(best)));
                studies.push(path.clone());
            }
            () if is_model(path) => models.push(path.clone()),
            () if path.exists() => data.push(path.to_string_lossy().into_owned()),
            () if path == Path::new("mnist") => {}
            () => {
                let what = "no such run, model, study, table or folder";
                return Err(Error::Data(format!("{}: {what}", path.display())).into());
            }
        }
    }
    if args.threads == Some(0) {
        let what = "--threads 0: at least one thread has to work";
        return Err(Error::Invalid(what.into()).into());
    }
    let device = match (Device::best(), args.threads) {
        (device, Some(threads)) => device.threads(threads),
        (Device::Cpu { threads, .. }, None) => Device::best().threads((threads - 1).max(1)),
        (device, None) => device,
    };
    let options = reshet_page::Options {
        address: args.host,
        port: args.port.unwrap_or(PORT),
        any_port: args.port.is_none(),
        stop_when_closed: args.stop_when_closed,
        device,
        data,
        models,
        studies,
    };
    let ready = |address: &str| {
        say!("{}", bold(address));
        note("Ctrl-C saves what trains, and ends");
        if args.open {
            open(address);
        }
    };
    let host = Box::new(host::Here::new(device));
    let interrupted = reshet_page::serve(&options, host, ready, terminal::stopped)?;
    Ok(if interrupted { ExitCode::from(exit::INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// A model's file or a run's folder, rather than data.
fn is_model(path: &Path) -> bool {
    let file = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
    file || (path.is_dir() && runs::is_run(path))
}

/// Opens an address in the user's browser.
fn open(address: &str) {
    let program = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    let mut command = Command::new(program);
    command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(e) = command.spawn() {
        note(&format!("cannot open a browser ({program}: {e}); open {address} yourself"));
    }
}
