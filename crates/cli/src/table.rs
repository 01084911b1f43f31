//! Tables on the command line: CSV files and what is asked of them.

use std::{
    io::{IsTerminal, Read},
    path::Path,
};

use clap::{ValueEnum, builder::ValueParser};
use reshet::{
    Error, Result, Table, Task,
    data::table::{Ask, Prepare, csv},
    network::did_you_mean,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::{
    config::{text, words},
    terminal::{self, note},
};

/// What is asked of a table, and how its file is written.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Question {
    /// Table: the column to predict, or several as a,b [default: the last]
    #[arg(long, value_name = "COLUMN")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Table: which of two values means yes
    #[arg(long, value_name = "LABEL")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// Table: the column of the rows' weights in the loss
    #[arg(long, value_name = "COLUMN")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// Table: leave these columns out, as a,b
    #[arg(long, value_name = "COLUMNS", conflicts_with = "only")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub drop: Option<String>,
    /// Table: use only these columns, as a,b
    #[arg(long, value_name = "COLUMNS")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    pub csv: Csv,
}

/// How a CSV file is written.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Csv {
    /// CSV: the separator of cells, as ";" or tab [default: guessed]
    #[arg(long, value_name = "CHAR", value_parser = ValueParser::new(separator))]
    #[serde(deserialize_with = "a_separator", skip_serializing_if = "Option::is_none")]
    separator: Option<char>,
    /// CSV: whether the first row holds the columns' names [default: guessed]
    #[arg(long, value_name = "yes|no")]
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<YesNo>,
    /// CSV: the words that mean that nothing stands there, as NA,- [default: NA, NaN, None, ?
    /// and their like]
    #[arg(
        long,
        value_name = "WORDS",
        value_delimiter = ',',
        num_args = 1,
        allow_hyphen_values = true
    )]
    #[serde(deserialize_with = "words", skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<String>>,
    /// CSV: the text encoding, as windows-1252 [default: UTF-8, or guessed]
    #[arg(long, value_name = "NAME")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
}

/// The values of a flag.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum, Serialize, Deserialize)]
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

fn a_separator<'de, D: Deserializer<'de>>(from: D) -> Result<Option<char>, D::Error> {
    separator(&String::deserialize(from)?).map(Some).map_err(D::Error::custom)
}

impl Csv {
    pub fn options(&self) -> csv::Options {
        self.over(csv::Options::default())
    }

    /// What these flags say, and else what is known.
    pub fn over(&self, known: csv::Options) -> csv::Options {
        csv::Options {
            separator: self.separator.map(|c| c as u8),
            header: self.header.map(|header| header == YesNo::Yes),
            missing: self.missing.clone().or_else(|| known.missing.clone()),
            encoding: self.encoding.clone(),
            ..known
        }
    }
}

/// Endings of tables' names; what cannot be read is told with what to do.
const ENDINGS: [&str; 11] =
    [".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".arff", ".parquet", ".xlsx", ".xls", ".ods"];

/// Whether a path is a table: by its name, perhaps with `.gz`; a pipe; a text without an
/// ending whose rows have as many cells each.
pub fn is_table(path: &Path) -> bool {
    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().to_lowercase());
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    ENDINGS.iter().any(|end| name.ends_with(end))
        || is_stream(path)
        || (path.extension().is_none() && holds_rows(path))
}

/// Whether a path is standard input or another pipe, which can be read once.
pub fn is_stream(path: &Path) -> bool {
    let is = |m: std::fs::Metadata| !m.is_file() && !m.is_dir();
    path == Path::new("-") || std::fs::metadata(path).is_ok_and(is)
}

/// Whether a file begins with lines of text that have as many separators each.
fn holds_rows(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = std::fs::File::open(path).map(|file| file.take(4096).read_to_end(&mut start));
    let control = |b: &u8| *b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r');
    if !path.is_file() || !matches!(read, Ok(Ok(_))) || start.iter().any(control) {
        return false;
    }
    let lines: Vec<&[u8]> = start.split(|b| *b == b'\n').filter(|line| !line.is_empty()).collect();
    // The last one may be cut off.
    let whole = lines.len().saturating_sub(usize::from(start.len() == 4096));
    let count = |line: &[u8], separator| line.iter().filter(|b| **b == separator).count();
    [b',', b';', b'\t', b'|', b' '].into_iter().any(|separator| {
        let mut counts = lines[..whole].iter().map(|line| count(line, separator));
        let first = counts.next().unwrap_or(0);
        whole > 1 && first > 0 && counts.all(|n| n == first)
    })
}

/// That there is no such file, with the name that was perhaps meant.
pub fn not_there(path: &Path) -> Error {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let beside = std::fs::read_dir(folder.unwrap_or(Path::new(".")));
    let names: Vec<String> = beside
        .map(|all| all.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    let guess = did_you_mean(&name, &names);
    // All files of the folder would be too many.
    let guess = guess.split(" (known").next().unwrap_or_default();
    Error::Data(format!("cannot read {}: no such file{guess}", path.display()))
}

/// The name of a table: its file's, without its endings.
pub fn name(path: &Path) -> String {
    if path == Path::new("-") {
        return "stdin".into();
    }
    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
    name.split('.').find(|part| !part.is_empty()).unwrap_or("table").into()
}

/// Reads a table, with a bar if it takes long.
pub fn read(path: &Path, options: csv::Options) -> Result<Table> {
    let bar = terminal::bar(0, "reading {wide_bar} {bytes}/{total_bytes}  {eta} left");
    let mut told = std::time::Instant::now();
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
        let Self { target, positive, weight, drop, only, csv } = self;
        let Csv { separator, header, missing, encoding } = csv;
        [
            ("--target", target.is_some()),
            ("--positive", positive.is_some()),
            ("--weight", weight.is_some()),
            ("--separator", separator.is_some()),
            ("--header", header.is_some()),
            ("--missing", missing.is_some()),
            ("--encoding", encoding.is_some()),
            ("--drop", drop.is_some()),
            ("--only", only.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    /// How the file is read: its header may have the columns that are asked for.
    pub fn options(&self) -> csv::Options {
        let asked = [&self.target, &self.weight, &self.drop, &self.only];
        let asked = asked.into_iter().flatten();
        let parts = asked.flat_map(|names| names.split(',').map(str::trim).chain([&**names]));
        csv::Options { targets: parts.map(String::from).collect(), ..self.csv.options() }
    }

    /// What the flags say of the target and the weights.
    pub fn prepare(&self, table: &Table, ask: Ask) -> Prepare {
        let prepare = Prepare::new().ask(ask);
        let prepare = columns(&self.target, table).into_iter().fold(prepare, Prepare::target);
        let prepare = columns(&self.drop, table).into_iter().fold(prepare, Prepare::drop);
        let prepare = columns(&self.only, table).into_iter().fold(prepare, Prepare::only);
        self.weight.iter().fold(prepare, Prepare::weight)
    }

    /// The question, as the flags put it.
    pub fn ask(&self, task: Option<Task>, is: Option<&str>, amounts: bool) -> Ask {
        let is = is.map(String::from);
        Ask { task, positive: self.positive.clone(), is, amounts }
    }
}

/// The columns that a flag names: one of this very name, or several apart by commas.
fn columns(flag: &Option<String>, table: &Table) -> Vec<String> {
    match flag {
        None => Vec::new(),
        Some(name) if table.names().contains(&&**name) => vec![name.clone()],
        Some(names) => names.split(',').map(|name| name.trim().to_string()).collect(),
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
