//! Datasets: features with their targets, shared, not copied.

use std::{fmt, sync::Arc};

use super::{Features, Storage, Targets, Wanted, are_probabilities, table::Unit};
use crate::{Result, error::Error, metrics::argmax};

/// Samples with their targets. Clones, and datasets made by asking another question
/// ([`Dataset::is`]), share the numbers.
#[derive(Clone)]
pub struct Dataset {
    features: Arc<Features>,
    targets: Targets,
    /// How much each sample counts in the loss; None: all the same.
    weights: Option<Arc<Vec<f32>>>,
    /// Whether some targets are missing (NaN).
    partial: bool,
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("samples", &self.len())
            .field("shape", &self.features.shape())
            .field("targets", &self.targets)
            .field("weights", &self.weights.as_ref().map(|weights| weights.len()))
            .finish_non_exhaustive()
    }
}

/// Says what is wrong with the weights of this many samples, if anything is.
pub(crate) fn wrong_weights(weights: &[f32], samples: usize) -> Option<String> {
    if weights.len() != samples {
        return Some(format!("{samples} samples but {} weights", weights.len()));
    }
    let i = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0))?;
    Some(format!("sample {i}: weight {}; it must be 0 or more", weights[i]))
}

/// A hash by which two things are told apart; not against those who seek equal ones.
pub(crate) struct Fingerprint(pub u64);

impl Fingerprint {
    /// One round of multiply and rotate, as in Fx hashing.
    pub fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Dataset {
    /// Joins features and targets.
    ///
    /// # Errors
    /// The numbers of samples differ, or are 0; a class number has no name; a target is not
    /// finite; a yes/no answer is neither 0 (no) nor 1 (yes).
    pub fn new(features: Features, targets: Targets) -> Result<Self> {
        Self::checked(features, targets, false)
    }

    /// Joins features and targets, where NaN is a missing target: it adds nothing to the loss
    /// or the gradient, and scores do not count it.
    ///
    /// # Errors
    /// As [`Dataset::new`]; all targets of a column are missing.
    pub fn with_missing_targets(features: Features, targets: Targets) -> Result<Self> {
        let (Targets::YesNo { values, width, .. } | Targets::Numbers { values, width }) = &targets
        else {
            return Self::new(features, targets);
        };
        let (values, width) = (values.clone(), *width);
        let empty = |q: &usize| values.iter().skip(*q).step_by(width).all(|value| value.is_nan());
        if let Some(q) = (0..width).find(empty) {
            return Err(Error::data(format!("target {q} (counted from 0) is missing everywhere")));
        }
        Self::checked(features, targets, values.iter().any(|value| value.is_nan()))
    }

    /// Does the same for some rows of a larger dataset: a column may be missing in all of them.
    pub(crate) fn of_part(features: Features, targets: Targets) -> Result<Self> {
        let missing = |values: &[f32]| values.iter().any(|value| value.is_nan());
        let partial = matches!(&targets, Targets::Numbers { values, .. } if missing(values));
        Self::checked(features, targets, partial)
    }

    fn checked(features: Features, targets: Targets, partial: bool) -> Result<Self> {
        let rows = features.rows();
        if targets.rows() != Some(rows) {
            let n = targets.rows().map_or("an incomplete number of".into(), |n| n.to_string());
            return Err(Error::data(format!("{rows} samples but {n} targets")));
        }
        if rows == 0 {
            return Err(Error::data("there are no samples"));
        }
        if rows > u32::MAX as usize {
            return Err(Error::data(format!("{rows} samples; at most {} fit", u32::MAX)));
        }
        if let Targets::YesNo { values, width, .. } | Targets::Numbers { values, width } = &targets
            && let Some(i) = values.iter().position(|x| !(x.is_finite() || partial && x.is_nan()))
        {
            return Err(Error::data(format!(
                "sample {}: target {} is not finite",
                i / width,
                values[i]
            )));
        }
        if let Targets::YesNo { values, width, .. } = &targets
            && let Some(i) = values.iter().position(|x| *x != 0.0 && *x != 1.0 && !x.is_nan())
        {
            return Err(Error::data(format!(
                "sample {}: a yes/no answer is 1 or 0, not {}; amounts are Targets::numbers",
                i / width,
                values[i]
            )));
        }
        if let Targets::Classes { labels, names, .. } = &targets
            && let Some(row) = labels.iter().position(|l| *l as usize >= names.len())
        {
            return Err(Error::data(format!(
                "sample {row}: label {} is out of range, there are {} classes",
                labels[row],
                names.len()
            )));
        }
        if let Targets::Classes { labels, names, probabilities: Some(all) } = &targets {
            let width = names.len().max(1);
            let fits = all.len() == width * labels.len();
            let mut each = all.chunks_exact(width).zip(labels.iter());
            let wrong = |(row, label): (&[f32], &u32)| {
                !are_probabilities(row) || argmax(row) != *label as usize
            };
            if let Some(row) = if fits { each.position(wrong) } else { Some(0) } {
                return Err(Error::data(format!(
                    "sample {row}: not one probability per class that sum to 1, the label's the \
                     largest"
                )));
            }
        }
        Ok(Self { features: Arc::new(features), targets, weights: None, partial })
    }

    /// Makes a dataset without targets, for predictions.
    ///
    /// # Errors
    /// There are no samples.
    pub fn unlabelled(features: Features) -> Result<Self> {
        let rows = features.rows();
        Self::new(features, Targets::numbers(vec![0.0; rows], 1))
    }

    /// Returns the number of samples.
    pub fn len(&self) -> usize {
        self.features.rows()
    }

    /// Returns false: a dataset has samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of values per sample.
    pub fn width(&self) -> usize {
        self.features.width()
    }

    /// Returns the inputs.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Returns the targets.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The targets, for an engine.
    pub(crate) fn wanted(&self) -> Wanted<'_> {
        match &self.targets {
            Targets::Classes { names, probabilities: Some(values), .. } => {
                Wanted::Probabilities { values, width: names.len() }
            }
            Targets::Classes { labels, .. } => Wanted::Classes(labels),
            Targets::YesNo { values, width, .. } | Targets::Numbers { values, width } => {
                let width = *width;
                if self.partial {
                    Wanted::Partial { values, width }
                } else {
                    Wanted::Values { values, width }
                }
            }
        }
    }

