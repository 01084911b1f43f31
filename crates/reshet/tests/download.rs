//! Fetching from mirrors that work, fail, lie and break off: small servers
//! on this machine, each in a thread of its own.
#![cfg(feature = "download")]

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant, SystemTime},
};

use flate2::{Compression, write::GzEncoder};
use reshet::{
    Error,
    data::download::{Progress, Remote, RemoteFile},
};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// A server that lives as long as the test process.
struct Mirror {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Mirror {
    /// Every connection carries one request; `answer` gets its path and how
    /// many came before it.
    fn new(answer: impl Fn(&str, usize, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/set", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(request)) = lines.next() else { continue };
                while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                let path = request.split(' ').nth(1).unwrap().to_owned();
                let before = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(path.clone());
                    seen.len() - 1
                };
                answer(&path, before, &mut stream);
            }
        });
        Self { url, requests }
    }

    /// Answers every request with these bytes.
    fn always(body: Vec<u8>) -> Self {
        Self::new(move |_, _, stream| send(stream, &body, body.len()))
    }

    fn status(status: &'static str) -> Self {
        Self::new(move |_, _, stream| {
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .unwrap();
        })
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// An answer that announces `length` bytes and then has `body`.
fn send(stream: &mut TcpStream, body: &[u8], length: usize) {
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
        .unwrap();
    // A client that has seen enough hangs up; that is its right.
    let _ = stream.write_all(body);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that gzip cannot make much smaller.
fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(step).collect()
}

fn remote(files: &[(&str, &[u8])], mirrors: &[&str]) -> Remote {
    let file = |(name, bytes): &(&str, &[u8])| RemoteFile {
        name: (*name).to_owned(),
        sha256: sha256(bytes),
    };
    Remote::new(
        files.iter().map(file).collect(),
        mirrors.iter().map(|&mirror| mirror.to_owned()).collect(),
    )
}

fn fetch(remote: &Remote, folder: &Path) -> Result<(), Error> {
    remote.fetch(folder, &mut |_| {})
}

/// The message of a fetch that no mirror could serve.
fn failure(remote: &Remote, folder: &Path) -> String {
    match fetch(remote, folder) {
        Err(Error::Download(message)) => message,
        other => panic!("expected a failed download, got {other:?}"),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn files_arrive_unpacked_with_progress() {
    let (a, b) = (noise(200_000, 1), b"two".to_vec());
    let (packed_a, packed_b) = (gzip(&a), gzip(&b));
    let sizes = [packed_a.len() as u64, packed_b.len() as u64];
    let mirror = Mirror::new(move |path, _, stream| {
        let body = if path == "/set/a.gz" { &packed_a } else { &packed_b };
        send(stream, body, body.len());
    });
    let folder = folder();
    let target = folder.path().join("made/on/the/way");
    // A slash at the end of an address changes nothing.
    let remote = remote(&[("a", &a), ("b", &b)], &[&format!("{}/", mirror.url)]);

    let mut last = [None; 2];
    let mut report = |at: &Progress| {
        assert_eq!((at.file, at.files), (["a", "b"][at.index], 2));
        assert_eq!(at.total, Some(sizes[at.index]));
        assert!(last[at.index].is_none_or(|before| before < at.received));
        assert!((0.0..=1.0).contains(&at.fraction().unwrap()));
        last[at.index] = Some(at.received);
    };
    remote.fetch(&target, &mut report).unwrap();

    assert_eq!(last, sizes.map(Some));
    assert_eq!(fs::read(target.join("a")).unwrap(), a);
    assert_eq!(fs::read(target.join("b")).unwrap(), b);
    assert_eq!(names(&target), ["a", "b"]);
    assert_eq!(mirror.requests(), ["/set/a.gz", "/set/b.gz"]);
}

#[test]
fn the_size_may_be_unknown() {
    let bytes = noise(50_000, 2);
    let packed = gzip(&bytes);
    let mirror = Mirror::new(move |_, _, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").unwrap();
        stream.write_all(&packed).unwrap();
    });
    let folder = folder();
    let mut calls = 0;
    let mut report = |at: &Progress| {
        calls += 1;
        assert_eq!((at.total, at.fraction()), (None, None));
    };
    remote(&[("a", &bytes)], &[&mirror.url]).fetch(folder.path(), &mut report).unwrap();
    assert!(calls > 1);
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), bytes);
}

#[test]
fn the_second_mirror_helps_out_and_is_then_asked_first() {
    let missing = Mirror::status("404 Not Found");
    let good = Mirror::always(gzip(b"digits"));
    let folder = folder();
    let files: [(&str, &[u8]); 2] = [("a", b"digits"), ("b", b"digits")];
    fetch(&remote(&files, &[&missing.url, &good.url]), folder.path()).unwrap();
    assert_eq!(names(folder.path()), ["a", "b"]);
    assert_eq!(missing.requests(), ["/set/a.gz"]);
    assert_eq!(good.requests(), ["/set/a.gz", "/set/b.gz"]);
}

