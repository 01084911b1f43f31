//! Columns of dates, as numbers that a network can learn from: year, month, weekday, hour, and
//! the days since the first one.

use serde::{Deserialize, Serialize};

use super::{Cell, Chunk, Head, Table};
use crate::visible;

/// Of a column's words this share must be dates.
const MOST: f64 = 0.9;
const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The order in which dates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// 2024-01-31, 2024-Jan-31.
    Ymd,
    /// 31.1.2024, 31 January 2024.
    Dmy,
    /// 1/31/2024, Jan 31, 2024.
    Mdy,
}

/// A column of dates, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dates {
    /// The column's name.
    pub name: String,
    /// How they are written.
    pub order: Order,
    /// The first day, in days since 1 January 1970.
    pub first: i64,
    /// Whether their hours differ.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hours: bool,
}

/// A day, and an hour with its minutes as a fraction, if there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
    hour: Option<f64>,
}

impl Date {
    fn parse(word: &str, order: Order) -> Option<Self> {
        if word.contains(char::is_alphabetic)
            && let Some(date) = Self::parse_named(word, order)
        {
            return Some(date);
        }
        let (day, time) = word.split_once(['T', ' ']).unwrap_or((word, ""));
        let separator = day.chars().find(|c| !c.is_ascii_digit())?;
        if !matches!(separator, '-' | '/' | '.') {
            return None;
        }
        let parts: Vec<&str> = day.split(separator).collect();
        let [a, b, c] = parts[..] else { return None };
        let number = |text: &str| {
            let digits = text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| text.parse::<i64>().ok())?
        };
        let (year, month, day) = match order {
            Order::Ymd if a.len() == 4 => (a, b, c),
            Order::Dmy if a.len() <= 2 => (c, b, a),
            Order::Mdy if a.len() <= 2 => (c, a, b),
            _ => return None,
        };
        Self { year: full_year(year)?, month: number(month)?, day: number(day)?, hour: hour(time)? }
            .checked()
    }

    /// A date with its month's name: 5 Dec 2022, Dec 5, 2022, 2022-Dec-05; a weekday may be before
    /// it and a time behind.
    fn parse_named(word: &str, order: Order) -> Option<Self> {
        let between = |c: char| matches!(c, ' ' | '-' | '/' | ',' | '.');
        let mut rest = word;
        let mut next = || {
            let start = rest.trim_start_matches(between);
            let end = start.find(between).unwrap_or(start.len());
            let (piece, behind) = start.split_at(end);
            rest = behind;
            piece
        };
        let mut first = next();
        if is_start_of(first, &WEEKDAYS) {
            first = next();
        }
        let (a, b, c) = (first, next(), next());
        let (year, month, day) = match order {
            Order::Ymd if a.len() == 4 => (a, b, c),
            Order::Dmy => (c, b, a),
            Order::Mdy => (c, a, b),
            _ => return None,
        };
        let month = 1 + MONTHS.iter().position(|name| is_start_of(month, &[name]))? as i64;
        let endings = ["st", "nd", "rd", "th"];
        let day = endings.iter().find_map(|ending| day.strip_suffix(ending)).unwrap_or(day);
        let day = if day.len() <= 2 { day.parse().ok()? } else { return None };
        let time = rest.trim_start_matches([' ', ',', 'T']);
        Self { year: full_year(year)?, month, day, hour: hour(time)? }.checked()
    }

    /// Itself if the calendar has it.
    fn checked(self) -> Option<Self> {
        let month = (1..=12).contains(&self.month);
        (month && self.day >= 1 && self.day <= self.days_of_month()).then_some(self)
    }

    fn days_of_month(&self) -> i64 {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        match self.month {
            2 => 28 + i64::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// Days since 1 January 1970: years are counted from March, so that a leap day is the last.
    fn days(&self) -> i64 {
        let (year, month) = match self.month > 2 {
            true => (self.year, self.month - 3),
            false => (self.year - 1, self.month + 9),
        };
        let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        365 * year + leaps + (153 * month + 2) / 5 + self.day - 1 - 719_468
    }
}

/// Whether a word is the beginning of one of these names, of three letters or more, or `Sept`.
fn is_start_of(word: &str, names: &[&str]) -> bool {
    let is_start =
        |name: &&str| name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    word.len() >= 3 && names.iter().any(is_start)
}

/// A year of four digits, or of two.
fn full_year(text: &str) -> Option<i64> {
    let year: i64 = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())??;
    match text.len() {
        4 => Some(year),
        2 if year < 70 => Some(2000 + year),
        2 => Some(1900 + year),
        _ => None,
    }
}

