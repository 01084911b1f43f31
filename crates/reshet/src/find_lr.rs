//! Finds a learning rate to begin with: the learning-rate range test.
//!
//! The range test (Smith 2017, "Cyclical Learning Rates for Training Neural
//! Networks"; in this form fastai's `lr_find`) takes one training step at each
//! rate, from far too small to far too large, each the same factor above the
//! last. The loss first stays the same, then falls, then rises or diverges; a
//! good rate is where it falls. The trained network is discarded.
//!
//! The suggestion is a quarter of the rate with the lowest smoothed loss, where a
//! step still reduces the loss. The other common choice, the steepest point of
//! the curve, was measured to be far too small wherever the output's bias alone
//! causes the first fall: see docs/decisions/0009-the-suggested-rate.md.
//!
//! This is not a search. It is one run of a few hundred steps, so it does not
//! tell which rate is best in the end, or with which schedule.

use crate::{Dataset, Ended, Error, Event, Result, Trainer};

/// The lowest and highest rate tried, enough for all optimisers here.
const LOW: f64 = 1e-7;
const HIGH: f64 = 10.0;
/// The test takes an epoch, but within these numbers of steps.
const FEWEST: usize = 100;
const MOST: usize = 400;
/// The test ends when the loss is this many times the best (as fastai's).
const FAR: f64 = 4.0;

/// The result of the range test.
#[derive(Clone, Debug)]
pub struct LrCurve {
    /// One point per step, in the order of the rate.
    pub points: Vec<LrPoint>,
    /// A quarter of the rate at which the smoothed loss is lowest; None if it
    /// never falls by more than its own noise, or the test was stopped early.
    pub suggested: Option<f64>,
    /// Whether the event handler stopped it early.
    pub ended: Ended,
}

/// One step of the range test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LrPoint {
    /// The learning rate.
    pub lr: f64,
    /// The batch's loss before its update.
    pub loss: f64,
    /// The mean loss of the neighbouring steps.
    pub smoothed: f64,
}

impl Trainer<'_> {
    /// Runs the learning-rate range test: see [`find_lr`](crate::find_lr).
    ///
    /// It uses the trainer's network, loss, optimiser, batches and seed, but not its
    /// schedule and number of epochs. Each step is an [`Event::Step`].
    ///
    /// ```
    /// use reshet::prelude::*;
    /// # use reshet::{Features, Storage, Targets};
    /// # let x = Features::new(Storage::F32((0..400).map(|i| i as f32 / 400.0).collect()), &[1])?;
    /// # let data = Dataset::new(x, Targets::numbers((0..400).map(|i| i as f32 / 200.0).collect(), 1))?;
    /// let trainer = || Trainer::new(sequential![Linear(1, 8), ReLU, Linear(8, 1)].unwrap());
    /// let curve = trainer().batch_size(10).find_lr(&data)?;
    /// let lr = curve.suggested.unwrap_or(0.001);
    /// let fit = trainer().batch_size(10).optimizer(Adam::new(lr)).fit(&data)?;
    /// # assert!(fit.final_loss < 0.01, "{lr} {}", fit.final_loss);
    /// # Ok::<(), reshet::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Trainer::plan`]; [`Error::Diverged`] if the very first loss is not
    /// finite.
    pub fn find_lr(mut self, data: &Dataset) -> Result<LrCurve> {
        let per_epoch = data.len().div_ceil(self.batch_size.clamp(1, data.len()));
        let steps = per_epoch.clamp(FEWEST, MOST);
        self.for_range_test(steps.div_ceil(per_epoch));
        let mut training = self.start(data)?;
        let mut watch = Watch::new(steps);
        let mut ended = Ended::Done;
        let mut points = Vec::with_capacity(steps);
        while points.len() < steps {
            let step = points.len();
            let lr = LOW * (HIGH / LOW).powf(step as f64 / (steps - 1) as f64);
            training.set_lr(Some(lr));
            let event = match training.advance() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                // The rate is too large, where the test ends.
                Err(Error::Diverged(_)) if step > 0 => break,
                Err(e) => return Err(e),
            };
            let Event::Step { epoch, i, loss, .. } = event else { continue };
            points.push(LrPoint { lr, loss: loss.into(), smoothed: loss.into() });
            if (self.on_event)(&Event::Step { epoch, i, step, steps, loss, lr }).is_break() {
                ended = Ended::Asked;
                break;
            }
            if watch.is_far(loss.into()) {
                break;
            }
        }
        smooth(&mut points, reach(steps));
        let suggested = match ended {
            // Half a curve has no lowest place.
            Ended::Asked => None,
            _ => suggestion(&points, steps),
        };
        Ok(LrCurve { points, suggested, ended })
    }
}

