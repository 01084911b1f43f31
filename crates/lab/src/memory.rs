//! The server's memory: a bound that it states and keeps.

use std::collections::HashSet;

use reshet::{Dataset, Error, Result, Storage, Targets, data::table::MOST_CELLS};

use crate::upload::Text;

/// For the threads, requests and answers of a class at once; beside it an eighth of the bound stays
/// for what is freed and not yet given back.
const OF_CLIENTS: u64 = 64 << 20;
/// Of a machine that does not say what is free.
const UNKNOWN: u64 = 2 << 30;
/// Bytes in memory for a byte of a table's text while it is read: its cells and its inputs.
const OF_TEXT: u64 = 8;
/// For a column, however short: its name, what is counted in it, its encoding.
const OF_COLUMN: u64 = 1_500;
/// For a cell of a table that is small enough for numbers in pieces.
const OF_PIECES: u64 = 64;
/// Numbers for each parameter while it is trained: weights, gradients, two moments of the
/// optimiser, the engine's copies, and moments to go back to.
const OF_PARAMETER: u64 = 10;

/// Bytes that the server may take: for data, for what trains, for what was trained.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// All of it.
    pub limit: u64,
    /// What stays free of it.
    reserve: u64,
}

impl Memory {
    /// This many bytes; by default half of what is free.
    pub fn new(limit: Option<u64>) -> Self {
        let half = || reshet::data::memory::available().map_or(UNKNOWN, |free| free / 2);
        let limit = limit.unwrap_or_else(half);
        Self { limit, reserve: (limit / 8 + OF_CLIENTS).min(limit / 2) }
    }

    /// A share of a server's memory, which keeps free what clients take.
    pub(crate) fn share(limit: u64) -> Self {
        Self { limit, reserve: limit / 8 }
    }

    /// What is left beside what is held.
    fn room(self, held: u64) -> u64 {
        (self.limit - self.reserve).saturating_sub(held)
    }

    /// What the moments of all runs may take; what is more goes to disk.
    pub(crate) fn of_moments(self) -> usize {
        usize::try_from(self.limit / 4).unwrap_or(usize::MAX)
    }

    /// Text of a table that may be read beside what is held.
    pub(crate) fn text(self, held: u64) -> u64 {
        self.room(held) / OF_TEXT
    }

    /// Whether a table of so much text can be read beside what is held.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) fn check_text(self, file: &str, text: &Text, held: u64) -> Result<()> {
        let needs = of_table(text);
        if needs <= self.room(held) {
            return Ok(());
        }
        let (size, needs) = (bytes(text.bytes), bytes(needs));
        // No more of it was counted. A sign, as this is shown in two languages.
        let more = if text.bytes > self.text(held) { "> " } else { "" };
        let what = format!(
            "{file}: {more}{size} of text need about {more}{needs} of memory, and {}; take fewer \
             rows, or delete runs",
            self.left(held)
        );
        Err(Error::Data(what))
    }

    /// Whether a network can be trained beside what is held.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) fn check_network(self, parameters: u64, held: u64) -> Result<()> {
        let needs = of_training(parameters);
        if needs <= self.room(held) {
            return Ok(());
        }
        Err(Error::Setting {
            name: "hidden",
            value: String::new(),
            why: format!(
                "a network of {parameters} parameters needs about {} of memory, and {}; take \
                 fewer neurons, or delete runs",
                bytes(needs),
                self.left(held)
            ),
        })
    }

    /// Whether what is held, `file` among it, is within the bound.
    ///
    /// # Errors
    /// It is not.
    pub(crate) fn check_data(self, file: &str, needs: u64, held: u64) -> Result<()> {
        if held <= self.room(0) {
            return Ok(());
        }
        let left = self.left(held.saturating_sub(needs));
        let needs = bytes(needs);
        let what = format!(
            "{file}: its data needs {needs} of memory, and {left}; take fewer rows or columns"
        );
        Err(Error::Data(what))
    }

    fn left(self, held: u64) -> String {
        let (room, limit) = (bytes(self.room(held)), bytes(self.limit));
        format!("{room} of the server's {limit} are left")
    }
}

