//! Shapley values: what each column adds to one sample's answer, from sampled permutations.

use serde::Serialize;

use super::{groups, sampled};
use crate::{
    Dataset, Device, Model, Predictor, Result, Task,
    error::Error,
    rng::{Purpose, Stream},
};

/// Numbers that are predicted at once, at most (16 MB).
const AT_ONCE: usize = 1 << 22;

/// How [`shapley`] samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// The most background samples, evenly chosen.
    pub background: usize,
    /// The most rounds. A round is a permutation and its reverse for each background sample.
    pub rounds: usize,
    /// Rounds end where no column's standard error is above this fraction of the largest value.
    pub tolerance: f64,
    /// The permutations' seed.
    pub seed: u64,
}

impl Default for Sampling {
    /// 100 background samples, 2 to 32 rounds, a tolerance of 0.01, seed 0.
    fn default() -> Self {
        Self { background: 100, rounds: 32, tolerance: 0.01, seed: 0 }
    }
}

/// Shapley values of some samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shapley {
    /// The columns' names, or the inputs' numbers.
    pub columns: Vec<String>,
    /// The mean answer to the background samples, one per output.
    pub base_values: Vec<f64>,
    /// The number of background samples.
    pub background: usize,
    /// What was found of each sample.
    pub samples: Vec<SampleValues>,
}

/// Shapley values of one sample.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SampleValues {
    /// The answer, one per output: probabilities (of yes; of each class) or numbers.
    pub answer: Vec<f64>,
    /// `values[column][output]`. Over the columns they sum to the answer less the base value.
    pub values: Vec<Vec<f64>>,
    /// The standard error of each value.
    pub errors: Vec<Vec<f64>>,
    /// The number of permutations that were sampled.
    pub permutations: usize,
}

/// The size of a column's Shapley values, over samples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeanAbsolute {
    /// The column's name, or the input's number.
    pub name: String,
    /// The mean |value|, one per output.
    pub mean: Vec<f64>,
    /// Its standard error over the samples; 0 for a single sample.
    pub error: Vec<f64>,
}

impl Shapley {
    /// Computes each column's mean |value| over the samples, the largest sum over the outputs first.
    pub fn mean_absolute(&self) -> Vec<MeanAbsolute> {
        let n = self.samples.len() as f64;
        let of = |column: usize, output: usize| {
            let all = || self.samples.iter().map(move |s| s.values[column][output].abs());
            let mean = all().sum::<f64>() / n;
            let squares: f64 = all().map(|x| (x - mean).powi(2)).sum();
            (mean, (squares / (n - 1.0).max(1.0) / n).sqrt())
        };
        let outputs = self.base_values.len();
        let named = |(column, name): (usize, &String)| {
            let (mean, error) = (0..outputs).map(|output| of(column, output)).unzip();
            MeanAbsolute { name: name.clone(), mean, error }
        };
        let mut all: Vec<MeanAbsolute> = self.columns.iter().enumerate().map(named).collect();
        let size = |column: &MeanAbsolute| column.mean.iter().sum::<f64>();
        all.sort_by(|a, b| size(b).total_cmp(&size(a)));
        all
    }
}

