//! Many networks on one graphics card: a step of all, or many, in one launch, to the bits of each
//! alone.
//!
//! The card is the emulated one (`gpu/emulation`), which has three blocks at once; without it (no
//! `RESHET_TEST_CUDA`) nothing is asked.

use std::env;

use reshet::{
    BatchTargets, Dataset, Device, Ensemble, Error, Features, Optimizer, Storage, Targets,
    Training, prelude::*,
};

fn card() -> Option<Device> {
    env::var_os("RESHET_TEST_CUDA").map(|_| Device::cuda(0).unwrap())
}

fn value(i: usize) -> f32 {
    ((i * 7919) % 1000) as f32 / 500.0 - 1.0
}

fn numbers(rows: usize) -> Dataset {
    let x = Features::new(Storage::F32((0..3 * rows).map(value).collect()), &[3]).unwrap();
    let y = (0..rows).map(|i| value(3 * i) * value(3 * i + 1)).collect();
    Dataset::new(x, Targets::numbers(y, 1)).unwrap()
}

fn classes(rows: usize) -> Dataset {
    let x = Storage::U8((0..40 * rows).map(|i| (i * 31 % 251) as u8).collect());
    let labels = (0..rows).map(|i| (i % 3) as u32).collect();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let targets = Targets::classes(labels, names);
    Dataset::new(Features::new(x, &[40]).unwrap(), targets).unwrap()
}

fn start(net: &str, seed: u64, data: &Dataset, device: Device) -> Training {
    let network: Sequential = net.parse().unwrap();
    let loss = if net.ends_with("-3") { Loss::cross_entropy() } else { Loss::MSELoss };
    let mut training =
        network.with_loss(loss).seeded(seed).on(device).unwrap().attach(data).unwrap();
    training.clip_grad_norm((seed % 3 == 1).then_some(0.5));
    training
}

/// Of several shapes, a large layer among them, and on data of two kinds.
const NETS: [&str; 7] = [
    "3-8:relu-1",
    "40-20:gelu-3",
    "3-20:tanh:dropout(0.2)-9:relu-1",
    "3-8:relu-1",
    "3-260:relu-258:elu-1",
    "40-3",
    "3-40:softmax-1",
];

#[test]
fn each_network_learns_as_by_itself() {
    let Some(card) = card() else { return };
    let (numbers, classes) = (numbers(64), classes(50));
    let of = |i: usize| if NETS[i].starts_with("40") { &classes } else { &numbers };
    let rows = |i: usize, step: usize| -> Vec<u32> {
        (0..5 + 11 * i).map(|row| ((row * (i + 3) + step) % 50) as u32).collect()
    };
    let optimizers: Vec<Optimizer> = (0..NETS.len())
        .map(|i| match i % 3 {
            0 => Adam::new(0.01).into(),
            1 => SGD::new(0.1).into(),
            _ => AdamW::new(0.02).into(),
        })
        .collect();
    // One, fewer than blocks, as many, and more.
    for count in [1, 2, 3, NETS.len()] {
        let start = |i: usize| start(NETS[i], i as u64, of(i), card);
        let mut alone: Vec<Training> = (0..count).map(start).collect();
        let mut all = Ensemble::on((0..count).map(start).collect(), card);
        for step in 0..4 {
            let batches: Vec<Vec<u32>> = (0..count).map(|i| rows(i, step)).collect();
            let batches: Vec<&[u32]> = batches.iter().map(Vec::as_slice).collect();
            let losses = all.step(&batches, &optimizers[..count]).unwrap();
            for (i, loss) in losses.into_iter().enumerate() {
                let own = alone[i].step(batches[i], optimizers[i]).unwrap();
                assert_eq!(own.to_bits(), loss.unwrap().to_bits(), "{count} {i} {step}");
            }
        }
        for (i, alone) in alone.iter().enumerate() {
            let together = all.training(i).unwrap();
            assert_eq!(together.parameters(), alone.parameters(), "{count} {i}");
            assert_eq!(together.updates(), 4);
        }
        // And goes on by itself.
        let (own, together) = (&mut alone[0], all.training(0).unwrap());
        let (a, b) = (own.step(&[1, 2], optimizers[0]), together.step(&[1, 2], optimizers[0]));
        assert_eq!(a.unwrap().to_bits(), b.unwrap().to_bits());
    }
}

