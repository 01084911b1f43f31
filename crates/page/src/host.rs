//! What the page asks of the program around it.

use std::path::{Path, PathBuf};

use reshet::{Event, Model, Result, Score};
use serde_json::Value;

use crate::spec::{Lesson, Spec};

/// What the program around gives the page: its data, its defaults, its run folders.
pub trait Host: Send + Sync + 'static {
    /// Reads the data and fills in what the spec leaves out.
    ///
    /// # Errors
    /// No such data; a network or settings that do not fit it.
    fn lesson(&self, spec: &Spec) -> Result<Lesson>;

    /// Writes a run's folder and says where it is.
    ///
    /// # Errors
    /// The folder cannot be written.
    fn save(&self, finished: &Finished) -> Result<PathBuf>;

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

/// A run that is over, for its folder.
pub struct Finished<'a> {
    /// What was trained.
    pub lesson: &'a Lesson,
    /// The model.
    pub model: Model,
    /// On the test part.
    pub score: Option<Score>,
    /// The steps that a log keeps, as they were.
    pub log: Vec<Event>,
    /// The mean loss of each whole epoch.
    pub epoch_losses: Vec<f64>,
    /// Steps taken.
    pub steps: usize,
    /// Whole epochs trained.
    pub epochs: usize,
    /// Spent training.
    pub seconds: f64,
    /// Whether all was trained that was meant to be.
    pub done: bool,
}

impl Finished<'_> {
    /// The mean loss of the last whole epoch, or the last step's.
    pub fn final_loss(&self) -> f64 {
        let last = || match self.log.last() {
            Some(Event::Step { loss, .. }) => f64::from(*loss),
            _ => f64::NAN,
        };
        self.epoch_losses.last().copied().unwrap_or_else(last)
    }
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