/// What a table takes while it is read, and as inputs.
fn of_table(text: &Text) -> u64 {
    let in_pieces = text.cells <= MOST_CELLS as u64;
    let pieces = if in_pieces { text.cells.saturating_mul(OF_PIECES) } else { 0 };
    let columns = text.columns.saturating_mul(OF_COLUMN);
    text.bytes.saturating_mul(OF_TEXT).saturating_add(columns).saturating_add(pieces)
}

/// What training a network takes, beside its moments.
pub fn of_training(parameters: u64) -> u64 {
    parameters.saturating_mul(4 * OF_PARAMETER)
}

/// Bytes of these data sets, each once: several may share their numbers.
pub fn of_data<'a>(all: impl IntoIterator<Item = &'a Dataset>) -> u64 {
    let (mut seen, mut sum) = (HashSet::new(), 0);
    let mut add = |place: *const u8, bytes: usize| {
        if seen.insert(place) {
            sum += bytes as u64;
        }
    };
    for data in all {
        match data.features().storage() {
            Storage::U8(bytes) => add(bytes.as_ptr(), bytes.len()),
            Storage::F32(numbers) => add(numbers.as_ptr().cast(), size_of_val(&numbers[..])),
        }
        match data.targets() {
            Targets::Classes { labels, .. } => {
                add(labels.as_ptr().cast(), size_of_val(&labels[..]))
            }
            Targets::YesNo { values, .. } | Targets::Numbers { values, .. } => {
                add(values.as_ptr().cast(), size_of_val(&values[..]));
            }
        }
    }
    sum
}

/// The parameters of hidden layers of these widths, between so many inputs and outputs.
pub fn parameters(inputs: usize, hidden: impl Iterator<Item = usize>, outputs: usize) -> u64 {
    let (mut sum, mut before) = (0u64, inputs as u64);
    for width in hidden.chain([outputs]).map(|width| width as u64) {
        sum = sum.saturating_add(before.saturating_add(1).saturating_mul(width));
        before = width;
    }
    sum
}

/// `1.5 GB`
pub fn bytes(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told::{Kind, Told};

    #[test]
    fn what_does_not_fit_beside_what_is_held_is_refused_in_known_words() {
        let memory = Memory::new(Some(1 << 30));
        let text = |bytes| Text { bytes, cells: bytes / 8, columns: 10 };
        assert!(memory.check_text("x.csv", &text(100 << 20), 0).is_ok());
        // A text of columns takes more than one of rows.
        let wide = Text { bytes: 3 << 20, cells: 1 << 20, columns: 1 << 20 };
        assert!(memory.check_text("x.csv", &wide, 0).is_err());
        assert!(memory.check_text("x.csv", &Text { columns: 10, ..wide }, 0).is_ok());
        assert!(memory.check_network(10_000_000, 0).is_ok());
        for (refused, kind) in [
            (memory.check_text("x.csv", &text(100 << 20), 500 << 20), Kind::NoRoomForTable),
            (memory.check_text("x.csv", &text(u64::MAX), u64::MAX), Kind::NoRoomForTable),
            (memory.check_network(10_000_000, 900 << 20), Kind::NetworkTooLarge),
            (memory.check_network(u64::MAX, 0), Kind::NetworkTooLarge),
            (memory.check_data("x.csv", 2 << 30, 3 << 30), Kind::NoRoomForData),
        ] {
            let error = refused.unwrap_err();
            assert_eq!(Told::error(&error).kind, kind, "{error}");
        }
    }

    #[test]
    fn parameters_are_counted_and_do_not_overflow() {
        assert_eq!(parameters(784, [100].into_iter(), 1), 78_601);
        assert_eq!(parameters(2, [usize::MAX, usize::MAX].into_iter(), 1), u64::MAX);
    }

    #[test]
    fn data_that_is_shared_counts_once() {
        let features = reshet::Features::new(Storage::F32(vec![0.0; 20]), &[2]).unwrap();
        let data = Dataset::new(features, Targets::numbers(vec![0.0; 10], 1)).unwrap();
        assert_eq!(of_data([&data]), 80 + 40);
        assert_eq!(of_data([&data, &data.clone()]), 80 + 40);
    }
}
