//! Columns that give the target away, each for itself.

use super::{
    Cell, Column, ColumnKind, Columns, Table, columns::shown, combined, ranked::correlation,
    ranked::rank_correlation, suspect::counted,
};
use crate::{Targets, visible};

/// Rows looked at.
const SAMPLE: usize = 100_000;
/// Rows that show of most columns that they are no leak.
const GLANCE: usize = 200;
/// Less than this over a few rows is not nearly 1 over all.
const PERHAPS: f64 = 0.99;
/// More than this is as good as 1, up to rounding.
pub(super) const SURELY: f64 = 0.9999;
/// With fewer rows a column may put the answers in order by chance.
const ENOUGH: usize = 40;
/// The same of the rows of an answer.
const ENOUGH_OF_EACH: usize = 5;
/// Different values on either side of a border that show how far apart they usually are.
const BESIDE: usize = 10;

/// What gives the target away.
#[derive(Debug, Default)]
pub(super) struct Leaks {
    /// What is probably the answer in disguise.
    pub warnings: Vec<String>,
    /// What decides the answer and may be a good input.
    pub said: Vec<String>,
}

impl Leaks {
    /// Looks for a column with the same number or order as the target, or whose words, order or
    /// gaps decide it; and for columns that do so together. `rows`: those that have a target.
    pub fn find(table: &Table, columns: &Columns, targets: &Targets, rows: &[u32]) -> Self {
        let mut leaks = Self::default();
        match targets {
            Targets::Numbers { values, width: 1 } => {
                leaks.of_number(table, columns, values, rows);
            }
            Targets::Classes { .. } | Targets::YesNo { width: 1, .. } => {
                leaks.of_answer(table, columns, targets, rows);
            }
            _ => {}
        }
        leaks
    }

    fn of_number(&mut self, table: &Table, columns: &Columns, values: &[f32], rows: &[u32]) {
        let places = table.places();
        let mut others = Vec::new();
        for column in &columns.inputs {
            let Some(&place) = places.get(&*column.name) else { continue };
            let some = |most: usize| -> Vec<(f64, f64)> {
                let picked = evenly(rows.len(), most);
                let cells = table.pick(place, picked.clone().map(|i| rows[i] as usize));
                let pairs = cells.into_iter().zip(picked);
                let pairs = pairs.filter_map(|(cell, i)| Some((cell.number()?, values[i].into())));
                pairs.filter(|pair| pair.0.is_finite()).collect()
            };
            // Whatever rises with it, as a logarithm does, gives it away too.
            let gives_away = |pairs: &[(f64, f64)], least: f64| {
                let is = |r: Option<f64>| r.is_some_and(|r| r.abs() > least);
                is(correlation(pairs)) || is(rank_correlation(pairs))
            };
            let glance = some(GLANCE);
            let unlike = glance.len() > GLANCE / 4 && !gives_away(&glance, PERHAPS);
            if !unlike && gives_away(&some(SAMPLE), SURELY) {
                self.warnings.push(away(&column.name));
            } else {
                others.push(column);
            }
        }
        self.warnings.extend(combined::leaks(table, &others, values, rows));
    }

    fn of_answer(&mut self, table: &Table, columns: &Columns, targets: &Targets, rows: &[u32]) {
        let (names, counts) = counted(targets, 0..rows.len());
        let answer = |i: usize| match targets {
            Targets::Classes { labels, .. } => labels[i],
            Targets::YesNo { values, .. } => u32::from(values[i] > 0.5),
            Targets::Numbers { .. } => 0,
        };
        let occurring = counts.iter().filter(|n| **n > 0);
        let scarce = occurring.clone().any(|n| *n < ENOUGH_OF_EACH);
        let enough = !scarce && rows.len() >= ENOUGH.max(columns.inputs.len());
        let order = Order { names: &names, answers: occurring.count(), rows: rows.len() };
        let places = table.places();
        for column in &columns.inputs {
            let Some(&place) = places.get(&*column.name) else { continue };
            let some = |most: usize| -> Vec<(Cell, u32)> {
                let picked = evenly(rows.len(), most);
                let cells = table.pick(place, picked.clone().map(|i| rows[i] as usize));
                cells.into_iter().zip(picked.map(answer)).collect()
            };
            let glance = some(GLANCE);
            if decides(&glance, 1) && decides(&some(SAMPLE), 10) {
                self.warnings.push(away(&column.name));
                continue;
            }
            if !enough {
                continue;
            }
            let number = matches!(column.kind, ColumnKind::Number { .. });
            let mut found = Found::Nothing;
            if number && runs(&glance).is_some() {
                found = order.found(&some(usize::MAX));
            }
            if matches!(found, Found::Nothing)
                && gaps_decide(&glance)
                && gaps_decide(&some(usize::MAX))
            {
                found = Found::Leak("it is empty for one answer, and only there".into());
            }
            self.tell(column, found);
        }
    }

