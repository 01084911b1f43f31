//! Measures of how good answers are, always with the baseline: what no network would score.
//!
//! A [`Score`] is the short result, cheap enough for each epoch; a [`Report`] is the
//! full one. Their parts can be used alone: [`Counts`] for answers at one threshold,
//! [`Ranking`] for all thresholds, [`wilson`] for the uncertainty of an accuracy.

mod below;
mod calibration;
mod confusion;
mod counts;
mod ranking;
mod report;
mod residuals;
mod text;

use std::fmt;

use serde::Serialize;

pub use below::Below;
pub(crate) use calibration::clamped;
pub use calibration::{Bin, Calibration};
pub use confusion::Confusion;
pub use counts::{Counts, Measures, wilson};
pub use ranking::{BestThreshold, Ranking};
pub use report::{Class, Details, Number, QuestionResult, Report, check_threshold};
pub(crate) use residuals::COVERAGE;
pub use residuals::{HalfWidths, Interval, Residuals};
pub use text::{digits, table};

use crate::{data::Targets, visible};

/// The kind of question a network answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Yes or no.
    Binary,
    /// One of several.
    Classes,
    /// A number.
    Number,
}

/// The result of a test.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    /// Samples tested.
    #[serde(skip)]
    pub samples: usize,
    /// The mean loss.
    pub loss: f64,
    /// The part that depends on the question.
    #[serde(flatten)]
    pub kind: ScoreKind,
}

/// The part of a [`Score`] that depends on the question.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ScoreKind {
    /// Right or wrong: yes/no questions and classes.
    Answers {
        /// The share of right answers (of several yes/no questions: over all of them).
        accuracy: f64,
        /// Its 95 % interval by [`wilson`]; None for several questions, as the answers to one
        /// sample are not independent.
        #[serde(rename = "accuracy_interval", skip_serializing_if = "Option::is_none")]
        interval: Option<[f64; 2]>,
        /// The accuracy of always giving the commonest answer.
        baseline: f64,
        /// The commonest answer.
        #[serde(skip)]
        commonest: String,
        /// Wrong answers.
        errors: usize,
        /// Samples with all questions answered right, if there are several.
        #[serde(skip_serializing_if = "Option::is_none")]
        all_right: Option<f64>,
        /// How often which class was answered which; yes/no: no first.
        confusion: Confusion,
    },
    /// The errors of numbers, in their own unit. For several targets the first four fields are
    /// over all values together, whatever their units.
    Numbers {
        /// The root mean squared error.
        rmse: f64,
        /// The mean absolute error.
        mae: f64,
        /// 1 − mean squared error / variance; None if all targets are equal.
        r2: Option<f64>,
        /// The RMSE of always giving the mean.
        baseline: f64,
        /// For several targets: the mean of their R², where it is defined.
        #[serde(skip_serializing_if = "Option::is_none")]
        r2_mean: Option<f64>,
        /// The errors of each target.
        #[serde(skip)]
        per_target: Vec<Number>,
    },
}

impl Score {
    /// Compares answers (probabilities or numbers, one row per sample) with targets.
    pub fn new(answers: &[f32], targets: &Targets, task: Task, loss: f64) -> Self {
        Self::at(answers, targets, task, loss, 0.5)
    }

    /// Does the same as [`Score::new`], where yes is a probability above `threshold`.
    pub fn at(answers: &[f32], targets: &Targets, task: Task, loss: f64, threshold: f64) -> Self {
        let (samples, kind) = match targets {
            Targets::Classes { labels, names, .. } => {
                (labels.len(), classes(answers, labels, names))
            }
            Targets::YesNo { values, width, .. } | Targets::Numbers { values, width } => {
                let kind = match task {
                    Task::Binary => yes_no(answers, values, *width, threshold, targets.two()),
                    _ => numbers(answers, values, *width),
                };
                (values.len() / width, kind)
            }
        };
        Self { samples, loss, kind }
    }

    /// Computes the baseline and the commonest answer of these targets, without a network. The
    /// other fields are meaningless.
    pub fn without_network(targets: &Targets, task: Task) -> Self {
        let samples = targets.rows().unwrap_or(0);
        Self::new(&vec![0.0; samples * targets.outputs()], targets, task, 0.0)
    }

