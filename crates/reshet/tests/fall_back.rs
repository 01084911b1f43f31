//! A training whose graphics card fails goes on on the processor, and loses nothing.
//!
//! The card is the emulated one (`gpu/emulation`), which fails as it is told when its process
//! starts: so each training is one of a process of its own, this program's. Without it (no
//! `RESHET_TEST_CUDA`) nothing is asked.

use std::{
    env,
    ops::ControlFlow,
    path::Path,
    process::{Command, Output},
};

use reshet::{
    Dataset, Device, Ended, Error, Event, Features, Fit, Precision, Storage, Targets,
    data::{Bounds, npy, table::Streamed},
    prelude::*,
};

/// Says in the environment of the other process what it trains.
const WAY: &str = "RESHET_FALL_BACK";

/// The ways to train.
const WAYS: [&str; 6] = ["fit", "in tf32", "stopped", "by hand", "stages", "portions"];

fn emulated() -> bool {
    env::var_os("RESHET_TEST_CUDA").is_some()
}

fn data(rows: usize) -> Dataset {
    let value = |i: usize| ((i * 7919) % 1000) as f32 / 500.0 - 1.0;
    let x = Features::new(Storage::F32((0..3 * rows).map(value).collect()), &[3]).unwrap();
    let y = (0..rows).map(|i| value(3 * i) * value(3 * i + 1)).collect();
    Dataset::new(x, Targets::numbers(y, 1)).unwrap()
}

fn trainer<'a>(device: Device) -> Trainer<'a> {
    let network: Sequential = "3-16:tanh:dropout(0.1)-8:relu-1".parse().unwrap();
    let trainer = Trainer::new(network).device(device).epochs(4).batch_size(10).seed(3);
    let trainer = trainer.optimizer(Adam::new(0.02)).schedule(Schedule::OneCycleLR);
    trainer.validation(&data(20)).patience(3)
}

/// What a training has told and given.
#[derive(Default)]
struct Course {
    losses: Vec<f32>,
    validation: Vec<f64>,
    parameters: Vec<f32>,
    updates: Vec<usize>,
    fell_back: usize,
}

impl Course {
    fn see(&mut self, event: &Event) {
        match event {
            Event::Step { step, loss, .. } => {
                assert_eq!(*step, self.losses.len(), "each step is told once, in order");
                self.losses.push(*loss);
            }
            Event::Epoch { epoch, validation, .. } => {
                assert_eq!(*epoch, self.validation.len());
                self.validation.push(validation.as_ref().unwrap().loss);
            }
            Event::Device { step, device, why } => {
                assert_eq!(*step, self.losses.len());
                assert_eq!(device.name(), "cpu");
                assert!(why.contains("device cuda: "), "{why}");
                self.fell_back += 1;
            }
            _ => {}
        }
    }

    fn end(&mut self, fit: &Fit, ended: Ended) {
        assert_eq!((fit.steps, fit.ended), (self.losses.len(), ended));
        self.parameters = fit.model.parameters().to_vec();
    }
}

/// Rows that are read portion by portion.
fn streamed(folder: &Path) -> reshet::Result<Streamed> {
    let (rows, width) = (9_000usize, 40);
    let mut bytes: Vec<u8> = b"\x93NUMPY\x01\x00".into();
    let header =
        format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({rows}, {width}), }}\n");
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend((0..rows * width).map(|i: usize| ((i % 1000 * 7919) % 251) as u8));
    let path = folder.join("x.npy");
    std::fs::write(&path, bytes).unwrap();
    let y = (0..rows).map(|row| ((row * width % 1000 * 7919) % 251) as f32 / 251.0).collect();
    let parts = npy::Parts { test: 0.1, validation: 0.0, seed: 3, scale: true };
    let bounds = Bounds { memory: 8 << 20, folder: folder.to_path_buf() };
    let go_on = &mut |_, _| ControlFlow::Continue(());
    npy::stream(&[path], Targets::numbers(y, 1), &parts, &bounds, go_on)
}

