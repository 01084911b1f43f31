//! The server against clients that do not behave, over plain sockets.

#[path = "../../lab/tests/points/mod.rs"]
mod points;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use reshet::{Checkpoint, Device, Error, Event, Result};
use reshet_page::{Addresses, Finished, Host, Keeper, Lesson, Loaded, Options, Spec};
use serde_json::Value;

/// Of the server, in bytes.
const MEMORY: u64 = 64 << 20;

/// With this seed, saving a run panics.
const BROKEN: u64 = 13;

/// Points above and below a line.
struct Points;

impl Host for Points {
    fn lesson(&self, spec: &Spec) -> Result<Lesson> {
        if spec.data != "points" {
            return Err(Error::Data(format!("no data is called {}", spec.data)));
        }
        points::lesson(spec)
    }

    fn keeper(&self, _: &Lesson) -> Result<Box<dyn Keeper>> {
        Ok(Box::new(Points))
    }

    fn load(&self, path: &Path) -> Result<Loaded> {
        Err(Error::Data(format!("{}: no models here", path.display())))
    }

    fn study(&self, path: &Path) -> Result<Value> {
        Err(Error::Data(format!("{}: no studies here", path.display())))
    }
}

impl Keeper for Points {
    fn keep(&mut self, _: Checkpoint, _: Vec<Event>) {}

    fn finish(&mut self, finished: &Finished) -> Result<PathBuf> {
        assert!(finished.fit.model.parameters().iter().all(|x| x.is_finite()));
        assert_ne!(finished.lesson.spec.seed, Some(BROKEN), "this run cannot be saved");
        Ok(PathBuf::from("kept"))
    }
}

/// A server on a port of its own, until it is dropped.
struct Server {
    address: SocketAddr,
    token: Option<String>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<bool>>,
}

