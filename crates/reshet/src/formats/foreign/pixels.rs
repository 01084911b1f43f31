//! Finds the range of a network's input pixels: 0…255 or 0…1.
//!
//! A graph that scales its pixels shows their range: (x − 127.5) / 127.5, x / 255,
//! (x − 33.3) / 78.6 are for 0…255; (x − 0.5) / 0.5, (x − 0.13) / 0.31 are for 0…1. Our networks
//! take pixels as u = x / 255; the scale is folded into the first dense layer.

use super::affine::Affine;
use crate::{Result, error::Error};

/// What is known of the inputs, apart from the network.
#[derive(Clone, Debug, Default)]
pub struct KnownInputs {
    /// A sample has the shape of a picture.
    pub picture: bool,
    /// The file's inputs are integers.
    pub whole: bool,
    /// The value of a white pixel in the file's inputs, if given.
    pub white: Option<f64>,
    /// The user says that the inputs are bytes.
    pub bytes: bool,
}

/// The kind of input.
pub struct Scaled {
    /// They are bytes that stand for x / 255.
    pub bytes: bool,
    /// The scaling to fold into the first dense layer.
    pub affine: Option<Affine>,
    pub said: Option<String>,
}

/// The range of pixels that a scale is made for.
#[derive(Clone, Copy, PartialEq)]
enum Range {
    One,
    Byte,
}

impl KnownInputs {
    /// Decides the kind of input that the file scales by `affine`; `width`: the values of a sample.
    ///
    /// # Errors
    /// A picture's scale does not show the range of its pixels.
    pub fn scaled(&self, affine: Option<Affine>, width: usize) -> Result<Scaled> {
        let affine = affine.filter(|affine| !affine.is_identity());
        let pixels = self.picture || self.whole || self.bytes || is_area(width);
        if pixels && self.white.is_none() && affine.as_ref().is_some_and(Affine::is_byte_scale) {
            return Ok(Scaled { bytes: true, affine: None, said: Some(taken("x / 255")) });
        }
        let white = match (self.white, self.whole) {
            (Some(white), _) => white,
            (None, true) => 255.0,
            (None, false) if !self.picture => {
                return Ok(Scaled { bytes: self.bytes, affine, said: None });
            }
            (None, false) => {
                match affine.as_ref().map(range) {
                    Some(Some(Range::Byte)) => 255.0,
                    Some(Some(Range::One)) | None => {
                        let said = (!self.bytes).then(|| match &affine {
                        Some(affine) => {
                            let scale = shown(affine);
                            format!("pixels are taken as 0…1, as the file's scale ({scale}) needs them")
                        }
                        None => "the file does not say how bright a pixel is: they are taken as \
                                 0…1, x / 255"
                            .into(),
                    });
                        return Ok(Scaled { bytes: self.bytes, affine, said });
                    }
                    Some(None) if self.bytes => 1.0,
                    Some(None) => {
                        let scale = affine.as_ref().map_or(String::new(), shown);
                        return Err(Error::invalid(format!(
                            "the file scales its pixels ({scale}), and it cannot be told whether they \
                         go in as 0…1 or as 0…255: say what white is: 1 or 255"
                        )));
                    }
                }
            }
        };
        if !(white.is_finite() && white > 0.0) {
            return Err(Error::invalid(format!("a white pixel of {white}; it is 1 or 255")));
        }
        let own = affine.as_ref().map_or("x".into(), shown);
        let all = Affine::scalar(white, 0.0);
        let affine = affine.map_or(all.clone(), |affine| all.then(&affine));
        let said = match white {
            1.0 => taken("x / 255"),
            _ => taken(&format!("{own} for x from 0 to {white}")),
        };
        Ok(Scaled { bytes: true, affine: Some(affine), said: Some(said) })
    }
}

/// Whether so many values could be a square picture in a row, grey or RGB.
fn is_area(width: usize) -> bool {
    const SMALLEST: usize = 8;
    let square = |n: usize| n >= SMALLEST * SMALLEST && n.isqrt().pow(2) == n;
    square(width) || (width % 3 == 0 && square(width / 3))
}

fn taken(how: &str) -> String {
    format!("the inputs are bytes, taken as {how}")
}