/// Computes Shapley values (Shapley 1953; Štrumbelj and Kononenko 2014; Lundberg and Lee 2017):
/// what each column adds to a sample's answer. The sample's columns replace those of a background
/// sample one by one, in a random order; a column's value is how far the answer moves when it is
/// replaced, on average over all orders and background samples. The inputs of one table column are
/// replaced together.
///
/// Orders are sampled, each with its reverse (Mitchell et al. 2022). All background samples are used equally
/// often, so the values of each sample sum to its answer less the background's mean answer, up to
/// rounding. The standard errors are those of the sampled orders, for these background samples.
/// A sample's values do not depend on which others are explained with it.
///
/// Columns that depend on each other make samples that cannot be: their values are less certain
/// than their errors say.
///
/// ```
/// use reshet::{Features, Meaning, Storage, Task, explain::{Sampling, shapley}, prelude::*};
/// // y = 2a + b
/// let meaning = Meaning::new(Task::Number, vec![], &[2]);
/// let model = Model::new("2-1".parse()?, MSELoss, vec![2.0, 1.0, 0.0], meaning)?;
/// let features = Features::new(Storage::F32(vec![0.0, 5.0, 4.0, 7.0]), &[2])?;
/// let data = Dataset::unlabelled(features)?;
/// let found = shapley(&model, &data.select(&[1]), &data, &Sampling::default())?;
/// // The means are 2 and 6: 2 · (4 − 2) and 7 − 6.
/// assert_eq!(found.samples[0].values, [[4.0], [1.0]]);
/// # Ok::<(), reshet::Error>(())
/// ```
///
/// # Errors
/// Samples or background do not have the model's inputs; there are none; fewer than two rounds, a
/// tolerance that is not a number of at least 0, or no background.
pub fn shapley(
    model: &Model,
    samples: &Dataset,
    background: &Dataset,
    sampling: &Sampling,
) -> Result<Shapley> {
    let plan = model.plan()?;
    plan.check_inputs(samples.features())?;
    plan.check_inputs(background.features())?;
    let Sampling { background: most, rounds, tolerance, .. } = *sampling;
    if rounds < 2 || most == 0 {
        let what = "Shapley values need a background sample and two rounds at least";
        return Err(Error::invalid(what));
    }
    if tolerance.is_nan() || tolerance < 0.0 {
        let what = format!("tolerance: a number of at least 0, not {tolerance}");
        return Err(Error::invalid(what));
    }
    if samples.is_empty() || background.is_empty() {
        return Err(Error::data("Shapley values: there are no samples"));
    }
    let background = rows(&sampled(background, most));
    let samples = rows(samples);
    let width = model.network().inputs();
    let (columns, widths): (Vec<_>, Vec<_>) = groups(model, width).into_iter().unzip();
    let mut queue = Queue {
        predictor: model.predictor(Device::best())?,
        width,
        inputs: Vec::new(),
        answers: Vec::new(),
    };
    queue.inputs.extend(background.iter().flatten());
    let answers = queue.finish()?;
    let outputs = model.network().outputs();
    let base: Vec<Vec<f64>> = answers.chunks_exact(outputs).map(<[f64]>::to_vec).collect();
    let mean = |output: usize| base.iter().map(|y| y[output]).sum::<f64>() / base.len() as f64;
    let mut work = Work {
        task: model.task(),
        starts: starts(&widths),
        base_values: (0..outputs).map(mean).collect(),
        background: &background,
        base: &base,
        sampling,
        queue,
    };
    let samples = samples.iter().map(|x| work.explain(x)).collect::<Result<_>>()?;
    let (base_values, background) = (work.base_values, base.len());
    Ok(Shapley { columns, base_values, background, samples })
}

/// All samples' inputs.
fn rows(data: &Dataset) -> Vec<Vec<f32>> {
    let row = |row: usize| {
        let mut into = vec![0.0; data.width()];
        data.features().read(row, &mut into);
        into
    };
    (0..data.len()).map(row).collect()
}

/// Where each column's inputs begin; and where the last one's end.
fn starts(widths: &[usize]) -> Vec<usize> {
    let ends = widths.iter().scan(0, |end, width| {
        *end += width;
        Some(*end)
    });
    [0].into_iter().chain(ends).collect()
}

/// Inputs that wait for their answers.
struct Queue {
    predictor: Predictor,
    width: usize,
    inputs: Vec<f32>,
    answers: Vec<f64>,
}

impl Queue {
    fn push(&mut self, row: &[f32]) -> Result<()> {
        self.inputs.extend_from_slice(row);
        if self.inputs.len() >= AT_ONCE.max(self.width) { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.inputs.is_empty() {
            return Ok(());
        }
        let mut some = Vec::new();
        self.predictor.predict_double(&self.inputs, &mut some)?;
        self.answers.append(&mut some);
        self.inputs.clear();
        Ok(())
    }

    /// All answers since the last call.
    fn finish(&mut self) -> Result<Vec<f64>> {
        self.flush()?;
        Ok(std::mem::take(&mut self.answers))
    }
}

/// What all samples share.
struct Work<'a> {
    task: Task,
    starts: Vec<usize>,
    base_values: Vec<f64>,
    background: &'a [Vec<f32>],
    /// The answers to the background.
    base: &'a [Vec<f64>],
    sampling: &'a Sampling,
    queue: Queue,
}

