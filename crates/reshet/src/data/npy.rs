//! NPY, NumPy's array file.
//!
//! ```text
//! \x93NUMPY │ version │ length │ {'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), } │ numbers
//! ```
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.
//! Supported: floats of 2 to 8 bytes, integers of 1 to 8 and booleans, in either byte order
//! and either order of dimensions. Pickled objects are refused, since they can run code.

mod kind;

use std::{fs, io::Read, path::Path};

pub(super) use kind::{Kind, Spread};

pub use super::streamed::{
    arrays::{Parts, size, stream, targets as targets_of},
    blocks::blocks,
};
use super::{Dataset, Features, Storage, Targets, gzip, memory};
use crate::{Result, error::Error, half::half};

/// An array and its shape, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The lengths of the dimensions.
    pub shape: Vec<usize>,
    /// The numbers.
    pub numbers: Numbers,
}

/// The numbers of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Unsigned bytes.
    U8(Vec<u8>),
    /// Any other integers, and booleans as 0 and 1.
    Integers(Vec<i64>),
    /// Floats; those of 8 bytes are rounded to 4.
    F32(Vec<f32>),
}

/// Reads an array from a file, which may be gzipped.
///
/// # Errors
/// The file does not exist, is not NPY, has an unsupported type, or is shorter or longer than
/// its header says.
pub fn read(path: &Path) -> Result<Array> {
    // The file, and the numbers made from it.
    let size = 2 * fs::metadata(path).map_or(0, |about| about.len());
    memory::check(&path.display().to_string(), size, size)?;
    let mut bytes = fs::read(path).map_err(|e| Error::unreadable(path, e))?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let wrong = |what: String| Error::data(format!("{}: {what}", path.display()));
        let mut unpacked = Vec::new();
        let read = gzip::gunzip(&bytes[..]).map_err(wrong)?.read_to_end(&mut unpacked);
        read.map_err(|e| wrong(format!("damaged: {e}")))?;
        bytes = unpacked;
    }
    parse(&bytes).map_err(|what| Error::data(format!("{}: {what}", path.display())))
}

/// Reads an array from the bytes of its file.
///
/// # Errors
/// As [`read`], without the path.
pub fn parse(bytes: &[u8]) -> Result<Array, String> {
    let Header { kind, fortran, shape, start } = header(bytes)?;
    let data = &bytes[start..];
    let (little, kind) = match kind.split_at_checked(1) {
        Some(("<" | "|", kind)) => (true, kind),
        Some((">", kind)) => (false, kind),
        _ => return Err(format!("numbers of type \"{kind}\" are not read")),
    };
    let size = item_size(kind)?;
    let count = super::count(&shape)
        .filter(|n| n.checked_mul(size) == Some(data.len()))
        .ok_or_else(|| {
            format!(
                "its header says {shape:?} numbers of {size} bytes and there are {} bytes",
                data.len()
            )
        })?;
    // Little-endian, in eight bytes, sign-extended.
    let wide = |i: usize| -> [u8; 8] {
        let part = &data[i * size..(i + 1) * size];
        let mut wide = [0; 8];
        (0..size).for_each(|b| wide[b] = part[if little { b } else { size - 1 - b }]);
        if kind.starts_with('i') && wide[size - 1] >= 128 {
            wide[size..].fill(255);
        }
        wide
    };
    // The place in the file of the number that is i-th in row-major order.
    let place = |mut i: usize| {
        if !fortran {
            return i;
        }
        let mut place = 0;
        let mut step: usize = count;
        for d in shape.iter().rev() {
            step /= d;
            place += i % d * step;
            i /= d;
        }
        place
    };
    let each = (0..count).map(|i| wide(place(i)));
    let numbers = match kind {
        "u1" => Numbers::U8(each.map(|w| w[0]).collect()),
        "f2" => Numbers::F32(each.map(|w| half(u16::from_le_bytes([w[0], w[1]]))).collect()),
        "f4" => Numbers::F32(each.map(|w| f32::from_le_bytes([w[0], w[1], w[2], w[3]])).collect()),
        "f8" => {
            // Of no samples the width is only what the header says: nothing is as wide.
            let width = if count == 0 { 0 } else { shape.iter().skip(1).product() };
            let mut spread = Spread::new(width);
            each.clone().for_each(|w| spread.add(f64::from_le_bytes(w)));
            spread.check()?;
            Numbers::F32(each.map(|w| f64::from_le_bytes(w) as f32).collect())
        }
        "u8" if each.clone().any(|w| u64::from_le_bytes(w) > i64::MAX as u64) => {
            return Err("a whole number of 2⁶³ or more, which is not read".into());
        }
        _ => Numbers::Integers(each.map(i64::from_le_bytes).collect()),
    };
    Ok(Array { shape, numbers })
}

