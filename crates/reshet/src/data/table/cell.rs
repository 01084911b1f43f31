//! One cell of a table, and how it is kept in four bytes.

use super::{
    missing::MISSING,
    written::{exceeds_double, leading_zeros},
};

/// A number, a word (by its place among the column's words), or nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// Nothing stands there.
    Missing,
    /// The number that is written there, rounded to double precision; perhaps infinite.
    Number(f64),
    /// The place of a word among the column's words.
    Word(u32),
}

impl Cell {
    /// What is equal for equal cells of a column, for maps; None for nothing.
    pub(super) fn key(self) -> Option<(bool, u64)> {
        match self {
            Self::Missing => None,
            Self::Number(x) => Some((true, x.to_bits())),
            Self::Word(code) => Some((false, code.into())),
        }
    }

    /// A number; NaN is nothing.
    pub fn from_number(x: f64) -> Self {
        // −0 is 0.
        if x.is_nan() { Self::Missing } else { Self::Number(x + 0.0) }
    }

    /// The number, if it is one. It may be infinite.
    pub fn number(self) -> Option<f64> {
        if let Self::Number(x) = self { Some(x) } else { None }
    }

    /// The place among the column's words, if it is one.
    pub(crate) fn word(self) -> Option<usize> {
        if let Self::Word(code) = self { Some(code as usize) } else { None }
    }

    /// Whether nothing stands there.
    pub fn is_missing(self) -> bool {
        self == Self::Missing
    }

    /// As it would stand in the file.
    pub(crate) fn text(self, words: &[String]) -> String {
        match self {
            Self::Number(x) => (x + 0.0).to_string(),
            Self::Word(code) => words.get(code as usize).cloned().unwrap_or_else(|| "…".into()),
            Self::Missing => String::new(),
        }
    }

    /// A number or nothing from its text; None for a word, as `007` is one. `comma`: 3,14 is a
    /// number, and 3.14 is none.
    pub(crate) fn parse(field: &str, comma: bool) -> Option<Self> {
        Some(match Read::parse(field, comma)? {
            Read::Short { number, .. } => Self::Number(shortest(number) + 0.0),
            Read::Long { number, .. } => Self::Number(number),
            Read::Missing => Self::Missing,
        })
    }
}

/// A number or nothing, as it is read from a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Read {
    /// A number whose digits are found again from single precision.
    Short { number: f32, decimals: u8 },
    /// Any other.
    Long { number: f64, decimals: u8 },
    /// Nothing stands there.
    Missing,
}

/// Stands for a number of digits that is not known: `1e3`.
pub(crate) const UNKNOWN: u8 = u8::MAX;

