//! A run's folder: `config.toml`, `model.safetensors`, `log.jsonl`, and of
//! `reshet train` also `report.json` and the picture of the loss.

mod checkpoints;
pub mod folder;
pub mod loss_curves;
pub mod record;
pub mod resumed;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use reshet::{
    Checkpoint, Device, Diverged, Error, Event, Fit, Model, Score, Trainer,
    files::{Log, sums},
    formats::write_file,
    metrics::digits,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    drawing::chart::Chart,
    run::loss_curves::LossCurves,
    terminal::{self, ProgressBar},
};
use checkpoints::Checkpoints;
use folder::Folder;

pub const LOG: &str = "log.jsonl";
pub const CHECKPOINT: &str = "checkpoint.safetensors";
/// The folder of the networks of which the model is the average.
pub const NETWORKS: &str = "networks";

/// So many bytes of the log wait in memory, and so long, until they are written.
const WAITING: usize = 8 << 10;
const FLUSH_TIME: Duration = Duration::from_secs(1);

/// A run, which has its folder to itself.
pub struct Run {
    folder: Folder,
    log: Arc<Log>,
    flushed: Option<Instant>,
    /// Whether it has been said that the log cannot be written.
    log_fails: bool,
    checkpoints: Option<Checkpoints>,
    /// What is kept with each checkpoint.
    notes: BTreeMap<String, String>,
    /// The step of the checkpoint in the folder.
    last: Option<usize>,
    course: LossCurves,
    /// The device that it has gone to, as the first has failed.
    went_to: Option<Device>,
}

impl Run {
    /// Makes the folder: `out`, or `runs/<name>-<n>`.
    ///
    /// An existing folder with something in it is refused without `force`. With it, the run that
    /// is there is kept aside until this one has a model.
    pub fn create(out: Option<&Path>, name: &str, force: bool) -> Result<Self> {
        let run = Self::beside(out, name, force)?;
        run.folder.set_aside()?;
        Ok(run)
    }

    /// The same, but what is in the folder stays.
    pub fn beside(out: Option<&Path>, name: &str, force: bool) -> Result<Self> {
        Ok(Self::at(Folder::make(out, name, force)?))
    }

    fn at(folder: Folder) -> Self {
        let log = Arc::new(Log::to(&folder.path.join(LOG)));
        let (flushed, log_fails, checkpoints, notes, last, course) = Default::default();
        let went_to = None;
        Self { folder, log, flushed, log_fails, checkpoints, notes, last, course, went_to }
    }

    /// The folder of an interrupted run that has no checkpoint.
    pub fn take_up(folder: &Path) -> Result<Self> {
        Ok(Self::at(Folder::lock(folder)?))
    }

    /// The folder of an interrupted run, and where it stood. Its log is cut back to there.
    pub fn reopen(folder: &Path) -> Result<(Self, Checkpoint)> {
        let mut run = Self::at(Folder::lock(folder)?);
        let path = run.path(CHECKPOINT);
        if !path.is_file() {
            let what = "no checkpoint.safetensors in it: the run was stopped before the first one";
            return Err(Error::Data(format!("{}: {what}", folder.display())).into());
        }
        let checkpoint = Checkpoint::load(path)?;
        let path = run.path(LOG);
        let before = match fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let lines =
            sums::lines(&before).map_err(|(line, what)| loss_curves::damaged(&path, line, what))?;
        let kept = lines.iter().filter(|(_, line)| is_before(line, &checkpoint));
        let kept: String = kept.map(|(_, line)| format!("{line}\n")).collect();
        write_file(&path, kept.as_bytes())?;
        run.course = LossCurves::read(&path)?;
        run.notes = checkpoint.notes.clone();
        run.last = Some(checkpoint.steps());
        Ok((run, checkpoint))
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// A file in the folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path.join(file)
    }

    /// The device that the training ended on, if it began on this one.
    pub fn finished_on(&self, began: Device) -> Device {
        self.went_to.unwrap_or(began)
    }

    /// Writes `config.toml`.
    pub fn save_config(&mut self, config: &impl Serialize) -> Result<()> {
        let text = toml::to_string_pretty(config).context("config.toml")?;
        self.notes = resumed::notes(&text);
        Ok(write_file(&self.path("config.toml"), text.as_bytes())?)
    }

