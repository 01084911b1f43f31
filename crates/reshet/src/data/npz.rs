//! NPZ, NumPy's file of several arrays: a zip of [`npy`] files, stored or deflated.
//!
//! ```text
//! PK\3\4 │ sizes, name │ x.npy  PK\3\4 │ … │ y.npy  PK\1\2 │ directory  PK\5\6 │ where it is
//! ```
//! Only files in the directory are read, and only the requested arrays are unpacked, to exactly
//! the size that both the directory and the array's own header declare. Zip64 (more than 4 GiB)
//! is supported, encryption is not.
//! Format: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>.

use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::Path,
};

use super::{
    Dataset, Features, Targets, gzip, memory,
    npy::{self, Array},
    zip::{self, Entry},
};
use crate::{Result, error::Error};

/// More than this in one array is taken for a damaged file.
const MOST_BYTES: u64 = 1 << 34;
/// The highest ratio that deflate can reach.
pub(super) const MOST_RATIO: usize = 1032;

/// The names of inputs, in the order of preference.
const INPUTS: [&str; 8] = ["x", "inputs", "input", "data", "images", "image", "features", "arr_0"];
/// The names of targets, in the order of preference.
const TARGETS: [&str; 6] = ["y", "targets", "target", "labels", "label", "arr_1"];

/// An opened file of arrays.
pub struct Npz {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// The data of a file of arrays.
#[derive(Clone, Debug)]
pub struct Arrays {
    /// The training part.
    pub train: Dataset,
    /// The test part: `x_test` and `y_test`, if they exist.
    pub test: Option<Dataset>,
    /// Which arrays were used as inputs and targets.
    pub taken: String,
}

impl Npz {
    /// Opens a file and reads its directory.
    ///
    /// # Errors
    /// The file does not exist, is not a zip, or is damaged or truncated; an array is encrypted
    /// or packed by an unsupported method.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|e| Error::unreadable(path, e))?;
        let entries =
            directory(&bytes).map_err(|what| Error::data(format!("{}: {what}", path.display())))?;
        Ok(Self { bytes, entries })
    }

    /// Whether there is an array of this name.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|e| e.name == name)
    }

    /// Reads an array.
    ///
    /// # Errors
    /// No array has this name; it is damaged, does not have the size that it
    /// declares, or has an unsupported type.
    pub fn array(&self, name: &str) -> Result<Array, String> {
        let entry = self.entries.iter().find(|e| e.name == name);
        let entry = entry.ok_or_else(|| format!("no array is called \"{name}\""))?;
        let wrong = |what: String| format!("array {name}: {what}");
        self.unpacked(entry).and_then(|bytes| npy::parse(&bytes)).map_err(wrong)
    }

    /// Lists all arrays with types and shapes: `x |u1 [60000, 28, 28], y |u1 [60000]`.
    pub fn list(&self) -> String {
        let one = |entry: &Entry| {
            let head = self.packed(entry).and_then(|packed| {
                let mut head = Vec::new();
                let read = content(packed, entry.deflated)?.take(1 << 16).read_to_end(&mut head);
                read.map_err(|e| e.to_string())?;
                let header = npy::header(&head)?;
                Ok(format!("{} {:?}", header.kind, header.shape))
            });
            format!("{} {}", entry.name, head.unwrap_or_else(|what| format!("({what})")))
        };
        match &self.entries[..] {
            [] => "nothing".into(),
            all => all.iter().map(one).collect::<Vec<_>>().join(", "),
        }
    }

    /// The inputs of the first of these parts that exists, or the only array.
    fn inputs(&self, parts: &[&str]) -> Option<&Entry> {
        let find = |part: &str| {
            let find = |base: &&str| self.entries.iter().find(|e| is_called(&e.name, base, part));
            INPUTS.iter().find_map(find)
        };
        let only = if self.entries.len() == 1 { self.entries.first() } else { None };
        parts.iter().find_map(|part| find(part)).or(only)
    }

    fn packed(&self, entry: &Entry) -> Result<&[u8], String> {
        let start = entry.start(part(&self.bytes))?;
        let packed = start.checked_add(entry.packed).and_then(|end| self.bytes.get(start..end));
        packed.ok_or_else(|| "truncated".into())
    }

    fn unpacked(&self, entry: &Entry) -> Result<Vec<u8>, String> {
        let packed = self.packed(entry)?;
        let size = entry.size;
        let believable = match entry.deflated {
            true => size as u64 <= MOST_BYTES && size / MOST_RATIO <= packed.len(),
            false => size == packed.len(),
        };
        let lies = |what: &str| format!("its {size} bytes are {what}");
        if !believable {
            return Err(lies(&format!("too many for {} packed ones", packed.len())));
        }
        let mut unpacked = Vec::new();
        let mut from = content(packed, entry.deflated)?;
        let damaged = |e: std::io::Error| format!("damaged: {e}");
        // The array's own header first: only what it declares is unpacked.
        from.by_ref().take(1 << 12).read_to_end(&mut unpacked).map_err(damaged)?;
        let mut most = 1 << 12;
        let declared = loop {
            match npy::header(&unpacked) {
                Ok(header) => break header.length()?,
                Err(what) if most >= 1 << 20 || unpacked.len() < most => return Err(what),
                Err(_) => {
                    from.by_ref().take(most as u64).read_to_end(&mut unpacked).map_err(damaged)?;
                    most *= 2;
                }
            }
        };
        if declared != Some(size) {
            let what = declared.map_or("absurdly many".into(), |n| n.to_string());
            return Err(format!("it declares {what} bytes, and the file's directory {size}"));
        }
        // The bytes, and the numbers made from them.
        memory::check("it", 2 * size as u64, 2 * size as u64).map_err(|e| e.to_string())?;
        let left = size.saturating_sub(unpacked.len());
        unpacked.try_reserve_exact(left).map_err(|_| lies("more than the free memory"))?;
        from.take(left as u64 + 1).read_to_end(&mut unpacked).map_err(damaged)?;
        if unpacked.len() != size {
            let more = if unpacked.len() > size { "longer" } else { "shorter" };
            return Err(format!("{more} than the {size} bytes that it declares"));
        }
        if crc32fast::hash(&unpacked) != entry.crc {
            return Err("damaged: its checksum differs".into());
        }
        Ok(unpacked)
    }
}

