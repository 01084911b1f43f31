//! Tensors in a file; their numbers are read when needed, directly to their destination.

use std::{
    cell::RefCell,
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use crate::{Result, error::Error, half::half};

/// The file with the numbers.
pub struct TensorFile {
    pub file: RefCell<File>,
    pub size: u64,
}

/// A `state_dict` as a file holds it.
pub struct StateDict {
    pub tensors: Vec<StoredTensor>,
    /// What it contains besides tensors that could be part of a network.
    pub other: Vec<String>,
    /// Notes on what was skipped or chosen.
    pub said: Vec<String>,
    pub file: TensorFile,
    /// Whether the tensors are in the order of the modules' definitions.
    pub in_order: bool,
    /// The kind of file.
    pub origin: &'static str,
}

/// A tensor in a file.
#[derive(Clone, Debug)]
pub struct StoredTensor {
    pub name: String,
    pub shape: Vec<usize>,
    /// The strides, in numbers.
    pub strides: Vec<usize>,
    pub element: ElementType,
    /// The position of its first number in the file.
    pub at: u64,
    /// The number of bytes from there to the end of its storage.
    pub bytes: u64,
}

/// The type of a tensor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    F64,
    F32,
    F16,
    BF16,
    /// Integers or booleans of this many bytes: counters, never weights.
    Whole(usize),
}

impl ElementType {
    /// The type of a PyTorch storage, by its class.
    pub fn of_storage(class: &str) -> Option<Self> {
        Some(match class.strip_prefix("torch.")? {
            "DoubleStorage" => Self::F64,
            "FloatStorage" => Self::F32,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::BF16,
            "LongStorage" => Self::Whole(8),
            "IntStorage" => Self::Whole(4),
            "ShortStorage" => Self::Whole(2),
            "ByteStorage" | "CharStorage" | "BoolStorage" => Self::Whole(1),
            _ => return None,
        })
    }

    pub fn size(self) -> usize {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Whole(size) => size,
        }
    }

    fn number(self, b: &[u8]) -> f32 {
        match (self, b) {
            (Self::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Self::F16, &[a, b]) => half(u16::from_le_bytes([a, b])),
            (Self::BF16, &[a, b]) => f32::from_le_bytes([0, 0, a, b]),
            (Self::F64, b) => b.try_into().map_or(f32::NAN, |b| f64::from_le_bytes(b) as f32),
            _ => f32::NAN,
        }
    }
}

impl StoredTensor {
    /// Moves the start, and checks that all numbers are in the file.
    pub fn starting(mut self, skip: u64) -> Result<Self, String> {
        let last = self.shape.iter().zip(&self.strides).try_fold(0usize, |n, (d, s)| {
            d.saturating_sub(1).checked_mul(*s).and_then(|m| n.checked_add(m))
        });
        let all = crate::data::count(&self.shape);
        // Strides of 0 would make many numbers from one.
        let count = match all {
            Some(0) => Some(0),
            Some(all) => last.and_then(|n| n.checked_add(1)).map(|n| n.max(all)),
            None => None,
        };
        let needs = count.and_then(|n| n.checked_mul(self.element.size())).map(|n| n as u64);
        if needs.and_then(|n| n.checked_add(skip)).is_none_or(|end| end > self.bytes) {
            return Err(format!(
                "its shape {:?} needs more than the {} bytes that are there",
                self.shape, self.bytes
            ));
        }
        self.at += skip;
        self.bytes = needs.unwrap_or(0);
        Ok(self)
    }

    /// The number of its numbers.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Reads its numbers, row by row.
    pub fn read(&self, file: &TensorFile, into: &mut [f32]) -> Result<()> {
        let io = |e: std::io::Error| Error::data(format!("{}: {e}", self.name));
        let mut file = file.file.borrow_mut();
        file.seek(SeekFrom::Start(self.at)).map_err(io)?;
        let size = self.element.size();
        let (mut steady, mut expected) = (true, 1);
        for (d, s) in self.shape.iter().zip(&self.strides).rev() {
            steady &= *d == 1 || *s == expected;
            expected = expected.saturating_mul(*d);
        }
        if steady {
            let mut buffer = vec![0; size << 13];
            for part in into.chunks_mut(1 << 13) {
                let bytes = &mut buffer[..part.len() * size];
                file.read_exact(bytes).map_err(io)?;
                part.iter_mut()
                    .zip(bytes.chunks_exact(size))
                    .for_each(|(x, b)| *x = self.element.number(b));
            }
            return Ok(());
        }
        let mut bytes = vec![0; self.bytes as usize];
        file.read_exact(&mut bytes).map_err(io)?;
        for (n, x) in into.iter_mut().enumerate() {
            let (mut n, mut at) = (n, 0);
            for (d, s) in self.shape.iter().zip(&self.strides).rev() {
                at += n % d * s;
                n /= d;
            }
            *x = self.element.number(&bytes[at * size..][..size]);
        }
        Ok(())
    }

    /// Reads all numbers, in f64.
    pub fn numbers(&self, file: &TensorFile) -> Result<Vec<f64>> {
        let mut numbers = vec![0.0; self.count()];
        self.read(file, &mut numbers)?;
        Ok(numbers.into_iter().map(f64::from).collect())
    }
}
