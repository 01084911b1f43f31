//! Borrowed samples: inputs from any source, and the targets of a batch of arrays.

use std::ops::Range;

use super::{Dataset, Features, Storage, Targets};
use crate::{Result, error::Error, loss::Target};

/// Borrowed inputs: a dataset's, or your own numbers, row by row.
///
/// ```
/// use reshet::prelude::*;
/// let mut training = sequential![Linear(2, 1)]?.with_loss(MSELoss).start()?;
/// assert_eq!(training.predict(&[0.5, 1.0, -1.0, 2.0])?.len(), 2); // two samples
/// # Ok::<(), reshet::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    numbers: Numbers<'a>,
    /// Values per sample, if known.
    width: Option<usize>,
}

/// Numbers as they are stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numbers<'a> {
    /// Bytes that stand for x / 255.
    U8(&'a [u8]),
    F32(&'a [f32]),
}

impl Numbers<'_> {
    fn len(self) -> usize {
        match self {
            Self::U8(bytes) => bytes.len(),
            Self::F32(values) => values.len(),
        }
    }
}

impl<'a> From<&'a Features> for Inputs<'a> {
    fn from(features: &'a Features) -> Self {
        let numbers = match features.storage() {
            Storage::U8(bytes) => Numbers::U8(bytes),
            Storage::F32(values) => Numbers::F32(values),
        };
        Self { numbers, width: Some(features.width()) }
    }
}

impl<'a> From<&'a Dataset> for Inputs<'a> {
    fn from(data: &'a Dataset) -> Self {
        data.features().into()
    }
}

impl<'a> From<&'a [f32]> for Inputs<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self { numbers: Numbers::F32(values), width: None }
    }
}

impl<'a> From<&'a Vec<f32>> for Inputs<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        values.as_slice().into()
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for Inputs<'a> {
    fn from(values: &'a [f32; N]) -> Self {
        values.as_slice().into()
    }
}

impl<'a> Inputs<'a> {
    /// Splits the inputs into samples of `width` values each.
    ///
    /// # Errors
    /// The samples have another width, or the last one is incomplete; a value is not finite.
    pub(crate) fn rows_of(self, width: usize) -> Result<Rows<'a>> {
        if let Some(has) = self.width.filter(|has| *has != width) {
            return Err(Error::invalid(format!(
                "the network takes {width} values a sample and the data has {has}"
            )));
        }
        let length = self.numbers.len();
        if length % width != 0 {
            return Err(Error::invalid(format!(
                "{length} numbers are not whole samples of {width} values, as the network takes them"
            )));
        }
        let rows = Rows { numbers: self.numbers, width };
        // A dataset's inputs were checked when it was made.
        if let (None, Some((sample, value, x))) = (self.width, rows.not_finite()) {
            return Err(Error::data(format!(
                "sample {sample}, value {value} (counted from 0): {x} is not finite"
            )));
        }
        Ok(rows)
    }
}

/// Whole samples of a known width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    pub numbers: Numbers<'a>,
    pub width: usize,
}

impl<'a> Rows<'a> {
    /// The rows of features.
    pub fn of(features: &'a Features) -> Self {
        Self { numbers: Inputs::from(features).numbers, width: features.width() }
    }

    /// The number of samples.
    pub fn len(self) -> usize {
        self.numbers.len() / self.width
    }

    /// Some of the samples.
    pub fn part(self, samples: Range<usize>) -> Self {
        let numbers = samples.start * self.width..samples.end * self.width;
        let numbers = match self.numbers {
            Numbers::U8(bytes) => Numbers::U8(&bytes[numbers]),
            Numbers::F32(values) => Numbers::F32(&values[numbers]),
        };
        Self { numbers, ..self }
    }

    /// The first number that no network can take, as (sample, value, the number).
    fn not_finite(self) -> Option<(usize, usize, f32)> {
        let Numbers::F32(values) = self.numbers else { return None };
        // Usually there is none: one test of the largest covers all.
        let largest = values.iter().fold(0, |most, x| (x.to_bits() & !SIGN).max(most));
        if largest < f32::INFINITY.to_bits() {
            return None;
        }
        let i = values.iter().position(|x| !x.is_finite())?;
        Some((i / self.width, i % self.width, values[i]))
    }
}

const SIGN: u32 = 1 << 31;

/// The targets of a batch of arrays; borrowed, not copied.
///
/// Made from numbers (row by row, one per output; under cross entropy a probability per class),
/// class numbers, or [`Targets`].
#[derive(Clone, Copy, Debug)]
pub struct BatchTargets<'a> {
    pub(crate) given: Given<'a>,
    pub(crate) weights: Option<&'a [f32]>,
}

