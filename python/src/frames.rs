//! Tables as Python has them: paths, and frames as columns of values.

use std::{fmt::Write, ops::ControlFlow, path::PathBuf};

use pyo3::{
    buffer::PyBuffer,
    exceptions::PyTypeError,
    prelude::*,
    types::{PyBool, PyFloat, PyInt, PyList, PyString},
};
use reshet::{
    Table,
    data::table::{TableBuilder, csv},
};

use crate::python;

/// Rows between two looks whether Ctrl-C was pressed.
const ROWS: usize = 1 << 14;

/// How a table's file is written, where it is not to be guessed.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct Dialect {
    /// One byte of ASCII.
    sep: Option<u8>,
    header: Option<bool>,
    encoding: Option<String>,
    sheet: Option<String>,
}

impl Dialect {
    /// What is said here, and else what is known.
    pub fn over(&self, known: csv::Options) -> csv::Options {
        let Self { sep, header, encoding, sheet } = self;
        csv::Options {
            separator: sep.or(known.separator),
            header: header.or(known.header),
            encoding: encoding.clone().or(known.encoding),
            sheet: sheet.clone().or(known.sheet),
            ..known
        }
    }
}

/// A table: the path of a file, or a frame as `(names, columns)`.
#[derive(FromPyObject)]
pub enum Source<'py> {
    Frame(Vec<String>, Vec<Bound<'py, PyAny>>),
    Path(PathBuf),
}

impl Source<'_> {
    /// Reads it whole, a frame's cells as texts.
    pub fn read(&self, py: Python, options: &csv::Options) -> PyResult<Table> {
        match self {
            Self::Path(path) => {
                let read = || {
                    Table::read_with(path, options.clone(), &mut |_, _| ControlFlow::Continue(()))
                };
                py.detach(read).map_err(python)
            }
            Self::Frame(names, columns) => {
                let builder = frame(py, names, columns, options)?;
                py.detach(|| builder.table()).map_err(python)
            }
        }
    }

    /// The name of what is learnt from, for the model's notes.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            Self::Frame(..) => "DataFrame".into(),
        }
    }
}

/// The values of a frame's column, as they are or as Python's objects.
enum Column<'py> {
    Double(Vec<f64>),
    Single(Vec<f32>),
    Whole(Vec<i64>),
    Natural(Vec<u64>),
    Objects(Bound<'py, PyList>),
}

impl<'py> Column<'py> {
    fn new(py: Python, values: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(list) = values.cast::<PyList>() {
            return Ok(Self::Objects(list.clone()));
        }
        if let Ok(buffer) = PyBuffer::<f64>::get(values) {
            return Ok(Self::Double(buffer.to_vec(py)?));
        }
        if let Ok(buffer) = PyBuffer::<f32>::get(values) {
            return Ok(Self::Single(buffer.to_vec(py)?));
        }
        if let Ok(buffer) = PyBuffer::<i64>::get(values) {
            return Ok(Self::Whole(buffer.to_vec(py)?));
        }
        Ok(Self::Natural(PyBuffer::<u64>::get(values)?.to_vec(py)?))
    }

    fn len(&self) -> usize {
        match self {
            Self::Double(all) => all.len(),
            Self::Single(all) => all.len(),
            Self::Whole(all) => all.len(),
            Self::Natural(all) => all.len(),
            Self::Objects(all) => all.len(),
        }
    }

    /// Writes a cell as Python would print it; nothing where nothing stands.
    fn write(&self, row: usize, text: &mut String) -> PyResult<()> {
        text.clear();
        // Writing to a String does not fail.
        let _ = match self {
            Self::Double(all) if all[row].is_nan() => Ok(()),
            Self::Double(all) => write!(text, "{:?}", all[row]),
            Self::Single(all) if all[row].is_nan() => Ok(()),
            Self::Single(all) => write!(text, "{:?}", all[row]),
            Self::Whole(all) => write!(text, "{}", all[row]),
            Self::Natural(all) => write!(text, "{}", all[row]),
            Self::Objects(all) => return write_object(&all.get_item(row)?, text),
        };
        Ok(())
    }
}

fn write_object(value: &Bound<PyAny>, text: &mut String) -> PyResult<()> {
    if let Ok(word) = value.cast::<PyString>() {
        text.push_str(word.to_str()?);
    } else if value.is_none() {
    } else if value.cast::<PyBool>().is_ok() || value.is_exact_instance_of::<PyInt>() {
        text.push_str(value.str()?.to_str()?);
    } else if let Ok(number) = value.cast::<PyFloat>() {
        let number = number.extract::<f64>()?;
        if !number.is_nan() {
            let _ = write!(text, "{number:?}");
        }
    } else {
        let frames = value.py().import("reshet._frames")?;
        let word: Option<String> = frames.getattr("text")?.call1((value,))?.extract()?;
        text.push_str(&word.unwrap_or_default());
    }
    Ok(())
}

/// A frame's rows as texts.
pub fn frame(
    py: Python,
    names: &[String],
    values: &[Bound<PyAny>],
    options: &csv::Options,
) -> PyResult<TableBuilder> {
    let mut builder = TableBuilder::new("DataFrame", names.to_vec(), options).map_err(python)?;
    let columns = values.iter().map(|values| Column::new(py, values));
    let columns: Vec<Column> = columns.collect::<PyResult<_>>()?;
    let rows = columns.first().map_or(0, Column::len);
    let mut cells = vec![String::new(); columns.len()];
    for row in 0..rows {
        if row % ROWS == 0 {
            py.check_signals()?;
        }
        for ((column, cell), name) in columns.iter().zip(&mut cells).zip(names) {
            column.write(row, cell).map_err(|e| of_cell(py, e, name, row))?;
        }
        builder.row(cells.iter().map(String::as_str)).map_err(python)?;
    }
    Ok(builder)
}

/// An error that says in which cell it was.
fn of_cell(py: Python, error: PyErr, name: &str, row: usize) -> PyErr {
    let what = error.value(py);
    PyTypeError::new_err(format!("DataFrame:{}: column \"{name}\": {what}", row + 1))
}
