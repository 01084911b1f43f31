//! Pictures of handwritten digits, made to look like MNIST.
//!
//! A network trained on MNIST knows white ink on black, the digit scaled into
//! 20×20 pixels and moved so that its centre of mass is in the middle of 28×28.
//! A drawing has to be brought there first, or the network is asked about
//! something it has never seen.

use std::path::Path;

use super::{
    mnist::{CENTRE, SIDE, is_placed},
    picture::{Picture, grey, shares},
};
use crate::{Result, error::Error};

/// The longer side of the digit inside an MNIST picture.
const BOX: usize = 20;
/// Fainter than this part of the strongest ink is paper.
const PAPER: f32 = 0.15;
/// Fainter than this is the soft edge of a stroke: it does not count for the size.
const EDGE: f32 = 0.4;
/// The part of the ink that may lie outside the box on each side: specks.
const SPECKS: f32 = 0.005;

/// A grey picture of floats, 0 to 255, row by row.
struct Grey {
    width: usize,
    height: usize,
    pixels: Vec<f32>,
}

/// Reads a picture of one handwritten digit as MNIST would have it: 28×28 grey
/// pixels, white ink on black.
///
/// PNG, JPEG or BMP of any size, colour or grey, transparent or not, dark on light or light on
/// dark.
///
/// # Errors
/// As [`Picture::open`]; nothing is drawn in it.
pub fn digit(path: &Path) -> Result<Vec<u8>> {
    let picture = Picture::open(path)?;
    to_mnist(ink_and_paper(&picture))
        .ok_or_else(|| Error::data(format!("{}: {NOTHING}", path.display())))
}

/// [`digit`] for grey pixels already in memory, row by row.
///
/// # Errors
/// The pixels do not fill whole rows of this width, or nothing is drawn in them.
pub fn digit_from_grey(pixels: &[u8], width: usize) -> Result<Vec<u8>> {
    if width == 0 || pixels.is_empty() || pixels.len() % width != 0 {
        let n = pixels.len();
        return Err(Error::data(format!("{n} pixels are not whole rows of {width}")));
    }
    let (height, pixels) = (pixels.len() / width, pixels.iter().map(|p| f32::from(*p)).collect());
    to_mnist(Grey { width, height, pixels }).ok_or_else(|| Error::data(NOTHING))
}

const NOTHING: &str = "nothing is drawn in the picture: no ink stands out from the paper";

/// Grey alone: what is transparent is paper, of the colour that what is drawn stands out from.
fn ink_and_paper(picture: &Picture) -> Grey {
    let Picture { width, height, channels, ref pixels } = *picture;
    let (colours, has_alpha) = (if channels < 3 { 1 } else { 3 }, channels % 2 == 0);
    let grey = |p: &[u8]| if colours == 1 { f32::from(p[0]) } else { grey(p) };
    let alpha = |p: &[u8]| if has_alpha { f32::from(p[colours]) / 255.0 } else { 1.0 };
    let pixels = pixels.chunks_exact(channels);
    let (ink, weight) = pixels.clone().fold((0.0, 0.0), |(sum, n), p| {
        (sum + f64::from(grey(p) * alpha(p)), n + f64::from(alpha(p)))
    });
    let paper = if ink > 127.5 * weight { 0.0 } else { 255.0 };
    let pixels = pixels.map(|p| grey(p) * alpha(p) + paper * (1.0 - alpha(p))).collect();
    Grey { width, height, pixels }
}

/// None if there is no ink.
fn to_mnist(picture: Grey) -> Option<Vec<u8>> {
    if let Some(same) = already_mnist(&picture) {
        return Some(same);
    }
    let picture = picture.ink()?.cropped().scaled();
    // Shrinking makes thin strokes faint; MNIST's reach white.
    let brightest = picture.pixels.iter().copied().fold(0.0, f32::max);
    let (x, y) = picture.centre();
    let (dx, dy) = ((CENTRE - x).round() as isize, (CENTRE - y).round() as isize);
    let mut mnist = vec![0; SIDE * SIDE];
    for (i, ink) in picture.pixels.iter().enumerate() {
        let column = (i % picture.width) as isize + dx;
        let row = (i / picture.width) as isize + dy;
        let inside = 0..SIDE as isize;
        if inside.contains(&column) && inside.contains(&row) {
            mnist[row as usize * SIDE + column as usize] = (255.0 * ink / brightest).round() as u8;
        }
    }
    Some(mnist)
}