/// The hour of a time, `13:30`, `1:30 PM` or `13:30:05.5Z`; None if it is none.
fn hour(time: &str) -> Option<Option<f64>> {
    let lower = time.trim().to_lowercase().replace('.', ":");
    let half = [("am", 0.0), ("pm", 12.0), ("a:m:", 0.0), ("p:m:", 12.0)];
    if let Some((clock, add)) =
        half.iter().find_map(|(end, add)| Some((lower.strip_suffix(end)?, *add)))
    {
        let (hour, rest) = clock.trim().split_once(':').unwrap_or((clock.trim(), "0"));
        let hour: f64 = hour.parse().ok().filter(|hour| (1.0..=12.0).contains(hour))?;
        let minutes: f64 = rest.split(':').next()?.parse().ok()?;
        return Some(Some(hour % 12.0 + add + minutes / 60.0));
    }
    let clock = time.trim().trim_end_matches(['Z', 'z']).split(['+', '-']).next().unwrap_or("");
    if clock.is_empty() {
        return time.trim().is_empty().then_some(None);
    }
    let parts: Vec<f64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let units = [1.0, 60.0, 3600.0];
    let hour: f64 = parts.iter().zip(units).map(|(part, unit)| part / unit).sum();
    (parts.len() > 1 && (0.0..25.0).contains(&hour)).then_some(Some(hour))
}

/// Whether a number is a date in eight digits: 20240131.
pub(super) fn is_in_digits(x: f64) -> bool {
    let digits = x as i64;
    let date =
        Date { year: digits / 10_000, month: digits / 100 % 100, day: digits % 100, hour: None };
    x.fract() == 0.0 && (1900..2100).contains(&date.year) && date.checked().is_some()
}

impl Dates {
    /// The dates that a column holds, if nearly all of its words are some; and what to say of it.
    pub(super) fn of(head: &Head) -> Option<(Self, String)> {
        let words = head.true_words();
        if words.is_empty() || head.overflow || head.firsts.number.is_some() {
            return None;
        }
        let read = |order: Order| -> Vec<Date> {
            words.iter().filter_map(|word| Date::parse(word, order)).collect()
        };
        let all = [Order::Ymd, Order::Dmy, Order::Mdy].map(|order| (order, read(order)));
        let most = all.iter().map(|(_, dates)| dates.len()).max()?;
        if (most as f64) < MOST * words.len() as f64 {
            return None;
        }
        // Day first, unless the file or its slashes say that the month is.
        let slashes = words.iter().any(|word| word.contains('/'));
        let open = all[1].1.len() == most && all[2].1.len() == most;
        let wanted = |(order, dates): &&(Order, Vec<Date>)| {
            dates.len() == most && !(open && slashes && *order == Order::Dmy)
        };
        let (order, dates) = all.iter().find(wanted)?;
        let first = dates.iter().map(Date::days).min()?;
        let hours = dates.iter().any(|date| date.hour != dates[0].hour);
        let found = Self { name: head.name.clone(), order: *order, first, hours };
        let parts: Vec<&str> = found.parts().to_vec();
        // Where it is open which is the day, one that shows it.
        let shows = |word: &&String| {
            Date::parse(word, *order).is_some_and(|date| !open || date.day != date.month)
        };
        let is_one = |word: &&String| Date::parse(word, *order).is_some();
        let example = words.iter().find(shows).or_else(|| words.iter().find(is_one))?;
        let date = Date::parse(example, *order)?;
        let guess = match open {
            true => ", nothing in the file says whether day or month is first",
            false => "",
        };
        let said = format!(
            "dates of {}: \"{}\" is {}-{:02}-{:02}{guess}; its {} are columns of their own",
            visible(&head.name),
            visible(example),
            date.year,
            date.month,
            date.day,
            parts.join(", ")
        );
        Some((found, said))
    }

