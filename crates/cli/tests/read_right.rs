//! Tables that other programs have been wrong about without a word.

mod place;

use place::Place;
use serde_json::Value;

fn with(files: &[(&str, &str)]) -> Place {
    let place = Place::new();
    files.iter().for_each(|(name, text)| place.write(name, text));
    place
}

/// A number that looks random and is the same each time, from −1 to 1.
fn noise(i: usize) -> f64 {
    2.0 * place::noise(i) - 1.0
}

#[test]
fn labels_are_their_text_and_no_rounded_number() {
    let place = with(&[("ean.csv", include_str!("tables/ean.csv"))]);
    let (out, _) = place.both("train ean.csv --out run");
    let says = "which class, 4006381333931, 4006381333948, 5012345678900";
    assert!(out.contains(says), "{out}");
    let (out, _) = place.both("test run ean.csv");
    assert!(out.contains("4006381333948"), "{out}");

    // More digits than a double holds; decimals as they are written; equal numbers are one label.
    let row = |i: usize, label: &str| format!("{},{},{label}\n", noise(i), noise(i + 999));
    let table = |labels: &[&str]| -> String {
        let rows = (0..90).map(|i| row(i, labels[i % labels.len()]));
        "a,b,label\n".to_string() + &rows.collect::<String>()
    };
    let says = |labels: &[&str], says: &str| {
        place.write("t.csv", &table(labels));
        let (out, _) = place.both("data check t.csv --task classes");
        assert!(out.contains(says), "{labels:?}: {out}");
    };
    says(
        &["9007199254740993", "9007199254740992", "4111111111111111"],
        "which class, 4111111111111111, 9007199254740992, 9007199254740993",
    );
    says(&["1.50", "0.10", "0.25"], "which class, 0.10, 0.25, 1.50");
    says(&["16777217", "16777216"], "which class, 16777216, 16777217");
    // The same file with the labels written by another program.
    place.write("whole.csv", &table(&["1.0", "2.0", "3.0"]));
    place.write("short.csv", &table(&["1", "2", "3"]));
    let (out, _) = place.both("train whole.csv --task classes --epochs 2 --out whole");
    assert!(out.contains("which class, 1.0, 2.0, 3.0"), "{out}");
    let (out, _) = place.both("test whole short.csv");
    assert!(out.contains("of 90"), "{out}");
    let (out, _) = place.both("train whole.csv --is 2 --epochs 2 --out is");
    assert!(out.contains("2.0 against not 2.0"), "{out}");
}

#[test]
fn ids_that_differ_are_two_values() {
    let place = with(&[("k09.csv", include_str!("tables/k09.csv"))]);
    let (out, _) = place.both("data check k09.csv");
    assert!(out.contains("166666666 to 166666667"), "{out}");
    assert!(!out.contains("different target"), "{out}");
    let mut rows: Vec<&str> = include_str!("tables/k09.csv").lines().skip(1).collect();
    rows.sort_unstable();
    let twice = rows.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(out.contains(&format!("{twice} rows there twice")), "{out}");
    // Two rows that are alike but for the 17th digit of an id, and two that are alike.
    let rows: String =
        (0..40).map(|i| format!("{},{}\n", 123_456_789_012_345_600_u64 + i / 2, i / 20)).collect();
    let (out, _) = with(&[("long.csv", &format!("id,y\n{rows}"))]).both("data check long.csv");
    assert!(out.contains("20 rows there twice"), "{out}");
    assert!(out.contains("\"123456789012345601\" (line 4) has more digits"), "{out}");
}

#[test]
fn numbers_far_from_zero_are_scored_in_the_files_numbers() {
    let place = with(&[("big.csv", include_str!("tables/bigtarget.csv"))]);
    let (out, _) = place.both("train big.csv --out run --epochs 300 --json");
    let report: Value = serde_json::from_str(&out).unwrap();
    let rmse = report["test"]["rmse"].as_f64().unwrap();
    // y = 300 a + 1.7e9, rounded: sd 300.
    assert!(rmse > 0.1 && rmse < 60.0, "{report}");
    let baseline = report["test"]["baseline"].as_f64().unwrap();
    assert!(baseline > 200.0 && baseline < 400.0, "{report}");
    let (out, _) = place.both("predict run big.csv");
    let said: Vec<f64> = out.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    let rows = include_str!("tables/bigtarget.csv").lines().skip(1);
    let asked: Vec<f64> = rows.map(|row| row.split(',').nth(1).unwrap().parse().unwrap()).collect();
    let squares = said.iter().zip(&asked).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
    let by_hand = (squares / asked.len() as f64).sqrt();
    let (out, _) = place.both("test run big.csv --json");
    let tested: Value = serde_json::from_str(&out).unwrap();
    let tested = tested["rmse"].as_f64().unwrap();
    assert!((by_hand - tested).abs() < 1e-3 * tested, "{by_hand} {tested}");
    // As an input: only the last three digits say anything.
    let time = |i: usize| 1_700_000_000 + (300.0 * noise(i)) as i64;
    let rows: String = (0..300)
        .map(|i| format!("{},{}\n", time(i), if noise(i) > 0.1 { "late" } else { "soon" }))
        .collect();
    place.write("time.csv", &format!("time,when\n{rows}"));
    let (out, _) = place.both("train time.csv --out time --json");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert!(report["test"]["accuracy"].as_f64().unwrap() > 0.9, "{report}");
    let (out, _) = place.both("predict time time.csv");
    let right = out
        .lines()
        .skip(1)
        .zip(rows.lines())
        .filter(|(said, row)| said.split(',').next() == row.split(',').nth(1));
    assert!(right.count() > 270, "{out}");
    place.fails("export time --output time.onnx", 3, "column \"time\": its numbers lie so far");
}

