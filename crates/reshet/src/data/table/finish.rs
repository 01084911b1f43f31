//! What columns become when all rows are in: numbers, words, or numbers that are names.

use super::{Cell, Chunk, Head, Table, chunk::for_each_cell, chunk::fractions};

impl Table {
    /// To be called when all rows are in: columns in which all words are numbers hold
    /// numbers, and those in which a number is a name, as 007 is, hold words.
    pub(crate) fn finish(&mut self) {
        let names = self.finish_heads();
        let mut chunks = std::mem::take(&mut self.chunks);
        self.name_numbers(&names, &mut chunks);
        self.chunks = chunks;
    }

    /// Makes numbers of columns in which all words are; returns those in which numbers are names.
    pub(super) fn finish_heads(&mut self) -> Vec<usize> {
        let (comma, width) = (self.comma(), self.heads.len());
        let Self { heads, chunks, .. } = self;
        let mut names = Vec::new();
        for (column, head) in heads.iter_mut().enumerate() {
            if head.dressed.is_some() || head.overflow {
                continue;
            }
            let fractional = head.fractional;
            match head.firsts.name {
                None => head.undress(&[], comma, || fractional || fractions(chunks, column, width)),
                Some(_) => names.push(column),
            }
        }
        names
    }

    /// Makes words of the numbers in these columns.
    pub(super) fn name_numbers(&mut self, columns: &[usize], chunks: &mut [Chunk]) {
        let width = self.heads.len();
        for column in columns {
            let head = &mut self.heads[*column];
            for_each_cell(chunks, *column, width, |cell| match cell {
                Cell::Number(_) => Cell::Word(head.code(cell.text(&[]))),
                other => other,
            });
        }
    }

    /// Whether there are numbers in letters, `1e5` and `inf`, whose texts are kept.
    pub(crate) fn has_letters(&self) -> bool {
        self.heads.iter().any(|head| head.in_letters > 0)
    }

    /// Makes numbers of those in these columns, unless they stand among words. A model's columns
    /// know without that what they are.
    pub(crate) fn settle_letters(&mut self, wanted: impl Fn(&str) -> bool) {
        let (comma, width) = (self.comma(), self.heads.len());
        for column in self.with_letters(wanted) {
            let Self { heads, chunks, .. } = self;
            let head = &mut heads[column];
            let counts = head.count_letters(chunks, column, width);
            let Some(changed) = head.settle_letters(counts, column) else { continue };
            for_each_cell(chunks, column, width, |cell| changed.cell(cell));
            if head.dressed.is_none() {
                head.undress(&[], comma, || fractions(chunks, column, width));
            }
        }
    }

    /// The columns in which numbers in letters may be numbers.
    pub(super) fn with_letters(&self, wanted: impl Fn(&str) -> bool) -> Vec<usize> {
        let may = |head: &Head| {
            let names = head.firsts.name.is_some();
            head.in_letters > 0 && !names && !head.overflow && wanted(&head.name)
        };
        (0..self.heads.len()).filter(|column| may(&self.heads[*column])).collect()
    }
}
