//! A class: what a pupil may, what a teacher may, and that nobody waits long.

mod points;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use reshet::{Checkpoint, Error, Event, Result};
use reshet_lab::{
    About, Class, Drive, Finished, Host, Keeper, Lab, Lesson, Loaded, Memory, Request, Rules, Spec,
    Who,
};
use serde_json::{Value, json};

/// Points above and below a line; runs go nowhere.
struct Points;

impl Host for Points {
    fn lesson(&self, spec: &Spec) -> Result<Lesson> {
        points::lesson(spec)
    }

    fn keeper(&self, _: &Lesson) -> Result<Box<dyn Keeper>> {
        Ok(Box::new(Points))
    }

    fn load(&self, path: &Path) -> Result<Loaded> {
        let model = reshet::Model::load(path)?;
        Ok(Loaded { name: "a".into(), model, lesson: None, losses: Vec::new(), steps: 0 })
    }

    fn study(&self, path: &Path) -> Result<Value> {
        Err(Error::Data(format!("{}: no studies here", path.display())))
    }
}

impl Keeper for Points {
    fn keep(&mut self, _: Checkpoint, _: Vec<Event>) {}

    fn finish(&mut self, _: &Finished) -> Result<PathBuf> {
        Ok(PathBuf::from("/home/teacher/runs/points-1"))
    }
}

fn about() -> About {
    About { version: "0".into(), device: "here".into(), threads: 1, cores: 1 }
}

/// Data whose place on the computer is nobody's business.
const DATA: &str = "/home/teacher/points";

fn class(pupils: usize, cores: usize, task: Option<&str>) -> Class {
    let rules = Rules { pupils, cores, task: task.map(String::from) };
    let memory = Memory::new(Some(500 << 20));
    Class::new(Arc::new(Points), about(), memory, &rules, &[DATA.into()]).unwrap()
}

fn pupil(name: &str) -> Who {
    Who::Pupil(name.into())
}

