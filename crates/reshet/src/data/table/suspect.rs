//! What looks wrong in a table, where it is cheap to see.

use std::collections::HashMap;

use super::{
    Ask, Cell, ColumnKind, Columns, Dressed, Head, Table,
    cell::is_name,
    dates::is_in_digits,
    fractions, list,
    missing::is_no_number,
    question::{Question, truth},
    statistics::{FEW, Statistics},
    written::{is_clear, is_like_a_number, is_open, leading_zeros},
};
use crate::{Result, Targets, Task, error::Error, visible};

/// Words among numbers, which become missing values, or numbers among words.
pub(crate) fn odd_words<'a>(
    table: &'a Table,
    columns: &'a Columns,
) -> impl Iterator<Item = String> + 'a {
    let places = table.places();
    columns.inputs.iter().filter_map(move |column| {
        let place = *places.get(&*column.name)?;
        let head = &table.heads[place];
        let ColumnKind::Number { missing, .. } = &column.kind else {
            let (word, number) = (head.firsts.word?, head.firsts.number?);
            if head.firsts.name.is_some() {
                return None;
            }
            return Some(format!(
                "column \"{}\" mixes words (line {word}) and numbers (line {number}): all taken for words",
                column.name
            ));
        };
        let mut odd = missing.iter().filter(|word| !is_no_number(word));
        let word = odd.next()?;
        let (line, more) = (line_of(table, place, word), odd.count());
        let more = if more > 0 { format!(" and {more} more words") } else { String::new() };
        Some(format!(
            "{}:{line}: column \"{}\" holds numbers, but \"{word}\"{more} too: taken for missing",
            table.source, column.name
        ))
    })
}

/// Words that stand for nothing, with how often and where: of inputs and targets.
pub(crate) fn missing_words(table: &Table, columns: &Columns, question: &Question) -> Vec<String> {
    let mut all: Vec<(String, usize, Vec<&str>)> = Vec::new();
    let mut add = |word: &str, n: usize, name| {
        let place = all.iter().position(|(known, ..)| known == word).unwrap_or_else(|| {
            all.push((word.into(), 0, Vec::new()));
            all.len() - 1
        });
        let (_, count, names) = &mut all[place];
        *count += n;
        names.push(name);
    };
    let inputs = columns.by_name();
    for (place, head) in table.heads.iter().enumerate() {
        let kind = inputs.get(&*head.name).map(|column| &column.kind);
        let target = question.places.contains(&place);
        if kind.is_none() && !target {
            continue;
        }
        head.gone.0.iter().for_each(|(word, n)| add(word, *n, &head.name));
        let among_numbers =
            matches!(kind, Some(ColumnKind::Number { .. })) || head.dressed.is_some();
        if !head.words.is_empty() && (among_numbers || question.skips_words(place)) {
            for (word, n) in table.count_words(place) {
                if is_no_number(word) {
                    add(word, n, &head.name);
                }
            }
        }
    }
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let line = |(word, n, names): (String, usize, Vec<&str>)| {
        let cells = if n == 1 { "cell" } else { "cells" };
        format!("taken for missing: \"{}\" in {n} {cells} of {}", visible(&word), list(names))
    };
    all.into_iter().map(line).collect()
}

/// A word that might be an answer and stands for nothing, in many rows.
pub(crate) fn missing_answers(table: &Table, question: &Question) -> Vec<String> {
    if question.task == Task::Number {
        return Vec::new();
    }
    let of = |place: &usize| {
        let head = &table.heads[*place];
        let often = |(_, n): &&(String, usize)| *n > 2 && n * 50 > table.rows();
        head.gone.0.iter().filter(often).map(|(word, n)| {
            format!(
                "{n} rows have the target \"{}\", which stands for missing, and are passed over; \
                 if it is an answer, say which words are missing",
                visible(word)
            )
        })
    };
    question.places.iter().flat_map(of).collect()
}

/// Answers of which there are too few samples to learn from and to test on.
pub(crate) fn small_classes(targets: &Targets) -> Option<String> {
    let (answers, counts) = counted(targets, 0..targets.rows().unwrap_or(0));
    let small = answers.iter().zip(counts).filter(|(_, n)| *n < 3);
    let small: Vec<String> = small.map(|(name, n)| format!("{name} ({n})")).collect();
    let names = list(small.iter().map(String::as_str));
    (!small.is_empty()).then(|| format!("classes with fewer than 3 rows: {names}"))
}

