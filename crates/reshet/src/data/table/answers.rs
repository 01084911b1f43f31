//! What each row of a table answers to a question.

use std::{borrow::Cow, collections::HashMap};

use super::{
    Cell, Table,
    cell::number_in_letters,
    letters::seen,
    list,
    missing::is_no_number,
    question::{Question, names, truth},
    statistics::Statistics,
};
use crate::{
    Result, Targets, Task,
    data::{classes::group, to_probabilities},
    error::Error,
};

impl Question {
    /// The target of each row, and the rows that have one; numbers are counted from `origins`,
    /// if there are any. Of several numbers some may be missing: NaN.
    ///
    /// # Errors
    /// A value that is none of the question's answers; names the line.
    pub fn read(&self, table: &Table, origins: &[f64]) -> Result<(Targets, Vec<u32>)> {
        let rows = self.answered(table);
        if rows.is_empty() {
            let names = list(self.places.iter().map(|p| &*table.heads[*p].name));
            return Err(Error::data(format!("{}: no row has the target {names}", table.source)));
        }
        Ok((self.targets(table, origins, &rows)?, rows))
    }

    /// Whether some of a row's targets may be missing.
    fn is_partial(&self) -> bool {
        self.task == Task::Number && self.places.len() > 1
    }

    /// The rows that have a target.
    pub fn answered(&self, table: &Table) -> Vec<u32> {
        let Self { places, .. } = self;
        let known = |cell: Cell| match cell {
            Cell::Number(x) => (x as f32).is_finite(),
            Cell::Word(_) => true,
            Cell::Missing => false,
        };
        // How many of its targets a row has.
        let mut has = vec![0; table.rows()];
        for place in places {
            let words = &table.heads[*place].words;
            let skips: Vec<bool> = match self.skips_words(*place) {
                true => words.iter().map(|word| is_no_number(word)).collect(),
                false => Vec::new(),
            };
            let skipped = |cell: Cell| cell.word().is_some_and(|w| skips.get(w) == Some(&true));
            for (has, cell) in has.iter_mut().zip(table.rough_cells(*place)) {
                *has += usize::from(known(cell) && !skipped(cell));
            }
        }
        let needed = if self.is_partial() { 1 } else { places.len() };
        (0..table.rows() as u32).filter(|row| has[*row as usize] >= needed).collect()
    }

    /// The targets of these rows, which have some.
    ///
    /// # Errors
    /// As [`Question::read`].
    pub fn targets(&self, table: &Table, origins: &[f64], rows: &[u32]) -> Result<Targets> {
        let Self { places, task, names, .. } = self;
        let (width, partial) = (places.len(), self.is_partial());
        let mut answered = vec![false; table.rows()];
        rows.iter().for_each(|row| answered[*row as usize] = true);
        let has = |row: usize| answered[row];
        let mut values = vec![0.0; rows.len() * width];
        for (q, place) in places.iter().enumerate() {
            let wrong = |row: usize, cell: Cell, what: &str| {
                let (name, text) = (&table.heads[*place].name, table.text(*place, cell));
                let (source, line) = (&table.source, table.line(row));
                Error::at(source, line, Some(name), format!("the target \"{text}\" {what}"))
            };
            let into = values[q..].iter_mut().step_by(width);
            let skips = self.skips_words(*place);
            let number = |row: usize, cell: Cell| match cell {
                Cell::Missing if partial => Ok(f64::NAN),
                Cell::Word(_) if partial && skips => Ok(f64::NAN),
                Cell::Number(x) if partial && !(x as f32).is_finite() => Ok(f64::NAN),
                _ => cell.number().ok_or_else(|| wrong(row, cell, "is not a number")),
            };
            match (task, origins.get(q)) {
                (Task::Number, Some(origin)) => {
                    let cells = table.cells(*place).enumerate().filter(|(row, _)| has(*row));
                    for (value, (row, cell)) in into.zip(cells) {
                        *value = (number(row, cell)? - origin) as f32;
                    }
                }
                _ if *task == Task::Number || self.is_soft() => {
                    let cells = table.rough_cells(*place).enumerate().filter(|(row, _)| has(*row));
                    for (value, (row, cell)) in into.zip(cells) {
                        *value = number(row, cell)? as f32;
                    }
                }
                _ => {
                    let answers = Answers::new(*task, names, width);
                    let cells = table.cells(*place).enumerate().filter(|(row, _)| has(*row));
                    // Most rows say what the row above says.
                    let mut last = None;
                    for (value, (row, cell)) in into.zip(cells) {
                        let answer = match last {
                            Some((same, answer)) if same == cell => answer,
                            _ => answers
                                .of(cell, &table.text(*place, cell))
                                .ok_or_else(|| wrong(row, cell, &answers.expected()))?,
                        };
                        last = Some((cell, answer));
                        *value = answer as f32;
                    }
                }
            }
        }
        if self.is_soft() {
            for (row, values) in rows.iter().zip(values.chunks_exact_mut(width)) {
                to_probabilities(values).map_err(|what| {
                    let line = table.line(*row as usize);
                    Error::at(&table.source, line, None, what)
                })?;
            }
        }
        Ok(self.targets_of(values))
    }

