//! Whether a file's first row holds the columns' names.

use std::{borrow::Cow, collections::HashSet};

use super::{
    Cell, cell::is_name, dialect::Options, letters::seen, missing::is_no_number,
    written::is_like_a_number,
};

/// Of fewer rows it cannot be said what comes again.
const ENOUGH_ROWS: usize = 8;

/// What stands in one column of a file's beginning.
struct Column<'a> {
    first: &'a str,
    /// The cells below the first in which something stands.
    below: Vec<&'a str>,
    comma: bool,
}

fn number(text: &str, comma: bool) -> Option<f64> {
    Cell::parse(text, comma)?.number()
}

/// Whether a cell may be a number, however it is written.
fn is_numeric(text: &str, comma: bool) -> bool {
    number(text, comma).is_some() || is_name(text) || is_like_a_number(text)
}

impl Column<'_> {
    fn has_numeric_name(&self) -> bool {
        is_numeric(self.first, self.comma)
    }

    /// A word above numbers.
    fn is_named_by_a_word(&self) -> bool {
        let missing = self.first.is_empty() || is_no_number(self.first);
        let number = |text: &&str| number(text, self.comma).is_some();
        !missing && !self.has_numeric_name() && self.below.iter().any(number)
    }

    /// A word that does not come again, above words that all do.
    fn is_named_above_words(&self) -> bool {
        let word = |text: &&str| !is_numeric(text, self.comma);
        if self.below.len() < ENOUGH_ROWS || !self.below.iter().all(word) {
            return false;
        }
        let mut sorted = self.below.clone();
        sorted.sort_unstable();
        let repeated = sorted.chunk_by(|a, b| a == b).all(|same| same.len() > 1);
        let missing = self.first.is_empty() || is_no_number(self.first);
        repeated && !missing && word(&self.first) && !self.below.contains(&self.first)
    }

    /// Its first cell, a word, stands further down too.
    fn has_its_name_below(&self) -> bool {
        !self.has_numeric_name() && self.below.contains(&self.first)
    }

    /// A whole number that could be a name: an index, a year.
    fn index(&self) -> Option<i64> {
        self.first.parse().ok().filter(|_| !is_name(self.first))
    }

    /// A whole number above words, or above numbers nearly all of which have decimals.
    fn is_unlike_its_cells(&self) -> bool {
        let fits = |text: &&&str| number(text, self.comma).is_some_and(|x| x.fract() == 0.0);
        let fitting = self.below.iter().filter(fits).count();
        self.index().is_some() && !self.below.is_empty() && fitting * 10 <= self.below.len()
    }

    /// A year above what are no years.
    fn is_year(&self) -> bool {
        let year = |x: f64| (1800.0..=2200.0).contains(&x);
        let years = self.below.iter().filter(|text| number(text, self.comma).is_some_and(year));
        let is_year = self.index().is_some_and(|x| year(x as f64));
        is_year && !self.below.is_empty() && years.count() * 10 <= self.below.len()
    }
}

/// Whether the first row holds the columns that are expected, or enough of a model's.
pub(super) fn is_expected(first: &[String], options: &Options) -> bool {
    let first: HashSet<Cow<str>> = first.iter().map(|name| seen(name)).collect();
    let holds = |name: &String| first.contains(&seen(name));
    if options.targets.iter().any(holds) {
        return true;
    }
    let found: Vec<&String> = options.columns.iter().filter(|name| holds(name)).collect();
    let words = found.iter().any(|name| !is_numeric(name, false));
    found.len() == options.columns.len() && !found.is_empty()
        || words && found.len() * 2 >= options.columns.len()
}

/// Whether the first row holds words alone, and one of them stands above numbers.
pub(super) fn is_surely_header(rows: &[Vec<String>]) -> bool {
    let words = |row: &Vec<String>| row.iter().all(|cell| !is_numeric(cell, false));
    rows.first().is_some_and(words) && has_header(rows, false) && rows.len() > 2 && {
        let number = |row: &Vec<String>| row.iter().any(|cell| number(cell, false).is_some());
        rows[1..].iter().all(number)
    }
}

/// Whether these cells are numbers that ascend.
fn ascend<'t>(cells: impl Iterator<Item = Option<&'t str>>, comma: bool) -> bool {
    let numbers: Option<Vec<f64>> = cells.map(|cell| number(cell?, comma)).collect();
    numbers.is_some_and(|all| all.windows(2).all(|pair| pair[0] < pair[1]))
}

