//! The list of chapters: what each runs. What they are about and say is the lab's, as the page
//! has them too.

use std::ops::Deref;

use anyhow::Result;
use reshet_lab::chapters;

use super::{
    descent, flats, game, line, pictures, plane,
    stage::{Figure, Stage},
    tables,
};

/// Runs a chapter on a stage.
type Runs = fn(&mut Stage) -> Result<Vec<Figure>>;

/// A chapter.
#[derive(Clone, Copy)]
pub struct Chapter {
    about: &'static chapters::Chapter,
    pub run: Runs,
}

impl Chapter {
    pub fn told(&self) -> &'static chapters::Chapter {
        self.about
    }
}

impl Deref for Chapter {
    type Target = chapters::Chapter;

    fn deref(&self) -> &Self::Target {
        self.about
    }
}

/// All of them, in the book's order.
pub fn all() -> impl Iterator<Item = Chapter> {
    chapters::CHAPTERS.iter().filter_map(|about| Some(Chapter { about, run: run_of(about.name)? }))
}

/// What a chapter runs.
fn run_of(name: &str) -> Option<Runs> {
    Some(match name {
        "descent" => descent::one_variable,
        "landscape" => descent::two_variables,
        "point" => line::one_point,
        "five" => line::five_points,
        "linear" => line::linear,
        "flats" => flats::scaling,
        "floors" => flats::two_inputs,
        "galton" => tables::galton,
        "cost" => flats::cost,
        "cancer" => tables::breast_cancer,
        "virginica" => tables::virginica,
        "versicolor" => tables::versicolor,
        "seven" => pictures::lecture,
        "dress" => pictures::dress,
        "footwear" => pictures::footwear,
        "digits" => pictures::digits_ten,
        "iris" => tables::iris,
        "clothes" => pictures::clothes_ten,
        "save" => pictures::save,
        "overfitting" => tables::overfitting,
        "waves" => plane::waves,
        "moons" => plane::moons,
        "tictactoe" => game::tictactoe,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chapter_runs() {
        assert_eq!(all().count(), chapters::CHAPTERS.len());
    }
}
