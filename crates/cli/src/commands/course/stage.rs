//! Where a chapter is shown: slides and pictures in the terminal, files in a folder; or nowhere.

use std::path::{Path, PathBuf};

use anyhow::Result;
use reshet::{Dataset, Model};
use reshet_lab::chapters::Chapter;
pub use reshet_lab::chapters::Words;
use serde::Serialize;

use crate::{
    drawing::{
        chart::{Chart, Plane},
        over,
    },
    say,
    terminal::{self, COLUMNS, bold, faint},
};

/// The language of the slides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Hebrew,
}

impl Language {
    /// The text in this language.
    pub fn of(self, words: Words) -> &'static str {
        match self {
            Self::English => words.en,
            Self::Hebrew => words.he,
        }
    }
}

/// How a result should lie beside the book's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// No less than the book's.
    AtLeast,
    /// No more than the book's.
    AtMost,
    /// The book's, up to this much.
    Equal(f64),
    /// Other data than the book's: only shown.
    Other,
}

/// A result beside the book's.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    pub what: String,
    pub book: f64,
    pub ours: f64,
    #[serde(skip)]
    pub aim: Aim,
}

impl Figure {
    pub fn new(what: impl Into<String>, book: f64, ours: f64, aim: Aim) -> Self {
        Self { what: what.into(), book, ours, aim }
    }

    /// Whether it is as good as the book's; None if the two cannot be compared.
    pub fn as_good(&self) -> Option<bool> {
        match self.aim {
            Aim::AtLeast => Some(self.ours >= self.book),
            Aim::AtMost => Some(self.ours <= self.book),
            Aim::Equal(room) => Some((self.ours - self.book).abs() <= room),
            Aim::Other => None,
        }
    }
}

/// Where a chapter is shown.
pub struct Stage {
    chapter: &'static Chapter,
    /// The texts of the chapter that have been said.
    told: usize,
    pub language: Language,
    pub seed: u64,
    /// Fashion-MNIST's folder, if there is one.
    pub fashion: Option<PathBuf>,
    /// The folder of pictures and model; None: nothing is shown.
    folder: Option<PathBuf>,
    slide: usize,
}

impl Stage {
    /// A stage that shows, and keeps pictures in this folder.
    pub fn shown(chapter: &'static Chapter, language: Language, seed: u64, folder: &Path) -> Self {
        Self { language, folder: Some(folder.to_path_buf()), ..Self::dark(chapter, seed) }
    }

    /// A stage that only computes.
    pub fn dark(chapter: &'static Chapter, seed: u64) -> Self {
        let language = Language::English;
        Self { chapter, told: 0, language, seed, fashion: None, folder: None, slide: 0 }
    }

    /// Whether anything is shown: pictures need not be computed otherwise.
    pub fn is_shown(&self) -> bool {
        self.folder.is_some()
    }

    /// The text in the language of the slides.
    pub fn pick<'a>(&self, en: &'a str, he: &'a str) -> &'a str {
        match self.language {
            Language::English => en,
            Language::Hebrew => he,
        }
    }

    /// Begins a slide.
    pub fn slide(&mut self, en: &str, he: &str) {
        self.slide += 1;
        if self.is_shown() {
            say!("\n{}", bold(&format!("{}. {}", self.slide, self.pick(en, he))));
        }
    }

    /// Says the chapter's next text.
    pub fn tell(&mut self) {
        let words = self.chapter.words.get(self.told).copied();
        self.told += 1;
        if let Some(Words { en, he }) = words {
            self.say_words(en, he);
        }
    }

    /// Says something that is not the chapter's own.
    pub fn say_words(&self, en: &str, he: &str) {
        self.line(&wrapped(self.pick(en, he)));
    }

    /// Prints a line that is the same in all languages.
    pub fn line(&self, text: &str) {
        if self.is_shown() {
            say!("{text}");
        }
    }

    /// Shows a chart, and keeps it as SVG and PNG.
    pub fn chart(&self, stem: &str, chart: &Chart) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        say!("{}", chart.text(columns(), terminal::colour()));
        chart.save(folder, stem)?;
        self.saved(folder, stem);
        Ok(())
    }

    /// Shows a picture of the plane, and keeps it as SVG and PNG.
    pub fn plane(&self, stem: &str, plane: &Plane) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        say!("{}", plane.text(columns(), terminal::colour())?);
        plane.save(folder, stem)?;
        self.saved(folder, stem);
        Ok(())
    }

    /// Shows a model over its first two inputs, or its only one, with these samples.
    pub fn over(&self, stem: &str, title: &str, model: &Model, data: &Dataset) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        over::draw(title, model, data, (None, None), &mut |picture| {
            say!("{}", picture.text(columns(), terminal::colour())?);
            picture.save(folder, stem)?;
            self.saved(folder, stem);
            Ok(())
        })
    }

    fn saved(&self, folder: &Path, stem: &str) {
        say!("{}", faint(&format!("{}.svg, .png", folder.join(stem).display())));
    }

    /// Keeps a model beside the pictures.
    pub fn keep(&self, model: &Model) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.join("model.safetensors");
        model.save(&path)?;
        say!("{}", faint(&path.display().to_string()));
        Ok(())
    }

    /// Says which commands do the same.
    pub fn commands(&mut self) {
        self.slide("The same by hand, to change as you like", "אותו הדבר ביד, לשינוי כרצונכם");
        let commands = self.chapter.commands(self.seed);
        commands.iter().for_each(|command| self.line(&format!("  {command}")));
    }

    /// Shows the chapter's code.
    pub fn code(&mut self) {
        self.slide("The same in code", "אותו הדבר בקוד");
        for (name, code) in [("Rust", self.chapter.code.rust), ("Python", self.chapter.code.python)]
        {
            self.line(&bold(&format!("  {name}")));
            code.lines().for_each(|line| self.line(&format!("    {line}")));
        }
    }
}

/// Text in lines of at most 80 columns.
fn wrapped(text: &str) -> String {
    let (mut out, mut column) = (String::new(), 0);
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > COLUMNS {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out += word;
        column += width;
    }
    out
}

fn columns() -> usize {
    terminal::columns().unwrap_or(COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_between_words() {
        let text = "word ".repeat(40);
        let lines = wrapped(text.trim());
        assert!(lines.lines().all(|line| line.chars().count() <= COLUMNS), "{lines}");
        assert_eq!(lines.split_whitespace().count(), 40);
    }

    #[test]
    fn a_figure_is_compared_as_it_is_meant() {
        let good = |ours, aim| Figure::new("x", 1.0, ours, aim).as_good();
        assert_eq!(good(1.0, Aim::AtLeast), Some(true));
        assert_eq!(good(0.9, Aim::AtLeast), Some(false));
        assert_eq!(good(1.1, Aim::AtMost), Some(false));
        assert_eq!(good(1.05, Aim::Equal(0.1)), Some(true));
        assert_eq!(good(1.2, Aim::Equal(0.1)), Some(false));
        assert_eq!(good(5.0, Aim::Other), None);
    }
}
