//! How far answers to samples are off, one sample after the other, and whether others are less so.

use crate::{Targets, metrics::argmax, train::temperature};

/// The best temperature for these answers, if it is clearly better than 1.
pub(super) fn temperature(answers: &[f32], targets: &Targets) -> Option<f64> {
    if matches!(targets, Targets::Numbers { .. }) {
        return None;
    }
    let best = temperature::best(answers, targets);
    let at = |temperature| temperature::losses(answers, targets, temperature);
    // Fitted to these very answers, it always seems to gain a little.
    is_less(&at(best), &at(1.0), 1.0).then_some(best)
}

/// How far answers are off, sample by sample.
#[derive(Clone, Debug)]
pub(super) struct Losses {
    /// See [`of_samples`].
    pub errors: Vec<f64>,
    /// Log losses; none of numbers.
    pub log: Vec<f64>,
}

impl Losses {
    pub fn of(answers: &[f32], targets: &Targets) -> Self {
        let log = match targets {
            Targets::Numbers { .. } => Vec::new(),
            _ => temperature::losses(answers, targets, 1.0),
        };
        Self { errors: of_samples(answers, targets), log }
    }
}

/// Each sample's error: for numbers the square of the error over the target's variance; for several
/// targets their sum. For soft labels the sum of the squared errors of the probabilities. Else the
/// share of wrong answers.
pub(crate) fn of_samples(answers: &[f32], targets: &Targets) -> Vec<f64> {
    let outputs = targets.outputs();
    let rows = answers.chunks_exact(outputs);
    let wrong = |wrong: bool| f64::from(u8::from(wrong));
    match targets {
        Targets::Classes { probabilities: Some(all), .. } => {
            let square = |(p, t): (&f32, &f32)| (f64::from(*p) - f64::from(*t)).powi(2);
            let of_row = |(row, t): (&[f32], &[f32])| row.iter().zip(t).map(square).sum();
            rows.zip(all.chunks_exact(outputs)).map(of_row).collect()
        }
        Targets::Classes { labels, .. } => {
            rows.zip(labels.iter()).map(|(row, y)| wrong(argmax(row) != *y as usize)).collect()
        }
        Targets::YesNo { values, .. } => {
            let error = |(p, y): (&f32, &f32)| wrong((*p > 0.5) != (*y > 0.5));
            let of_row = |(row, y): (&[f32], &[f32])| row.iter().zip(y).map(error).sum();
            rows.zip(values.chunks_exact(outputs)).map(of_row).collect()
        }
        Targets::Numbers { values, .. } => {
            let variances: Vec<f64> = (0..outputs).map(|k| variance(values, k, outputs)).collect();
            let error = |((x, y), variance): ((&f32, &f32), &f64)| match y.is_nan() {
                // A target that is missing is no error.
                true => 0.0,
                false => (f64::from(*x) - f64::from(*y)).powi(2) / variance,
            };
            let of_row =
                |(row, y): (&[f32], &[f32])| row.iter().zip(y).zip(&variances).map(error).sum();
            rows.zip(values.chunks_exact(outputs)).map(of_row).collect()
        }
    }
}

/// The variance of the k-th of so many targets, of those that are there; 1 where they are equal.
fn variance(values: &[f32], k: usize, outputs: usize) -> f64 {
    let there =
        || values.iter().skip(k).step_by(outputs).filter(|y| !y.is_nan()).map(|y| f64::from(*y));
    let n = there().count().max(1) as f64;
    let mean = there().sum::<f64>() / n;
    let variance = there().map(|y| (y - mean).powi(2)).sum::<f64>() / n;
    if variance > 0.0 { variance } else { 1.0 }
}

/// Whether the mean of these errors is lower than that of those of the same samples by more than so
/// many standard errors of the difference.
pub(super) fn is_less(these: &[f64], than: &[f64], by: f64) -> bool {
    let n = these.len() as f64;
    let gains = || than.iter().zip(these).map(|(theirs, ours)| theirs - ours);
    let mean = gains().sum::<f64>() / n;
    let variance = gains().map(|gain| (gain - mean).powi(2)).sum::<f64>() / n;
    mean > by * (variance / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, Features, Storage};

    #[test]
    fn probabilities_get_a_temperature_where_it_clearly_helps() {
        // So many of a hundred that are said to be yes with this probability are.
        let at = |p: f32, right: usize| {
            let yes = (0..100).map(|i| f32::from(u8::from(i < right))).collect();
            temperature(&[p; 100], &Targets::yes_no(yes, vec!["yes".into()]))
        };
        assert!(at(0.99, 80).is_some_and(|t| t > 2.0), "{:?}", at(0.99, 80));
        assert!(at(0.6, 95).is_some_and(|t| t < 0.5), "{:?}", at(0.6, 95));
        assert_eq!((at(0.8, 80), at(0.8, 78)), (None, None));
        assert_eq!(temperature(&[1.0], &Targets::numbers(vec![2.0], 1)), None);
    }

    #[test]
    fn errors_are_in_units_of_their_target_and_missing_ones_are_none() {
        let features = Features::new(Storage::F32(vec![0.0; 4]), &[1]).unwrap();
        let targets = Targets::numbers(vec![0.0, 100.0, 2.0, f32::NAN, 4.0, 300.0, 2.0, 200.0], 2);
        let data = Dataset::with_missing_targets(features, targets).unwrap();
        let answers = [0.0, 200.0, 2.0, 9.0, 2.0, 300.0, 2.0, 200.0];
        // Variances of 2 and of 20,000/3.
        let errors = of_samples(&answers, data.targets());
        assert_eq!(errors, [10_000.0 / (20_000.0 / 3.0), 0.0, 2.0, 0.0]);
    }
}
