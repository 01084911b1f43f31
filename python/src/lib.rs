//! The part of the Python package `reshet` that is Rust; `reshet/__init__.py` is its face.
//!
//! Arrays come in as buffers, row by row, of float32 or bytes, and are copied once: see
//! `docs/decisions/0014-arrays-are-copied.md`. The interpreter is free while a network
//! trains or answers.

mod convert;
mod net;
mod replay;

use std::{
    io::ErrorKind,
    ops::ControlFlow,
    path::PathBuf,
    time::{Duration, Instant},
};

use pyo3::{
    buffer::{Element, PyBuffer},
    exceptions::{PyFileNotFoundError, PyFloatingPointError, PyOSError, PyRuntimeError, PyValueError},
    prelude::*,
    types::{PyByteArray, PyBytes},
};
use reshet::{
    Dataset, Device, Error, Event, Features, Model, Optimizer, Sequential, Storage, Targets,
    Trainer,
    data::table::{Rows, Unit, csv},
    formats::safetensors,
};

/// How often a training looks whether Ctrl-C was pressed.
const SIGNALS: Duration = Duration::from_millis(50);

fn python(error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Invalid(_) | Error::Setting { .. } | Error::Data(_) | Error::At { .. } => {
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

/// A trained network.
#[pyclass(name = "Model", module = "reshet._reshet", frozen)]
struct PyModel {
    model: Model,
}

impl PyModel {
    fn new(model: Model) -> Self {
        Self { model }
    }
}

#[pymethods]
impl PyModel {
    #[staticmethod]
    fn load(py: Python, path: PathBuf) -> PyResult<Self> {
        py.detach(|| Model::load(path)).map(Self::new).map_err(python)
    }

    #[staticmethod]
    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        safetensors::from_bytes(bytes).map(Self::new).map_err(python)
    }

    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &safetensors::to_bytes(&self.model).map_err(python)?))
    }

    fn save(&self, py: Python, path: PathBuf) -> PyResult<()> {
        py.detach(|| self.model.save(path)).map_err(python)
    }

    /// `binary`, `classes` or `number`.
    #[getter]
    fn task(&self) -> String {
        self.model.task().to_string()
    }

    #[getter]
    fn names(&self) -> Vec<String> {
        self.model.meaning().names.clone()
    }

    #[getter]
    fn shape(&self) -> Vec<usize> {
        self.model.meaning().shape.clone()
    }

    /// Whether the inputs are bytes that stand for x / 255.
    #[getter]
    fn bytes(&self) -> bool {
        self.model.meaning().bytes
    }

    #[getter]
    fn network(&self) -> String {
        self.model.network().to_string()
    }

    #[getter]
    fn outputs(&self) -> usize {
        self.model.network().outputs()
    }

    /// Float32, row by row, for samples that are the network's inputs.
    fn answers<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        let features = features(py, x, &self.model.meaning().shape)?;
        let answers = py.detach(|| self.model.predict(&features));
        Ok(bytes(py, &answers.map_err(python)?))
    }

    /// The same for the raw rows of a table in a file.
    fn table<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyByteArray>> {
        let answers = py.detach(|| -> reshet::Result<Vec<f32>> {
            let columns = self.model.meaning().columns.as_ref().ok_or_else(|| {
                Error::Invalid("this model was not trained on a table: give it an array".into())
            })?;
            let mut rows = Rows::open(&path, columns, &csv::Options::default())?;
            let mut predictor = self.model.predictor(Device::best())?;
            let (mut all, mut some) = (Vec::new(), Vec::new());
            while let Some(samples) = rows.next(false)? {
                predictor.predict(&samples.features, &mut some)?;
                all.extend_from_slice(&some);
            }
            Ok(all)
        });
        Ok(bytes(py, &answers.map_err(python)?))
    }
}

fn bytes<'py>(py: Python<'py>, numbers: &[f32]) -> Bound<'py, PyByteArray> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_ne_bytes()).collect();
    PyByteArray::new(py, &bytes)
}

/// A buffer's numbers: one copy, made while nobody else runs Python.
fn copied<T: Element>(py: Python, array: &Bound<PyAny>) -> PyResult<Vec<T>> {
    PyBuffer::<T>::get(array)?.to_vec(py)
}

fn features(py: Python, x: &Bound<PyAny>, shape: &[usize]) -> PyResult<Features> {
    let storage = match copied::<u8>(py, x) {
        Ok(bytes) => Storage::U8(bytes),
        Err(_) => Storage::F32(copied::<f32>(py, x)?),
    };
    Features::new(storage, shape).map_err(python)
}

