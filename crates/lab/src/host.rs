//! What the page asks of the program around it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use reshet::{Checkpoint, Dataset, Event, Fit, Model, Result, Score, diagnosis::Finding};
use serde_json::Value;

use crate::{lesson::Lesson, spec::Spec};

/// What the program around gives the page: its data, its defaults, its run folders.
pub trait Host: Send + Sync + 'static {
    /// Reads the data and fills in what the spec leaves out.
    ///
    /// # Errors
    /// No such data; a network or settings that do not fit it.
    fn lesson(&self, spec: &Spec) -> Result<Lesson>;

    /// The data that is kept read.
    fn kept(&self) -> Vec<Dataset> {
        Vec::new()
    }

    /// Keeps no data read any more: memory is short.
    fn let_go(&self) {}

    /// Begins to keep a training.
    ///
    /// # Errors
    /// Its settings cannot be told.
    fn keeper(&self, lesson: &Lesson) -> Result<Box<dyn Keeper>>;

    /// Learns that a run was deleted on the page; by default its folder stays.
    fn forgotten(&self, _folder: &Path) {}

    /// Reads a model file or a run's folder.
    ///
    /// # Errors
    /// It is none, or a damaged one.
    fn load(&self, path: &Path) -> Result<Loaded>;

    /// What a study came to so far, as `docs/api.md` has it; it may still go on.
    ///
    /// # Errors
    /// It is none, or a damaged one.
    fn study(&self, path: &Path) -> Result<Value>;
}

/// Keeps one training: while it goes on, so that it outlives the program, and when it is over.
pub trait Keeper: Send {
    /// Keeps where the training stands, and what happened since the last call. Not called for a
    /// training of a few seconds.
    fn keep(&mut self, checkpoint: Checkpoint, log: Vec<Event>);

    /// Writes the run's folder and says where it is.
    ///
    /// # Errors
    /// The folder cannot be written.
    fn finish(&mut self, finished: &Finished) -> Result<PathBuf>;
}

/// Several labs with one program around them.
impl<H: Host + ?Sized> Host for Arc<H> {
    fn lesson(&self, spec: &Spec) -> Result<Lesson> {
        (**self).lesson(spec)
    }

    fn kept(&self) -> Vec<Dataset> {
        (**self).kept()
    }

    fn let_go(&self) {
        (**self).let_go();
    }

    fn keeper(&self, lesson: &Lesson) -> Result<Box<dyn Keeper>> {
        (**self).keeper(lesson)
    }

    fn forgotten(&self, folder: &Path) {
        (**self).forgotten(folder);
    }

    fn load(&self, path: &Path) -> Result<Loaded> {
        (**self).load(path)
    }

    fn study(&self, path: &Path) -> Result<Value> {
        (**self).study(path)
    }
}

/// A run that is over, for its folder.
pub struct Finished<'a> {
    /// What was trained, with as much of its test part as was tested.
    pub lesson: &'a Lesson,
    /// The model, and how it was trained.
    pub fit: Fit,
    /// On the test part.
    pub score: Option<Score>,
    /// What looks wrong in it.
    pub findings: Vec<Finding>,
    /// Whether what takes long is left out: it was stopped, and its end is waited for.
    pub in_short: bool,
    /// What happened since the last [`Keeper::keep`]: epochs, and the steps that a log keeps.
    pub log: Vec<Event>,
    /// Where the training stands, if it can go on from there.
    pub checkpoint: Option<Checkpoint>,
    /// Spent training.
    pub seconds: f64,
}

/// A model from a file.
pub struct Loaded {
    /// What it is called.
    pub name: String,
    /// The model.
    pub model: Model,
    /// How it was trained, if its run tells and its data is there.
    pub lesson: Option<Lesson>,
    /// Means of the loss: (step, loss).
    pub losses: Vec<(usize, f64)>,
    /// Steps it was trained, if that is known.
    pub steps: usize,
}