impl Read {
    /// As [`Cell::parse`].
    pub fn parse(field: &str, comma: bool) -> Option<Self> {
        let field = field.trim_ascii();
        let point = if comma { b',' } else { b'.' };
        if let Some((number, decimals)) = plain_number(field.as_bytes(), point) {
            return Some(Self::Short { number, decimals });
        }
        let number: Option<f64> = match field.as_bytes() {
            // An identifier; and where commas are decimal, a point may mean thousands.
            [b'0'..=b'9' | b'+' | b'-', ..] if is_name(field) => None,
            [b'0'..=b'9' | b'+' | b'-' | b'.' | b',', ..] if comma => match field.contains('.') {
                true => None,
                false => field.replace(',', ".").parse().ok(),
            },
            [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => field.parse().ok(),
            [b'i' | b'I', ..] => field.parse().ok(),
            _ => None,
        };
        match number {
            Some(x) if x.is_nan() => Some(Self::Missing),
            Some(number) => Some(Self::Long { number, decimals: decimals(field, point) }),
            None => MISSING.contains(&field).then_some(Self::Missing),
        }
    }
}

/// Whether a text that looks like a number is a name: `007`, or more digits than a number holds.
pub(super) fn is_name(text: &str) -> bool {
    leading_zeros(text) || exceeds_double(text)
}

/// The number that a text of letters is: `1e5`, `inf`. Among words it is a word, as `1f5` is.
pub(super) fn number_in_letters(text: &str) -> Option<f64> {
    let letters = text.bytes().any(|b| b.is_ascii_alphabetic());
    let number = |comma| Cell::parse(text, comma)?.number();
    if letters { number(false).or_else(|| number(true)) } else { None }
}

/// Digits behind the point.
fn decimals(field: &str, point: u8) -> u8 {
    let unsigned = field.trim_start_matches(['+', '-']).as_bytes();
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    match unsigned.iter().position(|b| *b == point) {
        None if digits(unsigned) => 0,
        Some(at) if digits(&unsigned[..at]) && digits(&unsigned[at + 1..]) => {
            u8::try_from(unsigned.len() - at - 1).unwrap_or(UNKNOWN)
        }
        _ => UNKNOWN,
    }
}

/// Most numbers in most files: digits, perhaps a sign and a point, few enough that
/// both the digits and the power of ten are exact, so that the one division
/// rounds as it should (Clinger 1990), and that no other number of so many decimals
/// has the same single: [`shortest`] finds the digits again. Twice as fast as `parse`,
/// which all others go through. With the digits behind the point.
fn plain_number(field: &[u8], decimal: u8) -> Option<(f32, u8)> {
    const POWERS: [f32; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
    let (negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 11 {
        return None;
    }
    let (mut mantissa, mut point) = (0u64, None);
    for (i, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => mantissa = 10 * mantissa + u64::from(byte - b'0'),
            _ if *byte == decimal && point.is_none() => point = Some(i + 1),
            _ => return None,
        }
    }
    let behind = point.map_or(0, |p| digits.len() - p);
    // Two decimals that are closer than singles are could not be told apart.
    let most = if behind == 0 { 1 << 24 } else { 1 << 23 };
    if mantissa > most || point == Some(digits.len()) || point == Some(1) {
        return None;
    }
    if digits[0] == b'0' && digits.get(1).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let x = mantissa as f32 / POWERS[behind];
    Some((if negative { -x } else { x }, behind as u8))
}

/// The number with the fewest decimals that is this single: of 0.1f32 it is 0.1, not
/// 0.10000000149011612.
pub(crate) fn shortest(x: f32) -> f64 {
    const POWERS: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    let wide = f64::from(x);
    if x.fract() == 0.0 || !x.is_finite() {
        return wide;
    }
    for power in POWERS {
        let decimal = rounded(wide * power) / power;
        if decimal as f32 == x {
            return decimal;
        }
    }
    wide
}

/// As [`f64::round`], which is a call of a function where the processor's instruction for it may not
/// be there.
pub(super) fn rounded(x: f64) -> f64 {
    // From here on all numbers are whole.
    if x.is_nan() || x.abs() >= 4_503_599_627_370_496.0 {
        return x;
    }
    let whole = x as i64 as f64;
    let rest = x - whole;
    whole + f64::from(u8::from(rest >= 0.5)) - f64::from(u8::from(rest <= -0.5))
}

/// A cell in four bytes: the bits of an `f32` if its digits are found again from that. The
/// patterns that IEEE 754 leaves to NaN, which no file can mean as a number, are words, nothing,
/// and the places of numbers that need eight bytes and lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed(u32);

/// From here on up: a negative quiet NaN, its 22 free bits a number of ours.
const WORD: u32 = 0xFFC0_0000;
/// Above it, up to [`NEGATIVE`]: a positive NaN, its 23 bits a place among the long numbers.
const LONG: u32 = 0x7F80_0000;
const NEGATIVE: u32 = 0x8000_0000;

/// Numbers that can lie apart from one piece's cells.
pub(crate) const MOST_LONG: usize = (NEGATIVE - LONG - 1) as usize;

/// What four bytes say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unpacked {
    Missing,
    Short(f32),
    /// Its place among the long ones.
    Long(usize),
    Word(u32),
}

impl Packed {
    pub const MISSING: Self = Self(WORD);

    pub fn short(x: f32) -> Self {
        // −0 is 0.
        if x.is_nan() { Self::MISSING } else { Self((x + 0.0).to_bits()) }
    }

    /// Keeps a cell; a number that needs it is laid beside the `long` ones.
    pub fn new(cell: Cell, long: &mut Vec<f64>) -> Self {
        match cell {
            Cell::Missing => Self::MISSING,
            Cell::Word(code) => Self::word(code),
            Cell::Number(x) => Self::number(x, long),
        }
    }

