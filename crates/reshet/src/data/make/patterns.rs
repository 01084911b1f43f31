//! The patterns, and points around curves.

use std::{fmt, str::FromStr};

use super::Made;
use crate::{
    Result,
    error::Error,
    network::did_you_mean,
    rng::{Purpose, Stream},
};

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Two half circles that reach into each other: class 0 (cos t, sin t), class 1
    /// (1 − cos t, ½ − sin t), t from 0 to π.
    Moons,
    /// A circle of radius 1 (class 0) around one of radius ½ (class 1).
    Circles,
    /// Three round clouds; their centres are uniform in (−10, 10)².
    Blobs,
    /// Two arms of a spiral, one turn and a half each, out to radius 1.
    Spiral,
    /// Uniform in (−1, 1)²; class 1 where exactly one of the two inputs is above 0.
    Xor,
    /// y = 80x + 50, x standard normal.
    Line,
    /// y = 0.02x + 0.3 sin x + 0.1 (ln x)², x even from 1 to 20.
    Waves,
    /// Nine flats: area in m², floor, and price in millions; made up.
    Flats,
}

impl Pattern {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Moons,
        Self::Circles,
        Self::Blobs,
        Self::Spiral,
        Self::Xor,
        Self::Line,
        Self::Waves,
        Self::Flats,
    ];

    /// Returns the name: `moons`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Moons => "moons",
            Self::Circles => "circles",
            Self::Blobs => "blobs",
            Self::Spiral => "spiral",
            Self::Xor => "xor",
            Self::Line => "line",
            Self::Waves => "waves",
            Self::Flats => "flats",
        }
    }

    /// Returns the number of classes; 0 where the target is an amount.
    pub fn classes(self) -> usize {
        match self {
            Self::Moons | Self::Circles | Self::Spiral | Self::Xor => 2,
            Self::Blobs => 3,
            Self::Line | Self::Waves | Self::Flats => 0,
        }
    }

    /// Returns the names of the inputs.
    pub fn inputs(self) -> &'static [&'static str] {
        match self {
            Self::Line | Self::Waves => &["x"],
            Self::Flats => &["area", "floor"],
            _ => &["x1", "x2"],
        }
    }

    /// Returns the name of the target.
    pub fn target(self) -> &'static str {
        match self {
            Self::Line | Self::Waves => "y",
            Self::Flats => "price",
            _ => "label",
        }
    }

    /// Returns the number of samples where none is set.
    pub fn default_samples(self) -> usize {
        match self {
            Self::Moons | Self::Circles | Self::Spiral | Self::Xor => 1000,
            Self::Blobs => 300,
            Self::Line => 100,
            Self::Waves => 10_000,
            Self::Flats => FLATS.len(),
        }
    }

    /// Returns the noise where none is set.
    pub fn default_noise(self) -> f64 {
        match self {
            Self::Moons => 0.15,
            Self::Circles => 0.1,
            Self::Blobs => 1.0,
            Self::Spiral => 0.02,
            Self::Xor | Self::Flats => 0.0,
            Self::Line => 20.0,
            Self::Waves => 0.2,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|pattern| pattern.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            let guess = did_you_mean(name, &names);
            Error::invalid(format!("no pattern is called \"{name}\"{guess}"))
        })
    }
}

/// Area, floor, price in millions: 0.0262 · area + 0.058 · floor − 0.08, and up to 0.09 more or
/// less.
pub(super) const FLATS: [[f32; 3]; 9] = [
    [84.0, 2.0, 2.27],
    [91.0, 5.0, 2.52],
    [97.0, 1.0, 2.47],
    [103.0, 8.0, 3.16],
    [108.0, 3.0, 2.94],
    [116.0, 6.0, 3.25],
    [124.0, 4.0, 3.47],
    [131.0, 9.0, 3.81],
    [138.0, 2.0, 3.68],
];

pub(super) fn flats() -> Made {
    let inputs = FLATS.iter().flat_map(|row| [row[0], row[1]]).collect();
    Made { inputs, answers: FLATS.iter().map(|row| row[2]).collect() }
}

/// Points around a curve, in random order.
pub(super) fn curve(pattern: Pattern, samples: usize, noise: f64, seed: u64) -> Made {
    let place = |i: usize| match pattern {
        Pattern::Waves => 1.0 + 19.0 * i as f64 / (samples - 1).max(1) as f64,
        _ => f64::from(Stream::new(seed, Purpose::Data, 0).normal(i as u64)),
    };
    let height = |x: f64| match pattern {
        Pattern::Waves => 0.02 * x + 0.3 * x.sin() + 0.1 * x.ln() * x.ln(),
        _ => 80.0 * x + 50.0,
    };
    let off = Stream::new(seed, Purpose::Data, 1);
    let mut rows: Vec<usize> = (0..samples).collect();
    Stream::new(seed, Purpose::Data, 2).shuffle(&mut rows);
    let inputs: Vec<f32> = rows.iter().map(|row| place(*row) as f32).collect();
    let answers = rows.iter().map(|row| {
        let noise = noise * f64::from(off.normal(*row as u64));
        (height(place(*row)) + noise) as f32
    });
    Made { answers: answers.collect(), inputs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::make::Maker;

    #[test]
    fn names_are_read_and_guessed() {
        for pattern in Pattern::ALL {
            assert_eq!(pattern.name().parse::<Pattern>().unwrap(), pattern);
        }
        let error = "mons".parse::<Pattern>().unwrap_err().to_string();
        assert!(error.contains("moons"), "{error}");
    }

    #[test]
    fn curves_have_their_height_and_noise() {
        let Made { inputs, answers } = curve(Pattern::Waves, 10_000, 0.2, 1);
        let height = |x: f32| {
            let x = f64::from(x);
            0.02 * x + 0.3 * x.sin() + 0.1 * x.ln() * x.ln()
        };
        let errors = inputs.iter().zip(&answers).map(|(x, y)| f64::from(*y) - height(*x));
        let mean_square = errors.map(|e| e * e).sum::<f64>() / 10_000.0;
        assert!((mean_square - 0.04).abs() < 0.002, "{mean_square}");
        let (low, high) =
            inputs.iter().fold((f32::MAX, f32::MIN), |(l, h), x| (l.min(*x), h.max(*x)));
        assert_eq!((low, high), (1.0, 20.0));
        let plain = curve(Pattern::Line, 50, 0.0, 2);
        assert!(
            plain
                .inputs
                .iter()
                .zip(&plain.answers)
                .all(|(x, y)| (80.0 * x + 50.0 - y).abs() < 1e-3)
        );
    }

    #[test]
    fn flats_follow_their_formula() {
        for [area, floor, price] in FLATS {
            assert!((0.0262 * area + 0.058 * floor - 0.08 - price).abs() <= 0.091, "{area}");
        }
        assert_eq!(Maker::new(Pattern::Flats).csv().unwrap().lines().nth(1), Some("84,2,2.27"));
    }
}
