//! Tables in several files, and tables larger than the memory they may take, through the program.

mod place;

use std::{fs, process::Stdio, time::Duration};

use place::{Place, noise};

/// Rows of six numbers, a word and yes or no.
fn rows(from: usize, to: usize) -> String {
    let row = |i: usize| {
        let x: Vec<f64> = (0..6).map(|k| noise(7 * i + k)).collect();
        let yes = if x[0] + x[1] * x[2] > 0.7 { "yes" } else { "no" };
        let word = ["red", "green", "blue"][i % 3];
        let cells: Vec<String> = x.iter().map(|x| format!("{x:.3}")).collect();
        format!("{},{word},{yes}\n", cells.join(","))
    };
    (from..to).map(row).collect()
}

const HEADER: &str = "a,b,c,d,e,f,word,sold\n";

fn with(files: &[(&str, usize, usize)]) -> Place {
    let place = Place::new();
    for (name, from, to) in files {
        place.write(name, format!("{HEADER}{}", rows(*from, *to)));
    }
    place
}

#[test]
fn files_and_folders_are_one_table() {
    let place = with(&[("all.csv", 0, 600), ("big/p1.csv", 0, 250), ("big/p2.csv", 250, 600)]);
    place.write("big/_SUCCESS", "");
    let flags = "--epochs 3 --effort 0 -q";
    place.done(&format!("train all.csv {flags} --out all"));
    place.done(&format!("train big {flags} --out folder"));
    place.done(&format!("train big/p1.csv big/p2.csv {flags} --out two"));
    let network = |run: &str| {
        // Before it stands what the data is called.
        let model = place.read(&format!("{run}/model.safetensors"));
        model[model.len() - 4000..].to_vec()
    };
    assert!(network("folder") == network("all") && network("two") == network("all"));
    assert_eq!(place.done("test all big"), place.done("test all all.csv"));
    assert_eq!(place.done("test all big/p1.csv big/p2.csv"), place.done("test all all.csv"));
    assert_eq!(place.done("predict all big --json").lines().count(), 600);
    // Its settings repeat it.
    place.done("train --config two/config.toml --out again -q");
    assert!(network("again") == network("two"));

    for again in ["all.csv all.csv", "big big/p1.csv", "all.csv big/../all.csv"] {
        place.fails(&format!("train {again}"), 3, "holds the same rows");
        place.fails(&format!("test all {again}"), 3, "holds the same rows");
        place.fails(&format!("predict all {again}"), 3, "holds the same rows");
    }
    place.write("twice/a.csv", "x,y\n1,2\n");
    place.write("twice/a.csv.gz", "");
    place.fails("train twice", 3, "twice/a.csv.gz: twice/a.csv holds the same rows");
    place.write("other.csv", "a,b,c,d,e,f,weird,sold\n1,2,3,4,5,6,x,yes\n");
    place.fails("train all.csv other.csv", 3, "other.csv: its columns are not those of all.csv");
    place.fails("train all.csv none.csv", 3, "cannot read none.csv");
    place.fails("train mnist all.csv", 2, "only the files of a table are read as one");
}

const STREAMED: &str = "train big --memory 9M --hidden 8 --batch-size 100 --epochs 2 \
                        --checkpoint-every 100 -q";

