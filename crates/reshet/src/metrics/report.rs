//! The full result of a test: also what a [`Score`] leaves out because it needs a
//! sort, or a pass over each class.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{
    Below, BestThreshold, Calibration, Confusion, Counts, Interval, Measures, Ranking, Residuals,
    Score, ScoreKind, Task, wilson, yes,
};
use crate::{Error, Loss, Result, data::Targets};

/// The `k` of the top-k accuracies.
const TOP: [usize; 3] = [2, 3, 5];

/// The full result of a test. Its JSON has the score's fields and more; its text
/// is a page.
///
/// ```
/// use reshet::{Targets, Task, metrics::Report};
/// let targets = Targets::yes_no(vec![1.0, 0.0, 1.0, 0.0], vec!["spam".into()]);
/// let names = ["ham".into(), "spam".into()];
/// let report = Report::new(vec![0.9, 0.2, 0.4, 0.3], &targets, Task::Binary, &names, 0.3, 0.5);
/// assert_eq!(report.score.accuracy(), Some(0.75));
/// assert!(report.to_string().contains("of those that are spam, the share found"));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The short result.
    #[serde(flatten)]
    pub score: Score,
    /// The part that depends on the question.
    #[serde(flatten)]
    pub details: Details,
    /// How far the probabilities can be believed; None for numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// The 90 % intervals of numbers, of a model that knows its residuals; else empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub intervals: Vec<Interval>,
    /// Of a model trained with [`Loss::QuantileLoss`](crate::Loss::QuantileLoss); else empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub below: Vec<Below>,
    /// The answers, one row per sample: probabilities or numbers.
    #[serde(skip)]
    pub answers: Vec<f32>,
    /// The answers' names, as in [`Meaning`](crate::Meaning).
    #[serde(skip)]
    pub names: Vec<String>,
}

/// The part of a [`Report`] that depends on the question.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Details {
    /// A yes/no question.
    Question {
        /// A higher probability is a yes.
        threshold: f64,
        /// Samples that are yes.
        positives: usize,
        /// The measures of the answer yes.
        #[serde(flatten)]
        measures: Measures,
        /// The threshold that would have given the best F1.
        best_threshold: Option<BestThreshold>,
    },
    /// Several yes/no questions.
    Questions {
        /// A higher probability is a yes.
        threshold: f64,
        /// The 95 % interval of `all_right`. The answers to one sample are not independent,
        /// so the accuracy over all of them has no interval.
        all_right_interval: [f64; 2],
        /// The measures of each question.
        per_question: Vec<QuestionResult>,
        /// Their mean.
        #[serde(rename = "macro")]
        mean: Measures,
    },
    /// One of several.
    Classes {
        /// Each against all others. JSON has of more than 1,000 classes the 1,000 worst by F1.
        #[serde(serialize_with = "some")]
        per_class: Vec<Class>,
        /// Their mean.
        #[serde(rename = "macro")]
        mean: Measures,
        /// The top-k accuracies: the share of samples whose class is among the k likeliest.
        top_k: BTreeMap<usize, f64>,
    },
    /// Numbers.
    Numbers {
        /// The errors of each target.
        per_target: Vec<Number>,
    },
}

/// One of several yes/no questions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuestionResult {
    /// What yes means.
    pub name: String,
    /// Samples that are yes.
    pub positives: usize,
    /// The share of right answers.
    pub accuracy: f64,
    /// Its 95 % interval.
    pub accuracy_interval: [f64; 2],
    /// The accuracy of always giving the commoner answer.
    pub baseline: f64,
    /// The measures of the answer yes.
    #[serde(flatten)]
    pub measures: Measures,
    /// The threshold that would have given the best F1.
    pub best_threshold: Option<BestThreshold>,
    /// How often yes and no were taken for each other; no first.
    pub confusion: Confusion,
}

/// A class against all others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Class {
    /// Its name.
    pub name: String,
    /// Samples of this class.
    pub samples: usize,
    /// The measures of the question "is it this class?".
    #[serde(flatten)]
    pub measures: Measures,
}

/// The errors of one target, in its own unit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Number {
    /// Its name.
    pub name: String,
    /// The root mean squared error.
    pub rmse: f64,
    /// The mean absolute error.
    pub mae: f64,
    /// `1 − mean squared error / variance`; None if all targets are equal.
    pub r2: Option<f64>,
    /// The RMSE of always giving the mean.
    pub baseline: f64,
    /// The mean of answer − target: above 0, the answers are too high on average.
    pub bias: f64,
    /// The largest absolute error.
    pub max_error: f64,
}

