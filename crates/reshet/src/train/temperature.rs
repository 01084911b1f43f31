//! Temperature scaling: divides what goes into the last sigmoid or softmax by one number, so that
//! stated probabilities are nearer to the shares that are found.
//!
//! Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

use crate::{
    Activation, Error, Loss, Result, Sequential, Targets, metrics::clamped, network::Layer,
};

/// The temperatures that are looked at.
const RANGE: [f64; 2] = [0.1, 10.0];
/// Halvings of that range: what is left is narrower than a float's rounding.
const HALVINGS: usize = 32;

/// Checks that a network trained with this loss gives probabilities that a temperature can change.
///
/// # Errors
/// The temperature is not above 0; the answers are numbers; the outputs do not come from a linear
/// layer and a sigmoid or softmax.
pub(super) fn check(temperature: f64, network: &Sequential, loss: &Loss) -> Result<()> {
    let wrong = |why: &str| {
        let value = temperature.to_string();
        Err(Error::Setting { name: "temperature", value, why: why.into() })
    };
    if !(temperature > 0.0 && temperature.is_finite()) {
        return wrong("it must be above 0");
    }
    if !(loss.is_binary() || matches!(loss, Loss::CrossEntropyLoss { .. })) {
        return wrong("it changes probabilities, and these answers are numbers");
    }
    use Activation::{Identity, Sigmoid, Softmax, Tanh};
    let fits = matches!(network.output_activation(), Identity | Sigmoid | Softmax | Tanh);
    if !fits || last_linear(network).is_none() {
        return wrong("the network must end with a linear layer, and a sigmoid or softmax at most");
    }
    Ok(())
}

/// The parameters of the last linear layer: how many they are, at the end of all.
fn last_linear(network: &Sequential) -> Option<usize> {
    network.layers().iter().rev().find_map(|layer| match layer {
        Layer::Linear(inputs, outputs) => Some(inputs * outputs + outputs),
        _ => None,
    })
}

/// Divides the last linear layer's weights and biases, and with them what it gives.
pub(crate) fn divide(network: &Sequential, parameters: &mut [f32], temperature: f64) {
    let start = parameters.len() - last_linear(network).unwrap_or(0);
    for parameter in &mut parameters[start..] {
        *parameter = (f64::from(*parameter) / temperature) as f32;
    }
}

/// Finds the temperature at which these answers, probabilities of n samples that were not trained
/// on, have the lowest log loss, for labels of which a share of 1 / (n + 2) is any of the answers.
/// So answers that are all right do not become certain: n of them do not tell an error in n from
/// none.
///
/// Platt, "Probabilistic Outputs for Support Vector Machines and Comparisons to Regularized
/// Likelihood Methods", 1999.
pub(crate) fn best(answers: &[f32], targets: &Targets) -> f64 {
    // The loss is convex in 1 / temperature: the slope is 0 where it is lowest.
    let [mut high, mut low] = RANGE.map(|temperature| 1.0 / temperature);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        let (mut n, mut slope, mut margin) = (0.0, 0.0, 0.0);
        each(answers, targets, middle, |at| {
            (n, slope, margin) = (n + 1.0, slope + at.slope, margin + at.margin);
        });
        match slope + margin / (n + 2.0) > 0.0 {
            true => high = middle,
            false => low = middle,
        }
    }
    2.0 / (low + high)
}

/// The log losses of these answers at a temperature.
pub(crate) fn losses(answers: &[f32], targets: &Targets, temperature: f64) -> Vec<f64> {
    let mut losses = Vec::new();
    each(answers, targets, 1.0 / temperature, |at| losses.push(at.loss));
    losses
}

/// An answer's log loss, its derivative by the factor of the logits, and how far the logit of the
/// label is above the mean of all.
struct At {
    loss: f64,
    slope: f64,
    margin: f64,
}

/// Goes through the answers whose targets are there, their logits times `factor`.
fn each(answers: &[f32], targets: &Targets, factor: f64, mut f: impl FnMut(At)) {
    match targets {
        Targets::Classes { labels, names, probabilities } => {
            let mut logits = vec![0.0; names.len()];
            for (i, row) in answers.chunks_exact(names.len()).enumerate() {
                // Up to a constant, which changes nothing.
                logits.iter_mut().zip(row).for_each(|(z, p)| *z = clamped(*p).ln());
                let wanted = match probabilities {
                    Some(all) => {
                        let wanted = &all[i * names.len()..][..names.len()];
                        logits.iter().zip(wanted).map(|(z, t)| z * f64::from(*t)).sum()
                    }
                    None => logits[labels[i] as usize],
                };
                f(at(&logits, wanted, factor));
            }
        }
        Targets::YesNo { values, .. } | Targets::Numbers { values, .. } => {
            for (p, y) in answers.iter().zip(values.iter()).filter(|(_, y)| !y.is_nan()) {
                let p = clamped(*p);
                let logits = [0.0, (p / (1.0 - p)).ln()];
                f(at(&logits, logits[usize::from(*y > 0.5)], factor));
            }
        }
    }
}

