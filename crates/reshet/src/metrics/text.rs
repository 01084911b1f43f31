//! A [`Report`] as a page of text.

use std::{borrow::Cow, fmt};

use super::{
    Below, BestThreshold, Calibration, Class, Confusion, Details, Interval, Measures, Number,
    QuestionResult, Report, Score, ScoreKind, report::worst,
};
use crate::visible;

/// More classes or questions than this are not all shown.
const MANY: usize = 30;
/// Of many: those shown.
const FEW: usize = 10;
/// The columns that a confusion table may take.
const WIDE: usize = 140;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{}\nloss {}\n", self.score, digits(self.score.loss))?;
        match &self.details {
            Details::Question { .. } => write!(f, "{}", self.question())?,
            Details::Questions { threshold, all_right_interval, per_question, mean } => {
                let all = "every answer right";
                writeln!(f, "  {all}: 95 % interval {}", interval(*all_right_interval))?;
                writeln!(f, "  yes is a probability above {threshold}\n")?;
                write!(f, "{}", questions(per_question, mean))?;
            }
            Details::Classes { per_class, mean, top_k } => {
                let mut lines = vec![accuracy(&self.score)];
                let top = top_k.iter().map(|(k, share)| {
                    let what = format!("the right class is among the {k} likeliest");
                    [format!("top {k}"), percent(*share), what]
                });
                lines.extend(top);
                write!(f, "{}\n\n{}", measures(&lines), classes(per_class, mean))?;
            }
            Details::Numbers { per_target } => write!(f, "{}", numbers(per_target))?,
        }
        for Below { name, quantile, below } in &self.below {
            let name =
                if self.below.len() > 1 { format!("{}: ", visible(name)) } else { String::new() };
            let (below, wanted) = (percent(*below), percent(*quantile));
            write!(f, "\n  {name}below the answer: {below} of the targets; asked for: {wanted}")?;
        }
        for interval in &self.intervals {
            write!(f, "\n{}", contained(interval, self.intervals.len()))?;
        }
        if let Some(calibration) = &self.calibration {
            write!(f, "\n\n{}", calibrated(calibration))?;
        }
        if let ScoreKind::Answers { confusion, .. } = &self.score.kind {
            let pooled = ["no".into(), "yes".into()];
            let several = matches!(self.details, Details::Questions { .. });
            let names: &[String] = if several { &pooled } else { &self.names };
            let head = if several { "  all questions together\n" } else { "" };
            write!(f, "\n\n{head}{}", table(confusion, names))?;
        }
        Ok(())
    }
}

impl Report {
    fn question(&self) -> String {
        let Details::Question { threshold, positives, measures: m, best_threshold } = &self.details
        else {
            return String::new();
        };
        let yes = self.names.get(1).map_or(Cow::Borrowed("yes"), |name| visible(name));
        let guess = *positives as f64 / self.score.samples as f64;
        let line = |name: &str, value: String, what: String| [name.to_string(), value, what];
        let mut lines = vec![
            accuracy(&self.score),
            line(
                "precision",
                maybe(m.precision),
                format!("of those called {yes}, the share that is"),
            ),
            line("recall", maybe(m.recall), format!("of those that are {yes}, the share found")),
            line("F1", maybe(m.f1), "the harmonic mean of the two".into()),
            line("AUROC", maybe(m.auroc), "guessing: 0.5".into()),
            line("average precision", maybe(m.average_precision), format!("guessing: {guess:.4}")),
            line("threshold", threshold.to_string(), format!("{yes} is a probability above it")),
        ];
        if let Some(BestThreshold { threshold, f1 }) = best_threshold {
            let what = format!("would give the best F1 here, {f1:.4}");
            lines.push(line("best threshold", digits(*threshold), what));
        }
        measures(&lines)
    }
}

fn calibrated(c: &Calibration) -> String {
    let shares = |baseline: f64| format!("always the shares: {}", digits(baseline));
    measures(&[
        ["log loss".into(), digits(c.log_loss), shares(c.log_loss_baseline)],
        ["Brier score".into(), digits(c.brier), shares(c.brier_baseline)],
        [
            "calibration error".into(),
            percent(c.error),
            "between the probabilities stated and the shares found".into(),
        ],
    ])
}

