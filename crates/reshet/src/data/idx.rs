//! IDX, MNIST's file format: a big-endian header, then bytes.
//!
//! ```text
//! 00 00 08 03  │ n  │ rows │ columns │ n · rows · columns bytes     pictures
//! 00 00 08 01  │ n  │ n bytes                                       labels
//! ```
//! 08 says bytes; the last number of the first four counts the dimensions.
//! Format: LeCun, Cortes and Burges, "The MNIST database". Plain or gzipped.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;

use super::{Dataset, Features, Storage, Targets};
use crate::{Result, error::Error};

/// An array of bytes and its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// Samples first.
    pub shape: Vec<usize>,
    /// Row by row.
    pub bytes: Vec<u8>,
}

/// More than this in one file is taken for a broken header.
const MOST_BYTES: usize = 1 << 34;

/// Reads one IDX file, gzipped or not.
///
/// # Errors
/// No such file; not IDX; numbers other than bytes; shorter or longer than its
/// header says. Memory stays within what the file really holds.
pub fn read(path: &Path) -> Result<Idx> {
    let file = File::open(path).map_err(|e| Error::unreadable(path, e))?;
    let mut file = BufReader::new(file);
    let mut magic = [0; 2];
    let gzipped = match file.read_exact(&mut magic) {
        Ok(()) => magic == [0x1f, 0x8b],
        Err(_) => false,
    };
    let file = io::Cursor::new(magic).chain(file);
    let parsed =
        if gzipped { parse(MultiGzDecoder::new(BufReader::new(file))) } else { parse(file) };
    parsed.map_err(|what| Error::data(format!("{}: {what}", path.display())))
}

fn parse(mut from: impl Read) -> Result<Idx, String> {
    let mut number = || -> Result<u32, String> {
        let mut bytes = [0; 4];
        from.read_exact(&mut bytes).map_err(|e| broken("the header", &e))?;
        Ok(u32::from_be_bytes(bytes))
    };
    let magic = number()?;
    let (kind, dimensions) = (magic >> 8, magic & 0xff);
    if kind != 0x08 || !(1..=4).contains(&dimensions) {
        return Err(format!(
            "not an IDX file of bytes: it starts with {magic:#010x}, \
             not 0x00000801 (labels) or 0x00000803 (pictures); arrays are read from .npy"
        ));
    }
    let shape =
        (0..dimensions).map(|_| Ok(number()? as usize)).collect::<Result<Vec<_>, String>>()?;
    let length = shape
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .filter(|n| *n <= MOST_BYTES)
        .ok_or_else(|| format!("the header asks for {shape:?} bytes: not believable"))?;
    // Grows with what is really there, whatever the header says.
    let mut bytes = Vec::with_capacity(length.min(1 << 26));
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
        Ok(0) => Ok(Idx { shape, bytes }),
        Ok(_) => Err(format!("longer than the {length} bytes its header says ({shape:?})")),
        Err(e) => Err(broken("the end", &e)),
    }
}

fn broken(place: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => format!("truncated at {place}"),
        _ => format!("damaged at {place}: {error}"),
    }
}

/// Joins pictures and labels; the classes are named by their numbers.
///
/// # Errors
/// As [`read`]; a different number of pictures and labels; the two exchanged.
pub fn pair(images: &Path, labels: &Path) -> Result<Dataset> {
    let pictures = read(images)?;
    let classes = read(labels)?;
    if classes.shape.len() != 1 || pictures.shape.len() < 2 {
        return Err(Error::data(format!(
            "{} has shape {:?} and {} has shape {:?}: pictures need several \
             dimensions and labels one; are they exchanged?",
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
    let mut shape = pictures.shape[1..].to_vec();
    if shape.len() == 2 {
        shape.insert(0, 1); // one grey channel
    }
    let features = Features::new(Storage::U8(pictures.bytes), &shape)
        .map_err(|e| Error::data(format!("{}: {e}", images.display())))?;
    let count = classes.bytes.iter().max().map_or(0, |max| usize::from(*max) + 1);
    let names = (0..count).map(|c| c.to_string()).collect();
    let labels = classes.bytes.into_iter().map(u32::from).collect();
    Dataset::new(features, Targets::classes(labels, names))
}

/// A training and a test part from a folder in MNIST's naming
/// (`train-images-idx3-ubyte` and so on, each also with `.gz`).
///
/// # Errors
/// Names the file that is missing or wrong.
pub fn folder(folder: &Path) -> Result<(Dataset, Dataset)> {
    let find = |name: &str| -> Result<PathBuf> {
        [name.to_string(), format!("{name}.gz"), name.replace("-idx", ".idx")]
            .iter()
            .map(|name| folder.join(name))
            .find(|path| path.is_file())
            .ok_or_else(|| {
                Error::data(format!("{}: there is no {name} (or {name}.gz)", folder.display()))
            })
    };
    let part = |name: &str| {
        pair(
            &find(&format!("{name}-images-idx3-ubyte"))?,
            &find(&format!("{name}-labels-idx1-ubyte"))?,
        )
    };
    Ok((part("train")?, part("t10k")?))
}
