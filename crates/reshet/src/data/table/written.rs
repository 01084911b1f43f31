//! Numbers as people write them: `$3.50`, `12 %`, `1,234`, `€ 1.200,50`.
//!
//! A column is read so only if all of its cells can be, in one and the same way; the way
//! goes into the model. What stands there is the number: `12 %` is 12, in per cent.

use serde::{Deserialize, Serialize};

/// The way a column's numbers are written, beyond digits and a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// What stands before the decimals: `.` or `,`.
    pub decimal: char,
    /// What stands between thousands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// The one sign that may stand before or behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<char>,
    /// Whether % stands behind each.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub percent: bool,
}

/// A number without what stands around it.
struct Bare<'a> {
    negative: bool,
    currency: Option<char>,
    percent: bool,
    digits: &'a str,
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}')
}

/// Unicode's block of currency signs, and those outside of it.
fn is_currency(c: char) -> bool {
    matches!(c, '$' | '£' | '¥' | '¢' | '\u{20a0}'..='\u{20cf}')
}

/// One mark for those that look alike.
fn mark(c: char) -> char {
    match c {
        '’' => '\'',
        c if is_space(c) => ' ',
        c => c,
    }
}

impl<'a> Bare<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut bare =
            Self { negative: false, currency: None, percent: false, digits: text.trim() };
        let mut signed = false;
        loop {
            match bare.digits.chars().next()? {
                c if is_space(c) => {}
                c if is_currency(c) && bare.currency.is_none() => bare.currency = Some(c),
                c @ ('-' | '−' | '+') if !signed => (signed, bare.negative) = (true, c != '+'),
                _ => break,
            }
            bare.digits = &bare.digits[bare.digits.chars().next()?.len_utf8()..];
        }
        loop {
            let last = bare.digits.chars().next_back()?;
            match last {
                c if is_space(c) => {}
                c if is_currency(c) && bare.currency.is_none() => bare.currency = Some(c),
                '%' if !bare.percent => bare.percent = true,
                _ => break,
            }
            bare.digits = &bare.digits[..bare.digits.len() - last.len_utf8()];
        }
        let fits = |c: char| c.is_ascii_digit() || matches!(mark(c), '.' | ',' | ' ' | '\'');
        bare.digits.chars().all(fits).then_some(bare)
    }

    /// Its marks that are not this one.
    fn other_marks(&self, decimal: char) -> impl Iterator<Item = char> {
        self.digits.chars().map(mark).filter(move |c| !c.is_ascii_digit() && *c != decimal)
    }
}

/// Whether a text begins as no number does that is one: `007`.
pub(super) fn leading_zeros(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    matches!(digits.as_bytes(), [b'0', b'0'..=b'9', ..])
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b','))
}

/// Whether a text is a whole number with digits that double precision does not hold.
pub(super) fn exceeds_double(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    if digits.len() < 16 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let (Ok(whole), Ok(double)) = (digits.parse::<u128>(), digits.parse::<f64>()) else {
        return true;
    };
    // What single precision does not reach would be infinite.
    double as u128 != whole || (double as f32).is_infinite()
}

/// Whether all marks of this kind stand as between thousands: `1,234,567`.
pub(super) fn is_grouped(digits: &str, thousands: char) -> bool {
    let mut groups = digits.split(|c| mark(c) == thousands);
    let first = groups.next().unwrap_or_default();
    let number = |group: &str| group.bytes().all(|b| b.is_ascii_digit());
    let mut rest = groups.peekable();
    (1..=3).contains(&first.len())
        && number(first)
        && !first.starts_with('0')
        && rest.peek().is_some()
        && rest.all(|group| group.len() == 3 && number(group))
}

/// Whether this can only be a number with `decimal` before its decimals.
pub(super) fn is_clear(text: &str, decimal: char) -> bool {
    let Some(bare) = Bare::of(text) else { return false };
    let thousands = Some(if decimal == ',' { '.' } else { ',' });
    let written = Written { decimal, thousands, currency: None, percent: false };
    bare.digits.contains(decimal)
        && !is_grouped(bare.digits, decimal)
        && written.number(&bare).is_some()
}

/// Whether it looks like a number, however it is written.
pub(super) fn is_like_a_number(text: &str) -> bool {
    Bare::of(text).is_some()
}

/// Whether an amount has its thousands or its decimals apart by this mark, it cannot be told which.
pub(super) fn is_open(text: &str, mark: char) -> bool {
    Bare::of(text)
        .is_some_and(|bare| is_grouped(bare.digits, mark) && bare.digits.matches(mark).count() == 1)
}

