//! Checksums: damage to a file is noticed when it is read.
//!
//! A line of JSON carries its own, the last of its fields: `{"step":3,"crc":"1c291ca3"}`. It is
//! the CRC-32 (ISO 3309, as of gzip and PNG) of the line without that field. It finds every
//! damage of up to 32 bits in a row, and of other damage all but one in four billion; it is no
//! protection against somebody who changes a file on purpose.

/// Where the checksum of a line begins.
const FIELD: &str = ",\"crc\":\"";
/// The length of the field, with the brace that closes the object.
const LENGTH: usize = FIELD.len() + 8 + 2;

/// Returns the CRC-32 of these bytes, as eight hexadecimal digits.
pub fn of(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

/// Adds its checksum to a JSON object, which must have at least one field.
///
/// ```
/// use reshet::files::sums;
/// let line = sums::sealed(r#"{"step":3}"#);
/// assert_eq!(line, r#"{"step":3,"crc":"232fcf13"}"#);
/// assert_eq!(sums::check(&line), sums::Seal::Whole);
/// assert_eq!(sums::check(&line.replace('3', "4")), sums::Seal::Broken);
/// ```
pub fn sealed(object: &str) -> String {
    match object.strip_suffix('}') {
        Some(open) => format!("{open}{FIELD}{}\"}}", of(object.as_bytes())),
        None => object.into(),
    }
}

/// What the checksum of an object says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    /// It is as it was written.
    Whole,
    /// It has been changed.
    Broken,
    /// It has no checksum: versions before checksums wrote it.
    None,
}

/// Compares a JSON object with its checksum.
pub fn check(object: &str) -> Seal {
    let Some(at) = object.len().checked_sub(LENGTH).filter(|at| object.is_char_boundary(*at))
    else {
        return Seal::None;
    };
    let (open, field) = object.split_at(at);
    let Some(sum) = field.strip_prefix(FIELD).and_then(|rest| rest.strip_suffix("\"}")) else {
        return Seal::None;
    };
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(open.as_bytes());
    hasher.update(b"}");
    match format!("{:08x}", hasher.finalize()) == sum {
        true => Seal::Whole,
        false => Seal::Broken,
    }
}

/// Reads the lines of a growing file: each with its number, from 1.
///
/// The last line is left out if it breaks off, as that of a killed process may. Lines of
/// versions before checksums have none, but no such line follows one that has.
///
/// # Errors
/// Says which line is damaged.
pub fn lines(text: &[u8]) -> Result<Vec<(usize, &str)>, (usize, &'static str)> {
    let mut lines = Vec::new();
    let mut seal_expected = false;
    let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    for (i, line) in text[..end].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let number = i + 1;
        let Ok(line) = std::str::from_utf8(&line[..line.len() - 1]) else {
            return Err((number, "it is not text"));
        };
        match check(line) {
            Seal::Whole => seal_expected = true,
            Seal::None if !seal_expected => {}
            Seal::None => return Err((number, "it has no checksum, as the lines before it have")),
            Seal::Broken => return Err((number, "its checksum does not fit")),
        }
        lines.push((number, line));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_line_is_found() {
        let text = [r#"{"step":0,"loss":0.5}"#, r#"{"step":1,"loss":0.25}"#]
            .map(|line| sealed(line) + "\n")
            .concat();
        assert_eq!(lines(text.as_bytes()).unwrap().len(), 2);
        let first_sum = text.find(FIELD).unwrap();
        for bit in 0..8 * text.len() {
            let mut damaged = text.clone().into_bytes();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let Ok(left) = lines(&damaged) else { continue };
            // A last line without its end counts as one that was never finished. The name of a
            // checksum may be hit: what it was to protect is then as it was.
            let same = left.iter().all(|(number, line)| {
                let was = text.lines().nth(number - 1).unwrap();
                line[..line.len() - LENGTH] == was[..was.len() - LENGTH]
            });
            assert!(same && bit >= 8 * first_sum, "bit {bit}: {left:?}");
        }
    }

    #[test]
    fn lines_of_earlier_versions_come_before_sealed_ones() {
        let old = "{\"step\":0}\n";
        let new = sealed("{\"step\":1}") + "\n";
        assert_eq!(lines(format!("{old}{old}{new}").as_bytes()).unwrap().len(), 3);
        assert_eq!(lines(format!("{old}{new}{old}").as_bytes()).unwrap_err().0, 3);
        assert_eq!(lines(format!("{old}{new}{{\"st").as_bytes()).unwrap().len(), 2);
        assert_eq!(lines(b"").unwrap(), []);
        assert_eq!(check(""), Seal::None);
        assert_eq!(check("größe größe größe grö"), Seal::None);
    }
}