/// The running mean of the loss during the test, and its lowest.
struct Watch {
    keep: f64,
    mean: f64,
    weight: f64,
    best: f64,
}

impl Watch {
    /// A mean over about a twenty-fifth of the steps: a third of a power of ten.
    fn new(steps: usize) -> Self {
        Self { keep: 1.0 - 25.0 / steps as f64, mean: 0.0, weight: 0.0, best: f64::INFINITY }
    }

    fn is_far(&mut self, loss: f64) -> bool {
        self.mean = self.keep * self.mean + (1.0 - self.keep) * loss;
        self.weight = self.keep * self.weight + (1.0 - self.keep);
        let mean = self.mean / self.weight;
        self.best = self.best.min(mean);
        mean > FAR * self.best
    }
}

/// Steps on either side of a smoothed one: two fifths of a power of ten.
fn reach(steps: usize) -> usize {
    (steps / 20).max(1)
}

/// The mean of up to `reach` steps on either side. Centred, unlike a running
/// mean, which would put each fall of the loss at too large a rate.
fn smooth(points: &mut [LrPoint], reach: usize) {
    let mut sums = vec![0.0];
    for point in points.iter() {
        sums.push(sums[sums.len() - 1] + point.loss);
    }
    let count = points.len();
    for (i, point) in points.iter_mut().enumerate() {
        let reach = reach.min(i).min(count - 1 - i);
        let (from, to) = (i - reach, i + reach + 1);
        point.smoothed = (sums[to] - sums[from]) / (to - from) as f64;
    }
}