impl Written {
    /// The way in which all of these words are written. `comma`: the file has decimal commas;
    /// `plain`: the column has other numbers too, which are not; `fractions`: some with decimals.
    pub(crate) fn infer<'a>(
        words: impl Iterator<Item = &'a String>,
        comma: bool,
        plain: bool,
        fractions: bool,
    ) -> Option<Self> {
        let bare = words.map(|word| Bare::of(word)).collect::<Option<Vec<_>>>()?;
        let first = bare.first()?;
        let currency = bare.iter().find_map(|b| b.currency);
        let one_kind = bare.iter().all(|b| {
            b.percent == first.percent && (b.currency.is_none() || b.currency == currency)
        });
        // 12 beside 12 % may be twelve hundred of them.
        if !one_kind || (first.percent && plain) {
            return None;
        }
        let (usual, other) = if comma { (',', '.') } else { ('.', ',') };
        [usual, other].into_iter().find_map(|decimal| {
            let mut marks = bare.iter().flat_map(|b| b.other_marks(decimal));
            let thousands = marks.next();
            if marks.any(|m| Some(m) != thousands) {
                return None;
            }
            let written = Self { decimal, thousands, currency, percent: first.percent };
            let has = |b: &Bare| b.digits.contains(decimal) && !is_grouped(b.digits, decimal);
            // What is not usual in this file must be seen.
            let seen = decimal == usual || (!fractions && bare.iter().any(has));
            (seen && bare.iter().all(|b| written.number(b).is_some())).then_some(written)
        })
    }

    /// The number; None for nothing and for what is not written so. Plain numbers are,
    /// unless % is wanted.
    pub fn parse(&self, text: &str) -> Option<f64> {
        let bare = Bare::of(text)?;
        let kind = bare.currency.is_none() || bare.currency == self.currency;
        if !kind || bare.percent != self.percent {
            return None;
        }
        self.number(&bare)
    }

    fn number(&self, bare: &Bare) -> Option<f64> {
        let (whole, fraction) = match bare.digits.split_once(self.decimal) {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (bare.digits, "0"),
        };
        let grouped = self.thousands.is_some_and(|mark| is_grouped(whole, mark));
        let plain = whole.bytes().all(|b| b.is_ascii_digit());
        if !(grouped || plain) || leading_zeros(whole) || (whole.is_empty() && fraction == "0") {
            return None;
        }
        let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
        // Decimals with a mark among them are none.
        let number: f64 = format!("0{digits}.{fraction}").parse().ok()?;
        fraction.bytes().all(|b| b.is_ascii_digit()).then_some(if bare.negative {
            -number
        } else {
            number
        })
    }

    /// Whether a word proves that its mark stands between thousands, not before decimals.
    pub(crate) fn is_proven_by(&self, word: &str) -> bool {
        let Some(thousands @ (',' | '.')) = self.thousands else { return true };
        Bare::of(word).is_some_and(|b| {
            let marks = b.digits.matches(thousands).count();
            marks > 1 || (marks == 1 && b.digits.contains(self.decimal))
        })
    }

    /// As an example: `$1,234.5`.
    pub fn example(&self) -> String {
        let currency = self.currency.map_or(String::new(), String::from);
        let thousands = self.thousands.map_or(String::new(), String::from);
        let percent = if self.percent { " %" } else { "" };
        format!("{currency}1{thousands}234{}5{percent}", self.decimal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infer(words: &[&str], comma: bool) -> Option<Written> {
        let words: Vec<String> = words.iter().map(|w| w.to_string()).collect();
        Written::infer(words.iter(), comma, false, false)
    }

    fn numbers(words: &[&str], comma: bool) -> Option<Vec<f64>> {
        let written = infer(words, comma)?;
        Some(words.iter().map(|word| written.parse(word).unwrap()).collect())
    }

    #[test]
    fn numbers_in_their_clothes() {
        for (words, comma, want) in [
            (&["$3.50", "-$1,234.25", "$.5"][..], false, &[3.5, -1234.25, 0.5][..]),
            (&["€ 1.200,50", "7 €", "−3,5 €"], true, &[1200.5, 7.0, -3.5]),
            (&["12 %", "0.5%", "100\u{a0}%"], false, &[12.0, 0.5, 100.0]),
            (&["1 234", "12\u{202f}345 678", "5"], false, &[1234.0, 12_345_678.0, 5.0]),
            (&["1'234.5", "1’000"], false, &[1234.5, 1000.0]),
            (&["1.234", "2.345.678"], true, &[1234.0, 2_345_678.0]),
            // Not as the file's other numbers, but only so it makes sense.
            (&["3,5", "12,75", "1.200,5"], false, &[3.5, 12.75, 1200.5]),
        ] {
            assert_eq!(numbers(words, comma).as_deref(), Some(want), "{words:?}");
        }
    }

    #[test]
    fn what_is_not_all_of_one_kind_stays_words() {
        for words in [
            &["$3", "€3"][..],
            &["12 %", "12"],
            &["$3", "free"],
            &["1,234", "1.234,5", "3.5"],
            &["1,23", "1,2345", "1.5"],
            &["$007"],
            &["1,234", "1'234"],
            &["5.1.2024"],
            &["192.168.100.200"],
            &["12 kg"],
            &["$", "%"],
            &["0,123", "1.5"],
            &["--5", "5-"],
            &["1,,234"],
            &["1.", "1,234"],
            &[],
        ] {
            assert_eq!(infer(words, false), None, "{words:?}");
        }
        let beside = |word: &str, fractions| {
            Written::infer([word.to_string()].iter(), false, true, fractions)
        };
        assert_eq!(beside("5 %", false), None, "beside plain numbers");
        assert_eq!(beside("3,5", true), None, "beside 3.5");
    }

    #[test]
    fn which_mark_it_is_may_be_open() {
        let written = infer(&["1,234", "999"], false).unwrap();
        assert!(!written.is_proven_by("1,234") && written.is_proven_by("1,234.5"));
        assert!(written.is_proven_by("1,234,567"));
        assert!(infer(&["1 234"], false).unwrap().is_proven_by("1 234"));
        assert!(is_open("1,234", ',') && is_open("€ 12,345", ',') && !is_open("1,234,567", ','));
        assert!(is_clear("3,5", ',') && is_clear("0,123", ',') && is_clear("1.234,5 €", ','));
        assert!(!is_clear("1,234", ',') && !is_clear("1.234,5", '.') && !is_clear("a,5", ','));
        assert_eq!(written.parse("$5"), None);
        assert_eq!(written.parse(""), None);
        let dollars = infer(&["$1,234.5"], false).unwrap();
        assert_eq!((&*dollars.example(), dollars.parse("12")), ("$1,234.5", Some(12.0)));
        for (text, is) in
            [("007", true), ("-00.5", true), ("0.5", false), ("0", false), ("0a1", false)]
        {
            assert_eq!(leading_zeros(text), is, "{text}");
        }
    }
}
