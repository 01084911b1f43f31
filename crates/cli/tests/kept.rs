//! Files that earlier versions wrote: see `tests/kept/README.md`.

mod place;

use std::{fs, path::Path};

use place::{Place, text};
use serde_json::Value;

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/kept/0.1");

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &to) } else { fs::copy(&path, &to).map(|_| ()).unwrap() }
    }
}

/// The same words, and numbers within what another processor's rounding may do.
fn alike(got: &Value, want: &Value, within: f64) -> bool {
    match (got, want) {
        (Value::Number(got), Value::Number(want)) => {
            let (got, want) = (got.as_f64().unwrap(), want.as_f64().unwrap());
            (got - want).abs() <= within * want.abs().max(1.0)
        }
        // A later version may say more.
        (Value::Object(got), Value::Object(want)) => {
            want.iter().all(|(key, want)| got.get(key).is_some_and(|got| alike(got, want, within)))
        }
        (Value::Array(got), Value::Array(want)) => {
            got.len() == want.len() && got.iter().zip(want).all(|(g, w)| alike(g, w, within))
        }
        _ => got == want,
    }
}

fn lines(text: &str) -> Value {
    let line = |line| serde_json::from_str::<Value>(line).unwrap();
    text.lines().map(line).collect()
}

#[test]
fn what_earlier_versions_wrote_is_read() {
    let place = Place::new();
    copy(Path::new(KEPT), &place.path(""));
    let expected = text(&place.read("expected.json"));
    let expected: Value = serde_json::from_str(&expected).unwrap();
    for (data, rows) in [("penguins", 5), ("flats", 5)] {
        let table = text(&place.read(&format!("{data}.csv")));
        let head: String = table.lines().take(rows + 1).map(|line| format!("{line}\n")).collect();
        place.write("rows.csv", head);
        let got = lines(&place.done(&format!("predict {data} rows.csv --json")));
        assert!(alike(&got, &expected[data], 1e-5), "{data}: {got}");
        place.done(&format!("test {data} {data}.csv"));
    }
    let got = lines(&place.done("predict digits one.png --json"));
    assert!(alike(&got, &expected["digits"], 1e-5), "{got}");
    place.done("info digits/model.safetensors");
    place.done("runs .");

    // An interrupted run goes on, here with more epochs than it was made for.
    let report = place.json("train --resume penguins --epochs 8 --json");
    let resumed = &expected["resumed"];
    assert!(alike(&report["final_loss"], &resumed["final_loss"], 1e-3), "{report}");
    let table = text(&place.read("penguins.csv"));
    let head: String = table.lines().take(6).map(|line| format!("{line}\n")).collect();
    place.write("rows.csv", head);
    let got = lines(&place.done("predict penguins rows.csv --json"));
    assert!(alike(&got, &resumed["predictions"], 1e-3), "{got}");

    let study = place.done("tune --resume study --trials 4 -q");
    assert!(study.contains("reshet train penguins.csv"), "{study}");
}
