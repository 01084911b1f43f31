//! The program, run as a program.

mod place;

use std::{fs, path::Path};

use place::{Place, text};
use reshet::{Model, Storage, mnist};
use serde_json::{Value, json};

/// A short training whose model the other commands can use.
const SHORT: &str =
    "train mnist --is 7 --hidden 8 --epochs 1 --batch-size 500 --lr 0.01 --out run -q";

#[test]
fn the_lecture_runs_and_its_last_command_makes_the_same_model() {
    let place = Place::new();
    let out = place.done("lecture --digit 7 --seed 3");
    for part in [
        "1200 batches of 50",
        " 200 batches of 50",
        "7 [1, 28, 28]",
        "[50, 1, 28, 28] → [50, 784]",
        "Total: 78,601 parameters",
        "epoch= 0 i= 0 num= 0 loss=",
        "epoch= 1 i= 1100 num= 2300 loss=",
        "Accuracy of the network on the 10000 test images: 9",
        "Always saying \"not a 7\" would score 89.72 %",
        "1.0 7   0.0 2   0.0 1   0.0 0",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert_eq!(out.matches("epoch= ").count(), 24);
    assert!(!out.contains('\x1b'), "no colour where there is no terminal");
    for file in ["config.toml", "model.safetensors", "log.jsonl", "digits.png", "mistakes.png"] {
        assert!(place.path("runs/lecture-1").join(file).is_file(), "{file}");
    }
    let (before, last) = out.trim_end().rsplit_once('\n').unwrap();
    assert!(before.lines().all(|line| line.chars().count() <= 85), "{before}");
    let command = last.trim().strip_prefix("reshet ").unwrap();
    for threads in [1, 2] {
        place.done(&format!("{command} --threads {threads} --out again --force"));
        let same = fs::read(place.path("again/model.safetensors")).unwrap();
        assert!(same == fs::read(place.path("runs/lecture-1/model.safetensors")).unwrap());
    }
}

#[test]
fn the_slides_loop_as_printed_never_says_seven() {
    let out = Place::new().done("lecture --as-printed");
    assert!(out.contains("zero_grad") && out.contains("test images: 89."), "{out}");
}

#[test]
fn train_test_and_fail_under() {
    let place = Place::new();
    let report = place.json(&format!("{SHORT} --json"));
    for (field, want) in [
        ("task", json!("binary")),
        ("train_samples", json!(60_000)),
        ("test_samples", json!(10_000)),
        ("features", json!(784)),
        ("parameters", json!((785 * 8 + 9))),
        ("epochs", json!(1)),
        ("steps", json!(120)),
        ("device", json!("cpu")),
        ("seed", json!(0)),
        ("model", json!("run/model.safetensors")),
    ] {
        assert_eq!(report[field], want, "{field}: {report}");
    }
    let test = &report["test"];
    assert_eq!(test["baseline"], 0.8972);
    let (accuracy, errors) = (test["accuracy"].as_f64().unwrap(), test["errors"].as_f64().unwrap());
    assert!(accuracy > 0.95 && (1.0 - errors / 10_000.0 - accuracy).abs() < 1e-9, "{report}");
    for (object, field) in [
        (&report, "final_loss"),
        (&report["seconds"], "load"),
        (&report["seconds"], "train"),
        (&report["seconds"], "test"),
        (&report["seconds"], "total"),
        (&report, "threads"),
        (test, "loss"),
    ] {
        assert!(object[field].is_number(), "{field}: {report}");
    }
    assert!(report["instructions"].is_string());

    let again = place.json("test run/model.safetensors mnist --json");
    assert_eq!(again["accuracy"], test["accuracy"]);
    assert_eq!(
        place.json("evaluate run/model.safetensors mnist --is 7 --json")["loss"],
        test["loss"]
    );
    place.done("test run/model.safetensors mnist --fail-under 0.9");
    let below = place.run("test run/model.safetensors mnist --fail-under 0.9999");
    assert_eq!(below.status.code(), Some(5));

    let info = place.done("info run/model.safetensors --draw net.svg");
    assert!(info.contains("784-8:relu-1:sigmoid") && info.contains("Adam(lr=0.01"), "{info}");
    assert!(fs::read_to_string(place.path("net.svg")).unwrap().starts_with("<svg"));
    place.fails("test run/model.safetensors mnist --is 12", 2, "no class is called \"12\"");
    place.fails(&SHORT.replace(" -q", ""), 2, "run is there already");
    // Before the data are read and anything is tried on them.
    place.fails("train nowhere.csv --out run", 2, "run is there already");
}

#[test]
fn ten_classes_and_every_option() {
    let place = Place::new();
    let report = place.json(
        "fit mnist --epochs 1 --batch-size 200 --hidden 20 --activation tanh --loss cross-entropy \
         --label-smoothing 0.1 --optimizer adamw --lr 0.005 --betas 0.8,0.99 --eps 1e-7 --amsgrad \
         --weight-decay 0.001 --clip-norm 1 --schedule one-cycle --init xavier-uniform --seed 5 \
         --validation 0.1 --patience 3 --threads 1 --device cpu --out a --json -q",
    );
    assert_eq!(report["task"], "classes");
    assert_eq!(report["train_samples"], 54_000);
    assert!(report["test"]["accuracy"].as_f64().unwrap() > 0.85, "{report}");
    assert_eq!(report["test"]["baseline"], 0.1135);
    let report = place.json(
        "train mnist --epochs 1 --batch-size 500 --net 784-16:leaky_relu(0.1)-10:softmax --optimizer \
         sgd --lr 0.1 --momentum 0.9 --nesterov --no-shuffle --test-fraction 0 --out b --json -q",
    );
    assert_eq!((&report["test"], &report["test_samples"]), (&Value::Null, &json!(0)));
    let config = fs::read_to_string(place.path("a/config.toml")).unwrap();
    assert!(
        config.contains("optimizer = \"adamw\"") && config.contains("clip-norm = 1"),
        "{config}"
    );
    let log = fs::read_to_string(place.path("a/log.jsonl")).unwrap();
    let lines: Vec<Value> = log.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 270 + 1);
    assert!(lines[0]["loss"].is_number() && lines[270]["validation"]["accuracy"].is_number());
}

