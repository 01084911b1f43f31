//! A run: a network on its way, or at the end of it, as all threads see it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    time::Duration,
};

use reshet::{
    Checkpoint, Error, Event, Loss, Meaning, Model, Result, Score, Sequential,
    data::table::ColumnKind, metrics::Task, network::did_you_mean,
};

use crate::{
    answers::{self, Baseline, Phase, Stage},
    command::Command,
    curve::{Means, Tests},
    found::Finding,
    host::{Finished, Keeper},
    lesson::Lesson,
    moments::Moments,
    told::Told,
};

/// A model without its parameters.
#[derive(Clone)]
pub struct Template {
    pub network: Sequential,
    loss: Loss,
    meaning: Meaning,
    notes: BTreeMap<String, String>,
}

impl Template {
    pub fn of(model: &Model) -> Self {
        Self {
            network: model.network().clone(),
            loss: model.loss().clone(),
            meaning: model.meaning().clone(),
            notes: model.notes.clone(),
        }
    }
}

/// A run.
pub struct Run {
    pub id: u64,
    pub name: String,
    /// None for a model whose data is not there.
    pub lesson: Option<Lesson>,
    /// Its network; the parameters come from the moments.
    pub template: Template,
    /// What always giving the same answer scores on the test part.
    pub baseline: Option<Baseline>,
    state: Mutex<State>,
    /// To the thread that trains it.
    commands: Mutex<Option<mpsc::Sender<Command>>>,
    /// Until it is saved.
    keeper: Mutex<Option<Box<dyn Keeper>>>,
}

/// What changes while it trains.
#[derive(Debug)]
pub struct State {
    pub phase: Phase,
    pub stage: Option<Stage>,
    pub step: usize,
    pub epoch: usize,
    pub lr: f64,
    pub pace: Option<f64>,
    pub loss: Option<f32>,
    pub seconds: f64,
    pub losses: Means,
    /// What happened and is not kept yet: epochs, and the steps that a log keeps.
    pub log: Vec<Event>,
    /// Where the training stands, once it has ended.
    pub checkpoint: Option<Checkpoint>,
    /// The mean loss of each whole epoch.
    pub epoch_losses: Vec<f64>,
    pub tests: Tests,
    /// The same of samples it learns from.
    pub train_tests: Tests,
    pub test: Option<(usize, Score)>,
    pub moments: Moments,
    pub saved: Option<PathBuf>,
    /// Whether where it is saved is not the reader's business.
    pub folder_hidden: bool,
    pub reason: Option<String>,
    /// What looks wrong in what came of it, once it has ended.
    pub findings: Vec<Finding>,
    /// How long a test of one sample takes.
    pub sample_takes: Duration,
}

impl State {
    /// At the beginning of a training of so many steps.
    pub fn new(phase: Phase, steps: usize, lr: f64, pace: Option<f64>) -> Self {
        Self {
            phase,
            stage: None,
            step: 0,
            epoch: 0,
            lr,
            pace,
            loss: None,
            seconds: 0.0,
            losses: Means::default(),
            log: Vec::new(),
            checkpoint: None,
            epoch_losses: Vec::new(),
            tests: Tests::default(),
            train_tests: Tests::default(),
            test: None,
            moments: Moments::new(steps),
            saved: None,
            folder_hidden: false,
            reason: None,
            findings: Vec::new(),
            sample_takes: Duration::ZERO,
        }
    }
}

impl Run {
    pub fn new(
        id: u64,
        lesson: Option<Lesson>,
        template: Template,
        name: String,
        baseline: Option<Baseline>,
        state: State,
        commands: Option<mpsc::Sender<Command>>,
    ) -> Self {
        let (state, commands) = (Mutex::new(state), Mutex::new(commands));
        let keeper = Mutex::default();
        Self { id, name, lesson, template, baseline, state, commands, keeper }
    }

    /// Kept by this.
    pub fn kept_by(self, keeper: Box<dyn Keeper>) -> Self {
        *self.keeper() = Some(keeper);
        self
    }

    fn keeper(&self) -> MutexGuard<'_, Option<Box<dyn Keeper>>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps where the training stands, and what has happened until then.
    pub fn keep(&self, checkpoint: Checkpoint) {
        let log = std::mem::take(&mut self.state().log);
        if let Some(keeper) = &mut *self.keeper() {
            keeper.keep(checkpoint, log);
        }
    }

