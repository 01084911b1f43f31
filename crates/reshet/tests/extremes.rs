//! Sizes whose sums and products do not fit into a number: an error, or what they mean. The
//! tests are compiled with overflow checks, so that one that is missed is a panic.

use std::ops::ControlFlow;

use reshet::{
    Features, Storage, Targets,
    data::make::{Maker, Pattern},
    prelude::*,
};

const HUGE: [usize; 3] = [usize::MAX, usize::MAX / 2, usize::MAX / 4 + 2];

fn data() -> Dataset {
    let x = Features::new(Storage::F32((0..80).map(|i| i as f32 / 40.0).collect()), &[2]).unwrap();
    let y = Targets::numbers((0..40).map(|i| (i as f32 / 9.0).sin()).collect(), 1);
    Dataset::new(x, y).unwrap()
}

#[test]
fn more_steps_than_can_be_counted() {
    let data = data();
    for epochs in HUGE {
        for schedule in [
            Schedule::Constant,
            Schedule::StepLR { step_size: usize::MAX, gamma: 0.5 },
            Schedule::StepLR { step_size: 1, gamma: 0.5 },
            Schedule::CosineAnnealingLR { eta_min: 0.0 },
            Schedule::OneCycleLR,
            Schedule::ReduceLROnPlateau { factor: 0.5, patience: usize::MAX },
        ] {
            let mut events = 0;
            let trainer = Trainer::new(sequential![Linear(2, 3), ReLU, Linear(3, 1)].unwrap())
                .epochs(epochs)
                .batch_size(1)
                .schedule(schedule)
                .validation(&data)
                .patience(usize::MAX)
                .on_event(|_| {
                    events += 1;
                    if events < 90 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                });
            assert!(trainer.fit(&data).is_ok(), "{epochs}, {schedule:?}");
        }
    }
}

#[test]
fn widths_shapes_and_batches() {
    let data = data();
    for n in HUGE {
        for network in [format!("2-{n}-1"), format!("{n}-{n}"), format!("{n}x{n}-1")] {
            assert!(network.parse::<Sequential>().is_err(), "{network}");
        }
        for shape in [vec![n], vec![n, 2], vec![n, n], vec![2, n, n]] {
            assert!(Features::new(Storage::U8(vec![0; 4]), &shape).is_err(), "{shape:?}");
        }
        let network = || sequential![Linear(2, 1)].unwrap();
        // Larger than all samples are all samples.
        let fit = Trainer::new(network()).epochs(1).batch_size(n).fit(&data).unwrap();
        assert_eq!(fit.steps, 1);
        assert!(data.fold(0, n, 0).is_err() && data.fold(n, 2, 0).is_err());
        // A loader gives what there is.
        assert_eq!(data.loader(n).map(|batch| batch.len()).sum::<usize>(), data.len());
    }
}

#[test]
fn samples_that_are_made() {
    for n in HUGE {
        for pattern in [Pattern::Moons, Pattern::Blobs, Pattern::Spiral, Pattern::Waves] {
            assert!(Maker::new(pattern).samples(n).dataset().is_err());
        }
    }
}

#[cfg(feature = "tune")]
#[test]
fn a_study_without_an_end() {
    use reshet::tune::{Space, Study};
    let splits = [data().split(0.25, 0).unwrap()];
    for n in HUGE {
        let space = Space { depth: [1, 1], width: [2, 4], ..Space::default() };
        let study = |epochs| Study::new(space.clone()).epochs(epochs).trials(n).jobs(2);
        let outcome = study(1 << 40).watch(&splits, |_| ControlFlow::Break(())).unwrap();
        assert!(!outcome.finished);
        // More steps than can be counted.
        let error = study(n).watch(&splits, |_| ControlFlow::Break(())).unwrap_err();
        assert!(matches!(error, reshet::Error::Setting { name: "epochs", .. }), "{error}");
    }
}
