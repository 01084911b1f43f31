//! Training on arrays and on tables.

use std::{
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

use pyo3::prelude::*;
use reshet::{
    Dataset, Device, Error, Event, Fit, Model, Precision, Recipe, Result, Trainer,
    data::table::Prepared,
    diagnosis,
    recipe::{Bag, Bagging, Choice, Defaults},
};

use crate::{
    arrays::{self, Samples},
    model::{PyModel, report},
    python,
    tables::{Learnt, TableRequest},
};

/// How often a training looks whether Ctrl-C was pressed.
const SIGNALS: Duration = Duration::from_millis(50);

/// How to train, as Python has it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub struct How {
    /// A [`Recipe`] as JSON.
    recipe: String,
    threads: Option<usize>,
    /// The name of a [`Device`].
    device: String,
    /// A [`Precision`], or `auto`.
    precision: String,
    verbose: bool,
    /// 0: the usual defaults of a table are taken untried; 3: they are compared by bags.
    effort: u8,
    /// So many networks are averaged.
    bag: Option<usize>,
    class_weight: Option<ClassWeight>,
    /// Whose parameters to start from.
    start: Option<Py<PyModel>>,
}

/// How much classes count.
#[derive(FromPyObject)]
enum ClassWeight {
    /// Each as much as another.
    Balanced(String),
    /// So much, by name; 1 if not named.
    Named(Vec<(String, f64)>),
}

/// What came of it.
#[derive(IntoPyObject)]
pub struct Outcome {
    model: PyModel,
    epochs: usize,
    /// Of each epoch, its mean loss.
    loss: Vec<f64>,
    /// Of each epoch, the loss and the score on the validation part.
    validation: Vec<(f64, Option<f64>)>,
    /// What was decided about a table.
    said: Vec<String>,
    /// What looks wrong in it, or in what came of it.
    warnings: Vec<String>,
    /// The test as JSON, if there was a test part.
    tested: Option<String>,
}

impl How {
    pub fn recipe(&self) -> Result<Recipe> {
        let wrong = |e: serde_json::Error| Error::Invalid(e.to_string());
        let value: serde_json::Value = serde_json::from_str(&self.recipe).map_err(wrong)?;
        // From a value, its errors name no places in a text that nobody has written.
        serde_json::from_value(value).map_err(wrong)
    }

    pub fn start(&self) -> Option<&Model> {
        self.start.as_ref().map(|start| &start.get().model)
    }

    /// Refuses what a bag does not go with.
    fn check_bag(&self, by_chance: bool, validated: bool) -> Result<()> {
        let with = match self {
            Self { bag: None, .. } => return Ok(()),
            Self { start: Some(_), .. } => "start",
            _ if validated => "validation",
            _ if !by_chance => "group and time",
            _ => return Ok(()),
        };
        Err(Error::Invalid(format!("bag, effort: an average of networks does not go with {with}")))
    }

    fn device(&self) -> Result<Device> {
        let device = Device::named(&self.device)?;
        Ok(self.threads.map_or(device, |threads| device.threads(threads)))
    }

    /// What there is to say of the device.
    fn caution(&self) -> Result<Option<String>> {
        Ok(self.device()?.caution().map(|what| format!("{what}: compare with device=\"cpu\"")))
    }

    /// The trainer, multiplying as asked.
    fn precise<'a>(
        &self,
        trainer: Trainer<'a>,
        data: &Dataset,
        batch: usize,
    ) -> Result<Trainer<'a>> {
        let precision = match &*self.precision {
            "auto" => Precision::fastest(&trainer.plan(data)?, data, self.device()?, batch),
            name => name.parse()?,
        };
        Ok(trainer.precision(precision))
    }

    /// The samples, weighted by their classes.
    fn weighted(&self, data: Dataset) -> Result<Dataset> {
        match &self.class_weight {
            None => Ok(data),
            Some(ClassWeight::Balanced(word)) if word == "balanced" => data.balanced(),
            Some(ClassWeight::Balanced(word)) => Err(Error::Invalid(format!(
                "class_weight: \"balanced\", or a weight for each class, not \"{word}\""
            ))),
            Some(ClassWeight::Named(named)) => arrays::weighted(data, named),
        }
    }

    /// A trainer for a recipe that leaves nothing open; it goes on from `start` if there is one.
    fn trainer<'a>(&self, recipe: Recipe, data: &Dataset) -> Result<Trainer<'a>> {
        let batch = recipe.batch_size.unwrap_or(64);
        self.precise(self.in_f32(recipe, data)?, data, batch)
    }

    fn in_f32<'a>(&self, mut recipe: Recipe, data: &Dataset) -> Result<Trainer<'a>> {
        let Some(start) = self.start() else {
            return Ok(recipe.trainer(data)?.device(self.device()?).unscaled());
        };
        let own = recipe.net.is_some() || recipe.hidden.is_some();
        if !own {
            recipe.net = Some(start.network().to_string());
        }
        let mut trainer = recipe.trainer(data)?.device(self.device()?).unscaled();
        if trainer.network() != start.network() {
            let (its, asked) = (start.network(), trainer.network());
            let what = format!("start: the model is the network {its}, and {asked} is asked for");
            return Err(Error::Invalid(what));
        }
        if recipe.loss()?.is_none() {
            trainer = trainer.loss(start.loss().clone());
        }
        // Parameters mean something only in the units in which they were learnt.
        let units = start.meaning().units.clone();
        Ok(trainer.parameters(start.parameters().to_vec()).units(units))
    }
}