    /// Returns one number that says how good the answers are: the accuracy, or R² (for several
    /// targets its mean); None if all targets are equal, which leaves R² undefined.
    pub fn measure(&self) -> Option<f64> {
        match &self.kind {
            ScoreKind::Answers { accuracy, .. } => Some(*accuracy),
            ScoreKind::Numbers { r2_mean, per_target, .. } if per_target.len() > 1 => *r2_mean,
            ScoreKind::Numbers { r2, .. } => *r2,
        }
    }

    /// Sets the targets' names; does nothing unless there is one name per target.
    pub fn named(mut self, names: &[String]) -> Self {
        if let ScoreKind::Numbers { per_target, .. } = &mut self.kind
            && per_target.len() == names.len()
        {
            per_target
                .iter_mut()
                .zip(names)
                .for_each(|(target, name)| target.name.clone_from(name));
        }
        self
    }

    /// Returns the commonest answer, by its name if it is one of a model's two; None for
    /// numbers.
    pub fn commonest<'a>(&'a self, names: &'a [String]) -> Option<&'a str> {
        let ScoreKind::Answers { commonest, .. } = &self.kind else { return None };
        Some(match (&**commonest, names) {
            ("no", [no, _]) => no,
            ("yes", [_, yes]) => yes,
            _ => commonest,
        })
    }

    /// Returns the share of right answers; None for numbers.
    pub fn accuracy(&self) -> Option<f64> {
        match self.kind {
            ScoreKind::Answers { accuracy, .. } => Some(accuracy),
            ScoreKind::Numbers { .. } => None,
        }
    }
}

/// Returns the index of the largest number; the first of equals.
pub fn argmax(row: &[f32]) -> usize {
    let best = row.iter().enumerate().reduce(|best, x| if x.1 > best.1 { x } else { best });
    best.map_or(0, |(i, _)| i)
}

fn classes(answers: &[f32], labels: &[u32], names: &[String]) -> ScoreKind {
    let mut confusion = Confusion::new(names.len());
    for (row, label) in answers.chunks_exact(names.len()).zip(labels) {
        confusion.add(*label as usize, argmax(row));
    }
    let right = confusion.right();
    let counts = (0..names.len()).map(|class| confusion.samples_of(class));
    let (most, name) = counts.zip(names).max_by_key(|(n, _)| *n).map_or((0, ""), |(n, s)| (n, s));
    let n = labels.len() as f64;
    ScoreKind::Answers {
        accuracy: right as f64 / n,
        interval: Some(wilson(right, labels.len())),
        baseline: most as f64 / n,
        commonest: name.into(),
        errors: labels.len() - right,
        all_right: None,
        confusion,
    }
}

/// 1 for yes, 0 for no.
fn yes(p: f32, threshold: f64) -> usize {
    usize::from(f64::from(p) > threshold)
}

/// `names`: the names of no and yes, if they have names.
fn yes_no(
    answers: &[f32],
    values: &[f32],
    width: usize,
    threshold: f64,
    names: Option<&[String; 2]>,
) -> ScoreKind {
    let (is, said) = (|x: &f32| yes(*x, 0.5), |x: &f32| yes(*x, threshold));
    let mut confusion = Confusion::new(2);
    // What is missing (NaN) is not counted.
    for (answer, value) in answers.iter().zip(values).filter(|(_, value)| !value.is_nan()) {
        confusion.add(is(value), said(answer));
    }
    let (right, n) = (confusion.right(), confusion.samples());
    let all = answers.chunks_exact(width).zip(values.chunks_exact(width));
    let right_one = |a: &f32, v: &f32| v.is_nan() || said(a) == is(v);
    let all = all.filter(|(a, v)| a.iter().zip(*v).all(|(a, v)| right_one(a, v))).count();
    // The commonest answer to each question apart.
    let known = |q: usize| values[q..].iter().step_by(width).filter(|v| !v.is_nan());
    let yeses = |q: usize| known(q).filter(|v| is(v) == 1).count();
    let per = values.len() / width;
    let baseline: usize = (0..width).map(|q| yeses(q).max(known(q).count() - yeses(q))).sum();
    let commonest = usize::from(width == 1 && 2 * yeses(0) > n);
    let commonest = names.map_or(["no", "yes"][commonest], |names| &names[commonest]);
    ScoreKind::Answers {
        accuracy: right as f64 / n as f64,
        interval: (width == 1).then(|| wilson(right, n)),
        baseline: baseline as f64 / n as f64,
        commonest: commonest.into(),
        errors: n - right,
        all_right: (width > 1).then_some(all as f64 / per as f64),
        confusion,
    }
}