/// Rows of two numbers that look random, and of labels in turn.
fn labelled(labels: &[&str], rows: usize) -> String {
    let row =
        |i: usize| format!("{:.3},{:.3},{}\n", noise(i), noise(i + 99), labels[i % labels.len()]);
    "a,b,label\n".to_string() + &(0..rows).map(row).collect::<String>()
}

#[test]
fn numbers_in_letters_are_words_among_words() {
    let place = Place::new();
    for (labels, says) in [
        (&["1e2", "1E5", "abc", "100"][..], "which class, 100, 1E5, 1e2, abc"),
        (&["1e2", "2f3"], "1e2"),
        (&["inf", "zero", "Infinity"], "which class, Infinity, inf, zero"),
        (&["100", "1e2", "x"], "which class, 100, 1e2, x"),
        (&["0x1F", "1e1F", "5e3"], "which class, 0x1F, 1e1F, 5e3"),
        (&["007", "1e3", "10"], "which class, 007, 10, 1e3"),
    ] {
        place.write("t.csv", labelled(labels, 120));
        let (out, _) = place.both("train t.csv --epochs 2 --out run --force");
        assert!(out.contains(says), "{labels:?}: {out}");
        // As an input, and asked about again.
        let (out, _) = place.both("train t.csv --target a --epochs 2 --out input --force");
        assert!(out.contains("how much"), "{out}");
        let info = place.done("info input");
        assert!(labels.iter().all(|label| info.contains(label)), "{labels:?}: {info}");
        place.write(
            "first.csv",
            format!("a,b,label\n{}", "0.5,0.5,".to_string() + labels[0] + "\n"),
        );
        for command in ["test run first.csv", "test input first.csv", "predict input first.csv"] {
            let (_, said) = place.both(command);
            assert!(!said.contains("never seen"), "{labels:?}, {command}: {said}");
        }
        let test = place.json("test run first.csv --json");
        let asked = serde_json::to_string(&test).unwrap();
        assert!(test["samples"] == 1, "{asked}");
        let (out, _) = place.both("test run t.csv");
        assert!(out.contains("of 120"), "{out}");
    }
    // Numbers all of them, they are numbers; a few words among them are odd.
    let number = |i: usize| format!("{:.4e},{}\n", noise(i) * 1e6, i % 2);
    let numbers: String = (0..400).map(number).collect();
    place.write("numbers.csv", format!("x,y\n{numbers}inf,1\nn.a.,0\n"));
    let (out, said) = place.both("train numbers.csv --epochs 2 --out numbers");
    assert!(said.contains("1 infinite"), "{said}");
    assert!(out.contains("taken for missing: \"n.a.\" in 1 cell of x"), "{out}");
    place.write("one.csv", "x\n1.5e3\n-2E5\ninf\n");
    let (out, said) = place.both("predict numbers one.csv");
    assert!(out.lines().count() == 4 && !said.contains("never seen"), "{out}{said}");
}

#[test]
fn a_target_that_says_one_thing_says_what_was_taken_away() {
    let place = Place::new();
    for (labels, says) in [
        (&["nan", "zero"][..], "(\"nan\", 60 times, stands for missing)"),
        (&["0.1", "0.10"], "a number is the same with zeros behind, as 0.1 and 0.10"),
    ] {
        place.write("t.csv", labelled(labels, 120));
        place.fails("train t.csv --out run", 3, says);
    }
}

