//! `reshet export --to c|rust|html`, run as a program.

mod place;

use place::{Place, text};

fn trained() -> Place {
    let place = Place::new();
    let rows: String = (0..200)
        .map(|i| format!("{},{},{}\n", i % 17, ["red", "blue"][i % 2], ["no", "yes"][i % 17 / 9]))
        .collect();
    place.write("my table.csv", format!("size,colour,big\n{rows}"));
    let mut command = place.command("train");
    let output = command.arg("my table.csv").args(["--epochs", "3", "--out", "run", "-q"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    place
}

#[test]
fn the_ending_says_the_language() {
    let place = trained();
    for (file, holds) in [
        ("7-up.h", "static inline void model_7_up_predict_row(const model_7_up_row *row"),
        ("x.rs", "pub fn predict_row(row: &Row<'_>)"),
        ("x.html", "<!doctype html>"),
    ] {
        assert_eq!(place.done(&format!("export run -o {file}")), format!("written: {file}\n"));
        let first = place.read(file);
        assert!(text(&first).contains(holds), "{file}");
        place.done(&format!("export run -o {file}"));
        assert_eq!(first, place.read(file), "{file}: not the same twice");
    }
    place.done("export run --to c -o header");
    assert!(text(&place.read("header")).contains("#ifndef HEADER_H"));
}

#[test]
fn rounded_weights_tell_what_they_cost() {
    let place = trained();
    place.write("all.csv", place.read("my table.csv"));
    let (_, told) = place.both("export run -o x.h --quantize int8 --data all.csv");
    let cost = told.lines().find(|line| line.starts_with("weights of 8 bits: accuracy ")).unwrap();
    assert!(cost.contains("200 samples of all.csv; a probability moved by at most 0."), "{cost}");
    let header = text(&place.read("x.h"));
    assert!(header.contains(cost) && header.contains("static const signed char x_weights0"));

    place.fails("export run -o y.h --quantize int8", 2, "--data");
    place.fails("export run -o y.h --data all.csv", 2, "--quantize");
    place.fails("export run -o y.rs --quantize int8 --data all.csv", 2, "goes with --to c");
    place.fails("export run -o y.h --quantize int8 --data mnist", 3, "does not fit");
    place.fails("export run -o no/folder/y.h", 1, "there is no folder");
    place.fails("export nothing -o y.h", 3, "nothing");
}
