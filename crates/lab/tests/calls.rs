//! A lab that is driven by calls: everything on one thread, as in a browser's tab.

mod points;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use reshet::{Checkpoint, Error, Event, Result};
use reshet_lab::{
    About, Drive, Finished, Host, Keeper, Lab, Lesson, Loaded, Memory, Request, Spec,
};
use serde_json::{Value, json};

/// Points above and below a line; a run's folder is one file.
struct Points(PathBuf);

impl Host for Points {
    fn lesson(&self, spec: &Spec) -> Result<Lesson> {
        points::lesson(spec)
    }

    fn keeper(&self, _: &Lesson) -> Result<Box<dyn Keeper>> {
        Ok(Box::new(Points(self.0.clone())))
    }

    fn load(&self, path: &Path) -> Result<Loaded> {
        let model = reshet::Model::load(path)?;
        let (losses, name) = (Vec::new(), "loaded".into());
        Ok(Loaded { name, model, lesson: None, losses, steps: 0 })
    }

    fn study(&self, path: &Path) -> Result<Value> {
        Err(Error::Data(format!("{}: no studies here", path.display())))
    }
}

impl Keeper for Points {
    fn keep(&mut self, _: Checkpoint, _: Vec<Event>) {}

    fn finish(&mut self, finished: &Finished) -> Result<PathBuf> {
        let folder = self.0.join("points-1");
        std::fs::create_dir_all(&folder).unwrap();
        finished.fit.model.save(folder.join("model.safetensors"))?;
        Ok(folder)
    }
}

fn lab(folder: &Path, drive: Drive) -> Arc<Lab> {
    let about = About { version: "0".into(), device: "here".into(), threads: 1, cores: 1 };
    let host = Box::new(Points(folder.into()));
    let lab = Arc::new(Lab::new(host, about, Memory::new(Some(64 << 20)), drive).unwrap());
    lab.offer("points").unwrap();
    lab
}

fn ask(lab: &Arc<Lab>, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let content_type = "application/json";
    let answer = lab.request(&Request { method, path, query, content_type, body });
    (answer.status, answer.body)
}

fn json(lab: &Arc<Lab>, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (status, bytes) = ask(lab, method, path, body.to_string().as_bytes());
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Trains until nothing is left to do by itself.
fn advance(lab: &Arc<Lab>) {
    while lab.advance(Duration::from_millis(1)).is_some_and(|time| time.is_zero()) {}
}

#[test]
fn a_training_goes_on_while_it_is_advanced_and_has_the_bits_of_a_thread() {
    let folder = tempfile::tempdir().unwrap();
    let mut models = Vec::new();
    for drive in [Drive::Calls, Drive::Thread] {
        let lab = lab(folder.path(), drive);
        let mut events = lab.listen();
        assert_eq!(events.try_next().unwrap().event, "state");
        let run = json(&lab, "POST", "/api/runs", &json!({ "data": "points", "epochs": 5 }));
        assert_eq!((run.0, &run.1["state"]), (201, &"running".into()), "{run:?}");
        let start = Instant::now();
        while json(&lab, "GET", "/api/runs/1", &json!({})).1["state"] != "done" {
            assert!(start.elapsed() < Duration::from_secs(60));
            advance(&lab);
        }
        let mut told = Vec::new();
        while let Some(message) = events.try_next() {
            told.push(message.event);
        }
        assert!(told.contains(&"progress") && told.last() == Some(&"run"), "{told:?}");
        assert_eq!(lab.advance(Duration::from_millis(1)), None);
        models.push(ask(&lab, "GET", "/api/runs/1/parameters", b"").1);
        let (status, archive) = ask(&lab, "GET", "/api/runs/1/folder", b"");
        assert!(status == 200 && archive.starts_with(b"PK"), "{status}");
    }
    assert!(models[0] == models[1] && models[0].len() == 4 * 33);
}

#[test]
fn what_is_asked_between_two_advances_is_done_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let lab = lab(folder.path(), Drive::Calls);
    let start = json!({ "data": "points", "epochs": 1000, "paused": true });
    assert_eq!(json(&lab, "POST", "/api/runs", &start).0, 201);
    assert_eq!(lab.advance(Duration::from_millis(5)), None, "it stands");
    let control = |what: Value| json(&lab, "POST", "/api/runs/1/control", &what);
    for stage in ["forward", "backward", "update"] {
        let (status, run) = control(json!({ "do": "stage" }));
        assert_eq!((status, &run["stage_report"]["stage"]), (200, &stage.into()));
    }
    assert_eq!(control(json!({ "do": "step" })).1["step"], 2);
    let (_, run) = control(json!({ "do": "resume", "pace": 20.0 }));
    assert_eq!(run["state"], "running");
    let pause = lab.advance(Duration::from_millis(5)).unwrap();
    assert!(pause <= Duration::from_millis(50), "{pause:?}");
    control(json!({ "pace": null }));
    assert_eq!(lab.advance(Duration::from_millis(5)), Some(Duration::ZERO));
    assert!(json(&lab, "GET", "/api/runs/1/trace?row=3", &json!({})).1["step"].as_u64() > Some(2));
    assert_eq!(json(&lab, "POST", "/api/runs", &json!({ "data": "points" })).0, 409);
    let (_, run) = control(json!({ "do": "stop" }));
    assert_eq!(run["state"], "stopped");
    assert!(run["saved"].as_str().unwrap().ends_with("points-1"));
    // Replaced without a word about the one before.
    let again = json(&lab, "POST", "/api/runs?replace=true", &json!({ "data": "points" }));
    let third = json(&lab, "POST", "/api/runs?replace=true", &json!({ "data": "points" }));
    assert_eq!((again.0, third.0), (201, 201));
    assert_eq!(json(&lab, "GET", "/api/runs/2", &json!({})).1["state"], "stopped");
}

