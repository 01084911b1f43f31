//! What becomes of a run when each change to the file system fails in turn, when the power fails
//! after each, and when each large allocation fails: see `docs/reliability.md`.

mod each_fails;
mod memory;
mod no_memory;
mod power;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use reshet::{
    Checkpoint, Model,
    files::{
        disk::{Watcher, watched},
        sums,
    },
};

/// Runs the program on this thread, and gives its exit code.
fn program(args: &[&str], watcher: Option<Arc<dyn Watcher>>) -> u8 {
    let args = ["reshet", "-q"].iter().chain(args).map(ToString::to_string);
    let code = watched(watcher, || crate::run(args));
    let is = |known: &u8| ExitCode::from(*known) == code;
    (0..=u8::MAX).find(is).expect("an exit code")
}

/// One test of this kind at a time: the program's settings are the process's.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of so many changes one is looked at: of all if `RESHET_ALL_FAULTS` is set, which takes some
/// minutes (`just faults`).
fn stride() -> usize {
    if std::env::var_os("RESHET_ALL_FAULTS").is_some() { 1 } else { 4 }
}

/// The seeds of the runs: as many as `RESHET_ALL_FAULTS` says.
fn seeds() -> std::ops::Range<u64> {
    let wanted = std::env::var("RESHET_ALL_FAULTS").ok().and_then(|n| n.parse().ok());
    0..wanted.unwrap_or(1)
}

/// A command whose files are looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// `reshet train`, into a new folder.
    Train,
    /// The same with `--force`, over another run.
    Forced,
    /// `reshet tune`.
    Tune,
}

