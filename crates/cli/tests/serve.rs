//! `reshet serve` as a program: the page's runs are the command line's runs.

mod place;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use place::Place;
use safetensors::SafeTensors;
use serde_json::{Value, json};

/// A server in a folder of its own.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(place: &Place, args: &str) -> Self {
        let mut command = place.command(&format!("serve --port 0 {args}"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().trim_end_matches('/').into();
        Self { child, address }
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Value {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (host, length) = (&self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    fn get(&self, path: &str) -> Value {
        self.ask("GET", path, b"")
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, body.to_string().as_bytes())
    }

    /// Waits until a run is over, and is saved or said not to be: a last test may take until then.
    fn done(&self, id: &str) -> Value {
        loop {
            let run = self.get(&format!("/api/runs/{id}"));
            let told = run["saved"].is_string() || run["reason"].is_string();
            if told && run["state"] != "running" {
                return run;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ctrl-C; the exit code.
    fn interrupt(mut self) -> Option<i32> {
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// The parameters of a model's file.
fn tensors(path: &Path) -> Vec<(String, Vec<u8>)> {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut all: Vec<_> =
        file.iter().map(|(name, tensor)| (name.to_string(), tensor.data().to_vec())).collect();
    all.sort();
    all
}

fn flowers() -> String {
    let row = |i: usize| {
        let (size, colour) = ((i * 7 % 40) as f32 / 4.0, ["red", "blue", "white"][i % 3]);
        let kind = if size > 5.0 { "rose" } else { "violet" };
        format!("{size},{colour},{kind}\n")
    };
    format!("size,colour,kind\n{}", (0..240).map(row).collect::<String>())
}

#[test]
fn a_run_of_the_page_is_the_run_of_its_command() {
    let place = Place::new();
    place.write("flowers.csv", flowers());
    let server = Server::start(&place, "flowers.csv");
    for (n, spec) in [
        json!({ "data": "mnist", "is": "7", "epochs": 1,
                "hidden": [{ "width": 12, "activation": "relu", "dropout": 0 }] }),
        json!({ "data": "mnist", "epochs": 1, "batch_size": 200, "optimizer": "sgd", "lr": 0.1,
                "hidden": [{ "width": 9, "activation": "tanh" }, { "width": 5, "activation": "leaky_relu(0.2)", "dropout": 0.1 }] }),
        json!({ "data": "flowers", "epochs": 4, "seed": 3 }),
        json!({ "data": "mnist", "epochs": 1, "precision": "bf16",
                "hidden": [{ "width": 64, "activation": "relu", "dropout": 0 },
                           { "width": 64, "activation": "relu", "dropout": 0 }] }),
    ]
    .into_iter()
    .enumerate()
    {
        let run = server.post("/api/runs", &spec);
        let run = server.done(run["id"].as_str().unwrap_or_else(|| panic!("{run}")));
        assert_eq!(run["state"], "done", "{run}");
        let command = run["command"].as_str().unwrap().replace('\'', "");
        assert_eq!(command.contains("--precision bf16"), spec["precision"] == "bf16", "{command}");
        let command = command.strip_prefix("reshet ").unwrap();
        place.done(&format!("{command} --out by-hand-{n} -q"));
        let ours = place.path(run["saved"].as_str().unwrap()).join("model.safetensors");
        let theirs = place.path(&format!("by-hand-{n}/model.safetensors"));
        assert_eq!(tensors(&ours), tensors(&theirs), "{command}");
    }
    let runs = place.json("runs --json");
    let runs = runs["runs"].as_array().or(runs.as_array()).unwrap();
    assert_eq!(runs.len(), 4, "{runs:?}");
    assert!(runs.iter().all(|run| run["status"] == "done"), "{runs:?}");
    let half = server.post("/api/plan", &json!({ "data": "mnist", "precision": "half" }));
    assert!(half.to_string().contains("f32, bf16, tf32 or auto"), "{half}");
    assert_eq!(server.interrupt(), Some(0));
}

#[test]
fn a_table_that_is_dropped_is_learnt_and_asked_by_its_columns() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let data = server.ask("POST", "/api/data?name=my%20flowers.csv", flowers().as_bytes());
    assert_eq!((&data["kind"], &data["target"]), (&"table".into(), &"kind".into()), "{data}");
    assert_eq!(data["columns"], json!(["size", "colour", "kind"]));
    assert!(data["said"][0].as_str().unwrap().starts_with("my flowers.csv: "), "{data}");
    let plan = server.post("/api/plan", &json!({ "data": data["id"], "target": "colour" }));
    assert_eq!((&plan["outputs"], &plan["output_activation"]), (&3.into(), &"softmax".into()));
    let run = server.post("/api/runs", &json!({ "data": data["id"], "epochs": 30 }));
    let run = server.done(run["id"].as_str().unwrap_or_else(|| panic!("{run}")));
    assert!(run["test"]["accuracy"].as_f64().unwrap() > 0.9, "{run}");
    assert_eq!(run["columns"][1]["words"].as_array().unwrap().len(), 3, "{run}");
    let ask = |row: Value| server.post("/api/predict", &json!({ "row": row }));
    assert_eq!(ask(json!({ "size": 9.5, "colour": "red" }))["label"], "rose");
    assert_eq!(ask(json!({ "size": "0.5" }))["label"], "violet");
    assert_eq!(run["inputs"].as_array().unwrap().len(), 4, "{run}");
    let id = run["id"].as_str().unwrap();
    let trace = server.get(&format!("/api/runs/{id}/trace?part=train&row=0"));
    let cells = &trace["row_values"];
    let (size, colour) = (cells["size"].as_f64().unwrap(), cells["colour"].as_str().unwrap());
    assert!((4.0 * size).fract() < 1e-4 || (4.0 * size).fract() > 1.0 - 1e-4, "{cells}");
    assert!(flowers().contains(&format!(",{colour},")), "{cells}");
    let wrong = ask(json!({ "size": "big" }));
    assert!(wrong["error"]["reason"].as_str().unwrap().contains("not a number"), "{wrong}");
    let wrong = ask(json!({ "sise": 1 }));
    assert!(wrong["error"]["reason"].as_str().unwrap().contains("sise"), "{wrong}");
}

#[test]
fn ctrl_c_saves_what_trains_and_a_run_is_opened_again() {
    let place = Place::new();
    let server = Server::start(&place, "");
    let run = server.post("/api/runs", &json!({ "data": "mnist", "is": "3", "pace": 200 }));
    let trained = || server.get("/api/runs/1")["step"].as_u64().unwrap();
    while trained() < 20 {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(run["state"], "running");
    assert_eq!(server.interrupt(), Some(130));
    assert!(place.path("runs/mnist-1/model.safetensors").is_file());
    let server = Server::start(&place, "runs/mnist-1");
    let run = server.get("/api/runs/1");
    assert_eq!((&run["state"], &run["name"]), (&"loaded".into(), &"mnist-1".into()), "{run}");
    assert_eq!(run["names"], json!(["not 3", "3"]));
    assert!(run["step"].as_u64().unwrap() >= 20 && run["test"]["accuracy"].is_number(), "{run}");
    let mistakes = server.get("/api/runs/1/mistakes");
    assert_eq!(mistakes["errors"], run["test"]["errors"], "{mistakes}");
    assert_eq!(server.interrupt(), Some(0));
}

/// A run of the page that was cut off, or stopped, goes on to the bits of its command.
fn goes_on(place: &Place, folder: &str, command: &str) {
    place.done(&format!("train --resume {folder} -q"));
    let command = command.replace('\'', "");
    place
        .done(&format!("{} --out never-stopped -q --force", command.trim_start_matches("reshet ")));
    let model = |folder: &str| tensors(&place.path(folder).join("model.safetensors"));
    assert_eq!(model(folder), model("never-stopped"), "{command}");
    let log = |folder: &str| place.read(&format!("{folder}/log.jsonl"));
    assert_eq!(log(folder), log("never-stopped"), "{command}");
}

#[test]
fn a_run_goes_on_where_it_was_stopped_or_its_server_killed() {
    let place = Place::new();
    let small = json!([{ "width": 6, "activation": "relu" }]);
    let spec =
        json!({ "data": "mnist", "epochs": 1, "batch_size": 50, "hidden": small, "pace": 150 });
    let mut server = Server::start(&place, "");
    let first = server.post("/api/runs", &spec);
    let command = first["command"].as_str().unwrap_or_else(|| panic!("{first}")).to_string();
    thread::sleep(Duration::from_millis(300));
    server.post("/api/runs/1/control", &json!({ "do": "stop" }));
    assert_eq!(server.done("1")["state"], "stopped");
    goes_on(&place, "runs/mnist-1", &command);

    server.post("/api/runs", &spec);
    while !place.path("runs/mnist-2/checkpoint.safetensors").is_file() {
        thread::sleep(Duration::from_millis(20));
    }
    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let runs = place.json("runs --json");
    let runs = runs["runs"].as_array().unwrap();
    assert!(runs.iter().any(|run| run["status"] == "unfinished"), "{runs:?}");
    assert!(!place.path("runs/mnist-2/model.safetensors").exists());
    goes_on(&place, "runs/mnist-2", &command);
}

#[test]
fn a_study_is_told_as_tune_tells_it() {
    let place = Place::new();
    place.write("flowers.csv", flowers());
    let told = place.json("tune flowers.csv --trials 9 --epochs 9 --json --out study -q");
    let server = Server::start(&place, "study");
    assert_eq!(server.get("/api/state")["studies"], json!(["study"]));
    let study = server.get("/api/studies/0");
    for part in ["best", "simplest", "frontier", "importance", "trials", "validation_samples"] {
        assert_eq!(study[part], told[part], "{part}");
    }
    assert_eq!(study["test"], told["test"]["accuracy"]);
    assert_eq!(study["question"], "reshet train flowers.csv");
    assert_eq!(study["spec"]["data"], "flowers");
    assert_eq!(study["networks"].as_array().map(Vec::len), Some(9));
    // The winner is there as a run.
    assert_eq!(server.get("/api/runs/1")["name"], "best");
    assert_eq!(server.get("/api/studies/1")["error"]["status"], 404);
    drop(server);
    // People edit files.
    let text = place::text(&place.read("study/study.toml"));
    let (before, after) = text.split_at(text.find("depth").unwrap());
    let after = after.split_once(']').unwrap().1;
    place.write("study/study.toml", format!("{before}depth = [1, 100]{after}"));
    place.fails("serve study", 3, "depth = [1, 100]");
    place.fails("tune --resume study", 3, "depth = [1, 100]");
    place.write("study/study.toml", text.replace("data = \"flowers.csv\"\n", ""));
    place.fails("serve study", 3, "study.toml: question");
    place.write("study/study.toml", &text);
    // It can be looked at without its data.
    fs::remove_file(place.path("flowers.csv")).unwrap();
    let server = Server::start(&place, "study");
    let study = server.get("/api/studies/0");
    assert_eq!((&study["spec"]["data"], &study["best"]), (&Value::Null, &told["best"]));
}

#[test]
fn what_cannot_be_served_is_told() {
    let place = Place::new();
    place.write("broken.safetensors", "no");
    place.write("empty.csv", "");
    place.write("study/study.toml", "question = 3");
    place.fails("serve study", 3, "study.toml");
    place.fails("serve nowhere.csv", 3, "nowhere.csv: no such run, model, study, table or folder");
    place.fails("serve broken.safetensors", 3, "broken.safetensors");
    place.fails("serve empty.csv", 3, "empty.csv");
    place.fails("serve --threads 0", 2, "at least one thread");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    place.fails(&format!("serve --port {port}"), 1, "cannot listen on 127.0.0.1");
}