    fn tell(&mut self, column: &Column, found: Found) {
        let name = visible(&column.name);
        match found {
            Found::Nothing => {}
            Found::Leak(how) => self.warnings.push(format!(
                "column \"{name}\" alone decides the target: {how}; is it known before the answer \
                 is? If not, take it out"
            )),
            Found::GoodInput(how) => {
                self.said.push(format!("column \"{name}\" alone decides the target: {how}"));
            }
        }
    }
}

fn away(name: &str) -> String {
    format!(
        "column \"{name}\" gives the target away: is it known before the answer is? \
         If not, take it out"
    )
}

/// At most so many places, evenly.
pub(super) fn evenly(length: usize, most: usize) -> std::iter::StepBy<std::ops::Range<usize>> {
    (0..length).step_by(length.div_ceil(most).max(1))
}

/// Whether a few values, each seen so often on average, each go with one answer alone.
fn decides(pairs: &[(Cell, u32)], often: usize) -> bool {
    const FEW: usize = 50;
    let mut answers: Vec<(Cell, u32)> = Vec::new();
    for (cell, answer) in pairs {
        match answers.iter().find(|(c, _)| c == cell) {
            Some((_, known)) if known != answer => return false,
            Some(_) => {}
            None if answers.len() == FEW => return false,
            None => answers.push((*cell, *answer)),
        }
    }
    answers.len() > 1 && pairs.len() >= often * answers.len()
}

/// Whether nothing stands in the column for one answer, and something for all others.
fn gaps_decide(pairs: &[(Cell, u32)]) -> bool {
    let mut gaps = pairs.iter().filter(|(cell, _)| cell.is_missing());
    let Some((_, empty)) = gaps.next() else { return false };
    let exact = pairs.iter().all(|(cell, answer)| cell.is_missing() == (answer == empty));
    exact && pairs.iter().any(|(_, answer)| answer != empty)
}

/// Numbers, one after the other in their order, that have one answer.
#[derive(Debug, PartialEq)]
struct Run {
    answer: u32,
    /// Its different numbers, in ascending order.
    numbers: Vec<f64>,
}

/// The numbers in their order as one run an answer; None if an answer has several, or a number
/// several answers. What is missing is passed over.
fn runs(pairs: &[(Cell, u32)]) -> Option<Vec<Run>> {
    let number = |(cell, answer): &(Cell, u32)| Some((cell.number()?, *answer));
    let mut numbers: Vec<(f64, u32)> = pairs.iter().filter_map(number).collect();
    numbers.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut runs: Vec<Run> = Vec::new();
    for (x, answer) in numbers {
        if let Some(last) = runs.last_mut()
            && last.answer == answer
        {
            if last.numbers.last() != Some(&x) {
                last.numbers.push(x);
            }
            continue;
        }
        if runs.iter().any(|run| run.answer == answer) {
            return None;
        }
        runs.push(Run { answer, numbers: vec![x] });
    }
    let shared = |pair: &[Run]| pair[0].numbers.last() == pair[1].numbers.first();
    if runs.windows(2).any(shared) {
        return None;
    }
    Some(runs)
}

/// Whether a column's order decides the answer, and what to say of it.
struct Order<'a> {
    names: &'a [String],
    /// Answers that occur.
    answers: usize,
    rows: usize,
}

enum Found {
    Nothing,
    /// Its order decides, and its numbers go on across the borders as anywhere: the answer was
    /// made from it.
    Leak(String),
    /// Its order decides, and gaps are at the borders, as where groups lie apart by nature.
    GoodInput(String),
}

