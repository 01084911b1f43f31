//! Curves in bounded memory.

use serde::Serialize;

/// Points a curve keeps, at most.
const MOST: usize = 2000;

/// A loss by steps: each point the mean of the steps since the one before.
#[derive(Clone, Debug)]
pub struct Means {
    every: usize,
    points: Vec<(usize, f64)>,
    sum: f64,
    count: usize,
}

impl Means {
    /// Of a training of so many steps.
    pub fn new(steps: usize) -> Self {
        Self { every: steps.div_ceil(MOST).max(1), points: Vec::new(), sum: 0.0, count: 0 }
    }

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
        if self.count > 0 {
            self.points.push((step, self.sum / self.count as f64));
            (self.sum, self.count) = (0.0, 0);
        }
    }

    /// All points.
    pub fn points(&self) -> &[(usize, f64)] {
        &self.points
    }

    /// A curve that is known already, thinned if need be.
    pub fn of(points: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let points: Vec<_> = points.into_iter().collect();
        let every = points.len().div_ceil(MOST).max(1);
        let points = points
            .chunks(every)
            .map(|chunk| {
                let sum: f64 = chunk.iter().map(|(_, loss)| loss).sum();
                (chunk[chunk.len() - 1].0, sum / chunk.len() as f64)
            })
            .collect();
        Self { every, points, sum: 0.0, count: 0 }
    }
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
}

impl Tests {
    /// Adds a test. Whether it was kept.
    pub fn add(&mut self, test: Tested) -> bool {
        self.seen += 1;
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

    /// All that are kept.
    pub fn points(&self) -> &[Tested] {
        &self.points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_of_all_steps_and_few() {
        let steps = 12_345;
        let mut curve = Means::new(steps);
        (1..=steps).for_each(|step| curve.add(step, step as f32));
        curve.close(steps);
        let points = curve.points();
        assert!(points.len() <= MOST && points.len() > MOST / 2, "{}", points.len());
        assert_eq!(points[0], (7, 4.0));
        assert_eq!(points[points.len() - 1].0, steps);
    }

    #[test]
    fn tests_thin_out_and_keep_the_last() {
        let mut tests = Tests::default();
        (0..100_000).for_each(|step| {
            tests.add(Tested(step, 0.0, None));
        });
        tests.end(Tested(100_000, 0.0, Some(1.0)));
        let points = tests.points();
        assert!(points.len() <= MOST + 1 && points.len() > MOST / 3, "{}", points.len());
        assert!(points.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(points[points.len() - 1].0, 100_000);
    }
}
