//! JPEG: what is needed besides the decoder, [`zune_jpeg`].
//!
//! ```text
//! FF D8 │ FF kind, length, … │ … │ FF C0, length, bits, height, width, … │ FF DA, … scan … │ FF D9
//! ```
//! Cameras store pictures as the sensor saw them, with their orientation in the Exif segment:
//! they are rotated.

#[cfg(feature = "images")]
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use super::raster::Picture;
#[cfg(feature = "images")]
use super::raster::check_size;

/// What is known before decoding.
#[derive(Default)]
struct Head {
    size: Option<(usize, usize)>,
    /// The Exif orientation, 1 to 8; from 5 on width and height are swapped.
    orientation: usize,
}

fn head(bytes: &[u8]) -> Head {
    let mut head = Head { size: None, orientation: 1 };
    let mut at = 2;
    while let Some([0xff, kind, a, b, ..]) = bytes.get(at..) {
        let length = usize::from(*a) << 8 | usize::from(*b);
        match kind {
            0xff => {
                at += 1;
                continue;
            }
            0xe1 => {
                let segment = bytes.get(at + 4..at + 2 + length);
                let exif = segment.and_then(|s| s.strip_prefix(b"Exif\0\0"));
                head.orientation = exif.and_then(orientation).unwrap_or(head.orientation);
            }
            // C4, C8 and CC are tables, all others of this row begin a frame.
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(kind) => {
                if let Some([_, h1, h0, w1, w0]) = bytes.get(at + 4..at + 9) {
                    let number = |high: &u8, low: &u8| usize::from(*high) << 8 | usize::from(*low);
                    head.size = Some((number(w1, w0), number(h1, h0)));
                }
                break;
            }
            _ => {}
        }
        at += 2 + length;
    }
    head
}

/// The tag 0x0112 of a TIFF's first directory, as Exif has it in JPEG and PNG: 1 to 8.
pub(super) fn orientation(tiff: &[u8]) -> Option<usize> {
    let little = tiff.starts_with(b"II");
    let number = |at: usize, size: usize| -> Option<usize> {
        let part = tiff.get(at..at.checked_add(size)?)?;
        let join = |n: usize, byte: &u8| n << 8 | usize::from(*byte);
        Some(if little { part.iter().rev().fold(0, join) } else { part.iter().fold(0, join) })
    };
    let directory = number(4, 4)?;
    let entries = number(directory, 2)?;
    let entry = |i: usize| directory + 2 + 12 * i;
    let found = (0..entries).map(entry).find(|at| number(*at, 2) == Some(0x0112))?;
    number(found + 8, 2).filter(|n| (1..=8).contains(n))
}

/// Width and height of the rotated picture.
pub(super) fn size(bytes: &[u8]) -> Result<(usize, usize), String> {
    let Head { size, orientation } = head(bytes);
    let missing = "a damaged or truncated JPEG picture: it does not say its size";
    let (width, height) = size.ok_or(missing)?;
    Ok(if orientation < 5 { (width, height) } else { (height, width) })
}

/// The feature is off.
#[cfg(not(feature = "images"))]
pub(super) fn decode(_: &[u8]) -> Result<Picture, String> {
    Err("a JPEG picture, and this program was built without JPEG; save it as PNG, or turn on the \
         feature `images` of the crate reshet"
        .into())
}

#[cfg(feature = "images")]
pub(super) fn decode(bytes: &[u8]) -> Result<Picture, String> {
    // The decoder accepts a missing end. Inside a scan neither marker can occur.
    let last = |marker: u8| bytes.windows(2).rposition(|w| w == [0xff, marker]);
    if last(0xd9) <= last(0xda) {
        return Err("a truncated JPEG picture: its end is missing".into());
    }
    // Strict: otherwise missing pixels are filled with grey.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let damaged =
        |e: zune_jpeg::errors::DecodeErrors| format!("a damaged or truncated JPEG picture: {e:?}");
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().ok_or("a JPEG picture without a size")?;
    let (width, height) = check_size(width, height)?;
    let (channels, space) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (1, ColorSpace::Luma),
        _ => (3, ColorSpace::RGB),
    };
    let options = decoder.options().jpeg_set_out_colorspace(space);
    decoder.set_options(options);
    let pixels = decoder.decode().map_err(damaged)?;
    if pixels.len() != width * height * channels {
        return Err("a JPEG picture in colours that are not read; save it as RGB".into());
    }
    Ok(turned(Picture { width, height, channels, pixels }, head(bytes).orientation))
}

/// Rotates a picture as its orientation says.
pub(super) fn turned(picture: Picture, orientation: usize) -> Picture {
    if orientation == 1 {
        return picture;
    }
    let Picture { width: w, height: h, channels, pixels } = picture;
    let (width, height) = if orientation < 5 { (w, h) } else { (h, w) };
    let mut out = Vec::with_capacity(pixels.len());
    for y in 0..height {
        for x in 0..width {
            let (x, y) = match orientation {
                2 => (w - 1 - x, y),
                3 => (w - 1 - x, h - 1 - y),
                4 => (x, h - 1 - y),
                5 => (y, x),
                6 => (y, h - 1 - x),
                7 => (w - 1 - y, h - 1 - x),
                _ => (w - 1 - y, x),
            };
            out.extend_from_slice(&pixels[(y * w + x) * channels..][..channels]);
        }
    }
    Picture { width, height, channels, pixels: out }
}
