//! The targets of samples, and how samples are split.

use std::{fmt, sync::Arc};

use crate::{
    Result,
    error::Error,
    loss::Target,
    rng::{Purpose, Stream},
    short::Short,
};

/// The targets of samples.
#[derive(Clone)]
pub enum Targets {
    /// One of several classes.
    Classes {
        /// One class number per sample.
        labels: Arc<Vec<u32>>,
        /// The classes' names.
        names: Vec<String>,
    },
    /// `width` yes/no questions.
    YesNo {
        /// 1 for yes, 0 for no; row by row.
        values: Arc<Vec<f32>>,
        /// Questions per sample.
        width: usize,
        /// What yes means, one name per question; or the two answers of a single question, no
        /// first.
        names: Vec<String>,
    },
    /// `width` numbers.
    Numbers {
        /// The numbers, row by row.
        values: Arc<Vec<f32>>,
        /// Numbers per sample.
        width: usize,
    },
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Classes { labels, names } => f
                .debug_struct("Classes")
                .field("labels", &Short(labels))
                .field("names", &Short(names))
                .finish(),
            Self::YesNo { values, width, names } => f
                .debug_struct("YesNo")
                .field("values", &Short(values))
                .field("width", width)
                .field("names", &Short(names))
                .finish(),
            Self::Numbers { values, width } => f
                .debug_struct("Numbers")
                .field("values", &Short(values))
                .field("width", width)
                .finish(),
        }
    }
}

impl Targets {
    /// Whether they are numbers with a column whose root mean square is above 10.
    pub(crate) fn are_far_from_one(&self) -> bool {
        let Self::Numbers { values, width } = self else { return false };
        (0..*width).any(|q| {
            let column = values[q..].iter().step_by(*width).filter(|y| !y.is_nan());
            let (n, squares) = column
                .fold((0.0, 0.0), |(n, sum), y| (n + 1.0, sum + f64::from(*y) * f64::from(*y)));
            squares > 100.0 * n
        })
    }

    /// Adds the targets of more samples.
    ///
    /// # Errors
    /// They answer another question.
    pub(crate) fn append(&mut self, more: &Self) -> Result<()> {
        match (self, more) {
            (Self::Classes { labels, names }, Self::Classes { labels: more, names: other })
                if names == other =>
            {
                Arc::make_mut(labels).extend_from_slice(more);
            }
            (Self::YesNo { values, width, .. }, Self::YesNo { values: more, width: other, .. })
            | (Self::Numbers { values, width }, Self::Numbers { values: more, width: other })
                if width == other =>
            {
                Arc::make_mut(values).extend_from_slice(more)
            }
            _ => return Err(Error::invalid("these targets answer another question")),
        }
        Ok(())
    }

    /// Makes targets of class numbers and the classes' names.
    pub fn classes(labels: Vec<u32>, names: Vec<String>) -> Self {
        Self::Classes { labels: Arc::new(labels), names }
    }

    /// Makes targets of yes/no questions, one per name; 1 for yes, 0 for no, row by row.
    pub fn yes_no(values: Vec<f32>, names: Vec<String>) -> Self {
        Self::YesNo { values: Arc::new(values), width: names.len(), names }
    }

    /// Makes targets of numbers, `width` per sample.
    pub fn numbers(values: Vec<f32>, width: usize) -> Self {
        Self::Numbers { values: Arc::new(values), width }
    }

    /// Converts numbers to classes: integers (0, 1, 2 or −1, 1, also as floats), named by
    /// themselves, or one-hot rows (0, 0, 1), named by the place of their 1. Other targets do
    /// not change.
    ///
    /// # Errors
    /// A number is not whole, or a row does not have exactly one 1: names the sample.
    pub fn into_classes(self) -> Result<Self> {
        let Self::Numbers { values, width } = &self else { return Ok(self) };
        if *width > 1 {
            let row = |(i, row): (usize, &[f32])| {
                let ones = row.iter().filter(|x| **x == 1.0).count();
                let zeros = row.iter().filter(|x| **x == 0.0).count();
                match row.iter().position(|x| *x == 1.0) {
                    Some(class) if ones == 1 && zeros == width - 1 => Ok(class as u32),
                    _ => Err(Error::data(format!(
                        "sample {i}: its {width} targets are not one 1 among zeros: no class"
                    ))),
                }
            };
            let labels = values.chunks_exact(*width).enumerate().map(row).collect::<Result<_>>()?;
            return Ok(Self::classes(labels, (0..*width).map(|n| n.to_string()).collect()));
        }
        if let Some(i) = values.iter().position(|x| x.abs() > (1u32 << 24) as f32) {
            let x = values[i];
            return Err(Error::data(format!(
                "sample {i}: {x} has more digits than single precision keeps: as class numbers \
                 use integers"
            )));
        }
        if let Some(i) = values.iter().position(|x| x.fract() != 0.0) {
            let x = values[i];
            return Err(Error::data(format!(
                "sample {i}: {x} is not a class number: it is not an integer"
            )));
        }
        Self::of_whole_numbers(&values.iter().map(|x| *x as i64).collect::<Vec<_>>())
    }