fn accuracy(score: &Score) -> [String; 3] {
    let ScoreKind::Answers { accuracy, interval: within, .. } = &score.kind else {
        return Default::default();
    };
    let what = within.map(|within| format!("95 % interval {}", interval(within)));
    ["accuracy".into(), percent(*accuracy), what.unwrap_or_default()]
}

fn interval([low, high]: [f64; 2]) -> String {
    format!("{:.2} to {:.2} %", 100.0 * low, 100.0 * high)
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

/// The number, or a dash if it is undefined.
fn maybe(x: Option<f64>) -> String {
    x.map_or("–".into(), |x| format!("{x:.4}"))
}

/// A number as scores and losses are shown, whatever its unit: four decimals or five digits,
/// and as many decimals as a small one needs.
///
/// ```
/// use reshet::metrics::digits;
/// assert_eq!([0.5, 287.0366, 0.00123456].map(digits), ["0.5000", "287.04", "0.001235"]);
/// assert_eq!([0.0, 3.5e-8].map(digits), ["0", "3.5000e-8"]);
/// ```
pub fn digits(x: f64) -> String {
    let size = x.abs();
    if size == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e7).contains(&size) {
        return format!("{x:.4e}");
    }
    let power = size.log10().floor() as i32;
    let decimals = match power {
        ..-2 => 3 - power,
        -2..0 => 4,
        _ => 4 - power,
    };
    format!("{x:.*}", usize::try_from(decimals).unwrap_or(0))
}

