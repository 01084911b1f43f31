//! Features and targets: a table in memory, shared and never copied.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::table::{Columns, Unit};
use crate::{
    Result,
    error::Error,
    loss::Target,
    rng::{Purpose, Stream},
};

/// Samples with what each should give. Cloning it, or asking another question
/// of it ([`Dataset::is`]), shares the numbers.
#[derive(Clone, Debug)]
pub struct Dataset {
    features: Arc<Features>,
    targets: Targets,
    /// How much each sample counts in the loss; None: all the same.
    weights: Option<Arc<Vec<f32>>>,
}

/// The inputs: one row a sample.
#[derive(Clone, Debug)]
pub struct Features {
    storage: Storage,
    shape: Vec<usize>,
    /// How they came from a table's rows, if they did.
    columns: Option<Arc<Columns>>,
    pictures: Pictures,
}

/// How a picture from outside is brought to the form of the samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pictures {
    /// As MNIST's digits: white on black, of one size, in the middle.
    #[default]
    #[serde(rename = "digit")]
    Digit,
    /// Only to their size and to grey or RGB.
    #[serde(rename = "as they are")]
    AsTheyAre,
}

/// The numbers of [`Features`], row by row.
#[derive(Clone, Debug)]
pub enum Storage {
    /// Bytes that stand for x / 255, as in pictures: a quarter of the memory.
    U8(Vec<u8>),
    /// Numbers as they are.
    F32(Vec<f32>),
}

/// What each sample should give.
#[derive(Clone, Debug)]
pub enum Targets {
    /// One of several classes.
    Classes {
        /// A class number a sample.
        labels: Arc<Vec<u32>>,
        /// The classes' names.
        names: Vec<String>,
    },
    /// `width` yes/no questions.
    YesNo {
        /// 1 for yes, 0 for no; row by row.
        values: Arc<Vec<f32>>,
        /// Questions a sample.
        width: usize,
        /// What yes means, a name a question; of a single one perhaps both
        /// answers, no first.
        names: Vec<String>,
    },
    /// `width` numbers.
    Numbers {
        /// Row by row.
        values: Arc<Vec<f32>>,
        /// Numbers a sample.
        width: usize,
    },
}

impl Features {
    /// Checks that the numbers make whole samples of this shape.
    ///
    /// # Errors
    /// They do not, or one of them is not finite: no network learns from NaN.
    pub fn new(storage: Storage, shape: &[usize]) -> Result<Self> {
        let width: usize = shape.iter().product();
        let length = storage.len();
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
        Ok(Self { storage, shape, columns: None, pictures })
    }

    /// The same numbers as samples of another shape.
    pub(crate) fn with_shape(self, shape: &[usize]) -> Result<Self> {
        Ok(Self { pictures: self.pictures, ..Self::new(self.storage, shape)? })
    }

    /// Says how a picture from outside is brought to the form of these samples.
    pub fn with_pictures(self, pictures: Pictures) -> Self {
        Self { pictures, ..self }
    }

    /// How a picture from outside is brought to the form of these samples.
    pub fn pictures(&self) -> Pictures {
        self.pictures
    }

    /// The numbers, row by row.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// How they came from a table's rows, if they did.
    pub fn columns(&self) -> Option<&Columns> {
        self.columns.as_deref()
    }

    pub(crate) fn with_columns(mut self, columns: Arc<Columns>) -> Self {
        self.columns = Some(columns);
        self
    }

    /// One sample's shape, `[1, 28, 28]` for MNIST; it is fed flat.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Values a sample has.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// Number of samples.
    pub fn rows(&self) -> usize {
        self.storage.len() / self.width()
    }

    /// Writes one sample as the network gets it.
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

