//! `reshet data show`, `reshet data check`, `reshet data make` and `reshet data fetch`

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Subcommand;
use reshet::{Error, Targets, Task, data::download, network::did_you_mean};

use crate::{
    commands::make,
    drawing::{digits, picture},
    hints,
    input::{
        pictures,
        source::{Reading, Source},
        table,
    },
    say,
    settings::{recipe::Named, table::TableFlags},
    terminal::{self, note},
};

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show samples with their labels, in the terminal and as a picture
    Show(Show),
    /// Check a table: what it holds, how it would be used, what looks wrong
    Check(Box<Check>),
    /// Make data to learn with: moons, circles, blobs, a spiral, waves, …
    Make(make::Args),
    /// Download a data set (MNIST is also part of the program)
    Fetch(Fetch),
}

#[derive(clap::Args)]
struct Show {
    /// mnist, a folder of pictures (DIR/class/name.png) or of IDX files
    data: String,
    /// Number of samples
    #[arg(long, default_value_t = 20, value_name = "N")]
    count: usize,
    /// First sample, counted from 0
    #[arg(long, default_value_t = 0, value_name = "N")]
    from: usize,
    /// Show samples of the test part
    #[arg(long)]
    test: bool,
    /// Write a picture instead of printing; for one sample, the sample itself
    #[arg(short, long, value_name = "FILE.png")]
    output: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Check {
    /// A table (.csv), or one in the program: iris, breast-cancer, line
    file: PathBuf,
    #[command(flatten)]
    table: TableFlags,
    /// As for `reshet train`: the kind of question
    #[arg(long, value_parser = Named::<Task>::new())]
    task: Option<Task>,
    /// As for `reshet train`: is it a LABEL?
    #[arg(long, value_name = "LABEL", conflicts_with = "positive")]
    is: Option<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Fetch {
    /// mnist
    name: String,
    /// Folder to write to [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Mirror; several are tried in turn [default: the known mirrors]
    #[arg(long, value_name = "URL")]
    mirror: Vec<String>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    match &args.command {
        Command::Show(args) => show(args),
        Command::Check(args) => check(args),
        Command::Make(args) => make::run(args),
        Command::Fetch(args) => fetch(args),
    }
}

fn show(args: &Show) -> Result<ExitCode> {
    let source = Source::open(&args.data, &Reading::default())?;
    let data = match (args.test, source.test) {
        (true, Some(test)) => test,
        _ => source.train,
    };
    let shape = data.features().shape();
    let (Some((pictures, width)), Targets::Classes { labels, names, .. }) =
        (pictures::grey(data.features()), data.targets())
    else {
        let what = format!("{}: only pictures can be shown, not {shape:?}", args.data);
        return Err(Error::Invalid(what).into());
    };
    if args.count == 0 || args.from.saturating_add(args.count) > data.len() {
        let (from, count) = (args.from, args.count);
        let what = format!("--from {from} --count {count}: there are {} samples", data.len());
        return Err(Error::Invalid(what).into());
    }
    let rows = args.from..args.from + args.count;
    let pictures: Vec<&[u8]> = pictures[rows.clone()].iter().map(Vec::as_slice).collect();
    let caption = |l: &u32| {
        let name = &names[*l as usize];
        // A caption that is wider than its picture would push the others away.
        let full = format!("{name} {shape:?}");
        let short = || name.chars().take(width).collect();
        if full.chars().count() <= width.max(20) { full } else { short() }
    };
    let captions: Vec<String> = labels[rows].iter().map(caption).collect();
    match &args.output {
        Some(path) => {
            match pictures[..] {
                [one] => picture::save(path, one, width)?,
                _ => picture::save_grid(path, &pictures, &captions, width, 5)?,
            }
            say!("saved {}", path.display());
        }
        None => say!("{}", digits::grid(&pictures, &captions, width)),
    }
    Ok(ExitCode::SUCCESS)
}

fn check(args: &Check) -> Result<ExitCode> {
    let Check { file, table: question, task, is, json } = args;
    if !table::is_there(file) {
        return Err(table::not_there(file).into());
    }
    if !table::is_table(file) {
        let what = format!("{}: only tables (.csv, .tsv) are looked through", file.display());
        return Err(Error::Invalid(what).into());
    }
    let table = table::read(file, question.options())?;
    let check = question
        .prepare(&table.names(), question.ask(*task, is.as_deref(), false))
        .check(&table)?;
    match json {
        true => say!("{}", serde_json::to_string(&check)?),
        false => say!("{}", hints::with_flag(&check.to_string())),
    }
    Ok(ExitCode::SUCCESS)
}

fn fetch(args: &Fetch) -> Result<ExitCode> {
    if args.name != "mnist" {
        let what = did_you_mean(&args.name, &["mnist"]);
        return Err(Error::Invalid(format!("no data is called \"{}\"{what}", args.name)).into());
    }
    let mut remote = download::Remote::mnist();
    if !args.mirror.is_empty() {
        remote.mirrors = args.mirror.clone();
    }
    let folder = match &args.to {
        Some(folder) => folder.clone(),
        None => download::cache_folder(&args.name)?,
    };
    let bar = terminal::bar(0, "{msg:28} {wide_bar} {bytes}/{total_bytes}  {eta} left");
    let mut last = String::new();
    let done = remote.fetch(&folder, &mut |progress| {
        if progress.file != last {
            last = progress.file.to_string();
            bar.set_message(last.clone());
            if !terminal::has_bar() {
                note(&format!("fetching {last}"));
            }
        }
        bar.set_length(progress.total.unwrap_or(0));
        bar.set_position(progress.received);
    });
    bar.finish_and_clear();
    done?;
    say!("mnist is in {}; use it as: reshet train {}", folder.display(), folder.display());
    Ok(ExitCode::SUCCESS)
}
