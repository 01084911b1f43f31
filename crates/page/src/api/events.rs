//! Messages to the pages, as server-sent events.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use axum::{
    extract::State,
    response::sse::{self, Sse},
};
use tokio::sync::broadcast::error::RecvError;
use tokio_stream::Stream;

use super::Shared;
use crate::{lab::Lab, messages::Message};

/// Counts a page for as long as it listens.
pub(super) struct Listening(Arc<Lab>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.pages.fetch_sub(1, Relaxed);
    }
}

/// Everything there is, as a message.
fn state(lab: &Lab) -> Message {
    let data = serde_json::to_string(&lab.state()).unwrap_or_default();
    Message { event: "state", data: data.into() }
}

pub(super) async fn events(
    State(lab): Shared,
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    lab.pages.fetch_add(1, Relaxed);
    let listening = Listening(lab.clone());
    let receiver = lab.messages.listen();
    let first = state(&lab);
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
                        state(&lab.0)
                    }
                    Err(RecvError::Closed) => return,
                },
            };
        }
    });
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    Sse::new(stream).keep_alive(sse::KeepAlive::new().interval(Duration::from_secs(10)))
}
