//! Two runs side by side: what was set differently, and what came of it.

use anyhow::Result;
use reshet::{Task, network::thousands};
use serde_json::json;

use crate::run::record::{Folds, Record, shown};
use crate::{
    drawing::chart::number,
    say,
    terminal::{bold, faint},
};

type Line = (String, Option<String>, Option<String>);

/// Prints both.
pub fn show(a: &Record, b: &Record, as_json: bool) -> Result<()> {
    let settings = differing(a, b);
    if as_json {
        let pairs = settings.iter().map(|(key, a, b)| (key.clone(), json!([a, b])));
        let differs: serde_json::Map<_, _> = pairs.collect();
        let better = verdict(a, b).1.map(|run| run.folder.clone());
        say!("{}", json!({"a": a.json(), "b": b.json(), "differs": differs, "better": better}));
        return Ok(());
    }
    let status = |r: &Record| {
        let problem = r.problem.as_ref().map_or(String::new(), |p| format!(": {p}"));
        Some(format!("{}{problem}", r.status.word()))
    };
    let head = [(String::new(), Some(a.name.clone()), Some(b.name.clone()))];
    let mut results = vec![("ended".into(), status(a), status(b))];
    results.extend(results_of(a, b));
    let all: Vec<&Line> = head.iter().chain(&settings).chain(&results).collect();
    let width = |of: fn(&Line) -> usize| all.iter().map(|line| of(line)).max().unwrap_or(0);
    let length = |cell: &Option<String>| cell.as_ref().map_or(1, |c| c.chars().count());
    let keys = width(|line| line.0.chars().count());
    let first = all.iter().map(|line| length(&line.1)).max().unwrap_or(0);
    let text = |(key, a, b): &Line| {
        let (a, b) = (a.as_deref().unwrap_or("–"), b.as_deref().unwrap_or("–"));
        format!("{key:keys$}  {a:first$}  {b}")
    };
    head.iter().for_each(|line| say!("{}", bold(&text(line))));
    match settings.is_empty() {
        true => say!("{}", faint("the same settings")),
        false => settings.iter().for_each(|line| say!("{}", text(line))),
    }
    say!("");
    results.iter().for_each(|line| say!("{}", text(line)));
    say!("\n{}", verdict(a, b).0);
    Ok(())
}

/// Every setting that is not the same in both.
fn differing(a: &Record, b: &Record) -> Vec<Line> {
    let mut keys: Vec<&String> = a.config.keys().chain(b.config.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        // Where a run is says nothing about it.
        .filter(|key| *key != "out" && a.config.get(*key) != b.config.get(*key))
        .map(|key| (key.clone(), a.config.get(key).map(shown), b.config.get(key).map(shown)))
        .collect()
}

fn results_of(a: &Record, b: &Record) -> Vec<Line> {
    let count = |n: Option<usize>| n.map(thousands);
    let value = |x: Option<f64>| x.map(number);
    let share = |x: Option<f64>| x.map(|x| format!("{:.2} %", 100.0 * x));
    let time = |x: Option<f64>| x.map(|x| format!("{x:.2} s"));
    let test = |r: &Record| r.report.test.clone().unwrap_or_default();
    let column = |r: &Record| {
        let (report, test) = (&r.report, test(r));
        let answers = test.accuracy.is_some();
        let folds = report.folds.clone().unwrap_or_default();
        // Of several targets nothing is in one unit.
        let one = |x: Option<f64>| x.filter(|_| test.r2_mean.is_none());
        [
            ("question", Some(r.question())),
            ("network", report.network.clone()),
            ("parameters", count(report.parameters)),
            ("training samples", count(report.train_samples)),
            ("test samples", count(report.test_samples)),
            ("epochs", count(report.epochs)),
            ("steps", count(report.steps)),
            ("final loss", value(report.final_loss)),
            ("test loss", value(test.loss)),
            ("accuracy", share(test.accuracy)),
            ("always the same", if answers { share(test.baseline) } else { None }),
            ("errors", count(test.errors)),
            ("R²", test.r2_mean.or(test.r2).map(|r2| format!("{r2:.4}"))),
            ("RMSE", value(one(test.rmse))),
            ("MAE", value(one(test.mae))),
            ("RMSE of the mean", if answers { None } else { value(one(test.baseline)) }),
            ("folds", report.folds.as_ref().map(Folds::describe)),
            ("accuracy, mean of the folds", share(folds.accuracy)),
            ("R², mean of the folds", folds.r2.map(|r2| format!("{r2:.4}"))),
            ("training time", time(report.seconds.train)),
            ("threads", count(report.threads)),
            ("instructions", report.instructions.clone()),
        ]
    };
    let lines = column(a).into_iter().zip(column(b));
    lines
        .filter(|((_, a), (_, b))| a.is_some() || b.is_some())
        .map(|((key, a), (_, b))| (key.into(), a, b))
        .collect()
}

/// Which run is better, in a sentence and by name.
fn verdict<'a>(a: &'a Record, b: &'a Record) -> (String, Option<&'a Record>) {
    if a.question() != b.question() {
        return ("not comparable: they answer different questions".into(), None);
    }
    let tested = |r: &Record| r.report.test.is_some() || r.report.folds.is_some();
    if !tested(a) || !tested(b) {
        return ("which is better is not known: not both were tested".into(), None);
    }
    let (Some(p), Some(q)) = (a.report.rank(), b.report.rank()) else {
        return ("which is better is not known: not both have a score".into(), None);
    };
    if p == q {
        return ("both score the same".into(), None);
    }
    let (better, high, low) = if p > q { (a, p, q) } else { (b, q, p) };
    let text = match a.report.task {
        Some(Task::Binary | Task::Classes) => {
            let chance = by_chance(high, low, a.report.tested(), b.report.tested());
            let doubt = if chance { ", which may be chance" } else { "" };
            format!("{:.2} % against {:.2} %{doubt}", 100.0 * high, 100.0 * low)
        }
        _ => format!("R² {high:.4} against {low:.4}"),
    };
    (format!("{} is better: {text}", better.name), Some(better))
}

/// Whether two shares of so many samples differ by less than twice the
/// standard error of their difference.
fn by_chance(p: f64, q: f64, n: Option<usize>, m: Option<usize>) -> bool {
    let (Some(n), Some(m)) = (n, m) else { return false };
    let error = (p * (1.0 - p) / n.max(1) as f64 + q * (1.0 - q) / m.max(1) as f64).sqrt();
    (p - q).abs() < 2.0 * error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_difference_on_few_samples_may_be_chance() {
        assert!(by_chance(0.93, 0.90, Some(30), Some(30)));
        assert!(!by_chance(0.99, 0.98, Some(10_000), Some(10_000)));
        assert!(by_chance(0.9901, 0.9899, Some(10_000), Some(10_000)));
    }
}
