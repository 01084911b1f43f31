//! The routes: `docs/api.md`, in its order.

mod body;
mod data;
mod events;
mod models;
mod runs;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::{assets, lab::Lab, refusal::Refusal, run::Run};

/// A body of JSON: a drawing in base64 at most.
const MOST_JSON: usize = 8 << 20;
/// A table that is dropped on the page.
const MOST_TABLE: usize = 64 << 20;
/// A large network's step is waited for this long.
const PATIENCE: Duration = Duration::from_secs(20);

type Answer<T> = Result<T, Refusal>;
type JsonAnswer<T> = Answer<axum::Json<T>>;
type Shared = State<Arc<Lab>>;

/// All routes.
pub fn routes(lab: Arc<Lab>) -> Router {
    Router::new()
        .route("/", get(assets::index))
        .route("/assets/{name}", get(assets::file))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/api/state", get(state))
        .route("/api/data", post(data::upload))
        .route("/api/data/{id}/pictures", get(data::data_pictures))
        .route("/api/plan", post(runs::plan))
        .route("/api/runs", get(runs::runs).post(runs::start))
        .route("/api/runs/{id}", get(runs::run).delete(runs::forget))
        .route("/api/runs/{id}/control", post(runs::control))
        .route("/api/runs/{id}/snapshots", get(models::snapshots))
        .route("/api/runs/{id}/parameters", get(models::parameters))
        .route("/api/runs/{id}/pictures", get(data::run_pictures))
        .route("/api/runs/{id}/trace", get(models::trace))
        .route("/api/runs/{id}/predict", post(models::predict))
        .route("/api/runs/{id}/mistakes", get(models::mistakes))
        .route("/api/runs/{id}/suspicious", get(models::suspicious))
        .route("/api/runs/{id}/model", get(models::model))
        .route("/api/predict", post(models::predict_newest))
        .route("/api/studies/{place}", get(study))
        .route("/api/events", get(events::events))
        .fallback(async || Refusal::not_found("there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            let what = "this address does not take that method: see docs/api.md";
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, what)
        })
        .with_state(lab)
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

async fn state(State(lab): Shared) -> axum::Json<crate::answers::State> {
    axum::Json(lab.state())
}

async fn study(State(lab): Shared, Path(place): Path<String>) -> JsonAnswer<Value> {
    beside(move || {
        let study = place.parse().ok().and_then(|place| lab.study(place));
        let none = || Refusal::not_found(format!("there is no study {place}"));
        Ok(axum::Json(study.ok_or_else(none)??))
    })
    .await
}

/// What a training answers, once it is through with its step.
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

/// The part that is meant where none is named.
fn test() -> String {
    "test".into()
}