    pub fn word(code: u32) -> Self {
        Self(WORD + 1 + code)
    }

    pub fn number(x: f64, long: &mut Vec<f64>) -> Self {
        let single = x as f32;
        // What is too large for single precision is no input, and counted with the infinite.
        if single.is_infinite() || shortest(single) == x {
            return Self::short(single);
        }
        long.push(x);
        Self::long(long.len() - 1)
    }

    /// The four bytes, as they are written to a file.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// What [`Packed::bits`] gave.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    fn long(place: usize) -> Self {
        Self(LONG + 1 + place as u32)
    }

    pub fn unpack(self) -> Unpacked {
        match self.0 {
            WORD => Unpacked::Missing,
            bits if bits > WORD => Unpacked::Word(bits - WORD - 1),
            bits if bits > LONG && bits < NEGATIVE => Unpacked::Long((bits - LONG - 1) as usize),
            bits => Unpacked::Short(f32::from_bits(bits)),
        }
    }

    /// The same where `by` other long numbers lie before its own.
    pub fn moved(self, by: usize) -> Self {
        match self.unpack() {
            Unpacked::Long(place) => Self::long(place + by),
            _ => self,
        }
    }

    /// Whether it is a number that is infinite, or too large for single precision.
    pub fn is_infinite(self) -> bool {
        self.0 & !NEGATIVE == f32::INFINITY.to_bits()
    }

    /// The place among the column's words, if it is one.
    pub fn code(self) -> Option<usize> {
        if let Unpacked::Word(code) = self.unpack() { Some(code as usize) } else { None }
    }

    /// The cell, its number as it was written.
    pub fn cell(self, long: &[f64]) -> Cell {
        match self.unpack() {
            Unpacked::Short(x) => Cell::Number(shortest(x)),
            _ => self.rough(long),
        }
    }

    /// The cell, its number as precise as single precision, where that tells it from all others.
    pub fn rough(self, long: &[f64]) -> Cell {
        match self.unpack() {
            Unpacked::Missing => Cell::Missing,
            Unpacked::Short(x) => Cell::Number(x.into()),
            Unpacked::Long(place) => Cell::Number(long[place]),
            Unpacked::Word(code) => Cell::Word(code),
        }
    }

