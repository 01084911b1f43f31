//! The loss while training, as it happens or as its log tells it, and its picture.

use std::{fs, path::Path};

use reshet::{Error, Result, files::sums};
use serde::Deserialize;

use crate::drawing::chart::{Axis, Chart, Look, Point};

/// Points kept of each curve, at most: more than a picture has columns.
const MOST: usize = 1024;
/// From so many epochs on their means are the curve.
const MANY_EPOCHS: usize = 20;

/// A line of `log.jsonl`.
#[derive(Deserialize)]
struct Line {
    epoch: Option<usize>,
    step: Option<usize>,
    loss: Option<f64>,
    mean_loss: Option<f64>,
    validation: Option<Validation>,
    ended: Option<String>,
}

#[derive(Deserialize)]
struct Validation {
    loss: Option<f64>,
}

/// What is known of a training, in memory that its length does not change.
#[derive(Default)]
pub struct LossCurves {
    steps: Curve,
    training: Curve,
    validation: Curve,
    /// The epoch, from 1, with the lowest validation loss.
    best: Option<Point>,
    /// Whole epochs.
    pub epochs: usize,
    /// The largest step number so far, and at the end of the last whole epoch.
    last_step: usize,
    whole: usize,
    /// The last epoch's mean loss.
    pub final_loss: Option<f64>,
    pub diverged: bool,
}

impl LossCurves {
    /// Reads `log.jsonl`.
    /// A line that breaks off, as a killed run's last, is passed over.
    ///
    /// # Errors
    /// The file cannot be read, or a line is damaged.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).map_err(|cause| {
            let what = format!("cannot read {}", path.display());
            Error::Io { what, reading: true, cause }
        })?;
        let lines = sums::lines(&text).map_err(|(line, what)| damaged(path, line, what))?;
        let mut course = Self::default();
        for (_, line) in lines {
            if let Ok(line) = serde_json::from_str(line) {
                course.add(&line);
            }
        }
        Ok(course)
    }

    fn add(&mut self, line: &Line) {
        if let (Some(step), Some(loss)) = (line.step, line.loss) {
            self.step(step, loss);
        }
        if let (Some(epoch), Some(loss)) = (line.epoch, line.mean_loss) {
            self.epoch(epoch, loss, line.validation.as_ref().and_then(|v| v.loss));
        }
        self.diverged |= line.ended.as_deref() == Some("diverged");
    }

    /// A step and its loss, both as in [`reshet::Event`].
    pub fn step(&mut self, step: usize, loss: f64) {
        self.steps.add((step as f64, loss));
        self.last_step = self.last_step.max(step);
    }

    /// An epoch's end: its mean loss, and that of the validation part.
    pub fn epoch(&mut self, epoch: usize, loss: f64, validation: Option<f64>) {
        self.epochs = self.epochs.max(epoch + 1);
        self.whole = self.last_step + 1;
        self.final_loss = Some(loss);
        // A mean over an epoch belongs to its middle, a score to its end.
        self.training.add((epoch as f64 + 0.5, loss));
        if let Some(loss) = validation {
            let at = (epoch as f64 + 1.0, loss);
            self.validation.add(at);
            if self.best.is_none_or(|best| loss < best.1) {
                self.best = Some(at);
            }
        }
    }

    /// The loss after so many steps, as far as it is known.
    pub fn losses(&self) -> Vec<(usize, f64)> {
        let points = self.steps.points();
        points.into_iter().map(|(step, loss)| (step as usize + 1, loss)).collect()
    }

    /// The loss curves; None if there are fewer than two points to draw.
    pub fn chart(&self, title: &str) -> Option<Chart> {
        let steps = self.steps.points();
        if steps.len() < 2 {
            return None;
        }
        // Epochs are the measure as soon as one is over. A log keeps every
        // k-th step, so the last one may be a little before the epoch's end.
        let in_epochs = self.epochs > 0;
        let per_epoch = if in_epochs { self.whole as f64 / self.epochs as f64 } else { 1.0 };
        let steps: Vec<Point> = steps.iter().map(|p| (p.0 / per_epoch, p.1)).collect();
        let training = match self.epochs >= MANY_EPOCHS {
            true => self.training.points(),
            false => smooth(&steps),
        };
        let validation = self.validation.points();
        let shown = || training.iter().chain(&validation).map(|p| p.1);
        let (low, high) = ends(shown());
        // What falls by more than this is flat at the bottom of equal steps.
        let log = low > 0.0 && high / low > 10.0;
        let label = if in_epochs { "epoch" } else { "step" };
        let mut y = if log { Axis::log("loss (log scale)") } else { Axis::linear("loss") };
        if let Some((low, high)) = with_noise(&steps, (low, high), log) {
            y = y.range(low, high);
        }
        let last = steps.last().map_or(0.0, |p| p.0).max(self.epochs as f64);
        let x = match in_epochs && last < 3.0 {
            true => Axis::linear(label),
            false => Axis::whole(label),
        };
        let mut chart = Chart::new(title, x.range(0.0, last), y).with(Look::Faint, "", steps).with(
            Look::Line,
            "training",
            training,
        );
        if let Some(best) = self.best {
            chart = chart.with(Look::Line, "validation", validation).with(
                Look::Mark,
                format!("best: epoch {}", best.0),
                vec![best],
            );
        }
        Some(chart)
    }
}

