//! Features: the inputs of samples, in memory.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::table::{Columns, OddCells};
use crate::{Result, error::Error, huge, short::Short};

/// The inputs: one row per sample.
#[derive(Clone, Debug)]
pub struct Features {
    storage: Storage,
    shape: Vec<usize>,
    /// The encoding of a table's rows, if the data was a table.
    columns: Option<Arc<Columns>>,
    odd: OddCells,
    pictures: Pictures,
}

/// How a picture is converted to the form of the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pictures {
    /// As MNIST's digits: white on black, scaled and centred.
    #[default]
    #[serde(rename = "digit")]
    Digit,
    /// Only resized, and converted to grey or RGB.
    #[serde(rename = "as they are")]
    AsTheyAre,
}

/// The storage of [`Features`], row by row.
#[derive(Clone)]
pub enum Storage {
    /// Bytes that stand for x / 255, as in pictures: a quarter of the memory.
    U8(Vec<u8>),
    /// Numbers as they are.
    F32(Vec<f32>),
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::U8(bytes) => f.debug_tuple("U8").field(&Short(bytes)).finish(),
            Self::F32(numbers) => f.debug_tuple("F32").field(&Short(numbers)).finish(),
        }
    }
}

/// The number of rows used to estimate the magnitude of the inputs.
const LOOKED_AT: usize = 1_000;
/// A mean magnitude from which networks learn poorly.
const FAR: f64 = 100.0;

impl Features {
    /// The first input whose mean magnitude is far above 1, and the magnitude; None for bytes,
    /// and for the rows of a table, which are scaled unless the user turned that off.
    pub(crate) fn far_above_one(&self) -> Option<(usize, f64)> {
        let Storage::F32(values) = &self.storage else { return None };
        if self.columns.is_some() || values.is_empty() {
            return None;
        }
        let width = self.width();
        let mut sums = vec![0.0; width];
        let step = (values.len() / width).div_ceil(LOOKED_AT).max(1);
        let rows = values.chunks_exact(width).step_by(step);
        let looked_at = rows.len().max(1) as f64;
        for row in rows {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(x.abs()));
        }
        let input = sums.iter().position(|sum| sum / looked_at > FAR)?;
        Some((input, sums[input] / looked_at))
    }

    /// Creates features, and checks that the numbers are whole samples of this shape.
    ///
    /// # Errors
    /// The last sample is incomplete, or a number is not finite: no network learns from NaN.
    pub fn new(storage: Storage, shape: &[usize]) -> Result<Self> {
        let (width, length) = (super::count(shape).unwrap_or(0), storage.len());
        if width == 0 || length % width != 0 {
            return Err(Error::data(format!(
                "{length} numbers are not whole samples of shape {shape:?}"
            )));
        }
        if let Storage::F32(values) = &storage
            && let Some(i) = values.iter().position(|x| !x.is_finite())
        {
            return Err(Error::data(format!(
                "sample {}, value {} (counted from 0): {} is not finite",
                i / width,
                i % width,
                values[i]
            )));
        }
        let (shape, pictures) = (shape.to_vec(), Pictures::Digit);
        Ok(Self { storage, shape, columns: None, odd: OddCells::default(), pictures })
    }

    /// Changes the samples' shape.
    pub(crate) fn with_shape(self, shape: &[usize]) -> Result<Self> {
        Ok(Self { pictures: self.pictures, ..Self::new(self.storage, shape)? })
    }

    /// Sets how a picture is converted to the form of these samples.
    pub fn with_pictures(self, pictures: Pictures) -> Self {
        Self { pictures, ..self }
    }

    /// Returns how a picture is converted to the form of these samples.
    pub fn pictures(&self) -> Pictures {
        self.pictures
    }

    /// Returns the numbers, row by row.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Returns the encoding of a table's rows, if the data was a table.
    pub fn columns(&self) -> Option<&Columns> {
        self.columns.as_deref()
    }

    /// Returns what was odd in the cells of all rows that were read, if these are a table's rows as
    /// a model knows them ([`Meaning::dataset`](crate::Meaning::dataset)): of the whole table, none of
    /// a selection.
    pub fn odd_cells(&self) -> OddCells {
        self.odd
    }

    pub(crate) fn with_odd_cells(self, odd: OddCells) -> Self {
        Self { odd, ..self }
    }

    pub(crate) fn with_columns(mut self, columns: Arc<Columns>) -> Self {
        self.columns = Some(columns);
        self
    }

    /// Returns one sample's shape, `[1, 28, 28]` for MNIST. The network takes it flat.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the number of values per sample.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// Returns the number of samples.
    pub fn rows(&self) -> usize {
        self.storage.len() / self.width()
    }

    /// Copies one sample, as the network's inputs.
    ///
    /// # Panics
    /// If there is no such row, or `into` is shorter than a sample.
    pub fn read(&self, row: usize, into: &mut [f32]) {
        let width = self.width();
        let range = row * width..(row + 1) * width;
        match &self.storage {
            Storage::U8(bytes) => {
                for (x, byte) in into.iter_mut().zip(&bytes[range]) {
                    // Divided, not multiplied by 1/255: PyTorch's ToTensor to the bit.
                    *x = f32::from(*byte) / 255.0;
                }
            }
            Storage::F32(values) => into[..width].copy_from_slice(&values[range]),
        }
    }

    /// See [`Dataset::drop_pieces`](super::Dataset::drop_pieces).
    pub(super) fn without_pieces(&self) -> Option<Self> {
        let (columns, left) = self.columns.as_ref()?.without_pieces()?;
        let Storage::F32(values) = &self.storage else { return None };
        let width = left.iter().filter(|left| **left).count();
        let mut kept = huge::room(self.rows() * width);
        for row in values.chunks_exact(left.len()) {
            kept.extend(row.iter().zip(&left).filter(|(_, left)| **left).map(|(x, _)| *x));
        }
        let (storage, columns) = (Storage::F32(kept), Some(Arc::new(columns)));
        Some(Self { storage, shape: vec![width], columns, odd: self.odd, pictures: self.pictures })
    }

    pub(super) fn select(&self, rows: &[u32]) -> Self {
        let width = self.width();
        fn pick<T: Copy>(values: &[T], rows: &[u32], width: usize) -> Vec<T> {
            let mut picked = huge::room(rows.len() * width);
            for row in rows {
                picked.extend_from_slice(&values[*row as usize * width..][..width]);
            }
            picked
        }
        let storage = match &self.storage {
            Storage::U8(bytes) => Storage::U8(pick(bytes, rows, width)),
            Storage::F32(values) => Storage::F32(pick(values, rows, width)),
        };
        let (shape, columns) = (self.shape.clone(), self.columns.clone());
        Self { storage, shape, columns, odd: OddCells::default(), pictures: self.pictures }
    }
}

impl Storage {
    fn len(&self) -> usize {
        match self {
            Self::U8(bytes) => bytes.len(),
            Self::F32(values) => values.len(),
        }
    }
}
