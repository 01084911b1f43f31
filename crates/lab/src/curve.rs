//! Curves in bounded memory.

use serde::Serialize;

/// Points a curve keeps, at most.
const MOST: usize = 2000;

/// A loss by steps: each point the mean of the steps since the one before. However long the
/// training will be, there are points from its first step on: two become one when there are many.
#[derive(Clone, Debug)]
pub struct Means {
    /// Steps of a point.
    every: usize,
    points: Vec<Mean>,
    sum: f64,
    count: usize,
}

#[derive(Clone, Copy, Debug)]
struct Mean {
    step: usize,
    loss: f64,
    count: usize,
}

impl Default for Means {
    fn default() -> Self {
        Self { every: 1, points: Vec::new(), sum: 0.0, count: 0 }
    }
}

impl Means {
    /// The loss of `step`, counted from 1.
    pub fn add(&mut self, step: usize, loss: f32) {
        self.sum += f64::from(loss);
        self.count += 1;
        if self.count == self.every {
            self.close(step);
        }
    }

    /// Makes a point of what there is: at the end, or where it pauses.
    pub fn close(&mut self, step: usize) {
        if self.count == 0 {
            return;
        }
        let loss = self.sum / self.count as f64;
        self.points.push(Mean { step, loss, count: self.count });
        (self.sum, self.count) = (0.0, 0);
        if self.points.len() == MOST {
            self.points = self.points.chunks(2).map(joined).collect();
            self.every *= 2;
        }
    }

    /// All points.
    pub fn points(&self) -> Vec<(usize, f64)> {
        self.points.iter().map(|point| (point.step, point.loss)).collect()
    }

    /// The points after a step.
    pub fn since(&self, step: usize) -> Vec<(usize, f64)> {
        let first = self.points.partition_point(|point| point.step <= step);
        self.points[first..].iter().map(|point| (point.step, point.loss)).collect()
    }

    /// A curve that is known already, thinned if need be.
    pub fn of(points: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let mut means = Self::default();
        for (step, loss) in points {
            means.add(step, loss as f32);
        }
        let last = means.points.last().map_or(0, |point| point.step);
        means.close(last + means.count);
        means
    }
}

/// One point of two.
fn joined(two: &[Mean]) -> Mean {
    let count = two.iter().map(|point| point.count).sum();
    let sum: f64 = two.iter().map(|point| point.loss * point.count as f64).sum();
    Mean { step: two[two.len() - 1].step, loss: sum / count as f64, count }
}

/// A test of the network as it was after a step: step, loss, accuracy or R² (None where
/// nothing varies).
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Tested(pub usize, pub f64, pub Option<f64>);

/// The tests of a training, thinned where there are many.
#[derive(Clone, Debug, Default)]
pub struct Tests {
    points: Vec<Tested>,
    thinned: u32,
    seen: usize,
    last: Option<Tested>,
}

impl Tests {
    /// Adds a test. Whether it was kept.
    pub fn add(&mut self, test: Tested) -> bool {
        self.seen += 1;
        self.last = Some(test);
        if self.seen % (1 << self.thinned) != 0 {
            return false;
        }
        if self.points.len() == MOST {
            let mut odd = false;
            self.points.retain(|_| {
                odd = !odd;
                odd
            });
            self.thinned += 1;
        }
        self.points.push(test);
        true
    }

    /// Adds the last one, which is always kept.
    pub fn end(&mut self, test: Tested) {
        self.points.retain(|point| point.0 != test.0);
        self.points.push(test);
    }

    /// Ends with the last one that was added.
    pub fn end_with_last(&mut self) {
        if let Some(last) = self.last {
            self.end(last);
        }
    }

    /// The step of the last one that was added.
    pub fn last_step(&self) -> Option<usize> {
        self.last.map(|test| test.0)
    }

    /// All that are kept.
    pub fn points(&self) -> &[Tested] {
        &self.points
    }

    /// Those after a step; None: all.
    pub fn since(&self, step: Option<usize>) -> Vec<Tested> {
        let first = self.points.partition_point(|point| Some(point.0) <= step);
        self.points[first..].to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_of_all_steps_and_few() {
        let steps = 12_345;
        let mut curve = Means::default();
        (1..=steps).for_each(|step| curve.add(step, step as f32));
        curve.close(steps);
        let points = curve.points();
        assert!(points.len() <= MOST && points.len() > MOST / 3, "{}", points.len());
        assert_eq!(points[0], (8, 4.5));
        assert_eq!(points[points.len() - 1].0, steps);
        assert_eq!(curve.since(12_000)[0].0, 12_008);
    }

    #[test]
    fn a_long_training_has_a_curve_from_its_first_steps_on() {
        let mut curve = Means::default();
        curve.add(1, 0.5);
        curve.add(2, 0.25);
        assert_eq!(curve.points(), [(1, 0.5), (2, 0.25)]);
    }

    #[test]
    fn tests_thin_out_and_keep_the_last() {
        let mut tests = Tests::default();
        (0..100_000).for_each(|step| {
            tests.add(Tested(step, 0.0, None));
        });
        tests.end_with_last();
        assert_eq!(tests.points().last().map(|test| test.0), Some(99_999));
        tests.end(Tested(100_000, 0.0, Some(1.0)));
        let points = tests.points();
        assert!(points.len() <= MOST + 1 && points.len() > MOST / 3, "{}", points.len());
        assert!(points.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(points[points.len() - 1].0, 100_000);
    }
}
