//! Replaces `onnx` if that feature is off: refuses its files.

use super::foreign::network::{Found, GraphOptions};
use crate::{Result, error::Error};

pub(super) fn read(_: Vec<u8>, _: &GraphOptions) -> Result<Found> {
    Err(Error::data(
        "an ONNX file, and this program was built without ONNX; turn on the feature `onnx` of \
         the crate reshet",
    ))
}
