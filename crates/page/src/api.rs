//! The routes: `docs/api.md`, in its order.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{self, Sse},
    },
    routing::{get, post},
};
use reshet::{Features, Model, Storage, formats::safetensors};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::sync::{broadcast::error::RecvError, oneshot};
use tokio_stream::Stream;

use crate::{
    ask::{self, Cell, Question},
    assets,
    course::Command,
    lab::{Lab, Message},
    refusal::Refusal,
    run::Run,
    spec::{Lesson, Spec},
};

/// A body of JSON: a drawing in base64 at most.
const MOST_JSON: usize = 8 << 20;
/// A table that is dropped on the page.
const MOST_TABLE: usize = 64 << 20;
/// Pictures in one answer.
const MOST_PICTURES: usize = 1000;
/// A large network's step is waited for this long.
const PATIENCE: Duration = Duration::from_secs(20);

type Answer<T = axum::Json<Value>> = Result<T, Refusal>;
type Shared = State<Arc<Lab>>;

/// All routes.
pub fn routes(lab: Arc<Lab>) -> Router {
    let upload = post(upload).layer(DefaultBodyLimit::max(MOST_TABLE));
    Router::new()
        .route("/", get(assets::index))
        .route("/assets/{name}", get(assets::file))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/api/state", get(state))
        .route("/api/data", upload)
        .route("/api/data/{id}/pictures", get(data_pictures))
        .route("/api/plan", post(plan))
        .route("/api/runs", get(runs).post(start))
        .route("/api/runs/{id}", get(run).delete(forget))
        .route("/api/runs/{id}/control", post(control))
        .route("/api/runs/{id}/snapshots", get(snapshots))
        .route("/api/runs/{id}/parameters", get(parameters))
        .route("/api/runs/{id}/pictures", get(run_pictures))
        .route("/api/runs/{id}/trace", get(trace))
        .route("/api/runs/{id}/predict", post(predict))
        .route("/api/runs/{id}/mistakes", get(mistakes))
        .route("/api/runs/{id}/suspicious", get(suspicious))
        .route("/api/runs/{id}/model", get(model))
        .route("/api/predict", post(predict_newest))
        .route("/api/events", get(events))
        .fallback(async || Refusal::not_found("there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            let what = "this address does not take that method: see docs/api.md";
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, what)
        })
        .layer(DefaultBodyLimit::max(MOST_JSON))
        .with_state(lab)
}

/// A body of at most so many bytes. One that says it is larger is not waited for.
struct Body<const MOST: usize>(Bytes);

impl<S: Send + Sync, const MOST: usize> FromRequest<S> for Body<MOST> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let too_large = || {
            let what = format!("the body is too large: at most {} MB", MOST >> 20);
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, what)
        };
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length: Option<usize> = length.and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length| length > MOST) {
            return Err(too_large());
        }
        Bytes::from_request(request, state).await.map(Body).map_err(|e| match e.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            status => Refusal::new(status, e.body_text()),
        })
    }
}

/// A body of JSON, refused in JSON.
struct Json<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // Forms of other sites cannot say this without asking first.
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            let what = "the body must be JSON: Content-Type: application/json";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
        }
        let Body(body) = Body::<MOST_JSON>::from_request(request, state).await?;
        let wrong = |e: serde_json::Error| Refusal::bad(format!("the body: {e}"));
        serde_json::from_slice(&body).map(Json).map_err(wrong)
    }
}

/// The address's parameters, refused in JSON.
struct Asked<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> axum::extract::FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, Refusal> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(asked)| Asked(asked)).map_err(|e| Refusal::bad(e.body_text()))
    }
}

/// Runs what takes long beside the server's own thread.
async fn beside<T: Send + 'static>(work: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        let what = "the server failed at this request; it goes on";
        Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, what))
    })
}

fn find(lab: &Lab, id: &str) -> Answer<Arc<Run>> {
    let run = id.parse().ok().and_then(|id| lab.run(id));
    run.ok_or_else(|| Refusal::not_found(format!("there is no run {id}")))
}

