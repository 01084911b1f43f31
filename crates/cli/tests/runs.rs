//! What training leaves to look at, `reshet runs`, and `--find-lr`: the program,
//! run as a program.

mod place;

use std::{fs, path::Path};

use place::Place;
use serde_json::Value;

fn names(place: &Place, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(place.path(folder)).unwrap();
    let mut names: Vec<_> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A run with this report, as another version or a broken disk may leave it.
fn fake(place: &Place, name: &str, config: &str, report: &str) {
    let folder = place.path(&format!("runs/{name}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), config).unwrap();
    if !report.is_empty() {
        fs::write(folder.join("report.json"), report).unwrap();
    }
}

/// A PNG that can be read, and how many of its pixels are not white.
fn inked(path: &Path) -> usize {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels.chunks_exact(3).filter(|p| **p != [255; 3]).count()
}

/// An SVG whose elements are closed in the order in which they were opened.
fn is_svg(path: &Path) -> String {
    let svg = fs::read_to_string(path).unwrap();
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
        match (tag.strip_prefix('/'), tag.ends_with('/')) {
            (Some(name), _) => assert_eq!(open.pop(), Some(name)),
            (None, false) => open.push(tag.split_whitespace().next().unwrap()),
            (None, true) => {}
        }
    }
    assert!(open.is_empty() && svg.starts_with("<svg "), "{open:?}");
    svg
}

const SHORT: &str = "train mnist --is 7 --hidden 8 --batch-size 500";

#[test]
fn a_run_leaves_its_loss_curves_and_its_report() {
    let place = Place::new();
    let report =
        place.json(&format!("{SHORT} --lr 0.01 --epochs 3 --validation 0.1 --out run --json -q"));
    let file = fs::read_to_string(place.path("run/report.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&file).unwrap(), report);
    assert_eq!(report["network"], "784-8:relu-1:sigmoid");
    let svg = is_svg(&place.path("run/loss.svg"));
    for part in [">Loss of run</title>", ">training</text>", ">validation</text>", ">epoch</text>"]
    {
        assert!(svg.contains(part), "{part}\n{svg}");
    }
    assert!(svg.contains(">best: epoch "), "{svg}");
    assert!(inked(&place.path("run/loss.png")) > 10_000);

    // Where there is no terminal there is no picture among the results.
    let out = place.done(&format!("{SHORT} --epochs 1 --out text"));
    assert!(!out.contains('┤') && !out.contains('⠤'), "{out}");
    let svg = is_svg(&place.path("text/loss.svg"));
    assert!(!svg.contains("validation"), "{svg}");
    assert!(place.path("text/report.json").is_file(), "without --json too");

    // What an overwritten run came to is not the new one's.
    place.run(&format!("{SHORT} --optimizer sgd --lr 1e30 --out text --force"));
    assert!(!place.path("text/report.json").exists() && !place.path("text/loss.svg").exists());
    let runs = place.json("runs text --json");
    assert_eq!(runs["runs"][0]["status"], "diverged");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_has_its_curves_and_is_listed_as_such() {
    let place = Place::new();
    let call = "train mnist --hidden 8 --epochs 100000 --out runs/long -q";
    let mut child = place.command(call).spawn().unwrap();
    let log = place.path("runs/long/log.jsonl");
    while !fs::read_to_string(&log).is_ok_and(|log| log.contains("mean_loss")) {
        assert!(child.try_wait().unwrap().is_none());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    is_svg(&place.path("runs/long/loss.svg"));
    assert!(inked(&place.path("runs/long/loss.png")) > 5_000);
    assert!(place.done("runs").contains("interrupted"));
}

#[test]
fn runs_are_listed_best_first_by_what_they_learnt() {
    let place = Place::new();
    place.done(&format!("{SHORT} --lr 0.0001 --epochs 1 -q"));
    place.done(&format!("{SHORT} --lr 0.01 --epochs 2 -q"));
    place.done("train mnist --hidden 8 --epochs 1 --batch-size 500 -q");
    fake(
        &place,
        "number-9",
        "data = \"t.csv\"\n",
        r#"{"task":"number","test":{"r2":0.5,"rmse":2.0,"baseline":3.0}}"#,
    );
    fake(
        &place,
        "number-10",
        "data = \"t.csv\"\n",
        r#"{"task":"number","test":{"r2":0.75,"rmse":1.5,"baseline":3.0},"seconds":{"total":1}}"#,
    );
    fake(
        &place,
        "number-11",
        "data = \"t.csv\"\n",
        r#"{"task":"number","test":null,"final_loss":null}"#,
    );
    fake(&place, "torn", "data = \"mnist\"\n", "{\"epochs\": 3,");
    fake(&place, "wrong", "data = ", r#"{"epochs": "three"}"#);
    fake(&place, "killed", "data = \"mnist\"\nis = \"7\"\n", "");
    fs::create_dir(place.path("runs/nothing")).unwrap();
    fs::write(place.path("runs/notes.txt"), "mine").unwrap();
    // A model with a log but no report: what an older version left.
    let old = place.path("runs/old");
    fs::create_dir(&old).unwrap();
    for file in ["config.toml", "log.jsonl", "model.safetensors"] {
        fs::copy(place.path("runs/mnist-1").join(file), old.join(file)).unwrap();
    }

    let table = place.done("runs");
    let at = |part: &str| table.find(part).unwrap_or_else(|| panic!("{part}\n{table}"));
    assert!(at("mnist, is it 7? (binary)") < at("mnist-2"), "{table}");
    assert!(at("mnist-2") < at("mnist-1") && at("mnist-1") < at("\nold"), "{table}");
    assert!(at("number-10") < at("number-9") && at("number-9") < at("number-11"), "{table}");
    for part in
        ["mnist (classes)", "784-8:relu-10", "(89.72 %)", "6,289", "0.7500, 1.5 (3)", "no report"]
    {
        at(part);
    }
    at("broken: report.json: EOF");
    at("broken: config.toml: ");
    at("unfinished");
    assert!(!table.contains("nothing") && !table.contains("notes"), "{table}");
    assert!(!table.contains('\x1b'), "no colour where there is no terminal");

    let json = place.json("runs --json");
    let runs = json["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 10);
    let run = |name: &str| runs.iter().find(|r| r["name"] == name).unwrap();
    assert_eq!(run("old")["status"], "no report");
    assert_eq!(run("old")["network"], "784-8:relu-1:sigmoid");
    assert_eq!(run("old")["epochs"], 1);
    assert!(run("old")["final_loss"].is_number());
    assert_eq!(run("killed")["status"], "unfinished");
    assert_eq!(run("torn")["status"], "broken");
    assert_eq!(run("mnist-2")["test"]["baseline"], 0.8972);
    assert_eq!(run("number-10")["test"]["r2"], 0.75);
    // A run alone.
    assert_eq!(place.json("runs runs/old --json")["runs"].as_array().unwrap().len(), 1);

    let pair = place.done("runs mnist-1 runs/mnist-2");
    for part in ["lr                0.0001", "epochs            1", "89.72 %", "test samples"] {
        assert!(pair.contains(part), "{part}\n{pair}");
    }
    assert!(pair.contains("mnist-2 is better: 9"), "{pair}");
    assert!(!pair.contains("batch-size") && !pair.contains("activation"), "{pair}");
    let json = place.json("runs mnist-1 mnist-2 --json");
    assert_eq!(json["better"], "runs/mnist-2");
    assert_eq!(json["differs"]["lr"], serde_json::json!(["0.0001", "0.01"]));
    assert_eq!(json["a"]["name"], "mnist-1");
    assert!(place.done("runs number-9 number-10").contains("number-10 is better: R² 0.7500"));
    assert!(place.done("runs mnist-1 mnist-3").contains("not comparable"));
    assert!(place.done("runs mnist-1 old").contains("not known: not both were tested"));
    assert!(place.done("runs torn mnist-1").contains("broken"));
    // Without a test part, by the mean of the folds, which is said.
    let folds = |mean: f64| {
        let scores = r#"[{"r2":1},{"r2":1},{"r2":1}]"#;
        format!(
            r#"{{"task":"number","train_samples":90,"folds":{{"r2":{mean},"sd":0.1,"baseline":0.0,"scores":{scores}}}}}"#
        )
    };
    fake(&place, "folds-1", "data = \"t.csv\"\n", &folds(0.6));
    fake(&place, "folds-2", "data = \"t.csv\"\n", &folds(0.9));
    let table = place.done("runs");
    let at = |part: &str| table.find(part).unwrap_or_else(|| panic!("{part}\n{table}"));
    assert!(at("folds-2") < at("number-10") && at("number-10") < at("folds-1"), "{table}");
    assert!(at("folds-1") < at("number-9") && at("0.9000, mean of 3 folds") > 0, "{table}");
    let pair = place.done("runs folds-1 folds-2");
    assert!(pair.contains("folds-2 is better: R² 0.9000 against 0.6000"), "{pair}");
    assert!(pair.contains("R², mean of the folds"), "{pair}");
    let json = place.json("runs runs/folds-1 --json");
    assert_eq!(json["runs"][0]["folds"]["folds"], 3);
    assert!(place.done("runs mnist-1 mnist-1").contains("the same settings"));
}

#[test]
fn a_wrong_folder_is_said() {
    let place = Place::new();
    place.fails("runs", 3, "runs: there is no such folder; `reshet train` makes runs");
    fs::create_dir(place.path("empty")).unwrap();
    fs::write(place.path("file"), "").unwrap();
    place.fails("runs empty", 3, "empty: there are no runs in this folder");
    place.fails("runs file", 3, "file: not a folder");
    place.fails("runs empty nowhere", 3, "empty: there is no run in this folder");
    place.fails("runs a b c", 2, "unexpected");
}

#[test]
fn the_rate_that_is_found_trains_well() {
    let place = Place::new();
    for optimizer in ["adam", "sgd"] {
        let train = format!("{SHORT} --optimizer {optimizer}");
        let found = place.json(&format!("{train} --find-lr --json --out {optimizer}"));
        assert_eq!(names(&place, optimizer), ["find-lr.png", "find-lr.svg"]);
        let svg = is_svg(&place.path(&format!("{optimizer}/find-lr.svg")));
        assert!(svg.contains(">learning rate</text>") && svg.contains("suggested: "), "{svg}");
        assert!(inked(&place.path(&format!("{optimizer}/find-lr.png"))) > 5_000);
        let points = found["points"].as_array().unwrap();
        assert!(points.len() >= 50 && points[0]["lr"] == 1e-7, "{found}");
        assert!(points.iter().all(|p| p["loss"].is_number() && p["smoothed"].is_number()));
        let lr = found["suggested_lr"].as_f64().unwrap();
        let report =
            place.json(&format!("{train} --lr {lr} --epochs 1 --out {optimizer}-run --json"));
        // Always "no" is right in 0.8972 of the cases.
        let accuracy = report["test"]["accuracy"].as_f64().unwrap();
        assert!(accuracy > 0.95, "{optimizer}: {lr} gives {accuracy}");
    }
    let out = place.done(&format!("{SHORT} --find-lr"));
    assert!(out.contains("suggested: --lr 0.") && out.contains('◆'), "{out}");
    assert_eq!(names(&place, "runs"), ["mnist-find-lr-1"]);
    assert!(!place.done(&format!("{SHORT} --find-lr -q")).contains('◆'));
    place.fails("runs", 3, "there are no runs in this folder");
    place.fails(&format!("{SHORT} --find-lr --lr 0.1"), 2, "cannot be used with");
    place.fails(&format!("{SHORT} --find-lr --out adam"), 2, "adam is there already");
}
