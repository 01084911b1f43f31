//! How far numbers go together, by their size and by their order.

/// Rows that are put in order; sorting them all took a quarter of a check's time.
pub(super) const RANKED: usize = 5_000;

/// Computes Pearson's correlation; None for too few or constant numbers.
pub(super) fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let n = pairs.len() as f64;
    if n < 10.0 {
        return None;
    }
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / n;
    let (mx, my) = (mean(&|p| p.0), mean(&|p| p.1));
    let (vx, vy) = (mean(&|p| (p.0 - mx).powi(2)), mean(&|p| (p.1 - my).powi(2)));
    let r = mean(&|p| (p.0 - mx) * (p.1 - my)) / (vx * vy).sqrt();
    r.is_finite().then_some(r)
}

/// Computes Spearman's correlation, of at most [`RANKED`] pairs. None for too few different
/// numbers: of these an order says little.
pub(super) fn rank_correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    let step = pairs.len().div_ceil(RANKED).max(1);
    let pairs: Vec<(f64, f64)> = pairs.iter().step_by(step).copied().collect();
    let ranks = |of: fn(&(f64, f64)) -> f64| {
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_unstable_by(|a, b| of(&pairs[*a]).total_cmp(&of(&pairs[*b])));
        let mut ranks = vec![0.0; pairs.len()];
        let (mut start, mut different) = (0, 0);
        // Equal numbers share the mean of their places.
        for equals in order.chunk_by(|a, b| of(&pairs[*a]) == of(&pairs[*b])) {
            let mean = start as f64 + (equals.len() - 1) as f64 / 2.0;
            equals.iter().for_each(|i| ranks[*i] = mean);
            start += equals.len();
            different += 1;
        }
        (different >= 10).then_some(ranks)
    };
    let both: Vec<(f64, f64)> = ranks(|p| p.0)?.into_iter().zip(ranks(|p| p.1)?).collect();
    correlation(&both)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_rises_with_it_gives_it_away() {
        let noise =
            |i: usize| f64::from((i as u32).wrapping_mul(2_654_435_761) >> 8) / 16_777_216.0;
        let wage = |i| 5.0 + 40.0 * noise(i);
        let pairs = |f: fn(f64) -> f64| -> Vec<(f64, f64)> {
            (0..300).map(|i| (f(wage(i)), wage(i))).collect()
        };
        let log = pairs(|y| (100.0 * y.ln()).round() / 100.0);
        assert!(correlation(&log).unwrap() < 0.999);
        assert!(rank_correlation(&log).unwrap() > 0.9999);
        assert!(rank_correlation(&pairs(|y| -y.powi(3))).unwrap() < -0.9999);
        let noisy: Vec<_> = (0..300).map(|i| (wage(i) + 2.0 * noise(i + 500), wage(i))).collect();
        assert!(rank_correlation(&noisy).unwrap() < 0.9999);
        assert!(rank_correlation(&pairs(|y| (y / 10.0).floor())).is_none());
    }
}
