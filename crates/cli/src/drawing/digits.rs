//! Grey pictures in a terminal of 80 columns.

use crate::{
    drawing::picture,
    terminal::{COLUMNS, colour},
};

/// Pictures beside each other, three a line, each with its caption under it.
///
/// Of a 28×28 digit the two outer columns are left out, so that three fit.
pub fn grid(pictures: &[&[u8]], captions: &[String], width: usize) -> String {
    let margin = if width == 28 { 2 } else { 0 };
    let shown = |pixels: &&[u8]| {
        picture::lines(&picture::crop(pixels, width, margin), width - 2 * margin, colour())
    };
    let pictures: Vec<Vec<String>> = pictures.iter().map(shown).collect();
    let columns = ((COLUMNS + 3) / (width - 2 * margin + 3)).max(1);
    picture::side_by_side(&pictures, captions, columns, 3)
}