fn content(packed: &[u8], deflated: bool) -> Result<Box<dyn Read + '_>, String> {
    Ok(match deflated {
        true => Box::new(gzip::inflate(packed)?),
        false => Box::new(packed),
    })
}

fn directory(bytes: &[u8]) -> Result<Vec<Entry>, String> {
    if !bytes.starts_with(b"PK") {
        return Err("not an NPZ file (a zip of arrays)".into());
    }
    arrays(bytes.len(), part(bytes))
}

/// The arrays of a zip of so many bytes.
fn arrays(length: usize, read: impl zip::Source) -> Result<Vec<Entry>, String> {
    let mut entries = zip::directory(length, read)?;
    entries.retain_mut(|entry| match entry.name.strip_suffix(".npy") {
        Some(name) => {
            entry.name = name.into();
            true
        }
        None => false,
    });
    Ok(entries)
}

fn part(bytes: &[u8]) -> impl zip::Source + '_ {
    |at: usize, length: usize| {
        let part = at.checked_add(length).and_then(|end| bytes.get(at..end));
        part.map(<[u8]>::to_vec).ok_or_else(|| "truncated".into())
    }
}

/// Reads the inputs and targets of a file, found by their names: `x`, `inputs`, `data`,
/// `images`, `features` and `y`, `targets`, `labels`, each also with `train` and `test` before or
/// after it. `targets` names the array of targets, if it has another name.
///
/// # Errors
/// As [`Npz::array`]; there are no arrays of such names (lists the existing ones); inputs and
/// targets do not fit together.
pub fn read(path: &Path, targets: Option<&str>, scale: bool) -> Result<Arrays> {
    let npz = Npz::open(path)?;
    let wrong = |what: String| Error::data(format!("{}: {what}", path.display()));
    let find = |known: &[&str], part: &str| {
        let find = |base: &&str| npz.entries.iter().find(|e| is_called(&e.name, base, part));
        known.iter().find_map(find).map(|e| e.name.clone())
    };
    let train = |known| find(known, "train").or_else(|| find(known, ""));
    let x = train(&INPUTS);
    let y = targets.map(String::from).or_else(|| train(&TARGETS));
    let (Some(x), Some(y)) = (x, y) else {
        return Err(wrong(format!(
            "cannot tell its inputs and targets by their names; call them x and y (or x_train, \
             y_train, x_test, y_test), or say which array holds the targets; it holds {}",
            npz.list()
        )));
    };
    let join = |x: &str, y: &str| -> Result<Dataset> {
        let named = |name: &str, e: Error| wrong(format!("array {name}: {e}"));
        let features = npz.array(x).map_err(wrong)?.into_features(scale);
        let targets = npz.array(y).map_err(wrong)?.into_targets();
        Dataset::new(features.map_err(|e| named(x, e))?, targets.map_err(|e| named(y, e))?)
            .map_err(|e| wrong(format!("arrays {x} and {y}: {e}")))
    };
    let train = join(&x, &y)?;
    let mut taken = format!("inputs {x}, targets {y}");
    let test = match (find(&INPUTS, "test"), find(&TARGETS, "test")) {
        (Some(x), Some(y)) => {
            taken += &format!("; test {x}, {y}");
            let test = join(&x, &y)?;
            if test.features().shape() != train.features().shape() {
                let (a, b) = (train.features().shape(), test.features().shape());
                return Err(wrong(format!("samples of shape {a:?} to train on, {b:?} to test")));
            }
            let names = train.targets().names();
            Some(
                names
                    .map_or(Ok(test.clone()), |n| test.with_classes(n))
                    .map_err(|e| wrong(format!("array {y}: {e}")))?,
            )
        }
        _ => None,
    };
    Ok(Arrays { train, test, taken })
}

