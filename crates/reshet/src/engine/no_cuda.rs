//! Says that this build has no engine for graphics cards.

use super::Engine;
use crate::{Plan, Result, error::Error};

pub(super) fn open(_card: u32) -> Result<()> {
    Err(missing())
}

pub(super) fn name(card: u32) -> String {
    format!("card {card}")
}

pub(super) fn engine(
    _plan: Plan,
    _parameters: &[f32],
    _seed: u64,
    _card: u32,
) -> Result<Box<dyn Engine>> {
    Err(missing())
}

fn missing() -> Error {
    Error::Device("device cuda: this build has no GPU engine; use cpu or auto".into())
}
