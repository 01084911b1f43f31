//! The chapters of the course: what each is about and says, what of it is trained, its code.
//! The program's slides and the page's lessons both take it from here.

mod code;
mod list;
mod words;

use reshet::{
    Targets,
    data::{
        make::{Maker, Pattern},
        table::Scaling,
    },
};
use serde::Serialize;

use crate::spec::{Hidden, Spec};

pub use list::CHAPTERS;

/// A text in both languages.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Words {
    /// English.
    pub en: &'static str,
    /// Hebrew.
    pub he: &'static str,
}

impl Words {
    /// Both.
    pub const fn new(en: &'static str, he: &'static str) -> Self {
        Self { en, he }
    }
}

/// A chapter's code: as PyTorch has it, in this library, in its Python package.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Code {
    /// With PyTorch.
    pub torch: &'static str,
    /// With this library.
    pub rust: &'static str,
    /// With its Python package.
    pub python: &'static str,
}

/// How a chapter is drawn on the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Drawn {
    /// A ball on a curve.
    Descent,
    /// A path on a landscape.
    Landscape,
    /// Points, the line that is fitted, and its loss over the weight.
    Line,
    /// The loss with raw and with scaled inputs.
    Scaled,
    /// What a probability costs.
    Cost,
    /// Samples, and the model over one or two inputs.
    Plane,
    /// Loss and accuracy over the steps.
    Curves,
    /// A board.
    Game,
}

/// Where a chapter's data comes from.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Made.
    Made {
        /// What is made.
        pattern: Pattern,
        /// Samples to learn from.
        train: usize,
        /// Samples to test on.
        test: usize,
        /// The deviation of the noise.
        noise: f64,
    },
    /// The nine flats.
    Flats,
    /// Known by its name.
    Named(&'static str),
}

/// What of a chapter is trained on the page.
#[derive(Clone, Copy, Debug)]
pub struct Trained {
    /// Its data.
    pub source: Source,
    /// Yes or no about this class.
    pub is: Option<&'static str>,
    /// Neurons of the hidden layers, each followed by ReLU.
    pub hidden: &'static [usize],
    /// `sgd` or `adam`.
    pub optimizer: &'static str,
    /// The learning rate.
    pub lr: f64,
    /// Whether it rises to that and falls again.
    pub one_cycle: bool,
    /// How often all samples are seen.
    pub epochs: usize,
    /// Samples a step.
    pub batch_size: usize,
    /// How the numbers of a table are scaled; [`Scaling::None`]: those to be predicted are not either.
    pub scaling: Scaling,
    /// The inputs that are drawn as the plane; none: the first two.
    pub axes: Option<[&'static str; 2]>,
    /// The book's accuracy in percent.
    pub book: Option<f64>,
}

impl Trained {
    /// How it is trained.
    pub(crate) fn spec(&self, data: String, seed: u64) -> Spec {
        let relu =
            |width: &usize| Hidden { width: *width, activation: Some("relu".into()), dropout: 0.0 };
        let schedule = if self.one_cycle { "one-cycle" } else { "constant" };
        let no_scale = self.scaling == Scaling::None;
        // Of a table each input is a number, as in the book.
        let scaling = (!self.source.is_pictures() && !no_scale).then_some(self.scaling);
        Spec {
            data,
            is: self.is.map(String::from),
            hidden: Some(self.hidden.iter().map(relu).collect()),
            optimizer: Some(self.optimizer.into()),
            lr: Some(self.lr),
            schedule: Some(schedule.into()),
            batch_size: Some(self.batch_size),
            epochs: Some(self.epochs),
            seed: Some(seed),
            scaling,
            no_scale,
            test_fraction: self.source.test_fraction(),
            ..Spec::default()
        }
    }
}

impl Source {
    fn is_pictures(&self) -> bool {
        matches!(self, Self::Named("mnist" | "fashion-mnist"))
    }

    /// The part that is not learnt from; None: the usual one, or the data's own.
    fn test_fraction(&self) -> Option<f64> {
        match self {
            // As in the book all of them are learnt from.
            Self::Flats | Self::Named("line" | "galton") => Some(0.0),
            Self::Named(_) => None,
            Self::Made { train, test, .. } => Some(*test as f64 / (train + test) as f64),
        }
    }

