//! What comes with a request: read within limits.

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use reshet_lab::Refusal;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_stream::StreamExt;

/// Memory for all bodies that are read at this moment, in pieces of [`PIECE`] bytes.
static BODIES: Semaphore = Semaphore::const_new((64 << 20) / PIECE);
const PIECE: usize = 1 << 10;

/// Gives each piece of a body of at most `most` bytes to `take`. One that says it is larger is
/// not waited for.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    most: usize,
    mut take: impl FnMut(&[u8]) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let too_large = || {
        let what = format!("the body is too large: at most {} MB", most >> 20);
        Refusal::new(413, what)
    };
    let length = headers.get(header::CONTENT_LENGTH);
    let length: Option<usize> = length.and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let (mut pieces, mut left) = (body.into_data_stream(), most);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|e| Refusal::bad(format!("the body: {e}")))?;
        left = left.checked_sub(piece.len()).ok_or_else(too_large)?;
        take(&piece)?;
    }
    Ok(())
}

/// A body in memory, and its share of what all bodies may take.
pub async fn whole(
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<(Vec<u8>, Option<SemaphorePermit<'static>>), Refusal> {
    let (mut whole, mut share): (Vec<u8>, Option<SemaphorePermit>) = (Vec::new(), None);
    read(headers, body, most, |piece| {
        let pieces = piece.len().div_ceil(PIECE) as u32;
        let busy = |_| {
            let what = "too many requests at once; try again";
            Refusal::new(503, what)
        };
        let more = BODIES.try_acquire_many(pieces).map_err(busy)?;
        match &mut share {
            Some(share) => share.merge(more),
            None => share = Some(more),
        }
        whole.extend_from_slice(piece);
        Ok(())
    })
    .await?;
    Ok((whole, share))
}
