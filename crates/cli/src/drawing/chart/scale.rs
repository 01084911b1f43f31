//! Axes: what they show, where a value stands on them, and their ticks.

use super::Point;

/// An axis as it is asked for.
#[derive(Clone, Debug)]
pub struct Axis {
    pub label: String,
    /// Powers of ten at equal distances; values ≤ 0 are not shown.
    pub log: bool,
    /// From where to where; all there is if not said.
    pub range: Option<(f64, f64)>,
    /// Ticks at whole numbers only: epochs, steps.
    pub whole: bool,
    /// What stands at 0, 1, …, the first at the axis' end: above, if it is upright. Empty: numbers.
    pub names: Vec<String>,
}

impl Axis {
    /// Equal steps at equal distances.
    pub fn linear(label: impl Into<String>) -> Self {
        Self { label: label.into(), log: false, range: None, whole: false, names: Vec::new() }
    }

    /// Equal factors at equal distances.
    pub fn log(label: impl Into<String>) -> Self {
        Self { log: true, ..Self::linear(label) }
    }

    /// Counts something.
    pub fn whole(label: impl Into<String>) -> Self {
        Self { whole: true, ..Self::linear(label) }
    }

    /// Names at equal distances.
    pub fn names(label: impl Into<String>, names: Vec<String>) -> Self {
        let range = Some((names.len() as f64 - 0.5, -0.5));
        Self { range, names, ..Self::linear(label) }
    }

    /// Shows from `low` to `high`, whatever the values are.
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub value: f64,
    pub label: String,
}

/// An axis with its ends decided.
#[derive(Clone, Debug)]
pub struct Scale {
    log: bool,
    whole: bool,
    names: Vec<String>,
    /// In the axis' own measure: of a log axis, the logarithms.
    low: f64,
    high: f64,
}

impl Scale {
    /// Over the axis' range, or over all of the values that it can show, with
    /// a little room on both sides.
    pub fn new(axis: &Axis, values: impl Iterator<Item = f64>) -> Self {
        let measure = |v: f64| if axis.log { v.log10() } else { v };
        let (low, high) = match axis.range {
            Some((low, high)) => (measure(low), measure(high)),
            None => {
                let ends = values.map(measure).filter(|v| v.is_finite());
                let ends = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
                    (low.min(v), high.max(v))
                });
                match ends {
                    (low, high) if low < high => {
                        let room = (high - low) * 0.03;
                        // Nothing is below zero: the axis need not be either.
                        let least = if low >= 0.0 && !axis.log { 0.0 } else { f64::NEG_INFINITY };
                        ((low - room).max(least), high + room)
                    }
                    // One value, or none.
                    (low, high) if low == high => {
                        let room = if axis.log || axis.whole { 1.0 } else { low.abs() * 0.1 };
                        let room = if room > 0.0 { room } else { 1.0 };
                        (low - room, low + room)
                    }
                    _ => (0.0, 1.0),
                }
            }
        };
        Self { log: axis.log, whole: axis.whole, names: axis.names.clone(), low, high }
    }

    /// Over the axis' range, or over all values with a little room on both sides, also below 0.
    pub fn around(axis: &Axis, values: impl Iterator<Item = f64>) -> Self {
        if axis.range.is_some() {
            return Self::new(axis, std::iter::empty());
        }
        let finite = values.filter(|value| value.is_finite());
        let ends = finite
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let (low, high) = ends;
        if low >= high {
            return Self::new(axis, [low].into_iter());
        }
        let room = (high - low) * 0.05;
        Self::new(&axis.clone().range(low - room, high + room), std::iter::empty())
    }

    /// Where the axis begins and ends.
    pub fn ends(&self) -> (f64, f64) {
        let value = |v: f64| if self.log { 10f64.powf(v) } else { v };
        (value(self.low), value(self.high))
    }

    /// Where a value stands: 0 at the beginning, 1 at the end; not finite if
    /// it cannot be shown.
    pub fn place(&self, value: f64) -> f64 {
        let value = if self.log { value.log10() } else { value };
        (value - self.low) / (self.high - self.low)
    }

    /// About this many ticks, at round numbers, rather fewer.
    pub fn ticks(&self, about: usize) -> Vec<Tick> {
        if !self.names.is_empty() {
            let named = self.names.iter().enumerate();
            return named.map(|(i, name)| Tick { value: i as f64, label: name.clone() }).collect();
        }
        if self.log {
            // Every power of ten, or more, or fewer.
            for digits in [&[1.0][..], &[1.0, 3.0], &[1.0, 2.0, 5.0]] {
                let ticks = self.log_ticks(digits, about);
                if ticks.len() >= 3 {
                    return ticks;
                }
            }
        }
        let (low, high) = self.ends();
        linear_ticks(low, high, about, self.whole)
            .into_iter()
            .filter(|t| !self.log || t.value > 0.0)
            .collect()
    }

    fn log_ticks(&self, digits: &[f64], about: usize) -> Vec<Tick> {
        let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
        let every = ((last - first) as usize).div_ceil(about).max(1) as i32;
        let inside = |v: &f64| {
            let place = self.place(*v);
            (-1e-9..=1.0 + 1e-9).contains(&place)
        };
        (first..=last)
            .filter(|power| power.rem_euclid(every) == 0)
            .flat_map(|power| digits.iter().map(move |d| d * 10f64.powi(power)))
            .filter(inside)
            .map(|value| Tick { value, label: number(value) })
            .collect()
    }
}

