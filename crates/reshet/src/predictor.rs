//! A model that is kept ready for one question after another.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::{
    Dataset, Device, Error, Inputs, Meaning, Plan, Result, Score, Targets, Task,
    engine::{Buffer, Engine, Samples},
    metrics::{COVERAGE, Report, check_threshold},
};

/// A model with an engine: threads and memory are kept from one prediction to the next.
///
/// ```
/// use reshet::{Device, Features, Storage, prelude::*};
/// # use reshet::Targets;
/// # let x = Features::new(Storage::F32(vec![0.0, 1.0]), &[1])?;
/// # let data = Dataset::new(x, Targets::numbers(vec![0.0, 2.0], 1))?;
/// # let model = Trainer::new(sequential![Linear(1, 1)]?).epochs(1).fit(&data)?.model;
/// let mut predictor = model.predictor(Device::best())?;
/// let mut answers = Vec::new();
/// for x in [0.5, 0.25] {
///     let question = Features::new(Storage::F32(vec![x]), &[1])?;
///     predictor.predict(&question, &mut answers)?;
///     assert_eq!(answers.len(), 1);
/// }
/// # Ok::<(), reshet::Error>(())
/// ```
pub struct Predictor {
    engine: Box<dyn Engine>,
    /// Room for a row.
    wide: Vec<f64>,
    meaning: Meaning,
}

/// The engine that a model keeps for a few samples. It has one thread: other threads would be
/// gone after a fork. A call at the same time makes another engine.
#[derive(Default)]
pub(crate) struct Ready(Mutex<Option<Box<Predictor>>>);

impl Ready {
    pub fn take(&self) -> Option<Predictor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map(|ready| *ready)
    }

    pub fn put(&self, predictor: Predictor) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(predictor));
    }

    /// Hands on parameters that have changed.
    pub fn rewrite(&self, parameters: &[f32]) {
        if let Some(mut ready) = self.take() {
            ready.engine.write(Buffer::Parameters, parameters);
            self.put(ready);
        }
    }
}

impl Clone for Ready {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Ignored when models are compared.
impl PartialEq for Ready {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Ready")
    }
}

impl Predictor {
    /// A predictor with a model's plan, parameters and meaning.
    ///
    /// # Errors
    /// The device is not available.
    pub(crate) fn new(
        plan: Plan,
        parameters: &[f32],
        meaning: Meaning,
        device: Device,
    ) -> Result<Self> {
        Ok(Self { engine: device.engine(plan, parameters, 0)?, wide: Vec::new(), meaning })
    }

    /// Predicts each sample, as [`Model::predict`](crate::Model::predict), into `answers`, which is cleared first.
    ///
    /// # Errors
    /// A sample does not have the network's number of inputs.
    pub fn predict<'a>(
        &mut self,
        samples: impl Into<Inputs<'a>>,
        answers: &mut Vec<f32>,
    ) -> Result<()> {
        self.logits(samples.into(), answers)?;
        self.engine.plan().answer(answers, &mut self.wide);
        self.meaning.to_numbers(answers);
        Ok(())
    }

    /// Does the same as [`Predictor::predict`], in double precision. Numbers that are large
    /// compared with their spread, such as seconds since 1970, keep their digits.
    ///
    /// # Errors
    /// As [`Predictor::predict`].
    pub fn predict_double<'a>(
        &mut self,
        samples: impl Into<Inputs<'a>>,
        answers: &mut Vec<f64>,
    ) -> Result<()> {
        let mut single = Vec::new();
        self.logits(samples.into(), &mut single)?;
        self.engine.plan().answer(&mut single, &mut self.wide);
        self.meaning.to_units(&mut single);
        answers.clear();
        answers.extend(single.iter().map(|y| f64::from(*y)));
        let origins = self.meaning.origins();
        for row in answers.chunks_exact_mut(origins.len().max(1)) {
            row.iter_mut().zip(origins).for_each(|(y, origin)| *y += origin);
        }
        Ok(())
    }

    fn logits(&mut self, samples: Inputs, into: &mut Vec<f32>) -> Result<()> {
        let plan = self.engine.plan();
        let rows = samples.rows_of(plan.inputs)?;
        into.clear();
        into.resize(rows.len() * plan.outputs, 0.0);
        self.engine.predict(rows, into);
        self.engine.fault().map_or(Ok(()), Err)
    }

    /// Predicts each sample and compares with its target.
    ///
    /// # Errors
    /// As [`Model::test`](crate::Model::test).
    pub fn test(&mut self, data: &Dataset) -> Result<Score> {
        Ok(self.examine(&self.meaning.with_all_classes(data)?)?.0)
    }

    /// Returns the score and the answers.
    pub(crate) fn examine(&mut self, data: &Dataset) -> Result<(Score, Vec<f32>)> {
        self.engine.plan().check(&data.in_units(&self.meaning.units))?;
        let mut rows = Vec::new();
        self.logits(data.into(), &mut rows)?;
        let score = score(self.engine.plan(), &self.meaning, &mut rows, data);
        Ok((score, rows))
    }
}

