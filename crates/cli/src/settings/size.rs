//! A size in bytes, as people write it.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// Bytes: `500M`, `2G`, `1.5GB` (of thousands), or a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

const UNITS: [(char, u64); 4] =
    [('T', 1_000_000_000_000), ('G', 1_000_000_000), ('M', 1_000_000), ('K', 1_000)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.trim().to_ascii_uppercase();
        let plain = upper.strip_suffix('B').unwrap_or(&upper);
        let of_unit = |(letter, bytes): &(char, u64)| Some((plain.strip_suffix(*letter)?, *bytes));
        let (number, bytes) = UNITS.iter().find_map(of_unit).unwrap_or((plain, 1));
        let size = number.trim().parse::<f64>().map_or(f64::NAN, |number| number * bytes as f64);
        // Less than this holds no data at all; more than this no machine has.
        match (1e6..1e18).contains(&size) {
            true => Ok(Self(size as u64)),
            false => Err("a size from 1M on, as 500M or 2G".into()),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match UNITS.iter().find(|(_, bytes)| self.0 > 0 && self.0.is_multiple_of(*bytes)) {
            Some((letter, bytes)) => write!(f, "{}{letter}", self.0 / bytes),
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
            ("500M", 500_000_000, "500M"),
            ("2g", 2_000_000_000, "2G"),
            ("1.5 GB", 1_500_000_000, "1500M"),
            ("4000000", 4_000_000, "4M"),
            ("1234567", 1_234_567, "1234567"),
        ] {
            let size: Size = text.parse().unwrap();
            assert_eq!((size.0, &*size.to_string()), (bytes, again), "{text}");
            assert_eq!(again.parse(), Ok(size));
        }
        for text in ["", "0", "-1G", "2X", "nan", "inf", "1e30G", "500K"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