/// `wanted`: the logit of the label, or the mean of all by the label's probabilities.
fn at(logits: &[f64], wanted: f64, factor: f64) -> At {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weight = |z: &f64| (factor * (z - top)).exp();
    let all: f64 = logits.iter().map(weight).sum();
    let mean = logits.iter().map(|z| z * weight(z)).sum::<f64>() / all;
    let margin = wanted - logits.iter().sum::<f64>() / logits.len() as f64;
    At { loss: all.ln() - factor * (wanted - top), slope: mean - wanted, margin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Model,
        prelude::*,
        rng::{Purpose, Stream},
    };

    fn sigmoid(z: f64) -> f64 {
        1.0 / (1.0 + (-z).exp())
    }

    /// Answers whose logits are `factor` times those of the truth.
    fn too_sure(factor: f64) -> (Vec<f32>, Targets) {
        let stream = Stream::new(5, Purpose::Data, 0);
        let draw = |i: u64| f64::from(stream.uniform(i));
        let logit = |i: u64| 8.0 * (draw(2 * i) - 0.5);
        let answers = (0..20_000).map(|i| sigmoid(factor * logit(i)) as f32).collect();
        let yes = |i: u64| f32::from(u8::from(draw(2 * i + 1) < sigmoid(logit(i))));
        (answers, Targets::yes_no((0..20_000).map(yes).collect(), vec!["yes".into()]))
    }

    #[test]
    fn the_factor_of_logits_is_found() {
        for factor in [0.5, 1.0, 2.0] {
            let (answers, targets) = too_sure(factor);
            let found = best(&answers, &targets);
            assert!((found / factor - 1.0).abs() < 0.05, "{factor}: {found}");
            // As two classes they have the same logits.
            let two = answers.iter().flat_map(|p| [1.0 - p, *p]).collect::<Vec<f32>>();
            let Targets::YesNo { values, .. } = &targets else { unreachable!() };
            let labels = values.iter().map(|y| *y as u32).collect();
            let classes = Targets::classes(labels, vec!["no".into(), "yes".into()]);
            assert!((best(&two, &classes) / found - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn certain_answers_stay_in_the_range() {
        let targets = Targets::yes_no(vec![1.0, 0.0], vec!["yes".into()]);
        assert!((best(&[0.0, 1.0], &targets) - RANGE[1]).abs() < 1e-6);
        let many = Targets::yes_no(vec![1.0; 10_000], vec!["yes".into()]);
        assert!((best(&[0.6; 10_000], &many) - RANGE[0]).abs() < 1e-6);
    }

    #[test]
    fn answers_that_are_all_right_do_not_become_certain() {
        for n in [8, 98, 998] {
            let targets = Targets::yes_no(vec![1.0; n], vec!["yes".into()]);
            let p = sigmoid(9_f64.ln() / best(&vec![0.9; n], &targets));
            assert!((p - (1.0 - 0.5 / (n as f64 + 2.0))).abs() < 1e-6, "{n}: {p}");
            let targets = Targets::classes(vec![2; n], vec!["a".into(); 3]);
            let row = [0.05, 0.05, 0.9].repeat(n);
            let z = 18_f64.ln() / best(&row, &targets);
            let p = z.exp() / (2.0 + z.exp());
            assert!((p - (1.0 - 2.0 / 3.0 / (n as f64 + 2.0))).abs() < 1e-6, "{n}: {p}");
        }
    }

    #[test]
    fn a_model_is_as_sure_as_its_logits_divided() {
        let x = Features::new(Storage::F32((0..60).map(|i| i as f32 / 60.0).collect()), &[1]);
        let labels = (0..60).map(|i| i / 20).collect();
        let data = Dataset::new(x.unwrap(), Targets::classes(labels, vec!["a".into(); 3])).unwrap();
        let fit = |temperature: Option<f64>| -> Result<Model> {
            let trainer = Trainer::new("1-8:relu-3".parse()?).epochs(20);
            let trainer = match temperature {
                Some(temperature) => trainer.temperature(temperature),
                None => trainer,
            };
            Ok(trainer.fit(&data)?.model)
        };
        let (plain, warm) = (fit(None).unwrap(), fit(Some(2.0)).unwrap());
        let answers = |model: &Model| model.predict(data.features()).unwrap();
        for (p, q) in answers(&plain).chunks(3).zip(answers(&warm).chunks(3)) {
            let roots: f32 = p.iter().map(|p| p.sqrt()).sum();
            p.iter().zip(q).for_each(|(p, q)| assert!((p.sqrt() / roots - q).abs() < 1e-6));
        }
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = fit(Some(wrong)).unwrap_err().to_string();
            assert!(error.contains("temperature") && error.contains("above 0"), "{error}");
        }
    }

    #[test]
    fn numbers_have_none() {
        let x = Features::new(Storage::F32(vec![0.0, 1.0]), &[1]).unwrap();
        let data = Dataset::new(x, Targets::numbers(vec![0.0, 1.0], 1)).unwrap();
        let trainer = Trainer::new("1-1".parse().unwrap()).temperature(2.0);
        let error = trainer.fit(&data).unwrap_err().to_string();
        assert!(error.contains("these answers are numbers"), "{error}");
    }
}