/// Answers that no training row has, and rows of other parts do.
pub(crate) fn untrained(
    targets: &Targets,
    train: impl Iterator<Item = usize>,
    others: impl Iterator<Item = usize>,
) -> Option<String> {
    let (answers, learnt) = counted(targets, train);
    let (_, asked) = counted(targets, others);
    let mut missing = Vec::new();
    for (name, (learnt, asked)) in answers.iter().zip(learnt.iter().zip(asked)) {
        if *learnt == 0 && asked > 0 {
            missing.push(format!("{name} ({asked})"));
        }
    }
    let names = list(missing.iter().map(String::as_str));
    (!missing.is_empty()).then(|| {
        format!("no training row has the answer {names}: all its rows fell into other parts")
    })
}

/// The answers, and how many of these rows have each; of numbers and several questions none.
pub(super) fn counted(
    targets: &Targets,
    rows: impl Iterator<Item = usize>,
) -> (Vec<String>, Vec<usize>) {
    let answers: Vec<String> = match targets {
        Targets::Classes { names, .. } => names.clone(),
        Targets::YesNo { width: 1, names, .. } => match &names[..] {
            [name] => vec![format!("not {name}"), name.clone()],
            _ => names.clone(),
        },
        _ => return (Vec::new(), Vec::new()),
    };
    let mut counts = vec![0; answers.len()];
    for row in rows {
        let answer = match targets {
            Targets::Classes { labels, .. } => labels[row] as usize,
            Targets::YesNo { values, .. } => usize::from(values[row] > 0.5),
            Targets::Numbers { .. } => 0,
        };
        counts[answer] += 1;
    }
    (answers, counts)
}

/// Columns of few values in which a number is written with and without a zero behind: versions
/// 3.1 and 3.10 are one number.
pub(crate) fn twin_numbers(table: &Table, columns: &Columns, all: &[Statistics]) -> Vec<String> {
    let inputs = columns.by_name();
    let told = |(head, s): (&Head, &Statistics)| {
        let used = columns.targets.contains(&head.name) || inputs.contains_key(&*head.name);
        let [least, most] = head.firsts.decimals?;
        let line = head.firsts.trailing.filter(|_| least > 0 && least < most && most < 4)?;
        let few = s.few.as_ref().is_some_and(|few| few.len() <= FEW);
        (used && few).then(|| {
            format!(
                "column \"{}\": the number in line {line} ends in 0 and others have fewer decimals: \
                 3.1 and 3.10 are one number; if they are names, write them as v3.1 and v3.10",
                head.name
            )
        })
    };
    table.heads.iter().zip(all).filter_map(told).collect()
}

/// Answers that say yes or no in several ways: True and 1.
pub(crate) fn twin_truths(question: &Question) -> Option<String> {
    let names = &question.names;
    let says = |is: bool| -> Vec<&str> {
        names.iter().filter(|name| truth(name) == Some(is)).map(String::as_str).collect()
    };
    let (yes, no) = (says(true), says(false));
    let all = question.task == Task::Classes && yes.len() + no.len() == names.len();
    (all && names.len() > 2).then(|| {
        let (yes, no) = (yes.join(" and "), no.join(" and "));
        format!("the answers {yes} say yes, and {no} no: write each in one way")
    })
}

/// Numbers that are infinite, or too large for single precision.
pub(crate) fn infinite_numbers(table: &Table) -> Vec<String> {
    let width = table.heads.len();
    // How many, and the row of the first.
    let mut found = vec![(0usize, 0usize); width];
    let mut row = 0;
    for chunk in &table.chunks {
        for cells in chunk.cells.chunks_exact(width) {
            for (cell, (n, first)) in cells.iter().zip(&mut found) {
                if cell.is_infinite() {
                    *first = if *n == 0 { row } else { *first };
                    *n += 1;
                }
            }
            row += 1;
        }
    }
    let told = |(head, (n, first)): (&Head, &(usize, usize))| {
        let (name, line) = (visible(&head.name), table.line(*first));
        (*n > 0).then(|| {
            format!(
                "column \"{name}\": {n} infinite or too large, the first in line {line}: taken for missing"
            )
        })
    };
    table.heads.iter().zip(&found).filter_map(told).collect()
}