    /// Bits that are the same for cells that say the same, and no others of the column.
    pub fn key(self, long: &[f64]) -> u64 {
        match self.unpack() {
            Unpacked::Long(place) => long[place].to_bits(),
            _ => self.0.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str, comma: bool) -> Option<f64> {
        Cell::parse(text, comma).and_then(Cell::number)
    }

    #[test]
    fn numbers_words_and_nothing() {
        for (text, x) in [
            ("1", 1.0),
            (" -2.5 ", -2.5),
            ("+.5", 0.5),
            ("1e3", 1000.0),
            ("16777216", 16_777_216.0),
            ("16777217", 16_777_217.0),
            ("4006381333948", 4_006_381_333_948.0),
            ("9007199254740992", 9_007_199_254_740_992.0),
            ("0.1", 0.1),
            ("0.10", 0.1),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(number(text, false), Some(x), "{text}");
        }
        for (text, x) in [("3,5", 3.5), ("-,5", -0.5), ("1,5e3", 1500.0), ("7", 7.0)] {
            assert_eq!(number(text, true), Some(x), "{text}");
        }
        assert_eq!(Cell::parse("3,5", false), None);
        assert_eq!((Cell::parse("1.234", true), Cell::parse("1.2,3", true)), (None, None));
        for name in [
            "007",
            "00",
            "-01",
            "00.5",
            "00012",
            "9007199254740993",
            "-18446744073709551617",
            "340282366920938463463374607431768211455",
            "340282366920938463463374607431768211456",
        ] {
            assert_eq!((Cell::parse(name, false), Cell::parse(name, true)), (None, None), "{name}");
        }
        for word in ["abc", "12a", "1 2", "2024-01-05", "in", "-", "--", "0x10", "1_000"] {
            assert_eq!(Cell::parse(word, false), None, "{word}");
        }
        for nothing in MISSING {
            assert_eq!(Cell::parse(nothing, false), Some(Cell::Missing), "{nothing}");
        }
        for odd in ["1.", ".5", "-", ".", "1.2.3", "-0", "0"] {
            assert_eq!(number(odd, false), odd.parse().ok(), "{odd}");
        }
        assert_eq!(Cell::from_number(f64::NAN), Cell::Missing);
        assert_eq!(Cell::from_number(-0.0).text(&[]), "0");
    }

    #[test]
    fn rounding_is_that_of_the_standard_library() {
        for i in 0..100_000u64 {
            let bits = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let some = [f64::from_bits(bits), i as f64 / 8.0 - 6000.0, (bits >> 11) as f64 / 4.0];
            for x in some.into_iter().filter(|x| !x.is_nan()) {
                assert!(rounded(x) == x.round() && rounded(-x) == (-x).round(), "{x}");
            }
        }
        let large = 4_503_599_627_370_496.5;
        assert_eq!((rounded(large), rounded(f64::INFINITY)), (large.round(), f64::INFINITY));
    }

    /// Whatever is written comes back to the last bit from the four bytes and what lies apart.
    #[test]
    fn four_bytes_keep_what_is_written() {
        let mut long = Vec::new();
        let mut short = 0;
        for i in 0..200_000u32 {
            let bits = i.wrapping_mul(2_654_435_761);
            let digits = bits >> (bits % 20);
            let text = match i % 6 {
                0 => digits.to_string(),
                1 => format!("-{}.{}", digits % 1000, bits >> 12),
                2 => format!("0.{:07}", bits >> 10),
                5 => format!("+{}.{:03}", digits % 97, bits >> 23),
                3 => format!("{}.{:0w$}", digits % 97, bits >> 20, w = i as usize % 7 + 1),
                _ => format!("{}e-{}", bits, i % 60),
            };
            let x: f64 = text.parse().unwrap();
            assert_eq!(number(&text, false).map(f64::to_bits), Some(x.to_bits()), "{text}");
            let packed = match Read::parse(&text, false).unwrap() {
                Read::Short { number, decimals } => {
                    short += 1;
                    assert_eq!(number, text.parse::<f32>().unwrap(), "{text}");
                    let point = text.find('.').map_or(0, |at| text.len() - at - 1);
                    assert_eq!(usize::from(decimals), point, "{text}");
                    Packed::short(number)
                }
                Read::Long { number, .. } => Packed::number(number, &mut long),
                Read::Missing => panic!("{text}"),
            };
            assert_eq!(packed.cell(&long), Cell::Number(x), "{text}");
            // However it came, the same number has the same bytes.
            assert_eq!(packed.key(&long), Packed::number(x, &mut long).key(&long), "{text}");
            assert!((packed.rough(&long).number().unwrap() - x).abs() <= 1e-7 * x.abs(), "{text}");
        }
        assert!(short > 90_000, "{short}");
    }

    #[test]
    fn words_and_nothing_are_packed_too() {
        let mut long = vec![0.5];
        for cell in [Cell::Missing, Cell::Word(0), Cell::Word(65_536), Cell::Number(-f64::MAX)] {
            let packed = Packed::new(cell, &mut long);
            match cell {
                Cell::Number(_) => assert_eq!(packed.cell(&long), Cell::Number(f64::NEG_INFINITY)),
                _ => assert_eq!(packed.cell(&long), cell),
            }
        }
        let packed = Packed::number(1e300, &mut long);
        assert_eq!(packed.unpack(), Unpacked::Short(f32::INFINITY));
        assert!(packed.is_infinite() && Packed::short(f32::NEG_INFINITY).is_infinite());
        assert!(!Packed::short(f32::MAX).is_infinite() && !Packed::MISSING.is_infinite());
        assert!(!Packed::word(0).is_infinite() && !Packed::long(0).is_infinite());
        let last = Packed::long(MOST_LONG - 1);
        assert_eq!(last.unpack(), Unpacked::Long(MOST_LONG - 1));
        assert_eq!(Packed::long(3).moved(2), Packed::long(5));
        assert_eq!(Packed::short(-0.0), Packed::short(0.0));
        assert_eq!(Packed::short(f32::NAN), Packed::MISSING);
        assert_eq!(Packed::short(-f32::MAX).unpack(), Unpacked::Short(-f32::MAX));
    }
}
