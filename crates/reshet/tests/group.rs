//! Trainings and studies of several ranks, which are threads here.

use std::{ops::ControlFlow, sync::Arc, thread};

use reshet::{
    Checkpoint, Dataset, Device, Ended, Error, Event, Features, Fit, Group, Precision, Result,
    Storage, Targets, Trainer, group, prelude::*,
};

/// Points, of which most numbers are 0 if `sparse`, in three classes.
fn points(count: usize, width: usize, sparse: bool) -> Dataset {
    let hash = |i: usize| (i as u32).wrapping_mul(2_654_435_761) >> 8;
    let number = |i: usize| {
        let value = hash(i) as f32 / 8_388_608.0 - 1.0;
        if sparse && hash(i + 77) % 5 > 0 { 0.0 } else { value }
    };
    let values: Vec<f32> = (0..count * width).map(number).collect();
    let class = |x: &[f32]| match x.iter().take(4).sum::<f32>() {
        sum if sum < -0.3 => 0,
        sum if sum > 0.3 => 2,
        _ => 1,
    };
    let labels = values.chunks_exact(width).map(class).collect();
    let names = ["low", "middle", "high"].map(String::from).into();
    let features = Features::new(Storage::F32(values), &[width]).unwrap();
    Dataset::new(features, Targets::classes(labels, names)).unwrap()
}

/// Runs `train` at each rank of a group of so many.
fn ranks<T: Send>(count: usize, train: impl Fn(Arc<dyn Group>) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let train = &train;
        let groups = group::in_threads(count).into_iter();
        let ranks: Vec<_> =
            groups.map(|group| scope.spawn(move || train(Arc::new(group)))).collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
    })
}

/// How two losses differ, in parts.
fn difference(a: f64, b: f64) -> f64 {
    (a - b).abs() / b.abs().max(1e-9)
}

#[test]
fn many_ranks_take_the_steps_of_one() {
    let cases = [
        // A last batch of fewer samples than ranks; weights; dropout; clipping.
        ("20-40:relu-3", 501, false, 50, None, 1),
        ("20-40:relu-3", 501, true, 50, None, 1),
        ("20-40:relu:dropout(0.2)-30:tanh-3", 500, false, 64, Some(0.5), 1),
        ("300-400:relu-900:relu-3", 260, true, 128, None, 2),
        ("300-400:relu-900:relu-3", 260, false, 128, Some(0.5), 2),
    ];
    for (network, count, sparse, batch, clip, threads) in cases {
        let width = network.split('-').next().unwrap().parse().unwrap();
        let data = points(count, width, sparse);
        let weights = (0..count).map(|i| [0.5, 1.0, 2.0, 0.0][i % 4]).collect();
        let (train, validation) = data.weighted(weights).unwrap().split(0.2, 0).unwrap();
        let fit = |device: Device, group: Option<Arc<dyn Group>>| -> Fit {
            let mut losses = Vec::new();
            let trainer = Trainer::new(network.parse().unwrap())
                .epochs(3)
                .batch_size(batch)
                .optimizer(Adam::new(0.003))
                .device(device)
                .validation(&validation)
                .on_event(|event| {
                    if let Event::Epoch { validation: Some(score), .. } = event {
                        losses.push(score.loss);
                    }
                    ControlFlow::Continue(())
                });
            let trainer = clip.into_iter().fold(trainer, Trainer::clip_grad_norm);
            let mut fit = match group {
                Some(group) => trainer.group(group).fit(&train).unwrap(),
                None => trainer.fit(&train).unwrap(),
            };
            // The validation's after the training's.
            fit.epoch_losses.extend(losses);
            fit
        };
        let cpu = Device::cpu().exact_threads(threads);
        for device in [cpu, Device::Reference] {
            if device == Device::Reference && width > 100 {
                continue;
            }
            let alone = fit(device, None);
            for count in [1, 2, 3, 7] {
                let all = ranks(count, |group| fit(device, Some(group)));
                let case = format!("{network}, {device}, {count} ranks");
                for other in &all {
                    assert_eq!(other.model.parameters(), all[0].model.parameters(), "{case}");
                    assert_eq!(other.epoch_losses, all[0].epoch_losses, "{case}");
                }
                for (ours, theirs) in all[0].epoch_losses.iter().zip(&alone.epoch_losses) {
                    assert!(difference(*ours, *theirs) < 2e-4, "{case}: {ours}, alone {theirs}");
                }
                let again = ranks(count, |group| fit(device, Some(group)));
                assert_eq!(again[0].model.parameters(), all[0].model.parameters(), "{case}");
            }
        }
    }
}

