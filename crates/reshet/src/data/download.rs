//! Downloads the files of a data set, and checks each by its hash.
//!
//! Mirrors need not be trusted: a file appears under its name only if the SHA-256
//! of its unpacked bytes is the expected one.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    time::{Duration, SystemTime},
};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use ureq::{Agent, BodyReader};

pub use super::cache::cache_folder;
use crate::error::{Error, Result};

/// Bytes unpacked, hashed and written at a time.
const CHUNK: usize = 64 * 1024;
/// What the names of unfinished files end with.
const UNFINISHED: &str = ".part";
/// A running download writes all the time; an unfinished file that has not changed
/// for this long was left by a process that was stopped.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// One file of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its name in the folder. Mirrors have it as `<name>.gz`.
    pub name: String,
    /// The SHA-256 of its unpacked bytes, 64 hexadecimal digits.
    pub sha256: String,
}

/// A data set on the web: its files and mirrors.
#[derive(Clone, Debug)]
pub struct Remote {
    /// The files, downloaded in this order.
    pub files: Vec<RemoteFile>,
    /// The addresses to which `/<name>.gz` is added, best first.
    pub mirrors: Vec<String>,
    /// The most bytes a file may have, packed or unpacked. A larger one is refused
    /// while it arrives, so a bad mirror cannot fill the disk.
    pub limit: u64,
    /// The timeout for a connection, for the start of the answer, and for each
    /// following piece of it. A slow but steady mirror does not time out.
    pub patience: Duration,
}

/// The progress of a download.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Progress<'a> {
    /// The file being downloaded.
    pub file: &'a str,
    /// Its index among the files, from 0.
    pub index: usize,
    /// The number of files, including those already present.
    pub files: usize,
    /// The current mirror.
    pub mirror: &'a str,
    /// Bytes of the packed file received; starts at 0 for each mirror.
    pub received: u64,
    /// The size of the packed file in bytes, if the mirror sent it.
    pub total: Option<u64>,
}

impl Progress<'_> {
    /// Returns the fraction of this file received, 0 to 1; `None` if its size is unknown.
    pub fn fraction(&self) -> Option<f64> {
        let total = self.total.filter(|&total| total > 0)?;
        Some((self.received as f64 / total as f64).min(1.0))
    }
}

impl Remote {
    /// Creates a data set of these files and mirrors, with a limit of 256 MiB per
    /// file and a patience of 15 seconds.
    pub fn new(files: Vec<RemoteFile>, mirrors: Vec<String>) -> Self {
        Self { files, mirrors, limit: 256 << 20, patience: Duration::from_secs(15) }
    }