#[test]
fn another_file_under_the_name_is_refused() {
    let wrong = Mirror::always(gzip(b"something else"));
    let good = Mirror::always(gzip(b"digits"));
    let folder = folder();
    fetch(&remote(&[("a", b"digits")], &[&wrong.url, &good.url]), folder.path()).unwrap();
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"digits");
    assert_eq!(wrong.requests().len(), 1);
}

#[test]
fn when_all_fail_each_is_named_with_its_reason() {
    let digits = noise(100_000, 3);
    let packed = gzip(&digits);
    let half = packed[..packed.len() / 2].to_vec();
    let (announced, sent) = (packed.len(), half.len());

    let missing = Mirror::status("404 Not Found");
    let wrong = Mirror::always(gzip(b"something else"));
    let short = Mirror::always(half.clone());
    let broken = Mirror::new(move |_, _, stream| send(stream, &half, announced));
    let page = Mirror::always(b"<html>Please log in to the wireless network</html>".to_vec());
    let empty = Mirror::always(Vec::new());
    let mute = Mirror::new(|_, _, _| {});
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let reasons = [
        (&missing.url, "HTTP status 404".to_owned()),
        (&wrong.url, format!("SHA-256 {}, expected", sha256(b"something else"))),
        (&short.url, "the gzip data is cut short".into()),
        (&broken.url, format!("broke off after {sent} of {announced} bytes")),
        (&page.url, "not a valid gzip file".into()),
        (&empty.url, "the gzip data is cut short".into()),
        (&mute.url, "isconnected".into()),
        (&closed, "refused".into()),
    ];
    let mirrors: Vec<_> = reasons.iter().map(|(url, _)| url.as_str()).collect();
    let folder = folder();
    let message = failure(&remote(&[("a", &digits), ("b", b"b")], &mirrors), folder.path());

    for (url, reason) in &reasons {
        let line = message.lines().find(|line| line.contains(url.as_str())).unwrap();
        assert!(line.contains(reason), "{line:?} lacks {reason:?}");
    }
    assert!(message.starts_with("no mirror has a:\n"), "{message}");
    let advice = message.lines().last().unwrap();
    assert!(advice.starts_with("check the connection"), "{advice}");
    assert!(advice.contains("get a, b by other means"), "{advice}");
    assert!(advice.contains(&folder.path().display().to_string()), "{advice}");
    assert!(names(folder.path()).is_empty(), "nothing half done stays");
}

#[test]
fn after_a_broken_connection_the_next_fetch_goes_on() {
    let (a, b) = (b"first".to_vec(), noise(100_000, 4));
    let (packed_a, packed_b) = (gzip(&a), gzip(&b));
    let mirror = Mirror::new(move |path, before, stream| match path {
        "/set/a.gz" => send(stream, &packed_a, packed_a.len()),
        _ if before == 1 => send(stream, &packed_b[..packed_b.len() / 2], packed_b.len()),
        _ => send(stream, &packed_b, packed_b.len()),
    });
    let folder = folder();
    let remote = remote(&[("a", &a), ("b", &b)], &[&mirror.url]);
    failure(&remote, folder.path());
    assert_eq!(names(folder.path()), ["a"]);
    fetch(&remote, folder.path()).unwrap();
    assert_eq!(fs::read(folder.path().join("b")).unwrap(), b);
    assert_eq!(names(folder.path()), ["a", "b"]);
    assert_eq!(mirror.requests(), ["/set/a.gz", "/set/b.gz", "/set/b.gz"]);
}

#[test]
fn what_is_there_is_not_asked_for() {
    let mirror = Mirror::status("500 Internal Server Error");
    let folder = folder();
    fs::write(folder.path().join("a"), b"digits").unwrap();
    let mut remote = remote(&[("a", b"digits")], &[&mirror.url]);
    remote.files[0].sha256.make_ascii_uppercase();
    remote.fetch(folder.path(), &mut |_| panic!("nothing to report")).unwrap();
    assert!(mirror.requests().is_empty());
}

#[test]
fn a_corrupt_file_is_replaced_but_only_by_a_good_one() {
    let mirror = Mirror::new(|_, before, stream| {
        let body = gzip(if before == 0 { b"Digits" } else { b"digits" });
        send(stream, &body, body.len());
    });
    let folder = folder();
    let path = folder.path().join("a");
    fs::write(&path, b"digitz").unwrap();
    let remote = remote(&[("a", b"digits")], &[&mirror.url]);
    failure(&remote, folder.path());
    assert_eq!(fs::read(&path).unwrap(), b"digitz");
    fetch(&remote, folder.path()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"digits");
}

