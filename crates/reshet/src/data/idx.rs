//! IDX, MNIST's file format: a big-endian header, then numbers.
//!
//! ```text
//! 00 00 08 03  │ n  │ rows │ columns │ n · rows · columns bytes     pictures
//! 00 00 08 01  │ n  │ n bytes                                       labels
//! ```
//! 08 means bytes (09 signed; 0B, 0C integers of 2 and 4 bytes; 0D, 0E floats of 4 and 8); the
//! fourth byte is the number of dimensions.
//! Format: LeCun, Cortes and Burges, "The MNIST database". Plain or gzipped.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{
    Dataset, Features, Pictures, Storage, Targets, gzip, mnist,
    npy::{Array, Numbers},
};
use crate::{Result, error::Error, huge};

/// More than this in one file is taken for a damaged header.
const MOST_BYTES: u64 = 1 << 34;

/// Reads one IDX file, gzipped or not.
///
/// # Errors
/// The file does not exist, is not IDX, or is shorter or longer than its header says. A
/// damaged header does not cause a large allocation.
pub fn read(path: &Path) -> Result<Array> {
    let file = File::open(path).map_err(|e| Error::unreadable(path, e))?;
    let mut file = BufReader::new(file);
    let mut magic = [0; 2];
    let gzipped = match file.read_exact(&mut magic) {
        Ok(()) => magic == [0x1f, 0x8b],
        Err(_) => false,
    };
    let file = io::Cursor::new(magic).chain(file);
    let parsed = match gzipped {
        true => gzip::gunzip(BufReader::new(file)).and_then(parse),
        false => parse(file),
    };
    parsed.map_err(|what| Error::data(format!("{}: {what}", path.display())))
}

fn parse(mut from: impl Read) -> Result<Array, String> {
    let mut number = || -> Result<u32, String> {
        let mut bytes = [0; 4];
        from.read_exact(&mut bytes).map_err(|e| broken("the header", &e))?;
        Ok(u32::from_be_bytes(bytes))
    };
    let magic = number()?;
    let (kind, dimensions) = (magic >> 8, magic & 0xff);
    let size = match kind {
        0x08 | 0x09 => 1,
        0x0b => 2,
        0x0c | 0x0d => 4,
        0x0e => 8,
        _ => 0,
    };
    if size == 0 || !(1..=4).contains(&dimensions) {
        return Err(format!(
            "not an IDX file: it starts with {magic:#010x}, \
             not 0x00000801 (labels) or 0x00000803 (pictures); arrays are read from .npy"
        ));
    }
    let shape =
        (0..dimensions).map(|_| Ok(number()? as usize)).collect::<Result<Vec<_>, String>>()?;
    let length = shape
        .iter()
        .try_fold(size, |n: usize, d| n.checked_mul(*d))
        .filter(|n| *n as u64 <= MOST_BYTES)
        .ok_or_else(|| format!("the header asks for {shape:?} bytes, too many"))?;
    // Grows with the bytes read, whatever the header says.
    let mut bytes = huge::room(length.min(1 << 26));
    from.by_ref()
        .take(length as u64)
        .read_to_end(&mut bytes)
        .map_err(|e| broken(&format!("byte {} of {length}", bytes.len()), &e))?;
    if bytes.len() < length {
        return Err(format!(
            "truncated: the header says {length} bytes ({shape:?}) and there are {}",
            bytes.len()
        ));
    }
    match from.read(&mut [0]) {
        Ok(0) => Ok(Array { shape, numbers: numbers(kind, bytes) }),
        Ok(_) => Err(format!("longer than the {length} bytes its header says ({shape:?})")),
        Err(e) => Err(broken("the end", &e)),
    }
}

fn numbers(kind: u32, bytes: Vec<u8>) -> Numbers {
    fn each<const N: usize, T>(bytes: &[u8], of: fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|b| of(*b)).collect()
    }
    match kind {
        0x09 => Numbers::Integers(each(&bytes, |b| i8::from_be_bytes(b).into())),
        0x0b => Numbers::Integers(each(&bytes, |b| i16::from_be_bytes(b).into())),
        0x0c => Numbers::Integers(each(&bytes, |b| i32::from_be_bytes(b).into())),
        0x0d => Numbers::F32(each(&bytes, f32::from_be_bytes)),
        0x0e => Numbers::F32(each(&bytes, |b| f64::from_be_bytes(b) as f32)),
        _ => Numbers::U8(bytes),
    }
}

fn broken(place: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("truncated at {place}"),
        _ => format!("damaged at {place}: {error}"),
    }
}

/// Reads pictures and labels, and joins them; the classes are named by their numbers.
///
/// # Errors
/// As [`read`]; the numbers of pictures and labels differ, or the two files are swapped.
pub fn pair(images: &Path, labels: &Path) -> Result<Dataset> {
    let pictures = read(images)?;
    let classes = read(labels)?;
    if classes.shape.len() != 1 || pictures.shape.len() < 2 {
        return Err(Error::data(format!(
            "{} has shape {:?} and {} has shape {:?}: pictures need several \
             dimensions and labels one; are they swapped?",
            images.display(),
            pictures.shape,
            labels.display(),
            classes.shape
        )));
    }
    let (n, m) = (pictures.shape[0], classes.shape[0]);
    if n != m {
        return Err(Error::data(format!(
            "{} has {n} pictures and {} has {m} labels",
            images.display(),
            labels.display()
        )));
    }
    let at = |path: &Path, e: Error| Error::data(format!("{}: {e}", path.display()));
    let features = features(pictures).map_err(|e| at(images, e))?;
    let targets = classes.into_targets().map_err(|e| at(labels, e))?;
    Dataset::new(features, targets).map_err(|e| at(images, e))
}

