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
