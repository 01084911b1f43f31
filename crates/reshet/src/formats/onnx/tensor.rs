//! Tensors of a file, read in place.

use prost::bytes::Bytes;

use super::proto::{self, kind, varint};
use crate::half::half;

/// More whole numbers than this are no shape.
const MOST_INTS: usize = 4096;

/// A tensor that does not change: its numbers in the file, seen in a certain order.
#[derive(Clone, Debug)]
pub struct Const {
    pub dims: Vec<usize>,
    strides: Vec<usize>,
    data: Data,
}

#[derive(Clone, Debug)]
enum Data {
    /// Little-endian numbers of this many bytes each.
    Floats(Bytes, Float),
    Ints(Vec<i64>),
    Words(Vec<String>),
}

#[derive(Clone, Copy, Debug)]
enum Float {
    F16,
    BF16,
    F32,
    F64,
}

impl Float {
    fn size(self) -> usize {
        match self {
            Self::F16 | Self::BF16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

impl Const {
    /// Reads the file's message.
    ///
    /// # Errors
    /// Its size or type is wrong, or its data is in another file.
    pub fn of(tensor: &proto::Tensor) -> Result<Self, String> {
        if tensor.data_location == 1 || !tensor.external_data.is_empty() {
            let file = tensor.external_data.iter().find(|e| e.key == "location");
            let file = file.map_or("another file", |e| &e.value);
            return Err(format!(
                "its numbers are in {file}; save the network as one file \
                 (PyTorch: external_data=False; else onnx.save_model with save_as_external_data=False)"
            ));
        }
        let dims: Option<Vec<usize>> =
            tensor.dims.iter().map(|d| usize::try_from(*d).ok()).collect();
        let dims = dims.ok_or("it has a negative size")?;
        let count = crate::data::count(&dims)
            .filter(|n| *n < usize::MAX / 16)
            .ok_or("it is absurdly large")?;
        let data = data(tensor, count)?;
        Ok(Self { strides: row_by_row(&dims), dims, data })
    }

    /// A list of whole numbers.
    pub fn ints(values: Vec<i64>) -> Self {
        Self { dims: vec![values.len()], strides: vec![1], data: Data::Ints(values) }
    }

    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// The number at this place; NaN of a word.
    pub fn at(&self, place: &[usize]) -> f64 {
        self.number(place.iter().zip(&self.strides).map(|(p, s)| p * s).sum())
    }

    fn number(&self, i: usize) -> f64 {
        match &self.data {
            Data::Floats(bytes, float) => {
                let b = &bytes[i * float.size()..][..float.size()];
                match (float, b) {
                    (Float::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]).into(),
                    (Float::F16, &[a, b]) => half(u16::from_le_bytes([a, b])).into(),
                    (Float::BF16, &[a, b]) => f32::from_le_bytes([0, 0, a, b]).into(),
                    (Float::F64, b) => b.try_into().map_or(f64::NAN, f64::from_le_bytes),
                    _ => f64::NAN,
                }
            }
            Data::Ints(values) => values[i] as f64,
            Data::Words(_) => f64::NAN,
        }
    }

    /// All numbers, row by row.
    pub fn numbers(&self) -> Vec<f64> {
        self.places().map(|i| self.number(i)).collect()
    }

    /// All of a list of whole numbers, if it is one.
    pub fn whole(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::Ints(values) => Some(self.places().map(|i| values[i]).collect()),
            _ => None,
        }
    }

    /// Whole numbers or words as texts.
    pub fn names(&self) -> Option<Vec<String>> {
        match &self.data {
            Data::Ints(values) => Some(self.places().map(|i| values[i].to_string()).collect()),
            Data::Words(words) => Some(self.places().map(|i| words[i].clone()).collect()),
            Data::Floats(..) => None,
        }
    }

    fn places(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.len()).map(|mut n| {
            let mut at = 0;
            for (d, s) in self.dims.iter().zip(&self.strides).rev() {
                at += n % d * s;
                n /= d;
            }
            at
        })
    }

    pub fn is_floats(&self) -> bool {
        matches!(self.data, Data::Floats(..))
    }