    fn select(&self, rows: &[u32]) -> Self {
        let width = self.width();
        fn pick<T: Copy>(values: &[T], rows: &[u32], width: usize) -> Vec<T> {
            let row = |r: &u32| &values[*r as usize * width..][..width];
            rows.iter().flat_map(row).copied().collect()
        }
        let storage = match &self.storage {
            Storage::U8(bytes) => Storage::U8(pick(bytes, rows, width)),
            Storage::F32(values) => Storage::F32(pick(values, rows, width)),
        };
        let (shape, columns) = (self.shape.clone(), self.columns.clone());
        Self { storage, shape, columns, pictures: self.pictures }
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

impl Targets {
    /// Class numbers with the classes' names.
    pub fn classes(labels: Vec<u32>, names: Vec<String>) -> Self {
        Self::Classes { labels: Arc::new(labels), names }
    }

    /// Yes/no questions, one a name; 1 for yes, 0 for no, row by row.
    pub fn yes_no(values: Vec<f32>, names: Vec<String>) -> Self {
        Self::YesNo { values: Arc::new(values), width: names.len(), names }
    }

    /// Numbers, `width` a sample.
    pub fn numbers(values: Vec<f32>, width: usize) -> Self {
        Self::Numbers { values: Arc::new(values), width }
    }

    /// The names of classes or of yes/no questions.
    pub fn names(&self) -> Option<&[String]> {
        match self {
            Self::Classes { names, .. } | Self::YesNo { names, .. } => Some(names),
            Self::Numbers { .. } => None,
        }
    }

    /// What one sample should give.
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
            return Err(Error::invalid(format!(
                "too few samples ({samples}) to split off {fraction} of them: one part would be empty"
            )));
        }
        Ok((first, second))
    }

    /// The rows that stay and those of fold `k` (from 0) of `folds`: see [`Dataset::fold`].
    pub(crate) fn fold(&self, k: usize, folds: usize, seed: u64) -> Result<(Vec<u32>, Vec<u32>)> {
        let samples = self.rows().unwrap_or(0);
        if folds < 2 || folds > samples || k >= folds {
            return Err(Error::invalid(format!(
                "fold {k} of {folds}: choose from 2 folds to as many as there are samples, {samples}"
            )));
        }
        Ok(self.part(seed, |i| i % folds == k))
    }

    /// All rows, shuffled and then sorted by class, parted by their place in that
    /// order; each part in the data's order.
    fn part(&self, seed: u64, goes: impl Fn(usize) -> bool) -> (Vec<u32>, Vec<u32>) {
        let mut order: Vec<u32> = (0..self.rows().unwrap_or(0) as u32).collect();
        Stream::new(seed, Purpose::Split, 0).shuffle(&mut order);
        if let Self::Classes { labels, .. } = self {
            order.sort_by_key(|row| labels[*row as usize]);
        } else if let Self::YesNo { values, width: 1, .. } = self {
            order.sort_by_key(|row| values[*row as usize] > 0.5);
        }
        let part = |second: bool| -> Vec<u32> {
            let in_part = order.iter().enumerate().filter(|(i, _)| goes(*i) == second);
            let mut rows: Vec<u32> = in_part.map(|(_, r)| *r).collect();
            rows.sort_unstable();
            rows
        };
        (part(false), part(true))
    }

    /// Number of samples, if it is a whole number.
    pub(crate) fn rows(&self) -> Option<usize> {
        match self {
            Self::Classes { labels, .. } => Some(labels.len()),
            Self::YesNo { values, width, .. } | Self::Numbers { values, width } => {
                (*width > 0 && values.len() % width == 0).then(|| values.len() / width)
            }
        }
    }
}

struct Fingerprint(u64);

