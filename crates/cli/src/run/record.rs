//! What one run's folder says, however little of it is there.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use reshet::{Model, metrics::Task};
use serde::Deserialize;
use serde_json::{Value, json};
use toml::Table;

use crate::{drawing::chart::number, run::loss_curves::LossCurves};

/// A run, as far as its files tell.
pub struct Record {
    pub folder: PathBuf,
    pub name: String,
    pub status: Status,
    /// Why it is broken.
    pub problem: Option<String>,
    /// `config.toml`; empty if it is not there.
    pub config: Table,
    pub report: Report,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Done,
    /// Early stopping.
    Patience,
    Interrupted,
    Diverged,
    /// There is a model but no report: a lecture, or an old run.
    NoReport,
    /// There is not even a model: it runs still, or was killed.
    Unfinished,
    /// A file of it cannot be read.
    Broken,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Patience => "stopped early",
            Self::Interrupted => "interrupted",
            Self::Diverged => "diverged",
            Self::NoReport => "no report",
            Self::Unfinished => "unfinished",
            Self::Broken => "broken",
        }
    }
}

/// `report.json`, each field if it is there.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Report {
    pub task: Option<Task>,
    /// The loss function's name.
    pub loss: Option<String>,
    pub network: Option<String>,
    pub parameters: Option<usize>,
    pub epochs: Option<usize>,
    pub steps: Option<usize>,
    pub train_samples: Option<usize>,
    pub test_samples: Option<usize>,
    pub final_loss: Option<f64>,
    pub test: Option<Test>,
    pub folds: Option<Folds>,
    pub seconds: Seconds,
    pub threads: Option<usize>,
    pub instructions: Option<String>,
    ended: Option<String>,
}

/// The scores under `test`.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Test {
    pub loss: Option<f64>,
    pub accuracy: Option<f64>,
    pub baseline: Option<f64>,
    pub errors: Option<usize>,
    pub rmse: Option<f64>,
    pub mae: Option<f64>,
    pub r2: Option<f64>,
    pub r2_mean: Option<f64>,
}

/// The scores under `folds`: means over so many tests.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Folds {
    pub accuracy: Option<f64>,
    pub r2: Option<f64>,
    pub sd: Option<f64>,
    pub baseline: Option<f64>,
    scores: Vec<Value>,
}

impl Folds {
    /// `5 folds`
    pub fn describe(&self) -> String {
        format!("{} folds", self.scores.len())
    }
}

impl Report {
    /// What runs are ordered by, more is better: the accuracy or R² of the test, or
    /// without one the mean of the folds.
    pub fn rank(&self) -> Option<f64> {
        match (&self.test, &self.folds) {
            (Some(test), _) => test.accuracy.or(test.r2_mean).or(test.r2),
            (None, Some(folds)) => folds.accuracy.or(folds.r2),
            (None, None) => None,
        }
    }

    /// Samples that the rank rests on.
    pub fn tested(&self) -> Option<usize> {
        match (&self.test, &self.folds) {
            // Each sample is tested once, in its fold.
            (None, Some(_)) => self.train_samples,
            _ => self.test_samples,
        }
    }
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Seconds {
    pub train: Option<f64>,
    pub total: Option<f64>,
}

/// What a score is: of answers, of numbers.
pub const SCORES: [&str; 2] = ["accuracy (always the same)", "R², RMSE (always the mean)"];

/// The files that make a folder a run.
const FILES: [&str; 4] = ["report.json", "config.toml", "model.safetensors", "log.jsonl"];

/// Whether there is a run in this folder.
pub fn is_run(folder: &Path) -> bool {
    FILES.iter().any(|file| folder.join(file).is_file())
}

impl Record {
    /// Reads a run; what is wrong with it is in the record.
    pub fn read(folder: &Path) -> Self {
        let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
        let (folder, config, report) = (folder.to_path_buf(), Table::new(), Report::default());
        let status = Status::Unfinished;
        let mut record = Self { folder, name, status, problem: None, config, report };
        match record.fill() {
            Ok(status) => record.status = status,
            Err(problem) => (record.status, record.problem) = (Status::Broken, Some(problem)),
        }
        record
    }

    fn fill(&mut self) -> Result<Status, String> {
        if let Some(text) = self.text("config.toml")? {
            self.config = text.parse().map_err(|e: toml::de::Error| {
                format!("config.toml: {}", e.message().lines().next().unwrap_or_default())
            })?;
        }
        if let Some(text) = self.text("report.json")? {
            let report = serde_json::from_str(&text).map_err(|e| format!("report.json: {e}"))?;
            self.report = report;
            return match self.report.ended.as_deref() {
                Some("interrupted") => Ok(Status::Interrupted),
                Some("patience") => Ok(Status::Patience),
                _ => Ok(Status::Done),
            };
        }
        // No report: the model and the log know something.
        let model = self.folder.join("model.safetensors");
        let mut status = Status::Unfinished;
        if model.is_file() {
            let model = Model::load(&model).map_err(|e| e.to_string())?;
            self.report.task = Some(model.task());
            self.report.loss = Some(model.loss().name().into());
            self.report.network = Some(model.network().to_string());
            self.report.parameters = Some(model.network().parameters());
            status = Status::NoReport;
        }
        let log = self.folder.join("log.jsonl");
        if log.is_file() {
            let course = LossCurves::read(&log).map_err(|e| e.to_string())?;
            self.report.epochs = Some(course.epochs);
            self.report.final_loss = course.final_loss;
            if course.diverged {
                status = Status::Diverged;
            }
        }
        Ok(status)
    }

