//! A table's rows as a network's inputs, as [`Columns`] says.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{
    Chunk, Column, ColumnKind, Columns, OddCells, Table,
    cell::{Cell, Packed, Unpacked, is_name, number_in_letters, rounded, shortest},
    letters::seen,
    side_by_side,
    written::leading_zeros,
};
use crate::{Result, error::Error, huge};

/// Turns rows of one table into inputs.
#[derive(Clone)]
pub(crate) struct Encoder<'a> {
    columns: &'a Columns,
    source: String,
    /// Where each input column stands in a row.
    places: Vec<usize>,
    width: usize,
    /// What the values of each category column become, by their text.
    values: Vec<HashMap<Cow<'a, str>, usize>>,
    /// The same by the number of the word in its column, and what the words mean.
    words: Vec<Vec<Slot>>,
    /// The cells so far that are not as those of the training.
    pub odd: OddCells,
}

/// What a word becomes.
#[derive(Clone, Copy, PartialEq)]
enum Slot {
    Input(usize),
    Number(f64),
    Missing,
    Unseen,
}

/// The place of each value by its text; a number in letters by its digits too, if they are none.
fn by_text(values: &[String]) -> HashMap<Cow<'_, str>, usize> {
    let mut places: HashMap<Cow<str>, usize> =
        values.iter().enumerate().map(|(i, value)| (seen(value), i)).collect();
    for (i, value) in values.iter().enumerate() {
        if let Some(x) = number_in_letters(value) {
            places.entry(Cell::from_number(x).text(&[]).into()).or_insert(i);
        }
    }
    places
}

