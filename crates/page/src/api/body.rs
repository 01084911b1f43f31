//! What comes with a request: read within limits, refused in JSON.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;

use super::MOST_JSON;
use crate::refusal::Refusal;

/// A body of at most so many bytes. One that says it is larger is not waited for.
pub(super) struct Body<const MOST: usize>(pub Bytes);

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
pub(super) struct Json<T>(pub T);

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
pub(super) struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(asked)| Asked(asked)).map_err(|e| Refusal::bad(e.body_text()))
    }
}
