//! Batches made just now: the same bits as rows of a dataset, masks, losses of one's own.

use reshet::{
    prelude::*,
    rng::{Purpose, Stream},
    *,
};

fn numbers(n: usize, purpose: u32) -> Vec<f32> {
    let stream = Stream::new(5, Purpose::Split, purpose);
    (0..n).map(|i| 2.0 * stream.uniform(i as u64) - 1.0).collect()
}

/// Four fifths of it zeros, as in pictures.
fn sparse(n: usize) -> Vec<f32> {
    numbers(n, 1).iter().enumerate().map(|(i, x)| if i * i % 5 == 1 { *x } else { 0.0 }).collect()
}

fn names(n: usize) -> Vec<String> {
    (0..n).map(|c| c.to_string()).collect()
}

/// All engines; a card in the processor's place, if the tests are to run on one.
fn devices() -> impl Iterator<Item = Device> {
    let card = std::env::var_os("RESHET_TEST_CUDA").is_some();
    let paths = Instructions::here().filter(move |_| !card);
    let paths = paths.map(|i| Device::cpu().instructions(i).exact_threads(2));
    let card = card.then(|| Device::cuda(0).unwrap());
    card.into_iter().chain(paths).chain([Device::Reference])
}

fn bits(numbers: &[f32]) -> Vec<u32> {
    // Where zeros are skipped in one of two, the sign of a zero may differ.
    numbers.iter().map(|x| (x + 0.0).to_bits()).collect()
}

/// The rows of a batch, as arrays.
fn rows(values: &[f32], width: usize, rows: &[u32]) -> Vec<f32> {
    rows.iter().flat_map(|r| &values[*r as usize * width..][..width]).copied().collect()
}

#[test]
fn arrays_give_the_same_bits_as_rows() {
    let jobs = [
        ("11-128:relu-64:relu-1", Loss::MSELoss, numbers(90 * 11, 0)),
        ("90-130:gelu-7", Loss::cross_entropy(), sparse(90 * 90)),
        ("90-70:tanh-3:sigmoid", Loss::BCELoss, sparse(90 * 90)),
    ];
    for (net, loss, inputs) in jobs {
        let network: Sequential = net.parse().unwrap();
        let (width, outputs) = (network.inputs(), network.outputs());
        let classes: Vec<u32> = (0..90).map(|i| i * i % 7).collect();
        let values: Vec<f32> = numbers(90 * outputs, 2).iter().map(|x| x.abs()).collect();
        let targets = match loss {
            Loss::CrossEntropyLoss { .. } => Targets::classes(classes.clone(), names(7)),
            _ => Targets::numbers(values.clone(), outputs),
        };
        let weights: Vec<f32> = numbers(90, 3).iter().map(|x| x.abs()).collect();
        let features = Features::new(Storage::F32(inputs.clone()), &[width]).unwrap();
        let data = Dataset::new(features, targets).unwrap().weighted(weights.clone()).unwrap();
        for device in devices() {
            let setup = network.clone().with_loss(loss.clone()).seeded(1).on(device).unwrap();
            let mut by_rows = setup.clone().attach(&data).unwrap();
            let mut fused = setup.clone().start().unwrap();
            let mut staged = setup.start().unwrap();
            // Other sizes in between, and a norm that needs the whole gradient.
            for (i, batch) in data.loader(40).shuffled(2, 0).enumerate() {
                let clip = (i == 1).then_some(0.01);
                let adam = Adam { weight_decay: 0.01, ..Adam::new(0.01) };
                let x = rows(&inputs, width, &batch);
                let w = rows(&weights, 1, &batch);
                let (y, c) = (
                    rows(&values, outputs, &batch),
                    batch.iter().map(|r| classes[*r as usize]).collect::<Vec<u32>>(),
                );
                let targets = match loss {
                    Loss::CrossEntropyLoss { .. } => BatchTargets::from(&c),
                    _ => BatchTargets::from(&y),
                };
                let targets = targets.weighted(&w);
                for training in [&mut by_rows, &mut fused, &mut staged] {
                    training.clip_grad_norm(clip);
                }
                let want = by_rows.step(&batch, adam).unwrap();
                let got = fused.step_on(&x, &targets, adam).unwrap();
                staged.forward_on(&x).unwrap();
                let apart = staged.backward_on(&targets).unwrap();
                staged.update(adam).unwrap();
                assert_eq!(want.to_bits(), got.to_bits(), "{net} {device}");
                assert_eq!(want.to_bits(), apart.to_bits(), "{net} {device}");
            }
            let want = bits(&by_rows.parameters());
            assert!(want == bits(&fused.parameters()), "{net} {device}");
            assert!(want == bits(&staged.parameters()), "{net} {device}");
        }
    }
}

