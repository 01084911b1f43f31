//! `--device cuda`: without a card, with one, and with one that fails.
//!
//! `RESHET_TEST_CUDA` says that the driver of `RESHET_CUDA_DRIVER` is the emulated one
//! (`gpu/emulation`), which fails as it is told; without it only the first test asks anything.

mod place;

use std::process::Output;

use place::{Place, noisy_table, text};

const TRAIN: &str = "train t.csv --hidden 8 --epochs 3 --batch-size 32 --effort 0 --out run";

fn place() -> Place {
    let place = Place::new();
    place.write("t.csv", noisy_table(600));
    place
}

/// Whether there is an emulated card.
fn emulated() -> bool {
    std::env::var_os("RESHET_TEST_CUDA").is_some()
}

/// Runs on the emulated card, with these faults.
fn run(place: &Place, args: &str, faults: &str) -> Output {
    place.command(args).env("RESHET_EMULATION", faults).output().unwrap()
}

/// Runs into an error of the device, which says so.
#[track_caller]
fn fails(place: &Place, args: &str, faults: &str, says: &str) {
    let output = run(place, args, faults);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{faults}: {error}");
    assert!(error.contains("error: device cuda: "), "{faults}: {error}");
    assert!(error.contains(says) && !error.contains("panicked"), "{faults}: {error}");
}

#[test]
fn without_a_driver_it_says_so() {
    let place = place();
    let mut command = place.command(&format!("{TRAIN} --device cuda"));
    let output = command.env("RESHET_CUDA_DRIVER", "no/such/library.so").output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let says = if cfg!(any(target_os = "linux", windows)) { "no CUDA driver" } else { "no GPU" };
    assert!(error.contains(says) && error.contains("use cpu"), "{error}");
    assert!(!place.path("run").exists());
}

#[test]
fn trains_as_the_processor_does() {
    if !emulated() {
        return;
    }
    let place = place();
    let losses = |device: &str| {
        let args = format!("{TRAIN}-{device} --device {device} --json");
        let output = run(&place, &args, "");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["device"], device);
        (report["final_loss"].as_f64().unwrap(), text(&output.stderr))
    };
    let ((cuda, warned), (cpu, _)) = (losses("cuda"), losses("cpu"));
    assert!((cuda - cpu).abs() < 1e-4 * cpu.abs(), "{cuda} {cpu}");
    assert!(warned.contains("emulated card only"), "{warned}");
}

