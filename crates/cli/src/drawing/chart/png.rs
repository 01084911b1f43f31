//! A canvas of pixels, two a unit, with smooth edges, saved as PNG.
//!
//! Letters come from a font that was drawn in advance and is inside the
//! program, so that no font need be on the machine.

use std::collections::BTreeSet;

use super::{
    canvas::{Anchor, Canvas, Ink, Point, Text},
    font::{BOLD, REGULAR},
};
use anyhow::Result;

const SCALE: f64 = 2.0;

/// A PNG in the making.
pub struct Png {
    width: usize,
    height: usize,
    /// Red, green, blue.
    pixels: Vec<u8>,
    /// Letters that were asked for and are not in the font.
    lacking: BTreeSet<char>,
}

impl Png {
    /// A white picture of this size in units.
    pub fn new(width: f64, height: f64) -> Self {
        let (width, height) = ((width * SCALE) as usize, (height * SCALE) as usize);
        let pixels = vec![255; 3 * width * height];
        Self { width, height, pixels, lacking: BTreeSet::new() }
    }

    /// The letters for which there is only a question mark.
    pub fn lacking(&self) -> String {
        self.lacking.iter().collect()
    }

    /// The whole file.
    pub fn finish(self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(&self.pixels)?;
        Ok(bytes)
    }

    /// Lays `share` (0 to 1) of an ink over a pixel; outside is nothing.
    fn lay(&mut self, x: i64, y: i64, ink: Ink, share: f64) {
        if x < 0 || y < 0 || x >= self.width as i64 || y >= self.height as i64 {
            return;
        }
        let at = 3 * (y as usize * self.width + x as usize);
        let [_, colour @ ..] = ink.light().to_be_bytes();
        for (pixel, new) in self.pixels[at..at + 3].iter_mut().zip(colour) {
            let old = f64::from(*pixel);
            *pixel = (old + (f64::from(new) - old) * share.clamp(0.0, 1.0)).round() as u8;
        }
    }
}

impl Canvas for Png {
    fn line(&mut self, points: &[Point], ink: Ink, width: f64, opacity: f64, dashed: bool) {
        let points: Vec<Point> = points.iter().map(|p| (p.0 * SCALE, p.1 * SCALE)).collect();
        let parts = if dashed { dashes(&points) } else { vec![points] };
        let half = width * SCALE / 2.0;
        for part in parts {
            // The whole part first, then laid once: where its segments meet
            // or cross it is no darker than elsewhere.
            let mut mask = Mask::around(&part, half + 1.0, self.width, self.height);
            for pair in part.windows(2) {
                mask.segment(pair[0], pair[1], half);
            }
            for (i, cover) in mask.cover.iter().enumerate().filter(|(_, c)| **c > 0.0) {
                let (x, y) =
                    (mask.left + (i % mask.width) as i64, mask.top + (i / mask.width) as i64);
                self.lay(x, y, ink, opacity * f64::from(*cover));
            }
        }
    }

    fn dot(&mut self, at: Point, radius: f64, ink: Ink, opacity: f64) {
        let ((x, y), radius) = ((at.0 * SCALE, at.1 * SCALE), radius * SCALE);
        let reach = radius + 1.0;
        for row in (y - reach).floor() as i64..=(y + reach).ceil() as i64 {
            for column in (x - reach).floor() as i64..=(x + reach).ceil() as i64 {
                let far = (column as f64 + 0.5 - x).hypot(row as f64 + 0.5 - y);
                self.lay(column, row, ink, opacity * (radius + 0.5 - far).clamp(0.0, 1.0));
            }
        }
    }

    fn block(&mut self, at: Point, size: Point, ink: Ink, opacity: f64) {
        let pixel = |v: f64| (v * SCALE).round() as i64;
        for y in pixel(at.1)..pixel(at.1 + size.1) {
            for x in pixel(at.0)..pixel(at.0 + size.0) {
                self.lay(x, y, ink, opacity);
            }
        }
    }

    fn text(&mut self, at: Point, text: &str, set: Text) {
        let font = if set.title { &BOLD } else { &REGULAR };
        let step = font.width() as i64;
        let length = step * text.chars().count() as i64;
        let back = match set.anchor {
            Anchor::Start => 0,
            Anchor::Middle => length / 2,
            Anchor::End => length,
        };
        let (x, y) = ((at.0 * SCALE).round() as i64, (at.1 * SCALE).round() as i64);
        // The base line is at about four fifths of a letter's height.
        let rise = font.height() as i64 * 4 / 5;
        for (n, letter) in text.chars().enumerate() {
            let [own, instead] = letters(letter);
            let pixels = font.letter(own).or_else(|| {
                if instead == '?' {
                    self.lacking.insert(letter);
                }
                font.letter(instead)
            });
            let Some(pixels) = pixels else { continue };
            for (row, line) in pixels.chunks_exact(font.width()).enumerate() {
                for (column, cover) in line.iter().enumerate().filter(|(_, c)| **c > 0) {
                    let along = n as i64 * step + column as i64 - back;
                    let down = row as i64 - rise;
                    let (dx, dy) = if set.turned { (down, -along) } else { (along, down) };
                    self.lay(x + dx, y + dy, set.ink, f64::from(*cover) / 255.0);
                }
            }
        }
    }
}

