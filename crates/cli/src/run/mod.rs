//! A run's folder: `config.toml`, `model.safetensors`, `log.jsonl`, and of
//! `reshet train` also `report.json` and the picture of the loss.

pub mod loss_curves;
pub mod record;

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use reshet::{
    Checkpoint, Diverged, Error, Event, Fit, Model, Score, Trainer, formats::write_file,
    metrics::digits,
};
use serde::Serialize;
use serde_json::json;

use crate::{drawing::chart::Chart, run::loss_curves::LossCurves, terminal};

const LOG: &str = "log.jsonl";
const CHECKPOINT: &str = "checkpoint.safetensors";

/// The folder of a run.
pub struct Run {
    folder: PathBuf,
    log: Option<BufWriter<File>>,
    checkpoints: Option<Checkpoints>,
    course: LossCurves,
}

impl Run {
    /// Makes the folder: `out`, or `runs/<name>-<n>`.
    ///
    /// An existing folder with something in it is refused without `force`.
    pub fn create(out: Option<&Path>, name: &str, force: bool) -> Result<Self> {
        let folder = out.map_or_else(|| free_folder(name), Path::to_path_buf);
        let taken = fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
        if taken && !force {
            let what = "is there already; choose another --out, or --force to overwrite it";
            return Err(Error::Invalid(format!("{} {what}", folder.display())).into());
        }
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the run folder {}", folder.display()))?;
        // What an earlier run came to is not this one's.
        for file in ["report.json", "loss.svg", "loss.png", CHECKPOINT] {
            let _ = fs::remove_file(folder.join(file));
        }
        Ok(Self { folder, log: None, checkpoints: None, course: LossCurves::default() })
    }

    /// The folder of an interrupted run, and where it stood. Its log is cut back to there.
    pub fn reopen(folder: &Path) -> Result<(Self, Checkpoint)> {
        let path = folder.join(CHECKPOINT);
        if !path.is_file() {
            let what = "no checkpoint.safetensors in it: the run was stopped before the first one";
            return Err(Error::Data(format!("{}: {what}", folder.display())).into());
        }
        let checkpoint = Checkpoint::load(path)?;
        let path = folder.join(LOG);
        let before = fs::read_to_string(&path).unwrap_or_default();
        let kept = before.lines().filter(|line| is_before(line, &checkpoint));
        let kept: String = kept.map(|line| format!("{line}\n")).collect();
        write_file(&path, kept.as_bytes())?;
        let course = LossCurves::read(&path)?;
        let file = File::options().append(true).open(&path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let log = Some(BufWriter::new(file));
        Ok((Self { folder: folder.to_path_buf(), log, checkpoints: None, course }, checkpoint))
    }

    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file in the folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Writes `config.toml`.
    pub fn save_config(&self, config: &impl Serialize) -> Result<()> {
        let text = toml::to_string_pretty(config).context("config.toml")?;
        Ok(write_file(&self.path("config.toml"), text.as_bytes())?)
    }

    /// Writes `model.safetensors` and says where it is.
    pub fn save_model(&self, model: &Model) -> Result<PathBuf> {
        let path = self.path("model.safetensors");
        model.save(&path)?;
        Ok(path)
    }

    /// Writes `report.json`: what `--json` prints.
    pub fn save_report(&self, report: &serde_json::Value) -> Result<()> {
        let text = format!("{report:#}\n");
        Ok(write_file(&self.path("report.json"), text.as_bytes())?)
    }

    /// Draws the loss into `loss.svg` and `loss.png`; nothing if there are not
    /// even two steps.
    pub fn save_course(&self) -> Result<Option<Chart>> {
        let name = self.folder.file_name().unwrap_or(self.folder.as_os_str()).to_string_lossy();
        let chart = self.course.chart(&format!("Loss of {name}"));
        if let Some(chart) = &chart {
            chart.save(&self.folder, "loss")?;
        }
        Ok(chart)
    }

    /// Adds a line to `log.jsonl`.
    fn log(&mut self, line: &serde_json::Value) -> Result<()> {
        let path = self.path(LOG);
        let what = || format!("cannot write {}", path.display());
        let log = match &mut self.log {
            Some(log) => log,
            None => self.log.insert(BufWriter::new(File::create(&path).with_context(what)?)),
        };
        writeln!(log, "{line}").with_context(what)
    }

    fn flush_log(&mut self) -> Result<()> {
        self.log.as_mut().map_or(Ok(()), Write::flush).context("cannot write log.jsonl")
    }

    fn checkpoint_follows(&self, step: usize) -> bool {
        let every = self.checkpoints.as_ref().and_then(|c| c.every);
        every.is_some_and(|every| (step + 1) % every == 0)
    }

    /// A line of the log, if the event is one, and a point of the picture.
    pub fn log_event(&mut self, event: &Event) -> Result<()> {
        // The log keeps some steps only; the picture is of all.
        match event {
            Event::Step { step, loss, .. } => self.course.step(*step, f64::from(*loss)),
            Event::Epoch { epoch, loss, validation } => {
                self.course.epoch(*epoch, *loss, validation.as_ref().map(|score| score.loss));
            }
            _ => {}
        }
        match event {
            Event::Step { epoch, step, loss, lr, .. } => {
                if event.is_logged() {
                    self.log(&json!({"epoch": epoch, "step": step, "loss": loss, "lr": lr}))?;
                }
                // What a checkpoint says was done is in the log, however the run ends.
                if self.checkpoint_follows(*step) {
                    self.flush_log()?;
                }
            }
            Event::Epoch { epoch, loss, validation } => {
                self.log(&json!({"epoch": epoch, "mean_loss": loss, "validation": validation}))?;
                self.flush_log()?;
            }
            _ => {}
        }
        Ok(())
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
        let (mut broken, mut validated) = (None, String::new());
        let trainer = match &self.checkpoints {
            Some(checkpoints) => {
                let offers = Arc::clone(&checkpoints.offers);
                trainer.on_checkpoint(checkpoints.every, move |checkpoint| offers.put(checkpoint))
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
                    _ => {}
                }
                each(event);
                if let Err(e) = self.log_event(event) {
                    broken = Some(e);
                    return ControlFlow::Break(());
                }
                terminal::carry_on()
            })
            .fit(data);
        bar.finish_and_clear();
        if let Some(error) = broken {
            // A log that breaks off says nothing; better none.
            self.log = None;
            let _ = fs::remove_file(self.path(LOG));
            return Err(error);
        }
        fit.map_err(|error| {
            // The divergence is what is to be told, not what came of a checkpoint.
            let _ = self.finish_checkpoints();
            self.rescue(error)
        })
    }