/// A line of a log or a journal that is not as it was written.
pub fn damaged(path: &Path, line: usize, what: &str) -> Error {
    let (file, what) = (path.display().to_string(), format!("damaged: {what}"));
    Error::At { file, line: line as u64, column: None, what }
}

/// A curve of at most [`MOST`] points: as it grows, neighbours are joined.
#[derive(Default)]
struct Curve {
    /// How many values one point is the mean of.
    every: usize,
    points: Vec<Point>,
    sum: Point,
    count: usize,
}

impl Curve {
    fn add(&mut self, at: Point) {
        self.every = self.every.max(1);
        self.sum = (self.sum.0 + at.0, self.sum.1 + at.1);
        self.count += 1;
        if self.count < self.every {
            return;
        }
        self.points.extend(self.rest());
        (self.sum, self.count) = ((0.0, 0.0), 0);
        if self.points.len() == MOST {
            let joined = |p: &[Point]| (p[0].0.midpoint(p[1].0), p[0].1.midpoint(p[1].1));
            self.points = self.points.chunks_exact(2).map(joined).collect();
            self.every *= 2;
        }
    }

    /// The mean of what is not yet a point.
    fn rest(&self) -> Option<Point> {
        let count = self.count as f64;
        (self.count > 0).then(|| (self.sum.0 / count, self.sum.1 / count))
    }

    fn points(&self) -> Vec<Point> {
        self.points.iter().copied().chain(self.rest()).collect()
    }
}

/// The mean of the points around each, the nearer the weightier: of up to a
/// twentieth of them.
fn smooth(points: &[Point]) -> Vec<Point> {
    let most = (points.len() / 40).max(1);
    let mean = |i: usize| {
        // No farther to the right than to the left: the first fall is steep.
        let reach = most.min(i);
        let (first, last) = (i - reach, (i + reach).min(points.len() - 1));
        let weighty = |j: usize| (reach + 1 - i.abs_diff(j)) as f64;
        let sum: f64 = (first..=last).map(|j| weighty(j) * points[j].1).sum();
        sum / (first..=last).map(weighty).sum::<f64>()
    };
    points.iter().enumerate().map(|(i, p)| (p.0, mean(i))).collect()
}

