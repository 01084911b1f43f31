//! Messages to the pages, as server-sent events.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::sse::{self, Sse},
};
use reshet_lab::Lab;
use tokio_stream::Stream;

pub async fn events(
    State(lab): State<Arc<Lab>>,
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    let mut listener = lab.listen();
    let (sender, stream) = tokio::sync::mpsc::channel(8);
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
    Sse::new(stream).keep_alive(sse::KeepAlive::new().interval(Duration::from_secs(10)))
}
