//! What looks wrong in a table, where it is cheap to see.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Cell, Column, Columns, Kind, Table, list, statistics::Statistics};
use crate::Targets;

/// Rows looked at.
const SAMPLE: usize = 100_000;

/// Columns that give the target away: nearly the same number, or a word or
/// whole number that goes with one class only.
pub(crate) fn leaks(
    table: &Table,
    columns: &Columns,
    targets: &Targets,
    rows: &[u32],
) -> Vec<String> {
    let step = rows.len().div_ceil(SAMPLE).max(1);
    let picked: Vec<usize> = (0..rows.len()).step_by(step).collect();
    let leaks = |Column { name, .. }: &Column| {
        let place = table.heads.iter().position(|head| head.name == *name)?;
        let cells = table.pick(place, picked.iter().map(|i| rows[*i] as usize));
        let pairs = cells.into_iter().zip(picked.iter().copied());
        let leaks = match targets {
            Targets::Numbers { values, width: 1 } => {
                correlation(pairs.filter_map(|(cell, i)| Some((cell.number()?, values[i]))))
                    .is_some_and(|r| r.abs() > 0.9999)
            }
            Targets::Classes { labels, .. } => decides(pairs.map(|(cell, i)| (cell, labels[i]))),
            Targets::YesNo { values, width: 1, .. } => {
                decides(pairs.map(|(cell, i)| (cell, values[i] as u32)))
            }
            _ => false,
        };
        leaks.then(|| {
            format!(
                "column \"{name}\" gives the target away: is it known before the answer is? \
                 If not, take it out"
            )
        })
    };
    columns.inputs.iter().filter_map(leaks).collect()
}

/// Words among numbers, which become missing values, or numbers among words.
pub(crate) fn odd_words<'a>(
    table: &'a Table,
    columns: &'a Columns,
) -> impl Iterator<Item = String> + 'a {
    columns.inputs.iter().filter_map(|column| {
        let head = table.heads.iter().find(|head| head.name == column.name)?;
        let Kind::Number { missing, .. } = &column.kind else {
            let (word, number) = (head.first_word?, head.first_number?);
            return Some(format!(
                "column \"{}\" mixes words (line {word}) and numbers (line {number}): all taken for words",
                column.name
            ));
        };
        let word = missing.first()?;
        let (line, more) = (head.first_word.unwrap_or(0), missing.len() - 1);
        let more = if more > 0 { format!(" and {more} more words") } else { String::new() };
        Some(format!(
            "{}:{line}: column \"{}\" holds numbers, but \"{word}\"{more} too: taken for missing",
            table.source, column.name
        ))
    })
}

/// Classes of which there are too few samples to learn from and to test on.
pub(crate) fn small_classes(targets: &Targets) -> Option<String> {
    let Targets::Classes { labels, names } = targets else { return None };
    let mut counts = vec![0; names.len()];
    labels.iter().for_each(|l| counts[*l as usize] += 1);
    let small = names.iter().zip(counts).filter(|(_, n)| *n < 3);
    let small: Vec<String> = small.map(|(name, n)| format!("{name} ({n})")).collect();
    let names = list(small.iter().map(String::as_str));
    (!small.is_empty()).then(|| format!("classes with fewer than 3 rows: {names}"))
}

/// Rows that say the same, and rows that are the same up to a different answer;
/// of amounts the latter is nothing to wonder at.
pub(crate) fn twins(table: &Table, targets: &[usize], amounts: bool) -> Vec<String> {
    let width = table.heads.len();
    let all = table.chunks.iter().flat_map(|chunk| chunk.cells.chunks_exact(width));
    let hash = |cells: &[Cell], of_targets: bool| {
        let mut hasher = DefaultHasher::new();
        let wanted = |(i, _): &(usize, &Cell)| targets.contains(i) == of_targets;
        cells.iter().enumerate().filter(wanted).for_each(|(_, cell)| cell.hash(&mut hasher));
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

/// Numbers that are infinite, and numbers that single precision cannot tell apart.
pub(crate) fn odd_numbers(table: &Table, all: &[Statistics]) -> Vec<String> {
    let mut odd = Vec::new();
    for (place, (head, s)) in table.heads.iter().zip(all).enumerate() {
        let name = &head.name;
        if s.infinite > 0 {
            let infinite = |cell: Cell| cell.number().is_some_and(f32::is_infinite);
            let line = table.cells(place).position(infinite).map_or(0, |row| table.line(row));
            let n = s.infinite;
            odd.push(format!(
                "column \"{name}\": {n} infinite or too large, the first in line {line}: taken for missing"
            ));
        }
        if s.sd > 0.0 && s.mean.abs() > 1e5 * s.sd {
            odd.push(format!(
                "column \"{name}\": its numbers differ only far behind the point ({} to {}); \
                 subtract what they share",
                s.low, s.high
            ));
        }
    }
    odd
}

/// Columns of words that would be numbers without %, currency signs or thousands marks.
pub(crate) fn dressed_numbers(table: &Table) -> impl Iterator<Item = String> + '_ {
    table.heads.iter().filter_map(|head| {
        let bare = |word: &&String| {
            let bare: String = word.chars().filter(|c| !"%$€£₪,' ".contains(*c)).collect();
            Cell::parse(&bare, false).is_some_and(|cell| cell.number().is_some())
        };
        let dressed = head.words.iter().filter(bare).count();
        (dressed > 0 && dressed * 10 >= head.words.len() * 9).then(|| {
            format!(
                "column \"{}\": \"{}\" is a word, since it is not written as a number; \
                 take out signs and thousands marks",
                head.name, head.words[0]
            )
        })
    })
}

/// Pearson's correlation; None for too few or constant numbers.
fn correlation(pairs: impl Iterator<Item = (f32, f32)>) -> Option<f64> {
    let pairs: Vec<(f64, f64)> =
        pairs.filter(|p| p.0.is_finite()).map(|(x, y)| (x.into(), y.into())).collect();
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
