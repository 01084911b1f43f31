//! A study as one sees it: the board while it runs, its picture, its result.

use std::time::{Duration, Instant};

use reshet::{
    Task,
    metrics::digits,
    network::thousands,
    tune::{Outcome, Record, Space},
};

use super::{folder::About, tested::Averaged};
use crate::{
    drawing::chart::{Axis, Chart, Look, Point},
    say,
    terminal::{self, ProgressBar, bold, note},
};

/// Leaders on the board.
const LEADERS: usize = 5;
/// Between two drawings of the board, and two lines where there is no terminal.
const DRAW: Duration = Duration::from_millis(500);
const LINE: Duration = Duration::from_secs(5);

/// What is seen while networks race.
pub struct Board {
    bar: ProgressBar,
    about: About,
    time: Duration,
    trials: Option<u32>,
    records: Vec<Record>,
    drawn: Option<Instant>,
}

impl Board {
    pub fn new(about: &About, time: Duration, trials: Option<u32>) -> Self {
        let bar = terminal::bar(0, "{msg}");
        Self { bar, about: about.clone(), time, trials, records: Vec::new(), drawn: None }
    }

    pub fn add(&mut self, record: &Record) {
        self.records.push(record.clone());
    }

    /// Draws, if it is time to.
    pub fn draw(&mut self, elapsed: Duration) {
        let every = if terminal::has_bar() { DRAW } else { LINE };
        if self.drawn.is_some_and(|at| at.elapsed() < every) || self.records.is_empty() {
            return;
        }
        let first = self.drawn.is_none();
        self.drawn = Some(Instant::now());
        let begun = self.records.iter().filter(|record| record.rung == 0).count();
        let of = match self.trials {
            Some(trials) => format!("{begun} of {trials} networks"),
            None => format!(
                "{begun} networks, {:.0} of {:.0} s",
                elapsed.as_secs_f64(),
                self.time.as_secs_f64()
            ),
        };
        let mut leaders: Vec<&Record> = self.records.iter().collect();
        leaders.sort_by(|a, b| b.rung.cmp(&a.rung).then(a.order(b)));
        if !terminal::has_bar() {
            if !first {
                let best = leaders.first().map_or(String::new(), |best| self.line(best));
                note(&format!("{of}   best: {best}"));
            }
            return;
        }
        let mut text = format!("{}: {of}\n", self.about.name);
        for leader in leaders.iter().take(LEADERS) {
            text += &format!("  {}\n", self.line(leader));
        }
        let points = self.records.iter().filter_map(point).collect();
        let chart = chart(&self.about, points, Vec::new());
        // A column less than there are: a full line would wrap.
        let columns = terminal_size::terminal_size().map_or(80, |(width, _)| width.0 as usize);
        text += &chart.text(columns.saturating_sub(1).clamp(40, 100), terminal::colour());
        self.bar.set_message(text);
        self.bar.tick();
    }

