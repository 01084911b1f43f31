//! A picture in memory.

/// The most pixels decoded; a small file can claim to be enormous.
pub(super) const MOST_PIXELS: usize = 64_000_000;

/// A picture in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Bytes a pixel: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.
    pub channels: usize,
    /// Row by row, each pixel's channels side by side.
    pub pixels: Vec<u8>,
}

pub(super) fn check_size(width: usize, height: usize) -> Result<(usize, usize), String> {
    match width.checked_mul(height) {
        Some(0) | None => Err(format!("a picture of {width}×{height} pixels")),
        Some(n) if n > MOST_PIXELS => {
            Err(format!("{width}×{height} pixels are too many; make it smaller"))
        }
        Some(_) => Ok((width, height)),
    }
}
