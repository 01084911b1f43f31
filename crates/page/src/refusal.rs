//! Errors as the API tells them: JSON with a reason, and its kind.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use reshet::Error;
use serde_json::json;

use crate::told::Told;

/// A request that is not answered, and why.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    told: Told,
}

impl Refusal {
    pub fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, told: Told::of(&reason.into()) }
    }

    pub fn not_found(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, reason)
    }

    pub fn bad(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, reason)
    }

    pub fn conflict(reason: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, reason)
    }

    /// The status's number.
    #[cfg(test)]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error {
            Error::Invalid(_)
            | Error::Setting { .. }
            | Error::Data(_)
            | Error::At { .. }
            | Error::Io { reading: true, .. }
            | Error::Diverged(_) => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, told: Told::error(&error) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, told) = (self.status.as_u16(), self.told);
        let body = json!({ "error": { "status": status, "reason": told.text, "told": told } });
        (self.status, axum::Json(body)).into_response()
    }
}
