//! The measures against scikit-learn's, by `tests/golden/metrics.py`, and at their ends.

use proptest::prelude::*;
use reshet::{
    Dataset, Features, Meaning, Model, Sequential, Storage, Targets, Task,
    metrics::{
        BestThreshold, Confusion, Counts, Details, Measures, Ranking, Report, ScoreKind, table,
        wilson,
    },
};
use serde_json::{Value, json};

/// Whole numbers below 65536, the same ones as in the script.
fn lcg(n: usize, mut x: u32) -> Vec<u32> {
    let mut next = || {
        x = (x * 25173 + 13849) % 65536;
        x
    };
    (0..n).map(|_| next()).collect()
}

#[track_caller]
fn near(got: impl Into<Option<f64>>, want: f64) {
    let got = got.into().expect("defined");
    assert!((got - want).abs() < 1e-12, "{got} instead of {want}");
}

#[track_caller]
fn all_near(got: &Measures, want: [f64; 5]) {
    let got = [got.precision, got.recall, got.f1, got.auroc, got.average_precision];
    got.into_iter().zip(want).for_each(|(got, want)| near(got, want));
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| name.to_string()).collect()
}

fn yes_no(values: Vec<f32>) -> Targets {
    Targets::yes_no(values, names(&["7"]))
}

fn binary(answers: Vec<f32>, values: Vec<f32>, threshold: f64) -> Report {
    let names = names(&["not 7", "7"]);
    Report::new(answers, &yes_no(values), Task::Binary, &names, 0.1, threshold)
}

const SCORES: [f32; 12] = [0.125, 0.5, 0.5, 0.875, 0.25, 0.75, 0.75, 0.25, 1.0, 0.0, 0.5, 0.5];
const TRUE: [f32; 12] = [0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0];

fn measures(report: &Report) -> (&Measures, BestThreshold) {
    let Details::Question { measures, best_threshold, .. } = &report.details else { panic!() };
    (measures, best_threshold.unwrap())
}

#[test]
fn the_interval_is_wilsons() {
    for (right, n, low, high) in [
        (0, 10, 0.0, 0.27753279986288926),
        (10, 10, 0.7224672001371109, 1.0),
        (7, 10, 0.39677814746114526, 0.892208732593699),
        (9882, 10_000, 0.985888183367365, 0.9901368806235065),
        (1, 3, 0.06149194472039626, 0.7923403991979523),
    ] {
        let got = wilson(right, n);
        near(got[0], low);
        near(got[1], high);
    }
    assert_eq!(wilson(0, 0), [0.0, 1.0]);
    assert_eq!((wilson(0, 7)[0], wilson(7, 7)[1]), (0.0, 1.0));
}

#[test]
fn a_question_is_scikit_learns() {
    let report = binary(SCORES.into(), TRUE.into(), 0.5);
    let (m, best) = measures(&report);
    all_near(m, [0.75, 0.5, 0.6, 0.7777777777777778, 0.7666666666666666]);
    // scikit-learn's best is from 0.25 on; the next score below is 0.125.
    assert_eq!(best, BestThreshold { threshold: 0.1875, f1: 0.75 });
    let ScoreKind::Answers { confusion, .. } = &report.score.kind else { panic!() };
    assert_eq!(confusion.square().unwrap(), [[5, 1], [3, 3]]);
    // The threshold found is one to give back.
    let again = binary(SCORES.into(), TRUE.into(), best.threshold);
    assert_eq!(measures(&again).0.f1, Some(best.f1));

    let low = binary(SCORES.into(), TRUE.into(), 0.25);
    let (m, _) = measures(&low);
    all_near(
        m,
        [0.625, 0.8333333333333334, 0.7142857142857143, 0.7777777777777778, 0.7666666666666666],
    );
    let ScoreKind::Answers { confusion, accuracy, errors, .. } = &low.score.kind else { panic!() };
    assert_eq!((confusion.square().unwrap(), *errors), (vec![vec![3, 3], vec![1, 5]], 4));
    near(*accuracy, 8.0 / 12.0);

    let random = lcg(600, 1);
    let scores: Vec<f32> = random[..300].iter().map(|x| (x / 64 % 32) as f32 / 32.0).collect();
    let is = |(x, s): (&u32, &f32)| f64::from((x >> 8) % 64) < f64::from(*s) * 64.0 * 0.8;
    let values = random[300..].iter().zip(&scores).map(is).map(|yes| f32::from(u8::from(yes)));
    let report = binary(scores.clone(), values.collect(), 0.5);
    let (m, best) = measures(&report);
    let want = [0.6642335766423357, 0.7338709677419355, 0.6973180076628352];
    all_near(m, [want[0], want[1], want[2], 0.7953858137829912, 0.6887919011024869]);
    near(best.f1, 0.7028985507246377);
    assert_eq!(best.threshold, (0.46875 + 0.4375) / 2.0);
}