    /// What becomes columns.
    fn parts(&self) -> &'static [&'static str] {
        let all = &["year", "month", "weekday", "days", "hour"];
        if self.hours { all } else { &all[..4] }
    }

    /// The names of the columns it becomes.
    pub(super) fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.parts().iter().map(|part| format!("{} {part}", self.name))
    }

    /// The words of the columns it becomes.
    pub(super) fn words(&self) -> impl Iterator<Item = Vec<String>> + '_ {
        let days = || WEEKDAYS.iter().map(|day| day.to_string()).collect();
        self.parts().iter().map(move |part| if *part == "weekday" { days() } else { Vec::new() })
    }

    /// Days since 1 January 1970, and the hour if there is one.
    pub(super) fn day_and_hour(&self, word: &str) -> Option<(i64, Option<f64>)> {
        Date::parse(word, self.order).map(|date| (date.days(), date.hour))
    }

    /// The cells of its columns for a word; of what is no date nothing.
    pub(super) fn cells(&self, word: Option<&str>) -> Vec<Cell> {
        let Some(date) = word.and_then(|word| Date::parse(word, self.order)) else {
            return vec![Cell::Missing; self.parts().len()];
        };
        let days = date.days();
        // 1 January 1970 was a Thursday.
        let weekday = (days + 3).rem_euclid(7) as u32;
        let number = |x: i64| Cell::Number(x as f64);
        let mut cells = vec![
            number(date.year),
            number(date.month),
            Cell::Word(weekday),
            number(days - self.first),
        ];
        if self.hours {
            cells.push(date.hour.map_or(Cell::Missing, Cell::from_number));
        }
        cells
    }

    /// The texts of its columns for a cell's text.
    pub(super) fn texts(&self, text: &str) -> Vec<(String, String)> {
        let words: Vec<String> = WEEKDAYS.iter().map(|day| day.to_string()).collect();
        let texts = self.cells(Some(text.trim())).into_iter().map(|cell| cell.text(&words));
        self.names().zip(texts).collect()
    }
}

/// What the words of columns of dates become, behind the file's columns.
pub(super) struct Expansion {
    /// Where each stands, the cells of each word, and those of nothing.
    columns: Vec<(usize, Vec<Vec<Cell>>, Vec<Cell>)>,
}

impl Expansion {
    /// Of these dates, which stand in these places; `words`: those of a column.
    pub fn new<'w>(dates: &[(usize, &Dates)], words: impl Fn(usize) -> &'w [String]) -> Self {
        let column = |(place, dates): &(usize, &Dates)| {
            let each = words(*place).iter().map(|word| dates.cells(Some(word))).collect();
            (*place, each, dates.cells(None))
        };
        Self { columns: dates.iter().map(column).collect() }
    }

    /// Rows with the columns behind their own; `width`: cells of a row.
    pub fn expand(&self, chunk: Chunk, width: usize) -> Chunk {
        if self.columns.is_empty() {
            return chunk;
        }
        let mut expanded = Chunk { lines: chunk.lines, ..Chunk::default() };
        for row in chunk.cells.chunks_exact(width) {
            row.iter().for_each(|cell| expanded.push(cell.cell(&chunk.long)));
            for (place, each, nothing) in &self.columns {
                let cells = row[*place].code().and_then(|code| each.get(code)).unwrap_or(nothing);
                cells.iter().for_each(|cell| expanded.push(*cell));
            }
        }
        expanded
    }
}

impl Table {
    /// The columns of dates among these, and what to say of each.
    pub(super) fn dates(&self, wanted: impl Fn(usize) -> bool) -> (Vec<Dates>, Vec<String>) {
        let all = self.heads.iter().enumerate().filter(|(place, _)| wanted(*place));
        let names = self.names();
        let free = |dates: &Dates| dates.names().all(|name| !names.contains(&&*name));
        all.filter_map(|(_, head)| Dates::of(head)).filter(|(dates, _)| free(dates)).unzip()
    }