impl Fingerprint {
    /// One round of multiply and rotate, as in Fx and its kin.
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Dataset {
    /// Joins features and targets.
    ///
    /// # Errors
    /// Different numbers of samples, none at all, a class number without a name, a
    /// target that is not finite.
    pub fn new(features: Features, targets: Targets) -> Result<Self> {
        let rows = features.rows();
        if targets.rows() != Some(rows) {
            let n = targets.rows().map_or("a broken number of".into(), |n| n.to_string());
            return Err(Error::data(format!("{rows} samples but {n} targets")));
        }
        if rows == 0 {
            return Err(Error::data("there are no samples"));
        }
        if rows > u32::MAX as usize {
            return Err(Error::data(format!("{rows} samples; at most {} fit", u32::MAX)));
        }
        if let Targets::YesNo { values, width, .. } | Targets::Numbers { values, width } = &targets
            && let Some(i) = values.iter().position(|x| !x.is_finite())
        {
            return Err(Error::data(format!(
                "sample {}: target {} is not finite",
                i / width,
                values[i]
            )));
        }
        if let Targets::Classes { labels, names } = &targets
            && let Some(row) = labels.iter().position(|l| *l as usize >= names.len())
        {
            return Err(Error::data(format!(
                "sample {row}: label {} is out of range, there are {} classes",
                labels[row],
                names.len()
            )));
        }
        Ok(Self { features: Arc::new(features), targets, weights: None })
    }

    /// Samples without targets: to ask a model about.
    ///
    /// # Errors
    /// There are none.
    pub fn unlabelled(features: Features) -> Result<Self> {
        let rows = features.rows();
        Self::new(features, Targets::numbers(vec![0.0; rows], 1))
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.features.rows()
    }

    /// Never: a dataset has samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Values a sample has.
    pub fn width(&self) -> usize {
        self.features.width()
    }

    /// The inputs.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// What they should give.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The same targets with other features, as many.
    pub(crate) fn with_features(&self, features: Features) -> Self {
        Self { features: Arc::new(features), ..self.clone() }
    }

    /// The same samples with other targets.
    fn with_targets(&self, targets: Targets) -> Self {
        Self { features: self.features.clone(), targets, weights: self.weights.clone() }
    }

    /// The same samples, each counting this much: the loss becomes Σ wᵢ lossᵢ / Σ wᵢ over the
    /// batch. Accuracies and errors of a test count all samples alike.
    ///
    /// # Errors
    /// Not one weight a sample; one that is negative or not finite; all zero.
    pub fn weighted(mut self, weights: Vec<f32>) -> Result<Self> {
        let n = self.len();
        if weights.len() != n {
            return Err(Error::data(format!("{n} samples but {} weights", weights.len())));
        }
        if let Some(i) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            let w = weights[i];
            return Err(Error::data(format!("sample {i}: weight {w}; it must be 0 or more")));
        }
        if weights.iter().all(|w| *w == 0.0) {
            return Err(Error::data("all weights are 0: nothing would be learnt"));
        }
        self.weights = Some(Arc::new(weights));
        Ok(self)
    }

    /// The same samples, weighted so that each class (or yes and no) counts as much as
    /// another: n / (classes · samples of the class), times the weight that was there.
    ///
    /// # Errors
    /// The targets are numbers, or several questions.
    pub fn balanced(self) -> Result<Self> {
        let classes: Vec<usize> = match &self.targets {
            Targets::Classes { labels, .. } => labels.iter().map(|l| *l as usize).collect(),
            Targets::YesNo { values, width: 1, .. } => {
                values.iter().map(|v| usize::from(*v > 0.5)).collect()
            }
            _ => {
                return Err(Error::invalid(
                    "only classes, or a single yes and no, can be balanced",
                ));
            }
        };
        let mut counts = vec![0.0; classes.iter().max().map_or(0, |most| most + 1)];
        classes.iter().for_each(|c| counts[*c] += 1.0);
        let present = counts.iter().filter(|n| **n > 0.0).count() as f64;
        let n = classes.len() as f64;
        let weight = |(i, c): (usize, &usize)| (self.weight(i) * n / (present * counts[*c])) as f32;
        let weights = classes.iter().enumerate().map(weight).collect();
        self.weighted(weights)
    }

