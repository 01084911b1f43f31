//! Asking a model, at any moment of its course.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use reshet::{Model, formats::safetensors};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::{
    Answer, JsonAnswer, Shared, beside,
    body::{Asked, Json},
    find, test, waited,
};
use crate::{
    answers::{Mistakes, Snapshots, Suspicious, Trace},
    ask::{self, Cell, Input},
    command::Command,
    refusal::Refusal,
    run::Run,
};

#[derive(Deserialize)]
pub(super) struct When {
    step: Option<usize>,
}

/// The model at a moment; without one as it is now.
pub(super) async fn model_at(run: &Run, step: Option<usize>) -> Answer<(usize, Model)> {
    if step.is_none() && run.state().phase.alive() {
        let (reply, read) = oneshot::channel();
        if run.send(Command::Read(reply))
            && let Ok((step, parameters)) = waited(read).await
        {
            return Ok((step, run.model_with(parameters)?));
        }
    }
    Ok(run.model_at(step)?)
}

pub(super) async fn snapshots(State(lab): Shared, Path(id): Path<String>) -> JsonAnswer<Snapshots> {
    let run = find(&lab, &id)?;
    let state = run.state();
    let moments = &state.moments;
    Ok(axum::Json(Snapshots {
        steps: moments.steps(),
        bytes: moments.bytes(),
        limit: crate::moments::LIMIT,
    }))
}

#[derive(Deserialize)]
pub(super) struct Tensor {
    step: Option<usize>,
    name: Option<String>,
}

pub(super) async fn parameters(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(Tensor { step, name }): Asked<Tensor>,
) -> Answer<Response> {
    let run = find(&lab, &id)?;
    let place = name.map(|name| run.tensor(&name)).transpose().map_err(Refusal::not_found)?;
    let (step, model) = model_at(&run, step).await?;
    let (part, shape) = match place {
        Some(place) => (&model.parameters()[place.range], place.shape),
        None => (model.parameters(), vec![model.parameters().len()]),
    };
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    let body: Vec<u8> = part.iter().flat_map(|x| x.to_le_bytes()).collect();
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_string()),
        (HeaderName::from_static("x-step"), step.to_string()),
        (HeaderName::from_static("x-shape"), shape.join(",")),
    ];
    Ok((headers, body).into_response())
}

#[derive(Deserialize)]
pub(super) struct Sample {
    #[serde(default = "test")]
    part: String,
    row: u32,
    step: Option<usize>,
}

pub(super) async fn trace(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(Sample { part, row, step }): Asked<Sample>,
) -> JsonAnswer<Trace> {
    let run = find(&lab, &id)?;
    let (step, model) = model_at(&run, step).await?;
    beside(move || Ok(axum::Json(ask::trace_row(&run, step, &model, &part, row)?))).await
}

pub(super) async fn predict(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(When { step }): Asked<When>,
    Json(input): Json<Input>,
) -> JsonAnswer<Trace> {
    answer(find(&lab, &id)?, step, input).await
}

pub(super) async fn predict_newest(
    State(lab): Shared,
    Asked(When { step }): Asked<When>,
    Json(input): Json<Input>,
) -> JsonAnswer<Trace> {
    let run = match &input.run {
        Some(id) => find(&lab, id)?,
        None => {
            let what = "there is no model yet: train one, or start with `reshet serve MODEL`";
            lab.newest().ok_or_else(|| Refusal::not_found(what))?
        }
    };
    answer(run, step, input).await
}

pub(super) async fn answer(run: Arc<Run>, step: Option<usize>, input: Input) -> JsonAnswer<Trace> {
    let (step, model) = model_at(&run, step).await?;
    beside(move || {
        let features = input.features(&model)?;
        Ok(axum::Json(ask::trace(step, &model, &features)?))
    })
    .await
}

pub(super) async fn mistakes(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(cell): Asked<Cell>,
) -> JsonAnswer<Mistakes> {
    let run = find(&lab, &id)?;
    let (step, model) = model_at(&run, cell.step).await?;
    beside(move || Ok(axum::Json(ask::mistakes(&run, step, &model, &cell)?))).await
}

pub(super) async fn suspicious(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(cell): Asked<Cell>,
) -> JsonAnswer<Suspicious> {
    let run = find(&lab, &id)?;
    let (step, model) = model_at(&run, cell.step).await?;
    beside(move || Ok(axum::Json(ask::suspicious(&run, step, &model, cell.limit)?))).await
}

pub(super) async fn model(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(When { step }): Asked<When>,
) -> Answer<Response> {
    let run = find(&lab, &id)?;
    let (_, model) = model_at(&run, step).await?;
    let mut headers = HeaderMap::new();
    let name = format!("attachment; filename=\"reshet-{}.safetensors\"", run.id);
    if let Ok(name) = name.parse() {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok((headers, safetensors::to_bytes(&model)?).into_response())
}
