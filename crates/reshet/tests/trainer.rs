//! The trainer: its schedules against PyTorch (see `tests/golden/README.md`), its events, early stopping.

use std::ops::ControlFlow;

use reshet::*;
use serde_json::Value;

/// The learning rates a training really used, one a step.
fn trained(schedule: Schedule, lr: f64, epochs: usize, batches: usize) -> Vec<f64> {
    let features = Features::new(Storage::F32(vec![0.0; batches]), &[1]).unwrap();
    let data = Dataset::new(features, Targets::numbers(vec![0.0; batches], 1)).unwrap();
    let mut rates = Vec::new();
    Trainer::new("1-1".parse().unwrap())
        .optimizer(SGD::new(lr))
        .schedule(schedule)
        .epochs(epochs)
        .batch_size(1)
        .on_event(|event| {
            if let Event::Step { lr, .. } = event {
                rates.push(*lr);
            }
            ControlFlow::Continue(())
        })
        .fit(&data)
        .unwrap();
    rates
}

#[test]
fn schedules_are_pytorchs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/schedules.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut seen = 0;
    for case in golden["schedules"].as_array().unwrap() {
        let want: Vec<f64> =
            case["lr"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
        let number = |key: &str| case[key].as_f64().unwrap();
        let base = number("base_lr");
        let got = match case["type"].as_str().unwrap() {
            "StepLR" => {
                let step_size = number("step_size") as usize;
                let schedule = Schedule::StepLR { step_size, gamma: number("gamma") };
                trained(schedule, base, 100, 1)
            }
            "CosineAnnealingLR" => {
                let schedule = Schedule::CosineAnnealingLR { eta_min: number("eta_min") };
                trained(schedule, base, 1, 100)
            }
            "OneCycleLR" => trained(Schedule::OneCycleLR, number("max_lr"), 1, 100),
            // Needs losses that are given: see the unit test beside it.
            "ReduceLROnPlateau" => continue,
            other => panic!("{other}"),
        };
        seen += 1;
        assert_eq!(got.len(), want.len());
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            assert!((got - want).abs() <= 1e-9 * base, "{} {i}: {got} {want}", case["type"]);
        }
    }
    assert_eq!(seen, 3);
}

