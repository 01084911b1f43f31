//! `DATA` on the command line: a name or a path.

use std::path::{Path, PathBuf};

use anyhow::Result;
use reshet::{
    Dataset, Error, Targets,
    data::{idx, npy},
    mnist,
    network::did_you_mean,
};

use crate::defaults::Kind;

/// Data as a command gets it.
pub struct Source {
    /// What is trained by default depends on it.
    pub kind: Kind,
    /// `mnist`, or the file's or folder's name: what the run is called after.
    pub name: String,
    pub train: Dataset,
    /// The part that is only for testing, if the data comes with one.
    pub test: Option<Dataset>,
}

impl Source {
    /// Reads `data`; with `targets`, `data` and it are a pair of NPY or IDX
    /// files. `scale`: bytes of arrays stand for x / 255.
    pub fn open(data: &str, targets: Option<&Path>, scale: bool) -> Result<Self> {
        let path = Path::new(data);
        let name = path.file_stem().map_or(data.into(), |stem| stem.to_string_lossy().into_owned());
        if let Some(targets) = targets {
            if data == "mnist" && !path.exists() {
                let what =
                    "--targets: mnist has targets of its own; it goes with a .npy or IDX file";
                return Err(Error::Invalid(what.into()).into());
            }
            let train = match is_npy(path) {
                true => npy::pair(path, targets, scale)?,
                false => idx::pair(path, targets)?,
            };
            return Ok(Self { kind: Kind::Plain, name, train, test: None });
        }
        if path.is_dir() {
            let (train, test) = idx::folder(path)?;
            return Ok(Self { kind: Kind::Pictures, name, train, test: Some(test) });
        }
        if data == "mnist" {
            // Two cores can unpack the two parts side by side.
            let (train, test) = std::thread::scope(|s| {
                let test = s.spawn(mnist::test);
                (mnist::train(), test.join())
            });
            let test = test.map_err(|_| anyhow::anyhow!("unpacking the test digits panicked"))?;
            return Ok(Self { kind: Kind::Plain, name, train: train?, test: Some(test?) });
        }
        if path.is_file() {
            let what = "for a pair of NPY or IDX files add --targets FILE";
            return Err(
                Error::Data(format!("{data}: cannot tell what this file holds; {what}")).into()
            );
        }
        let known = did_you_mean(data, &["mnist"]);
        let what =
            format!("no data is called \"{data}\", and there is no such file or folder{known}");
        Err(Error::Data(what).into())
    }

    /// Only the test part (or all there is) of data that a model is tested on.
    pub fn open_test(data: &str, targets: Option<&Path>, scale: bool) -> Result<Dataset> {
        if data == "mnist" && targets.is_none() {
            return Ok(mnist::test()?);
        }
        let source = Self::open(data, targets, scale)?;
        Ok(source.test.unwrap_or(source.train))
    }

    /// The yes/no question "is it a `label`?" over all parts.
    pub fn is(self, label: &str) -> Result<Self> {
        let test = self.test.map(|test| test.is(label)).transpose()?;
        Ok(Self { train: self.train.is(label)?, test, ..self })
    }
}

/// Whether a file is an array of NumPy's, by its name.
pub fn is_npy(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("npy"))
}

/// The number of outputs that the question needs.
pub fn outputs(targets: &Targets) -> usize {
    match targets {
        Targets::Classes { names, .. } => names.len(),
        Targets::YesNo { width, .. } | Targets::Numbers { width, .. } => *width,
    }
}

/// `runs/<name>-<n>`, the first n that is free.
pub fn free_folder(name: &str) -> PathBuf {
    (1..)
        .map(|n| PathBuf::from(format!("runs/{name}-{n}")))
        .find(|p| !p.exists())
        .unwrap_or_default()
}