    /// A file of the folder; None if it is not there.
    fn text(&self, file: &str) -> Result<Option<String>, String> {
        match fs::read_to_string(self.folder.join(file)) {
            Ok(text) => Ok(Some(text)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(format!("{file}: {e}")),
        }
    }

    /// A setting, as text.
    pub fn setting(&self, key: &str) -> Option<String> {
        self.config.get(key).map(shown)
    }

    /// A setting, as text; the loss function also where it was not set but chosen.
    pub fn shown_setting(&self, key: &str) -> Option<String> {
        match key {
            "loss" => self.report.loss.clone().or_else(|| self.setting(key)),
            _ => self.setting(key),
        }
    }

    /// What was learnt, in words: runs that differ here have scores that
    /// cannot be compared.
    pub fn question(&self) -> String {
        // The lecture has its data and its question in its name.
        let lecture = self.config.contains_key("digit");
        let data = if lecture { Some("mnist".into()) } else { self.setting("data") };
        let is = self.setting(if lecture { "digit" } else { "is" });
        let mut text = data.unwrap_or("unknown data".into());
        if let Some(label) = is {
            text += &format!(", is it {label}?");
        }
        // What else chooses the samples and the targets.
        for key in ["targets", "target", "positive", "test", "test-fraction"] {
            if let Some(value) = self.setting(key) {
                text += &format!(", {key} {value}");
            }
        }
        match self.report.task {
            Some(task) => format!("{text} ({task})"),
            None => text,
        }
    }

    /// The score with what no network at all would score: see [`SCORES`].
    pub fn score(&self) -> Option<String> {
        let share = |x: f64| format!("{:.2} %", 100.0 * x);
        if let (None, Some(folds)) = (&self.report.test, &self.report.folds) {
            let mean = match (folds.accuracy, folds.baseline) {
                (Some(accuracy), Some(baseline)) => {
                    format!("{} ({})", share(accuracy), share(baseline))
                }
                (Some(accuracy), None) => share(accuracy),
                (None, _) => format!("{:.4}", folds.r2?),
            };
            return Some(format!("{mean}, mean of {}", folds.describe()));
        }
        let test = self.report.test.as_ref()?;
        let baseline = |shown: fn(f64) -> String| test.baseline.map_or("?".into(), shown);
        if let Some(accuracy) = test.accuracy {
            return Some(format!("{} ({})", share(accuracy), baseline(share)));
        }
        if let Some(r2) = test.r2_mean {
            return Some(format!("{r2:.4}, mean of the targets"));
        }
        let (r2, rmse) = (test.r2?, test.rmse?);
        Some(format!("{r2:.4}, {} ({})", number(rmse), baseline(number)))
    }

    /// For `--json`.
    pub fn json(&self) -> Value {
        let report = &self.report;
        let test = report.test.as_ref().map(|test| {
            let all = [
                ("loss", json!(test.loss)),
                ("accuracy", json!(test.accuracy)),
                ("errors", json!(test.errors)),
                ("rmse", json!(test.rmse)),
                ("mae", json!(test.mae)),
                ("r2", json!(test.r2)),
                ("r2_mean", json!(test.r2_mean)),
                ("baseline", json!(test.baseline)),
            ];
            all.into_iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| (k.into(), v))
                .collect::<serde_json::Map<_, _>>()
        });
        let folds = report.folds.as_ref().map(|folds| {
            let (name, mean) = match folds.accuracy {
                Some(accuracy) => ("accuracy", Some(accuracy)),
                None => ("r2", folds.r2),
            };
            json!({
                name: mean, "sd": folds.sd, "baseline": folds.baseline,
                "folds": folds.scores.len(),
            })
        });
        json!({
            "name": self.name,
            "folder": self.folder,
            "status": self.status.word(),
            "problem": self.problem,
            "question": self.question(),
            "task": report.task,
            "network": report.network,
            "parameters": report.parameters,
            "epochs": report.epochs,
            "train_samples": report.train_samples,
            "test_samples": report.test_samples,
            "test": test,
            "folds": folds,
            "loss": report.loss,
            "final_loss": report.final_loss,
            "settings": self.config,
            "seconds": report.seconds.total,
        })
    }
}

/// A setting's value, short: text without its quotes.
pub fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(","),
        // f32 settings are written as f64 with all of its digits.
        toml::Value::Float(x) if (*x as f32) as f64 == *x => (*x as f32).to_string(),
        other => other.to_string(),
    }
}