#[test]
fn words_may_stand_for_missing_in_one_column() {
    let place = Place::new();
    let row = |i: usize| {
        let pressure = if i % 12 == 5 { 0.0 } else { 120.0 + (20.0 * noise(i)).round() };
        format!("{pressure},{},{}\n", i % 4, usize::from(noise(i) > 0.0))
    };
    place.write("t.csv", format!("pressure,births,ill\n{}", (0..240).map(row).collect::<String>()));
    let (out, _) = place.both("data check t.csv");
    assert!(out.contains("stand for missing? (--missing NA,pressure=0)"), "{out}");
    let (out, _) = place.both("train t.csv --missing NA,pressure=0 --epochs 2 --out run");
    assert!(out.contains("\"0\" in 20 cells of pressure\n"), "{out}");
    let info = place.done("info run");
    let kind = |name: &str| info.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
    assert!(kind("pressure ").ends_with("number, 100 to 140, may be missing"), "{info}");
    assert!(kind("births ").ends_with("number, 0 to 3"), "{info}");
    place.write("new.csv", "pressure,births\n0,0\n,0\n120,0\n");
    let out = place.done("predict run new.csv");
    let rows: Vec<&str> = out.lines().collect();
    assert!(rows[1] == rows[2] && rows[1] != rows[3], "{out}");
}

#[test]
fn decimals_that_single_precision_does_not_hold_are_learnt() {
    let place = Place::new();
    let row = |i: usize| format!("{},0.1234567{:02}\n", i % 9, 10 + 2 * (i % 9));
    place.write("t.csv", format!("x,y\n{}", (0..180).map(row).collect::<String>()));
    let (out, said) = place.both("train t.csv --task number --epochs 60 --out run");
    assert!(out.contains("e-9; R² 1.000"), "{out}{said}");
    let out = place.done("predict run t.csv");
    let first: f64 = out.lines().nth(1).unwrap().parse().unwrap();
    assert!((first - 0.123_456_71).abs() < 3e-9, "{out}");
}

#[test]
fn a_title_of_several_cells_is_none_of_the_names() {
    let place = Place::new();
    let table = labelled(&["p", "q"], 60);
    place.write("t.csv", format!("Sales report, 2024\n{table}"));
    let (out, _) = place.both("data check t.csv");
    assert!(out.contains("a title passed over: \"Sales report, 2024\""), "{out}");
    assert!(out.contains("60 rows, 3 columns"), "{out}");
    // R leaves the first name out.
    let named: Vec<String> =
        table.lines().skip(1).enumerate().map(|(i, l)| format!("{i},{l}")).collect();
    place.write("r.csv", format!("a,b,label\n{}\n", named.join("\n")));
    let (out, _) = place.both("data check r.csv");
    assert!(
        out.contains("60 rows, 4 columns") && out.contains("the first column has none"),
        "{out}"
    );
}

#[test]
fn dates_with_names_of_months_become_parts() {
    let place = Place::new();
    let months = ["Jan", "February", "MAR", "Apr", "may", "June"];
    let table = |date: &dyn Fn(usize) -> String| -> String {
        let row = |i: usize| format!("\"{}\",{:.3},{}\n", date(i), noise(i), i % 6);
        "when,x,y\n".to_string() + &(0..120).map(row).collect::<String>()
    };
    let day = |i: usize| 1 + i * 7 % 28;
    place.write("a.csv", table(&|i| format!("{}-{}-2022", day(i), months[i % 6])));
    place.write("b.csv", table(&|i| format!("{} {}, 2022", months[i % 6], day(i))));
    place.write(
        "c.csv",
        table(&|i| {
            format!("{}/{}/2022 {}:30 {}", 1 + i % 6, day(i), 1 + i % 12, ["AM", "PM"][i % 2])
        }),
    );
    for name in ["a.csv", "b.csv", "c.csv"] {
        let (out, _) = place.both(&format!("data check {name} --target y"));
        assert!(out.contains("dates of when: \"") && out.contains("when month"), "{out}");
        assert!(!out.contains("leading zeros"), "{out}");
    }
    place.write("d.csv", table(&|i| format!("2022{:02}{:02}", 1 + i % 6, day(i))));
    let (out, _) = place.both("data check d.csv --target y");
    assert!(out.contains("numbers as 20220101 look like dates"), "{out}");
}

#[test]
fn a_mark_that_may_part_thousands_is_told_at_predict() {
    let place = Place::new();
    let row = |i: usize| {
        let size = 4000.0 + (3000.0 * noise(i)).round() / 10.0 * 10.0;
        format!("{size},{:.3},{}\n", noise(i + 7), i % 7)
    };
    place.write("t.csv", format!("size,b,y\n{}", (0..200).map(row).collect::<String>()));
    place.both("train t.csv --task number --epochs 2 --out run");
    place.write("german.csv", "size;b\n1.500;0.250\n4.250;0.125\n");
    let (_, said) = place.both("predict run german.csv");
    assert!(said.contains("2 numbers of three decimals lie outside what training saw"), "{said}");
    place.write("plain.csv", "size,b\n1500,0.250\n4250.125,0.125\n900.5,0.5\n");
    let (_, said) = place.both("predict run plain.csv");
    assert!(!said.contains("three decimals"), "{said}");
}