/// A quarter of the rate with the lowest smoothed loss, if the loss has fallen.
fn suggestion(points: &[LrPoint], steps: usize) -> Option<f64> {
    // In the first fifth nothing is learnt yet: what the loss does there is noise.
    let (start, rest) = points.split_at(points.len() / 5);
    let lowest = rest.iter().min_by(|a, b| a.smoothed.total_cmp(&b.smoothed))?;
    let mean = start.iter().map(|p| p.loss).sum::<f64>() / start.len() as f64;
    let spread = start.iter().map(|p| (p.loss - mean).powi(2)).sum::<f64>() / start.len() as f64;
    let noise = (spread / (2 * reach(steps)) as f64).sqrt();
    let fell = mean - lowest.smoothed;
    (fell > (3.0 * noise).max(0.01 * mean.abs())).then_some(lowest.lr / 4.0)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::{Adam, Features, SGD, Sequential, Storage, Targets};

    fn curve(losses: impl Iterator<Item = f64>) -> Vec<LrPoint> {
        let losses: Vec<f64> = losses.collect();
        let last = losses.len() as f64 - 1.0;
        let lr = |i: usize| LOW * (HIGH / LOW).powf(i as f64 / last);
        losses
            .iter()
            .enumerate()
            .map(|(i, l)| LrPoint { lr: lr(i), loss: *l, smoothed: *l })
            .collect()
    }

    /// A fall around 10⁻³, the minimum at 10⁻², a rise after it.
    fn textbook(noise: f64) -> Vec<LrPoint> {
        let loss = |i: u32| {
            let power = -7.0 + 8.0 * f64::from(i) / 199.0;
            let wave = f64::from(i.wrapping_mul(2_654_435_761) >> 16) / 65_536.0 - 0.5;
            let rise = if power > -2.0 { (power + 2.0).powi(2) } else { 0.0 };
            1.0 - 0.8 / (1.0 + (-4.0 * (power + 3.0)).exp()) + rise + noise * wave
        };
        let mut points = curve((0..200).map(loss));
        smooth(&mut points, 10);
        points
    }

    #[test]
    fn a_quarter_of_the_best_rate_of_a_textbook_curve() {
        for noise in [0.0, 0.1, 0.2] {
            let lr = suggestion(&textbook(noise), 200).unwrap();
            assert!((1e-3..1e-2).contains(&lr), "{noise}: {lr}");
        }
    }

    #[test]
    fn no_fall_no_suggestion() {
        let flat = |i: u32| 1.0 + 0.3 * f64::from(i.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
        let mut points = curve((0..200).map(flat));
        smooth(&mut points, 10);
        assert_eq!(suggestion(&points, 200), None);
        let rising = curve((0..200).map(f64::from));
        assert_eq!(suggestion(&rising, 200), None);
        assert_eq!(suggestion(&curve(std::iter::empty()), 100), None);
        assert_eq!(suggestion(&curve(std::iter::once(1.0)), 100), None);
    }

    #[test]
    fn smoothing_keeps_ends_and_straight_lines() {
        let mut points = curve((0..50).map(f64::from));
        smooth(&mut points, 7);
        assert!(points.iter().all(|p| (p.smoothed - p.loss).abs() < 1e-9));
    }

    fn squares() -> Dataset {
        let x: Vec<f32> = (0..600).map(|i| i as f32 / 300.0 - 1.0).collect();
        let y = x.iter().map(|x| x * x).collect();
        let features = Features::new(Storage::F32(x), &[1]).unwrap();
        Dataset::new(features, Targets::numbers(y, 1)).unwrap()
    }

    #[test]
    fn a_network_learns_with_the_rate_that_is_found() {
        let data = squares();
        let network: Sequential = "1-16:tanh-1".parse().unwrap();
        let trainer = || Trainer::new(network.clone()).batch_size(20).epochs(20);
        for (name, found) in [
            ("adam", trainer().optimizer(Adam::new(0.001)).find_lr(&data).unwrap()),
            ("sgd", trainer().optimizer(SGD::new(0.001)).find_lr(&data).unwrap()),
        ] {
            let lr = found.suggested.unwrap();
            let fit = match name {
                "adam" => trainer().optimizer(Adam::new(lr)).fit(&data),
                _ => trainer().optimizer(SGD::new(lr)).fit(&data),
            };
            let loss = fit.unwrap().final_loss;
            // Always the mean would be 0.089.
            assert!(loss < 0.045, "{name}: {lr} gives {loss}");
            assert!((FEWEST / 2..=MOST).contains(&found.points.len()));
            assert!(found.points.windows(2).all(|p| p[0].lr < p[1].lr));
            assert_eq!(found.points[0].lr, LOW);
        }
    }

    #[test]
    fn it_is_the_same_every_time_and_stops_when_asked() {
        let data = squares();
        let network: Sequential = "1-8:relu-1".parse().unwrap();
        let find = || Trainer::new(network.clone()).batch_size(30).find_lr(&data).unwrap();
        assert_eq!(find().points, find().points);
        let mut seen = 0;
        let stopped = Trainer::new(network.clone())
            .on_event(|_| {
                seen += 1;
                if seen == 7 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .find_lr(&data)
            .unwrap();
        assert_eq!((stopped.points.len(), stopped.ended), (7, Ended::Asked));
        assert_eq!(stopped.suggested, None);
    }
}
