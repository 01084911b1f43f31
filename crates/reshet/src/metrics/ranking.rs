//! Measures of how well probabilities rank yeses above noes, at any threshold.

use serde::Serialize;

use super::Counts;

/// The samples of a yes/no question, sorted by probability: the answers at every possible
/// threshold, from the highest down.
///
/// ```
/// use reshet::metrics::Ranking;
/// let ranking = Ranking::new([(0.9, true), (0.8, false), (0.7, true), (0.1, false)]);
/// assert_eq!(ranking.auroc(), Some(0.75)); // 3 of 4 pairs in the right order
/// assert_eq!(ranking.best_threshold().unwrap().f1, 0.8);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    steps: Vec<Cut>,
    positives: usize,
    negatives: usize,
}

/// The answers with the threshold just below `score`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cut {
    score: f32,
    true_positives: usize,
    false_positives: usize,
}

/// A threshold and its F1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BestThreshold {
    /// A higher probability is a yes.
    pub threshold: f64,
    /// [`Counts::f1`] at this threshold.
    pub f1: f64,
}

impl Ranking {
    /// Sorts scores, each with whether it is a yes. Equal scores form one step, as no threshold
    /// separates them.
    pub fn new(scores: impl IntoIterator<Item = (f32, bool)>) -> Self {
        // −0 + 0 = 0: the two zeros are equal, which total_cmp denies.
        let mut all: Vec<_> = scores.into_iter().map(|(s, yes)| (s + 0.0, yes)).collect();
        all.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut steps: Vec<Cut> = Vec::new();
        let (mut positives, mut negatives) = (0, 0);
        for (score, yes) in all {
            if yes {
                positives += 1
            } else {
                negatives += 1
            }
            let step = Cut { score, true_positives: positives, false_positives: negatives };
            match steps.last_mut() {
                Some(last) if last.score.total_cmp(&score).is_eq() => *last = step,
                _ => steps.push(step),
            }
        }
        Self { steps, positives, negatives }
    }

    /// Returns the number of samples that are yes.
    pub fn positives(&self) -> usize {
        self.positives
    }

    /// Computes the area under the ROC curve: the probability that a yes has a higher score
    /// than a no, `(#{s₊ > s₋} + ½ #{s₊ = s₋}) / (P N)`; guessing gives ½.
    ///
    /// The Mann–Whitney statistic, counted exactly from the sorted scores.
    /// J. A. Hanley, B. J. McNeil, *The meaning and use of the area under a
    /// receiver operating characteristic (ROC) curve*, Radiology 143 (1982).
    /// None if all are yes, or all no.
    pub fn auroc(&self) -> Option<f64> {
        let (mut twice, mut tp, mut fp) = (0u128, 0, 0);
        for step in &self.steps {
            let (yes, no) = (step.true_positives - tp, step.false_positives - fp);
            let below = self.negatives - step.false_positives;
            twice += yes as u128 * (2 * below + no) as u128;
            (tp, fp) = (step.true_positives, step.false_positives);
        }
        let pairs = self.positives as u128 * self.negatives as u128;
        (pairs > 0).then(|| twice as f64 / (2 * pairs) as f64)
    }

    /// Computes the average precision `Σ (Rₙ − Rₙ₋₁) Pₙ` over the distinct scores, with recall R
    /// and precision P of the samples at or above each; guessing gives the share of yeses.
    ///
    /// As scikit-learn's
    /// [`average_precision_score`](https://scikit-learn.org/stable/modules/generated/sklearn.metrics.average_precision_score.html):
    /// steps, not straight lines between points, which would be too optimistic. None
    /// without a yes.
    pub fn average_precision(&self) -> Option<f64> {
        let (mut sum, mut before) = (0.0, 0);
        for step in &self.steps {
            let (tp, fp) = (step.true_positives, step.false_positives);
            sum += (tp - before) as f64 * tp as f64 / (tp + fp) as f64;
            before = tp;
        }
        (self.positives > 0).then(|| sum / self.positives as f64)
    }

    /// Finds the threshold with the best F1, half way between the scores it separates;
    /// the highest of equals. None without a yes above 0.
    ///
    /// Its F1 on these same samples is slightly optimistic: to use the threshold, find it on a
    /// validation part.
    pub fn best_threshold(&self) -> Option<BestThreshold> {
        let mut best: Option<BestThreshold> = None;
        for (i, step) in self.steps.iter().enumerate() {
            let next = self.steps.get(i + 1).map_or(0.0, |next| next.score.max(0.0));
            let (tp, fp) = (step.true_positives, step.false_positives);
            // No threshold from 0 on lies below a score of 0.
            if tp == 0 || step.score <= 0.0 {
                continue;
            }
            let counts = Counts {
                true_positives: tp,
                false_positives: fp,
                false_negatives: self.positives - tp,
                true_negatives: self.negatives - fp,
            };
            if let Some(f1) = counts.f1()
                && best.is_none_or(|best| f1 > best.f1)
            {
                let threshold = f64::midpoint(step.score.into(), next.into());
                best = Some(BestThreshold { threshold, f1 });
            }
        }
        best
    }

    /// Computes the ROC curve from (0, 0) to (1, 1): at each threshold the share of noes
    /// answered yes, and of yeses answered yes. Empty if all are yes, or all no.
    pub fn roc(&self) -> Vec<(f64, f64)> {
        if self.positives == 0 || self.negatives == 0 {
            return Vec::new();
        }
        let point = |step: &Cut| {
            (
                step.false_positives as f64 / self.negatives as f64,
                step.true_positives as f64 / self.positives as f64,
            )
        };
        [(0.0, 0.0)].into_iter().chain(self.steps.iter().map(point)).collect()
    }

    /// Computes recall and precision at each threshold, from the highest down. Empty
    /// without a yes.
    pub fn precision_recall(&self) -> Vec<(f64, f64)> {
        if self.positives == 0 {
            return Vec::new();
        }
        let point = |step: &Cut| {
            let (tp, fp) = (step.true_positives, step.false_positives);
            (tp as f64 / self.positives as f64, tp as f64 / (tp + fp) as f64)
        };
        self.steps.iter().map(point).collect()
    }
}
