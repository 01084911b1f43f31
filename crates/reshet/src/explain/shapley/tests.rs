use super::*;
use crate::{Features, Init, Loss, Meaning, Plan, Storage};

fn data(width: usize, values: Vec<f32>) -> Dataset {
    Dataset::unlabelled(Features::new(Storage::F32(values), &[width]).unwrap()).unwrap()
}

fn noise(n: usize) -> Vec<f32> {
    let stream = Stream::new(7, Purpose::Data, 0);
    (0..n as u64).map(|i| stream.normal(i)).collect()
}

fn model(net: &str, parameters: Vec<f32>) -> Model {
    let network: crate::Sequential = net.parse().unwrap();
    let meaning = Meaning::new(Task::Number, vec![], &[network.inputs()]);
    Model::new(network, Loss::MSELoss, parameters, meaning).unwrap()
}

/// Five inputs that act together, two outputs.
fn curved() -> Model {
    let plan = Plan::new(&"5-16:tanh-2".parse().unwrap(), Loss::MSELoss).unwrap();
    let mut parameters = plan.init(Init::Default, 3);
    parameters.iter_mut().for_each(|w| *w *= 3.0);
    model("5-16:tanh-2", parameters)
}

/// By the definition: over all sets of the other columns.
fn exact(model: &Model, x: &[f32], background: &Dataset) -> Vec<Vec<f64>> {
    let (n, outputs) = (x.len(), model.network().outputs());
    let mut values = vec![vec![0.0; outputs]; n];
    let factorial = |n: usize| (1..=n).map(|i| i as f64).product::<f64>();
    for from in rows(background) {
        let answer = |set: usize| {
            let input = |i: usize| if set >> i & 1 == 1 { x[i] } else { from[i] };
            model.predict(&(0..n).map(input).collect::<Vec<f32>>()).unwrap()
        };
        let answers: Vec<Vec<f32>> = (0..1 << n).map(answer).collect();
        for set in 0..1usize << n {
            let size = set.count_ones() as usize;
            for i in (0..n).filter(|i| set >> i & 1 == 0) {
                let share = factorial(size) * factorial(n - size - 1) / factorial(n);
                for k in 0..outputs {
                    let moved = answers[set | 1 << i][k] - answers[set][k];
                    values[i][k] += share * f64::from(moved) / background.len() as f64;
                }
            }
        }
    }
    values
}

#[test]
fn of_a_line_they_are_weights_times_the_distance_from_the_mean() {
    let weights = [2.0, -1.0, 0.5, 0.0];
    let model = model("4-1", [&weights[..], &[3.0]].concat());
    let background = data(4, noise(4 * 30));
    let samples = data(4, vec![1.0, 2.0, -3.0, 9.0, 0.0, 0.0, 0.0, 0.0]);
    let found = shapley(&model, &samples, &background, &Sampling::default()).unwrap();
    assert_eq!((found.background, found.samples[0].permutations), (30, 120));
    let mean = |i: usize| rows(&background).iter().map(|row| f64::from(row[i])).sum::<f64>() / 30.0;
    for (sample, x) in found.samples.iter().zip(rows(&samples)) {
        for (i, (value, error)) in sample.values.iter().zip(&sample.errors).enumerate() {
            let expected = f64::from(weights[i]) * (f64::from(x[i]) - mean(i));
            assert!((value[0] - expected).abs() < 1e-5, "{i}: {value:?} {expected}");
            assert!(error[0] < 1e-6, "{error:?}");
        }
        let sum: f64 = sample.values.iter().map(|value| value[0]).sum();
        assert!((sum - (sample.answer[0] - found.base_values[0])).abs() < 1e-9);
    }
    let first = &found.mean_absolute()[0];
    assert_eq!(first.name, "input 0");
    let sizes = found.samples.iter().map(|sample| sample.values[0][0].abs());
    assert!((first.mean[0] - sizes.sum::<f64>() / 2.0).abs() < 1e-12);
}

/// relu(a + b − 1) is 1 where both are, else 0.
#[test]
fn what_two_do_together_they_share() {
    let model = model("3-1:relu-1", vec![1.0, 1.0, 0.0, -1.0, 1.0, 0.0]);
    let (both, none) = (data(3, vec![1.0, 1.0, 5.0]), data(3, vec![0.0; 3]));
    let found = shapley(&model, &both, &none, &Sampling::default()).unwrap();
    assert_eq!(found.samples[0].values, [[0.5], [0.5], [0.0]]);
}

#[test]
fn they_are_as_near_to_the_definition_as_their_errors_say() {
    let (model, background) = (curved(), data(5, noise(5 * 12)));
    let x = [1.5, -1.0, 0.7, 2.0, -0.4];
    let expected = exact(&model, &x, &background);
    let (mut near, mut all) = (0, 0);
    for seed in 0..60 {
        let sampling = Sampling { seed, rounds: 4, tolerance: 0.0, ..Sampling::default() };
        let found = shapley(&model, &data(5, x.to_vec()), &background, &sampling).unwrap();
        let sample = &found.samples[0];
        for k in 0..2 {
            let sum: f64 = sample.values.iter().map(|value| value[k]).sum();
            assert!((sum - (sample.answer[k] - found.base_values[k])).abs() < 1e-9);
        }
        for (i, (value, error)) in sample.values.iter().zip(&sample.errors).enumerate() {
            for k in 0..2 {
                near += usize::from((value[k] - expected[i][k]).abs() < 2.0 * error[k]);
                all += 1;
            }
        }
    }
    // Of a normal error 95 % are within two standard errors.
    let share = f64::from(near as u32) / f64::from(all);
    assert!((0.92..0.98).contains(&share), "{share}");
}

#[test]
fn rounds_end_at_the_tolerance_and_seeds_repeat_the_bits() {
    let (model, background) = (curved(), data(5, noise(5 * 200)));
    let samples = data(5, noise(5 * 3));
    let with = |tolerance: f64, seed| {
        let sampling = Sampling { tolerance, seed, ..Sampling::default() };
        shapley(&model, &samples, &background, &sampling).unwrap()
    };
    let (rough, fine) = (with(0.1, 0), with(0.003, 0));
    assert_eq!((rough.background, rough.samples[0].permutations), (100, 400));
    let permutations = |found: &Shapley| found.samples[0].permutations;
    assert!(permutations(&fine) > permutations(&rough), "{}", permutations(&fine));
    assert_eq!(with(0.003, 0), fine);
    assert_ne!(with(0.003, 1), fine);
    let alone = samples.select(&[2]);
    let sampling = Sampling { tolerance: 0.003, ..Sampling::default() };
    let alone = shapley(&model, &alone, &background, &sampling).unwrap();
    assert_eq!(alone.samples[0], fine.samples[2]);
    for wrong in [
        Sampling { rounds: 1, ..sampling },
        Sampling { background: 0, ..sampling },
        Sampling { tolerance: f64::NAN, ..sampling },
    ] {
        assert!(shapley(&model, &samples, &background, &wrong).is_err());
    }
    assert!(shapley(&model, &data(4, noise(4)), &background, &sampling).is_err());
}