#[test]
fn a_model_comes_as_a_file_and_no_other_file_does() {
    let folder = tempfile::tempdir().unwrap();
    let lab = lab(folder.path(), Drive::Calls);
    json(&lab, "POST", "/api/runs", &json!({ "data": "points" }));
    advance(&lab);
    let (_, model) = ask(&lab, "GET", "/api/runs/1/model", b"");
    let (status, run) = ask(&lab, "POST", "/api/models?name=../a.safetensors", &model);
    let run: Value = serde_json::from_slice(&run).unwrap();
    assert_eq!((status, &run["state"], &run["id"]), (201, &"loaded".into(), &"2".into()));
    let parameters = |id| ask(&lab, "GET", &format!("/api/runs/{id}/parameters"), b"").1;
    assert_eq!(parameters(1), parameters(2));
    assert_eq!(ask(&lab, "GET", "/api/runs/2/folder", b"").0, 404);
    assert_eq!(ask(&lab, "POST", "/api/models?name=a.csv", &model).0, 415);
    assert_eq!(ask(&lab, "POST", "/api/models", &model).0, 400);
    assert_eq!(ask(&lab, "POST", "/api/models?name=a.safetensors", b"none").0, 422);
    assert_eq!(lab.expects("POST", "/api/models").unwrap(), reshet_lab::Body::File(64 << 20));
}

#[test]
fn the_plane_says_what_the_model_answers_there() {
    let folder = tempfile::tempdir().unwrap();
    let lab = lab(folder.path(), Drive::Calls);
    json(&lab, "POST", "/api/runs", &json!({ "data": "points", "epochs": 20 }));
    advance(&lab);
    let (status, plane) = json(&lab, "GET", "/api/runs/1/plane", &json!({}));
    assert_eq!(status, 200, "{plane}");
    assert_eq!((&plane["inputs"], &plane["names"][1]), (&json!(["x1", "x2"]), &"above".into()));
    let side = plane["field"]["side"].as_u64().unwrap() as usize;
    let end = |axis: &str, end: &str| plane[axis][end].as_f64().unwrap();
    let along = |axis: &str, i: usize| {
        let (low, high) = (end(axis, "low"), end(axis, "high"));
        low + (high - low) * i as f64 / (side - 1) as f64
    };
    for (i, j) in [(0, 0), (side - 1, 0), (5, 30), (side - 1, side - 1)] {
        let asked = json!({ "values": [along("x", i), along("y", j)] });
        let said = json(&lab, "POST", "/api/runs/1/predict", &asked).1;
        let p = said["probabilities"]["above"].as_f64().unwrap();
        let value = plane["field"]["values"][j * side + i].as_f64().unwrap();
        assert!((p - value).abs() < 1e-3, "{i}, {j}: {p} and {value}");
        let class = u64::from(p > 0.5);
        assert_eq!(plane["field"]["classes"][j * side + i], class);
    }
    for spot in plane["spots"].as_array().unwrap() {
        let at = |n: usize| spot[n].as_f64().unwrap();
        assert_eq!(at(2), f64::from(u8::from(at(0) > at(1))), "{spot}");
    }
    assert_eq!(plane["lines"].as_array().unwrap().len(), 8);
    // At its first step it answers otherwise.
    let first = json(&lab, "GET", "/api/runs/1/plane?step=0", &json!({})).1;
    assert!(first["step"] == 0 && first["field"] != plane["field"]);
    let alone = json(&lab, "GET", "/api/runs/1/plane?x=x2&y=x2", &json!({})).1;
    assert_eq!(alone["curve"]["xs"].as_array().unwrap().len(), 161);
    assert_eq!(json(&lab, "GET", "/api/runs/1/plane?x=x3", &json!({})).0, 422);
}