    /// From now on checkpoints are written while training: see [`Trainer::on_checkpoint`].
    pub fn keep_checkpoints(&mut self, every: Option<usize>) {
        self.checkpoints = Some(Checkpoints::to(self.path(CHECKPOINT), every));
    }

    /// Waits for the last checkpoint to be written.
    pub fn finish_checkpoints(&mut self) -> Result<()> {
        self.checkpoints.take().map_or(Ok(()), Checkpoints::finish)
    }

    fn rescue(&mut self, error: Error) -> anyhow::Error {
        let Error::Diverged(diverged) = &error else { return error.into() };
        let line = json!({"ended": "diverged", "step": diverged.step, "what": diverged.what});
        // The divergence is the news; that it is not drawn as well is none.
        let _ = self.log(&line).and_then(|()| self.save_course());
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

/// `runs/<name>-<n>`, the first n that is free.
fn free_folder(name: &str) -> PathBuf {
    (1..)
        .map(|n| PathBuf::from(format!("runs/{name}-{n}")))
        .find(|p| !p.exists())
        .unwrap_or_default()
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

/// Writes checkpoints on a thread of its own; of those that come while it
/// writes, only the newest is written after.
struct Checkpoints {
    every: Option<usize>,
    offers: Arc<Offers>,
    thread: JoinHandle<reshet::Result<()>>,
}

#[derive(Default)]
struct Offers {
    newest: Mutex<(Option<Checkpoint>, bool)>,
    changed: Condvar,
}

impl Offers {
    fn put(&self, checkpoint: Checkpoint) {
        self.lock().0 = Some(checkpoint);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, (Option<Checkpoint>, bool)> {
        // Nothing that holds it can panic half-way.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest one; None when there will be no more.
    fn take(&self) -> Option<Checkpoint> {
        let mut newest = self.lock();
        loop {
            match &mut *newest {
                (offer @ Some(_), _) => return offer.take(),
                (None, true) => return None,
                _ => newest = self.changed.wait(newest).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl Checkpoints {
    fn to(path: PathBuf, every: Option<usize>) -> Self {
        let offers = Arc::<Offers>::default();
        let theirs = Arc::clone(&offers);
        let write = move || {
            while let Some(checkpoint) = theirs.take() {
                checkpoint.save(&path)?;
            }
            Ok(())
        };
        Self { every, offers, thread: thread::spawn(write) }
    }

    fn finish(self) -> Result<()> {
        self.offers.lock().1 = true;
        self.offers.changed.notify_one();
        match self.thread.join() {
            Ok(written) => Ok(written?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}
