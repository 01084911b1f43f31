//! How far answers are off for samples that a network was not trained on.

use serde::{Deserialize, Serialize};

use crate::{Targets, error::Error};

/// The coverage of a report's intervals.
pub(crate) const COVERAGE: f64 = 0.9;

/// So many samples are kept of a target, at most.
const MOST: usize = 1000;
/// The samples are divided by their answers into so many groups, at most, and of so many samples
/// each, at least.
const GROUPS: usize = 10;
const LEAST: f64 = 50.0;

/// How far a target's answers were off for samples that the network was not trained on.
///
/// The answer to a new sample is as far off: an interval of [`Residuals::half_width`] to both sides
/// contains the target with at least the wanted probability, if the sample is drawn as these were.
/// The samples with the nearest answers count, in groups of at least fifty, so that an interval is wide
/// where answers are often far off.
///
/// This is split conformal prediction (Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018,
/// "Distribution-Free Predictive Inference for Regression") in each group (Vovk 2012, "Conditional
/// Validity of Inductive Conformal Predictors"). It assumes no distribution, and is right on average
/// over a group's samples, not for each kind of sample.
///
/// ```
/// # use reshet::metrics::Residuals;
/// let residuals = Residuals::new((1..=99).map(|i| (0.0, f64::from(i))).collect())?;
/// assert_eq!(residuals.half_width(5.0, 0.9), Some(90.0));
/// assert_eq!(residuals.half_width(5.0, 0.999), None); // 99 samples cannot tell
/// # Ok::<(), reshet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Residuals {
    /// Ascending.
    answers: Vec<f32>,
    /// How far each of them was off.
    sizes: Vec<f32>,
}

impl Residuals {
    /// Creates them from answers, and the differences between these and their targets.
    ///
    /// # Errors
    /// There is none, or one is not finite.
    pub fn new(mut samples: Vec<(f64, f64)>) -> crate::Result<Self> {
        samples.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (answers, sizes) = samples.iter().map(|(y, off)| (*y as f32, off.abs() as f32)).unzip();
        let residuals = Self { answers, sizes };
        residuals.check().map_err(Error::Invalid)?;
        Ok(residuals)
    }

    /// Those of answers to samples with targets, one per target. Missing targets are left out;
    /// empty where one is missing in all samples, and where no target is a number.
    pub(crate) fn of(answers: &[f32], targets: &Targets) -> Vec<Self> {
        let Targets::Numbers { values, width } = targets else { return Vec::new() };
        let of_target = |k: usize| {
            let pairs = answers.iter().zip(values.iter()).skip(k).step_by(*width);
            let there = pairs.filter(|(_, target)| !target.is_nan());
            Self::new(there.map(|(y, target)| (f64::from(*y), difference(*y, *target))).collect())
        };
        (0..*width).map(of_target).collect::<crate::Result<_>>().unwrap_or_default()
    }

    /// Adds those of other samples.
    pub fn join(&mut self, others: &Self) {
        let mut all: Vec<(f32, f32)> = self.pairs().chain(others.pairs()).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        (self.answers, self.sizes) = all.into_iter().unzip();
    }

    fn pairs(&self) -> impl Iterator<Item = (f32, f32)> {
        self.answers.iter().copied().zip(self.sizes.iter().copied())
    }

    /// The number of samples.
    pub fn samples(&self) -> usize {
        self.answers.len()
    }

    /// How far this answer may be off, in the target's unit, with this probability (0 to 1). None if
    /// there are too few samples for that: less than 1/(1 − `coverage`) − 1.
    pub fn half_width(&self, answer: f64, coverage: f64) -> Option<f64> {
        self.half_widths(coverage).map(|widths| widths.at(answer))
    }

    /// [`Residuals::half_width`] for many answers.
    pub fn half_widths(&self, coverage: f64) -> Option<HalfWidths<'_>> {
        let n = self.samples();
        // A group has room for a few samples outside.
        let least = LEAST.max(5.0 / (1.0 - coverage));
        let groups = ((n as f64 / least) as usize).clamp(1, GROUPS);
        let of_group = |group: usize| {
            let mut sizes = self.sizes[group * n / groups..(group + 1) * n / groups].to_vec();
            sizes.sort_by(f32::total_cmp);
            let rank = ((sizes.len() as f64 + 1.0) * coverage - 1e-9).ceil().max(1.0) as usize;
            sizes.get(rank - 1).map(|size| f64::from(*size))
        };
        let of_groups = (0..groups).map(of_group).collect::<Option<_>>()?;
        Some(HalfWidths { origin: 0.0, answers: &self.answers, of_groups })
    }

    /// As many as a model keeps, evenly by their answers.
    pub(crate) fn thinned(self) -> Self {
        let n = self.samples();
        if n <= MOST {
            return self;
        }
        let (answers, sizes) =
            (0..MOST).map(|i| i * n / MOST).map(|i| (self.answers[i], self.sizes[i])).unzip();
        Self { answers, sizes }
    }

    /// Says what is wrong with them, if anything is.
    pub(crate) fn check(&self) -> Result<(), String> {
        let right = !self.answers.is_empty()
            && self.answers.len() == self.sizes.len()
            && self.answers.iter().all(|y| y.is_finite())
            && self.answers.is_sorted()
            && self.sizes.iter().all(|size| size.is_finite() && *size >= 0.0);
        if right { Ok(()) } else { Err("residuals must be numbers, and at least one".into()) }
    }
}