    /// The same targets with other features, the same number.
    pub(crate) fn with_features(&self, features: Features) -> Self {
        Self { features: Arc::new(features), ..self.clone() }
    }

    /// The same samples with other targets.
    pub(super) fn with_targets(&self, targets: Targets) -> Self {
        Self { targets, ..self.clone() }
    }

    /// Sets a weight per sample: the loss becomes Σ wᵢ lossᵢ / Σ wᵢ over the batch. A test
    /// counts all samples alike in accuracies and errors.
    ///
    /// # Errors
    /// There is not one weight per sample; one is negative or not finite; all are 0.
    pub fn weighted(mut self, weights: Vec<f32>) -> Result<Self> {
        if let Some(what) = wrong_weights(&weights, self.len()) {
            return Err(Error::Data(what));
        }
        if weights.iter().all(|w| *w == 0.0) {
            return Err(Error::data("all weights are 0: nothing would be learnt"));
        }
        self.weights = Some(Arc::new(weights));
        Ok(self)
    }

    /// Weights the samples so that all classes (or yes and no) count the same:
    /// n / (classes · samples of the class), times a sample's weight so far.
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

    /// Returns how much each sample counts in the loss; None: all the same.
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref().map(Vec::as_slice)
    }

    /// The weight of a sample in the loss.
    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[row].into())
    }

    /// Returns the class number of each sample, if the targets are classes.
    pub fn labels(&self) -> Option<&[u32]> {
        match &self.targets {
            Targets::Classes { labels, .. } => Some(labels),
            _ => None,
        }
    }

    /// Computes a hash of the samples and their order. It detects mistakes, but is not
    /// cryptographic.
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
            Targets::Classes { labels, probabilities, .. } => {
                labels.iter().for_each(|l| hash.add((*l).into()));
                let all = probabilities.iter().flat_map(|all| all.iter());
                all.for_each(|p| hash.add(p.to_bits().into()));
            }
            Targets::YesNo { values, .. } | Targets::Numbers { values, .. } => {
                values.iter().for_each(|x| hash.add(x.to_bits().into()));
            }
        }
        self.weights().into_iter().flatten().for_each(|w| hash.add(w.to_bits().into()));
        hash.0
    }

    /// The same samples with numeric targets in other units: (y − centre) / scale.
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

    /// Copies the samples of these rows, in this order, into a new dataset.
    pub fn select(&self, rows: &[u32]) -> Self {
        let pick = |weights: &Arc<Vec<f32>>| {
            Arc::new(rows.iter().map(|row| weights[*row as usize]).collect())
        };
        Self {
            features: Arc::new(self.features.select(rows)),
            targets: self.targets.select(rows),
            weights: self.weights.as_ref().map(pick),
            partial: self.partial,
        }
    }

    /// Takes the numbers of a table without their pieces, if there are any: samples of
    /// [`Scaling::Piecewise`](super::table::Scaling::Piecewise) become those of
    /// [`Scaling::Standard`](super::table::Scaling::Standard).
    pub fn drop_pieces(&mut self) {
        if let Some(plain) = self.without_pieces() {
            *self = plain;
        }
    }

    /// See [`Dataset::drop_pieces`]; None if there are no pieces.
    pub(crate) fn without_pieces(&self) -> Option<Self> {
        self.features.without_pieces().map(|features| self.with_features(features))
    }

    /// Splits off a random `fraction` (the second part), keeping each class's
    /// share. The choice of samples depends only on the seed.
    ///
    /// # Errors
    /// One of the parts would be empty.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        let (first, second) = self.targets.split(fraction, seed)?;
        Ok((self.select(&first), self.select(&second)))
    }

    /// Returns all samples except fold `k` (from 0) of `folds`, and that fold. Each sample is in
    /// one fold, and each fold has its share of every class.
    ///
    /// # Errors
    /// There are fewer than two folds, or more than samples.
    pub fn fold(&self, k: usize, folds: usize, seed: u64) -> Result<(Self, Self)> {
        let (first, second) = self.targets.fold(k, folds, seed)?;
        Ok((self.select(&first), self.select(&second)))
    }

    /// Checks that the samples can be divided into so many folds.
    ///
    /// # Errors
    /// There are fewer than two folds, or more than samples.
    pub fn check_folds(&self, folds: usize) -> Result<()> {
        self.targets.check_fold(0, folds)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn small() -> Dataset {
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
        let targets = Targets::yes_no(vec![0.0, 1.0, 5.0], vec!["x".into()]);
        let error = Dataset::new(features(), targets).unwrap_err();
        assert!(error.to_string().starts_with("sample 2: a yes/no answer is 1 or 0, not 5"));
        let targets = Targets::classes(vec![0, 9, 1], vec!["x".into(), "y".into()]);
        let error = Dataset::new(features(), targets).unwrap_err();
        assert_eq!(error.to_string(), "sample 1: label 9 is out of range, there are 2 classes");
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
