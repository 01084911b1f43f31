//! Makes data to learn with: moons, circles, blobs and other patterns in the plane, and points
//! around a curve.
//!
//! ```
//! use reshet::data::make::{Maker, Pattern};
//! let moons = Maker::new(Pattern::Moons).samples(500).noise(0.1).seed(7);
//! let data = moons.dataset()?;
//! assert_eq!((data.len(), data.width()), (500, 2));
//! assert!(moons.csv()?.starts_with("x1,x2,label\n"));
//! # Ok::<(), reshet::Error>(())
//! ```
//!
//! The numbers depend only on pattern, samples, noise and seed.

mod patterns;
mod plane;

use std::fmt::Write;

use super::{
    Dataset, Features, Storage, Targets,
    table::{Table, TableBuilder, csv},
};
use crate::{Result, error::Error};

pub use patterns::Pattern;

/// More samples than this are taken for a typing error.
const MOST: usize = 10_000_000;

/// Makes the samples of a [`Pattern`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Maker {
    pattern: Pattern,
    samples: Option<usize>,
    noise: Option<f64>,
    seed: u64,
}

/// Rows of inputs and what they should give, row by row.
pub(crate) struct Made {
    pub inputs: Vec<f32>,
    /// Class numbers, or amounts.
    pub answers: Vec<f32>,
}

impl Maker {
    /// Starts with the pattern's own number of samples and noise, and seed 0.
    pub fn new(pattern: Pattern) -> Self {
        Self { pattern, samples: None, noise: None, seed: 0 }
    }

    /// Sets the number of samples.
    pub fn samples(mut self, samples: usize) -> Self {
        self.samples = Some(samples);
        self
    }

    /// Sets the standard deviation of the noise; 0 for none. In the plane it is added to both
    /// inputs, else to the target.
    pub fn noise(mut self, noise: f64) -> Self {
        self.noise = Some(noise);
        self
    }

    /// Seeds the noise, the places and the order of the samples.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Returns the samples: two classes as a yes/no question (yes is class 1), more as classes,
    /// amounts as numbers.
    ///
    /// # Errors
    /// No sample of some class, or too many samples; noise that is negative or not finite; the
    /// flats with samples or noise of one's own, as they are nine fixed rows.
    pub fn dataset(&self) -> Result<Dataset> {
        let Made { inputs, answers } = self.made()?;
        let width = self.pattern.inputs().len();
        let features = Features::new(Storage::F32(inputs), &[width])?;
        let targets = match self.pattern.classes() {
            0 => Targets::numbers(answers, 1),
            2 => Targets::yes_no(answers, vec!["1".into()]),
            classes => {
                let labels = answers.iter().map(|label| *label as u32).collect();
                Targets::classes(labels, (0..classes).map(|class| class.to_string()).collect())
            }
        };
        Dataset::new(features, targets)
    }

    /// Returns the samples as a table; the last column is the target.
    ///
    /// # Errors
    /// As [`Maker::dataset`].
    pub fn table(&self) -> Result<Table> {
        let made = self.made()?;
        let mut columns = self.columns();
        columns.truncate(1 + self.pattern.inputs().len());
        let names = columns.into_iter().map(String::from).collect();
        let mut builder = TableBuilder::new(self.pattern.name(), names, &csv::Options::default())?;
        let width = self.pattern.inputs().len();
        for (inputs, answer) in made.inputs.chunks_exact(width).zip(&made.answers) {
            let cells: Vec<String> = inputs.iter().chain([answer]).map(f32::to_string).collect();
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            builder.row(cells)?;
        }
        builder.table()
    }

    /// Returns the samples as CSV with a header.
    ///
    /// # Errors
    /// As [`Maker::dataset`].
    pub fn csv(&self) -> Result<String> {
        let made = self.made()?;
        let width = self.pattern.inputs().len();
        let mut text = self.columns().join(",") + "\n";
        for (inputs, answer) in made.inputs.chunks_exact(width).zip(&made.answers) {
            for x in inputs {
                // Writing to a String cannot fail.
                let _ = write!(text, "{x},");
            }
            let _ = writeln!(text, "{answer}");
        }
        Ok(text)
    }

    /// The columns' names: the inputs, then the target.
    fn columns(&self) -> Vec<&'static str> {
        let mut columns = self.pattern.inputs().to_vec();
        columns.push(self.pattern.target());
        columns
    }

    fn made(&self) -> Result<Made> {
        let pattern = self.pattern;
        if pattern == Pattern::Flats {
            if self.samples.is_some_and(|n| n != patterns::FLATS.len()) || self.noise.is_some() {
                let what = "flats: they are nine fixed rows, without a number or noise to set";
                return Err(Error::invalid(what));
            }
            return Ok(patterns::flats());
        }
        let (samples, noise) = (
            self.samples.unwrap_or(pattern.default_samples()),
            self.noise.unwrap_or(pattern.default_noise()),
        );
        let least = pattern.classes().max(1);
        if !(least..=MOST).contains(&samples) {
            let what = format!("{pattern}: {samples} samples; choose from {least} to {MOST}");
            return Err(Error::invalid(what));
        }
        if !(0.0..1e30).contains(&noise) {
            let what = format!("{pattern}: noise {noise}; it must be 0 or more");
            return Err(Error::invalid(what));
        }
        Ok(match pattern.classes() {
            0 => patterns::curve(pattern, samples, noise, self.seed),
            _ => plane::points(pattern, samples, noise, self.seed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Prepare;

    #[test]
    fn the_seed_decides_and_the_csv_is_the_same_data() {
        for pattern in Pattern::ALL {
            let maker = Maker::new(pattern).seed(3);
            let data = maker.dataset().unwrap();
            let csv = maker.csv().unwrap();
            assert_eq!(csv, Maker::new(pattern).seed(3).csv().unwrap());
            assert_eq!(csv.lines().count(), data.len() + 1, "{pattern}");
            if pattern != Pattern::Flats {
                assert_ne!(csv, Maker::new(pattern).seed(4).csv().unwrap(), "{pattern}");
            }
            // The table asks the same question.
            let parts = Prepare::new().plain(true).of(maker.table().unwrap()).unwrap();
            assert_eq!(parts.train.len(), data.len(), "{pattern}");
            assert_eq!(parts.train.width(), data.width(), "{pattern}");
            assert_eq!(parts.train.targets().outputs(), data.targets().outputs(), "{pattern}");
            let (mut a, mut b) = (vec![0.0; data.width()], vec![0.0; data.width()]);
            for row in [0, data.len() / 2, data.len() - 1] {
                data.features().read(row, &mut a);
                parts.train.features().read(row, &mut b);
                assert_eq!(a, b, "{pattern}, row {row}");
            }
        }
    }

    #[test]
    fn what_cannot_be_made_is_refused() {
        let says = |maker: Maker, what: &str| {
            let error = maker.dataset().unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        says(Maker::new(Pattern::Moons).samples(0), "choose from 2");
        says(Maker::new(Pattern::Moons).samples(1), "choose from 2");
        says(Maker::new(Pattern::Waves).samples(MOST + 1), "choose from 1");
        says(Maker::new(Pattern::Moons).noise(-0.1), "it must be 0 or more");
        says(Maker::new(Pattern::Moons).noise(f64::NAN), "it must be 0 or more");
        says(Maker::new(Pattern::Flats).samples(20), "nine fixed rows");
        says(Maker::new(Pattern::Flats).noise(0.5), "nine fixed rows");
        assert_eq!(Maker::new(Pattern::Flats).samples(9).dataset().unwrap().len(), 9);
    }
}
