//! How far probabilities can be believed: log loss, Brier score, and the shares that are found
//! where a probability is stated.

use serde::Serialize;

use super::{Task, argmax};
use crate::data::Targets;

/// The parts into which probabilities from 0 to 1 are sorted.
const BINS: usize = 10;

/// How far a model's probabilities can be believed.
///
/// ```
/// use reshet::{Targets, Task, metrics::Calibration};
/// let targets = Targets::yes_no(vec![1.0, 1.0, 1.0, 0.0], vec!["rain".into()]);
/// let calibration = Calibration::new(&[0.75; 4], &targets, Task::Binary).unwrap();
/// assert_eq!(calibration.error, 0.0); // of four rows that said 75 %, three were
/// assert_eq!(calibration.brier, 0.1875);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// The mean of `−ln p`, where p is the probability of what is true; of soft labels that of
    /// `−Σ y ln p` over the classes. It is the loss of a model
    /// that was trained with plain cross entropy.
    pub log_loss: f64,
    /// The log loss of always giving each answer's share among these targets.
    pub log_loss_baseline: f64,
    /// The Brier score: the mean of `(p − y)²` where y is 1 for yes and 0 for no; for classes the
    /// sum of these over all classes, from 0 to 2; of soft labels y is the class's probability.
    pub brier: f64,
    /// The Brier score of always giving each answer's share among these targets.
    pub brier_baseline: f64,
    /// The expected calibration error: the mean distance of the stated probability and the share
    /// found, of the bins, by their samples.
    pub error: f64,
    /// The bins that are not empty.
    pub bins: Vec<Bin>,
}

/// The answers whose probability is in a tenth of 0 to 1: yes/no questions by the probability of
/// yes, classes by that of the likeliest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// Its answers.
    pub samples: usize,
    /// The mean of their probabilities.
    pub stated: f64,
    /// The share of yeses; for classes of right answers, of soft labels the mean probability of the
    /// class that is answered.
    pub found: f64,
}

/// A probability that has a logarithm, and whose complement has one.
pub(crate) fn clamped(p: f32) -> f64 {
    const LEAST: f64 = 1e-12;
    f64::from(p).clamp(LEAST, 1.0 - LEAST)
}

impl Calibration {
    /// Compares probabilities, one row per sample, with targets; several yes/no questions are taken
    /// together. None for numbers, and without any sample.
    pub fn new(answers: &[f32], targets: &Targets, task: Task) -> Option<Self> {
        if task == Task::Number {
            return None;
        }
        let mut sums = Sums::default();
        match targets {
            Targets::Classes { names, probabilities: Some(all), .. } => {
                let width = names.len();
                let mut shares = vec![0.0; width];
                let mut squares = 0.0;
                let rows = all.chunks_exact(width);
                for (row, wanted) in answers.chunks_exact(width).zip(rows) {
                    let said = argmax(row);
                    for ((p, t), share) in row.iter().zip(wanted).zip(&mut shares) {
                        let t = f64::from(*t);
                        sums.log_loss -= t * clamped(*p).ln();
                        sums.brier += (f64::from(*p) - t).powi(2);
                        squares += t * t;
                        *share += t;
                    }
                    sums.sort(row[said], f64::from(wanted[said]));
                }
                sums.done(&shares, all.len() / width, squares)
            }
            Targets::Classes { labels, names, .. } => {
                let mut counts = vec![0.0; names.len()];
                for (row, label) in answers.chunks_exact(names.len()).zip(labels.iter()) {
                    let label = *label as usize;
                    counts[label] += 1.0;
                    let off = |(k, p): (usize, &f32)| (f64::from(*p) - is(k == label)).powi(2);
                    let said = argmax(row);
                    sums.add(row[label], row.iter().enumerate().map(off).sum());
                    sums.sort(row[said], is(said == label));
                }
                sums.done(&counts, labels.len(), labels.len() as f64)
            }
            Targets::YesNo { values, .. } | Targets::Numbers { values, .. } => {
                let mut counts = [0.0; 2];
                for (p, y) in answers.iter().zip(values.iter()).filter(|(_, y)| !y.is_nan()) {
                    let yes = *y > 0.5;
                    counts[usize::from(yes)] += 1.0;
                    let of_true = if yes { *p } else { 1.0 - *p };
                    sums.add(of_true, (f64::from(*p) - is(yes)).powi(2));
                    sums.sort(*p, is(yes));
                }
                let n = counts[0] + counts[1];
                // The Brier score of one question counts its two answers once.
                let done = sums.done(&counts, n as usize, n)?;
                Some(Self { brier_baseline: 0.5 * done.brier_baseline, ..done })
            }
        }
    }
}

fn is(it: bool) -> f64 {
    f64::from(u8::from(it))
}

#[derive(Default)]
struct Sums {
    log_loss: f64,
    brier: f64,
    bins: [Sorted; BINS],
}

#[derive(Clone, Copy, Default)]
struct Sorted {
    samples: usize,
    stated: f64,
    found: f64,
}

impl Sums {
    fn add(&mut self, of_true: f32, brier: f64) {
        self.log_loss -= clamped(of_true).ln();
        self.brier += brier;
    }

