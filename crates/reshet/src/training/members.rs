//! A step of many trainings on one graphics card, in one launch.

use super::{
    Training,
    stages::{attached, check_rows},
};
use crate::{
    Device, Optimizer, Result,
    engine::{self, Member, Members, Samples},
    error::Error,
    optim::Hyper,
};

/// The number of the card that all of these trainings are on.
pub(crate) fn card_of<'a>(trainings: impl Iterator<Item = &'a mut Training>) -> Option<u32> {
    let mut cards = trainings.map(|training| match training.device() {
        Device::Cuda { card } => Some(card),
        _ => None,
    });
    let first = cards.next()??;
    cards.all(|card| card == Some(first)).then_some(first)
}

/// Takes a step of each training on its batch: as [`Training::step`], to the same bits. A step that
/// fails does not concern the others, unless it is the card that fails.
pub(crate) fn step(
    members: &mut Members,
    mut steps: Vec<(&mut Training, &[u32], Optimizer)>,
) -> Vec<Result<f32>> {
    let (mut done, mut taking, mut which) = (Vec::new(), Vec::new(), Vec::new());
    for (i, (training, rows, optimizer)) in steps.iter_mut().enumerate() {
        match training.member(rows, *optimizer) {
            Ok(member) => {
                taking.push(member);
                which.push(i);
                done.push(Ok(0.0));
            }
            Err(error) => done.push(Err(error)),
        }
    }
    let taken = members.step(&mut taking);
    drop(taking);
    let taken = match taken {
        Ok(taken) => taken,
        Err(error) => {
            let why = error.to_string();
            which.iter().map(|_| Err(Error::Device(why.clone()))).collect()
        }
    };
    for (i, taken) in which.into_iter().zip(taken) {
        let (training, _, optimizer) = &mut steps[i];
        // As on the processor, where they share the memory of a batch.
        training.rows.clear();
        done[i] = taken.and_then(|taken| training.stepped(taken, *optimizer));
    }
    done
}

impl Training {
    /// The step that it is to take as one of many.
    fn member<'a>(&'a mut self, rows: &'a [u32], optimizer: Optimizer) -> Result<Member<'a>> {
        let samples = Samples::of(attached(&self.data)?, rows);
        check_rows(&samples)?;
        optimizer.check()?;
        let hyper = Hyper { optimizer, clip_norm: self.clip };
        let what = "a training that is not on a graphics card";
        engine::member(&mut *self.engine, samples, hyper).ok_or_else(|| Error::invalid(what))
    }
}