/// Many steps in one launch, with batches of several sizes, some for all networks, some for each.
#[test]
fn many_steps_of_many_networks_are_those_one_by_one() {
    let Some(card) = card() else { return };
    let (numbers, classes) = (numbers(64), classes(50));
    let of = |i: usize| if NETS[i].starts_with("40") { &classes } else { &numbers };
    // One, fewer than blocks, and more.
    for count in [1, 2, NETS.len()] {
        let start = |i: usize| start(NETS[i], i as u64, of(i), card);
        let mut by_one = Ensemble::on((0..count).map(start).collect(), card);
        let mut at_once = Ensemble::on((0..count).map(start).collect(), card);
        let rows: Vec<Vec<u32>> = (0..count)
            .map(|i| (0..3 + 5 * i).map(|row| ((row * (i + 3)) % 50) as u32).collect())
            .collect();
        let own: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        let each: Vec<Optimizer> = (0..count)
            .map(|i| match i % 2 {
                0 => Adam::new(0.01).into(),
                _ => SGD::new(0.1).into(),
            })
            .collect();
        let slow: Vec<Optimizer> = each.iter().map(|rule| rule.with_lr(0.001)).collect();
        let all: [&[u32]; 1] = [&[40, 3, 7]];
        let steps: [(&[&[u32]], &[Optimizer]); 3] = [(&own, &each), (&all, &slow), (&own, &each)];
        for _ in 0..2 {
            let losses = at_once.steps(&steps).unwrap();
            for (n, (batches, optimizers)) in steps.iter().enumerate() {
                for (i, loss) in by_one.step(batches, optimizers).unwrap().iter().enumerate() {
                    let (one, same) = (loss.as_ref().unwrap(), losses[i].as_ref().unwrap()[n]);
                    assert_eq!(one.to_bits(), same.to_bits(), "{count} {i} {n}");
                }
            }
        }
        for i in 0..count {
            let (a, b) = (by_one.training(i).unwrap(), at_once.training(i).unwrap());
            assert_eq!((a.parameters(), a.updates()), (b.parameters(), b.updates()), "{count} {i}");
        }
        assert!(at_once.steps(&[]).unwrap().iter().all(|l| l.as_ref().unwrap().is_empty()));
        // Adam's state is there still.
        let (a, b) = (by_one.step(&all, &slow).unwrap(), at_once.step(&all, &slow).unwrap());
        assert!(a.iter().zip(&b).all(|(a, b)| a.as_ref().unwrap() == b.as_ref().unwrap()));
    }
}

/// A network whose step fails takes no other after it; the others take all.
#[test]
fn what_fails_in_one_of_many_steps_is_told() {
    let Some(card) = card() else { return };
    let data = numbers(30);
    let mut all = Ensemble::on((0..3).map(|i| start(NETS[0], 3 * i, &data, card)).collect(), card);
    let tame: [Optimizer; 1] = [SGD::new(0.1).into()];
    let wild = [SGD::new(0.1).into(), SGD::new(1e38).into(), SGD::new(0.1).into()];
    let rows: [&[u32]; 1] = [&[0, 1, 2]];
    let step: (&[&[u32]], &[Optimizer]) = (&rows, &wild);
    let losses = all.steps(&[(&rows, &tame), step, step, step, step]).unwrap();
    assert!(losses[0].is_ok() && losses[2].is_ok());
    let Err(Error::Diverged(error)) = &losses[1] else { panic!("it diverges") };
    let taken = [0, 1, 2].map(|i| all.training(i).unwrap().updates());
    assert!(error.step >= 1 && taken[1] > 1 && taken[1] <= 5, "{error} {taken:?}");
    assert_eq!([taken[0], taken[2]], [5, 5]);
    // A row that does not exist is found before anything is taken.
    let wrong: [&[u32]; 3] = [&[0], &[1], &[30]];
    let losses = all.steps(&[(&rows, &tame), (&wrong, &tame)]).unwrap();
    assert!(losses[0].is_ok() && losses[2].is_err());
    assert_eq!(all.training(2).unwrap().updates(), 5);
}