/// Whether these names, numbers that ascend, stand beside a word above words that come again:
/// three numbers, or years or places one after the other; and the rows below do not ascend too.
fn ascend_beside_a_word(columns: &[Column], numeric: &[&Column], rest: &[Vec<String>]) -> bool {
    let comma = numeric[0].comma;
    let in_turn =
        |pair: &[&Column]| pair[0].index().zip(pair[1].index()).is_some_and(|(a, b)| a + 1 == b);
    let regular = numeric.len() > 2 || (numeric.len() == 2 && numeric.windows(2).all(in_turn));
    if !regular || !ascend(numeric.iter().map(|c| Some(c.first)), comma) {
        return false;
    }
    let places: Vec<usize> =
        (0..columns.len()).filter(|i| columns[*i].has_numeric_name()).collect();
    let ascends = |row: &&Vec<String>| {
        ascend(places.iter().map(|place| row.get(*place).map(String::as_str)), comma)
    };
    let often = rest.iter().filter(ascends).count() * 5 > rest.len() * 3;
    !often && columns.iter().any(Column::is_named_above_words)
}

/// Whether the first row is 0, 1, 2, … in a table of numbers where that is no row's beginning:
/// of four columns or more, and unlike the row below.
fn is_counted(columns: &[Column], numeric: &[&Column], rest: &[Vec<String>]) -> bool {
    let counts = |cells: &[String]| (0..).zip(cells).all(|(i, c)| c.parse() == Ok::<i64, _>(i));
    let Some(second) = rest.first() else { return false };
    let shared = columns.iter().zip(second).filter(|(column, cell)| column.first == **cell);
    numeric.len() == columns.len()
        && columns.len() > 3
        && rest.len() >= ENOUGH_ROWS
        && shared.count() * 2 < columns.len()
        && !rest.iter().any(|row| counts(row))
}

