//! Settings from a file, and runs that are stopped and gone on with.

mod place;

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use place::{Place, noisy_table, text};

const LONG: &str = "train t.csv --hidden 64,32 --dropout 0.1 --epochs 150 --batch-size 32 \
                    --validation 0.15 --patience 150 -q";

#[test]
fn a_killed_run_ends_as_if_it_had_never_been_stopped() {
    let place = Place::new();
    place.write("t.csv", noisy_table(3000));
    let start = std::time::Instant::now();
    place.done(&format!("{LONG} --out whole --checkpoint-every 100"));
    let whole = start.elapsed();
    let (model, log) = (place.read("whole/model.safetensors"), place.read("whole/log.jsonl"));
    let mut resumed = 0;
    // Killed at several moments, some of them more than once.
    for (n, parts) in [[0.2, 0.3], [0.5, 0.1], [0.35, 0.9]].into_iter().enumerate() {
        let out = format!("part{n}");
        let mut call = format!("{LONG} --out {out} --checkpoint-every 100");
        for part in parts {
            let mut child = place.command(&call).stdout(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_secs_f64(part * whole.as_secs_f64()));
            let _ = child.kill();
            let _ = child.wait();
            if place.path(&format!("{out}/checkpoint.safetensors")).exists() {
                call = format!("train --resume {out} -q");
                resumed += 1;
            } else {
                fs::remove_dir_all(place.path(&out)).unwrap_or_default();
            }
        }
        place.done(&call);
        assert!(place.read(&format!("{out}/model.safetensors")) == model, "{out}");
        assert!(place.read(&format!("{out}/log.jsonl")) == log, "{out}");
    }
    assert!(resumed > 0, "no run lived long enough to be killed");
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_tells_how_to_go_on() {
    let place = Place::new();
    place.write("t.csv", noisy_table(3000));
    place.done(&format!("{LONG} --out whole"));
    for (signal, out) in [("-INT", "int"), ("-TERM", "term")] {
        let mut command = place.command(&format!("{LONG} --out {out}"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while !place.path(&format!("{out}/log.jsonl")).exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        // A machine fast enough may be done before the signal comes.
        if output.status.code() == Some(130) {
            let error = text(&output.stderr);
            assert!(error.contains(&format!("go on: reshet train --resume {out}")), "{error}");
            place.done(&format!("test {out} t.csv"));
            place.done(&format!("train --resume {out} -q"));
        }
        let model = place.read(&format!("{out}/model.safetensors"));
        assert!(model == place.read("whole/model.safetensors"), "{signal}");
    }
}

#[test]
fn a_config_says_what_flags_say() {
    let place = Place::new();
    place.write("t.csv", noisy_table(3000));
    place.done("train t.csv --epochs 3 --lr 0.01 --betas 0.8,0.99 --hidden 8,4 --out a -q");
    place.done("train --config a/config.toml --out b -q");
    assert!(place.read("a/model.safetensors") == place.read("b/model.safetensors"));
    // What is typed wins, also over what it makes meaningless.
    place.done("train --config a/config.toml --net 2-3:tanh-1 --epochs 1 --out c -q");
    let config = fs::read_to_string(place.path("c/config.toml")).unwrap();
    assert!(config.contains("net = \"2-3:tanh-1\"") && config.contains("epochs = 1\n"), "{config}");
    assert!(!config.contains("hidden") && config.contains("lr = 0.01"), "{config}");
    let write = |text: &str| place.write("x.toml", text);
    write("data = \"t.csv\"\nbatch_size = 64\nno-shuffle = true\nepochs = 1\n");
    place.done("train --config x.toml --out d -q");
    let config = fs::read_to_string(place.path("d/config.toml")).unwrap();
    assert!(config.contains("batch-size = 64") && config.contains("no-shuffle = true"), "{config}");

    for (text, code, says) in [
        ("epoch = 3", 3, "no setting is called \"epoch\"; did you mean \"epochs\"?"),
        ("data = \"t.csv\"\nno-shuffle = 1", 3, "no-shuffle = 1: it needs true or false"),
        ("data = \"t.csv\"\n[lr]\nx = 1", 3, "lr = { x = 1 }: it needs a word, a number or a list"),
        ("epochs = 3\nlr = = 2", 3, "x.toml:2: "),
        ("epochs = 3", 2, "<DATA>"),
        ("data = \"t.csv\"\nlr = \"fast\"", 3, "lr = \"fast\": "),
        ("data = \"t.csv\"\nis = 1\npositive = 2", 3, "is and positive: only one of the two"),
    ] {
        write(text);
        place.fails("train --config x.toml --out e", code, says);
    }
    place.fails("train --config no.toml", 3, "cannot read no.toml");
    place.fails("train --resume no", 3, "cannot read no/config.toml");
    // A run goes on with its own settings, and a refusal leaves them as they are.
    let before = place.read("b/config.toml");
    place.fails("train --resume b --hidden 3", 2, "--hidden: a run goes on with its own settings");
    place.fails("train t.csv --resume b", 2, "DATA: a run goes on with its own settings");
    assert_eq!(place.read("b/config.toml"), before);
    place.done("train --resume b --epochs 5 -q");
    let config = fs::read_to_string(place.path("b/config.toml")).unwrap();
    assert!(config.contains("epochs = 5\n"), "{config}");
    fs::remove_file(place.path("a/checkpoint.safetensors")).unwrap();
    place.fails("train --resume a", 3, "a: no checkpoint.safetensors in it");
    // Data that has changed since is not gone on with.
    fs::write(place.path("t.csv"), noisy_table(3000).replace("\n1", "\n2")).unwrap();
    place.fails("train --resume b", 3, "the training data has changed");
}
