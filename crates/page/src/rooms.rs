//! What is served: one lab for all who come, or a class with a lab for each.

use std::{sync::Arc, time::Duration};

use reshet_lab::{Body, Class, Lab, Refusal, Request, Response, Who};

use crate::link::Link;

/// What is served.
#[derive(Clone)]
pub enum Rooms {
    One(Arc<Lab>),
    Class(Arc<Class>, Arc<Link>),
}

impl Rooms {
    /// The lab of who asks.
    pub fn lab(&self, who: &Who) -> Result<Arc<Lab>, Refusal> {
        match self {
            Self::One(lab) => Ok(lab.clone()),
            Self::Class(class, _) => class.lab(who),
        }
    }

    /// The class, if it is one.
    pub fn class(&self) -> Option<&Arc<Class>> {
        match self {
            Self::One(_) => None,
            Self::Class(class, _) => Some(class),
        }
    }

    pub fn expects(&self, method: &str, path: &str) -> Result<Body, Refusal> {
        match self {
            Self::One(lab) => lab.expects(method, path),
            Self::Class(class, _) => class.expects(method, path),
        }
    }

    pub fn request(&self, who: &Who, request: &Request) -> Response {
        match self {
            Self::One(lab) => lab.request(request),
            Self::Class(class, _) => class.request(who, request),
        }
    }

    pub fn watched(&self) -> bool {
        match self {
            Self::One(lab) => lab.watched(),
            Self::Class(class, _) => class.watched(),
        }
    }

    pub fn ask_to_stop(&self) {
        match self {
            Self::One(lab) => lab.ask_to_stop(),
            Self::Class(class, _) => class.ask_to_stop(),
        }
    }

    pub fn close(&self, wait: Duration) {
        match self {
            Self::One(lab) => lab.close(wait),
            Self::Class(class, _) => class.close(wait),
        }
    }

    pub fn was_interrupted(&self) -> bool {
        match self {
            Self::One(lab) => lab.was_interrupted(),
            Self::Class(class, _) => class.was_interrupted(),
        }
    }
}
