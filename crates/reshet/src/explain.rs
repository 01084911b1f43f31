//! Explains which inputs a model's answers depend on.
//!
//! [`importance`] measures which inputs the answers need; it works for any data and
//! is slow for many inputs. [`saliency`] measures which inputs change an answer,
//! by the derivative; it is made for pictures. [`dependence`] measures how the answer follows
//! one input. [`shapley`] measures what each input adds to one sample's answer. A [`Trace`] explains
//! one sample.

mod dependence;
mod shapley;

pub use dependence::{Dependence, Place, Value, dependence};
pub use shapley::{MeanAbsolute, SampleValues, Sampling, Shapley, shapley};

use crate::{
    Activation, Answer, Dataset, Device, Features, Layer, Model, Result, Storage,
    error::Error,
    metrics::argmax,
    rng::{Purpose, Stream},
};

/// The most samples used; more would not change the result.
const MOST_SAMPLES: usize = 10_000;

/// How much worse a model is without an input.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Importance {
    /// The column's name, or the input's number.
    pub name: String,
    /// How far accuracy (for numbers R²) falls when the input is shuffled, on
    /// average over the repeats. Near or below 0: the input is not needed.
    pub fall: f64,
    /// The standard deviation over the repeats.
    pub sd: f64,
}

/// Computes permutation importance (Breiman 2001): shuffles each input in turn among the
/// samples, which keeps its values and breaks its link with the answer. The inputs of one
/// table column are shuffled together. Returns the most important first, and the score without
/// shuffling.
///
/// Correlated inputs share their importance: each alone seems less important than it is.
///
/// # Errors
/// As [`Model::test`]; `repeats` is 0.
pub fn importance(
    model: &Model,
    data: &Dataset,
    repeats: usize,
    seed: u64,
) -> Result<(f64, Vec<Importance>)> {
    if repeats == 0 {
        return Err(Error::invalid("importance needs at least one repeat"));
    }
    let data = sampled(data, MOST_SAMPLES);
    let mut predictor = model.predictor(Device::best())?;
    let measure = |data: &Dataset, predictor: &mut crate::Predictor| -> Result<f64> {
        let what = "R² is not defined here, as all targets are equal: nothing can be explained";
        predictor.test(data)?.measure().ok_or_else(|| Error::data(what))
    };
    let whole = measure(&data, &mut predictor)?;
    let (rows, width) = (data.len(), data.width());
    let mut values = vec![0.0; rows * width];
    for (row, into) in values.chunks_exact_mut(width).enumerate() {
        data.features().read(row, into);
    }
    let mut all = Vec::new();
    let mut start = 0;
    for (number, (name, inputs)) in groups(model, width).into_iter().enumerate() {
        let range = start..start + inputs;
        start += inputs;
        let mut falls = Vec::new();
        for repeat in 0..repeats {
            let mut order: Vec<usize> = (0..rows).collect();
            let index = (number * repeats + repeat) as u32;
            Stream::new(seed, Purpose::Permutation, index).shuffle(&mut order);
            let mut shuffled = values.clone();
            for (row, from) in order.into_iter().enumerate() {
                let from = from * width;
                shuffled[row * width..][range.clone()]
                    .copy_from_slice(&values[from + range.start..from + range.end]);
            }
            let features = Features::new(Storage::F32(shuffled), data.features().shape())?;
            falls.push(whole - measure(&data.with_features(features), &mut predictor)?);
        }
        let n = falls.len() as f64;
        let fall = falls.iter().sum::<f64>() / n;
        let sd = (falls.iter().map(|f| (f - fall).powi(2)).sum::<f64>() / n).sqrt();
        all.push(Importance { name, fall, sd });
    }
    all.sort_by(|a, b| b.fall.total_cmp(&a.fall));
    Ok((whole, all))
}

/// The inputs that belong together, with their name.
fn groups(model: &Model, width: usize) -> Vec<(String, usize)> {
    match &model.meaning().columns {
        Some(columns) => columns.inputs.iter().map(|c| (c.name.clone(), c.kind.width())).collect(),
        None => (0..width).map(|i| (format!("input {i}"), 1)).collect(),
    }
}

/// Evenly spaced samples.
fn sampled(data: &Dataset, most: usize) -> Dataset {
    if data.len() <= most {
        return data.clone();
    }
    let rows: Vec<u32> = (0..most).map(|i| (i * data.len() / most) as u32).collect();
    data.select(&rows)
}