/// PyTorch: `loss(q.gather(1, a), y)`, here by its derivative.
#[test]
fn only_the_chosen_output_counts() {
    let (states, actions): (_, Vec<u32>) = (numbers(64 * 9, 0), (0..64).map(|i| i % 5).collect());
    let wanted = numbers(64, 1);
    let row = |i: usize| if i % 5 == actions[i / 5] as usize { wanted[i / 5] } else { 99.0 };
    let whole_rows: Vec<f32> = (0..64 * 5).map(row).collect();
    for device in devices() {
        let setup = "9-33:relu-5".parse::<Sequential>().unwrap().with_loss(MSELoss);
        let mut training = setup.on(device).unwrap().start().unwrap();
        training.forward_on(&states).unwrap();
        let q = training.output(64);
        let loss = training.backward_on(&wanted.chosen(&actions)).unwrap();
        let got = training.gradients();

        let mut d = vec![0.0; 64 * 5];
        let mut sum = 0.0;
        for (i, action) in actions.iter().enumerate() {
            let at = 5 * i + *action as usize;
            d[at] = 2.0 * (q[at] - wanted[i]) / 64.0;
            sum += (q[at] - wanted[i]).powi(2);
        }
        assert!((loss - sum / 64.0).abs() < 1e-6, "{loss} {}", sum / 64.0);
        training.forward_on(&states).unwrap();
        training.backward_from(&d).unwrap();
        let want = training.gradients();
        assert!(got.iter().zip(&want).all(|(g, w)| (g - w).abs() < 1e-6), "{device}");
        assert!(want.iter().any(|g| g.abs() > 1e-3));

        // Of whole rows the chosen number is taken.
        training.forward_on(&states).unwrap();
        assert_eq!(training.backward_on(&whole_rows.chosen(&actions)).unwrap(), loss);
        assert_eq!(bits(&training.gradients()), bits(&got));
        let targets = Targets::numbers(wanted.clone(), 1);
        training.forward_on(&states).unwrap();
        assert_eq!(training.backward_on(&targets.chosen(&actions)).unwrap(), loss);
    }
}

