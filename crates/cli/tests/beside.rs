//! What stands beside an answer: the score on the training part, flags beside the library's
//! messages, the settings of runs; groups of a table's answers, names beside arrays, sheets.

mod place;

use place::Place;
use serde_json::json;

/// Rows of a colour that a number tells, and a number.
fn colours(rows: usize) -> String {
    let row = |i: usize| {
        let colour = ["red", "green", "blue", "black"][i % 4];
        format!("{}.{},{},{colour}\n", i % 4, i * 7 % 10, i * 13 % 50)
    };
    format!("x,z,colour\n{}", (0..rows).map(row).collect::<String>())
}

#[test]
fn a_group_of_a_tables_answers_is_asked_about() {
    let place = Place::new();
    place.write("t.csv", colours(200));
    place.write("other.csv", colours(40));
    let report =
        place.json("train t.csv --is black,red --epochs 150 --lr 0.02 --out run --json -q");
    assert_eq!(report["task"], "binary");
    let names = &place.json("info run --json")["meaning"]["names"];
    assert_eq!(*names, json!(["not black or red", "black or red"]));
    // The question is put to another file as it was to this one.
    let test = place.json("test run other.csv --json");
    assert_eq!((&test["samples"], &test["positives"]), (&json!(40), &json!(20)));
    assert!(test["accuracy"].as_f64().unwrap() > 0.9, "{test}");
    place.fails("train t.csv --is red,pink", 3, "is never \"pink\"");
    place.fails("train t.csv --is red,green,blue,black", 3, "nothing to learn");
}

#[test]
fn the_training_part_is_scored_too() {
    let place = Place::new();
    place.write("t.csv", colours(120));
    let line = "train t.csv --epochs 40 --lr 0.02 --test-fraction";
    let report = place.json(&format!("{line} 0 --out a --json -q"));
    assert!(report["test"].is_null());
    assert!(report["train"]["accuracy"].as_f64().unwrap() > 0.5, "{report}");
    let out = place.done(&format!("{line} 0 --out b"));
    assert!(out.contains("training part: ") && out.contains("no test: new data may"), "{out}");
    // Too few epochs for a good test.
    let out = place.done("train t.csv --epochs 1 --lr 0.0001 --test-fraction 0.25 --out c");
    let at = |part: &str| out.find(part).unwrap_or_else(|| panic!("{part}\n{out}"));
    assert!(at("training part: ") < at("\ntest: "));
    assert!(place.json("runs . --json")["runs"].as_array().unwrap().len() == 3);
}

#[test]
fn small_units_keep_their_digits() {
    let place = Place::new();
    let row = |i: usize| format!("{},{}e-9\n", i % 50, (i % 50) * 3 + i % 7);
    place.write("t.csv", format!("a,y\n{}", (0..150).map(row).collect::<String>()));
    let out = place.done("train t.csv --epochs 20 --out runs/t");
    assert!(out.contains("e-") && !out.contains("0.0000 (RMSE)"), "{out}");
    let out = place.done("test runs/t t.csv");
    assert!(!out.contains(" 0.0000 ") && out.contains("e-"), "{out}");
    assert!(!place.done("runs").contains("0.0000 "));
}

#[test]
fn runs_show_their_settings() {
    let place = Place::new();
    place.write("t.csv", colours(80));
    place.done("train t.csv --epochs 2 --lr 0.02 --weight-decay 0.25 -q");
    place.done("train t.csv --epochs 2 --lr 0.03 --weight-decay 0.5 -q");
    let table = place.done("runs");
    for part in ["lr", "batch", "CrossEntropyLoss", "0.02", "0.03", "weight-decay", "0.25", "final"]
    {
        assert!(table.contains(part), "{part}\n{table}");
    }
    assert!(!table.contains("momentum") && !table.contains("out "), "{table}");
    let json = place.json("runs --json");
    assert_eq!(json["runs"][0]["loss"], "CrossEntropyLoss");
    assert!(json["runs"][0]["settings"]["lr"].is_number(), "{json}");
}

#[test]
fn a_lecture_is_a_run() {
    let place = Place::new();
    place.done("lecture --out runs/lecture-1");
    let runs = place.json("runs --json");
    let run = &runs["runs"][0];
    assert_eq!((&run["status"], &run["task"]), (&json!("done"), &json!("binary")));
    assert!(run["test"]["accuracy"].as_f64().unwrap() > 0.98, "{run}");
    assert!(run["final_loss"].is_number() && run["settings"]["lr"] == 0.01, "{run}");
    assert!(place.done("runs").contains("mnist, is it 7? (binary)"));
}

