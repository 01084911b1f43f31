//! `reshet test` and `reshet predict`, run as programs on models made by hand:
//! what they answer is known.

use std::{fs, path::PathBuf, process::Command};

use assert_cmd::cargo::CommandCargoExt;
use reshet::{Loss, Meaning, Model, Task};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with a model in it that hands its inputs on, each by itself, and
/// arrays to ask it about.
struct Place(TempDir);

impl Place {
    /// `network`: of `width` inputs and as many outputs.
    fn new(task: Task, network: &str, width: usize, loss: Loss, names: &[&str]) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        // weight = 1, bias = 0
        let unit = |i: usize| f32::from(u8::from(i < width * width && i % (width + 1) == 0));
        let names = names.iter().map(|name| name.to_string()).collect();
        let meaning = Meaning::new(task, names, &[width]);
        let parameters = (0..width * (width + 1)).map(unit).collect();
        let model = Model::new(network.parse().unwrap(), loss, parameters, meaning).unwrap();
        model.save(place.path("model")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, rows: &[&[f32]]) {
        let shape = format!("({}, {})", rows.len(), rows[0].len());
        let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.as_bytes());
        rows.iter().flat_map(|row| *row).for_each(|x| file.extend(x.to_le_bytes()));
        fs::write(self.path(name), file).unwrap();
    }

    fn run(&self, args: &str) -> (Option<i32>, String, String) {
        let mut command = Command::cargo_bin("reshet").unwrap();
        let output = command.args(args.split_whitespace()).current_dir(self.0.path()).output();
        let output = output.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    #[track_caller]
    fn done(&self, args: &str) -> String {
        let (code, out, error) = self.run(args);
        assert_eq!(code, Some(0), "{args}: {error}");
        out
    }

    #[track_caller]
    fn json(&self, args: &str) -> Value {
        serde_json::from_str(&self.done(args)).unwrap()
    }

    #[track_caller]
    fn fails(&self, args: &str, says: &str) {
        let (code, out, error) = self.run(args);
        assert_eq!((code, &out[..]), (Some(2), ""), "{args}: {error}");
        assert!(error.starts_with("error: ") && error.contains(says), "{args}: {error}");
    }
}

#[track_caller]
fn near(got: &Value, want: f64) {
    let got = got.as_f64().unwrap_or(f64::NAN);
    assert!((got - want).abs() < 1e-6, "{got} instead of {want}");
}

/// Six samples; three are yes, of which two are found, with one false alarm.
fn question() -> Place {
    let place = Place::new(Task::Binary, "1-1:sigmoid", 1, Loss::BCELoss, &["ham", "spam"]);
    place.write("x.npy", &[&[-2.0], &[-1.0], &[1.0], &[-0.5], &[2.0], &[3.0]]);
    place.write("y.npy", &[&[0.0], &[0.0], &[0.0], &[1.0], &[1.0], &[1.0]]);
    place
}

