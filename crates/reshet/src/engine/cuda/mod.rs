//! The engine for NVIDIA's cards: a step, or many, in one launch.
//!
//! `library` and `driver` find the CUDA driver while the program runs, `card` wraps what is used
//! of it. One kernel (`kernels/`, in CUDA C, compiled to PTX by `gpu/ptx.py`) runs any part of a
//! step, or many steps one after the other: its blocks are all on the card at once and wait for
//! one another between two phases. A second one does so for many networks (`members`). `job` is what it is told, `layers` the plan as it sees it, and
//! `batch` brings samples to the card; `engine` puts these together. Where cuBLASLt (`cublaslt`) computes
//! the products of large layers (`blas`), `parts` launches a step part by part.
//!
//! Each number has one owner and each sum one order, which follows from the network and the
//! batch: a training has the same bits on cards of any size.
//!
//! `gpu/emulation` runs the same kernel on a processor, behind a driver library of its own; see
//! `docs/gpu.md`.

mod batch;
mod blas;
mod card;
mod cublaslt;
mod driver;
mod engine;
mod flight;
mod job;
mod launch;
mod layers;
mod library;
mod marks;
mod members;
mod parts;

pub(crate) use engine::Cuda;
pub(crate) use members::{Member, Members, member};

use super::Engine;
use crate::{Plan, Result};

/// Makes a card ready, or says why it is not available.
pub(super) fn open(number: u32) -> Result<()> {
    card::Card::open(number).map(|_| ())
}

/// The name that the driver gives a card.
pub(super) fn name(number: u32) -> String {
    card::named(number).unwrap_or_else(|_| format!("card {number}"))
}

/// Creates an engine on a card with these parameters.
pub(super) fn engine(
    plan: Plan,
    parameters: &[f32],
    seed: u64,
    card: u32,
) -> Result<Box<dyn Engine>> {
    Ok(Box::new(engine::Cuda::new(plan, parameters, seed, card)?))
}
