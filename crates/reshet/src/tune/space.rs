//! The search space: ranges and choices, and how candidates are drawn from them.

use std::convert::Infallible;

use serde::{Deserialize, Deserializer, Serialize};
use tpe::{TpeOptimizer, categorical_range, histogram_estimator, parzen_estimator, range};

use super::Candidate;
use crate::{
    Error, Result,
    rng::{Purpose, Stream},
};

/// The search space of a study. A range is `[lowest, highest]`, a choice a list; a single
/// value is not varied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Space {
    /// The number of hidden layers.
    #[serde(deserialize_with = "ends")]
    pub depth: [usize; 2],
    /// The neurons of each hidden layer, on a logarithmic scale.
    #[serde(deserialize_with = "ends")]
    pub width: [usize; 2],
    /// The activations of the hidden layers, as in a network's text.
    #[serde(deserialize_with = "list")]
    pub activation: Vec<String>,
    /// AdamW's learning rate, on a logarithmic scale.
    #[serde(deserialize_with = "ends")]
    pub lr: [f64; 2],
    /// Samples per step.
    #[serde(deserialize_with = "list")]
    pub batch_size: Vec<usize>,
    /// AdamW's weight decay, on a logarithmic scale.
    #[serde(deserialize_with = "ends")]
    pub weight_decay: [f64; 2],
    /// The dropout after each hidden layer.
    #[serde(deserialize_with = "ends")]
    pub dropout: [f64; 2],
    /// The schedules: `constant`, `cosine`, `one-cycle`.
    #[serde(deserialize_with = "list")]
    pub schedule: Vec<String>,
}

impl Default for Space {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        Self {
            depth: [1, 3],
            width: [8, 512],
            activation: words(&["relu", "gelu", "silu", "tanh"]),
            lr: [3e-4, 0.02],
            batch_size: vec![32, 64, 128, 256],
            weight_decay: [1e-3, 1.0],
            dropout: [0.0, 0.4],
            schedule: words(&["one-cycle", "constant"]),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(match OneOrMore::deserialize(from)? {
        OneOrMore::One(one) => vec![one],
        OneOrMore::More(more) => more,
    })
}

fn ends<'de, T, D>(from: D) -> Result<[T; 2], D::Error>
where
    T: Deserialize<'de> + Copy,
    D: Deserializer<'de>,
{
    match OneOrMore::deserialize(from)? {
        OneOrMore::One(one) => Ok([one, one]),
        OneOrMore::More(more) => more[..].try_into().map_err(|_| {
            serde::de::Error::custom("a range has two ends, [lowest, highest], or is one value")
        }),
    }
}

/// One dimension of the space.
struct Dimension {
    name: &'static str,
    /// The estimator's scale: the logarithm, the place in a list, or the value.
    low: f64,
    high: f64,
    /// None: a range. Else the number of choices.
    choices: Option<usize>,
}

/// The most hidden layers; each has a dimension for its width.
const MOST_LAYERS: usize = 8;
const WIDTHS: [&str; MOST_LAYERS] =
    ["width 1", "width 2", "width 3", "width 4", "width 5", "width 6", "width 7", "width 8"];

impl Space {
    /// Checks that a study can use this space.
    ///
    /// # Errors
    /// Names the range that is empty or too wide.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::invalid(format!("space: {what}")));
        for (name, [low, high], least, most) in [
            ("depth", self.depth.map(|n| n as f64), 0.0, MOST_LAYERS as f64),
            ("width", self.width.map(|n| n as f64), 1.0, 65_536.0),
            ("lr", self.lr, 1e-9, 100.0),
            ("weight-decay", self.weight_decay, 0.0, 100.0),
            ("dropout", self.dropout, 0.0, 0.95),
        ] {
            if !(low <= high && low >= least && high <= most) {
                return wrong(format!(
                    "{name} = [{low}, {high}]: lowest, then highest, from {least} to {most}"
                ));
            }
        }
        if self.weight_decay[0] == 0.0 && self.weight_decay[1] > 0.0 {
            return wrong(
                "weight-decay is on a logarithmic scale: a range above 0, or only 0".into(),
            );
        }
        for (name, empty) in [
            ("activation", self.activation.is_empty()),
            ("batch-size", self.batch_size.is_empty() || self.batch_size.contains(&0)),
            ("schedule", self.schedule.is_empty()),
        ] {
            if empty {
                return wrong(format!("{name}: at least one choice, none of them 0"));
            }
        }
        for (activation, schedule) in
            self.activation.iter().flat_map(|a| self.schedule.iter().map(move |s| (a, s)))
        {
            let candidate = Candidate {
                hidden: vec![1],
                activation: activation.clone(),
                lr: 0.1,
                batch_size: 1,
                weight_decay: 0.0,
                dropout: 0.0,
                schedule: schedule.clone(),
            };
            candidate.recipe(1)?;
        }
        Ok(())
    }

