//! What the fuzz targets of the program read: see `fuzz/README.md`. The tests replay the
//! committed corpus with the same functions.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::{LazyLock, mpsc},
    thread,
    time::Duration,
};

use reshet::{Device, Error, files::sums};
use reshet_page::{Host, Keeper, Lesson, Loaded, Spec};

use crate::{
    commands::tune,
    run::{loss_curves::LossCurves, record::Record},
    settings::config,
};

/// Files for a reader: in memory, where there is such a place.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let shm = Path::new("/dev/shm");
    let base = if shm.is_dir() { shm.into() } else { std::env::temp_dir() };
    let folder = base.join(format!("reshet-fuzzed-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the files");
    folder
});

/// A folder in which there is this file, and where it is.
fn file(folder: &str, name: &str, bytes: &[u8]) -> (PathBuf, PathBuf) {
    let folder = FOLDER.join(folder);
    fs::create_dir_all(&folder).expect("room for the folder");
    let path = folder.join(name);
    fs::write(&path, bytes).expect("room for the file");
    (folder, path)
}

/// `config.toml`: what can be read is written, and read again as the same.
pub fn config(bytes: &[u8]) {
    let (_, path) = file("config", "config.toml", bytes);
    match config::load(&path) {
        Ok(mut settings) => {
            // A run writes what it decided: without it, the file is one of version 0.1.
            let scaling = settings.scaling();
            settings.scaling.get_or_insert(scaling);
            let written = toml::to_string_pretty(&settings).expect("it was read");
            fs::write(&path, &written).expect("room for the file");
            let again = config::load(&path).expect("it was written");
            assert_eq!(toml::to_string_pretty(&again).expect("it was read"), written);
        }
        Err(Error::Data(_) | Error::Invalid(_)) => {}
        Err(other) => panic!("{other:?}"),
    }
}

/// `study.toml`, beside a journal of one line.
pub fn study(bytes: &[u8]) {
    let (folder, _) = file("study", "study.toml", bytes);
    file("study", "journal.jsonl", &sealed(RECORD.as_bytes()));
    let _ = tune::study(&folder);
}

const RECORD: &str = r#"{"trial":0,"rung":0,"epochs":1,"parameters":25,"loss":0.5,"measure":0.5,"hidden":[4],"activation":"relu","lr":0.01,"batch-size":32,"weight-decay":0.1,"dropout":0.0,"schedule":"constant"}"#;
const STUDY: &str = include_str!("../../../fuzz/seeds/study/whole");

/// `journal.jsonl`, as it is and with right checksums, in a study that asks something.
pub fn journal(bytes: &[u8]) {
    let (folder, _) = file("journal", "study.toml", STUDY.as_bytes());
    for bytes in [bytes, &sealed(bytes)] {
        file("journal", "journal.jsonl", bytes);
        let _ = tune::study(&folder);
    }
}

/// `log.jsonl`, and the curves drawn from it.
pub fn log(bytes: &[u8]) {
    for bytes in [bytes, &sealed(bytes)] {
        let (_, path) = file("log", "log.jsonl", bytes);
        let Ok(curves) = LossCurves::read(&path) else { continue };
        let _ = curves.losses();
        if let Some(chart) = curves.chart("loss") {
            let _ = chart.text(80, true);
        }
    }
}

/// `report.json`, as `reshet runs` shows it.
pub fn report(bytes: &[u8]) {
    let (folder, _) = file("report", "report.json", bytes);
    let record = Record::read(&folder);
    let _ = (record.question(), record.score(), record.json(), record.report.rank());
}

/// The lines of a text with right checksums; what is no object is left out.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let objects = text.split('\n').filter(|line| line.ends_with('}'));
    let bare = objects.map(|line| match line.rfind(",\"crc\":\"") {
        Some(at) if sums::check(line) != sums::Seal::None => format!("{}}}", &line[..at]),
        _ => line.into(),
    });
    bare.map(|line| sums::sealed(&line) + "\n").collect::<String>().into()
}

/// A program behind the page that has no data.
struct Nothing;

