//! Products of large layers by cuBLASLt: as the kernel's, and left out where it does not work.
//!
//! The card and the library are the emulated ones (`gpu/emulation`), whose faults are those that their
//! process is started with: so each part is one of a process of its own, this program's. Without them
//! (no `RESHET_TEST_CUDA`, or a real card) nothing is asked.

use std::{env, process::Command};

use reshet::{
    Activation, Batch, CublasLt, Dataset, Device, Error, Event, Features, Layer, Loss, Optimizer,
    Precision, Storage, Targets, Training,
    prelude::*,
    rng::{Purpose, Stream},
};

/// Says that this is the other process.
const OTHER: &str = "RESHET_OTHER_PROCESS";

/// The products of the first check: two of each kind in each precision.
const CHECKED: usize = 18;

/// The emulated driver, which is cuBLASLt too.
fn emulated() -> Option<String> {
    env::var_os("RESHET_TEST_CUDA").and(env::var("RESHET_CUDA_DRIVER").ok())
}

fn is_other() -> bool {
    env::var_os(OTHER).is_some()
}

/// Runs a test of this file in another process, with these faults, where layers of 64 weights and
/// batches of 2 are large. None without the emulated card.
fn other(test: &str, faults: &str, library: Option<&str>) -> Option<Command> {
    let driver = emulated().filter(|_| !is_other())?;
    let mut other = Command::new(env::current_exe().unwrap());
    other.args(["--exact", test, "--nocapture"]).env(OTHER, "yes");
    other.env("RESHET_CUBLASLT", library.unwrap_or(&driver)).env("RESHET_CUBLASLT_FROM", "8");
    other.env("RESHET_EMULATION", faults);
    Some(other)
}

/// Runs it, and returns what it printed, which is to contain this.
#[track_caller]
fn passes(test: &str, faults: &str, library: Option<&str>, says: &str) {
    let Some(mut other) = other(test, faults, library) else { return };
    let output = other.output().unwrap();
    let [text, error] =
        [output.stdout, output.stderr].map(|o| String::from_utf8_lossy(&o).into_owned());
    assert!(output.status.success() && text.contains(says), "{faults}, {says}: {text}{error}");
}

fn number(place: u64, i: usize) -> f32 {
    2.0 * Stream::new(7, Purpose::Split, 0).uniform((place << 40) + i as u64) - 1.0
}

fn data(network: &Sequential, rows: usize, bytes: bool) -> Dataset {
    let (wide, outputs) = (network.inputs(), network.outputs());
    let inputs = (0..rows * wide).map(|i| number(1, i));
    let inputs = match bytes {
        true => Storage::U8(inputs.map(|x| (255.0 * x.abs()) as u8).collect()),
        false => Storage::F32(inputs.collect()),
    };
    let targets = (0..rows * outputs).map(|i| number(2, i)).collect();
    let features = Features::new(inputs, &[wide]).unwrap();
    Dataset::new(features, Targets::numbers(targets, outputs)).unwrap()
}

/// A training, with the library or without; how many layers it is for is said by its networks here.
struct Way {
    network: &'static str,
    optimizer: Optimizer,
    clip: Option<f32>,
    precision: Precision,
    bytes: bool,
}

fn ways() -> Vec<Way> {
    let networks = [
        // The first layer too, which takes its inputs from a matrix.
        "9-33:relu-17:tanh-3",
        // Not the first layer, or not the last; layers in between; one alone.
        "3-16:sigmoid-16:gelu-64",
        "40-24:silu-2-2-40:elu-8",
        "16-16",
        // What works on single values before, between and after the layers, and what needs rows.
        "12:dropout(0.2)-20:leaky_relu:dropout(0.3):tanh-20:dropout(0.1)-12",
        "softmax, 12-20:softmax-20:relu:softmax-12:tanh",
        "12-20:softmax-20",
        // Rounded to bfloat16 and TF32; wide, but not large on the card.
        "70-129:relu:dropout(0.2)-65:gelu-64",
    ];
    let adam: Optimizer = AdamW::new(0.01).into();
    let sgd = SGD { momentum: 0.9, weight_decay: 0.01, ..SGD::new(0.02) }.into();
    let mut ways = Vec::new();
    for network in networks {
        for precision in [Precision::F32, Precision::Bf16, Precision::Tf32] {
            for (optimizer, clip, bytes) in [(adam, None, true), (sgd, Some(0.05), false)] {
                ways.push(Way { network, optimizer, clip, precision, bytes });
            }
        }
    }
    ways
}

impl Way {
    fn network(&self) -> Sequential {
        let Some(after) = self.network.strip_prefix("softmax, ") else {
            return self.network.parse().unwrap();
        };
        let after: Sequential = after.parse().unwrap();
        let first = std::iter::once(Layer::from(Activation::Softmax));
        Sequential::new(first.chain(after.layers().iter().cloned())).unwrap()
    }

    fn training(&self, data: &Dataset, library: bool) -> Training {
        let setup = self.network().with_loss(Loss::MSELoss).seeded(5).precision(self.precision);
        let mut training = setup.on(Device::cuda(0).unwrap()).unwrap().attach(data).unwrap();
        training.allow_cublaslt(library).unwrap();
        training.clip_grad_norm(self.clip);
        training
    }
}