/// The header before the numbers.
pub(super) struct Header<'a> {
    /// The type, such as `<f4`.
    pub kind: &'a str,
    pub fortran: bool,
    pub shape: Vec<usize>,
    /// Where the numbers begin.
    pub start: usize,
}

impl Header<'_> {
    /// The length that the file should have; None if it overflows.
    pub fn length(&self) -> Result<Option<usize>, String> {
        let size = item_size(self.kind.get(1..).unwrap_or_default())?;
        let bytes = super::count(&self.shape).and_then(|n| n.checked_mul(size));
        Ok(bytes.and_then(|n| n.checked_add(self.start)))
    }
}

/// Reads the header at the start of these bytes.
pub(super) fn header(bytes: &[u8]) -> Result<Header<'_>, String> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or("not an NPY file")?;
    // Version 1 has two bytes of length, the others four.
    let (length, start) = match rest {
        [1, _, a, b, ..] => (u16::from_le_bytes([*a, *b]).into(), 4),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
        [version, ..] if *version > 3 => return Err(format!("NPY version {version} is not known")),
        _ => return Err("truncated in its header".into()),
    };
    let text = rest[start..].get(..length).ok_or("truncated in its header")?;
    let text = std::str::from_utf8(text).map_err(|_| "its header is damaged")?;
    if let Some(fields) = structured(text) {
        return Err(format!(
            "a structured array (fields {}), not numbers; save plain ones: np.save(\"x.npy\", \
             numpy.lib.recfunctions.structured_to_unstructured(a[[\"…\"]])), and the targets' \
             field on its own",
            fields.join(", ")
        ));
    }
    let (kind, fortran, shape) = parse_header(text).ok_or("its header is damaged")?;
    Ok(Header { kind, fortran, shape, start: 6 + start + length })
}

/// Bytes per number, by the type without its byte order.
fn item_size(kind: &str) -> Result<usize, String> {
    match kind {
        "b1" | "u1" | "i1" => Ok(1),
        "u2" | "i2" | "f2" => Ok(2),
        "f4" | "u4" | "i4" => Ok(4),
        "f8" | "u8" | "i8" => Ok(8),
        _ => {
            let known = "floats of 2, 4 or 8 bytes, integers and booleans";
            Err(format!("numbers of type \"{kind}\" are not read, only {known}"))
        }
    }
}

/// The fields of a structured array: `{'descr': [('a', '<f4'), ('b', '<i8')], …`.
fn structured(header: &str) -> Option<Vec<&str>> {
    let (_, after) = header.split_once("'descr'")?;
    let list = after.trim_start().strip_prefix(':')?.trim_start().strip_prefix('[')?;
    let field = |part: &'_ str| -> Option<usize> { part.find('\'').or(part.find('"')) };
    let name = |part| {
        let part: &str = part;
        let start = field(part)? + 1;
        let quote = &part[start - 1..start];
        part[start..].split(quote).next()
    };
    Some(list.split('(').skip(1).filter_map(name).take(20).collect())
}

/// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }`
fn parse_header(header: &str) -> Option<(&str, bool, Vec<usize>)> {
    let value = |key: &str| {
        let (_, after) = header.split_once(&format!("'{key}'"))?;
        Some(after.trim_start().strip_prefix(':')?.trim_start())
    };
    let kind = value("descr")?.strip_prefix('\'')?.split('\'').next()?;
    let order = value("fortran_order")?;
    let fortran = order.starts_with("True");
    if !fortran && !order.starts_with("False") {
        return None;
    }
    let (shape, _) = value("shape")?.strip_prefix('(')?.split_once(')')?;
    let numbers = shape.split(',').map(str::trim).filter(|n| !n.is_empty());
    let shape = numbers.map(|n| n.parse().ok()).collect::<Option<Vec<usize>>>()?;
    Some((kind, fortran, shape))
}

impl Array {
    /// Converts the array to inputs: the first dimension counts the samples. Bytes stand for
    /// x / 255, as in pictures, unless `scale` is off; other numbers are used as they are.
    ///
    /// # Errors
    /// The array has no samples, or a number is not finite.
    pub fn into_features(self, scale: bool) -> Result<Features> {
        let shape = match &self.shape[..] {
            [] => return Err(Error::data("a single number, not samples")),
            [_] => vec![1],
            [_, sample @ ..] => sample.to_vec(),
        };
        let storage = match self.numbers {
            Numbers::U8(bytes) if scale => Storage::U8(bytes),
            Numbers::U8(bytes) => Storage::F32(bytes.into_iter().map(f32::from).collect()),
            Numbers::Integers(numbers) => Storage::F32(numbers.iter().map(|n| *n as f32).collect()),
            Numbers::F32(numbers) => Storage::F32(numbers),
        };
        Features::new(storage, &shape)
    }

    /// Converts the array to targets. Integers, one per sample, are classes, named by them:
    /// see [`Targets::of_whole_numbers`]. Other arrays are numbers.
    ///
    /// # Errors
    /// There are too many different integers to be classes.
    pub fn into_targets(self) -> Result<Targets> {
        let width = self.shape.iter().skip(1).product();
        let integers = match self.numbers {
            Numbers::F32(values) => return Ok(Targets::numbers(values, width)),
            Numbers::Integers(integers) => integers,
            Numbers::U8(bytes) => bytes.into_iter().map(i64::from).collect(),
        };
        if width > 1 {
            let values = integers.iter().map(|n| *n as f32).collect();
            return Ok(Targets::numbers(values, width));
        }
        Targets::of_whole_numbers(&integers)
    }
}

/// Reads inputs from a file: see [`Array::into_features`].
///
/// # Errors
/// As [`read`] and [`Array::into_features`].
pub fn features(path: &Path, scale: bool) -> Result<Features> {
    let features = read(path)?.into_features(scale);
    features.map_err(|e| Error::data(format!("{}: {e}", path.display())))
}

/// Reads targets from a file: see [`Array::into_targets`].
///
/// # Errors
/// As [`read`] and [`Array::into_targets`].
pub fn targets(path: &Path) -> Result<Targets> {
    let targets = read(path)?.into_targets();
    targets.map_err(|e| Error::data(format!("{}: {e}", path.display())))
}