#[test]
fn yes_or_no_in_full() {
    let place = question();
    let test = "test model x.npy --targets y.npy";
    let report = place.json(&format!("{test} --json"));
    assert_eq!((&report["task"], &report["samples"]), (&json!("binary"), &json!(6)));
    assert_eq!((&report["confusion"], &report["errors"]), (&json!([[2, 1], [1, 2]]), &json!(2)));
    for (field, want) in [
        ("accuracy", 2.0 / 3.0),
        ("baseline", 0.5),
        ("threshold", 0.5),
        ("precision", 2.0 / 3.0),
        ("recall", 2.0 / 3.0),
        ("f1", 2.0 / 3.0),
        ("auroc", 8.0 / 9.0),
        ("average_precision", (1.0 + 1.0 + 0.75) / 3.0),
    ] {
        near(&report[field], want);
    }
    // scipy.stats.binomtest(4, 6).proportion_ci(0.95, "wilson")
    near(&report["accuracy_interval"][0], 0.299993315);
    near(&report["accuracy_interval"][1], 0.903228589);
    near(&report["best_threshold"]["f1"], 6.0 / 7.0);
    let best = report["best_threshold"]["threshold"].as_f64().unwrap();
    let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
    assert!((best - f64::midpoint(sigmoid(-0.5), sigmoid(-1.0))).abs() < 1e-6, "{best}");

    let at = place.json(&format!("{test} --json --threshold {best}"));
    near(&at["f1"], 6.0 / 7.0);
    assert_eq!((&at["confusion"], &at["recall"]), (&json!([[2, 1], [0, 3]]), &json!(1.0)));
    assert_eq!((&at["loss"], &at["auroc"]), (&report["loss"], &report["auroc"]));
    let never = place.json(&format!("{test} --json --threshold 1"));
    assert_eq!((&never["precision"], &never["recall"]), (&Value::Null, &json!(0.0)));
    // It decides what --fail-under looks at too.
    assert_eq!(place.run(&format!("{test} --fail-under 0.8")).0, Some(5));
    place.done(&format!("{test} --fail-under 0.8 --threshold {best}"));

    let text = place.done(test);
    assert!(text.starts_with("66.67 % of 6; always \"no\": 50.00 %\nloss 0."), "{text}");
    for line in [
        "  accuracy           66.67 %   95 % interval 30.00 to 90.32 %",
        "  precision           0.6667   of those called spam, the share that is",
        "  recall              0.6667   of those that are spam, the share found",
        "  AUROC               0.8889   guessing: 0.5",
        "  average precision   0.9167   guessing: 0.5000",
        "  best threshold      0.3232   would give the best F1 here, 0.8571",
        "         said ham  said spam",
        "  spam          1          2",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
}

#[test]
fn the_threshold_decides_the_label() {
    let place = question();
    let labels = |args: &str| -> Vec<Value> {
        let out = place.done(&format!("predict model x.npy --json {args}"));
        out.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["label"].clone()).collect()
    };
    assert_eq!(labels(""), ["ham", "ham", "spam", "ham", "spam", "spam"]);
    assert_eq!(labels("--threshold 0.5"), labels(""));
    assert_eq!(labels("--threshold 0.9"), ["ham", "ham", "ham", "ham", "ham", "spam"]);
    assert_eq!(labels("--threshold 0.3"), ["ham", "ham", "spam", "spam", "spam", "spam"]);
    let text = place.done("predict model x.npy --threshold 0.3");
    assert!(text.contains("x.npy: spam (37.8 %)"), "{text}");

    for command in ["test model x.npy --targets y.npy", "predict model x.npy"] {
        for bad in ["-0.1", "1.1", "nan", "inf"] {
            let says = format!("--threshold: a threshold is a probability from 0 to 1, not {bad}");
            place.fails(&format!("{command} --threshold {bad}"), &says.replace("nan", "NaN"));
        }
        place.fails(&format!("{command} --threshold half"), "invalid value 'half'");
    }
}

#[test]
fn classes_in_full() {
    let loss = Loss::CrossEntropyLoss { label_smoothing: 0.0, weight: None };
    let place = Place::new(Task::Classes, "3-3:softmax", 3, loss, &["0", "1", "2"]);
    place.write("x.npy", &[&[2.0, 1.0, 0.0], &[2.0, 1.0, 0.0], &[0.0, 2.0, 1.0], &[0.0, 1.0, 2.0]]);
    // Whole numbers are class numbers.
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }\n";
    let length = (header.len() as u16).to_le_bytes();
    let y = [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &[0, 1, 1, 2]].concat();
    fs::write(place.path("y.npy"), y).unwrap();
    let report = place.json("test model x.npy --targets y.npy --json");
    assert_eq!((&report["accuracy"], &report["top_k"]), (&json!(0.75), &json!({"2": 1.0})));
    assert_eq!(report["confusion"], json!([[1, 0, 0], [1, 1, 0], [0, 0, 1]]));
    let classes = report["per_class"].as_array().unwrap();
    assert_eq!(classes.len(), 3);
    near(&classes[0]["precision"], 0.5);
    near(&classes[0]["f1"], 2.0 / 3.0);
    near(&classes[0]["auroc"], 2.5 / 3.0);
    near(&classes[1]["recall"], 0.5);
    assert_eq!((&classes[1]["name"], &classes[1]["samples"]), (&json!("1"), &json!(2)));
    near(&report["macro"]["recall"], 2.5 / 3.0);
    near(&report["accuracy_interval"][0], 0.30064184);
    let text = place.done("test model x.npy --targets y.npy");
    assert!(
        text.contains("  top 2     100.00 %   the right class is among the 2 likeliest"),
        "{text}"
    );
    let row = "  0                    1     0.5000  1.0000  0.6667  0.8333";
    assert!(text.lines().any(|l| l.starts_with(row)), "{text}");
    assert!(text.lines().any(|l| l.starts_with("  macro average        4")), "{text}");
    place.fails("test model x.npy --targets y.npy --threshold 0.5", "this model's task is classes");
    place.fails("predict model x.npy --threshold 0.5", "this model's task is classes");
}