/// A picture that is one of MNIST's stays as it is: bringing it there again
/// would only blur it.
fn already_mnist(picture: &Grey) -> Option<Vec<u8>> {
    let fits = picture.width == SIDE && picture.height == SIDE;
    let placed = fits && is_placed(|i| picture.pixels[i]);
    placed.then(|| picture.pixels.iter().map(|p| *p as u8).collect())
}

impl Grey {
    /// The ink alone, 0 to 1: how far each pixel is from the paper, what is faint left out.
    fn ink(self) -> Option<Self> {
        let Self { width, height, mut pixels } = self;
        let paper = plane(&pixels, width, height);
        let at = |i: usize| paper(i % width, i / width);
        pixels.iter_mut().enumerate().for_each(|(i, p)| *p -= at(i));
        // Ink is few pixels far from the paper, on one side of it.
        let skew: f64 = pixels.iter().map(|p| f64::from(*p).powi(3)).sum();
        let side = if skew < 0.0 { -1.0 } else { 1.0 };
        pixels.iter_mut().for_each(|p| *p = (side * *p).max(0.0));
        // Not the very strongest: that may be a speck.
        let mut sorted = pixels.clone();
        let nearly_all = (sorted.len() - 1) - sorted.len() / 2000;
        let strongest = *sorted.select_nth_unstable_by(nearly_all, f32::total_cmp).1;
        if strongest < 24.0 {
            return None;
        }
        for p in &mut pixels {
            *p = (*p / strongest).min(1.0);
            if *p < PAPER {
                *p = 0.0;
            }
        }
        Some(Self { width, height, pixels })
    }

    /// The smallest part that has all the ink, a few specks aside.
    fn cropped(&self) -> Self {
        let extent = |length: usize, of: &dyn Fn(usize) -> usize| {
            let mut sums = vec![0.0; length];
            let strokes = self.pixels.iter().enumerate().filter(|(_, p)| **p > EDGE);
            strokes.for_each(|(i, p)| sums[of(i)] += p);
            let specks = SPECKS * sums.iter().sum::<f32>();
            let outside = |sums: &mut dyn Iterator<Item = &f32>| {
                let mut seen = 0.0;
                sums.take_while(|s| {
                    seen += **s;
                    seen <= specks
                })
                .count()
            };
            (outside(&mut sums.iter()), length - outside(&mut sums.iter().rev()))
        };
        let (left, right) = extent(self.width, &|i| i % self.width);
        let (top, bottom) = extent(self.height, &|i| i / self.width);
        let row = |y: usize| &self.pixels[y * self.width + left..y * self.width + right];
        let pixels = (top..bottom).flat_map(row).copied().collect();
        Self { width: right - left, height: bottom - top, pixels }
    }

    /// With the longer side at 20 pixels; each pixel is the mean of the area
    /// that it covers.
    fn scaled(&self) -> Self {
        let step = self.width.max(self.height) as f32 / BOX as f32;
        let size = |n: usize| ((n as f32 / step).round() as usize).clamp(1, BOX);
        let (width, height) = (size(self.width), size(self.height));
        let (columns, rows) = (shares(self.width, width), shares(self.height, height));
        let mut pixels = Vec::with_capacity(width * height);
        for row in &rows {
            for column in &columns {
                let mean = |(y, a): &(usize, f32)| -> f32 {
                    column.iter().map(|(x, b)| a * b * self.pixels[y * self.width + x]).sum()
                };
                pixels.push(row.iter().map(mean).sum());
            }
        }
        Self { width, height, pixels }
    }

    /// The centre of mass of the ink, (column, row).
    fn centre(&self) -> (f32, f32) {
        let (mut x, mut y, mut mass) = (0.0, 0.0, 0.0);
        for (i, ink) in self.pixels.iter().enumerate() {
            x += ink * (i % self.width) as f32;
            y += ink * (i / self.width) as f32;
            mass += ink;
        }
        (x / mass, y / mass)
    }
}

