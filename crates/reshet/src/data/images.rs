//! Pictures of handwritten digits, made to look like MNIST.
//!
//! A network trained on MNIST knows white ink on black, the digit scaled into
//! 20×20 pixels and moved so that its centre of mass is at pixel (14, 14) of
//! 28×28. A photo of a note or a drawing has to be brought there first, or the
//! network is asked about something it has never seen.

use std::{
    f64::consts::PI,
    fs::File,
    io::{BufRead, BufReader},
    ops::Range,
    path::Path,
};

use image::{DynamicImage, ImageDecoder, ImageReader};

use crate::error::{Error, Result};

/// Width and height of an MNIST picture.
const SIDE: usize = 28;
/// The longer side of the digit inside it.
const BOX: usize = 20;
/// The pixel that MNIST moves the centre of mass to.
const CENTRE: f64 = 14.0;
/// The most pixels decoded; a small file can claim to be enormous.
const MAX_PIXELS: u64 = 64_000_000;
/// Larger pictures are averaged down first: enough detail for 20 pixels.
const WORKING_SIDE: usize = 1024;

/// Reads a picture of one handwritten digit as the 28×28 grey pixels MNIST
/// would have: white ink on black, 784 values row by row.
///
/// PNG, JPEG and BMP of any size are read, in colour or grey, transparent or
/// not, dark on light or light on dark. A photo may be unevenly lit.
///
/// # Errors
///
/// If the file cannot be read, is not a picture, has more than 64 million
/// pixels, or nothing is drawn in it.
pub fn digit(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
    let mut file = BufReader::new(file);
    // Asked here so that a folder or a bad disk is not reported as a bad picture.
    file.fill_buf().map_err(|e| Error::io("read", path, e))?;
    let name = path.display();
    let damaged = |e| Error::data(format!("{name} cannot be decoded: {e}"));

    // The content decides, not the file's name.
    let reader = ImageReader::new(file).with_guessed_format();
    let reader = reader.map_err(|e| Error::io("read", path, e))?;
    if !reader.format().is_some_and(|format| format.reading_enabled()) {
        let message = format!("{name} is not a picture in a format read here: PNG, JPEG or BMP");
        return Err(Error::data(message));
    }
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(Error::data(format!(
            "{name} has {width}×{height} pixels, more than 64 million: make it smaller"
        )));
    }
    // Phones store upright photos lying on their side, with a note to turn them.
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);

    let (width, height) = (picture.width() as usize, picture.height() as usize);
    digit_from_gray(&flatten(picture), width, height).map_err(|e| match e {
        Error::Data(message) => Error::data(format!("{name}: {message}")),
        other => other,
    })
}

/// [`digit`] for grey pixels already in memory, row by row from the top.
///
/// # Errors
///
/// If the pixels do not fill `width` × `height`, or nothing is drawn in them.
pub fn digit_from_gray(pixels: &[u8], width: usize, height: usize) -> Result<Vec<u8>> {
    if width.checked_mul(height) != Some(pixels.len()) {
        let n = pixels.len();
        return Err(Error::data(format!("{n} pixels do not fill a {width}×{height} picture")));
    }
    if let Some(same) = already_mnist(pixels, width, height) {
        return Ok(same);
    }
    Picture::shrunk(pixels, width, height).ink().and_then(|ink| ink.fitted()).ok_or_else(|| {
        Error::data("nothing is drawn in the picture: no ink stands out from the background")
    })
}

/// The grey pixels of a picture, laid on paper where it is transparent.
fn flatten(picture: DynamicImage) -> Vec<u8> {
    if !picture.color().has_alpha() {
        return picture.into_luma8().into_raw();
    }
    let pixels = picture.into_luma_alpha8();
    let mut opaque: Vec<u8> = pixels.pixels().filter(|p| p[1] >= 128).map(|p| p[0]).collect();
    if opaque.is_empty() {
        return vec![0; pixels.len() / 2];
    }
    let middle = opaque.len() / 2;
    let usual = *opaque.select_nth_unstable(middle).1;
    // One tone means that only the ink is there and needs paper it stands out
    // from; several, that the paper is there too and only its edge is missing.
    let different = opaque.iter().filter(|v| v.abs_diff(usual) > 64).count();
    let paper = match usual {
        _ if different * 200 > opaque.len() => usual,
        0..128 => 255,
        _ => 0,
    };
    let lay =
        |v: u8, a: u8| (u32::from(v) * u32::from(a) + u32::from(paper) * u32::from(255 - a)) / 255;
    pixels.pixels().map(|p| lay(p[0], p[1]) as u8).collect()
}

