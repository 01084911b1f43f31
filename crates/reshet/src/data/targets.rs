//! The targets of samples, and how samples are split.

use std::{fmt, sync::Arc};

use crate::{
    Result,
    error::Error,
    loss::Target,
    metrics::argmax,
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
        /// Soft labels: a probability per class, row by row, the label being the largest. None:
        /// the label is certain.
        probabilities: Option<Arc<Vec<f32>>>,
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
            Self::Classes { labels, names, probabilities } => f
                .debug_struct("Classes")
                .field("labels", &Short(labels))
                .field("names", &Short(names))
                .field("probabilities", &probabilities.as_ref().map(|all| Short(all)))
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
            (
                Self::Classes { labels, names, probabilities },
                Self::Classes { labels: more, names: other, probabilities: also },
            ) if names == other && probabilities.is_some() == also.is_some() => {
                Arc::make_mut(labels).extend_from_slice(more);
                if let (Some(all), Some(more)) = (probabilities, also) {
                    Arc::make_mut(all).extend_from_slice(more);
                }
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
        Self::Classes { labels: Arc::new(labels), names, probabilities: None }
    }

    /// Makes targets of soft labels: a probability per class, row by row. A row of whole numbers,
    /// the votes for each class, is divided by its sum.
    ///
    /// ```
    /// use reshet::Targets;
    /// let names = ["cat", "dog"].map(String::from).to_vec();
    /// let targets = Targets::soft_classes(vec![0.25, 0.75, 3.0, 1.0], names)?;
    /// let Targets::Classes { labels, probabilities: Some(p), .. } = targets else { unreachable!() };
    /// assert_eq!((labels.to_vec(), p.to_vec()), (vec![1, 0], vec![0.25, 0.75, 0.75, 0.25]));
    /// # Ok::<(), reshet::Error>(())
    /// ```
    ///
    /// # Errors
    /// A row has a number below 0, or does not sum to 1 within a thousandth; names the sample.
    pub fn soft_classes(mut values: Vec<f32>, names: Vec<String>) -> Result<Self> {
        if names.is_empty() || values.len() % names.len() != 0 {
            let (n, classes) = (values.len(), names.len());
            return Err(Error::data(format!("{n} probabilities are no rows of {classes} classes")));
        }
        for (i, row) in values.chunks_exact_mut(names.len()).enumerate() {
            to_probabilities(row).map_err(|what| Error::data(format!("sample {i}: {what}")))?;
        }
        Ok(Self::of_probabilities(values, names))
    }

    /// Soft labels that are known to be probabilities.
    pub(crate) fn of_probabilities(values: Vec<f32>, names: Vec<String>) -> Self {
        let largest = |row: &[f32]| argmax(row) as u32;
        let labels = values.chunks_exact(names.len().max(1)).map(largest).collect();
        Self::Classes { labels: Arc::new(labels), names, probabilities: Some(Arc::new(values)) }
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
    /// themselves, one-hot rows (0, 0, 1), named by the place of their 1, or rows of probabilities
    /// (0.2, 0.1, 0.7): soft labels. Other targets do not change.
    ///
    /// # Errors
    /// A number is not whole; a row has neither exactly one 1 nor sums to 1: names the sample.
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
            let names: Vec<String> = (0..*width).map(|n| n.to_string()).collect();
            let one_hot = |row: &[f32]| row.iter().all(|x| *x == 0.0 || *x == 1.0);
            let mut rows = values.chunks_exact(*width);
            if rows.clone().any(|row| !one_hot(row)) && rows.all(are_probabilities) {
                return Self::soft_classes(values.to_vec(), names);
            }
            let labels = values.chunks_exact(*width).enumerate().map(row).collect::<Result<_>>()?;
            return Ok(Self::classes(labels, names));
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
            Self::Classes { names, probabilities: Some(all), .. } => {
                Target::Probabilities(&all[row * names.len()..][..names.len()])
            }
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
            Self::Classes { labels, names, probabilities } => Self::Classes {
                labels: Arc::new(rows.iter().map(|r| labels[*r as usize]).collect()),
                names: names.clone(),
                probabilities: probabilities.as_ref().map(|all| pick(all, names.len())),
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

/// How far the probabilities of a row may sum from 1: they were rounded.
const SUMS_TO_ONE: f64 = 1e-3;

/// Whether these are at least 0 and sum to 1.
pub(crate) fn are_probabilities(row: &[f32]) -> bool {
    let sum: f64 = row.iter().map(|p| f64::from(*p)).sum();
    row.iter().all(|p| *p >= 0.0) && (sum - 1.0).abs() <= SUMS_TO_ONE
}

/// Divides probabilities that sum to about 1, or counts, by their sum. Else says what is wrong.
pub(crate) fn to_probabilities(row: &mut [f32]) -> Result<(), String> {
    let sum: f64 = row.iter().map(|x| f64::from(*x)).sum();
    if let Some(x) = row.iter().find(|x| !(**x >= 0.0 && x.is_finite())) {
        return Err(format!("{x} is no probability of a class: it must be at least 0"));
    }
    let counts = sum > 0.0 && row.iter().all(|x| x.fract() == 0.0);
    if !counts && !are_probabilities(row) {
        return Err(format!(
            "the probabilities of its {} classes sum to {}; they must sum to 1, or be whole numbers: \
             counts",
            row.len(),
            sum as f32
        ));
    }
    row.iter_mut().for_each(|x| *x = (f64::from(*x) / sum) as f32);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["a", "b", "c"].map(String::from).to_vec()
    }

    #[test]
    fn soft_labels_are_probabilities_or_counts() {
        let values = vec![0.2, 0.5, 0.3, 0.0, 1.0, 3.0, 0.3333, 0.3333, 0.3333];
        let targets = Targets::soft_classes(values, names()).unwrap();
        let Targets::Classes { labels, probabilities: Some(all), .. } = &targets else { panic!() };
        assert_eq!(labels.to_vec(), [1, 2, 0]);
        assert_eq!(all[3..6], [0.0, 0.25, 0.75]);
        assert!((all[6] - 1.0 / 3.0).abs() < 1e-7);
        let one = targets.select(&[1]);
        let Target::Probabilities(row) = one.row(0) else { panic!() };
        assert_eq!(row, [0.0, 0.25, 0.75]);
        let mut twice = targets.clone();
        twice.append(&targets).unwrap();
        assert_eq!(twice.rows(), Some(6));
        assert!(twice.append(&Targets::classes(vec![0], names())).is_err());
        for (row, says) in [
            ([0.2, 0.5, 0.2], "sample 0: the probabilities of its 3 classes sum to 0.9"),
            ([0.5, 0.75, -0.25], "-0.25 is no probability"),
            ([f32::NAN, 0.5, 0.5], "NaN is no probability"),
            ([0.0, 0.0, 0.0], "sum to 0"),
        ] {
            let error = Targets::soft_classes(row.to_vec(), names()).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn rows_of_an_array_that_sum_to_one_are_soft_labels() {
        let soft = Targets::numbers(vec![0.0, 1.0, 0.25, 0.75], 2).into_classes().unwrap();
        assert!(matches!(soft, Targets::Classes { probabilities: Some(_), .. }));
        let hard = Targets::numbers(vec![0.0, 1.0, 1.0, 0.0], 2).into_classes().unwrap();
        assert!(matches!(hard, Targets::Classes { probabilities: None, .. }));
        // Counts are not taken for classes unless they are asked for.
        assert!(Targets::numbers(vec![0.0, 1.0, 2.0, 0.0], 2).into_classes().is_err());
    }
}
