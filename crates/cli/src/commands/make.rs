//! `reshet data make`

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use reshet::{
    Error,
    data::{
        classics::Classic,
        make::{Maker, Pattern},
    },
    formats::write_file,
};

use crate::say;

/// What is made, for the help.
const PATTERNS: &str = "Patterns:
  moons    two half circles that reach into each other          x1,x2,label
  circles  a circle around another                              x1,x2,label
  blobs    three round clouds                                   x1,x2,label
  spiral   two arms of a spiral                                 x1,x2,label
  xor      a square; 1 where exactly one input is above 0       x1,x2,label
  line     points around y = 80x + 50                           x,y
  waves    points around 0.02x + 0.3 sin x + 0.1 (ln x)²        x,y
  flats    nine flats, made up: price in millions               area,floor,price

Tables of the program, written as they are: iris, breast-cancer, galton

  reshet data make moons --samples 2000 --noise 0.15 --seed 42 -o moons.csv
  reshet train moons.csv --hidden 16,16";

#[derive(clap::Args)]
#[command(after_help = PATTERNS, allow_negative_numbers = true)]
pub struct Args {
    /// What to make
    #[arg(value_parser = whats(), hide_possible_values = true)]
    pattern: What,
    /// Number of samples [default: as suits the pattern]
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// Standard deviation of the noise; 0 for none [default: as suits the pattern]
    #[arg(long, value_name = "X")]
    noise: Option<f64>,
    /// Seed of places, noise and order
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Table to write (.csv) [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// What is written.
#[derive(Clone, Copy, Debug)]
enum What {
    Made(Pattern),
    Table(Classic),
}

fn whats() -> impl TypedValueParser<Value = What> {
    // What is called as a pattern is made.
    let names = Pattern::ALL.map(Pattern::name);
    let tables = Classic::ALL.map(Classic::name);
    let tables = tables.into_iter().filter(|name| !names.contains(name));
    let all: Vec<&str> = names.into_iter().chain(tables).collect();
    PossibleValuesParser::new(all).try_map(|name| match name.parse::<Pattern>() {
        Ok(pattern) => Ok(What::Made(pattern)),
        Err(_) => Classic::named(&name).map(What::Table),
    })
}

fn csv(args: &Args) -> reshet::Result<String> {
    let pattern = match args.pattern {
        What::Made(pattern) => pattern,
        What::Table(table) if args.samples.is_some() || args.noise.is_some() => {
            let what = "is a table of the program: it has its own rows";
            return Err(Error::Invalid(format!("--samples, --noise: {} {what}", table.name())));
        }
        What::Table(table) => return table.csv(),
    };
    let mut maker = Maker::new(pattern).seed(args.seed);
    if let Some(samples) = args.samples {
        maker = maker.samples(samples);
    }
    if let Some(noise) = args.noise {
        maker = maker.noise(noise);
    }
    maker.csv()
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let csv = csv(args)?;
    match args.output.as_deref().filter(|path| *path != std::path::Path::new("-")) {
        Some(path) => {
            write_file(path, csv.as_bytes())?;
            say!("saved {}: {} rows", path.display(), csv.lines().count() - 1);
        }
        None => match std::io::stdout().lock().write_all(csv.as_bytes()) {
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => {}
            written => written.context("cannot write to standard output")?,
        },
    }
    Ok(ExitCode::SUCCESS)
}