#[test]
fn the_course_is_there_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let lab = lab(folder.path(), Drive::Calls);
    let (_, chapters) = json(&lab, "GET", "/api/chapters", &json!({}));
    let chapters = chapters.as_array().unwrap();
    assert_eq!(chapters.len(), 23);
    for chapter in chapters {
        let name = chapter["name"].as_str().unwrap();
        let opened = json(&lab, "POST", &format!("/api/chapters/{name}"), &json!({}));
        match chapter["trained"] == true {
            true => assert!(opened.1["spec"]["lr"].is_f64(), "{name}: {opened:?}"),
            false => assert_eq!(opened.0, 404, "{name}"),
        }
    }
    // A table that is made again is the same one.
    let moons = |seed: u64| {
        let told = json(&lab, "POST", "/api/chapters/moons", &json!({ "seed": seed })).1;
        told["data"]["id"].as_str().unwrap_or_default().to_string()
    };
    assert_eq!(moons(0), moons(0));
    let ball = json!({ "optimizer": "adam", "lr": 0.1, "start": [5.5] });
    let asked = json!({ "function": "w^2 - 4w + 8", "balls": [ball], "steps": 300 });
    let (status, descent) = json(&lab, "POST", "/api/descent", &asked);
    assert_eq!((status, descent["balls"][0]["places"].as_array().unwrap().len()), (200, 301));
    let how =
        json!({ "lr": 0.1, "discount": 0.9, "curious": null, "target": true, "double": true });
    let begun = json(&lab, "POST", "/api/game", &json!({ "do": "new", "seed": 1, "how": how }));
    assert_eq!((begun.0, &begun.1["games"]), (200, &0.into()));
    let learnt = json(&lab, "POST", "/api/game", &json!({ "do": "learn", "most": 3 })).1;
    assert!(learnt["games"].as_u64() > Some(0));
}

#[test]
fn a_changed_number_changes_the_answer_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let lab = lab(folder.path(), Drive::Calls);
    json(&lab, "POST", "/api/runs", &json!({ "data": "points" }));
    advance(&lab);
    let touch = |changes: Value| {
        let body = json!({ "changes": changes, "row": 3, "neuron": { "layer": 0, "neuron": 1 } });
        json(&lab, "POST", "/api/runs/1/touch", &body)
    };
    let before = ask(&lab, "GET", "/api/runs/1/parameters", b"").1;
    let (status, plain) = touch(json!([]));
    assert_eq!(status, 200, "{plain}");
    let neuron = &plain["neuron"];
    let numbers = |name: &str| -> Vec<f64> {
        neuron[name].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let (inputs, weights) = (numbers("inputs"), numbers("weights"));
    let sum: f64 = inputs.iter().zip(&weights).map(|(x, w)| x * w).sum();
    let sum = sum + neuron["bias"].as_f64().unwrap();
    assert!((sum - neuron["sum"].as_f64().unwrap()).abs() < 1e-5, "{neuron}");
    let (_, changed) = touch(json!([{ "tensor": "0.bias", "index": [1], "value": 5.0 }]));
    assert_eq!(changed["neuron"]["bias"], 5.0);
    assert_ne!(changed["trace"]["layers"], plain["trace"]["layers"]);
    assert_ne!(changed["test"]["loss"], plain["test"]["loss"]);
    assert_eq!(touch(json!([])), (200, plain));
    assert_eq!(ask(&lab, "GET", "/api/runs/1/parameters", b"").1, before);
    for wrong in [
        json!([{ "tensor": "0.bias", "index": [100], "value": 1.0 }]),
        json!([{ "tensor": "0.weight", "index": [0], "value": 1.0 }]),
        json!([{ "tensor": "none", "index": [0], "value": 1.0 }]),
        json!([{ "tensor": "0.bias", "index": [0], "value": 1e39 }]),
    ] {
        assert!((400..500).contains(&touch(wrong.clone()).0), "{wrong}");
    }
    let none = json!({ "neuron": { "layer": 9, "neuron": 0 } });
    assert_eq!(json(&lab, "POST", "/api/runs/1/touch", &none).0, 422);
}

#[test]
fn gradients_are_there_between_backward_and_update() {
    let folder = tempfile::tempdir().unwrap();
    let lab = lab(folder.path(), Drive::Calls);
    json(&lab, "POST", "/api/runs", &json!({ "data": "points", "paused": true }));
    let stage = || json(&lab, "POST", "/api/runs/1/control", &json!({ "do": "stage" })).1;
    let gradients = || ask(&lab, "GET", "/api/runs/1/gradients", b"");
    stage();
    assert_eq!(gradients().0, 409);
    stage();
    let (status, gradients) = gradients();
    assert_eq!((status, gradients.len()), (200, 4 * 33));
    let report = stage()["stage_report"].clone();
    assert_eq!((&report["updates"], &report["optimizer"]["type"]), (&json!(1), &json!("Adam")));
    let change = &report["changes"][0];
    let number = |name: &str| change[name].as_f64().unwrap();
    // Adam's first step: m and v are of this gradient alone.
    let wanted = number("before") - report["lr"].as_f64().unwrap() * number("gradient").signum();
    assert!((number("after") - wanted).abs() < 1e-5, "{report}");
    let (m, v) = (change["state"][0].as_f64().unwrap(), change["state"][1].as_f64().unwrap());
    assert!((m - 0.1 * number("gradient")).abs() < 1e-7 && v > 0.0, "{report}");
    json(&lab, "POST", "/api/runs/1/control", &json!({ "lr": 0.0 }));
    stage();
    stage();
    assert_eq!(stage()["stage_report"]["nothing"]["kind"], "rate_is_zero");
}