    /// Returns MNIST: 60,000 training digits and 10,000 test digits in four
    /// files; 12 MB are downloaded, 55 MB written.
    pub fn mnist() -> Self {
        let files = [
            (
                "train-images-idx3-ubyte",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            (
                "train-labels-idx1-ubyte",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            (
                "t10k-images-idx3-ubyte",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            (
                "t10k-labels-idx1-ubyte",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ];
        let mirrors = [
            "http://ossci-datasets.s3.amazonaws.com/mnist",
            "http://storage.googleapis.com/cvdf-datasets/mnist",
        ];
        let file = |(name, sha256): (&str, &str)| RemoteFile {
            name: name.to_owned(),
            sha256: sha256.to_owned(),
        };
        Self::new(files.map(file).into(), mirrors.map(str::to_owned).into())
    }

    /// Downloads and unpacks the files into `folder`, which is created if it does not exist.
    ///
    /// Existing files with the right hash are kept, so an interrupted download
    /// resumes with its last file. For each other file the mirrors are tried in
    /// turn, beginning with the one that worked last. `progress` is called when an
    /// answer begins and each time more of it has arrived (thousands of times in
    /// all, so redraw rarely), but not for files that are kept.
    ///
    /// # Errors
    ///
    /// [`Error::Download`] if no mirror has a file, with every mirror's
    /// reason; [`Error::Io`] if `folder` cannot be read or written;
    /// [`Error::Invalid`] if a file's name is not a plain one. The files before
    /// the failing one are kept; an incomplete file never has its final name.
    pub fn fetch(&self, folder: &Path, progress: &mut dyn FnMut(&Progress)) -> Result<()> {
        if let Some(file) = self.files.iter().find(|file| !is_plain(&file.name)) {
            return Err(Error::invalid(format!("{:?} is not the name of a file", file.name)));
        }
        fs::create_dir_all(folder).map_err(|e| Error::io("create the folder", folder, e))?;
        let agent = self.agent();
        let mut best = 0;
        for (index, file) in self.files.iter().enumerate() {
            let path = folder.join(&file.name);
            match sha256_of(&path) {
                Ok(sha256) if sha256.eq_ignore_ascii_case(&file.sha256) => continue,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("read", &path, e)),
            }
            remove_abandoned(folder, file);
            best = self.fetch_one(&agent, index, best, folder, progress)?;
        }
        Ok(())
    }

    /// Downloads one file, and returns the mirror that had it.
    fn fetch_one(
        &self,
        agent: &Agent,
        index: usize,
        first: usize,
        folder: &Path,
        progress: &mut dyn FnMut(&Progress),
    ) -> Result<usize> {
        let mut message = format!("no mirror has {}:\n", self.files[index].name);
        for i in 0..self.mirrors.len() {
            let i = (first + i) % self.mirrors.len();
            match self.fetch_from(agent, index, &self.mirrors[i], folder, progress)? {
                Ok(()) => return Ok(i),
                Err(reason) => message += &format!("  {}: {reason}\n", self.mirrors[i]),
            }
        }
        let names: Vec<_> = self.files.iter().map(|file| file.name.as_str()).collect();
        message += &format!(
            "check the connection and try again, or get {} by other means and put them, \
             unpacked, into {}",
            names.join(", "),
            folder.display()
        );
        Err(Error::Download(message))
    }

    /// Downloads one file from one mirror. The outer error is ours and final; the
    /// inner one is the mirror's, after which the next mirror is tried.
    fn fetch_from(
        &self,
        agent: &Agent,
        index: usize,
        mirror: &str,
        folder: &Path,
        report: &mut dyn FnMut(&Progress),
    ) -> Result<Result<(), String>> {
        let file = &self.files[index];
        // Created before the request, so that an unwritable folder is
        // reported even without a connection.
        let mut unfinished = create_unfinished(folder, file)?;
        let write_error = |e| Error::io("write", &folder.join(&file.name), e);

        let url = format!("{}/{}.gz", mirror.trim_end_matches('/'), file.name);
        let body = match agent.get(&url).call() {
            Ok(response) => response.into_body(),
            Err(e) => return Ok(Err(self.reason(e))),
        };
        let total = body.content_length();
        let at = Progress {
            file: &file.name,
            index,
            files: self.files.len(),
            mirror,
            received: 0,
            total,
        };
        if total.is_some_and(|total| total > self.limit) {
            return Ok(Err(self.too_much()));
        }
        report(&at);

        let packed = Packed { body: body.into_reader(), remote: self, at, report, lost: None };
        let mut unpacked = GzDecoder::new(packed);
        let mut hash = Sha256::new();
        let mut size = 0;
        let mut chunk = vec![0; CHUNK];
        loop {
            let n = match unpacked.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    return Ok(Err(unpacked.get_mut().lost.take().unwrap_or_else(|| {
                        match e.kind() {
                            io::ErrorKind::UnexpectedEof => "the gzip data is cut short".into(),
                            _ => format!("not a valid gzip file ({e})"),
                        }
                    })));
                }
            };
            size += n as u64;
            if size > self.limit {
                return Ok(Err(self.too_much()));
            }
            hash.update(&chunk[..n]);
            unfinished.as_file_mut().write_all(&chunk[..n]).map_err(write_error)?;
        }
        let sha256 = hex(&hash.finalize());
        if !sha256.eq_ignore_ascii_case(&file.sha256) {
            let expected = &file.sha256;
            return Ok(Err(format!("a different file (SHA-256 {sha256}, expected {expected})")));
        }
        // Written to the disk before it is renamed: a crash leaves all or nothing.
        unfinished.as_file().sync_all().map_err(write_error)?;
        unfinished.persist(folder.join(&file.name)).map_err(|e| write_error(e.error))?;
        Ok(Ok(()))
    }

    fn agent(&self) -> Agent {
        let patience = Some(self.patience);
        Agent::config_builder()
            .user_agent(concat!("reshet/", env!("CARGO_PKG_VERSION")))
            // The file is packed already; it must not be packed again in transit.
            .accept_encoding("identity")
            .timeout_resolve(patience)
            .timeout_connect(patience)
            .timeout_recv_response(patience)
            .timeout_per_read(patience)
            .build()
            .into()
    }

    /// Why a mirror did not answer, in words.
    fn reason(&self, error: ureq::Error) -> String {
        match error {
            ureq::Error::StatusCode(code) => format!("HTTP status {code}"),
            ureq::Error::Io(e) => e.to_string(),
            ureq::Error::Timeout(what) => format!("no answer for {:?} ({what})", self.patience),
            other => other.to_string(),
        }
    }

    fn too_much(&self) -> String {
        format!("more than {} bytes, the most a file may have", self.limit)
    }
}

/// The packed file as it arrives: counted, limited and reported.
struct Packed<'a> {
    body: BodyReader<'static>,
    remote: &'a Remote,
    at: Progress<'a>,
    report: &'a mut dyn FnMut(&Progress),
    /// Why reading failed. Kept here because the error passes through the
    /// decoder, whose own errors mean something else.
    lost: Option<String>,
}