#[test]
fn predict_reads_pictures_of_any_kind() {
    let place = Place::new();
    place.done(&SHORT.replace("--is 7", "").replace("--hidden 8", "--hidden 32"));
    let test = mnist::test().unwrap();
    let Storage::U8(pixels) = test.features().storage() else { panic!() };
    let seven = &pixels[..784];
    // Dark on light, three times the size, off the centre.
    let mut large = vec![230; 120 * 120];
    for (i, pixel) in seven.iter().enumerate() {
        for y in 0..3 {
            for x in 0..3 {
                large[(i / 28 * 3 + y + 30) * 120 + i % 28 * 3 + x + 5] =
                    230 - (u32::from(*pixel) * 200 / 255) as u8;
            }
        }
    }
    save_png(&place.path("as-is.png"), 28, seven);
    save_png(&place.path("large.png"), 120, &large);
    let lines = place.done("predict run/model.safetensors as-is.png large.png --json");
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["label"], "7", "{line}");
        let all = line["probabilities"].as_object().unwrap();
        let sum: f64 = all.values().map(|p| p.as_f64().unwrap()).sum();
        assert!(all.len() == 10 && (sum - 1.0).abs() < 1e-5, "{line}");
    }
    let shown = place.done("predict run/model.safetensors large.png");
    assert!(shown.contains("large.png: 7 (") && shown.contains('█'), "{shown}");

    save_png(&place.path("blank.png"), 50, &[255; 2500]);
    fs::write(place.path("broken.png"), b"\x89PNG\r\n\x1a\n and no more").unwrap();
    let model = "predict run/model.safetensors";
    place.fails(&format!("{model} as-is.png blank.png"), 3, "blank.png: nothing is drawn");
    place.fails(
        &format!("{model} broken.png"),
        3,
        "broken.png: a damaged or truncated PNG picture",
    );
    place.fails(&format!("{model} none.png"), 3, "cannot read none.png");
}

fn save_png(path: &Path, side: u32, pixels: &[u8]) {
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
}

