//! `reshet test --mistakes FILE.png`: the wrong answers that a model was surest of.

use std::path::{Path, PathBuf};

use anyhow::Result;
use reshet::{Dataset, Error, Model, Targets, metrics::argmax};
use serde::Serialize;

use crate::{picture, pictures};

/// So many are drawn, and so many beside each other.
const MOST: usize = 30;
const COLUMNS: usize = 6;
/// Longer names would make the pictures' columns too wide.
const LONGEST: usize = 16;

/// What was drawn.
#[derive(Serialize)]
pub struct Mistakes {
    /// Wrong answers, all in all.
    wrong: usize,
    shown: usize,
    /// None if every answer is right.
    file: Option<PathBuf>,
}

impl Mistakes {
    pub fn text(&self) -> String {
        match &self.file {
            Some(file) => format!(
                "drawn: {}, the {} most certain of {} wrong answers: label, answer, how sure",
                file.display(),
                self.shown,
                self.wrong
            ),
            None => "no mistakes to draw: every answer is right".into(),
        }
    }
}

/// A wrong answer.
struct Mistake {
    sample: usize,
    label: String,
    answer: String,
    sure: f32,
}

/// Draws the mistakes on `data`, to which the model's question was put.
pub fn draw(path: &Path, model: &Model, data: &Dataset, threshold: f64) -> Result<Mistakes> {
    let refused = |what: &str| Error::Invalid(format!("--mistakes: {what}"));
    let (pictures, width) = pictures::grey(data.features())
        .ok_or_else(|| refused("the data is no pictures, and nothing else can be drawn"))?;
    let answers = model.predict(data)?;
    let mut all = match (data.targets(), model.network().outputs()) {
        (Targets::Classes { labels, names }, outputs) if outputs > 1 => {
            let rows = answers.chunks_exact(outputs).zip(labels.iter());
            rows.enumerate()
                .filter_map(|(i, (row, label))| {
                    of_classes(i, row, &names[*label as usize], &model.meaning().names)
                })
                .collect::<Vec<_>>()
        }
        (Targets::YesNo { values, width: 1, .. }, 1) => {
            let names = &model.meaning().names;
            let rows = answers.iter().zip(values.iter()).enumerate();
            rows.filter_map(|(i, (p, yes))| yes_no(i, *p, *yes > 0.5, names, threshold)).collect()
        }
        _ => return Err(refused("only classes, or one yes/no question, can be drawn").into()),
    };
    all.sort_by(|a, b| b.sure.total_cmp(&a.sure));
    let wrong = all.len();
    all.truncate(MOST);
    if all.is_empty() {
        return Ok(Mistakes { wrong, shown: 0, file: None });
    }
    let shown: Vec<&[u8]> = all.iter().map(|m| &pictures[m.sample][..]).collect();
    let caption = |m: &Mistake| {
        format!("{}: \"{}\" {:.1} %", short(&m.label), short(&m.answer), 100.0 * m.sure)
    };
    let captions: Vec<String> = all.iter().map(caption).collect();
    picture::save_grid(path, &shown, &captions, width, COLUMNS)?;
    Ok(Mistakes { wrong, shown: shown.len(), file: Some(path.into()) })
}

fn of_classes(sample: usize, row: &[f32], label: &str, names: &[String]) -> Option<Mistake> {
    let best = argmax(row);
    let (answer, sure) = (names[best].clone(), row[best]);
    (answer != label).then(|| Mistake { sample, label: label.into(), answer, sure })
}

fn yes_no(sample: usize, p: f32, yes: bool, names: &[String], threshold: f64) -> Option<Mistake> {
    let says = f64::from(p) > threshold;
    let sure = if says { p } else { 1.0 - p };
    let name = |yes: bool| names[usize::from(yes)].clone();
    (says != yes).then(|| Mistake { sample, label: name(yes), answer: name(says), sure })
}

fn short(name: &str) -> String {
    match name.chars().count() {
        0..=LONGEST => name.into(),
        _ => name.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}