fn ends(values: impl Iterator<Item = f64>) -> Point {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// From where to where the axis goes: over all curves and all but the wildest
/// hundredth of the steps on either side, but on a log axis, which has no end
/// below, no farther than three times.
fn with_noise(steps: &[Point], (low, high): Point, log: bool) -> Option<Point> {
    let mut losses: Vec<f64> = steps.iter().map(|p| p.1).filter(|l| !log || *l > 0.0).collect();
    losses.sort_by(f64::total_cmp);
    let few = losses.len() / 100;
    let (first, last) = (losses.get(few)?, losses.get(losses.len() - 1 - few)?);
    let (low, high) = match log {
        true => (low.min(first.max(low / 3.0)), high.max(last.min(high * 3.0))),
        false => (low.min(*first), high.max(*last)),
    };
    let room = if log { (high / low).powf(0.03) } else { (high - low) * 0.03 };
    let range = match log {
        true => (low / room, high * room),
        // Nothing is below zero: the axis need not be either.
        false if low >= 0.0 => ((low - room).max(0.0), high + room),
        false => (low - room, high + room),
    };
    (range.0 < range.1).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn course(lines: impl IntoIterator<Item = String>) -> LossCurves {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        lines.into_iter().for_each(|line| writeln!(file, "{line}").unwrap());
        LossCurves::read(file.path()).unwrap()
    }

    fn step(epoch: usize, step: usize, loss: f64) -> String {
        format!("{{\"epoch\":{epoch},\"step\":{step},\"loss\":{loss},\"lr\":0.1}}")
    }

    fn end(epoch: usize, loss: f64, validation: f64) -> String {
        format!(
            "{{\"epoch\":{epoch},\"mean_loss\":{loss},\"validation\":{{\"loss\":{validation}}}}}"
        )
    }

    fn series<'a>(chart: &'a Chart, name: &str) -> &'a [Point] {
        &chart.series.iter().find(|s| s.name == name).unwrap().points
    }

    #[test]
    fn epochs_are_the_measure_and_the_best_is_marked() {
        let mut lines = Vec::new();
        for epoch in 0..4 {
            lines.extend((0..10).map(|i| step(epoch, epoch * 10 + i, 1.0 / (epoch + 1) as f64)));
            lines.push(end(epoch, 1.0 / (epoch + 1) as f64, [0.9, 0.6, 0.5, 0.7][epoch]));
        }
        lines.push(step(4, 40, 0.2));
        lines.push("{\"epoch\":4,\"st".into());
        let course = course(lines);
        assert_eq!((course.epochs, course.final_loss), (4, Some(0.25)));
        let chart = course.chart("a").unwrap();
        assert_eq!(chart.x.label, "epoch");
        assert_eq!(series(&chart, "validation"), [(1.0, 0.9), (2.0, 0.6), (3.0, 0.5), (4.0, 0.7)]);
        assert_eq!(series(&chart, "best: epoch 3"), [(3.0, 0.5)]);
        let training = series(&chart, "training");
        assert_eq!(training.len(), 41);
        assert!((training[15].0 - 1.5).abs() < 1e-9 && (training[15].1 - 0.5).abs() < 1e-9);
        assert!((training[40].0 - 4.0).abs() < 1e-9);
    }

    #[test]
    fn a_long_log_is_no_more_than_a_picture_and_keeps_its_ends() {
        let course = course((0..50_000).map(|i| step(0, i, 5.0 - i as f64 / 12_500.0)));
        let chart = course.chart("a").unwrap();
        assert_eq!(chart.x.label, "step");
        let training = series(&chart, "training");
        assert!((MOST / 2..=MOST).contains(&training.len()), "{}", training.len());
        assert!((training[0].1 - 5.0).abs() < 0.02);
        assert!((training[training.len() - 1].1 - 1.0).abs() < 0.1);
        assert!(training.windows(2).all(|p| p[0].0 < p[1].0));
    }

    #[test]
    fn of_many_epochs_the_means_are_the_curve() {
        let course = course((0..3000).flat_map(|e| [step(e, e, 9.0), end(e, 1.0, 0.5)]));
        let chart = course.chart("a").unwrap();
        assert!(series(&chart, "training").iter().all(|p| p.1 == 1.0));
        assert!(series(&chart, "validation").len() <= MOST);
    }

    #[test]
    fn nothing_to_draw_is_no_picture() {
        assert!(course([]).chart("a").is_none());
        assert!(course([step(0, 0, 1.0)]).chart("a").is_none());
        let diverged = course([step(0, 0, 1.0), "{\"ended\":\"diverged\"}".into()]);
        assert!(diverged.diverged);
        // A loss of zero, of less, and all the same.
        for losses in [[0.0, 0.0, 0.0], [-1.0, 2.0, -3.0], [1.0, 1.0, 1.0], [1e-9, 1.0, 1e9]] {
            let lines = losses.iter().enumerate().map(|(i, l)| step(0, i, *l));
            let chart = course(lines).chart("a").unwrap();
            assert!(chart.text(80, false).lines().count() > 10);
            assert!(!chart.svg().contains("NaN"));
        }
    }
}