/// Trains on arrays.
#[pyfunction]
pub fn train(py: Python, samples: Samples, how: How) -> PyResult<Outcome> {
    let scaled = samples.is_of_numbers() && how.start.is_none();
    let data = samples.read(py)?;
    let mut watch = Watch::new(&how).map_err(python)?;
    let done = py.detach(|| -> Result<Outcome> {
        if how.bag.is_some() {
            let what = "bag, effort: networks are averaged of a table, not of arrays";
            return Err(Error::Invalid(what.into()));
        }
        let mut recipe = how.recipe()?;
        let (data, validation) = match recipe.validation {
            None => (data, None),
            Some(part) => {
                let (rest, part) = data.split(part, recipe.seed.unwrap_or(0))?;
                (rest, Some(part))
            }
        };
        let data = how.weighted(data)?;
        recipe.batch_size = recipe.batch_size.map(|n| n.min(data.len()));
        let mut trainer = how.trainer(recipe, &data)?;
        if scaled {
            trainer = trainer.units(arrays::units(&data));
        }
        let odd = diagnosis::of_network(trainer.network());
        let fit = watch.fit(trainer, &data, validation.as_ref())?;
        let mut outcome = watch.outcome(fit);
        outcome.warnings = odd.iter().map(ToString::to_string).chain(how.caution()?).collect();
        Ok(outcome)
    });
    watch.end()?;
    done.map_err(python)
}

/// Trains on a table, as the program does.
#[pyfunction]
pub fn train_table(py: Python, question: TableRequest, how: How) -> PyResult<Outcome> {
    let mut watch = Watch::new(&how).map_err(python)?;
    let recipe = how.recipe().map_err(python)?;
    let (by_chance, may_drop_pieces) = (question.is_by_chance(), question.leaves_scaling());
    let learnt = match how.start() {
        Some(start) => question.of_model(py, start, &recipe)?,
        None => question.read(py, &recipe, how.effort > 0 && by_chance)?,
    };
    let done = py.detach(|| learn(&how, recipe, learnt, by_chance, may_drop_pieces, &mut watch));
    watch.end()?;
    done.map_err(python)
}