/// The range that all of a scale's values are made for, if it is the same and certain.
fn range(affine: &Affine) -> Option<Range> {
    let n = affine.scale.len().max(affine.shift.len());
    let mut found = None;
    for (scale, shift) in (0..n).map(|i| affine.at(i)) {
        // The scale of a pixel that is always black is meaningless.
        if scale == 0.0 {
            continue;
        }
        let middle = -shift / scale;
        let range = match scale.abs() {
            // Such a centre is not in 0…1.
            _ if middle > 1.5 && middle <= 256.0 => Range::Byte,
            // 0…255 becomes a length of 0.5 to 20, 0…1 of less than 0.1.
            0.002..=0.08 => Range::Byte,
            0.2.. if (-0.01..=1.01).contains(&middle) => Range::One,
            _ => return None,
        };
        if found.is_some_and(|found| found != range) {
            return None;
        }
        found = Some(range);
    }
    found
}

/// Writes a scale as a formula, with the first of many values.
fn shown(affine: &Affine) -> String {
    let (scale, shift) = affine.at(0);
    let more = if affine.scale.len().max(affine.shift.len()) > 1 { ", …" } else { "" };
    let sign = if shift < 0.0 { '−' } else { '+' };
    match shift {
        0.0 => format!("{:.4}·x{more}", scale),
        _ => format!("{scale:.4}·x {sign} {:.4}{more}", shift.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> KnownInputs {
        KnownInputs { picture: true, ..KnownInputs::default() }
    }

    #[test]
    fn scales_of_pixels_are_told_apart() {
        let bytes = |scale: f64, shift: f64| {
            let scaled = picture().scaled(Some(Affine::scalar(scale, shift)), 784).ok()?;
            Some((scaled.bytes, scaled.affine.map(|a| a.at(0))))
        };
        let near = |scale, shift, whole: (f64, f64)| match bytes(scale, shift) {
            Some((true, Some((s, t)))) => (s - whole.0).abs() < 1e-6 && (t - whole.1).abs() < 1e-6,
            _ => false,
        };
        assert!(near(2.0 / 255.0, -1.0, (2.0, -1.0)));
        assert!(near(1.0 / 78.6, -33.3 / 78.6, (255.0 / 78.6, -33.3 / 78.6)));
        assert!(near(0.00392, 0.0, (0.9996, 0.0)));
        // Only a mean is taken away; black on white.
        assert!(near(1.0, -123.68, (255.0, -123.68)));
        assert!(near(-1.0 / 255.0, 1.0, (-1.0, 1.0)));
        assert_eq!(bytes(1.0 / 255.0, 0.0), Some((true, None)));
        for (scale, shift) in [(2.0, -1.0), (1.0 / 0.3081, -0.1307 / 0.3081), (-1.0, 1.0)] {
            assert_eq!(bytes(scale, shift), Some((false, Some((scale, shift)))));
        }
        for (scale, shift) in [(0.12, 0.0), (1.0 / 65535.0, 0.0), (3.0, 2.0)] {
            assert_eq!(bytes(scale, shift), None);
        }
        let mixed = Affine { scale: vec![1.0, 0.01], shift: vec![0.0, -1.0] };
        assert!(picture().scaled(Some(mixed.clone()), 784).is_err());
        let told = KnownInputs { white: Some(255.0), ..picture() };
        assert!(told.scaled(Some(mixed.clone()), 784).unwrap().bytes);
        // A table's columns are nobody's pixels.
        let table = KnownInputs::default().scaled(Some(mixed), 784).unwrap();
        assert!(!table.bytes && table.said.is_none());
    }

    #[test]
    fn a_byte_scale_is_of_pixels_where_there_can_be_some() {
        let scale = || Some(Affine::scalar(1.0 / 255.0, 0.0));
        let bytes = |known: KnownInputs, width| {
            let scaled = known.scaled(scale(), width).unwrap();
            assert_eq!(scaled.bytes, scaled.affine.is_none(), "folded, or the bytes' own");
            scaled.bytes
        };
        assert!(bytes(picture(), 12) && bytes(KnownInputs::default(), 784));
        assert!(bytes(KnownInputs::default(), 3 * 32 * 32));
        for width in [1, 5, 9, 25, 785, 2 * 784] {
            assert!(!bytes(KnownInputs::default(), width), "{width}");
        }
    }

    #[test]
    fn a_picture_without_a_scale_is_told() {
        let said = |inputs: KnownInputs| inputs.scaled(None, 784).unwrap().said;
        assert!(said(picture()).unwrap().contains("does not say how bright a pixel is"));
        assert_eq!(said(KnownInputs { bytes: true, ..picture() }), None);
        let whole =
            KnownInputs { whole: true, ..KnownInputs::default() }.scaled(None, 784).unwrap();
        assert!(whole.bytes && whole.affine == Some(Affine::scalar(255.0, 0.0)));
    }
}
