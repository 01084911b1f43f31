//! Which rows are learnt from, watched and tested on.

use std::collections::HashMap;

use super::{Cell, Dates, MOST_WORDS, Prepare, Table};
use crate::{
    Result, Targets,
    error::Error,
    rng::{Purpose, Stream},
    visible,
};

/// Where a row goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    None,
    Train,
    Validation,
    Test,
}

/// How rows are divided.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Way {
    /// By chance, with each class's share.
    #[default]
    Chance,
    /// By chance; rows with the same value of this column stay together.
    Groups(String),
    /// The latest rows by this column are tested on.
    Time(String),
}

/// The rows of one part, as places among the rows with targets.
type Places = Vec<u32>;

impl Prepare {
    /// Where each row of the table goes; `rows`: those with targets.
    pub(super) fn split(
        &self,
        table: &Table,
        answers: &Targets,
        rows: &[u32],
    ) -> Result<Vec<Part>> {
        let mut parts = vec![Part::None; table.rows()];
        let groups = self.groups(table, rows)?;
        let mut left: Places = (0..rows.len() as u32).collect();
        if let Some((k, folds)) = self.fold {
            let (stay, go) = match &groups {
                None => answers.fold(k, folds, self.seed)?,
                Some(groups) => groups.fold(k, folds)?,
            };
            go.iter().for_each(|i| parts[rows[*i as usize] as usize] = Part::Test);
            left = stay;
        }
        let fractions = [(self.test, Part::Test), (self.validation, Part::Validation)];
        for (fraction, part) in fractions.into_iter().filter(|(fraction, _)| *fraction > 0.0) {
            let (stay, go) = match &groups {
                None => {
                    let (stay, go) = answers.select(&left).split(fraction, self.seed)?;
                    let places = |part: Places| part.iter().map(|i| left[*i as usize]).collect();
                    (places(stay), places(go))
                }
                Some(groups) => groups.split(&left, fraction)?,
            };
            go.iter().for_each(|i| parts[rows[*i as usize] as usize] = part);
            left = stay;
        }
        left.iter().for_each(|i| parts[rows[*i as usize] as usize] = Part::Train);
        Ok(parts)
    }

    /// The groups of the rows with targets, in the order in which they are given away; None if
    /// chance alone decides.
    fn groups(&self, table: &Table, rows: &[u32]) -> Result<Option<Groups>> {
        let (groups, of_time) = match &self.way {
            Way::Chance => return Ok(None),
            Way::Groups(name) => (self.groups_of(table, rows, name)?, false),
            Way::Time(name) => (in_time(table, rows, name)?, true),
        };
        Ok(Some(Groups { groups, of_time }))
    }

    /// Rows with the same cell, the groups in a random order; a row without one is a group itself.
    fn groups_of(&self, table: &Table, rows: &[u32], name: &str) -> Result<Vec<Places>> {
        let place = known_words(table, name)?;
        let cells: Vec<Cell> = table.cells(place).collect();
        let (mut groups, mut known) = (Vec::<Places>::new(), HashMap::new());
        for (i, row) in rows.iter().enumerate() {
            let group = match cells[*row as usize].key() {
                None => groups.len(),
                Some(key) => *known.entry(key).or_insert(groups.len()),
            };
            if group == groups.len() {
                groups.push(Vec::new());
            }
            groups[group].push(i as u32);
        }
        Stream::new(self.seed, Purpose::Split, 0).shuffle(&mut groups);
        Ok(groups)
    }
}

/// Rows of the same moment, the latest first.
fn in_time(table: &Table, rows: &[u32], name: &str) -> Result<Vec<Places>> {
    let place = known_words(table, name)?;
    let dates = Dates::of(&table.heads[place]);
    let words = &table.heads[place].words;
    let moment = |cell: Cell| match (cell, &dates) {
        (Cell::Word(code), Some((dates, _))) => dates.moment(words.get(code as usize)?),
        (cell, _) => cell.number(),
    };
    let mut order = Vec::new();
    for (i, cell) in table.pick(place, rows.iter().map(|row| *row as usize)).into_iter().enumerate()
    {
        let moment = moment(cell).ok_or_else(|| {
            let (line, text) = (table.line(rows[i] as usize), table.text(place, cell));
            let what = format!("\"{}\" is no time: neither a date nor a number", visible(&text));
            Error::at(&table.source, line, Some(name), what)
        })?;
        order.push((moment, i as u32));
    }
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    let same = |a: &(f64, u32), b: &(f64, u32)| a.0 == b.0;
    Ok(order.chunk_by(same).map(|group| group.iter().map(|(_, i)| *i).collect()).collect())
}

