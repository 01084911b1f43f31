//! Columns that give the target away, and rows that are there twice.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Cell, Column, Columns, Head, Kind, Table, cell::Packed};
use crate::Targets;

/// Rows looked at.
const SAMPLE: usize = 100_000;
/// Rows that are put in order; sorting them all took a quarter of a check's time.
const RANKED: usize = 5_000;
/// Rows that show of most pairs of columns that they are no leak.
const GLANCE: usize = 50;
/// Of more columns pairs are not looked at: a thousand take a second.
const MOST_PAIRED: usize = 1_000;

/// Columns that give the target away: nearly the same number or order, or a word or
/// whole number that goes with one class only; and pairs of columns whose sum or difference is it.
pub(crate) fn leaks(
    table: &Table,
    columns: &Columns,
    targets: &Targets,
    rows: &[u32],
) -> Vec<String> {
    let step = rows.len().div_ceil(SAMPLE).max(1);
    let picked: Vec<usize> = (0..rows.len()).step_by(step).collect();
    let places = table.places();
    let leaks = |Column { name, .. }: &Column| {
        let Some(&place) = places.get(&**name) else { return false };
        let cells = table.pick(place, picked.iter().map(|i| rows[*i] as usize));
        let pairs = cells.into_iter().zip(picked.iter().copied());
        match targets {
            Targets::Numbers { values, width: 1 } => {
                let pairs = pairs.filter_map(|(cell, i)| Some((cell.number()?, values[i].into())));
                let pairs: Vec<(f64, f64)> = pairs.filter(|p| p.0.is_finite()).collect();
                // Whatever rises with it, as a logarithm does, gives it away too.
                let is = |r: Option<f64>| r.is_some_and(|r| r.abs() > 0.9999);
                is(correlation(&pairs)) || is(correlation(&ranked(&some_of(&pairs))))
            }
            Targets::Classes { labels, .. } => decides(pairs.map(|(cell, i)| (cell, labels[i]))),
            Targets::YesNo { values, width: 1, .. } => {
                decides(pairs.map(|(cell, i)| (cell, values[i] as u32)))
            }
            _ => false,
        }
    };
    let (leaking, others): (Vec<&Column>, Vec<&Column>) =
        columns.inputs.iter().partition(|column| leaks(column));
    let told = |column: &&Column| {
        format!(
            "column \"{}\" gives the target away: is it known before the answer is? \
             If not, take it out",
            column.name
        )
    };
    let mut all: Vec<String> = leaking.iter().map(told).collect();
    if let Targets::Numbers { values, width: 1 } = targets {
        let step = rows.len().div_ceil(RANKED).max(1);
        let picked: Vec<usize> = (0..rows.len()).step_by(step).collect();
        let answers: Vec<f64> = picked.iter().map(|i| values[*i].into()).collect();
        let numbers = numbers(table, &others, picked.iter().map(|i| rows[*i] as usize));
        all.extend(sums(&numbers, &answers));
    }
    all
}

/// The columns that hold numbers alone, in these rows; NaN where none stands.
fn numbers<'a>(
    table: &Table,
    columns: &[&'a Column],
    rows: impl Iterator<Item = usize> + Clone,
) -> Vec<(&'a str, Vec<f64>)> {
    let (mut found, places) = (Vec::new(), table.places());
    for column in columns.iter().filter(|c| matches!(c.kind, Kind::Number { .. })) {
        if let Some(&place) = places.get(&*column.name) {
            let cells = table.pick(place, rows.clone()).into_iter();
            let values = cells.map(|cell| cell.number().unwrap_or(f64::NAN)).collect();
            found.push((&*column.name, values));
        }
    }
    found
}