    fn line(&self, record: &Record) -> String {
        format!(
            "{}  {:>9} parameters  {}  lr {}  {} epochs",
            measure(record, self.about.task),
            thousands(record.parameters),
            self.about.network(record),
            record.candidate.lr,
            record.epochs
        )
    }

    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// `98.12 %`, `R² 0.842`; after cross-validation with the loss, by which they are ranked.
fn measure(record: &Record, task: Task) -> String {
    let text = match (record.measure, task) {
        (None, _) => return "diverged".into(),
        (Some(measure), Task::Number) => format!("R² {measure:.3}"),
        (Some(measure), _) => format!("{:.2} %", 100.0 * measure),
    };
    match record.loss.filter(|_| !record.losses.is_empty()) {
        Some(loss) => format!("loss {}  {text}", digits(loss)),
        None => text,
    }
}

fn point(record: &Record) -> Option<Point> {
    Some((record.parameters as f64, record.measure?))
}

/// Networks by their size and how good they are.
fn chart(about: &About, points: Vec<Point>, frontier: Vec<Point>) -> Chart {
    let About { task, baseline, .. } = *about;
    let share = |points: Vec<Point>| match task {
        Task::Number => points,
        _ => points.into_iter().map(|(x, y)| (x, 100.0 * y)).collect(),
    };
    let (points, frontier) = (share(points), share(frontier));
    // The worst ones would press all others flat.
    let mut values: Vec<f64> = points.iter().map(|p| p.1).collect();
    values.sort_by(f64::total_cmp);
    let baseline = if task == Task::Number { baseline } else { 100.0 * baseline };
    let top = values.last().copied().unwrap_or(1.0);
    let low = values.get(values.len() / 4).copied().unwrap_or(baseline).max(baseline);
    let room = (top - low).max(top.abs() * 1e-3).max(1e-6);
    let name = if task == Task::Number { "R² (validation)" } else { "accuracy in % (validation)" };
    let y = Axis::linear(name).range(low - 0.3 * room, top + 0.15 * room);
    let mut chart = Chart::new("Networks by size", Axis::log("parameters"), y).with(
        Look::Points,
        "a training",
        points,
    );
    if frontier.len() > 1 {
        chart = chart.with(Look::Line, "no smaller one is better", frontier);
    }
    chart
}

/// The picture of a study.
pub fn scatter(outcome: &Outcome, about: &About) -> Chart {
    let all = outcome.trials.iter().flat_map(|trial| &trial.records).filter_map(point).collect();
    let frontier = outcome.frontier().into_iter().filter_map(point).collect();
    chart(about, all, frontier)
}

/// Says which networks are better together, and what their average scores.
pub fn average(average: &Averaged, about: &About) {
    let Averaged { selection, score: test } = average;
    let (networks, score, best) = (selection.members.len(), &selection.score, &selection.best);
    say!("better together: the average of {networks} networks, by the validation samples {score}");
    say!("  (the best one alone {best}):");
    for (record, weight) in &selection.members {
        say!("  {:>4.0} %  {}", 100.0 * weight, about.network(record));
    }
    if let Some(test) = test {
        say!("  test of the average, in average/: {test}");
    }
}

/// What came of it, in words.
pub fn result(outcome: &Outcome, space: &Space, about: &About) {
    let task = about.task;
    let always = match task {
        Task::Number => "always the mean: 0".into(),
        _ => format!("always the same: {:.2} %", 100.0 * about.baseline),
    };
    let finalists = outcome.finalists();
    let by_loss = finalists.first().is_some_and(|record| !record.losses.is_empty());
    let ranked = if by_loss { ", by their mean loss over the splits" } else { "" };
    let samples = thousands(outcome.validated);
    say!("on {samples} validation samples ({always}), trained longest{ranked}:");
    let line = |record: &Record| {
        format!(
            "{}  {:>9}  {}",
            measure(record, task),
            thousands(record.parameters),
            about.network(record)
        )
    };
    let best = outcome.best();
    for record in finalists.iter().take(LEADERS) {
        let line = line(record);
        say!("  {}", if best == Some(record) { bold(&line) } else { line });
    }
    if let Some(usual) = best.filter(|best| finalists.first() != Some(best)) {
        say!("no better than chance may make of it, against what `reshet train` does by itself:");
        say!("  {}", bold(&line(usual)));
    }
    let accuracy = about.accuracy();
    if let (Some(best), Some(simplest)) = (best, outcome.simplest(accuracy)) {
        let error = outcome.standard_error(accuracy);
        let error =
            if accuracy { format!("{:.2} points", 100.0 * error) } else { format!("{error:.3}") };
        let text = if simplest == best { "the best itself".into() } else { line(simplest) };
        say!("the simplest as good within one standard error ({error}):\n  {text}");
    }
    let measured = if task == Task::Number { ", by R²" } else { ", by accuracy" };
    say!("the best of each size{}:", if by_loss { measured } else { "" });
    for record in outcome.frontier() {
        say!("  {}", line(record));
    }
    // Of fewer it is chance.
    if outcome.trials.len() < 9 {
        return;
    }
    let matters = outcome.importance(space);
    let matters: Vec<String> =
        matters.iter().map(|(name, share)| format!("{name} {:.0} %", 100.0 * share)).collect();
    if !matters.is_empty() {
        say!("what went with the differences among first trainings: {}", matters.join(", "));
    }
}
