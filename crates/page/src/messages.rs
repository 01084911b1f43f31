//! Messages to all pages that listen.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::broadcast;

use crate::run::Run;

/// Messages a client may be behind before it is sent everything anew.
const BEHIND: usize = 256;

/// A message to all pages.
#[derive(Clone, Debug)]
pub struct Message {
    pub event: &'static str,
    pub data: Arc<str>,
}

/// Where messages are sent from; a clone sends to the same pages.
#[derive(Clone)]
pub struct Messages(broadcast::Sender<Message>);

impl Messages {
    pub fn new() -> Self {
        Self(broadcast::channel(BEHIND).0)
    }

    /// From now on all messages.
    pub fn listen(&self) -> broadcast::Receiver<Message> {
        self.0.subscribe()
    }

    /// Tells all pages.
    pub fn tell(&self, event: &'static str, data: &impl Serialize) {
        // Nobody listens: nobody misses anything.
        if self.0.receiver_count() > 0
            && let Ok(data) = serde_json::to_string(data)
        {
            let _ = self.0.send(Message { event, data: data.into() });
        }
    }

    /// Tells the pages where a run stands.
    pub fn changed(&self, run: &Run) {
        self.tell("run", &run.told());
    }
}