impl Number {
    /// The errors of target `q` of `width`, named by its number.
    pub(super) fn new(answers: &[f32], values: &[f32], q: usize, width: usize) -> Self {
        // What is missing (NaN) is not counted.
        let column = || column(answers, values, q, width).filter(|(_, value)| !value.is_nan());
        let pairs = || column().map(|(a, v)| (f64::from(a), f64::from(v)));
        let n = pairs().count() as f64;
        let errors = || pairs().map(|(answer, value)| answer - value);
        let mse = errors().map(|e| e * e).sum::<f64>() / n;
        let mean = pairs().map(|(_, value)| value).sum::<f64>() / n;
        // Of equal values the mean may be off by a rounding, and that is no variance.
        let first = pairs().next().map(|(_, value)| value);
        let varies = pairs().any(|(_, value)| Some(value) != first);
        let squares = pairs().map(|(_, value)| (value - mean).powi(2)).sum::<f64>();
        let variance = if varies { squares / n } else { 0.0 };
        Self {
            name: q.to_string(),
            rmse: mse.sqrt(),
            mae: errors().map(f64::abs).sum::<f64>() / n,
            r2: (variance > 0.0).then(|| 1.0 - mse / variance),
            baseline: variance.sqrt(),
            bias: errors().sum::<f64>() / n,
            max_error: errors().map(f64::abs).fold(0.0, f64::max),
        }
    }
}

/// Checks that `threshold` can separate yes from no for this kind of question.
///
/// # Errors
/// It is not from 0 to 1, or the question is not a yes/no question.
pub fn check_threshold(threshold: f64, task: Task) -> Result<()> {
    if !(0.0..=1.0).contains(&threshold) {
        let what = format!("a threshold is a probability from 0 to 1, not {threshold}");
        return Err(Error::invalid(what));
    }
    if task != Task::Binary {
        let what = format!("a threshold separates yes from no; this model's task is {task}");
        return Err(Error::invalid(what));
    }
    Ok(())
}

impl Report {
    /// Compares answers (probabilities or numbers, one row per sample) with targets. `names`
    /// are the answers' names, as in [`Meaning::names`](crate::Meaning::names); missing ones
    /// are replaced by the targets' own or by numbers. `loss` is copied into the report. Yes is
    /// a probability above `threshold`.
    ///
    /// # Panics
    /// If there is not one row of answers for each target.
    pub fn new(
        answers: Vec<f32>,
        targets: &Targets,
        task: Task,
        names: &[String],
        loss: f64,
        threshold: f64,
    ) -> Self {
        let score = Score::at(&answers, targets, task, loss, threshold);
        let (details, names) = match targets {
            Targets::Classes { labels, names, .. } => {
                (classes(&score, &answers, labels, names), names.clone())
            }
            Targets::YesNo { values, width, .. } | Targets::Numbers { values, width } => {
                let own: &[String] =
                    if let Targets::YesNo { names, .. } = targets { names } else { &[] };
                assert_eq!(answers.len(), values.len(), "a row of answers for each target");
                match (task, width) {
                    (Task::Binary, 1) => (question(&answers, values, threshold), two(names, own)),
                    (Task::Binary, _) => {
                        let names = several(names, own, *width);
                        (questions(&answers, values, &names, threshold), names)
                    }
                    _ => {
                        let names = several(names, own, *width);
                        let score = score.clone().named(&names);
                        let ScoreKind::Numbers { per_target, .. } = score.kind else {
                            unreachable!()
                        };
                        (Details::Numbers { per_target }, names)
                    }
                }
            }
        };
        let calibration = Calibration::new(&answers, targets, task);
        let (intervals, below) = Default::default();
        Self { score, details, calibration, intervals, below, answers, names }
    }

    /// The same with what follows from the model's residuals and loss.
    pub(crate) fn of_model(
        self,
        loss: &Loss,
        residuals: &[Residuals],
        targets: &Targets,
        coverage: f64,
    ) -> Self {
        let intervals = Interval::all(residuals, &self.answers, targets, &self.names, coverage);
        let below = match loss {
            Loss::QuantileLoss { quantile } => {
                Below::all(f64::from(*quantile), &self.answers, targets, &self.names)
            }
            _ => Vec::new(),
        };
        Self { intervals, below, ..self }
    }
}

/// The names of no and yes.
fn two(names: &[String], own: &[String]) -> Vec<String> {
    match (names, own) {
        ([_, yes], [name]) if yes != name => vec![format!("not {name}"), name.clone()],
        ([_, _], _) => names.to_vec(),
        (_, [name]) => vec![format!("not {name}"), name.clone()],
        _ => vec!["no".into(), "yes".into()],
    }
}

/// One name each; numbers from 0 if there are none.
fn several(names: &[String], own: &[String], width: usize) -> Vec<String> {
    match [own, names].into_iter().find(|names| names.len() == width) {
        Some(names) => names.to_vec(),
        None => (0..width).map(|i| i.to_string()).collect(),
    }
}

/// Column `q` of the answers, with the targets.
fn column<'a>(
    answers: &'a [f32],
    values: &'a [f32],
    q: usize,
    width: usize,
) -> impl Iterator<Item = (f32, f32)> + 'a {
    let pick = move |all: &'a [f32]| all[q..].iter().step_by(width).copied();
    pick(answers).zip(pick(values))
}

