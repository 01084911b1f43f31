//! Columns that give a number away together: as a sum, a difference, a product or a ratio.

use super::{
    Column, ColumnKind, Table,
    leaks::{SURELY, evenly},
    ranked::{RANKED, correlation},
};
use crate::visible;

/// Rows that show of nearly all pairs that they are no leak, then of nearly all others.
const GLANCES: [(usize, f64); 2] = [(16, 0.98), (64, 0.998)];
/// Of more columns pairs are not looked at: a thousand take a second.
const MOST_PAIRED: usize = 1_000;
/// Of more columns sums and products of three and more are not looked for.
const MOST_TOGETHER: usize = 100;
/// A column that explains less of the target's spread than this has no part in it.
const PART: f64 = 0.02;
/// Factors of a sum, and exponents of a product, this close are the same.
const SAME: f64 = 0.02;

/// A column's numbers in the rows that are looked at; NaN where none stands.
struct Numbers<'a> {
    name: &'a str,
    values: Vec<f64>,
}

/// Columns whose sum, difference, product or ratio gives a number away. `rows`: those that have
/// a target, whose numbers are `values`.
pub(super) fn leaks(
    table: &Table,
    columns: &[&Column],
    values: &[f32],
    rows: &[u32],
) -> Vec<String> {
    if columns.len() > MOST_PAIRED {
        return Vec::new();
    }
    let picked = evenly(rows.len(), RANKED);
    let answers: Vec<f64> = picked.clone().map(|i| values[i].into()).collect();
    let (mut numbers, places) = (Vec::new(), table.places());
    for column in columns.iter().filter(|c| matches!(c.kind, ColumnKind::Number { .. })) {
        if let Some(&place) = places.get(&*column.name) {
            let cells = table.pick(place, picked.clone().map(|i| rows[i] as usize)).into_iter();
            let values = cells.map(|cell| cell.number().unwrap_or(f64::NAN)).collect();
            numbers.push(Numbers { name: &column.name, values });
        }
    }
    found(&numbers, &answers)
}

fn found(columns: &[Numbers], answers: &[f64]) -> Vec<String> {
    let pairs = of_pairs(columns, answers);
    if !pairs.is_empty() || columns.len() > MOST_TOGETHER {
        return pairs;
    }
    let together = sum_of(columns, answers).or_else(|| product_of(columns, answers));
    together.into_iter().collect()
}

type Operation = fn(f64, f64) -> f64;

/// What can be made of two numbers, and what it is called.
const OPERATIONS: [(&str, Operation); 5] = [
    ("sum", |a, b| a + b),
    ("difference", |a, b| a - b),
    ("product", |a, b| a * b),
    ("ratio", |a, b| a / b),
    ("ratio", |a, b| b / a),
];