#[test]
fn the_number_of_threads_of_a_rank_changes_no_bit() {
    let all = [Precision::F32, Precision::Bf16];
    for (sparse, precision) in [false, true].into_iter().flat_map(|s| all.map(|p| (s, p))) {
        let data = points(300, 300, sparse);
        let fit = |threads| {
            let fits = ranks(2, |group| {
                let trainer = Trainer::new("300-500:relu-700:relu-3".parse().unwrap());
                let device = Device::cpu().exact_threads(threads);
                let trainer = trainer.epochs(2).batch_size(128).device(device);
                trainer.precision(precision).group(group).fit(&data).unwrap().model
            });
            fits[0].parameters().to_vec()
        };
        let one = fit(1);
        assert_eq!(one, fit(2));
        assert_eq!(one, fit(3));
    }
}

/// Of a rank without a sample in the last batch, too, rounded weights are those of now.
#[test]
fn ranks_multiply_in_bfloat16() {
    let data = points(129, 70, false);
    let fit = |precision: Precision, group: Option<Arc<dyn Group>>| {
        let trainer = Trainer::new("70-100:relu-80:relu-3".parse().unwrap()).precision(precision);
        let trainer = trainer.epochs(4).batch_size(64).optimizer(Adam::new(0.002));
        match group {
            Some(group) => trainer.group(group).fit(&data).unwrap(),
            None => trainer.fit(&data).unwrap(),
        }
    };
    let [single, alone] = [Precision::F32, Precision::Bf16].map(|precision| fit(precision, None));
    for count in [1, 2, 3] {
        let all = ranks(count, |group| fit(Precision::Bf16, Some(group)));
        for other in &all {
            assert_eq!(other.model.parameters(), all[0].model.parameters(), "{count} ranks");
        }
        for (ours, theirs) in all[0].epoch_losses.iter().zip(&alone.epoch_losses) {
            assert!(difference(*ours, *theirs) < 2e-3, "{count}: {ours}, alone {theirs}");
        }
        assert_ne!(all[0].model.parameters(), single.model.parameters());
    }
}

#[test]
fn a_checkpoint_is_resumed_by_any_number_of_ranks() {
    let data = points(400, 12, false);
    let trainer = || Trainer::new("12-20:relu-3".parse().unwrap()).epochs(6).batch_size(32);
    let half = ranks(3, |group| {
        let mut last = None;
        let keep = |checkpoint: Checkpoint| {
            if checkpoint.steps() == 39 {
                last = Some(checkpoint);
            }
        };
        trainer().group(group).on_checkpoint(Some(1), keep).fit(&data).map(|fit| (fit, last))
    });
    let (whole, checkpoint) = half.into_iter().next().unwrap().unwrap();
    let checkpoint = checkpoint.unwrap();
    let resume = |count| {
        let fits = ranks(count, |group| {
            trainer().group(group).resume(checkpoint.clone()).fit(&data).unwrap()
        });
        fits.into_iter().next().unwrap()
    };
    assert_eq!(resume(3).model.parameters(), whole.model.parameters());
    let other = resume(2);
    assert!(difference(other.final_loss, whole.final_loss) < 1e-4);
    let alone = trainer().resume(checkpoint.clone()).fit(&data).unwrap();
    assert!(difference(alone.final_loss, whole.final_loss) < 1e-4);
}