fn rank(pairs: impl Iterator<Item = (f32, f32)>) -> Ranking {
    Ranking::new(pairs.map(|(answer, value)| (answer, value > 0.5)))
}

fn confusion(pairs: impl Iterator<Item = (f32, f32)>, threshold: f64) -> Confusion {
    let mut confusion = Confusion::new(2);
    for (answer, value) in pairs {
        confusion.add(yes(value, 0.5), yes(answer, threshold));
    }
    confusion
}

fn question(answers: &[f32], values: &[f32], threshold: f64) -> Details {
    let pairs = || column(answers, values, 0, 1);
    let ranking = rank(pairs());
    let counts = Counts::of(&confusion(pairs(), threshold), 1);
    Details::Question {
        threshold,
        positives: ranking.positives(),
        measures: Measures::new(&counts, &ranking),
        best_threshold: ranking.best_threshold(),
    }
}

fn questions(answers: &[f32], values: &[f32], names: &[String], threshold: f64) -> Details {
    let width = names.len();
    let samples = values.len() / width;
    let one = |(q, name): (usize, &String)| {
        let pairs = || column(answers, values, q, width);
        let ranking = rank(pairs());
        let confusion = confusion(pairs(), threshold);
        let right = confusion.right();
        let positives = ranking.positives();
        QuestionResult {
            name: name.clone(),
            positives,
            accuracy: right as f64 / samples as f64,
            accuracy_interval: wilson(right, samples),
            baseline: positives.max(samples - positives) as f64 / samples as f64,
            measures: Measures::new(&Counts::of(&confusion, 1), &ranking),
            best_threshold: ranking.best_threshold(),
            confusion,
        }
    };
    let per_question: Vec<QuestionResult> = names.iter().enumerate().map(one).collect();
    let rows = answers.chunks_exact(width).zip(values.chunks_exact(width));
    let same = |(a, v): (&f32, &f32)| yes(*a, threshold) == yes(*v, 0.5);
    let all_right = rows.filter(|(a, v)| a.iter().zip(*v).all(same)).count();
    Details::Questions {
        threshold,
        all_right_interval: wilson(all_right, samples),
        mean: Measures::mean(per_question.iter().map(|q| &q.measures)),
        per_question,
    }
}

fn classes(score: &Score, answers: &[f32], labels: &[u32], names: &[String]) -> Details {
    let ScoreKind::Answers { confusion, .. } = &score.kind else { unreachable!() };
    let width = names.len();
    let one = |(c, name): (usize, &String)| {
        let samples = confusion.samples_of(c);
        // What does not occur is not ranked: of thousands of classes each ranking takes its time.
        let ranked = if samples > 0 { answers } else { &[] };
        let said = ranked.iter().skip(c).step_by(width).copied();
        let ranking = Ranking::new(said.zip(labels.iter().map(|l| *l as usize == c)));
        let measures = Measures::new(&Counts::of(confusion, c), &ranking);
        Class { name: name.clone(), samples, measures }
    };
    let per_class: Vec<Class> = names.iter().enumerate().map(one).collect();
    Details::Classes {
        mean: Measures::mean(per_class.iter().map(|c| &c.measures)),
        per_class,
        top_k: top_k(answers, labels, width),
    }
}

/// Classes that are written.
const WRITTEN: usize = 1000;

/// Writes the classes; of very many the worst by F1, which are those that occur.
fn some<S: Serializer>(classes: &[Class], to: S) -> std::result::Result<S::Ok, S::Error> {
    if classes.len() <= WRITTEN {
        return classes.serialize(to);
    }
    to.collect_seq(worst(classes, |class| &class.measures).into_iter().take(WRITTEN))
}

/// Orders things from the worst F1 to the best; last those without: they neither occur nor are
/// answered, and nothing is wrong with them.
pub(super) fn worst<T>(all: &[T], of: fn(&T) -> &Measures) -> Vec<&T> {
    let f1 = |t: &T| of(t).f1.unwrap_or(f64::INFINITY);
    let mut order: Vec<&T> = all.iter().collect();
    order.sort_by(|a, b| f1(a).total_cmp(&f1(b)));
    order
}

/// The share of samples whose class is among the `k` likeliest, for each k below
/// the number of classes. The first of equals counts as likelier, as for
/// [`argmax`](super::argmax): k = 1 would be the accuracy.
fn top_k(answers: &[f32], labels: &[u32], width: usize) -> BTreeMap<usize, f64> {
    let mut within = TOP.map(|_| 0usize);
    for (row, label) in answers.chunks_exact(width).zip(labels) {
        let (label, p) = (*label as usize, row[*label as usize]);
        let ahead = row.iter().enumerate().filter(|(c, x)| **x > p || (**x == p && *c < label));
        let place = ahead.count();
        within.iter_mut().zip(TOP).for_each(|(n, k)| *n += usize::from(place < k));
    }
    let share = |(k, n)| (k, n as f64 / labels.len() as f64);
    TOP.into_iter().zip(within).filter(|(k, _)| *k < width).map(share).collect()
}