#[test]
fn names_lie_beside_arrays() {
    let place = Place::new();
    let header = |shape: &str, kind: &str| {
        let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    };
    let x: Vec<u8> = (0..60u8).flat_map(|i| f32::from(i % 3).to_le_bytes()).collect();
    let y: Vec<u8> = (0..60i64).flat_map(|i| (i % 3).to_le_bytes()).collect();
    place.write("x.npy", [header("60, 1", "<f4"), x].concat());
    place.write("y.npy", [header("60,", "<i8"), y].concat());
    place.write("names.txt", "low\nmid\ntop\n");
    let (_, said) = place.both("train x.npy --targets y.npy --epochs 1 --out run");
    assert!(said.contains("called as in names.txt"), "{said}");
    let names = json!(["low", "mid", "top"]);
    assert_eq!(place.json("info run --json")["meaning"]["names"], names);
    assert_eq!(place.json("test run x.npy --targets y.npy --json")["samples"], 60);
    place.write("names.txt", "one\ntwo\n");
    let (_, said) = place.both("train x.npy --targets y.npy --epochs 1 --out other");
    assert!(said.contains("is not used: it has 2 names"), "{said}");
}

#[test]
fn a_sheet_is_a_table() {
    let place = Place::new();
    let tables = concat!(env!("CARGO_MANIFEST_DIR"), "/../reshet/tests/tables");
    for name in ["book.xlsx", "book.csv"] {
        place.write(name, std::fs::read(format!("{tables}/{name}")).unwrap());
    }
    let of = |name: &str| {
        let report = place.json(&format!("train {name} --target colour --epochs 3 --json -q"));
        let run = report["model"].as_str().unwrap().to_string();
        (report["final_loss"].clone(), place.done(&format!("predict {run} {name}")))
    };
    assert_eq!(of("book.xlsx"), of("book.csv"));
    assert_eq!(place.json("data check book.xlsx --sheet Other --json")["rows"], 30);
    place.fails("data check book.xlsx --sheet Dta", 3, "did you mean \"Data\"");
    place.fails("data check book.csv --sheet Data", 2, "only spreadsheets have sheets");
}

#[test]
fn the_program_adds_its_flags() {
    let place = Place::new();
    place.write("t.csv", colours(60));
    place.fails("train t.csv --task binary", 3, "(--is VALUE)");
    let row = |i: usize| format!("{},{},{}\n", i % 7, i * 3 % 11, i % 7 + i * 3 % 11);
    place.write("sum.csv", format!("a,b,total\n{}", (0..150).map(row).collect::<String>()));
    let check = place.done("data check sum.csv --task number");
    assert!(check.contains("the sum of columns \"a\" and \"b\"") && check.contains("(--drop A,B)"));
}

#[test]
fn what_others_overlook_is_said() {
    let place = Place::new();
    let rows = |row: &dyn Fn(usize) -> String| (0..120).map(row).collect::<String>();
    let stands = |i: usize| if i % 9 == 0 { -999 } else { 40 + (i * 7 % 20) as i32 };
    place.write("z.csv", format!("z,y\n{}", rows(&|i| format!("{},{}\n", stands(i), i % 2))));
    let check = place.done("data check z.csv");
    assert!(check.contains("14 times -999, and all other numbers lie from 40 to 59"), "{check}");
    assert!(!place.done("data check z.csv --missing -999").contains("times -999"));

    let truth = |i: usize| ["True", "1", "False", "0"][i % 4];
    place.write("truth.csv", format!("x,y\n{}", rows(&|i| format!("{},{}\n", i % 10, truth(i)))));
    place.fails("train truth.csv", 3, "say yes");
    let check = place.done("data check truth.csv");
    assert!(check.contains("the answers 1 and True say yes, and 0 and False no"), "{check}");
    place.done("train truth.csv --task classes --epochs 1 --out run -q");

    let date = |i: usize| format!("{0}/{0}/2{1}", i % 12 + 1, i % 4);
    place.write("d.csv", format!("d,y\n{}", rows(&|i| format!("{},{}\n", date(i), i % 3))));
    assert!(place.done("data check d.csv").contains("dates of d: "));

    place.write("page.csv", "<HTML><table><tr><td>x</td></tr></table>");
    place.fails("train page.csv", 3, "a web page, not CSV");
    place.write("lines.csv", "{\"x\": 1, \"y\": 2}\n{\"x\": 3, \"y\": 4}\n");
    place.fails("train lines.csv", 3, "JSON, not CSV");
}

#[test]
fn names_in_two_forms_and_gaps_at_predict() {
    let place = Place::new();
    let row = |i: usize| format!("{},{},{}\n", i % 10, ["a", "b", "c"][i % 3], i % 2);
    let rows: String = (0..90).map(row).collect();
    place.write("t.csv", format!("gro\u{308}\u{df}e,sort,y\n{rows}"));
    place.done("train t.csv --target y --epochs 2 --out run -q");
    place.write("new.csv", "sort,gr\u{f6}\u{df}e\u{200b}\na,3\n,4\nb,\n");
    let (out, said) = place.both("predict run new.csv");
    assert_eq!(out.lines().count(), 4);
    assert!(said.contains("2 cells are empty in columns that had no gap in training"), "{said}");
}
