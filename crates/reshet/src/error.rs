//! Errors: what went wrong, and what to do about it.
//!
//! Every message says what is wrong, where, and what to do. The variants are for programs that
//! treat them differently; the command line turns them into exit codes.

use std::{io, path::Path};

use crate::Model;

/// `Result` with this library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the library.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request cannot work: layers that do not fit together, a loss that does not go with
    /// the output, an empty batch.
    #[error("{0}")]
    Invalid(String),

    /// A setting of a training is invalid, by itself or together with others.
    #[error("{}", told(name, value, why))]
    Setting {
        /// The setting, as a [`Recipe`](crate::Recipe) writes it: `batch-size`.
        name: &'static str,
        /// Its value; empty if the value is not the point.
        value: String,
        /// What is wrong with it, and what to do.
        why: String,
    },

    /// Data or a model file is malformed.
    #[error("{0}")]
    Data(String),

    /// Data does not fit into the memory that is free.
    #[error("{0}")]
    Memory(String),

    /// A file is malformed at a known position.
    #[error("{}", there(file, *line, column, what))]
    At {
        /// The file, as given.
        file: String,
        /// The line, or the row if the file has no lines: counted from 1, the header included.
        line: u64,
        /// The name of the column, if the error is about one.
        column: Option<String>,
        /// What is wrong, and what to do.
        what: String,
    },

    /// The operating system reported an error: no such file, no permission, disk full.
    #[error("{what}: {cause}")]
    Io {
        /// The operation and the file: `cannot read x`.
        what: String,
        /// Whether an input could not be read. Otherwise the error is about writing, or about the
        /// system itself.
        reading: bool,
        /// The system's error. It is not the `source`, as the message already contains it.
        cause: io::Error,
    },

    /// The requested device is not available.
    #[error("{0}")]
    Device(String),

    /// No mirror provided the files.
    #[error("{0}")]
    Download(String),

    /// A rank of a [`Group`](crate::Group) has ended, or differs from the others.
    #[error("{0}")]
    Group(String),

    /// The caller asked to stop before there was a result.
    #[error("{0}")]
    Stopped(String),

    /// The loss or a parameter is no longer finite.
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

/// Where a training diverged, and the last good model.
#[derive(Debug, thiserror::Error)]
#[error(
    "diverged at step {step}: {what} is not finite; try a smaller learning rate, \
     gradient clipping, or scaled inputs"
)]
pub struct Diverged {
    /// Updates taken before this step.
    pub step: u64,
    /// The learning rate of that step; NaN if the step had not reached its update.
    pub lr: f64,
    /// What is not finite: `the loss (NaN)` or a parameter's name.
    pub what: String,
    /// The last snapshot in which all numbers were finite, if there is one.
    pub last_good: Option<Model>,
    /// The number of updates before that snapshot.
    pub last_good_step: u64,
}

impl Error {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self::Data(message.into())
    }

    /// An error in a line of a file, and in a column of that line.
    pub(crate) fn at(file: &str, line: u64, column: Option<&str>, what: impl Into<String>) -> Self {
        let (file, column) = (file.to_string(), column.map(String::from));
        Self::At { file, line, column, what: what.into() }
    }

    /// An input file, data or a model, that cannot be read.
    pub(crate) fn unreadable(path: &Path, cause: io::Error) -> Self {
        let what = format!("cannot read {}", path.display());
        Self::Io { what, reading: true, cause: crate::files::in_words(cause) }
    }

    /// An operation on a file that failed: `cannot write x: …`.
    pub(crate) fn io(doing: &str, path: &Path, cause: io::Error) -> Self {
        let what = format!("cannot {doing} {}", path.display());
        Self::Io { what, reading: false, cause }
    }
}
