//! Gives bytes the shape without which a reader looks no further: lengths, magic numbers,
//! checksums. Bytes that have the shape already are left as they are, but for their checksums.

use std::borrow::Cow;

use reshet::files::sums;
use serde_json::{Map, Value};

/// Gives each line its checksum; what is no object is left out.
pub fn lines(bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let mut sealed = String::new();
    for line in text.split('\n').filter(|line| line.ends_with('}')) {
        let bare = match line.rfind(",\"crc\":\"") {
            Some(at) if sums::check(line) != sums::Seal::None => format!("{}}}", &line[..at]),
            _ => line.into(),
        };
        sealed += &sums::sealed(&bare);
        sealed.push('\n');
    }
    sealed.into()
}

/// A safetensors file. Bytes that begin with `{` are a header, then a zero, then numbers: the
/// length is put before them, and the checksums of the tensors into the description that the
/// header has under this key.
pub fn safetensors<'a>(bytes: &'a [u8], key: &str) -> Cow<'a, [u8]> {
    if bytes.first() != Some(&b'{') {
        return bytes.into();
    }
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (header, numbers) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let sealed = sealed_header(header, numbers, key);
    let header = sealed.as_deref().unwrap_or(header);
    [&(header.len() as u64).to_le_bytes(), header, numbers].concat().into()
}

/// The header with all checksums right; None if it is not such a header.
fn sealed_header(header: &[u8], numbers: &[u8], key: &str) -> Option<Vec<u8>> {
    let mut header: Map<String, Value> = serde_json::from_slice(header).ok()?;
    let about = header.get("__metadata__")?.get(key)?.as_str()?;
    let mut about: Map<String, Value> = serde_json::from_str(about).ok()?;
    about.remove("crc");
    if let Some(listed) = about.get_mut("sums").and_then(Value::as_object_mut) {
        for (name, sum) in listed {
            let place = header.get(name).and_then(|tensor| tensor.get("data_offsets"));
            let at = |i: usize| place?.get(i)?.as_u64().map(|at| at as usize);
            if let Some(tensor) = at(0).zip(at(1)).and_then(|(a, b)| numbers.get(a..b)) {
                *sum = sums::of(tensor).into();
            }
        }
    }
    let text = sums::sealed(&serde_json::to_string(&about).ok()?);
    header.get_mut("__metadata__")?.as_object_mut()?.insert(key.into(), text.into());
    serde_json::to_vec(&header).ok()
}

/// A zip. Bytes that do not begin as one (or as a pickle) are parts, each behind its length in
/// two bytes, and become the files of these names.
pub fn zip<'a>(bytes: &'a [u8], names: &[&str]) -> Cow<'a, [u8]> {
    if bytes.starts_with(b"PK") || bytes.starts_with(&[0x80]) {
        return bytes.into();
    }
    let mut rest = bytes;
    let mut files = Vec::new();
    for name in names {
        let Some((length, behind)) = rest.split_first_chunk() else { break };
        let (part, behind) = behind.split_at(behind.len().min(u16::from_le_bytes(*length).into()));
        files.push((*name, part));
        rest = behind;
    }
    stored(&files).into()
}

/// A zip of these files, not packed.
fn stored(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let at = zip.len() as u32;
        let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        fields.extend(crc32fast::hash(bytes).to_le_bytes());
        fields.extend((bytes.len() as u32).to_le_bytes().repeat(2));
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        zip.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), bytes].concat());
        directory
            .extend([b"PK\x01\x02\x14\x00", &fields[..], &[0; 10], &at.to_le_bytes()].concat());
        directory.extend_from_slice(name.as_bytes());
    }
    let (at, size, count) = (zip.len() as u32, directory.len() as u32, files.len() as u16);
    zip.extend(directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend(count.to_le_bytes().repeat(2));
    zip.extend([size.to_le_bytes(), at.to_le_bytes()].concat());
    zip.extend([0, 0]);
    zip
}

/// A spreadsheet. Bytes that are no archive are the texts of its sheet, its shared strings and
/// its styles, with zeros between them.
#[cfg(feature = "xlsx")]
pub fn xlsx(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.starts_with(b"PK") {
        return bytes.into();
    }
    let mut files: Vec<(&str, &[u8])> = vec![
        ("_rels/.rels", include_bytes!("xlsx/package.rels")),
        ("xl/workbook.xml", include_bytes!("xlsx/workbook.xml")),
        ("xl/_rels/workbook.xml.rels", include_bytes!("xlsx/workbook.xml.rels")),
    ];
    let names = ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml"];
    let parts = names.into_iter().zip(bytes.splitn(3, |byte| *byte == 0));
    files.extend(parts.filter(|(_, part)| !part.is_empty()));
    stored(&files).into()
}

/// A Parquet file: its first and last four bytes are right, and the length of its description
/// is one that fits.
#[cfg(feature = "parquet")]
pub fn parquet(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() < 12 {
        return bytes;
    }
    let end = bytes.len() - 8;
    bytes[..4].copy_from_slice(b"PAR1");
    bytes[end + 4..].copy_from_slice(b"PAR1");
    let length = u32::from_le_bytes([bytes[end], bytes[end + 1], bytes[end + 2], bytes[end + 3]]);
    let fitting = length.min(end as u32 - 4);
    bytes[end..end + 4].copy_from_slice(&fitting.to_le_bytes());
    bytes
}

/// A PNG's chunks with their checksums; anything else as it is.
#[cfg(feature = "images")]
pub fn png(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return bytes.into();
    }
    let mut bytes = bytes.to_vec();
    let mut at = 8;
    while let Some(length) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let end = at + 8 + u32::from_be_bytes(*length) as usize;
        if end + 4 > bytes.len() {
            break;
        }
        let sum = crc32fast::hash(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&sum.to_be_bytes());
        at = end + 4;
    }
    bytes.into()
}