    /// How much each sample counts in the loss; None: all the same.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref().map(Vec::as_slice)
    }

    /// How much a sample counts in the loss.
    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[row].into())
    }

    /// The class number of each sample, if the targets are classes.
    pub fn labels(&self) -> Option<&[u32]> {
        match &self.targets {
            Targets::Classes { labels, .. } => Some(labels),
            _ => None,
        }
    }

    /// A number that other samples, or the same in another order, hardly ever share.
    /// It protects from mistakes, not from malice.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = Fingerprint(self.width() as u64);
        match self.features.storage() {
            Storage::U8(bytes) => {
                let (words, rest) = bytes.as_chunks::<8>();
                words.iter().for_each(|word| hash.add(u64::from_le_bytes(*word)));
                rest.iter().for_each(|byte| hash.add(u64::from(*byte)));
            }
            Storage::F32(values) => values.iter().for_each(|x| hash.add(x.to_bits().into())),
        }
        match &self.targets {
            Targets::Classes { labels, .. } => labels.iter().for_each(|l| hash.add((*l).into())),
            Targets::YesNo { values, .. } | Targets::Numbers { values, .. } => {
                values.iter().for_each(|x| hash.add(x.to_bits().into()));
            }
        }
        self.weights().into_iter().flatten().for_each(|w| hash.add(w.to_bits().into()));
        hash.0
    }

    /// The yes/no question "is it a `label`?" over the same samples.
    ///
    /// # Errors
    /// No class has this name, or there are no classes.
    pub fn is(&self, label: impl ToString) -> Result<Self> {
        let label = label.to_string();
        let Targets::Classes { labels, names } = &self.targets else {
            return Err(Error::invalid(format!(
                "is({label}): the data has no classes to ask about"
            )));
        };
        let Some(class) = names.iter().position(|name| *name == label) else {
            return Err(Error::invalid(format!(
                "no class is called \"{label}\"; the classes are {}",
                names.join(", ")
            )));
        };
        let values = labels.iter().map(|l| f32::from(u8::from(*l as usize == class))).collect();
        let targets = Targets::yes_no(values, vec![label]);
        Ok(self.with_targets(targets))
    }

    /// The same samples with numbers to predict in other units: (y − centre) / scale.
    pub(crate) fn in_units(&self, units: &[Unit]) -> Self {
        let targets = match &self.targets {
            Targets::Numbers { values, width } if units.len() == *width => {
                let scaled = values.iter().enumerate().map(|(i, y)| units[i % width].output(*y));
                Targets::numbers(scaled.collect(), *width)
            }
            other => other.clone(),
        };
        self.with_targets(targets)
    }

    /// The same samples, their classes numbered as in `classes`: in another
    /// order, or more of them. Data without classes stays as it is.
    ///
    /// # Errors
    /// Lists the data's classes that are not among them.
    pub fn with_classes(&self, classes: &[String]) -> Result<Self> {
        let Targets::Classes { labels, names } = &self.targets else { return Ok(self.clone()) };
        if names == classes {
            return Ok(self.clone());
        }
        let place = |name: &String| classes.iter().position(|c| c == name);
        let places: Vec<Option<usize>> = names.iter().map(place).collect();
        let mut used = vec![false; names.len()];
        labels.iter().for_each(|l| used[*l as usize] = true);
        let unknown = |i: &usize| used[*i] && places[*i].is_none();
        let unknown: Vec<&str> =
            (0..names.len()).filter(unknown).map(|i| names[i].as_str()).collect();
        if !unknown.is_empty() {
            return Err(Error::data(format!(
                "unknown classes: {}; the known ones are {}",
                unknown.join(", "),
                classes.join(", ")
            )));
        }
        let labels = labels.iter().filter_map(|l| places[*l as usize]).map(|c| c as u32).collect();
        let targets = Targets::classes(labels, classes.to_vec());
        Ok(self.with_targets(targets))
    }

    /// The samples of these rows, in this order, as a dataset of its own (copied).
    pub fn select(&self, rows: &[u32]) -> Self {
        let pick = |weights: &Arc<Vec<f32>>| {
            Arc::new(rows.iter().map(|row| weights[*row as usize]).collect())
        };
        Self {
            features: Arc::new(self.features.select(rows)),
            targets: self.targets.select(rows),
            weights: self.weights.as_ref().map(pick),
        }
    }

    /// Splits off a random `fraction` (the second part), keeping each class's
    /// share. Which samples go depends on the seed alone.
    ///
    /// # Errors
    /// Either part would be empty.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        let (first, second) = self.targets.split(fraction, seed)?;
        Ok((self.select(&first), self.select(&second)))
    }

    /// All but fold `k` (from 0) of `folds`, and that fold: each sample is in one
    /// fold, and each fold has its share of every class.
    ///
    /// # Errors
    /// Fewer than two folds, or more than there are samples.
    pub fn fold(&self, k: usize, folds: usize, seed: u64) -> Result<(Self, Self)> {
        let (first, second) = self.targets.fold(k, folds, seed)?;
        Ok((self.select(&first), self.select(&second)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Dataset {
        let features = Features::new(Storage::U8((0..40).collect()), &[2, 2]).unwrap();
        let names = ["a", "b"].map(String::from).into();
        Dataset::new(features, Targets::classes(vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0], names)).unwrap()
    }

    #[test]
    fn wrong_shapes_are_refused() {
        assert!(Features::new(Storage::F32(vec![0.0; 7]), &[2]).is_err());
        assert!(Features::new(Storage::F32(vec![]), &[0]).is_err());
        let nan = Features::new(Storage::F32(vec![0.0, 0.0, 0.0, f32::NAN]), &[2]).unwrap_err();
        assert_eq!(nan.to_string(), "sample 1, value 1 (counted from 0): NaN is not finite");
        let features = || Features::new(Storage::F32(vec![0.0; 6]), &[2]).unwrap();
        let error = Dataset::new(features(), Targets::numbers(vec![0.0; 2], 1)).unwrap_err();
        assert_eq!(error.to_string(), "3 samples but 2 targets");
        let targets = Targets::numbers(vec![0.0, f32::INFINITY, 0.0], 1);
        let error = Dataset::new(features(), targets).unwrap_err();
        assert_eq!(error.to_string(), "sample 1: target inf is not finite");
        let targets = Targets::classes(vec![0, 9, 1], vec!["x".into(), "y".into()]);
        let error = Dataset::new(features(), targets).unwrap_err();
        assert_eq!(error.to_string(), "sample 1: label 9 is out of range, there are 2 classes");
    }

    #[test]
    fn is_asks_one_class() {
        let yes = small().is("b").unwrap();
        let Target::Values(values) = yes.targets().row(1) else { panic!() };
        assert_eq!(values, [1.0]);
        let error = small().is("c").unwrap_err();
        assert_eq!(error.to_string(), "no class is called \"c\"; the classes are a, b");
        assert!(yes.is("b").is_err());
    }

    #[test]
    fn split_keeps_shares_and_samples() {
        let (train, test) = small().split(0.5, 3).unwrap();
        assert_eq!((train.len(), test.len()), (5, 5));
        let ones = |d: &Dataset| match d.targets() {
            Targets::Classes { labels, .. } => labels.iter().filter(|l| **l == 1).count(),
            _ => 0,
        };
        assert_eq!((ones(&train), ones(&test)), (1, 1));
        let mut first = [0.0; 4];
        let mut seen: Vec<u32> = [&train, &test]
            .iter()
            .flat_map(|d| {
                (0..5)
                    .map(|r| {
                        d.features().read(r, &mut first);
                        (first[0] * 255.0).round() as u32
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..10).map(|r| 4 * r).collect::<Vec<_>>());
        assert!(small().split(0.01, 0).is_err());
        assert!(small().split(f64::NAN, 0).is_err());
    }
}
