//! This process's place among the ranks that run one command together.
//!
//! Every rank has the same command line. Rank 0 reads settings and checkpoints, writes the run's
//! folder and prints; the others compute what it tells them to, and are silent unless they fail.

use std::{
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use reshet::Group;
use serde::{Serialize, de::DeserializeOwned};

use crate::terminal;

/// How long another rank waits with its error: rank 0 likely has the same one, and says it.
const AFTER_THE_FIRST: Duration = Duration::from_secs(3);
/// The same where a rank has ended: rank 0 saves what was reached.
const WHILE_IT_SAVES: Duration = Duration::from_secs(10);

static GROUP: OnceLock<Arc<dyn Group>> = OnceLock::new();

/// From now on this process is a rank of this group.
pub fn join(group: Arc<dyn Group>) {
    let _ = GROUP.set(group);
}

/// The group, if there is one.
pub fn group() -> Option<Arc<dyn Group>> {
    GROUP.get().cloned()
}

/// The group at the ranks that follow the first one; None at that one, and without a group.
pub fn followed() -> Option<Arc<dyn Group>> {
    group().filter(|group| group.rank() > 0)
}

/// Whether this rank writes and prints.
pub fn is_first() -> bool {
    GROUP.get().is_none_or(|group| group.rank() == 0)
}

/// Tells the other ranks something, if there are any.
pub fn tell(what: &impl Serialize) -> Result<()> {
    let Some(group) = group() else { return Ok(()) };
    let bytes = serde_json::to_vec(what).context("what the ranks are told")?;
    group.broadcast(bytes)?;
    Ok(())
}

/// What rank 0 tells.
pub fn told<T: DeserializeOwned>(group: &dyn Group) -> Result<T> {
    let bytes = group.broadcast(Vec::new())?;
    serde_json::from_slice(&bytes).context("rank 0 runs another version")
}

/// An error's text with the rank that it is from. Rank 0's comes first, and where a rank is `lost`
/// it first saves what was reached; None if this process is told to stop meanwhile.
pub fn of_rank(text: String, lost: bool) -> Option<String> {
    let Some(group) = followed() else { return Some(text) };
    let until = Instant::now() + if lost { WHILE_IT_SAVES } else { AFTER_THE_FIRST };
    while Instant::now() < until {
        if terminal::stopped() {
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
    Some(format!("rank {}: {text}", group.rank()))
}