/// What a training is told, as Python has it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Settings {
    /// One sample's.
    shape: Vec<usize>,
    task: String,
    /// The classes, or of a yes/no question the two answers; none: numbers.
    names: Vec<String>,
    /// Targets a sample.
    width: usize,
    network: String,
    optimizer: String,
    lr: f64,
    weight_decay: f64,
    momentum: f64,
    epochs: usize,
    batch_size: usize,
    seed: u64,
    shuffle: bool,
    validation: f64,
    patience: Option<usize>,
    threads: Option<usize>,
    verbose: bool,
}

impl Settings {
    fn optimizer(&self) -> reshet::Result<Optimizer> {
        let Self { lr, weight_decay, momentum, .. } = *self;
        let mut optimizer = Optimizer::named(&self.optimizer, lr)?;
        match &mut optimizer {
            Optimizer::SGD(o) => (o.weight_decay, o.momentum) = (weight_decay, momentum),
            Optimizer::RMSprop(o) => (o.weight_decay, o.momentum) = (weight_decay, momentum),
            Optimizer::Adam(o) => o.weight_decay = weight_decay,
            Optimizer::AdamW(o) => o.weight_decay = weight_decay,
        }
        Ok(optimizer)
    }
}

/// Trains; the model, and how many epochs it took.
#[pyfunction]
fn train(
    py: Python,
    x: &Bound<PyAny>,
    y: &Bound<PyAny>,
    settings: Settings,
) -> PyResult<(PyModel, usize)> {
    let features = features(py, x, &settings.shape)?;
    let values = copied::<f32>(py, y)?;
    let (width, names) = (settings.width, settings.names.clone());
    let targets = match &*settings.task {
        "classes" => Targets::classes(values.iter().map(|c| *c as u32).collect(), names),
        "binary" => Targets::YesNo { values: values.into(), width, names },
        _ => Targets::numbers(values, width),
    };
    // What Python says to Ctrl-C, kept until the training has ended there.
    let mut interrupt = None;
    let fit = py.detach(|| -> reshet::Result<_> {
        let data = Dataset::new(features, targets)?;
        let (data, validation) = match settings.validation {
            0.0 => (data, None),
            part => data.split(part, settings.seed).map(|(rest, part)| (rest, Some(part)))?,
        };
        let network = Sequential::parse(&settings.network, Some(data.width()))?;
        let device = Device::cpu();
        let device = settings.threads.map_or(device, |threads| device.threads(threads));
        let mut looked = Instant::now();
        let mut trainer = Trainer::new(network)
            .optimizer(settings.optimizer()?)
            .epochs(settings.epochs)
            .batch_size(settings.batch_size)
            .seed(settings.seed)
            .shuffle(settings.shuffle)
            .device(device)
            .unscaled()
            .on_event(|event| {
                if let Some(line) = line(event).filter(|_| settings.verbose) {
                    interrupt = Python::attach(|py| say(py, &line)).err();
                } else if looked.elapsed() > SIGNALS {
                    looked = Instant::now();
                    interrupt = Python::attach(|py| py.check_signals()).err();
                }
                if interrupt.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        if settings.task == "number" {
            trainer = trainer.units(units(data.targets()));
        }
        if let Some(part) = &validation {
            trainer = trainer.validation(part);
        }
        if let Some(epochs) = settings.patience {
            trainer = trainer.patience(epochs);
        }
        trainer.fit(&data)
    });
    if let Some(error) = interrupt {
        return Err(error);
    }
    let fit = fit.map_err(python)?;
    Ok((PyModel::new(fit.model), fit.epochs))
}

/// What is told of an epoch.
fn line(event: &Event) -> Option<String> {
    let Event::Epoch { epoch, loss, validation } = event else { return None };
    let validation =
        validation.as_ref().map_or(String::new(), |score| format!("; validation: {score}"));
    Some(format!("epoch {}: loss {loss:.4}{validation}", epoch + 1))
}

/// Python's `print`: notebooks show that.
fn say(py: Python, line: &str) -> PyResult<()> {
    py.import("builtins")?.getattr("print")?.call1((line,))?;
    py.check_signals()
}

/// Numbers are learnt with mean 0 and standard deviation 1.
fn units(targets: &Targets) -> Vec<Unit> {
    let Targets::Numbers { values, width } = targets else { return Vec::new() };
    let unit = |q: usize| {
        let column = || values[q..].iter().step_by(*width).map(|y| f64::from(*y));
        let n = column().count() as f64;
        let mean = column().sum::<f64>() / n;
        let sd = (column().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt();
        Unit { centre: mean as f32, scale: if sd > 0.0 { sd as f32 } else { 1.0 } }
    };
    (0..*width).map(unit).collect()
}

#[pymodule]
fn _reshet(module: &Bound<PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<PyModel>()?;
    module.add_class::<net::Net>()?;
    module.add_class::<replay::ReplayBuffer>()?;
    module.add_function(wrap_pyfunction!(train, module)?)
}
