//! How a table's row becomes a network's inputs; learnt from the training part.
//!
//! | in the table | to the network |
//! |---|---|
//! | number x | (x − centre) / scale: mean and standard deviation, or as [`Scaling`] says; median and quartiles where values lie far out, and then bent softly so that none is beyond ±3 |
//! | the same, by [`Scaling::Piecewise`] | besides, an input for each piece between quantiles: the share of the piece that lies below x |
//! | a missing number | the median, and 1 in an input of its own |
//! | two values | −1 and 1; unknown 0 |
//! | more values | an input each, 1 where it is; rare ones share one; unknown: all 0 |
//!
//! Left out, with a reason: columns that are constant, empty, dates, row
//! numbers, or have nearly as many words as rows.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{
    Cell, Dates, Head, MISSING, Written, cell::shortest, list, missing::is_no_number,
    scaling::Scaling, statistics::Statistics,
};
use crate::{Result, error::Error, visible};

/// The most values a category keeps; the rest are rare. See `docs/decisions/0035-many-categories.md`.
const MOST_VALUES: usize = 1_000;
/// The same in a table of very many rows, each of which has memory for every value's input,
const MOST_VALUES_OF_MANY_ROWS: usize = 50;
/// from where on all rows' inputs for one column would be more than this.
const MOST_INPUTS: usize = 16_000_000;
/// With more different words, and most of them in one row alone, a column is free text.
const WORDS_OF_TEXT: usize = 50;
/// A value that occurs less often is rare.
const OFTEN: usize = 3;
/// Words in a column of numbers up to this share are taken for missing values.
pub(super) const ODD_WORDS: f64 = 0.05;
/// and if they are not too many different ones.
const MOST_ODD_WORDS: usize = 100;
/// Pieces of [`Scaling::Piecewise`] in a column, at most, and the rows from which they gain more
/// than they overfit.
const PIECES: usize = 16;
pub(crate) const ENOUGH_ROWS: usize = 500;
/// With fewer rows nothing is tried: neither pieces nor sets of defaults.
pub(crate) const FEWEST_ROWS: usize = 50;
/// The most cells of a table for pieces: each takes as much memory as all of them.
pub const MOST_CELLS: usize = 4_000_000;
/// Farther out than this many standard deviations: the mean cannot be trusted.
const FAR_OUT: f64 = 6.0;

/// What has been learnt about the columns of a table: stored in the model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Columns {
    /// The inputs, in the training table's order.
    pub inputs: Vec<Column>,
    /// What is to be predicted.
    pub targets: Vec<String>,
    /// What is known and not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Inputs and targets whose numbers are not written plainly, and how.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub written: BTreeMap<String, Written>,
    /// The words that stand for nothing, besides empty cells; None: the usual ones, as NA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// Columns of dates, whose parts are inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dates: Vec<Dates>,
    /// What the numbers of each target are counted from, where they lie so far from 0 beside
    /// their spread that single precision could not tell them apart: samples made by these
    /// columns hold y − origin. Empty: all from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<f64>,
    /// Whether columns that are not known are passed over, not refused. It says how tables are
    /// met, not what was learnt, so no file keeps it.
    #[serde(skip)]
    pub pass_over_others: bool,
}

/// One input column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its name in the header.
    pub name: String,
    /// How it is read.
    #[serde(flatten)]
    pub kind: ColumnKind,
}

/// How a column's cells become inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ColumnKind {
    /// z = (x − centre) / scale; if `bend`, then z / √(1 + (z/3)²).
    Number {
        /// What becomes 0.
        centre: f64,
        /// What becomes 1.
        scale: f64,
        /// Whether single precision cannot tell the numbers apart, so far from 0 do they lie
        /// beside their spread: z is computed in double precision.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        double: bool,
        /// Whether values far out are bent inwards.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bend: bool,
        /// The value of cells where nothing stands.
        fill: f64,
        /// Whether a second input says that nothing stood there.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        indicator: bool,
        /// Words that mean that nothing stands there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        missing: Vec<String>,
        /// The smallest and the largest seen.
        range: [f64; 2],
        /// Where the pieces of [`Scaling::Piecewise`] begin and end, ascending, in z. The piece
        /// from a to b is the input min(max((z − a) / (b − a), 0), 1).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        knots: Vec<f64>,
    },
    /// One of two: −1, 1; anything else 0.
    Two {
        /// The two.
        values: [String; 2],
    },
    /// One of several: an input each.
    Category {
        /// The values with an input of their own, the commonest first.
        values: Vec<String>,
        /// Whether rare values share another input.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rare: bool,
        /// Whether nothing standing there has an input too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        missing: bool,
    },
}

