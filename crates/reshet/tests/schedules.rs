//! Learning-rate schedules against PyTorch's (see `tests/golden/README.md`).

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
