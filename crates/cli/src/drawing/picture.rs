//! Grey pictures in a terminal and as PNG.

use std::path::Path;

use anyhow::{Context, Result};
use font8x8::UnicodeFonts;
use reshet::formats::write_file;

/// A picture as lines of text, two rows of pixels a line.
///
/// In colour, half blocks in 24 greys; else one glyph for each pair of pixels,
/// the denser the brighter.
pub fn lines(pixels: &[u8], width: usize, colour: bool) -> Vec<String> {
    let pairs = pixels.chunks(2 * width).map(|two| {
        let (above, below) = two.split_at(width.min(two.len()));
        above.iter().zip(below.iter().chain(std::iter::repeat(&0)))
    });
    if !colour {
        let glyph = |(a, b): (&u8, &u8)| match (u16::from(*a) + u16::from(*b)) / 2 {
            0..16 => ' ',
            16..64 => '░',
            64..128 => '▒',
            128..208 => '▓',
            _ => '█',
        };
        return pairs.map(|pairs| pairs.map(glyph).collect()).collect();
    }
    // The terminal's palette: black, then 24 greys.
    let grey = |p: &u8| if *p < 8 { 16 } else { 232 + u16::from(*p) * 23 / 255 };
    let line = |pairs: std::iter::Zip<_, _>| {
        let mut line = String::new();
        let mut last = None;
        for (a, b) in pairs {
            let now = (grey(a), grey(b));
            if last != Some(now) {
                line += &format!("\x1b[38;5;{};48;5;{}m", now.0, now.1);
                last = Some(now);
            }
            line.push('▀');
        }
        line + "\x1b[0m"
    };
    pairs.map(line).collect()
}

/// The picture without `margin` columns on either side.
pub fn crop(pixels: &[u8], width: usize, margin: usize) -> Vec<u8> {
    pixels.chunks(width).flat_map(|row| &row[margin..width - margin]).copied().collect()
}

/// Pictures in rows of `columns`, each with its caption centred under it.
pub fn side_by_side(
    pictures: &[Vec<String>],
    captions: &[String],
    columns: usize,
    gap: usize,
) -> String {
    let gap = " ".repeat(gap);
    let mut text = Vec::new();
    for (pictures, captions) in pictures.chunks(columns).zip(captions.chunks(columns)) {
        let height = pictures.iter().map(Vec::len).max().unwrap_or(0);
        let width = pictures.iter().flatten().map(|line| visible(line)).max().unwrap_or(0);
        for row in 0..height {
            let line = |picture: &Vec<String>| picture.get(row).cloned().unwrap_or_default();
            text.push(pictures.iter().map(line).collect::<Vec<_>>().join(&gap));
        }
        let caption = |caption: &String| format!("{caption:^width$}");
        text.push(captions.iter().map(caption).collect::<Vec<_>>().join(&gap).trim_end().into());
    }
    text.join("\n")
}

/// Columns that a line takes on the screen: all but its escape codes.
fn visible(line: &str) -> usize {
    let after_escape =
        |part: &str| part.split_once('m').map_or(0, |(_, text)| text.chars().count());
    let mut parts = line.split('\x1b');
    parts.next().map_or(0, |text| text.chars().count()) + parts.map(after_escape).sum::<usize>()
}

/// The middle 20×20 of a 28×28 digit as numbers from 0 (a dot) to 1.
pub fn numbers(pixels: &[u8], width: usize) -> String {
    let margin = (width - 20) / 2;
    let number = |p: &u8| match f64::from(*p) / 255.0 {
        0.0 => "  · ".into(),
        x if x > 0.995 => " 1.0".into(),
        x => format!(" {x:.2}").replace("0.", "."),
    };
    let rows = pixels.chunks(width).skip(margin).take(20);
    let row = |row: &[u8]| row[margin..margin + 20].iter().map(number).collect::<String>();
    rows.map(|r| row(r).trim_end().to_string()).collect::<Vec<_>>().join("\n")
}

/// Enlargement of a picture in a PNG.
const SCALE: usize = 4;
/// Around each picture in a PNG, and the height of its caption.
const SPACE: usize = 12;
const LETTER: usize = 8;

