//! Trained networks: what `reshet.Model` is inside.

use std::{collections::BTreeMap, path::PathBuf};

use pyo3::{
    prelude::*,
    types::{PyByteArray, PyBytes, PyDict},
};
use reshet::{
    Dataset, Device, Error, Features, Model, Storage,
    data::table::{Columns, OddCells, Rows, csv},
    explain::{self, SampleValues, Sampling},
    formats::safetensors,
};

use crate::{
    arrays::{features, targets},
    convert,
    frames::{Dialect, Source, frame},
    python,
};

/// A trained network.
#[pyclass(name = "Model", module = "reshet._reshet", frozen)]
pub struct PyModel {
    pub model: Model,
}

impl PyModel {
    pub fn new(model: Model) -> Self {
        Self { model }
    }
}

/// Answers to a table's rows.
#[derive(IntoPyObject)]
pub struct Answers<'py> {
    /// Numbers row by row: float64 if the model counts its targets from afar, else float32.
    answers: Bound<'py, PyByteArray>,
    double: bool,
    odd: Odd,
}

/// What was odd in a table's cells.
#[derive(IntoPyObject)]
pub struct Odd {
    /// Cells with values that are rare or were never seen in training.
    unseen: usize,
    /// Numbers far outside of what training saw.
    outside: usize,
    /// Numbers whose mark may part thousands.
    thousandths: usize,
    /// Gaps in columns that had none in training.
    gaps: usize,
    /// Numbers that are infinite or too large.
    infinite: usize,
}

impl From<OddCells> for Odd {
    fn from(odd: OddCells) -> Self {
        let OddCells { unseen, outside, thousandths, gaps, infinite, .. } = odd;
        Self { unseen, outside, thousandths, gaps, infinite }
    }
}

/// Shapley values.
#[derive(IntoPyObject)]
pub struct Explained<'py> {
    columns: Vec<String>,
    base_values: Vec<f64>,
    /// Float64: samples, columns, outputs.
    values: Bound<'py, PyByteArray>,
    errors: Bound<'py, PyByteArray>,
    permutations: Vec<usize>,
    odd: Odd,
}

/// The model's columns, which take others beside them.
pub fn columns_of(model: &Model) -> reshet::Result<Columns> {
    let columns = model.meaning().columns.as_ref().ok_or_else(|| {
        Error::Invalid("this model was not trained on a table: give it an array".into())
    })?;
    Ok(Columns { pass_over_others: true, ..columns.clone() })
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

    /// The columns that a table must have, if the model was trained on one.
    #[getter]
    fn columns(&self) -> Option<Vec<String>> {
        Some(self.model.meaning().columns.as_ref()?.options().columns)
    }

    /// The columns that it predicts, if it was trained on a table.
    #[getter]
    fn targets(&self) -> Option<Vec<String>> {
        Some(self.model.meaning().columns.as_ref()?.targets.clone())
    }

    /// What was noted of the training.
    #[getter]
    fn notes(&self) -> BTreeMap<String, String> {
        self.model.notes.clone()
    }

    /// The parameters by name, as PyTorch's `state_dict`: copies.
    fn parameters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let named = PyDict::new(py);
        let plan = reshet::Plan::new(self.model.network(), self.model.loss().clone());
        for p in plan.map_err(python)?.named_parameters() {
            let values = &self.model.parameters()[p.range];
            named.set_item(p.name, convert::array(py, values, &p.shape)?)?;
        }
        Ok(named)
    }

    /// Float32, row by row, for samples that are the network's inputs.
    fn answers<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        let features = features(py, x, &self.model.meaning().shape)?;
        let answers = py.detach(|| self.model.predict(&features));
        Ok(convert::bytes(py, &answers.map_err(python)?))
    }

    /// How far each of these numbers, row by row, may be off with this probability.
    fn half_widths(&self, answers: Vec<f64>, coverage: f64) -> PyResult<Vec<f64>> {
        self.model.check_coverage(coverage).map_err(python)?;
        // Checked above.
        let targets = self.model.meaning().half_widths(coverage).unwrap_or_default();
        Ok(answers.iter().zip(targets.iter().cycle()).map(|(y, target)| target.at(*y)).collect())
    }

    /// The answers to the rows of a table.
    fn table<'py>(
        &self,
        py: Python<'py>,
        table: Source<'py>,
        dialect: Dialect,
    ) -> PyResult<Answers<'py>> {
        let columns = columns_of(&self.model).map_err(python)?;
        let mut rows = self.rows(py, &table, &dialect, &columns)?;
        if !columns.origins.is_empty() {
            let answers = py.detach(|| self.all_double(&mut rows)).map_err(python)?;
            let answers = convert::bytes(py, &answers);
            return Ok(Answers { answers, double: true, odd: rows.odd_cells().into() });
        }
        let answers = py.detach(|| self.all(&mut rows)).map_err(python)?;
        let answers = convert::bytes(py, &answers);
        Ok(Answers { answers, double: false, odd: rows.odd_cells().into() })
    }

    /// A full test, as JSON, on samples that are the network's inputs.
    fn test(
        &self,
        py: Python,
        x: &Bound<PyAny>,
        y: &Bound<PyAny>,
        width: usize,
    ) -> PyResult<String> {
        let meaning = self.model.meaning();
        let features = features(py, x, &meaning.shape)?;
        let task = meaning.task.to_string();
        let targets = targets(py, y, &task, &meaning.names, width)?;
        let report = py.detach(|| self.report(&Dataset::new(features, targets)?));
        report.map_err(python)
    }

    /// The same on the rows of a table, which has the answers too; and what was odd in its cells.
    fn test_table(&self, py: Python, table: Source, dialect: Dialect) -> PyResult<(String, Odd)> {
        let columns = columns_of(&self.model).map_err(python)?;
        let table = table.read(py, &dialect.over(columns.options()))?;
        let meaning = self.model.meaning();
        let report = py.detach(|| {
            let data = columns.dataset(table, meaning.task, &meaning.names)?;
            Ok((self.report(&data)?, data.features().odd_cells().into()))
        });
        report.map_err(python)
    }

    /// Shapley values of samples that are the network's inputs, beside background samples.
    #[pyo3(signature = (x, background, most, rounds, tolerance, seed))]
    #[expect(clippy::too_many_arguments)]
    fn shapley<'py>(
        &self,
        py: Python<'py>,
        x: &Bound<'py, PyAny>,
        background: &Bound<'py, PyAny>,
        most: usize,
        rounds: usize,
        tolerance: f64,
        seed: u64,
    ) -> PyResult<Explained<'py>> {
        let shape = &self.model.meaning().shape;
        let samples = [features(py, x, shape)?, features(py, background, shape)?];
        let sampling = Sampling { background: most, rounds, tolerance, seed };
        self.explained(py, samples, sampling, OddCells::default())
    }

    /// The same of the rows of a table, beside those of another.
    #[expect(clippy::too_many_arguments)]
    fn shapley_table<'py>(
        &self,
        py: Python<'py>,
        table: Source<'py>,
        background: Source<'py>,
        dialects: (Dialect, Dialect),
        most: usize,
        rounds: usize,
        tolerance: f64,
        seed: u64,
    ) -> PyResult<Explained<'py>> {
        let columns = columns_of(&self.model).map_err(python)?;
        let all = [(&table, &dialects.0), (&background, &dialects.1)];
        let inputs = |(table, dialect)| -> PyResult<(Features, OddCells)> {
            let mut rows = self.rows(py, table, dialect, &columns)?;
            let read = || -> reshet::Result<_> {
                let mut inputs = Vec::new();
                while let Some(samples) = rows.next(false)? {
                    if let Storage::F32(some) = samples.features.storage() {
                        inputs.extend_from_slice(some);
                    }
                }
                let inputs = Features::new(Storage::F32(inputs), &[columns.width()])?;
                Ok((inputs, rows.odd_cells()))
            };
            py.detach(read).map_err(python)
        };
        let [x, background] = all.map(inputs);
        let ((x, odd), (background, _)) = (x?, background?);
        let sampling = Sampling { background: most, rounds, tolerance, seed };
        self.explained(py, [x, background], sampling, odd)
    }
}

