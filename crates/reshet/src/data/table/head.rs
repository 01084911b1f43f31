//! A column of a table: its name, its words, and how its numbers are written.

use std::collections::HashMap;

use super::{
    Cell, Chunk, MOST_WORDS, UNKNOWN, Written,
    cell::{Packed, number_in_letters},
    columns::ODD_WORDS,
    missing::is_no_number,
    parsed::{Firsts, Gone},
    written,
};

/// A word is kept twice, each time with its length and place, and with its number.
pub(super) const OF_WORD: usize = 72;
/// Of so many numbers in letters the texts are kept.
const MOST_IN_LETTERS: usize = 256;

/// A column's name and the words in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub name: String,
    pub words: Vec<String>,
    pub codes: HashMap<String, u32>,
    /// There were more than [`MOST_WORDS`] different words, and only these are kept; or they took more
    /// memory than they may, and none is.
    pub overflow: bool,
    pub firsts: Firsts,
    /// The words that stand for nothing, and how often each does.
    pub gone: Gone,
    /// How its numbers are written, if not plainly.
    pub dressed: Option<Dressed>,
    /// A number for each word, if all of them are numbers.
    pub numbers: Vec<Cell>,
    /// How many words are numbers in letters, as `1e5`.
    pub in_letters: usize,
    /// Whether a number has decimals, of rows that are not in memory.
    pub fractional: bool,
}

/// Words of a column that have become numbers, by their codes.
pub(crate) struct Renumbered {
    pub column: usize,
    pub numbers: Vec<Cell>,
}

impl Renumbered {
    /// What a cell of the column says now.
    pub fn cell(&self, cell: Cell) -> Cell {
        cell.word().and_then(|code| self.numbers.get(code).copied()).unwrap_or(cell)
    }
}

/// Numbers that were words until it was seen how they are written.
#[derive(Clone, Debug)]
pub(crate) struct Dressed {
    pub written: Written,
    /// One of them.
    pub example: String,
    /// Whether its mark can only part thousands.
    pub proven: bool,
}

impl Dressed {
    /// Not inferred from the table itself.
    pub fn known(written: Written) -> Self {
        Self { example: written.example(), written, proven: true }
    }
}

impl Head {
    /// A column with these words.
    pub fn with_words(name: String, words: Vec<String>) -> Self {
        let mut head = Self { name, ..Self::default() };
        for word in words {
            head.code(word);
        }
        head
    }

    /// A cell as it stands in the file; numbers whose decimals vary with as few as they need.
    pub fn text(&self, cell: Cell) -> String {
        match (cell, self.firsts.decimals) {
            (Cell::Number(x), Some([least, most]))
                if least == most && most != UNKNOWN && self.dressed.is_none() =>
            {
                format!("{x:.0$}", usize::from(most))
            }
            _ => cell.text(&self.words),
        }
    }

    /// What a cell says, numbers that are written in some way being numbers.
    pub fn cell(&self, cell: Cell) -> Cell {
        match cell.word() {
            Some(code) if !self.numbers.is_empty() => {
                self.numbers.get(code).copied().unwrap_or(cell)
            }
            _ => cell,
        }
    }

    /// Words that are no numbers.
    pub fn true_words(&self) -> &[String] {
        if self.numbers.is_empty() { &self.words } else { &[] }
    }

    /// If all words, and `more` that are to come, are numbers written in one way: makes
    /// them numbers.
    pub fn undress(&mut self, more: &[String], comma: bool, fractions: impl Fn() -> bool) {
        let all = || self.words.iter().chain(more).filter(|word| !is_no_number(word));
        let Some(first) = all().next().filter(|word| written::is_like_a_number(word)) else {
            return;
        };
        let (plain, fractions) = (self.firsts.number.is_some(), fractions());
        let Some(written) = Written::infer(all(), comma, plain, fractions) else { return };
        let proven = (fractions && !comma) || all().any(|word| written.is_proven_by(word));
        let number = |word: &String| written.parse(word).map_or(Cell::Missing, Cell::from_number);
        let numbers = self.words.iter().map(number).collect();
        self.dressed = Some(Dressed { example: first.clone(), proven, written });
        self.numbers = numbers;
    }

    /// [`Head::undress`] before all rows are read: returns what the words have become, which are
    /// forgotten; None if they are words still.
    pub fn undress_early(
        &mut self,
        more: &[String],
        comma: bool,
        column: usize,
        fractions: impl Fn() -> bool,
    ) -> Option<Renumbered> {
        if self.dressed.is_none() {
            self.undress(more, comma, fractions);
            self.dressed.as_ref()?;
        }
        let numbers = std::mem::take(&mut self.numbers);
        (self.words, self.codes) = Default::default();
        (!numbers.is_empty()).then_some(Renumbered { column, numbers })
    }

    /// Bytes that the words take: each is kept twice, with its length, place and number.
    pub fn bytes_of_words(&self) -> u64 {
        self.words.iter().map(|word| (OF_WORD + 2 * word.len()) as u64).sum()
    }

    /// A word as a cell; a number if the words so far have become numbers.
    pub fn cell_of(&mut self, word: String) -> Cell {
        let number = self.dressed.as_ref().and_then(|dressed| dressed.written.parse(&word));
        if number.is_none() && self.dressed.is_some() && is_no_number(&word) {
            self.gone.add(&word, 1);
            return Cell::Missing;
        }
        if self.dressed.is_none()
            && !self.codes.contains_key(&word)
            && let Some(x) = number_in_letters(&word)
        {
            if self.in_letters >= MOST_IN_LETTERS {
                return Cell::from_number(x);
            }
            self.in_letters += 1;
        }
        number.map_or_else(|| Cell::Word(self.code(word)), Cell::from_number)
    }

    /// Of rows: the words that are no numbers in letters, and all cells in which something stands.
    pub fn count_letters(&self, chunks: &[Chunk], column: usize, width: usize) -> [usize; 2] {
        let is_word = |word: &String| {
            number_in_letters(word).is_none()
                && !is_no_number(word)
                && !written::is_like_a_number(word)
        };
        let words: Vec<bool> = self.words.iter().map(is_word).collect();
        let mut counts = [0, 0];
        for cell in chunks.iter().flat_map(|chunk| chunk.cells.iter().skip(column).step_by(width)) {
            let word = cell.code().is_some_and(|code| words.get(code) == Some(&true));
            counts[0] += usize::from(word);
            counts[1] += usize::from(*cell != Packed::MISSING);
        }
        counts
    }

    /// Makes numbers of words that are numbers in letters, `1e5` and `inf`, unless they stand
    /// among words, of which there are so many among all cells: then the texts are what counts.
    pub fn settle_letters(
        &mut self,
        [among, all]: [usize; 2],
        column: usize,
    ) -> Option<Renumbered> {
        if among as f64 > ODD_WORDS * all as f64 {
            return None;
        }
        let kept = std::mem::take(&mut self.words);
        self.codes.clear();
        let number = |word: String| match number_in_letters(&word) {
            Some(x) => Cell::from_number(x),
            None => Cell::Word(self.code(word)),
        };
        let numbers = kept.into_iter().map(number).collect();
        self.in_letters = 0;
        Some(Renumbered { column, numbers })
    }

    pub fn code(&mut self, word: String) -> u32 {
        if let Some(code) = self.codes.get(&word) {
            return *code;
        }
        if self.overflow || self.words.len() >= MOST_WORDS {
            self.overflow = true;
            return MOST_WORDS as u32;
        }
        let code = self.words.len() as u32;
        self.words.push(word.clone());
        self.codes.insert(word, code);
        code
    }
}