async fn state(State(lab): Shared) -> axum::Json<Value> {
    axum::Json(lab.state())
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

async fn upload(
    State(lab): Shared,
    Asked(Named { name }): Asked<Named>,
    Body(bytes): Body<MOST_TABLE>,
) -> Answer<Response> {
    beside(move || {
        let data = lab.upload(&name, &bytes)?;
        Ok((StatusCode::CREATED, axum::Json(data.json())).into_response())
    })
    .await
}

#[derive(Deserialize)]
struct Which {
    #[serde(default = "test")]
    part: String,
    rows: String,
}

fn test() -> String {
    "test".into()
}

async fn data_pictures(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(which): Asked<Which>,
) -> Answer<Response> {
    let data = lab.data(&id);
    let data = data.ok_or_else(|| Refusal::not_found(format!("no data is called {id}")))?;
    pictures(&data.lesson, &which)
}

async fn run_pictures(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(which): Asked<Which>,
) -> Answer<Response> {
    let run = find(&lab, &id)?;
    match &run.lesson {
        Some(lesson) => pictures(lesson, &which),
        None => Err(Refusal::not_found("the data of this model is not here")),
    }
}

fn pictures(lesson: &Lesson, which: &Which) -> Answer<Response> {
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
    let labels: Vec<String> = match (data.labels(), data.targets().names()) {
        (Some(labels), Some(names)) => {
            rows.iter().map(|row| encoded(&names[labels[*row] as usize])).collect()
        }
        _ => Vec::new(),
    };
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_string()),
        (HeaderName::from_static("x-shape"), format!("{},{channels},{height},{width}", rows.len())),
        (HeaderName::from_static("x-labels"), labels.join(",")),
    ];
    Ok((headers, body).into_response())
}

/// A name as it may stand in a header.
fn encoded(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    name.bytes().map(one).collect()
}

async fn plan(State(lab): Shared, Json(spec): Json<Spec>) -> Answer {
    beside(move || {
        let lesson = lab.lesson(spec)?;
        let (plan, meaning) = lesson.plan()?;
        let output = match (meaning.task, lesson.network.output_activation()) {
            (reshet::Task::Classes, _) => "softmax".into(),
            (_, activation) => activation.to_string(),
        };
        Ok(axum::Json(json!({
            "network": lesson.network.to_string(),
            "task": meaning.task,
            "names": meaning.names,
            "inputs": plan.inputs,
            "outputs": plan.outputs,
            "output_activation": output,
            "loss": plan.loss().name(),
            "parameters": plan.parameters,
            "train_samples": lesson.train.len(),
            "test_samples": lesson.test.as_ref().map_or(0, |test| test.len()),
            "steps_per_epoch": lesson.steps_per_epoch(),
            "steps": lesson.steps(),
            "baseline": lesson.baseline(plan.outputs, &meaning),
            "shape": meaning.shape,
            "spec": lesson.spec,
            "command": lesson.command,
            "said": lesson.said,
            "warnings": lesson.warnings,
        })))
    })
    .await
}

async fn runs(State(lab): Shared) -> axum::Json<Value> {
    axum::Json(lab.runs().iter().map(|run| run.json()).collect())
}

/// A spec, and how fast it is to be trained.
#[derive(Deserialize)]
struct Start {
    #[serde(default)]
    pace: Option<f64>,
    #[serde(default)]
    paused: bool,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct Replace {
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

async fn start(
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
        Ok((StatusCode::CREATED, axum::Json(run.json())).into_response())
    })
    .await
}

async fn run(State(lab): Shared, Path(id): Path<String>) -> Answer {
    Ok(axum::Json(find(&lab, &id)?.json_with_curves()))
}

