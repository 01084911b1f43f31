//! Tables in which the answer stands, and such in which it does not.

mod place;

use place::{Place, noise};

/// A table of 200 rows with three columns of numbers, then what `row` makes of them.
fn table(place: &Place, name: &str, head: &str, row: fn([f64; 3]) -> String) {
    let numbers = |i: usize| [0, 1, 2].map(|k| (1000.0 * noise(i + 1000 * k)).round() / 10.0 + 1.0);
    let rows: String = (0..200)
        .map(|i| {
            let [a, b, c] = numbers(i);
            format!("{a},{b},{c},{}\n", row([a, b, c]))
        })
        .collect();
    place.write(name, format!("a,b,c,{head}\n{rows}"));
}

#[test]
fn what_is_made_of_other_columns_is_told() {
    let place = Place::new();
    for (head, row, told) in [
        (
            "y",
            (|[a, b, c]| format!("{:.1}", a + b + c)) as fn([f64; 3]) -> String,
            "\"a\" + \"b\" + \"c\"",
        ),
        ("y", |[a, _, c]| format!("{:.2}", a * c), "the product of columns \"a\" and \"c\""),
        ("y", |[a, b, _]| format!("{:.4}", a / b), "the ratio of columns \"a\" and \"b\""),
        ("y", |[a, b, _]| format!("{:.2}", a / (b * b) * 1e4), "\"a\" / (\"b\"²)"),
        ("y", |[_, b, _]| if b < 40.0 { "no" } else { "yes" }.into(), "column \"b\" alone decides"),
        (
            "y",
            |[a, _, _]| ["low", "mid", "high"][(a / 35.0) as usize].into(),
            "\"a\" alone decides",
        ),
        (
            "paid,y",
            |[a, _, _]| if a < 40.0 { ",no".into() } else { format!("{a},yes") },
            "it is empty",
        ),
    ] {
        table(&place, "t.csv", head, row);
        let out = place.done("data check t.csv");
        let (_, wrong) = out.split_once("look at this").unwrap_or_else(|| panic!("{told}\n{out}"));
        assert!(wrong.contains(told) && wrong.contains("(--drop "), "{told}\n{out}");
    }
    let (_, error) = place.both("train t.csv --epochs 1 --out run");
    assert!(error.contains("warning: column \"paid\" alone decides the target"), "{error}");
}

#[test]
fn what_is_to_be_learnt_is_no_leak() {
    let place = Place::new();
    for row in [
        (|[a, b, c]| format!("{:.1}", 2.5 * a - 7.0 * b + c)) as fn([f64; 3]) -> String,
        |[a, b, c]| format!("{:.1}", a + b + 0.3 * (a * c).sqrt()),
        |[a, b, _]| if a + 2.0 * b > 150.0 { "yes" } else { "no" }.into(),
        |[a, b, _]| if a + 10.0 * (b * 7.7).sin() > 50.0 { "yes" } else { "no" }.into(),
    ] {
        table(&place, "t.csv", "y", row);
        let out = place.done("data check t.csv");
        assert!(out.ends_with("nothing looks wrong\n"), "{out}");
        assert!(!out.contains("decides"), "{out}");
    }
    // Iris: petals of setosa lie apart from all others by nature.
    let petals: String = (0..150)
        .map(|i| {
            let (sepal, petal) = (5.0 + noise(i), noise(i + 500));
            match i % 3 {
                0 => format!("{sepal:.1},{:.1},setosa\n", 1.0 + 0.9 * petal),
                1 => format!("{sepal:.1},{:.1},versicolor\n", 3.0 + 2.1 * petal),
                _ => format!("{sepal:.1},{:.1},virginica\n", 4.5 + 2.4 * petal),
            }
        })
        .collect();
    place.write("iris.csv", format!("sepal,petal,species\n{petals}"));
    let out = place.done("data check iris.csv --is setosa");
    assert!(out.contains("column \"petal\" alone decides the target: up to 1."), "{out}");
    assert!(!out.contains("take it out"), "{out}");
    assert!(!place.done("data check iris.csv").contains("decides"));
}

#[test]
fn infinite_numbers_are_told_wherever_they_fall() {
    let place = Place::new();
    let rows: String = (0..60)
        .map(|i| {
            let x = match i {
                7 => "inf".into(),
                31 => "-1e300".into(),
                _ => format!("{:.3}", noise(i)),
            };
            format!("{x},{:.3},{:.3}\n", noise(i + 70), noise(i + 140))
        })
        .collect();
    place.write("t.csv", format!("x,z,y\n{rows}"));
    let told = "column \"x\": 2 infinite or too large, the first in line 9: taken for missing";
    assert!(place.done("data check t.csv").contains(told));
    for seed in 0..3 {
        let (_, error) =
            place.both(&format!("train t.csv --epochs 1 --seed {seed} --out run{seed}"));
        assert!(error.contains(told), "{error}");
    }
}

/// A square of 3,000 classes would be 9,000,000 numbers.
#[test]
fn reports_of_many_classes_are_short() {
    let place = Place::new();
    let npy = |kind: &str, shape: &str, bytes: &[u8]| {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), bytes].concat()
    };
    let x: Vec<u8> = (0..6000).flat_map(|i| (noise(i) as f32).to_le_bytes()).collect();
    let y: Vec<u8> = (0..3000i64).flat_map(|i| (2_000_000_000_000 + i).to_le_bytes()).collect();
    place.write("x.npy", npy("<f4", "(3000, 2)", &x));
    place.write("y.npy", npy("<i8", "(3000,)", &y));
    let train =
        "train x.npy --targets y.npy --net 2-4:relu-3000 --epochs 1 --test-fraction 0 --out run";
    place.done(train);
    let report = place.json("test run x.npy --targets y.npy --json");
    assert_eq!(report["confusion"]["classes"], 3000);
    assert_eq!(report["confusion"]["mistakes"].as_array().unwrap().len(), 1000);
    assert_eq!(report["per_class"].as_array().unwrap().len(), 1000);
    assert!(report["per_class"][0]["name"].as_str().unwrap().starts_with("2000000000"));
    let written = place.read("run/report.json").len();
    assert!(written < 100_000, "{written}");
}