#[test]
fn all_end_when_one_asks_to() {
    let data = points(400, 12, false);
    let fits = ranks(3, |group| {
        let asks = group.rank() == 1;
        let trainer = Trainer::new("12-20:relu-3".parse().unwrap()).epochs(6).batch_size(32);
        let trainer = trainer.on_event(move |event| match event {
            Event::Step { step, .. } if *step >= 17 && asks => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        });
        trainer.group(group).fit(&data).unwrap()
    });
    assert!(fits.iter().all(|fit| fit.ended == Ended::Asked && fit.steps == 19));
    assert!(fits.iter().all(|fit| fit.model.parameters() == fits[0].model.parameters()));
}

#[test]
fn a_rank_that_ends_is_an_error_at_the_others_and_their_parameters_are_whole() {
    let data = points(400, 12, false);
    let lost = ranks(3, |group| -> Result<()> {
        let leaves = group.rank() == 2;
        let mut trainer = Trainer::new("12-20:relu-3".parse()?).batch_size(32).group(group);
        let mut training = trainer.start(&data)?;
        drop(trainer);
        for _ in 0..5 {
            training.advance()?;
        }
        if leaves {
            return Ok(());
        }
        let before = training.training().parameters();
        let error = training.advance().unwrap_err();
        assert!(matches!(error, Error::Group(_)), "{error}");
        assert_eq!(training.training().parameters(), before);
        assert_eq!(training.checkpoint().steps(), 5);
        Err(error)
    });
    assert!(lost[2].is_ok());
    for error in lost.into_iter().take(2).map(Result::unwrap_err) {
        assert_eq!(error.to_string(), "rank 2 has ended");
    }
}

#[test]
fn ranks_with_different_data_or_settings_are_refused() {
    let data = [points(400, 12, false), points(401, 12, false)];
    let train = |other_data: bool, other_seed: bool| {
        ranks(2, |group| {
            let other = group.rank() == 1;
            let trainer = Trainer::new("12-20:relu-3".parse().unwrap());
            let trainer = trainer.seed(u64::from(other && other_seed)).epochs(1).group(group);
            trainer.fit(&data[usize::from(other && other_data)]).map_err(|e| e.to_string())
        })
    };
    assert!(train(false, false).iter().all(Result::is_ok));
    // All ranks are told the same, so that none waits for one that has left.
    let told = |fits: Vec<Result<Fit, String>>| {
        let told: Vec<String> = fits.into_iter().map(Result::unwrap_err).collect();
        assert!(told.iter().all(|text| *text == told[0]), "{told:?}");
        told.into_iter().next().unwrap()
    };
    assert_eq!(told(train(true, false)), "rank 1 does not have rank 0's training data");
    assert_eq!(told(train(false, true)), "rank 1 does not have rank 0's network and settings");
}