#[test]
fn a_streamed_run_that_is_killed_goes_on_to_the_same_bits() {
    let place = with(&[("big/p1.csv", 0, 80_000), ("big/p2.csv", 80_000, 150_000)]);
    let (_, said) = place.both(&format!("{STREAMED} --out whole").replace(" -q", ""));
    assert!(said.contains("streamed within 9M"), "{said}");
    assert!(said.contains("in a file without a name"), "{said}");
    let model = place.read("whole/model.safetensors");
    let before = place.files();

    let mut child =
        place.command(&format!("{STREAMED} --out part")).stdout(Stdio::null()).spawn().unwrap();
    while !place.path("part/checkpoint.safetensors").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    let _ = child.wait();
    place.done("train --resume part -q");
    assert!(place.read("part/model.safetensors") == model);
    assert!(place.read("part/log.jsonl") == place.read("whole/log.jsonl"));
    // Nothing is left of the file of the rows.
    fs::remove_dir_all(place.path("part")).unwrap();
    assert_eq!(place.files(), before);

    let (report, said) = place.both("test whole big --memory 2M");
    assert!(said.contains("tested block by block"), "{said}");
    assert_eq!(report, place.done("test whole big"));

    for (flag, code) in [("--group word", 2), ("--weight a", 2), ("--balance", 2)] {
        place.fails(&format!("{STREAMED} {flag}"), code, "needs all rows in memory");
    }
    place.fails("train big --memory 2M", 2, "--memory: 2.0 MB of memory are too few");
    place.fails("train big --memory much", 2, "a size from 1M on");
    place.fails("train mnist --memory 2G", 2, "--memory 2G goes with tables and arrays");
    place.fails("train nofile.csv --memory 2G", 3, "no such file or folder");
}

