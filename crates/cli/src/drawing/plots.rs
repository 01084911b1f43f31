//! `reshet test --pictures DIR`: what a report says, as charts.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use reshet::{
    Targets,
    metrics::{Calibration, Confusion, Details, Ranking, Report, ScoreKind},
};

use crate::{
    drawing::chart::{self, Anchor, Axis, Canvas, Chart, Ink, Look, Point, Text},
    terminal::tell,
};

/// More curves than this in one chart cannot be told apart.
const CURVES: usize = 7;
/// Classes whose counts and names a confusion table has room for.
const LEGIBLE: usize = 25;
/// More classes than this are not drawn: the picture grows with them.
const DRAWN: usize = 1000;

/// Writes the pictures that go with this kind of question, each as SVG and PNG,
/// and gives their paths without the ending. `origins`: what targets and answers are counted
/// from, if not from 0.
pub fn save(
    folder: &Path,
    report: &Report,
    targets: &Targets,
    origins: &[f64],
) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("--pictures: cannot make the folder {}", folder.display()))?;
    let mut saved = Vec::new();
    let mut put = |stem: &str, chart: Chart| {
        saved.push(folder.join(stem));
        chart.save(folder, stem)
    };
    match (&report.details, targets) {
        (Details::Classes { per_class, .. }, _) if per_class.len() > DRAWN => {
            tell(&format!("no picture of the confusion: {} classes are too many", per_class.len()));
        }
        (Details::Classes { .. }, _) => {
            confusion(folder, report)?;
            saved.push(folder.join("confusion"));
        }
        (
            Details::Question { .. } | Details::Questions { .. },
            Targets::YesNo { values, width, .. } | Targets::Numbers { values, width },
        ) => {
            let curves = curves(report, values, *width);
            if curves.is_empty() {
                tell("no ROC curve and no precision against recall: all samples are alike");
            } else {
                put("roc", roc(&curves))?;
                put("precision-recall", precision_recall(&curves))?;
            }
        }
        (
            Details::Numbers { per_target },
            Targets::YesNo { values, width, .. } | Targets::Numbers { values, width },
        ) => {
            let stems = stems(&report.names);
            for (q, target) in per_target.iter().enumerate() {
                let origin = origins.get(q).copied().unwrap_or(0.0);
                let column = |all: &[f32]| -> Vec<f64> {
                    all[q..].iter().step_by(*width).map(|y| f64::from(*y) + origin).collect()
                };
                let pairs = column(values).into_iter().zip(column(&report.answers));
                let pairs: Vec<Point> = pairs.collect();
                let name = if *width > 1 { format!(" of {}", target.name) } else { String::new() };
                put(&format!("predicted{}", stems[q]), predicted(&name, &pairs))?;
                put(&format!("residuals{}", stems[q]), residuals(&name, &pairs))?;
            }
        }
        (_, Targets::Classes { .. }) => {}
    }
    if let Some(calibration) = &report.calibration {
        saved.push(folder.join("reliability"));
        reliability(calibration).save(folder, "reliability")?;
    }
    Ok(saved)
}

/// What tells one target's files from another's: nothing if there is one, else
/// its name, or its number where names cannot be file names of their own.
fn stems(names: &[String]) -> Vec<String> {
    if names.len() == 1 {
        return vec![String::new()];
    }
    let plain = |c: char| if c.is_alphanumeric() { c } else { '-' };
    let mut stems: Vec<String> = names
        .iter()
        .map(|name| format!("-{}", name.chars().map(plain).collect::<String>()))
        .collect();
    let lower = |stem: &String| stem.to_lowercase();
    let mut apart: Vec<String> = stems.iter().map(lower).collect();
    apart.sort();
    apart.dedup();
    if apart.len() < stems.len() || stems.iter().any(|stem| stem.chars().count() > 60) {
        stems = (0..names.len()).map(|q| format!("-{q}")).collect();
    }
    stems
}

/// A yes/no question's ranking, and where the threshold is on it.
struct Curve {
    name: String,
    ranking: Ranking,
    /// No first.
    confusion: Confusion,
    threshold: f64,
}