#[test]
fn ranks_with_another_loss_clipping_temperature_or_precision_are_refused() {
    let data = points(400, 12, false);
    let train = |differ: fn(Trainer<'static>) -> Trainer<'static>| {
        ranks(2, |group| {
            let trainer = Trainer::new("12-20:relu-3".parse().unwrap()).epochs(1);
            let trainer = if group.rank() == 1 { differ(trainer) } else { trainer };
            trainer.group(group).fit(&data).map_err(|e| e.to_string())
        })
    };
    assert!(train(|trainer| trainer).iter().all(Result::is_ok));
    let loss = |trainer: Trainer<'static>| {
        let smoothed = Loss::CrossEntropyLoss { label_smoothing: 0.1, weight: None };
        trainer.loss(smoothed)
    };
    let others: [fn(Trainer<'static>) -> Trainer<'static>; 4] = [
        loss,
        |trainer| trainer.clip_grad_norm(0.5),
        |trainer| trainer.temperature(1.5),
        |trainer| trainer.precision(Precision::Bf16),
    ];
    for differ in others {
        let told = train(differ).into_iter().map(Result::unwrap_err);
        assert!(told.eq(vec!["rank 1 does not have rank 0's network and settings"; 2]));
    }
}

#[cfg(feature = "tune")]
mod studies {
    use reshet::tune::{Outcome, Record, Space, Study};

    use super::*;

    fn study() -> Study {
        let space = Space { depth: [1, 2], width: [2, 20], ..Space::default() };
        Study::new(space).epochs(9).trials(20).seed(3).jobs(1)
    }

    fn records(outcome: &Outcome) -> Vec<Record> {
        outcome.trials.iter().flat_map(|trial| trial.records.clone()).collect()
    }

    /// What rank 0 has after a study of so many ranks, or why each rank failed.
    fn run(count: usize, study: &Study, most: usize) -> Vec<Result<Vec<Record>, String>> {
        let splits = [points(200, 6, false).split(0.3, 0).unwrap()];
        ranks(count, |group| {
            let first = group.rank() == 0;
            let study = study.clone().group(group);
            if !first {
                let helped = study.help(&splits, || ControlFlow::Continue(()));
                return helped.map(|()| Vec::new()).map_err(|e| e.to_string());
            }
            let mut heard = 0;
            let outcome = study.watch(&splits, |event| {
                heard += usize::from(matches!(event, reshet::tune::Event::Trained(_)));
                if heard < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            outcome.map(|outcome| records(&outcome)).map_err(|e| e.to_string())
        })
    }

    #[test]
    fn the_same_seed_is_the_same_study_whatever_the_ranks() {
        let splits = [points(200, 6, false).split(0.3, 0).unwrap()];
        let alone = records(&study().run(&splits).unwrap());
        for count in [1, 2, 4] {
            let all = run(count, &study(), usize::MAX);
            assert!(all.iter().all(Result::is_ok), "{all:?}");
            assert_eq!(all[0].as_ref().unwrap(), &alone, "{count} ranks");
        }
        let part = run(3, &study(), 12)[0].clone().unwrap();
        assert!((12..alone.len()).contains(&part.len()));
        let whole = run(2, &study().resume(part), usize::MAX);
        assert_eq!(whole[0].as_ref().unwrap(), &alone);
    }

    #[test]
    fn a_helper_with_other_data_is_refused() {
        let all = ranks(2, |group| {
            let first = group.rank() == 0;
            let splits = [points(if first { 200 } else { 201 }, 6, false).split(0.3, 0).unwrap()];
            let study = study().group(group);
            match first {
                true => study.run(&splits).map(|_| ()),
                false => study.help(&splits, || ControlFlow::Continue(())),
            }
            .map_err(|e| e.to_string())
        });
        assert_eq!(all[1], Err("rank 1 does not have rank 0's data".into()));
        assert_eq!(all[0], all[1]);
    }

    #[test]
    fn a_helper_that_ends_does_not_leave_the_study_waiting() {
        let splits = [points(200, 6, false).split(0.3, 0).unwrap()];
        let all = ranks(3, |group| {
            let rank = group.rank();
            let study = study().trials(2000).group(group);
            match rank {
                0 => study.run(&splits).map(|_| ()).map_err(|e| e.to_string()),
                // It leaves without a word.
                1 => Ok(()),
                _ => study.help(&splits, || ControlFlow::Continue(())).map_err(|e| e.to_string()),
            }
        });
        assert_eq!(all[0], Err("rank 1 has ended".into()));
        let asked = ranks(2, |group| {
            let first = group.rank() == 0;
            let study = study().trials(2000).group(group);
            match first {
                true => study.run(&splits).map(|outcome| outcome.finished),
                false => study.help(&splits, || ControlFlow::Break(())).map(|()| true),
            }
        });
        assert!(!asked[0].as_ref().unwrap());
    }
}