    /// Makes classes of the different numbers that occur, in their order and named by them:
    /// 2024 is a name, not the 2025th class.
    ///
    /// # Errors
    /// More than 65,536 different ones are taken for a mistake.
    pub fn of_whole_numbers(numbers: &[i64]) -> Result<Self> {
        let mut classes = numbers.to_vec();
        classes.sort_unstable();
        classes.dedup();
        if classes.len() > 1 << 16 {
            let n = classes.len();
            return Err(Error::data(format!("{n} different whole numbers are too many classes")));
        }
        let place = |x: &i64| classes.partition_point(|class| class < x) as u32;
        let labels = numbers.iter().map(place).collect();
        Ok(Self::classes(labels, classes.iter().map(i64::to_string).collect()))
    }

    /// Returns the names of classes or of yes/no questions.
    pub fn names(&self) -> Option<&[String]> {
        match self {
            Self::Classes { names, .. } | Self::YesNo { names, .. } => Some(names),
            Self::Numbers { .. } => None,
        }
    }

    /// Returns the number of outputs that a network needs for these targets.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Classes { names, .. } => names.len(),
            Self::YesNo { width, .. } | Self::Numbers { width, .. } => *width,
        }
    }

    /// Writes the output layer that a network needs for these targets, as in a network's text:
    /// `-10`, `-1:sigmoid`.
    pub fn output_layer(&self) -> String {
        let activation = if matches!(self, Self::YesNo { .. }) { ":sigmoid" } else { "" };
        format!("-{}{activation}", self.outputs())
    }

    /// The two answers of a single yes/no question, no first, if both have names.
    pub(crate) fn two(&self) -> Option<&[String; 2]> {
        match self {
            Self::YesNo { width: 1, names, .. } => names.as_slice().try_into().ok(),
            _ => None,
        }
    }

    /// Returns one sample's target.
    pub fn row(&self, row: usize) -> Target<'_> {
        match self {
            Self::Classes { labels, .. } => Target::Class(labels[row]),
            Self::YesNo { values, width, .. } | Self::Numbers { values, width } => {
                Target::Values(&values[row * width..(row + 1) * width])
            }
        }
    }

    /// The targets of these rows, in this order (copied).
    pub(crate) fn select(&self, rows: &[u32]) -> Self {
        let pick = |values: &[f32], width: usize| {
            let row = |r: &u32| &values[*r as usize * width..][..width];
            Arc::new(rows.iter().flat_map(row).copied().collect())
        };
        match self {
            Self::Classes { labels, names } => Self::Classes {
                labels: Arc::new(rows.iter().map(|r| labels[*r as usize]).collect()),
                names: names.clone(),
            },
            Self::YesNo { values, width, names } => {
                Self::YesNo { values: pick(values, *width), width: *width, names: names.clone() }
            }
            Self::Numbers { values, width } => {
                Self::Numbers { values: pick(values, *width), width: *width }
            }
        }
    }

    /// The rows that stay and those that a random `fraction` takes away, each
    /// in order: see [`Dataset::split`].
    pub(crate) fn split(&self, fraction: f64, seed: u64) -> Result<(Vec<u32>, Vec<u32>)> {
        if !(0.0..=1.0).contains(&fraction) {
            let what = format!("a part must be a fraction from 0 to 1, not {fraction}");
            return Err(Error::invalid(what));
        }
        let samples = self.rows().unwrap_or(0);
        // Every k-th of the sorted order keeps the shares of all classes at once.
        let goes = |i: usize| (i as f64 * fraction).floor() != ((i + 1) as f64 * fraction).floor();
        let (first, second) = self.part(seed, goes);
        if first.is_empty() || second.is_empty() {
            return Err(Error::data(format!(
                "too few samples ({samples}) to split off {fraction} of them: one part would be empty"
            )));
        }
        Ok((first, second))
    }

    /// The rows that stay and those of fold `k` (from 0) of `folds`: see [`Dataset::fold`].
    pub(crate) fn fold(&self, k: usize, folds: usize, seed: u64) -> Result<(Vec<u32>, Vec<u32>)> {
        self.check_fold(k, folds)?;
        Ok(self.part(seed, |i| i % folds == k))
    }

    /// Checks that there is such a fold.
    pub(super) fn check_fold(&self, k: usize, folds: usize) -> Result<()> {
        let samples = self.rows().unwrap_or(0);
        if folds < 2 || folds > samples || k >= folds {
            return Err(Error::invalid(format!(
                "fold {k} of {folds}: choose from 2 folds to as many as there are samples, {samples}"
            )));
        }
        Ok(())
    }

    /// Splits all rows by their place after a shuffle and a sort by class; each part is in the
    /// data's order.
    fn part(&self, seed: u64, goes: impl Fn(usize) -> bool) -> (Vec<u32>, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.rows().unwrap_or(0) as u32).collect();
        Stream::new(seed, Purpose::Split, 0).shuffle(&mut order);
        if let Self::Classes { labels, .. } = self {
            order.sort_by_key(|row| labels[*row as usize]);
        } else if let Self::YesNo { values, width: 1, .. } = self {
            order.sort_by_key(|row| values[*row as usize] > 0.5);
        }
        let mut second = vec![false; order.len()];
        order.iter().enumerate().for_each(|(i, row)| second[*row as usize] = goes(i));
        (0..order.len() as u32).partition(|row| !second[*row as usize])
    }

    /// Number of samples, if it is a whole number.
    pub fn rows(&self) -> Option<usize> {
        match self {
            Self::Classes { labels, .. } => Some(labels.len()),
            Self::YesNo { values, width, .. } | Self::Numbers { values, width } => {
                (*width > 0 && values.len() % width == 0).then(|| values.len() / width)
            }
        }
    }
}
