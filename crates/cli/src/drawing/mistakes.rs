//! `reshet test --mistakes FILE.png`: the wrong answers that a model was surest of.

use std::path::{Path, PathBuf};

use anyhow::Result;
use reshet::{Dataset, Error, Model, Targets, Task};
use serde::Serialize;

use crate::{drawing::picture, input::pictures};

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
    let one_question = match (data.targets(), model.task()) {
        (Targets::Classes { .. }, Task::Classes) => true,
        (Targets::YesNo { width, .. }, Task::Binary) => *width == 1,
        _ => false,
    };
    if !one_question {
        return Err(refused("only classes, or one yes/no question, can be drawn").into());
    }
    let rows = answers.chunks_exact(model.network().outputs()).enumerate();
    let mut all: Vec<Mistake> = rows
        .filter_map(|(sample, row)| {
            let label = truth(data.targets(), sample, &model.meaning().names)?;
            let answer = model.meaning().answer_above(row, threshold);
            let (answer, sure) = answer.probabilities().nth(answer.place()?)?;
            let (label, answer) = (label.to_string(), answer.to_string());
            (answer != label).then_some(Mistake { sample, label, answer, sure })
        })
        .collect();
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

/// What a sample is called; `asked`: the model's names, which a yes/no question takes.
fn truth<'a>(targets: &'a Targets, sample: usize, asked: &'a [String]) -> Option<&'a str> {
    let name = match targets {
        Targets::Classes { labels, names, .. } => names.get(labels[sample] as usize),
        Targets::YesNo { values, .. } => asked.get(usize::from(values[sample] > 0.5)),
        Targets::Numbers { .. } => None,
    };
    name.map(String::as_str)
}

fn short(name: &str) -> String {
    match name.chars().count() {
        0..=LONGEST => name.into(),
        _ => name.chars().take(LONGEST - 1).chain(['…']).collect(),
    }
}