/// The place of a column, all of whose words are known.
fn known_words(table: &Table, name: &str) -> Result<usize> {
    let place = table.column(name)?;
    if table.heads[place].overflow {
        let what =
            format!("column \"{}\" has more than {MOST_WORDS} different words", visible(name));
        return Err(Error::data(format!("{}: {what}; write them as numbers", table.source)));
    }
    Ok(place)
}

/// Rows that stay together.
struct Groups {
    /// In the order in which they are given away.
    groups: Vec<Places>,
    of_time: bool,
}

impl Groups {
    /// The rows that stay, and whole groups that make up about a fraction of them.
    fn split(&self, left: &[u32], fraction: f64) -> Result<(Places, Places)> {
        let wanted = (left.len() as f64 * fraction).round().max(1.0) as usize;
        let is_left = members(left);
        let mut go = Places::new();
        for group in &self.groups {
            let group = || group.iter().copied().filter(|i| is_left(*i));
            // Nearer to what is wanted with it than without it?
            let size = group().count();
            if size == 0 {
                continue;
            }
            if !go.is_empty() && 2 * go.len() + size > 2 * wanted {
                if self.of_time {
                    break;
                }
                continue;
            }
            go.extend(group());
        }
        go.sort_unstable();
        let goes = members(&go);
        let stay: Places = left.iter().copied().filter(|i| !goes(*i)).collect();
        if stay.is_empty() || go.is_empty() {
            return Err(self.too_few());
        }
        Ok((stay, go))
    }

    /// The rows that are trained on when fold `k` is tested on, and that fold. In time, the folds
    /// follow one another, and only what is before a fold is trained on.
    fn fold(&self, k: usize, folds: usize) -> Result<(Places, Places)> {
        let parts = if self.of_time { folds + 1 } else { folds };
        if folds < 2 || parts > self.groups.len() || k >= folds {
            return Err(self.too_few());
        }
        let (mut stay, mut go) = (Places::new(), Places::new());
        if self.of_time {
            let all: usize = self.groups.iter().map(Vec::len).sum();
            // The earliest part is never tested on.
            let of = |before: usize| ((before * parts) / all).min(parts - 1);
            let mut before = 0;
            for group in self.groups.iter().rev() {
                let part = of(before);
                before += group.len();
                if part == k + 1 {
                    go.extend(group);
                } else if part <= k {
                    stay.extend(group);
                }
            }
        } else {
            // The largest groups first, each into the fold that is the smallest so far.
            let mut largest: Vec<&Places> = self.groups.iter().collect();
            largest.sort_by_key(|group| std::cmp::Reverse(group.len()));
            let mut sizes = vec![0; folds];
            for group in largest {
                let smallest = (0..folds).min_by_key(|fold| sizes[*fold]).unwrap_or(0);
                sizes[smallest] += group.len();
                if smallest == k { &mut go } else { &mut stay }.extend(group);
            }
        }
        if stay.is_empty() || go.is_empty() {
            return Err(self.too_few());
        }
        stay.sort_unstable();
        go.sort_unstable();
        Ok((stay, go))
    }

    fn too_few(&self) -> Error {
        let (n, what) = (self.groups.len(), if self.of_time { "moments" } else { "groups" });
        Error::data(format!("too few {what} ({n}) to split: one part would be empty"))
    }
}

/// Whether a place is among these.
fn members(places: &[u32]) -> impl Fn(u32) -> bool + use<> {
    let mut among = vec![false; places.iter().max().map_or(0, |i| *i as usize + 1)];
    places.iter().for_each(|i| among[*i as usize] = true);
    move |i| among.get(i as usize).copied().unwrap_or(false)
}