async fn forget(State(lab): Shared, Path(id): Path<String>) -> Answer<StatusCode> {
    let run = find(&lab, &id)?;
    match lab.forget(run.id) {
        Some(true) => Ok(StatusCode::NO_CONTENT),
        Some(false) => Err(Refusal::conflict("it is training: stop it first")),
        None => Err(Refusal::not_found(format!("there is no run {id}"))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Control {
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

async fn control(
    State(lab): Shared,
    Path(id): Path<String>,
    Json(Control { action, lr, pace: paced }): Json<Control>,
) -> Answer {
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
    let mut json = run.json();
    if let Some(stage) = stage {
        json["stage_report"] = stage;
    }
    Ok(axum::Json(json))
}

async fn waited<T>(reply: oneshot::Receiver<T>) -> Answer<T> {
    match tokio::time::timeout(PATIENCE, reply).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(Refusal::conflict("this run is over")),
        Err(_) => {
            let what = "the training is still at its last step; try again";
            Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, what))
        }
    }
}

#[derive(Deserialize)]
struct When {
    step: Option<usize>,
}

/// The model at a moment; without one as it is now.
async fn model_at(run: &Run, step: Option<usize>) -> Answer<(usize, Model)> {
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

async fn snapshots(State(lab): Shared, Path(id): Path<String>) -> Answer {
    let run = find(&lab, &id)?;
    let state = run.state();
    let moments = &state.moments;
    Ok(axum::Json(json!({
        "steps": moments.steps(), "bytes": moments.bytes(), "limit": crate::moments::LIMIT,
    })))
}

#[derive(Deserialize)]
struct Tensor {
    step: Option<usize>,
    name: Option<String>,
}

async fn parameters(
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
struct Sample {
    #[serde(default = "test")]
    part: String,
    row: u32,
    step: Option<usize>,
}

async fn trace(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(Sample { part, row, step }): Asked<Sample>,
) -> Answer {
    let run = find(&lab, &id)?;
    let (step, model) = model_at(&run, step).await?;
    beside(move || Ok(axum::Json(ask::trace_row(&run, step, &model, &part, row)?))).await
}

async fn predict(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(When { step }): Asked<When>,
    Json(question): Json<Question>,
) -> Answer {
    answer(find(&lab, &id)?, step, question).await
}

async fn predict_newest(
    State(lab): Shared,
    Asked(When { step }): Asked<When>,
    Json(question): Json<Question>,
) -> Answer {
    let run = match &question.run {
        Some(id) => find(&lab, id)?,
        None => {
            let what = "there is no model yet: train one, or start with `reshet serve MODEL`";
            lab.newest().ok_or_else(|| Refusal::not_found(what))?
        }
    };
    answer(run, step, question).await
}

async fn answer(run: Arc<Run>, step: Option<usize>, question: Question) -> Answer {
    let (step, model) = model_at(&run, step).await?;
    beside(move || {
        let features = question.features(&model)?;
        Ok(axum::Json(ask::trace(step, &model, &features)?))
    })
    .await
}

async fn mistakes(State(lab): Shared, Path(id): Path<String>, Asked(cell): Asked<Cell>) -> Answer {
    let run = find(&lab, &id)?;
    let (step, model) = model_at(&run, cell.step).await?;
    beside(move || Ok(axum::Json(ask::mistakes(&run, step, &model, &cell)?))).await
}

async fn suspicious(
    State(lab): Shared,
    Path(id): Path<String>,
    Asked(cell): Asked<Cell>,
) -> Answer {
    let run = find(&lab, &id)?;
    let (step, model) = model_at(&run, cell.step).await?;
    beside(move || Ok(axum::Json(ask::suspicious(&run, step, &model, cell.limit)?))).await
}

async fn model(
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
    headers
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/octet-stream"));
    Ok((headers, safetensors::to_bytes(&model)?).into_response())
}

/// Counts a page for as long as it listens.
struct Listening(Arc<Lab>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.pages.fetch_sub(1, Relaxed);
    }
}

async fn events(State(lab): Shared) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    lab.pages.fetch_add(1, Relaxed);
    let listening = Listening(lab.clone());
    let receiver = lab.listen();
    let first = Message { event: "state", data: lab.state().to_string().into() };
    let (sender, stream) = tokio::sync::mpsc::channel(8);
    tokio::spawn(async move {
        let (lab, mut receiver) = (listening, receiver);
        let mut next = first;
        loop {
            let event = sse::Event::default().event(next.event).data(&*next.data);
            if sender.send(Ok(event)).await.is_err() || next.event == "end" {
                return;
            }
            next = tokio::select! {
                () = sender.closed() => return,
                message = receiver.recv() => match message {
                    Ok(message) => message,
                    // It was not read for a while: everything anew.
                    Err(RecvError::Lagged(_)) => {
                        receiver = receiver.resubscribe();
                        Message { event: "state", data: lab.0.state().to_string().into() }
                    }
                    Err(RecvError::Closed) => return,
                },
            };
        }
    });
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    Sse::new(stream).keep_alive(sse::KeepAlive::new().interval(Duration::from_secs(10)))
}
