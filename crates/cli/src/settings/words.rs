//! Settings as people write them in a file: a number may stand in quotes, a list in one word.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error as _};
use toml::Value;

/// Reads a setting that is written as a word, a number or a list of them.
pub fn text<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let word = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = match Value::deserialize(from)? {
        Value::Array(values) => values.iter().map(word).collect::<Vec<_>>().join(","),
        one => word(&one),
    };
    text.parse().map(Some).map_err(D::Error::custom)
}

/// Reads a list of words, or words apart by commas.
pub fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    let joined: Option<String> = text(from)?;
    Ok(joined.map(|joined| joined.split(',').map(String::from).collect()))
}