#[test]
fn the_curves_are_scikit_learns() {
    let ranking = Ranking::new(SCORES.into_iter().zip(TRUE.map(|v| v > 0.5)));
    assert_eq!(ranking.positives(), 6);
    let sixth = |points: &[(f64, f64)]| -> Vec<(i32, i32)> {
        points.iter().map(|(x, y)| ((x * 6.0).round() as i32, (y * 6.0).round() as i32)).collect()
    };
    let roc = [(0, 0), (0, 1), (0, 2), (1, 3), (3, 5), (4, 6), (5, 6), (6, 6)];
    assert_eq!(sixth(&ranking.roc()), roc);
    let want = [1.0, 1.0, 0.75, 0.625, 0.6, 0.5454545454545454, 0.5];
    let curve = ranking.precision_recall();
    assert_eq!(curve.len(), want.len());
    curve.iter().zip(want).for_each(|((_, precision), want)| near(*precision, want));
    let recall: Vec<_> = sixth(&curve).into_iter().map(|(recall, _)| recall).collect();
    assert_eq!(recall, [1, 2, 3, 5, 6, 6, 6]);
}

#[test]
fn classes_are_scikit_learns() {
    let random = lcg(1000, 7);
    let answers: Vec<f32> = random[..800].iter().map(|x| *x as f32 / 65536.0).collect();
    let label = |(row, x): (&[f32], &u32)| match (x >> 9) % 8 {
        label @ 0..4 => label,
        _ => reshet::metrics::argmax(row) as u32,
    };
    let labels = answers.chunks(4).zip(&random[800..]).map(label).collect();
    let targets = Targets::classes(labels, names(&["a", "b", "c", "d"]));
    let report = Report::new(answers, &targets, Task::Classes, &[], 0.5, 0.5);
    let Details::Classes { per_class, mean, top_k } = &report.details else { panic!() };
    let want = [
        [0.7317073170731707, 0.5517241379310345, 0.7058823529411765, 0.64],
        [0.5555555555555556, 0.6956521739130435, 0.6545454545454545, 0.7111111111111111],
        [0.631578947368421, 0.6153846153846154, 0.6792452830188679, 0.6736842105263158],
        [0.7083967529173009, 0.7305194805194806, 0.7064576802507837, 0.7112544802867383],
        [0.5110673973781292, 0.445531175153549, 0.5107256486669247, 0.3935713930219784],
    ];
    for (c, class) in per_class.iter().enumerate() {
        all_near(&class.measures, want.map(|row| row[c]));
        assert_eq!(class.samples, [54, 46, 55, 45][c]);
        assert_eq!(class.name, ["a", "b", "c", "d"][c]);
    }
    let want = [0.6573284519863455, 0.6542160737812912, 0.649973264074555];
    all_near(mean, [want[0], want[1], want[2], 0.7141570984935758, 0.46522390355514537]);
    // Of four classes five are no longer a question.
    assert_eq!(top_k.iter().map(|(k, x)| (*k, *x)).collect::<Vec<_>>(), [(2, 0.79), (3, 0.93)]);
    let ScoreKind::Answers { confusion, interval, .. } = &report.score.kind else { panic!() };
    assert_eq!(confusion.square().unwrap()[0], [30, 13, 4, 7]);
    assert_eq!(*interval, Some(wilson(130, 200)));
}