#[test]
fn missing_targets_add_nothing() {
    let inputs = numbers(50 * 6, 0);
    let mut values = numbers(50 * 3, 1);
    (0..50 * 3).step_by(4).for_each(|i| values[i] = f32::NAN);
    let features = || Features::new(Storage::F32(inputs.clone()), &[6]).unwrap();
    let targets = || Targets::numbers(values.clone(), 3);
    assert!(Dataset::new(features(), targets()).is_err());
    let data = Dataset::with_missing_targets(features(), targets()).unwrap();
    let all: Vec<u32> = (0..50).collect();
    for device in devices() {
        let setup = "6-20:tanh-3".parse::<Sequential>().unwrap().with_loss(L1Loss);
        let setup = setup.on(device).unwrap();
        let mut by_rows = setup.clone().attach(&data).unwrap();
        by_rows.forward(&all).unwrap();
        let y = by_rows.output(50);
        let loss = by_rows.backward().unwrap();
        let there: Vec<usize> = (0..150).filter(|i| !values[*i].is_nan()).collect();
        let sum: f32 = there.iter().map(|i| (y[*i] - values[*i]).abs()).sum();
        assert!((loss - sum / there.len() as f32).abs() < 1e-6);
        let mut given = setup.start().unwrap();
        given.forward_on(&inputs).unwrap();
        assert!(given.backward_on(&values).is_err(), "NaN is refused unless it was said");
        let partial = BatchTargets::from(&values).partial();
        assert_eq!(given.backward_on(&partial).unwrap().to_bits(), loss.to_bits());
        assert_eq!(bits(&given.gradients()), bits(&by_rows.gradients()));
        let mut d = vec![0.0; 150];
        there.iter().for_each(|i| d[*i] = (y[*i] - values[*i]).signum() / there.len() as f32);
        given.forward_on(&inputs).unwrap();
        given.backward_from(&d).unwrap();
        let (got, want) = (by_rows.gradients(), given.gradients());
        assert!(got.iter().zip(&want).all(|(g, w)| (g - w).abs() < 1e-6), "{device}");
        // Scores count what is there.
        let score = by_rows.test(&data).unwrap();
        assert!((score.loss as f32 - loss).abs() < 1e-5);
    }
    let empty = Targets::numbers(values.iter().map(|_| f32::NAN).collect(), 3);
    assert!(Dataset::with_missing_targets(features(), empty).is_err());
}

/// BCE by its derivative after the Sigmoid: (p − t) / (p (1 − p)) / n.
#[test]
fn a_loss_of_ones_own_goes_through_the_output_activation() {
    let (inputs, truth): (_, Vec<f32>) =
        (numbers(40 * 6, 0), (0..40).map(|i| f32::from(i % 3 == 0)).collect());
    for device in devices() {
        let setup = "6-16:relu-1:sigmoid".parse::<Sequential>().unwrap().with_loss(BCELoss);
        let mut training = setup.on(device).unwrap().start().unwrap();
        training.forward_on(&inputs).unwrap();
        let p = training.output(40);
        training.backward_on(&truth).unwrap();
        let want = training.gradients();
        let d = p.iter().zip(&truth).map(|(p, t)| (p - t) / (p * (1.0 - p)) / 40.0);
        let d: Vec<f32> = d.collect();
        training.forward_on(&inputs).unwrap();
        training.backward_from(&d).unwrap();
        let got = training.gradients();
        assert!(got.iter().zip(&want).all(|(g, w)| (g - w).abs() < 1e-6), "{device}");
        training.update(SGD::new(0.1)).unwrap();
    }
}

#[test]
fn targets_of_numbers_are_learnt_in_their_unit() {
    let (inputs, values) = (numbers(30 * 2, 0), numbers(30, 1));
    let large: Vec<f32> = values.iter().map(|y| 1000.0 + 50.0 * y).collect();
    let setup = || "2-8:tanh-1".parse::<Sequential>().unwrap().with_loss(MSELoss);
    let unit = data::table::Unit { centre: 1000.0, scale: 50.0 };
    let mut plain = setup().start().unwrap();
    let mut scaled = setup().units(vec![unit]).start().unwrap();
    for _ in 0..5 {
        let want = plain.step_on(&inputs, &values, Adam::new(0.01)).unwrap();
        let got = scaled.step_on(&inputs, &large, Adam::new(0.01)).unwrap();
        assert!((want - got).abs() < 1e-5);
    }
    let (a, b) = (plain.predict(&inputs).unwrap(), scaled.predict(&inputs).unwrap());
    assert!(a.iter().zip(b).all(|(a, b)| (1000.0 + 50.0 * a - b).abs() < 0.01));
}

