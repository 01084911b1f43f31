//! `reshet runs [DIR]` and `reshet runs A B`

mod pair;

use std::{
    cmp::Ordering,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use reshet::{Error, Task, network::thousands};
use serde_json::json;

use crate::{
    drawing::chart::number,
    run::record::{Record, SCORES, Status, is_run},
    say,
    terminal::{bold, faint},
};

/// Widest network in the table.
const NETWORK: usize = 34;

#[derive(clap::Args)]
pub struct Args {
    /// A folder of runs, or a run; two runs are shown side by side
    #[arg(value_name = "DIR", num_args = 0..=2, default_value = "runs")]
    folders: Vec<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if let [a, b] = &args.folders[..] {
        pair::show(&Record::read(&one(a)?), &Record::read(&one(b)?), args.json)?;
        return Ok(ExitCode::SUCCESS);
    }
    let folder = args.folders.first().map_or(Path::new("runs"), PathBuf::as_path);
    let groups = grouped(read_all(folder)?);
    if args.json {
        let runs: Vec<_> = groups.iter().flat_map(|(_, runs)| runs).map(Record::json).collect();
        say!("{}", json!({"folder": folder, "runs": runs}));
        return Ok(ExitCode::SUCCESS);
    }
    for (i, (question, runs)) in groups.iter().enumerate() {
        if i > 0 {
            say!("");
        }
        say!("{}\n{}", bold(question), table(runs));
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder of a run that was named: a path, or the name of one in `runs`.
fn one(path: &Path) -> Result<PathBuf> {
    for folder in [path.to_path_buf(), Path::new("runs").join(path)] {
        if is_run(&folder) {
            return Ok(folder);
        }
    }
    let what = match path.is_dir() {
        true => {
            "there is no run in this folder: two runs are shown side by side, a folder of runs by its name alone"
        }
        false => "there is no such folder",
    };
    Err(Error::Data(format!("{}: {what}", path.display())).into())
}

/// All runs of a folder.
fn read_all(folder: &Path) -> Result<Vec<Record>> {
    if !folder.is_dir() {
        let what = match folder.exists() {
            true => "not a folder",
            false => {
                "there is no such folder; `reshet train` makes runs, `reshet runs DIR` looks elsewhere"
            }
        };
        return Err(Error::Data(format!("{}: {what}", folder.display())).into());
    }
    if is_run(folder) {
        return Ok(vec![Record::read(folder)]);
    }
    let what = || format!("cannot read the folder {}", folder.display());
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).with_context(what)? {
        folders.push(entry.with_context(what)?.path());
    }
    folders.retain(|folder| is_run(folder));
    if folders.is_empty() {
        let what = "there are no runs in this folder";
        return Err(Error::Data(format!("{}: {what}", folder.display())).into());
    }
    Ok(folders.iter().map(|folder| Record::read(folder)).collect())
}

/// The runs by what they learnt, best first.
fn grouped(runs: Vec<Record>) -> Vec<(String, Vec<Record>)> {
    let mut groups: Vec<(String, Vec<Record>)> = Vec::new();
    for run in runs {
        let question = run.question();
        match groups.iter_mut().find(|(q, _)| *q == question) {
            Some((_, runs)) => runs.push(run),
            None => groups.push((question, vec![run])),
        }
    }
    groups.sort_by(|a, b| a.0.cmp(&b.0));
    groups.iter_mut().for_each(|(_, runs)| runs.sort_by(better_first));
    groups
}

/// By the score; without one by the loss; runs that came to nothing last.
fn better_first(a: &Record, b: &Record) -> Ordering {
    let rank = |r: &Record| r.report.rank();
    let nothing =
        |r: &Record| matches!(r.status, Status::Broken | Status::Unfinished | Status::Diverged);
    let falling = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    let loss = |r: &Record| r.report.final_loss.map(|loss| -loss);
    nothing(a)
        .cmp(&nothing(b))
        .then_with(|| falling(rank(a), rank(b)))
        .then_with(|| falling(loss(a), loss(b)))
        .then_with(|| natural(&a.name, &b.name))
}

/// `mnist-9` before `mnist-10`.
fn natural(a: &str, b: &str) -> Ordering {
    let parts = |name: &str| {
        let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (stem, number) = name.split_at(name.len() - digits);
        (stem.to_string(), number.parse::<u64>().ok())
    };
    parts(a).cmp(&parts(b))
}

/// Settings that are always shown, and what they are called there.
const SETTINGS: [(&str, &str); 3] = [("lr", "lr"), ("batch-size", "batch"), ("loss", "loss")];
/// Settings that are shown otherwise, or say where a run is and not what it is.
const SHOWN_ELSEWHERE: [&str; 16] = [
    "out",
    "data",
    "digit",
    "is",
    "target",
    "targets",
    "positive",
    "test",
    "test-fraction",
    "net",
    "hidden",
    "activation",
    "epochs",
    "threads",
    "checkpoint-every",
    "folds",
];
/// Of the other settings that differ so many are shown; `runs A B` shows all.
const MOST_SETTINGS: usize = 6;
/// Widest setting in the table.
const SETTING: usize = 16;

/// The settings that are columns of a table: those that are always, and what differs.
fn settings_of(runs: &[Record]) -> Vec<(String, String)> {
    let mut columns: Vec<(String, String)> =
        SETTINGS.iter().map(|(key, name)| (key.to_string(), name.to_string())).collect();
    let mut keys: Vec<&String> = runs.iter().flat_map(|run| run.config.keys()).collect();
    keys.sort();
    keys.dedup();
    let known: Vec<&Record> = runs.iter().filter(|run| !run.config.is_empty()).collect();
    let differs =
        |key: &str| known.windows(2).any(|two| two[0].setting(key) != two[1].setting(key));
    let always = |key: &str| SETTINGS.iter().any(|(known, _)| *known == key);
    let more = keys
        .into_iter()
        .filter(|key| !SHOWN_ELSEWHERE.contains(&key.as_str()) && !always(key) && differs(key));
    columns.extend(more.take(MOST_SETTINGS).map(|key| (key.clone(), key.clone())));
    columns
}

fn table(runs: &[Record]) -> String {
    let numbers = runs.iter().any(|run| run.report.task == Some(Task::Number));
    let score = SCORES[usize::from(numbers)];
    let settings = settings_of(runs);
    let text = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
    let mut head = text(&["run", "network", "parameters", "epochs", "samples"]);
    head.extend(settings.iter().map(|(_, name)| name.clone()));
    head.extend(text(&[score, "final loss", "seconds", ""]));
    let places = head.len();
    let mut rows = vec![head];
    rows.extend(runs.iter().map(|run| row(run, &settings)));
    let widths: Vec<usize> = (0..places)
        .map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0))
        .collect();
    // Names and scores to the left, counts and settings to the right.
    let left = |i: usize| i < 2 || i == places - 4 || i == places - 1;
    let line = |row: &Vec<String>| {
        let mut text = String::new();
        for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let space = " ".repeat(width - cell.chars().count());
            text += &match left(i) {
                true => format!("{cell}{space}  "),
                false => format!("{space}{cell}  "),
            };
        }
        text.trim_end().to_string()
    };
    let mut lines = rows.iter().map(line);
    let first = lines.next().map(|line| faint(&line));
    first.into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

fn row(run: &Record, settings: &[(String, String)]) -> Vec<String> {
    let report = &run.report;
    let count = |n: Option<usize>| n.map_or("–".into(), thousands);
    let word = match (run.status, &run.problem) {
        (Status::Done, _) => String::new(),
        (status, None) => status.word().into(),
        (status, Some(problem)) => format!("{}: {problem}", status.word()),
    };
    let mut row = vec![
        run.name.clone(),
        report.network.as_deref().map_or("–".into(), |n| cut(n, NETWORK)),
        count(report.parameters),
        count(report.epochs),
        count(report.train_samples),
    ];
    for (key, _) in settings {
        row.push(run.shown_setting(key).map_or("–".into(), |value| cut(&value, SETTING)));
    }
    row.extend([
        run.score().unwrap_or("–".into()),
        report.final_loss.map_or("–".into(), number),
        report.seconds.total.map_or("–".into(), |s| format!("{s:.2}")),
        word,
    ]);
    row
}

fn cut(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width - 1).chain(['…']).collect(),
        false => text.into(),
    }
}
