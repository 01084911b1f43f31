//! A folder of one's own, in which the program runs as a program.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use assert_cmd::cargo::CommandCargoExt;
use serde_json::Value;
use tempfile::TempDir;

pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub fn command(&self, args: &str) -> Command {
        let mut command = Command::cargo_bin("reshet").unwrap();
        command.args(args.split_whitespace()).current_dir(self.0.path());
        command
    }

    pub fn run(&self, args: &str) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs, wants success, gives standard output and error.
    #[track_caller]
    pub fn both(&self, args: &str) -> (String, String) {
        let output = self.run(args);
        let (out, error) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{args}: {error}");
        (out, error)
    }

    /// Runs, wants success, gives standard output.
    #[track_caller]
    pub fn done(&self, args: &str) -> String {
        self.both(args).0
    }

    #[track_caller]
    pub fn json(&self, args: &str) -> Value {
        serde_json::from_str(&self.done(args)).unwrap()
    }

    /// Runs, wants this exit code, an error that says so, and nothing written.
    #[track_caller]
    pub fn fails(&self, args: &str, code: i32, says: &str) {
        let before = self.files();
        let output = self.run(args);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args}: {error}");
        assert!(error.contains(says), "{args}: {error}");
        assert!(error.lines().any(|line| line.starts_with("error: ")), "{args}: {error}");
        assert!(!error.contains("panicked"), "{args}: {error}");
        assert_eq!(before, self.files(), "{args}");
    }

    pub fn files(&self) -> Vec<PathBuf> {
        let mut all = vec![self.0.path().to_path_buf()];
        let mut at = 0;
        while at < all.len() {
            if let Ok(entries) = fs::read_dir(&all[at]) {
                all.extend(entries.map(|e| e.unwrap().path()));
            }
            at += 1;
        }
        all.sort();
        all
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A table of so many rows with noise, so that no two epochs are alike.
pub fn noisy_table(rows: u32) -> String {
    let row = |i: u32| {
        let x = i.wrapping_mul(2_654_435_761) >> 20;
        let y = i.wrapping_mul(40_503) >> 3 & 1023;
        format!("{},{},{}\n", x, y, x % 97 + y / 3)
    };
    format!("x,y,z\n{}", (0..rows).map(row).collect::<String>())
}

/// A number that looks random and is the same each time, from 0 to 1.
pub fn noise(i: usize) -> f64 {
    let x = (i as u32).wrapping_mul(2_654_435_761);
    let x = (x ^ x >> 15).wrapping_mul(0x45d9_f3b3);
    f64::from(x >> 8) / f64::from(1 << 24)
}