/// Tests a model on samples that come part by part: only answers and targets stay in memory.
///
/// ```
/// use reshet::prelude::*;
/// # use reshet::{Features, Storage, Targets};
/// # let x = Features::new(Storage::F32((0..40).map(|i| i as f32 / 40.0).collect()), &[1])?;
/// # let data = Dataset::new(x, Targets::numbers((0..40).map(|i| i as f32 / 20.0).collect(), 1))?;
/// # let model = Trainer::new(sequential![Linear(1, 1)]?).fit(&data)?.model;
/// let mut tester = model.tester()?;
/// for part in [data.select(&[0, 1, 2]), data.select(&[3, 4, 5, 6])] {
///     tester.add(&part)?;
/// }
/// let report = tester.report(None, None)?;
/// assert_eq!(report.score.samples, 7);
/// # Ok::<(), reshet::Error>(())
/// ```
pub struct Tester {
    predictor: Predictor,
    task: Task,
    answers: Vec<f32>,
    targets: Option<Targets>,
    /// The sum of all losses, and what it is divided by.
    sum: f64,
    denominator: f64,
}

impl Tester {
    pub(crate) fn new(predictor: Predictor, task: Task) -> Self {
        let (answers, targets, sum, denominator) = Default::default();
        Self { predictor, task, answers, targets, sum, denominator }
    }

    /// Predicts these samples, and keeps the answers beside their targets.
    ///
    /// # Errors
    /// As [`Model::test`](crate::Model::test); targets of another kind than those before.
    pub fn add(&mut self, data: &Dataset) -> Result<()> {
        let data = self.predictor.meaning.with_all_classes(data)?;
        let (score, answers) = self.predictor.examine(&data)?;
        let rows: Vec<u32> = (0..data.len() as u32).collect();
        let plan = self.predictor.engine.plan();
        let denominator = Samples::of(&data, &rows).denominator(&plan.head);
        self.sum += score.loss * denominator;
        self.denominator += denominator;
        self.answers.extend(answers);
        match &mut self.targets {
            Some(targets) => targets.append(data.targets()),
            None => {
                self.targets = Some(data.targets().clone());
                Ok(())
            }
        }
    }

    /// Reports all measures, as [`Model::report`](crate::Model::report) and, with a threshold,
    /// [`Model::report_at`](crate::Model::report_at). `coverage`: of intervals around numbers.
    ///
    /// # Errors
    /// There were no samples; the threshold is refused.
    pub fn report(self, threshold: Option<f64>, coverage: Option<f64>) -> Result<Report> {
        threshold.map_or(Ok(()), |threshold| check_threshold(threshold, self.task))?;
        let threshold = threshold.unwrap_or(0.5);
        let targets = self.targets.ok_or_else(|| Error::data("there are no samples"))?;
        let (names, loss) = (self.predictor.meaning.answers(), self.sum / self.denominator);
        let report = Report::new(self.answers, &targets, self.task, names, loss, threshold);
        let (residuals, loss) =
            (&self.predictor.meaning.residuals, &self.predictor.engine.plan().head.loss);
        Ok(report.of_model(loss, residuals, &targets, coverage.unwrap_or(COVERAGE)))
    }
}

/// Scores an engine's outputs for these samples; `rows` becomes the answers.
pub(crate) fn score(plan: &Plan, meaning: &Meaning, rows: &mut [f32], data: &Dataset) -> Score {
    // The loss is in the units of the training, everything else in the data's own.
    let scaled = data.in_units(&meaning.units);
    let all: Vec<u32> = (0..data.len() as u32).collect();
    let samples = Samples::of(&scaled, &all);
    let (mut sum, mut z) = (0.0, vec![0.0; plan.outputs]);
    for (i, row) in rows.chunks_exact(plan.outputs).enumerate() {
        z.iter_mut().zip(row).for_each(|(z, x)| *z = f64::from(*x));
        sum += data.weight(i) * plan.head.row(&mut z, scaled.wanted().row(i));
    }
    plan.answer(rows, &mut z);
    meaning.to_units(rows);
    let loss = sum / samples.denominator(&plan.head);
    Score::new(rows, data.targets(), meaning.task, loss).named(meaning.answers())
}