/// A precision that cards alone have.
#[test]
fn tf32_is_of_cards() {
    let place = place();
    let train = TRAIN.replace("--hidden 8", "--hidden 64,64");
    let output = run(&place, &format!("{train} --precision tf32"), "");
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("--precision tf32 is of graphics cards"), "{error}");
    assert!(!place.path("run").exists());
    if !emulated() {
        return;
    }
    let report = |precision: &str| -> serde_json::Value {
        let args =
            format!("{train}-{precision} --device cuda --precision {precision} --json --seed 1");
        let output = run(&place, &args, "");
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (rounded, exact) = (report("tf32"), report("f32"));
    assert_eq!((&rounded["precision"], &exact["precision"]), (&"tf32".into(), &"f32".into()));
    let loss = |report: &serde_json::Value| report["final_loss"].as_f64().unwrap();
    assert!(loss(&rounded) != loss(&exact));
    assert!((loss(&rounded) - loss(&exact)).abs() < 0.01 * loss(&exact));

    // Without the card it goes on in f32, which is said; to more epochs, as it is done.
    let on = "train --resume run-tf32 --device cpu --epochs 9";
    let output = run(&place, &format!("{on} --same-bits"), "");
    assert!(text(&output.stderr).contains("goes on with"), "{}", text(&output.stderr));
    let output = run(&place, on, "");
    let error = text(&output.stderr);
    assert!(output.status.success() && error.contains("computed with cuda"), "{error}");
    // And then on a card again, in f32 as before.
    let output = run(&place, "train --resume run-tf32 --device cuda --epochs 10", "");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn what_a_card_lacks_is_told() {
    if !emulated() {
        return;
    }
    let place = place();
    let train = format!("{TRAIN} --device cuda");
    for (faults, says) in [
        ("no-device", "the driver finds no card"),
        ("driver=11040", "the driver is of CUDA 11.4 and 12.0 is needed"),
        ("capability=61", "compute capability 6.1 and 7.5 is needed"),
        ("compiler=log", "a PTX JIT compilation failed, error 218): ptxas application ptx input"),
        ("compiler=log", "Unsupported .version 8.0"),
        ("compiler=long", "Unsupported .version 8.0"),
        ("compiler=missing", "PTX JIT compiler library not found, error 221"),
        ("memory=100", "do not fit into the card's memory"),
    ] {
        fails(&place, &train, faults, says);
    }
    // Data that does not fit is copied batch by batch; whatever else does not is told.
    for n in 1..25 {
        let output = run(&place, &format!("{train} --force"), &format!("allocation={n}"));
        let error = text(&output.stderr);
        assert!(!error.contains("panicked"), "{n}: {error}");
        assert!(output.status.success() || error.contains("error: device cuda: "), "{n}: {error}");
        assert!(output.status.success() || error.contains("MB are free"), "{n}: {error}");
    }
}

#[test]
fn the_processor_goes_on_when_a_card_vanishes() {
    if !emulated() {
        return;
    }
    let place = place();
    let (mut fallen, mut trained) = (0, 0);
    for n in [25, 40, 60, 100, 140, 180, 240, 400] {
        let train = format!("{TRAIN} --device cuda --checkpoint-every 5 --force --json");
        let output = run(&place, &train, &format!("vanish={n}"));
        let error = text(&output.stderr);
        assert!(output.status.success() && !error.contains("panicked"), "{n}: {error}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report["final_loss"].as_f64().unwrap().is_finite());
        let said = error.matches("the training goes on on cpu").count();
        assert!(said <= 1, "{n}: {error}");
        // A card that fails after the training only tests no more.
        let by = if said == 1 { "cpu" } else { "cuda" };
        assert_eq!(report["finished_on"], by, "{n}: {error}");
        let log = std::fs::read_to_string(place.path("run/log.jsonl")).unwrap();
        assert_eq!(log.matches("\"device\":\"cpu\"").count(), said, "{n}: {log}");
        fallen += said;
        trained += 1 - said;
    }
    assert!(fallen > 0 && trained > 0, "{fallen} {trained}");
}

#[test]
fn a_card_that_vanishes_loses_nothing_that_was_saved() {
    if !emulated() {
        return;
    }
    let place = place();
    // With these bits or none.
    let train = format!("{TRAIN} --device cuda --checkpoint-every 5 --force --same-bits");
    let (mut resumed, mut trained) = (0, 0);
    // The test of the trained network is five copies and launches or more.
    for n in [1, 5, 17, 25, 40].into_iter().chain((60..).step_by(4)) {
        let output = run(&place, &train, &format!("vanish={n}"));
        let error = text(&output.stderr);
        assert!(error.contains("device cuda: the card failed"), "{n}: {error}");
        assert!(!error.contains("panicked"), "{n}: {error}");
        if output.status.success() {
            // It had been trained; the processor tested it.
            assert!(error.contains("tested on the processor"), "{n}: {error}");
            trained += 1;
            break;
        }
        assert_eq!(output.status.code(), Some(1), "{n}: {error}");
        assert!(!place.path("run/model.safetensors").exists(), "{n}");
        if place.path("run/checkpoint.safetensors").exists() {
            assert!(error.contains("go on from the last checkpoint"), "{n}: {error}");
            let output = run(&place, "train --resume run --device cpu", "");
            assert!(output.status.success(), "{n}: {}", text(&output.stderr));
            assert!(place.path("run/model.safetensors").exists(), "{n}");
            resumed += 1;
        }
    }
    assert!(resumed > 0 && trained > 0, "{resumed} {trained}");
}

/// Large layers are computed by cuBLASLt where the bits need not be the same, and a run says so.
#[test]
fn a_run_says_that_cublaslt_computed() {
    let (true, Ok(library)) = (emulated(), std::env::var("RESHET_CUDA_DRIVER")) else { return };
    let place = place();
    let run = |args: &str, faults: &str| -> Output {
        let mut command = place.command(args);
        command.env("RESHET_CUBLASLT", &library).env("RESHET_CUBLASLT_FROM", "8");
        command.env("RESHET_EMULATION", faults).output().unwrap()
    };
    let train = TRAIN.replace("--hidden 8", "--hidden 16,16").replace("--out run", "--force");
    let report = |name: &str, args: &str, faults: &str| -> serde_json::Value {
        let args = format!("{train} --out {name} --device cuda --seed 1 --json {args}");
        let output = run(&args, faults);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let every = "--checkpoint-every 5";
    let by = report("by", every, "");
    assert_eq!((&by["cublaslt"], &by["device"]), (&"12.9.0".into(), &"cuda".into()));
    for (args, faults) in [("--same-bits", ""), ("", "cublaslt-wrong=3")] {
        let without = report("without", args, faults);
        assert_eq!(without.get("cublaslt"), None, "{args}{faults}");
        // The emulated one has the kernel's bits.
        assert_eq!(without["final_loss"], by["final_loss"], "{args}{faults}");
    }
    let fallen = report("fallen", every, "cublaslt-fails=80");
    assert_eq!((&fallen["cublaslt"], &fallen["finished_on"]), (&"12.9.0".into(), &"cpu".into()));

    let plain = |faults: &str| {
        let output = run(&format!("{train} --out plain --device cuda"), faults);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(plain("").contains("products of large layers by cuBLASLt 12.9.0"));
    let left_out = "without cuBLASLt for large layers: it does not compute what it should";
    assert!(plain("cublaslt-wrong=3").contains(left_out));

    // It goes on by cuBLASLt, of which there is nothing to say; and not where bits have to be the same.
    let on = "train --resume by --device cuda --epochs 5";
    let output = run(&format!("{on} --same-bits"), "");
    let error = text(&output.stderr);
    assert!(!output.status.success(), "{error}");
    assert!(
        error.contains("computed with cuda, cublaslt 12.9.0, and goes on with cuda"),
        "{error}"
    );
    let output = run(on, "");
    let error = text(&output.stderr);
    assert!(output.status.success() && !error.contains("computed with"), "{error}");
    let output = run("train --resume by --device cpu --epochs 6", "");
    assert!(text(&output.stderr).contains("computed with cuda, cublaslt 12.9.0"));
}
