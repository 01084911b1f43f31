//! Pictures from files: PNG, JPEG, BMP; brought to one size and one kind of colour.
//!
//! The decoders are [`png`], [`zune_jpeg`] and `bmp.rs` beside this file; which one is decided by
//! a file's first bytes, not by its name. Deeper colours are cut to 8 bits; colour profiles are not
//! looked at. Pictures that their file says are to be turned (Exif) are turned.

use std::{
    fs::{self, File},
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use png::{ColorType, Decoder, Limits, Transformations};

pub use super::raster::Picture;
use super::{
    bmp, jpeg,
    raster::{MOST_PIXELS, check_size},
};
use crate::{Result, error::Error};

#[derive(Clone, Copy)]
enum Format {
    Png,
    Jpeg,
    Bmp,
}

impl Format {
    fn of(start: &[u8]) -> Result<Self, String> {
        match start {
            [] => Err("the file is empty".into()),
            [0x89, b'P', b'N', b'G', ..] => Ok(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            [b'B', b'M', ..] => Ok(Self::Bmp),
            _ => Err("not a PNG, JPEG or BMP picture".into()),
        }
    }
}

impl Picture {
    /// Reads a picture.
    ///
    /// # Errors
    /// The file cannot be read, is no PNG, JPEG or BMP, is damaged or truncated, or
    /// has more than 64 million pixels.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|e| Error::unreadable(path, e))?;
        Self::decode(&bytes).map_err(|what| Error::data(format!("{}: {what}", path.display())))
    }

    /// Reads a picture from the bytes of its file.
    ///
    /// # Errors
    /// As [`Picture::open`], without the path.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        match Format::of(bytes)? {
            Format::Png => decode_png(bytes),
            Format::Jpeg => jpeg::decode(bytes),
            Format::Bmp => bmp::decode(bytes),
        }
    }

    /// Width and height alone, from the file's head.
    ///
    /// # Errors
    /// As [`Picture::open`]; damage further on is not seen.
    pub fn size(path: &Path) -> Result<(usize, usize)> {
        let read = |most: u64| -> Result<Vec<u8>> {
            let file = File::open(path).map_err(|e| Error::unreadable(path, e))?;
            let mut head = Vec::new();
            let read = BufReader::new(file.take(most)).read_to_end(&mut head);
            read.map_err(|e| Error::unreadable(path, e))?;
            Ok(head)
        };
        let named = |what: String| Error::data(format!("{}: {what}", path.display()));
        let head = read(64)?;
        let found = match Format::of(&head).map_err(named)? {
            Format::Png if head.len() >= 24 => {
                let number = |at: usize| {
                    u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
                };
                let (width, height) = (number(16) as usize, number(20) as usize);
                let file = File::open(path).map_err(|e| Error::unreadable(path, e))?;
                match png_orientation(BufReader::new(file)) {
                    5.. => Ok((height, width)),
                    _ => Ok((width, height)),
                }
            }
            Format::Png => Err("a truncated PNG picture".into()),
            Format::Bmp => bmp::size(&head),
            // Anything can come before the size: thumbnails, colour profiles.
            Format::Jpeg => jpeg::size(&read(1 << 20)?),
        };
        let (width, height) = found.map_err(named)?;
        check_size(width, height).map_err(named)
    }

    /// What is transparent becomes white.
    fn on_white(self) -> Self {
        let Self { width, height, channels, mut pixels } = self;
        let colours = match channels {
            2 => 1,
            4 => 3,
            _ => return Self { width, height, channels, pixels },
        };
        for i in 0..width * height {
            let alpha = u32::from(pixels[i * channels + colours]);
            for c in 0..colours {
                let x = u32::from(pixels[i * channels + c]);
                pixels[i * colours + c] = ((x * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
            }
        }
        pixels.truncate(width * height * colours);
        Self { width, height, channels: colours, pixels }
    }

    /// Whether more than a hundredth of it is clearly no grey.
    fn is_coloured(&self) -> bool {
        let clear = |p: &&[u8]| {
            let (low, high) = (p.iter().min(), p.iter().max());
            low.zip(high).is_some_and(|(low, high)| high - low > 24)
        };
        self.channels == 3
            && self.pixels.chunks_exact(3).filter(clear).count() * 100 > self.width * self.height
    }

    /// The picture as a network gets it: `channels` planes (1 grey, 3 red, green
    /// and blue) of `height` rows, on white where it is transparent. Smaller, each
    /// pixel is the mean of the area that it covers; larger, it lies between its
    /// neighbours. The sides are stretched each for itself.
    pub fn planes(self, channels: usize, width: usize, height: usize) -> Vec<u8> {
        self.prepared(width, height).planes(channels)
    }

    /// Resized, but not yet of one kind of colour.
    pub(super) fn prepared(self, width: usize, height: usize) -> Prepared {
        let picture = self.on_white();
        let coloured = picture.is_coloured();
        Prepared { coloured, picture: picture.resized(width, height) }
    }

    fn resized(self, width: usize, height: usize) -> Self {
        if (self.width, self.height) == (width, height) {
            return self;
        }
        let n = self.channels;
        let (columns, rows) = (shares(self.width, width), shares(self.height, height));
        // Rows are narrowed first: one pass over the large picture.
        let mut narrow = vec![0.0f32; self.height * width * n];
        for (from, to) in
            self.pixels.chunks_exact(self.width * n).zip(narrow.chunks_exact_mut(width * n))
        {
            for (column, to) in columns.iter().zip(to.chunks_exact_mut(n)) {
                for (x, share) in column {
                    let pixel = &from[x * n..(x + 1) * n];
                    to.iter_mut().zip(pixel).for_each(|(t, p)| *t += share * f32::from(*p));
                }
            }
        }
        let mut pixels = Vec::with_capacity(width * height * n);
        let mut sum = vec![0.0f32; width * n];
        for row in &rows {
            sum.fill(0.0);
            for (y, share) in row {
                let from = &narrow[y * width * n..(y + 1) * width * n];
                sum.iter_mut().zip(from).for_each(|(s, x)| *s += share * x);
            }
            pixels.extend(sum.iter().map(|s| s.round() as u8));
        }
        Self { width, height, channels: n, pixels }
    }
}

/// A picture of the right size; grey or RGB is decided later, over all of them.
pub(super) struct Prepared {
    pub coloured: bool,
    picture: Picture,
}

impl Prepared {
    /// Grey pixels that need nothing done.
    pub fn grey(pixels: Vec<u8>, width: usize, height: usize) -> Self {
        Self { coloured: false, picture: Picture { width, height, channels: 1, pixels } }
    }

    /// 1 plane of grey, or 3 of red, green and blue.
    pub fn planes(self, channels: usize) -> Vec<u8> {
        let Picture { channels: has, pixels, .. } = self.picture;
        match (has, channels) {
            (1, 1) => pixels,
            (1, _) => pixels.repeat(3),
            (_, 1) => pixels.chunks_exact(3).map(|p| grey(p).round() as u8).collect(),
            _ => (0..3).flat_map(|c| pixels.iter().skip(c).step_by(3)).copied().collect(),
        }
    }
}

/// Planes as pixels whose channels stand side by side.
pub fn interleaved(planes: &[u8], channels: usize) -> Vec<u8> {
    let area = planes.len() / channels.max(1);
    (0..area).flat_map(|i| (0..channels).map(move |c| planes[c * area + i])).collect()
}

/// Luma as in ITU-R BT.601, 0 to 255.
pub(super) fn grey(rgb: &[u8]) -> f32 {
    0.299 * f32::from(rgb[0]) + 0.587 * f32::from(rgb[1]) + 0.114 * f32::from(rgb[2])
}

/// For each of `to` pixels, which of `from` pixels make it, and by how much.
pub(super) fn shares(from: usize, to: usize) -> Vec<Vec<(usize, f32)>> {
    let step = from as f32 / to as f32;
    if from < to {
        // Between the two nearest middles.
        let share = |t: usize| {
            let middle = ((t as f32 + 0.5) * step - 0.5).clamp(0.0, (from - 1) as f32);
            let (first, part) = (middle as usize, middle.fract());
            let second = (first + 1).min(from - 1);
            vec![(first, 1.0 - part), (second, part)]
        };
        return (0..to).map(share).collect();
    }
    let share = |t: usize| {
        let (a, b) = (t as f32 * step, (t + 1) as f32 * step);
        let last = (b.ceil() as usize).min(from);
        (a as usize..last)
            .map(|i| (i, (b.min(i as f32 + 1.0) - a.max(i as f32)).max(0.0) / step))
            .collect()
    };
    (0..to).map(share).collect()
}

fn decode_png(bytes: &[u8]) -> Result<Picture, String> {
    let limits = Limits { bytes: 4 * MOST_PIXELS };
    let mut decoder = Decoder::new_with_limits(std::io::Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let damaged = |e: png::DecodingError| format!("a damaged or truncated PNG picture: {e}");
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (width, height) = check_size(reader.info().width as usize, reader.info().height as usize)?;
    let size = reader.output_buffer_size().ok_or("a PNG picture too large for memory")?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(damaged)?;
    pixels.truncate(frame.buffer_size());
    let channels = match frame.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgba => 4,
        _ => 3,
    };
    let picture = Picture { width, height, channels, pixels };
    Ok(jpeg::turned(picture, png_orientation(std::io::Cursor::new(bytes))))
}

/// How an `eXIf` chunk says that the picture is to be turned: 1 to 8, 1 as it is. It may stand
/// before or behind the pixels.
///
/// ```text
/// 89 P N G 0D 0A 1A 0A │ length, IHDR, … │ length, eXIf, TIFF, checksum │ … │ length, IEND, …
/// ```
fn png_orientation(mut from: impl Read + Seek) -> usize {
    /// A longer note holds more than an orientation, which stands at its start.
    const MOST: u64 = 1 << 16;
    let look = || -> std::io::Result<Option<usize>> {
        from.seek(SeekFrom::Start(8))?;
        loop {
            let mut head = [0; 8];
            from.read_exact(&mut head)?;
            let [a, b, c, d, kind @ ..] = head;
            let length = u64::from(u32::from_be_bytes([a, b, c, d]));
            if kind == *b"eXIf" {
                let mut tiff = Vec::new();
                from.take(length.min(MOST)).read_to_end(&mut tiff)?;
                return Ok(jpeg::orientation(&tiff));
            }
            if kind == *b"IEND" {
                return Ok(None);
            }
            from.seek(SeekFrom::Current(length as i64 + 4))?;
        }
    };
    look().ok().flatten().unwrap_or(1)
}