#[test]
fn several_questions_in_full() {
    let place = Place::new(Task::Binary, "2-2:sigmoid", 2, Loss::BCELoss, &["cat", "dog"]);
    place.write("x.npy", &[&[2.0, -2.0], &[1.0, -1.0], &[-1.0, -0.5], &[-2.0, 2.0]]);
    place.write("y.npy", &[&[1.0, 0.0], &[1.0, 1.0], &[0.0, 0.0], &[0.0, 1.0]]);
    let report = place.json("test model x.npy --targets y.npy --json");
    assert_eq!((&report["accuracy"], &report["all_right"]), (&json!(0.875), &json!(0.75)));
    let [cat, dog] = &report["per_question"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!(
        (&cat["name"], &cat["f1"], &cat["auroc"]),
        (&json!("cat"), &json!(1.0), &json!(1.0))
    );
    assert_eq!((&dog["name"], &dog["recall"]), (&json!("dog"), &json!(0.5)));
    assert_eq!((&dog["precision"], &dog["auroc"]), (&json!(1.0), &json!(0.75)));
    near(&report["macro"]["recall"], 0.75);
    let text = place.done("test model x.npy --targets y.npy --threshold 0.25");
    assert!(text.contains("yes is a probability above 0.25"), "{text}");
    assert!(text.lines().any(|l| l.starts_with("  dog ")), "{text}");
    let out = place.done("predict model x.npy --threshold 0.25");
    assert!(out.lines().nth(1).unwrap().contains("cat: yes (73.1 %), dog: yes (26.9 %)"), "{out}");
}

#[test]
fn numbers_in_full() {
    let place = Place::new(Task::Number, "1-1", 1, Loss::MSELoss, &[]);
    place.write("x.npy", &[&[1.0], &[2.0], &[3.0], &[6.0]]);
    place.write("y.npy", &[&[1.0], &[2.0], &[4.0], &[5.0]]);
    let report = place.json("test model x.npy --targets y.npy --json");
    let one = &report["per_target"][0];
    for field in ["rmse", "mae", "r2", "baseline"] {
        assert_eq!(one[field], report[field], "{field}");
    }
    near(&one["rmse"], 0.5f64.sqrt());
    near(&one["r2"], 0.8);
    assert_eq!((&one["bias"], &one["max_error"]), (&json!(0.0), &json!(1.0)));
    let text = place.done("test model x.npy --targets y.npy");
    assert!(text.contains("  RMSE           0.7071   always the mean: 1.5811"), "{text}");
    assert!(text.contains("  R²             0.8000"), "{text}");
    place.fails("test model x.npy --targets y.npy --threshold 0.5", "this model's task is number");

    let place = Place::new(Task::Number, "2-2", 2, Loss::MSELoss, &[]);
    place.write("x.npy", &[&[1.0, 10.0], &[2.0, 30.0]]);
    place.write("y.npy", &[&[1.0, 20.0], &[2.0, 20.0]]);
    let report = place.json("test model x.npy --targets y.npy --json");
    assert_eq!(report["per_target"][0]["rmse"], 0.0);
    assert!(report["r2_mean"].is_number() && report["rmse"].is_number(), "{report}");
    assert_eq!(
        (&report["per_target"][1]["mae"], &report["per_target"][1]["r2"]),
        (&json!(10.0), &Value::Null)
    );
    let text = place.done("test model x.npy --targets y.npy");
    assert!(
        text.lines().any(|l| l.starts_with("  target") && l.contains("largest error")),
        "{text}"
    );
}

#[test]
fn pictures_show_what_the_report_says() {
    let place = question();
    let svg = |name: &str| {
        let png = fs::read(place.path(&format!("{name}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG"), "{name}");
        fs::read_to_string(place.path(&format!("{name}.svg"))).unwrap()
    };
    let report = place.json("test model x.npy --targets y.npy --pictures a/b --json");
    assert_eq!(report["pictures"], json!(["a/b/roc", "a/b/precision-recall", "a/b/reliability"]));
    let roc = svg("a/b/roc");
    assert!(roc.contains("AUROC 0.8889") && roc.contains("threshold 0.5"), "{roc}");
    let curve = svg("a/b/precision-recall");
    assert!(curve.contains("average precision 0.9167"), "{curve}");
    // Nothing to draw: all are yes.
    place.write("yes.npy", &[&[1.0f32][..]; 6]);
    let (code, _, error) = place.run("test model x.npy --targets yes.npy --pictures c");
    assert!(code == Some(0) && error.contains("all samples are alike"), "{error}");
    fs::write(place.path("file"), "").unwrap();
    let (code, out, error) = place.run("test model x.npy --targets y.npy --pictures file");
    assert!(code == Some(1) && out.is_empty(), "{out}");
    assert!(error.contains("--pictures: cannot make the folder file"), "{error}");

    let place = Place::new(Task::Number, "2-2", 2, Loss::MSELoss, &[]);
    place.write("x.npy", &[&[1.0, 10.0], &[2.0, 30.0]]);
    place.done("test model x.npy --targets x.npy --pictures p");
    for name in ["predicted-0", "predicted-1", "residuals-0", "residuals-1"] {
        assert!(place.path("p").join(format!("{name}.svg")).is_file(), "{name}");
        assert!(place.path("p").join(format!("{name}.png")).is_file(), "{name}");
    }
}