/// A column that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its name in the header.
    pub name: String,
    /// Why.
    pub why: String,
}

impl ColumnKind {
    /// Inputs it takes.
    pub fn width(&self) -> usize {
        match self {
            Self::Number { indicator, .. } => 1 + self.pieces() + usize::from(*indicator),
            Self::Two { .. } => 1,
            Self::Category { values, rare, missing } => {
                values.len() + usize::from(*rare) + usize::from(*missing)
            }
        }
    }

    /// Inputs of [`Scaling::Piecewise`] among them.
    pub(crate) fn pieces(&self) -> usize {
        match self {
            Self::Number { knots, .. } => knots.len().saturating_sub(1),
            _ => 0,
        }
    }

    /// Learns from what stands in the column, or says why it is of no use.
    /// `keep`: however useless.
    pub(crate) fn learn(
        head: &Head,
        s: &Statistics,
        scaling: Scaling,
        keep: bool,
    ) -> Result<Self, String> {
        let known = s.numbers + s.words;
        if known == 0 {
            return Err("nothing stands in it".into());
        }
        let constant = s.distinct() == Some(1) && s.missing + s.infinite == 0;
        if !keep && constant && !head.overflow {
            return Err("it says the same in every row".into());
        }
        let others = head.words_among_numbers(s).filter(|(word, _)| !is_no_number(word));
        let (mut kinds, mut other) = (0, 0);
        others.for_each(|(_, n)| (kinds, other) = (kinds + 1, other + n));
        let odd = other as f64 <= ODD_WORDS * (s.numbers + other) as f64 && kinds <= MOST_ODD_WORDS;
        // Of few numbers among many a "-" the words are the values.
        if s.numbers > 0 && odd && s.words - other <= s.numbers && !head.overflow {
            if !keep && is_row_number(head, s) {
                return Err("it numbers the rows".into());
            }
            return Ok(Self::number(head, s, scaling));
        }
        Self::category(head, s)
    }

    fn number(head: &Head, s: &Statistics, scaling: Scaling) -> Self {
        let (lower, median, upper) = (s.quantile(0.25), s.quantile(0.5), s.quantile(0.75));
        let spread = upper - lower;
        let far = s.high - s.mean > FAR_OUT * s.sd || s.mean - s.low > FAR_OUT * s.sd;
        let standard = !matches!(scaling, Scaling::MinMax | Scaling::None);
        let bend = standard && far && spread > 0.0;
        let or_one = |scale: f64| if scale > 0.0 { scale } else { 1.0 };
        let (centre, scale) = match (scaling, bend) {
            (Scaling::None, _) => (0.0, 1.0),
            (Scaling::MinMax, _) => (s.low, or_one(s.high - s.low)),
            // Of a normal distribution, the quartiles' distance is 1.349 standard deviations.
            (_, true) => (median, spread / 1.349),
            _ => (s.mean, or_one(s.sd)),
        };
        let double = s.needs_double(centre, scale);
        let single = |x: f64| if double { x } else { shortest(x as f32) };
        let missing = head.true_words().to_vec();
        let indicator = s.missing + s.infinite + s.words > 0;
        let range = s.range();
        let (centre, scale) = (single(centre), single(scale));
        let knots = match scaling {
            Scaling::Piecewise if s.numbers >= ENOUGH_ROWS => knots(s, centre, scale),
            Scaling::PiecewiseAlways => knots(s, centre, scale),
            _ => Vec::new(),
        };
        Self::Number {
            centre,
            scale,
            double,
            bend,
            fill: single(median),
            indicator,
            missing,
            range: [single(range.start), single(range.end)],
            knots,
        }
    }