    fn sort(&mut self, p: f32, found: f64) {
        let bin = ((f64::from(p) * BINS as f64) as usize).min(BINS - 1);
        let bin = &mut self.bins[bin];
        bin.samples += 1;
        bin.stated += f64::from(p);
        bin.found += found;
    }

    /// `counts`: how often each answer is right, or the sum of its probabilities; `squares`: the
    /// sum of the squares of all targets.
    fn done(&self, counts: &[f64], samples: usize, squares: f64) -> Option<Calibration> {
        if samples == 0 {
            return None;
        }
        let n = samples as f64;
        let shares = || counts.iter().filter(|n| **n > 0.0).map(|count| count / n);
        let of_bin = |bin: &Sorted| {
            let size = bin.samples as f64;
            Bin { samples: bin.samples, stated: bin.stated / size, found: bin.found / size }
        };
        let bins: Vec<Bin> = self.bins.iter().filter(|bin| bin.samples > 0).map(of_bin).collect();
        let gap = |bin: &Bin| bin.samples as f64 * (bin.stated - bin.found).abs();
        Some(Calibration {
            log_loss: self.log_loss / n,
            log_loss_baseline: -shares().map(|share| share * share.ln()).sum::<f64>(),
            brier: self.brier / n,
            brier_baseline: squares / n - shares().map(|share| share * share).sum::<f64>(),
            error: bins.iter().map(gap).sum::<f64>() / n,
            bins,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures are scikit-learn's (`log_loss`, `brier_score_loss`).
    #[test]
    fn questions_are_measured() {
        let targets = Targets::yes_no(vec![1.0, 0.0, 1.0, 0.0, f32::NAN], vec!["a".into()]);
        let c = Calibration::new(&[0.9, 0.2, 0.4, 0.35, 0.5], &targets, Task::Binary).unwrap();
        let log_loss = -(0.9f64.ln() + 0.8f64.ln() + 0.4f64.ln() + 0.65f64.ln()) / 4.0;
        assert!((c.log_loss - log_loss).abs() < 1e-6, "{}", c.log_loss);
        assert!((c.brier - (0.01 + 0.04 + 0.36 + 0.1225) / 4.0).abs() < 1e-6, "{}", c.brier);
        assert_eq!((c.brier_baseline, c.bins.len()), (0.25, 4));
        assert!((c.log_loss_baseline - 2.0f64.ln()).abs() < 1e-12);
        let error = (0.1 + 0.2 + 0.6 + 0.35) / 4.0;
        assert!((c.error - error).abs() < 1e-6, "{}", c.error);
    }

    #[test]
    fn classes_are_measured_by_their_likeliest() {
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let targets = Targets::classes(vec![0, 2], names);
        let c =
            Calibration::new(&[0.75, 0.15, 0.1, 0.72, 0.08, 0.2], &targets, Task::Classes).unwrap();
        assert!((c.log_loss + (0.75f64.ln() + 0.2f64.ln()) / 2.0).abs() < 1e-6);
        let brier = (0.0625 + 0.0225 + 0.01 + 0.5184 + 0.0064 + 0.64) / 2.0;
        assert!((c.brier - brier).abs() < 1e-6, "{}", c.brier);
        let [bin] = c.bins[..] else { panic!("{:?}", c.bins) };
        assert_eq!((bin.samples, bin.found), (2, 0.5));
        assert!((bin.stated - 0.735).abs() < 1e-6);
        assert_eq!(c.brier_baseline, 0.5);
    }

    #[test]
    fn soft_labels_are_measured_by_all_their_probabilities() {
        let names = ["a", "b"].map(String::from).to_vec();
        let targets = Targets::soft_classes(vec![0.25, 0.75, 1.0, 0.0], names).unwrap();
        let c = Calibration::new(&[0.5, 0.5, 0.8, 0.2], &targets, Task::Classes).unwrap();
        assert!((c.log_loss - (2.0f64.ln() - 0.8f64.ln()) / 2.0).abs() < 1e-6, "{}", c.log_loss);
        assert!((c.brier - (0.125 + 0.08) / 2.0).abs() < 1e-6, "{}", c.brier);
        // Always 0.625 and 0.375.
        let off = |p: f64, q: f64| (0.625 - p).powi(2) + (0.375 - q).powi(2);
        let always = (off(0.25, 0.75) + off(1.0, 0.0)) / 2.0;
        assert!((c.brier_baseline - always).abs() < 1e-6, "{}", c.brier_baseline);
        // The first of equals is said, with a quarter.
        assert_eq!((c.bins[0].found, c.bins[1].found), (0.25, 1.0));
    }

    #[test]
    fn certain_mistakes_are_finite_and_numbers_have_no_probabilities() {
        let targets = Targets::yes_no(vec![1.0], vec!["a".into()]);
        let c = Calibration::new(&[0.0], &targets, Task::Binary).unwrap();
        assert!(c.log_loss.is_finite() && c.log_loss > 20.0);
        assert_eq!((c.brier, c.error), (1.0, 1.0));
        let numbers = Targets::numbers(vec![1.0], 1);
        assert!(Calibration::new(&[1.0], &numbers, Task::Number).is_none());
        // Zeros and ones of an array, asked as a yes/no question.
        assert_eq!(Calibration::new(&[0.0], &numbers, Task::Binary).unwrap(), c);
    }
}
