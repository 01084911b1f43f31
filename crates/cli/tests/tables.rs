//! Tables through the program: questions, columns, bad input, predictions.

mod place;

use std::fs;

use place::Place;
use serde_json::Value;

fn with(files: &[(&str, &str)]) -> Place {
    let place = Place::new();
    files.iter().for_each(|(name, text)| place.write(name, text));
    place
}

/// A number that looks random and is the same each time, from 0 to 1.
fn noise(i: usize, column: usize) -> f64 {
    let mut x = (i * 31 + column) as u32;
    for _ in 0..2 {
        x = (x ^ x >> 16).wrapping_mul(0x45d9_f3b3);
    }
    f64::from(x >> 8) / f64::from(1 << 24)
}

/// Flats: what they cost follows from size, city and lift, with noise.
fn flats(rows: usize) -> String {
    let mut text = "nr,size,city,lift,floor,built,price,dear\n".to_string();
    for i in 0..rows {
        let size = 30.0 + 90.0 * noise(i, 0);
        let city = ["Haifa", "Acre", "Lod"][(3.0 * noise(i, 1)) as usize];
        let lift = ["no", "yes"][usize::from(noise(i, 2) > 0.4)];
        let floor = (6.0 * noise(i, 3)) as usize;
        let price = 10.0 * size
            + if city == "Haifa" { 300.0 } else { 0.0 }
            + if lift == "yes" { 100.0 } else { 0.0 }
            + 40.0 * noise(i, 4);
        let dear = if price > 1100.0 { "dear" } else { "cheap" };
        let size = if i % 17 == 3 { String::new() } else { format!("{size:.1}") };
        text +=
            &format!("{i},{size},{city},{lift},{floor},2001-02-0{},{price:.0},{dear}\n", 1 + i % 9);
    }
    text
}

