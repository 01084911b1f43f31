//! Classes of points in the plane.

use std::f64::consts::{PI, TAU};

use super::{Made, Pattern};
use crate::rng::{Purpose, Stream};

/// How often an arm of the spiral goes round.
const TURNS: f64 = 1.5;

/// Random numbers of a seed, each by its purpose.
struct Numbers {
    across: Stream,
    up: Stream,
    off_across: Stream,
    off_up: Stream,
    centres: Stream,
    order: Stream,
}

impl Numbers {
    fn new(seed: u64) -> Self {
        let stream = |index| Stream::new(seed, Purpose::Data, index);
        Self {
            across: stream(10),
            up: stream(11),
            off_across: stream(12),
            off_up: stream(13),
            centres: stream(14),
            order: stream(15),
        }
    }

    /// Uniform in (−1, 1)².
    fn square(&self, i: u64) -> (f64, f64) {
        let spread = |x: f32| 2.0 * f64::from(x) - 1.0;
        (spread(self.across.uniform(i)), spread(self.up.uniform(i)))
    }

    fn centre(&self, class: u64) -> (f64, f64) {
        let spread = |x: f32| 20.0 * f64::from(x) - 10.0;
        (spread(self.centres.uniform(2 * class)), spread(self.centres.uniform(2 * class + 1)))
    }
}

/// Points of all classes, as many of each, in random order.
pub(super) fn points(pattern: Pattern, samples: usize, noise: f64, seed: u64) -> Made {
    let (numbers, classes) = (Numbers::new(seed), pattern.classes());
    let mut rows: Vec<usize> = (0..samples).collect();
    numbers.order.shuffle(&mut rows);
    let (mut inputs, mut answers) = (Vec::with_capacity(2 * samples), Vec::new());
    for row in rows {
        let class = row % classes;
        let of_class = (samples - class).div_ceil(classes);
        let share = (row / classes) as f64 / (of_class - 1).max(1) as f64;
        let (x, y) = match pattern {
            Pattern::Xor => numbers.square(row as u64),
            Pattern::Blobs => numbers.centre(class as u64),
            _ => on_curve(pattern, class, share, of_class),
        };
        let label = match pattern {
            Pattern::Xor => usize::from((x > 0.0) != (y > 0.0)),
            _ => class,
        };
        let off = |stream: Stream| noise * f64::from(stream.normal(row as u64));
        inputs.extend([(x + off(numbers.off_across)) as f32, (y + off(numbers.off_up)) as f32]);
        answers.push(label as f32);
    }
    Made { inputs, answers }
}

/// The point of a class's curve at this share (0 to 1) of its length.
fn on_curve(pattern: Pattern, class: usize, share: f64, of_class: usize) -> (f64, f64) {
    match (pattern, class) {
        (Pattern::Moons, 0) => ((PI * share).cos(), (PI * share).sin()),
        (Pattern::Moons, _) => (1.0 - (PI * share).cos(), 0.5 - (PI * share).sin()),
        (Pattern::Circles, _) => {
            // The end is not the beginning again.
            let angle = TAU * share * (of_class - 1) as f64 / of_class as f64;
            let radius = if class == 0 { 1.0 } else { 0.5 };
            (radius * angle.cos(), radius * angle.sin())
        }
        _ => {
            let radius = 0.05 + 0.95 * share;
            let angle = TURNS * TAU * share + PI * class as f64;
            (radius * angle.cos(), radius * angle.sin())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: Pattern, noise: f64) -> Vec<(f32, f32, f32)> {
        let made = points(pattern, 301, noise, 5);
        let points = made.inputs.chunks_exact(2).zip(&made.answers);
        points.map(|(point, label)| (point[0], point[1], *label)).collect()
    }

    #[test]
    fn classes_are_about_as_many() {
        for pattern in [Pattern::Moons, Pattern::Circles, Pattern::Blobs, Pattern::Spiral] {
            let points = of(pattern, 0.1);
            for class in 0..pattern.classes() {
                let n = points.iter().filter(|point| point.2 == class as f32).count();
                assert!(n.abs_diff(301 / pattern.classes()) <= 1, "{pattern}: {n} of {class}");
            }
        }
        let ones = of(Pattern::Xor, 0.0).iter().filter(|point| point.2 == 1.0).count();
        assert!((100..200).contains(&ones), "{ones}");
    }

    #[test]
    fn without_noise_points_lie_on_their_curves() {
        let near = |a: f32, b: f32| (a - b).abs() < 1e-6;
        for (x, y, label) in of(Pattern::Moons, 0.0) {
            let (x, y) = if label == 0.0 { (x, y) } else { (1.0 - x, 0.5 - y) };
            assert!(near(x.hypot(y), 1.0) && y > -1e-6);
        }
        for (x, y, label) in of(Pattern::Circles, 0.0) {
            assert!(near(x.hypot(y), if label == 0.0 { 1.0 } else { 0.5 }));
        }
        for (x, y, label) in of(Pattern::Xor, 0.0) {
            assert_eq!(label == 1.0, (x > 0.0) != (y > 0.0));
        }
        let mut centres = of(Pattern::Blobs, 0.0);
        centres.sort_by(|a, b| a.2.total_cmp(&b.2));
        centres.dedup();
        assert_eq!(centres.len(), 3);
        // The arms of the spiral are each other turned by half a circle.
        let arm = |label: f32| of(Pattern::Spiral, 0.0).into_iter().filter(move |p| p.2 == label);
        assert!(
            arm(0.0).filter(|a| arm(1.0).any(|b| near(a.0, -b.0) && near(a.1, -b.1))).count() >= 2
        );
        assert!(of(Pattern::Spiral, 0.0).iter().all(|p| p.0.hypot(p.1) < 1.0 + 1e-6));
    }

    #[test]
    fn noise_has_its_deviation() {
        let (plain, noisy) = (of(Pattern::Moons, 0.0), of(Pattern::Moons, 0.3));
        let squares =
            plain.iter().zip(&noisy).map(|(a, b)| (a.0 - b.0).powi(2) + (a.1 - b.1).powi(2));
        let deviation = (squares.sum::<f32>() / 602.0).sqrt();
        assert!((deviation - 0.3).abs() < 0.03, "{deviation}");
    }
}