/// The paper: a plane through the picture's edge, since light falls from a side.
///
/// Fitted by least squares, and once more without the quarter of the edge that
/// is farthest from it: ink that touches the edge.
fn plane(pixels: &[f32], width: usize, height: usize) -> impl Fn(usize, usize) -> f32 + use<> {
    let edge = |x: usize, y: usize| x == 0 || y == 0 || x == width - 1 || y == height - 1;
    let mut points: Vec<[f32; 3]> = (0..pixels.len())
        .filter(|i| edge(i % width, i / width))
        .map(|i| [(i % width) as f32, (i / width) as f32, pixels[i]])
        .collect();
    let fit = |points: &[[f32; 3]]| {
        let mean =
            |f: &dyn Fn(&[f32; 3]) -> f32| points.iter().map(f).sum::<f32>() / points.len() as f32;
        let [mx, my, mv] = [0, 1, 2].map(|k| mean(&|p| p[k]));
        // x and y are nearly uncorrelated around the edge: a slope for each.
        let slope = |k: usize, middle: f32| {
            let over = mean(&|p| (p[k] - middle) * (p[2] - mv));
            over / mean(&|p| (p[k] - middle).powi(2)).max(1e-6)
        };
        let (sx, sy) = (slope(0, mx), slope(1, my));
        move |x: f32, y: f32| mv + sx * (x - mx) + sy * (y - my)
    };
    let first = fit(&points);
    let off = |p: &[f32; 3]| (p[2] - first(p[0], p[1])).abs();
    points.sort_by(|a, b| off(a).total_cmp(&off(b)));
    points.truncate(points.len().div_ceil(4) * 3);
    let second = fit(&points);
    move |x, y| second(x as f32, y as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thick L, `scale` pixels a unit, its corner `at` units from the edge.
    fn drawing(scale: usize, at: usize, ink: u8, paper: u8) -> (Vec<u8>, usize) {
        let side = 20 * scale;
        let pixel = |i: usize| {
            let (x, y) = (i % side / scale, i / side / scale);
            let inside = x >= at && y >= at && x < at + 6 && y < at + 10;
            if inside && (x < at + 2 || y >= at + 8) { ink } else { paper }
        };
        ((0..side * side).map(pixel).collect(), side)
    }

    #[test]
    fn place_size_and_colours_do_not_matter() {
        let (first, width) = drawing(5, 3, 255, 0);
        let first = digit_from_grey(&first, width).unwrap();
        for (scale, at, ink, paper) in
            [(5, 8, 255, 0), (5, 3, 0, 255), (20, 5, 40, 230), (10, 1, 200, 20)]
        {
            let (other, width) = drawing(scale, at, ink, paper);
            let other = digit_from_grey(&other, width).unwrap();
            let off = first.iter().zip(&other).map(|(a, b)| u32::from(a.abs_diff(*b)));
            assert!(off.sum::<u32>() < 784, "{scale} {at} {ink}: more than 1 a pixel");
        }
        // 20 pixels high, white at its brightest, in the middle.
        let rows = (0..28).filter(|y| first[y * 28..(y + 1) * 28].iter().any(|p| *p > 0)).count();
        assert_eq!((rows, first.iter().max()), (20, Some(&255)));
    }

    #[cfg(feature = "mnist")]
    #[test]
    fn mnists_own_pictures_stay_nearly_as_they_are() {
        let test = reshet_mnist::test_images();
        let (mut same, n) = (0, 500);
        for picture in test.chunks(784).take(n) {
            let again = digit_from_grey(picture, 28).unwrap();
            same += usize::from(again == picture);
        }
        assert!(same > n * 95 / 100, "{same} of {n}");
    }

    #[test]
    fn what_is_no_digit_is_refused() {
        let says = |result: Result<Vec<u8>>, what: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        says(digit_from_grey(&[200; 400], 20), "nothing is drawn");
        says(digit_from_grey(&[0; 784], 28), "nothing is drawn");
        says(digit_from_grey(&[0; 7], 2), "not whole rows");
        says(digit(Path::new("/no/such.png")), "cannot read /no/such.png");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        std::fs::write(&path, b"GIF89a and so on").unwrap();
        says(digit(&path), "not a PNG, JPEG or BMP picture");
    }
}