    /// With the columns that dates become behind its own.
    pub(super) fn with_dates(mut self, dates: &[Dates]) -> Self {
        let place = |dates: &Dates| self.heads.iter().position(|head| head.name == dates.name);
        let placed: Vec<(usize, &Dates)> =
            dates.iter().filter_map(|dates| Some((place(dates)?, dates))).collect();
        if placed.is_empty() {
            return self;
        }
        let width = self.heads.len();
        let expansion = Expansion::new(&placed, |place| &self.heads[place].words);
        let chunks = std::mem::take(&mut self.chunks);
        self.chunks = chunks.into_iter().map(|chunk| expansion.expand(chunk, width)).collect();
        for (_, dates) in &placed {
            for (name, words) in dates.names().zip(dates.words()) {
                self.heads.push(Head::with_words(name, words));
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(word: &str, order: Order) -> Option<(i64, i64, i64)> {
        Date::parse(word, order).map(|d| (d.year, d.month, d.day))
    }

    #[test]
    fn dates_are_read_in_their_order() {
        assert_eq!(date("2024-02-29", Order::Ymd), Some((2024, 2, 29)));
        assert_eq!(date("2023-02-29", Order::Ymd), None);
        assert_eq!(date("31.1.2024", Order::Dmy), Some((2024, 1, 31)));
        assert_eq!(date("1/31/24", Order::Mdy), Some((2024, 1, 31)));
        assert_eq!(date("31/1/99", Order::Dmy), Some((1999, 1, 31)));
        for none in ["2024-13-01", "192.168.0.1", "1.2", "abc", "2024-01-01 noon", "2024-1-1T99:00"]
        {
            assert_eq!(date(none, Order::Ymd), None, "{none}");
        }
        for (word, order) in [
            ("5-Dec-2022", Order::Dmy),
            ("05 DEC 2022", Order::Dmy),
            ("5. December 2022", Order::Dmy),
            ("Mon, 5th Dec 2022", Order::Dmy),
            ("Dec 5, 2022", Order::Mdy),
            ("Monday, December 5 22", Order::Mdy),
            ("2022-Dec-05", Order::Ymd),
        ] {
            assert_eq!(date(word, order), Some((2022, 12, 5)), "{word}");
            let others = [Order::Ymd, Order::Dmy, Order::Mdy].into_iter().filter(|o| *o != order);
            assert!(others.into_iter().all(|order| date(word, order).is_none()), "{word}");
        }
        assert_eq!(date("31 Sept 2022", Order::Dmy), None);
        assert_eq!(date("30 Sept 2022", Order::Dmy), Some((2022, 9, 30)));
        for none in
            ["5 De 2022", "5 Decem-2 2022", "Dec 2022", "5 Maybe 2022", "12 monkeys 99", "Dec"]
        {
            assert!(
                [Order::Dmy, Order::Mdy].iter().all(|order| date(none, *order).is_none()),
                "{none}"
            );
        }
        let late = |word: &str| Date::parse(word, Order::Mdy).and_then(|date| date.hour);
        assert_eq!(late("12/5/2022 01:30 PM"), Some(13.5));
        assert_eq!(late("12/5/2022 12:15 a.m."), Some(0.25));
        assert_eq!(late("Dec 5, 2022 12:00PM"), Some(12.0));
        assert_eq!(late("Dec 5, 2022 1pm"), Some(13.0));
        assert_eq!(date("12/5/2022 13:30 PM", Order::Mdy), None);
        let hour = |word: &str| Date::parse(word, Order::Ymd).unwrap().hour;
        assert_eq!(hour("2024-01-05T13:30:00Z"), Some(13.5));
        assert_eq!(hour("2024-01-05 06:15+02:00"), Some(6.25));
        assert_eq!(hour("2024-01-05"), None);
    }

    #[test]
    fn days_and_weekdays_are_counted() {
        let days = |word| Date::parse(word, Order::Ymd).unwrap().days();
        assert_eq!(days("1970-01-01"), 0);
        assert_eq!(days("2000-03-01"), 11_017);
        assert_eq!(days("2024-12-31") - days("2023-12-31"), 366);
        assert_eq!(days("1969-12-31"), -1);
        let dates = Dates { name: "d".into(), order: Order::Ymd, first: 0, hours: false };
        assert_eq!(dates.texts("2026-11-27")[2], ("d weekday".into(), "Friday".into()));
        assert!(dates.cells(Some("never")).iter().all(|cell| cell.is_missing()));
    }
}