    /// Returns the same space without batches that are larger than the number of samples.
    pub fn for_samples(&self, samples: usize) -> Self {
        let mut batch_size = self.batch_size.clone();
        batch_size.retain(|n| *n <= samples);
        if batch_size.is_empty() {
            batch_size.push(samples);
        }
        Self { batch_size, ..self.clone() }
    }

    fn dimensions(&self) -> Vec<Dimension> {
        let range = |name, low: f64, high: f64| Dimension { name, low, high, choices: None };
        let choice = |name, n| Dimension { name, low: 0.0, high: n as f64, choices: Some(n) };
        let [shallow, deep] = self.depth;
        let [narrow, wide] = self.width.map(|n| (n as f64).ln());
        let logarithm = |[low, high]: [f64; 2]| (low.max(1e-12).ln(), high.max(1e-12).ln());
        let ((slow, fast), (weak, strong)) = (logarithm(self.lr), logarithm(self.weight_decay));
        let mut all = vec![choice("depth", deep - shallow + 1)];
        all.extend(WIDTHS[..deep].iter().map(|name| range(name, narrow, wide)));
        all.extend([
            choice("activation", self.activation.len()),
            range("lr", slow, fast),
            choice("batch size", self.batch_size.len()),
            range("weight decay", weak, strong),
            range("dropout", self.dropout[0], self.dropout[1]),
            choice("schedule", self.schedule.len()),
        ]);
        all
    }

    /// Returns the names of the varied settings, and a candidate's place in each; None if it
    /// has no such layer.
    pub fn places(&self, candidate: &Candidate) -> Vec<(&'static str, Option<f64>)> {
        let at = |name: &str| -> Option<f64> {
            let place = |found: Option<usize>| Some(found.unwrap_or(0) as f64);
            match name {
                "depth" => Some(candidate.hidden.len().saturating_sub(self.depth[0]) as f64),
                "activation" => {
                    place(self.activation.iter().position(|a| *a == candidate.activation))
                }
                "lr" => Some(candidate.lr.ln()),
                "batch size" => {
                    place(self.batch_size.iter().position(|n| *n == candidate.batch_size))
                }
                "weight decay" => Some(candidate.weight_decay.max(1e-12).ln()),
                "dropout" => Some(candidate.dropout),
                "schedule" => place(self.schedule.iter().position(|s| *s == candidate.schedule)),
                width => {
                    let layer = WIDTHS.iter().position(|name| *name == width)?;
                    candidate.hidden.get(layer).map(|n| (*n as f64).ln())
                }
            }
        };
        let varied = self.dimensions().into_iter().filter(Dimension::varies);
        varied.map(|d| (d.name, at(d.name).map(|x| d.clamped(x)))).collect()
    }