#[test]
fn numbers_are_scikit_learns() {
    let random = lcg(120, 3);
    let values: Vec<f32> = random[..60].iter().map(|x| *x as f32 / 256.0).collect();
    let error = |x: &u32| (*x as f32 - 32768.0) / 2048.0;
    let answers = values.iter().zip(&random[60..]).map(|(v, x)| v + error(x)).collect();
    let named = names(&["width", "height"]);
    let targets = Targets::numbers(values, 2);
    let report = Report::new(answers, &targets, Task::Number, &named, 0.5, 0.5);
    let Details::Numbers { per_target } = &report.details else { panic!() };
    let want = [
        [8.810121946771801, 7.411360677083334, 0.9825885259260949, 15.705078125],
        [8.495239404744277, 7.014322916666667, 0.9830568279962424, 15.90478515625],
    ];
    let bias = [(1.7728190104166666, 66.76735156160774), (-1.7981770833333333, 65.26468742728345)];
    for (number, (want, (bias, baseline))) in per_target.iter().zip(want.iter().zip(bias)) {
        near(number.rmse, want[0]);
        near(number.mae, want[1]);
        near(number.r2, want[2]);
        near(number.max_error, want[3]);
        near(number.bias, bias);
        near(number.baseline, baseline);
    }
    let ScoreKind::Numbers { rmse, .. } = report.score.kind else { panic!() };
    near(rmse * rmse, (want[0][0].powi(2) + want[1][0].powi(2)) / 2.0);
    let text = report.to_string();
    assert!(text.contains("  height  8.4952"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["per_target"][1]["name"], "height");
    near(json["r2_mean"].as_f64(), (want[0][2] + want[1][2]) / 2.0);
    assert!(json["rmse"].is_number() && json["r2"].is_number() && json["baseline"].is_number());
}

#[test]
fn what_is_not_defined_is_null() {
    // All no, and never said otherwise.
    let json = serde_json::to_value(binary(vec![0.1, 0.2], vec![0.0, 0.0], 0.5)).unwrap();
    for field in ["precision", "recall", "f1", "auroc", "average_precision", "best_threshold"] {
        assert_eq!(json[field], Value::Null, "{field}");
        assert!(json.as_object().unwrap().contains_key(field), "{field}");
    }
    assert_eq!(json["accuracy"], 1.0);
    // All yes: no precision if never said, an F1 of 0, and nothing to rank against.
    let json = serde_json::to_value(binary(vec![0.1, 0.2], vec![1.0, 1.0], 0.5)).unwrap();
    assert_eq!((&json["precision"], &json["recall"]), (&Value::Null, &json!(0.0)));
    assert_eq!((&json["f1"], &json["auroc"]), (&json!(0.0), &Value::Null));
    assert_eq!(json["average_precision"], 1.0);
    assert_eq!(json["best_threshold"], json!({"threshold": f64::from(0.1f32) / 2.0, "f1": 1.0}));
    let text = binary(vec![0.1, 0.2], vec![1.0, 1.0], 0.5).to_string();
    assert!(text.lines().any(|l| l.trim_start().starts_with("precision") && l.contains('–')));
    // A yes at 0 is out of every threshold's reach.
    assert_eq!(Ranking::new([(0.0, true), (-0.0, false)]).best_threshold(), None);
    assert_eq!(Ranking::new([]).auroc(), None);
    assert!(Ranking::new([(0.5, true)]).roc().is_empty());

    // A class that does not occur and is not said: no part of the mean.
    let targets = Targets::classes(vec![0, 1], names(&["a", "b", "c"]));
    let answers = vec![0.8, 0.1, 0.1, 0.2, 0.7, 0.1];
    let report = Report::new(answers, &targets, Task::Classes, &[], 0.1, 0.5);
    let Details::Classes { per_class, mean, .. } = &report.details else { panic!() };
    assert_eq!(per_class[2].measures, Measures::default());
    assert_eq!((mean.f1, mean.auroc), (Some(1.0), Some(1.0)));
    // Targets that are all the same.
    let targets = Targets::numbers(vec![3.0, 3.0], 1);
    let report = Report::new(vec![3.0, 4.0], &targets, Task::Number, &[], 0.1, 0.5);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["per_target"][0]["r2"], &json["r2"]), (&Value::Null, &Value::Null));
    assert!(report.to_string().contains("no R²: all targets are equal"), "{report}");
}

