//! Columns that say which rows belong together, where the rows are divided by chance.

use std::collections::HashMap;

use super::{Table, question::Question};
use crate::{Targets, visible};

/// Fewer groups are rather a category, as a species.
const FEWEST: usize = 10;
/// So many rows a group on average, at least.
const ROWS: usize = 2;
/// From this share on the rows of a group have one answer.
const SAME: f64 = 0.98;
/// The rows of each value of a column.
type Groups = HashMap<(bool, u64), Vec<u32>>;

/// Names of what is one and the same in several rows.
const WHO: [&str; 14] = [
    "id",
    "patient",
    "subject",
    "participant",
    "person",
    "user",
    "customer",
    "client",
    "player",
    "student",
    "household",
    "device",
    "session",
    "מספר זהות",
];

/// Tells of a column whose values come back in many rows and either name somebody or decide the
/// answer: a part drawn by chance has rows of groups that were trained on.
pub(super) fn warnings(
    table: &Table,
    question: &Question,
    answers: &Targets,
    rows: &[u32],
) -> Vec<String> {
    let others = (0..table.heads.len()).filter(|place| !question.places.contains(place));
    others.filter_map(|place| warning(table, place, answers, rows)).take(1).collect()
}

fn warning(table: &Table, place: usize, answers: &Targets, rows: &[u32]) -> Option<String> {
    let head = &table.heads[place];
    let named = names_somebody(&head.name);
    if head.overflow || !(named || head.words.len() >= FEWEST) {
        return None;
    }
    let mut groups: Groups = HashMap::new();
    let cells = table.pick(place, rows.iter().map(|row| *row as usize));
    for (i, cell) in cells.into_iter().enumerate() {
        // Amounts are no names.
        if cell.number().is_some_and(|x| !named || x.fract() != 0.0) {
            return None;
        }
        if let Some(key) = cell.key() {
            groups.entry(key).or_default().push(i as u32);
        }
    }
    if groups.len() < FEWEST || rows.len() < ROWS * groups.len() {
        return None;
    }
    let name = visible(&head.name);
    let most = "a random test part has rows of those that were trained on, and new ones may score less; \
                a split by its groups tells";
    if has_one_answer_each(&groups, answers) {
        return Some(format!("the rows of each \"{name}\" have one answer: {most}"));
    }
    named.then(|| {
        format!(
            "\"{name}\" comes back in several rows ({} of {}): {most}",
            groups.len(),
            rows.len()
        )
    })
}

/// Whether a name, or its last word, is of somebody.
fn names_somebody(name: &str) -> bool {
    let lower = name.to_lowercase();
    let last = lower.rsplit(['_', ' ', '-', '.']).next().unwrap_or_default();
    let camel = name.len() > 2 && name.ends_with("Id") || name.ends_with("ID");
    camel || WHO.iter().any(|who| lower == *who || last == *who)
}

/// Whether the answer is the same within each group of several rows, nearly always, and is not
/// the same everywhere.
fn has_one_answer_each(groups: &Groups, answers: &Targets) -> bool {
    let of: Vec<u32> = match answers {
        Targets::Classes { labels, .. } => labels.to_vec(),
        Targets::YesNo { values, width: 1, .. } => {
            values.iter().map(|y| u32::from(*y > 0.5)).collect()
        }
        Targets::Numbers { values, width: 1 } => values.iter().map(|y| y.to_bits()).collect(),
        _ => return false,
    };
    let most = |rows: &mut dyn Iterator<Item = u32>| {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        rows.for_each(|row| *counts.entry(of[row as usize]).or_default() += 1);
        counts.into_values().max().unwrap_or(0)
    };
    let several = || groups.values().filter(|rows| rows.len() > 1);
    let all: usize = several().map(Vec::len).sum();
    let same: usize = several().map(|rows| most(&mut rows.iter().copied())).sum();
    let overall = most(&mut several().flatten().copied());
    same as f64 >= SAME * all as f64 && (overall as f64) < 0.9 * all as f64
}

#[cfg(test)]
mod tests {
    use crate::{Table, data::table::Prepare};

    fn warnings(columns: &str, row: impl Fn(usize) -> String) -> Vec<String> {
        let rows: String = (0..200).map(|i| row(i) + "\n").collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, format!("{columns}\n{rows}")).unwrap();
        let prepared = Prepare::new().target("y").test(0.2).of(Table::read(path).unwrap()).unwrap();
        prepared.warnings.into_iter().filter(|warning| warning.contains("groups")).collect()
    }

    fn answer(yes: bool) -> &'static str {
        if yes { "yes" } else { "no" }
    }

    #[test]
    fn rows_of_one_group_that_have_one_answer_are_told() {
        // Of 25 towns, each with an answer of its own.
        let told =
            warnings("town,x,y", |i| format!("t{},{},{}", i % 25, i % 11, answer(i % 25 % 3 == 0)));
        assert!(told[0].contains("each \"town\" have one answer"), "{told:?}");
        // Their answers differ.
        let row = |i: usize| format!("t{},{},{}", i % 25, i % 11, answer(i % 7 == 0));
        assert!(warnings("town,x,y", row).is_empty());
        // A category of few values may well decide.
        let row = |i: usize| format!("t{},{},{}", i % 5, i % 11, answer(i % 5 == 0));
        assert!(warnings("town,x,y", row).is_empty());
    }

    #[test]
    fn a_name_of_somebody_that_comes_back_is_told() {
        for name in ["patient", "patient_id", "userId", "Customer ID", "subject"] {
            let row = |i: usize| format!("{},{},{}", 1000 + i % 40, i % 11, answer(i % 7 == 0));
            let told = warnings(&format!("{name},x,y"), row);
            assert!(told[0].contains("comes back in several rows (40 of 200)"), "{name}: {told:?}");
        }
        for name in ["paid", "valid", "score", "grid"] {
            let row = |i: usize| format!("{},{},{}", 1000 + i % 40, i % 11, answer(i % 7 == 0));
            assert!(warnings(&format!("{name},x,y"), row).is_empty(), "{name}");
        }
        // Each is there once.
        let row = |i: usize| format!("{i},{},{}", i % 11, answer(i % 7 == 0));
        assert!(warnings("patient,x,y", row).is_empty());
    }
}