fn ask(class: &Class, who: &Who, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let content_type = "application/json";
    let body = body.to_string().into_bytes();
    let answer = class.request(who, &Request { method, path, query, content_type, body: &body });
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

fn get(class: &Class, who: &Who, path: &str) -> (u16, Value) {
    ask(class, who, "GET", path, &Value::Null)
}

fn join(class: &Class, name: &str) -> u16 {
    let nickname = json!({ "nickname": name });
    ask(class, &pupil(name), "POST", "/api/class/nickname", &nickname).0
}

fn start(class: &Class, who: &Who, epochs: usize) -> (u16, Value) {
    ask(class, who, "POST", "/api/runs", &json!({ "data": "points", "epochs": epochs }))
}

/// Waits until the run is over.
fn until_over(class: &Class, who: &Who, run: &str) -> Value {
    let start = Instant::now();
    loop {
        let (_, told) = get(class, who, &format!("/api/runs/{run}"));
        if told["state"] != "running" {
            return told;
        }
        assert!(start.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn nobody_has_a_lab_before_a_nickname_and_nicknames_differ() {
    let class = class(2, 1, None);
    for who in [Who::Guest, pupil("x")] {
        assert_eq!(get(&class, &who, "/api/state").0, 403);
        assert_eq!(start(&class, &who, 1).0, 403);
        assert!(class.lab(&who).is_err());
        assert_eq!(get(&class, &who, "/api/class").1["nickname"], Value::Null);
    }
    assert_eq!(join(&class, "Dana"), 200);
    assert_eq!(join(&class, "dana."), 409);
    assert_eq!(join(&class, " "), 422);
    assert_eq!(join(&class, "Noam"), 200);
    assert_eq!(join(&class, "Too many"), 429);
    let rename = |name: &str| {
        let nickname = json!({ "nickname": name });
        ask(&class, &pupil("Dana"), "POST", "/api/class/nickname", &nickname)
    };
    assert_eq!(rename("noam").0, 409);
    assert_eq!(rename("DANA").1["nickname"], "DANA");
    assert_eq!(rename(" Dan\u{202e}a  L. ").1["nickname"], "Dana L.");
    assert_eq!(get(&class, &pupil("Dana"), "/api/state").0, 200);
    assert!(class.knows("Dana") && !class.knows("dana."));
}

#[test]
fn a_pupil_reaches_no_run_of_another_and_nothing_of_the_teachers() {
    let class = class(5, 2, None);
    let (a, b) = (pupil("a"), pupil("b"));
    assert_eq!((join(&class, "a"), join(&class, "b")), (200, 200));
    let run = start(&class, &a, 1_000_000).1;
    assert_eq!(run["state"], "running");
    let at = format!("/api/runs/{}", run["id"].as_str().unwrap());
    for (method, rest, body) in [
        ("GET", "", json!({})),
        ("DELETE", "", json!({})),
        ("POST", "/control", json!({ "do": "stop" })),
        ("POST", "/control", json!({ "lr": 0.5 })),
        ("GET", "/parameters", json!({})),
        ("GET", "/model", json!({})),
        ("POST", "/predict", json!({ "values": [0, 1] })),
    ] {
        assert_eq!(
            ask(&class, &b, method, &format!("{at}{rest}"), &body).0,
            404,
            "{method} {rest}"
        );
    }
    assert_eq!(get(&class, &b, "/api/runs").1, json!([]));
    assert_eq!(get(&class, &b, "/api/state").1["current"], Value::Null);
    // Its own run does not replace another's.
    let own = start(&class, &b, 1).1;
    assert_eq!(until_over(&class, &b, own["id"].as_str().unwrap())["state"], "done");
    let still = ask(
        &class,
        &b,
        "POST",
        "/api/runs?replace=true",
        &json!({ "data": "points", "epochs": 1 }),
    );
    assert_eq!(still.0, 201);
    assert_eq!(get(&class, &a, &at).1["state"], "running");
    let task = json!({ "data": "points", "is": null, "at_least": 0.5, "neurons": null, "parameters": null });
    for who in [&a, &b, &Who::Guest] {
        for (method, path, body) in [
            ("GET", "/api/class/wall", json!({})),
            ("POST", "/api/class/task", task.clone()),
            ("DELETE", "/api/class/pupils/1", json!({})),
            ("DELETE", "/api/class/pupils/1/nickname", json!({})),
            ("DELETE", "/api/class/pupils/1/runs/1", json!({})),
        ] {
            assert_eq!(ask(&class, who, method, path, &body).0, 403, "{method} {path}");
        }
    }
    class.close(Duration::from_secs(20));
    assert!(class.was_interrupted());
}

#[test]
fn no_path_of_the_computer_is_told() {
    let class = class(5, 1, None);
    join(&class, "a");
    let a = pupil("a");
    let run = start(&class, &a, 1).1;
    let id = run["id"].as_str().unwrap();
    until_over(&class, &a, id);
    thread::sleep(Duration::from_millis(50));
    let plan = ask(&class, &a, "POST", "/api/plan", &json!({ "data": "points" }));
    assert_eq!(plan.0, 200);
    for told in [
        get(&class, &a, &format!("/api/runs/{id}")).1,
        get(&class, &a, "/api/state").1,
        plan.1,
        ask(&class, &a, "POST", "/api/plan", &json!({ "data": DATA })).1,
        ask(&class, &a, "POST", "/api/plan", &json!({ "data": "/etc/passwd" })).1,
    ] {
        // What was asked with comes back, and no more.
        let text = told.to_string().replace(&format!("called \\\"{DATA}\\\""), "");
        assert!(!text.contains("/home/"), "{text}");
    }
    assert_eq!(ask(&class, &a, "POST", "/api/plan", &json!({ "data": DATA })).0, 422);
    assert_eq!(get(&class, &a, &format!("/api/runs/{id}/folder")).0, 404);
}

#[test]
fn the_teacher_sees_results_and_takes_away_what_should_not_be_there() {
    let class = class(5, 2, Some("beat 60 % with at most 8 neurons"));
    for name in ["idle", "good"] {
        assert_eq!(join(&class, name), 200);
    }
    let good = pupil("good");
    let run = start(&class, &good, 20).1;
    let run = run["id"].as_str().unwrap();
    until_over(&class, &good, run);
    // The last test comes after the end.
    let ended = Instant::now();
    let (status, wall) = loop {
        let (status, wall) = get(&class, &Who::Teacher, "/api/class/wall");
        if wall["pupils"][0]["best"]["whole"] == true || ended.elapsed() > Duration::from_secs(60) {
            break (status, wall);
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(
        (status, &wall["task"]["at_least"], &wall["task"]["neurons"]),
        (200, &json!(0.6), &json!(8))
    );
    let names = |wall: &Value| -> Vec<String> {
        let all = wall["pupils"].as_array().unwrap().iter();
        all.map(|pupil| pupil["nickname"].as_str().unwrap_or("?").to_string()).collect()
    };
    assert_eq!(names(&wall), ["good", "idle"]);
    let best = &wall["pupils"][0]["best"];
    assert!(best["measure"].as_f64().unwrap() > 0.6 && best["whole"] == true, "{best}");
    assert_eq!((&best["neurons"], &best["parameters"]), (&json!(8), &json!(33)));
    assert_eq!((&best["fits"], &best["reached"]), (&json!(true), &json!(true)));
    assert_eq!(get(&class, &good, "/api/class").1["reached"], true);
    let task = |at_least: f64| json!({ "data": "points", "is": null, "at_least": at_least, "neurons": null, "parameters": 32 });
    // A later task is answered by runs of before.
    let wall = ask(&class, &Who::Teacher, "POST", "/api/class/task", &task(0.6)).1;
    let best = &wall["pupils"][0]["best"];
    assert_eq!(
        (&best["parameters"], &best["fits"], &best["reached"]),
        (&json!(33), &json!(false), &json!(false))
    );
    for wrong in [
        task(1.5),
        task(0.0),
        json!({ "data": "none", "is": null, "at_least": null, "neurons": null, "parameters": null }),
    ] {
        assert_eq!(ask(&class, &Who::Teacher, "POST", "/api/class/task", &wrong).0, 422, "{wrong}");
    }

    let remove = |path: &str| {
        ask(&class, &Who::Teacher, "DELETE", &format!("/api/class/pupils/{path}"), &json!({}))
    };
    assert_eq!(remove(&format!("2/runs/{run}")).1["pupils"][1]["best"], Value::Null);
    assert_eq!(get(&class, &good, &format!("/api/runs/{run}")).0, 404);
    // A run that trains is stopped first.
    let long = start(&class, &good, 1_000_000).1;
    assert_eq!(remove(&format!("2/runs/{}", long["id"].as_str().unwrap())).0, 200);
    assert_eq!(remove("2/nickname").0, 200);
    assert_eq!(get(&class, &good, "/api/state").0, 403);
    assert_eq!(join(&class, "good"), 409, "it was taken away for a reason");
    let other = json!({ "nickname": "better" });
    assert_eq!(ask(&class, &good, "POST", "/api/class/nickname", &other).0, 200);
    assert_eq!(get(&class, &good, "/api/state").0, 200);
    assert_eq!(remove("2").0, 200);
    assert_eq!((get(&class, &good, "/api/state").0, remove("2").0), (403, 404));
    assert_eq!(names(&get(&class, &Who::Teacher, "/api/class/wall").1), ["idle"]);
}

#[test]
fn all_go_on_side_by_side_and_end_with_the_bits_of_one_alone() {
    let pupils: Vec<String> = (0..12).map(|i| format!("pupil {i}")).collect();
    let class = class(12, 2, None);
    let epochs = 40;
    for name in &pupils {
        join(&class, name);
        assert_eq!(start(&class, &pupil(name), epochs).0, 201);
    }
    let steps =
        |name: &String| get(&class, &pupil(name), "/api/runs/1").1["step"].as_u64().unwrap();
    for name in &pupils {
        until_over(&class, &pupil(name), "1");
        assert!(steps(name) > 0);
    }
    let host = Box::new(Points);
    let lab =
        Arc::new(Lab::new(host, about(), Memory::new(Some(64 << 20)), Drive::Thread).unwrap());
    lab.offer(DATA).unwrap();
    let request = |method, path, body: &[u8]| {
        let content_type = "application/json";
        lab.request(&Request { method, path, content_type, body, query: "" }).body
    };
    request(
        "POST",
        "/api/runs",
        json!({ "data": "points", "epochs": epochs }).to_string().as_bytes(),
    );
    while !String::from_utf8(request("GET", "/api/runs/1", b"")).unwrap().contains("\"done\"") {
        thread::sleep(Duration::from_millis(5));
    }
    let alone = request("GET", "/api/runs/1/parameters", b"");
    let path = "/api/runs/1/parameters";
    for name in &pupils {
        let of_class =
            class.request(&pupil(name), &Request { method: "GET", path, ..Request::default() });
        assert!(of_class.body == alone, "{name}");
    }
}

#[test]
fn a_short_training_does_not_wait_for_long_ones() {
    let class = class(12, 1, None);
    for i in 0..8 {
        let name = format!("long {i}");
        join(&class, &name);
        assert_eq!(start(&class, &pupil(&name), 1_000_000).0, 201);
    }
    join(&class, "short");
    let short = pupil("short");
    start(&class, &short, 2);
    assert_eq!(until_over(&class, &short, "1")["state"], "done");
    let steps: Vec<u64> = (0..8)
        .map(|i| {
            get(&class, &pupil(&format!("long {i}")), "/api/runs/1").1["step"].as_u64().unwrap()
        })
        .collect();
    assert!(steps.iter().all(|steps| *steps > 0), "{steps:?}");
    // What stands still is asked between two turns of the others.
    join(&class, "by hand");
    let by_hand = pupil("by hand");
    let paused = json!({ "data": "points", "epochs": 2, "paused": true });
    ask(&class, &by_hand, "POST", "/api/runs", &paused);
    let (status, run) =
        ask(&class, &by_hand, "POST", "/api/runs/1/control", &json!({ "do": "step" }));
    assert_eq!((status, &run["step"]), (200, &json!(1)));
    class.close(Duration::from_secs(20));
}