#[test]
fn a_number_is_learnt_and_predicted_in_its_own_unit() {
    let place = with(&[("flats.csv", &flats(400))]);
    let (out, _) = place.both("train flats.csv --target price --drop built --out run");
    for part in [
        "question: how much (it holds numbers)",
        "left out: nr (it numbers the rows)",
        "left out: built (as asked)",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let report: Value =
        serde_json::from_str(&fs::read_to_string(place.path("run/report.json")).unwrap()).unwrap();
    assert_eq!(report["task"], "number");
    assert_eq!(report["test_samples"], 80);
    assert!(report["test"]["r2"].as_f64().unwrap() > 0.8, "{report}");
    assert!(report["test"]["baseline"].as_f64().unwrap() > 200.0, "in the price's unit: {report}");

    // Rows in another order of columns, without the target and what was left out.
    place.write("new.csv", "lift,floor,city,size,dear\nyes,2,Haifa,100,dear\nno,1,Lod,40,cheap\n");
    let out = place.done("predict run new.csv");
    let prices: Vec<f64> = out.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert!(out.starts_with("price\n") && prices.len() == 2, "{out}");
    assert!((prices[0] - 1420.0).abs() < 150.0 && (prices[1] - 420.0).abs() < 150.0, "{prices:?}");
    let lines = place.done("predict run new.csv --json");
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(line["line"], 2);
    assert!((line["value"].as_f64().unwrap() - prices[0]).abs() < 1e-3);

    let info = place.done("info run");
    for part in ["  city   one of ", "  size   number, 3", "may be missing", "sha256", "test  "] {
        assert!(info.contains(part), "{part}\n{info}");
    }
    let test = place.json("test run flats.csv --json");
    assert!(test["r2"].as_f64().unwrap() > 0.9 && test["samples"] == 400, "{test}");
    let explained = place.json("explain run flats.csv --json");
    let first = &explained["importance"][0];
    assert!(first["name"] == "size" || first["name"] == "dear", "{explained}");
    place.fails("explain run flats.csv --pictures p", 2, "does not look at pictures");
    let curves =
        place.json("explain run flats.csv --dependence size,city --pictures curves --json");
    let places = |i: usize| curves["dependence"][i]["places"].as_array().unwrap();
    let mean = |place: &Value| place["mean"][0].as_f64().unwrap();
    assert_eq!(curves["dependence"][0]["name"], "size");
    assert!(places(0).len() == 41 && places(0)[0]["value"].is_number(), "{curves}");
    // Large flats are dear.
    assert!((mean(&places(0)[0]) - mean(&places(0)[40])).abs() > 0.3, "{curves}");
    assert!(places(1).iter().any(|place| place["value"] == "Lod"), "{curves}");
    assert!(place.path("curves/dependence-size.svg").is_file());
    let said = place.done("explain run flats.csv --dependence city");
    assert!(said.contains(" ± ") && said.contains("Lod"), "{said}");
    place.fails("explain run flats.csv --dependence sise", 2, "did you mean \"size\"?");
    let words = fs::read_to_string(place.path("curves/dependence-city.svg")).unwrap();
    assert!(words.contains(">Haifa</text>") && words.contains("<circle"), "{words}");
    shapley_values(&place, &prices);
}

#[test]
fn numbers_of_other_units_are_explained_apart() {
    let place = Place::new();
    let row =
        |i: u32| format!("{},{},{},{}\n", i % 7, i % 5, 1000 * (i % 7), (i % 5) as f32 / 100.0);
    let rows: String = (0..70).map(row).collect();
    place.write("two.csv", format!("a,b,grams,metres\n{rows}"));
    place.done("train two.csv --target grams,metres --epochs 60 --out run -q");
    let said = place.done("explain run two.csv --shapley --pictures curves");
    let (grams, metres) = said.split_once("\n\n").unwrap();
    for (said, output, first) in [(grams, "grams", "a"), (metres, "metres", "b")] {
        assert!(said.contains(&format!("from the {output}: the mean size")), "{said}");
        assert!(said.lines().nth(1).unwrap().trim().starts_with(first), "{said}");
    }
    for file in ["shapley-output-0.svg", "shapley-output-1.png"] {
        assert!(place.path("curves").join(file).exists(), "{file}");
    }
}

/// Of the model of `a_number_is_learnt_and_predicted_in_its_own_unit`, and its rows.
fn shapley_values(place: &Place, prices: &[f64]) {
    let all = place.json("explain run flats.csv --shapley --pictures curves --json");
    assert_eq!((&all["background"], &all["outputs"][0]), (&100.into(), &"price".into()));
    let means = all["mean_absolute"].as_array().unwrap();
    assert!(means[0]["name"] == "size" || means[0]["name"] == "dear", "{all}");
    assert!(means.iter().all(|mean| mean["error"][0].as_f64() < means[0]["mean"][0].as_f64()));
    let some = place.json("explain run flats.csv --shapley --samples 3,7 --json");
    let sample = &some["samples"][1];
    assert_eq!(sample["sample"], 7);
    let sum: f64 =
        sample["values"].as_array().unwrap().iter().map(|v| v[0].as_f64().unwrap()).sum();
    let moved = sample["answer"][0].as_f64().unwrap() - some["base_values"][0].as_f64().unwrap();
    assert!((sum - moved).abs() < 1e-6 && moved.abs() < 4.0 * prices[0], "{sum} {moved}");
    let said = place.done("explain run flats.csv --shapley --samples 7 --pictures curves");
    assert!(said.contains("sample 7: price") && said.contains(" ± "), "{said}");
    for file in ["shapley.svg", "shapley.png", "shapley-7.svg"] {
        assert!(place.path("curves").join(file).is_file(), "{file}");
    }
    place.fails("explain run flats.csv --shapley --samples 400", 2, "there are 400 samples");
    place.fails("explain run flats.csv --shapley --tolerance -1", 2, "a number of at least 0");
    place.fails("explain run flats.csv --samples 4", 2, "--shapley");
}

/// The votes of ten people, who see what the numbers say; and the same as shares.
#[test]
fn probabilities_of_classes_are_soft_labels() {
    let votes = |i: usize| {
        let (x, y) = (noise(i, 0), noise(i, 1));
        let cat = (10.0 * x).round();
        let dog = ((10.0 - cat) * y).round();
        (x, y, [cat, dog, 10.0 - cat - dog])
    };
    let rows = |share: f64| -> String {
        let row = |i| {
            let (x, y, [a, b, c]) = votes(i);
            format!("{x},{y},{},{},{}\n", a * share, b * share, c * share)
        };
        (0..400).map(row).collect()
    };
    let place = with(&[
        ("votes.csv", &format!("x,y,cat,dog,cow\n{}", rows(1.0))),
        ("shares.csv", &format!("x,y,cat,dog,cow\n{}", rows(0.1))),
        ("half.csv", &format!("x,y,cat,dog,cow\n{}", rows(0.05))),
    ]);
    let train = "--target cat,dog,cow --task classes --effort 0";
    let (out, _) = place.both(&format!("train votes.csv {train} --out votes"));
    assert!(out.contains("which class, cat, dog, cow (a probability each, as asked)"), "{out}");
    place.done(&format!("train shares.csv {train} --out shares"));
    let parameters = |run: &str| {
        let model = reshet::Model::load(place.path(run).join("model.safetensors")).unwrap();
        model.parameters().to_vec()
    };
    assert!(parameters("votes") == parameters("shares"));
    let many: String = (0..150).map(|_| rows(1.0)).collect();
    place.write("many.csv", format!("x,y,cat,dog,cow\n{many}"));
    let streamed = "--memory 9M --hidden 8 --batch-size 100 --epochs 2 --out streamed";
    let (_, said) = place.both(&format!("train many.csv {train} {streamed}"));
    assert!(said.contains("streamed within 9M"), "{said}");
    for run in ["votes", "streamed"] {
        let test = place.json(&format!("test {run} shares.csv --json"));
        let number = |name: &str| test["calibration"][name].as_f64().unwrap();
        assert!(test["accuracy"].as_f64().unwrap() > 0.85, "{test}");
        assert!(number("brier") < 0.02 && number("brier_baseline") > 0.1, "{test}");
        // What remains is what the votes do not say.
        assert!(number("log_loss") < number("log_loss_baseline") - 0.1, "{test}");
    }
    place.write("new.csv", "y,x\n0.5,0.8\n");
    let said = place.done("predict votes new.csv --json");
    let line: Value = serde_json::from_str(&said).unwrap();
    assert!((line["probabilities"]["cat"].as_f64().unwrap() - 0.8).abs() < 0.1, "{line}");
    place.done("export votes --output votes.onnx");
    place.fails(&format!("train half.csv {train}"), 3, "sum to 0.5; they must sum to 1, or be");
    place.fails("test votes half.csv", 3, "half.csv:2: the probabilities of its 3 classes");
    place.done(
        "tune votes.csv --target cat,dog,cow --task classes --trials 2 --epochs 2 --out study",
    );
}

/// As `predict` does.
#[test]
fn a_test_counts_cells_that_training_never_saw() {
    let rows = |n: usize| -> String {
        (0..n).map(|i| format!("{},{},{}\n", i % 7, ["a", "b"][i % 2], i % 7 * 3)).collect()
    };
    let place = with(&[("t.csv", &format!("x,w,y\n{}", rows(60)))]);
    place.done("train t.csv --target y --task number --epochs 1 --out run");
    let odd = "1e60,a,3\n,b,4\n1,new,5\n1e9,a,5\n";
    place.write("odd.csv", format!("x,w,y\n{}{odd}", rows(60_000)));
    for flags in ["", "--memory 1M"] {
        let (_, said) = place.both(&format!("test run odd.csv {flags}"));
        for part in [
            "1 number is infinite or too large: it was taken for missing",
            "1 cell is empty in a column that had no gap in training",
            "1 cell held a value that is rare or was never seen in training",
            "1 number lies far outside what training saw",
        ] {
            assert!(said.contains(part), "{flags}: {part}\n{said}");
        }
    }
}

#[test]
fn each_of_many_values_of_a_category_has_an_input() {
    // Every sixth day of a person's eighteen is in the test part.
    let rows = |test: bool| -> String {
        let of_part = (0..90 * 18).filter(|i| (i / 90 % 6 == 0) == test);
        of_part.map(|i| format!("person{},{}\n", i % 90, ["a", "b", "c"][i % 90 * 7 % 3])).collect()
    };
    let (train, test) = (format!("who,y\n{}", rows(false)), format!("who,y\n{}", rows(true)));
    let place = with(&[("t.csv", &train), ("e.csv", &test)]);
    let told = place.done("train t.csv --test e.csv --target y --effort 0 --json --out run");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (told["features"].as_u64(), told["test"]["accuracy"].as_f64()),
        (Some(90), Some(1.0))
    );
}

