//! Stands for `text` where the feature `csv` is off: no text is read, so none is decoded.

use std::{io::Read, path::Path};

use super::csv::Options;
use crate::{Result, error::Error};

pub(super) struct Text {
    pub start: Vec<u8>,
    pub rest: Box<dyn Read + Send>,
    pub encoding: Option<(&'static str, bool)>,
    pub sheet: Option<Vec<String>>,
}

impl Text {
    pub fn new(source: &str, _: Box<dyn Read + Send>, _: &Options) -> Result<Self> {
        Err(Error::data(format!(
            "{source}: this program was built without CSV; turn on the feature `csv` of the crate \
             reshet"
        )))
    }
}

pub(super) fn late_encoding(_: &Path) -> Option<&'static str> {
    None
}