/// `by_chance`: whether a random part of the rows is like the rest. `may_drop_pieces`: whether it was
/// not said how numbers become inputs.
fn learn(
    how: &How,
    recipe: Recipe,
    learnt: Learnt,
    by_chance: bool,
    may_drop_pieces: bool,
    watch: &mut Watch,
) -> Result<Outcome> {
    let Learnt { parts, samples, name } = learnt;
    let Prepared { train, mut validation, mut test, mut said, mut warnings, tries_pieces } = parts;
    said.iter().for_each(|line| watch.say(line));
    let mut resolved = recipe.resolve_for(Defaults::of_table(train.targets()), samples);
    if recipe.batch_size.is_none() {
        // How many samples are left to train on is known only now.
        resolved.batch_size = resolved.batch_size.map(|n| n.min(train.len()));
    }
    if how.start().is_some() && recipe.hidden.is_none() && recipe.net.is_none() {
        (resolved.hidden, resolved.activation, resolved.dropout) = (None, None, None);
    }
    warnings.extend(how.caution()?);
    let mut train = how.weighted(train)?;
    how.check_bag(by_chance, validation.is_some())?;
    let (mut residuals, mut bag, mut drops_pieces) = (Vec::new(), None, tries_pieces);
    if how.effort > 0 && by_chance && how.start().is_none() {
        let choice = match how.bag.filter(|_| how.effort == 3) {
            Some(networks) => {
                watch.choose_bag(&recipe, &train, may_drop_pieces, networks, how.device()?)?
            }
            None => watch
                .choose(&recipe, &train, may_drop_pieces, how.device()?)?
                .map(|choice| (choice, None)),
        };
        if let Some((choice, chosen)) = choice {
            bag = chosen;
            resolved = choice.apply(&resolved);
            residuals.clone_from(&choice.residuals);
            drops_pieces = choice.drops_pieces();
            let scores = choice.tried.iter().map(|tried| tried.score.to_string());
            let scores: Vec<String> = scores.collect();
            let on = match choice.folds {
                Some(folds) => format!("by {folds} folds"),
                None => "on a fifth of the training samples".into(),
            };
            watch.say(&format!("tried sets of defaults {on}: {}", scores.join("; ")));
        }
    }
    if drops_pieces {
        let others = [&mut validation, &mut test].into_iter().flatten();
        [&mut train].into_iter().chain(others).for_each(Dataset::drop_pieces);
    }
    let (optimizer, schedule) = (resolved.optimizer()?, resolved.schedule()?);
    let mut fit = if let Some(networks) = how.bag {
        let epochs = resolved.epochs.unwrap_or(0);
        let asked = Recipe { temperature: recipe.temperature, ..resolved };
        let bag = match bag {
            Some(bag) => bag,
            None => watch.bag(&asked, &train, networks, how.device()?)?,
        };
        said.push(format!("{networks} networks, each on the fold it left out: {}", bag.score));
        bag.fit(epochs)?
    } else {
        let trainer = how.trainer(resolved, &train)?;
        warnings.extend(diagnosis::of_network(trainer.network()).iter().map(ToString::to_string));
        let fit = watch.fit(trainer, &train, validation.as_ref())?;
        Fit { model: fit.model.with_residuals(residuals)?, ..fit }
    };
    let score = fit.model.test(test.as_ref().unwrap_or(&train))?;
    let findings = diagnosis::of_fit(&fit, &train, &score, &optimizer, schedule)?;
    warnings.extend(findings.iter().map(ToString::to_string));
    let rows = train.len().to_string();
    let notes = [("data", name), ("optimizer", optimizer.to_string()), ("rows", rows)];
    fit.model.notes.extend(notes.map(|(key, value)| (key.into(), value)));
    let mut tested = None;
    if let Some(test) = &test {
        fit.model.notes.insert("test".into(), score.to_string());
        tested = Some(report(&fit.model, test)?);
    }
    Ok(Outcome { said, warnings, tested, ..watch.outcome(fit) })
}

/// What a training tells while it goes on, and whether Python wants it to end.
struct Watch {
    verbose: bool,
    /// Of the networks of a bag.
    precision: Precision,
    looked: Instant,
    interrupt: Option<PyErr>,
    loss: Vec<f64>,
    validation: Vec<(f64, Option<f64>)>,
}

impl Watch {
    fn new(how: &How) -> Result<Self> {
        let (loss, validation) = Default::default();
        let precision = match &*how.precision {
            // Of averages nothing was measured.
            "auto" => Precision::F32,
            name => name.parse()?,
        };
        let (verbose, looked) = (how.verbose, Instant::now());
        Ok(Self { verbose, precision, looked, interrupt: None, loss, validation })
    }

    /// Tries the defaults for a table.
    fn choose(
        &mut self,
        recipe: &Recipe,
        data: &Dataset,
        may_drop_pieces: bool,
        device: Device,
    ) -> Result<Option<Choice>> {
        let looks = Looks::of(self);
        let tell = |set, event: &Event| looks.event(set, event);
        let choice = recipe.choose(data, may_drop_pieces, device, &tell)?;
        self.check_interrupt()?;
        Ok(choice)
    }

    /// Tries the defaults for a table by so many networks each; with the better one's.
    fn choose_bag(
        &mut self,
        recipe: &Recipe,
        data: &Dataset,
        may_drop_pieces: bool,
        networks: usize,
        device: Device,
    ) -> Result<Option<(Choice, Option<Bag>)>> {
        let looks = Looks::of(self);
        let chosen = recipe.choose_bag(data, may_drop_pieces, networks, device, &looks)?;
        self.check_interrupt()?;
        Ok(chosen.map(|(choice, bag)| (choice, Some(bag))))
    }

