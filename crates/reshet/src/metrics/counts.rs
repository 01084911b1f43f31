//! Measures from the counts of right and wrong answers to a yes/no question.
//!
//! A measure whose denominator is 0 is undefined: `None`. A network that never says yes has
//! no precision; 0 would be as wrong as 1.

use serde::Serialize;

use super::Confusion;

/// Two-sided 95 % of a normal distribution: Φ⁻¹(0.975).
const Z: f64 = 1.959_963_984_540_054;

/// Computes Wilson's 95 % interval of a share, `right` of `n`:
/// `(p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)` with `p = right/n`.
///
/// Unlike `p ± z √(p(1 − p)/n)` it stays within 0 and 1 and does not shrink to a
/// point when all answers are right. It assumes independent samples.
///
/// E. B. Wilson, *Probable inference, the law of succession, and statistical
/// inference*, JASA 22 (1927).
///
/// ```
/// let [low, high] = reshet::metrics::wilson(10, 10);
/// assert!((low - 0.7225).abs() < 1e-4 && high == 1.0);
/// ```
pub fn wilson(right: usize, n: usize) -> [f64; 2] {
    if n == 0 {
        return [0.0, 1.0];
    }
    let (k, n) = (right as f64, n as f64);
    let (p, zz) = (k / n, Z * Z);
    let centre = p + zz / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + zz / (4.0 * n * n)).sqrt();
    let end = |x: f64| (x / (1.0 + zz / n)).clamp(0.0, 1.0);
    // The ends are exact, which rounding would miss.
    let low = if right == 0 { 0.0 } else { end(centre - half) };
    [low, if k == n { 1.0 } else { end(centre + half) }]
}

/// The counts of right and wrong answers to a yes/no question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Answered yes, and is yes.
    pub true_positives: usize,
    /// Answered yes, but is no.
    pub false_positives: usize,
    /// Answered no, but is yes.
    pub false_negatives: usize,
    /// Answered no, and is no.
    pub true_negatives: usize,
}

impl Counts {
    /// Counts the answers to "is it class `c`?".
    ///
    /// # Panics
    /// If there is no such class.
    pub fn of(confusion: &Confusion, c: usize) -> Self {
        let (is, said) = (confusion.samples_of(c), confusion.answered(c));
        let both = confusion.times(c, c);
        Self {
            true_positives: both,
            false_positives: said - both,
            false_negatives: is - both,
            true_negatives: confusion.samples() + both - is - said,
        }
    }

    /// Computes the share of yes answers that are right: `TP / (TP + FP)`.
    pub fn precision(&self) -> Option<f64> {
        share(self.true_positives, self.true_positives + self.false_positives)
    }

    /// Computes the share of true yeses that are found: `TP / (TP + FN)`.
    pub fn recall(&self) -> Option<f64> {
        share(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Computes the harmonic mean of precision and recall: `2 TP / (2 TP + FP + FN)`.
    pub fn f1(&self) -> Option<f64> {
        let twice = 2 * self.true_positives;
        share(twice, twice + self.false_positives + self.false_negatives)
    }
}

fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

/// The five measures of a yes/no question: of one question, of a class against all
/// others, or the mean of several. `None`: undefined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Measures {
    /// [`Counts::precision`].
    pub precision: Option<f64>,
    /// [`Counts::recall`].
    pub recall: Option<f64>,
    /// [`Counts::f1`].
    pub f1: Option<f64>,
    /// [`Ranking::auroc`](super::Ranking::auroc): needs no threshold.
    pub auroc: Option<f64>,
    /// [`Ranking::average_precision`](super::Ranking::average_precision): needs no threshold.
    pub average_precision: Option<f64>,
}

impl Measures {
    /// Computes all five.
    pub fn new(counts: &Counts, ranking: &super::Ranking) -> Self {
        Self {
            precision: counts.precision(),
            recall: counts.recall(),
            f1: counts.f1(),
            auroc: ranking.auroc(),
            average_precision: ranking.average_precision(),
        }
    }

    /// Computes macro averages: the unweighted mean of each measure where it is defined.
    pub fn mean<'a>(all: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let mean = |of: fn(&Self) -> Option<f64>| {
            let (sum, n) = all.clone().filter_map(of).fold((0.0, 0), |(s, n), x| (s + x, n + 1));
            (n > 0).then(|| sum / f64::from(n))
        };
        Self {
            precision: mean(|m| m.precision),
            recall: mean(|m| m.recall),
            f1: mean(|m| m.f1),
            auroc: mean(|m| m.auroc),
            average_precision: mean(|m| m.average_precision),
        }
    }
}
