//! Runs: planning, starting, steering, forgetting them.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Response, find};
use crate::{
    answers,
    command::Command,
    found,
    lab::{Lab, PATIENCE},
    refusal::Refusal,
    run::Run,
    spec::Spec,
};

pub(super) fn plan(lab: &Arc<Lab>, spec: Spec) -> Answer<Response> {
    Response::json(200, &lab.shared.turns.take(|| planned(lab, spec))?)
}

fn planned(lab: &Lab, spec: Spec) -> reshet::Result<answers::Plan> {
    let lesson = lab.lesson(spec)?;
    let (plan, meaning) = lesson.plan()?;
    let output = match (meaning.task, lesson.network.output_activation()) {
        (reshet::Task::Classes, _) => "softmax".into(),
        (_, activation) => activation.to_string(),
    };
    Ok(answers::Plan {
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
    })
}

pub(super) fn runs(lab: &Lab) -> Answer<Response> {
    let all: Vec<answers::Run> = lab.runs().iter().map(|run| run.told()).collect();
    Response::json(200, &all)
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

fn pace(pace: Option<f64>) -> Answer<Option<f64>> {
    match pace {
        Some(pace) if !(0.01..=1e6).contains(&pace) => {
            Err(Refusal::bad("pace: steps a second, from 0.01 to 1000000; null for full speed"))
        }
        pace => Ok(pace),
    }
}

pub(super) fn start(lab: &Arc<Lab>, how: Replace, start: Start) -> Answer<Response> {
    let pace = pace(start.pace)?;
    let wrong = |e: serde_json::Error| Refusal::bad(format!("the body: {e}"));
    let spec: Spec = serde_json::from_value(Value::Object(start.rest)).map_err(wrong)?;
    let lesson = lab.shared.turns.take(|| lab.lesson(spec))?;
    // Others have their turns while it is waited for.
    if how.replace && !lab.stop(PATIENCE) {
        return Err(Refusal::conflict("the run before is still at its last step; try again"));
    }
    lab.shared.turns.take(|| {
        let busy = || Refusal::conflict("another run is training: stop it first, or ?replace=true");
        let run = lab.start(lesson, pace, start.paused)?.ok_or_else(busy)?;
        Response::json(201, &run.told())
    })
}

pub(super) fn run(run: &Run) -> Answer<Response> {
    Response::json(200, &run.told_with_curves())
}

pub(super) fn forget(lab: &Lab, run: &Run) -> Answer<Response> {
    match lab.forget(run.id) {
        Some(true) => {
            Ok(Response { status: 204, content_type: "", headers: Vec::new(), body: Vec::new() })
        }
        Some(false) => Err(Refusal::conflict("it is training: stop it first")),
        None => Err(Refusal::not_found(format!("there is no run {}", run.id))),
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

fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Pause,
    Resume,
    Step,
    Stage,
    Stop,
}

pub(super) fn control(lab: &Arc<Lab>, id: &str, control: Control) -> Answer<Response> {
    let Control { action, lr, pace: paced } = control;
    let run = find(lab, id)?;
    let over = || Refusal::conflict("this run is over");
    let send = |command| lab.send(&run, command).then_some(()).ok_or_else(over);
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
    let mut stage = None;
    match action {
        None => {}
        Some(Action::Pause) => send(Command::Pause)?,
        Some(Action::Resume) => send(Command::Resume)?,
        Some(Action::Stop) => drop(lab.stop(PATIENCE)),
        Some(Action::Step) => stage = Some(lab.ask(&run, Command::Step)?),
        Some(Action::Stage) => stage = Some(lab.ask(&run, Command::Stage)?),
    }
    // What was asked has been done when this is answered.
    if run.state().phase.alive() {
        let _ = lab.ask(&run, Command::Here);
    }
    Response::json(200, &answers::Run { stage_report: stage, ..run.told() })
}
