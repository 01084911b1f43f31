//! What a table is asked: the kind of question, and each row's answer.

use super::{
    Cell, Head, Table, letters::seen, list, missing::is_no_number, statistics::Statistics,
};
use crate::{
    Result, Task,
    data::classes::{group, group_name},
    error::Error,
    visible,
};

/// Up to this many different whole numbers are taken for classes.
const FEW_CLASSES: usize = 10;
/// More classes than this are no classes.
const MOST_CLASSES: usize = 1000;

/// How the question is to be put, where it is not to be inferred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The kind of question.
    pub task: Option<Task>,
    /// Of two values, the one that means yes.
    pub positive: Option<String>,
    /// Yes is this value, or, as `a,b`, one of these; no is any other.
    pub is: Option<String>,
    /// Few whole numbers are amounts, not class numbers.
    pub amounts: bool,
}

/// A question put to a table.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Columns of the target.
    pub places: Vec<usize>,
    pub task: Task,
    /// As in [`Meaning::names`](crate::Meaning).
    pub names: Vec<String>,
    /// Why it is this kind of question.
    pub why: String,
    /// Targets whose answers are numbers, so that words as "-" among them say nothing.
    skips: Vec<usize>,
}

/// Words among the numbers of a target that say nothing there, as "-".
fn skipped(head: &Head, s: &Statistics) -> usize {
    let words = head.words_among_numbers(s).filter(|(word, _)| is_no_number(word));
    let skipped = words.map(|(_, n)| n).sum();
    if skipped == s.words && skipped <= s.numbers { skipped } else { 0 }
}

impl Question {
    /// The kind of question these target columns pose: two values yes/no, few
    /// or words classes, else numbers.
    pub fn infer(table: &Table, places: Vec<usize>, ask: &Ask, all: &[Statistics]) -> Result<Self> {
        let name =
            |place: usize| format!("{}: target \"{}\"", table.source, table.heads[place].name);
        let skips = |place: &usize| skipped(&table.heads[*place], &all[*place]) > 0;
        let skips: Vec<usize> = places.iter().copied().filter(skips).collect();
        for place in &places {
            let s = &all[*place];
            if s.numbers + s.words == 0 {
                return Err(Error::data(format!("{} is empty in every row", name(*place))));
            }
            if table.heads[*place].overflow {
                let what = "has more different words than a question can have answers";
                return Err(Error::data(format!("{} {what}", name(*place))));
            }
        }
        if let [place] = places[..] {
            let head = &table.heads[place];
            let mut numbers = all[place].clone();
            if !skips.is_empty() {
                numbers.words = 0;
                numbers.counts.fill(0);
            }
            return Self::one(head, place, ask, &numbers)
                .map(|question| Self { skips, ..question })
                .map_err(|what| Error::data(format!("{} {what}", name(place))));
        }
        if ask.is.is_some() || ask.positive.is_some() {
            let what = "of several targets none is asked about by a value: a single target has one value to ask about";
            return Err(Error::invalid(what));
        }
        let truths = places.iter().all(|p| truths(&table.heads[*p], &all[*p]).is_some());
        let has_words = |p: &usize| all[*p].words > 0 && !skips.contains(p);
        let numbers = !places.iter().any(has_words);
        let (task, why) = match ask.task {
            Some(Task::Classes) => (Task::Classes, "a probability each, as asked"),
            Some(task) => (task, "as asked"),
            None if truths => (Task::Binary, "each says yes or no"),
            None => (Task::Number, "numbers"),
        };
        let bad = match task {
            Task::Number | Task::Classes => {
                places.iter().find(|p| has_words(p)).filter(|_| !numbers)
            }
            _ => places.iter().find(|p| truths_of(table, **p, all).is_none()),
        };
        if let Some(place) = bad {
            let what = match task {
                Task::Number => "holds words; several targets must all be numbers or all yes/no",
                Task::Classes => "holds words; several targets of classes are their probabilities",
                _ => "holds more than yes/no, true/false or 1/0",
            };
            return Err(Error::data(format!("{} {what}", name(*place))));
        }
        let names = match task {
            Task::Number => Vec::new(),
            _ => places.iter().map(|p| table.heads[*p].name.clone()).collect(),
        };
        Ok(Self { places, task, names, why: why.into(), skips })
    }

