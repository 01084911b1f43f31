//! What stands in a column, gathered in one pass over the rows.

use std::ops::Range;

use super::{
    Cell, Chunk, Head, Table,
    cell::{Unpacked, shortest},
};

/// Rows looked at for quantiles; more would say the same.
const SAMPLE: usize = 100_000;
/// Different numbers of an input that are counted apart; with more it is no code.
pub(crate) const FEW: usize = 32;
/// The same of a target, whose numbers may be classes.
pub(crate) const FEW_ANSWERS: usize = 1000;

/// Numbers farther from 0 than this many times their spread keep less than three digits of
/// their place in it in single precision.
const FAR: f64 = 1024.0;

/// What stands in one column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Statistics {
    pub rows: usize,
    pub missing: usize,
    pub infinite: usize,
    /// Finite numbers.
    pub numbers: usize,
    /// Cells with a word.
    pub words: usize,
    /// Numbers whose digits single precision does not hold.
    pub long: usize,
    pub low: f64,
    pub high: f64,
    pub mean: f64,
    /// Standard deviation, as of a whole population.
    pub sd: f64,
    /// All numbers are whole.
    pub whole: bool,
    /// How often each word occurs, by its place in the column's list.
    pub counts: Vec<usize>,
    /// Each number and how often it occurs, if they are few.
    pub few: Option<Vec<(f64, usize)>>,
    /// Numbers of evenly spaced rows, in ascending order.
    pub sample: Vec<f64>,
}

impl Statistics {
    /// Of each column that is wanted, over the rows that are; of the others, nothing. Pieces of the table are gathered
    /// side by side and joined in their order, so that sums have one order.
    pub fn gather(
        table: &Table,
        few: usize,
        columns: impl Fn(usize) -> bool + Sync,
        wanted: impl Fn(usize) -> bool + Sync,
    ) -> Vec<Self> {
        let mut starts = Vec::new();
        let mut row = 0;
        for chunk in &table.chunks {
            starts.push(row);
            row += chunk.lines.len();
        }
        let places: Vec<usize> = (0..table.heads.len()).filter(|c| columns(*c)).collect();
        let piece = |i: usize| {
            let mut gathered = Gathered::new(&table.heads, table.rows(), few);
            gathered.add(&table.heads, &places, &table.chunks[i], starts[i], &wanted);
            gathered.columns
        };
        let mut whole: Option<Vec<Gathering>> = None;
        for piece in super::side_by_side(table.chunks.len(), piece) {
            match &mut whole {
                Some(whole) => whole.iter_mut().zip(piece).for_each(|(w, p)| w.join(p)),
                None => whole = Some(piece),
            }
        }
        whole.into_iter().flatten().map(Gathering::done).collect()
    }

    /// The value below which this share of the numbers lies.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.sample.len().saturating_sub(1);
        self.sample.get((share * last as f64).round() as usize).copied().unwrap_or(0.0)
    }

    /// Different values; None if they are more than are counted.
    pub fn distinct(&self) -> Option<usize> {
        let words = self.counts.iter().filter(|n| **n > 0).count();
        let numbers = if self.numbers == 0 { Some(0) } else { self.few.as_ref().map(Vec::len) };
        numbers.map(|n| n + words)
    }

    /// Whether single precision loses the numbers' last digits, and these are much beside `scale`.
    pub fn needs_double(&self, centre: f64, scale: f64) -> bool {
        self.long > 0 && centre.abs() > FAR * scale
    }

    /// The range of the numbers.
    pub fn range(&self) -> Range<f64> {
        self.low..self.high
    }
}

/// The [`Statistics`] of all columns while they grow, row by row.
pub(super) struct Gathered {
    columns: Vec<Gathering>,
    /// Rows from one that is looked at for quantiles to the next.
    step: usize,
}

impl Gathered {
    /// Of no rows yet, of a table of so many.
    pub fn new(heads: &[Head], rows: usize, few: usize) -> Self {
        let step = rows.div_ceil(SAMPLE).max(1);
        let columns = heads.iter().map(|head| Gathering::new(head.words.len(), few)).collect();
        Self { columns, step }
    }

