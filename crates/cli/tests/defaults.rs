//! Which defaults a table is trained with, and how its rows are divided.

mod place;

use place::Place;
use reshet::{
    Model,
    rng::{Purpose, Stream},
};
use serde_json::{Value, json};

/// Teeth in one number and a wave in another: details to be followed, without noise; or nothing
/// but noise and a slope.
fn table(rows: u64, noise: bool) -> String {
    let uniform = Stream::new(7, Purpose::Data, 0);
    let mut text = "a,b,y\n".to_string();
    for i in 0..rows {
        let [a, b, c] = [0, 1, 2].map(|k| f64::from(uniform.uniform(3 * i + k)));
        let y =
            if noise { a + 6.0 * c } else { (4.0 * a).fract() + (9.0 * a).sin() * (7.0 * b).cos() };
        text += &format!("{a:.5},{b:.5},{y:.5}\n");
    }
    text
}

fn report(place: &Place, run: &str) -> Value {
    serde_json::from_slice(&place.read(&format!("{run}/report.json"))).unwrap()
}

fn network(place: &Place, run: &str) -> Vec<f32> {
    Model::load(place.path(run).join("model.safetensors")).unwrap().parameters().to_vec()
}

#[test]
fn numbers_have_intervals_where_samples_were_held_back() {
    let place = Place::new();
    place.write("train.csv", table(900, true));
    // The rows after those.
    let all = table(2000, true);
    let later = all.lines().take(1).chain(all.lines().skip(901));
    place.write("test.csv", later.collect::<Vec<_>>().join("\n"));
    place.done("train train.csv --test-fraction 0 --out run -q");
    let tested = |run: &str, more: &str| {
        let interval =
            place.json(&format!("test {run} test.csv --json {more}"))["intervals"][0].clone();
        [&interval["coverage"], &interval["covered"]].map(|x| x.as_f64().unwrap())
    };
    for (wanted, more) in [(0.9, ""), (0.5, "--interval 0.5")] {
        let [coverage, covered] = tested("run", more);
        assert_eq!(coverage, wanted);
        assert!((covered - wanted).abs() < 0.06, "{wanted}: {covered}");
    }
    let rows = place.done("predict run test.csv --interval 0.9");
    let first: Vec<f64> =
        rows.lines().nth(1).unwrap().split(',').map(|x| x.parse().unwrap()).collect();
    assert!(rows.starts_with("y,y_low,y_high\n"), "{rows}");
    assert!((first[0] - first[1] - (first[2] - first[0])).abs() < 1e-4 && first[1] < first[0]);
    let row = place.done("predict run test.csv --interval 0.9 --json");
    assert!(row.starts_with("{\"value\":") && row.contains(",\"low\":"), "{row}");

    // Few rows: folds hold samples back, those of the choice or those that are asked for.
    place.write("few.csv", table(60, true));
    place.done("train few.csv --out few -q");
    place.fails("predict few test.csv --interval 0.9", 2, "--folds 10");
    place.write("few.csv", table(120, true));
    for flags in ["--test-fraction 0", "--folds 5 --epochs 20"] {
        place.done(&format!("train few.csv {flags} --out few --force -q"));
        assert!((tested("few", "")[1] - 0.9).abs() < 0.1);
    }
    place.fails("predict few test.csv --interval 0.999", 2, "120 samples were held back");
    place.fails("predict few test.csv --interval 90", 2, "above 0 and below 1");
    place.write("words.csv", format!("a,b\n{}", "1,x\n2,y\n".repeat(20)));
    place.done("train words.csv --out words -q --epochs 1");
    place.fails("test words words.csv --interval 0.9", 2, "only numbers have intervals");
}

#[test]
fn a_quantile_has_its_share_below_it() {
    let place = Place::new();
    place.write("noise.csv", table(900, true));
    for (asked, flags) in
        [(0.9, "--quantile 0.9"), (0.5, "--loss quantile"), (0.1, "--loss pinball --quantile 0.1")]
    {
        place.done(&format!("train noise.csv --test-fraction 0 {flags} --out run --force -q"));
        let report = place.json("test run noise.csv --json");
        let below = &report["below"][0];
        let number = |key: &str| below[key].as_f64().unwrap_or_else(|| panic!("{report}"));
        assert!((number("quantile") - asked).abs() < 1e-6, "{below}");
        assert!((number("below") - asked).abs() < 0.06, "{below}");
    }
    let said = place.done("test run noise.csv");
    assert!(said.contains("asked for: 10.00 %"), "{said}");
    place.fails("train noise.csv --quantile 1 --out bad", 2, "below 1");
    place.fails("train noise.csv --loss mse --quantile 0.9 --out bad", 2, "--quantile");
}

/// Five numbers, of which a class depends only in part.
fn noisy_classes(rows: usize) -> String {
    let mut state = 9_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let mut text = String::from("a,b,c,d,e,y\n");
    for _ in 0..rows {
        let numbers: Vec<f64> = (0..5).map(|_| uniform()).collect();
        let yes = numbers.iter().sum::<f64>() + 3.0 * uniform() > 4.0;
        let cells: Vec<String> = numbers.iter().map(|x| format!("{x:.4}")).collect();
        text += &format!("{},{}\n", cells.join(","), if yes { "yes" } else { "no" });
    }
    text
}