/// Data, and a run that nothing has disturbed.
struct Case {
    kind: Kind,
    seed: u64,
    place: tempfile::TempDir,
    /// What the run leaves that has to be the same: names and bytes.
    result: Vec<(&'static str, Vec<u8>)>,
    /// The model that `--force` overwrites.
    old: Vec<u8>,
}

const TRAIN: &str = "--hidden 6 --epochs 3 --batch-size 16 --checkpoint-every 2 --dropout 0.1 \
                     --validation 0.2 --patience 9 --schedule cosine --threads 1";
const OLD: &str = "--hidden 3 --epochs 1 --batch-size 16 --threads 1";
const TUNE: &str = "--trials 3 --epochs 3 --validation 0.3 --jobs 1";

impl Case {
    fn new(kind: Kind, seed: u64) -> Self {
        // In memory, where there is such a place: thousands of syncs take their time on a disk.
        let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let row = |i: u32| {
            let x = i.wrapping_mul(2_654_435_761) >> 22;
            let y = i.wrapping_mul(40_503) >> 3 & 1023;
            format!("{x},{y},{}\n", x % 97 + y / 3)
        };
        let table = format!("x,y,z\n{}", (0..60).map(row).collect::<String>());
        fs::write(place.path().join("t.csv"), table).unwrap();
        let mut case = Self { kind, seed, place, result: Vec::new(), old: Vec::new() };
        let whole = case.folder("whole");
        case.prepare(&whole);
        if kind == Kind::Forced {
            case.old = fs::read(whole.join("model.safetensors")).unwrap();
        }
        assert_eq!(case.start(&whole, None), 0);
        let names: &[&'static str] = match kind {
            Kind::Tune => &["journal.jsonl", "best/model.safetensors"],
            _ => &["model.safetensors", "log.jsonl"],
        };
        case.result = names.iter().map(|n| (*n, fs::read(whole.join(n)).unwrap())).collect();
        case
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Makes what is there before the command.
    fn prepare(&self, out: &Path) {
        if self.kind == Kind::Forced {
            assert_eq!(self.call("train", OLD, out, None), 0);
        }
    }

    fn call(
        &self,
        command: &str,
        flags: &str,
        out: &Path,
        watcher: Option<Arc<dyn Watcher>>,
    ) -> u8 {
        let args = self.arguments(command, flags, out);
        program(&args.iter().map(String::as_str).collect::<Vec<_>>(), watcher)
    }

    fn arguments(&self, command: &str, flags: &str, out: &Path) -> Vec<String> {
        let table = self.folder("t.csv");
        let seed = self.seed.to_string();
        let (table, out) = (table.to_str().unwrap(), out.to_str().unwrap());
        let args = [command, table, "--out", out, "--seed", &seed];
        args.into_iter().chain(flags.split_whitespace()).map(String::from).collect()
    }

    /// The arguments of the command itself.
    fn command(&self, out: &Path) -> Vec<String> {
        match self.kind {
            Kind::Train => self.arguments("train", TRAIN, out),
            Kind::Forced => self.arguments("train", &format!("{TRAIN} --force"), out),
            Kind::Tune => self.arguments("tune", TUNE, out),
        }
    }

    /// The command itself.
    fn start(&self, out: &Path, watcher: Option<Arc<dyn Watcher>>) -> u8 {
        let args = self.command(out);
        program(&args.iter().map(String::as_str).collect::<Vec<_>>(), watcher)
    }

    /// Goes on with what there is, as a user would: resumes what can be, else begins again.
    fn go_on(&self, out: &Path) -> u8 {
        let path = out.to_str().unwrap();
        match self.kind {
            Kind::Tune if out.join("study.toml").exists() => {
                program(&["tune", "--resume", path, "--trials", "3", "--jobs", "1"], None)
            }
            Kind::Tune => self.call("tune", &format!("{TUNE} --force"), out, None),
            // The new run's, not that of the run before it.
            _ if out.join("checkpoint.safetensors").exists() && !self.is_old(out) => {
                program(&["train", "--resume", path], None)
            }
            _ => self.call("train", &format!("{TRAIN} --force"), out, None),
        }
    }

    /// Whether the run in the folder is the one that was there before.
    fn is_old(&self, out: &Path) -> bool {
        self.kind == Kind::Forced
            && fs::read_to_string(out.join("config.toml"))
                .is_ok_and(|config| config.contains("hidden = [3]"))
    }

    /// Checks all that must hold whatever happened.
    fn check(&self, out: &Path, when: &str) {
        every_file_is_whole(out, when);
        if self.kind != Kind::Forced {
            return;
        }
        // A model and a config.toml that are side by side belong together.
        let model = fs::read(out.join("model.safetensors")).ok();
        let config = fs::read_to_string(out.join("config.toml")).ok();
        if let (Some(model), Some(_)) = (&model, &config) {
            assert_eq!(*model == self.old, self.is_old(out), "{when}: a mixture of two runs");
        }
        // The old model is there until there is a new one.
        let aside = fs::read(out.join(".replaced/model.safetensors")).ok();
        assert!(model.is_some() || aside.is_some_and(|old| old == self.old), "{when}: no model");
    }

    /// Checks that the run has come to what an undisturbed one comes to.
    fn check_result(&self, out: &Path, when: &str) {
        self.check(out, when);
        for (name, bytes) in &self.result {
            let now = fs::read(out.join(name)).unwrap_or_default();
            assert!(now == *bytes, "{when}: {name} differs ({} bytes)", now.len());
        }
        assert!(!out.join(".replaced").exists(), "{when}: the old run is still there");
        let left = fs::read_dir(out).unwrap().flatten().map(|e| e.file_name());
        let left: Vec<_> = left.filter(|n| reshet::files::is_own(&n.to_string_lossy())).collect();
        assert!(left.is_empty(), "{when}: {left:?} is left over");
    }
}

/// No file has anything but what was meant to be in it.
fn every_file_is_whole(folder: &Path, when: &str) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() {
            every_file_is_whole(&path, when);
        }
        if reshet::files::is_own(&name) || path.is_dir() {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let whole = match name.as_str() {
            "checkpoint.safetensors" => Checkpoint::load(&path).is_ok(),
            "model.safetensors" => Model::load(&path).is_ok(),
            _ if name.ends_with(".toml") => text.parse::<toml::Table>().is_ok(),
            _ if name.ends_with(".jsonl") => sums::lines(&bytes).is_ok(),
            _ if name.ends_with(".json") => {
                serde_json::from_slice::<serde_json::Value>(&bytes).is_ok()
            }
            _ if name.ends_with(".svg") => text.trim_end().ends_with("</svg>"),
            _ if name.ends_with(".png") => bytes.ends_with(b"IEND\xaeB`\x82"),
            _ => true,
        };
        assert!(whole, "{when}: {} is damaged", path.display());
    }
}
