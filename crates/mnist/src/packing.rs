//! How images are packed: paper as lengths, and the pixels of ink apart by where they stand.
//!
//! A part of the images is three streams, one after the other:
//!
//! 1. *Stretches*, deflated: a byte for a number of pixels of paper and a byte for the number of
//!    pixels of ink after them, and so on. Paper of 255 pixels or more is written as 255 followed
//!    at once by the rest of it. A stretch ends where its image ends.
//! 2. *Inner pixels*, deflated: the ink, except for the first and the last pixel of a stretch.
//!    Most of them are nearly black, so they take five bits each.
//! 3. *Edges*, as they are: the first pixel of each stretch, then the last of it if it has more
//!    than one. They take nearly any value; deflate would save 7 % and take as long as for all
//!    the others.
//!
//! Deflating the images as they are takes 13 % more room, and three times as long to undo.

use std::io::Read;

use flate2::bufread::DeflateDecoder;

/// The packed digits are constants, and the tests compare every byte of them.
pub(crate) const DAMAGED: &str = "the digits inside the crate are damaged";

/// A byte for this many pixels of paper, or more.
const LONG: u8 = 255;

/// Inflates the stream that `packed` begins with, of about `length` bytes, and leaves the rest.
pub(crate) fn inflate(packed: &mut &[u8], length: usize) -> Vec<u8> {
    // With one byte to spare the end is found without asking for more memory.
    let mut bytes = Vec::with_capacity(length + 1);
    let mut decoder = DeflateDecoder::new(*packed);
    decoder.read_to_end(&mut bytes).expect(DAMAGED);
    *packed = decoder.into_inner();
    bytes
}

/// Unpacks a part into memory of the images' length.
pub(crate) fn unpack(mut part: &[u8], images: &mut [u8]) {
    // Here, by each part for itself: the pages of fresh memory are then made on several cores.
    images.fill(0);
    let stretches = inflate(&mut part, images.len() / 14);
    let inner = inflate(&mut part, images.len() / 7);
    let edges = part;
    place(&stretches, &inner, edges, images).expect(DAMAGED);
}

/// Puts the ink where it belongs; None if the streams do not fit each other or the images.
fn place(stretches: &[u8], mut inner: &[u8], mut edges: &[u8], images: &mut [u8]) -> Option<()> {
    let mut rest = images;
    let mut stretches = stretches.iter();
    while let Some(&paper) = stretches.next() {
        rest = rest.split_at_mut_checked(paper.into())?.1;
        if paper == LONG {
            continue;
        }
        let ink;
        (ink, rest) = rest.split_at_mut_checked((*stretches.next()?).into())?;
        if let Some((first, ink)) = ink.split_first_mut() {
            *first = *edges.split_off_first()?;
            if let Some((last, ink)) = ink.split_last_mut() {
                *last = *edges.split_off_first()?;
                ink.copy_from_slice(inner.split_off(..ink.len())?);
            }
        }
    }
    (rest.is_empty() && inner.is_empty() && edges.is_empty()).then_some(())
}
