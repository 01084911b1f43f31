//! A training that can begin: its data, and all that is decided about it.

use reshet::{
    Dataset, Device, Meaning, Model, Plan, Precision, Recipe, Result, Score, Sequential, Trainer,
};

use crate::{
    answers::{Baseline, Notes},
    constant,
    spec::Spec,
    told::Told,
};

/// A training, ready to begin: data and all that is decided about it.
#[derive(Clone)]
pub struct Lesson {
    /// With nothing left out.
    pub spec: Spec,
    /// Where its data lies: a name or a path.
    pub source: String,
    /// What a run of it is called after.
    pub name: String,
    /// Learnt from.
    pub train: Dataset,
    /// Tested on.
    pub test: Option<Dataset>,
    /// All columns of a table.
    pub columns: Option<Vec<String>>,
    /// What was decided about the data, a line each.
    pub said: Vec<String>,
    /// What looks wrong in it.
    pub warnings: Vec<String>,
    /// The network.
    pub network: Sequential,
    /// How it is trained, with nothing left open.
    pub recipe: Recipe,
    /// Whether numbers are learnt in the data's own units.
    pub no_scale: bool,
    /// Where it is trained.
    pub device: Device,
    /// In which its products are computed.
    pub precision: Precision,
    /// The command line that does the same.
    pub command: String,
}

impl Lesson {
    /// As a person would call it: `mnist: 7?`.
    pub(crate) fn title(&self) -> String {
        match (&self.spec.is, &self.spec.target) {
            (Some(label), _) => format!("{}: {label}?", self.name),
            (None, Some(target)) => format!("{}: {target}", self.name),
            (None, None) => self.name.clone(),
        }
    }

    /// What was decided about its data and looks wrong in it, for a page in any language.
    pub(crate) fn notes(&self) -> Notes {
        Notes { said: Told::all(&self.said), warnings: Told::all(&self.warnings) }
    }

    /// All of it as a trainer.
    pub(crate) fn trainer(&self) -> Result<Trainer<'static>> {
        let trainer = self.recipe.trainer(&self.train)?.device(self.device).unscaled();
        let trainer = trainer.precision(self.precision);
        Ok(if self.no_scale { trainer.units(Vec::new()) } else { trainer })
    }

    /// What would be trained, all of it checked, and what its answers mean.
    pub(crate) fn plan(&self) -> Result<(Plan, Meaning)> {
        let plan = self.trainer()?.plan(&self.train)?;
        let meaning = Meaning::of(&self.train, plan.loss());
        Ok((plan, meaning))
    }

    /// Its data sets.
    pub(crate) fn datasets(&self) -> impl Iterator<Item = &Dataset> {
        std::iter::once(&self.train).chain(&self.test)
    }

    /// The learning rate; of one-cycle the highest.
    pub(crate) fn lr(&self) -> f64 {
        self.recipe.lr.unwrap_or_default()
    }

    /// How often all samples are seen.
    pub(crate) fn epochs(&self) -> usize {
        self.recipe.epochs.unwrap_or_default()
    }

    /// What always giving the same answer scores; None without a test part.
    pub(crate) fn baseline(&self, meaning: &Meaning) -> Option<Baseline> {
        let score = Score::without_network(self.test.as_ref()?.targets(), meaning.task);
        Some(Baseline::of(&score, &meaning.names))
    }

    /// The same with its losses, for a training: numbers are in units by then.
    pub(crate) fn baseline_of(&self, model: &Model) -> Option<Baseline> {
        let baseline = self.baseline(model.meaning())?;
        let losses = self.test.as_ref().and_then(|test| {
            constant::losses(test, model.network(), model.loss(), model.meaning()).ok()
        });
        Some(baseline.with_losses(losses))
    }

    /// The lesson with as much of its test part as was tested.
    pub(crate) fn tested_on(&self, samples: Option<usize>) -> Self {
        let mut lesson = self.clone();
        if let (Some(test), Some(samples)) = (&self.test, samples)
            && samples < test.len()
        {
            lesson.test = Some(part(test, samples));
        }
        lesson
    }

    /// Samples a step, at least one.
    pub(crate) fn batch_size(&self) -> usize {
        self.recipe.batch_size.unwrap_or(1).max(1)
    }

    pub(crate) fn steps_per_epoch(&self) -> usize {
        self.train.len().div_ceil(self.batch_size())
    }

    pub(crate) fn steps(&self) -> usize {
        self.epochs().saturating_mul(self.steps_per_epoch())
    }
}

/// So many samples of a data set, evenly.
pub(crate) fn part(data: &Dataset, wanted: usize) -> Dataset {
    let step = data.len().div_ceil(wanted.max(1)).max(1);
    if step == 1 {
        return data.clone();
    }
    data.select(&(0..data.len() as u32).step_by(step).collect::<Vec<u32>>())
}