    /// The question of a model, put to a table.
    pub fn known(table: &Table, places: Vec<usize>, task: Task, names: Vec<String>) -> Self {
        let number = |name: &String| Cell::parse(name, false).is_some_and(|c| c.number().is_some());
        let soft = task == Task::Classes && places.len() > 1;
        let numbers = task == Task::Number || soft || names.iter().all(number);
        let skips = if numbers { places.clone() } else { Vec::new() };
        let has_words = |place: &usize| !table.heads[*place].words.is_empty();
        let skips = skips.into_iter().filter(has_words).collect();
        Self { places, task, names, why: String::new(), skips }
    }

    /// Whether the targets are the probabilities of classes.
    pub fn is_soft(&self) -> bool {
        self.task == Task::Classes && self.places.len() > 1
    }

    /// Whether words as "-" say nothing in this target.
    pub fn skips_words(&self, place: usize) -> bool {
        self.skips.contains(&place)
    }

    /// What is said of it.
    pub fn describe(&self) -> String {
        let why = &self.why;
        match (self.task, &self.names[..]) {
            (Task::Binary, [no, yes]) if self.places.len() == 1 => {
                let (yes, no) = (visible(yes), visible(no));
                format!("question: yes or no, {yes} against {no} ({why})")
            }
            (Task::Binary, names) => {
                format!("question: {} times yes or no ({why})", names.len())
            }
            (Task::Classes, names) => {
                let names = list(names.iter().map(String::as_str));
                format!("question: which class, {names} ({why})")
            }
            (Task::Number, _) => format!("question: how much ({why})"),
        }
    }

    fn one(head: &Head, place: usize, ask: &Ask, s: &Statistics) -> Result<Self, String> {
        let done = |task, names, why: &str| {
            Ok(Self { places: vec![place], task, names, why: why.into(), skips: Vec::new() })
        };
        let distinct = s.distinct();
        if let Some(label) = &ask.is {
            let (values, _) = values(head, s)?;
            let yes = asked_values(label, &values)?;
            let name = group_name(&yes);
            if yes.len() == values.len() {
                return Err(format!("is \"{name}\" in every row: there is nothing to learn"));
            }
            return done(Task::Binary, vec![format!("not {name}"), name], "as asked");
        }
        let whole = s.whole && s.words == 0;
        let few = distinct.is_some_and(|n| n <= FEW_CLASSES && n * 5 <= s.numbers.max(15));
        let (task, why) = match ask.task {
            Some(task) => (task, "as asked"),
            None if ask.positive.is_some() => (Task::Binary, "as asked"),
            None if distinct == Some(2) => (Task::Binary, "it has two values"),
            None if s.words > 0 => (Task::Classes, "it holds words"),
            None if whole && few && !ask.amounts => (Task::Classes, "it holds few whole numbers"),
            None => (Task::Number, "it holds numbers"),
        };
        if distinct == Some(1) {
            let but = taken_away(head, s);
            return Err(format!("says the same in every row{but}: there is nothing to learn"));
        }
        match task {
            Task::Number if s.words > 0 => {
                let line = head.firsts.word.unwrap_or(0);
                let word = head.words.first().map_or("", String::as_str);
                Err(format!("holds words (line {line}: \"{word}\"), not only numbers"))
            }
            Task::Number => done(task, Vec::new(), why),
            Task::Classes => {
                let (values, often) = values(head, s)?;
                // Many words that hardly ever come twice are no classes.
                if values.len() > MOST_CLASSES || (values.len() > 20 && often < 2.0) {
                    let what = "different values: too many to be classes";
                    return Err(format!("has {} {what}; is it the right column?", values.len()));
                }
                done(task, values, why)
            }
            Task::Binary => {
                let (values, _) = values(head, s)?;
                let [a, b] = &values[..] else {
                    let what = "yes/no needs two, or one of them to ask about";
                    return Err(format!(
                        "has {} values ({}); {what}",
                        values.len(),
                        names(&values)
                    ));
                };
                let yes = match &ask.positive {
                    Some(yes) if is_same(yes, a) => a,
                    Some(yes) if is_same(yes, b) => b,
                    Some(yes) => {
                        return Err(format!("is never \"{yes}\"; its values are {a} and {b}"));
                    }
                    None if truth(a) == Some(true) && truth(b) != Some(true) => a,
                    None => b,
                };
                let no = if yes == a { b } else { a };
                done(task, vec![no.clone(), yes.clone()], why)
            }
        }
    }
}