#[test]
fn the_question_is_inferred_and_said() {
    let mut text = "x,two,few,words,amount\n".to_string();
    for i in 0..120 {
        let x = noise(i, 0);
        let few = (4.0 * x) as usize;
        text +=
            &format!("{x},{},{few},{},{}\n", u8::from(x > 0.5), ["a", "b", "c"][few % 3], x * 7.5);
    }
    let place = with(&[("t.csv", &text)]);
    let quick = "--epochs 2 --force --out run";
    for (flags, task, says) in [
        ("--target two", "binary", "yes or no, 1 against 0 (it has two values)"),
        ("--target two --positive 0", "binary", "yes or no, 0 against 1 (as asked)"),
        ("--target few", "classes", "which class, 0, 1, 2, 3 (it holds few whole numbers)"),
        ("--target few --task number", "number", "how much (as asked)"),
        ("--target few --loss mse", "number", "how much (as asked)"),
        ("--target few --net 4:relu-1", "number", "how much"),
        ("--target few --is 2", "binary", "yes or no, 2 against not 2 (as asked)"),
        ("--target words", "classes", "which class, a, b, c (it holds words)"),
        ("", "number", "target: amount, the last column"),
        ("--target x,amount", "number", "how much (numbers)"),
        ("--target two --task classes", "classes", "which class, 0, 1 (as asked)"),
    ] {
        let out = place.done(&format!("train t.csv {flags} {quick}"));
        assert!(out.contains(says), "{flags}: {out}");
        let report = fs::read_to_string(place.path("run/report.json")).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["task"], task, "{flags}");
    }
    let predicted = place.done("predict run t.csv --json");
    assert!(predicted.contains("\"probabilities\":{\"0\":"), "{predicted}");
    place.done(&format!("train t.csv --target x,amount {quick} --net 3:relu-2"));
    let predicted = place.done("predict run t.csv");
    assert!(predicted.starts_with("x,amount\n"), "{predicted}");
    let test = place.json("test run t.csv --json");
    assert_eq!(test["per_target"][1]["name"], "amount", "{test}");

    place.fails(
        "train t.csv --target two --positive 7",
        3,
        "is never \"7\"; its values are 0 and 1",
    );
    place.fails("train t.csv --target few --task binary", 3, "has 4 values (0, 1, 2, 3)");
    place.fails("train t.csv --target words --task number", 3, "holds words (line 2: \"");
    place.fails("train t.csv --target few --is 9", 3, "is never \"9\"; its values are 0, 1, 2, 3");
    place.fails(
        "train t.csv --target amout",
        3,
        "no column is called \"amout\"; did you mean \"amount\"",
    );
    let many: String = (0..3000).map(|i| format!("{},{i}\n", i as f32 * 0.37)).collect();
    place.write("many.csv", format!("y,x\n{many}"));
    place.fails("train many.csv --target y --task classes", 3, "too many different numbers");
    place.fails("train t.csv --target two --patience 0 --validation 0.2", 2, "--patience 0");
    place.fails("train t.csv --target two,words", 3, "holds words");
    place.fails("train t.csv --positive 1 --is 1", 2, "cannot be used with");
    place.fails("train mnist --target two", 2, "--target goes with a table (CSV), not with mnist");
}