impl Work<'_> {
    fn explain(&mut self, x: &[f32]) -> Result<SampleValues> {
        self.queue.push(x)?;
        let answer = self.queue.finish()?;
        let (columns, outputs) = (self.starts.len() - 1, answer.len());
        let n = self.background.len();
        let mut moments = vec![Moments::default(); n * columns * outputs];
        let mut round = 0;
        let (values, errors) = loop {
            self.round(round, x, &answer, &mut moments)?;
            round += 1;
            if round < 2 {
                continue;
            }
            let (values, errors) = estimate(&moments, columns, outputs, n, round);
            if round == self.sampling.rounds || self.is_enough(&values, &errors) {
                break (values, errors);
            }
        };
        Ok(SampleValues { answer, values, errors, permutations: 2 * round * n })
    }

    /// Adds one permutation and its reverse for each background sample.
    fn round(
        &mut self,
        round: usize,
        x: &[f32],
        answer: &[f64],
        moments: &mut [Moments],
    ) -> Result<()> {
        let (columns, outputs, n) = (self.starts.len() - 1, answer.len(), self.background.len());
        let mut orders = Vec::new();
        let mut row = Vec::new();
        for (b, from) in self.background.iter().enumerate() {
            let mut order: Vec<usize> = (0..columns).collect();
            let index = (round * n + b) as u32;
            Stream::new(self.sampling.seed, Purpose::Permutation, index).shuffle(&mut order);
            // A column that is the same in both moves nothing, wherever it stands.
            order.retain(|c| {
                let range = self.starts[*c]..self.starts[*c + 1];
                x[range.clone()] != from[range]
            });
            for reversed in [false, true] {
                if reversed {
                    order.reverse();
                }
                row.clone_from(from);
                // Both ends are known.
                for column in order.iter().take(order.len().saturating_sub(1)) {
                    let range = self.starts[*column]..self.starts[*column + 1];
                    row[range.clone()].copy_from_slice(&x[range]);
                    self.queue.push(&row)?;
                }
            }
            orders.push(order);
        }
        let answers = self.queue.finish()?;
        let mut between = answers.chunks_exact(outputs);
        let mut added = vec![0.0; columns * outputs];
        for (b, mut order) in orders.into_iter().enumerate() {
            added.fill(0.0);
            for _ in 0..2 {
                // As they were asked for: each was left reversed.
                order.reverse();
                let mut before = &self.base[b][..];
                for (place, column) in order.iter().enumerate() {
                    let last = place + 1 == order.len();
                    let Some(after) = (if last { Some(answer) } else { between.next() }) else {
                        return Err(Error::invalid("an answer is missing"));
                    };
                    for (k, (after, before)) in after.iter().zip(before).enumerate() {
                        added[column * outputs + k] += (after - before) / 2.0;
                    }
                    before = after;
                }
            }
            let of_background = &mut moments[b * columns * outputs..][..columns * outputs];
            for (moments, x) in of_background.iter_mut().zip(&added) {
                moments.add(*x, round + 1);
            }
        }
        Ok(())
    }

    /// Whether the errors are within the tolerance: of numbers, which have units of their own, by
    /// output; of probabilities against the largest of all.
    fn is_enough(&self, values: &[Vec<f64>], errors: &[Vec<f64>]) -> bool {
        let most = |of: &[Vec<f64>], output: usize| {
            of.iter().map(|column| column[output].abs()).fold(0.0, f64::max)
        };
        let outputs = self.base_values.len();
        let all = (0..outputs).map(|k| most(values, k)).fold(0.0, f64::max);
        (0..outputs).all(|k| {
            let size = if self.task == Task::Number { most(values, k) } else { all };
            most(errors, k) <= self.sampling.tolerance * size
        })
    }
}

/// A running mean, and the sum of squared distances from it (Welford 1962).
#[derive(Clone, Copy, Default)]
struct Moments {
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Adds the n-th number.
    fn add(&mut self, x: f64, n: usize) {
        let far = x - self.mean;
        self.mean += far / n as f64;
        self.squares += far * (x - self.mean);
    }
}

/// A number for each column and output.
type ByColumn = Vec<Vec<f64>>;

/// The mean over the background of each one's mean; and its error, in which what differs between
/// background samples has no part, as all are used equally often.
fn estimate(
    moments: &[Moments],
    columns: usize,
    outputs: usize,
    n: usize,
    rounds: usize,
) -> (ByColumn, ByColumn) {
    let cell = |column: usize, output: usize| {
        let all = || moments.iter().skip(column * outputs + output).step_by(columns * outputs);
        let mean = all().map(|m| m.mean).sum::<f64>() / n as f64;
        let rounds = rounds as f64;
        let variance = all().map(|m| m.squares).sum::<f64>() / (rounds - 1.0) / rounds;
        (mean, variance.max(0.0).sqrt() / n as f64)
    };
    let of = |column: usize| (0..outputs).map(|output| cell(column, output)).unzip();
    (0..columns).map(of).unzip()
}

#[cfg(test)]
mod tests;