impl<'a> Encoder<'a> {
    /// For rows with these columns; those to `keep` need not be the model's.
    ///
    /// # Errors
    /// As [`Columns::places`].
    pub fn new(
        columns: &'a Columns,
        source: &str,
        names: &[String],
        keep: &[String],
    ) -> Result<Self> {
        let places = columns.places_beside(source, names, keep)?;
        let slots = |column: &'a Column| match &column.kind {
            ColumnKind::Number { missing, .. } => missing.iter().map(|w| (seen(w), 0)).collect(),
            ColumnKind::Two { values } => by_text(values),
            ColumnKind::Category { values, .. } => by_text(values),
        };
        let values = columns.inputs.iter().map(slots).collect();
        let (width, words) = (columns.width(), Vec::new());
        Ok(Self {
            columns,
            source: source.into(),
            places,
            width,
            values,
            words,
            odd: OddCells::default(),
        })
    }

    /// Inputs a row becomes.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Says which words the numbers of word cells stand for, column by column.
    pub(crate) fn set_words<'w>(&mut self, words: impl Fn(usize) -> &'w [String]) {
        let slot = |column: usize, word: &str| {
            let Column { name, kind } = &self.columns.inputs[column];
            let written = || self.columns.written.get(name)?.parse(word);
            match (self.values[column].get(word), kind) {
                (Some(_), ColumnKind::Number { .. }) => Slot::Missing,
                (Some(slot), _) => Slot::Input(*slot),
                (None, ColumnKind::Number { .. }) => {
                    let plain = || number_in_letters(word).filter(|_| written().is_none());
                    written().or_else(plain).map_or(Slot::Unseen, Slot::Number)
                }
                // Models of older versions know the number, not its text.
                (None, _) => {
                    let number = number_in_letters(word).map(|x| Cell::from_number(x).text(&[]));
                    let known = number.and_then(|text| self.values[column].get(&*text));
                    known.map_or(Slot::Unseen, |slot| Slot::Input(*slot))
                }
            }
        };
        let all = |(column, place): (usize, &usize)| {
            words(*place).iter().map(|word| slot(column, word)).collect()
        };
        self.words = self.places.iter().enumerate().map(all).collect();
    }

    /// Writes one row's inputs; `long`: the numbers that do not fit into its cells. `words` as
    /// told by [`Encoder::set_words`].
    ///
    /// # Errors
    /// A word stands where the model needs a number; `line` is for the message.
    pub(crate) fn row<'w>(
        &mut self,
        cells: &[Packed],
        long: &[f64],
        line: impl Fn() -> u64,
        words: impl Fn(usize) -> &'w [String],
        into: &mut [f32],
    ) -> Result<()> {
        let mut at = 0;
        for (column, (Column { name, kind }, place)) in
            self.columns.inputs.iter().zip(&self.places).enumerate()
        {
            let cell = cells[*place];
            let slot = cell
                .code()
                .map(|code| self.words[column].get(code).copied().unwrap_or(Slot::Unseen));
            let width = kind.width();
            let into = &mut into[at..at + width];
            at += width;
            match kind {
                ColumnKind::Number {
                    centre,
                    scale,
                    double,
                    bend,
                    fill,
                    range: [low, high],
                    indicator,
                    knots,
                    ..
                } => {
                    if slot == Some(Slot::Unseen) {
                        let word = cell.cell(long).text(words(*place));
                        let what = match self.columns.written.get(name) {
                            Some(written) => format!("not written as {} is", written.example()),
                            None if leading_zeros(&word) => {
                                "no number: it has leading zeros".into()
                            }
                            None if is_name(&word) => {
                                "no number: it has more digits than one holds".into()
                            }
                            None => "not a number".into(),
                        };
                        let what = format!("\"{word}\" is {what}");
                        return Err(Error::at(&self.source, line(), Some(name), what));
                    }
                    let number = match (slot, cell.unpack()) {
                        (Some(Slot::Number(x)), _) => Some(x),
                        (_, Unpacked::Short(x)) if *double => Some(shortest(x)),
                        (_, Unpacked::Short(x)) => Some(x.into()),
                        (_, Unpacked::Long(place)) => Some(long[place]),
                        _ => None,
                    };
                    let known = number.filter(|x| (*x as f32).is_finite());
                    let room = high - low;
                    let near = |x: f64| x >= low - room && x <= high + room;
                    self.odd.outside += usize::from(known.is_some_and(|x| !near(x)));
                    let thousandth = |x: f64| is_thousandth(x, *low, *high);
                    self.odd.thousandths += usize::from(known.is_some_and(thousandth));
                    let x = known.unwrap_or(*fill);
                    let z = match double {
                        true => ((x - centre) / scale) as f32,
                        false => (x as f32 - *centre as f32) / *scale as f32,
                    };
                    into[0] = if *bend { z / (1.0 + (z / 3.0) * (z / 3.0)).sqrt() } else { z };
                    for (input, ends) in into[1..].iter_mut().zip(knots.windows(2)) {
                        let [from, to] = [ends[0] as f32, ends[1] as f32];
                        *input = ((z - from) / (to - from)).clamp(0.0, 1.0);
                    }
                    self.odd.infinite += usize::from(number.is_some() && known.is_none());
                    match (indicator, into.last_mut()) {
                        (true, Some(last)) => *last = f32::from(u8::from(known.is_none())),
                        _ => self.odd.gaps += usize::from(number.is_none()),
                    }
                }
                ColumnKind::Two { .. } | ColumnKind::Category { .. } => {
                    let slot = slot.unwrap_or_else(|| match cell.cell(long) {
                        Cell::Missing => Slot::Missing,
                        number => {
                            let found = self.values[column].get(&*number.text(&[])).copied();
                            found.map_or(Slot::Unseen, Slot::Input)
                        }
                    });
                    self.odd.unseen += usize::from(slot == Slot::Unseen);
                    let had_none = matches!(kind, ColumnKind::Category { missing: false, .. });
                    self.odd.gaps += usize::from(slot == Slot::Missing && had_none);
                    category(kind, slot, into);
                }
            }
        }
        Ok(())
    }
}

/// Whether a number of three decimals is outside this range, and would be within it if its mark
/// stood between thousands.
fn is_thousandth(x: f64, low: f64, high: f64) -> bool {
    let within = |x: f64| x >= low && x <= high;
    if within(x) {
        return false;
    }
    let whole = rounded(1000.0 * x);
    x.fract() != 0.0 && within(whole) && (whole - 1000.0 * x).abs() < 1e-4
}

