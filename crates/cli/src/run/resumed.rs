//! What may have changed when a run goes on, and what may not.
//!
//! A checkpoint keeps the settings that it was made with. One rule holds for flags and for an
//! edited `config.toml`: what decides what is computed stays as it was, anything else may
//! change, and is told.

use std::collections::BTreeMap;

use reshet::Error;
use serde::Serialize;
use toml::{Table, Value};

use super::record::shown;

/// What may change: how long and where a run trains, and where its files are (that the training
/// data are the same is seen by themselves).
const MAY_CHANGE: [&str; 10] = [
    "epochs",
    "device",
    "threads",
    "checkpoint-every",
    "out",
    "data",
    "more",
    "targets",
    "test",
    "load",
];
const SETTINGS: &str = "settings";
const VERSION: &str = "version";

/// What is kept with each checkpoint of a run with this `config.toml`.
pub fn notes(config: &str) -> BTreeMap<String, String> {
    let notes = [(SETTINGS, config), (VERSION, env!("CARGO_PKG_VERSION"))];
    notes.map(|(key, text)| (key.into(), text.into())).into()
}

/// What of the settings has changed since a checkpoint with these notes, as sentences.
///
/// # Errors
/// Something that must not.
pub fn changes(
    notes: &BTreeMap<String, String>,
    now: &impl Serialize,
) -> reshet::Result<Vec<String>> {
    let then = notes.get(SETTINGS).and_then(|text| text.parse::<Table>().ok());
    // Versions before this kept none.
    let (Some(then), Ok(now)) = (then, Table::try_from(now)) else { return Ok(Vec::new()) };
    let same_version = notes.get(VERSION).is_some_and(|v| v == env!("CARGO_PKG_VERSION"));
    let mut changes = Vec::new();
    let mut keys: Vec<&String> = then.keys().chain(now.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let (was, is) = (then.get(key), now.get(key));
        // A later version may have settings that an earlier one had not.
        let is_new = was.is_none() && !same_version;
        if was == is || is_new || key == "out" {
            continue;
        }
        let text = |value: Option<&Value>| value.map_or("not set".into(), shown);
        let change = format!("{key}: {} → {}", text(was), text(is));
        if !MAY_CHANGE.contains(&key.as_str()) {
            return Err(Error::Data(format!(
                "config.toml has changed since the checkpoint: {change}; a run goes on as it \
                 began: set it back, or start another run from this config.toml"
            )));
        }
        changes.push(change);
    }
    Ok(changes)
}