    /// Keeps something else with each checkpoint from now on.
    pub fn note(&mut self, key: &str, text: String) {
        self.notes.insert(key.into(), text);
    }

    /// Keeps these settings with each checkpoint from now on.
    pub fn note_settings(&mut self, config: &impl Serialize) -> Result<()> {
        let text = toml::to_string_pretty(config).context("config.toml")?;
        self.notes.extend(resumed::notes(&text));
        Ok(())
    }

    /// Writes `model.safetensors` and says where it is.
    pub fn save_model(&self, model: &Model) -> Result<PathBuf> {
        let path = self.path("model.safetensors");
        model.save(&path)?;
        // Only now the one that it takes the place of.
        self.folder.forget_replaced()?;
        Ok(path)
    }

    /// Writes `report.json`: what `--json` prints. And the end of the log.
    pub fn save_report(&self, report: &serde_json::Value) -> Result<()> {
        let text = format!("{report:#}\n");
        write_file(&self.path("report.json"), text.as_bytes())?;
        Ok(self.log.sync()?)
    }

    /// Draws the loss into `loss.svg` and `loss.png`; nothing if there are not
    /// even two steps.
    pub fn save_course(&self) -> Result<Option<Chart>> {
        let folder = self.folder();
        let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
        let chart = self.course.chart(&format!("Loss of {name}"));
        if let Some(chart) = &chart {
            chart.save(folder, "loss")?;
        }
        Ok(chart)
    }

    /// Writes what there is of the log, and says if that fails: its lines then wait.
    fn flush_log(&mut self) {
        self.flushed = Some(Instant::now());
        match (self.log.flush(), self.log_fails) {
            (Err(error), false) => {
                let what = "its lines are kept and written later";
                terminal::tell(&format!("warning: {error}; {what}"));
                self.log_fails = true;
            }
            (Ok(()), true) => {
                terminal::tell(&format!("{} is written again", self.log.path().display()));
                self.log_fails = false;
            }
            _ => {}
        }
    }

    /// A line of the log, if the event is one, and a point of the picture.
    pub fn log_event(&mut self, event: &Event) {
        // The log keeps some steps only; the picture is of all.
        match event {
            Event::Step { step, loss, .. } => self.course.step(*step, f64::from(*loss)),
            Event::Epoch { epoch, loss, validation } => {
                self.course.epoch(*epoch, *loss, validation.as_ref().map(|score| score.loss));
            }
            Event::Device { device, .. } => self.went_to = Some(*device),
            _ => {}
        }
        let line = match event {
            Event::Step { epoch, step, loss, lr, .. } if event.is_logged() => {
                json!({"epoch": epoch, "step": step, "loss": loss, "lr": lr})
            }
            Event::Epoch { epoch, loss, validation } => {
                json!({"epoch": epoch, "mean_loss": loss, "validation": validation})
            }
            Event::Device { step, device, why } => {
                json!({"step": step, "device": device.name(), "why": why})
            }
            _ => return,
        };
        let waiting = self.log.add(&line.to_string());
        let due = match self.flushed {
            None => true,
            Some(last) => {
                let is_end = matches!(event, Event::Epoch { .. });
                let is_long_ago = || last.elapsed() >= FLUSH_TIME;
                (is_end && !self.log_fails) || (waiting >= WAITING && is_long_ago())
            }
        };
        if due {
            self.flush_log();
        }
    }