/// All that can be seen of some steps, taken in each of the ways there are.
fn course(training: &mut Training, data: &Dataset, optimizer: Optimizer) -> Vec<f32> {
    let batches: Vec<Batch> = data.loader(7).shuffled(1, 0).collect();
    let mut seen = Vec::new();
    // Stage by stage, and the gradient of two batches added up.
    training.forward(&batches[0]).unwrap();
    seen.extend(training.output(batches[0].len()));
    seen.push(training.backward().unwrap());
    seen.extend(training.gradients());
    training.forward(&batches[1]).unwrap();
    seen.push(training.accumulate().unwrap());
    seen.extend(training.gradients());
    training.update(optimizer).unwrap();
    // One by one; the last batch has other samples, and one of a single sample is never large.
    for batch in &batches {
        seen.push(training.step(batch, optimizer).unwrap());
    }
    seen.push(training.step(&batches[0][..1], optimizer).unwrap());
    // Many at once.
    let steps: Vec<_> = batches.iter().map(|batch| (&batch[..], optimizer)).collect();
    seen.extend(training.steps(&steps).unwrap());
    seen.extend(training.parameters());
    seen
}

#[test]
fn the_bits_of_the_kernel() {
    if !is_other() {
        return passes("the_bits_of_the_kernel", "", None, "by cuBLASLt 12.9.0");
    }
    for way in ways() {
        let data = data(&way.network(), 38, way.bytes);
        let mut with = way.training(&data, true);
        let mut without = way.training(&data, false);
        let used = Some(CublasLt::Used("12.9.0".into()));
        assert_eq!((with.cublaslt(), without.cublaslt()), (used, None), "{}", way.network);
        let got = course(&mut with, &data, way.optimizer);
        let want = course(&mut without, &data, way.optimizer);
        assert!(got == want, "{}, {}", way.network, way.precision);
    }
    println!("by cuBLASLt 12.9.0");
}

/// Trains; returns the parameters, by whom the last step was computed, and why not by the first device.
fn fit(fall_back: Option<Device>) -> (Vec<f32>, String, Option<String>) {
    let network: Sequential = "9-33:relu:dropout(0.1)-17:tanh-3".parse().unwrap();
    let data = data(&network, 38, false);
    let trainer = Trainer::new(network).device(Device::cuda(0).unwrap()).epochs(3).batch_size(10);
    let mut trainer = trainer.seed(3).optimizer(Adam::new(0.02)).fall_back(fall_back);
    let mut training = trainer.start(&data).unwrap();
    let library = match training.training().cublaslt() {
        Some(CublasLt::Used(version)) => format!("cuBLASLt {version}"),
        Some(CublasLt::LeftOut(why)) => format!("left out: {why}"),
        None => "the kernel".into(),
    };
    let (mut steps, mut gone) = (0, None);
    while let Some(event) = training.advance().unwrap() {
        match event {
            Event::Step { step, loss, .. } => {
                assert_eq!(step, steps, "each step is told once, in order");
                assert!(loss.is_finite());
                steps += 1;
            }
            Event::Device { device, why, .. } => {
                assert_eq!((device.name(), &gone), ("cpu", &None));
                gone = Some(why);
            }
            _ => {}
        }
    }
    assert_eq!(steps, 12);
    let checkpoint = training.checkpoint();
    let by = checkpoint.instructions().unwrap();
    let fit = training.finish();
    match (&fit.cublaslt, &gone) {
        (Some(CublasLt::Used(version)), None) => {
            assert_eq!(by, format!("cuda, cublaslt {version}"))
        }
        (_, None) => assert_eq!(by, "cuda"),
        _ => assert!(!by.contains("cu")),
    }
    (fit.model.parameters().to_vec(), library, gone)
}

/// The other process: trains where the training may go on elsewhere, and where it may not.
#[test]
fn a_trainer_in_the_other_process() {
    if !is_other() {
        return;
    }
    let (got, library, gone) = fit(Some(Device::cpu()));
    // What may not have other bits is the kernel's.
    let (want, kernel, never) = fit(None);
    assert_eq!((kernel.as_str(), never), ("the kernel", None));
    match &gone {
        // The processor has gone on: other bits, of the same numbers.
        Some(why) => {
            println!("gone: {why}");
            let near = |(g, w): (&f32, &f32)| (g - w).abs() < 1e-3 * (1.0 + w.abs());
            assert!(got.iter().zip(&want).all(near) && got != want);
        }
        None => assert!(got == want),
    }
    println!("by {library}");
}

#[test]
fn it_is_used_where_the_training_may_go_on_elsewhere() {
    passes("a_trainer_in_the_other_process", "", None, "by cuBLASLt 12.9.0");
}