/// Name, value, remark.
fn measures(lines: &[[String; 3]]) -> String {
    let width = |column: usize| lines.iter().map(|l| length(&l[column])).max().unwrap_or(0);
    let (first, second) = (width(0), width(1));
    let line = |[name, value, what]: &[String; 3]| {
        let text = format!("  {name:first$}  {value:>second$}   {what}");
        text.trim_end().to_string()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// The first row is the head, the first column to the left, all else to the right.
fn grid(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<_>> =
        rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()).collect();
    let columns = rows.first().map_or(0, Vec::len);
    let width = |c: usize| rows.iter().map(|row| length(&row[c])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<Cow<str>>| {
        let mut text = format!("  {:1$}", row[0], widths[0]);
        let rest = row.iter().zip(&widths).skip(1);
        rest.for_each(|(cell, width)| text += &format!("  {cell:>width$}"));
        text.trim_end().to_string()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The things to show, and a line about those left out: all in order, or of many the worst by
/// F1.
fn chosen<'a, T>(all: &'a [T], of: fn(&T) -> &Measures, what: &str) -> (Vec<&'a T>, String) {
    if all.len() <= MANY {
        return (all.iter().collect(), String::new());
    }
    let mut order = worst(all, of);
    order.truncate(FEW);
    let word = format!("\n  the {FEW} worst of {} {what} by F1", all.len());
    (order, word)
}

fn five(m: &Measures) -> [String; 5] {
    [m.precision, m.recall, m.f1, m.auroc, m.average_precision].map(maybe)
}

fn head(before: &[&str], after: &[&str]) -> Vec<String> {
    let middle = ["precision", "recall", "F1", "AUROC", "av. precision"];
    [before, &middle, after].concat().into_iter().map(String::from).collect()
}

fn classes(all: &[Class], mean: &Measures) -> String {
    let (shown, word) = chosen(all, |c| &c.measures, "classes");
    let row = |name: &str, samples: usize, m: &Measures| {
        [&[name.to_string(), samples.to_string()][..], &five(m)].concat()
    };
    let mut rows = vec![head(&["class", "samples"], &[])];
    rows.extend(shown.iter().map(|c| row(&c.name, c.samples, &c.measures)));
    rows.push(row("macro average", all.iter().map(|c| c.samples).sum(), mean));
    grid(&rows) + &word
}

fn questions(all: &[QuestionResult], mean: &Measures) -> String {
    let (shown, word) = chosen(all, |q| &q.measures, "questions");
    let mut rows = vec![head(&["question", "yes", "accuracy", "baseline"], &["best threshold"])];
    for q in shown {
        let first = [q.name.clone(), q.positives.to_string(), percent(q.accuracy)];
        let best = q.best_threshold.map_or("–".into(), |best| digits(best.threshold));
        rows.push([&first[..], &[percent(q.baseline)], &five(&q.measures), &[best]].concat());
    }
    let first = ["macro average", "", "", ""].map(String::from);
    rows.push([&first[..], &five(mean), &[String::new()]].concat());
    grid(&rows) + &word
}

/// `90 % interval ± 4.2: contains 89.6 %`
fn contained(interval: &Interval, of: usize) -> String {
    let Interval { name, coverage, half_width, covered } = interval;
    let name = if of > 1 { format!("{}: ", visible(name)) } else { String::new() };
    let coverage = (100.0 * coverage) as f32;
    format!(
        "  {name}{coverage} % interval: the answer ± {} on average, contains {}",
        digits(*half_width),
        percent(*covered)
    )
}

fn numbers(all: &[Number]) -> String {
    if let [n] = all {
        let line = |name: &str, value: String, what: String| [name.to_string(), value, what];
        return measures(&[
            line("RMSE", digits(n.rmse), format!("always the mean: {}", digits(n.baseline))),
            line("MAE", digits(n.mae), "the mean absolute error".into()),
            line("R²", maybe(n.r2), "always the mean: 0".into()),
            line("bias", digits(n.bias), "the mean of answer − target".into()),
            line("largest error", digits(n.max_error), String::new()),
        ]);
    }
    let names = ["target", "RMSE", "always the mean", "MAE", "R²", "bias", "largest error"];
    let mut rows = vec![names.map(String::from).to_vec()];
    for n in all {
        let of = [n.rmse, n.baseline, n.mae].map(digits);
        let last = [maybe(n.r2), digits(n.bias), digits(n.max_error)];
        rows.push([&[n.name.clone()][..], &of, &last].concat());
    }
    grid(&rows)
}

/// Writes the confusion matrix: rows are true classes, columns are answers. If it is too
/// large to show, writes the commonest mistakes.
pub fn table(confusion: &Confusion, names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| visible(name).into_owned()).collect();
    let names = &names[..];
    let short = names.len() > 4;
    let square = confusion.square().filter(|_| !short || names.len() <= MANY);
    let Some(square) = square else { return mistakes(confusion, names) };
    let said: Vec<String> = names.iter().map(|n| format!("said {n}")).collect();
    let heads: &[String] = if short { names } else { &said };
    let numbers = square.iter().flatten().map(|n| n.to_string().len());
    let width = heads.iter().map(|n| length(n)).chain(numbers).max().unwrap_or(0) + 2;
    let first = names.iter().map(|n| length(n)).max().unwrap_or(0).max(2) + 2;
    if short && first + width * names.len() > WIDE {
        return mistakes(confusion, names);
    }
    let mut text = format!("{:first$}", if short { "  is \\ said" } else { "" });
    let first = first.max(length(&text));
    heads.iter().for_each(|head| text += &format!("{head:>width$}"));
    for (name, row) in names.iter().zip(&square) {
        text += &format!("\n{:first$}", format!("  {name}"));
        row.iter().for_each(|n| text += &format!("{n:>width$}"));
    }
    text
}

fn mistakes(confusion: &Confusion, names: &[String]) -> String {
    let all = confusion.mistakes();
    if all.is_empty() {
        return "  no mistakes".into();
    }
    let mut rows = vec![["is", "said", "times"].map(String::from).to_vec()];
    for (is, said, times) in all.into_iter().take(FEW) {
        rows.push(vec![names[is].clone(), names[said].clone(), times.to_string()]);
    }
    format!("  the commonest mistakes\n{}", grid(&rows))
}
