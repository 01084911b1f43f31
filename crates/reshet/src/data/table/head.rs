//! A column of a table: its name, its words, and how its numbers are written.

use std::collections::HashMap;

use super::{
    Cell, Chunk, MOST_WORDS, UNKNOWN, Written,
    cell::number_in_letters,
    chunk::for_each_cell,
    columns::ODD_WORDS,
    missing::is_no_number,
    parsed::{Firsts, Gone},
    written,
};

/// Of so many numbers in letters the texts are kept.
const MOST_IN_LETTERS: usize = 256;

/// A column's name and the words in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub name: String,
    pub words: Vec<String>,
    pub codes: HashMap<String, u32>,
    /// There were more than [`MOST_WORDS`] different words; only these are kept.
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

    /// Makes numbers of words that are numbers in letters, `1e5` and `inf`, unless they stand
    /// among words: then the texts are what counts.
    pub fn settle_letters(&mut self, chunks: &mut [Chunk], column: usize, width: usize) {
        let numbers: Vec<Option<f64>> = match self.in_letters {
            0 => return,
            _ => self.words.iter().map(|word| number_in_letters(word)).collect(),
        };
        let is_word = |word: &String| !is_no_number(word) && !written::is_like_a_number(word);
        let words: Vec<bool> =
            self.words.iter().zip(&numbers).map(|(w, x)| x.is_none() && is_word(w)).collect();
        let (mut among, mut all) = (0, 0);
        for_each_cell(chunks, column, width, |cell| {
            let word = cell.word().is_some_and(|code| words.get(code) == Some(&true));
            (among, all) = (among + usize::from(word), all + usize::from(!cell.is_missing()));
            cell
        });
        if among as f64 > ODD_WORDS * all as f64 {
            return;
        }
        let kept = std::mem::take(&mut self.words);
        self.codes.clear();
        let number = |(word, x): (String, Option<f64>)| match x {
            Some(x) => Cell::from_number(x),
            None => Cell::Word(self.code(word)),
        };
        let cells: Vec<Cell> = kept.into_iter().zip(numbers).map(number).collect();
        for_each_cell(chunks, column, width, |cell| match cell.word() {
            Some(code) => cells.get(code).copied().unwrap_or(cell),
            None => cell,
        });
        self.in_letters = 0;
    }

    pub fn code(&mut self, word: String) -> u32 {
        if let Some(code) = self.codes.get(&word) {
            return *code;
        }
        if self.words.len() >= MOST_WORDS {
            self.overflow = true;
            return MOST_WORDS as u32;
        }
        let code = self.words.len() as u32;
        self.words.push(word.clone());
        self.codes.insert(word, code);
        code
    }
}
