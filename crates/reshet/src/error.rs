//! What can go wrong, and what to do about it.
//!
//! Every message says what, where and what to do. The variants exist so that
//! a program can tell them apart (the command line turns them into exit codes).

use std::{io, path::Path};

use crate::Model;

/// `Result` with this library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Anything the library can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What was asked for cannot work: layers that do not fit, a loss that
    /// does not go with the output, a batch of zero samples.
    #[error("{0}")]
    Invalid(String),

    /// A setting of a training makes no sense, by itself or beside the others.
    #[error("{}", told(name, value, why))]
    Setting {
        /// The setting, as a [`Recipe`](crate::Recipe) writes it: `batch-size`.
        name: &'static str,
        /// What it was set to; empty where that is not the point.
        value: String,
        /// What is wrong with it and what to do.
        why: String,
    },

    /// Data or a model file is not what it should be.
    #[error("{0}")]
    Data(String),

    /// Something at one place of a file is not what it should be.
    #[error("{}", there(file, *line, column, what))]
    At {
        /// The file, as it was given.
        file: String,
        /// The line, or of a file without lines the row; from 1, the header's line counted.
        line: u64,
        /// The column's name, if it is about one.
        column: Option<String>,
        /// What is wrong and what to do.
        what: String,
    },

    /// The system refused: no such file, no permission, disk full.
    #[error("{what}: {cause}")]
    Io {
        /// What was being done, to which file.
        what: String,
        /// Whether something that was given could not be read; else it is about writing, or
        /// about the system itself.
        reading: bool,
        /// The system's answer. Not the error's `source`: it is in its text already.
        cause: io::Error,
    },

    /// The device asked for is not there.
    #[error("{0}")]
    Device(String),

    /// None of the mirrors gave the files.
    #[error("{0}")]
    Download(String),

    /// A loss or a parameter is no longer a finite number.
    #[error(transparent)]
    Diverged(Box<Diverged>),
}

/// `epochs 0: nothing would be learnt`
fn told(name: &str, value: &str, why: &str) -> String {
    match value {
        "" => format!("{name}: {why}"),
        _ => format!("{name} {value}: {why}"),
    }
}

/// `x.csv:7: column "age": "old" is not a number`
fn there(file: &str, line: u64, column: &Option<String>, what: &str) -> String {
    match column {
        Some(column) => format!("{file}:{line}: column \"{column}\": {what}"),
        None => format!("{file}:{line}: {what}"),
    }
}

/// Where training left the finite numbers, and what could be kept.
#[derive(Debug, thiserror::Error)]
#[error(
    "diverged at step {step}: {what} is not finite; try a smaller learning rate, \
     clipping of gradients, or scaled inputs"
)]
pub struct Diverged {
    /// Updates taken before this step.
    pub step: u64,
    /// The learning rate of that step, if it was known.
    pub lr: f64,
    /// What is not finite: `the loss (NaN)` or a parameter's name.
    pub what: String,
    /// The last snapshot in which everything was finite, if one was kept.
    pub last_good: Option<Model>,
    /// How many updates that snapshot had seen.
    pub last_good_step: u64,
}

impl Error {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self::Data(message.into())
    }

    /// What is wrong in a line of a file, and in which column of it.
    pub(crate) fn at(file: &str, line: u64, column: Option<&str>, what: impl Into<String>) -> Self {
        let (file, column) = (file.to_string(), column.map(String::from));
        Self::At { file, line, column, what: what.into() }
    }

    /// A file to learn from or a model that cannot be read.
    pub(crate) fn unreadable(path: &Path, cause: io::Error) -> Self {
        let what = format!("cannot read {}", path.display());
        Self::Io { what, reading: true, cause }
    }

    /// What the system refused to do with a file: `cannot write x: …`.
    pub(crate) fn io(doing: &str, path: &Path, cause: io::Error) -> Self {
        let what = format!("cannot {doing} {}", path.display());
        Self::Io { what, reading: false, cause }
    }
}