    fn category(head: &Head, s: &Statistics) -> Result<Self, String> {
        if head.overflow {
            return Err(match head.words.is_empty() {
                true => "more text than fits into memory: free text".into(),
                false => format!("more than {} different words: free text", super::MOST_WORDS),
            });
        }
        let few = match (s.numbers, &s.few) {
            (0, _) => &Vec::new(),
            (_, Some(few)) => few,
            (_, None) => {
                let line = |line: Option<u64>| line.map_or("?".into(), |n| n.to_string());
                let (word, number) = (line(head.firsts.word), line(head.firsts.number));
                let counted =
                    head.words_among_numbers(s).map(|(word, n)| format!("\"{word}\" {n} times"));
                let counted: Vec<String> = counted.take(5).collect();
                let more =
                    if s.counts.iter().filter(|n| **n > 0).count() > 5 { ", …" } else { "" };
                return Err(format!(
                    "words ({}{more}, the first in line {word}) and numbers (line {number}) are mixed",
                    counted.join(", ")
                ));
            }
        };
        let words = head.words.iter().cloned().zip(s.counts.iter().copied());
        let numbers = few.iter().map(|(x, n)| (Cell::from_number(*x).text(&[]), *n));
        let mut values: Vec<(String, usize)> = words.chain(numbers).filter(|v| v.1 > 0).collect();
        if values.iter().filter(|(word, _)| is_date(word)).count() * 10 > values.len() * 9 {
            return Err(
                "dates that are not all written in one way; write them as 2024-01-31".into()
            );
        }
        let known = s.words + s.numbers;
        if values.len() > WORDS_OF_TEXT.min(known / 2) && values.len() * 2 > known && known >= 10 {
            return Err(format!("{} different words in {known} rows: free text", values.len()));
        }
        // The commonest first; equals by name, so that it does not depend on the rows' order.
        values.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let all = values.len();
        if let [(a, _), (b, _)] = &values[..] {
            let mut values = [a.clone(), b.clone()];
            values.sort_unstable();
            if s.missing == 0 {
                return Ok(Self::Two { values });
            }
        }
        values.truncate(most_values(s.rows));
        values.retain(|(_, n)| *n >= OFTEN);
        let values: Vec<String> = values.into_iter().map(|(word, _)| word).collect();
        let (rare, missing) = (values.len() < all, s.missing > 0);
        Ok(Self::Category { values, rare, missing })
    }

    /// In words, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Number { range, indicator, bend, missing, .. } => {
                let [low, high] = range.map(shown);
                let mut text = format!("number, {low} to {high}");
                if self.pieces() > 0 {
                    text += &format!(", in {} pieces", self.pieces());
                }
                if *bend {
                    text += ", some far out";
                }
                if *indicator {
                    text += ", may be missing";
                }
                if !missing.is_empty() {
                    text += &format!(" ({})", list(missing.iter().map(String::as_str)));
                }
                text
            }
            Self::Two { values: [a, b] } => format!("{} or {}", visible(a), visible(b)),
            Self::Category { values, rare, missing } => {
                let mut text = format!("one of {}", list(values.iter().map(String::as_str)));
                if *rare {
                    text += ", or rare";
                }
                if *missing {
                    text += ", may be missing";
                }
                text
            }
        }
    }
}

impl Head {
    /// The words that occur, and how often.
    pub(super) fn words_among_numbers<'a>(
        &'a self,
        s: &'a Statistics,
    ) -> impl Iterator<Item = (&'a str, usize)> {
        let words = self.true_words().iter().zip(&s.counts);
        words.filter(|(_, n)| **n > 0).map(|(word, n)| (&**word, *n))
    }
}

/// Where the pieces of a column's numbers begin and end: at quantiles of the training part, so
/// that each piece holds about as many rows. None for a single piece.
fn knots(s: &Statistics, centre: f64, scale: f64) -> Vec<f64> {
    let quantile = |i: usize| s.quantile(i as f64 / PIECES as f64);
    let z = |x: f64| shortest(((x - centre) / scale) as f32);
    let mut knots: Vec<f64> = (0..=PIECES).map(|i| z(quantile(i))).collect();
    knots.dedup();
    if knots.len() < 3 { Vec::new() } else { knots }
}

/// How many values of a category have an input of their own, at most, in a table of so many rows.
fn most_values(rows: usize) -> usize {
    (MOST_INPUTS / rows.max(1)).clamp(MOST_VALUES_OF_MANY_ROWS, MOST_VALUES)
}

/// A number for people: whole ones in full, others with the digits that a network sees.
pub(crate) fn shown(x: f64) -> String {
    let single = x as f32;
    match x.fract() == 0.0 || (f64::from(single) - x).abs() > 1e-7 * x.fract().abs() {
        true => x.to_string(),
        false => single.to_string(),
    }
}

/// A permutation of consecutive whole numbers, or whole numbers that never
/// repeat under a name like `id`.
fn is_row_number(head: &Head, s: &Statistics) -> bool {
    if !s.whole || s.numbers < s.rows || s.rows < 20 {
        return false;
    }
    let mut distinct = s.sample.clone();
    distinct.dedup();
    if distinct.len() < s.sample.len() {
        return false;
    }
    let name = head.name.to_lowercase();
    let named = ["id", "index", "row", "key", "rownames", "unnamed: 0", "column 1"];
    let named = named.contains(&&*name) || name.ends_with("_id") || head.name.ends_with("Id");
    // Of a part of the rows some numbers are missing in between.
    let dense = s.high - s.low + 1.0 < 2.0 * s.rows as f64;
    named || (dense && s.rows >= 50)
}

