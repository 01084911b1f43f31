//! What looks wrong in a table, where it is cheap to see.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    Ask, Cell, Column, Columns, Dressed, Head, Kind, Table,
    cell::{Packed, is_name},
    fractions, list,
    question::{Question, truth},
    statistics::Statistics,
    written::{is_clear, is_like_a_number, is_open, leading_zeros},
};
use crate::{Result, Targets, Task, error::Error, visible};

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
                correlation(pairs.filter_map(|(cell, i)| Some((cell.number()?, values[i].into()))))
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
            let (word, number) = (head.firsts.word?, head.firsts.number?);
            if head.firsts.name.is_some() {
                return None;
            }
            return Some(format!(
                "column \"{}\" mixes words (line {word}) and numbers (line {number}): all taken for words",
                column.name
            ));
        };
        let word = missing.first()?;
        let (line, more) = (head.firsts.word.unwrap_or(0), missing.len() - 1);
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
    let all = table
        .chunks
        .iter()
        .flat_map(|chunk| chunk.cells.chunks_exact(width).map(|cells| (cells, &chunk.long[..])));
    let hash = |(cells, long): (&[Packed], &[f64]), of_targets: bool| {
        let mut hasher = DefaultHasher::new();
        for (column, cell) in cells.iter().enumerate() {
            if targets.contains(&column) == of_targets {
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

/// Numbers that are infinite, and numbers that no precision tells apart well.
pub(crate) fn odd_numbers(table: &Table, all: &[Statistics]) -> Vec<String> {
    let mut odd = Vec::new();
    for (place, (head, s)) in table.heads.iter().zip(all).enumerate() {
        let name = &head.name;
        if s.infinite > 0 {
            let infinite = |cell: Cell| cell.number().is_some_and(|x| (x as f32).is_infinite());
            let line = table.rough_cells(place).position(infinite).map_or(0, |row| table.line(row));
            let n = s.infinite;
            odd.push(format!(
                "column \"{name}\": {n} infinite or too large, the first in line {line}: taken for missing"
            ));
        }
        if s.sd > 0.0 && s.mean.abs() > 1e12 * s.sd {
            odd.push(format!(
                "column \"{name}\": its numbers differ only far behind the point ({} to {}); \
                 subtract what they share",
                s.low, s.high
            ));
        }
    }
    odd
}

/// Columns whose words are numbers, all but some, or not all in one way.
pub(crate) fn dressed_numbers(table: &Table) -> impl Iterator<Item = String> + '_ {
    table.heads.iter().enumerate().filter_map(|(column, head)| {
        let words = head.true_words();
        let dressed = |word: &&String| is_like_a_number(word) && !is_name(word);
        let count = words.iter().filter(dressed).count();
        if head.dressed.is_some() || count == 0 || count * 10 < words.len() * 9 {
            return None;
        }
        let example = words.iter().find(dressed)?;
        let what = match words.iter().find(|word| !is_like_a_number(word)) {
            Some(word) => {
                let line = line_of(table, column, word);
                format!("but \"{word}\" (line {line}) is none")
            }
            None => "but they are not all written in one way, as in one currency".into(),
        };
        let name = &head.name;
        Some(format!(
            "column \"{name}\": \"{example}\" would be a number, {what}: all are taken for words"
        ))
    })
}

/// Columns whose numbers are not written plainly, or are none for their leading zeros.
pub(crate) fn readings(table: &Table, columns: &Columns) -> Vec<String> {
    let reading = |head: &Head| {
        if let Some(Dressed { written, example, .. }) = &head.dressed {
            let x = Cell::from_number(written.parse(example)?).text(&[]);
            let used = columns.written.contains_key(&head.name);
            return used
                .then(|| format!("numbers of {}: \"{example}\" is {x}", visible(&head.name)));
        }
        let word = head.words.iter().find(|word| is_name(word))?;
        let line = head.firsts.name.filter(|_| !head.overflow)?;
        let why = match leading_zeros(word) {
            true => "has leading zeros",
            false => "has more digits than a number holds",
        };
        Some(format!("words of {}: \"{word}\" (line {line}) {why}", visible(&head.name)))
    };
    table.heads.iter().filter_map(reading).collect()
}

/// Numbers of which cannot be told whether a mark parts thousands or decimals.
pub(crate) fn open_marks(table: &Table, columns: &Columns) -> Vec<String> {
    let comma = table.dialect.is_some_and(|dialect| dialect.comma);
    let mark = if comma { ',' } else { '.' };
    let known = table.heads.iter().enumerate().any(|(column, head)| {
        head.firsts.clear.is_some()
            || head.words.iter().any(|word| is_clear(word, mark))
            || (!comma && fractions(&table.chunks, column, table.heads.len()))
    });
    if known {
        return Vec::new();
    }
    let open = |head: &Head| {
        let (example, x, what) = match (&head.dressed, head.firsts.open) {
            (Some(Dressed { written, example, proven: false }), _) => {
                let open = |w: &&String| is_open(w, written.thousands.unwrap_or(','));
                let example = head.words.iter().find(open).unwrap_or(example);
                (format!("{example}\""), written.parse(example)?, "thousands")
            }
            (None, Some(line)) => (format!("1,234\" (as from line {line} on)"), 1.234, "decimals"),
            _ => return None,
        };
        let used = columns.targets.contains(&head.name)
            || columns.inputs.iter().any(|c| c.name == head.name);
        used.then(|| {
            format!(
                "column \"{}\": \"{example} is taken for {x}: its mark may part thousands or \
                 decimals, nothing in the file says which, and {what} it is",
                head.name
            )
        })
    };
    table.heads.iter().filter_map(open).collect()
}

/// The line of the first cell with this word.
fn line_of(table: &Table, column: usize, word: &str) -> u64 {
    let code = table.heads[column].words.iter().position(|w| w == word);
    let row = table.cells(column).position(|cell| cell.word() == code);
    row.map_or(0, |row| table.line(row))
}

/// The first two words of a column that differ only in case.
fn twins_by_case(head: &Head) -> Option<(&str, &str)> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    head.true_words().iter().find_map(|word| {
        let twin = seen.insert(word.to_lowercase(), word)?;
        Some((twin, word.as_str()))
    })
}

/// Words that differ only in case: two values, and perhaps meant for one.
pub(crate) fn twin_words(table: &Table, columns: &Columns, question: &Question) -> Vec<String> {
    let told = |(column, head): (usize, &Head)| {
        let input = columns.inputs.iter().any(|c| c.name == head.name);
        // Several targets are yes or no, however it is written.
        if !input && question.places != [column] {
            return None;
        }
        let (a, b) = twins_by_case(head)?;
        let (name, a_line, b_line) =
            (&head.name, line_of(table, column, a), line_of(table, column, b));
        Some(format!(
            "column \"{name}\": \"{a}\" (line {a_line}) and \"{b}\" (line {b_line}) differ only in \
             case, and are two values"
        ))
    };
    table.heads.iter().enumerate().filter_map(told).collect()
}

/// Refuses a target with answers that differ only in case, unless they are asked for as
/// classes or are single letters: what would be learnt is who typed them.
pub(crate) fn check_case(table: &Table, question: &Question, ask: &Ask) -> Result<()> {
    let [place] = question.places[..] else { return Ok(()) };
    let meant = ask.task == Some(Task::Classes) || question.task == Task::Number;
    let head = &table.heads[place];
    let Some((a, b)) = twins_by_case(head).filter(|_| !meant) else { return Ok(()) };
    if a.chars().count() == 1 && truth(a).is_none() {
        return Ok(());
    }
    let (a_line, b_line) = (line_of(table, place, a), line_of(table, place, b));
    Err(Error::data(format!(
        "{}: target \"{}\": \"{a}\" (line {a_line}) and \"{b}\" (line {b_line}) differ only in case; \
         write them alike, or ask for them as classes of their own (--task classes)",
        table.source, head.name
    )))
}

/// Pearson's correlation; None for too few or constant numbers.
fn correlation(pairs: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = pairs.filter(|p| p.0.is_finite()).collect();
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