/// Numbers that no precision tells apart well.
pub(crate) fn close_numbers(table: &Table, all: &[Statistics]) -> Vec<String> {
    let told = |(head, s): (&Head, &Statistics)| {
        let (name, low, high) = (visible(&head.name), s.low, s.high);
        (s.sd > 0.0 && s.mean.abs() > 1e12 * s.sd).then(|| {
            format!(
                "column \"{name}\": its numbers differ only far behind the point ({low} to {high}); \
                 subtract what they share"
            )
        })
    };
    table.heads.iter().zip(all).filter_map(told).collect()
}

/// Columns whose words are numbers, all but some, or not all in one way.
pub(crate) fn dressed_numbers(table: &Table) -> impl Iterator<Item = String> + '_ {
    table.heads.iter().enumerate().filter_map(|(column, head)| {
        let words = head.true_words();
        let dressed =
            |word: &&String| is_like_a_number(word) && !is_name(word) && !is_no_number(word);
        let count = words.iter().filter(dressed).count();
        if head.dressed.is_some() || count == 0 || count * 10 < words.len() * 9 {
            return None;
        }
        let example = words.iter().find(dressed)?;
        let other = |word: &&String| !is_like_a_number(word) && !is_no_number(word);
        let what = match words.iter().find(other) {
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
        if columns.dates.iter().any(|dates| dates.name == head.name) {
            return None;
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

/// Inputs whose numbers could all be dates in eight digits: 20240131.
pub(crate) fn dates_in_digits(table: &Table, columns: &Columns) -> Vec<String> {
    let inputs = columns.by_name();
    let told = |(column, head): (usize, &Head)| {
        let input = inputs.get(&*head.name)?;
        let ColumnKind::Number { range: [low, high], .. } = input.kind else { return None };
        if low >= high || !is_in_digits(low) || !is_in_digits(high) {
            return None;
        }
        let dates = || table.cells(column).filter_map(Cell::number).all(is_in_digits);
        dates().then(|| {
            format!(
                "column \"{}\": numbers as {} look like dates: written as 2024-01-31, their year, \
                 month and weekday would be learnt from",
                head.name, low
            )
        })
    };
    table.heads.iter().enumerate().filter_map(told).collect()
}

/// Numbers of which cannot be told whether a mark parts thousands or decimals.
pub(crate) fn open_marks(table: &Table, columns: &Columns) -> Vec<String> {
    let inputs = columns.by_name();
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
        let used = columns.targets.contains(&head.name) || inputs.contains_key(&*head.name);
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
    let inputs = columns.by_name();
    let told = |(column, head): (usize, &Head)| {
        let input = inputs.contains_key(&*head.name);
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

/// Refuses a target with answers that differ only in case or in how they say yes, unless they are asked for as
/// classes or are single letters: what would be learnt is who typed them.
pub(crate) fn check_case(table: &Table, question: &Question, ask: &Ask) -> Result<()> {
    let [place] = question.places[..] else { return Ok(()) };
    let meant = ask.task == Some(Task::Classes) || question.task == Task::Number;
    let head = &table.heads[place];
    if meant {
        return Ok(());
    }
    let Some((a, b)) = twins_by_case(head) else {
        return match twin_truths(question) {
            None => Ok(()),
            Some(what) => Err(Error::data(format!(
                "{}: target \"{}\": {what}, or ask for them as classes of their own",
                table.source, head.name
            ))),
        };
    };
    if a.chars().count() == 1 && truth(a).is_none() {
        return Ok(());
    }
    let (a_line, b_line) = (line_of(table, place, a), line_of(table, place, b));
    Err(Error::data(format!(
        "{}: target \"{}\": \"{a}\" (line {a_line}) and \"{b}\" (line {b_line}) differ only in case; \
         write them alike, or ask for them as classes of their own",
        table.source, head.name
    )))
}
