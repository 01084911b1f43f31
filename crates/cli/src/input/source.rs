//! `DATA` on the command line: a name or a path.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::Result;
use reshet::{
    Dataset, Error, Meaning, Targets, Task,
    data::{
        classics::Classic,
        fashion,
        folder::{self, Form},
        idx, npy, npz,
    },
    mnist,
    network::did_you_mean,
    recipe::Defaults,
};

use crate::{
    input::{arrays, pictures, table},
    settings::table::Csv,
    terminal::note,
};

/// What Fashion-MNIST is called.
const FASHION: &str = "fashion-mnist";

/// Data as a command gets it.
pub struct Source {
    /// What is trained where nothing was said.
    pub defaults: Defaults,
    /// `mnist`, or the file's or folder's name: what the run is called after.
    pub name: String,
    pub train: Dataset,
    /// The part that is only for testing, if the data comes with one.
    pub test: Option<Dataset>,
    /// Whether it came from class folders, whose size and colour were chosen.
    pub from_folder: bool,
}

/// How data is read.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// The file of the targets, or the name of the array in a `.npz`.
    pub targets: Option<&'a Path>,
    /// Bytes of arrays stand for x / 255.
    pub scale: bool,
    /// Of folders of pictures.
    pub form: Form,
}

impl Default for Reading<'_> {
    fn default() -> Self {
        Self { targets: None, scale: true, form: Form::default() }
    }
}

/// Up to so many different whole numbers are classes.
const FEW_CLASSES: usize = 10;
/// and more of them if each comes so often.
const OFTEN: usize = 10;

impl Source {
    /// Reads `data`; what is worth knowing about it is noted.
    pub fn open(data: &str, reading: &Reading) -> Result<Self> {
        let path = Path::new(data);
        let name = path.file_stem().map_or(data.into(), |stem| stem.to_string_lossy().into_owned());
        let (defaults, from_folder) = (Defaults::Plain, false);
        let plain = |train, test| {
            let source = Self { defaults, name: name.clone(), train, test, from_folder };
            source.named_by_the_file_beside(path)
        };
        let pictures = |train, test| {
            Ok(Self { defaults: Defaults::Pictures, name: name.clone(), train, test, from_folder })
        };
        let is_npz = is_npz(path);
        let of_classes = path.is_dir() && !has_idx(path) && folder::looks_like_one(path);
        if !of_classes {
            pictures::check(&reading.form, data)?;
        }
        if let Some(targets) = reading.targets {
            if data == "mnist" && !path.exists() {
                let what =
                    "--targets: mnist has targets of its own; it goes with a .npy or IDX file";
                return Err(Error::Invalid(what.into()).into());
            }
            if is_npz {
                let inside = npz::Npz::open(path)?.has(&targets.to_string_lossy());
                if !inside {
                    let targets = npy::targets(targets)?;
                    return plain(npz::with_targets(path, targets, reading.scale)?, None);
                }
            } else {
                return plain(
                    match is_npy(path) {
                        true => npy::pair(path, targets, reading.scale)?,
                        false => idx::pair(path, targets)?,
                    },
                    None,
                );
            }
        }
        if data == FASHION && reading.targets.is_none() && !path.is_file() && !of_classes {
            return match fashion::find() {
                Some(folder) => {
                    note(&format!("{FASHION} is read from {}", folder.display()));
                    let (train, test) = fashion::read(&folder)?;
                    pictures(train, Some(test))
                }
                None => Err(no_fashion().into()),
            };
        }
        if of_classes {
            let found = folder::read(path, reading.form)?;
            found.notes.iter().for_each(|text| note(text));
            return Ok(Self { from_folder: true, ..pictures(found.train, found.test)? });
        }
        if path.is_dir() {
            let what = "no folders of pictures (DIR/class/name.png)";
            let (train, test) = idx::parts(path).map_err(|e| match e {
                Error::Data(text) if !has_idx(path) => Error::Data(format!("{text}, and {what}")),
                other => other,
            })?;
            return pictures(train, test);
        }
        if is_npz && path.is_file() {
            let targets = reading.targets.map(|name| name.to_string_lossy());
            let parts = npz::read(path, targets.as_deref(), reading.scale)?;
            note(&format!("{data}: {}", parts.taken));
            return plain(parts.train, parts.test);
        }
        if path.is_file() && idx::is_images(path) {
            return pictures(idx::beside(path)?, None);
        }
        if data == "mnist" {
            let (train, test) = digits()?;
            return plain(train, Some(test));
        }
        if (path.is_file() || table::inside(path).is_some()) && table::is_table(path) {
            let what =
                "a table is trained on, tested on or predicted, and looked at with `data check`";
            return Err(Error::Invalid(format!("{data}: {what}")).into());
        }
        if path.is_file() {
            let what = "for a pair of NPY or IDX files add --targets FILE";
            return Err(
                Error::Data(format!("{data}: cannot tell what this file holds; {what}")).into()
            );
        }
        let inside = Classic::ALL.map(Classic::name);
        let known = did_you_mean(data, &[&["mnist", FASHION], &inside[..]].concat());
        let what =
            format!("no data is called \"{data}\", and there is no such file or folder{known}");
        Err(Error::Data(what).into())
    }