impl PyModel {
    /// The rows of a table, to be predicted.
    fn rows<'c>(
        &self,
        py: Python,
        table: &Source,
        dialect: &Dialect,
        columns: &'c Columns,
    ) -> PyResult<Rows<'c>> {
        let rows = match table {
            Source::Path(path) => {
                let options = dialect.over(csv::Options::default());
                py.detach(|| Rows::open(path, columns, &options))
            }
            Source::Frame(names, values) => {
                let builder = frame(py, names, values, &columns.options())?;
                builder.for_model(columns)
            }
        };
        rows.map_err(python)
    }

    fn explained<'py>(
        &self,
        py: Python<'py>,
        [x, background]: [Features; 2],
        sampling: Sampling,
        odd: OddCells,
    ) -> PyResult<Explained<'py>> {
        let found = py.detach(|| {
            let [x, background] = [Dataset::unlabelled(x)?, Dataset::unlabelled(background)?];
            explain::shapley(&self.model, &x, &background, &sampling)
        });
        let found = found.map_err(python)?;
        let all = |of: fn(&SampleValues) -> &Vec<Vec<f64>>| {
            let numbers: Vec<f64> = found.samples.iter().flat_map(of).flatten().copied().collect();
            convert::bytes(py, &numbers)
        };
        Ok(Explained {
            values: all(|sample| &sample.values),
            errors: all(|sample| &sample.errors),
            permutations: found.samples.iter().map(|sample| sample.permutations).collect(),
            columns: found.columns,
            base_values: found.base_values,
            odd: odd.into(),
        })
    }

    fn all(&self, rows: &mut Rows) -> reshet::Result<Vec<f32>> {
        let mut predictor = self.model.predictor(Device::best())?;
        let (mut all, mut some) = (Vec::new(), Vec::new());
        while let Some(samples) = rows.next(false)? {
            predictor.predict(&samples.features, &mut some)?;
            all.extend_from_slice(&some);
        }
        Ok(all)
    }

    fn all_double(&self, rows: &mut Rows) -> reshet::Result<Vec<f64>> {
        let mut predictor = self.model.predictor(Device::best())?;
        let (mut all, mut some) = (Vec::new(), Vec::new());
        while let Some(samples) = rows.next(false)? {
            predictor.predict_double(&samples.features, &mut some)?;
            all.extend_from_slice(&some);
        }
        Ok(all)
    }

    fn report(&self, data: &Dataset) -> reshet::Result<String> {
        report(&self.model, data)
    }
}

/// What a model scores, as the JSON that `reshet test` prints.
pub fn report(model: &Model, data: &Dataset) -> reshet::Result<String> {
    let report = model.report(data)?;
    let mut json = serde_json::to_value(&report).map_err(|e| Error::Data(e.to_string()))?;
    json["samples"] = report.score.samples.into();
    json["task"] = model.task().to_string().into();
    json["score"] = report.score.measure().into();
    Ok(json.to_string())
}
