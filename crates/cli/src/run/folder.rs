//! The folder that a run has to itself.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use reshet::{
    Error,
    files::{Lock, disk, in_words, is_own, remove_abandoned, remove_folder},
};

use super::{CHECKPOINT, LOG, NETWORKS};

/// What a run leaves in its folder, of whatever command, but what it has come to. In the order in
/// which it is taken away: without a checkpoint nobody goes on with what is left.
const FILES: [&str; 16] = [
    CHECKPOINT,
    NETWORKS,
    LOG,
    "report.json",
    "loss.svg",
    "loss.png",
    "digits.png",
    "mistakes.png",
    "find-lr.svg",
    "find-lr.png",
    "scatter.svg",
    "scatter.png",
    "journal.jsonl",
    "best",
    "average",
    "config.toml",
];
/// What a run has come to: a model, or a study.
const RESULTS: [&str; 2] = ["model.safetensors", "study.toml"];
/// Where the run is that is being overwritten, until there is a new model.
pub const REPLACED: &str = ".replaced";

fn failed(path: &Path) -> String {
    format!("cannot make the run folder {}", path.display())
}

/// Refuses a folder that a run could not be made in, before it is made: a process writes to it, or
/// without `force` there is something in it.
pub fn check_free(path: &Path, force: bool) -> Result<()> {
    if Lock::is_held(path) {
        // The error says who has it.
        Lock::take(path)?;
    }
    if force { Ok(()) } else { refuse_taken(path) }
}

/// Refuses a folder with something in it, other than what reshet itself left unfinished.
fn refuse_taken(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(in_words).with_context(|| failed(path))?;
    if entries.flatten().all(|entry| is_own(&entry.file_name().to_string_lossy())) {
        return Ok(());
    }
    let what = "is there already; choose another --out, or --force to overwrite it";
    Err(Error::Invalid(format!("{} {what}", path.display())).into())
}

/// A folder that no other process writes to.
pub struct Folder {
    pub path: PathBuf,
    // Until the run ends.
    _lock: Lock,
}

impl Folder {
    /// Makes the folder: `out`, or the first `runs/<name>-<n>` that is free. One with something
    /// in it is refused without `force`.
    pub fn make(out: Option<&Path>, name: &str, force: bool) -> Result<Self> {
        let path = match out {
            Some(out) => {
                disk::create_folders(out).map_err(in_words).with_context(|| failed(out))?;
                out.to_path_buf()
            }
            None => {
                free_folder(name).map_err(in_words).with_context(|| failed(Path::new("runs")))?
            }
        };
        let folder = Self::lock(&path)?;
        if !force {
            refuse_taken(&path)?;
        }
        Ok(folder)
    }

    /// Takes a folder that is there, and removes what killed processes left unfinished.
    pub fn lock(path: &Path) -> Result<Self> {
        let lock = Lock::take(path)?;
        remove_abandoned(path);
        let folder = Self { path: path.to_path_buf(), _lock: lock };
        folder.bring_back()?;
        Ok(folder)
    }

    /// Brings a run back that was taken away for one that never began, or only in part.
    fn bring_back(&self) -> Result<()> {
        let aside = self.path.join(REPLACED);
        let begun = self.path.join("config.toml").exists();
        let in_part = has_result(&self.path) && !has_result(&aside);
        let for_nothing = !has_result(&self.path) && has_result(&aside) && !begun;
        if !aside.exists() || !(in_part || for_nothing) {
            return Ok(());
        }
        let what = || format!("cannot bring the run in {} back", aside.display());
        // The result goes first: what is left is then brought back the next time.
        for file in RESULTS.iter().chain(FILES.iter().rev()) {
            let (from, to) = (aside.join(file), self.path.join(file));
            if from.exists() {
                disk::rename(&from, &to).map_err(in_words).with_context(what)?;
            }
        }
        disk::sync_folder(&self.path).map_err(in_words).with_context(what)?;
        Ok(remove_folder(&aside)?)
    }

    /// Takes the run that is in the folder away, so that none of its files is beside one of a
    /// new run's; one with a result is kept in `.replaced`. Other files stay.
    ///
    /// Its result goes last: a `.replaced` with a result is complete.
    pub fn set_aside(&self) -> Result<()> {
        let aside = self.path.join(REPLACED);
        let what = || format!("cannot take the run in {} away", self.path.display());
        if !has_result(&self.path) {
            for file in FILES {
                let path = self.path.join(file);
                match path.is_dir() {
                    true => remove_folder(&path)?,
                    false => disk::remove(&path).map_err(in_words).with_context(what)?,
                }
            }
            return disk::sync_folder(&self.path).map_err(in_words).with_context(what);
        }
        if has_result(&aside) {
            remove_folder(&aside)?;
        }
        disk::create_folder(&aside).map_err(in_words).with_context(what)?;
        for file in FILES.iter().chain(&RESULTS) {
            let (from, to) = (self.path.join(file), aside.join(file));
            if from.exists() {
                disk::rename(&from, &to).map_err(in_words).with_context(what)?;
            }
        }
        let synced = disk::sync_folder(&aside).and_then(|()| disk::sync_folder(&self.path));
        synced.map_err(in_words).with_context(what)
    }

    /// Removes the run that was overwritten: the new one has a result.
    pub fn forget_replaced(&self) -> reshet::Result<()> {
        remove_folder(&self.path.join(REPLACED))
    }

    /// Where the run is that was overwritten, if it is still there.
    pub fn replaced(&self) -> Option<PathBuf> {
        Some(self.path.join(REPLACED)).filter(|path| path.exists())
    }
}

fn has_result(folder: &Path) -> bool {
    RESULTS.iter().any(|file| folder.join(file).exists())
}

/// Makes `runs/<name>-<n>` with the first n that nobody has, at the same moment neither.
fn free_folder(name: &str) -> std::io::Result<PathBuf> {
    disk::create_folders(Path::new("runs"))?;
    let mut n = 1;
    loop {
        let path = PathBuf::from(format!("runs/{name}-{n}"));
        if !path.exists() && disk::create_folder(&path)? {
            return Ok(path);
        }
        n += 1;
    }
}