impl Dates {
    /// Days and their fraction since 1 January 1970.
    fn moment(&self, word: &str) -> Option<f64> {
        let (days, hour) = self.day_and_hour(word)?;
        Some(days as f64 + hour.unwrap_or(0.0) / 24.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table whose rows are these.
    fn table(rows: impl IntoIterator<Item = String>) -> Table {
        let text: String = rows.into_iter().map(|row| row + "\n").collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, format!("who,when,x,y\n{text}")).unwrap();
        Table::read(path).unwrap()
    }

    fn parts(prepare: Prepare, table: &Table) -> Result<Vec<Part>> {
        let rows: Vec<u32> = (0..table.rows() as u32).collect();
        let answers = Targets::numbers(vec![0.0; rows.len()], 1);
        prepare.split(table, &answers, &rows)
    }

    fn patients() -> Table {
        // Patients of 1 to 7 rows, and three rows of nobody.
        table((0..120).map(|i| {
            let who = if i % 40 == 0 { String::new() } else { format!("p{}", (i * i) % 29) };
            format!("{who},{i},{i}.5,{}", i % 7)
        }))
    }

    #[test]
    fn groups_stay_together_in_parts_and_folds() {
        let table = patients();
        let who: Vec<Cell> = table.cells(0).collect();
        let together = |parts: &[Part]| {
            for i in 0..who.len() {
                for j in (0..i).filter(|j| who[i] == who[*j] && who[i] != Cell::Missing) {
                    assert!(parts[i] == parts[j], "rows {i} and {j}");
                }
            }
        };
        for seed in 0..20 {
            let way = || Prepare::new().group("who").seed(seed);
            let all = parts(way().test(0.25).validation(0.25), &table).unwrap();
            together(&all);
            let count = |part| all.iter().filter(|p| **p == part).count();
            assert!((22..=38).contains(&count(Part::Test)), "{}", count(Part::Test));
            assert!((14..=32).contains(&count(Part::Validation)), "{}", count(Part::Validation));
            assert_eq!(count(Part::None), 0);
            let folds: Vec<_> = (0..4).map(|k| parts(way().fold(k, 4), &table).unwrap()).collect();
            for row in 0..table.rows() {
                assert_eq!(folds.iter().filter(|fold| fold[row] == Part::Test).count(), 1);
            }
            folds.iter().for_each(|fold| together(fold));
        }
    }

    #[test]
    fn a_group_too_large_is_not_tested_on_alone() {
        let table = table((0..50).map(|i| format!("{},0,{i},1", if i < 45 { "a" } else { "b" })));
        let parts = parts(Prepare::new().group("who").test(0.2), &table).unwrap();
        assert!(parts.contains(&Part::Train) && parts.contains(&Part::Test));
        let one = self::table((0..9).map(|i| format!("a,0,{i},1")));
        let error = self::parts(Prepare::new().group("who").test(0.2), &one).err().unwrap();
        assert!(error.to_string().contains("too few groups (1)"), "{error}");
    }

    #[test]
    fn the_latest_are_tested_on() {
        // Not in order, as dates and as numbers; the 1 and 15 of each month are two rows each.
        let day = |i: usize| (i * 37) % 100;
        let date =
            |n: usize| format!("{}-{:02}-{:02}", 2020 + n / 24, n / 2 % 12 + 1, n % 2 * 14 + 1);
        for written in [&(|n: usize| date(n)) as &dyn Fn(usize) -> String, &|n| format!("{n}.5")] {
            let table = table((0..200).map(|i| format!("a,{},{i},1", written(day(i)))));
            // As they are when rows are divided.
            let (dates, _) = table.dates(|_| true);
            let table = table.with_dates(&dates);
            let parts =
                parts(Prepare::new().time("when").test(0.2).validation(0.1), &table).unwrap();
            for (i, part) in parts.iter().enumerate() {
                let wanted = match day(i) {
                    80.. => Part::Test,
                    72.. => Part::Validation,
                    _ => Part::Train,
                };
                assert!(*part == wanted, "day {}", day(i));
            }
            let folds: Vec<_> = (0..4)
                .map(|k| self::parts(Prepare::new().time("when").fold(k, 4), &table).unwrap())
                .collect();
            for (k, fold) in folds.iter().enumerate() {
                for (i, part) in fold.iter().enumerate() {
                    let wanted = match day(i) / 20 {
                        block if block == k + 1 => Part::Test,
                        block if block <= k => Part::Train,
                        _ => Part::None,
                    };
                    assert!(*part == wanted, "fold {k}, day {}", day(i));
                }
            }
        }
    }

    #[test]
    fn what_is_no_time_is_told_with_its_line() {
        let table = table((0..30).map(|i| format!("a,{},1,1", if i == 7 { "?" } else { "3" })));
        let error = parts(Prepare::new().time("when").test(0.2), &table).err().unwrap().to_string();
        assert!(error.contains("t.csv:9: column \"when\""), "{error}");
    }
}