/// Pairs of columns whose sum or difference gives the target away.
fn sums(columns: &[(&str, Vec<f64>)], answers: &[f64]) -> Vec<String> {
    if columns.len() > MOST_PAIRED {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (i, (a, first)) in columns.iter().enumerate() {
        for (b, second) in &columns[i + 1..] {
            for (sign, what) in [(1.0, "sum"), (-1.0, "difference")] {
                let both = |every: usize| -> Vec<(f64, f64)> {
                    let rows = (0..answers.len()).step_by(every);
                    let pairs = rows.map(|row| (first[row] + sign * second[row], answers[row]));
                    pairs.filter(|pair| pair.0.is_finite()).collect()
                };
                let is = |pairs: Vec<_>| correlation(&pairs).is_some_and(|r| r.abs() > 0.9999);
                // A few rows rule nearly all pairs out.
                if is(both(answers.len().div_ceil(GLANCE).max(1))) && is(both(1)) {
                    found.push(format!(
                        "the {what} of columns \"{a}\" and \"{b}\" gives the target away: are \
                         they known before the answer is? If not, take them out"
                    ));
                }
            }
        }
    }
    found
}

/// Rows that say the same, and rows that are the same up to a different answer;
/// of amounts the latter is nothing to wonder at.
/// Columns that are left out say nothing.
pub(crate) fn twins(
    table: &Table,
    columns: &Columns,
    targets: &[usize],
    amounts: bool,
) -> Vec<String> {
    let known = columns.by_name();
    let input = |head: &Head| known.contains_key(&*head.name);
    let inputs: Vec<bool> = table.heads.iter().map(input).collect();
    let width = table.heads.len();
    let all = table
        .chunks
        .iter()
        .flat_map(|chunk| chunk.cells.chunks_exact(width).map(|cells| (cells, &chunk.long[..])));
    let hash = |(cells, long): (&[Packed], &[f64]), of_targets: bool| {
        let mut hasher = DefaultHasher::new();
        for (column, cell) in cells.iter().enumerate() {
            let wanted = if of_targets { targets.contains(&column) } else { inputs[column] };
            if wanted {
                cell.key(long).hash(&mut hasher);
            }
        }
        hasher.finish()
    };
    // Two hashes of 64 bits: equal ones are equal rows, for all that is practical.
    let mut rows: Vec<(u64, u64, u32)> =
        all.zip(0..).map(|(cells, row)| (hash(cells, false), hash(cells, true), row)).collect();
    rows.sort_unstable();
    let (mut same, mut contradict) = (Twins::default(), Twins::default());
    for pair in rows.windows(2) {
        let [(inputs, target, row), (other_inputs, other_target, other)] = [pair[0], pair[1]];
        if inputs == other_inputs {
            let twins = if target == other_target { &mut same } else { &mut contradict };
            twins.count += 1;
            let pair = (row.min(other), row.max(other));
            twins.first = Some(twins.first.map_or(pair, |first| first.min(pair)));
        }
    }
    let tell = |twins: Twins, what: &str| {
        let (a, b) = twins.first?;
        let (a, b) = (table.line(a as usize), table.line(b as usize));
        let (n, s) = (twins.count, if twins.count == 1 { "" } else { "s" });
        Some(format!("{n} row{s} {what}, the first in lines {a} and {b}"))
    };
    let contradicts = "with the inputs of another and a different target";
    let contradict = if amounts { None } else { tell(contradict, contradicts) };
    [tell(same, "there twice"), contradict].into_iter().flatten().collect()
}

#[derive(Default)]
struct Twins {
    count: usize,
    first: Option<(u32, u32)>,
}

/// Pearson's correlation; None for too few or constant numbers.
fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
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

/// Whether a few values, each seen often, each go with one class alone.
fn decides(pairs: impl Iterator<Item = (Cell, u32)>) -> bool {
    const FEW: usize = 50;
    let mut classes: Vec<(Cell, u32)> = Vec::new();
    let mut n = 0;
    for (cell, class) in pairs {
        n += 1;
        match classes.iter().find(|(c, _)| *c == cell) {
            Some((_, c)) if *c != class => return false,
            Some(_) => {}
            None if classes.len() == FEW => return false,
            None => classes.push((cell, class)),
        }
    }
    classes.len() > 1 && n >= 10 * classes.len()
}

/// At most [`RANKED`] of them, evenly.
fn some_of(pairs: &[(f64, f64)]) -> Vec<(f64, f64)> {
    pairs.iter().step_by(pairs.len().div_ceil(RANKED).max(1)).copied().collect()
}

/// The place of each number in the order of its kind, equals sharing the mean of theirs.
fn ranked(pairs: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let ranks = |of: fn(&(f64, f64)) -> f64| {
        let mut order: Vec<usize> = (0..pairs.len()).collect();
        order.sort_unstable_by(|a, b| of(&pairs[*a]).total_cmp(&of(&pairs[*b])));
        let mut ranks = vec![0.0; pairs.len()];
        let mut start = 0;
        for equals in order.chunk_by(|a, b| of(&pairs[*a]) == of(&pairs[*b])) {
            let mean = start as f64 + (equals.len() - 1) as f64 / 2.0;
            equals.iter().for_each(|i| ranks[*i] = mean);
            start += equals.len();
        }
        ranks
    };
    let few = |of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = pairs.iter().map(of).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        values.len() < 10
    };
    // Of few different numbers an order says little.
    if few(|p| p.0) || few(|p| p.1) {
        return Vec::new();
    }
    ranks(|p| p.0).into_iter().zip(ranks(|p| p.1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_or_difference_of_two_columns_gives_it_away() {
        let noise =
            |i: usize| f64::from((i as u32).wrapping_mul(2_654_435_761) >> 8) / 16_777_216.0;
        let column = |k: usize| -> Vec<f64> {
            (0..400).map(|i| (1000.0 * noise(i + 1000 * k)).round() / 10.0).collect()
        };
        let mut columns = vec![("a", column(1)), ("b", column(2)), ("c", column(3))];
        columns[1].1[7] = f64::NAN;
        let answers = |f: fn(f64, f64, f64) -> f64| -> Vec<f64> {
            (0..400).map(|i| f(columns[0].1[i], columns[1].1[i], columns[2].1[i])).collect()
        };
        let some = |f| -> Vec<f64> {
            answers(f).into_iter().map(|y| if y.is_finite() { y } else { 0.0 }).collect()
        };
        let whole = sums(&columns, &some(|a, b, _| (a + b).round()));
        assert!(whole[0].contains("the sum of columns \"a\" and \"b\""), "{whole:?}");
        let less = sums(&columns, &some(|_, b, c| 1000.0 - (c - b)));
        assert!(less[0].contains("the difference of columns \"b\" and \"c\""), "{less:?}");
        assert_eq!(sums(&columns, &some(|a, b, c| a + b + 0.2 * c)), [""; 0]);
        assert_eq!(sums(&columns, &some(|a, b, _| a + 2.0 * b)), [""; 0]);
    }

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
        assert!(correlation(&ranked(&log)).unwrap() > 0.9999);
        assert!(correlation(&ranked(&pairs(|y| -y.powi(3)))).unwrap() < -0.9999);
        let noisy: Vec<_> = (0..300).map(|i| (wage(i) + 2.0 * noise(i + 500), wage(i))).collect();
        assert!(correlation(&ranked(&noisy)).unwrap() < 0.9999);
        assert!(correlation(&ranked(&pairs(|y| (y / 10.0).floor()))).is_none());
    }
}
