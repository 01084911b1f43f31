//! Unpacking gzip and deflate, with the feature `gzip`.

use std::io::{BufRead, Read};

use flate2::bufread::{DeflateDecoder, MultiGzDecoder};

/// Unpacks a gzipped stream.
///
/// # Errors
/// The feature is off.
pub(crate) fn gunzip(packed: impl BufRead) -> Result<impl Read, String> {
    Ok(MultiGzDecoder::new(packed))
}

/// Unpacks a deflated stream.
///
/// # Errors
/// The feature is off.
pub(crate) fn inflate(packed: impl BufRead) -> Result<impl Read, String> {
    Ok(DeflateDecoder::new(packed))
}
