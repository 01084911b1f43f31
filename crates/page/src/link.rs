//! The address that pupils open, and the same to be read by a camera.

use std::fmt::Write;

use qrcodegen::{QrCode, QrCodeEcc};
use reshet::{Error, Result};
use serde::Serialize;

/// Cells around a code that stay light: readers want four.
const MARGIN: i32 = 4;

/// An address, and its QR code.
#[derive(Serialize)]
pub struct Link {
    pub address: String,
    /// Cells of a side, the margin with them.
    pub size: i32,
    /// The dark cells as the path of an SVG, a cell a unit.
    pub path: String,
    #[serde(skip)]
    code: QrCode,
}

impl Link {
    /// # Errors
    /// The address is too long for a code.
    pub fn new(address: String) -> Result<Self> {
        let code = QrCode::encode_text(&address, QrCodeEcc::Medium)
            .map_err(|e| Error::Invalid(format!("no QR code of the address: {e}")))?;
        let mut path = String::new();
        for y in 0..code.size() {
            for x in 0..code.size() {
                if code.get_module(x, y) {
                    let _ = write!(path, "M{},{}h1v1h-1z", x + MARGIN, y + MARGIN);
                }
            }
        }
        Ok(Self { address, size: code.size() + 2 * MARGIN, path, code })
    }

    /// The code in lines of text, two rows of cells a line: light cells are drawn, as on a dark
    /// terminal; with colours on any.
    pub fn lines(&self) -> Vec<String> {
        let light = |x, y| !self.code.get_module(x, y);
        let margin = MARGIN / 2;
        let (from, to) = (-margin, self.code.size() + margin);
        (from..to)
            .step_by(2)
            .map(|y| {
                let cell = |x| match (light(x, y), light(x, y + 1) && y + 1 < to) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                };
                (from..to).map(cell).collect()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_the_same_in_lines_and_as_a_path() {
        let link = Link::new("http://192.168.0.7:8080/?token=0123456789abcdef".into()).unwrap();
        assert_eq!(link.size, link.code.size() + 8);
        let dark = link.path.matches('z').count();
        let size = link.code.size();
        let counted = (0..size * size).filter(|i| link.code.get_module(i % size, i / size)).count();
        assert_eq!(dark, counted);
        let lines = link.lines();
        assert!(lines.iter().all(|line| line.chars().count() == (size + 4) as usize));
        // The first corner's frame: seven dark cells in the first row.
        let first: Vec<char> = lines[1].chars().collect();
        assert_eq!(first[2..9], [' ', '▄', '▄', '▄', '▄', '▄', ' ']);
    }
}
