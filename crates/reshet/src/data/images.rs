//! Converts pictures of handwritten digits to MNIST's form.
//!
//! A network trained on MNIST expects white ink on black, the digit scaled to
//! 20×20 pixels, with its centre of mass in the middle of 28×28. Other drawings must be
//! converted first, as they differ from all that the network was trained on.

use std::path::Path;

use super::{
    askew::Patch,
    drawing::{EDGE, Grey},
    mnist::{CENTRE, SIDE, is_placed},
    picture::{Picture, grey},
};
use crate::{Result, error::Error};

/// The longer side of the digit inside an MNIST picture.
const BOX: usize = 20;
/// Pixels fainter than this fraction of the strongest ink are paper.
const PAPER: f32 = 0.15;
/// The fraction of the ink that may lie outside the box on each side: specks.
const SPECKS: f32 = 0.005;

/// A digit in MNIST's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digit {
    /// 28×28 grey pixels, white ink on black.
    pub pixels: Vec<u8>,
    /// Doubts about the picture, and what was done about them.
    pub doubts: Vec<String>,
}

/// Reads a picture of one handwritten digit, and converts it to MNIST's form: 28×28 grey
/// pixels, white ink on black.
///
/// The picture is a PNG, JPEG or BMP of any size, colour or grey, transparent or not, dark on
/// light or light on dark.
///
/// # Errors
/// As [`Picture::open`]; nothing is drawn in the picture.
pub fn digit(path: &Path) -> Result<Vec<u8>> {
    Ok(look(path)?.pixels)
}

/// Does the same as [`digit`], and returns doubts: a table around the paper, two digits, a tiny
/// digit.
///
/// # Errors
/// As [`digit`].
pub fn look(path: &Path) -> Result<Digit> {
    let picture = Picture::open(path)?;
    to_mnist(ink_and_paper(&picture))
        .ok_or_else(|| Error::data(format!("{}: {NOTHING}", path.display())))
}

/// Does the same as [`digit`] for grey pixels in memory, row by row.
///
/// # Errors
/// The pixels do not fill whole rows of this width, or nothing is drawn in them.
pub fn digit_from_grey(pixels: &[u8], width: usize) -> Result<Vec<u8>> {
    if width == 0 || pixels.is_empty() || pixels.len() % width != 0 {
        let n = pixels.len();
        return Err(Error::data(format!("{n} pixels are not whole rows of {width}")));
    }
    let (height, pixels) = (pixels.len() / width, pixels.iter().map(|p| f32::from(*p)).collect());
    let digit = to_mnist(Grey { width, height, pixels }).ok_or_else(|| Error::data(NOTHING))?;
    Ok(digit.pixels)
}

const NOTHING: &str = "nothing is drawn in the picture: no ink stands out from the paper";

/// Converts to grey. Transparent pixels become paper, in the colour that contrasts with the
/// drawing.
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
fn to_mnist(picture: Grey) -> Option<Digit> {
    let mut doubts = Vec::new();
    if let Some(pixels) = already_mnist(&picture) {
        return Some(Digit { pixels, doubts });
    }
    let mut ink = picture.clone().ink()?;
    if let Some(window) = ink.sheet() {
        match picture.window(window).ink().map(Grey::without_rim) {
            Some(inner) if inner.cropped().sheet().is_none() => {
                ink = inner;
                doubts.push("paper on a table: only the drawing on the paper is used".into());
            }
            _ => doubts.push("a large even patch is taken for ink; show the digit alone".into()),
        }
    } else if let Some(patch) = ink.patch() {
        let inner = match &patch {
            Patch::Sheet(hull) => picture.inside(hull).ink(),
            Patch::Unclear => None,
        };
        match inner {
            Some(inner) => {
                ink = inner;
                doubts.push(
                    "paper that lies askew: only what is drawn on it is looked at, as it lies; \
                     turn the picture if the digit does not stand upright"
                        .into(),
                );
            }
            None => doubts.push("a large even patch is taken for ink; show the digit alone".into()),
        }
    } else if ink.is_framed() {
        let whole: f32 = ink.pixels.iter().sum();
        ink = ink.without_rim();
        let left: f32 = ink.pixels.iter().sum();
        doubts.push(match left < whole {
            true => {
                "what lies along the picture's edge is taken for a table around the paper".into()
            }
            false => "ink stands along the picture's edge; show the digit alone".into(),
        });
    }
    let digit = ink.cropped();
    if digit.beside() > 1 {
        let what = "more than one thing is drawn side by side; the answer takes them as one digit";
        doubts.push(what.into());
    }
    if digit.is_tiny() {
        let (w, h) = (digit.width, digit.height);
        doubts.push(format!("the digit has only {w}×{h} pixels: too few to recognise it reliably"));
    }
    let picture = digit.thickened().scaled();
    // Shrinking makes thin strokes faint; MNIST's are white.
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
    Some(Digit { pixels: mnist, doubts })
}

/// A picture that is already in MNIST's form does not change: converting it again would blur it.
fn already_mnist(picture: &Grey) -> Option<Vec<u8>> {
    let fits = picture.width == SIDE && picture.height == SIDE;
    let placed = fits && is_placed(|i| picture.pixels[i]);
    placed.then(|| picture.pixels.iter().map(|p| *p as u8).collect())
}

impl Grey {
    /// The ink, 0 to 1: each pixel's distance from the paper, without faint pixels.
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

