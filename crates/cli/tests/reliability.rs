//! What a run survives, and what is told: see `docs/reliability.md`.

mod place;

use std::{
    fs,
    io::Read,
    process::{Child, Command, Stdio},
    time::Duration,
};

use place::{Place, noisy_table, text};
use reshet::prelude::*;

fn place() -> Place {
    let place = Place::new();
    place.write("t.csv", noisy_table(600));
    place
}

const SHORT: &str = "train t.csv --hidden 8 --epochs 2 --batch-size 32 --checkpoint-every 5 -q";
const LONG: &str = "train t.csv --hidden 8 --epochs 1000000 --batch-size 32 -q";

fn wait_for(place: &Place, file: &str) {
    while !place.path(file).exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until this process has the folder, and writes its log there.
fn wait_for_run(place: &Place, folder: &str, child: &Child) {
    let lock = place.path(&format!("{folder}/.lock"));
    let id = child.id().to_string();
    while !fs::read_to_string(&lock).is_ok_and(|holder| holder.trim() == id) {
        std::thread::sleep(Duration::from_millis(5));
    }
    wait_for(place, &format!("{folder}/config.toml"));
    wait_for(place, &format!("{folder}/log.jsonl"));
}

#[test]
fn a_folder_has_one_run_at_a_time() {
    let place = place();
    let mut child = place.command(&format!("{LONG} --out run")).spawn().unwrap();
    wait_for(&place, "run/log.jsonl");
    let by = format!("run: process {} is writing to it", child.id());
    for call in [format!("{SHORT} --out run"), format!("{SHORT} --out run --force")] {
        let output = place.run(&call);
        assert_eq!(output.status.code(), Some(2), "{call}");
        assert!(text(&output.stderr).contains(&by), "{}", text(&output.stderr));
    }
    // The lock of a killed process holds nobody up, and what it has left unfinished goes.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(place.path("run/.lock").exists());
    place.write("run/.reshet-1-0", "half");
    place.done(&format!("{SHORT} --out run --force"));
    for file in ["run/.lock", "run/.reshet-1-0", "run/.replaced"] {
        assert!(!place.path(file).exists(), "{file}");
    }
    // Each of several at once finds a name of its own.
    let children: Vec<_> = (0..4).map(|_| place.command(SHORT).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    for n in 1..=4 {
        assert!(place.path(&format!("runs/t-{n}/model.safetensors")).exists(), "{n}");
    }
}

#[cfg(unix)]
#[test]
fn an_overwritten_run_is_kept_until_there_is_a_new_model() {
    let place = place();
    place.done(&format!("{SHORT} --out run"));
    place.write("run/notes.txt", "mine");
    let (model, config) = (place.read("run/model.safetensors"), place.read("run/config.toml"));
    let mut child = place.command(&format!("{LONG} --out run --force")).spawn().unwrap();
    wait_for(&place, "run/.replaced/model.safetensors");
    wait_for_run(&place, "run", &child);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.path("run/model.safetensors").exists());
    assert!(place.read("run/.replaced/model.safetensors") == model);
    // A second one, killed too, does not take the place of a run that had come to something.
    let mut child = place.command(&format!("{LONG} --out run --force")).spawn().unwrap();
    wait_for(&place, "run/.replaced/model.safetensors");
    wait_for_run(&place, "run", &child);
    Command::new("kill").args(["-KILL", &child.id().to_string()]).status().unwrap();
    child.wait().unwrap();
    assert!(place.read("run/.replaced/config.toml") == config);
    place.done(&format!("{SHORT} --out run --force --seed 1"));
    assert!(place.read("run/model.safetensors") != model);
    assert!(!place.path("run/.replaced").exists());
    assert_eq!(place.read("run/notes.txt"), b"mine");
}

#[test]
fn a_reader_that_goes_away_does_not_end_the_work() {
    let place = place();
    for call in [
        "train t.csv --hidden 8 --epochs 30 --out train",
        "tune t.csv --trials 3 --epochs 3 --validation 0.2 --out tune",
    ] {
        let mut child =
            place.command(call).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{call}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("panicked"), "{}", text(&output.stderr));
    }
    assert!(place.path("train/report.json").exists());
    assert!(place.path("tune/best/model.safetensors").exists());
    let mut child = place.command("completions bash").stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn a_second_interrupt_says_saved_only_of_what_is() {
    let place = place();
    for (n, pause) in [0, 0, 1, 2, 5, 20].into_iter().enumerate() {
        let out = format!("run{n}");
        let mut child =
            place.command(&format!("{LONG} --out {out}")).stderr(Stdio::piped()).spawn().unwrap();
        wait_for(&place, &format!("{out}/log.jsonl"));
        let kill = || {
            Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        };
        kill();
        std::thread::sleep(Duration::from_millis(pause));
        kill();
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        let code = child.wait().unwrap().code();
        let saved = place.path(&format!("{out}/report.json")).exists();
        match code {
            Some(1) => assert!(
                error.contains("stopped at once") && error.contains("what was written stays"),
                "{error}"
            ),
            Some(130) => assert!(saved, "{error}"),
            other => panic!("{other:?}: {error}"),
        }
        assert!(!error.contains("the model so far is in") || saved, "{error}");
        assert!(
            !place.path(&format!("{out}/model.safetensors")).exists() || {
                place.done(&format!("test {out} t.csv"));
                true
            }
        );
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_that_saves_nothing_is_a_failure() {
    let place = place();
    let call = "train t.csv --hidden 64 --epochs 1000000 --folds 3 --out run";
    let interrupted_after = |pause: u64| {
        let mut child = place.command(call).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(pause));
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        let mut error = String::new();
        child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        (child.wait().unwrap().code(), error)
    };
    // A slow machine may not have come to the handler yet, and is ended by the signal.
    let mut pauses = [300, 3000, 30_000].into_iter().map(interrupted_after);
    let (code, error) = pauses.find(|(code, _)| code.is_some()).unwrap();
    assert_eq!(code, Some(1), "{error}");
    assert!(error.contains("error: interrupted in fold 1 of 3: nothing is saved"), "{error}");
    assert!(!place.path("run").exists());
}

#[test]
fn a_run_goes_on_with_its_own_settings_or_says_what_is_new() {
    let place = place();
    place.done(&format!("{SHORT} --out run --dropout 0.1"));
    let config = text(&place.read("run/config.toml"));
    for (from, to, says) in [
        ("batch-size = 32", "batch-size = 64", "batch-size: 32 → 64"),
        ("dropout = 0.1", "dropout = 0.2", "dropout: 0.1 → 0.2"),
        ("dropout = 0.1", "", "dropout: 0.1 → "),
        ("epochs = 2", "epochs = 2\nclip-norm = 1.0", "clip-norm: not set → 1"),
    ] {
        assert!(config.contains(from), "{config}");
        place.write("run/config.toml", config.replace(from, to));
        place.fails("train --resume run", 3, says);
    }
    place.write("run/config.toml", config.replace("epochs = 2", "epochs = 3"));
    let (_, said) = place.both("train --resume run");
    assert!(said.contains("changed since the checkpoint: epochs: 2 → 3"), "{said}");
    // Where the data are may change, if they are the same.
    fs::rename(place.path("t.csv"), place.path("u.csv")).unwrap();
    place.write("run/config.toml", text(&place.read("run/config.toml")).replace("t.csv", "u.csv"));
    place.done("train --resume run --epochs 4 -q");
    place.fails("train --resume run --epochs 3", 2, "the run has had 4 already");
    assert!(text(&place.read("run/config.toml")).contains("epochs = 4"));
}

#[test]
fn a_run_that_goes_on_elsewhere_says_so() {
    let place = place();
    place.done(&format!("{SHORT} --out run"));
    place.done("train --resume run --same-bits --epochs 3 -q");
    let resume = |flags: &str| {
        let mut command = place.command(&format!("train --resume run --epochs 4 -q {flags}"));
        command.env("RESHET_INSTRUCTIONS", "portable").output().unwrap()
    };
    // Where there is nothing but portable code there is nothing to be told.
    if place.json("train t.csv --epochs 1 --json -q")["instructions"] == "portable" {
        return;
    }
    let refused = resume("--same-bits");
    let error = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("--same-bits: the run was computed with "), "{error}");
    let told = resume("");
    let error = text(&told.stderr);
    assert_eq!(told.status.code(), Some(0), "{error}");
    assert!(error.contains("and goes on with portable"), "{error}");
}

#[test]
fn a_run_keeps_its_precision() {
    let place = place();
    let wide = SHORT.replace("--hidden 8", "--hidden 64,64").replace(" -q", "");
    let said = place.done(&format!("{wide} --precision bf16 --out run"));
    assert!(said.contains(", bf16; "), "{said}");
    assert!(text(&place.read("run/config.toml")).contains("precision = \"bf16\""));
    place.fails("train --resume run --precision f32", 2, "a run goes on with its own settings");
    let report = place.json("train --resume run --epochs 3 --json -q");
    assert_eq!(report["precision"], "bf16");
    // Where the processor has no instructions for it, auto is f32.
    let mut auto = place.command(&format!("{wide} --precision auto --out auto"));
    let said = auto.env("RESHET_INSTRUCTIONS", "portable").output().unwrap();
    let said = text(&said.stdout);
    assert!(said.contains("precision: f32 (this processor has no instr"), "{said}");
    // It goes on in f32 also where auto would now be bf16.
    let report = place.json("train --resume auto --epochs 3 --json -q");
    assert_eq!(report["precision"], "f32");
    let narrow = place.done(&format!("{} --precision bf16 --out narrow", SHORT.replace(" -q", "")));
    assert!(narrow.contains("bf16 makes this training no faster: no layer has 64"), "{narrow}");
    let report = place.json(&format!("{SHORT} --json --out plain"));
    assert_eq!(report["precision"], "f32");
    assert!(!text(&place.read("plain/config.toml")).contains("precision"));
}

#[test]
fn damage_to_a_growing_file_is_told_with_its_line() {
    let place = place();
    place.done(&format!("{SHORT} --out run"));
    place.done("tune t.csv --trials 3 --epochs 3 --validation 0.2 --out study -q");
    for (file, call) in [
        ("run/log.jsonl", "train --resume run --epochs 3"),
        ("study/journal.jsonl", "tune --resume study --trials 4"),
    ] {
        let whole = place.read(file);
        // A digit in the second line.
        let second = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
        let digit = second + whole[second..].iter().position(u8::is_ascii_digit).unwrap();
        let mut damaged = whole.clone();
        damaged[digit] ^= 1;
        place.write(file, &damaged);
        place.fails(call, 3, &format!("{file}:2: damaged: its checksum does not fit"));
        // A last line that breaks off is one that was never written.
        place.write(file, &whole[..whole.len() - 7]);
        place.done(&format!("{call} -q"));
    }
    let mut checkpoint = place.read("run/checkpoint.safetensors");
    *checkpoint.last_mut().unwrap() ^= 4;
    place.write("run/checkpoint.safetensors", checkpoint);
    place.fails("train --resume run", 3, "run/checkpoint.safetensors: damaged: the checksum of ");
}

#[test]
fn a_study_goes_on_without_a_journal() {
    let place = place();
    let flags = "--trials 3 --epochs 3 --validation 0.2 -q";
    place.done(&format!("tune t.csv {flags} --out whole"));
    place.done(&format!("tune t.csv {flags} --out part"));
    // Killed between the two files.
    fs::remove_file(place.path("part/journal.jsonl")).unwrap();
    place.done("tune --resume part --trials 3 -q");
    assert!(place.read("part/journal.jsonl") == place.read("whole/journal.jsonl"));
}

#[test]
fn infinite_numbers_are_told() {
    let place = place();
    place.write("inf.csv", noisy_table(600).replacen("\n", "\ninf,3,4\n", 1));
    let (_, said) = place.both("train inf.csv --epochs 1 -q --out run");
    assert!(said.contains("warning: column \"x\": 1 infinite or too large"), "{said}");
    // A model whose answers are too large for a number.
    let network = sequential![Linear(1, 1)].unwrap();
    let training = network.with_loss(MSELoss).parameters(vec![3.0, 0.0]);
    training.start().unwrap().model().save(place.path("big.safetensors")).unwrap();
    let mut array = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }";
    array.extend_from_slice(format!("{header:117}\n").as_bytes());
    for x in [1.0f32, 3e38] {
        array.extend_from_slice(&x.to_le_bytes());
    }
    place.write("x.npy", array);
    place.fails(
        "predict big.safetensors x.npy",
        1,
        "sample 1 (counted from 0): the model's answer",
    );
    place.fails("predict big.safetensors x.npy --json", 1, "is inf, which is no answer");
}

#[cfg(target_os = "linux")]
#[test]
fn without_memory_there_is_a_sentence() {
    let place = place();
    let program = assert_cmd::cargo::cargo_bin("reshet");
    let mut failed = 0;
    let run = |megabytes: u32, args: &str| {
        let call = format!("ulimit -v {}; exec {} {args}", megabytes << 10, program.display());
        Command::new("sh").args(["-c", &call]).current_dir(place.path("")).output().unwrap()
    };
    for megabytes in (8..160).step_by(24) {
        // Below some size the system cannot even load it.
        if !run(megabytes, "--version").status.success() {
            continue;
        }
        let train = "train t.csv --hidden 2000,2000 --epochs 1 -q --out";
        let output = run(megabytes, &format!("{train} m{megabytes}"));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        let code = output.status.code();
        let told = error.lines().any(|line| line.starts_with("error: "));
        assert!(code == Some(0) || told, "{megabytes} MiB: {:?}: {error}", output.status);
        assert!(matches!(code, Some(0..=3)), "{megabytes} MiB: {:?}: {error}", output.status);
        assert!(!error.contains("panicked"), "{megabytes} MiB: {error}");
        failed += usize::from(code == Some(1));
    }
    assert!(failed > 0, "nothing was short of memory");
}
