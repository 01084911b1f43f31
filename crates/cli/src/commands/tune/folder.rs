//! A study's folder: `study.toml`, what was asked; `journal.jsonl`, a line a training;
//! at the end `scatter.svg`, `scatter.png`, and `best/`, the run of the winner.

use std::{
    fmt, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use reshet::{
    Error, Task,
    files::{Log, sums},
    formats::write_file,
    tune::{Outcome, Record, Space, Trial},
};
use serde::{Deserialize, Serialize};

use crate::{
    run::{self, loss_curves::damaged},
    settings::{Settings, command, config, recipe::Asked},
    terminal::tell,
};

const STUDY: &str = "study.toml";
const JOURNAL: &str = "journal.jsonl";

/// What a study asks: enough to go on with it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Kept {
    /// Of studies of version 0.1 what `train` says now: a command line.
    #[serde(default, skip_serializing)]
    pub question: Vec<String>,
    /// The question, as settings of `reshet train`.
    #[serde(default)]
    pub train: Settings,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    pub seed: u64,
    /// Networks to try; None: as many as the time allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trials: Option<u32>,
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
    /// The settings that train a candidate on all training samples.
    pub fn winner(&self, record: &Record) -> reshet::Result<Settings> {
        let recipe = record.candidate.recipe(record.epochs)?;
        Ok(Settings { recipe: Asked(recipe.over(&self.train.recipe)), ..self.train.clone() })
    }

    /// The same as a command.
    pub fn command(&self, record: &Record) -> String {
        // A journal whose line names no schedule that is known was edited by hand.
        self.winner(record).map_or(String::new(), |args| command::whole(&args))
    }
}

/// A study's folder, which it has to itself.
#[derive(Default)]
pub struct Folder {
    path: PathBuf,
    folder: Option<run::folder::Folder>,
    journal: Option<Log>,
    /// Whether it has been said that the journal cannot be written.
    fails: bool,
    /// Trainings in the journal.
    written: Vec<(usize, usize)>,
}

impl Folder {
    /// Makes `out`, or `runs/<name>-tune-<n>`.
    pub fn create(out: Option<&Path>, name: &str, force: bool, kept: &Kept) -> Result<Self> {
        let folder = run::folder::Folder::make(out, &format!("{name}-tune"), force)?;
        folder.set_aside()?;
        let text = toml::to_string_pretty(kept).context(STUDY)?;
        write_file(&folder.path.join(STUDY), text.as_bytes())?;
        Self::open(folder, Vec::new())
    }

    /// A study that was stopped, and the trainings it has had.
    pub fn reopen(path: &Path) -> Result<(Self, Kept, Vec<Record>)> {
        // Before anything is written: is it a study?
        read(path)?;
        let folder = run::folder::Folder::lock(path)?;
        let (kept, known) = read(path)?;
        let written = known.iter().map(|record| (record.trial, record.rung)).collect();
        let whole: String = known.iter().map(line).collect();
        // The last line of a study that was killed may break off.
        write_file(&path.join(JOURNAL), whole.as_bytes())?;
        Ok((Self::open(folder, written)?, kept, known))
    }

    fn open(folder: run::folder::Folder, written: Vec<(usize, usize)>) -> Result<Self> {
        let journal = Some(Log::to(&folder.path.join(JOURNAL)));
        Ok(Self { path: folder.path.clone(), folder: Some(folder), journal, fails: false, written })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a line; from then on the training is not lost, whatever happens. A line that
    /// cannot be written is told, and written with a later one.
    pub fn add(&mut self, record: &Record) {
        let key = (record.trial, record.rung);
        let Some(journal) = self.journal.as_ref().filter(|_| !self.written.contains(&key)) else {
            return;
        };
        journal.add(&object(record));
        self.written.push(key);
        match (journal.sync(), self.fails) {
            (Err(error), false) => {
                tell(&format!("warning: {error}; its lines are kept and written later"));
                self.fails = true;
            }
            (Ok(()), true) => {
                tell(&format!("{} is written again", journal.path().display()));
                self.fails = false;
            }
            _ => {}
        }
    }

    /// The journal in the order of the trials: the same study, the same file.
    pub fn sort(&mut self, outcome: &Outcome) -> Result<()> {
        let records = |trial: &Trial| trial.records.iter().map(line).collect::<String>();
        let text: String = outcome.trials.iter().map(records).collect();
        self.journal = None;
        write_file(&self.path.join(JOURNAL), text.as_bytes())?;
        if let Some(folder) = &self.folder {
            folder.forget_replaced()?;
        }
        Ok(())
    }
}

/// Whether a folder is a study's.
#[cfg(not(target_os = "wasi"))]
pub fn is_study(path: &Path) -> bool {
    path.join(STUDY).is_file()
}

/// What a study asks, and the trainings it has had so far; it may still go on.
pub fn read(path: &Path) -> reshet::Result<(Kept, Vec<Record>)> {
    let wrong = |e| Error::Data(format!("{}: no study: {STUDY}: {e}", path.display()));
    let text = fs::read_to_string(path.join(STUDY)).map_err(wrong)?;
    // People edit files: what is kept is checked as if it had just been said.
    let wrong = |e: String| Error::Data(format!("{}: {e}", path.join(STUDY).display()));
    let mut kept: Kept = toml::from_str(&text).map_err(|e| wrong(e.to_string()))?;
    kept.space.check().map_err(|e| wrong(e.to_string()))?;
    if !kept.question.is_empty() {
        let train = config::of_line(&kept.question);
        kept.train = train.map_err(|e| wrong(format!("question: {e}")))?;
    }
    if kept.train.data.is_none() {
        return Err(wrong("question: it names no data".into()));
    }
    Ok((kept, records(&path.join(JOURNAL))?))
}

/// The trainings in a journal; none if there is none yet.
fn records(path: &Path) -> reshet::Result<Vec<Record>> {
    let text = match fs::read(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(Error::Data(format!("cannot read {}: {e}", path.display()))),
        Ok(text) => text,
    };
    let mut records = Vec::new();
    for (number, line) in sums::lines(&text).map_err(|(line, what)| damaged(path, line, what))? {
        let record = serde_json::from_str(line);
        records.push(record.map_err(|e| damaged(path, number, &e.to_string()))?);
    }
    Ok(records)
}

fn object(record: &Record) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

fn line(record: &Record) -> String {
    sums::sealed(&object(record)) + "\n"
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}
