//! Stands for `workbook` where the feature `xlsx` is off: spreadsheets are refused.

use crate::{Result, error::Error};

pub(super) const SEPARATOR: u8 = b',';

#[cfg_attr(not(feature = "csv"), expect(dead_code, reason = "no text is read"))]
pub(super) struct Sheet {
    pub text: Vec<u8>,
    pub said: Vec<String>,
}

#[cfg_attr(not(feature = "csv"), expect(dead_code, reason = "no text is read"))]
pub(super) fn read(source: &str, _: Vec<u8>, _: Option<&str>) -> Result<Sheet> {
    Err(Error::data(format!(
        "{source}: a spreadsheet or an archive, and this program was built without spreadsheets; \
         turn on the feature `xlsx` of the crate reshet, or save the table as CSV"
    )))
}
