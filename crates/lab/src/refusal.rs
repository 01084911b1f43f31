//! Errors as the API tells them: JSON with a reason, and its kind.

use reshet::Error;
use serde_json::{Value, json};

use crate::told::Told;

/// A request that is not answered, and why.
#[derive(Debug)]
pub struct Refusal {
    status: u16,
    told: Box<Told>,
}

impl Refusal {
    /// With an HTTP status.
    pub fn new(status: u16, reason: impl Into<String>) -> Self {
        Self { status, told: Box::new(Told::of(&reason.into())) }
    }

    /// 404.
    pub fn not_found(reason: impl Into<String>) -> Self {
        Self::new(404, reason)
    }

    /// 400.
    pub fn bad(reason: impl Into<String>) -> Self {
        Self::new(400, reason)
    }

    /// 405.
    pub fn wrong_method() -> Self {
        Self::new(405, "this address does not take that method: see docs/api.md")
    }

    /// 409.
    pub fn conflict(reason: impl Into<String>) -> Self {
        Self::new(409, reason)
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Why, in English.
    pub(crate) fn reason(&self) -> &str {
        &self.told.text
    }

    /// As the API tells it.
    pub fn body(&self) -> Value {
        let (status, told) = (self.status, &self.told);
        json!({ "error": { "status": status, "reason": told.text, "told": told } })
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Invalid(_)
            | Error::Setting { .. }
            | Error::Data(_)
            | Error::Memory(_)
            | Error::At { .. }
            | Error::Io { reading: true, .. }
            | Error::Diverged(_) => 422,
            _ => 500,
        };
        Self { status, told: Box::new(Told::error(&error)) }
    }
}