#[test]
fn perfect_and_inverted_answers() {
    let values = vec![0.0, 0.0, 1.0, 1.0];
    let perfect = binary(vec![0.1, 0.2, 0.8, 0.9], values.clone(), 0.5);
    let (m, best) = measures(&perfect);
    all_near(m, [1.0; 5]);
    assert_eq!((best.f1, (best.threshold * 1e6).round()), (1.0, 5e5));
    let inverted = binary(vec![0.9, 0.8, 0.2, 0.1], values.clone(), 0.5);
    let (m, best) = measures(&inverted);
    // Σ ΔR P = ½·⅓ + ½·½
    all_near(m, [0.0, 0.0, 0.0, 0.0, 5.0 / 12.0]);
    near(best.f1, 2.0 / 3.0); // everything is called yes
    let same = binary(vec![0.3; 4], values, 0.5);
    let (m, _) = measures(&same);
    assert_eq!((m.precision, m.auroc, m.average_precision), (None, Some(0.5), Some(0.5)));
}

#[test]
fn several_questions_each_by_its_name() {
    let values = vec![1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let answers = vec![0.9, 0.1, 0.6, 0.2, 0.3, 0.4, 0.2, 0.9];
    let targets = Targets::yes_no(values.clone(), names(&["cat", "dog"]));
    let report = Report::new(answers.clone(), &targets, Task::Binary, &[], 0.3, 0.5);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["accuracy"], 0.875);
    assert_eq!(json["accuracy_interval"], Value::Null);
    assert_eq!((&json["all_right"], &json["threshold"]), (&json!(0.75), &json!(0.5)));
    assert_eq!(json["all_right_interval"], json!(wilson(3, 4)));
    let dog = &json["per_question"][1];
    assert_eq!(
        (&dog["name"], &dog["accuracy"], &dog["recall"]),
        (&json!("dog"), &json!(0.75), &json!(0.5))
    );
    assert_eq!((&dog["auroc"], &dog["confusion"]), (&json!(0.75), &json!([[2, 0], [1, 1]])));
    assert_eq!((&dog["baseline"], &dog["positives"]), (&json!(0.5), &json!(2)));
    assert_eq!(json["macro"]["auroc"], 0.875);
    let text = report.to_string();
    assert!(text.contains("\n  dog ") && text.contains("all questions together"), "{text}");
    // As numbers that a BCE loss made questions of, with a model's names for them.
    let targets = Targets::numbers(values, 2);
    let named = names(&["x", "y"]);
    let other = Report::new(answers, &targets, Task::Binary, &named, 0.3, 0.35);
    let Details::Questions { per_question, threshold, .. } = &other.details else { panic!() };
    assert_eq!((&per_question[1].name[..], *threshold), ("y", 0.35));
    assert_eq!(per_question[1].confusion.square().unwrap(), [[1, 1], [1, 1]]);
}

#[test]
fn many_classes_show_the_worst() {
    let n = 40;
    let named: Vec<String> = (0..n).map(|c| format!("class{c}")).collect();
    // Class 7 is always called 8.
    let said = |c: usize| if c == 7 { 8 } else { c };
    let answers = (0..n).flat_map(|c| (0..n).map(move |k| f32::from(u8::from(k == said(c)))));
    let targets = Targets::classes((0..n as u32).collect(), named.clone());
    let report = Report::new(answers.collect(), &targets, Task::Classes, &[], 0.1, 0.5);
    let text = report.to_string();
    let classes: Vec<_> = text.lines().filter(|l| l.starts_with("  class")).collect();
    assert_eq!(classes.len(), 1 + 10 + 1, "{text}"); // the head, ten, and the mistake
    assert!(classes[1].starts_with("  class7 ") && classes[2].starts_with("  class8 "), "{text}");
    assert!(text.contains("the 10 worst of 40 classes") && text.lines().count() < 30, "{text}");
    assert_eq!(table(&Confusion::new(n), &named), "  no mistakes");
    let ScoreKind::Answers { confusion, .. } = &report.score.kind else { panic!() };
    assert_eq!(
        Counts::of(confusion, 8),
        Counts { true_positives: 1, false_positives: 1, false_negatives: 0, true_negatives: 38 }
    );
}

