//! What is in a table, what would be done with it, and what looks wrong.

use std::{collections::HashMap, fmt};

use serde::Serialize;

use super::{
    ColumnKind, Head, Prepare, Table,
    columns::shown,
    leaks::Leaks,
    stand_ins,
    statistics::{FEW, FEW_ANSWERS, Statistics},
    suspect, twins,
};
use crate::{Result, Task, network::thousands, visible};

/// A table, looked through: see [`Prepare::check`].
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// The file, its size, how it is written.
    pub about: String,
    /// Number of rows.
    pub rows: usize,
    /// The columns, in the file's order.
    pub columns: Vec<Checked>,
    /// Inputs that a network would have.
    pub inputs: usize,
    /// What was decided: target and question.
    pub said: Vec<String>,
    /// What looks wrong.
    pub suspicious: Vec<String>,
}

/// One column, looked through.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// What stands in it.
    pub holds: String,
    /// Cells in which nothing stands.
    pub missing: usize,
    /// Inputs it becomes; 0 if it is the target or left out.
    pub inputs: usize,
    /// Why it is left out, or that it is the target.
    pub note: String,
}

impl Prepare {
    /// Looks a table through, as [`Prepare::of`] would see it, and changes nothing.
    ///
    /// # Errors
    /// No such column; a target that poses no question.
    pub fn check(&self, table: &Table) -> Result<Check> {
        let targets = self.places(table)?;
        let asked = |column: usize| targets.contains(&column);
        let answers = Statistics::gather(table, FEW_ANSWERS, asked, |_| true);
        let (question, asked) = self.question(table, &targets, &answers)?;
        let mut said = table.passed_over();
        said.extend(asked);
        let (answers, rows) = question.read(table, &[])?;
        let about = table.about();
        let (dates, of_dates) = self.dates(table, &question);
        said.extend(of_dates);
        let with_dates;
        let table = match &dates[..] {
            [] => table,
            dates => {
                with_dates = table.clone().with_dates(dates);
                &with_dates
            }
        };
        let all = Statistics::gather(table, FEW, |_| true, |_| true);
        let columns = self.learn(table, &question, &all, &dates);
        said.extend(suspect::missing_words(table, &columns, &question));
        said.extend(suspect::readings(table, &columns));
        let mut suspicious: Vec<String> = suspect::small_classes(&answers).into_iter().collect();
        if rows.len() < table.rows() {
            suspicious.push(format!("{} rows have no target", table.rows() - rows.len()));
        }
        if columns.inputs.is_empty() {
            suspicious.push("no column is left to learn from".into());
        }
        suspicious.extend(suspect::missing_answers(table, &question));
        suspicious.extend(suspect::twin_truths(&question));
        let amounts = question.task == Task::Number;
        suspicious.extend(twins::twins(table, &columns, &question.places, amounts));
        suspicious.extend(stand_ins::odd_zeros(table, &columns, &all));
        suspicious.extend(suspect::twin_numbers(table, &columns, &all));
        suspicious.extend(suspect::infinite_numbers(table));
        suspicious.extend(suspect::close_numbers(table, &all));
        suspicious.extend(suspect::dressed_numbers(table));
        suspicious.extend(suspect::open_marks(table, &columns));
        suspicious.extend(suspect::twin_words(table, &columns, &question));
        suspicious.extend(suspect::odd_words(table, &columns));
        let leaks = Leaks::find(table, &columns, &answers, &rows);
        said.extend(leaks.said);
        suspicious.extend(leaks.warnings);
        let inputs = columns.by_name();
        let left_out = columns.left_out.iter().map(|left| (&*left.name, left));
        let left_out: HashMap<&str, _> = left_out.collect();
        let part = |head: &Head| {
            !inputs.contains_key(&*head.name)
                && dates.iter().any(|dates| dates.names().any(|name| name == head.name))
        };
        let heads = table.heads.iter().zip(&all).filter(|(head, _)| !part(head));
        let looked = heads.map(|(head, s)| {
            let input = inputs.get(&*head.name);
            let left_out = left_out.get(&*head.name);
            let note = match (input, left_out) {
                (Some(_), _) => String::new(),
                (_, Some(left)) => format!("left out: {}", left.why),
                _ => "the target".into(),
            };
            let holds = input.map_or_else(|| rough(s), |column| column.kind.describe());
            let inputs = input.map_or(0, |column| column.kind.width());
            let number = input.is_some_and(|c| matches!(c.kind, ColumnKind::Number { .. }));
            let missing = s.missing + if number { s.words } else { 0 };
            Checked { name: head.name.clone(), holds, missing, inputs, note }
        });
        Ok(Check {
            about,
            rows: table.rows(),
            columns: looked.collect(),
            inputs: columns.width(),
            said,
            suspicious,
        })
    }
}

/// What stands in a column that is no input.
fn rough(s: &Statistics) -> String {
    let words = s.counts.iter().filter(|n| **n > 0).count();
    match (s.numbers, words) {
        (0, 0) => "nothing".into(),
        (0, n) => format!("{n} different words"),
        (_, 0) => format!("number, {} to {}", shown(s.low), shown(s.high)),
        (_, n) => {
            format!("number, {} to {}, and {n} different words", shown(s.low), shown(s.high))
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { about, columns, inputs, said, suspicious, .. } = self;
        writeln!(f, "{about}")?;
        said.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        let names = columns.iter().map(|c| visible(&c.name));
        let name = names.map(|name| name.chars().count()).max().unwrap_or(0).clamp(6, 30);
        writeln!(f, "\n  {:name$}  missing  inputs  holds", "column")?;
        for Checked { name: column, holds, missing, inputs, note } in columns {
            let cut: String = match holds.chars().count() {
                0..=70 => holds.clone(),
                _ => holds.chars().take(69).chain(['…']).collect(),
            };
            let column = visible(column);
            let note = if note.is_empty() { String::new() } else { format!("  ({note})") };
            writeln!(f, "  {column:name$}  {:>7}  {inputs:>6}  {cut}{note}", thousands(*missing))?;
        }
        write!(f, "\n{inputs} inputs")?;
        match &suspicious[..] {
            [] => write!(f, "; nothing looks wrong"),
            all => {
                write!(f, "\n\nlook at this:")?;
                all.iter().try_for_each(|line| write!(f, "\n  {line}"))
            }
        }
    }
}
