//! The types of an array's numbers, and reading them from bytes.

use super::{Numbers, item_size};
use crate::{data::Storage, half::half};

/// The type of an array's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::data) struct Kind {
    little: bool,
    code: Code,
    size: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Code {
    /// Unsigned integers, and booleans, which are 0 and 1.
    Unsigned,
    Byte,
    Signed,
    Float,
}

impl Kind {
    /// From its name: `<f4`.
    pub fn new(name: &str) -> Result<Self, String> {
        let (little, name) = match name.split_at_checked(1) {
            Some(("<" | "|", name)) => (true, name),
            Some((">", name)) => (false, name),
            _ => return Err(format!("numbers of type \"{name}\" are not read")),
        };
        let size = item_size(name)?;
        let code = match name.as_bytes()[0] {
            b'f' => Code::Float,
            b'i' => Code::Signed,
            b'u' if size == 1 => Code::Byte,
            _ => Code::Unsigned,
        };
        Ok(Self { little, code, size })
    }

    /// Bytes of a number.
    pub fn size(self) -> usize {
        self.size
    }

    /// Whether it is unsigned bytes.
    pub fn is_byte(self) -> bool {
        self.code == Code::Byte
    }

    /// Numbers, little-endian and in eight bytes, sign-extended.
    fn wide(self, bytes: &[u8]) -> impl Iterator<Item = [u8; 8]> + '_ {
        bytes.chunks_exact(self.size).map(move |part| {
            let mut wide = [0; 8];
            wide[..self.size].copy_from_slice(part);
            if !self.little {
                wide[..self.size].reverse();
            }
            if self.code == Code::Signed && wide[self.size - 1] >= 128 {
                wide[self.size..].fill(255);
            }
            wide
        })
    }

    /// Whole numbers.
    fn whole(self, bytes: &[u8]) -> Result<impl Iterator<Item = i64> + '_, String> {
        let too_large = self.code == Code::Unsigned
            && self.size == 8
            && self.wide(bytes).any(|w| u64::from_le_bytes(w) > i64::MAX as u64);
        match too_large {
            true => Err("a whole number of 2⁶³ or more, which is not read".into()),
            false => Ok(self.wide(bytes).map(i64::from_le_bytes)),
        }
    }

    /// Adds numbers, rounded to single precision.
    pub fn decode(self, bytes: &[u8], into: &mut Vec<f32>) -> Result<(), String> {
        let first = |w: [u8; 8]| [w[0], w[1], w[2], w[3]];
        match (self.code, self.size) {
            (Code::Float, 4) if self.little => {
                into.extend(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)));
            }
            (Code::Float, 2) => {
                into.extend(self.wide(bytes).map(|w| half(u16::from_le_bytes([w[0], w[1]]))));
            }
            (Code::Float, 4) => {
                into.extend(self.wide(bytes).map(|w| f32::from_le_bytes(first(w))));
            }
            (Code::Float, _) => {
                into.extend(self.wide(bytes).map(|w| f64::from_le_bytes(w) as f32));
            }
            _ => into.extend(self.whole(bytes)?.map(|n| n as f32)),
        }
        Ok(())
    }

    /// Adds numbers as inputs: bytes as they are, if inputs are bytes.
    pub fn inputs(self, bytes: &[u8], into: &mut Storage) -> Result<(), String> {
        match into {
            Storage::U8(into) => {
                into.extend_from_slice(bytes);
                Ok(())
            }
            Storage::F32(into) => self.decode(bytes, into),
        }
    }

    /// Gives the numbers in double precision, if that is how they are written.
    pub fn doubles(self, bytes: &[u8], mut each: impl FnMut(f64)) {
        if (self.code, self.size) == (Code::Float, 8) {
            self.wide(bytes).for_each(|w| each(f64::from_le_bytes(w)));
        }
    }

    /// The numbers of an array.
    pub fn numbers(self, bytes: &[u8]) -> Result<Numbers, String> {
        Ok(match self.code {
            Code::Byte => Numbers::U8(bytes.to_vec()),
            Code::Float => {
                let mut numbers = Vec::with_capacity(bytes.len() / self.size);
                self.decode(bytes, &mut numbers)?;
                Numbers::F32(numbers)
            }
            _ => Numbers::Integers(self.whole(bytes)?.collect()),
        })
    }
}

/// Numbers farther from 0 than this many times their spread are hardly told apart in single
/// precision, which has 24 bits.
const FAR: f64 = 1_048_576.0;
/// Nor by a spread that is a rounding's.
const NO_SPREAD: f64 = 1e-12;

/// How far the numbers of each column lie apart, of doubles that come row by row.
pub(in crate::data) struct Spread {
    columns: Vec<Column>,
    next: usize,
}

/// How many, the first, and the sums of the differences from it and of their squares.
#[derive(Clone, Copy, Default)]
struct Column {
    n: f64,
    first: f64,
    sum: f64,
    squares: f64,
}

impl Spread {
    pub fn new(width: usize) -> Self {
        Self { columns: vec![Column::default(); width], next: 0 }
    }

    pub fn add(&mut self, x: f64) {
        let at = self.next;
        self.next = if at + 1 == self.columns.len() { 0 } else { at + 1 };
        let Column { n, first, sum, squares } = &mut self.columns[at];
        *first = if *n == 0.0 { x } else { *first };
        *n += 1.0;
        *sum += x - *first;
        *squares += (x - *first).powi(2);
    }

    /// Refuses columns of doubles of which single precision keeps next to nothing: times in seconds,
    /// account numbers.
    pub fn check(&self) -> Result<(), String> {
        for (column, Column { n, first, sum, squares }) in self.columns.iter().enumerate() {
            let (mean, size) = (sum / n, (first + sum / n).abs());
            let sd = (squares / n - mean * mean).max(0.0).sqrt();
            if sd > NO_SPREAD * size && size > FAR * sd {
                return Err(format!(
                    "column {column} (counted from 0): its numbers lie {sd:.1e} apart, near {first}; \
                     arrays are read in single precision, which does not tell these apart: subtract \
                     what they share"
                ));
            }
        }
        Ok(())
    }
}
