//! What comes with a request: read within limits, refused in JSON.

use axum::{
    extract::{FromRequest, FromRequestParts, Query, Request},
    http::{StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_stream::StreamExt;

use super::{Answer, MOST_JSON};
use crate::refusal::Refusal;

/// Memory for all bodies that are read at this moment, in pieces of [`PIECE`] bytes.
static BODIES: Semaphore = Semaphore::const_new((64 << 20) / PIECE);
const PIECE: usize = 1 << 10;

/// Gives each piece of a body of at most `most` bytes to `take`. One that says it is larger is
/// not waited for.
pub(super) async fn read(
    request: Request,
    most: usize,
    mut take: impl FnMut(&[u8]) -> Answer<()>,
) -> Answer<()> {
    let too_large = || {
        let what = format!("the body is too large: at most {} MB", most >> 20);
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, what)
    };
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length: Option<usize> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let (mut pieces, mut left) = (request.into_body().into_data_stream(), most);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|e| Refusal::bad(format!("the body: {e}")))?;
        left = left.checked_sub(piece.len()).ok_or_else(too_large)?;
        take(&piece)?;
    }
    Ok(())
}

/// A body in memory, and its share of what all bodies may take.
async fn whole(request: Request) -> Answer<(Vec<u8>, Option<SemaphorePermit<'static>>)> {
    let (mut body, mut share): (Vec<u8>, Option<SemaphorePermit>) = (Vec::new(), None);
    read(request, MOST_JSON, |piece| {
        let pieces = piece.len().div_ceil(PIECE) as u32;
        let busy = |_| {
            let what = "too many requests at once; try again";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, what)
        };
        let more = BODIES.try_acquire_many(pieces).map_err(busy)?;
        match &mut share {
            Some(share) => share.merge(more),
            None => share = Some(more),
        }
        body.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    Ok((body, share))
}

/// A body of JSON, refused in JSON.
pub(super) struct Json<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // Forms of other sites cannot say this without asking first.
        if kind.split(';').next().map(str::trim) != Some("application/json") {
            let what = "the body must be JSON: Content-Type: application/json";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
        }
        let (body, _share) = whole(request).await?;
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