/// Reads inputs and targets from two files, and joins them.
///
/// # Errors
/// As [`features`] and [`targets`]; the numbers of samples differ.
pub fn pair(inputs: &Path, outputs: &Path, scale: bool) -> Result<Dataset> {
    Dataset::new(features(inputs, scale)?, targets(outputs)?)
        .map_err(|e| Error::data(format!("{}, {}: {e}", inputs.display(), outputs.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        [&bytes, header.as_bytes(), data].concat()
    }

    #[test]
    fn types_and_orders() {
        let header = |kind: &str, order: &str, shape: &str| {
            format!("{{'descr': '{kind}', 'fortran_order': {order}, 'shape': {shape}, }}   \n")
        };
        let read =
            |kind, order, shape, data: &[u8]| parse(&file(&header(kind, order, shape), data));
        let array = read("<f4", "False", "(2, 1)", &[0, 0, 128, 63, 0, 0, 0, 192]).unwrap();
        assert_eq!(array, Array { shape: vec![2, 1], numbers: Numbers::F32(vec![1.0, -2.0]) });
        let array = read(">f8", "False", "(1,)", &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!(array.numbers, Numbers::F32(vec![1.5]));
        let array = read("<f2", "False", "(4,)", &[0, 0x3e, 1, 0, 0xff, 0xfb, 0, 0x80]).unwrap();
        assert_eq!(array.numbers, Numbers::F32(vec![1.5, 2f32.powi(-24), -65504.0, 0.0]));
        let array = read("<i2", "False", "(2,)", &[255, 255, 1, 1]).unwrap();
        assert_eq!(array.numbers, Numbers::Integers(vec![-1, 257]));
        assert_eq!(read("|b1", "False", "()", &[1]).unwrap().numbers, Numbers::Integers(vec![1]));
        let whole = [u64::MAX >> 1, 4_006_381_333_948].map(u64::to_le_bytes).concat();
        let whole = read("<u8", "False", "(2,)", &whole).unwrap();
        assert_eq!(whole.numbers, Numbers::Integers(vec![i64::MAX, 4_006_381_333_948]));
        // [[0, 1, 2], [3, 4, 5]] by columns, and a cube.
        let array = read("|u1", "True", "(2, 3)", &[0, 3, 1, 4, 2, 5]).unwrap();
        assert_eq!(array.numbers, Numbers::U8(vec![0, 1, 2, 3, 4, 5]));
        let array = read("|u1", "True", "(2, 2, 2)", &[0, 4, 2, 6, 1, 5, 3, 7]).unwrap();
        assert_eq!(array.numbers, Numbers::U8(vec![0, 1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(read("|u1", "True", "(0, 3)", &[]).unwrap().numbers, Numbers::U8(vec![]));
        // Found by fuzzing: no samples of more numbers than can be counted.
        let huge = "(0, 4294967296, 4294967296)";
        assert!(read("|u1", "False", huge, &[]).unwrap_err().contains("there are 0 bytes"));

        let says = |result: Result<Array, String>, what: &str| {
            let error = result.unwrap_err();
            assert!(error.contains(what), "{error}");
        };
        says(read("<f4", "False", "(2, 1)", &[0; 7]), "there are 7 bytes");
        says(read("<f4", "False", "(2, 1)", &[0; 9]), "there are 9 bytes");
        says(read("|O", "False", "(1,)", &[0; 8]), "type \"O\" are not read");
        says(read("<c8", "False", "(1,)", &[0; 8]), "type \"c8\" are not read");
        says(read("<f4", "Maybe", "(1,)", &[0; 4]), "header is damaged");
        says(read("<f8", "False", "(18446744073709551615, 9)", &[]), "there are 0 bytes");
        let fields = "{'descr': [('area', '<f4'), ('price', '<f8')], 'fortran_order': False, 'shape': (3,), }";
        says(parse(&file(fields, &[0; 36])), "a structured array (fields area, price)");
        says(read("<u8", "False", "(1,)", &u64::MAX.to_le_bytes()), "2⁶³ or more");
        // Times are told apart by the second, and single precision knows 128 of them.
        let doubles = |x: &[f64]| x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let times = doubles(&[1.5, 1.7e9, 2.5, 1.7e9 + 60.0, 3.5, 1.7e9 + 120.0]);
        says(read("<f8", "False", "(3, 2)", &times), "column 1 (counted from 0): its numbers lie");
        says(
            read("<f8", "False", "(2,)", &doubles(&[-8e9, -8e9 - 7.0])),
            "subtract what they share",
        );
        for plain in
            [[0.1, 0.1 + 1e-16], [1.7e9, 1.7e9], [1.7e9, 1.6e9], [0.0, 1e-9], [1e6, 1e6 + 20.0]]
        {
            assert!(read("<f8", "False", "(2,)", &doubles(&plain)).is_ok(), "{plain:?}");
        }
        assert!(read("<f8", "False", "(2,)", &doubles(&[f64::NAN, f64::INFINITY])).is_ok());
        says(parse(b"PK"), "not an NPY file");
        says(parse(b"\x93NUMPY\x01"), "truncated");
        says(parse(b"\x93NUMPY\x01\x00\xff\xff{"), "truncated");
        says(parse(b"\x93NUMPY\x09\x00\x00\x00"), "version 9");
    }
}
