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
