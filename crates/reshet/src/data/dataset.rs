//! Datasets: features with their targets, shared, not copied.

use std::{fmt, sync::Arc};

use super::{Features, Storage, Targets, Wanted, table::Unit};
use crate::{Result, error::Error};

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

struct Fingerprint(u64);

impl Fingerprint {
    /// One round of multiply and rotate, as in Fx hashing.
    fn add(&mut self, word: u64) {
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
        if let Targets::Classes { labels, names } = &targets
            && let Some(row) = labels.iter().position(|l| *l as usize >= names.len())
        {
            return Err(Error::data(format!(
                "sample {row}: label {} is out of range, there are {} classes",
                labels[row],
                names.len()
            )));
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
    fn with_targets(&self, targets: Targets) -> Self {
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
            Targets::Classes { labels, .. } => labels.iter().for_each(|l| hash.add((*l).into())),
            Targets::YesNo { values, .. } | Targets::Numbers { values, .. } => {
                values.iter().for_each(|x| hash.add(x.to_bits().into()));
            }
        }
        self.weights().into_iter().flatten().for_each(|w| hash.add(w.to_bits().into()));
        hash.0
    }

    /// Converts numeric targets to classes: see [`Targets::into_classes`].
    ///
    /// # Errors
    /// As [`Targets::into_classes`].
    pub fn with_classes_of_numbers(&self) -> Result<Self> {
        Ok(self.with_targets(self.targets.clone().into_classes()?))
    }

    /// Renames the classes, in their order. Where classes are numbers of which some do not
    /// occur, a name for each number from 0 is good too.
    ///
    /// # Errors
    /// There are no classes, or not this many; a name occurs twice.
    pub fn with_names(&self, names: &[String]) -> Result<Self> {
        let Targets::Classes { labels, names: own } = &self.targets else {
            return Err(Error::invalid("the data has no classes to name"));
        };
        let numbered = || own.iter().map(|name| names.get(name.parse::<usize>().ok()?)).collect();
        let all: Option<Vec<&String>> = match own.len() == names.len() {
            true => Some(names.iter().collect()),
            false => numbered(),
        };
        let Some(all) = all else {
            let (given, needed) = (names.len(), own.len());
            return Err(Error::data(format!("{given} names for {needed} classes")));
        };
        if let Some(i) = (1..names.len()).find(|i| names[..*i].contains(&names[*i])) {
            return Err(Error::data(format!("two classes would be called \"{}\"", names[i])));
        }
        let labels = labels.clone();
        let names = all.into_iter().cloned().collect();
        Ok(self.with_targets(Targets::Classes { labels, names }))
    }

    /// Asks the yes/no question "is it one of these classes?" of the same samples. Yes is named
    /// like `0, 1 or 5`, in the classes' order.
    ///
    /// # Errors
    /// A name is no class, all classes or none are asked about, or there are no classes.
    pub fn is_any(&self, labels: &[impl ToString]) -> Result<Self> {
        let Targets::Classes { labels: of, names } = &self.targets else {
            return Err(Error::invalid("is_any: the data has no classes to ask about"));
        };
        let mut asked = vec![false; names.len()];
        for label in labels {
            let label = label.to_string();
            let place = names.iter().position(|name| *name == label);
            asked[place.ok_or_else(|| no_class(&label, names))?] = true;
        }
        let group: Vec<&str> =
            names.iter().zip(&asked).filter(|(_, asked)| **asked).map(|(n, _)| &**n).collect();
        if group.is_empty() || group.len() == names.len() {
            let what = "no class is asked about, or all are: every answer would be the same";
            return Err(Error::invalid(what));
        }
        let name = group_name(&group);
        let values = of.iter().map(|l| f32::from(u8::from(asked[*l as usize]))).collect();
        Ok(self.with_targets(Targets::yes_no(values, vec![name])))
    }

    /// Asks the yes/no question "is it a `label`?" of the same samples. `0,1,5` and `0, 1 or 5`
    /// ask about a group, unless a class has that name: see [`Dataset::is_any`].
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
            let group = group(&label);
            return match group.len() {
                1 => Err(no_class(&label, names)),
                _ => self.is_any(&group),
            };
        };
        let values = labels.iter().map(|l| f32::from(u8::from(*l as usize == class))).collect();
        let targets = Targets::yes_no(values, vec![label]);
        Ok(self.with_targets(targets))
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

    /// Renumbers the classes as in `classes`, which may have another order or more classes.
    /// Data without classes does not change.
    ///
    /// # Errors
    /// The data has a class that is not in `classes`: lists all such classes.
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
}

fn no_class(label: &str, names: &[String]) -> Error {
    let names = names.join(", ");
    Error::invalid(format!("no class is called \"{label}\"; the classes are {names}"))
}

/// The name of yes for a group: `0, 1 or 5`.
pub(crate) fn group_name(parts: &[&str]) -> String {
    match parts.split_last() {
        Some((last, rest @ [_, ..])) => format!("{} or {last}", rest.join(", ")),
        _ => parts.concat(),
    }
}

