//! Messages to the pages, as server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{self, Sse},
    },
};
use reshet_lab::Who;

use crate::{api::refused, rooms::Rooms};

pub async fn events(State(rooms): State<Rooms>, Extension(who): Extension<Who>) -> Response {
    let mut listener = match rooms.lab(&who) {
        Ok(lab) => lab.listen(),
        Err(refusal) => return refused(refusal),
    };
    let (sender, stream) = tokio::sync::mpsc::channel::<Result<sse::Event, Infallible>>(8);
    tokio::spawn(async move {
        loop {
            let message = tokio::select! {
                () = sender.closed() => return,
                message = listener.next() => message,
            };
            let Some(message) = message else { return };
            let event = sse::Event::default().event(message.event).data(&*message.data);
            if sender.send(Ok(event)).await.is_err() || message.event == "end" {
                return;
            }
        }
    });
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    Sse::new(stream)
        .keep_alive(sse::KeepAlive::new().interval(Duration::from_secs(10)))
        .into_response()
}
