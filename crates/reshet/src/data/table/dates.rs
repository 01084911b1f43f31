//! Columns of dates, as numbers that a network can learn from: year, month, weekday, hour, and
//! the days since the first one.

use serde::{Deserialize, Serialize};

use super::{Cell, Chunk, Head, Table};
use crate::visible;

/// Of a column's words this share must be dates.
const MOST: f64 = 0.9;
const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The order in which dates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// 2024-01-31.
    Ymd,
    /// 31.1.2024.
    Dmy,
    /// 1/31/2024.
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
        let years = number(year)?;
        let year = match year.len() {
            4 => years,
            2 if years < 70 => 2000 + years,
            2 => 1900 + years,
            _ => return None,
        };
        let (month, day) = (number(month)?, number(day)?);
        let date = Self { year, month, day, hour: hour(time)? };
        ((1..=12).contains(&month) && day >= 1 && day <= date.days_of_month()).then_some(date)
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

/// The hour of a time, `13:30` or `13:30:05.5Z`; None if it is none.
fn hour(time: &str) -> Option<Option<f64>> {
    let clock = time.trim().trim_end_matches(['Z', 'z']).split(['+', '-']).next().unwrap_or("");
    if clock.is_empty() {
        return time.trim().is_empty().then_some(None);
    }
    let parts: Vec<f64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let units = [1.0, 60.0, 3600.0];
    let hour: f64 = parts.iter().zip(units).map(|(part, unit)| part / unit).sum();
    (parts.len() > 1 && (0.0..25.0).contains(&hour)).then_some(Some(hour))
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

/// Rows with the columns that dates become behind their own; `places`: where the dates stand.
pub(super) fn expand_chunk(
    chunk: Chunk,
    width: usize,
    dates: &[(usize, &Dates)],
    words: impl Fn(usize) -> Vec<String>,
) -> Chunk {
    let cells_of = |(place, dates): &(usize, &Dates)| -> (Vec<Vec<Cell>>, Vec<Cell>) {
        let each = words(*place).iter().map(|word| dates.cells(Some(word))).collect();
        (each, dates.cells(None))
    };
    let known: Vec<_> = dates.iter().map(cells_of).collect();
    let mut expanded = Chunk { lines: chunk.lines, ..Chunk::default() };
    for row in chunk.cells.chunks_exact(width) {
        row.iter().for_each(|cell| expanded.push(cell.cell(&chunk.long)));
        for ((place, _), (each, nothing)) in dates.iter().zip(&known) {
            let cells = row[*place].code().and_then(|code| each.get(code)).unwrap_or(nothing);
            cells.iter().for_each(|cell| expanded.push(*cell));
        }
    }
    expanded
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
        let words = |place: usize| self.heads[place].words.clone();
        let chunks = std::mem::take(&mut self.chunks);
        let expand = |chunk| expand_chunk(chunk, width, &placed, words);
        let chunks: Vec<Chunk> = chunks.into_iter().map(expand).collect();
        self.chunks = chunks;
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
