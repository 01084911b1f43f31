//! The program `reshet`: its commands, and what of it a page in a browser's tab shares.

mod commands;
mod drawing;
#[cfg(test)]
mod faults;
#[cfg(any(test, fuzzing))]
pub mod fuzzed;
mod hints;
mod input;
mod memory;
mod ranks;
mod run;
mod settings;
mod terminal;

use std::{
    ffi::OsString,
    panic,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand, error::ErrorKind};
use reshet::{Error, Group};

use commands::{
    course, data, explain, export, import, info, lecture, predict, runs, test, train, tune,
};
use settings::{Settings, config};

pub use commands::serve::Here;

/// Exit codes, as the help documents them.
mod exit {
    pub const FAILURE: u8 = 1;
    pub const USAGE: u8 = 2;
    pub const BAD_DATA: u8 = 3;
    pub const DIVERGED: u8 = 4;
    pub const BELOW: u8 = 5;
    pub const INTERRUPTED: u8 = 130;
}

/// Fully connected neural networks: train, test, look inside, predict.
#[derive(Parser)]
#[command(
    name = "reshet",
    version,
    after_help = "Exit codes: 0 done, 1 failure at run time, 2 usage, 3 bad data or model file, \
                  4 diverged, 5 --fail-under unmet, 130 interrupted (a training: after saving).\n\n\
                  Start here: reshet lecture"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print only results, no progress
    #[arg(short, long, global = true, display_order = 100)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the lecture: train a network to recognise a 7, step by step
    Lecture(lecture::Args),
    /// Run the chapters of the course, each beside the book's result
    Course(course::Args),
    /// Train a network on data and test it
    #[command(alias = "fit", allow_negative_numbers = true)]
    Train(Box<Settings>),
    /// Try many networks and keep the best: a race against the clock
    Tune(Box<tune::Args>),
    /// Test a model on data
    #[command(alias = "evaluate")]
    Test(test::Args),
    /// Predict rows of a table, pictures or arrays with a model
    Predict(predict::Args),
    /// Show which columns or pixels a model's answers depend on
    Explain(explain::Args),
    /// Show what is in a model, a network or data
    Info(info::Args),
    /// Import another program's network as a model
    Import(import::Args),
    /// Export a model for another program
    Export(export::Args),
    /// List the runs of a folder, best first, or compare two of them
    Runs(runs::Args),
    /// Show, check or download data
    Data(data::Args),
    /// Open the local page: watch a network learn, draw digits, look at mistakes
    #[cfg(not(target_os = "wasi"))]
    Serve(commands::serve::Args),
    /// Write the page as a site, or as one file, that trains in the browser itself
    #[cfg(not(target_os = "wasi"))]
    Site(commands::site::Args),
    /// Print a completion script for your shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

/// Runs the command line that this process was given, as a rank of a group: `train` or `tune`.
pub fn main_among(group: Arc<dyn Group>) -> ExitCode {
    ranks::join(group);
    main()
}

/// Whether the process was asked to stop, by Ctrl-C or SIGTERM.
pub fn stopped() -> bool {
    terminal::stopped()
}

/// Runs the command line that this process was given.
pub fn main() -> ExitCode {
    panic::set_hook(Box::new(|panic| {
        // Of this thread the sentence is said below, of another one it is said here.
        if thread::current().name() != Some("main") {
            tell_panic(&panic.to_string());
        }
        *lock(&LAST_PANIC) = panic.to_string();
    }));
    panic::catch_unwind(|| run(std::env::args_os())).unwrap_or_else(|_| {
        tell_panic(&lock(&LAST_PANIC));
        ExitCode::from(exit::FAILURE)
    })
}

/// What the last panic said.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

fn lock(text: &Mutex<String>) -> MutexGuard<'_, String> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A panic is a mistake of the program's: a sentence says so.
fn tell_panic(what: &str) {
    let what = what.replace('\n', ": ");
    let what = format!("error: a mistake in this program, please report it: {what}");
    terminal::tell_from_any(&what);
}

