//! The letters of charts: pictures of grey, packed when this is compiled. As they are they would be a tenth of
//! what a browser's tab has to load.
//!
//! A letter is its bytes in rows, where a 0 is followed by how many there are of them.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// Latin letters and what goes with them.
const FIRST: usize = 0x20;
const END: usize = 0x180;
const LETTERS: usize = END - FIRST;

/// Letters of one weight and size.
pub struct Font {
    width: usize,
    height: usize,
    /// Where in `bytes` each letter begins, and the last one ends.
    starts: [usize; LETTERS + 1],
    bytes: &'static [u8],
}

impl Font {
    /// Columns of each letter.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows of each letter.
    pub fn height(&self) -> usize {
        self.height
    }

    /// How much each pixel of a letter is covered, from 0 to 255, row after row. None: it is lacking.
    pub fn letter(&self, letter: char) -> Option<Vec<u8>> {
        let at = (letter as usize).checked_sub(FIRST).filter(|at| *at < LETTERS)?;
        let packed = &self.bytes[self.starts[at]..self.starts[at + 1]];
        if packed.is_empty() {
            return None;
        }
        let mut pixels = Vec::with_capacity(self.width * self.height);
        let mut rest = packed.iter();
        while let Some(cover) = rest.next() {
            match (cover, rest.as_slice().first()) {
                (0, Some(times)) => {
                    rest.next();
                    pixels.resize(pixels.len() + usize::from(*times), 0);
                }
                _ => pixels.push(*cover),
            }
        }
        Some(pixels)
    }
}

/// Packs a font into `N` bytes, and says how many it needs.
#[allow(long_running_const_eval)]
const fn packed<const N: usize>(
    weight: FontWeight,
    size: RasterHeight,
) -> ([usize; LETTERS + 1], [u8; N], usize) {
    let (mut starts, mut bytes, mut at) = ([0; LETTERS + 1], [0; N], 0);
    let mut letter = 0;
    while letter < LETTERS {
        starts[letter] = at;
        let raster = match char::from_u32((FIRST + letter) as u32) {
            Some(c) => get_raster(c, weight, size),
            None => None,
        };
        if let Some(raster) = raster {
            let pixels = raster.pixels();
            let mut i = 0;
            while i < pixels.len() {
                let mut zeros = 0;
                while i + zeros < pixels.len() && pixels[i + zeros] == 0 && zeros < 255 {
                    zeros += 1;
                }
                if at < N {
                    bytes[at] = pixels[i];
                }
                at += 1;
                if zeros > 0 {
                    if at < N {
                        bytes[at] = zeros as u8;
                    }
                    at += 1;
                }
                i += if zeros > 0 { zeros } else { 1 };
            }
        }
        letter += 1;
    }
    starts[LETTERS] = at;
    (starts, bytes, at)
}

macro_rules! font {
    ($name:ident, $weight:expr, $size:expr, $doc:literal) => {
        #[doc = $doc]
        pub static $name: Font = {
            #[allow(long_running_const_eval)]
            const LENGTH: usize = packed::<0>($weight, $size).2;
            #[allow(long_running_const_eval)]
            const PACKED: ([usize; LETTERS + 1], [u8; LENGTH], usize) = packed($weight, $size);
            static BYTES: [u8; LENGTH] = PACKED.1;
            Font {
                width: get_raster_width($weight, $size),
                height: $size.val(),
                starts: PACKED.0,
                bytes: &BYTES,
            }
        };
    };
}
font!(REGULAR, FontWeight::Regular, RasterHeight::Size24, "What stands on axes.");
font!(BOLD, FontWeight::Bold, RasterHeight::Size32, "Titles.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_out_as_they_were_packed() {
        let fonts = [
            (&REGULAR, FontWeight::Regular, RasterHeight::Size24),
            (&BOLD, FontWeight::Bold, RasterHeight::Size32),
        ];
        for (font, weight, size) in fonts {
            let mut lacking = 0;
            for letter in (0..0x300).filter_map(char::from_u32) {
                let raster = get_raster(letter, weight, size);
                let wanted = raster.as_ref().map(|raster| raster.pixels().to_vec());
                lacking += usize::from(wanted.is_none());
                assert!(font.letter(letter) == wanted, "{letter:?}");
            }
            assert!((0x180..0x240).contains(&lacking), "{lacking}");
            assert!(font.bytes.len() < LETTERS * font.width() * font.height() / 2);
        }
    }
}
