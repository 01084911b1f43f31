//! The run folder of a training on the page.

use std::path::PathBuf;

use anyhow::Result;
use reshet::{Checkpoint, Error, Event, files::remove_folder};
use reshet_lab::{Finished, Keeper};
use serde_json::json;

use crate::{
    commands::trained::TrainedRun,
    run::Run,
    settings::Settings,
    terminal::{note, tell},
};

/// Writes the folder of one training, as `reshet train` would.
pub struct RunFolder {
    settings: Settings,
    /// What the folder is called after.
    name: String,
    /// None until there is something to be kept.
    run: Option<Run>,
    /// What could not be written yet.
    waiting: Vec<Event>,
    /// Whether it has been said that there is no folder.
    failing: bool,
}

impl RunFolder {
    pub fn new(settings: Settings, name: String) -> Self {
        let (run, waiting, failing) = Default::default();
        Self { settings, name, run, waiting, failing }
    }

    /// Makes the folder if there is none yet, and writes what happened into it.
    fn logged(&mut self) -> Result<Run> {
        let mut run = match self.run.take() {
            Some(run) => run,
            None => self.begin()?,
        };
        self.waiting.drain(..).for_each(|event| run.log_event(&event));
        Ok(run)
    }

    fn begin(&self) -> Result<Run> {
        let mut run = Run::create(None, &self.name, false)?;
        let mut begun = run.save_config(&self.settings);
        // A browser's tab has no second thread to write checkpoints: it writes the last one only.
        if !cfg!(target_os = "wasi") {
            begun = begun.and_then(|()| run.keep_checkpoints(None));
        }
        if let Err(error) = begun {
            // The next try makes another one.
            let _ = remove_folder(run.folder());
            return Err(error);
        }
        Ok(run)
    }

    fn write(&mut self, finished: &Finished) -> Result<PathBuf> {
        let mut run = self.logged()?;
        if let Some(checkpoint) = &finished.checkpoint {
            run.keep_checkpoint(checkpoint.clone())?;
        }
        let lesson = finished.lesson;
        let report = TrainedRun {
            args: &self.settings,
            precision: lesson.precision,
            train: &lesson.train,
            trained_on: lesson.train.len(),
            test: lesson.test.as_ref(),
            fit: &finished.fit,
            score: &finished.score,
            folds: None,
            bag: None,
            choice: None,
            findings: Some(&finished.findings),
            in_short: finished.in_short,
        };
        let seconds = json!({ "train": finished.seconds, "total": finished.seconds });
        let kept = report.keep(&mut run, &lesson.name, &lesson.device, &seconds)?;
        note(&format!("saved {}", kept.model.display()));
        if let Err(error) = run.finish() {
            tell(&format!("warning: {}: {error:#}", run.folder().display()));
        }
        Ok(run.folder().to_path_buf())
    }
}

impl Keeper for RunFolder {
    fn keep(&mut self, checkpoint: Checkpoint, log: Vec<Event>) {
        self.waiting.extend(log);
        if cfg!(target_os = "wasi") {
            return;
        }
        let kept = self.logged().and_then(|run| self.run.insert(run).keep_checkpoint(checkpoint));
        match kept {
            Ok(()) => self.failing = false,
            Err(_) if self.failing => {}
            Err(error) => {
                tell(&format!(
                    "warning: no checkpoint of {}: {error:#}; it is tried again",
                    self.name
                ));
                self.failing = true;
            }
        }
    }

    fn finish(&mut self, finished: &Finished) -> reshet::Result<PathBuf> {
        self.waiting.extend(finished.log.iter().cloned());
        self.write(finished).map_err(|error| match error.downcast::<Error>() {
            Ok(error) => error,
            Err(other) => Error::Invalid(format!("{other:#}")),
        })
    }
}