/// The numbers of [`BatchTargets`], not yet checked against a network.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Given<'a> {
    Classes(&'a [u32]),
    Values(&'a [f32]),
    /// NaN: that output does not count.
    Partial(&'a [f32]),
    /// Only this output of each sample counts. One value per sample, or a whole row each.
    Chosen(&'a [f32], &'a [u32]),
}

impl<'a> BatchTargets<'a> {
    fn of(given: Given<'a>) -> Self {
        Self { given, weights: None }
    }

    /// Sets a weight per sample: the loss becomes Σ wᵢ lossᵢ / Σ wᵢ.
    pub fn weighted(mut self, weights: &'a [f32]) -> Self {
        self.weights = Some(weights);
        self
    }

    /// Treats NaN as a missing target: it adds nothing to the loss or the gradient, and the
    /// mean is over the others.
    pub fn partial(mut self) -> Self {
        if let Given::Values(values) = self.given {
            self.given = Given::Partial(values);
        }
        self
    }
}

impl<'a> From<&'a [f32]> for BatchTargets<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self::of(Given::Values(values))
    }
}

impl<'a> From<&'a Vec<f32>> for BatchTargets<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        values.as_slice().into()
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for BatchTargets<'a> {
    fn from(values: &'a [f32; N]) -> Self {
        values.as_slice().into()
    }
}

impl<'a> From<&'a [u32]> for BatchTargets<'a> {
    fn from(classes: &'a [u32]) -> Self {
        Self::of(Given::Classes(classes))
    }
}

impl<'a> From<&'a Vec<u32>> for BatchTargets<'a> {
    fn from(classes: &'a Vec<u32>) -> Self {
        classes.as_slice().into()
    }
}

impl<'a, const N: usize> From<&'a [u32; N]> for BatchTargets<'a> {
    fn from(classes: &'a [u32; N]) -> Self {
        classes.as_slice().into()
    }
}

impl<'a> From<&'a Targets> for BatchTargets<'a> {
    fn from(targets: &'a Targets) -> Self {
        Self::of(match targets {
            Targets::Classes { probabilities: Some(values), .. } => Given::Values(values),
            Targets::Classes { labels, .. } => Given::Classes(labels),
            Targets::YesNo { values, .. } | Targets::Numbers { values, .. } => {
                Given::Values(values)
            }
        })
    }
}

impl<'a> From<&BatchTargets<'a>> for BatchTargets<'a> {
    fn from(targets: &BatchTargets<'a>) -> Self {
        *targets
    }
}

/// Targets where only one output per sample counts.
pub trait Chosen {
    /// Counts only the output `outputs[i]` of sample i, as PyTorch's
    /// `loss(net(x).gather(1, outputs), y)`: the others add nothing to the loss or the
    /// gradient, and the mean is over the samples. The targets are one number per sample,
    /// or one row per sample, of which the chosen number is used.
    ///
    /// ```
    /// use reshet::prelude::*;
    /// let mut q = sequential![Linear(2, 8), ReLU, Linear(8, 4)]?.with_loss(MSELoss).start()?;
    /// let (states, targets, actions) = ([0.1, 0.2, 0.3, 0.4], [1.0, -1.0], [3, 0]);
    /// q.step_on(&states, &targets.chosen(&actions), SGD::new(0.1))?;
    /// # Ok::<(), reshet::Error>(())
    /// ```
    fn chosen<'a>(&'a self, outputs: &'a [u32]) -> BatchTargets<'a>;
}

impl Chosen for [f32] {
    fn chosen<'a>(&'a self, outputs: &'a [u32]) -> BatchTargets<'a> {
        BatchTargets::of(Given::Chosen(self, outputs))
    }
}

impl Targets {
    /// Counts only one output of each sample: see [`Chosen::chosen`]. Classes do not change,
    /// as each already names one output.
    pub fn chosen<'a>(&'a self, outputs: &'a [u32]) -> BatchTargets<'a> {
        match self {
            Self::Classes { .. } => self.into(),
            Self::YesNo { values, .. } | Self::Numbers { values, .. } => values.chosen(outputs),
        }
    }
}

/// Targets that are checked against a network.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted<'a> {
    Classes(&'a [u32]),
    Values {
        values: &'a [f32],
        width: usize,
    },
    /// A probability per class.
    Probabilities {
        values: &'a [f32],
        width: usize,
    },
    /// As `Values`; NaN: that output does not count.
    Partial {
        values: &'a [f32],
        width: usize,
    },
    /// `width` is 1, or the number of outputs.
    Chosen {
        values: &'a [f32],
        width: usize,
        outputs: &'a [u32],
    },
}

impl<'a> Wanted<'a> {
    /// The target of one sample.
    #[inline(always)]
    pub fn row(self, row: usize) -> Target<'a> {
        match self {
            Self::Classes(labels) => Target::Class(labels[row]),
            Self::Values { values, width } => Target::Values(&values[row * width..][..width]),
            Self::Probabilities { values, width } => {
                Target::Probabilities(&values[row * width..][..width])
            }
            Self::Partial { values, width } => Target::Partial(&values[row * width..][..width]),
            Self::Chosen { values, width, outputs } => {
                let output = outputs[row];
                let column = if width == 1 { 0 } else { output as usize };
                Target::Chosen { output, value: values[row * width + column] }
            }
        }
    }
}