/// Writes the pictures into one PNG in rows of `columns`, each enlarged and
/// with its caption under it.
pub fn save_grid(
    path: &Path,
    pictures: &[&[u8]],
    captions: &[String],
    width: usize,
    columns: usize,
) -> Result<()> {
    let height = pictures.first().map_or(0, |p| p.len() / width);
    let longest = captions.iter().map(|c| c.chars().count()).max().unwrap_or(0);
    let cell = (width * SCALE).max(longest * LETTER) + SPACE;
    let line = height * SCALE + LETTER + 2 * SPACE;
    let columns = columns.min(pictures.len());
    let full = columns * cell + SPACE;
    let mut page = Page {
        width: full,
        pixels: vec![255; full * (pictures.len().div_ceil(columns) * line + SPACE)],
    };
    for (i, (picture, caption)) in pictures.iter().zip(captions).enumerate() {
        let (left, top) = (SPACE + i % columns * cell, SPACE + i / columns * line);
        let middle = |size: usize| left + (cell - SPACE - size) / 2;
        let x = middle(width * SCALE);
        for (at, pixel) in picture.iter().enumerate() {
            page.square(x + at % width * SCALE, top + at / width * SCALE, SCALE, *pixel);
        }
        let (x, y) = (middle(caption.chars().count() * LETTER), top + height * SCALE + SPACE / 2);
        for (n, letter) in caption.chars().enumerate() {
            page.letter(x + n * LETTER, y, letter);
        }
    }
    page.save(path)
}

/// Writes one picture as it is, pixel by pixel.
pub fn save(path: &Path, pixels: &[u8], width: usize) -> Result<()> {
    Page { width, pixels: pixels.to_vec() }.save(path)
}

struct Page {
    width: usize,
    pixels: Vec<u8>,
}

impl Page {
    fn square(&mut self, x: usize, y: usize, size: usize, grey: u8) {
        for row in y..y + size {
            self.pixels[row * self.width + x..][..size].fill(grey);
        }
    }

    fn letter(&mut self, x: usize, y: usize, letter: char) {
        let rows = font8x8::BASIC_FONTS.get(letter).or(font8x8::LATIN_FONTS.get(letter));
        for (row, bits) in rows.unwrap_or([0xff; 8]).into_iter().enumerate() {
            for column in (0..8).filter(|column| bits >> column & 1 == 1) {
                self.square(x + column, y + row, 1, 40);
            }
        }
    }

    fn save(&self, path: &Path) -> Result<()> {
        let what = || format!("cannot make the picture {}", path.display());
        Ok(write_file(path, &self.png().with_context(what)?)?)
    }

    fn png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let height = self.pixels.len() / self.width;
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, height as u32);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.write_header()?.write_image_data(&self.pixels)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_as_wide_as_its_pixels() {
        let pixels: Vec<u8> = (0..784).map(|i| (i % 256) as u8).collect();
        for colour in [false, true] {
            let lines = lines(&pixels, 28, colour);
            assert_eq!(lines.len(), 14);
            assert!(lines.iter().all(|line| visible(line) == 28), "{lines:?}");
        }
        // An odd number of rows has half a line of black.
        assert_eq!(super::lines(&[255; 3], 1, false), ["█", "▒"]);
    }

    #[test]
    fn three_digits_and_the_numbers_fit_into_80_columns() {
        let digit = lines(&crop(&[128; 784], 28, 2), 24, true);
        let captions = vec!["7 [1, 28, 28]".to_string(); 4];
        let grid = side_by_side(&vec![digit; 4], &captions, 3, 3);
        assert_eq!(grid.lines().count(), 2 * 15);
        assert!(grid.lines().all(|line| visible(line) <= 80));
        let numbers = numbers(&[255; 784], 28);
        assert_eq!(numbers.lines().count(), 20);
        assert!(numbers.lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn the_grid_is_a_png_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grid.png");
        let captions = vec!["7 [1, 28, 28]".to_string(); 3];
        save_grid(&path, &[&[9; 784][..]; 3], &captions, 28, 2).unwrap();
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let info = png::Decoder::new(file).read_info().unwrap().info().clone();
        assert_eq!((info.width, info.height), (2 * (112 + 12) + 12, 2 * (112 + 32) + 12));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