impl Read for Packed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = match self.body.read(buffer) {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Err(e),
            Err(e) => {
                let kind = e.kind();
                let received = self.at.received;
                let of = self.at.total.map_or(String::new(), |total| format!(" of {total}"));
                let reason = self.remote.reason(e.into());
                self.lost = Some(format!("broke off after {received}{of} bytes: {reason}"));
                return Err(kind.into());
            }
        };
        self.at.received += n as u64;
        // Otherwise packed data that unpack to nothing could go on for ever.
        if self.at.received > self.remote.limit {
            self.lost = Some(self.remote.too_much());
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if n > 0 {
            (self.report)(&self.at);
        }
        Ok(n)
    }
}

/// Whether `name` stays in the folder it is joined to.
fn is_plain(name: &str) -> bool {
    Path::new(name).file_name() == Some(name.as_ref())
}

/// The prefix of a file's unfinished copies.
fn unfinished_prefix(file: &RemoteFile) -> String {
    format!(".{}-", file.name)
}

/// A temporary file, deleted unless it is renamed.
fn temporary(folder: &Path, prefix: &str, suffix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(suffix);
    // A temporary file is private to its owner; this one gets the permissions of
    // any file that the user writes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn create_unfinished(folder: &Path, file: &RemoteFile) -> Result<NamedTempFile> {
    temporary(folder, &unfinished_prefix(file), UNFINISHED)
        .map_err(|e| Error::io("write into", folder, e))
}

/// Removes what stopped processes left of this file. Failures are ignored: such
/// files do no harm.
fn remove_abandoned(folder: &Path, file: &RemoteFile) {
    let prefix = unfinished_prefix(file);
    let now = SystemTime::now();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let unfinished =
            name.to_str().is_some_and(|n| n.starts_with(&prefix) && n.ends_with(UNFINISHED));
        let touched = entry.metadata().and_then(|metadata| metadata.modified());
        let age = touched.ok().and_then(|touched| now.duration_since(touched).ok());
        if unfinished && age.is_some_and(|age| age > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Computes the SHA-256 of a file's bytes, in hexadecimal.
///
/// # Errors
/// The file cannot be read.
pub fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(n) => hash.update(&chunk[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_never_a_division_by_zero() {
        let mut at =
            Progress { file: "", index: 0, files: 1, mirror: "", received: 0, total: Some(0) };
        assert_eq!(at.fraction(), None);
        at.total = None;
        assert_eq!(at.fraction(), None);
        (at.received, at.total) = (3, Some(4));
        assert_eq!(at.fraction(), Some(0.75));
        at.received = 5;
        assert_eq!(at.fraction(), Some(1.0));
    }

    #[test]
    fn names_stay_in_the_folder() {
        assert!(is_plain("t10k-images-idx3-ubyte"));
        for name in ["", ".", "..", "../a", "a/b", "/a", "a/"] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