#[test]
fn copies_stand_still_until_they_are_brought_up_to_date() {
    let states = numbers(20 * 9, 0);
    let targets = numbers(20 * 3, 1);
    let setup = || "9-40:relu-3".parse::<Sequential>().unwrap().with_loss(MSELoss);
    let mut agent = setup().start().unwrap();
    let (mut target, mut twin) = (agent.model(), setup().seeded(9).start().unwrap());
    let before = agent.predict(&states).unwrap().to_vec();
    for _ in 0..3 {
        agent.step_on(&states, &targets, SGD::new(0.1)).unwrap();
    }
    let after = agent.predict(&states).unwrap().to_vec();
    assert_ne!(bits(&before), bits(&after));
    assert_eq!(bits(&target.predict(&states).unwrap()), bits(&before));
    target.copy_from(&agent).unwrap();
    twin.copy_from(&agent).unwrap();
    assert_eq!(bits(&target.predict(&states).unwrap()), bits(&after));
    assert_eq!(target.parameters(), agent.parameters());
    assert_eq!(bits(twin.predict(&states).unwrap()), bits(&after));
    assert_eq!(bits(&agent.model().predict(&states).unwrap()), bits(&after));
    let mut other = sequential![Linear(9, 3)].unwrap().with_loss(MSELoss).start().unwrap();
    assert!(other.copy_from(&agent).is_err());
    assert!(other.model().copy_from(&agent).is_err());
}