#[test]
fn too_much_is_refused() {
    // A thousand times smaller packed than unpacked.
    let bytes = vec![0; 8 << 20];
    let bomb = Mirror::always(gzip(&bytes));
    // Announced as too large: refused before it is read.
    let large = Mirror::new(|_, _, stream| send(stream, &gzip(b"x"), 1 << 40));
    // Empty blocks without end: much is received, nothing ever unpacked.
    let endless = Mirror::new(|_, _, stream| {
        let mut answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        answer.extend([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
        let blocks = [0, 0, 0, 255, 255].repeat(1000);
        let _ = stream.write_all(&answer);
        while stream.write_all(&blocks).is_ok() {}
    });
    let folder = folder();
    for mirror in [bomb, large, endless] {
        let mut remote = remote(&[("a", &bytes)], &[&mirror.url]);
        remote.limit = 1 << 20;
        let message = failure(&remote, folder.path());
        assert!(message.contains("more than 1048576 bytes"), "{message}");
        assert!(names(folder.path()).is_empty());
    }
}

#[test]
fn a_silent_mirror_is_given_up() {
    let stalled = Mirror::new(|_, _, stream| {
        send(stream, &gzip(b"digits")[..5], 1000);
        thread::sleep(Duration::from_secs(30));
    });
    let folder = folder();
    let mut remote = remote(&[("a", b"digits")], &[&stalled.url]);
    remote.patience = Duration::from_millis(250);
    let start = Instant::now();
    let message = failure(&remote, folder.path());
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(message.contains("no answer for 250ms"), "{message}");
}

#[test]
fn a_folder_that_cannot_be_is_no_mirrors_fault() {
    let mirror = Mirror::always(gzip(b"digits"));
    let folder = folder();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    // Not by permissions: the tests may run as root.
    let error = fetch(&remote(&[("a", b"digits")], &[&mirror.url]), &file.join("b")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    assert!(error.to_string().contains("file"), "{error}");

    fs::create_dir(folder.path().join("a")).unwrap();
    let error = fetch(&remote(&[("a", b"digits")], &[&mirror.url]), folder.path()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
    assert!(mirror.requests().is_empty());
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    let mirror = Mirror::always(gzip(b"digits"));
    let folder = folder();
    let error = fetch(&remote(&[("../a", b"digits")], &[&mirror.url]), folder.path()).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
    assert!(mirror.requests().is_empty());
}

#[test]
fn leftovers_of_stopped_processes_go_away() {
    let mirror = Mirror::always(gzip(b"digits"));
    let folder = folder();
    // The first two are hours old; the third may be a fetch in progress.
    for (name, hours) in [(".a-x1.part", 5), ("other.part", 5), (".a-x2.part", 0)] {
        let file = File::create(folder.path().join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
    }
    fetch(&remote(&[("a", b"digits")], &[&mirror.url]), folder.path()).unwrap();
    assert_eq!(names(folder.path()), [".a-x2.part", "a", "other.part"]);
}

#[test]
fn two_fetches_at_once_do_not_disturb_each_other() {
    let bytes = noise(300_000, 5);
    let packed = gzip(&bytes);
    let folder = folder();
    thread::scope(|scope| {
        for _ in 0..2 {
            let mirror = Mirror::always(packed.clone());
            let remote = remote(&[("a", &bytes)], &[&mirror.url]);
            scope.spawn({
                let path = folder.path();
                move || fetch(&remote, path).unwrap()
            });
        }
    });
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), bytes);
    assert_eq!(names(folder.path()), ["a"]);
}

#[test]
fn mnist_is_four_files_from_two_mirrors() {
    let mnist = Remote::mnist();
    assert_eq!((mnist.files.len(), mnist.mirrors.len()), (4, 2));
    for file in &mnist.files {
        assert!(file.name.ends_with("-ubyte"));
        assert!(file.sha256.len() == 64 && file.sha256.bytes().all(|b| b.is_ascii_hexdigit()));
    }
    assert!(mnist.mirrors.iter().all(|mirror| mirror.starts_with("http://")));
}

#[test]
#[cfg(unix)]
fn others_may_read_what_was_fetched() {
    use std::os::unix::fs::PermissionsExt;
    let mirror = Mirror::always(gzip(b"digits"));
    let folder = folder();
    fetch(&remote(&[("a", b"digits")], &[&mirror.url]), folder.path()).unwrap();
    File::create(folder.path().join("any")).unwrap();
    let mode = |name| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("a"), mode("any"));
}