/// The pixels as they are, or inverted, if MNIST could have made them.
///
/// Such a picture is returned unchanged: the training pictures went through
/// these steps once, and once more would only blur this one against them.
fn already_mnist(pixels: &[u8], width: usize, height: usize) -> Option<Vec<u8>> {
    if (width, height) != (SIDE, SIDE) {
        return None;
    }
    let inverted = pixels.iter().map(|&v| 255 - v).collect();
    [pixels.to_vec(), inverted].into_iter().find(|pixels| {
        let picture = Picture::shrunk(pixels, SIDE, SIDE);
        let Some((x, y)) = picture.extent(0.0) else { return false };
        let centred = picture
            .centre()
            .is_some_and(|(cx, cy)| (cx - CENTRE).abs() < 0.6 && (cy - CENTRE).abs() < 0.6);
        centred && (BOX - 2..=BOX).contains(&x.len().max(y.len()))
    })
}

/// A grey picture on its way to MNIST.
struct Picture {
    pixels: Vec<f32>,
    width: usize,
    height: usize,
}

impl Picture {
    /// At most `WORKING_SIDE` on a side, each pixel the mean of a square.
    fn shrunk(pixels: &[u8], width: usize, height: usize) -> Self {
        let square = width.max(height).div_ceil(WORKING_SIDE).max(1);
        let (w, h) = (width.div_ceil(square), height.div_ceil(square));
        let mut small = Vec::with_capacity(w * h);
        for y in 0..h {
            let rows = y * square..((y + 1) * square).min(height);
            for x in 0..w {
                let columns = x * square..((x + 1) * square).min(width);
                let row = |y: usize| &pixels[y * width..][columns.clone()];
                let sum: u64 = rows.clone().flat_map(row).map(|&v| u64::from(v)).sum();
                small.push((sum as f64 / (rows.len() * columns.len()) as f64) as f32);
            }
        }
        Self { pixels: small, width: w, height: h }
    }

    /// The strokes alone: 0 is the background, 1 the strongest ink. `None` if
    /// there is none.
    fn ink(mut self) -> Option<Self> {
        if self.light_on_dark() {
            self.pixels.iter_mut().for_each(|v| *v = 255.0 - *v);
        }
        let paper = self.paper().pixels;
        for (v, paper) in self.pixels.iter_mut().zip(paper) {
            // A ratio, not a difference: shade darkens paper and ink alike.
            *v = 1.0 - *v / paper.max(32.0);
        }
        let near: Vec<f32> = self.pixels.iter().map(|v| v.abs()).collect();
        let noise = (3.0 * quantile(near.clone(), 0.25)?).min(1.5 * quantile(near, 0.5)?);
        // Not the maximum: one black speck must not make the pencil pale.
        let rare = (self.pixels.len() / 5000).min(20);
        let strongest =
            quantile(self.pixels.clone(), 1.0 - rare as f64 / self.pixels.len() as f64)?;
        if std::env::var("DBG").is_ok() && (strongest < 0.08 || strongest < 6.0 * noise) { eprintln!("refused {strongest} {noise}"); }
        if strongest < 0.08 || strongest < 6.0 * noise {
            return None;
        }
        for v in &mut self.pixels {
            *v = (*v / strongest).clamp(0.0, 1.0);
        }
        // Fainter than this is grain, squares or what shines through the paper.
        let faint = (4.0 * noise / strongest).clamp(0.3, 0.6);
        self.clear_all_but_digit(faint);
        Some(self)
    }

    fn grid(&self) -> Self {
        let step = (self.width.max(self.height) as f64 / 96.0).max(1.0);
        let axis = |n: usize| -> Vec<f64> { let k=(n as f64 / step).floor().max(1.0); (0..k as usize).map(|i| (i as f64 + 0.5) * n as f64/k).collect() };
        self.averaged(&axis(self.width), &axis(self.height), step.min(self.width as f64).min(self.height as f64))
    }

    fn light_on_dark(&self) -> bool {
        let grid = self.grid();
        let r = grid.width.max(grid.height) / 5 + 1;
        let mean = grid.over(r, |v| v.iter().sum::<f32>() / v.len() as f32);
        let n = grid.pixels.len() as f32;
        let off: Vec<f32> = grid.pixels.iter().zip(&mean.pixels).map(|(v, m)| v - m).collect();
        let sd = (off.iter().map(|v| v * v).sum::<f32>() / n).sqrt();
        let skew = off.iter().map(|v| v.powi(3)).sum::<f32>() / n / sd.powi(3);
        let (w, h) = (grid.width, grid.height);
        let edge = (w.min(h) / 20).max(1);
        let inside = |i: usize, n: usize| (edge..n.saturating_sub(edge)).contains(&i);
        let border: Vec<f32> = (0..w * h).filter(|i| !(inside(i % w, w) && inside(i / w, h))).map(|i| off[i]).collect();
        let b = border.iter().sum::<f32>() / border.len() as f32 / sd;
        let k: f32 = std::env::var("K").map(|v| v.parse().unwrap()).unwrap_or(1.0);
        skew - k * b > 0.0
    }