    /// The smallest part with all ink except a few specks.
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
        self.window([left, right, top, bottom])
    }

    /// Scaled to 20 pixels on the longer side; each pixel is the mean of the area
    /// that it covers.
    fn scaled(&self) -> Self {
        let step = self.width.max(self.height) as f32 / BOX as f32;
        let size = |n: usize| ((n as f32 / step).round() as usize).clamp(1, BOX);
        let (width, height) = (size(self.width), size(self.height));
        self.resized(width, height)
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

/// The brightness of the paper: a plane through the picture's edge, since light comes from a
/// side.
///
/// Fitted by least squares, then again without the quarter of the edge that
/// is farthest from it, which may be ink.
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

    /// Pixels of a picture with `paint` over a plain background.
    fn painted(side: usize, paper: f32, paint: impl Fn(f32, f32) -> Option<f32>) -> Digit {
        let pixel = |i: usize| {
            let (x, y) = ((i % side) as f32 / side as f32, (i / side) as f32 / side as f32);
            // The light falls from the left.
            paint(x, y).unwrap_or(paper) - 10.0 * x
        };
        let pixels = (0..side * side).map(pixel).collect();
        to_mnist(Grey { width: side, height: side, pixels }).unwrap()
    }

    /// A seven of lines this thick, in the unit square.
    fn seven(x: f32, y: f32, thick: f32) -> bool {
        let bar = (0.3..0.7).contains(&x) && (y - 0.3).abs() < thick / 2.0;
        let down = (0.3..0.75).contains(&y) && (x - (0.7 - 0.5 * (y - 0.3))).abs() < thick / 2.0;
        bar || down
    }

    fn off(a: &[u8], b: &[u8]) -> u32 {
        a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum::<u32>() / 784
    }

    #[test]
    fn a_table_around_the_paper_is_left_out() {
        let alone = painted(300, 230.0, |x, y| seven(x, y, 0.05).then_some(40.0));
        assert_eq!(alone.doubts, Vec::<String>::new());
        for table in [60.0, 110.0] {
            let photo = painted(400, table, |x, y| {
                let (u, v) = ((x - 0.1) / 0.8, (y - 0.12) / 0.8);
                let on_paper = (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v);
                on_paper.then(|| if seven(u, v, 0.05) { 40.0 } else { 230.0 })
            });
            assert!(photo.doubts[0].starts_with("paper on a table"), "{:?}", photo.doubts);
            // Up to a pixel's shift; the paper taken for ink would be more than 80.
            let off = off(&alone.pixels, &photo.pixels);
            assert!(off < 25, "{table}: {off}");
        }
    }

    /// A photo of a sheet turned by this angle, with a seven on it that stands upright.
    fn askew(degrees: f32, half: f32, table: f32) -> Digit {
        let (sin, cos) = degrees.to_radians().sin_cos();
        painted(400, table, |x, y| {
            let (dx, dy) = (x - 0.5, y - 0.5);
            let (u, v) = (cos * dx + sin * dy, cos * dy - sin * dx);
            let on_paper = u.abs() < half && v.abs() < half;
            let scale = 0.8;
            let drawn = seven(0.5 + dx / scale, 0.5 + dy / scale, 0.05);
            on_paper.then_some(if drawn { 40.0 } else { 230.0 })
        })
    }

    #[test]
    fn a_sheet_that_lies_askew_or_fills_the_picture_is_found() {
        let alone = painted(300, 230.0, |x, y| seven(x, y, 0.05).then_some(40.0));
        for (degrees, half, table) in
            [(10.0, 0.33, 60.0), (30.0, 0.33, 110.0), (45.0, 0.33, 60.0), (20.0, 0.42, 60.0)]
        {
            let photo = askew(degrees, half, table);
            assert!(!photo.doubts.is_empty(), "{degrees}");
            let off = off(&alone.pixels, &photo.pixels);
            assert!(off < 25, "{degrees}, {half}: {off}, {:?}", photo.doubts);
        }
        // A table along the rim alone.
        let framed = askew(0.0, 0.47, 60.0);
        assert!(!framed.doubts.is_empty());
        assert!(off(&alone.pixels, &framed.pixels) < 25, "{:?}", framed.doubts);
        // A thick round digit is no sheet.
        let zero = painted(300, 230.0, |x, y| {
            let r = ((x - 0.5) / 0.6).hypot(y - 0.5);
            (0.15..0.4).contains(&r).then_some(40.0)
        });
        assert!(zero.doubts.iter().all(|doubt| !doubt.contains("askew")), "{:?}", zero.doubts);
    }

    #[test]
    fn two_digits_and_tiny_ones_are_doubted() {
        let two = painted(300, 230.0, |x, y| {
            let (u, v) = (if x < 0.5 { 2.0 * x } else { 2.0 * x - 1.0 }, y);
            seven(u, v, 0.08).then_some(40.0)
        });
        assert!(two.doubts[0].starts_with("more than one thing"), "{:?}", two.doubts);
        let tiny = painted(20, 230.0, |x, y| seven(x, y, 0.1).then_some(40.0));
        assert!(tiny.doubts[0].contains("too few to recognise it reliably"), "{:?}", tiny.doubts);
    }

    #[test]
    fn thin_strokes_are_made_as_thick_as_a_pens() {
        let pen = painted(400, 230.0, |x, y| seven(x, y, 0.045).then_some(40.0));
        for thick in [0.005, 0.01] {
            let thin = painted(400, 230.0, |x, y| seven(x, y, thick).then_some(40.0));
            assert!(
                off(&pen.pixels, &thin.pixels) < 16,
                "{thick}: {}",
                off(&pen.pixels, &thin.pixels)
            );
        }
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