    /// Trains the networks of a bag.
    fn bag(
        &mut self,
        recipe: &Recipe,
        data: &Dataset,
        networks: usize,
        device: Device,
    ) -> Result<Bag> {
        let bag = recipe.bag(data, networks, device, &Looks::of(self))?;
        self.check_interrupt()?;
        bag.ok_or_else(|| Error::Invalid("interrupted".into()))
    }

    fn fit(
        &mut self,
        trainer: Trainer<'_>,
        data: &Dataset,
        validation: Option<&Dataset>,
    ) -> Result<Fit> {
        let trainer = match validation {
            Some(part) => trainer.validation(part),
            None => trainer,
        };
        let fit = trainer.on_event(|event| self.see(event)).fit(data)?;
        self.check_interrupt()?;
        Ok(fit)
    }

    /// # Errors
    /// Python wants it to end; [`Watch::end`] raises why.
    fn check_interrupt(&self) -> Result<()> {
        match self.interrupt {
            Some(_) => Err(Error::Invalid("interrupted".into())),
            None => Ok(()),
        }
    }

    fn see(&mut self, event: &Event) -> ControlFlow<()> {
        if let Event::Epoch { loss, validation, .. } = event {
            self.loss.push(*loss);
            self.validation.extend(validation.iter().map(|score| (score.loss, score.measure())));
        }
        if let Some(line) = line(event) {
            self.say(&line);
        }
        self.warn_of_device(event);
        self.look()
    }

    /// Looks now and then whether Python wants it to end.
    fn look(&mut self) -> ControlFlow<()> {
        if self.looked.elapsed() > SIGNALS {
            self.looked = Instant::now();
            self.attend(|py| py.check_signals());
        }
        if self.interrupt.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Tells a line, if lines are to be told: by Python's `print`, since notebooks show that.
    fn say(&mut self, line: &str) {
        if self.verbose {
            self.attend(|py| {
                py.import("builtins")?.getattr("print")?.call1((line,))?;
                py.check_signals()
            });
        }
    }

    /// Warns that a training goes on on another device, if this event is about that.
    fn warn_of_device(&mut self, event: &Event) {
        if let Event::Device { step, device, why } = event {
            let text = format!("{why}; the training goes on on {device} after step {step}");
            self.attend(|py| {
                py.import("warnings")?.call_method1("warn", (text,))?;
                Ok(())
            });
        }
    }

    /// Does something in Python; its error ends the training.
    fn attend(&mut self, f: impl FnOnce(Python) -> PyResult<()>) {
        if self.interrupt.is_none() {
            self.interrupt = Python::attach(f).err();
        }
    }

    /// Raises what Python wanted.
    fn end(&mut self) -> PyResult<()> {
        self.interrupt.take().map_or(Ok(()), Err)
    }

    fn outcome(&mut self, fit: Fit) -> Outcome {
        let (said, warnings, tested) = Default::default();
        let (loss, validation) =
            (std::mem::take(&mut self.loss), std::mem::take(&mut self.validation));
        let (model, epochs) = (PyModel::new(fit.model), fit.epochs);
        Outcome { model, epochs, loss, validation, said, warnings, tested }
    }
}

/// Looks whether Python wants several trainings to end: on the thread that Python has called, as
/// only that one hears of Ctrl-C. Where one ends, all do.
struct Looks<'a> {
    precision: Precision,
    watch: Mutex<&'a mut Watch>,
    caller: ThreadId,
}

impl<'a> Looks<'a> {
    fn of(watch: &'a mut Watch) -> Self {
        let (precision, caller) = (watch.precision, thread::current().id());
        Self { precision, watch: Mutex::new(watch), caller }
    }
}

impl Bagging for Looks<'_> {
    fn prepare<'a>(&self, trainer: Trainer<'a>) -> Trainer<'a> {
        trainer.precision(self.precision)
    }

    fn event(&self, _fold: usize, event: &Event) -> ControlFlow<()> {
        let watch = || self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(event, Event::Device { .. }) {
            watch().warn_of_device(event);
        }
        if thread::current().id() != self.caller {
            return ControlFlow::Continue(());
        }
        watch().look()
    }
}

/// What is told of an epoch.
fn line(event: &Event) -> Option<String> {
    let Event::Epoch { epoch, loss, validation } = event else { return None };
    let validation =
        validation.as_ref().map_or(String::new(), |score| format!("; validation: {score}"));
    Some(format!("epoch {}: loss {loss:.4}{validation}", epoch + 1))
}