#[test]
fn a_saved_training_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.safetensors");
    // Some inputs are always zero: their weights must not be taken for untouched.
    let inputs = sparse(30 * 90);
    let targets = numbers(30 * 2, 1);
    let optimizers: [Optimizer; 3] = [
        SGD { momentum: 0.9, ..SGD::new(0.05) }.into(),
        AdamW { amsgrad: true, ..AdamW::new(0.01) }.into(),
        SGD::new(0.05).into(),
    ];
    for optimizer in optimizers {
        let network: Sequential = "90-40:relu:dropout(0.3)-2".parse().unwrap();
        let mut one = network.with_loss(MSELoss).seeded(4).start().unwrap();
        for _ in 0..3 {
            one.step_on(&inputs, &targets, optimizer).unwrap();
        }
        one.save(&path).unwrap();
        let mut two = Training::load(&path).unwrap();
        assert_eq!(two.updates(), 3);
        assert_eq!(Model::load(&path).unwrap().parameters(), one.parameters());
        for _ in 0..3 {
            let want = one.step_on(&inputs, &targets, optimizer).unwrap();
            let got = two.step_on(&inputs, &targets, optimizer).unwrap();
            assert_eq!(want.to_bits(), got.to_bits());
        }
        assert_eq!(bits(&one.parameters()), bits(&two.parameters()));
    }
    let mut cut = std::fs::read(&path).unwrap();
    cut.truncate(cut.len() - 9);
    std::fs::write(&path, cut).unwrap();
    assert!(matches!(Training::load(&path), Err(Error::Data(_))));
    let model = sequential![Linear(1, 1)].unwrap().with_loss(MSELoss).start().unwrap().model();
    model.save(&path).unwrap();
    let error = Training::load(&path).err().unwrap().to_string();
    assert!(error.contains("not a training"), "{error}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut net = sequential![Linear(2, 3)].unwrap().with_loss(MSELoss).start().unwrap();
    let sgd = SGD::new(0.1);
    let y = [0.0; 3];
    let mut says = |x: &[f32], y: BatchTargets, what: &str| {
        let error = net.step_on(x, &y, sgd).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    says(&[], (&y).into(), "at least one sample");
    says(&[1.0; 3], (&y).into(), "not whole samples of 2 values");
    says(&[1.0, f32::NAN], (&y).into(), "sample 0, value 1 (counted from 0): NaN");
    says(&[1.0; 4], (&y).into(), "2 samples need 6 targets, not 3");
    says(&[1.0; 2], (&[0.0, f32::INFINITY, 0.0]).into(), "target 1 (counted from 0): inf");
    says(&[1.0; 2], (&[1u32]).into(), "MSELoss needs numbers");
    says(&[1.0; 2], [5.0f32].chosen(&[3]), "no output 3");
    says(&[1.0; 2], [5.0f32].chosen(&[3, 0]), "1 samples need 1 chosen outputs, not 2");
    says(&[1.0; 2], BatchTargets::from(&y).weighted(&[-1.0]), "weight -1");
    assert!(net.step(&[0], sgd).unwrap_err().to_string().contains("no dataset"));
    assert!(net.forward(&[0]).is_err());
    assert!(
        net.backward_on(&y).unwrap_err().to_string().contains("backward_on without forward_on")
    );
    net.forward_on(&[1.0; 2]).unwrap();
    assert!(net.backward().is_err());
    assert!(net.backward_from(&[0.0; 2]).unwrap_err().to_string().contains("3 derivatives"));
    assert!(net.backward_from(&[f32::NAN; 3]).is_err());
    net.predict(&[0.0; 2]).unwrap();
    assert!(net.backward_on(&y).is_err(), "what stood there has been predicted over");
    assert!(net.write(Buffer::Parameters, &[0.0; 3]).is_err());
    assert!(net.write(Buffer::State(99), &[0.0; 9]).is_err());
    assert!(net.read(Buffer::Gradients, &mut [0.0; 1]).is_err());
    let mut yes = sequential![Linear(2, 1), Sigmoid].unwrap().with_loss(BCELoss).start().unwrap();
    assert!(yes.step_on(&[1.0; 2], &[5.0], sgd).is_err());
    let mut classes =
        sequential![Linear(2, 3)].unwrap().with_loss(Loss::cross_entropy()).start().unwrap();
    assert!(classes.step_on(&[1.0; 2], &[7u32], sgd).is_err());
    assert!(classes.step_on(&[1.0; 2], &[1.0f32, 2.0, 0.0], sgd).is_err());
}

/// Soft labels as arrays, rows of a dataset, and, where each is certain, as class numbers.
#[test]
fn probabilities_of_classes_are_targets_too() {
    let network: Sequential = "3-4:tanh-3".parse().unwrap();
    let x = numbers(5 * 3, 2);
    let soft = [0.2, 0.3, 0.5, 1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.1, 0.8, 0.1, 0.0, 0.25, 0.75];
    let targets = Targets::soft_classes(soft.to_vec(), names(3)).unwrap();
    let features = Features::new(Storage::F32(x.clone()), &[3]).unwrap();
    let data = Dataset::new(features, targets.clone()).unwrap();
    let start = || network.clone().with_loss(Loss::cross_entropy());
    for device in devices() {
        let mut arrays = start().on(device).unwrap().start().unwrap();
        let mut rows = start().on(device).unwrap().attach(&data).unwrap();
        for _ in 0..3 {
            let loss = arrays.step_on(&x, &soft, SGD::new(0.1)).unwrap();
            let same = rows.step(&[0, 1, 2, 3, 4], SGD::new(0.1)).unwrap();
            assert_eq!(loss.to_bits(), same.to_bits(), "{device}");
        }
        assert_eq!(bits(&arrays.parameters()), bits(&rows.parameters()));
        let certain = [0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        let of = |training: &mut Training, soft: bool| match soft {
            true => training.step_on(&x[..6], &certain, SGD::new(0.0)).unwrap(),
            false => training.step_on(&x[..6], &[1u32, 2], SGD::new(0.0)).unwrap(),
        };
        let [soft, hard] = [true, false].map(|soft| of(&mut arrays, soft));
        assert!((soft - hard).abs() < 1e-6, "{soft} {hard}");
        for wrong in [&soft_of(0.2)[..], &[1.0, 2.0][..]] {
            let error = arrays.step_on(&x[..6], wrong, SGD::new(0.1)).unwrap_err().to_string();
            assert!(error.contains("or a probability per class that sum to 1"), "{error}");
        }
    }
}

/// Two rows that sum to three times this.
fn soft_of(p: f32) -> [f32; 6] {
    [p; 6]
}