fn features(pictures: Array) -> Result<Features> {
    let grey = pictures.shape.len() == 3;
    let features = pictures.into_features(true)?;
    if !grey {
        return Ok(features);
    }
    let shape = [&[1], features.shape()].concat(); // one grey channel
    let features = features.with_shape(&shape)?;
    let pictures = match features.storage() {
        Storage::U8(bytes) if mnist::are_like_it(bytes, &shape) => Pictures::Digit,
        _ => Pictures::AsTheyAre,
    };
    Ok(features.with_pictures(pictures))
}

/// Reads a training and a test part from a folder with MNIST's file names: see [`parts`].
///
/// # Errors
/// As [`parts`]; there is no test part.
pub fn folder(folder: &Path) -> Result<(Dataset, Dataset)> {
    let (train, test) = parts(folder)?;
    let missing = || {
        let what = "there is no t10k-images-idx3-ubyte (or t10k-images-idx3-ubyte.gz)";
        Error::data(format!("{}: {what}", folder.display()))
    };
    Ok((train, test.ok_or_else(missing)?))
}

/// Reads a training part and, if it exists, a test part from a folder with MNIST's file names
/// (`train-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, each also with `.gz`; as in EMNIST,
/// with any prefix, and `test` for `t10k`).
///
/// # Errors
/// Names the file that is missing or wrong.
pub fn parts(folder: &Path) -> Result<(Dataset, Option<Dataset>)> {
    let unreadable = |e| Error::unreadable(folder, e);
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let files = entries.map(|e| e.map(|e| e.path()).map_err(unreadable));
    let mut files = files.collect::<Result<Vec<_>>>()?;
    files.retain(|path| path.is_file() && is_images(path));
    files.sort();
    let find = |part: &str| -> Result<Option<&PathBuf>> {
        let of_part = |path: &&PathBuf| name(path).contains(part);
        let found: Vec<_> = files.iter().filter(of_part).collect();
        // A file and its packed copy count as one.
        let plain = |path: &Path| name(path).trim_end_matches(".gz").to_string();
        if let Some(other) = found.iter().find(|path| plain(path) != plain(found[0])) {
            return Err(Error::data(format!(
                "{}: {} and {} could both be meant; give one of the files",
                folder.display(),
                name(found[0]),
                name(other)
            )));
        }
        Ok(found.first().copied())
    };
    let Some(train) = find("train")? else {
        return Err(Error::data(format!(
            "{}: there is no train-images-idx3-ubyte (or train-images-idx3-ubyte.gz)",
            folder.display()
        )));
    };
    let test = match find("t10k")? {
        Some(test) => Some(test),
        None => find("test")?,
    };
    let names = names_beside(train)?;
    let train = unnamed(train)?;
    let test = test.map(|path| unnamed(path)).transpose()?;
    let test = match (train.targets().names(), test) {
        (Some(names), Some(test)) => {
            let test = test.with_classes(names);
            Some(test.map_err(|e| Error::data(format!("{}: {e}", folder.display())))?)
        }
        (_, test) => test,
    };
    Ok((named(train, &names)?, test.map(|test| named(test, &names)).transpose()?))
}

/// Whether a file holds pictures, by its name (`…-images-idx3-ubyte`).
pub fn is_images(path: &Path) -> bool {
    let name = name(path);
    name.contains("images") && ["-idx", ".idx"].iter().any(|idx| name.contains(idx))
}

/// Reads pictures with the labels beside them under the same name
/// (`t10k-images-idx3-ubyte.gz`: `t10k-labels-idx1-ubyte`, packed or not). The lines of a
/// `names.txt` beside them name the classes, if there is one.
///
/// # Errors
/// As [`pair`]; there are no such labels; `names.txt` does not have one line per class.
pub fn beside(images: &Path) -> Result<Dataset> {
    named(unnamed(images)?, &names_beside(images)?)
}

/// Reads names of classes, one per line.
///
/// # Errors
/// The file cannot be read, or is not text.
pub fn names(path: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(path).map_err(|e| Error::unreadable(path, e))?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    Ok(lines.filter(|line| !line.is_empty()).map(String::from).collect())
}

/// A `names.txt` in the pictures' folder: its path and its lines.
type Names = Option<(PathBuf, Vec<String>)>;

fn names_beside(images: &Path) -> Result<Names> {
    let path = images.with_file_name("names.txt");
    if !path.is_file() {
        return Ok(None);
    }
    let names = names(&path)?;
    Ok(Some((path, names)))
}

fn named(data: Dataset, names: &Names) -> Result<Dataset> {
    match names {
        None => Ok(data),
        Some((path, names)) => data.with_names(names).map_err(|e| {
            let what = "a line is needed for each class; rename the file if it is not such a list";
            Error::data(format!("{}: {e}: {what}", path.display()))
        }),
    }
}

fn unnamed(images: &Path) -> Result<Dataset> {
    let labels = name(images).replace("images", "labels").replace("idx3", "idx1");
    let plain = labels.trim_end_matches(".gz").to_string();
    let candidates = [labels, plain.clone(), format!("{plain}.gz")];
    let found = candidates.iter().map(|name| images.with_file_name(name)).find(|p| p.is_file());
    let labels = found.ok_or_else(|| {
        Error::data(format!("{}: there is no {plain} (or {plain}.gz) beside it", images.display()))
    })?;
    count_from_one(pair(images, &labels)?)
}

/// Drops a class 0 that never occurs: EMNIST's letters begin with class 1.
fn count_from_one(data: Dataset) -> Result<Dataset> {
    match data.targets() {
        Targets::Classes { labels, names, .. } if labels.iter().min() == Some(&1) => {
            data.with_classes(&names[1..])
        }
        _ => Ok(data),
    }
}

fn name(path: &Path) -> String {
    path.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned())
}