/// Of the questions that have both kinds of samples: the first few, worst AUROC first
/// if there are more.
fn curves(report: &Report, values: &[f32], width: usize) -> Vec<Curve> {
    let (threshold, questions) = match &report.details {
        Details::Question { threshold, .. } => (*threshold, Vec::new()),
        Details::Questions { threshold, per_question, .. } => (*threshold, per_question.clone()),
        _ => return Vec::new(),
    };
    let pooled = match &report.score.kind {
        ScoreKind::Answers { confusion, .. } => confusion,
        ScoreKind::Numbers { .. } => return Vec::new(),
    };
    let curve = |q: usize| {
        let pairs = report.answers[q..].iter().zip(&values[q..]).step_by(width);
        let question = questions.get(q);
        Curve {
            name: question.map_or(report.names[1].clone(), |question| question.name.clone()),
            ranking: Ranking::new(pairs.map(|(answer, value)| (*answer, *value > 0.5))),
            confusion: question.map_or(pooled, |question| &question.confusion).clone(),
            threshold,
        }
    };
    let mut all: Vec<Curve> = (0..width).map(curve).collect();
    all.retain(|curve| curve.ranking.auroc().is_some());
    if all.len() > CURVES {
        let area = |curve: &Curve| curve.ranking.auroc().unwrap_or(0.0);
        all.sort_by(|a, b| area(a).total_cmp(&area(b)));
        all.truncate(CURVES);
        tell(&format!("the curves are of the {CURVES} questions of {width} with the lowest AUROC"));
    }
    all
}

fn share(part: usize, of: usize) -> f64 {
    part as f64 / of as f64
}

fn rate(label: impl Into<String>) -> Axis {
    Axis::linear(label).range(0.0, 1.0)
}

fn roc(curves: &[Curve]) -> Chart {
    let title = format!("ROC{}", whose(curves));
    let mut chart =
        Chart::new(title, rate("share of the noes called yes"), rate("share of the yeses found"));
    chart = chart.with(Look::Reference, "guessing: 0.5", vec![(0.0, 0.0), (1.0, 1.0)]);
    for curve in curves {
        let area = curve.ranking.auroc().unwrap_or(f64::NAN);
        chart = chart.with(Look::Line, legend(curves, curve, "AUROC", area), curve.ranking.roc());
    }
    if let [Curve { confusion, threshold, .. }] = curves {
        let at = (
            share(confusion.times(0, 1), confusion.samples_of(0)),
            share(confusion.times(1, 1), confusion.samples_of(1)),
        );
        chart = chart.with(Look::Mark, format!("threshold {threshold}"), vec![at]);
    }
    chart
}

fn precision_recall(curves: &[Curve]) -> Chart {
    let title = format!("Precision against recall{}", whose(curves));
    let mut chart = Chart::new(
        title,
        rate("recall: share of the yeses found"),
        rate("precision: share that is, of those called yes"),
    );
    if let [Curve { confusion, .. }] = curves {
        let guess = share(confusion.samples_of(1), confusion.samples());
        let line = vec![(0.0, guess), (1.0, guess)];
        chart = chart.with(Look::Reference, format!("guessing: {guess:.4}"), line);
    }
    for curve in curves {
        // Steps: average precision is the area below them.
        let (mut points, mut before): (Vec<Point>, f64) = (Vec::new(), 0.0);
        for (recall, precision) in curve.ranking.precision_recall() {
            points.extend([(before, precision), (recall, precision)]);
            before = recall;
        }
        let area = curve.ranking.average_precision().unwrap_or(f64::NAN);
        chart = chart.with(Look::Line, legend(curves, curve, "average precision", area), points);
    }
    if let [Curve { confusion, threshold, .. }] = curves
        && confusion.answered(1) > 0
    {
        let found = confusion.times(1, 1);
        let at = (share(found, confusion.samples_of(1)), share(found, confusion.answered(1)));
        chart = chart.with(Look::Mark, format!("threshold {threshold}"), vec![at]);
    }
    chart
}