    fn paper(&self) -> Self {
        let grid = self.grid();
        let r = ((grid.width.max(grid.height) as f64) * std::env::var("R").map(|v| v.parse().unwrap()).unwrap_or(0.2)) as usize + 1;
        let paper = grid.over(r, |v| v.iter().copied().fold(0.0, f32::max)).over(r, |v| v.iter().copied().fold(f32::MAX, f32::min));
        let axis = |n: usize, of: usize| -> Vec<f64> { (0..n).map(|i| ((i as f64 + 0.5) * of as f64 / n as f64).clamp(0.5, of as f64 - 0.5)).collect() };
        paper.averaged(&axis(self.width, grid.width), &axis(self.height, grid.height), 1.0)
    }

    /// Over squares
    fn over(&self, r: usize, of: impl Fn(&[f32]) -> f32) -> Self {
        let (w, h) = (self.width, self.height);
        let mut turned = vec![0.0; w * h];
        for (y, row) in self.pixels.chunks_exact(w).enumerate() {
            for x in 0..w {
                turned[x * h + y] = of(&row[x.saturating_sub(r)..(x + r + 1).min(w)]);
            }
        }
        let mut pixels = vec![0.0; w * h];
        for (x, column) in turned.chunks_exact(h).enumerate() {
            for y in 0..h {
                pixels[y * w + x] = of(&column[y.saturating_sub(r)..(y + r + 1).min(h)]);
            }
        }
        Self { pixels, ..*self }
    }

    /// Clears what is fainter, and the specks and edges around the digit.
    fn clear_all_but_digit(&mut self, faint: f32) {
        let (w, h) = (self.width, self.height);
        let mut of = vec![0; w * h]; // which piece a pixel belongs to, 0 for none
        let mut pieces = vec![(0.0, false)]; // its ink, and whether it leaves the picture
        let mut next = Vec::new();
        for start in 0..w * h {
            if of[start] > 0 || self.pixels[start] <= faint {
                continue;
            }
            let piece = pieces.len();
            let (mut ink, mut leaves) = (0.0, false);
            of[start] = piece;
            next.push(start);
            while let Some(i) = next.pop() {
                ink += self.pixels[i];
                let (x, y) = (i % w, i / w);
                leaves |= x == 0 || y == 0 || x + 1 == w || y + 1 == h;
                for j in around(x, y, w, h) {
                    if of[j] == 0 && self.pixels[j] > faint {
                        of[j] = piece;
                        next.push(j);
                    }
                }
            }
            pieces.push((ink, leaves));
        }

        // The table beside the paper and the frame around it touch the border;
        // a digit does so only if it was cut out closely, and then it is all there is.
        let most =
            |leaving| pieces.iter().filter(|p| p.1 == leaving).map(|p| p.0).fold(0.0, f32::max);
        let cut = most(false) < 0.2 * most(true);
        let least = 0.05 * if cut { most(true) } else { most(false) };
        let digit = |i: usize| of[i] > 0 && pieces[of[i]].0 >= least && (cut || !pieces[of[i]].1);
        // One pixel more all around: the soft edge of the strokes.
        let keep: Vec<bool> = (0..w * h).map(|i| around(i % w, i / w, w, h).any(&digit)).collect();
        for (v, keep) in self.pixels.iter_mut().zip(keep) {
            if !keep {
                *v = 0.0;
            }
        }
    }

    /// The columns and the rows that hold more than `faint`.
    fn extent(&self, faint: f32) -> Option<(Range<usize>, Range<usize>)> {
        let (mut columns, mut rows) = (self.width..0, self.height..0);
        for (i, _) in self.pixels.iter().enumerate().filter(|(_, v)| **v > faint) {
            let (x, y) = (i % self.width, i / self.width);
            columns = columns.start.min(x)..columns.end.max(x + 1);
            rows = rows.start.min(y)..rows.end.max(y + 1);
        }
        (!columns.is_empty()).then_some((columns, rows))
    }

    /// The centre of mass: pixel (x, y), with fractions.
    fn centre(&self) -> Option<(f64, f64)> {
        let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
        for (i, &v) in self.pixels.iter().enumerate() {
            sum += f64::from(v);
            x += f64::from(v) * (i % self.width) as f64;
            y += f64::from(v) * (i / self.width) as f64;
        }
        (sum > 0.0).then(|| (x / sum, y / sum))
    }