    /// Adds the rows of a chunk that are wanted, in these columns; `first`: the chunk's first row.
    pub fn add(
        &mut self,
        heads: &[Head],
        places: &[usize],
        chunk: &Chunk,
        first: usize,
        wanted: &impl Fn(usize) -> bool,
    ) {
        let rows = chunk.cells.chunks_exact(heads.len());
        for (row, cells) in (first..).zip(rows).filter(|(row, _)| wanted(*row)) {
            let sampled = row % self.step == 0;
            for place in places {
                let (cell, gathering) = (cells[*place], &mut self.columns[*place]);
                gathering.so_far.long += usize::from(matches!(cell.unpack(), Unpacked::Long(_)));
                gathering.add(heads[*place].cell(cell.rough(&chunk.long)), sampled);
            }
        }
    }

    /// What has been gathered.
    pub fn done(self) -> Vec<Statistics> {
        self.columns.into_iter().map(Gathering::done).collect()
    }
}

/// [`Statistics`] while they grow; sums are taken from the first number, since
/// squares of large numbers would swallow small differences.
struct Gathering {
    so_far: Statistics,
    /// Different numbers that are counted apart.
    most: usize,
    first: f64,
    sum: f64,
    squares: f64,
}

impl Gathering {
    fn new(words: usize, most: usize) -> Self {
        let so_far = Statistics {
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            whole: true,
            // One more for the words that overflowed.
            counts: vec![0; words + 1],
            few: Some(Vec::new()),
            ..Statistics::default()
        };
        Self { so_far, most, first: 0.0, sum: 0.0, squares: 0.0 }
    }

    fn add(&mut self, cell: Cell, sampled: bool) {
        let s = &mut self.so_far;
        s.rows += 1;
        let Some(x) = cell.number() else {
            match cell.word() {
                Some(code) => {
                    s.words += 1;
                    let last = s.counts.len() - 1;
                    s.counts[code.min(last)] += 1;
                }
                None => s.missing += 1,
            }
            return;
        };
        if !(x as f32).is_finite() {
            s.infinite += 1;
            return;
        }
        if s.numbers == 0 {
            self.first = x;
        }
        s.numbers += 1;
        (s.low, s.high) = (s.low.min(x), s.high.max(x));
        s.whole = s.whole && x.fract() == 0.0;
        let d = x - self.first;
        self.sum += d;
        self.squares += d * d;
        if let Some(few) = &mut s.few {
            match few.iter().position(|(value, _)| *value == x) {
                Some(i) => few[i].1 += 1,
                None if few.len() < self.most => few.push((x, 1)),
                None => s.few = None,
            }
        }
        if sampled {
            s.sample.push(x);
        }
    }

    /// Adds what was gathered from rows further down.
    fn join(&mut self, other: Self) {
        let (s, o) = (&mut self.so_far, other.so_far);
        if s.numbers == 0 {
            self.first = other.first;
        }
        // Σ(x − a) and Σ(x − a)² from Σ(x − b) and Σ(x − b)²
        let (n, d) = (o.numbers as f64, other.first - self.first);
        self.sum += other.sum + n * d;
        self.squares += other.squares + 2.0 * d * other.sum + n * d * d;
        s.rows += o.rows;
        s.missing += o.missing;
        s.infinite += o.infinite;
        s.long += o.long;
        s.numbers += o.numbers;
        s.words += o.words;
        (s.low, s.high) = (s.low.min(o.low), s.high.max(o.high));
        s.whole &= o.whole;
        s.counts.iter_mut().zip(o.counts).for_each(|(n, more)| *n += more);
        s.few = s.few.take().zip(o.few).and_then(|(mut few, more)| {
            for (x, n) in more {
                match few.iter_mut().find(|(value, _)| *value == x) {
                    Some((_, count)) => *count += n,
                    None => few.push((x, n)),
                }
            }
            (few.len() <= self.most).then_some(few)
        });
        s.sample.extend(o.sample);
    }

    fn done(self) -> Statistics {
        let mut s = self.so_far;
        if s.numbers > 0 {
            let n = s.numbers as f64;
            let mean = self.sum / n;
            s.mean = self.first + mean;
            s.sd = (self.squares / n - mean * mean).max(0.0).sqrt();
        }
        // Numbers were as precise as single precision where that tells them apart.
        let written = |x: &mut f64| {
            if f64::from(*x as f32) == *x {
                *x = shortest(*x as f32);
            }
        };
        [&mut s.low, &mut s.high].into_iter().for_each(written);
        s.sample.iter_mut().for_each(written);
        s.sample.sort_unstable_by(f64::total_cmp);
        if let Some(few) = &mut s.few {
            few.iter_mut().for_each(|(x, _)| written(x));
            few.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        }
        s
    }
}
