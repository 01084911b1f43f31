//! A network that is taught batch by batch.

use std::{
    ffi::CString,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pyo3::{
    exceptions::{PyUserWarning, PyValueError},
    prelude::*,
    types::PyDict,
};
use reshet::{
    Activation, BatchTargets, Buffer, Chosen, Device, Loss, Optimizer, Sequential, Training,
};

use crate::{convert, python};

/// Above so many multiply-adds the interpreter is let go meanwhile.
const LONG: usize = 1 << 20;

/// A network with its loss and optimiser, taught on arrays made just now.
///
///     net = reshet.Net("11-128:relu-64:relu-1", loss="mse", optimizer="sgd", lr=0.1, seed=0)
///     q = net(states)                     # a row of outputs a sample
///     loss = net.step(states, targets)    # forward, backward and update in one
///     loss = net.step(states, targets, chosen=actions)   # only these outputs count
///
/// The three stages apart, to the same bits: `net.forward(x); net.backward(y); net.update()`;
/// `net.backward_from(g)` takes dLoss/dOutput instead of targets.
#[pyclass(module = "reshet", frozen)]
pub struct Net {
    inner: Mutex<Inner>,
    inputs: usize,
    outputs: usize,
    parameters: usize,
}

struct Inner {
    training: Training,
    optimizer: Optimizer,
    x: Vec<f32>,
    y: Vec<f32>,
    labels: Vec<u32>,
    chosen: Vec<u32>,
    weights: Vec<f32>,
}

/// The device of this name; warns of what there is to say of it.
fn device_of(py: Python, name: &str) -> PyResult<Device> {
    let device = Device::named(name).map_err(python)?;
    if let Some(what) = device.caution() {
        let what = CString::new(format!("{what}: compare with device=\"cpu\""))?;
        PyErr::warn(py, &py.get_type::<PyUserWarning>(), &what, 2)?;
    }
    Ok(device)
}

/// The loss that goes with a network's last layer.
fn loss_of(network: &Sequential) -> Loss {
    match network.output_activation() {
        Activation::Sigmoid => Loss::BCELoss,
        Activation::Softmax => Loss::cross_entropy(),
        _ => Loss::MSELoss,
    }
}

impl Net {
    fn new(training: Training, optimizer: Optimizer) -> Self {
        let network = training.network();
        let (inputs, outputs) = (network.inputs(), network.outputs());
        let parameters = training.plan().parameters;
        let (x, y, weights) = Default::default();
        let (labels, chosen) = Default::default();
        let inner = Inner { training, optimizer, x, y, labels, chosen, weights };
        Self { inner: Mutex::new(inner), inputs, outputs, parameters }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `f` on the network, without the interpreter where that takes long.
    fn run<T: Send>(
        &self,
        py: Python,
        samples: usize,
        f: impl FnOnce(&mut Inner) -> reshet::Result<T> + Send,
    ) -> PyResult<T> {
        let done = if samples.saturating_mul(self.parameters) > LONG {
            py.detach(|| f(&mut self.lock()))
        } else {
            f(&mut self.lock())
        };
        done.map_err(python)
    }

    /// Copies samples in: how many, and whether they came as a single one.
    fn samples(&self, py: Python, x: &Bound<PyAny>) -> PyResult<(usize, bool)> {
        let mut numbers = std::mem::take(&mut self.lock().x);
        let shape = convert::floats(py, x, &mut numbers);
        let length = numbers.len();
        self.lock().x = numbers;
        let shape = shape?;
        let one = shape.dimensions == 1 && length == self.inputs;
        let samples = if one { 1 } else { shape.first };
        if shape.dimensions == 0 || samples.saturating_mul(self.inputs) != length {
            let (inputs, has) = (self.inputs, length / samples.max(1));
            let what = format!("the network takes {inputs} values a sample, not {has}");
            return Err(PyValueError::new_err(what));
        }
        Ok((samples, one))
    }

    fn answers<'py>(
        &self,
        py: Python<'py>,
        answers: &[f32],
        (samples, one): (usize, bool),
    ) -> PyResult<Bound<'py, PyAny>> {
        if one {
            return convert::array(py, answers, &[self.outputs]);
        }
        convert::array(py, answers, &[samples, self.outputs])
    }

    /// Copies in what the samples should give.
    fn targets(
        &self,
        py: Python,
        y: &Bound<PyAny>,
        chosen: Option<&Bound<PyAny>>,
        weights: Option<&Bound<PyAny>>,
    ) -> PyResult<()> {
        let mut inner = self.lock();
        let Inner { training, y: values, labels, chosen: outputs, weights: each, .. } = &mut *inner;
        if matches!(training.plan().loss(), Loss::CrossEntropyLoss { .. }) {
            convert::ordinals(py, y, labels)?;
        } else {
            convert::floats(py, y, values)?;
        }
        outputs.clear();
        if let Some(chosen) = chosen {
            convert::ordinals(py, chosen, outputs)?;
        }
        each.clear();
        if let Some(weights) = weights {
            convert::floats(py, weights, each)?;
        }
        Ok(())
    }
}