impl Order<'_> {
    fn found(&self, pairs: &[(Cell, u32)]) -> Found {
        let missing = pairs.iter().filter(|(cell, _)| cell.is_missing()).count();
        let Some(runs) = runs(pairs) else { return Found::Nothing };
        if runs.len() != self.answers || runs.len() < 2 || 10 * missing > self.rows {
            return Found::Nothing;
        }
        let how = self.describe(&runs);
        match runs.windows(2).any(|pair| touch(&pair[0].numbers, &pair[1].numbers)) {
            true => Found::Leak(how),
            false => Found::GoodInput(how),
        }
    }

    /// `up to 49 it is fail, from 50 on pass`
    fn describe(&self, runs: &[Run]) -> String {
        const MOST: usize = 4;
        let name = |run: &Run| {
            let name = self.names.get(run.answer as usize).map_or("", String::as_str);
            visible(name).into_owned()
        };
        let (Some(first), true) = (runs.first(), runs.len() <= MOST) else {
            return "each answer has a range of its own".into();
        };
        let end = first.numbers.last().copied().unwrap_or_default();
        let mut how = format!("up to {} it is {}", shown(end), name(first));
        for run in &runs[1..] {
            let begin = run.numbers.first().copied().unwrap_or_default();
            how += &format!(", from {} on {}", shown(begin), name(run));
        }
        how
    }
}