/// Trains in one of the ways.
fn train(way: &str, device: Device) -> reshet::Result<Course> {
    let (data, mut course) = (data(95), Course::default());
    let mut trainer = trainer(device);
    match way {
        "fit" | "stopped" | "in tf32" => {
            let stops = way == "stopped";
            let mut kept = Vec::new();
            if way == "in tf32" && device != Device::cpu() {
                // A card's precision: the processor goes on in f32. No layer is wide, so both compute
                // the same.
                trainer = trainer.precision(Precision::Tf32);
            }
            let fit = trainer
                .on_event(|event| {
                    course.see(event);
                    let there = stops && course.losses.len() == 17;
                    if there { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })
                .on_checkpoint(Some(6), |checkpoint| kept.push(checkpoint.steps()))
                .fit(&data)?;
            course.end(&fit, if stops { Ended::Asked } else { Ended::Done });
            course.updates = kept;
        }
        "by hand" | "stages" => {
            let mut training = trainer.start(&data)?;
            loop {
                if way == "stages" && course.losses.len() % 4 == 1 && training.epoch() < 4 {
                    // In the last batch of an epoch there may be none left.
                    if training.forward().is_ok() && course.losses.len() % 8 == 1 {
                        let loss = training.backward()?;
                        assert!(loss.is_finite());
                        course.see(&training.update()?);
                        continue;
                    }
                }
                // Whoever is given the training may have changed it, between two stages too.
                training.training();
                let Some(event) = training.advance()? else { break };
                course.see(&event);
            }
            course.end(&training.finish(), Ended::Done);
        }
        "portions" => {
            let folder = tempfile::tempdir().unwrap();
            let streamed = streamed(folder.path())?;
            let network: Sequential = "40-8:relu-1".parse().unwrap();
            let trainer = Trainer::new(network).device(device).epochs(2).batch_size(1000).seed(5);
            let trainer = trainer.streamed(&streamed.rows);
            let trainer = trainer.validation(&streamed.prepared.train);
            let fit = trainer
                .on_event(|event| {
                    course.see(event);
                    ControlFlow::Continue(())
                })
                .fit(&streamed.prepared.train)?;
            course.end(&fit, Ended::Done);
        }
        _ => panic!("{way}"),
    }
    Ok(course)
}

/// The other process: trains on the card, and holds what comes of it against the processor's.
#[test]
fn the_other_process() {
    let Ok(way) = env::var(WAY) else { return };
    let cuda = match Device::cuda(0) {
        Ok(cuda) => cuda,
        Err(error) => return println!("at the start: {error}"),
    };
    let got = match train(&way, cuda) {
        Ok(got) => got,
        // There was nothing yet to go on from.
        Err(error @ Error::Device(_)) => return println!("at the start: {error}"),
        Err(error) => panic!("{error}"),
    };
    let want = train(&way, Device::cpu()).unwrap();
    let close = |got: &[f32], want: &[f32]| {
        assert_eq!(got.len(), want.len());
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-3 * (1.0 + want.abs()), "{got} {want}");
        }
    };
    close(&got.losses, &want.losses);
    close(&got.parameters, &want.parameters);
    assert_eq!((got.validation.len(), &got.updates), (want.validation.len(), &want.updates));
    assert!(got.fell_back <= 1);
    println!("{}", if got.fell_back == 1 { "fell back" } else { "whole" });
}

/// The other process: trains on the card alone.
#[test]
fn the_other_process_on_a_card_alone() {
    if env::var_os(WAY).is_none() {
        return;
    }
    let trainer = trainer(Device::cuda(0).unwrap()).fall_back(None);
    match trainer.fit(&data(95)) {
        Ok(_) => println!("whole"),
        Err(Error::Device(why)) => println!("ended: {why}"),
        Err(error) => panic!("{error}"),
    }
}

/// Has the other process train, on a card with these faults.
fn other(test: &str, way: &str, faults: &str) -> Output {
    let mut other = Command::new(env::current_exe().unwrap());
    other.args(["--exact", test, "--nocapture"]);
    other.env(WAY, way).env("RESHET_EMULATION", faults).output().unwrap()
}

#[test]
fn a_training_can_be_told_to_end_with_its_card() {
    if !emulated() || env::var_os(WAY).is_some() {
        return;
    }
    for (faults, says) in [("vanish=30", "ended: device cuda: the card failed"), ("", "whole")] {
        let output = other("the_other_process_on_a_card_alone", "alone", faults);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains(says), "{faults}: {text}");
    }
}

#[test]
fn the_processor_goes_on() {
    if !emulated() || env::var_os(WAY).is_some() {
        return;
    }
    for way in WAYS {
        let (mut starts, mut fallen, mut whole) = (0, 0, 0);
        let (mut n, mut after) = (1usize, 0);
        // Past the last thing that the card does, nothing fails.
        while after < 2 {
            for fault in ["vanish", "allocation"] {
                let output = other("the_other_process", way, &format!("{fault}={n}"));
                let text = String::from_utf8_lossy(&output.stdout);
                let error = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{way}, {fault}={n}: {text}{error}");
                starts += usize::from(text.contains("at the start: "));
                fallen += usize::from(text.contains("fell back"));
                whole += usize::from(text.contains("whole"));
                after += usize::from(fault == "vanish" && text.contains("whole"));
            }
            n += n.div_ceil(3);
            assert!(n < 10_000, "{way}: the card never trains to the end");
        }
        assert!(starts > 0 && fallen > 0 && whole > 0, "{way}: {starts} {fallen} {whole}");
    }
}
