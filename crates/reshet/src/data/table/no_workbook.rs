//! Stands for `workbook` where the feature `xlsx` is off: spreadsheets are refused.

#![cfg_attr(not(feature = "csv"), expect(dead_code, reason = "without CSV nothing is read"))]

use crate::{Result, error::Error};

pub(super) const SEPARATOR: u8 = b',';

pub(super) struct Sheet {
    pub text: Vec<u8>,
    pub said: Vec<String>,
}

pub(super) fn read(source: &str, _: Vec<u8>, _: Option<&str>) -> Result<Sheet> {
    Err(Error::data(format!(
        "{source}: a spreadsheet or an archive, and this program was built without spreadsheets; \
         turn on the feature `xlsx` of the crate reshet, or save the table as CSV"
    )))
}
