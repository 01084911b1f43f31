#![cfg_attr(docsrs, feature(doc_cfg))]
// The README's examples, which run as doctests, need the digits.
#![cfg_attr(any(not(doctest), feature = "mnist"), doc = include_str!("../README.md"))]
//!
//! ## Where things are
//!
//! A network is plain data ([`Sequential`]). A [`Trainer`], or the three stages of
//! [`Training`], train it. The result is a [`Model`]. The mathematics is in
//! [`activation`], [`loss`], [`optim`] and [`schedule`]; [`plan`] lowers a network for an
//! [`engine`], which runs it.
//!
//! Not included: tensors, automatic differentiation, convolutions, attention. A chain of
//! dense layers needs none of them.

pub mod activation;
mod answer;
mod average;
pub mod data;
pub mod diagnosis;
pub mod engine;
mod ensemble;
mod error;
pub mod explain;
pub mod files;
pub mod find_lr;
pub mod formats;
pub mod group;
mod half;
mod huge;
mod init;
pub mod loss;
mod meaning;
pub mod metrics;
mod model;
mod names;
pub mod network;
pub mod optim;
pub mod plan;
pub mod play;
mod predictor;
pub mod recipe;
pub mod rng;
pub mod schedule;
mod short;
mod threads;
mod train;
mod training;
#[cfg(feature = "tune")]
pub mod tune;
mod visible;

pub use activation::Activation;
pub use answer::Answer;
pub use data::table::Prepare;
pub use data::{
    Batch, BatchTargets, Chosen, DataLoader, Dataset, Features, Inputs, Pictures, Storage, Table,
    Targets, mnist,
};
pub use engine::{Buffer, Device, Instructions, Precision};
pub use ensemble::Ensemble;
pub use error::{Diverged, Error, Result};
pub use find_lr::{LrCurve, LrPoint};
pub use group::Group;
pub use init::Init;
pub use loss::Loss;
pub use meaning::Meaning;
pub use metrics::{Score, Task};
pub use model::Model;
pub use network::{Layer, Sequential};
pub use optim::{Adam, AdamW, Optimizer, RMSprop, SGD};
pub use plan::Plan;
pub use predictor::{Predictor, Tester};
pub use recipe::Recipe;
pub use schedule::Schedule;
pub use train::{Checkpoint, CublasLt, Ended, Event, Fit, Trainer, TrainingLoop, infer_loss};
pub use training::{Setup, Training};
pub use visible::visible;

/// What most programs need: `use reshet::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Adam, AdamW, Chosen, Dataset, Device, Event, Features, Init, Loss, Loss::*, Model, Prepare,
        RMSprop, SGD, Schedule, Sequential, Storage, Table, Targets, Trainer, mnist, sequential,
    };
}