/// An array in its file.
fn array(kind: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let shape: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

/// Samples of 20 numbers, and which of two classes each is.
fn samples(rows: std::ops::Range<usize>) -> (Vec<u8>, Vec<u8>) {
    let x = rows.clone().flat_map(|row| (0..20).map(move |k| noise(23 * row + k) as f32));
    let y = rows.map(|row| u8::from(noise(23 * row) > 0.5));
    (x.flat_map(f32::to_le_bytes).collect(), y.collect())
}

#[test]
fn arrays_are_streamed_from_files_and_folders() {
    let place = Place::new();
    let n = 60_000;
    let (x, y) = samples(0..n);
    place.write("all.npy", array("<f4", &[n, 20], &x));
    place.write("y.npy", array("|u1", &[n], &y));
    for (name, rows) in [("a", 0..25_000), ("b", 25_000..n)] {
        let (x, y) = samples(rows.clone());
        place.write(&format!("x/{name}.npy"), array("<f4", &[rows.len(), 20], &x));
        place.write(&format!("y/{name}.npy"), array("|u1", &[rows.len()], &y));
    }
    let flags = "--memory 8M --hidden 8 --batch-size 100 --epochs 2 --checkpoint-every 100 -q";
    let train = |data: &str, out: &str| format!("train {data} {flags} --out {out}");
    let (_, said) = place.both(&train("all.npy --targets y.npy", "whole").replace(" -q", ""));
    assert!(said.contains("streamed within 8M"), "{said}");
    let model = place.read("whole/model.safetensors");
    let end = |run: &str| {
        // Before it stands what the data is called.
        let model = place.read(&format!("{run}/model.safetensors"));
        model[model.len() - 600..].to_vec()
    };
    let tail = model[model.len() - 600..].to_vec();

    let mut child = place
        .command(&train("all.npy --targets y.npy", "part"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while !place.path("part/checkpoint.safetensors").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    let _ = child.wait();
    place.done("train --resume part -q");
    assert!(end("part") == tail);
    // Pieces end where files end, so rows of several files come in another order.
    place.done(&train("x --targets y", "folders"));
    place.done(&train("x/a.npy x/b.npy --targets y.npy", "files"));
    assert!(end("folders") == end("files") && end("files") != tail);

    let tested = place.done("test whole all.npy --targets y.npy");
    assert_eq!(place.done("test whole all.npy --targets y.npy --memory 8M"), tested);
    assert_eq!(place.done("test whole x --targets y"), tested);
    assert_eq!(place.done("predict whole x/a.npy --json").lines().count(), 25_000);

    // What fits is read into memory, as without the flag.
    let few = "train all.npy --targets y.npy --hidden 8 --epochs 1 -q --out";
    place.done(&format!("{few} plain"));
    place.done(&format!("{few} fits --memory 1G"));
    assert!(end("fits") == end("plain"));
    for (args, what) in [
        (train("all.npy --targets y.npy --balance", "no"), "--balance needs all samples in memory"),
        (train("x --targets y --folds 3", "no"), "--folds needs all samples in memory"),
    ] {
        place.fails(&args, 2, what);
    }
    place.fails(&train("x --targets y/a.npy", "no"), 3, "60000 samples but 25000 targets");
    place.fails("test whole x --targets y/a.npy", 3, "more samples than the 25000 targets");
}

/// Columns of 50 words each: few bytes a row, and many inputs.
fn words(rows: usize) -> String {
    let letter = |i: usize, k: usize| {
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXabcdefghijklmnopqrstuvwxyz";
        letters[(50.0 * noise(9 * i + k)) as usize] as char
    };
    let row = |i: usize| -> String {
        let cells: String = (0..7).map(|k| format!("{},", letter(i, k))).collect();
        format!("{cells}{},{}\n", i % 7, if letter(i, 0) < 'Q' { "y" } else { "n" })
    };
    let rows: String = (0..rows).map(row).collect();
    format!("a,b,c,d,e,f,g,h,sold\n{rows}")
}

#[test]
fn what_a_table_needs_is_estimated_with_its_inputs() {
    let place = Place::new();
    place.write("words.csv", words(20_000));
    let flags = "--hidden 4 --epochs 1 --validation 0.1";
    // The cells take 720 kB, the inputs 32 MB.
    let (_, said) = place.both(&format!("train words.csv --memory 20M {flags} --out run"));
    assert!(said.contains("streamed within 20M"), "{said}");
    let (_, said) = place.both(&format!("train words.csv --memory 60M {flags} --out whole"));
    assert!(!said.contains("streamed"), "{said}");
    let (_, said) = place.both("test run words.csv --memory 20M");
    assert!(said.contains("tested block by block"), "{said}");

    // A file to test on that is large is not read whole.
    place.write("test.csv", words(3000));
    let (tested, said) =
        place.both(&format!("train words.csv --memory 20M --test test.csv {flags} --out later"));
    assert!(said.contains("test.csv: tested block by block"), "{said}");
    assert!(tested.contains("of 3000"), "{tested}");
    place.write("few.csv", words(1000));
    let (tested, said) =
        place.both(&format!("train words.csv --memory 20M --test few.csv {flags} --out other"));
    assert!(!said.contains("few.csv: tested block by block"), "{said}");
    assert!(tested.contains("of 1000"), "{tested}");

    // Its columns are looked at before anything is trained.
    place.write("less.csv", words(3000).replacen("a,b,c", "a,b,z", 1));
    let less = format!("train words.csv --memory 20M --test less.csv {flags} --out none");
    place.fails(&less, 3, "less.csv: ");
    assert!(!place.path("none").exists(), "no run was begun");

    place.fails("train words.csv --memory 8M --batch-size 9000", 2, "--batch-size 9000: ");
    assert!(!place.path("runs").exists(), "no run was begun");
    place.done(&format!("train words.csv --memory 8M {flags} --out few -q"));
}

#[test]
fn a_table_that_turns_out_not_to_fit_is_streamed() {
    let place = Place::new();
    // Too few bytes to be looked at, and 160 MB of inputs.
    place.write("words.csv", words(95_000));
    let run = |args: &str| {
        let output = place.command(args).env("RESHET_MEMORY", "115000000").output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (done, said) = run("train words.csv --hidden 4 --epochs 1 --out run");
    assert!(done && said.contains("streamed within 57M"), "{said}");
    // It goes on as it began, also where more is free.
    let (_, said) = place.both("train --resume run --epochs 2");
    assert!(said.contains("streamed within 57M"), "{said}");
    let (done, said) = run("train words.csv --hidden 4 --epochs 1 --balance --out all");
    assert!(!done && said.contains("use fewer rows or columns"), "{said}");
}