#[test]
fn what_fails_in_one_leaves_the_others() {
    let Some(card) = card() else { return };
    let data = numbers(30);
    let mut all = Ensemble::on((0..3).map(|i| start(NETS[0], 3 * i, &data, card)).collect(), card);
    let sgd: [Optimizer; 1] = [SGD::new(0.1).into()];
    let losses = all.step(&[&[0, 1], &[0, 30], &[2]], &sgd).unwrap();
    assert!(losses[0].is_ok() && losses[1].is_err() && losses[2].is_ok());
    assert_eq!([0, 1, 2].map(|i| all.training(i).unwrap().updates()), [1, 0, 1]);
    let wild = [SGD::new(0.1).into(), SGD::new(1e38).into(), SGD::new(0.1).into()];
    let mut told = false;
    for _ in 0..4 {
        let losses = all.step(&[&[0, 1, 2]], &wild).unwrap();
        assert!(losses[0].is_ok() && losses[2].is_ok());
        told |= matches!(losses[1], Err(Error::Diverged(_)));
    }
    assert!(told);
    assert!(all.step(&[], &sgd).is_err() && all.step(&[&[0]], &[]).is_err());
}

/// Some on the card and some not: each where it is.
#[test]
fn trainings_on_several_devices_take_their_steps_too() {
    let Some(card) = card() else { return };
    let data = numbers(30);
    let one = Device::cpu().threads(1);
    let trainings = vec![start(NETS[0], 1, &data, card), start(NETS[0], 1, &data, one)];
    let mut all = Ensemble::new(trainings);
    let losses = all.step(&[&[0, 1, 2]], &[SGD::new(0.1).into()]).unwrap();
    let losses: Vec<f32> = losses.into_iter().map(|loss| loss.unwrap()).collect();
    assert!((losses[0] - losses[1]).abs() < 1e-5, "{losses:?}");
}

/// Data that several trainings learn from is on the card once: what they compute is their own.
#[test]
fn shared_data_stays_while_somebody_learns_from_it() {
    let Some(card) = card() else { return };
    let data = numbers(30);
    let mut first = start(NETS[0], 1, &data, card);
    let mut second = start(NETS[0], 1, &data, card);
    let sgd = SGD::new(0.1);
    let a = first.step(&[0, 5], sgd).unwrap();
    drop(first);
    assert_eq!(second.step(&[0, 5], sgd).unwrap().to_bits(), a.to_bits());
    // Another dataset of the same shape is another one.
    let doubled = Features::new(Storage::F32((0..90).map(|i| 2.0 * value(i)).collect()), &[3]);
    let targets = Targets::numbers((0..30).map(value).collect(), 1);
    let other = Dataset::new(doubled.unwrap(), targets).unwrap();
    let mut third = start(NETS[0], 1, &other, card);
    let mut here = start(NETS[0], 1, &other, Device::cpu());
    let (a, b) = (third.step(&[0, 5], sgd).unwrap(), here.step(&[0, 5], sgd).unwrap());
    assert!((a - b).abs() < 1e-5, "{a} {b}");
    let x: Vec<f32> = (0..6).map(value).collect();
    let passed: BatchTargets = (&[0.5f32, 0.25]).into();
    assert!(third.step_on(&x, passed, sgd).unwrap().is_finite());
}
