//! The program `reshet`: one file a command, and what is drawn in a terminal.

#[allow(dead_code)] // until the pictures of scores are there
mod chart;
mod course;
mod data;
mod digits;
mod find_lr;
mod hyper;
mod info;
mod lecture;
mod network_svg;
mod picture;
mod predict;
mod run;
mod runs;
mod source;
mod terminal;
mod test;
mod train;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use reshet::Error;

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
                  4 diverged, 5 --fail-under unmet, 130 interrupted after saving.\n\n\
                  Start here: reshet lecture"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// No progress, only results
    #[arg(short, long, global = true, display_order = 100)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    /// The lecture: train a network that tells whether a digit is a 7, step by step
    Lecture(lecture::Args),
    /// Train a network on data and test it
    #[command(alias = "fit", allow_negative_numbers = true)]
    Train(Box<train::Args>),
    /// Test a model on data
    #[command(alias = "evaluate")]
    Test(test::Args),
    /// Ask a model about pictures
    Predict(predict::Args),
    /// What is in a model, or in data
    Info(info::Args),
    /// The runs of a folder in a table, best first, or two of them side by side
    Runs(runs::Args),
    /// Look at data, or fetch it
    Data(data::Args),
    /// Print a completion script for your shell
    Completions {
        /// bash, zsh, fish, elvish or powershell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    terminal::set_quiet(cli.quiet);
    let done = match cli.command {
        Command::Lecture(args) => lecture::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Runs(args) => runs::run(&args),
        Command::Data(args) => data::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "reshet", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::from(code(&error))
    })
}

/// The exit code an error stands for.
fn code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Error>() {
        Some(Error::Invalid(_)) => exit::USAGE,
        Some(Error::Data(_)) => exit::BAD_DATA,
        Some(Error::Diverged(_)) => exit::DIVERGED,
        _ => exit::FAILURE,
    }
}