/// Runs a command line, the program's name first.
fn run<T: Into<OsString> + Clone>(args: impl IntoIterator<Item = T>) -> ExitCode {
    let cli = match parse(args) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    terminal::set_quiet(cli.quiet || !ranks::is_first());
    let done = match cli.command {
        Command::Train(args) => train::run(&args),
        Command::Tune(args) => tune::run(&args),
        _ if ranks::group().is_some() => {
            let what = "several ranks train or tune together; for all else run reshet itself";
            Err(Error::Invalid(what.into()).into())
        }
        Command::Lecture(args) => lecture::run(&args),
        Command::Course(args) => course::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Data(args) => data::run(&args),
        #[cfg(not(target_os = "wasi"))]
        Command::Serve(args) => commands::serve::run(&args),
        #[cfg(not(target_os = "wasi"))]
        Command::Site(args) => commands::site::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "reshet", &mut script);
            terminal::print(format_args!("{}", String::from_utf8_lossy(&script).trim_end()));
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| failed(&error))
}

/// Says why a command failed.
fn failed(error: &anyhow::Error) -> ExitCode {
    let lost = matches!(error.downcast_ref(), Some(Error::Group(_)));
    if let Some(text) = ranks::of_rank(format!("error: {}", told(error)), lost) {
        terminal::tell_from_any(&text);
    }
    ExitCode::from(code(error))
}

/// The command line, with what --config or --resume stand for put in.
fn parse<T: Into<OsString> + Clone>(args: impl IntoIterator<Item = T>) -> Result<Cli, ExitCode> {
    let mut command = Cli::command();
    let matches = command.try_get_matches_from_mut(args);
    let matches = matches.map_err(|error| {
        if error.kind() == ErrorKind::UnknownArgument && has_widths_apart(std::env::args()) {
            terminal::tell(WIDTHS);
        }
        help(&error)
    })?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| help(&error))?;
    completed(cli, &mut command, &matches).map_err(|error| failed(&error.into()))
}

/// Prints the help that was asked for, or what is wrong with the command line.
fn help(error: &clap::Error) -> ExitCode {
    if ranks::is_first() {
        let _ = error.print();
    }
    ExitCode::from(error.exit_code() as u8)
}

/// The command, with what --config or --resume stand for.
fn completed(
    mut cli: Cli,
    command: &mut clap::Command,
    matches: &ArgMatches,
) -> reshet::Result<Cli> {
    // Whatever the command computes on: what the environment asks for must be there.
    reshet::Device::named("cpu")?;
    if let Command::Train(args) = &cli.command
        && args.more.iter().any(|file| !Path::new(file).exists())
        && has_widths_apart(std::env::args())
    {
        // What follows a width would be a file of the table.
        return Err(Error::Invalid(WIDTHS.into()));
    }
    if let (Command::Train(args), Some((name, given))) = (&mut cli.command, matches.subcommand())
        && let Some(train) = command.find_subcommand(name)
        // The other ranks are told by the first one, which may be alone in having the files.
        && ranks::is_first()
    {
        **args = config::completed(train, given, std::mem::take(args))?;
    }
    Ok(cli)
}

/// What to do about two numbers after `--hidden`.
const WIDTHS: &str = "widths are joined by commas: --hidden 100,50";

/// Whether two numbers follow `--hidden`.
fn has_widths_apart(args: impl Iterator<Item = String>) -> bool {
    let after: Vec<String> = args.skip_while(|arg| arg != "--hidden").skip(1).take(2).collect();
    after.len() == 2 && after.iter().all(|arg| arg.parse::<usize>().is_ok())
}

/// An error in words; settings are flags here.
fn told(error: &anyhow::Error) -> String {
    match error.downcast_ref::<Error>() {
        Some(setting @ Error::Setting { .. }) => format!("--{setting}"),
        _ => format!("{error:#}"),
    }
}

/// The exit code an error stands for.
fn code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Error>() {
        Some(Error::Invalid(_) | Error::Setting { .. }) => exit::USAGE,
        Some(
            Error::Data(_) | Error::Memory(_) | Error::At { .. } | Error::Io { reading: true, .. },
        ) => exit::BAD_DATA,
        Some(Error::Diverged(_)) => exit::DIVERGED,
        Some(Error::Stopped(_)) => exit::INTERRUPTED,
        _ => exit::FAILURE,
    }
}