#[test]
fn a_training_tells_its_steps_its_epochs_and_its_end() {
    let features = Features::new(Storage::F32(vec![0.5; 10]), &[1]).unwrap();
    let data = Dataset::new(features, Targets::numbers(vec![1.0; 10], 1)).unwrap();
    let mut told = String::new();
    let fit = Trainer::new("1-1".parse().unwrap())
        .epochs(5)
        .batch_size(4)
        .validation(&data)
        .on_event(|event| {
            told.push(match event {
                Event::Step { .. } => 's',
                Event::Epoch { validation, .. } => {
                    assert!(validation.as_ref().unwrap().loss.is_finite());
                    'e'
                }
                Event::End { steps: 5, ended: Ended::Asked } => '.',
                _ => '?',
            });
            if told == "sssess" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .fit(&data)
        .unwrap();
    assert_eq!(told, "sssess.");
    assert_eq!((fit.steps, fit.ended), (5, Ended::Asked));
}

/// With a learning rate far too high for the last epochs' loss to be the best.
#[test]
fn patience_stops_and_goes_back_to_the_best_epoch() {
    let x: Vec<f32> = (0..40).map(|i| i as f32 / 40.0).collect();
    let y = x.iter().map(|x| 3.0 * x).collect();
    let features = Features::new(Storage::F32(x), &[1]).unwrap();
    let data = Dataset::new(features, Targets::numbers(y, 1)).unwrap();
    let (train, validation) = data.split(0.25, 0).unwrap();
    let mut losses = Vec::new();
    let fit = Trainer::new("1-1".parse().unwrap())
        .epochs(1000)
        .batch_size(5)
        .optimizer(Adam::new(0.3))
        .validation(&validation)
        .patience(4)
        .on_event(|event| {
            if let Event::Epoch { validation: Some(score), .. } = event {
                losses.push(score.loss);
            }
            ControlFlow::Continue(())
        })
        .fit(&train)
        .unwrap();
    assert_eq!(fit.ended, Ended::Patience);
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let last_best = losses.iter().position(|l| *l == best).unwrap();
    assert_eq!(losses.len(), last_best + 1 + 4);
    assert_eq!(fit.model.test(&validation).unwrap().loss, best);
}

#[test]
fn a_target_out_of_the_outputs_reach_is_refused() {
    let features = Features::new(Storage::F32(vec![0.0, 1.0]), &[1]).unwrap();
    let data = Dataset::new(features, Targets::numbers(vec![0.0, 4.0], 1)).unwrap();
    for (net, says) in [
        ("1-1:sigmoid", Some("ends in Sigmoid gives 0 to 1, and the data has the target 4")),
        ("1-1:tanh", Some("ends in Tanh gives -1 to 1")),
        ("1-1:relu", None),
        ("1-1", None),
    ] {
        let fit = Trainer::new(net.parse().unwrap()).epochs(1).fit(&data);
        match says {
            Some(says) => assert!(fit.unwrap_err().to_string().contains(says)),
            None => assert!(fit.is_ok()),
        }
    }
}

/// Stopped anywhere and gone on with, a training ends in the same bits.
#[test]
fn a_resumed_training_is_as_if_never_stopped() {
    let n = 90;
    let values = (0..n * 3).map(|i| ((i * 37 % 101) as f32 / 50.0) - 1.0).collect();
    let features = Features::new(Storage::F32(values), &[3]).unwrap();
    let targets = Targets::numbers((0..n).map(|i| (i % 7) as f32).collect(), 1);
    let (data, validation) = Dataset::new(features, targets).unwrap().split(0.3, 0).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let optimizers: [Optimizer; 4] = [
        Adam::new(0.02).into(),
        SGD { momentum: 0.9, ..SGD::new(0.01) }.into(),
        RMSprop::new(0.01).into(),
        AdamW { amsgrad: true, ..AdamW::new(0.02) }.into(),
    ];
    let plateau = Schedule::ReduceLROnPlateau { factor: 0.5, patience: 1 };
    for (optimizer, schedule) in optimizers.into_iter().zip([
        Schedule::OneCycleLR,
        plateau,
        Schedule::CosineAnnealingLR { eta_min: 0.0 },
        plateau,
    ]) {
        let trainer = || {
            Trainer::new("3-8:relu:dropout(0.2)-1".parse().unwrap())
                .optimizer(optimizer)
                .schedule(schedule)
                .epochs(12)
                .batch_size(10)
                .seed(5)
                .validation(&validation)
                .patience(4)
        };
        let whole = trainer().fit(&data).unwrap();
        for stop in [1, 6, 7, 8, 20, whole.steps - 1, whole.steps] {
            let mut last = None;
            let part = trainer()
                .on_event(|event| match event {
                    Event::Step { step, .. } if step + 1 == stop => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                })
                .on_checkpoint(None, |checkpoint| last = Some(checkpoint))
                .fit(&data)
                .unwrap();
            assert_eq!((part.steps, part.ended), (stop, Ended::Asked));
            last.unwrap().save(&path).unwrap();
            let checkpoint = Checkpoint::load(&path).unwrap();
            assert_eq!(checkpoint.steps(), stop);
            let resumed = trainer().resume(checkpoint).fit(&data).unwrap();
            assert_eq!(resumed.model, whole.model, "{optimizer} at {stop}");
            assert_eq!(resumed.final_loss, whole.final_loss);
            assert_eq!((resumed.epochs, resumed.steps), (whole.epochs, whole.steps));
            assert_eq!(resumed.ended, whole.ended);
        }
    }
}

/// So does one in bfloat16; one in another precision does not go on with its checkpoint.
#[test]
fn a_training_in_bfloat16_resumes_in_bfloat16() {
    let values = (0..90 * 70).map(|i| ((i * 37 % 101) as f32 / 50.0) - 1.0).collect();
    let features = Features::new(Storage::F32(values), &[70]).unwrap();
    let data = Targets::numbers((0..90).map(|i| (i % 7) as f32).collect(), 1);
    let data = Dataset::new(features, data).unwrap();
    let trainer = |precision| {
        let network = "70-65:relu:dropout(0.2)-64:relu-1".parse().unwrap();
        Trainer::new(network).precision(precision).epochs(4).batch_size(11).seed(5)
    };
    let (single, whole) =
        (trainer(Precision::F32).fit(&data).unwrap(), trainer(Precision::Bf16).fit(&data).unwrap());
    assert_ne!(single.model, whole.model);
    for stop in [1, 9, 13] {
        let mut last = None;
        trainer(Precision::Bf16)
            .on_event(|event| match event {
                Event::Step { step, .. } if step + 1 == stop => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            })
            .on_checkpoint(None, |checkpoint| last = Some(checkpoint))
            .fit(&data)
            .unwrap();
        let last = Checkpoint::from_bytes(&last.unwrap().to_bytes().unwrap()).unwrap();
        assert_eq!(last.precision(), "bf16");
        let resumed = trainer(Precision::Bf16).resume(last.clone()).fit(&data).unwrap();
        assert_eq!(resumed.model, whole.model, "at {stop}");
        let refused = trainer(Precision::F32).resume(last).fit(&data).unwrap_err().to_string();
        assert!(refused.contains("in bf16, not in f32"), "{refused}");
    }
}

#[test]
fn checkpoints_come_when_asked_and_fit_only_their_training() {
    let features = Features::new(Storage::F32((0..20).map(|i| i as f32).collect()), &[1]).unwrap();
    let targets = Targets::numbers(vec![0.5; 20], 1);
    let data = Dataset::new(features.clone(), targets).unwrap();
    let trainer = |network: &str| {
        Trainer::new(network.parse().unwrap())
            .optimizer(SGD { momentum: 0.5, ..SGD::new(1e-4) })
            .epochs(3)
            .batch_size(5)
    };
    let mut steps = Vec::new();
    let mut last = None;
    trainer("1-1")
        .on_checkpoint(Some(5), |checkpoint| {
            steps.push(checkpoint.steps());
            last = Some(checkpoint);
        })
        .fit(&data)
        .unwrap();
    assert_eq!(steps, [5, 10, 12]);
    let last = last.unwrap();
    assert_eq!((last.epochs(), last.steps()), (3, 12));
    let says = |result: Result<Fit>, what: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    says(trainer("1-2:relu-1").resume(last.clone()).fit(&data), "is of the network 1-1, not of");
    says(
        trainer("1-1").optimizer(Adam::new(1.0)).resume(last.clone()).fit(&data),
        "another optimizer",
    );
    let other = Dataset::new(features, Targets::numbers(vec![0.6; 20], 1)).unwrap();
    says(trainer("1-1").resume(last.clone()).fit(&other), "has changed since");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    last.save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 7, 8, 100, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let error = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(error.contains("not a checkpoint, or a damaged one"), "{length}: {error}");
    }
}

/// A sample that weighs 2 counts as if it were there twice, one that weighs 0 as
/// if it were not; for every loss, on both engines.
#[test]
fn weights_count_like_copies() {
    let weights = [1.0, 2.0, 0.0, 3.0, 1.0, 2.0];
    let copies: Vec<u32> = vec![0, 1, 1, 3, 3, 3, 4, 5, 5];
    let values = (0..12).map(|i| (i * 7 % 5) as f32 - 2.0).collect();
    let features = Features::new(Storage::F32(values), &[2]).unwrap();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let yes = vec![1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let smooth = Loss::CrossEntropyLoss { label_smoothing: 0.1, weight: Some(vec![0.5, 1.0, 2.0]) };
    for (targets, loss, ends) in [
        (Targets::classes(vec![0, 1, 2, 1, 0, 2], names.clone()), Loss::cross_entropy(), "3"),
        (Targets::classes(vec![0, 1, 2, 1, 0, 2], names), smooth, "3"),
        (Targets::yes_no(yes, vec!["p".into(), "q".into()]), Loss::BCELoss, "2:sigmoid"),
        (Targets::numbers(vec![1.0, -1.0, 0.5, 2.0, 0.0, 3.0], 1), Loss::MSELoss, "1"),
    ] {
        let data = Dataset::new(features.clone(), targets).unwrap();
        let weighted = data.clone().weighted(weights.to_vec()).unwrap();
        let card = std::env::var_os("RESHET_TEST_CUDA").map(|_| Device::cuda(0).unwrap());
        for device in [Device::Reference, Device::cpu()].into_iter().chain(card) {
            let gradient = |data: &Dataset, rows: &[u32]| {
                let network: Sequential = format!("2-4:tanh-{ends}").parse().unwrap();
                let setup = network.with_loss(loss.clone()).seeded(3).on(device).unwrap();
                let mut training = setup.attach(data).unwrap();
                training.forward(rows).unwrap();
                let loss = training.backward().unwrap();
                [vec![loss], training.gradients()].concat()
            };
            let one = gradient(&weighted, &[0, 1, 2, 3, 4, 5]);
            let many = gradient(&data, &copies);
            for (a, b) in one.iter().zip(&many) {
                assert!((a - b).abs() < 1e-6, "{device:?} {loss:?}: {a} {b}");
            }
            assert!(gradient(&weighted, &[2]).iter().all(|x| *x == 0.0));
        }
    }
}

#[test]
fn balanced_classes_weigh_the_same() {
    let features = Features::new(Storage::F32(vec![0.0; 6]), &[1]).unwrap();
    let names = ["a", "b", "c"].map(String::from).to_vec();
    let data = Dataset::new(features, Targets::classes(vec![0, 0, 0, 0, 1, 1], names)).unwrap();
    let balanced = data.clone().balanced().unwrap();
    assert_eq!(balanced.weights().unwrap(), [0.75, 0.75, 0.75, 0.75, 1.5, 1.5]);
    let again = data.is("b").unwrap().balanced().unwrap();
    assert_eq!(again.weights(), balanced.weights());
    assert_eq!(balanced.select(&[5, 0]).weights().unwrap(), [1.5, 0.75]);
    for (weights, says) in [
        (vec![1.0; 5], "6 samples but 5 weights"),
        (vec![1.0, 1.0, -1.0, 1.0, 1.0, 1.0], "sample 2: weight -1; it must be 0 or more"),
        (vec![0.0; 6], "all weights are 0"),
    ] {
        assert!(data.clone().weighted(weights).unwrap_err().to_string().contains(says), "{says}");
    }
}

/// Flats as they are: areas near 100, prices near a million.
fn flats() -> Dataset {
    let area = |i: usize| 30.0 + (i * 37 % 171) as f32;
    let areas: Vec<f32> = (0..200).map(area).collect();
    let prices = areas.iter().map(|x| 12_000.0 * x + 90_000.0).collect();
    let features = Features::new(Storage::F32(areas), &[1]).unwrap();
    Dataset::new(features, Targets::numbers(prices, 1)).unwrap()
}

#[test]
fn numbers_far_from_one_are_scaled_or_refused() {
    let data = flats();
    let trainer = || {
        let network = sequential![Linear(1, 16), ReLU, Linear(16, 1)].unwrap();
        Trainer::new(network).epochs(60).optimizer(Adam::new(0.01))
    };
    let refused = trainer().fit(&data).unwrap_err().to_string();
    assert!(refused.contains("input 0") && refused.contains("about 1"), "{refused}");
    // The inputs scaled by hand, the prices by the trainer.
    let scaled = (0..200).map(|i| {
        let mut x = [0.0];
        data.features().read(i, &mut x);
        (x[0] - 115.0) / 50.0
    });
    let scaled = Features::new(Storage::F32(scaled.collect()), &[1]).unwrap();
    let data = Dataset::new(scaled, data.targets().clone()).unwrap();
    let fit = trainer().fit(&data).unwrap();
    let r2 = fit.model.test(&data).unwrap().measure().unwrap();
    assert!(r2 > 0.99, "R² {r2}");
    let price = fit.model.predict(&[0.0]).unwrap()[0];
    assert!((price - 1_470_000.0).abs() < 50_000.0, "{price}");
    // As they are, where that is asked for.
    let own = trainer().units(Vec::new()).fit(&data).unwrap();
    assert!(own.model.test(&data).unwrap().measure().unwrap() < 0.5);
}