fn numbers(answers: &[f32], values: &[f32], width: usize) -> ScoreKind {
    // What is missing (NaN) is not counted.
    let n = values.iter().filter(|v| !v.is_nan()).count() as f64;
    let known = answers.iter().zip(values).filter(|(_, v)| !v.is_nan());
    let pairs = || known.clone().map(|(a, v)| f64::from(*a) - f64::from(*v));
    let mse = pairs().map(|e| e * e).sum::<f64>() / n;
    let mean = |q: usize| {
        let column = || values[q..].iter().step_by(width).filter(|v| !v.is_nan());
        column().copied().map(f64::from).sum::<f64>() / column().count() as f64
    };
    let means: Vec<f64> = (0..width).map(mean).collect();
    let known = values.iter().enumerate().filter(|(_, v)| !v.is_nan());
    let spread = known.map(|(i, v)| (f64::from(*v) - means[i % width]).powi(2));
    let variance = spread.sum::<f64>() / n;
    let per_target: Vec<Number> =
        (0..width).map(|q| Number::new(answers, values, q, width)).collect();
    let known: Vec<f64> = per_target.iter().filter_map(|target| target.r2).collect();
    ScoreKind::Numbers {
        rmse: mse.sqrt(),
        mae: pairs().map(f64::abs).sum::<f64>() / n,
        r2: (!known.is_empty()).then(|| 1.0 - mse / variance),
        baseline: if known.is_empty() { 0.0 } else { variance.sqrt() },
        r2_mean: (width > 1 && !known.is_empty())
            .then(|| known.iter().sum::<f64>() / known.len() as f64),
        per_target,
    }
}

/// The most targets shown in a line.
const SHOWN: usize = 6;

/// Each target's error in its own unit: `price 12.1 (always the mean: 80.3), …`
fn each(targets: &[Number]) -> String {
    let one = |Number { name, rmse, baseline, .. }: &Number| {
        let (rmse, baseline) = (digits(*rmse), digits(*baseline));
        // What has no name has a number.
        let target = if name.bytes().all(|b| b.is_ascii_digit()) { "target " } else { "" };
        format!("{target}{} {rmse} (always the mean: {baseline})", visible(name))
    };
    let mut all: Vec<String> = targets.iter().take(SHOWN).map(one).collect();
    if targets.len() > SHOWN {
        all.push(format!("and {} more targets", targets.len() - SHOWN));
    }
    all.join(", ")
}