/// What was copied in, as the library takes it.
fn given<'a>(
    loss: &Loss,
    values: &'a [f32],
    labels: &'a [u32],
    chosen: Option<&'a [u32]>,
    weights: Option<&'a [f32]>,
) -> BatchTargets<'a> {
    let targets = match (loss, chosen) {
        (Loss::CrossEntropyLoss { .. }, _) => labels.into(),
        (_, Some(chosen)) => values.chosen(chosen),
        (_, None) => values.into(),
    };
    match weights {
        Some(weights) => targets.weighted(weights),
        None => targets,
    }
}

#[pymethods]
impl Net {
    #[new]
    #[pyo3(signature = (network, loss=None, optimizer="adam", lr=0.001, *, weight_decay=None, momentum=None, clip=None, seed=0, threads=None, precision="f32", device="auto"))]
    #[allow(clippy::too_many_arguments)]
    fn py_new(
        py: Python,
        network: &str,
        loss: Option<&str>,
        optimizer: &str,
        lr: f64,
        weight_decay: Option<f64>,
        momentum: Option<f64>,
        clip: Option<f32>,
        seed: u64,
        threads: Option<usize>,
        precision: &str,
        device: &str,
    ) -> PyResult<Self> {
        let network = Sequential::parse(network, None).map_err(python)?;
        let loss = match loss {
            Some(name) => name.parse().map_err(python)?,
            None => loss_of(&network),
        };
        let optimizer = Optimizer::named(optimizer, lr).map_err(python)?;
        let optimizer = settled(optimizer, weight_decay, momentum)?;
        let device = device_of(py, device)?;
        let device = threads.map_or(device, |threads| device.threads(threads));
        let precision = precision.parse().map_err(python)?;
        let setup = network.with_loss(loss).seeded(seed).precision(precision).on(device);
        let mut training = setup.and_then(|setup| setup.start()).map_err(python)?;
        training.clip_grad_norm(clip);
        Ok(Self::new(training, optimizer))
    }

