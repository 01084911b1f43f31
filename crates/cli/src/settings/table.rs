//! The flags about tables: what is asked of one, and how its file is written.

use clap::{ValueEnum, builder::ValueParser};
use reshet::{
    Error, Result, Task,
    data::table::{Ask, Prepare, csv},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::words::{text, words};

/// What is asked of a table, and how its file is written.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct TableFlags {
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
    /// Table: rows with the same value of this column, as those of one patient, stay together in
    /// the training, validation or test part; it is not learnt from
    #[arg(long, value_name = "COLUMN")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
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
    /// CSV: the words that mean that nothing stands there, as NA,-999; they replace the usual ones
    /// [default: NA, NaN, None, ? and their like]
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
    /// Spreadsheet: the sheet to read [default: the first that holds something]
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
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
            sheet: self.sheet.clone(),
            ..known
        }
    }
}

impl TableFlags {
    /// Whether a flag was given that only tables have.
    pub fn given(&self) -> Option<&'static str> {
        let Self { target, positive, weight, group, drop, only, csv } = self;
        let Csv { separator, header, missing, encoding, sheet } = csv;
        [
            ("--target", target.is_some()),
            ("--positive", positive.is_some()),
            ("--weight", weight.is_some()),
            ("--group", group.is_some()),
            ("--separator", separator.is_some()),
            ("--header", header.is_some()),
            ("--missing", missing.is_some()),
            ("--encoding", encoding.is_some()),
            ("--sheet", sheet.is_some()),
            ("--drop", drop.is_some()),
            ("--only", only.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    /// How the file is read: its header may have the columns that are asked for.
    pub fn options(&self) -> csv::Options {
        let Self { target, weight, group, drop, only, .. } = self;
        let asked = [target, weight, group, drop, only];
        let asked = asked.into_iter().flatten();
        let parts = asked.flat_map(|names| names.split(',').map(str::trim).chain([&**names]));
        csv::Options { targets: parts.map(String::from).collect(), ..self.csv.options() }
    }

    /// What the flags say of the target and the weights.
    pub fn prepare(&self, names: &[&str], ask: Ask) -> Prepare {
        let prepare = Prepare::new().ask(ask);
        let prepare = columns(&self.target, names).into_iter().fold(prepare, Prepare::target);
        let prepare = columns(&self.drop, names).into_iter().fold(prepare, Prepare::drop);
        let prepare = columns(&self.only, names).into_iter().fold(prepare, Prepare::only);
        let prepare = self.group.iter().fold(prepare, Prepare::group);
        self.weight.iter().fold(prepare, Prepare::weight)
    }

    /// The question, as the flags put it.
    pub fn ask(&self, task: Option<Task>, is: Option<&str>, amounts: bool) -> Ask {
        let is = is.map(String::from);
        Ask { task, positive: self.positive.clone(), is, amounts }
    }
}

/// The columns that a flag names: one of this very name, or several apart by commas.
fn columns(flag: &Option<String>, names: &[&str]) -> Vec<String> {
    match flag {
        None => Vec::new(),
        Some(name) if names.contains(&&**name) => vec![name.clone()],
        Some(names) => names.split(',').map(|name| name.trim().to_string()).collect(),
    }
}

/// For data that is no table: none of its flags makes sense.
pub fn refuse(args: &TableFlags, data: &str) -> Result<()> {
    match args.given() {
        Some(flag) => {
            Err(Error::Invalid(format!("{flag} goes with a table (CSV), not with {data}")))
        }
        None => Ok(()),
    }
}
