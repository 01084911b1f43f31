//! The routes: the page's own files, and the lab's requests over HTTP.

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use reshet_lab::{self as lab, Body, Refusal, Who};

use crate::{assets, body, events, guard, rooms::Rooms};

/// Where a pupil chooses a nickname.
const NICKNAME: &str = "/api/class/nickname";

/// All routes.
pub fn routes(rooms: Rooms) -> Router {
    Router::new()
        .route("/", get(assets::index))
        .route("/assets/{name}", get(assets::file))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/api/events", get(events::events))
        .route("/api/class/link", get(link))
        .fallback(ask)
        .method_not_allowed_fallback(async || refused(Refusal::wrong_method()))
        .with_state(rooms)
}

/// Passes a request to the lab.
async fn ask(
    State(rooms): State<Rooms>,
    Extension(who): Extension<Who>,
    request: Request,
) -> Response {
    answered(rooms, who, request).await.unwrap_or_else(refused)
}

async fn answered(rooms: Rooms, who: Who, request: Request) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let (who, cookie) = known(&rooms, who, head.uri.path())?;
    let answer = match rooms.expects(head.method.as_str(), head.uri.path())? {
        Body::Nothing => beside(move || rooms.request(&who, &asked(&head, &[]))).await?,
        Body::Json(most) => {
            let (body, _share) = body::whole(&head.headers, body, most).await?;
            beside(move || rooms.request(&who, &asked(&head, &body))).await?
        }
        Body::File(most) => {
            let lab = rooms.lab(&who)?;
            let mut upload = lab.expect(&asked(&head, &[]))?;
            body::read(&head.headers, body, most, |piece| Ok(upload.write(piece)?)).await?;
            beside(move || lab.uploaded(upload)).await?
        }
    };
    let mut response = sent(answer);
    if let Some(cookie) = cookie.filter(|_| response.status().is_success()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Who asks; one who chooses a first nickname gets a secret, and the cookie that keeps it.
fn known(rooms: &Rooms, who: Who, path: &str) -> Result<(Who, Option<HeaderValue>), Refusal> {
    let Some(class) = rooms.class().filter(|_| path == NICKNAME) else { return Ok((who, None)) };
    match &who {
        Who::Teacher => return Ok((who, None)),
        Who::Pupil(secret) if class.knows(secret) => return Ok((who, None)),
        // Of an earlier class, or made up: a secret is ours to choose.
        Who::Pupil(_) | Who::Guest => {}
    }
    let (secret, cookie) = guard::new_pupil()?;
    Ok((Who::Pupil(secret), cookie.parse().ok()))
}

/// The address that pupils open, for the teacher to show.
async fn link(State(rooms): State<Rooms>, Extension(who): Extension<Who>) -> Response {
    match (rooms, who) {
        (Rooms::Class(_, link), Who::Teacher) => Json(&*link).into_response(),
        (Rooms::Class(..), _) => refused(Refusal::new(403, "only the teacher may do that")),
        (Rooms::One(_), _) => refused(Refusal::not_found("there is nothing at this address")),
    }
}

/// A request as the lab takes it.
fn asked<'a>(head: &'a Parts, body: &'a [u8]) -> lab::Request<'a> {
    let kind = head.headers.get(header::CONTENT_TYPE);
    lab::Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        content_type: kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default(),
        body,
    }
}

/// Runs what may take long beside the server's own thread.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| {
        let what = "the server failed at this request; it goes on";
        Refusal::new(500, what)
    })
}

fn sent(answer: lab::Response) -> Response {
    let mut response = (status(answer.status), answer.body).into_response();
    let headers = response.headers_mut();
    match answer.content_type {
        "" => drop(headers.remove(header::CONTENT_TYPE)),
        kind => drop(headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind))),
    }
    for (name, value) in answer.headers {
        if let Ok(value) = value.parse() {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// A refusal in JSON.
pub fn refused(refusal: Refusal) -> Response {
    sent(lab::Response::from(refusal))
}

fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