impl Nothing {
    fn none<T>(&self) -> reshet::Result<T> {
        Err(Error::Data("there is nothing here".into()))
    }
}

impl Host for Nothing {
    fn lesson(&self, _: &Spec) -> reshet::Result<Lesson> {
        self.none()
    }

    fn keeper(&self, _: &Lesson) -> reshet::Result<Box<dyn Keeper>> {
        self.none()
    }

    fn load(&self, _: &Path) -> reshet::Result<Loaded> {
        self.none()
    }

    fn study(&self, _: &Path) -> reshet::Result<serde_json::Value> {
        self.none()
    }
}

/// The page's server, until the process ends.
static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
    let (sender, ready) = mpsc::channel();
    thread::spawn(move || {
        let options = reshet_page::Options {
            address: [127, 0, 0, 1].into(),
            port: 0,
            any_port: true,
            stop_when_closed: false,
            device: Device::cpu().threads(1),
            memory: Some(64 << 20),
            data: Vec::new(),
            class: None,
            models: Vec::new(),
            studies: Vec::new(),
            earlier: Vec::new(),
        };
        let ready = |addresses: &reshet_page::Addresses| {
            let address = &*addresses.page;
            let bare = address.trim_start_matches("http://").trim_end_matches('/');
            let _ = sender.send(bare.parse().expect("an address"));
        };
        reshet_page::serve(&options, Box::new(Nothing), ready, || false).expect("a server")
    });
    ready.recv().expect("a server")
});

/// A request to the page. Bytes that begin with a zero are sent as they are, all others have
/// the parts that no request is let in without: their first line is `METHOD PATH`, then come
/// headers, and behind an empty line the body.
pub fn http(bytes: &[u8]) {
    let request = match bytes.strip_prefix(&[0]) {
        Some(raw) => raw.to_vec(),
        None => {
            let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap_or(bytes.len());
            let (head, body) = (&bytes[..end], bytes.get(end + 2..).unwrap_or_default());
            let mut lines = head.split(|byte| *byte == b'\n');
            let first = lines.next().unwrap_or_default();
            let mut request = [first, b" HTTP/1.1\r\n"].concat();
            for line in lines.filter(|line| !line.is_empty()) {
                request.extend([line, b"\r\n"].concat());
            }
            request.extend(format!("Host: {}\r\n", *SERVER).bytes());
            request.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
            request.extend(body);
            request
        }
    };
    let mut stream = TcpStream::connect(*SERVER);
    while stream.is_err() {
        // Ports are short for a moment after many connections.
        thread::sleep(Duration::from_millis(50));
        stream = TcpStream::connect(*SERVER);
    }
    let Ok(mut stream) = stream else { return };
    stream.set_read_timeout(Some(Duration::from_secs(9))).expect("a limit");
    if stream.write_all(&request).and_then(|()| stream.shutdown(Shutdown::Write)).is_err() {
        // It was refused before its end.
        return;
    }
    // A stream of events has no end: its beginning tells enough.
    let mut answer = [0; 12];
    if stream.read_exact(&mut answer).is_ok() {
        assert!(answer.starts_with(b"HTTP/1."), "{answer:?}");
        assert!(&answer[9..] != b"500", "the server failed");
    }
}

#[cfg(test)]
mod tests {
    /// What a target does with its bytes.
    type Read = fn(&[u8]);

    #[test]
    fn the_readers_survive_the_corpus() {
        let all: [(&str, Read); 6] = [
            ("config", super::config),
            ("http", super::http),
            ("journal", super::journal),
            ("log", super::log),
            ("report", super::report),
            ("study", super::study),
        ];
        for (name, read) in all {
            let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/");
            let mut inputs = 0;
            for entry in std::fs::read_dir(format!("{seeds}{name}")).unwrap() {
                let path = entry.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                let done = std::panic::catch_unwind(|| read(&bytes));
                assert!(done.is_ok(), "{}", path.display());
                inputs += 1;
            }
            assert!(inputs > 0, "{name} has no inputs");
        }
        let _ = std::fs::remove_dir_all(&*super::FOLDER);
    }
}