#[test]
fn several_questions_weights_folds_and_balance() {
    let mut text = "x,y,w,p,q,rare\n".to_string();
    for i in 0..300 {
        let (x, y) = (noise(i, 0), noise(i, 1));
        let yes = |b: bool| if b { "yes" } else { "no" };
        let rare = yes(x > 0.8 && noise(i, 3) > 0.6);
        text += &format!("{x},{y},{},{},{},{rare}\n", 1 + i % 2, yes(x > 0.5), yes(x + y > 1.0));
    }
    let place = with(&[("t.csv", &text)]);
    let report = place.json("train t.csv --target p,q --weight w --epochs 40 --json --out several");
    assert!(report["test"]["all_right"].as_f64().unwrap() > 0.8, "{report}");
    let out = place.done("predict several t.csv --json");
    assert!(out.lines().any(|l| l.starts_with("{\"label\":[\"p\",\"q\"],")), "{out}");
    // The weights' column is known, and not needed.
    place.write("rows.csv", "x,y,rare\n0.9,0.9,no\n");
    let out = place.done("predict several rows.csv");
    assert!(out.starts_with("label,p,q\n\"p;q\","), "{out}");

    let recall = |flags: &str| {
        place.done(&format!(
            "train t.csv --target rare --hidden 4 --epochs 30 --out r --force {flags}"
        ));
        let test = place.json("test r t.csv --json");
        test["recall"].as_f64().unwrap_or(0.0)
    };
    let (plain, balanced) = (recall(""), recall("--balance"));
    assert!(balanced > 0.8 && balanced > plain, "{plain} {balanced}");
    let report = place.json("train t.csv --target p --folds 3 --epochs 30 --json --out folds");
    assert_eq!(report["folds"]["scores"].as_array().unwrap().len(), 3);
    assert!(report["folds"]["accuracy"].as_f64().unwrap() > 0.85, "{report}");
    assert!(report["test"].is_null() && report["test_samples"] == 0);

    place.fails("train t.csv --weight p", 3, "t.csv:2: column \"p\": \"");
    place.fails("train t.csv --target x --balance", 2, "--balance: only classes");
    place.fails("train t.csv --target p --folds 1", 2, "at least 2 folds");
    place.fails("train t.csv --target p --folds 301", 2, "--folds 301: ");
    place.fails("train t.csv --target p --folds 2 --test-fraction 0.2", 2, "cannot be used with");
}