impl Columns {
    /// Rows whose cells are exactly these columns, in their order, as inputs.
    pub(crate) fn encode(&self, cells: &[Cell], words: &[Vec<String>]) -> Result<Vec<f32>> {
        let mut chunk = Chunk::default();
        cells.iter().for_each(|cell| chunk.push(*cell));
        let names: Vec<String> = self.inputs.iter().map(|column| column.name.clone()).collect();
        let words = |place: usize| &words[place][..];
        let mut encoder = Encoder::new(self, "row", &names, &[])?;
        encoder.set_words(words);
        let (width, rows) = (encoder.width(), cells.len() / names.len().max(1));
        let mut inputs = vec![0.0; width * rows];
        for (row, cells) in chunk.cells.chunks_exact(names.len().max(1)).enumerate() {
            let into = &mut inputs[row * width..][..width];
            encoder.row(cells, &chunk.long, || row as u64 + 1, words, into)?;
        }
        Ok(inputs)
    }
}

fn category(kind: &ColumnKind, slot: Slot, into: &mut [f32]) {
    into.fill(0.0);
    match (kind, slot) {
        (ColumnKind::Two { .. }, Slot::Input(i)) => into[0] = [-1.0, 1.0][i],
        (_, Slot::Input(i)) => into[i] = 1.0,
        (ColumnKind::Category { values, rare: true, .. }, Slot::Unseen) => into[values.len()] = 1.0,
        (ColumnKind::Category { missing: true, .. }, Slot::Missing) => {
            if let Some(last) = into.last_mut() {
                *last = 1.0;
            }
        }
        _ => {}
    }
}

/// The inputs of each part's rows; `part` says where a row goes, if anywhere.
/// The table's pieces are encoded side by side, and the memory of each is freed
/// when it is done. And what was odd in their cells.
pub(super) fn encode<const PARTS: usize>(
    table: Table,
    columns: &Columns,
    part: impl Fn(usize) -> Option<usize> + Sync,
) -> Result<([Vec<f32>; PARTS], OddCells)> {
    let Table { source, heads, chunks, .. } = table;
    let names: Vec<String> = heads.iter().map(|head| head.name.clone()).collect();
    let words = |place: usize| &heads[place].words[..];
    let mut encoder = Encoder::new(columns, &source, &names, &[])?;
    encoder.set_words(words);
    let width = encoder.width();

    // How many numbers of each part come from each piece.
    let mut start = 0;
    let lengths: Vec<[usize; PARTS]> = chunks
        .iter()
        .map(|chunk| {
            let rows = start..start + chunk.lines.len();
            start = rows.end;
            let mut lengths = [0; PARTS];
            rows.filter_map(&part).for_each(|p| lengths[p] += width);
            lengths
        })
        .collect();
    let mut inputs: [Vec<f32>; PARTS] =
        std::array::from_fn(|p| huge::zeros(lengths.iter().map(|l| l[p]).sum()));
    let mut rest = inputs.each_mut().map(Vec::as_mut_slice);
    let mut start = 0;
    let jobs: Vec<_> = chunks
        .into_iter()
        .zip(lengths)
        .map(|(chunk, lengths)| {
            let into: [&mut [f32]; PARTS] = std::array::from_fn(|p| {
                let (first, after) = std::mem::take(&mut rest[p]).split_at_mut(lengths[p]);
                rest[p] = after;
                first
            });
            let first_row = start;
            start += chunk.lines.len();
            Mutex::new(Some((chunk, first_row, into)))
        })
        .collect();
    let piece = |i: usize| -> Result<OddCells> {
        // Each is taken once.
        let job = jobs[i].lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((chunk, first_row, mut into)) = job else { return Ok(OddCells::default()) };
        let mut encoder = encoder.clone();
        for (i, cells) in chunk.cells.chunks_exact(heads.len()).enumerate() {
            let Some(p) = part(first_row + i) else { continue };
            let (row, after) = std::mem::take(&mut into[p]).split_at_mut(width);
            into[p] = after;
            encoder.row(cells, &chunk.long, || chunk.lines.at(i), words, row)?;
        }
        Ok(encoder.odd)
    };
    let mut odd = OddCells::default();
    for piece in side_by_side(jobs.len(), piece) {
        odd += piece?;
    }
    drop(jobs);
    Ok((inputs, odd))
}