    /// Trains, with a log and a progress bar; Ctrl-C ends it early. If it
    /// diverges, the last good model is saved and the error says where.
    pub fn train(
        &mut self,
        trainer: Trainer,
        data: &reshet::Dataset,
        bar: &ProgressBar,
        mut each: impl FnMut(&Event),
    ) -> Result<Fit> {
        let mut validated = String::new();
        let trainer = match &self.checkpoints {
            Some(checkpoints) => {
                let (offers, notes) = (Arc::clone(&checkpoints.offers), self.notes.clone());
                trainer.on_checkpoint(checkpoints.every, move |mut checkpoint| {
                    checkpoint.notes.clone_from(&notes);
                    offers.put(checkpoint);
                })
            }
            None => trainer,
        };
        let fit = trainer
            .on_event(|event| {
                match event {
                    // Drawing is limited to 20 times a second, but not asking for it.
                    Event::Step { step, steps, loss, .. }
                        if step % 16 == 0 || step + 1 == *steps =>
                    {
                        bar.set_length(*steps as u64);
                        bar.set_position(*step as u64 + 1);
                        bar.set_message(format!("loss {}{validated}", digits(f64::from(*loss))));
                    }
                    Event::Epoch { validation: Some(score), .. } => {
                        validated = format!("  validation {}", short(score));
                    }
                    Event::Device { .. } => bar.suspend(|| terminal::warn_of_device(event)),
                    _ => {}
                }
                each(event);
                self.log_event(event);
                terminal::carry_on()
            })
            .fit(data);
        bar.finish_and_clear();
        fit.map_err(|error| {
            // The divergence is what is to be told, not what came of a checkpoint.
            let _ = self.finish();
            self.rescue(error)
        })
    }

    /// From now on checkpoints are written while training: see [`Trainer::on_checkpoint`].
    pub fn keep_checkpoints(&mut self, every: Option<usize>) -> Result<()> {
        let (path, log) = (self.path(CHECKPOINT), Arc::clone(&self.log));
        self.checkpoints = Some(Checkpoints::to(path, log, every, self.last)?);
        Ok(())
    }

    /// Writes a checkpoint: beside, where they are written while training.
    pub fn keep_checkpoint(&self, mut checkpoint: Checkpoint) -> Result<()> {
        checkpoint.notes.clone_from(&self.notes);
        match &self.checkpoints {
            Some(checkpoints) => checkpoints.offers.put(checkpoint),
            None => checkpoint.save(self.path(CHECKPOINT))?,
        }
        Ok(())
    }

    /// Waits for the last checkpoint and the log to be written.
    pub fn finish(&mut self) -> Result<()> {
        let written = self.checkpoints.take().map_or(Ok(()), Checkpoints::finish);
        self.log.sync()?;
        written
    }

    fn rescue(&mut self, error: Error) -> anyhow::Error {
        if matches!(error, Error::Device(_)) && self.path(CHECKPOINT).exists() {
            let folder = self.folder().display();
            let how = format!("reshet train --resume {folder}");
            terminal::tell(&format!("go on from the last checkpoint: {how}"));
        }
        let Error::Diverged(diverged) = &error else { return error.into() };
        let line = json!({"ended": "diverged", "step": diverged.step, "what": diverged.what});
        // The divergence is the news; that it is not drawn as well is none.
        self.log.add(&line.to_string());
        let _ = self.log.sync();
        let _ = self.save_course();
        let Diverged { last_good: Some(model), last_good_step, .. } = &**diverged else {
            return error.into();
        };
        let kept = match self.save_model(model) {
            Ok(path) => format!("the model of step {last_good_step} is in {}", path.display()),
            Err(e) => format!("and the last good model could not be saved: {e:#}"),
        };
        // The library's error stays inside: it decides the exit code.
        terminal::tell(&kept);
        error.into()
    }
}

/// A score in a few letters: `97.3 %`, `R² 0.842`.
fn short(score: &Score) -> String {
    match score.accuracy() {
        Some(accuracy) => format!("{:.1} %", 100.0 * accuracy),
        None => score.measure().map_or("no R²".into(), |r2| format!("R² {r2:.3}")),
    }
}

/// Whether a line of the log was written before the checkpoint was made.
fn is_before(line: &str, checkpoint: &Checkpoint) -> bool {
    let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else { return false };
    let number = |key: &str| line[key].as_u64().map(|n| n as usize);
    match (number("step"), number("epoch")) {
        (Some(step), _) => step < checkpoint.steps(),
        (None, epoch) => epoch.is_some_and(|epoch| epoch < checkpoint.epochs()),
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A run that fails leaves what it has.
        if let Some(checkpoints) = self.checkpoints.take() {
            let _ = checkpoints.finish();
        }
        let _ = self.log.flush();
        if let Some(replaced) = self.folder.replaced() {
            let what = "the run that was there before is in";
            terminal::tell(&format!("{what} {}", replaced.display()));
        }
    }
}
