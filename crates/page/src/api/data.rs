//! Data: dropping a table, looking at pictures.

use axum::{
    extract::{Path, Request, State},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use reshet::{Error, Features, Storage, loss::Target};
use serde::Deserialize;

use super::{
    Answer, MOST_TABLE, Shared, beside,
    body::{Asked, read},
    find, test,
};
use crate::{lesson::Lesson, refusal::Refusal};

/// Pictures in one answer.
const MOST_PICTURES: usize = 1000;

#[derive(Deserialize)]
pub(super) struct Named {
    name: String,
}

pub(super) async fn upload(
    State(lab): Shared,
    Asked(Named { name }): Asked<Named>,
    request: Request,
) -> Answer<Response> {
    let mut upload = lab.expect(&name).map_err(|e| match e {
        Error::Data(what) => Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what),
        other => other.into(),
    })?;
    read(request, MOST_TABLE, |piece| Ok(upload.write(piece)?)).await?;
    beside(move || {
        let data = lab.upload(upload)?;
        Ok((StatusCode::CREATED, axum::Json(data.told())).into_response())
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default = "test")]
    part: String,
    rows: String,
}

pub(super) async fn data_pictures(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(which): Asked<Which>,
) -> Answer<Response> {
    let data = lab.data(&id);
    let data = data.ok_or_else(|| Refusal::not_found(format!("no data is called {id}")))?;
    pictures(&data.lesson, &[], &which)
}

pub(super) async fn run_pictures(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(which): Asked<Which>,
) -> Answer<Response> {
    let run = find(&lab, &id)?;
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
        (Target::Values([y]), _, [no, yes]) => Some(encoded(if *y > 0.5 { yes } else { no })),
        _ => None,
    };
    let labels: Vec<String> = rows.iter().filter_map(label).collect();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_string()),
        (HeaderName::from_static("x-shape"), format!("{},{channels},{height},{width}", rows.len())),
        (HeaderName::from_static("x-labels"), labels.join(",")),
    ];
    Ok((headers, body).into_response())
}

/// A name as it may stand in a header.
pub(super) fn encoded(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    name.bytes().map(one).collect()
}