    /// What the network says: a row of outputs a sample, or of one sample the outputs. Dropout
    /// is off; a network that ends in logits gives probabilities.
    fn __call__<'py>(&self, py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let shape = self.samples(py, x)?;
        if shape.0.saturating_mul(self.parameters) <= LONG {
            let mut inner = self.lock();
            let Inner { training, x, .. } = &mut *inner;
            let answers = training.predict(&*x).map_err(python)?;
            return self.answers(py, answers, shape);
        }
        let answers =
            self.run(py, shape.0, |inner| inner.training.predict(&inner.x).map(<[f32]>::to_vec))?;
        self.answers(py, &answers, shape)
    }

    /// Takes a training step: the mean loss before it. `chosen`: of each sample only the output
    /// of this number counts, and `y` is one number a sample. `weight`: how much each counts.
    #[pyo3(signature = (x, y, chosen=None, weight=None))]
    fn step(
        &self,
        py: Python,
        x: &Bound<PyAny>,
        y: &Bound<PyAny>,
        chosen: Option<&Bound<PyAny>>,
        weight: Option<&Bound<PyAny>>,
    ) -> PyResult<f32> {
        let (samples, _) = self.samples(py, x)?;
        self.targets(py, y, chosen, weight)?;
        let (masked, weighted) = (chosen.is_some(), weight.is_some());
        self.run(py, samples, |inner| {
            let Inner { training, optimizer, x, y, labels, chosen, weights } = inner;
            let loss = training.plan().loss().clone();
            let (chosen, weights) = (masked.then_some(&**chosen), weighted.then_some(&**weights));
            training.step_on(&*x, given(&loss, y, labels, chosen, weights), *optimizer)
        })
    }

    /// First stage: the outputs, as training sees them (dropout on).
    fn forward<'py>(&self, py: Python<'py>, x: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let shape = self.samples(py, x)?;
        let output = self.run(py, shape.0, |inner| {
            inner.training.forward_on(&inner.x)?;
            Ok(inner.training.output(shape.0))
        })?;
        self.answers(py, &output, shape)
    }

    /// Second stage: the mean loss, and its fresh gradient.
    #[pyo3(signature = (y, chosen=None, weight=None))]
    fn backward(
        &self,
        py: Python,
        y: &Bound<PyAny>,
        chosen: Option<&Bound<PyAny>>,
        weight: Option<&Bound<PyAny>>,
    ) -> PyResult<f32> {
        self.targets(py, y, chosen, weight)?;
        let (masked, weighted) = (chosen.is_some(), weight.is_some());
        self.run(py, LONG, |inner| {
            let Inner { training, y, labels, chosen, weights, .. } = inner;
            let loss = training.plan().loss().clone();
            let (chosen, weights) = (masked.then_some(&**chosen), weighted.then_some(&**weights));
            training.backward_on(given(&loss, y, labels, chosen, weights))
        })
    }

    /// Second stage with a loss of one's own: dLoss/dOutput, a row a sample.
    fn backward_from(&self, py: Python, derivative: &Bound<PyAny>) -> PyResult<()> {
        convert::floats(py, derivative, &mut self.lock().y)?;
        self.run(py, LONG, |inner| inner.training.backward_from(&inner.y))
    }

    /// Third stage: a step along the gradient.
    fn update(&self, py: Python) -> PyResult<()> {
        self.run(py, LONG, |inner| inner.training.update(inner.optimizer))
    }

    /// The learning rate.
    #[getter]
    fn lr(&self) -> f64 {
        self.lock().optimizer.lr()
    }

    #[setter]
    fn set_lr(&self, lr: f64) -> PyResult<()> {
        let mut inner = self.lock();
        let optimizer = inner.optimizer.with_lr(lr);
        optimizer.check().map_err(python)?;
        inner.optimizer = optimizer;
        Ok(())
    }

    /// The network as text.
    #[getter]
    fn network(&self) -> String {
        self.lock().training.network().to_string()
    }

    /// Updates taken.
    #[getter]
    fn updates(&self) -> u64 {
        self.lock().training.updates()
    }

    /// The parameters by name, as PyTorch's `state_dict`: copies.
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.named(py, Buffer::Parameters)
    }

    /// The gradient of the last backward stage, by the parameters' names: copies.
    fn gradients<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.named(py, Buffer::Gradients)
    }

    /// Sets the parameters, by their names.
    fn set_parameters(&self, py: Python, parameters: &Bound<PyDict>) -> PyResult<()> {
        let mut inner = self.lock();
        let mut all = inner.training.parameters();
        let named = inner.training.plan().named_parameters();
        let mut numbers = Vec::new();
        for (name, values) in parameters {
            let name: String = name.extract()?;
            let Some(parameter) = named.iter().find(|p| p.name == name) else {
                let known: Vec<&str> = named.iter().map(|p| &*p.name).collect();
                let what = format!("no parameter is called {name}; there are {}", known.join(", "));
                return Err(PyValueError::new_err(what));
            };
            convert::floats(py, &values, &mut numbers)?;
            if numbers.len() != parameter.range.len() {
                let (needs, has) = (parameter.range.len(), numbers.len());
                let what = format!("{name}: {needs} numbers are needed, not {has}");
                return Err(PyValueError::new_err(what));
            }
            all[parameter.range.clone()].copy_from_slice(&numbers);
        }
        inner.training.write(Buffer::Parameters, &all).map_err(python)
    }

    /// A copy that goes its own way, with the optimiser's state.
    fn copy(&self) -> PyResult<Self> {
        let inner = self.lock();
        let training = inner.training.duplicate().map_err(python)?;
        Ok(Self::new(training, inner.optimizer))
    }

    /// Copies the parameters of another network of the same shape.
    fn copy_from(slf: &Bound<Self>, other: &Bound<Self>) -> PyResult<()> {
        if slf.is(other) {
            return Ok(());
        }
        let (this, other) = (slf.get(), other.get());
        let done = this.lock().training.copy_from(&other.lock().training);
        done.map_err(python)
    }

    /// Writes network, optimiser and its state: `Net.load` goes on to the same bits, and
    /// `reshet.load` reads the file as a model.
    fn save(&self, path: PathBuf) -> PyResult<()> {
        let mut inner = self.lock();
        let optimizer = inner.optimizer;
        inner.training.set_optimizer(optimizer);
        inner.training.save(path).map_err(python)
    }

    /// Goes on from what `save` wrote, on any device.
    #[staticmethod]
    #[pyo3(signature = (path, *, device="auto"))]
    fn load(py: Python, path: PathBuf, device: &str) -> PyResult<Self> {
        let training = Training::load_on(path, device_of(py, device)?).map_err(python)?;
        let Some(optimizer) = training.optimizer() else {
            return Err(PyValueError::new_err("the file does not say which optimizer it is of"));
        };
        Ok(Self::new(training, optimizer))
    }

    fn __repr__(&self) -> String {
        let inner = self.lock();
        let (training, optimizer) = (&inner.training, inner.optimizer);
        let (loss, name) = (training.plan().loss().name(), optimizer.name());
        let (network, lr) = (training.network(), optimizer.lr());
        format!("<reshet.Net {network}, {loss}, {name}, lr={lr}>")
    }
}

