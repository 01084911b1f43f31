//! Messages to all pages that listen.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use serde::Serialize;
use tokio::sync::broadcast::{
    self,
    error::{RecvError, TryRecvError},
};

use crate::{lab::Lab, run::Run};

/// Messages a client may be behind before it is sent everything anew.
const BEHIND: usize = 256;

/// A message to all pages.
#[derive(Clone, Debug)]
pub struct Message {
    /// What it is about: `state`, `progress`, `run`, `gone`, `data`; `end` is the last one.
    pub event: &'static str,
    /// JSON.
    pub data: Arc<str>,
}

/// Where messages are sent from; a clone sends to the same pages.
#[derive(Clone)]
pub(crate) struct Messages {
    sender: broadcast::Sender<Message>,
    /// Pages that listen.
    pages: Arc<AtomicUsize>,
}

impl Messages {
    pub fn new() -> Self {
        Self { sender: broadcast::channel(BEHIND).0, pages: Arc::default() }
    }

    /// Pages that listen now.
    pub fn pages(&self) -> usize {
        self.pages.load(Relaxed)
    }

    /// Tells all pages.
    pub fn tell(&self, event: &'static str, data: &impl Serialize) {
        // Nobody listens: nobody misses anything.
        if self.sender.receiver_count() > 0
            && let Ok(data) = serde_json::to_string(data)
        {
            let _ = self.sender.send(Message { event, data: data.into() });
        }
    }

    /// Tells the pages where a run stands.
    pub fn changed(&self, run: &Run) {
        self.tell("run", &run.told());
    }
}

/// A page that listens: first it is told everything there is, and then all that is new.
pub struct Listener {
    lab: Arc<Lab>,
    receiver: broadcast::Receiver<Message>,
    /// Everything there is, to be told before all else.
    state: Option<Message>,
}

impl Listener {
    pub(crate) fn new(lab: &Arc<Lab>) -> Self {
        lab.messages.pages.fetch_add(1, Relaxed);
        let receiver = lab.messages.sender.subscribe();
        let mut listener = Self { lab: lab.clone(), receiver, state: None };
        listener.tell_all();
        listener
    }

    /// Everything there is, as the next message.
    fn tell_all(&mut self) {
        let data = serde_json::to_string(&self.lab.state()).unwrap_or_default();
        self.state = Some(Message { event: "state", data: data.into() });
    }

    /// It was not read for a while: everything anew.
    fn catch_up(&mut self) {
        self.receiver = self.receiver.resubscribe();
        self.tell_all();
    }

    /// Waits for the next message; None: there will be none any more.
    pub async fn next(&mut self) -> Option<Message> {
        if self.state.is_none() {
            match self.receiver.recv().await {
                Ok(message) => return Some(message),
                Err(RecvError::Lagged(_)) => self.catch_up(),
                Err(RecvError::Closed) => return None,
            }
        }
        self.state.take()
    }

    /// The next message, if there is one by now.
    pub fn try_next(&mut self) -> Option<Message> {
        if self.state.is_none() {
            match self.receiver.try_recv() {
                Ok(message) => return Some(message),
                Err(TryRecvError::Lagged(_)) => self.catch_up(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
        self.state.take()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.lab.messages.pages.fetch_sub(1, Relaxed);
    }
}