/// A letter and what stands for it if the font lacks it.
fn letters(letter: char) -> [char; 2] {
    let instead = match letter {
        '−' | '–' | '—' => '-',
        '’' | '‘' => '\'',
        '“' | '”' => '"',
        '≤' => '<',
        '≥' => '>',
        '→' => '>',
        c if c.is_whitespace() => ' ',
        _ => '?',
    };
    [letter, instead]
}

/// How much of each pixel in a part of the picture a line covers.
struct Mask {
    left: i64,
    top: i64,
    width: usize,
    cover: Vec<f32>,
}

impl Mask {
    fn around(points: &[Point], room: f64, width: usize, height: usize) -> Self {
        let ends = |of: fn(&Point) -> f64, most: usize| {
            let low = points.iter().map(of).fold(f64::INFINITY, f64::min) - room;
            let high = points.iter().map(of).fold(f64::NEG_INFINITY, f64::max) + room;
            let (low, high) = (low.floor().max(0.0) as i64, high.ceil().min(most as f64) as i64);
            (low, (high - low).max(0) as usize)
        };
        let ((left, width), (top, height)) = (ends(|p| p.0, width), ends(|p| p.1, height));
        Self { left, top, width, cover: vec![0.0; width * height] }
    }

    /// A stroke with round ends: a pixel is covered by how near it is.
    fn segment(&mut self, a: Point, b: Point, half: f64) {
        if self.width == 0 {
            return;
        }
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let squared = dx * dx + dy * dy;
        let reach = half + 1.0;
        let range = |a: f64, b: f64, start: i64, size: usize| {
            let low = (a.min(b) - reach).floor() as i64 - start;
            let high = (a.max(b) + reach).ceil() as i64 - start;
            low.max(0)..high.min(size as i64)
        };
        for row in range(a.1, b.1, self.top, self.cover.len() / self.width) {
            for column in range(a.0, b.0, self.left, self.width) {
                let x = (self.left + column) as f64 + 0.5 - a.0;
                let y = (self.top + row) as f64 + 0.5 - a.1;
                let along =
                    if squared > 0.0 { ((x * dx + y * dy) / squared).clamp(0.0, 1.0) } else { 0.0 };
                let far = (x - along * dx).hypot(y - along * dy);
                let cover = (half + 0.5 - far).clamp(0.0, 1.0) as f32;
                let at = row as usize * self.width + column as usize;
                self.cover[at] = self.cover[at].max(cover);
            }
        }
    }
}

/// The line in dashes of 6 units with gaps of 4.
fn dashes(points: &[Point]) -> Vec<Vec<Point>> {
    let (dash, gap) = (6.0 * SCALE, 4.0 * SCALE);
    let mut parts = Vec::new();
    let mut gone = 0.0;
    for pair in points.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let length = (b.0 - a.0).hypot(b.1 - a.1);
        let at = |d: f64| (a.0 + (b.0 - a.0) * d / length, a.1 + (b.1 - a.1) * d / length);
        let mut here = 0.0;
        while here < length {
            let phase = (gone + here) % (dash + gap);
            let (inked, left) =
                if phase < dash { (true, dash - phase) } else { (false, dash + gap - phase) };
            // At least a thousandth: rounding must not stop it here.
            let next = (here + left.max(1e-3)).min(length);
            if inked {
                parts.push(vec![at(here), at(next)]);
            }
            here = next;
        }
        gone += length;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixel(png: &Png, x: usize, y: usize) -> &[u8] {
        &png.pixels[3 * (y * png.width + x)..][..3]
    }

    #[test]
    fn strokes_lie_where_they_should_and_nothing_leaves_the_page() {
        let mut png = Png::new(20.0, 10.0);
        png.line(&[(2.0, 5.0), (18.0, 5.0)], Ink::Series(0), 2.0, 1.0, false);
        assert_eq!(pixel(&png, 20, 9), [0, 0x72, 0xb2]);
        assert_eq!(pixel(&png, 20, 10), [0, 0x72, 0xb2]);
        assert_eq!(pixel(&png, 20, 13), [255; 3]);
        assert_eq!(pixel(&png, 0, 10), [255; 3]);
        let before = png.pixels.clone();
        png.line(&[(-50.0, -9.0), (-20.0, -9.0)], Ink::Letters, 2.0, 1.0, true);
        png.dot((40.0, 40.0), 3.0, Ink::Letters, 1.0);
        png.text((-300.0, 5.0), "far away", Text::title());
        assert_eq!(png.pixels, before);
    }

    #[test]
    fn a_letter_has_ink_and_a_strange_one_too() {
        for (letter, lacking) in [("A", ""), ("²", ""), ("−", ""), ("ł", ""), ("ש", "ש")] {
            let mut png = Png::new(40.0, 20.0);
            png.text((20.0, 15.0), letter, Text::small(Anchor::Middle));
            assert!(png.pixels.iter().any(|p| *p < 100), "{letter}");
            assert_eq!(png.lacking(), lacking);
        }
    }

    #[test]
    fn dashes_are_three_fifths_of_the_line() {
        let parts = dashes(&[(0.0, 0.0), (30.0, 0.0), (30.0, 70.0)]);
        let inked: f64 = parts.iter().map(|p| (p[1].0 - p[0].0).hypot(p[1].1 - p[0].1)).sum();
        assert!((inked - 60.0).abs() < 1e-6, "{inked}");
    }
}