    /// The table, where it is made, and what it is called.
    pub(crate) fn made(&self, seed: u64) -> reshet::Result<Option<(String, String)>> {
        let maker = match self {
            Self::Named(_) => return Ok(None),
            Self::Flats => Maker::new(Pattern::Flats),
            Self::Made { pattern, train, test, noise } => {
                Maker::new(*pattern).samples(train + test).noise(*noise).seed(seed)
            }
        };
        let name = match self {
            Self::Made { pattern, train, test, .. } => {
                format!("{}-{}-{seed}.csv", pattern.name(), train + test)
            }
            _ => "flats.csv".into(),
        };
        Ok(Some((name, maker.csv()?)))
    }
}

/// A chapter.
#[derive(Clone, Copy, Debug)]
pub struct Chapter {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Its number in the book.
    pub number: &'static str,
    /// A heading.
    pub title: Words,
    /// A line about it.
    pub about: Words,
    /// Whether it needs Fashion-MNIST.
    pub clothes: bool,
    /// What it says, in the order of the slides.
    pub words: &'static [Words],
    /// Commands that do the same, with `{seed}`.
    pub commands: &'static [&'static str],
    /// What it is in code.
    pub code: Code,
    /// How it is drawn on the page.
    pub drawn: Drawn,
    /// What of it is trained on the page.
    pub trained: Option<Trained>,
}

/// The point of chapter 7.
pub const ONE: [(f64, f64); 1] = [(2.0, 4.5)];
/// x and y of the five points of chapter 8.
pub const FIVE: [(f64, f64); 5] =
    [(0.0, 0.7576), (1.0, 2.2793), (2.0, 4.4031), (3.0, 6.7347), (4.0, 8.0293)];

impl Chapter {
    /// The commands that do the same, for a seed.
    pub fn commands(&self, seed: u64) -> Vec<String> {
        let seed = seed.to_string();
        self.commands.iter().map(|command| command.replace("{seed}", &seed)).collect()
    }

    /// The points that a line is fitted to, where that is what is drawn.
    pub fn points(&self) -> Vec<(f64, f64)> {
        match (self.drawn, self.name) {
            (Drawn::Line, "point") => ONE.to_vec(),
            (Drawn::Line, _) => FIVE.to_vec(),
            (Drawn::Scaled, _) => flats(),
            _ => Vec::new(),
        }
    }

    /// The chapter of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CHAPTERS.iter().find(|chapter| chapter.name == name)
    }
}

/// Areas and prices of the nine flats.
fn flats() -> Vec<(f64, f64)> {
    let Ok(data) = Maker::new(Pattern::Flats).dataset() else { return Vec::new() };
    let Targets::Numbers { values, .. } = data.targets() else { return Vec::new() };
    let mut inputs = vec![0.0; data.width()];
    let point = |row: usize| {
        data.features().read(row, &mut inputs);
        // As the numbers are written, not as f32 has them.
        let plain = |x: f32| x.to_string().parse().unwrap_or(f64::from(x));
        (plain(inputs[0]), plain(values[row]))
    };
    (0..data.len()).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_both_languages_say_something() {
        for (i, chapter) in CHAPTERS.iter().enumerate() {
            assert!(CHAPTERS[..i].iter().all(|other| other.name != chapter.name));
            for words in [chapter.title, chapter.about].iter().chain(chapter.words) {
                assert!(!words.en.contains(|c| ('א'..='ת').contains(&c)), "{}", words.en);
                assert!(words.he.contains(|c| ('א'..='ת').contains(&c)), "{}", words.he);
            }
            assert!(!chapter.words.is_empty(), "{} says nothing", chapter.name);
        }
    }

    /// `docs/course-code.md`.
    fn all_code() -> String {
        let mut text = String::from(
            "# The chapters in code\n\n\
             Each chapter of [the course](course.md) as the book's library has it, in Rust and in \
             Python. The Rust\nsnippets need `use reshet::prelude::*;`, the Python ones \
             `import reshet`, `import numpy`, `import pandas`. Tables\nthat they read are written by \
             `reshet data make moons -o moons.csv` and its like; `X` and `y` are the pictures of\n\
             MNIST or Fashion-MNIST as bytes, and their labels.\n",
        );
        for chapter in CHAPTERS {
            let Code { torch, rust, python } = chapter.code;
            text += &format!("\n## {} {}: `{}`\n", chapter.number, chapter.title.en, chapter.name);
            for (name, word, code) in
                [("PyTorch", "python", torch), ("Rust", "rust", rust), ("Python", "python", python)]
            {
                text += &format!("\n{name}:\n\n```{word}\n{code}\n```\n");
            }
        }
        text
    }

    #[test]
    fn the_page_of_code_is_made_of_the_chapters() {
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/course-code.md");
        if std::env::var_os("WRITE_CODE").is_some() {
            std::fs::write(&path, all_code()).unwrap();
        }
        // A published crate is alone.
        let Ok(kept) = std::fs::read_to_string(&path) else { return };
        assert!(kept == all_code(), "WRITE_CODE=1 cargo test -p reshet-lab page_of_code");
    }

    #[test]
    fn the_guides_code_is_the_lessons() {
        let guide = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/course.md");
        // A published crate is alone.
        let Ok(guide) = std::fs::read_to_string(guide) else { return };
        let mut known = 0;
        for block in guide.split("```rust\n").skip(1) {
            let block = block.split("\n```").next().unwrap();
            assert!(CHAPTERS.iter().any(|chapter| chapter.code.rust == block), "{block}");
            known += 1;
        }
        assert!(known > 5);
    }
}