/// How far answers may be off with one probability: see [`Residuals::half_widths`].
#[derive(Clone, Debug)]
pub struct HalfWidths<'a> {
    /// What the samples' answers are counted from.
    origin: f64,
    /// Of the samples held back, ascending.
    answers: &'a [f32],
    /// As many samples each, in the order of their answers.
    of_groups: Vec<f64>,
}

impl HalfWidths<'_> {
    /// The same for answers counted from 0, where those of the samples are counted from here.
    pub(crate) fn counted_from(self, origin: f64) -> Self {
        Self { origin, ..self }
    }

    /// How far this answer may be off, in the target's unit.
    pub fn at(&self, answer: f64) -> f64 {
        let groups = self.of_groups.len();
        let below = self.answers.partition_point(|y| f64::from(*y) < answer - self.origin);
        self.of_groups[(below * groups / self.answers.len()).min(groups - 1)]
    }
}

fn difference(answer: f32, target: f32) -> f64 {
    f64::from(answer) - f64::from(target)
}

/// How often the interval around an answer contained the target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The target's name.
    pub name: String,
    /// The probability that was wanted.
    pub coverage: f64,
    /// How far the intervals reach to both sides of the answer, on average.
    pub half_width: f64,
    /// The share of targets that lie in theirs.
    pub covered: f64,
}

impl Interval {
    /// The intervals of these answers' targets; none where the residuals are too few for it.
    pub(crate) fn all(
        residuals: &[Residuals],
        answers: &[f32],
        targets: &Targets,
        names: &[String],
        coverage: f64,
    ) -> Vec<Self> {
        let Targets::Numbers { values, width } = targets else { return Vec::new() };
        let of_target = |(k, (residuals, name)): (usize, (&Residuals, &String))| {
            let half_widths = residuals.half_widths(coverage)?;
            let (mut sum, mut inside, mut n) = (0.0, 0.0, 0.0);
            for (y, target) in answers.iter().zip(values.iter()).skip(k).step_by(*width) {
                if target.is_nan() {
                    continue;
                }
                let half_width = half_widths.at(f64::from(*y));
                sum += half_width;
                inside += f64::from(u8::from(difference(*y, *target).abs() <= half_width));
                n += 1.0;
            }
            let (half_width, covered) = (sum / n, inside / n);
            (n > 0.0).then(|| Self { name: name.clone(), coverage, half_width, covered })
        };
        residuals.iter().zip(names).enumerate().filter_map(of_target).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    #[test]
    fn intervals_contain_new_samples_as_often_as_they_say_where_answers_are_large_too() {
        let stream = Stream::new(5, Purpose::Data, 0);
        let uniform = |i: u32| f64::from(stream.uniform(i.into()));
        // Large answers are often far off.
        let sample = |i: u32| {
            let answer = uniform(2 * i);
            (answer, answer * uniform(2 * i + 1))
        };
        for (samples, coverage) in [(60, 0.5), (60, 0.9), (600, 0.8), (600, 0.9), (5000, 0.95)] {
            let (mut inside, mut large) = ([0, 0], 0);
            for trial in 0..100 {
                let at = |i: u32| sample(trial * 10_000 + i);
                let known = Residuals::new((0..samples).map(at).collect()).unwrap().thinned();
                assert_eq!(known.samples(), MOST.min(samples as usize));
                for (y, off) in (5000..5200).map(at) {
                    let is_inside = u32::from(off <= known.half_width(y, coverage).unwrap());
                    inside[0] += is_inside;
                    inside[1] += if y > 0.8 { is_inside } else { 0 };
                    large += u32::from(y > 0.8);
                }
            }
            let share = f64::from(inside[0]) / 20_000.0;
            assert!((share - coverage).abs() < 0.02, "{samples}: {coverage} covers {share}");
            let share = f64::from(inside[1]) / f64::from(large);
            assert!(samples < 600 || (share - coverage).abs() < 0.03, "{coverage} covers {share}");
        }
    }

    #[test]
    fn few_samples_tell_only_of_likely_errors() {
        let of = |sizes: &[f64]| Residuals::new(sizes.iter().map(|off| (1.0, *off)).collect());
        let residuals = of(&[-3.0, 1.0, 2.0, -4.0]).unwrap();
        let half_width = |coverage| residuals.half_width(7.0, coverage);
        assert_eq!(half_width(0.2), Some(1.0));
        assert_eq!(half_width(0.8), Some(4.0));
        assert_eq!((half_width(0.81), half_width(0.0)), (None, Some(1.0)));
        let mut more = residuals.clone();
        more.join(&of(&[0.5]).unwrap());
        assert_eq!((more.samples(), more.half_width(1.0, 0.1)), (5, Some(0.5)));
        assert!(of(&[]).is_err() && of(&[f64::NAN]).is_err());
    }

    #[test]
    fn each_target_has_its_own() {
        let targets = Targets::numbers(vec![1.0, 10.0, 2.0, f32::NAN], 2);
        let found = Residuals::of(&[1.5, 10.0, 2.0, 7.0], &targets);
        assert_eq!(found[0], Residuals::new(vec![(1.5, 0.5), (2.0, 0.0)]).unwrap());
        assert_eq!(found[1], Residuals::new(vec![(10.0, 0.0)]).unwrap());
        let classes = Targets::classes(vec![0], vec!["a".into()]);
        assert!(Residuals::of(&[1.0], &classes).is_empty());
    }
}
