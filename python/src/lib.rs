//! The part of the Python package `reshet` that is Rust; `reshet/__init__.py` is its face.
//!
//! Arrays come in as buffers, row by row, of float32 or bytes, and are copied once: see
//! `docs/decisions/0014-arrays-are-copied.md`. Tables come in as paths or as columns, whose cells
//! are read as texts by the code that reads CSV files. The interpreter is free while a network
//! trains or answers.

mod arrays;
mod convert;
mod frames;
mod model;
mod net;
mod replay;
mod tables;
mod training;

use std::io::ErrorKind;

use pyo3::{
    exceptions::{
        PyFileNotFoundError, PyFloatingPointError, PyOSError, PyRuntimeError, PyValueError,
    },
    prelude::*,
};
use reshet::Error;

fn python(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        // Settings as Python writes them.
        Error::Setting { name, .. } => {
            let rest = text.strip_prefix(name).unwrap_or_default();
            PyValueError::new_err(format!("{}{rest}", name.replace('-', "_")))
        }
        Error::Invalid(_) | Error::Data(_) | Error::Memory(_) | Error::At { .. } => {
            PyValueError::new_err(text)
        }
        Error::Io { cause, .. } if cause.kind() == ErrorKind::NotFound => {
            PyFileNotFoundError::new_err(text)
        }
        Error::Io { .. } => PyOSError::new_err(text),
        Error::Diverged(_) => PyFloatingPointError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

/// What is seen of a text: how names of columns are compared.
#[pyfunction]
fn seen(text: &str) -> String {
    reshet::data::table::seen(text).into_owned()
}

#[pymodule]
fn _reshet(module: &Bound<PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("PARQUET", cfg!(feature = "parquet"))?;
    module.add_class::<model::PyModel>()?;
    module.add_class::<net::Net>()?;
    module.add_class::<replay::ReplayBuffer>()?;
    module.add_function(wrap_pyfunction!(seen, module)?)?;
    module.add_function(wrap_pyfunction!(training::train, module)?)?;
    module.add_function(wrap_pyfunction!(training::train_table, module)?)
}