/// Whether numbers go on across a border as they do on its sides. Where all on one side are the
/// same number, as 0, that stands for the answer.
fn touch(below: &[f64], above: &[f64]) -> bool {
    let (Some(end), Some(begin)) = (below.last(), above.first()) else { return false };
    if below.len() == 1 || above.len() == 1 {
        return true;
    }
    let near_below = &below[below.len().saturating_sub(BESIDE)..];
    let near_above = &above[..above.len().min(BESIDE)];
    let steps = near_below.windows(2).chain(near_above.windows(2)).map(|pair| pair[1] - pair[0]);
    begin - end <= 2.0 * steps.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::super::{Prepare, TableBuilder, csv::Options};
    use super::*;

    fn noise(i: u32) -> f64 {
        f64::from(i.wrapping_mul(2_654_435_761) >> 8) / 16_777_216.0
    }

    fn found(pairs: &[(f64, u32)], names: &[&str]) -> Found {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let pairs: Vec<(Cell, u32)> =
            pairs.iter().map(|(x, answer)| (Cell::from_number(*x), *answer)).collect();
        Order { names: &names, answers: names.len(), rows: pairs.len() }.found(&pairs)
    }

    #[test]
    fn a_threshold_on_a_column_is_a_leak() {
        let scores: Vec<f64> = (0..200).map(|i| (100.0 * noise(i)).round()).collect();
        let passed: Vec<(f64, u32)> = scores.iter().map(|x| (*x, u32::from(*x >= 50.0))).collect();
        let Found::Leak(how) = found(&passed, &["fail", "pass"]) else { panic!() };
        assert!(how.starts_with("up to 49 it is fail, from 5"), "{how}");
        let marks: Vec<(f64, u32)> =
            scores.iter().map(|x| (*x, if *x < 40.0 { 2 } else { u32::from(*x < 75.0) })).collect();
        let Found::Leak(how) = found(&marks, &["A", "B", "C"]) else { panic!() };
        assert!(how.contains(" it is C, from ") && how.ends_with("on A"), "{how}");
        // Amounts paid, and 0 where nothing was.
        let paid: Vec<(f64, u32)> = scores
            .iter()
            .map(|x| if *x < 30.0 { (0.0, 0) } else { (1000.0 + 7.0 * x, 1) })
            .collect();
        assert!(matches!(found(&paid, &["no", "yes"]), Found::Leak(_)));
    }

    #[test]
    fn groups_that_lie_apart_are_no_leak() {
        // As petals: 1.0 to 1.9 against 3.0 to 6.9.
        let petals: Vec<(f64, u32)> = (0..150)
            .map(|i| match i % 3 {
                0 => ((10.0 + 9.0 * noise(i)).round() / 10.0, 0),
                _ => ((30.0 + 39.0 * noise(i)).round() / 10.0, 1),
            })
            .collect();
        let Found::GoodInput(how) = found(&petals, &["setosa", "other"]) else { panic!() };
        assert!(how.starts_with("up to 1.9 it is setosa, from 3"), "{how}");
        // One row on the wrong side, and nothing is decided.
        let mut mixed = petals.clone();
        mixed.push((5.0, 0));
        assert!(matches!(found(&mixed, &["setosa", "other"]), Found::Nothing));
        // A third answer that never occurs in the order.
        assert!(matches!(found(&petals, &["setosa", "other", "more"]), Found::Nothing));
    }

    #[test]
    fn gaps_that_stand_for_an_answer_are_seen() {
        let row = |i: u32| match i % 3 {
            0 => (Cell::Missing, 1),
            _ => (Cell::Word(i), 0),
        };
        let mut pairs: Vec<(Cell, u32)> = (0..90).map(row).collect();
        assert!(gaps_decide(&pairs));
        pairs.push((Cell::Missing, 0));
        assert!(!gaps_decide(&pairs));
        assert!(!gaps_decide(&[(Cell::Missing, 0), (Cell::Missing, 0)]));
    }

    /// A table of a, b and c, and what `row` makes of them; what looks wrong, and what is said.
    fn checked(names: &[&str], row: fn([f64; 3]) -> String) -> (String, String) {
        let mixed = |i: u32| noise(i ^ i.wrapping_mul(0x45d9_f3b3) >> 16);
        let all = ["a", "b", "c"].iter().chain(names).map(ToString::to_string).collect();
        let mut builder = TableBuilder::new("t", all, &Options::default()).unwrap();
        for i in 0..200 {
            let [a, b, c] =
                [0, 1, 2].map(|k| (1000.0 * mixed(7 * i + 5003 * k)).round() / 10.0 + 1.0);
            let text = format!("{a},{b},{c},{}", row([a, b, c]));
            let cells: Vec<&str> = text.split(',').collect();
            builder.row(cells).unwrap();
        }
        let check = Prepare::new().check(&builder.table().unwrap()).unwrap();
        (check.suspicious.join("\n"), check.said.join("\n"))
    }

    #[test]
    fn a_table_is_looked_through() {
        let wrong = |names: &[&str], row, told: &str| {
            let (wrong, _) = checked(names, row);
            assert!(wrong.contains(told), "{told}: {wrong}");
        };
        wrong(&["y"], |[a, b, c]| format!("{:.1}", a + b + c), "\"a\" + \"b\" + \"c\"");
        wrong(&["y"], |[a, _, c]| format!("{:.2}", a * c), "product of columns \"a\" and \"c\"");
        wrong(&["y"], |[a, b, _]| format!("{:.4}", a / b), "ratio of columns \"a\" and \"b\"");
        wrong(&["y"], |[a, b, _]| format!("{:.2}", a / (b * b) * 1e4), "\"a\" / (\"b\"²)");
        wrong(
            &["y"],
            |[_, b, _]| if b < 40.0 { "no" } else { "yes" }.into(),
            "column \"b\" alone decides the target: up to 39",
        );
        wrong(
            &["y"],
            |[a, _, _]| ["low", "mid", "high"][(a / 35.0) as usize].into(),
            "column \"a\" alone decides the target: up to 3",
        );
        wrong(
            &["paid", "y"],
            |[a, b, _]| if a < 40.0 { ",no".into() } else { format!("{b},yes") },
            "column \"paid\" alone decides the target: it is empty for one answer",
        );
        for row in [
            (|[a, b, c]| format!("{:.1}", 2.5 * a - 7.0 * b + c)) as fn([f64; 3]) -> String,
            |[a, b, c]| format!("{:.1}", a + b + 0.3 * (a * c).sqrt()),
            |[a, b, _]| if a + 2.0 * b > 150.0 { "yes" } else { "no" }.into(),
        ] {
            let (wrong, said) = checked(&["y"], row);
            assert!(wrong.is_empty() && !said.contains("decides"), "{wrong}\n{said}");
        }
    }
}