/// Reads the inputs of a file, and joins them with these targets.
///
/// # Errors
/// As [`read`].
pub fn with_targets(path: &Path, targets: Targets, scale: bool) -> Result<Dataset> {
    let npz = Npz::open(path)?;
    let wrong = |what: String| Error::data(format!("{}: {what}", path.display()));
    let x = npz.inputs(&["train", ""]).ok_or_else(|| {
        wrong(format!("cannot tell its inputs by their name; call them x; it holds {}", npz.list()))
    })?;
    let features = npz.array(&x.name).map_err(wrong)?.into_features(scale);
    Dataset::new(features.map_err(|e| wrong(format!("array {}: {e}", x.name)))?, targets)
        .map_err(|e| wrong(e.to_string()))
}

/// Reads the inputs of a file for predictions: `x`, else `x_test`, else the only array.
///
/// # Errors
/// As [`read`].
pub fn features(path: &Path, scale: bool) -> Result<Features> {
    let npz = Npz::open(path)?;
    let wrong = |what: String| Error::data(format!("{}: {what}", path.display()));
    let x = npz.inputs(&["", "test"]).ok_or_else(|| {
        let what = "cannot tell which array to ask about; call it x, or x_test; it holds";
        wrong(format!("{what} {}", npz.list()))
    })?;
    let features = npz.array(&x.name).map_err(wrong)?.into_features(scale);
    features.map_err(|e| wrong(format!("array {}: {e}", x.name)))
}

/// Which array is wanted.
pub(super) enum Wanted {
    Inputs,
    /// Inputs to be asked about: `x`, else `x_test`, else the only array.
    Asked,
    /// The targets, which may have a name of their own.
    Targets(Option<String>),
}

/// Where an array lies in a file.
pub(super) struct Found {
    pub name: String,
    pub start: u64,
    pub packed: u64,
    pub size: u64,
    pub deflated: bool,
    pub crc: u32,
}

/// Finds an array in a file by its name, without reading it.
pub(super) fn find(file: &mut File, wanted: Wanted) -> Result<Found, String> {
    let length = file.metadata().map_err(|e| e.to_string())?.len() as usize;
    let mut read = |at: usize, n: usize| {
        let mut bytes = vec![0; n.min(length)];
        let read = file.seek(SeekFrom::Start(at as u64)).and_then(|_| file.read_exact(&mut bytes));
        read.map(|()| bytes).map_err(|_| "truncated".into())
    };
    let entries = arrays(length, &mut read)?;
    let named = |known: &[&str], part: &str| {
        let find = |base: &&str| entries.iter().find(|e| is_called(&e.name, base, part));
        known.iter().find_map(find)
    };
    let train = |known| named(known, "train").or_else(|| named(known, ""));
    let found = match &wanted {
        Wanted::Inputs => train(&INPUTS),
        Wanted::Asked => {
            let only = if entries.len() == 1 { entries.first() } else { None };
            named(&INPUTS, "").or_else(|| named(&INPUTS, "test")).or(only)
        }
        Wanted::Targets(None) => train(&TARGETS),
        Wanted::Targets(Some(name)) => entries.iter().find(|e| e.name == *name),
    };
    if !matches!(wanted, Wanted::Asked) && named(&INPUTS, "test").is_some() {
        return Err("it has a test part of its own, which is not streamed: save that as another \
                    file"
            .into());
    }
    let names: Vec<&str> = entries.iter().map(|e| &*e.name).collect();
    let entry = found.ok_or_else(|| {
        let what = match wanted {
            Wanted::Asked => "cannot tell its inputs by their name; call them x",
            _ => "cannot tell its inputs and targets by their names; call them x and y",
        };
        format!("{what}; it holds {}", names.join(", "))
    })?;
    let start = entry.start(&mut read)?;
    let Entry { name, deflated, crc, packed, size, .. } = entry.clone();
    let (start, packed, size) = (start as u64, packed as u64, size as u64);
    Ok(Found { name, start, packed, size, deflated, crc })
}

