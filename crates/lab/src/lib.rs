//! What the page is about, without a server: data, runs, and the one training that goes on.
//!
//! ```text
//! transport ──Request──▶ api ──▶ Lab ──commands──▶ Course (steps, between them what is asked)
//!           ◀──Message──         ask  ◀──messages──
//! ```
//! A transport passes each [`Request`] to [`Lab::request`] and each [`Message`] on to the pages. A
//! training has a thread of its own, or goes on while [`Lab::advance`] is called: see [`Drive`].
//! What is read and saved where is the program's business: it implements [`Host`].
//!
//! A [`Class`] has a lab for each pupil; their trainings take turns on the cores.
//!
//! `docs/api.md` is what the requests promise.

mod answers;
mod api;
mod ask;
mod cells;
pub mod chapters;
mod class;
mod command;
mod constant;
mod cores;
mod course;
mod curve;
mod data;
pub mod descent;
mod ending;
mod folder;
mod found;
mod game;
mod host;
mod lab;
mod lesson;
mod memory;
mod messages;
mod moments;
pub mod plane;
mod refusal;
mod run;
mod shared;
mod spec;
mod told;
mod touch;
mod turns;
#[cfg(test)]
mod types;
mod upload;

pub use answers::{About, Axis, Curve, Spot};
pub use api::{Body, Request, Response};
pub use class::{Class, Rules, Who};
pub use host::{Finished, Host, Keeper, Loaded};
pub use lab::{Drive, Lab};
pub use lesson::Lesson;
pub use memory::Memory;
pub use messages::{Listener, Message};
pub use refusal::Refusal;
pub use spec::{Hidden, Spec};
pub use upload::Upload;