#[test]
fn data_is_shown_and_described() {
    let place = Place::new();
    let info = place.done("info mnist");
    assert!(
        info.contains("60,000 samples of shape [1, 28, 28]") && info.contains("6,742"),
        "{info}"
    );
    place.done("data show mnist --count 20 -o grid.png");
    assert!(place.path("grid.png").metadata().unwrap().len() > 1000);
    assert!(place.done("data show mnist --test --count 1").contains("7 [1, 28, 28]"));
    assert!(place.done("completions bash").contains("reshet"));
    let net = place.done("info 20-30:relu-12:relu-4:sigmoid --draw net.svg");
    assert!(net.contains("Total: 1,054 parameters"), "{net}");
    place.done("data show mnist --test --count 1 -o one.png");
    place.done(SHORT);
    let line = place.done("predict run/model.safetensors one.png --json");
    assert!(line.contains("\"label\":\"7\""), "{line}");
    place.fails("data show mnist --count 0", 2, "there are 60000 samples");
    place.fails("data show mnist --from 59999 --count 2", 2, "there are 60000 samples");
    place.fails("data fetch minst", 2, "did you mean \"mnist\"");
}

#[test]
fn bad_input_gets_one_line_and_its_exit_code() {
    let place = Place::new();
    for (args, code, says) in [
        ("lecture --digit 12", 2, "12 is not in 0..=9"),
        ("train minst", 3, "did you mean \"mnist\""),
        ("train mnist --is seven", 2, "no class is called \"seven\""),
        ("train mnist --net 780-10", 2, "but the data has 784"),
        ("train mnist --net 784-10:relo-10", 2, "did you mean \"relu\""),
        ("train mnist --net 784-100:relu-9", 2, "give it 10 outputs"),
        ("train mnist --net 784-10:sigmoid", 2, "BCELoss needs numbers"),
        ("train mnist --is 7 --net 784-1:softmax", 2, "always 1"),
        ("train mnist --is 7 --loss cross-entropy", 2, "at least two"),
        ("train mnist --is 7 --net 784-1:sigmoid --loss bce-logits", 2, "use BCELoss"),
        ("train mnist --hidden 10 --net 784-10", 2, "cannot be used with"),
        ("train mnist --hidden 10,x", 2, "invalid value"),
        ("train mnist --task number", 2, "the data has classes"),
        ("train mnist --batch-size 0", 2, "choose from 1 to 60000"),
        ("train mnist --batch-size 999999", 2, "choose from 1 to 60000"),
        ("train mnist --epochs 0", 2, "nothing would be learnt"),
        ("train mnist --lr -1", 2, "learning rate must be 0 or more"),
        ("train mnist --lr nan", 2, "learning rate must be 0 or more"),
        ("train mnist --lr fast", 2, "invalid value"),
        ("train mnist --momentum 0.9", 2, "--momentum: it does not go with the optimizer adam"),
        ("train mnist --optimizer sgd --nesterov", 2, "needs a momentum"),
        ("train mnist --betas 0.9", 2, "two numbers"),
        ("train mnist --betas 0.9,1.0", 2, "below 1"),
        ("train mnist --validation 1.5", 2, "fraction from 0 to 1"),
        ("train mnist --patience 3", 2, "--patience 3: it watches the validation loss"),
        ("train mnist --schedule step --step-size 0", 2, "--step-size"),
        ("train mnist --threads 0", 2, "at least one thread"),
        ("train mnist --test-fraction 0.3", 2, "test part of its own"),
        ("train mnist --clip-norm 0", 2, "above 0"),
        ("train mnist --device tpu", 2, "no device is called \"tpu\""),
        ("train mnist --load none.safetensors", 3, "cannot read none.safetensors"),
        ("train mnist --targets y.npy", 2, "mnist has targets of its own"),
        ("train mnist --frobnicate", 2, "unexpected argument"),
        ("train .", 3, "there is no train-images-idx3-ubyte"),
        ("test none.safetensors mnist", 3, "cannot read none.safetensors"),
        ("info nothing", 3, "no data is called \"nothing\""),
        ("info mnist --draw net.svg", 2, "only a model or a network"),
        ("info 4-2 --draw no/such/folder/net.svg", 1, "there is no folder no/such/folder"),
    ] {
        place.fails(args, code, says);
    }
    for (name, value, says) in [
        ("RESHET_THREADS", "0", "whole number of threads"),
        ("RESHET_THREADS", "two", "RESHET_THREADS is \"two\""),
        ("RESHET_INSTRUCTIONS", "avx9", "RESHET_INSTRUCTIONS is \"avx9\": here there are "),
    ] {
        let output = place.command("test m mnist").env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
    fs::write(place.path("file"), "").unwrap();
    place.fails("train mnist --out file/run", 1, "cannot make the run folder file/run");
    place.fails("lecture --out file/run", 1, "cannot make the run folder file/run");
    place.fails("train file", 3, "cannot tell what this file holds");
    place.fails("info file", 3, "not a safetensors file");
}

#[test]
fn a_learning_rate_that_diverges_says_so_and_keeps_the_last_good_model() {
    let place = Place::new();
    let output = place.run("train mnist --hidden 8 --optimizer sgd --lr 1e30 --out run -q");
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(
        error.contains("diverged at step") && error.contains("run/model.safetensors"),
        "{error}"
    );
    Model::load(place.path("run/model.safetensors")).unwrap();
}

#[test]
fn files_of_a_data_set_are_checked() {
    let place = Place::new();
    let idx = |shape: &[u32], bytes: &[u8]| {
        let mut file = vec![0, 0, 8, shape.len() as u8];
        shape.iter().for_each(|n| file.extend(n.to_be_bytes()));
        [file, bytes.to_vec()].concat()
    };
    let write = |name: &str, bytes: Vec<u8>| fs::write(place.path(name), bytes).unwrap();
    // Twelve pictures of 2×2, in two classes that one pixel tells apart.
    let pixels: Vec<u8> =
        (0..12).flat_map(|i| [if i % 2 == 0 { 0 } else { 255 }, 9, 9, 9]).collect();
    let classes: Vec<u8> = (0..12).map(|i| i % 2).collect();
    write("images", idx(&[12, 2, 2], &pixels));
    write("labels", idx(&[12], &classes));
    let train = "train images --targets labels --hidden 4 --epochs 40 --batch-size 4 --lr 0.05 \
                 --test-fraction 0.5 --json -q --out run";
    let report = place.json(train);
    assert_eq!((&report["train_samples"], &report["test_samples"]), (&json!(6), &json!(6)));
    assert_eq!(report["test"]["accuracy"], 1.0);
    assert_eq!(
        place.json("test run/model.safetensors images --targets labels --json")["errors"],
        0
    );
    // A test in which the last class does not occur.
    write("few", idx(&[2, 2, 2], &pixels[..8]));
    write("zeros", idx(&[2], &[0, 0]));
    let few = place.json("test run/model.safetensors few --targets zeros --json");
    assert_eq!((&few["errors"], &few["confusion"]), (&json!(1), &json!([[1, 1], [0, 0]])));
    fs::remove_dir_all(place.path("run")).unwrap();

    write("short", idx(&[12, 2, 2], &pixels[..40]));
    place.fails("train short --targets labels", 3, "short: truncated: the header says 48 bytes");
    write("long", idx(&[12, 2, 2], &[&pixels[..], &[1]].concat()));
    place.fails("train long --targets labels", 3, "longer than the 48 bytes");
    write("fewer", idx(&[11], &classes[..11]));
    place.fails("train images --targets fewer", 3, "12 pictures and fewer has 11 labels");
    place.fails("train labels --targets images", 3, "are they swapped?");
    write("lie", idx(&[u32::MAX, u32::MAX, u32::MAX], &pixels));
    place.fails("train lie --targets labels", 3, "bytes, too many");
    write("large", idx(&[4_000_000, 28, 28], &pixels));
    place.fails("train large --targets labels", 3, "truncated");
    write("text", b"pictures, honestly".to_vec());
    place.fails("train text --targets labels", 3, "not an IDX file");
    write("empty", vec![]);
    place.fails("train empty --targets labels", 3, "truncated at the header");
    write("gz", vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]);
    place.fails("train gz --targets labels", 3, "gz: ");
    place.fails("train images", 3, "add --targets FILE");
}