    /// Draws candidate number `trial` of the study. `known`: earlier ones, the best first.
    pub(crate) fn draw(&self, seed: u64, trial: usize, known: &[&Candidate]) -> Candidate {
        let mut numbers = Numbers(Stream::new(seed, Purpose::Candidate, trial as u32), 0);
        // The estimator soon stays near known candidates; every third is drawn anywhere.
        let known = if known.len() < ENOUGH || trial % 3 == 2 { &[] } else { known };
        let known: Vec<_> = known.iter().map(|candidate| self.places(candidate)).collect();
        let drawn: Vec<(&str, f64)> = self
            .dimensions()
            .iter()
            .map(|d| {
                let seen = known.iter().enumerate().filter_map(|(rank, places)| {
                    let (_, place) = places.iter().find(|(name, _)| *name == d.name)?;
                    Some(((*place)?, rank as f64))
                });
                (d.name, d.draw(&mut numbers, seen))
            })
            .collect();
        let of = |name: &str| drawn.iter().find(|(n, _)| *n == name).map_or(0.0, |(_, x)| *x);
        let chosen = |name, n: usize| (of(name) as usize).min(n - 1);
        let depth = self.depth[0] + chosen("depth", self.depth[1] - self.depth[0] + 1);
        let width = |name: &&str| {
            let n = two_digits(of(name).exp()) as usize;
            n.clamp(self.width[0], self.width[1])
        };
        let within = |x: f64, [low, high]: [f64; 2]| two_digits(x).clamp(low, high);
        Candidate {
            hidden: WIDTHS[..depth].iter().map(width).collect(),
            activation: self.activation[chosen("activation", self.activation.len())].clone(),
            lr: within(of("lr").exp(), self.lr),
            batch_size: self.batch_size[chosen("batch size", self.batch_size.len())],
            weight_decay: match self.weight_decay {
                [_, 0.0] => 0.0,
                range => within(of("weight decay").exp(), range),
            },
            // Steps of a twentieth: people read it.
            dropout: ((of("dropout") * 20.0).round() / 20.0)
                .clamp(self.dropout[0], self.dropout[1]),
            schedule: self.schedule[chosen("schedule", self.schedule.len())].clone(),
        }
    }
}

impl Dimension {
    fn varies(&self) -> bool {
        match self.choices {
            Some(choices) => choices > 1,
            None => self.low < self.high,
        }
    }

    fn clamped(&self, x: f64) -> f64 {
        match self.choices {
            Some(choices) => x.clamp(0.0, (choices - 1) as f64),
            None => x.clamp(self.low, self.high),
        }
    }

    /// Draws near good candidates if enough are known, else anywhere. `seen`: places and
    /// ranks, the lower the better.
    fn draw(&self, numbers: &mut Numbers, seen: impl Iterator<Item = (f64, f64)>) -> f64 {
        if !self.varies() {
            return self.low;
        }
        let anywhere = |numbers: &mut Numbers| {
            self.low + (self.high - self.low) * f64::from(numbers.uniform())
        };
        let seen: Vec<(f64, f64)> = seen.collect();
        if seen.is_empty() {
            return anywhere(numbers);
        }
        let (estimator, range) = match self.choices {
            Some(choices) => (histogram_estimator(), categorical_range(choices)),
            // Its end is not in a range.
            None => (parzen_estimator(), range(self.low, self.high + 1e-9)),
        };
        let Ok(range) = range else { return anywhere(numbers) };
        let mut optimizer = TpeOptimizer::new(estimator, range);
        for (place, rank) in seen {
            // A place out of range is refused, and ignored.
            let _ = optimizer.tell(place, rank);
        }
        optimizer.ask(numbers).unwrap_or_else(|_| anywhere(numbers))
    }
}

/// Candidates that must be known before the estimator is asked: two generations.
const ENOUGH: usize = 18;

/// Two significant digits: `0.0037`, `130`.
fn two_digits(x: f64) -> f64 {
    if x == 0.0 {
        return 0.0;
    }
    let unit = 10f64.powi(x.abs().log10().floor() as i32 - 1);
    let rounded = (x / unit).round() * unit;
    // Through text, so that it is the number that people would write.
    format!("{rounded:.12}").parse().unwrap_or(rounded)
}

/// Adapts our stream of random numbers to the estimator.
struct Numbers(Stream, u64);

