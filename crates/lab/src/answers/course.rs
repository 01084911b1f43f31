//! The course.

use serde::Serialize;

use super::Data;
use crate::{
    chapters::{self, Code, Drawn, Words},
    spec::Spec,
};

/// A chapter.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Chapter {
    pub name: String,
    pub number: String,
    pub title: Words,
    pub about: Words,
    pub words: Vec<Words>,
    pub commands: Vec<String>,
    pub code: Code,
    pub drawn: Drawn,
    /// Points that a line is fitted to.
    pub points: Vec<(f64, f64)>,
    /// Whether something of it can be trained.
    pub trained: bool,
    /// The inputs that are drawn as the plane, where they are not the first two.
    pub axes: Option<[String; 2]>,
    /// The book's accuracy in percent.
    pub book: Option<f64>,
}

impl Chapter {
    pub fn of(chapter: &chapters::Chapter, seed: u64) -> Self {
        let trained = chapter.trained.as_ref();
        Self {
            name: chapter.name.into(),
            number: chapter.number.into(),
            title: chapter.title,
            about: chapter.about,
            words: chapter.words.to_vec(),
            commands: chapter.commands(seed),
            code: chapter.code,
            drawn: chapter.drawn,
            points: chapter.points(),
            trained: trained.is_some(),
            axes: trained.and_then(|trained| trained.axes).map(|axes| axes.map(String::from)),
            book: trained.and_then(|trained| trained.book),
        }
    }
}

/// A chapter's data, and how it is trained.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Opened {
    pub data: Data,
    pub spec: Spec,
}