    /// The same numbers in another order of dimensions.
    pub fn transposed(&self, order: Option<Vec<i64>>) -> Option<Self> {
        let rank = self.dims.len();
        let order = match order {
            Some(order) => order.iter().map(|i| usize::try_from(*i).ok()).collect::<Option<_>>()?,
            None => (0..rank).rev().collect::<Vec<_>>(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..rank) {
            return None;
        }
        let pick = |v: &[usize]| order.iter().map(|i| v[*i]).collect();
        let (dims, strides) = (pick(&self.dims), pick(&self.strides));
        Some(Self { dims, strides, data: self.data.clone() })
    }

    /// The same numbers with other dimensions; None where they do not stand row by row.
    pub fn reshaped(&self, dims: Vec<usize>) -> Option<Self> {
        let fits = crate::data::count(&dims) == Some(self.len());
        let steady = self.strides == row_by_row(&self.dims);
        (fits && steady).then(|| Self { strides: row_by_row(&dims), dims, data: self.data.clone() })
    }
}

fn row_by_row(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for i in (1..dims.len()).rev() {
        strides[i - 1] = strides[i] * dims[i];
    }
    strides
}

fn data(tensor: &proto::Tensor, count: usize) -> Result<Data, String> {
    let raw = || tensor.raw_data.clone().filter(|raw| !raw.is_empty());
    let sized = |bytes: Bytes, float: Float| match bytes.len() == count * float.size() {
        true => Ok(Data::Floats(bytes, float)),
        false => Err(format!(
            "its {count} numbers need {} bytes, and {} are there",
            count * float.size(),
            bytes.len()
        )),
    };
    let joined = |parts: &[Bytes]| match parts {
        [one] => one.clone(),
        all => all.concat().into(),
    };
    let ints = |data: &[Bytes], size: usize| {
        if count > MOST_INTS {
            return Err(format!("it has {count} whole numbers; weights must be floats"));
        }
        let values = match raw() {
            Some(raw) if raw.len() == count * size => {
                let number = |b: &[u8]| {
                    let mut wide = [if b[size - 1] & 0x80 == 0 { 0 } else { 0xff }; 8];
                    wide[..size].copy_from_slice(b);
                    i64::from_le_bytes(wide)
                };
                raw.chunks_exact(size).map(number).collect()
            }
            Some(raw) => return Err(format!("its {count} numbers take {} bytes", raw.len())),
            None => varints(&joined(data), count)?,
        };
        Ok(Data::Ints(values))
    };
    match tensor.data_type {
        kind::FLOAT => sized(raw().unwrap_or_else(|| joined(&tensor.float_data)), Float::F32),
        kind::DOUBLE => sized(raw().unwrap_or_else(|| joined(&tensor.double_data)), Float::F64),
        kind::FLOAT16 | kind::BFLOAT16 => {
            let float = if tensor.data_type == kind::FLOAT16 { Float::F16 } else { Float::BF16 };
            match raw() {
                Some(raw) => sized(raw, float),
                // A varint each.
                None if count <= MOST_INTS => {
                    let bits = varints(&joined(&tensor.int32_data), count)?;
                    let bytes: Vec<u8> =
                        bits.iter().flat_map(|bits| (*bits as u16).to_le_bytes()).collect();
                    sized(bytes.into(), float)
                }
                None => Err("its half-precision numbers are not stored as raw data".into()),
            }
        }
        kind::INT64 => ints(&tensor.int64_data, 8),
        kind::INT32 => ints(&tensor.int32_data, 4),
        kind::BOOL => ints(&tensor.int32_data, 1),
        kind::STRING if tensor.string_data.len() == count => {
            let word = |b: &Bytes| String::from_utf8_lossy(b).into_owned();
            Ok(Data::Words(tensor.string_data.iter().map(word).collect()))
        }
        kind::STRING => Err(format!("{count} words are said to be in it")),
        other => Err(format!("numbers of type {other} are not read; weights must be floats")),
    }
}

fn varints(bytes: &[u8], count: usize) -> Result<Vec<i64>, String> {
    let mut rest = bytes;
    let values: Option<Vec<i64>> =
        (0..count).map(|_| varint(&mut rest).map(|n| n as i64)).collect();
    values.filter(|_| rest.is_empty()).ok_or_else(|| format!("it does not hold {count} numbers"))
}