impl Server {
    fn start(address: &str) -> Self {
        let options = Options {
            address: address.parse().unwrap(),
            port: 0,
            any_port: true,
            stop_when_closed: false,
            device: Device::cpu().threads(1),
            memory: Some(MEMORY),
            data: vec!["points".into()],
            class: None,
            models: Vec::new(),
            studies: Vec::new(),
            earlier: Vec::new(),
        };
        let stop = Arc::<AtomicBool>::default();
        let (asked, (sender, ready)) = (stop.clone(), mpsc::channel());
        let thread = thread::spawn(move || {
            let ready = |all: &Addresses| sender.send(all.page.clone()).unwrap();
            reshet_page::serve(&options, Box::new(Points), ready, || asked.load(Relaxed)).unwrap()
        });
        let told = ready.recv_timeout(Duration::from_secs(60)).unwrap();
        let told = told.strip_prefix("http://").unwrap();
        let (address, rest) = told.split_once('/').unwrap();
        let token = rest.strip_prefix("?token=").map(String::from);
        let address: SocketAddr = address.parse().unwrap();
        let port = address.port();
        Self { address: ([127, 0, 0, 1], port).into(), token, stop, thread: Some(thread) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends bytes and reads until the server has no more to say.
    fn raw(&self, bytes: &[u8]) -> (u16, String) {
        let mut stream = self.connect();
        // The server may answer and close before all of it is sent.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or(0), answer)
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> (u16, Value) {
        let host = self.address;
        let length = body.len();
        let (status, answer) = self.raw(
            format!(
                "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
                 Content-Length: {length}\r\n{headers}\r\n{body}"
            )
            .as_bytes(),
        );
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, "", "")
    }

    fn post(&self, path: &str, body: &str) -> (u16, Value) {
        self.ask("POST", path, "Content-Type: application/json\r\n", body)
    }

    fn stop(mut self) -> bool {
        self.stop.store(true, Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

fn reason(answer: &(u16, Value)) -> &str {
    answer.1["error"]["reason"].as_str().unwrap_or_default()
}

#[test]
fn bad_requests_are_refused_in_json() {
    let server = Server::start("127.0.0.1");
    for (method, path, body, status, says) in [
        ("GET", "/nowhere", "", 404, "nothing at this address"),
        ("GET", "/assets/../Cargo.toml", "", 404, ""),
        ("PUT", "/api/runs", "{}", 405, "docs/api.md"),
        ("GET", "/api/runs/1", "", 404, "no run 1"),
        ("GET", "/api/runs/-1/snapshots", "", 404, "no run -1"),
        ("POST", "/api/plan", "{", 400, "EOF"),
        ("POST", "/api/plan", "{}", 422, "which data"),
        ("POST", "/api/plan", r#"{"data":"nope"}"#, 422, "no data is called"),
        ("POST", "/api/plan", r#"{"data":"points","colour":1}"#, 400, "unknown field `colour`"),
        ("POST", "/api/plan", "[[[[", 400, "the body"),
        ("POST", "/api/runs", r#"{"data":"points","pace":-1}"#, 400, "pace"),
        ("POST", "/api/runs", r#"{"data":"points","pace":"fast"}"#, 400, "the body"),
        ("POST", "/api/predict", r#"{"values":[1,2]}"#, 404, "no model yet"),
        ("GET", "/api/data/points/pictures?rows=1", "", 400, "no pictures"),
        ("GET", "/api/data/points/pictures?part=test", "", 400, "rows"),
    ] {
        let answer = server.ask(method, path, "Content-Type: application/json\r\n", body);
        assert_eq!(answer.0, status, "{method} {path} {body}: {answer:?}");
        assert_eq!(answer.1["error"]["status"], status, "{method} {path}: {answer:?}");
        assert!(reason(&answer).contains(says), "{method} {path}: {answer:?}");
    }
    let answer = server.ask("POST", "/api/plan", "Content-Type: text/plain\r\n", "{}");
    assert!(answer.0 == 415 && reason(&answer).contains("application/json"), "{answer:?}");
    // No body at all where one is needed, and one that never ends its JSON.
    assert_eq!(server.post("/api/plan", "").0, 400);
    assert_eq!(server.post("/api/plan", &"[".repeat(1 << 20)).0, 400);
    assert_eq!(server.get("/api/state").0, 200);
}

#[test]
fn other_hosts_and_sites_are_kept_out() {
    let server = Server::start("127.0.0.1");
    let port = server.address.port();
    for (head, status) in [
        (format!("Host: 127.0.0.1:{port}"), 200),
        (format!("Host: localhost:{port}\r\nOrigin: http://localhost:{port}"), 200),
        ("Host: evil.example".into(), 403),
        (format!("Host: evil.example:{port}"), 403),
        (format!("Host: 127.0.0.1:{port}\r\nHost: evil.example"), 403),
        (format!("Host: 127.0.0.1:{port}\r\nOrigin: http://evil.example"), 403),
        (format!("Host: 127.0.0.1:{port}\r\nOrigin: null"), 403),
        ("X-No-Host: 1".into(), 403),
    ] {
        let request = format!("GET /api/state HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n");
        let (got, answer) = server.raw(request.as_bytes());
        assert_eq!(got, status, "{head}: {answer}");
    }
    // A request for another server, as through a proxy.
    let request = "GET http://evil.example/api/state HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert_eq!(server.raw(request.as_bytes()).0, 403);
}

#[test]
fn what_is_no_request_gets_no_more_than_an_error() {
    let server = Server::start("127.0.0.1");
    let host = server.address;
    for bytes in [
        b"\0\0\0\0".to_vec(),
        b"GET".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        format!("POST /api/plan HTTP/1.1\r\nHost: {host}\r\nContent-Length: x\r\n\r\n").into(),
        format!("GET /{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "a".repeat(1 << 20)).into(),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nA: {}\r\n\r\n", "a".repeat(1 << 20)).into(),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\n{}\r\n", "A: b\r\n".repeat(10_000)).into(),
    ] {
        let mut stream = server.connect();
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        let start = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{start:?}: {answer}");
    }
    assert_eq!(server.get("/api/state").0, 200);
}

#[test]
fn bodies_are_limited_whatever_they_say_of_their_size() {
    let server = Server::start("127.0.0.1");
    let host = server.address;
    let json = "Content-Type: application/json\r\n";
    let head = |path: &str, rest: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{json}{rest}\r\n\r\n")
    };
    // Said to be enormous, and nothing of it sent.
    let claim = head("/api/plan", "Content-Length: 99999999999999");
    let (status, answer) = server.raw(claim.as_bytes());
    assert!(status == 413 && answer.contains("too large"), "{answer}");
    // Sent in pieces that never say how much is to come.
    let mut stream = server.connect();
    stream.write_all(head("/api/plan", "Transfer-Encoding: chunked").as_bytes()).unwrap();
    let piece = format!("100000\r\n{}\r\n", " ".repeat(1 << 20));
    let sent = (0..64).take_while(|_| stream.write_all(piece.as_bytes()).is_ok()).count();
    let mut answer = [0; 12];
    let answered = stream.read(&mut answer).unwrap_or(0);
    assert!(sent < 64 && (answered == 0 || &answer == b"HTTP/1.1 413"), "{sent} {answer:?}");
    // Tables may be larger, but no table is what is in them.
    let answer = server.post("/api/data?name=x.csv", &"a,b\n".repeat(1 << 22));
    assert_eq!(answer.0, 422, "{answer:?}");
    assert!(!reason(&answer).contains("/tmp"), "{answer:?}");
    let big = head("/api/data?name=x.csv", &format!("Content-Length: {}", (64 << 20) + 1));
    assert_eq!(server.raw(big.as_bytes()).0, 413);
}

#[test]
fn half_open_connections_are_closed_and_hinder_nobody() {
    let server = Server::start("127.0.0.1");
    let host = server.address;
    let mut half: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    for (i, stream) in half.iter_mut().enumerate() {
        // Nothing, a word, a head without its end, a body that does not come.
        let sent = match i % 4 {
            0 => String::new(),
            1 => "GE".into(),
            2 => format!("GET /api/state HTTP/1.1\r\nHost: {host}\r\n"),
            _ => "\r\n".into(),
        };
        stream.write_all(sent.as_bytes()).unwrap();
    }
    assert_eq!(server.get("/api/state").0, 200);
    for (i, stream) in half.iter_mut().enumerate() {
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        assert!(
            ended.is_ok() || ended.is_err_and(|e| e.kind() != std::io::ErrorKind::WouldBlock),
            "connection {i} is still open"
        );
    }
}

#[test]
fn two_hundred_clients_at_once_and_a_training() {
    let server = Server::start("127.0.0.1");
    let started = server.post("/api/runs", r#"{"data":"points","epochs":1000000}"#);
    assert_eq!(started.0, 201, "{started:?}");
    // Pages that listen, of which half never read what they are sent.
    let host = server.address;
    let events = format!("GET /api/events HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let mut pages: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    pages.iter_mut().for_each(|page| page.write_all(events.as_bytes()).unwrap());
    thread::scope(|s| {
        let clients: Vec<_> = (0..200)
            .map(|i| {
                let server = &server;
                s.spawn(move || match i % 4 {
                    0 => server.get("/api/state").0,
                    1 => server.get("/api/runs/1").0,
                    2 => server.get("/api/runs/1/mistakes").0,
                    _ => server.post("/api/predict", r#"{"values":[0.5,0.25]}"#).0,
                })
            })
            .collect();
        for client in clients {
            assert_eq!(client.join().unwrap(), 200);
        }
    });
    for page in pages.iter_mut().step_by(2) {
        let mut told = [0; 4096];
        let n = page.read(&mut told).unwrap();
        let text = String::from_utf8_lossy(&told[..n]);
        assert!(text.contains("text/event-stream") || text.contains("event: "), "{text}");
    }
    let step = |server: &Server| server.get("/api/runs/1").1["step"].as_u64().unwrap();
    let before = step(&server);
    thread::sleep(Duration::from_millis(200));
    assert!(step(&server) > before, "it trains no more");
    assert_eq!(server.post("/api/runs", r#"{"data":"points"}"#).0, 409);
    let stopped = server.post("/api/runs/1/control", r#"{"do":"stop"}"#);
    assert_eq!((stopped.0, &stopped.1["state"]), (200, &"stopped".into()), "{stopped:?}");
    assert_eq!(stopped.1["saved"], "kept");
    assert_eq!(server.post("/api/runs/1/control", r#"{"do":"resume"}"#).0, 409);
}

#[test]
fn a_run_is_paused_stepped_by_stages_and_asked_on_its_way() {
    let server = Server::start("127.0.0.1");
    let run = server.post("/api/runs", r#"{"data":"points","paused":true}"#).1;
    assert_eq!((&run["state"], &run["step"]), (&"paused".into(), &0.into()), "{run}");
    let act = |what: &str| server.post("/api/runs/1/control", &format!(r#"{{"do":"{what}"}}"#)).1;
    for (stage, step, after) in
        [("forward", 0, "forward"), ("backward", 0, "backward"), ("update", 1, "")]
    {
        let run = act("stage");
        assert_eq!(run["stage_report"]["stage"], stage, "{run}");
        assert_eq!(run["step"], step);
        assert_eq!(run["stage"].as_str().unwrap_or_default(), after);
    }
    let run = act("step");
    let change = &run["stage_report"]["changes"][0];
    assert_eq!(run["step"], 2);
    assert!(change["before"] != change["after"] && change["gradient"] != 0.0, "{run}");
    let run = server.post("/api/runs/1/control", r#"{"lr":0.5,"pace":1000}"#).1;
    assert_eq!((&run["lr"], &run["pace"]), (&0.5.into(), &1000.0.into()));
    let answer = server.post("/api/runs/1/predict", r#"{"values":[0.5,-0.5]}"#);
    assert!(answer.1["probabilities"]["above"].is_number(), "{answer:?}");
    assert_eq!(answer.1["layers"][0]["values"].as_array().unwrap().len(), 8);
    for body in [
        r#"{"values":[1]}"#,
        r#"{"row":{"a":1}}"#,
        "{}",
        r#"{"drawing":{"width":2,"height":2,"pixels":"AAAA"}}"#,
    ] {
        assert_eq!(server.post("/api/runs/1/predict", body).0, 422, "{body}");
    }
    let trace = server.get("/api/runs/1/trace?row=3").1;
    assert!(trace["right"].is_boolean() && trace["truth"].is_string(), "{trace}");
    assert_eq!(server.get("/api/runs/1/trace?row=1000000").0, 422);
    assert_eq!(server.get("/api/runs/1/parameters?name=0.weigth").0, 404);
    assert_eq!(server.ask("DELETE", "/api/runs/1", "", "").0, 409);
    act("resume");
    // 300 steps at a thousand a second.
    let done = (0..600).any(|_| {
        thread::sleep(Duration::from_millis(20));
        server.get("/api/runs/1").1["state"] == "done"
    });
    let run = server.get("/api/runs/1").1;
    assert!(done, "{run}");
    assert_eq!((&run["step"], &run["test"]["step"]), (&300.into(), &300.into()));
    assert!(run["curves"]["loss"].as_array().unwrap().len() == 300, "{run}");
    let steps = server.get("/api/runs/1/snapshots").1["steps"].as_array().unwrap().clone();
    assert!(steps[0] == 0 && steps[steps.len() - 1] == 300, "{steps:?}");
    assert_eq!(server.get("/api/runs/1/trace?row=3&step=1").1["step"], 1);
    assert_eq!(server.ask("DELETE", "/api/runs/1", "", "").0, 204);
    assert_eq!(server.get("/api/runs").1, Value::Array(Vec::new()));
    assert!(!server.stop(), "nothing was interrupted");
}

#[test]
fn ending_saves_what_trains_and_lets_the_pages_go() {
    let server = Server::start("127.0.0.1");
    assert_eq!(server.post("/api/runs", r#"{"data":"points","epochs":1000000}"#).0, 201);
    let mut page = server.connect();
    let host = server.address;
    write!(page, "GET /api/events HTTP/1.1\r\nHost: {host}\r\n\r\n").unwrap();
    thread::sleep(Duration::from_millis(100));
    assert!(server.stop(), "the training was interrupted");
    let mut told = String::new();
    page.read_to_string(&mut told).unwrap();
    assert!(told.contains(r#""saved":"kept""#) && told.contains("event: end"), "{told}");
}

#[test]
fn other_machines_need_the_token() {
    let server = Server::start("0.0.0.0");
    let token = server.token.clone().unwrap();
    let refused = server.get("/");
    assert!(refused.0 == 401 && reason(&refused).contains("token"), "{refused:?}");
    assert_eq!(server.get("/api/state").0, 401);
    assert_eq!(server.get(&format!("/api/state?token={token}")).0, 200);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(server.ask("GET", "/api/state", &bearer, "").0, 200);
    let host = server.address;
    let (_, page) = server.raw(
        format!("GET /?token={token} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
            .as_bytes(),
    );
    let cookie = page.lines().find_map(|line| line.strip_prefix("set-cookie: ")).unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert_eq!(server.ask("GET", "/api/state", &cookie, "").0, 200);
}

#[test]
fn the_page_speaks_the_browsers_language() {
    let server = Server::start("127.0.0.1");
    let host = server.address;
    let page = |head: &str| {
        server.raw(format!("GET /{head}\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).1
    };
    for (head, lang) in [
        (" HTTP/1.1\r\nAccept-Language: he-IL,he;q=0.9,en;q=0.8", "he"),
        (" HTTP/1.1\r\nAccept-Language: de,en;q=0.8", "en"),
        ("?lang=he HTTP/1.1", "he"),
        (" HTTP/1.1\r\nCookie: lang=he\r\nAccept-Language: en", "he"),
    ] {
        let page = page(head);
        let direction = if lang == "he" { "rtl" } else { "ltr" };
        let tag = format!("<html lang=\"{lang}\" dir=\"{direction}\"");
        assert!(page.contains(&tag), "{head}: {}", &page[..page.len().min(900)]);
        assert!(page.to_lowercase().contains("content-security-policy: default-src 'self'"));
    }
}

#[test]
fn a_panic_fails_the_run_and_the_server_goes_on() {
    let server = Server::start("127.0.0.1");
    let started = server.post("/api/runs", r#"{"data":"points","seed":13,"epochs":1}"#);
    assert_eq!(started.0, 201, "{started:?}");
    let ended = (0..600).find_map(|_| {
        thread::sleep(Duration::from_millis(20));
        let run = server.get("/api/runs/1").1;
        (run["state"] != "running").then_some(run)
    });
    let run = ended.expect("the run ends");
    assert_eq!(run["state"], "failed", "{run}");
    assert!(run["reason"].as_str().unwrap().contains("this run cannot be saved"), "{run}");
    assert_eq!(run["reason_told"]["kind"], "not_saved");
    assert_eq!(server.post("/api/runs/1/control", r#"{"do":"stop"}"#).0, 409);
    assert_eq!(server.get("/api/runs/1/trace?row=3").0, 200);
    let started = server.post("/api/runs", r#"{"data":"points","epochs":1}"#);
    assert_eq!((started.0, &started.1["id"]), (201, &"2".into()), "{started:?}");
}

#[test]
fn extreme_sizes_are_refused_and_nothing_overflows() {
    let server = Server::start("127.0.0.1");
    let most = u64::MAX;
    for (body, kind) in [
        (format!(r#"{{"data":"points","epochs":{most}}}"#), "too_many_steps"),
        (format!(r#"{{"data":"points","epochs":{}}}"#, most / 100 + 1), "too_many_steps"),
        (format!(r#"{{"data":"points","hidden":[{{"width":{most}}}]}}"#), "network_too_large"),
        (
            format!(r#"{{"data":"points","hidden":[{{"width":{most}}},{{"width":{most}}}]}}"#),
            "network_too_large",
        ),
    ] {
        for path in ["/api/plan", "/api/runs"] {
            let answer = server.post(path, &body);
            assert_eq!(answer.0, 422, "{body}: {answer:?}");
            assert_eq!(answer.1["error"]["told"]["kind"], kind, "{body}: {answer:?}");
        }
    }
    let batch = format!(r#"{{"data":"points","batch_size":{most},"epochs":{most}}}"#);
    let zero = r#"{"data":"points","batch_size":0,"epochs":0}"#;
    for body in [&batch, zero] {
        assert!([200, 422].contains(&server.post("/api/plan", body).0), "{body}");
    }
    for path in [
        format!("/api/data/points/pictures?rows={most}"),
        format!("/api/studies/{most}"),
        format!("/api/runs/{most}"),
    ] {
        assert!((400..500).contains(&server.get(&path).0), "{path}");
    }
    let drawing = format!(r#"{{"drawing":{{"width":{most},"height":{most},"pixels":""}}}}"#);
    assert!((400..500).contains(&server.post("/api/predict", &drawing).0));
    assert_eq!(server.get("/api/state").0, 200);
}

#[test]
fn the_memory_has_a_bound_that_is_stated_and_kept() {
    let server = Server::start("127.0.0.1");
    let memory = server.get("/api/state").1["memory"].clone();
    assert_eq!(memory["limit"], MEMORY);
    assert!(memory["held"].as_u64().unwrap() > 0, "{memory}");
    let upload = |name: &str, bytes: &[u8]| {
        let (host, length) = (server.address, bytes.len());
        let head = format!(
            "POST /api/data?name={name} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        let (status, answer) = server.raw(&[head.as_bytes(), bytes].concat());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status, serde_json::from_str::<Value>(body).unwrap_or_default())
    };
    // A few hundred kilobytes that are 100 MB of text.
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let piece = b"1,2,3,4\n".repeat(125_000);
    (0..100).for_each(|_| packer.write_all(&piece).unwrap());
    let bomb = packer.finish().unwrap();
    assert!(bomb.len() < 2 << 20, "{}", bomb.len());
    for name in ["x.csv.gz", "x.csv"] {
        let answer = upload(name, &bomb);
        assert_eq!(answer.0, 422, "{answer:?}");
        assert_eq!(answer.1["error"]["told"]["kind"], "no_room_for_table", "{answer:?}");
    }
    // What is not documented is not taken, whatever it is called.
    for (name, bytes) in [("x.xlsx", &b"PK\x03\x04"[..]), ("x.npy", b"\x93NUMPY")] {
        let answer = upload(name, bytes);
        assert_eq!((answer.0, &answer.1["error"]["told"]["kind"]), (415, &"not_a_table".into()));
    }
    assert_eq!(upload("x.csv", b"PK\x03\x04").1["error"]["told"]["kind"], "not_a_table");
    // Many runs leave no more in memory than one.
    let held = || server.get("/api/state").1["memory"]["held"].as_u64().unwrap();
    for _ in 0..6 {
        let body = r#"{"data":"points","epochs":1}"#;
        assert_eq!(server.post("/api/runs?replace=true", body).0, 201);
    }
    assert!(held() <= MEMORY, "{}", held());
}