    /// Numbers, row by row, as targets: amounts, class numbers, or 0 and 1.
    pub fn targets_of(&self, values: Vec<f32>) -> Targets {
        let Self { places, task, names, .. } = self;
        let width = places.len();
        match task {
            Task::Number => Targets::numbers(values, width),
            Task::Classes if width > 1 => Targets::of_probabilities(values, names.clone()),
            Task::Classes => {
                Targets::classes(values.iter().map(|v| *v as u32).collect(), names.clone())
            }
            Task::Binary if width > 1 => Targets::yes_no(values, names.clone()),
            Task::Binary => {
                Targets::YesNo { values: values.into(), width: 1, names: names.clone() }
            }
        }
    }

    /// What numbers of the targets are to be counted from, if single precision is too little.
    pub fn origins(&self, all: &[Statistics]) -> Vec<f64> {
        let far = |place: &usize| all[*place].needs_double(all[*place].mean, all[*place].sd);
        if self.task != Task::Number || !self.places.iter().any(far) {
            return Vec::new();
        }
        let origin = |place: &usize| match far(place) {
            true => rounded(all[*place].mean, all[*place].sd),
            false => 0.0,
        };
        self.places.iter().map(origin).collect()
    }
}

/// A mean with as few decimals as leave it near its numbers, so that what is counted from it has
/// few digits.
fn rounded(mean: f64, sd: f64) -> f64 {
    let near = |decimals: i32| {
        let power = 10f64.powi(decimals);
        let rounded = (mean * power).round() / power;
        ((mean - rounded).abs() <= NEAR * sd).then_some(rounded)
    };
    (0..18).find_map(near).unwrap_or(mean)
}

/// Numbers that many standard deviations from what they are counted from keep their digits.
const NEAR: f64 = 1000.0;

/// Which answer a cell is, of a yes/no question or of classes.
struct Answers<'a> {
    /// Read by their sense: yes, true, 1.
    truths: bool,
    names: &'a [String],
    words: HashMap<Cow<'a, str>, usize>,
    /// The names that are numbers: 1 and 1.0 are one.
    numbers: Vec<(f64, usize)>,
    /// What is none of the words, if anything else is an answer too.
    rest: Option<usize>,
}

impl<'a> Answers<'a> {
    fn new(task: Task, names: &'a [String], questions: usize) -> Self {
        let truths = task == Task::Binary && (questions > 1 || names.len() == 1);
        let is = task == Task::Binary && !truths && names[0] == format!("not {}", names[1]);
        let mut answers: Vec<(&str, usize)> =
            names.iter().enumerate().map(|(i, name)| (&**name, i)).collect();
        if is {
            answers.extend(group(&names[1]).into_iter().map(|part| (part, 1)));
        }
        let number = |(name, i): &(&str, usize)| Some((Cell::parse(name, false)?.number()?, *i));
        let numbers = answers.iter().filter_map(number).collect();
        let words = answers.into_iter().map(|(name, i)| (seen(name), i)).collect();
        Self { truths, names, words, numbers, rest: is.then_some(0) }
    }

    fn of(&self, cell: Cell, text: &str) -> Option<usize> {
        if self.truths {
            let text = cell.number().map_or_else(|| text.into(), |x| x.to_string());
            return truth(&text).map(usize::from);
        }
        let word = self.words.get(text).copied();
        let number = || {
            let number = cell.number().or_else(|| number_in_letters(text))?;
            Some(self.numbers.iter().find(|(x, _)| *x == number)?.1)
        };
        word.or_else(number).or(self.rest)
    }

    fn expected(&self) -> String {
        match self.truths {
            true => "is not yes/no, true/false or 1/0".into(),
            false => format!("is none of {}", names(self.names)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_near_and_short() {
        assert_eq!(rounded(1e9 + 0.3, 10.0), 1e9);
        assert_eq!(rounded(0.123_456_788, 8e-10), 0.123_457);
        assert_eq!(rounded(-1_234.567_8, 1e-6), -1_234.568);
        assert_eq!(rounded(0.0, 0.0), 0.0);
    }

    #[test]
    fn labels_are_the_same_by_their_sense() {
        let group = ["not 3, 4.5 or b", "3, 4.5 or b"].map(String::from);
        let answers = Answers::new(Task::Binary, &group, 1);
        for (cell, text, is) in [
            (Cell::Number(3.0), "3.0", 1),
            (Cell::Number(4.5), "4.5", 1),
            (Cell::Number(5.0), "5.0", 0),
            (Cell::Word(0), "b", 1),
            (Cell::Word(1), "3, 4.5 or b", 1),
            (Cell::Word(2), "a", 0),
        ] {
            assert_eq!(answers.of(cell, text), Some(is), "{text}");
        }
        // A text that is a number too is found by its text first.
        let names = ["100", "1e2", "x"].map(String::from);
        let answers = Answers::new(Task::Classes, &names, 1);
        assert_eq!(answers.of(Cell::Word(0), "1e2"), Some(1));
        assert_eq!(answers.of(Cell::Number(100.0), "100"), Some(0));
        assert_eq!(answers.of(Cell::Word(0), "1E2"), Some(0));
        let names = ["1.0", "2.0", "x"].map(String::from);
        let answers = Answers::new(Task::Classes, &names, 1);
        assert_eq!(answers.of(Cell::Number(2.0), "2"), Some(1));
        assert_eq!(answers.of(Cell::Word(0), "x"), Some(2));
        assert_eq!(answers.of(Cell::Number(3.0), "3"), None);
    }
}