    /// Says when whole numbers are taken for classes that hardly repeat.
    pub fn tell_many_classes(&self) {
        let Targets::Classes { labels, names, .. } = self.train.targets() else { return };
        let numbered = names.iter().all(|name| name.parse::<i64>().is_ok());
        let (classes, samples) = (names.len(), labels.len());
        if numbered && classes > FEW_CLASSES && samples < OFTEN * classes {
            note(&format!(
                "{classes} different whole numbers in {samples} samples are taken for classes \
                 (--task number: for amounts)"
            ));
        }
    }

    /// Only the test part (or all there is) of data that a model is tested on,
    /// read as the model knows it.
    pub fn open_test(
        data: &str,
        more: &[PathBuf],
        targets: Option<&Path>,
        csv: &Csv,
        meaning: &Meaning,
    ) -> Result<Dataset> {
        if data == "mnist" && targets.is_none() {
            return Ok(mnist::test()?);
        }
        let path = Path::new(data);
        if targets.is_none() && table::is_table(path) && table::is_there(path) {
            let options = meaning.columns.as_ref().map(|columns| columns.options());
            let options = csv.over(options.unwrap_or_default());
            let table = table::read_together(path, more.iter().map(PathBuf::as_path), options)?;
            return Ok(meaning.dataset(table)?);
        }
        table::refuse_more(data, more.first().map(PathBuf::as_path))?;
        let of_classes = path.is_dir() && !has_idx(path);
        let form = if of_classes { pictures::form_of(meaning) } else { Form::default() };
        let mut source = Self::open(data, &Reading { targets, scale: meaning.bytes, form })?;
        if meaning.task == Task::Classes {
            source = source.with_classes_of_numbers()?.named_by_the_file_beside(path)?;
        }
        if meaning.task == Task::Number && (is_npy(path) || is_npz(path)) {
            source = source.with_numbers_of_classes()?;
        }
        Ok(source.test.unwrap_or(source.train))
    }

    /// Numbers as classes, over all parts: class numbers as floats, one-hot rows.
    pub fn with_classes_of_numbers(self) -> Result<Self> {
        let test = self.test.map(|test| test.with_classes_of_numbers()).transpose()?;
        let train = self.train.with_classes_of_numbers()?;
        // The test part may not have the last classes.
        let test = match (test, train.targets().names()) {
            (Some(test), Some(names)) => Some(test.with_classes(names)?),
            (test, _) => test,
        };
        Ok(Self { train, test, ..self })
    }

    /// Classes that are whole numbers as amounts, over all parts.
    pub fn with_numbers_of_classes(self) -> Result<Self> {
        let amounts = |data: Dataset| -> Result<Dataset> {
            let Targets::Classes { labels, names, .. } = data.targets() else { return Ok(data) };
            let number = |name: &String| name.parse::<f32>().ok();
            let Some(numbers) = names.iter().map(number).collect::<Option<Vec<f32>>>() else {
                return Ok(data);
            };
            let amounts = labels.iter().map(|label| numbers[*label as usize]).collect();
            Ok(Dataset::new(data.features().clone(), Targets::numbers(amounts, 1))?)
        };
        let test = self.test.map(amounts).transpose()?;
        Ok(Self { train: amounts(self.train)?, test, ..self })
    }

    /// The classes called by `names`: see [`named`].
    pub fn named(self, names: &str) -> Result<Self> {
        let test = self.test.map(|test| named(&test, names)).transpose()?;
        Ok(Self { train: named(&self.train, names)?, test, ..self })
    }