/// The values that are asked about: one, or a group as `a,b` or `a or b`.
fn asked_values<'a>(label: &str, values: &'a [String]) -> Result<Vec<&'a str>, String> {
    let find = |label: &str| values.iter().position(|value| is_same(value, label));
    let parts = group(label);
    let known: Vec<Option<usize>> = parts.iter().map(|part| find(part)).collect();
    if let Some(place) = find(label) {
        if parts.len() > 1 && known.iter().any(Option::is_some) {
            return Err(format!(
                "has the value \"{label}\" and also parts of it: which is asked about cannot be \
                 told; rename it"
            ));
        }
        return Ok(vec![&values[place]]);
    }
    if let Some(unknown) = known.iter().position(Option::is_none) {
        let part = parts[unknown];
        return Err(format!("is never \"{part}\"; its values are {}", names(values)));
    }
    let asked = |(i, value): (usize, &'a String)| known.contains(&Some(i)).then_some(&**value);
    Ok(values.iter().enumerate().filter_map(asked).collect())
}

/// Whether two labels are one: the same text, or the same number.
fn is_same(a: &str, b: &str) -> bool {
    let number = |text: &str| Cell::parse(text, false)?.number();
    a == b || seen(a) == seen(b) || number(a).is_some_and(|x| number(b) == Some(x))
}

pub(super) fn names(values: &[String]) -> String {
    list(values.iter().map(String::as_str))
}

/// What a word says, if it says yes or no.
pub(super) fn truth(word: &str) -> Option<bool> {
    match &*word.to_lowercase() {
        "1" | "yes" | "y" | "true" | "t" | "positive" | "pos" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "negative" | "neg" => Some(false),
        // 1.0, as pandas writes whole numbers beside gaps.
        other => [(0.0, false), (1.0, true)]
            .into_iter()
            .find_map(|(x, truth)| (other.parse() == Ok(x)).then_some(truth)),
    }
}

fn truths(head: &Head, s: &Statistics) -> Option<()> {
    let (values, _) = values(head, s).ok()?;
    values.iter().all(|v| truth(v).is_some()).then_some(())
}

fn truths_of(table: &Table, place: usize, all: &[Statistics]) -> Option<()> {
    truths(&table.heads[place], &all[place])
}

/// The different values, numbers in their order, else by the alphabet; and
/// how often each occurs on average.
fn values(head: &Head, s: &Statistics) -> Result<(Vec<String>, f64), String> {
    let none = Vec::new();
    let numbers = match (&s.few, s.numbers) {
        (_, 0) => &none,
        (Some(few), _) => few,
        (None, _) => return Err("holds too many different numbers to be classes".into()),
    };
    let words = head.words.iter().zip(&s.counts).filter(|(_, n)| **n > 0).map(|(w, _)| w.clone());
    let mut values: Vec<String> = words.collect();
    values.sort_unstable();
    let numbers = numbers.iter().map(|(x, _)| head.text(Cell::Number(*x)));
    let values: Vec<String> = numbers.chain(values).collect();
    let often = (s.numbers + s.words) as f64 / values.len() as f64;
    Ok((values, often))
}

/// What else stands in a target that says one thing alone, and why it does not count.
fn taken_away(head: &Head, s: &Statistics) -> String {
    let words = head.gone.0.iter();
    let mut why: Vec<String> = words
        .take(5)
        .map(|(word, n)| format!("\"{word}\", {n} times, stands for missing"))
        .collect();
    if s.infinite > 0 {
        why.push("infinite numbers count as missing".into());
    }
    if head.firsts.decimals.is_some_and(|[least, most]| least != most) && s.words == 0 {
        why.push("a number is the same with zeros behind, as 0.1 and 0.10".into());
    }
    if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_yes_or_no_by_their_sense() {
        for (word, is) in [
            ("Yes", Some(true)),
            ("1", Some(true)),
            ("1.0", Some(true)),
            ("0.0", Some(false)),
            ("F", Some(false)),
            ("2", None),
            ("maybe", None),
        ] {
            assert_eq!(truth(word), is, "{word}");
        }
        assert!(is_same("1", "1.0") && is_same("a", "a") && !is_same("1", "01"));
        let values = ["1", "2", "a", "b", "a or c"].map(String::from);
        assert_eq!(asked_values("b, 2.0", &values).unwrap(), ["2", "b"]);
        assert_eq!(asked_values("a", &values).unwrap(), ["a"]);
        assert!(asked_values("a,d", &values).unwrap_err().contains("is never \"d\""));
        assert!(asked_values("a or c", &values).unwrap_err().contains("cannot be told"));
    }
}