/// Splits `0,1,5` or `0, 1 or 5` into its parts.
pub(crate) fn group(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if let Some((a, b)) = parts.last().and_then(|last| last.rsplit_once(" or ")) {
        parts.pop();
        parts.extend([a.trim(), b.trim()]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::Target;

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
        let targets = Targets::yes_no(vec![0.0, 1.0, 5.0], vec!["x".into()]);
        let error = Dataset::new(features(), targets).unwrap_err();
        assert!(error.to_string().starts_with("sample 2: a yes/no answer is 1 or 0, not 5"));
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
    fn is_any_asks_about_a_group() {
        let features = || Features::new(Storage::F32(vec![0.0; 5]), &[1]).unwrap();
        let names = ["0", "1", "5", "9"].map(String::from).to_vec();
        let data = Dataset::new(features(), Targets::classes(vec![0, 1, 2, 3, 2], names)).unwrap();
        let asked = |data: Result<Dataset>| match data.unwrap().targets() {
            Targets::YesNo { values, names, .. } => (values.to_vec(), names.join(";")),
            _ => panic!(),
        };
        let group = (vec![1.0, 0.0, 1.0, 0.0, 1.0], "0 or 5".to_string());
        assert_eq!(asked(data.is_any(&["5", "0"])), group);
        assert_eq!(asked(data.is_any(&[0, 5])), group);
        assert_eq!(asked(data.is("0,5")), group);
        assert_eq!(asked(data.is("0 or 5")), group);
        assert_eq!(asked(data.is("9, 5,0")).1, "0, 5 or 9");
        assert_eq!(asked(data.is("0, 5 or 9")).1, "0, 5 or 9");
        let says = |result: Result<Dataset>, what: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        says(data.is("0,7"), "no class is called \"7\"; the classes are 0, 1, 5, 9");
        says(data.is("7"), "no class is called \"7\"");
        says(data.is("0,1,5,9"), "or all are");
        // A class of that very name goes first.
        let names = ["a,b", "a", "b"].map(String::from).to_vec();
        let data = Dataset::new(features(), Targets::classes(vec![0, 1, 2, 0, 0], names)).unwrap();
        assert_eq!(asked(data.is("a,b")).0, [1.0, 0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn classes_are_the_numbers_that_occur() {
        let targets = Targets::of_whole_numbers(&[0, 20_000, -1, 20_000]).unwrap();
        let Targets::Classes { labels, names } = &targets else { panic!("{targets:?}") };
        assert_eq!((&labels[..], names.join(" ")), (&[1, 2, 0, 2][..], "-1 0 20000".into()));
        // Names by number reach classes that lie apart.
        let features = Features::new(Storage::U8(vec![0; 3]), &[1]).unwrap();
        let data = Dataset::new(features, Targets::of_whole_numbers(&[0, 3, 1]).unwrap()).unwrap();
        let named = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            data.with_names(&names).map(|data| data.targets().names().unwrap().join(" "))
        };
        assert_eq!(named(&["a", "b", "c", "d"]).unwrap(), "a b d");
        assert_eq!(named(&["a", "b", "d"]).unwrap(), "a b d");
        assert!(named(&["a", "b"]).is_err());
    }

    #[test]
    fn classes_get_names_and_come_from_numbers() {
        let classes = |values: &[f32], width| {
            let targets = Targets::numbers(values.to_vec(), width).into_classes()?;
            let Targets::Classes { labels, names } = targets else { panic!() };
            Ok((labels.to_vec(), names.join(" ")))
        };
        assert_eq!(classes(&[0.0, 2.0, 1.0], 1).unwrap(), (vec![0, 2, 1], "0 1 2".into()));
        assert_eq!(classes(&[1.0, 3.0], 1).unwrap(), (vec![0, 1], "1 3".into()));
        assert_eq!(classes(&[-1.0, 1.0, -1.0], 1).unwrap(), (vec![0, 1, 0], "-1 1".into()));
        let one_hot = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0];
        assert_eq!(classes(&one_hot, 3).unwrap(), (vec![1, 0], "0 1 2".into()));
        let says = |result: Result<(Vec<u32>, String)>, what: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        says(classes(&[0.0, 0.5], 1), "sample 1: 0.5 is not a class number");
        says(classes(&[0.0, 1.0, 1.0, 1.0], 2), "sample 1: its 2 targets are not one 1 among");
        says(classes(&[0.2, 0.8], 2), "sample 0");

        let named = small().with_names(&["x".into(), "y".into()]).unwrap();
        assert_eq!(named.targets().names().unwrap(), ["x", "y"]);
        let error = small().with_names(&["x".into()]).unwrap_err().to_string();
        assert_eq!(error, "1 names for 2 classes");
        assert!(small().with_names(&["x".into(), "x".into()]).is_err());
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