/// An array of floats as NumPy saves it.
fn npy(shape: &str, numbers: &[f32]) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    let numbers: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &numbers].concat()
}

#[test]
fn arrays_ask_yes_or_no_once_or_several_times() {
    let place = Place::new();
    let write = |name: &str, bytes: Vec<u8>| fs::write(place.path(name), bytes).unwrap();
    write("x.npy", npy("(4, 2)", &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]));
    write("xor.npy", npy("(4, 1)", &[0.0, 1.0, 1.0, 0.0]));
    write("both.npy", npy("(4, 2)", &[0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0])); // or, and
    let train = "train x.npy --hidden 8 --epochs 500 --lr 0.05 --loss bce --test-fraction 0 -q";
    place.done(&format!("{train} --targets xor.npy --out xor"));
    let labels = |args: &str| -> Vec<Value> {
        let lines = place.done(args);
        lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["label"].clone()).collect()
    };
    assert_eq!(labels("predict xor x.npy --json"), ["0", "1", "1", "0"]);
    let report = place.json("test xor x.npy --targets xor.npy --json --fail-under 1");
    assert_eq!((&report["task"], &report["errors"]), (&json!("binary"), &json!(0)));

    place.done(&format!("{train} --targets both.npy --out both"));
    let answers = [json!([]), json!(["0"]), json!(["0"]), json!(["0", "1"])];
    assert_eq!(labels("predict both x.npy --json"), answers);
    let text = place.done("predict both x.npy");
    assert!(text.lines().nth(1).unwrap().starts_with("x.npy: 0: yes ("), "{text}");
    place.fails("test both x.npy --targets xor.npy", 3, "x.npy does not fit both: the data has 1");
    place.fails("predict both xor.npy", 3, "xor.npy does not fit both: the network takes 2");
    place.fails("test xor x.npy --targets xor.npy --fail-under 99", 2, "at most 1");
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_says_where() {
    let place = Place::new();
    let mut command = place.command("train mnist --epochs 100000 --out run");
    let child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let started = std::time::Instant::now();
    while !place.path("run/log.jsonl").exists() {
        assert!(started.elapsed().as_secs() < 60, "never started");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{error}");
    assert!(
        error.contains("interrupted after") && error.contains("run/model.safetensors"),
        "{error}"
    );
    Model::load(place.path("run/model.safetensors")).unwrap();
}

#[test]
fn a_reader_that_goes_away_is_no_crash() {
    let place = Place::new();
    let mut child = place
        .command("lecture")
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
}

#[test]
fn a_training_that_came_to_nothing_says_so_and_why() {
    let place = Place::new();
    let (out, error) =
        place.both("train mnist --is 7 --batch-size 60000 --epochs 3 --out a --json");
    assert!(error.contains("no better than always answering \"not 7\""), "{error}");
    assert!(error.contains("only 3 training steps"), "{error}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        report["findings"].as_array().map(Vec::len),
        Some(error.lines().filter(|l| l.starts_with("warning: ")).count())
    );
    place.write(
        "t.csv",
        "x,y\n".to_string() + &(0..200).map(|i| format!("{},{}\n", i, 3 * i)).collect::<String>(),
    );
    let (_, error) = place.both("train t.csv --net 1-8-8:softmax-1 --epochs 60 --out b");
    assert!(error.contains("layers 1 and 2 are Linear with nothing between"), "{error}");
    assert!(error.contains("layer 3 is Softmax inside"), "{error}");
    let (_, error) = place.both("train t.csv --net 1-8:relu-1 --lr 0.01 --epochs 60 --out c");
    assert!(!error.contains("no better") && !error.contains("Linear"), "{error}");
}

#[test]
fn a_network_that_no_memory_holds_is_refused_before_it_is_asked_for() {
    let place = Place::new();
    let mut command = place.command("train mnist --hidden 4000,4000 --out run");
    let output = command.env("RESHET_MEMORY", "300000000").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("needs about 0.6 GB of memory"), "{output:?}");
    assert!(!place.path("run").exists());
}

#[test]
fn names_are_read_in_either_spelling_and_widths_apart_are_told() {
    let place = Place::new();
    place.write(
        "t.csv",
        "x,y\n".to_string() + &(0..60).map(|i| format!("{i},{}\n", i * i)).collect::<String>(),
    );
    let flags = "--loss MSELoss --optimizer SGD --schedule OneCycleLR --lr 0.01 --epochs 2";
    place.done(&format!("train t.csv {flags} --out a -q"));
    let config = text(&place.read("a/config.toml"));
    for line in ["loss = \"mse\"", "optimizer = \"sgd\"", "schedule = \"one-cycle\""] {
        assert!(config.contains(line), "{line}: {config}");
    }
    place.fails("train t.csv --hidden 10 10", 2, "--hidden 100,50");
    place.fails("train t.csv --net 3", 2, "one layer of 3 is \"1-3\"");
}
