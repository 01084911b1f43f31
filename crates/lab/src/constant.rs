//! The loss of answers that are the same for every sample: what a network has to get below.

use reshet::{
    Dataset, Device, Features, Layer, Loss, Meaning, Model, Result, Sequential, Storage, Targets,
};

/// Shares are kept this far from 0 and 1: their logarithms are finite.
const LEAST: f64 = 1e-7;

/// The losses of two constant answers, in the units of the training's own loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Losses {
    /// Of what knows nothing: each class as likely (ln K), yes as likely as no (ln 2), the
    /// training part's mean (about the variance).
    pub even: f64,
    /// Of the best constant answer: the shares of the classes, the mean.
    pub best: f64,
}

/// The losses on this data of a network with this end.
///
/// # Errors
/// The network does not fit the data.
pub fn losses(
    data: &Dataset,
    network: &Sequential,
    loss: &Loss,
    meaning: &Meaning,
) -> Result<Losses> {
    let outputs = network.outputs();
    // The same end on an input that is always 0: what its bias says is the answer.
    let mut layers = vec![Layer::Linear(1, outputs)];
    if let Some(end @ Layer::Activation(_)) = network.layers().last() {
        layers.push(*end);
    }
    let end = Sequential::new(layers)?;
    let blank = Features::new(Storage::U8(vec![0; data.len()]), &[1])?;
    let blank = Dataset::new(blank, data.targets().clone())?;
    let meaning = Meaning { shape: vec![1], bytes: true, columns: None, ..meaning.clone() };
    let of = |bias: Vec<f32>| -> Result<f64> {
        let parameters = [vec![0.0; outputs], bias].concat();
        let model = Model::new(end.clone(), loss.clone(), parameters, meaning.clone())?;
        Ok(model.test_on(&blank, Device::cpu().threads(1))?.loss)
    };
    let even = of(vec![0.0; outputs])?;
    // An end of another kind says some numbers as itself, others not: the best of the two.
    let best = of(constant(data.targets(), outputs, &meaning))?.min(even);
    Ok(Losses { even, best })
}

/// What the last layer has to say for the best constant answer.
fn constant(targets: &Targets, outputs: usize, meaning: &Meaning) -> Vec<f32> {
    match targets {
        Targets::Classes { labels, .. } => {
            let mut counts = vec![0_usize; outputs];
            labels.iter().for_each(|label| counts[*label as usize] += 1);
            let share = |count: &usize| *count as f64 / labels.len().max(1) as f64;
            counts.iter().map(|count| share(count).max(LEAST).ln() as f32).collect()
        }
        Targets::YesNo { values, width, .. } => {
            let logit = |q: usize| {
                let yes = mean(values, *width, q).clamp(LEAST, 1.0 - LEAST);
                (yes / (1.0 - yes)).ln() as f32
            };
            (0..*width).map(logit).collect()
        }
        Targets::Numbers { values, width } => {
            let output = |q: usize| {
                let mean = mean(values, *width, q) as f32;
                meaning.units.get(q).map_or(mean, |unit| unit.output(mean))
            };
            (0..*width).map(output).collect()
        }
    }
}

/// The mean of a column, of what is there of it.
fn mean(values: &[f32], width: usize, column: usize) -> f64 {
    let known = || values[column..].iter().step_by(width).filter(|y| !y.is_nan());
    known().map(|y| f64::from(*y)).sum::<f64>() / known().count().max(1) as f64
}

#[cfg(test)]
mod tests {
    use reshet::data::table::Unit;

    use super::*;

    fn data(targets: Targets, n: usize) -> Dataset {
        Dataset::new(Features::new(Storage::F32(vec![0.5; n]), &[1]).unwrap(), targets).unwrap()
    }

    fn of(data: &Dataset, net: &str, loss: Loss, units: Vec<Unit>) -> Losses {
        let meaning = Meaning { units, ..Meaning::of(data, &loss) };
        losses(data, &net.parse().unwrap(), &loss, &meaning).unwrap()
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-5
    }

    #[test]
    fn of_classes_ln_k_and_the_entropy() {
        let names = ["a", "b", "c"].map(String::from).to_vec();
        let data = data(Targets::classes(vec![0, 0, 1, 2], names), 4);
        let told = of(&data, "1-5:relu-3", Loss::cross_entropy(), vec![]);
        let entropy = -(0.5 * 0.5_f64.ln() + 0.5 * 0.25_f64.ln());
        assert!(near(told.even, 3.0_f64.ln()) && near(told.best, entropy), "{told:?}");
    }

    #[test]
    fn of_yes_or_no_ln_2_also_where_one_never_comes() {
        let yes_no = |values| data(Targets::yes_no(values, vec!["7".into()]), 4);
        let told = of(&yes_no(vec![1.0, 0.0, 0.0, 0.0]), "1-1:sigmoid", Loss::BCELoss, vec![]);
        let entropy = -(0.25 * 0.25_f64.ln() + 0.75 * 0.75_f64.ln());
        assert!(near(told.even, 2.0_f64.ln()) && near(told.best, entropy), "{told:?}");
        let none = of(&yes_no(vec![0.0; 4]), "1-2:relu-1", Loss::BCEWithLogitsLoss, vec![]);
        assert!(near(none.even, 2.0_f64.ln()) && near(none.best, 0.0), "{none:?}");
    }

    #[test]
    fn of_numbers_the_variance_in_the_trainings_units() {
        let data = data(Targets::numbers(vec![1.0, 3.0, 5.0, 7.0], 1), 4);
        let units = vec![Unit { centre: 3.0, scale: 2.0 }];
        let told = of(&data, "1-4:relu-1", Loss::MSELoss, units);
        assert!(near(told.best, 5.0 / 4.0) && near(told.even, 6.0 / 4.0), "{told:?}");
    }
}
