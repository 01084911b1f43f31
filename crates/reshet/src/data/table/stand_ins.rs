//! Numbers that stand for nothing: 0 and −999 far from all others.

use super::{ColumnKind, Columns, Head, Table, columns::shown, statistics::Statistics};

/// Numbers that people write where nothing is known.
const STAND_INS: [f64; 12] =
    [-1.0, -9.0, -99.0, -999.0, -9999.0, -99999.0, 9.0, 99.0, 999.0, 9999.0, 99999.0, 999999.0];

/// Zeros, and numbers as −999, that lie far from all other numbers of an input: they often stand
/// for missing.
pub(crate) fn odd_zeros(table: &Table, columns: &Columns, all: &[Statistics]) -> Vec<String> {
    let inputs = columns.by_name();
    let told = |(head, s): (&Head, &Statistics)| {
        let input = inputs.get(&*head.name)?;
        if !matches!(input.kind, ColumnKind::Number { .. }) {
            return None;
        }
        let rows = s.rows as f64 / s.sample.len().max(1) as f64;
        if let Some((count, low, _)) = apart(&s.sample, 0.0) {
            return Some(format!(
                "column \"{}\": {} zeros, and all other numbers lie from {} to {}: do they stand \
                 for missing?",
                head.name,
                (count as f64 * rows).round(),
                shown(low),
                shown(s.high)
            ));
        }
        let (value, (count, low, high)) =
            STAND_INS.iter().find_map(|value| Some((value, apart(&s.sample, *value)?)))?;
        Some(format!(
            "column \"{}\": {} times {}, and all other numbers lie from {} to {}: does it stand \
             for missing?",
            head.name,
            (count as f64 * rows).round(),
            shown(*value),
            shown(low),
            shown(high)
        ))
    };
    table.heads.iter().zip(all).filter_map(told).collect()
}

/// How often a number occurs that lies far from all others of these, which are in ascending order,
/// and from where to where the others go.
fn apart(sample: &[f64], value: f64) -> Option<(usize, f64, f64)> {
    let others: Vec<f64> = sample.iter().copied().filter(|x| *x != value).collect();
    let count = sample.len() - others.len();
    let mut different = others.clone();
    different.dedup();
    if count == 0 || count > others.len() || different.len() < 10 {
        return None;
    }
    let (low, high) = (others[0], others[others.len() - 1]);
    if value != 0.0 {
        let leap = f64::max(low - value, value - high);
        return (count > 1 && leap > high - low).then_some((count, low, high));
    }
    if low < 0.0 {
        return None;
    }
    let n = others.len() as f64;
    let mean = others.iter().sum::<f64>() / n;
    let sd = (others.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    // The step from 0 to the next is a leap beside the steps that follow.
    let leap = low > sd && different.windows(2).all(|pair| pair[1] - pair[0] < low);
    leap.then_some((count, low, high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_far_from_all_others_are_told() {
        let mut ages: Vec<f64> = (20..70).map(f64::from).collect();
        ages.extend([999.0, 999.0]);
        assert_eq!(apart(&ages, 999.0), Some((2, 20.0, 69.0)));
        assert_eq!(apart(&ages, 99.0), None);
        let mut degrees: Vec<f64> = (-20..40).map(f64::from).collect();
        degrees.splice(0..0, [-999.0, -999.0, -999.0]);
        assert_eq!(apart(&degrees, -999.0), Some((3, -20.0, 39.0)));
        // Once it is an outlier; near the others a number as any.
        assert_eq!(apart(&degrees[2..], -999.0), None);
        let counts: Vec<f64> = (-1..60).map(f64::from).collect();
        assert_eq!((apart(&counts, -1.0), apart(&counts, 0.0)), (None, None));
        let mut pressures: Vec<f64> = (60..120).map(f64::from).collect();
        pressures.splice(0..0, [0.0, 0.0]);
        assert_eq!(apart(&pressures, 0.0), Some((2, 60.0, 119.0)));
    }
}