fn of_pairs(columns: &[Numbers], answers: &[f64]) -> Vec<String> {
    let mut found = Vec::new();
    for (i, first) in columns.iter().enumerate() {
        for second in &columns[i + 1..] {
            for (what, of) in OPERATIONS {
                if is_pair(first, second, answers, of) {
                    let (a, b) = (visible(first.name), visible(second.name));
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

fn is_pair(a: &Numbers, b: &Numbers, answers: &[f64], of: Operation) -> bool {
    let some = |most: usize| -> Vec<(f64, f64)> {
        let rows = evenly(answers.len(), most);
        let pairs = rows.map(|row| (of(a.values[row], b.values[row]), answers[row]));
        pairs.filter(|pair| pair.0.is_finite()).collect()
    };
    let unlike = GLANCES.into_iter().enumerate().any(|(stage, (rows, least))| {
        // Of the first rows too few may have both numbers.
        correlation(&some(rows)).map_or(stage > 0, |r| r.abs() < least)
    });
    !unlike && is_the_same(&some(usize::MAX))
}

/// Whether these numbers are the answers, up to a factor, an offset and rounding; not only
/// because a few far from all others agree.
fn is_the_same(pairs: &[(f64, f64)]) -> bool {
    let surely = |pairs: &[(f64, f64)]| correlation(pairs).is_some_and(|r| r.abs() > SURELY);
    let mut ordered = pairs.to_vec();
    ordered.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let far = ordered.len() / 20;
    surely(pairs) && surely(&ordered[far..ordered.len() - far])
}

/// A column's factor in a fit.
struct Fitted {
    column: usize,
    factor: f64,
}

/// The sum of three columns and more, some perhaps subtracted.
fn sum_of(columns: &[Numbers], answers: &[f64]) -> Option<String> {
    let parts = fit(columns, answers)?;
    let size = parts.iter().map(|part| part.factor.abs()).sum::<f64>() / parts.len() as f64;
    let alike = |part: &Fitted| (part.factor.abs() / size - 1.0).abs() < SAME;
    if parts.len() < 3 || !parts.iter().all(alike) {
        return None;
    }
    let sum = |row: usize| {
        parts.iter().map(|part| part.factor.signum() * columns[part.column].values[row]).sum()
    };
    if !is_made(answers, &sum) {
        return None;
    }
    let first = parts[0].factor.signum();
    let mut text = String::new();
    for (i, part) in parts.iter().enumerate() {
        let sign = if part.factor.signum() == first { "+" } else { "-" };
        let name = visible(columns[part.column].name);
        text += &if i == 0 { format!("\"{name}\"") } else { format!(" {sign} \"{name}\"") };
    }
    Some(together(&text))
}

/// The product of powers of two columns and more: `weight / height²`.
fn product_of(columns: &[Numbers], answers: &[f64]) -> Option<String> {
    let log = |values: &[f64]| -> Vec<f64> { values.iter().map(|x| x.ln()).collect() };
    let positive = |values: &[f64]| values.iter().all(|x| x.is_nan() || *x > 0.0);
    if !positive(answers) {
        return None;
    }
    let fitting = columns.iter().filter(|column| positive(&column.values));
    let logs: Vec<Numbers> =
        fitting.map(|c| Numbers { name: c.name, values: log(&c.values) }).collect();
    let parts = fit(&logs, &log(answers))?;
    let whole = |part: &Fitted| {
        let power = part.factor.round();
        (1.0..=3.0).contains(&power.abs()) && (part.factor - power).abs() < SAME
    };
    if parts.len() < 2 || !parts.iter().all(whole) {
        return None;
    }
    let product = |row: usize| {
        let logs = parts.iter().map(|p| p.factor.round() * logs[p.column].values[row]);
        logs.sum::<f64>().exp()
    };
    if !is_made(answers, &product) {
        return None;
    }
    let power = |part: &Fitted| {
        let name = visible(logs[part.column].name).into_owned();
        match part.factor.abs().round() as u32 {
            1 => format!("\"{name}\""),
            2 => format!("\"{name}\"²"),
            _ => format!("\"{name}\"³"),
        }
    };
    let (above, below): (Vec<&Fitted>, Vec<&Fitted>) = parts.iter().partition(|p| p.factor > 0.0);
    let list =
        |parts: &[&Fitted]| parts.iter().map(|part| power(part)).collect::<Vec<_>>().join(" · ");
    let text = match (above.is_empty(), below.is_empty()) {
        (true, _) => format!("1 / ({})", list(&below)),
        (_, true) => list(&above),
        _ => format!("{} / ({})", list(&above), list(&below)),
    };
    Some(together(&text))
}

fn together(what: &str) -> String {
    format!(
        "columns give the target away together, {what}: are they known before the answer is? \
         If not, take them out"
    )
}

fn is_made(answers: &[f64], of: &dyn Fn(usize) -> f64) -> bool {
    let pairs = answers.iter().enumerate().map(|(row, answer)| (of(row), *answer));
    is_the_same(&pairs.filter(|pair| pair.0.is_finite()).collect::<Vec<_>>())
}

/// Fits the answers as a linear function of the columns, by least squares. The columns that have
/// a part in it; None unless it explains all of the answers' spread.
fn fit(columns: &[Numbers], answers: &[f64]) -> Option<Vec<Fitted>> {
    // Of columns with many gaps few rows would be left.
    let known = |column: &Numbers| {
        let gaps = column.values.iter().filter(|x| !x.is_finite()).count();
        20 * gaps <= answers.len()
    };
    let used: Vec<usize> = (0..columns.len()).filter(|c| known(&columns[*c])).collect();
    let whole = |row: &usize| {
        answers[*row].is_finite() && used.iter().all(|c| columns[*c].values[*row].is_finite())
    };
    let rows: Vec<usize> = (0..answers.len()).filter(whole).collect();
    if used.len() < 2 || rows.len() < 4 * used.len().max(10) {
        return None;
    }
    let standard = |values: &[f64]| Standard::new(rows.iter().map(|row| values[*row]).collect());
    let target = standard(answers)?;
    let inputs: Vec<(usize, Standard)> =
        used.iter().filter_map(|c| Some((*c, standard(&columns[*c].values)?))).collect();
    let all: Vec<&[f64]> = inputs.iter().map(|(_, input)| &input.values[..]).collect();
    let factors = least_squares(&all, &target.values);
    let mut rest = target.values.clone();
    for (factor, input) in factors.iter().zip(&all) {
        rest.iter_mut().zip(*input).for_each(|(rest, x)| *rest -= factor * x);
    }
    let unexplained = rest.iter().map(|x| x * x).sum::<f64>() / rest.len() as f64;
    if unexplained > 1.0 - SURELY * SURELY {
        return None;
    }
    let parts = factors.iter().zip(&inputs).filter(|(factor, _)| factor.abs() > PART);
    let part = |(factor, (column, input)): (&f64, &(usize, Standard))| Fitted {
        column: *column,
        factor: factor * target.sd / input.sd,
    };
    Some(parts.map(part).collect())
}

/// Numbers with mean 0 and standard deviation 1.
struct Standard {
    values: Vec<f64>,
    sd: f64,
}

impl Standard {
    /// None if all are the same.
    fn new(mut values: Vec<f64>) -> Option<Self> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        values.iter_mut().for_each(|x| *x = (*x - mean) / sd);
        (sd > 0.0 && sd.is_finite()).then_some(Self { values, sd })
    }
}

/// Solves the normal equations of columns with mean 0 and standard deviation 1 by Cholesky
/// decomposition. A column that the ones before it explain gets the factor 0.
fn least_squares(columns: &[&[f64]], target: &[f64]) -> Vec<f64> {
    const EXPLAINED: f64 = 1e-6;
    let k = columns.len();
    let mean = |a: &[f64], b: &[f64]| {
        a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>() / target.len() as f64
    };
    let mut lower = vec![vec![0.0; k]; k];
    let mut forward = vec![0.0; k];
    for i in 0..k {
        for j in 0..=i {
            let before: f64 = (0..j).map(|m| lower[i][m] * lower[j][m]).sum();
            let rest = mean(columns[i], columns[j]) - before;
            lower[i][j] = match (i == j, lower[j][j]) {
                (true, _) => {
                    if rest > EXPLAINED {
                        rest.sqrt()
                    } else {
                        0.0
                    }
                }
                (false, 0.0) => 0.0,
                (false, diagonal) => rest / diagonal,
            };
        }
        let before: f64 = (0..i).map(|m| lower[i][m] * forward[m]).sum();
        if lower[i][i] > 0.0 {
            forward[i] = (mean(columns[i], target) - before) / lower[i][i];
        }
    }
    let mut factors = vec![0.0; k];
    for i in (0..k).rev() {
        let behind: f64 = (i + 1..k).map(|m| lower[m][i] * factors[m]).sum();
        if lower[i][i] > 0.0 {
            factors[i] = (forward[i] - behind) / lower[i][i];
        }
    }
    factors
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that looks random and is the same each time, from 0 to 1.
    fn noise(i: usize) -> f64 {
        let x = (i as u32).wrapping_mul(2_654_435_761);
        let x = (x ^ x >> 15).wrapping_mul(0x45d9_f3b3);
        f64::from(x >> 8) / 16_777_216.0
    }

    fn columns() -> Vec<Numbers<'static>> {
        let column = |k: usize| -> Vec<f64> {
            (0..400).map(|i| (1000.0 * noise(i + 1000 * k)).round() / 10.0 + 1.0).collect()
        };
        let names = ["a", "b", "c", "d", "e"];
        (0..).zip(names).map(|(k, name)| Numbers { name, values: column(k + 1) }).collect()
    }

    /// What is told of a target made of a, b, c and d.
    fn told(of: fn(f64, f64, f64, f64) -> f64) -> Vec<String> {
        let columns = columns();
        let at = |c: usize, row: usize| columns[c].values[row];
        let row = |i: usize| of(at(0, i), at(1, i), at(2, i), at(3, i));
        found(&columns, &(0..400).map(row).collect::<Vec<_>>())
    }

    #[test]
    fn two_columns_give_a_target_away() {
        for (what, a, b, of) in [
            ("sum", "a", "b", (|a, b, _, _| (a + b).round()) as fn(f64, f64, f64, f64) -> f64),
            ("difference", "b", "c", |_, b, c, _| 1000.0 - (c - b)),
            ("product", "a", "d", |a, _, _, d| (a * d).round()),
            ("ratio", "a", "c", |a, _, c, _| (1000.0 * a / c).round() / 1000.0),
            ("ratio", "a", "c", |a, _, c, _| 3.5 * c / a),
        ] {
            let found = told(of);
            let text = format!("the {what} of columns \"{a}\" and \"{b}\"");
            assert!(found.len() == 1 && found[0].starts_with(&text), "{text}: {found:?}");
        }
    }

    #[test]
    fn several_columns_give_a_target_away() {
        for (what, of) in [
            (
                "\"a\" + \"b\" + \"c\"",
                (|a, b, c, _| (a + b + c).round()) as fn(f64, f64, f64, f64) -> f64,
            ),
            ("\"a\" - \"b\" + \"d\"", |a, b, _, d| 7.0 + a - b + d),
            ("\"a\" + \"b\" + \"c\" + \"d\"", |a, b, c, d| (a + b + c + d) / 4.0),
            ("\"a\" · \"b\" · \"c\"", |a, b, c, _| a * b * c),
            ("\"b\" / (\"c\"²)", |_, b, c, _| 703.0 * b / (c * c)),
            ("\"a\" · \"b\" / (\"d\")", |a, b, _, d| a * b / d),
        ] {
            let found = told(of);
            assert!(
                found.len() == 1 && found[0].contains(&format!("together, {what}:")),
                "{found:?}"
            );
        }
    }

    #[test]
    fn what_is_to_be_learnt_is_no_leak() {
        let noisy = [
            (|a, b, c, _| a + b + 0.2 * c) as fn(f64, f64, f64, f64) -> f64,
            |a, b, _, _| a + 2.0 * b,
            |a, b, c, d| 2.5 * a - 7.0 * b + c + 0.5 * d,
            |a, b, c, _| a + b + c + 0.1 * (a * 7.7).sin() * b,
            |a, b, _, _| a * b + 0.05 * b * b,
            |a, b, _, _| a.sqrt() * b,
        ];
        for of in noisy {
            assert_eq!(told(of), [""; 0]);
        }
    }

    #[test]
    fn outliers_that_agree_are_no_leak() {
        // One row far from all others makes any ratio correlate.
        let mut columns = columns();
        (columns[0].values[16], columns[1].values[16]) = (1e9, 1.0);
        let answers: Vec<f64> =
            (0..400).map(|i| if i == 16 { 1e9 } else { 100.0 * noise(i + 9000) }).collect();
        assert_eq!(found(&columns[..2], &answers), [""; 0]);
        // Gaps are passed over; a column that others explain is no harm.
        columns[0].values[16] = f64::NAN;
        let twin = columns[1].values.iter().map(|x| 2.0 * x + 1.0).collect();
        columns.insert(2, Numbers { name: "twin", values: twin });
        let sum = |i: usize| columns[1].values[i] + columns[3].values[i] + columns[4].values[i];
        let found = found(&columns, &(0..400).map(sum).collect::<Vec<_>>());
        assert!(found[0].contains("\"b\" + \"c\" + \"d\""), "{found:?}");
    }
}
