//! One cell of a table in four bytes.

use super::written::leading_zeros;

/// A number, a word (by its place among the column's words), or nothing.
///
/// Numbers are kept as the bits of an `f32`; words and nothing live in the
/// patterns that IEEE 754 leaves to NaN, which no file can mean as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cell(u32);

/// From here on up: a negative quiet NaN, its 22 free bits a number of ours.
const WORD: u32 = 0xFFC0_0000;

/// What stands for "not known" in files: pandas' list, and UCI's question mark.
pub(crate) const MISSING: [&str; 20] = [
    "", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "-NaN", "NULL", "null", "None", "<NA>", "#N/A",
    "#NA", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN", "#N/A N/A", "?",
];

impl Cell {
    /// An empty cell.
    pub const MISSING: Self = Self(WORD);

    /// A number; NaN is nothing.
    pub fn from_number(x: f32) -> Self {
        if x.is_nan() { Self::MISSING } else { Self(x.to_bits()) }
    }

    pub(crate) fn from_word(code: u32) -> Self {
        Self(WORD + 1 + code)
    }

    /// The number, if it is one. It may be infinite.
    pub fn number(self) -> Option<f32> {
        (self.0 < WORD).then(|| f32::from_bits(self.0))
    }

    /// The place among the column's words, if it is one.
    pub(crate) fn word(self) -> Option<usize> {
        (self.0 > WORD).then(|| (self.0 - WORD - 1) as usize)
    }

    /// Whether nothing stands there.
    pub fn is_missing(self) -> bool {
        self == Self::MISSING
    }

    /// As it would stand in the file.
    pub(crate) fn text(self, words: &[String]) -> String {
        match (self.number(), self.word()) {
            // −0 is 0.
            (Some(x), _) => (x + 0.0).to_string(),
            (_, Some(code)) => words.get(code).cloned().unwrap_or_else(|| "…".into()),
            _ => String::new(),
        }
    }

    /// A number or nothing from its text; None for a word, as `007` is one. `comma`: 3,14 is a
    /// number, and 3.14 is none.
    pub(crate) fn parse(field: &str, comma: bool) -> Option<Self> {
        let field = field.trim_ascii();
        let point = if comma { b',' } else { b'.' };
        if let Some(x) = plain_number(field.as_bytes(), point) {
            return Some(Self(x.to_bits()));
        }
        let number = match field.as_bytes() {
            // An identifier; and where commas are decimal, a point may mean thousands.
            [b'0'..=b'9' | b'+' | b'-', ..] if leading_zeros(field) => None,
            [b'0'..=b'9' | b'+' | b'-' | b'.' | b',', ..] if comma => match field.contains('.') {
                true => None,
                false => field.replace(',', ".").parse().ok(),
            },
            [b'0'..=b'9' | b'+' | b'-' | b'.', ..] => field.parse().ok(),
            [b'i' | b'I', ..] => field.parse().ok(),
            _ => None,
        };
        match number {
            Some(x) => Some(Self::from_number(x)),
            None => MISSING.contains(&field).then_some(Self::MISSING),
        }
    }
}

/// Most numbers in most files: digits, perhaps a sign and a point, few enough that
/// both the digits and the power of ten are exact, so that the one division
/// rounds as it should (Clinger 1990). Twice as fast as `parse`, which all
/// others go through.
fn plain_number(field: &[u8], decimal: u8) -> Option<f32> {
    const POWERS: [f32; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
    let (negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
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
    if mantissa > 1 << 24 || point == Some(digits.len()) || point == Some(1) {
        return None;
    }
    if digits[0] == b'0' && digits.get(1).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let x = mantissa as f32 / POWERS[behind];
    Some(if negative { -x } else { x })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_words_and_nothing() {
        let number = |text: &str, comma| Cell::parse(text, comma).and_then(Cell::number);
        for (text, x) in [
            ("1", 1.0),
            (" -2.5 ", -2.5),
            ("+.5", 0.5),
            ("1e3", 1000.0),
            ("16777216", 16_777_216.0),
            ("inf", f32::INFINITY),
            ("-Infinity", f32::NEG_INFINITY),
        ] {
            assert_eq!(number(text, false), Some(x), "{text}");
        }
        for (text, x) in [("3,5", 3.5), ("-,5", -0.5), ("1,5e3", 1500.0), ("7", 7.0)] {
            assert_eq!(number(text, true), Some(x), "{text}");
        }
        assert_eq!(Cell::parse("3,5", false), None);
        assert_eq!((Cell::parse("1.234", true), Cell::parse("1.2,3", true)), (None, None));
        for zeros in ["007", "00", "-01", "00.5", "00012"] {
            assert_eq!((Cell::parse(zeros, false), Cell::parse(zeros, true)), (None, None));
        }
        for word in ["abc", "12a", "1 2", "2024-01-05", "in", "-", "--", "0x10", "1_000"] {
            assert_eq!(Cell::parse(word, false), None, "{word}");
        }
        for nothing in MISSING {
            assert_eq!(Cell::parse(nothing, false), Some(Cell::MISSING), "{nothing}");
        }
        for i in 0..200_000u32 {
            let bits = i.wrapping_mul(2_654_435_761);
            let digits = bits >> (bits % 20);
            let text = match i % 4 {
                0 => digits.to_string(),
                1 => format!("-{}.{}", digits % 1000, bits >> 12),
                2 => format!("0.{:07}", bits >> 10),
                _ => format!("{}.{:0w$}", digits % 97, bits >> 20, w = i as usize % 7 + 1),
            };
            let x: f32 = text.parse().unwrap();
            assert_eq!(number(&text, false).map(f32::to_bits), Some(x.to_bits()), "{text}");
        }
        for odd in ["1.", ".5", "-", ".", "1.2.3", "-0", "0"] {
            let x = odd.parse().ok();
            assert_eq!(number(odd, false), x, "{odd}");
        }
        let word = Cell::from_word(7);
        assert_eq!((word.number(), word.word(), word.is_missing()), (None, Some(7), false));
        assert_eq!(Cell::MISSING.number().or(Cell::MISSING.word().map(|_| 0.0)), None);
        assert_eq!(Cell::from_number(f32::NAN), Cell::MISSING);
        assert_eq!(Cell::from_number(-0.0).text(&[]), "0");
        assert_eq!(Cell::from_number(-f32::MAX).number(), Some(-f32::MAX));
    }
}
