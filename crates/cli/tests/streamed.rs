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
    place.fails("train mnist --memory 2G", 2, "--memory 2G goes with a table");
}
