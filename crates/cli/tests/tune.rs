//! `reshet tune` as a program.

mod place;

use std::{process::Stdio, thread, time::Duration};

use place::Place;
use serde_json::Value;

/// Two classes that a straight line does not part.
fn table() -> String {
    let number = |i: u32| (i.wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0;
    let row = |i: u32| {
        let (x, y) = (number(2 * i), number(2 * i + 1));
        let kind = if x * y > 0.0 { "same" } else { "other" };
        format!("{x:.3},{y:.3},{kind}\n")
    };
    format!("x,y,kind\n{}", (0..900).map(row).collect::<String>())
}

const SMALL: &str = "tune t.csv --trials 12 --epochs 18 --validation 0.2";

fn journal(place: &Place, study: &str) -> Vec<Value> {
    let text = place::text(&place.read(&format!("{study}/journal.jsonl")));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_best_of_many_is_tested_once_and_can_be_trained_again() {
    let place = Place::new();
    place.write("t.csv", table());
    let result = place.json(&format!("{SMALL} --json --out study -q"));
    assert_eq!((&result["trials"], &result["finished"]), (&12.into(), &true.into()), "{result}");
    // Nine and three: a third of each goes on, twice, and the small ones with them.
    assert!(result["trainings"].as_u64() >= Some(12 + 4 + 2), "{result}");
    assert!(result["test"]["accuracy"].as_f64().unwrap() > 0.8, "{result}");
    let (best, simplest) = (&result["best"], &result["simplest"]);
    assert!(best["measure"].as_f64() >= simplest["measure"].as_f64());
    assert!(best["parameters"].as_u64() >= simplest["parameters"].as_u64());
    let command = best["command"].as_str().unwrap().strip_prefix("reshet ").unwrap();
    let again = place.json(&format!("{command} --json --out again -q"));
    assert_eq!(again["test"], result["test"], "{command}");
    assert_eq!(place.read("again/model.safetensors"), place.read("study/best/model.safetensors"));
    for file in ["scatter.svg", "scatter.png", "study.toml", "best/report.json"] {
        assert!(place.path("study").join(file).is_file(), "{file}");
    }
    let text = place.done(&format!("{SMALL} --out text"));
    for part in [
        "12 networks",
        "validation samples",
        "best of each size",
        "test, opened once",
        "best:     reshet train t.csv",
        "saved text",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn few_samples_are_cross_validated_and_the_usual_is_trained_to_the_end() {
    let place = Place::new();
    place.write("t.csv", table());
    let result = place.json("tune t.csv --trials 9 --epochs 9 --json --out study -q");
    // Four fifths of 900 are trained on, and each of these is validated on once.
    assert_eq!(result["validation_samples"], 720);
    let journal = journal(&place, "study");
    assert!(journal.iter().all(|record| record["losses"].as_array().unwrap().len() == 5));
    let longest = |record: &&Value| record["trial"] == 0 && record["epochs"] == 9;
    assert!(journal.iter().any(|record| longest(&record)), "{journal:?}");
    let two = place.json("tune t.csv --trials 3 --epochs 9 --folds 2 --json --out two -q");
    assert_eq!(two["best"]["losses"].as_array().map(Vec::len), Some(2));
    place.fails("tune t.csv --folds 1", 2, "--folds");
    place.fails("tune t.csv --folds 3 --validation 0.2", 2, "--validation");
}

#[test]
fn the_same_seed_is_the_same_journal_whatever_the_jobs() {
    let place = Place::new();
    place.write("t.csv", table());
    for (jobs, out) in [(1, "one"), (2, "two"), (3, "three")] {
        place.done(&format!("{SMALL} --jobs {jobs} --out {out} -q"));
        assert_eq!(journal(&place, "one"), journal(&place, out), "{jobs} jobs");
    }
    place.done(&format!("{SMALL} --seed 1 --out other -q"));
    assert_ne!(journal(&place, "one"), journal(&place, "other"));
}

#[test]
fn a_study_that_is_killed_goes_on_to_the_same_journal() {
    let place = Place::new();
    place.write("t.csv", table());
    let call = "tune t.csv --trials 27 --epochs 90 --validation 0.2 -q";
    place.done(&format!("{call} --out whole"));
    let mut child = place
        .command(&format!("{call} --out part"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = || {
        std::fs::read(place.path("part/journal.jsonl"))
            .map_or(0, |text| text.iter().filter(|byte| **byte == b'\n').count())
    };
    while lines() < 5 && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // As if it had been killed in the middle of a line.
    let mut cut = place.read("part/journal.jsonl");
    cut.extend_from_slice(b"{\"trial\":99,\"ru");
    place.write("part/journal.jsonl", cut);
    let done = lines();
    let result = place.json("tune --resume part --json -q");
    assert!(done >= 5 && result["resumed_trainings"] == done, "{done}: {result}");
    assert_eq!(journal(&place, "whole"), journal(&place, "part"));
    assert!(place.read("whole/journal.jsonl") == place.read("part/journal.jsonl"));
}

#[test]
fn networks_that_are_better_together_are_averaged() {
    let place = Place::new();
    place.write("t.csv", place::noisy_table(160));
    // As many layers and the same activation as the usual network, which has noise to learn.
    let space = "depth = 2\nwidth = [40, 150]\nactivation = \"silu\"\nlr = [0.004, 0.01]\n";
    place.write("space.toml", space);
    let tune = "tune t.csv --target z --trials 27 --epochs 120 --folds 3 --space space.toml";
    let result = place.json(&format!("{tune} --json --out study -q"));
    let average = &result["average"];
    let weights = average["trials"].as_array().unwrap().iter();
    let sum: f64 = weights.map(|one| one["weight"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{average}");
    assert!(average["validation"]["loss"].as_f64() < average["best_alone"]["loss"].as_f64());
    assert!(average["validation"]["r2"].as_f64() >= average["best_alone"]["r2"].as_f64());
    let test = average["test"]["rmse"].as_f64().unwrap();
    assert!(place.done("info study/average").contains("networks of a study"));
    // The same seed, the same study; one that is over goes on to the same end.
    let again = place.json("tune --resume study --json -q");
    assert_eq!(again["average"], *average);
    assert!(test > 0.0 && place.path("study/best/model.safetensors").is_file());
}

#[test]
fn a_space_is_kept_to() {
    let place = Place::new();
    place.write("t.csv", table());
    place.write("space.toml", "depth = 2\nwidth = [5, 9]\nactivation = \"tanh\"\nlr = 0.01\n");
    place.done("tune t.csv --trials 14 --epochs 9 --space space.toml --out study -q");
    let journal = journal(&place, "study");
    // The first two are the usual network and the tiniest, whatever the space.
    for line in journal.iter().filter(|line| line["trial"].as_u64() > Some(1)) {
        let hidden: Vec<u64> =
            line["hidden"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
        assert!(hidden.len() == 2 && hidden.iter().all(|n| (5..=9).contains(n)), "{line}");
        assert_eq!((&line["activation"], &line["lr"]), (&"tanh".into(), &0.01.into()));
    }
}

#[test]
fn what_cannot_be_tuned_is_told() {
    let place = Place::new();
    place.write("t.csv", table());
    for (text, says) in [
        ("colour = 1\n", "unknown field `colour`"),
        ("lr = [0.1, 0.01]\n", "lr = [0.1, 0.01]"),
        ("lr = \n", "space.toml"),
        ("activation = \"rellu\"\n", "relu"),
    ] {
        place.write("space.toml", text);
        place.fails("tune t.csv --space space.toml --out s", 3, says);
    }
    place.fails("tune t.csv --space nowhere.toml", 3, "nowhere.toml");
    place.fails("tune nowhere.csv", 3, "nowhere.csv");
    place.fails("tune --resume nowhere", 3, "nowhere: no study");
    place.fails("tune t.csv --validation 0 --trials 3", 2, "--validation");
    for (args, says) in [
        ("--time 5d", "30s, 5m or 1h"),
        ("--trials 0", "--trials"),
        ("--jobs 0", "--jobs"),
        ("--trials 3 --time 5s", "cannot be used with"),
        ("--resume x --seed 3", "cannot be used with"),
    ] {
        place.fails(&format!("tune t.csv {args}"), 2, says);
    }
}