/// 2024-01-05, 5.1.2024, 01/05/24, each perhaps with a time behind it.
fn is_date(word: &str) -> bool {
    let day = word.split(['T', ' ']).next().unwrap_or("");
    ['-', '/', '.'].iter().any(|separator| {
        let parts: Vec<&str> = day.split(*separator).collect();
        let digits = |p: &&str| (1..=4).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit());
        parts.len() == 3 && parts.iter().all(digits)
    })
}

impl Columns {
    /// Whether a number is in the pieces of [`Scaling::Piecewise`].
    pub(crate) fn has_pieces(&self) -> bool {
        self.inputs.iter().any(|column| column.kind.pieces() > 0)
    }

    /// The same without the pieces of [`Scaling::Piecewise`], as [`Scaling::Standard`] has them, and
    /// which of the inputs are left. None if there are no pieces.
    pub(crate) fn without_pieces(&self) -> Option<(Self, Vec<bool>)> {
        let (mut plain, mut left) = (self.clone(), Vec::new());
        for column in &mut plain.inputs {
            let (width, pieces) = (column.kind.width(), column.kind.pieces());
            left.extend((0..width).map(|input| !(1..=pieces).contains(&input)));
            if let ColumnKind::Number { knots, .. } = &mut column.kind {
                knots.clear();
            }
        }
        left.contains(&false).then_some((plain, left))
    }

    /// The input columns by their names.
    pub(crate) fn by_name(&self) -> HashMap<&str, &Column> {
        self.inputs.iter().map(|column| (&*column.name, column)).collect()
    }

    /// Whether single precision, which exported models compute in, is enough for all numbers.
    pub(crate) fn check_single(&self) -> Result<()> {
        let double =
            |column: &&Column| matches!(column.kind, ColumnKind::Number { double: true, .. });
        let input = self.inputs.iter().find(double).map(|column| &column.name);
        let far = |(name, origin): (&String, &f64)| (*origin != 0.0).then(|| name.clone());
        let target = || self.targets.iter().zip(&self.origins).find_map(far);
        let Some(name) = input.cloned().or_else(target) else { return Ok(()) };
        let what = "its numbers lie so far from 0 beside their spread that they need double \
                    precision, and an exported model computes in single precision; subtract \
                    what they share and train again";
        Err(Error::data(format!("column \"{name}\": {what}")))
    }

    /// The words that stand for nothing where a category is expected.
    pub(crate) fn missing_words(&self) -> Vec<String> {
        match &self.missing {
            None => MISSING.map(String::from).to_vec(),
            Some(words) => std::iter::once(String::new()).chain(words.iter().cloned()).collect(),
        }
    }

    /// Inputs of the network.
    pub fn width(&self) -> usize {
        self.inputs.iter().map(|column| column.kind.width()).sum()
    }

    /// The names of the network's inputs: `age`, `age 20 to 30`, `age missing`, `colour = red`.
    pub fn input_names(&self) -> Vec<String> {
        let names = |Column { name, kind }: &Column| match kind {
            ColumnKind::Number { indicator, knots, centre, scale, .. } => {
                // z has lost what is smaller beside the scale.
                let unit = 10_f64.powf((scale.log10() - 5.0).floor());
                let end = |z: f64| shown(((centre + z * scale) / unit).round() * unit + 0.0);
                let piece = |w: &[f64]| format!("{name} {} to {}", end(w[0]), end(w[1]));
                let missing = indicator.then(|| format!("{name} missing"));
                let pieces = knots.windows(2).map(piece);
                std::iter::once(name.clone()).chain(pieces).chain(missing).collect::<Vec<_>>()
            }
            ColumnKind::Two { values: [_, b] } => vec![format!("{name} = {b}")],
            ColumnKind::Category { values, rare, missing } => {
                let extra = [(*rare, "rare"), (*missing, "missing")];
                let extra = extra.into_iter().filter(|e| e.0).map(|e| format!("{name} {}", e.1));
                values.iter().map(|v| format!("{name} = {v}")).chain(extra).collect()
            }
        };
        self.inputs.iter().flat_map(names).collect()
    }
}