impl Net {
    fn named<'py>(&self, py: Python<'py>, buffer: Buffer) -> PyResult<Bound<'py, PyDict>> {
        let inner = self.lock();
        let mut all = vec![0.0; self.parameters];
        inner.training.read(buffer, &mut all).map_err(python)?;
        let named = PyDict::new(py);
        for p in inner.training.plan().named_parameters() {
            named.set_item(p.name, convert::array(py, &all[p.range], &p.shape)?)?;
        }
        Ok(named)
    }
}

/// The optimiser with these settings, if it has them.
fn settled(
    mut optimizer: Optimizer,
    weight_decay: Option<f64>,
    momentum: Option<f64>,
) -> PyResult<Optimizer> {
    if let Some(wanted) = weight_decay {
        match &mut optimizer {
            Optimizer::SGD(o) => o.weight_decay = wanted,
            Optimizer::RMSprop(o) => o.weight_decay = wanted,
            Optimizer::Adam(o) => o.weight_decay = wanted,
            Optimizer::AdamW(o) => o.weight_decay = wanted,
        }
    }
    if let Some(wanted) = momentum {
        match &mut optimizer {
            Optimizer::SGD(o) => o.momentum = wanted,
            Optimizer::RMSprop(o) => o.momentum = wanted,
            other => {
                let what = format!("{} has no momentum; SGD and RMSprop have", other.name());
                return Err(PyValueError::new_err(what));
            }
        }
    }
    optimizer.check().map_err(python)?;
    Ok(optimizer)
}
