//! BMP, the picture format of Windows.
//!
//! ```text
//! BM │ file size, 4 zeros │ where the pixels are │ a header of 12, 40 or more bytes │ palette │ rows
//! ```
//! Rows go from the bottom up (a negative height: down), each padded to four bytes; colours are
//! blue, green, red. Supported: 1, 4, 8, 16, 24 and 32 bits per pixel; not run-length encoding.
//! Format: <https://learn.microsoft.com/windows/win32/gdi/bitmap-storage>.

use super::raster::{Picture, check_size};

struct Header {
    width: usize,
    height: usize,
    down: bool,
    bits: usize,
    compression: u32,
    /// The length of the second header in bytes.
    length: usize,
}

fn number(bytes: &[u8], at: usize, size: usize) -> Result<u32, String> {
    let part = bytes.get(at..at + size).ok_or("a truncated BMP picture")?;
    Ok(part.iter().rev().fold(0, |n, byte| n << 8 | u32::from(*byte)))
}

fn header(bytes: &[u8]) -> Result<Header, String> {
    let length = number(bytes, 14, 4)? as usize;
    // The oldest header has two bytes for each side.
    let (width, height, bits, compression) = if length == 12 {
        let side = |at| Ok::<_, String>(number(bytes, at, 2)? as i32);
        (side(18)?, side(20)?, number(bytes, 24, 2)?, 0)
    } else if (40..=1024).contains(&length) {
        let side = |at| Ok::<_, String>(number(bytes, at, 4)? as i32);
        (side(18)?, side(22)?, number(bytes, 28, 2)?, number(bytes, 30, 4)?)
    } else {
        return Err(format!("a damaged BMP picture: a header of {length} bytes"));
    };
    if width <= 0 || height == 0 {
        return Err(format!("a damaged BMP picture: {width}×{height} pixels"));
    }
    let (width, rows) = check_size(width as usize, height.unsigned_abs() as usize)?;
    Ok(Header { width, height: rows, down: height < 0, bits: bits as usize, compression, length })
}

/// Width and height, from the first 64 bytes.
pub(super) fn size(head: &[u8]) -> Result<(usize, usize), String> {
    let header = header(head)?;
    Ok((header.width, header.height))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Picture, String> {
    let Header { width, height, down, bits, compression, length } = header(bytes)?;
    let known = match compression {
        0 => [1, 4, 8, 16, 24, 32].contains(&bits),
        // The masks of red, green, blue (and alpha) are in the file.
        3 | 6 => [16, 32].contains(&bits),
        _ => false,
    };
    if !known {
        return Err(format!(
            "a BMP picture of {bits} bits and compression {compression}, which is not read; \
             save it as PNG"
        ));
    }
    let start = number(bytes, 10, 4)? as usize;
    let stride = (width * bits).div_ceil(32) * 4;
    let rows = bytes
        .get(start..)
        // Some programs leave out the last row's padding.
        .filter(|rows| rows.len() >= stride * (height - 1) + (width * bits).div_ceil(8))
        .ok_or("a truncated BMP picture: pixels are missing")?;
    let palette = match bits {
        1 | 4 | 8 => palette(bytes, length, start, 1 << bits)?,
        _ => Vec::new(),
    };
    let masks = masks(bytes, bits, compression)?;
    let grey = !palette.is_empty() && palette.iter().all(|[r, g, b]| r == g && g == b);
    let mut pixels = Vec::with_capacity(width * height * if grey { 1 } else { 3 });
    for y in 0..height {
        let row = &rows[stride * if down { y } else { height - 1 - y }..];
        for x in 0..width {
            let rgb = match bits {
                1 | 4 | 8 => {
                    let (byte, place) = (x * bits / 8, x * bits % 8);
                    let index = usize::from(row[byte]) >> (8 - bits - place) & ((1 << bits) - 1);
                    *palette
                        .get(index)
                        .ok_or("a damaged BMP picture: a colour that is not in its palette")?
                }
                24 => [row[3 * x + 2], row[3 * x + 1], row[3 * x]],
                _ => {
                    let size = bits / 8;
                    let pixel = number(row, x * size, size)?;
                    masks.map(|mask| part(pixel, mask))
                }
            };
            pixels.extend_from_slice(if grey { &rgb[..1] } else { &rgb });
        }
    }
    Ok(Picture { width, height, channels: if grey { 1 } else { 3 }, pixels })
}

/// Red, green, blue of each colour; it ends where the pixels begin.
fn palette(bytes: &[u8], length: usize, start: usize, most: usize) -> Result<Vec<[u8; 3]>, String> {
    let entry = if length == 12 { 3 } else { 4 };
    let from = 14 + length;
    let colours = bytes.get(from..start.min(from + most * entry).max(from));
    let colours = colours.ok_or("a truncated BMP picture: its colours are missing")?;
    Ok(colours.chunks_exact(entry).map(|c| [c[2], c[1], c[0]]).collect())
}

/// Which bits of a pixel are red, green, blue.
fn masks(bytes: &[u8], bits: usize, compression: u32) -> Result<[u32; 3], String> {
    if compression == 0 {
        // 16 bits are five per colour.
        return Ok(if bits == 16 { [0x7c00, 0x3e0, 0x1f] } else { [0xff_0000, 0xff00, 0xff] });
    }
    // After a header of 40 bytes or inside a longer one: the same place.
    Ok([number(bytes, 54, 4)?, number(bytes, 58, 4)?, number(bytes, 62, 4)?])
}

/// The bits of a mask, stretched to 0..=255.
fn part(pixel: u32, mask: u32) -> u8 {
    if mask == 0 {
        return 0;
    }
    let most = u64::from(mask >> mask.trailing_zeros());
    let value = u64::from((pixel & mask) >> mask.trailing_zeros());
    ((value * 255 + most / 2) / most) as u8
}
