//! A study's folder: `study.toml`, what was asked; `journal.jsonl`, a line a training;
//! at the end `scatter.svg`, `scatter.png`, and `best/`, the run of the winner.

use std::{
    fmt,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use reshet::{
    Error, Task,
    formats::write_file,
    tune::{Candidate, Outcome, Record, Space, Trial},
};
use serde::{Deserialize, Serialize};

use crate::{flags, run::Run};

const STUDY: &str = "study.toml";
const JOURNAL: &str = "journal.jsonl";

/// What a study asks: enough to go on with it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kept {
    /// As a command line that begins with `reshet train` and ends in `-- DATA`.
    pub question: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    pub seed: u64,
    pub space: Space,
    /// None until the data is read.
    pub about: Option<About>,
}

/// What of the data a study's result is told by.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct About {
    pub name: String,
    pub task: Task,
    pub inputs: usize,
    /// The output layer, as in a network's text.
    pub output: String,
    /// Samples that networks are compared on.
    pub validated: usize,
    /// What always giving the same answer scores on them: accuracy; of numbers R², which is 0.
    pub baseline: f64,
    /// Epochs of a network that comes through.
    pub epochs: usize,
}

impl About {
    /// A network's text.
    pub fn network(&self, record: &Record) -> String {
        record.candidate.text(self.inputs, &self.output)
    }

    /// Whether answers are right or wrong, rather than near or far.
    pub fn accuracy(&self) -> bool {
        self.task != Task::Number
    }
}

impl Kept {
    /// The command that trains a candidate on all training samples: as flags, and as one
    /// would type it.
    pub fn command(&self, record: &Record) -> (Vec<String>, String) {
        let Candidate { hidden, activation, lr, batch_size, weight_decay, dropout, schedule } =
            &record.candidate;
        let hidden: Vec<String> = hidden.iter().map(ToString::to_string).collect();
        let settings = vec![
            format!("--hidden={}", hidden.join(",")),
            format!("--activation={activation}"),
            format!("--dropout={dropout}"),
            "--optimizer=adamw".into(),
            format!("--lr={lr}"),
            format!("--weight-decay={weight_decay}"),
            format!("--schedule={schedule}"),
            format!("--batch-size={batch_size}"),
            format!("--epochs={}", record.epochs),
        ];
        let (question, data) = self.question.split_at(self.question.len().saturating_sub(2));
        let line = [question, &settings[..], data].concat();
        (line, flags::shown(&self.question, &settings))
    }
}

#[derive(Default)]
pub struct Folder {
    path: PathBuf,
    journal: Option<File>,
    /// Trainings in the journal.
    written: Vec<(usize, usize)>,
}

impl Folder {
    /// Makes `out`, or `runs/<name>-tune-<n>`.
    pub fn create(out: Option<&Path>, name: &str, force: bool, kept: &Kept) -> Result<Self> {
        let run = Run::create(out, &format!("{name}-tune"), force)?;
        let path = run.folder().to_path_buf();
        let text = toml::to_string_pretty(kept).context(STUDY)?;
        write_file(&path.join(STUDY), text.as_bytes())?;
        write_file(&path.join(JOURNAL), b"")?;
        Self::open(path, Vec::new())
    }

    /// A study that was stopped, and the trainings it has had.
    pub fn reopen(path: &Path) -> Result<(Self, Kept, Vec<Record>)> {
        let (kept, known) = read(path)?;
        // The last line of a study that was killed may break off.
        let whole: String = known.iter().map(line).collect();
        write_file(&path.join(JOURNAL), whole.as_bytes())?;
        let written = known.iter().map(|record| (record.trial, record.rung)).collect();
        Ok((Self::open(path.to_path_buf(), written)?, kept, known))
    }

    fn open(path: PathBuf, written: Vec<(usize, usize)>) -> Result<Self> {
        let file = path.join(JOURNAL);
        let journal = File::options().append(true).open(&file);
        let journal = journal.with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Self { path, journal: Some(journal), written })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a line; from then on the training is not lost, whatever happens.
    pub fn add(&mut self, record: &Record) -> Result<()> {
        let key = (record.trial, record.rung);
        if let (Some(journal), false) = (&mut self.journal, self.written.contains(&key)) {
            let wrote = journal.write_all(line(record).as_bytes());
            wrote.with_context(|| format!("cannot write {}", self.path.join(JOURNAL).display()))?;
            self.written.push(key);
        }
        Ok(())
    }

    /// The journal in the order of the trials: the same study, the same file.
    pub fn sort(&mut self, outcome: &Outcome) -> Result<()> {
        let records = |trial: &Trial| trial.records.iter().map(line).collect::<String>();
        let text: String = outcome.trials.iter().map(records).collect();
        self.journal = None;
        Ok(write_file(&self.path.join(JOURNAL), text.as_bytes())?)
    }
}

/// Whether a folder is a study's.
pub fn is_study(path: &Path) -> bool {
    path.join(STUDY).is_file()
}

/// What a study asks, and the trainings it has had so far; it may still go on.
pub fn read(path: &Path) -> reshet::Result<(Kept, Vec<Record>)> {
    let read = |file: &str| {
        let wrong = |e| Error::Data(format!("{}: no study: {file}: {e}", path.display()));
        fs::read_to_string(path.join(file)).map_err(wrong)
    };
    // People edit files: what is kept is checked as if it had just been said.
    let wrong = |e: String| Error::Data(format!("{}: {e}", path.join(STUDY).display()));
    let kept: Kept = toml::from_str(&read(STUDY)?).map_err(|e| wrong(e.to_string()))?;
    kept.space.check().map_err(|e| wrong(e.to_string()))?;
    flags::parse(&kept.question).map_err(|e| wrong(format!("question: {e}")))?;
    let journal = read(JOURNAL)?;
    let known = journal.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    Ok((kept, known))
}

fn line(record: &Record) -> String {
    serde_json::to_string(record).map_or(String::new(), |json| json + "\n")
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}
