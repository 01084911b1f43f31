//! Runs: planning, starting, steering, forgetting them.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::oneshot;

use super::{
    Answer, JsonAnswer, PATIENCE, Shared, beside,
    body::{Asked, Json},
    find, waited,
};
use crate::{answers, command::Command, found, refusal::Refusal, spec::Spec};

pub(super) async fn plan(State(lab): Shared, Json(spec): Json<Spec>) -> JsonAnswer<answers::Plan> {
    beside(move || {
        let lesson = lab.lesson(spec)?;
        let (plan, meaning) = lesson.plan()?;
        let output = match (meaning.task, lesson.network.output_activation()) {
            (reshet::Task::Classes, _) => "softmax".into(),
            (_, activation) => activation.to_string(),
        };
        Ok(axum::Json(answers::Plan {
            network: lesson.network.to_string(),
            task: meaning.task.into(),
            inputs: plan.inputs,
            outputs: plan.outputs,
            output_activation: output,
            loss: plan.loss().name().to_string(),
            parameters: plan.parameters,
            train_samples: lesson.train.len(),
            test_samples: lesson.test.as_ref().map_or(0, |test| test.len()),
            steps_per_epoch: lesson.steps_per_epoch(),
            steps: lesson.steps(),
            baseline: lesson.baseline(&meaning),
            findings: found::before(&lesson.network),
            names: meaning.names,
            told: lesson.notes(),
            shape: meaning.shape,
            spec: lesson.spec,
            command: lesson.command,
            said: lesson.said,
            warnings: lesson.warnings,
        }))
    })
    .await
}

pub(super) async fn runs(State(lab): Shared) -> axum::Json<Vec<answers::Run>> {
    axum::Json(lab.runs().iter().map(|run| run.told()).collect())
}

/// A spec, and how fast it is to be trained.
#[derive(Deserialize)]
pub(super) struct Start {
    #[serde(default)]
    pace: Option<f64>,
    #[serde(default)]
    paused: bool,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
pub(super) struct Replace {
    #[serde(default)]
    replace: bool,
}

pub(super) fn pace(pace: Option<f64>) -> Answer<Option<f64>> {
    match pace {
        Some(pace) if !(0.01..=1e6).contains(&pace) => {
            Err(Refusal::bad("pace: steps a second, from 0.01 to 1000000; null for full speed"))
        }
        pace => Ok(pace),
    }
}

pub(super) async fn start(
    State(lab): Shared,
    Asked(Replace { replace }): Asked<Replace>,
    Json(start): Json<Start>,
) -> Answer<Response> {
    let pace = pace(start.pace)?;
    let wrong = |e: serde_json::Error| Refusal::bad(format!("the body: {e}"));
    let spec: Spec = serde_json::from_value(Value::Object(start.rest)).map_err(wrong)?;
    beside(move || {
        let lesson = lab.lesson(spec)?;
        if replace && !lab.stop(PATIENCE) {
            return Err(Refusal::conflict("the run before is still at its last step; try again"));
        }
        let busy = || Refusal::conflict("another run is training: stop it first, or ?replace=true");
        let run = lab.start(lesson, pace, start.paused)?.ok_or_else(busy)?;
        Ok((StatusCode::CREATED, axum::Json(run.told())).into_response())
    })
    .await
}

pub(super) async fn run(State(lab): Shared, Path(id): Path<String>) -> JsonAnswer<answers::Run> {
    Ok(axum::Json(find(&lab, &id)?.told_with_curves()))
}

pub(super) async fn forget(State(lab): Shared, Path(id): Path<String>) -> Answer<StatusCode> {
    let run = find(&lab, &id)?;
    match lab.forget(run.id) {
        Some(true) => Ok(StatusCode::NO_CONTENT),
        Some(false) => Err(Refusal::conflict("it is training: stop it first")),
        None => Err(Refusal::not_found(format!("there is no run {id}"))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Control {
    #[serde(rename = "do")]
    action: Option<Action>,
    lr: Option<f64>,
    /// Present and null: full speed.
    #[serde(default, deserialize_with = "present")]
    pace: Option<Option<f64>>,
}

pub(super) fn present<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Pause,
    Resume,
    Step,
    Stage,
    Stop,
}

pub(super) async fn control(
    State(lab): Shared,
    Path(id): Path<String>,
    Json(Control { action, lr, pace: paced }): Json<Control>,
) -> JsonAnswer<answers::Run> {
    let run = find(&lab, &id)?;
    let over = || Refusal::conflict("this run is over");
    let send = |command| run.send(command).then_some(()).ok_or_else(over);
    if !run.state().phase.alive() {
        return Err(over());
    }
    if let Some(lr) = lr {
        if !(lr.is_finite() && lr >= 0.0) {
            return Err(Refusal::bad("lr: 0 or above"));
        }
        send(Command::Lr(lr))?;
    }
    if let Some(paced) = paced {
        send(Command::Pace(pace(paced)?))?;
    }
    let (reply, report) = oneshot::channel();
    let mut stage = None;
    match action {
        None => {}
        Some(Action::Pause) => send(Command::Pause)?,
        Some(Action::Resume) => send(Command::Resume)?,
        Some(Action::Stop) => {
            let lab = lab.clone();
            beside(move || Ok(lab.stop(PATIENCE))).await?;
        }
        Some(Action::Step) => {
            send(Command::Step(reply))?;
            stage = Some(waited(report).await?);
        }
        Some(Action::Stage) => {
            send(Command::Stage(reply))?;
            stage = Some(waited(report).await?);
        }
    }
    // What was asked has been done when this is answered.
    if run.state().phase.alive() {
        let (reply, read) = oneshot::channel();
        if run.send(Command::Here(reply)) {
            let _ = tokio::time::timeout(PATIENCE, read).await;
        }
    }
    Ok(axum::Json(answers::Run { stage_report: stage, ..run.told() }))
}