/// Whether the first row looks like names. Names are words, all different, and not what stands
/// below them; a word above numbers is one for sure. Numbers are names beside such a word, if
/// they are whole and all different; or if they are not like what stands below them.
pub(super) fn has_header(rows: &[Vec<String>], comma: bool) -> bool {
    let Some((first, rest)) = rows.split_first() else { return false };
    let column = |(place, first): (usize, &'_ String)| {
        let cells = rest.iter().filter_map(|row| row.get(place).map(String::as_str));
        let known = |cell: &&str| !Cell::parse(cell, comma).is_some_and(Cell::is_missing);
        (first.clone(), cells.filter(known).collect::<Vec<_>>())
    };
    let owned: Vec<(String, Vec<&str>)> = first.iter().enumerate().map(column).collect();
    let columns: Vec<Column> =
        owned.iter().map(|(first, below)| Column { first, below: below.clone(), comma }).collect();
    let mut names: Vec<&String> = first.iter().filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    let different = names.len() == first.iter().filter(|name| !name.is_empty()).count();
    let numeric: Vec<&Column> = columns.iter().filter(|c| c.has_numeric_name()).collect();
    if numeric.is_empty() {
        return rest.is_empty()
            || columns.iter().any(Column::is_named_by_a_word)
            || (different && !columns.iter().any(Column::has_its_name_below));
    }
    // Two columns of one name are refused, not taken for a row.
    if numeric.iter().all(|c| c.is_year()) {
        return true;
    }
    if !different {
        return false;
    }
    if ascend_beside_a_word(&columns, &numeric, rest) {
        return true;
    }
    if !numeric.iter().all(|c| c.index().is_some()) {
        // Numbers with decimals are names only beside a word that is one for sure.
        let letters = |c: &Column| c.first.starts_with(char::is_alphabetic);
        return columns.iter().any(|c| c.is_named_by_a_word() && letters(c))
            && !columns.iter().any(Column::has_its_name_below);
    }
    // 0, 1, 2, …: what pandas calls columns that have no names.
    let indices = (0..).zip(&numeric).all(|(i, c)| c.index() == Some(i));
    let counts = |(i, text): (usize, &&str)| number(text, comma) == Some(i as f64);
    let numbered = first[0].is_empty() && columns[0].below.iter().enumerate().all(counts);
    let unlike = numeric.iter().filter(|c| c.is_unlike_its_cells()).count();
    columns.iter().any(Column::is_named_by_a_word)
        || (indices && numbered)
        || (indices && is_counted(&columns, &numeric, rest))
        || (indices && numeric.len() > 2 && unlike * 2 > numeric.len())
        || (numeric.len() > 1 && unlike == numeric.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        text.split('/').map(|row| row.split(',').map(|c| c.trim().to_string()).collect()).collect()
    }

    #[test]
    fn names_are_told_from_rows() {
        for names in [
            "a,b/1,2/3,4",
            "0,1,2,3,y/-0.8,0.2,-1.6,0.6,-2.4/1.1,-0.4,0.4,0.2,3.4",
            "a,b,c,2024,cls/-0.8,0.2,-1.6,0.6,q/1.1,-0.4,0.4,0.2,p",
            "id,2019,2020/1,120,130/2,70,90",
            "country,2019,2020/France,120,130/Spain,70,90",
            ",0,1,2,y/0,5,7,9,a/1,6,2,4,b",
            "0,1,2,3/0.5,1.5,0.1,2.5/0.25,1.5,0.5,3.5",
            "1,2,label/0.5,1.5,a/0.2,0.7,b",
            "sex,colour/m,red/f,red",
            "a,b",
            "name,1,2/x,0.5,0.7/y,0.1,0.3",
            ",a,b/0,,x/1,5,y",
            "0.5,1.0,2.0,dose/0.1,0.2,0.1,3/0.3,0.3,0.4,5",
            "2019,2019,2020,y/0.5,0.7,0.1,p/0.2,0.3,0.9,q",
            "-1,0,1,y/0.5,0.7,0.1,p/0.2,0.3,0.9,q",
        ] {
            assert!(has_header(&rows(names), false), "{names}");
        }
        for data in [
            "1,2/3,4",
            "0,1,2/5,7,3/2,8,6",
            "m,red/f,red/m,blue",
            "5.1,3.5,setosa/4.9,3.0,setosa/6.1,2.9,virginica",
            "2010,5,a/2011,7,b/2012,9,a",
            "NA,5,3/2,7,4/3,9,1",
            "?,5.1,3/2,7.5,4/3,9.2,1",
            "Bob,3,4/Alice,5,6/Bob,2,7",
            "007,$3/008,$4",
            "red,1,1/red,2,2/blue,3,1",
            "5,unknown,2/3,7,4/3,9,1",
            "12a,32.1,5.5/13,31.9,6.1/14,31.5,6.2",
            "5.1,bad,1.4,setosa/4.9,3.0,1.4,setosa/6.1,2.9,4.7,virginica",
        ] {
            assert!(!has_header(&rows(data), false), "{data}");
        }
    }

    #[test]
    fn many_rows_tell_more() {
        let many = |first: &str, row: fn(u32) -> String| {
            let all: Vec<String> = std::iter::once(first.into()).chain((0..30).map(row)).collect();
            has_header(&rows(&all.join("/")), false)
        };
        fn noise(i: u32) -> u32 {
            i * 7919 % 101
        }
        let counted = |i: u32| format!("{},{},{},{}", noise(i), noise(i + 3), noise(i + 5), i % 4);
        assert!(many("0,1,2,3", counted));
        assert!(!many("0,1,2,4", counted) && !many("1,2,3,4", counted));
        assert!(!many("0,1,2,3", |i| format!("0,1,{},{}", 2 + i % 3, noise(i))), "alike below");
        let years = |i: u32| {
            format!("{},{},{}", ["fr", "de"][i as usize % 2], 1900 + noise(i), 1900 + noise(i + 1))
        };
        assert!(many("country,2019,2020", years));
        assert!(!many("es,1990,1950", years) && !many("es,1950,1990", years));
        let waves = |i: u32| {
            format!(
                "{}.5,{}.25,{}.5,{}",
                noise(i),
                noise(i + 4),
                noise(i + 9),
                ["p", "q"][i as usize % 2]
            )
        };
        assert!(many("0.25,0.5,0.75,y", waves));
        assert!(!many("0.75,0.5,0.25,y", waves) && !many("0.25,0.5,0.75,p", waves));
        let ascending = |i: u32| format!("{i}.5,{i}.7,{i}.9,{}", ["p", "q"][i as usize % 2]);
        assert!(!many("0.25,0.5,0.75,y", ascending), "rows that ascend");
    }

    #[test]
    fn what_is_expected_is_a_header() {
        let names = |names: &[&str]| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
        let row = names(&["1", "2", "colour"]);
        let told = |targets: &[&str], columns: &[&str]| {
            let (targets, columns) = (names(targets), names(columns));
            is_expected(&row, &Options { targets, columns, ..Options::default() })
        };
        assert!(told(&["colour"], &[]) && told(&[], &["2", "1"]));
        assert!(told(&[], &["colour", "size"]));
        assert!(!told(&["color"], &[]) && !told(&[], &["1", "size"]) && !told(&[], &[]));
    }
}