    /// The classes of arrays called by the lines of a `names.txt` beside them, if it has as many.
    pub fn named_by_the_file_beside(self, path: &Path) -> Result<Self> {
        let file = path.with_file_name("names.txt");
        let Targets::Classes { names, .. } = self.train.targets() else { return Ok(self) };
        // Words are names already.
        let numbered = names.iter().all(|name| name.bytes().all(|b| b.is_ascii_digit()));
        if !arrays::is_array(path) || !file.is_file() || !numbered {
            return Ok(self);
        }
        let (listed, classes) = (idx::names(&file)?, names.len());
        if listed.len() != classes {
            let (file, lines) = (file.display(), listed.len());
            note(&format!(
                "{file} is not used: it has {lines} names, and there are {classes} classes"
            ));
            return Ok(self);
        }
        note(&format!("the classes are called as in {}", file.display()));
        let named = |data: &Dataset| match data.targets() {
            Targets::Classes { names, .. } if names.len() == classes => data.with_names(&listed),
            // Its classes may be fewer: those that do not occur.
            Targets::Classes { names, .. } => data.with_names(&listed[..names.len().min(classes)]),
            _ => Ok(data.clone()),
        };
        let test = self.test.as_ref().map(named).transpose()?;
        Ok(Self { train: named(&self.train)?, test, ..self })
    }

    /// The yes/no question "is it a `label`?" over all parts.
    pub fn is(self, label: &str) -> Result<Self> {
        let test = self.test.map(|test| test.is(label)).transpose()?;
        Ok(Self { train: self.train.is(label)?, test, ..self })
    }

    /// Refuses a folder with a single class: there is nothing to tell apart.
    pub fn check_classes(&self) -> Result<()> {
        match self.train.targets() {
            Targets::Classes { names, .. } if self.from_folder && names.len() == 1 => {
                let what = format!(
                    "{}: only one class, {}; a network learns to tell two or more apart: a folder each",
                    self.name, names[0]
                );
                Err(Error::Data(what).into())
            }
            _ => Ok(()),
        }
    }
}

/// The digits, unpacked once: whoever asks something else of them shares the numbers.
fn digits() -> reshet::Result<(Dataset, Dataset)> {
    static UNPACKED: OnceLock<(Dataset, Dataset)> = OnceLock::new();
    if let Some(unpacked) = UNPACKED.get() {
        return Ok(unpacked.clone());
    }
    // Two cores can unpack the two parts side by side; in a tab one thread alone sees files.
    let (train, test) = if cfg!(target_os = "wasi") {
        (mnist::train(), mnist::test())
    } else {
        std::thread::scope(|s| {
            let test = std::thread::Builder::new().spawn_scoped(s, mnist::test);
            let train = mnist::train();
            // Where no thread is to be had, one after the other.
            (train, test.map_or_else(|_| mnist::test(), joined))
        })
    };
    let unpacked = (train?, test?);
    Ok(UNPACKED.get_or_init(|| unpacked).clone())
}

fn no_fashion() -> Error {
    let what = "is not on this machine: looked for its four files in";
    let cure = "Debian has them as the package dataset-fashion-mnist";
    Error::Data(format!("{FASHION} {what} {}; {cure}", fashion::FOLDERS.join(", ")))
}

/// The classes called by `names`: apart by commas, or a line each in the file of this name.
pub fn named(data: &Dataset, names: &str) -> Result<Dataset> {
    let path = Path::new(names);
    let list = if path.is_file() { idx::names(path)? } else { separated(names) };
    let wrong = |e: Error| Error::Invalid(format!("--names: {e}"));
    Ok(data.with_names(&list).map_err(wrong)?)
}

fn separated(names: &str) -> Vec<String> {
    names.split(',').map(|name| name.trim().to_string()).collect()
}

/// Whether there are IDX files in a folder.
fn has_idx(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|all| all.flatten().any(|e| idx::is_images(&e.path())))
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// Whether a file is several arrays of NumPy's, by its name.
pub fn is_npz(path: &Path) -> bool {
    has_extension(path, "npz")
}

/// Whether a file is an array of NumPy's, by its name.
pub fn is_npy(path: &Path) -> bool {
    let zipped = has_extension(path, "gz") && has_extension(&path.with_extension(""), "npy");
    zipped || has_extension(path, "npy")
}

/// What a thread has come to; its panic goes on here.
fn joined<T>(thread: std::thread::ScopedJoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