/// Computes |∂z/∂x| · sd(x) for each input x, the mean over (at most 500 of) the samples; z
/// is the logit of the model's answer (Simonyan, Vedaldi, Zisserman 2013). The standard
/// deviation gives no weight to an input that never changes.
///
/// # Errors
/// The data does not have the model's inputs.
pub fn saliency(model: &Model, data: &Dataset) -> Result<Vec<f32>> {
    model.plan()?.check_inputs(data.features())?;
    let data = sampled(data, 500);
    let mut x = vec![0.0; data.width()];
    let n = data.len() as f64;
    let mut sums = vec![[0.0; 3]; data.width()];
    for row in 0..data.len() {
        data.features().read(row, &mut x);
        for ((sums, g), x) in sums.iter_mut().zip(input_gradient(model, &x)).zip(&x) {
            let x = f64::from(*x);
            *sums = [sums[0] + g.abs() / n, sums[1] + x / n, sums[2] + x * x / n];
        }
    }
    let moved =
        |[gradient, mean, square]: [f64; 3]| gradient * (square - mean * mean).max(0.0).sqrt();
    Ok(sums.into_iter().map(|sums| moved(sums) as f32).collect())
}

/// Computes ∂z/∂x at one sample, with z the logit of the model's answer.
pub fn input_gradient(model: &Model, x: &[f32]) -> Vec<f64> {
    Trace::through(model, x).gradient
}

/// One sample's values in each layer of a network, and the gradient of its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The values of each Linear with the activation that follows it, first to last;
    /// the last are the answer: probabilities (of yes; of each class) or numbers.
    pub layers: Vec<Vec<f32>>,
    /// The sums of each Linear, before the activation: Σ w · x + b for each neuron.
    pub sums: Vec<Vec<f32>>,
    /// The index of the answer among the model's names; 0 for numbers.
    pub answer: usize,
    /// ∂z/∂x for each input, z the logit of the largest output.
    pub gradient: Vec<f64>,
    /// x · ∂z/∂x for each input, z the logit of the given answer: above 0 the input supports
    /// the answer, below 0 it opposes it. For numbers: it raises or lowers the number.
    pub evidence: Vec<f32>,
}

impl Trace {
    /// Traces one sample, given as the network's inputs: see [`Features::read`].
    ///
    /// # Errors
    /// The number of inputs is not the network's.
    pub fn new(model: &Model, x: &[f32]) -> Result<Self> {
        let (needs, has) = (model.network().inputs(), x.len());
        if needs != has {
            return Err(Error::invalid(format!("the network takes {needs} values, not {has}")));
        }
        Ok(Self::through(model, x))
    }

    fn through(model: &Model, x: &[f32]) -> Self {
        let mut parameters = model.parameters();
        let mut take = |n: usize| {
            let (first, rest) = parameters.split_at(n);
            parameters = rest;
            first
        };
        // The output's own activation is left off: z is what it starts from.
        let layers = match model.network().layers() {
            [before @ .., Layer::Activation(Activation::Sigmoid | Activation::Softmax)] => before,
            [before @ .., Layer::Activation(Activation::Tanh)] => before,
            all => all,
        };
        let narrow = |values: &[f64]| values.iter().map(|x| *x as f32).collect::<Vec<_>>();
        let mut values: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
        let (mut seen, mut sums, mut tape) = (Vec::new(), Vec::new(), Vec::new());
        for layer in layers {
            match *layer {
                Layer::Linear(inputs, outputs) => {
                    let (w, b) = (take(inputs * outputs), take(outputs));
                    let z = |o: usize| {
                        let row = &w[o * inputs..(o + 1) * inputs];
                        let sum: f64 =
                            row.iter().zip(&values).map(|(w, x)| f64::from(*w) * x).sum();
                        sum + f64::from(b[o])
                    };
                    values = (0..outputs).map(z).collect();
                    tape.push(TapeEntry::Linear(w, inputs));
                    seen.push(narrow(&values));
                    sums.push(narrow(&values));
                }
                Layer::Activation(activation) => {
                    let before = values.clone();
                    activation.forward(&mut values);
                    tape.push(TapeEntry::Activation(activation, before, values.clone()));
                    if let Some(last) = seen.last_mut() {
                        *last = narrow(&values);
                    }
                }
                // Only while training.
                Layer::Dropout(_) => {}
            }
        }
        let logits = narrow(&values);
        let largest = argmax(&logits);
        let mut d = vec![0.0; values.len()];
        d[largest] = 1.0;
        for entry in tape.iter().rev() {
            match entry {
                TapeEntry::Linear(w, inputs) => {
                    let mut dx = vec![0.0; *inputs];
                    for (d, row) in d.iter().zip(w.chunks_exact(*inputs)) {
                        dx.iter_mut().zip(row).for_each(|(dx, w)| *dx += d * f64::from(*w));
                    }
                    d = dx;
                }
                TapeEntry::Activation(activation, x, y) => activation.backward(x, y, &mut d),
            }
        }
        let answers = model.answers(logits);
        let (answer, sign) = match model.meaning().answer(&answers) {
            Answer::YesNo { yes, .. } => (usize::from(yes), if yes { 1.0 } else { -1.0 }),
            Answer::Numbers(_) => (0, 1.0),
            Answer::Class { .. } | Answer::Several { .. } => (largest, 1.0),
        };
        let evidence = x.iter().zip(&d).map(|(x, d)| (sign * f64::from(*x) * d) as f32).collect();
        if let Some(last) = seen.last_mut() {
            *last = answers;
        }
        Self { layers: seen, sums, answer, gradient: d, evidence }
    }
}

