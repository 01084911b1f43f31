//! A size in bytes, as people write it.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// Bytes: `2G`, `200M`, `1.5G` (of a thousand thousands), or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

const UNITS: [(&str, u64); 4] =
    [("T", 1_000_000_000_000), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is no size; write it as 2G or 500M");
        let trimmed = text.trim().trim_end_matches(['b', 'B']);
        let unit = UNITS.iter().find_map(|(unit, bytes)| {
            let digits = trimmed.strip_suffix(unit).or(trimmed.strip_suffix(&unit.to_lowercase()));
            digits.or(trimmed.strip_suffix(&unit.to_uppercase())).map(|digits| (digits, *bytes))
        });
        let (digits, unit) = unit.unwrap_or((trimmed, 1));
        if let Ok(whole) = digits.trim().parse::<u64>() {
            return whole.checked_mul(unit).map(Self).ok_or_else(wrong);
        }
        let x: f64 = digits.trim().parse().map_err(|_| wrong())?;
        let bytes = x * unit as f64;
        if unit == 1 || !(bytes >= 1.0 && bytes < 1e18) {
            return Err(wrong());
        }
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let unit = UNITS.iter().find(|(_, bytes)| self.0 > 0 && self.0 % bytes == 0);
        match unit {
            Some((unit, bytes)) => write!(f, "{}{unit}", self.0 / bytes),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, bytes, again) in [
            ("2G", 2_000_000_000, "2G"),
            ("200m", 200_000_000, "200M"),
            ("1.5GB", 1_500_000_000, "1500M"),
            ("500 kB", 500_000, "500k"),
            ("4096", 4096, "4096"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, &*size.to_string()), (bytes, again), "{text}");
            assert_eq!(again.parse(), Ok(size));
        }
        for wrong in ["", "G", "-1G", "much", "1.5", "nan G", "9999999999T"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