#[test]
fn a_test_file_is_matched_by_name() {
    let place = with(&[("train.csv", &flats(300)), ("test.csv", &flats(60))]);
    let report = place.json("train train.csv --test test.csv --target dear --json --out run");
    assert_eq!((&report["train_samples"], &report["test_samples"]), (&300.into(), &60.into()));
    let missing = flats(20).replace("size", "Size");
    place.write("other.csv", missing);
    let says = "the model needs the column size and does not know the column Size";
    place.fails("train train.csv --test other.csv --target dear --out no", 3, says);
    place.fails("test run other.csv", 3, says);
    place.fails("predict run other.csv", 3, says);
    place.write("other.csv", flats(20).replace("cheap", "fair"));
    place.fails(
        "test run other.csv",
        3,
        "column \"dear\": the target \"fair\" is none of cheap, dear",
    );
    place.fails(
        "train train.csv --test test.csv --test-fraction 0.3",
        2,
        "either a file or a part",
    );
    place.fails("train train.csv --test none.csv", 3, "cannot read none.csv");
    place.fails("test run none.csv", 3, "none.csv");
    place.write("x.csv", "a,b\n1,2\n");
    place.done("train mnist --hidden 2 --epochs 1 --batch-size 5000 --out digits -q");
    place.fails("test digits x.csv", 3, "was not trained on a table");
    place.fails("predict digits x.csv", 3, "was not trained on a table");
}

#[test]
fn bad_tables_are_told_and_nothing_is_written() {
    let place = Place::new();
    for (text, says) in [
        ("", "t.csv: the file is empty"),
        ("a,b\n", "t.csv: there are no rows under the header"),
        ("a,b\n1,2\n3\n", "t.csv:3: 1 cell, and there are 2 columns"),
        ("a,a\n1,2\n", "t.csv:1: two columns are called \"a\""),
        ("a,b\n1,2\n1,\"2\n3,4\n", "t.csv:3: a quote is opened in this row and never closed"),
        ("a,b\n1,2\n\"1\n3,4\n\"\n", "t.csv:3: 1 cell, and there are 2 columns; is there a quote"),
        ("a\n1\n2\n", "there is no column besides the target"),
        ("a,b\n1,\n2,NA\n", "target \"b\" is empty in every row"),
        ("a,b\n1,x\n2,x\n", "target \"b\" says the same in every row"),
        (
            &format!("a,b\n{}", "1,x\n1,y\n".repeat(20)),
            "no column is left to learn from (a: it says the same",
        ),
        ("a,b\n1,x\n2,y\n", "too few samples"),
    ] {
        place.write("t.csv", text);
        place.fails("train t.csv", 3, says);
    }
    place.write("t.csv", b"a,b\n1,\xe9\n");
    let says = "t.csv:2: column \"b\": not UTF-8 text";
    place.fails("train t.csv --encoding utf-8", 3, says);
    place.fails("data check t.csv --encoding utf-8", 3, says);
    place.write("t.csv", b"PK\x03\x04rest");
    place.fails("train t.csv", 3, "save the table as CSV");
    place.fails("train none.csv", 3, "no such file");
    place.write("t.csv", flats(50));
    place.fails("train t.csv --separator ;;", 2, "one character");
    place.fails("train t.csv --validation 1.5", 2, "--validation");
    place.fails("train t.csv --header maybe", 2, "maybe");
    place.write("run.safetensors", "");
    place.fails("data check run.safetensors", 2, "only tables");
    // What does not fit into memory is told before it is tried.
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (600, 1), }\n";
    let header =
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes()];
    place.write("x.npy", [&header.concat()[..], &[0; 2400]].concat());
    for call in ["train t.csv", "train x.npy --targets x.npy"] {
        let output = place.command(call).env("RESHET_MEMORY", "1000").output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(error.contains("of memory and 1.0 kB are free"), "{error}");
    }
}

