//! Tables on the command line: CSV files and what is asked of them.

use std::{collections::BTreeMap, io::IsTerminal, path::Path};

use clap::{ValueEnum, builder::ValueParser};
use reshet::{
    Error, Result, Table, Task,
    data::table::{Ask, Prepare, Written, csv},
};
use serde::Serialize;

use crate::terminal::{self, note};

/// What is asked of a table, and how its file is written.
#[derive(Clone, Default, clap::Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Question {
    /// Table: the column to predict, or several as a,b [default: the last]
    #[arg(long, value_name = "COLUMN")]
    pub target: Option<String>,
    /// Table: which of two values means yes
    #[arg(long, value_name = "LABEL")]
    pub positive: Option<String>,
    /// Table: the column that says how much each row counts
    #[arg(long, value_name = "COLUMN")]
    pub weight: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    pub csv: Csv,
}

/// How a CSV file is written.
#[derive(Clone, Default, clap::Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Csv {
    /// CSV: what stands between two cells, as ";" or tab [default: guessed]
    #[arg(long, value_name = "CHAR", value_parser = ValueParser::new(separator))]
    separator: Option<char>,
    /// CSV: whether the first row holds the columns' names [default: guessed]
    #[arg(long, value_name = "yes|no")]
    header: Option<YesNo>,
}

/// The values of a flag.
#[derive(Clone, Copy, PartialEq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum YesNo {
    Yes,
    No,
}

fn separator(text: &str) -> Result<char, String> {
    match text {
        "tab" | "\\t" => Ok('\t'),
        _ => match text.chars().collect::<Vec<_>>()[..] {
            [c] if c.is_ascii() && !matches!(c, '"' | '\n' | '\r') => Ok(c),
            _ => Err("one character, as \",\" or \";\", or the word tab".into()),
        },
    }
}

impl Csv {
    pub fn options(&self) -> csv::Options {
        csv::Options {
            separator: self.separator.map(|c| c as u8),
            header: self.header.map(|header| header == YesNo::Yes),
            ..csv::Options::default()
        }
    }
}

/// Whether a path is a table, by its name: `.csv`, `.tsv`, `.txt`, `.tab`, `.data`, perhaps
/// with `.gz`; `.parquet`.
pub fn is_table(path: &Path) -> bool {
    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().to_lowercase());
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    [".csv", ".tsv", ".tab", ".txt", ".data", ".parquet"].iter().any(|end| name.ends_with(end))
}

/// The name of a table: its file's, without its endings.
pub fn name(path: &Path) -> String {
    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    name.split('.').find(|part| !part.is_empty()).unwrap_or("table").into()
}

/// Reads a table, with a bar if it takes long.
pub fn read(path: &Path, csv: &Csv) -> Result<Table> {
    read_as(path, csv, BTreeMap::new())
}

/// [`read`], some columns' numbers known to be written in some way.
pub fn read_as(path: &Path, csv: &Csv, written: BTreeMap<String, Written>) -> Result<Table> {
    let bar = terminal::bar(0, "reading {wide_bar} {bytes}/{total_bytes}  {eta} left");
    let mut told = std::time::Instant::now();
    let options = csv::Options { written, ..csv.options() };
    let table = Table::read_with(path, options, &mut |read, of| {
        bar.set_length(of);
        bar.set_position(read);
        if !std::io::stderr().is_terminal() && told.elapsed().as_secs() >= 2 {
            told = std::time::Instant::now();
            note(&format!("read {} of {} MB", read / 1_000_000, of / 1_000_000));
        }
    });
    bar.finish_and_clear();
    table
}

impl Question {
    /// Whether a flag was given that only tables have.
    pub fn given(&self) -> Option<&'static str> {
        let Self { target, positive, weight, csv: Csv { separator, header } } = self;
        [
            ("--target", target.is_some()),
            ("--positive", positive.is_some()),
            ("--weight", weight.is_some()),
            ("--separator", separator.is_some()),
            ("--header", header.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    /// The target columns: one of this very name, or several apart by commas.
    fn targets(&self, table: &Table) -> Vec<String> {
        match &self.target {
            None => Vec::new(),
            Some(name) if table.names().contains(&&**name) => vec![name.clone()],
            Some(names) => names.split(',').map(|name| name.trim().to_string()).collect(),
        }
    }

    /// What the flags say of the target and the weights.
    pub fn prepare(&self, table: &Table, ask: Ask) -> Prepare {
        let prepare = Prepare::new().ask(ask);
        let prepare = self.targets(table).into_iter().fold(prepare, Prepare::target);
        self.weight.iter().fold(prepare, Prepare::weight)
    }

    /// The question, as the flags put it.
    pub fn ask(&self, task: Option<Task>, is: Option<&str>, amounts: bool) -> Ask {
        let is = is.map(String::from);
        Ask { task, positive: self.positive.clone(), is, amounts }
    }
}

/// For data that is no table: none of its flags makes sense.
pub fn refuse(args: &Question, data: &str) -> Result<()> {
    match args.given() {
        Some(flag) => {
            Err(Error::Invalid(format!("{flag} goes with a table (CSV), not with {data}")))
        }
        None => Ok(()),
    }
}
