//! Many networks that take their steps in one launch.

use std::sync::Arc;

use super::{
    batch::Room,
    card::{Card, Stream},
    engine::Cuda,
    job::{Job, Outcome, Step},
    launch::told,
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

/// A network, and the steps that it is to take.
pub(crate) struct Member<'a> {
    engine: &'a mut Cuda,
    batches: Vec<Samples<'a>>,
    hypers: Vec<Hyper>,
}

/// The network of an engine, if that is a card's.
pub(crate) fn member<'a>(
    engine: &'a mut dyn Engine,
    batches: Vec<Samples<'a>>,
    hypers: Vec<Hyper>,
) -> Option<Member<'a>> {
    engine.as_cuda().map(|engine| Member { engine, batches, hypers })
}

/// What a network's steps gave, as [`Engine::steps`] returns it.
type Taken = Result<Vec<(f32, bool)>>;

impl Members {
    /// Prepares for networks on the card of this number.
    pub fn on(card: u32) -> Result<Self> {
        let stream = Stream::of_all(Card::open(card)?);
        let (jobs, steps, rows, outcomes) = Default::default();
        Ok(Self { stream, jobs, steps, rows, outcomes })
    }

    /// Takes the steps of each network: as [`Engine::steps`], to the same bits. A network that cannot
    /// take its steps does not concern the others.
    ///
    /// # Errors
    /// The card fails, or has no room.
    pub fn steps(&mut self, members: &mut [Member]) -> Result<Vec<Taken>> {
        let (mut jobs, mut steps, mut rows, mut blocks) = (vec![], vec![], vec![], 1);
        let mut taken: Vec<Taken> = Vec::new();
        // Where the steps and the samples' numbers of each are.
        let mut places = Vec::new();
        for Member { engine, batches, hypers } in members.iter_mut() {
            debug_assert!(Arc::ptr_eq(engine.card(), &self.stream.card));
            let prepared = engine.prepare_steps(batches, hypers);
            places.push((steps.len(), rows.len()));
            taken.push(prepared.map(|prepared| {
                jobs.push(prepared.job);
                steps.extend(prepared.steps);
                rows.extend(prepared.rows);
                blocks = blocks.max(prepared.blocks);
                Vec::new()
            }));
        }
        if jobs.is_empty() {
            return Ok(taken);
        }
        let stream = &self.stream;
        let mut outcomes = vec![Outcome::default(); steps.len()];
        let rows = self.rows.fill(stream, &rows, "the numbers of the samples")?;
        let steps = self.steps.fill(stream, &steps, "the steps")?;
        let answers = self.outcomes.fill(stream, &outcomes, "the losses")?;
        let taking = || (0..places.len()).filter(|i| taken[*i].is_ok());
        for (job, i) in jobs.iter_mut().zip(taking()) {
            let (step, row) = places[i];
            job.rows = rows + (row * size_of::<u32>()) as u64;
            job.steps = steps + (step * size_of::<Step>()) as u64;
            job.outcomes = answers + (step * size_of::<Outcome>()) as u64;
        }
        let count = jobs.len();
        let what = "what the networks are to do";
        self.jobs.fill(stream, &jobs, what)?;
        let jobs = self.jobs.reserve(stream, count, what)?;
        // SAFETY: the memories of each job are its engine's, with room for its samples and its
        // plan's parameters, or these here; rows exist, as the engines' users have checked; all stay
        // until the outcomes are read.
        unsafe { stream.launch_members(jobs, count as u32, blocks)? };
        stream.read(self.outcomes.reserve(stream, outcomes.len(), "")?, 0, &mut outcomes)?;
        for (i, taken) in taken.iter_mut().enumerate() {
            let Ok(taken) = taken else { continue };
            let (first, member) = (places[i].0, &mut members[i]);
            (*taken, _) = told(&outcomes[first..][..member.batches.len()]);
            member.engine.stepped(taken.len());
        }
        Ok(taken)
    }
}
