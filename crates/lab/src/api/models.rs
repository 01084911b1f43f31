//! Asking a model, at any moment of its course.

use std::sync::Arc;

use reshet::{Model, formats::safetensors};
use serde::Deserialize;

use super::{Answer, Response, find};
use crate::{
    answers::Snapshots,
    ask::{self, Cell, Input},
    command::Command,
    folder::zipped,
    lab::Lab,
    plane,
    refusal::Refusal,
    run::Run,
    touch::{self, Touch},
};

#[derive(Deserialize)]
pub(super) struct When {
    step: Option<usize>,
}

/// The model at a moment; without one as it is now.
fn model_at(lab: &Arc<Lab>, run: &Run, step: Option<usize>) -> Answer<(usize, Model)> {
    if step.is_none()
        && run.state().phase.alive()
        && let Ok((step, parameters)) = lab.ask(run, Command::Read)
    {
        return Ok((step, run.model_with(parameters)?));
    }
    Ok(run.model_at(step)?)
}

pub(super) fn snapshots(run: &Run) -> Answer<Response> {
    let state = run.state();
    let moments = &state.moments;
    let told =
        Snapshots { steps: moments.steps(), bytes: moments.bytes(), limit: crate::moments::LIMIT };
    Response::json(200, &told)
}

#[derive(Deserialize)]
pub(super) struct Tensor {
    step: Option<usize>,
    name: Option<String>,
}

pub(super) fn parameters(lab: &Arc<Lab>, run: &Run, asked: Tensor) -> Answer<Response> {
    let Tensor { step, name } = asked;
    let place = name.map(|name| run.tensor(&name)).transpose().map_err(Refusal::not_found)?;
    let (step, model) = model_at(lab, run, step)?;
    let (part, shape) = match place {
        Some(place) => (&model.parameters()[place.range], place.shape),
        None => (model.parameters(), vec![model.parameters().len()]),
    };
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    let body = part.iter().flat_map(|x| x.to_le_bytes()).collect();
    let headers = vec![("x-step", step.to_string()), ("x-shape", shape.join(","))];
    Ok(Response::bytes(headers, body))
}

/// The gradient of the batch, in the parameters' order.
pub(super) fn gradients(lab: &Arc<Lab>, run: &Run) -> Answer<Response> {
    let none = || Refusal::conflict("no gradient is held: a step has to stand after its backward");
    let gradients = lab.ask(run, Command::Gradients)?.ok_or_else(none)?;
    let headers = vec![("x-shape", gradients.len().to_string())];
    Ok(Response::bytes(headers, gradients.iter().flat_map(|x| x.to_le_bytes()).collect()))
}

/// The network with some of its numbers changed.
pub(super) fn touch(lab: &Arc<Lab>, run: &Run, when: When, asked: Touch) -> Answer<Response> {
    let (step, model) = model_at(lab, run, when.step)?;
    let told = lab.shared.turns.take(|| touch::touched(run, step, &model, &asked))?;
    Response::json(200, &told)
}

#[derive(Deserialize)]
pub(super) struct Sample {
    part: Option<String>,
    row: u32,
    step: Option<usize>,
}

pub(super) fn trace(lab: &Arc<Lab>, run: &Run, asked: Sample) -> Answer<Response> {
    let Sample { part, row, step } = asked;
    let (step, model) = model_at(lab, run, step)?;
    let part = part.as_deref().unwrap_or(ask::usual_part(run));
    let told = lab.shared.turns.take(|| ask::trace_row(run, step, &model, part, row))?;
    Response::json(200, &told)
}

pub(super) fn plane(lab: &Arc<Lab>, run: &Run, asked: plane::Asked) -> Answer<Response> {
    let (step, model) = model_at(lab, run, asked.step)?;
    let told = lab.shared.turns.take(|| plane::plane(run, step, &model, &asked))?;
    Response::json(200, &told)
}

pub(super) fn predict(lab: &Arc<Lab>, id: &str, when: When, input: Input) -> Answer<Response> {
    answer(lab, &*find(lab, id)?, when.step, &input)
}

pub(super) fn predict_newest(lab: &Arc<Lab>, when: When, input: Input) -> Answer<Response> {
    let run = match &input.run {
        Some(id) => find(lab, id)?,
        None => {
            let what = "there is no model yet: train one, or start with `reshet serve MODEL`";
            lab.newest().ok_or_else(|| Refusal::not_found(what))?
        }
    };
    answer(lab, &run, when.step, &input)
}

fn answer(lab: &Arc<Lab>, run: &Run, step: Option<usize>, input: &Input) -> Answer<Response> {
    let (step, model) = model_at(lab, run, step)?;
    let told = lab.shared.turns.take(|| ask::trace(step, &model, &input.features(&model)?))?;
    Response::json(200, &told)
}

pub(super) fn mistakes(lab: &Arc<Lab>, run: &Run, cell: Cell) -> Answer<Response> {
    let (step, model) = model_at(lab, run, cell.step)?;
    let told = lab.shared.turns.take(|| ask::mistakes(run, step, &model, &cell))?;
    Response::json(200, &told)
}

pub(super) fn suspicious(lab: &Arc<Lab>, run: &Run, cell: Cell) -> Answer<Response> {
    let (step, model) = model_at(lab, run, cell.step)?;
    let told = lab.shared.turns.take(|| ask::suspicious(run, step, &model, cell.limit))?;
    Response::json(200, &told)
}

pub(super) fn model(lab: &Arc<Lab>, run: &Run, when: When) -> Answer<Response> {
    let (_, model) = model_at(lab, run, when.step)?;
    let name = format!("attachment; filename=\"reshet-{}.safetensors\"", run.id);
    Ok(Response::bytes(vec![("content-disposition", name)], safetensors::to_bytes(&model)?))
}

pub(super) fn folder(run: &Run) -> Answer<Response> {
    let state = run.state();
    let saved = state.saved.clone().filter(|folder| !state.folder_hidden && folder.is_dir());
    drop(state);
    let folder = saved.ok_or_else(|| Refusal::not_found("this run has no folder"))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let plain: String = name.chars().filter(|c| c.is_ascii_graphic() && *c != '"').collect();
    let name = format!("attachment; filename=\"{plain}.zip\"");
    Ok(Response::bytes(vec![("content-disposition", name)], zipped(&folder)?))
}
