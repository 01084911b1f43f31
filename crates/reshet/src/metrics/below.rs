//! The share of the targets that is below the answers: what the quantile loss asks for.

use serde::Serialize;

use crate::Targets;

/// The share of a target's values that is below the answers of a network trained for a quantile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Below {
    /// The target's name.
    pub name: String,
    /// The share that was asked for.
    pub quantile: f64,
    /// The share that is below.
    pub below: f64,
}

impl Below {
    /// Those of these answers' targets.
    pub(crate) fn all(
        quantile: f64,
        answers: &[f32],
        targets: &Targets,
        names: &[String],
    ) -> Vec<Self> {
        let Targets::Numbers { values, width } = targets else { return Vec::new() };
        let of_target = |(k, name): (usize, &String)| {
            let pairs = answers.iter().zip(values.iter()).skip(k).step_by(*width);
            let there: Vec<_> = pairs.filter(|(_, target)| !target.is_nan()).collect();
            let below = there.iter().filter(|(y, target)| target < y).count();
            let below = below as f64 / there.len().max(1) as f64;
            Self { name: name.clone(), quantile, below }
        };
        names.iter().take(*width).enumerate().map(of_target).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_is_counted_by_target() {
        let targets = Targets::numbers(vec![1.0, 5.0, 2.0, f32::NAN, 3.0, 5.0, 4.0, 9.0], 2);
        let answers = [2.5, 6.0].repeat(4);
        let found = Below::all(0.5, &answers, &targets, &["a".into(), "b".into()]);
        let below: Vec<f64> = found.iter().map(|b| b.below).collect();
        assert_eq!(below, [0.5, 2.0 / 3.0]);
        assert_eq!((&*found[1].name, found[1].quantile), ("b", 0.5));
    }
}
