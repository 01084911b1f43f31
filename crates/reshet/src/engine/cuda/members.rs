//! Many networks that take a step each in one launch.

use std::sync::Arc;

use super::{
    batch::Room,
    card::{Card, Stream},
    engine::Cuda,
    job::{Job, Outcome, Step},
};
use crate::{
    Result,
    engine::{Engine, Samples},
    optim::Hyper,
};

/// What the launches of many networks on one card share.
pub(crate) struct Members {
    stream: Stream,
    jobs: Room<Job>,
    steps: Room<Step>,
    rows: Room<u32>,
    outcomes: Room<Outcome>,
}

/// A network, and the step that it is to take.
pub(crate) struct Member<'a> {
    engine: &'a mut Cuda,
    samples: Samples<'a>,
    hyper: Hyper,
}

/// The network of an engine, if that is a card's.
pub(crate) fn member<'a>(
    engine: &'a mut dyn Engine,
    samples: Samples<'a>,
    hyper: Hyper,
) -> Option<Member<'a>> {
    engine.as_cuda().map(|engine| Member { engine, samples, hyper })
}

impl Members {
    /// Prepares for networks on the card of this number.
    pub fn on(card: u32) -> Result<Self> {
        let stream = Stream::of_all(Card::open(card)?);
        let (jobs, steps, rows, outcomes) = Default::default();
        Ok(Self { stream, jobs, steps, rows, outcomes })
    }

    /// Takes a step of each network: as [`Engine::step`], to the same bits. A network that cannot
    /// take its step does not concern the others.
    ///
    /// # Errors
    /// The card fails, or has no room.
    pub fn step(&mut self, members: &mut [Member]) -> Result<Vec<Result<(f32, bool)>>> {
        let (mut jobs, mut steps, mut rows, mut blocks) = (vec![], vec![], vec![], 1);
        let (mut taken, mut taking) = (vec![], vec![]);
        for (i, Member { engine, samples, hyper }) in members.iter_mut().enumerate() {
            debug_assert!(Arc::ptr_eq(engine.card(), &self.stream.card));
            let (batches, hypers) = (std::slice::from_ref(samples), std::slice::from_ref(hyper));
            let prepared = match engine.prepare_steps(batches, hypers) {
                Ok(prepared) => prepared,
                Err(error) => {
                    taken.push(Err(error));
                    continue;
                }
            };
            taken.push(Ok((0.0, true)));
            taking.push(i);
            jobs.push((prepared.job, rows.len()));
            steps.extend(prepared.steps);
            rows.extend(prepared.rows);
            blocks = blocks.max(prepared.blocks);
        }
        let stream = &self.stream;
        let count = jobs.len();
        if count == 0 {
            return Ok(taken);
        }
        let nothing = vec![Outcome::default(); count];
        let rows = self.rows.fill(stream, &rows, "the numbers of the samples")?;
        let steps = self.steps.fill(stream, &steps, "the steps")?;
        let outcomes = self.outcomes.fill(stream, &nothing, "the losses")?;
        let placed = jobs.into_iter().enumerate().map(|(i, (job, first))| Job {
            rows: rows + (first * size_of::<u32>()) as u64,
            steps: steps + (i * size_of::<Step>()) as u64,
            outcomes: outcomes + (i * size_of::<Outcome>()) as u64,
            ..job
        });
        let placed: Vec<Job> = placed.collect();
        let what = "what the networks are to do";
        self.jobs.fill(stream, &placed, what)?;
        let jobs = self.jobs.reserve(stream, count, what)?;
        // SAFETY: the memories of each job are its engine's, with room for its samples and its
        // plan's parameters, or these here; rows exist, as the engines' users have checked; all stay
        // until the outcomes are read.
        unsafe { stream.launch_members(jobs, count as u32, blocks)? };
        let mut done = nothing;
        stream.read(self.outcomes.reserve(stream, count, "")?, 0, &mut done)?;
        for (i, outcome) in taking.into_iter().zip(done) {
            members[i].engine.stepped(1);
            taken[i] = Ok(outcome.told());
        }
        Ok(taken)
    }
}