impl Numbers {
    fn uniform(&mut self) -> f32 {
        self.1 += 1;
        self.0.uniform(self.1 - 1)
    }
}

impl rand::TryRng for Numbers {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.1 += 1;
        Ok(self.0.bits(self.1 - 1))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let (low, high) = (self.try_next_u32()?, self.try_next_u32()?);
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for four in bytes.chunks_mut(4) {
            four.copy_from_slice(&self.try_next_u32()?.to_le_bytes()[..four.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_stay_in_the_space_and_depend_on_seed_and_number_alone() {
        let space = Space { dropout: [0.1, 0.3], width: [3, 70], ..Space::default() };
        space.check().unwrap();
        let first: Vec<Candidate> = (0..40).map(|trial| space.draw(1, trial, &[])).collect();
        let known: Vec<&Candidate> = first.iter().collect();
        for trial in 0..200 {
            let candidate = space.draw(1, 40 + trial, &known);
            assert_eq!(candidate, space.draw(1, 40 + trial, &known));
            assert!((1..=3).contains(&candidate.hidden.len()), "{candidate:?}");
            assert!(candidate.hidden.iter().all(|n| (3..=70).contains(n)), "{candidate:?}");
            assert!((3e-4..=0.02).contains(&candidate.lr), "{candidate:?}");
            assert!((0.1..=0.3).contains(&candidate.dropout), "{candidate:?}");
            candidate.recipe(1).unwrap();
        }
        assert_ne!(space.draw(1, 0, &[]), space.draw(2, 0, &[]));
    }

    /// Candidates are good the nearer their rate is to 0.001 and their width to 60.
    #[test]
    fn it_draws_where_good_ones_were() {
        let space = Space { depth: [1, 1], ..Space::default() };
        let far =
            |c: &Candidate| (c.lr / 0.001).ln().abs() + (c.hidden[0] as f64 / 60.0).ln().abs();
        let mean = |all: &[Candidate]| all.iter().map(far).sum::<f64>() / all.len() as f64;
        let random: Vec<Candidate> = (0..60).map(|trial| space.draw(0, trial, &[])).collect();
        let mut known: Vec<&Candidate> = random.iter().collect();
        known.sort_by(|a, b| far(a).total_cmp(&far(b)));
        let drawn: Vec<Candidate> = (60..120).map(|trial| space.draw(0, trial, &known)).collect();
        assert!(mean(&drawn) < 0.8 * mean(&random), "{} {}", mean(&drawn), mean(&random));
    }

    #[test]
    fn one_value_is_not_varied_and_wrong_ones_are_named() {
        let parse = |text: &str| serde_json::from_str::<Space>(text);
        let space = parse(r#"{ "lr": 0.01, "depth": 2, "activation": "relu" }"#).unwrap();
        assert_eq!((space.lr, space.depth), ([0.01, 0.01], [2, 2]));
        let names: Vec<&str> =
            space.places(&space.draw(0, 0, &[])).iter().map(|(name, _)| *name).collect();
        let varied = ["width 1", "width 2", "batch size", "weight decay", "dropout", "schedule"];
        assert_eq!(names, varied);
        for (text, says) in
            [(r#"{ "lr": [1, 2, 3] }"#, "two ends"), (r#"{ "colour": 1 }"#, "unknown field")]
        {
            assert!(parse(text).unwrap_err().to_string().contains(says), "{text}");
        }
        for (text, says) in [
            (r#"{ "lr": [0.1, 0.01] }"#, "lr = [0.1, 0.01]"),
            (r#"{ "width": [0, 5] }"#, "width"),
            (r#"{ "activation": "rellu" }"#, "relu"),
            (r#"{ "schedule": [] }"#, "schedule"),
            (r#"{ "schedule": "one-cicle" }"#, "one-cycle"),
            (r#"{ "weight-decay": [0, 1] }"#, "logarithm"),
        ] {
            let wrong = parse(text).unwrap().check().unwrap_err().to_string();
            assert!(wrong.contains(says), "{text}: {wrong}");
        }
    }
}
