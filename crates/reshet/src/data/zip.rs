//! The directory of a zip: where its files are and how they are packed. Zip64 (more than
//! 4 GiB) is supported, encryption is not.
//! Format: <https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>.

/// More files than this in one zip are taken for damage.
const MOST_ENTRIES: usize = 1 << 20;

/// A file in a zip.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub name: String,
    pub deflated: bool,
    pub crc: u32,
    pub packed: usize,
    pub size: usize,
    /// The place of its local header.
    at: usize,
}

/// Reads (place, number of bytes), or says why not.
pub(crate) trait Source: FnMut(usize, usize) -> Result<Vec<u8>, String> {}
impl<F: FnMut(usize, usize) -> Result<Vec<u8>, String>> Source for F {}

impl Entry {
    /// Where its bytes start.
    pub fn start(&self, mut read: impl Source) -> Result<usize, String> {
        let local = read(self.at, 30)?;
        if !local.starts_with(b"PK\x03\x04") {
            return Err("damaged: it is not where the directory says".into());
        }
        // The lengths of name and extra field may differ from the directory's.
        Ok(self.at + 30 + number(&local, 26, 2)? + number(&local, 28, 2)?)
    }
}

/// The directory of a zip of `length` bytes.
pub(crate) fn directory(length: usize, mut read: impl Source) -> Result<Vec<Entry>, String> {
    // The end's record comes last; a comment of up to 64 KiB may follow it.
    let from = length.saturating_sub(22 + (1 << 16));
    let tail = read(from, length - from)?;
    let end = tail.windows(4).rposition(|w| w == b"PK\x05\x06");
    let end = end.ok_or("truncated: the end of the zip is missing")?;
    // The last field, a comment's length, is read only to check that the record is complete.
    number(&tail, end + 20, 2)?;
    let (mut count, mut at) = (number(&tail, end + 10, 2)?, number(&tail, end + 16, 4)?);
    if count == 0xffff || at == 0xffff_ffff {
        let locator = end.checked_sub(20).filter(|l| tail[*l..].starts_with(b"PK\x06\x07"));
        let record = number(&tail, locator.ok_or("its zip64 record is missing")? + 8, 8)?;
        let record = read(record, 56)?;
        (count, at) = (number(&record, 32, 8)?, number(&record, 48, 8)?);
    }
    let mut entries = Vec::new();
    for _ in 0..count {
        if entries.len() == MOST_ENTRIES {
            return Err(format!("it has more than {MOST_ENTRIES} files"));
        }
        let head = read(at, 46)?;
        if !head.starts_with(b"PK\x01\x02") {
            return Err("damaged: its directory breaks off".into());
        }
        let field = |offset, size| number(&head, offset, size);
        let (flags, method) = (field(8, 2)?, field(10, 2)?);
        let (name, extra, comment) = (field(28, 2)?, field(30, 2)?, field(32, 2)?);
        let text = read(at + 46, name + extra)?;
        let (text, wide) = text.split_at(name);
        let name = String::from_utf8_lossy(text).into_owned();
        let mut sizes = [field(24, 4)?, field(20, 4)?, field(42, 4)?];
        wide_sizes(wide, &mut sizes)?;
        let [size, packed, local] = sizes;
        if flags & 1 == 1 || ![0, 8].contains(&method) {
            return Err(format!("{name} is encrypted or packed by a method that is not read"));
        }
        at += 46 + text.len() + extra + comment;
        let (deflated, crc) = (method == 8, field(16, 4)? as u32);
        entries.push(Entry { name, deflated, crc, packed, size, at: local });
    }
    Ok(entries)
}

/// `size` bytes, little-endian.
fn number(bytes: &[u8], at: usize, size: usize) -> Result<usize, String> {
    let part = at.checked_add(size).and_then(|end| bytes.get(at..end)).ok_or("truncated")?;
    let number = part.iter().rev().fold(0u64, |n, byte| n << 8 | u64::from(*byte));
    // No file is longer than this; sums of a few such numbers do not overflow.
    let number = usize::try_from(number).ok().filter(|n| *n < usize::MAX >> 3);
    number.ok_or_else(|| "a number too large for this machine".into())
}

/// Zip64: the extra field 1 holds, in this order, what did not fit four bytes.
fn wide_sizes(mut extra: &[u8], sizes: &mut [usize; 3]) -> Result<(), String> {
    while extra.len() >= 4 {
        let (kind, length) = (number(extra, 0, 2)?, number(extra, 2, 2)?);
        let field = extra.get(4..4 + length).ok_or("damaged: its directory breaks off")?;
        if kind == 1 {
            let mut at = 0;
            for size in sizes.iter_mut().filter(|size| **size == 0xffff_ffff) {
                *size = number(field, at, 8)?;
                at += 8;
            }
        }
        extra = &extra[4 + length..];
    }
    Ok(())
}
