//! `reshet serve [RUN|MODEL|STUDY|DATA…]`: the local page.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::SystemTime,
};

use anyhow::Result;
use reshet::{Device, Error};
use reshet_page::{Addresses, ForPupils, Rules};

use crate::{
    commands::tune,
    exit, memory,
    run::record::is_run,
    say,
    settings::size::Size,
    terminal::{self, bold, colour, columns, note},
};

/// Where the page is when nobody says otherwise.
const PORT: u16 = 8080;
/// Earlier runs that are listed, at most.
const EARLIER: usize = 20;
/// What a class takes unless it is told otherwise: thirty pupils at the lecture fit in.
const CLASS_MEMORY: u64 = 500_000_000;

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
    /// Address to listen on; any but this machine's own asks for a token [default: 127.0.0.1, with
    /// --class 0.0.0.0, all of them]
    #[arg(long, value_name = "ADDRESS")]
    host: Option<IpAddr>,
    /// Serve a class: pupils open the printed address, each has runs of their own, the teacher a
    /// wall of results
    #[arg(long)]
    class: bool,
    /// The class's task: "beat 99.2 % with at most 30 neurons", "is 3: 99 %, 5000 parameters"
    #[arg(long, value_name = "RULE", requires = "class")]
    task: Option<String>,
    /// Pupils, at most
    #[arg(long, value_name = "N", requires = "class", default_value_t = 40)]
    pupils: usize,
    /// Stop the training five seconds after the last page has gone
    #[arg(long)]
    stop_when_closed: bool,
    /// Memory for data, trainings and runs: 500M, 2G [default: half of what is free, with --class
    /// at most 500M]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Size>,
    /// Threads that train [default: all cores but one, which is the browser's; with --class all]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    terminal::stop_on_interrupt();
    memory::give_back_what_is_freed();
    let (mut data, mut models, mut studies) = (vec!["mnist".to_string()], Vec::new(), Vec::new());
    for path in &args.what {
        match () {
            () if tune::is_study(path) => {
                let best = path.join(tune::BEST);
                models.extend(Some(best).filter(|best| is_run(best)));
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
    if args.class && !(models.is_empty() && studies.is_empty()) {
        let what = "a class is given data; its runs, models and studies are the pupils' own";
        return Err(Error::Invalid(what.into()).into());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let class = args.class.then(|| Rules {
        pupils: args.pupils,
        cores: args.threads.unwrap_or(cores),
        task: args.task.clone(),
    });
    let device = match (Device::best(), args.threads) {
        // One for each of those that train, so that there are turns to take.
        (device, _) if args.class => device.threads(1),
        (device, Some(threads)) => device.threads(threads),
        (Device::Cpu { threads, .. }, None) => Device::best().threads((threads - 1).max(1)),
        (device, None) => device,
    };
    let memory =
        args.memory.map(|size| size.0).unwrap_or_else(|| match reshet_page::half_of_free() {
            half if args.class => half.min(CLASS_MEMORY),
            half => half,
        });
    let earlier = if args.class { Vec::new() } else { earlier(&models) };
    let local = if args.class { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let options = reshet_page::Options {
        address: args.host.unwrap_or(local.into()),
        port: args.port.unwrap_or(PORT),
        any_port: args.port.is_none(),
        stop_when_closed: args.stop_when_closed,
        device,
        memory: Some(memory),
        data,
        class,
        earlier,
        models,
        studies,
    };
    let ready = |addresses: &Addresses| {
        let address = &*addresses.page;
        match &addresses.pupils {
            Some(pupils) => show_class(address, pupils),
            None => say!("{}", bold(address)),
        }
        let gigabytes = memory as f64 / 1e9;
        note(&format!("at most {gigabytes:.1} GB of memory (--memory)"));
        note("Ctrl-C saves what trains, and ends");
        if args.open {
            open(address);
        }
    };
    let host = Box::new(super::Here::new(device));
    let interrupted = reshet_page::serve(&options, host, ready, terminal::stopped)?;
    Ok(if interrupted { ExitCode::from(exit::INTERRUPTED) } else { ExitCode::SUCCESS })
}

/// Says what pupils open, and what the teacher does.
fn show_class(teacher: &str, pupils: &ForPupils) {
    say!("pupils    {}", bold(&pupils.address));
    let width = pupils.code.first().map_or(0, |line| line.chars().count());
    if columns().is_some_and(|columns| columns >= width) {
        for line in &pupils.code {
            // White on black whatever the terminal's own colours are: cameras want it so.
            match colour() {
                true => say!("\x1b[97;40m{line}\x1b[0m"),
                false => say!("{line}"),
            }
        }
    }
    say!("teacher   {}", bold(teacher));
    note("the teacher's address opens the wall of results: keep it to yourself");
}

/// The newest runs of `runs`, oldest first: what was trained before is there again.
fn earlier(opened: &[PathBuf]) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("runs") else { return Vec::new() };
    let mut found: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let written = entry.metadata().ok()?.modified().ok()?;
            Some((written, entry.path()))
        })
        .filter(|(_, folder)| is_run(folder) && !opened.contains(folder))
        .collect();
    found.sort();
    let first = found.len().saturating_sub(EARLIER);
    found.split_off(first).into_iter().map(|(_, folder)| folder).collect()
}

/// A model's file or a run's folder, rather than data.
fn is_model(path: &Path) -> bool {
    let file = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("safetensors"));
    file || (path.is_dir() && is_run(path))
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