    /// How wide the strokes are, in pixels: twice their area by the length of
    /// their outline, which staircases make 4/π longer than it is.
    fn stroke(&self) -> f64 {
        let (w, h) = (self.width, self.height);
        let ink = |x: usize, y: usize| x < w && y < h && self.pixels[y * w + x] > 0.5;
        let mut outline = 0.0;
        for (x, y) in (0..w * h).map(|i| (i % w, i / w)).filter(|&(x, y)| ink(x, y)) {
            let near = [(x + 1, y), (x, y + 1), (x.wrapping_sub(1), y), (x, y.wrapping_sub(1))];
            outline += near.iter().filter(|&&(x, y)| !ink(x, y)).count() as f64;
        }
        let area: f64 = self.pixels.iter().map(|&v| f64::from(v)).sum();
        2.0 * area / (outline * PI / 4.0)
    }

    /// Scaled and centred as MNIST does it.
    fn fitted(&self) -> Option<Vec<u8>> {
        let (columns, rows) = self.extent(0.1)?;
        let longer = columns.len().max(rows.len()) as f64;
        // A fine pen on a large sheet leaves a hairline, MNIST's strokes are two
        // or three pixels wide. Averaging over a wider pen draws thin ones again.
        let pen = (1.0 + 1.5 * (1.5 - self.stroke() * BOX as f64 / longer)).clamp(1.0, 2.2);
        let step = longer / (BOX as f64 + 1.0 - pen);
        let axis = |ink: &Range<usize>| {
            let n = (ink.len() as f64 / step + pen - 1.0 - 1e-6).ceil() as usize;
            let first = (ink.start + ink.end) as f64 / 2.0 - n as f64 / 2.0 * step;
            (0..n).map(|i| first + (i as f64 + 0.5) * step).collect::<Vec<_>>()
        };
        // Never less than a pixel of the picture: small ones are stretched smoothly.
        let mut digit = self.averaged(&axis(&columns), &axis(&rows), (pen * step).max(1.0));

        // Full ink again where averaging made thin strokes pale. A fifth of
        // the pixels in an MNIST digit are full.
        let faint = 0.05 * digit.pixels.iter().copied().fold(0.0, f32::max);
        let drawn = digit.pixels.iter().copied().filter(|&v| v > faint).collect();
        let full = quantile(drawn, 0.8)?;
        let (x, y) = digit.centre()?;
        for v in &mut digit.pixels {
            *v = (*v / full).min(1.0);
        }
        let place = |centre: f64, n: usize| {
            (CENTRE - centre).round().clamp(0.0, (SIDE - n) as f64) as usize
        };
        let (left, top) = (place(x, digit.width), place(y, digit.height));
        let mut pixels = vec![0; SIDE * SIDE];
        for (y, row) in digit.pixels.chunks_exact(digit.width).enumerate() {
            for (x, v) in row.iter().enumerate() {
                pixels[(top + y) * SIDE + left + x] = (v * 255.0).round() as u8;
            }
        }
        Some(pixels)
    }

    /// The means over squares of `side` around the crossings of `columns` and `rows`.
    fn averaged(&self, columns: &[f64], rows: &[f64], side: f64) -> Self {
        // How much of each pixel from `first` on lies within `side` around `at`.
        let shares = |at: f64, n: usize| {
            let (from, to) = ((at - side / 2.0).max(0.0), (at + side / 2.0).min(n as f64));
            (from as usize..to.ceil() as usize)
                .map(move |i| (i, ((to.min(i as f64 + 1.0) - from.max(i as f64)) / side) as f32))
        };
        let mut wide = vec![0.0; columns.len() * self.height];
        for (line, row) in
            wide.chunks_exact_mut(columns.len()).zip(self.pixels.chunks_exact(self.width))
        {
            for (v, &at) in line.iter_mut().zip(columns) {
                *v = shares(at, self.width).map(|(i, share)| share * row[i]).sum();
            }
        }
        let mut pixels = Vec::with_capacity(columns.len() * rows.len());
        for &at in rows {
            for x in 0..columns.len() {
                let sum = |(i, share): (usize, f32)| share * wide[i * columns.len() + x];
                pixels.push(shares(at, self.height).map(sum).sum());
            }
        }
        Self { pixels, width: columns.len(), height: rows.len() }
    }
}

/// The pixel (x, y) and those that touch it.
fn around(x: usize, y: usize, width: usize, height: usize) -> impl Iterator<Item = usize> {
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    rows.flat_map(move |y| columns.clone().map(move |x| y * width + x))
}

/// The value that `share` of the values do not exceed; `None` of no values.
fn quantile(mut values: Vec<f32>, share: f64) -> Option<f32> {
    let last = values.len().checked_sub(1)?;
    let at = (last as f64 * share).round() as usize;
    Some(*values.select_nth_unstable_by(at, f32::total_cmp).1)
}