/// What the backward pass needs of a layer.
enum TapeEntry<'a> {
    Linear(&'a [f32], usize),
    Activation(Activation, Vec<f64>, Vec<f64>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Loss, Targets, Trainer};

    /// Against central differences of the logit.
    #[test]
    fn the_gradient_is_the_difference_quotient() {
        for net in
            ["3-5:tanh-4:gelu-2", "3-4:silu-1:sigmoid", "3-6:elu-3:softmax", "3-2:tanh-1:tanh"]
        {
            let (loss, bare) = match net {
                _ if net.ends_with("softmax") => (Loss::cross_entropy(), "3-6:elu-3"),
                _ if net.ends_with("sigmoid") => (Loss::BCELoss, "3-4:silu-1"),
                _ if net.ends_with("1:tanh") => (Loss::BCELoss, "3-2:tanh-1"),
                _ => (Loss::MSELoss, net),
            };
            let network: crate::Sequential = net.parse().unwrap();
            let plan = crate::Plan::new(&network, loss.clone()).unwrap();
            let parameters = plan.init(crate::Init::Default, 1);
            let meaning = crate::Meaning::new(crate::Task::Number, vec![], &[3]);
            let model = Model::new(network, loss, parameters.clone(), meaning.clone()).unwrap();
            let bare =
                Model::new(bare.parse().unwrap(), Loss::MSELoss, parameters, meaning).unwrap();
            let logits = |x: &[f32]| {
                let features = Features::new(Storage::F32(x.to_vec()), &[3]).unwrap();
                let data = Dataset::unlabelled(features).unwrap();
                bare.predict_on(&data, Device::Reference).unwrap()
            };
            let x = [0.3, -0.7, 1.1];
            let best = argmax(&logits(&x));
            let trace = Trace::new(&model, &x).unwrap();
            let features = Features::new(Storage::F32(x.to_vec()), &[3]).unwrap();
            let data = Dataset::unlabelled(features).unwrap();
            let answers = model.predict_on(&data, Device::Reference).unwrap();
            let last = trace.layers.last().unwrap();
            assert_eq!(last.len(), answers.len());
            assert!(last.iter().zip(&answers).all(|(a, b)| (a - b).abs() < 1e-6), "{net}");
            assert_eq!(trace.sums.last(), Some(&logits(&x)), "{net}");
            assert!(trace.sums.iter().zip(&trace.layers).all(|(z, y)| z.len() == y.len()));
            for (j, gradient) in input_gradient(&model, &x).into_iter().enumerate() {
                let at = |h: f32| {
                    let mut x = x;
                    x[j] += h;
                    f64::from(logits(&x)[best])
                };
                let quotient = (at(0.01) - at(-0.01)) / 0.02;
                assert!((gradient - quotient).abs() < 1e-3, "{net} {j}: {gradient} {quotient}");
            }
        }
    }

    #[test]
    fn what_decides_is_important_and_the_rest_is_not() {
        let n = 400;
        let values: Vec<f32> = (0..n * 3)
            .map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 16) as f32 / 32768.0 - 1.0)
            .collect();
        let target = values.chunks_exact(3).map(|x| 3.0 * x[1] + 0.3 * x[2]).collect();
        let features = Features::new(Storage::F32(values), &[3]).unwrap();
        let data = Dataset::new(features, Targets::numbers(target, 1)).unwrap();
        let network = "3-1".parse().unwrap();
        let fit = Trainer::new(network).epochs(200).optimizer(crate::Adam::new(0.02)).fit(&data);
        let model = fit.unwrap().model;
        let (whole, all) = importance(&model, &data, 3, 0).unwrap();
        assert!(whole > 0.99, "{whole}");
        let names: Vec<&str> = all.iter().map(|i| &*i.name).collect();
        assert_eq!(names, ["input 1", "input 2", "input 0"]);
        assert!(all[0].fall > 1.0 && all[2].fall.abs() < 0.01, "{all:?}");
        assert_eq!(importance(&model, &data, 3, 0).unwrap().1, all);
        assert!(importance(&model, &data, 0, 0).is_err());
        let saliency = saliency(&model, &data).unwrap();
        // Of numbers spread evenly from −1 to 1 the standard deviation is 1/√3.
        assert!((saliency[1] - 3.0f32.sqrt()).abs() < 0.05 && saliency[0] < 0.05, "{saliency:?}");
    }
}