/// Ticks at multiples of 1, 2 or 5 times a power of ten.
fn linear_ticks(low: f64, high: f64, about: usize, whole: bool) -> Vec<Tick> {
    let rough = (high - low) / about as f64;
    let power = 10f64.powf(rough.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let mut step = power * factors.iter().find(|f| **f * power >= rough * 0.999).unwrap_or(&10.0);
    if whole {
        step = step.max(1.0);
    }
    if !(step.is_finite() && step > 0.0) {
        return Vec::new();
    }
    let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    let largest = low.abs().max(high.abs());
    let label = |v: f64| {
        if !(1e-4..1e6).contains(&largest) { number(v) } else { signed(format!("{v:.decimals$}")) }
    };
    let (first, last) = ((low / step - 1e-9).ceil() as i64, (high / step + 1e-9).floor() as i64);
    // A huge value with a tiny spread has steps below its own precision.
    if last - first > 2 * about as i64 {
        return Vec::new();
    }
    (first..=last)
        .map(|n| n as f64 * step)
        .map(|value| Tick { value, label: label(value) })
        .collect()
}

/// A number with three digits, short: `0.0313`, `12.5`, `3e-7`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return signed(value.to_string());
    }
    if !(1e-3..1e6).contains(&size) {
        let text = format!("{value:.2e}");
        let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
        return signed(format!("{}e{power}", shortened(mantissa)));
    }
    let decimals = (2.0 - size.log10().floor()).max(0.0) as usize;
    signed(shortened(&format!("{value:.decimals$}")).into())
}

/// Without zeros at the end of the decimals.
fn shortened(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// No "-0.0".
fn signed(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.into(),
        _ => text,
    }
}

/// The parts of a line through these points that lie in the unit square
/// (Liang and Barsky 1984); what is not finite leaves a gap.
pub fn clipped(points: &[Point]) -> Vec<Vec<Point>> {
    let mut parts: Vec<Vec<Point>> = Vec::new();
    for pair in points.windows(2) {
        let Some((a, b)) = clip(pair[0], pair[1]) else { continue };
        match parts.last_mut() {
            Some(part) if part.last() == Some(&a) => part.push(b),
            _ => parts.push(vec![a, b]),
        }
    }
    parts
}

fn clip(a: Point, b: Point) -> Option<(Point, Point)> {
    if ![a.0, a.1, b.0, b.1].iter().all(|v| v.is_finite()) {
        return None;
    }
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let (mut from, mut to) = (0.0f64, 1.0f64);
    for (p, q) in [(-dx, a.0), (dx, 1.0 - a.0), (-dy, a.1), (dy, 1.0 - a.1)] {
        if p == 0.0 && q < 0.0 {
            return None;
        }
        match p {
            p if p < 0.0 => from = from.max(q / p),
            p if p > 0.0 => to = to.min(q / p),
            _ => {}
        }
    }
    let at = |t: f64| match t {
        0.0 => a,
        1.0 => b,
        t => (a.0 + t * dx, a.1 + t * dy),
    };
    (from <= to).then(|| (at(from), at(to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, values: &[f64]) -> Vec<String> {
        let ticks = Scale::new(axis, values.iter().copied()).ticks(6);
        ticks.into_iter().map(|t| t.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        let linear = Axis::linear("");
        assert_eq!(labels(&linear, &[0.0, 1.0]), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&linear, &[-0.3, 0.25]), ["-0.3", "-0.2", "-0.1", "0.0", "0.1", "0.2"]);
        assert_eq!(labels(&linear, &[0.0, 23_000.0]), ["0", "5000", "10000", "15000", "20000"]);
        assert_eq!(labels(&linear, &[0.0, 3e-9])[1], "1e-9");
        assert_eq!(labels(&Axis::whole(""), &[0.0, 2.0]), ["0", "1", "2"]);
        let log = Axis::log("");
        assert_eq!(labels(&log, &[1e-7, 10.0]), ["1e-6", "1e-4", "0.01", "1"]);
        assert_eq!(labels(&log, &[0.02, 0.7]), ["0.03", "0.1", "0.3"]);
        assert_eq!(labels(&log, &[0.3, 0.7]), ["0.3", "0.4", "0.5", "0.6", "0.7"]);
        assert_eq!(labels(&log, &[0.0, -1.0, f64::NAN]), labels(&log, &[]));
    }

    #[test]
    fn one_value_none_and_wild_ones_have_an_axis() {
        for values in [&[][..], &[0.0], &[3.0], &[f64::NAN, f64::INFINITY], &[1e300, -1e300]] {
            for axis in [Axis::linear(""), Axis::log(""), Axis::whole("")] {
                let scale = Scale::new(&axis, values.iter().copied());
                let ticks = scale.ticks(6);
                assert!(ticks.len() < 20, "{values:?} {ticks:?}");
                for tick in ticks {
                    assert!((-1e-6..1.000_001).contains(&scale.place(tick.value)), "{tick:?}");
                }
            }
        }
        let close = [1e15, 1e15 + 0.25];
        assert!(labels(&Axis::linear(""), &close).len() < 20);
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.031_25, "0.0312"),
            (12.5, "12.5"),
            (999.6, "1000"),
            (123_456.0, "123456"),
            (1e6, "1e6"),
            (-3e-7, "-3e-7"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn lines_are_cut_at_the_edge_and_at_gaps() {
        let parts = clipped(&[(0.5, 0.5), (0.5, 2.0), (0.7, 2.0), (0.7, 0.5)]);
        assert_eq!(parts, [vec![(0.5, 0.5), (0.5, 1.0)], vec![(0.7, 1.0), (0.7, 0.5)]]);
        let parts = clipped(&[(0.0, 0.0), (0.1, 0.1), (0.2, f64::NAN), (0.3, 0.1), (0.4, 0.1)]);
        assert_eq!(parts.len(), 2);
        assert!(clipped(&[(-1.0, -1.0), (-2.0, 3.0)]).is_empty());
    }
}
