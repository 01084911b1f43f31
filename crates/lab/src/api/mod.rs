//! The routes: `docs/api.md`, in its order.

mod course;
mod data;
mod models;
mod route;
mod runs;

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use reshet::Error;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    lab::Lab,
    refusal::Refusal,
    run::Run,
    upload::{self, Upload},
};
use route::Route;

/// A body of JSON: a drawing in base64 at most.
const MOST_JSON: usize = 8 << 20;
/// A table or a model that is dropped on the page.
const MOST_FILE: usize = 64 << 20;

pub(crate) type Answer<T> = Result<T, Refusal>;

/// A request, as any transport brings it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// `GET`, `POST`, `DELETE`.
    pub method: &'a str,
    /// `/api/…`, as it stands in the address.
    pub path: &'a str,
    /// What follows the `?`, without it.
    pub query: &'a str,
    /// Of the body.
    pub content_type: &'a str,
    /// Empty where there is none.
    pub body: &'a [u8],
}

/// The body that a request may have, with the most bytes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// None, or it is not looked at.
    Nothing,
    /// JSON, all of it in memory.
    Json(usize),
    /// A file, which a transport may take piece by piece: see [`Lab::expect`].
    File(usize),
}

/// What a request is answered.
#[derive(Clone, Debug)]
pub struct Response {
    /// As HTTP's.
    pub status: u16,
    /// Of the body.
    pub content_type: &'static str,
    /// Other headers, by their names in small letters.
    pub headers: Vec<(&'static str, String)>,
    /// Empty where there is none.
    pub body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Answer<Self> {
        let failed = |e: serde_json::Error| Refusal::new(500, e.to_string());
        let body = serde_json::to_vec(body).map_err(failed)?;
        Ok(Self { status, content_type: "application/json", headers: Vec::new(), body })
    }

    fn bytes(headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Self {
        Self { status: 200, content_type: "application/octet-stream", headers, body }
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        let (status, body) = (refusal.status(), refusal.body().to_string().into_bytes());
        Self { status, content_type: "application/json", headers: Vec::new(), body }
    }
}

/// The body that a request may have.
pub(crate) fn expected(method: &str, path: &str) -> Answer<Body> {
    Ok(match Route::of(method, path)? {
        Route::Upload => Body::File(MOST_FILE),
        Route::Open => Body::File(MOST_FILE),
        Route::Plan
        | Route::Start
        | Route::Control(_)
        | Route::Chapter(_)
        | Route::Descend
        | Route::Game
        | Route::Predict(_)
        | Route::Touch(_)
        | Route::PredictNewest => Body::Json(MOST_JSON),
        _ => Body::Nothing,
    })
}

/// What a file that comes is called.
#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Begins to take the file that a request brings.
pub(crate) fn expect(lab: &Lab, request: &Request) -> Answer<Upload> {
    let Named { name } = asked(request)?;
    let kind = match Route::of(request.method, request.path)? {
        Route::Open => upload::Kind::Model,
        _ => upload::Kind::Table,
    };
    lab.store(&name, kind).map_err(|e| match e {
        Error::Data(what) => Refusal::new(415, what),
        other => other.into(),
    })
}

/// Answers for a file that has come.
pub(crate) fn uploaded(lab: &Lab, upload: Upload) -> Answer<Response> {
    match upload.kind() {
        upload::Kind::Table => Response::json(201, &lab.upload(upload)?.told()),
        upload::Kind::Model => Response::json(201, &lab.open(upload)?.told()),
    }
}

pub(crate) fn answer(lab: &Arc<Lab>, request: &Request) -> Answer<Response> {
    match Route::of(request.method, request.path)? {
        Route::State => Response::json(200, &lab.state()),
        Route::Upload | Route::Open => {
            let mut upload = expect(lab, request)?;
            upload.write(request.body)?;
            uploaded(lab, upload)
        }
        Route::DataPictures(id) => data::data_pictures(lab, &id, asked(request)?),
        Route::Plan => runs::plan(lab, json(request)?),
        Route::Runs => runs::runs(lab),
        Route::Start => runs::start(lab, asked(request)?, json(request)?),
        Route::Run(id) => runs::run(&*find(lab, &id)?),
        Route::Forget(id) => runs::forget(lab, &*find(lab, &id)?),
        Route::Control(id) => runs::control(lab, &id, json(request)?),
        Route::Snapshots(id) => models::snapshots(&*find(lab, &id)?),
        Route::Parameters(id) => models::parameters(lab, &*find(lab, &id)?, asked(request)?),
        Route::Gradients(id) => models::gradients(lab, &*find(lab, &id)?),
        Route::Touch(id) => models::touch(lab, &*find(lab, &id)?, asked(request)?, json(request)?),
        Route::RunPictures(id) => data::run_pictures(&*find(lab, &id)?, asked(request)?),
        Route::Plane(id) => models::plane(lab, &*find(lab, &id)?, asked(request)?),
        Route::Trace(id) => models::trace(lab, &*find(lab, &id)?, asked(request)?),
        Route::Predict(id) => models::predict(lab, &id, asked(request)?, json(request)?),
        Route::Mistakes(id) => models::mistakes(lab, &*find(lab, &id)?, asked(request)?),
        Route::Suspicious(id) => models::suspicious(lab, &*find(lab, &id)?, asked(request)?),
        Route::Model(id) => models::model(lab, &*find(lab, &id)?, asked(request)?),
        Route::Folder(id) => models::folder(&*find(lab, &id)?),
        Route::PredictNewest => models::predict_newest(lab, asked(request)?, json(request)?),
        Route::Chapters => course::chapters(asked(request)?),
        Route::Chapter(name) => course::open(lab, &name, json(request)?),
        Route::Presets => course::presets(),
        Route::Descend => course::descend(lab, &json(request)?),
        Route::Game => course::game(lab, &json(request)?),
        Route::Study(place) => study(lab, &place),
    }
}

fn study(lab: &Lab, place: &str) -> Answer<Response> {
    let found = place.parse().ok().and_then(|place| lab.study(place));
    let none = || Refusal::not_found(format!("there is no study {place}"));
    Response::json(200, &found.ok_or_else(none)??)
}

fn find(lab: &Lab, id: &str) -> Answer<Arc<Run>> {
    let run = id.parse().ok().and_then(|id| lab.run(id));
    run.ok_or_else(|| Refusal::not_found(format!("there is no run {id}")))
}

/// The address's parameters.
fn asked<T: DeserializeOwned>(request: &Request) -> Answer<T> {
    let wrong = |e| Refusal::bad(format!("Failed to deserialize query string: {e}"));
    serde_urlencoded::from_str(request.query).map_err(wrong)
}

/// A body of JSON.
pub(crate) fn json<T: DeserializeOwned>(request: &Request) -> Answer<T> {
    // Forms of other sites cannot say this without asking first.
    if request.content_type.split(';').next().map(str::trim) != Some("application/json") {
        let what = "the body must be JSON: Content-Type: application/json";
        return Err(Refusal::new(415, what));
    }
    let wrong = |e: serde_json::Error| Refusal::bad(format!("the body: {e}"));
    serde_json::from_slice(request.body).map_err(wrong)
}

/// A part of an address, its `%41` as `A`.
fn decoded(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// The part that is meant where none is named.
fn test() -> String {
    "test".into()
}
