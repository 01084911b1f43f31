//! A trained network: saved, loaded, tested, and used to predict.

use std::{collections::BTreeMap, fmt};

use crate::{
    Dataset, Device, Inputs, Loss, Meaning, Plan, Predictor, Result, Score, Sequential, Task,
    error::Error,
    metrics::{COVERAGE, Interval, Report, Residuals, check_threshold},
    predictor::{Ready, Tester},
    short::Short,
};

/// Up to this many multiply-adds, one thread is as fast as a team that must first be started.
const FEW: usize = 1 << 22;

/// A network, its parameters, and what its numbers mean.
#[derive(Clone, PartialEq)]
pub struct Model {
    pub(crate) network: Sequential,
    pub(crate) loss: Loss,
    /// In the plan's flat order.
    pub(crate) parameters: Vec<f32>,
    pub(crate) meaning: Meaning,
    /// Free notes on how the model was made: `data`, `optimizer`, …
    pub notes: BTreeMap<String, String>,
    pub(crate) ready: Ready,
}

/// Shortened: not all parameters.
impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Model")
            .field("network", &self.network.to_string())
            .field("loss", &self.loss.name())
            .field("parameters", &Short(&self.parameters))
            .field("task", &self.meaning.task)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Creates a model from its parts, with the parameters in the plan's flat order.
    ///
    /// # Errors
    /// The loss does not go with the network, the number of parameters is wrong, or one is
    /// not finite.
    pub fn new(
        network: Sequential,
        loss: Loss,
        parameters: Vec<f32>,
        meaning: Meaning,
    ) -> Result<Self> {
        Plan::new(&network, loss.clone())?.check_parameters(&parameters)?;
        let (notes, ready) = Default::default();
        Ok(Self { network, loss, parameters, meaning, notes, ready })
    }

    /// Returns the network.
    pub fn network(&self) -> &Sequential {
        &self.network
    }

    /// Returns the loss it was trained with.
    pub fn loss(&self) -> &Loss {
        &self.loss
    }

    /// Returns all parameters, flat, in the order of PyTorch's `state_dict`.
    pub fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    /// Finds a parameter by its name: `0.weight` (out, in) or `0.bias`.
    pub fn parameter(&self, name: &str) -> Option<&[f32]> {
        let named = self.plan().ok()?.named_parameters();
        named.into_iter().find(|p| p.name == name).map(|p| &self.parameters[p.range])
    }

    /// Returns what inputs and outputs stand for.
    pub fn meaning(&self) -> &Meaning {
        &self.meaning
    }

    /// Returns the kind of question.
    pub fn task(&self) -> Task {
        self.meaning.task
    }

    pub(crate) fn plan(&self) -> Result<Plan> {
        Plan::new(&self.network, self.loss.clone())
    }

    /// Converts one sample's outputs of the last layer to its answer, in the data's own units.
    pub(crate) fn answers(&self, mut logits: Vec<f32>) -> Vec<f32> {
        // A model's network and loss were checked when it was made.
        if let Ok(plan) = self.plan() {
            plan.answer(&mut logits, &mut Vec::new());
        }
        self.meaning.to_numbers(&mut logits);
        logits
    }

    /// Predicts each sample: probabilities (of yes; of each class) or numbers, one row of
    /// outputs per sample. Samples are a [`Dataset`], whose targets are ignored,
    /// [`Features`](crate::Features), or plain numbers row by row.
    ///
    /// The model keeps an engine for calls with a few samples. For many calls from several
    /// threads, use one [`Predictor`] per thread.
    ///
    /// # Errors
    /// A sample does not have the network's number of inputs, or a value is not finite.
    pub fn predict<'a>(&self, samples: impl Into<Inputs<'a>>) -> Result<Vec<f32>> {
        let (samples, mut answers) = (samples.into(), Vec::new());
        let rows = samples.rows_of(self.network.inputs())?.len();
        if rows.saturating_mul(self.parameters.len()) > FEW {
            self.predictor(Device::best())?.predict(samples, &mut answers)?;
            return Ok(answers);
        }
        let mut ready = match self.ready.take() {
            Some(ready) => ready,
            None => self.predictor(Device::best().threads(1))?,
        };
        let done = ready.predict(samples, &mut answers);
        self.ready.put(ready);
        done.map(|()| answers)
    }

    /// Does the same as [`Model::predict`], on a chosen device.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub fn predict_on<'a>(
        &self,
        samples: impl Into<Inputs<'a>>,
        device: Device,
    ) -> Result<Vec<f32>> {
        let mut answers = Vec::new();
        self.predictor(device)?.predict(samples, &mut answers)?;
        Ok(answers)
    }

    /// Replaces the parameters by what `write` makes of them.
    ///
    /// # Errors
    /// As `write`, which then has changed nothing.
    pub(crate) fn rewrite(&mut self, write: impl FnOnce(&mut [f32]) -> Result<()>) -> Result<()> {
        write(&mut self.parameters)?;
        self.ready.rewrite(&self.parameters);
        Ok(())
    }

    /// Creates a predictor, for many calls.
    ///
    /// # Errors
    /// None for a model that [`Model::new`] has accepted.
    pub fn predictor(&self, device: Device) -> Result<Predictor> {
        Predictor::new(self.plan()?, &self.parameters, self.meaning.clone(), device)
    }

    /// Predicts each sample and compares with its target.
    ///
    /// # Errors
    /// The data does not have the model's inputs and kind of target.
    pub fn test(&self, data: &Dataset) -> Result<Score> {
        self.test_on(data, Device::best())
    }

    /// Does the same as [`Model::test`], on a chosen device.
    ///
    /// # Errors
    /// As [`Model::test`].
    pub fn test_on(&self, data: &Dataset, device: Device) -> Result<Score> {
        self.predictor(device)?.test(data)
    }

    /// Tests the model as [`Model::test`] does, and reports all measures.
    ///
    /// # Errors
    /// As [`Model::test`].
    pub fn report(&self, data: &Dataset) -> Result<Report> {
        self.full(data, 0.5)
    }

    /// Does the same as [`Model::report`], where yes is a probability above `threshold`.
    ///
    /// # Errors
    /// As [`Model::test`]; [`check_threshold`] refuses the threshold.
    pub fn report_at(&self, data: &Dataset, threshold: f64) -> Result<Report> {
        check_threshold(threshold, self.task())?;
        self.full(data, threshold)
    }

    /// Creates a tester, for samples that come part by part.
    ///
    /// # Errors
    /// As [`Model::predictor`].
    pub fn tester(&self) -> Result<Tester> {
        Ok(Tester::new(self.predictor(Device::best())?, self.task()))
    }

    fn full(&self, data: &Dataset, threshold: f64) -> Result<Report> {
        let (task, data) = (self.task(), self.meaning.with_all_classes(data)?);
        let (score, answers) = self.predictor(Device::best())?.examine(&data)?;
        let names = self.meaning.answers();
        let report = Report::new(answers, data.targets(), task, names, score.loss, threshold);
        Ok(report.of_model(&self.loss, &self.meaning.residuals, data.targets(), COVERAGE))
    }

    /// Returns how often the intervals around a report's answers contain the targets of its data;
    /// empty if the model has no residuals, or too few for this coverage.
    pub fn intervals(&self, report: &Report, data: &Dataset, coverage: f64) -> Vec<Interval> {
        let (residuals, targets) = (&self.meaning.residuals, data.targets());
        Interval::all(residuals, &report.answers, targets, &report.names, coverage)
    }

    /// Tests the model as [`Model::test_on`] does, on samples that it was not trained on; also
    /// returns how far the answers are off, one per target: empty if the model does not predict
    /// numbers, or a target is missing in every sample.
    ///
    /// # Errors
    /// As [`Model::test`].
    pub fn test_residuals(
        &self,
        data: &Dataset,
        device: Device,
    ) -> Result<(Score, Vec<Residuals>)> {
        let data = self.meaning.with_all_classes(data)?;
        let (score, answers) = self.predictor(device)?.examine(&data)?;
        Ok((score, Residuals::of(&answers, data.targets())))
    }

    /// Returns the same model with residuals, from which it knows intervals: see
    /// [`Meaning::half_widths`].
    ///
    /// # Errors
    /// There is not one per target, or the model does not predict numbers.
    pub fn with_residuals(mut self, residuals: Vec<Residuals>) -> Result<Self> {
        self.meaning.residuals = residuals.into_iter().map(Residuals::thinned).collect();
        self.meaning.check_residuals(self.network.outputs()).map_err(Error::Invalid)?;
        Ok(self)
    }

    /// Checks that the model knows intervals of this coverage: see [`Meaning::half_widths`].
    ///
    /// # Errors
    /// The model has no residuals, or too few; the coverage is not between 0 and 1.
    pub fn check_coverage(&self, coverage: f64) -> Result<()> {
        let wrong = |what: String| Err(Error::Invalid(what));
        if !(coverage > 0.0 && coverage < 1.0) {
            return wrong(format!("an interval's coverage is above 0 and below 1, not {coverage}"));
        }
        if self.task() != Task::Number {
            return wrong("only numbers have intervals: this model answers with labels".into());
        }
        let samples = self.meaning.residuals.iter().map(Residuals::samples).min();
        let Some(samples) = samples else {
            return wrong(
                "the model knows no intervals: it was trained without samples held back".into(),
            );
        };
        if self.meaning.half_widths(coverage).is_some() {
            return Ok(());
        }
        let most = samples as f64 / (samples as f64 + 1.0);
        wrong(format!(
            "{samples} samples were held back, too few for an interval of {coverage}: at most {most:.3}"
        ))
    }
}
