//! Steps of many trainings on one graphics card, in one launch.

use super::{
    Step, Training,
    step::{attached, checked},
};
use crate::{
    Device, Result,
    engine::{self, Member, Members},
    error::Error,
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

/// Takes the steps of each training: as [`Training::steps`], to the same bits. Steps that fail do not
/// concern the others, unless it is the card that fails.
pub(crate) fn steps(
    members: &mut Members,
    mut all: Vec<(&mut Training, Vec<Step>)>,
) -> Vec<Result<Vec<f32>>> {
    let (mut done, mut taking, mut which) = (Vec::new(), Vec::new(), Vec::new());
    for (i, (training, steps)) in all.iter_mut().enumerate() {
        match training.member(steps) {
            Ok(member) => {
                taking.push(member);
                which.push(i);
                done.push(Ok(Vec::new()));
            }
            Err(error) => done.push(Err(error)),
        }
    }
    let taken = members.steps(&mut taking);
    drop(taking);
    let taken = match taken {
        Ok(taken) => taken,
        Err(error) => {
            let why = error.to_string();
            which.iter().map(|_| Err(Error::Device(why.clone()))).collect()
        }
    };
    for (i, taken) in which.into_iter().zip(taken) {
        let (training, steps) = &mut all[i];
        // As on the processor, where they share the memory of a batch.
        training.rows.clear();
        done[i] = taken.and_then(|taken| {
            let (losses, failed) = training.told(taken, steps);
            failed.map(|()| losses)
        });
    }
    done
}

impl Training {
    /// The steps that it is to take as one of many.
    fn member<'a>(&'a mut self, steps: &[Step<'a>]) -> Result<Member<'a>> {
        let (batches, hypers) = checked(attached(&self.data)?, self.clip, steps)?;
        let what = "a training that is not on a graphics card";
        engine::member(&mut *self.engine, batches, hypers).ok_or_else(|| Error::invalid(what))
    }
}
