//! The routes: the page's own files, and the lab's requests over HTTP.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use reshet_lab::{self as lab, Body, Lab, Refusal};

use crate::{assets, body, events};

/// All routes.
pub fn routes(lab: Arc<Lab>) -> Router {
    Router::new()
        .route("/", get(assets::index))
        .route("/assets/{name}", get(assets::file))
        .route("/favicon.ico", get(|| async { StatusCode::NO_CONTENT }))
        .route("/api/events", get(events::events))
        .fallback(ask)
        .method_not_allowed_fallback(async || refused(Refusal::wrong_method()))
        .with_state(lab)
}

/// Passes a request to the lab.
async fn ask(State(lab): State<Arc<Lab>>, request: Request) -> Response {
    answered(lab, request).await.unwrap_or_else(refused)
}

async fn answered(lab: Arc<Lab>, request: Request) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let answer = match lab.expects(head.method.as_str(), head.uri.path())? {
        Body::Nothing => beside(move || lab.request(&asked(&head, &[]))).await?,
        Body::Json(most) => {
            let (body, _share) = body::whole(&head.headers, body, most).await?;
            beside(move || lab.request(&asked(&head, &body))).await?
        }
        Body::File(most) => {
            let mut upload = lab.expect(&asked(&head, &[]))?;
            body::read(&head.headers, body, most, |piece| Ok(upload.write(piece)?)).await?;
            beside(move || lab.uploaded(upload)).await?
        }
    };
    Ok(sent(answer))
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