#[test]
fn a_check_tells_what_is_suspicious() {
    let mut text = "id,size,grade,same,code,leak,y\n".to_string();
    for i in 0..60 {
        let y = ["up", "down"][i % 2];
        let size = match i {
            5 => "oops".into(),
            9 => "inf".into(),
            _ => format!("{}", noise(i, 0)),
        };
        let leak = ["1", "2"][i % 2];
        text +=
            &format!("{i},{size},{},k,{},{leak},{y}\n", ["A", "B", ""][i % 3], ["7", "x"][i / 30]);
    }
    let twin = text.lines().nth(1).unwrap().to_string();
    text += &format!("{twin}\n{}\n", twin.replace("up", "down").replace(",1,", ",2,"));
    text += "99,0.5,A,k,7,1,\n";
    let place = with(&[("t.csv", &text)]);
    let (out, _) = place.both("data check t.csv");
    for part in [
        "t.csv: 63 rows, 7 columns; cells apart by commas, with a header",
        "target: y, the last column",
        "yes or no, up against down",
        "left out: it says the same in every row",
        "1 rows have no target",
        "1 row there twice, the first in lines 2 and 62",
        "column \"size\": 1 infinite or too large, the first in line 11: taken for missing",
        "t.csv:7: column \"size\" holds numbers, but \"oops\" too: taken for missing",
        "column \"code\" mixes words (line 32) and numbers (line 2): all taken for words",
        "column \"leak\" gives the target away",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    let json = place.json("data check t.csv --target grade --json");
    assert_eq!(json["columns"].as_array().unwrap().len(), 7);
    let dressed: String = (0..30).map(|i| format!("{i}.5%,{}\n", i % 2)).collect();
    place.write("d.csv", format!("p,y\n{dressed}"));
    let out = place.done("data check d.csv");
    assert!(out.contains("numbers of p: \"0.5%\" is 0.5"), "{out}");
    let out = place.done("data check t.csv --is up");
    assert!(out.contains("up against not up"), "{out}");
    place.fails("info t.csv", 2, "`reshet data check` looks it through");
    let (_, error) = place.both("train t.csv --epochs 1 --out run");
    assert!(error.contains("warning: column \"leak\" gives the target away"), "{error}");
}

#[test]
fn rows_stream_in_and_bad_ones_are_named() {
    let place = with(&[("t.csv", &flats(300))]);
    place.done("train t.csv --target dear --drop built --epochs 5 --out run");
    let mut text = "size,city,lift,floor,price\n".to_string();
    for i in 0..30_000 {
        text += &match i {
            10 => "big,Haifa,no,1,900\n".into(),
            20 => "50,Haifa\n".into(),
            _ => format!("{},{},yes,{},{}\n", i % 100, ["Lod", "Eilat"][i % 2], i % 5, i % 2000),
        };
    }
    place.write("rows.csv", text);
    let out = place.run("predict run rows.csv");
    let error = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(3));
    assert!(error.contains("rows.csv:12: column \"size\": \"big\" is not a number"), "{error}");
    // The rows above it are answered; CSV tells the lines where some may be missing.
    assert_eq!(String::from_utf8(out.stdout).unwrap().lines().count(), 1 + 10);
    let lines = place.done("predict run rows.csv --skip-bad");
    assert!(
        lines.starts_with("line,label,cheap,dear\n2,") && lines.contains("\n13,"),
        "{lines:.80}"
    );
    assert!(!lines.contains("\n12,") && !lines.contains("\n22,"));
    let (out, error) = place.both("predict run rows.csv --skip-bad --json");
    assert!(error.contains("passed over: rows.csv:12: column \"size\": \"big\" is not a number"));
    assert!(error.contains("2 bad rows were passed over"), "{error}");
    // Cities that training has not seen.
    assert!(error.contains("cells held a value that is rare or was never seen"), "{error}");
    let lines: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines.len(), 29_998);
    assert!(lines.windows(2).all(|w| w[0]["line"].as_u64() < w[1]["line"].as_u64()));
    for line in &lines {
        let sum: f64 =
            line["probabilities"].as_object().unwrap().values().map(|p| p.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{line}");
    }
    for name in ["far.csv", "other.csv"] {
        place.write(name, "size,city,lift,floor,price\n1e9,Lod,no,2,700\n");
    }
    let (two, error) = place.both("predict run far.csv other.csv");
    assert!(
        two.starts_with("input,label,cheap,dear\nfar.csv,") && two.lines().count() == 3,
        "{two}"
    );
    assert!(error.contains("1 number lies far outside what training saw"), "{error}");
    place.write("endless.csv", "size,city,lift,floor,price\n1e300,Lod,no,2,700\n");
    let (_, error) = place.both("predict run endless.csv");
    assert_eq!(error.trim(), "1 number is infinite or too large: it was taken for missing");
    let two = place.done("predict run far.csv other.csv --json");
    let starts = ["far.csv", "other.csv"].map(|name| format!("{{\"input\":\"{name}\",\"label\":"));
    assert!(two.lines().zip(&starts).all(|(line, start)| line.starts_with(start)), "{two}");
    place.fails("predict run far.csv none.csv", 3, "cannot read none.csv: no such file");
    // From standard input, to a reader that goes away, in other dialects.
    let stdin = |text: String, args: &str| {
        use std::{io::Write, process::Stdio};
        let mut command = place.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    let commas = stdin("size,city,lift,floor,price\n55.5,Lod,no,2,700\n".into(), "predict run -");
    let semicolons =
        stdin("price;size;lift;city;floor\n700;55,5;no;Lod;2\n".into(), "predict run -");
    assert_eq!(commas.lines().count(), 2);
    assert_eq!(commas, semicolons);
    // The threshold decides, the probability stays.
    let low = stdin(
        "size,city,lift,floor,price\n55.5,Lod,no,2,700\n".into(),
        "predict run - --threshold 0",
    );
    let probabilities =
        |out: &str| out.lines().nth(1).unwrap().split_once(',').unwrap().1.to_string();
    assert_eq!(probabilities(&low), probabilities(&commas));
    assert!(low.contains("\ndear,") && commas.contains("\ncheap,"), "{low}{commas}");
}

/// Prices in dollars, shares in per cent, counts with thousands marks; postcodes.
fn shop(rows: usize) -> String {
    let mut text = "zip,price,share,visits,sold\n".to_string();
    for i in 0..rows {
        let (price, share) = (1000.0 + 900.0 * noise(i, 0), 100.0 * noise(i, 1));
        let zip = ["00123", "01234", "90210"][i % 3];
        let sold = 0.5 * price + 3.0 * share;
        let whole = |x: f64| format!("{},{:03}", x as u32 / 1000, x as u32 % 1000);
        text += &format!(
            "{zip},\"${}.{:02}\",{share:.1} %,\"{}\",\"{}\"\n",
            whole(price),
            i % 100,
            whole(1000.0 + (i * 7 % 90) as f64),
            whole(sold + 1000.0),
        );
    }
    text
}

#[test]
fn numbers_as_people_write_them() {
    let place = with(&[("shop.csv", &shop(300))]);
    let check = place.done("data check shop.csv");
    for part in [
        "numbers of price: \"$1,",
        "numbers of share: \"",
        "words of zip: \"00123\" (line 2) has leading zeros",
        "one of 00123, 01234, 90210",
        "nothing looks wrong",
    ] {
        assert!(check.contains(part), "{part}\n{check}");
    }
    let (out, error) = place.both("train shop.csv --epochs 40 --out run");
    assert!(out.contains("question: how much") && out.contains("numbers of sold: \""), "{out}");
    assert_eq!(error.matches("warning").count(), 0, "{error}");
    let test = place.json("test run shop.csv --json");
    assert!(test["r2"].as_f64().unwrap() > 0.9, "{test}");

    // What is predicted is written as in training, or plainly.
    place.write("new.csv", "zip,price,share,visits\n00123,\"$1,500.00\",50 %,\"1,200\"\n");
    place.write("plain.csv", "zip,price,share,visits\n00123,1500,50%,1200\n");
    assert_eq!(place.done("predict run new.csv"), place.done("predict run plain.csv"));
    place.write("euros.csv", "zip,price,share,visits\n00123,€1500,50%,1200\n");
    place.fails(
        "predict run euros.csv",
        3,
        "euros.csv:2: column \"price\": \"€1500\" is not written",
    );
    place.write("zeros.csv", "zip,price,share,visits\n00123,007,50%,1200\n");
    place.fails("predict run zeros.csv", 3, "\"007\" is not written as $1,234.5 is");
    assert!(
        place.json("info run --json")["meaning"]["columns"]["written"]["share"]["percent"] == true
    );
    let rows = shop(40).lines().skip(1).map(|l| format!("{l}\n")).collect::<String>();
    place.write("test.csv", format!("zip,price,share,visits,sold\n{rows}"));
    let out = place.done("train shop.csv --test test.csv --epochs 40 --out two");
    assert!(out.contains(" over 40;"), "{out}");

    // Decimal commas: the point parts thousands, in a file that does not say so as well.
    let german = shop(300).replace(',', ";").replace('.', ",").replace('"', "");
    let german = german.lines().map(|l| {
        // The separators inside numbers, which were quoted, are points now.
        let mut cells: Vec<&str> = l.split(';').collect();
        match cells.len() {
            5 => l.to_string(),
            _ => {
                let price = format!("{}.{}", cells[1], cells[2]).replace('$', "€ ");
                let visits = format!("{}.{}", cells[4], cells[5]);
                let sold = format!("{}.{}", cells[6], cells[7]);
                cells.truncate(1);
                format!("{};{price};{};{visits};{sold}", cells[0], l.split(';').nth(3).unwrap())
            }
        }
    });
    place.write("laden.csv", german.map(|l| l + "\n").collect::<String>());
    let check = place.done("data check laden.csv");
    assert!(
        check.contains("decimal commas") && check.contains("numbers of price: \"€ 1."),
        "{check}"
    );
    place.done("train laden.csv --epochs 40 --out laden");
    place.write("neu.csv", "zip;price;share;visits\n00123;1.500;50 %;1.200\n");
    place.write("neu2.csv", "zip,price,share,visits\n00123,\"€ 1.500,00\",50 %,1200\n");
    assert_eq!(place.done("predict laden neu.csv"), place.done("predict laden neu2.csv"));
}

#[test]
fn what_cannot_be_told_is_said() {
    // Nothing but the one mark: thousands or decimals?
    let rows = |cell: &dyn Fn(usize) -> String| -> String {
        (0..40).map(|i| format!("{}\t{}\n", cell(i), i * 7 % 40)).collect()
    };
    let open = |i: usize| format!("{},{:03}", 1 + i % 7, 100 + i);
    let place = with(&[
        ("tabs.tsv", &format!("a\tb\n{}", rows(&open))),
        ("semicolons.csv", &format!("a;b\n{}", rows(&open).replace('\t', ";"))),
        ("mixed.csv", &format!("a\tb\n{}", rows(&|i| format!("{}{i}", ["$", "€"][i % 2])))),
        (
            "free.csv",
            &format!(
                "a\tb\n{}",
                rows(&|i| if i == 20 { "free".into() } else { format!("${}", i % 13) })
            ),
        ),
    ]);
    let (out, error) = place.both("train tabs.tsv --epochs 1 --out a");
    assert!(out.contains("numbers of a: \"1,100\" is 1100"), "{out}");
    assert!(error.contains("\"1,100\" is taken for 1100: its mark may part thousands"), "{error}");
    let check = place.done("data check semicolons.csv");
    assert!(check.contains("decimal commas") && check.contains("is taken for 1.234"), "{check}");
    let check = place.done("data check mixed.csv");
    assert!(check.contains("not all written in one way, as in one currency"), "{check}");
    let check = place.done("data check free.csv");
    assert!(check.contains("but \"free\" (line 22) is none: all are taken for words"), "{check}");
}

#[test]
fn answers_that_differ_in_case_are_not_merged_silently() {
    let rows = |answers: [&str; 3]| -> String {
        let row = |i: usize| format!("{},{},{}\n", i % 17, ["A", "a", "b"][i % 3], answers[i % 3]);
        format!("x,word,answer\n{}", (0..60).map(row).collect::<String>())
    };
    let place =
        with(&[("t.csv", &rows(["Yes", "yes", "no"])), ("letters.csv", &rows(["A", "a", "B"]))]);
    let says = "target \"answer\": \"Yes\" (line 2) and \"yes\" (line 3) differ only in case";
    place.fails("train t.csv --out run", 3, says);
    place.fails("train t.csv --is Yes --out run", 3, says);
    let check = place.done("data check t.csv");
    for column in ["word\": \"A\" (line 2) and \"a\" (line 3)", "answer\": \"Yes\" (line 2)"] {
        assert!(check.contains(column), "{check}");
    }
    // Meant: said to be, or letters.
    let (out, error) = place.both("train t.csv --task classes --epochs 1 --out run");
    assert!(out.contains("which class, Yes, no, yes") && error.contains("differ only in case"));
    place.done("train letters.csv --epochs 1 --out letters");
}

/// More different prices than a column may have words.
#[test]
fn many_different_prices_are_numbers() {
    let price = |i: usize| format!("${}.{:02}", 1 + i / 100, i % 100);
    let rows: String = (0..70_000).map(|i| format!("{},{}\n", price(i), i % 5)).collect();
    let place = with(&[("t.csv", &format!("price,answer\n{rows}"))]);
    let check = place.done("data check t.csv");
    assert!(check.contains("price         0       1  number, 1 to 700.99"), "{check}");
    assert!(check.contains("numbers of price: \"$1.00\" is 1"), "{check}");
}

#[test]
fn missing_targets_beside_others_do_not_count() {
    let place = Place::new();
    let mut text = String::from("x,up,down\n");
    for i in 0..300 {
        let x = f64::from(i * 37 % 101) / 10.0;
        let up = if i % 10 == 0 { String::new() } else { format!("{:.2}", 2.0 * x + 1.0) };
        let down = if i % 5 < 2 { "NA".into() } else { format!("{:.2}", 30.0 - x) };
        text += &format!("{x},{up},{down}\n");
    }
    place.write("t.csv", text);
    let (out, _) = place.both("train t.csv --target up,down --out run");
    assert!(out.contains("targets are missing in rows that have others"), "{out}");
    // Both are missing in every tenth row.
    assert!(out.contains("30 rows have no target"), "{out}");
    let report: Value = serde_json::from_slice(&place.read("run/report.json")).unwrap();
    for target in report["test"]["per_target"].as_array().unwrap() {
        assert!(target["r2"].as_f64().unwrap() > 0.95, "{target}");
    }
    place.done("test run t.csv");
}

#[test]
fn a_header_may_be_longer_than_what_is_looked_at_first() {
    let place = Place::new();
    let names: Vec<String> = (0..5_000).map(|i| format!("a_gene_of_some_length_{i}")).collect();
    let mut text = names.join(",") + ",kind\n";
    for row in 0..40 {
        let cells = (0..5_000).map(|i| ((row * 7 + i * 3) % 11).to_string() + ",");
        text += &(cells.collect::<String>() + ["a", "b"][row % 2] + "\n");
    }
    place.write("genes.csv", text);
    let (out, _) = place.both("train genes.csv --epochs 1 --hidden 4 --out run");
    assert!(out.contains("a_gene_of_some_length_4999") || out.contains("5000"), "{out}");
    let report: Value = serde_json::from_slice(&place.read("run/report.json")).unwrap();
    assert_eq!((&report["features"], &report["test_samples"]), (&5_000.into(), &8.into()));
    place.done("test run genes.csv");
}