impl fmt::Display for Score {
    /// `99.12 % of 10000; always "no": 89.72 %`
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.kind {
            ScoreKind::Answers { accuracy, baseline, all_right: Some(all), .. } => write!(
                f,
                "{:.2} % of all answers, {:.2} % of {} samples with every answer right; \
                 always the commonest answers: {:.2} % of all",
                100.0 * accuracy,
                100.0 * all,
                self.samples,
                100.0 * baseline
            ),
            ScoreKind::Answers { accuracy, baseline, commonest, .. } => write!(
                f,
                "{:.2} % of {}; always \"{}\": {:.2} %",
                100.0 * accuracy,
                self.samples,
                visible(commonest),
                100.0 * baseline
            ),
            ScoreKind::Numbers { per_target, r2_mean, .. } if per_target.len() > 1 => {
                match r2_mean {
                    Some(r2) => write!(f, "R² {r2:.3}, the mean of {} targets", per_target.len())?,
                    None => write!(f, "no R²: no target varies")?,
                }
                write!(f, ", over {}; off by (RMSE): {}", self.samples, each(per_target))
            }
            ScoreKind::Numbers { rmse, r2, baseline, .. } => {
                let n = self.samples;
                let (rmse, baseline) = (digits(*rmse), digits(*baseline));
                write!(f, "off by {rmse} (RMSE) over {n}; always the mean: {baseline}; ")?;
                match r2 {
                    Some(r2) => write!(f, "R² {r2:.3}"),
                    None if n == 1 => write!(f, "no R²: a single row has no variance"),
                    None => write!(f, "no R²: all targets are equal"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn yes_no_counts() {
        let values = Arc::new(vec![1.0, 0.0, 0.0, 0.0]);
        let targets = Targets::YesNo { values, width: 1, names: vec!["7".into()] };
        let score = Score::new(&[0.9, 0.2, 0.5, 0.6], &targets, Task::Binary, 0.1);
        let ScoreKind::Answers { accuracy, baseline, errors, confusion, .. } = &score.kind else {
            panic!()
        };
        assert_eq!((*accuracy, *baseline, *errors), (0.75, 0.75, 1));
        assert_eq!(confusion.square().unwrap(), [[2, 1], [0, 1]]);
        assert_eq!(score.to_string(), "75.00 % of 4; always \"no\": 75.00 %");
    }

    #[test]
    fn several_questions_count_apart_and_together() {
        let values = Arc::new(vec![1.0, 0.0, 1.0, 1.0]);
        let targets = Targets::YesNo { values, width: 2, names: vec!["a".into(), "b".into()] };
        let score = Score::new(&[0.9, 0.1, 0.9, 0.1], &targets, Task::Binary, 0.1);
        let said = score.to_string();
        assert!(said.starts_with("75.00 % of all answers, 50.00 % of 2 samples"), "{said}");
        let ScoreKind::Answers { accuracy, baseline, all_right, .. } = score.kind else { panic!() };
        assert_eq!((accuracy, baseline, all_right), (0.75, 0.75, Some(0.5)));
    }

    #[test]
    fn classes_and_numbers() {
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let targets = Targets::classes(vec![0, 1, 1], names);
        let answers = [0.8, 0.1, 0.1, 0.2, 0.3, 0.5, 0.0, 0.9, 0.1];
        let score = Score::new(&answers, &targets, Task::Classes, 0.0);
        assert_eq!(score.to_string(), "66.67 % of 3; always \"b\": 66.67 %");

        let targets = Targets::numbers(vec![1.0, 2.0, 3.0], 1);
        let score = Score::new(&[1.0, 2.0, 4.0], &targets, Task::Number, 0.0);
        let ScoreKind::Numbers { rmse, mae, r2: Some(r2), baseline, .. } = score.kind else {
            panic!()
        };
        assert!((rmse - (1.0f64 / 3.0).sqrt()).abs() < 1e-9 && (mae - 1.0 / 3.0).abs() < 1e-9);
        assert!((r2 - 0.5).abs() < 1e-9 && (baseline - (2.0f64 / 3.0).sqrt()).abs() < 1e-9);
    }

    /// Kilograms and dollars have no common error; R² of what does not vary is none.
    #[test]
    fn several_numbers_are_told_apart_and_r2_only_where_there_is_one() {
        let names = ["price", "weight"].map(String::from);
        let targets = Targets::numbers(vec![100.0, 1.0, 300.0, 1.0], 2);
        let score = Score::new(&[110.0, 1.0, 310.0, 2.0], &targets, Task::Number, 0.0);
        let said = score.clone().named(&names).to_string();
        assert_eq!(
            said,
            "R² 0.990, the mean of 2 targets, over 2; off by (RMSE): \
             price 10.000 (always the mean: 100.00), weight 0.7071 (always the mean: 0)"
        );
        assert!((score.measure().unwrap() - 0.99).abs() < 1e-9);
        let ScoreKind::Numbers { rmse, r2: Some(r2), .. } = score.kind else { panic!() };
        assert!((rmse - 50.25f64.sqrt()).abs() < 1e-6, "over all values, as ever: {rmse}");
        assert!(r2 > 0.98 && r2 < 0.99, "{r2}");

        let one = Score::new(&[2.0], &Targets::numbers(vec![3.0], 1), Task::Number, 0.0);
        assert_eq!(one.measure(), None);
        assert!(one.to_string().ends_with("no R²: a single row has no variance"), "{one}");
        assert!(serde_json::to_value(&one).unwrap()["r2"].is_null());
        let same = Targets::numbers(vec![0.1; 6], 2);
        let same = Score::new(&[3.0; 6], &same, Task::Number, 0.0);
        assert!(same.to_string().starts_with("no R²: no target varies, over 3"), "{same}");
        assert_eq!(same.measure(), None);
    }
}