    /// Writes the run's folder and says where it is; None where nothing keeps it.
    pub fn save(&self, finished: &Finished) -> Option<Result<PathBuf>> {
        // Others do not wait for a folder being written.
        let mut keeper = self.keeper().take()?;
        Some(keeper.finish(finished))
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        // A number half written is no reason to show nothing any more.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the training something; false if there is none any more.
    pub fn send(&self, command: Command) -> bool {
        let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        commands.as_ref().is_some_and(|commands| commands.send(command).is_ok())
    }

    /// The network at a moment of its course.
    pub fn model_at(&self, step: Option<usize>) -> Result<(usize, Model)> {
        let found = self.state().moments.at(step).map_err(|cause| {
            let what = format!("cannot read a moment of {}", self.name);
            Error::Io { what, reading: false, cause }
        })?;
        let (step, parameters) = found.unwrap_or_default();
        Ok((step, self.model_with(parameters.to_vec())?))
    }

    /// The network with these parameters.
    pub fn model_with(&self, parameters: Vec<f32>) -> Result<Model> {
        let Template { network, loss, meaning, notes } = self.template.clone();
        let mut model = Model::new(network, loss, parameters, meaning)?;
        model.notes = notes;
        Ok(model)
    }

    /// Samples that the newest test was of.
    pub fn tested(&self) -> Option<usize> {
        self.state().test.as_ref().map(|(_, score)| score.samples)
    }

    /// The names of a question's answers; of numbers none.
    pub fn names(&self) -> &[String] {
        &self.template.meaning.names
    }

    pub fn task(&self) -> Task {
        self.template.meaning.task
    }

    /// Whether the samples are pictures of bytes.
    pub fn pictures(&self) -> bool {
        let meaning = &self.template.meaning;
        meaning.bytes && matches!(meaning.shape[..], [1 | 3, _, _])
    }

    /// All of it but the curves.
    pub fn told(&self) -> answers::Run {
        let state = self.state();
        let lesson = self.lesson.as_ref();
        let meaning = &self.template.meaning;
        let table = meaning.columns.as_ref();
        let tensors = self.named().into_iter();
        answers::Run {
            id: self.id.to_string(),
            name: self.name.clone(),
            data: lesson.map(|l| l.spec.data.clone()),
            spec: lesson.map(|l| l.spec.clone()),
            network: self.template.network.to_string(),
            task: self.task().into(),
            names: self.names().to_vec(),
            shape: meaning.shape.clone(),
            pictures: self.pictures(),
            parameters: self.template.network.parameters(),
            state: state.phase,
            stage: state.stage,
            step: state.step,
            steps: lesson.map_or(state.step, Lesson::steps),
            steps_per_epoch: lesson.map(Lesson::steps_per_epoch),
            epoch: state.epoch,
            lr: state.lr,
            pace: state.pace,
            loss: state.loss,
            seconds: state.seconds,
            test: state.test.as_ref().map(|(step, score)| answers::Test::of(*step, score)),
            baseline: self.baseline.clone(),
            tensors: tensors.map(|p| answers::Tensor { name: p.name, shape: p.shape }).collect(),
            columns: table.map(|t| t.inputs.iter().map(|c| column(&c.name, &c.kind)).collect()),
            inputs: table.map(|t| t.input_names()),
            trainable: state.phase != Phase::Loaded,
            saved: state.saved.clone().filter(|_| !state.folder_hidden),
            reason: state.reason.clone(),
            reason_told: state.reason.as_deref().map(Told::of),
            command: lesson.map(|l| l.command.clone()),
            findings: state.findings.clone(),
            curves: None,
            stage_report: None,
        }
    }

    /// As [`Run::told`], with its curves.
    pub fn told_with_curves(&self) -> answers::Run {
        let told = self.told();
        let state = self.state();
        let loss = state.losses.points();
        let (test, train) = (state.tests.points(), state.train_tests.points());
        let (test, train) = (test.to_vec(), train.to_vec());
        answers::Run { curves: Some(answers::Curves { loss, test, train }), ..told }
    }

    pub fn named(&self) -> Vec<reshet::plan::Parameter> {
        let plan = reshet::Plan::new(&self.template.network, self.template.loss.clone());
        plan.map(|plan| plan.named_parameters()).unwrap_or_default()
    }

    /// A tensor's place among the parameters.
    pub fn tensor(&self, name: &str) -> Result<reshet::plan::Parameter, String> {
        let named = self.named();
        let names: Vec<&str> = named.iter().map(|p| &*p.name).collect();
        let hint = did_you_mean(name, &names);
        let found = named.iter().find(|p| p.name == name).cloned();
        found.ok_or_else(|| format!("no tensor is called \"{name}\"{hint}"))
    }
}

/// A column as a form asks for it.
fn column(name: &str, kind: &ColumnKind) -> answers::Column {
    let name = name.to_string();
    match kind {
        ColumnKind::Number { fill, range: [low, high], .. } => {
            answers::Column::Number { name, typical: *fill, low: *low, high: *high }
        }
        ColumnKind::Two { values } => answers::Column::Category { name, words: values.to_vec() },
        ColumnKind::Category { values, .. } => {
            answers::Column::Category { name, words: values.clone() }
        }
    }
}
