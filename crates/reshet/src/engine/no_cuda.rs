//! Says that this build has no engine for graphics cards.

use std::{convert::Infallible, marker::PhantomData};

use super::{Engine, Samples};
use crate::{Plan, Result, error::Error, optim::Hyper};

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

/// A network on a card, of which there is none.
pub(crate) type Member<'a> = (Infallible, PhantomData<&'a ()>);

pub(crate) fn member<'a>(
    _: &mut dyn Engine,
    _: Vec<Samples<'a>>,
    _: Vec<Hyper>,
) -> Option<Member<'a>> {
    None
}

/// What a network's steps gave.
type Taken = Result<Vec<(f32, bool)>>;

/// Networks on a card, of which there are none.
pub(crate) enum Members {}

impl Members {
    pub fn on(_card: u32) -> Result<Self> {
        Err(missing())
    }

    pub fn steps(&mut self, _: &mut [Member]) -> Result<Vec<Taken>> {
        match *self {}
    }
}

fn missing() -> Error {
    Error::Device("device cuda: this build has no GPU engine; use cpu or auto".into())
}