/// Stated probabilities against the shares found.
fn reliability(calibration: &Calibration) -> Chart {
    let points: Vec<Point> = calibration.bins.iter().map(|bin| (bin.stated, bin.found)).collect();
    let title = format!("Reliability: off by {:.2} % on average", 100.0 * calibration.error);
    Chart::new(title, rate("probability stated, in tenths"), rate("share found"))
        .with(Look::Reference, "exact", vec![(0.0, 0.0), (1.0, 1.0)])
        .with(Look::Line, "", points.clone())
        .with(Look::Mark, "mean of a tenth", points)
}

fn whose(curves: &[Curve]) -> String {
    if let [curve] = curves { format!(": {}", curve.name) } else { String::new() }
}

fn legend(curves: &[Curve], curve: &Curve, what: &str, area: f64) -> String {
    match curves {
        [_] => format!("{what} {area:.4}"),
        _ => format!("{}: {area:.4}", curve.name),
    }
}

/// True against predicted.
fn predicted(name: &str, pairs: &[Point]) -> Chart {
    Chart::new(
        format!("Predicted and true values{name}"),
        Axis::linear("true"),
        Axis::linear("predicted"),
    )
    .with(Look::Points, "samples", pairs.to_vec())
    .with_diagonal("exact")
}

/// Predicted against the error.
fn residuals(name: &str, pairs: &[Point]) -> Chart {
    let points: Vec<Point> =
        pairs.iter().map(|(value, answer)| (*answer, answer - value)).collect();
    let ends = points
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| (low.min(p.0), high.max(p.0)));
    Chart::new(
        format!("Residuals{name}"),
        Axis::linear("predicted"),
        Axis::linear("predicted − true"),
    )
    .with(Look::Points, "samples", points)
    .with(Look::Reference, "exact", vec![(ends.0, 0.0), (ends.1, 0.0)])
}

/// The confusion counts as a table of shades: the share of its row, where right in
/// one colour, else its root in another.
fn confusion(folder: &Path, report: &Report) -> Result<()> {
    let ScoreKind::Answers { confusion, accuracy, .. } = &report.score.kind else { return Ok(()) };
    let n = confusion.classes();
    // The names stand to the left and below; what is longer is cut.
    let names: Vec<String> = report.names.iter().map(|name| cut(name, 14)).collect();
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as f64;
    let (top, letter) = (44.0, 7.3);
    let legible = n <= LEGIBLE;
    let room = if legible { longest * letter } else { 0.0 };
    let side = (440.0 / n as f64).clamp(2.0, 72.0);
    let (left, all) = (44.0 + room, side * n as f64);
    // Names that fit below their column lie, others stand.
    let turned = longest * letter > side - 4.0;
    let below = if turned && legible { room + 6.0 } else { 18.0 };
    let title = format!("Confusion: {:.2} % of {} right", 100.0 * accuracy, report.score.samples);
    let width = (left + all + 24.0).max(title.chars().count() as f64 * 10.0 + 24.0);
    let left = left.max((width - all) / 2.0);
    let size = (width, top + all + below + 34.0);
    let draw = |canvas: &mut dyn Canvas| {
        canvas.block((0.0, 0.0), size, Ink::Paper, 1.0);
        canvas.text((width / 2.0, 24.0), &title, Text::title());
        for (is, said, count) in confusion.pairs() {
            let (x, y) = (left + side * said as f64, top + side * is as f64);
            let part = share(count, confusion.samples_of(is));
            // Mistakes are few: the root makes them seen.
            let (hue, part) = match is == said {
                true => (Ink::Series(0), part),
                false => (Ink::Series(1), part.sqrt()),
            };
            canvas.block((x, y), (side, side), hue, part);
            let text = count.to_string();
            if legible && text.len() as f64 * letter < side {
                let ink = if part > 0.6 { Ink::Paper } else { Ink::Letters };
                let at = (x + side / 2.0, y + side / 2.0 + 4.0);
                canvas.text(at, &text, Text { ink, ..Text::small(Anchor::Middle) });
            }
        }
        for i in 0..=n {
            let (at, end) = (side * i as f64, all);
            if legible || i == 0 || i == n {
                canvas.line(
                    &[(left, top + at), (left + end, top + at)],
                    Ink::Grid,
                    1.0,
                    1.0,
                    false,
                );
                canvas.line(
                    &[(left + at, top), (left + at, top + end)],
                    Ink::Grid,
                    1.0,
                    1.0,
                    false,
                );
            }
        }
        for (i, name) in names.iter().enumerate().filter(|_| legible) {
            let middle = side * (i as f64 + 0.5);
            canvas.text((left - 8.0, top + middle + 4.0), name, Text::small(Anchor::End));
            let (at, set) = match turned {
                true => (
                    (left + middle + 4.0, top + all + 8.0),
                    Text { anchor: Anchor::End, ..Text::turned() },
                ),
                false => ((left + middle, top + all + 17.0), Text::small(Anchor::Middle)),
            };
            canvas.text(at, name, set);
        }
        let foot = top + all + below + 20.0;
        canvas.text((left + all / 2.0, foot), "said", Text::small(Anchor::Middle));
        canvas.text((left - room - 22.0, top + all / 2.0), "is", Text::turned());
    };
    let classes = if legible { names.join(", ") } else { format!("{n} classes") };
    let about = format!("How often each class (row) was called which (column): {classes}.");
    chart::save(folder, "confusion", size, (&title, &about), &draw)
}

