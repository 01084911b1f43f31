//! Data: looking at pictures.

use reshet::{Features, Storage, loss::Target, metrics::argmax};
use serde::Deserialize;

use super::{Answer, Response, test};
use crate::{lab::Lab, lesson::Lesson, refusal::Refusal, run::Run};

/// Pictures in one answer.
const MOST_PICTURES: usize = 1000;

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default = "test")]
    part: String,
    rows: String,
}

pub(super) fn data_pictures(lab: &Lab, id: &str, which: Which) -> Answer<Response> {
    let data = lab.data(id);
    let data = data.ok_or_else(|| Refusal::not_found(format!("no data is called {id}")))?;
    pictures(&data.lesson, &[], &which)
}

pub(super) fn run_pictures(run: &Run, which: Which) -> Answer<Response> {
    match &run.lesson {
        Some(lesson) => pictures(lesson, run.names(), &which),
        None => Err(Refusal::not_found("the data of this model is not here")),
    }
}

/// `names`: of no and yes, where that is the question.
fn pictures(lesson: &Lesson, names: &[String], which: &Which) -> Answer<Response> {
    let data = match (&*which.part, &lesson.test) {
        ("train", _) => &lesson.train,
        ("test", Some(test)) => test,
        ("test", None) => return Err(Refusal::not_found("there is no test part")),
        (part, _) => return Err(Refusal::bad(format!("part: train or test, not {part}"))),
    };
    let features: &Features = data.features();
    let (Storage::U8(bytes), [channels @ (1 | 3), height, width]) =
        (features.storage(), features.shape())
    else {
        return Err(Refusal::bad("the samples are no pictures"));
    };
    let rows: Result<Vec<usize>, _> =
        which.rows.split(',').filter(|row| !row.is_empty()).map(str::parse).collect();
    let rows = rows.map_err(|_| Refusal::bad("rows: numbers apart by commas"))?;
    if rows.len() > MOST_PICTURES || rows.iter().any(|row| *row >= data.len()) {
        let what = format!("rows: at most {MOST_PICTURES}, from 0 to {}", data.len() - 1);
        return Err(Refusal::bad(what));
    }
    let size = features.width();
    let body: Vec<u8> =
        rows.iter().flat_map(|r| &bytes[r * size..(r + 1) * size]).copied().collect();
    let label = |row: &usize| match (data.targets().row(*row), data.targets().names(), names) {
        (Target::Class(class), Some(names), _) => Some(encoded(&names[class as usize])),
        (Target::Probabilities(p), Some(names), _) => Some(encoded(&names[argmax(p)])),
        (Target::Values([y]), _, [no, yes]) => Some(encoded(if *y > 0.5 { yes } else { no })),
        _ => None,
    };
    let labels: Vec<String> = rows.iter().filter_map(label).collect();
    let shape = format!("{},{channels},{height},{width}", rows.len());
    Ok(Response::bytes(vec![("x-shape", shape), ("x-labels", labels.join(","))], body))
}

/// A name as it may stand in a header.
fn encoded(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    name.bytes().map(one).collect()
}