#[test]
fn numbers_are_not_in_pieces_where_that_is_better() {
    let place = Place::new();
    place.write("noisy.csv", noisy_classes(900));
    let said = place.done("train noisy.csv --validation 0.1 --out plain");
    assert!(said.contains("numbers not in pieces\n  the third is taken"), "{said}");
    let plain = report(&place, "plain");
    let in_pieces =
        |one: &Value| (one["in-pieces"].as_bool().unwrap(), one["taken"].as_bool().unwrap());
    let tried: Vec<_> = plain["choice"].as_array().unwrap().iter().map(in_pieces).collect();
    assert_eq!(tried, [(true, false), (true, false), (false, true)]);
    assert_eq!(plain["features"], 5);
    // What was taken is kept: nothing is chosen again, and the network is the same.
    place.done("train --config plain/config.toml --out again -q");
    assert_eq!(network(&place, "plain"), network(&place, "again"));
    let said = place.done("test plain noisy.csv");
    assert!(said.contains("%"), "{said}");

    // Numbers are in pieces if that is said.
    place.done("train noisy.csv --validation 0.1 --scaling piecewise --out pieces -q");
    let pieces = report(&place, "pieces");
    assert_eq!(pieces["choice"].as_array().unwrap().len(), 2);
    assert_eq!(pieces["features"], 5 * 17);

    // The same for averages, and for folds.
    place.done("train noisy.csv --bag 2 --out bag -q");
    assert_eq!(report(&place, "bag")["features"], 5);
    place.done("train noisy.csv --folds 3 --out folds -q");
    assert_eq!(report(&place, "folds")["features"], 5);
}

#[test]
fn few_numbers_are_in_pieces_where_that_is_better() {
    let place = Place::new();
    for (noise, features) in [(false, 2 * 17), (true, 2)] {
        place.write("few.csv", table(150, noise));
        let said = place.done("train few.csv --out few --force");
        assert!(said.contains("tried with 5 networks each"), "{said}");
        let few = report(&place, "few");
        assert_eq!(
            (&few["features"], few["choice"][0]["in-pieces"].as_bool()),
            (&json!(features), Some(false))
        );
        // What was taken is kept: nothing is chosen again, and the network is the same.
        place.done("train --config few/config.toml --out again --force -q");
        assert!(report(&place, "again").get("choice").is_none());
        assert_eq!(network(&place, "few"), network(&place, "again"));
    }
}

#[test]
fn the_better_defaults_are_taken_and_told() {
    let place = Place::new();
    place.write("fine.csv", table(700, false));
    place.write("noisy.csv", table(700, true));
    let said = place.done("train fine.csv --out fine");
    assert!(!said.contains("the first is taken") && said.contains("is taken"), "{said}");
    let (fine, config) = (report(&place, "fine"), place.read("fine/config.toml"));
    let tried = fine["choice"].as_array().unwrap();
    let r2 = |i: usize| tried[i]["score"]["r2"].as_f64().unwrap();
    // Where the second is better than the usual one, a wider network is tried as well.
    let taken = tried.iter().position(|one| one["taken"] == true).unwrap();
    assert!(tried.len() == 3 && taken > 0 && r2(1) > r2(0), "{tried:?}");
    assert_eq!(tried[2]["hidden"], json!([256, 128]));
    let config = String::from_utf8(config).unwrap();
    assert!(config.contains("dropout = 0.1\n") && config.contains("weight-decay = 0.05\n"));
    // Untried, it is worse.
    place.done("train fine.csv --out untried --effort 0 -q");
    let untried = report(&place, "untried");
    assert!(untried.get("choice").is_none());
    let tested = |report: &Value| report["test"]["r2"].as_f64().unwrap();
    assert!(tested(&fine) > tested(&untried) + 0.02, "{} {}", tested(&fine), tested(&untried));
    // The config is of what was taken: nothing is chosen again, and the network is the same.
    place.done("train --config fine/config.toml --out again -q");
    assert_eq!(network(&place, "fine"), network(&place, "again"));

    place.done("train noisy.csv --out noisy -q");
    assert_eq!(report(&place, "noisy")["choice"][0]["taken"], true);
    place.done("train noisy.csv --out usual --effort 0 -q");
    assert_eq!(network(&place, "noisy"), network(&place, "usual"));
    for set in ["--hidden 8", "--epochs 3", "--lr 0.01", "--net 2-1"] {
        place.done(&format!("train fine.csv {set} --out set --force -q"));
        assert!(report(&place, "set").get("choice").is_none(), "{set}");
    }
    place.fails("train fine.csv --effort 4", 2, "--effort");
}

#[test]
fn rows_of_one_value_stay_together_and_the_latest_are_tested_on() {
    let place = Place::new();
    let stream = Stream::new(3, Purpose::Data, 0);
    let mut text = "patient,day,dose,sick\n".to_string();
    for i in 0..800u64 {
        let patient = (60.0 * stream.uniform(2 * i)) as u64;
        let sick = if patient * patient % 3 == 0 { "no" } else { "yes" };
        let (month, day) = (1 + i / 70, 1 + i % 28);
        text += &format!(
            "P{patient},2024-{month:02}-{day:02},{:.2},{sick}\n",
            stream.uniform(2 * i + 1)
        );
    }
    place.write("visits.csv", text);
    let tested = |flags: &str| {
        let (_, told) =
            place.both(&format!("train visits.csv --out run --force {flags} --effort 0"));
        (report(&place, "run")["test"]["accuracy"].as_f64().unwrap(), told)
    };
    // Who is sick follows from who it is, which new patients do not profit from.
    let (by_chance, told) = tested("");
    assert!(
        by_chance > 0.9 && told.contains("the rows of each \"patient\" have one answer"),
        "{told}"
    );
    let (of_new, told) = tested("--group patient");
    assert!(of_new < 0.8 && !told.contains("have one answer"), "{of_new} {told}");
    assert!(!place.done("info run").contains("P17"));
    tested("--time day");
    place.fails("train visits.csv --time sick", 2, "is the target");
    place.fails("train visits.csv --time patient", 3, "is no time");
    place.fails("train visits.csv --group patient --time day", 2, "--time");
    place.fails("train mnist --time day", 2, "--time goes with a table");
}