#[test]
fn a_model_reports_what_it_tests_and_answers() {
    let network: Sequential = "1-1:sigmoid".parse().unwrap();
    let meaning = Meaning::new(Task::Binary, names(&["no", "yes"]), &[1]);
    let loss = reshet::Loss::BCELoss;
    let model = Model::new(network, loss, vec![2.0, -1.0], meaning).unwrap();
    let features = Features::new(Storage::F32(vec![0.0, 0.4, 0.6, 1.0]), &[1]).unwrap();
    let data = Dataset::new(features, Targets::numbers(vec![0.0, 1.0, 0.0, 1.0], 1)).unwrap();
    let report = model.report(&data).unwrap();
    assert_eq!(report.score, model.test(&data).unwrap());
    assert_eq!(report.answers, model.predict(&data).unwrap());
    assert_eq!(report.names, ["no", "yes"]);
    let at = model.report_at(&data, 0.4).unwrap();
    assert_eq!(measures(&at).0.recall, Some(1.0));
    assert_eq!(at.score.loss, report.score.loss);
    for bad in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let error = model.report_at(&data, bad).unwrap_err().to_string();
        assert!(error.starts_with("a threshold is a probability from 0 to 1, not "), "{error}");
    }
}

proptest! {
    /// (#{s₊ > s₋} + ½ #{s₊ = s₋}) / (P N), pair by pair.
    #[test]
    fn auroc_counts_pairs(samples in prop::collection::vec((0u8..12, any::<bool>()), 0..60)) {
        let scores = || samples.iter().map(|(s, yes)| (f32::from(*s) / 8.0, *yes));
        let (mut sum, mut pairs) = (0.0, 0.0);
        for (a, _) in scores().filter(|s| s.1) {
            for (b, _) in scores().filter(|s| !s.1) {
                sum += if a > b { 1.0 } else if a == b { 0.5 } else { 0.0 };
                pairs += 1.0;
            }
        }
        let auroc = Ranking::new(scores()).auroc();
        prop_assert_eq!(auroc.is_some(), pairs > 0.0);
        if let Some(auroc) = auroc {
            prop_assert!((auroc - sum / pairs).abs() < 1e-12);
        }
    }

    /// No threshold at all gives more than the one that is called best, and it gives that.
    #[test]
    fn no_threshold_is_better(
        samples in prop::collection::vec((1u8..=20, any::<bool>()), 1..60),
        other in 0.0f64..=1.0,
    ) {
        let scores = || samples.iter().map(|(s, yes)| (f32::from(*s) / 20.0, *yes));
        let at = |threshold: f64| {
            let mut counts = Counts::default();
            for (s, is) in scores() {
                match (f64::from(s) > threshold, is) {
                    (true, true) => counts.true_positives += 1,
                    (true, false) => counts.false_positives += 1,
                    (false, true) => counts.false_negatives += 1,
                    (false, false) => counts.true_negatives += 1,
                }
            }
            counts.f1()
        };
        let best = Ranking::new(scores()).best_threshold();
        prop_assert_eq!(best.is_some(), samples.iter().any(|s| s.1));
        if let Some(best) = best {
            prop_assert_eq!(at(best.threshold), Some(best.f1));
            prop_assert!(at(other).unwrap() <= best.f1);
        }
    }

    /// The order alone decides, and turning it around turns the area around.
    #[test]
    fn the_ranking_follows_the_order(samples in prop::collection::vec((any::<i16>(), any::<bool>()), 2..60)) {
        let ranking = |f: fn(f32) -> f32| {
            Ranking::new(samples.iter().map(|(s, yes)| (f(f32::from(*s)), *yes)))
        };
        let (plain, monotone) = (ranking(|s| s), ranking(|s| 2.0 * s + 1.0));
        prop_assert_eq!(plain.auroc(), monotone.auroc());
        prop_assert_eq!(plain.average_precision(), monotone.average_precision());
        if let (Some(a), Some(b)) = (plain.auroc(), ranking(|s| -s).auroc()) {
            prop_assert!((a + b - 1.0).abs() < 1e-12);
        }
    }
}
