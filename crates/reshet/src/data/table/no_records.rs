//! Stands for `records` where the feature `csv` is off: text is refused before anything is read.
//!
//! Nobody can have a parser or a record: their types hold a value that cannot be.

use std::{
    convert::Infallible,
    iter::Empty,
    ops::{Index, Range},
};

use super::dialect::Format;
use crate::{Result, error::Error};

pub(super) fn parser(_: &[u8], _: Format) -> Result<Parser> {
    Err(Error::data(
        "this program was built without CSV; turn on the feature `csv` of the crate reshet",
    ))
}

pub(super) fn empty_record(parser: &Parser) -> Record {
    match parser.0 {}
}

pub(super) struct Parser(Infallible);

impl Parser {
    pub fn read_byte_record(&mut self, _: &mut Record) -> Result<bool> {
        match self.0 {}
    }

    pub fn into_byte_records(self) -> impl Iterator<Item = Result<Record>> {
        // Of `Empty` alone lints would ask why some are taken of it.
        std::iter::from_fn(move || match self.0 {})
    }

    pub fn position(&self) -> &Position {
        match self.0 {}
    }
}

#[derive(PartialEq)]
pub(crate) struct Record(Infallible);

impl Record {
    pub fn len(&self) -> usize {
        match self.0 {}
    }

    pub fn iter(&self) -> Empty<&[u8]> {
        match self.0 {}
    }

    pub fn as_slice(&self) -> &[u8] {
        match self.0 {}
    }

    pub fn get(&self, _: usize) -> Option<&[u8]> {
        match self.0 {}
    }

    pub fn range(&self, _: usize) -> Option<Range<usize>> {
        match self.0 {}
    }

    pub fn position(&self) -> Option<&Position> {
        match self.0 {}
    }
}

impl Index<usize> for Record {
    type Output = [u8];

    fn index(&self, _: usize) -> &[u8] {
        match self.0 {}
    }
}

pub(crate) struct Position(Infallible);

impl Position {
    pub fn byte(&self) -> u64 {
        match self.0 {}
    }

    pub fn line(&self) -> u64 {
        match self.0 {}
    }
}