fn cut(name: &str, length: usize) -> String {
    if name.chars().count() <= length {
        return name.into();
    }
    name.chars().take(length - 3).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reshet::Task;

    /// Classes that are mostly told apart; every fifth sample is taken for the next class.
    fn classes(n: usize, name: impl Fn(usize) -> String) -> (Report, Targets) {
        let said = |i: usize| if i % 5 == 0 { (i + 1) % n } else { i % n };
        let samples = 12 * n;
        let answers =
            (0..samples).flat_map(|i| (0..n).map(move |c| if c == said(i) { 1.0 } else { 0.0 }));
        let labels = (0..samples).map(|i| (i % n) as u32).collect();
        let targets = Targets::classes(labels, (0..n).map(name).collect());
        let report = Report::new(answers.collect(), &targets, Task::Classes, &[], 0.1, 0.5);
        (report, targets)
    }

    #[test]
    fn confusion_fits_any_number_of_classes() {
        let folder = tempfile::tempdir().unwrap();
        let draw = |stem: &str, (report, targets): (Report, Targets)| {
            let at = folder.path().join(stem);
            assert_eq!(
                save(&at, &report, &targets, &[]).unwrap(),
                ["confusion", "reliability"].map(|stem| at.join(stem))
            );
            let png = png::Decoder::new(std::io::BufReader::new(
                std::fs::File::open(at.join("confusion.png")).unwrap(),
            ));
            let size = png.read_info().unwrap().info().size();
            assert!(size.0 < 2000 && size.1 < 2000, "{size:?}");
            std::fs::read_to_string(at.join("confusion.svg")).unwrap()
        };
        let few = draw("few", classes(3, |c| ["ant", "bee", "a very long beetle"][c].into()));
        assert!(few.contains(">ant</text>") && few.contains(">a very long...</text>"), "{few}");
        assert!(few.contains("Confusion: 77.78 % of 36 right"), "{few}");
        let some = draw("some", classes(24, |c| format!("species {c}")));
        assert!(some.contains(">species 23</text>"));
        // Too many to read, not too many to see.
        let many = draw("many", classes(300, |c| format!("class {c}")));
        assert!(!many.contains("class 7<") && many.matches("<rect").count() > 300);
    }

    #[test]
    fn files_are_named_by_target_where_that_works() {
        let stems =
            |names: &[&str]| stems(&names.iter().map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(stems(&["height"]), [""]);
        assert_eq!(stems(&["height / m", "עומק"]), ["-height---m", "-עומק"]);
        assert_eq!(stems(&["a/b", "A b"]), ["-0", "-1"]);
        assert_eq!(stems(&["x", &"y".repeat(300)]), ["-0", "-1"]);
    }
}