/// Whether an array has this name, with the part's name before or after it: `x_train`,
/// `train_images`, `X`.
fn is_called(name: &str, base: &str, part: &str) -> bool {
    let name = name.to_lowercase();
    match part {
        "" => name == base,
        _ => [format!("{base}_{part}"), format!("{part}_{base}"), format!("{base}{part}")]
            .contains(&name),
    }
}

#[cfg(all(test, feature = "gzip"))]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::DeflateEncoder};

    use super::*;

    fn npy(shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        [&bytes, header.as_bytes(), data].concat()
    }

    /// A zip of one deflated array that declares `size` bytes.
    fn zip(content: &[u8], size: u64) -> Vec<u8> {
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
        deflate.write_all(content).unwrap();
        let packed = deflate.finish().unwrap();
        let crc = crc32fast::hash(content);
        let name = b"x.npy";
        let fields = |bytes: &mut Vec<u8>| {
            bytes.extend([20, 0, 0, 0, 8, 0, 0, 0, 0, 0]);
            bytes.extend(crc.to_le_bytes());
            bytes.extend((packed.len() as u32).to_le_bytes());
            bytes.extend((size.min(0xffff_ffff) as u32).to_le_bytes());
            bytes.extend([5, 0]);
        };
        let mut bytes = b"PK\x03\x04".to_vec();
        fields(&mut bytes);
        bytes.extend([0, 0]);
        bytes.extend(name);
        bytes.extend(&packed);
        let directory = bytes.len() as u32;
        bytes.extend(b"PK\x01\x02\x14\x00");
        fields(&mut bytes);
        let wide = size > 0xffff_ffff;
        bytes.extend([if wide { 12 } else { 0 }, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(0u32.to_le_bytes());
        bytes.extend(name);
        if wide {
            bytes.extend([1, 0, 8, 0]);
            bytes.extend(size.to_le_bytes());
        }
        let length = bytes.len() as u32 - directory;
        bytes.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
        bytes.extend(length.to_le_bytes());
        bytes.extend(directory.to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }

    fn read(bytes: Vec<u8>) -> Result<Array, String> {
        let entries = directory(&bytes)?;
        Npz { bytes, entries }.array("x")
    }

    fn says(bytes: Vec<u8>, what: &str) {
        let error = read(bytes).unwrap_err();
        assert!(error.contains(what), "{error}");
    }

    #[test]
    fn what_is_declared_is_what_is_unpacked() {
        let content = npy("(5000,)", &[7; 5000]);
        let whole = zip(&content, content.len() as u64);
        assert_eq!(read(whole.clone()).unwrap().shape, [5000]);
        // Zeros without end behind a header of few, of many, and of absurdly many.
        let bomb = npy("(9,)", &vec![0; 10_000_000]);
        says(zip(&bomb, bomb.len() as u64), "it declares");
        let honest = npy("(9,)", &[0; 9]).len() as u64;
        says(zip(&bomb, honest), "longer than the");
        says(zip(&npy("(9000000000,)", &[0; 9]), 9_000_000_061), "too many for");
        says(zip(&npy("(90000000000,)", &[0; 90_000_000]), 90_000_000_062), "too many for");
        says(zip(&npy("(18446744073709551615, 9)", &[]), 90), "absurdly many");
        says(zip(&content[..4000], content.len() as u64), "shorter than");
        says(zip(b"not an array", 12), "not an NPY file");
        let mut damaged = whole.clone();
        let checksum = whole.len() - 22 - 51 + 16;
        damaged[checksum] ^= 1;
        says(damaged, "its checksum differs");
        // All but the last two bytes, which say that there is no comment.
        for end in 0..whole.len() - 2 {
            assert!(read(whole[..end].to_vec()).is_err(), "cut at {end}");
        }
        for at in 0..whole.len() {
            let mut other = whole.clone();
            other[at] ^= 0x81;
            let _ = read(other); // no panic
        }
    }
}