#[test]
fn without_the_library_the_kernel_computes() {
    for (library, says) in [
        ("", "left out: RESHET_CUBLASLT turns it off"),
        ("no/such/library.so", "left out: no/such/library.so"),
        ("libm.so.6", "left out: libm.so.6 is no cuBLASLt, or too old: it has no cublasLtCreate"),
    ] {
        passes("a_trainer_in_the_other_process", "", Some(library), says);
    }
    let says = "left out: cuBLASLt fails (cublasLtCreate, status 1)";
    passes("a_trainer_in_the_other_process", "cublaslt-missing", None, says);
}

/// Where none is named, the newest that works is taken.
#[test]
#[cfg(target_os = "linux")]
fn the_library_is_found() {
    let Some(driver) = emulated().filter(|_| !is_other()) else { return };
    let run = |libraries: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        for (name, file) in libraries {
            std::os::unix::fs::symlink(file, folder.path().join(name)).unwrap();
        }
        let mut other = other("a_trainer_in_the_other_process", "", None).unwrap();
        let output =
            other.env_remove("RESHET_CUBLASLT").env("LD_LIBRARY_PATH", folder.path()).output();
        String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
    };
    // A library that is there, and is none of cuBLASLt.
    let wrong = std::fs::read_to_string("/proc/self/maps").unwrap();
    let wrong = wrong.split_whitespace().find(|word| word.contains("/libc.so")).unwrap();
    let (newest, newer) = ("libcublasLt.so.13", "libcublasLt.so.12");
    let used = "by cuBLASLt 12.9.0";
    assert!(run(&[(newer, &driver)]).contains(used));
    assert!(run(&[(newest, wrong), (newer, &driver)]).contains(used));
    let none = run(&[(newest, wrong)]);
    assert!(none.contains("left out: libcublasLt.so.13 is no cuBLASLt, or too old"), "{none}");
    let none = run(&[]);
    assert!(
        none.contains("left out: there is no libcublasLt.so.13, libcublasLt.so.12 or"),
        "{none}"
    );
}

#[test]
fn a_first_check_that_fails_leaves_it_out() {
    for n in 1..=CHECKED {
        let wrong = "left out: it does not compute what it should";
        passes("a_trainer_in_the_other_process", &format!("cublaslt-wrong={n}"), None, wrong);
    }
    let none = "left out: cuBLASLt has no algorithm for a product";
    for n in 1..=CHECKED / 2 {
        let faults = format!("cublaslt-no-algorithm={n}");
        passes("a_trainer_in_the_other_process", &faults, None, none);
    }
}

#[test]
fn a_batch_without_an_algorithm_is_the_kernel_s() {
    for n in 1..=12 {
        let faults = format!("cublaslt-no-algorithm={}", CHECKED / 2 + n);
        passes("a_trainer_in_the_other_process", &faults, None, "by cuBLASLt 12.9.0");
    }
}

#[test]
fn no_room_for_the_workspace_leaves_it_out() {
    let says = "left out: device cuda: the workspace of cuBLASLt: 34 MB do not fit";
    passes("a_trainer_in_the_other_process", "memory=30000000", None, says);
}

#[test]
fn the_processor_goes_on_when_it_fails() {
    // In the first step, in a later one, and in the last: two products forward, one backward, and two
    // of gradients in each of twelve.
    for n in [1, 2, 3, 5, 6, 31, 60] {
        let faults = format!("cublaslt-fails={}", CHECKED + n);
        let says = "gone: device cuda: cuBLASLt fails (cublasLtMatmul, status 13)";
        passes("a_trainer_in_the_other_process", &faults, None, says);
    }
}

/// The other process: takes a step by itself.
#[test]
fn a_step_in_the_other_process() {
    if !is_other() {
        return;
    }
    let network: Sequential = "9-33:relu-3".parse().unwrap();
    let data = data(&network, 8, false);
    let setup = network.with_loss(Loss::MSELoss).on(Device::cuda(0).unwrap()).unwrap();
    let mut training = setup.attach(&data).unwrap();
    training.allow_cublaslt(true).unwrap();
    let batch = data.loader(8).next().unwrap();
    match training.step(&batch, Adam::new(0.01)) {
        Err(Error::Device(why)) => println!("the step: {why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn whoever_takes_a_step_is_told_that_it_failed() {
    let says = "the step: device cuda: cuBLASLt fails (cublasLtMatmul, status 13)";
    let faults = format!("cublaslt-fails={}", CHECKED + 1);
    passes("a_step_in_the_other_process", &faults, None, says);
}

/// The other process: asks for a number of inputs that is none.
#[test]
fn a_wrong_number_in_the_other_process() {
    if !is_other() {
        return;
    }
    // SAFETY: this process runs this test alone.
    unsafe { env::set_var("RESHET_CUBLASLT_FROM", "many") };
    let network: Sequential = "9-33:relu-3".parse().unwrap();
    let data = data(&network, 8, false);
    let setup = network.with_loss(Loss::MSELoss).on(Device::cuda(0).unwrap()).unwrap();
    let error = setup.attach(&data).unwrap().allow_cublaslt(true).unwrap_err();
    println!("{error}");
}

#[test]
fn from_which_number_on_is_a_number() {
    let says = "RESHET_CUBLASLT_FROM is \"many\", not a number of inputs";
    passes("a_wrong_number_in_the_other_process", "", None, says);
}
