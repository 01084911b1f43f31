//! The launches of an engine's steps.

use std::sync::Arc;

use super::{
    card::Card,
    engine::Cuda,
    job::{self, Job, Outcome, Rule, Step},
    layers,
};
use crate::{Result, engine::Samples, optim::Hyper};

/// A launch that has room for all that it computes; where its steps and their outcomes are is
/// decided by whoever launches it.
pub(super) struct Prepared {
    pub job: Job,
    pub steps: Vec<Step>,
    /// The numbers of the samples of all steps, if the job does not say where they are.
    pub rows: Vec<u32>,
    /// How many blocks have something to do.
    pub blocks: u32,
}

impl Cuda {
    /// Prepares these steps, the largest of so many samples.
    pub(super) fn prepare(
        &mut self,
        mut job: Job,
        steps: Vec<Step>,
        samples: usize,
    ) -> Result<Prepared> {
        self.reserve(samples)?;
        job.stages = self.stages.reserve(&self.stream, 0, "")?.address();
        job.losses = self.losses.reserve(&self.stream, 0, "")?.address();
        job.collected = self.collected;
        job.step_count = steps.len() as u32;
        let blocks = layers::blocks(&self.layers, samples, self.plan.parameters, job.flags);
        Ok(Prepared { job, steps, rows: Vec::new(), blocks })
    }

    /// Prepares a job on batches, each a step.
    pub(super) fn prepare_on(
        &mut self,
        mut job: Job,
        batches: &[Samples],
        hypers: &[Hyper],
    ) -> Result<Prepared> {
        // Samples that are copied for this launch are numbered from its first one on.
        let order = match job.flags & job::GATHERED {
            0 => self.order.of(&self.stream, batches)?,
            _ => None,
        };
        job.rows = order.unwrap_or(0);
        let (mut rows, mut steps) = (Vec::new(), Vec::new());
        for (i, samples) in batches.iter().enumerate() {
            let rule = |hyper| Rule::of(hyper, self.updates + i as u64 + 1);
            let hyper = hypers.get(i);
            let place = samples.order.filter(|_| order.is_some()).map(|(_, first)| first);
            if place.is_none() {
                rows.extend_from_slice(samples.rows);
            }
            let first = place.unwrap_or(rows.len().saturating_sub(samples.rows.len()));
            steps.push(Step {
                first: first as u32,
                rows: samples.rows.len() as u32,
                denominator: samples.denominator(&self.plan.head),
                rule: hyper.map_or(Rule::default(), rule),
                clip: hyper.and_then(|hyper| hyper.clip_norm).unwrap_or(0.0),
                padding: 0,
            });
        }
        let most = batches.iter().map(|samples| samples.rows.len()).max().unwrap_or(0);
        Ok(Prepared { rows, ..self.prepare(job, steps, most)? })
    }

    /// Prepares whole steps of a training.
    pub(super) fn prepare_steps(
        &mut self,
        batches: &[Samples],
        hypers: &[Hyper],
    ) -> Result<Prepared> {
        let slots = hypers.first().map_or(0, |hyper| hyper.optimizer.slots());
        self.prepare_state(slots)?;
        let mut job = self.job(job::FORWARD | job::TO_GRADIENT | job::UPDATE | job::TRAINING);
        self.bring_inputs(batches, &mut job)?;
        self.bring_targets(batches, &mut job)?;
        self.prepare_on(job, batches, hypers)
    }

    /// Launches what is prepared, and waits if outcomes are wanted.
    pub(super) fn run(&mut self, prepared: Prepared, waits: bool) -> Result<Vec<Outcome>> {
        let Prepared { mut job, steps, rows, blocks } = prepared;
        if !rows.is_empty() {
            job.rows = self.rows.fill(&self.stream, &rows, "the numbers of the samples")?;
        }
        job.steps = self.steps.fill(&self.stream, &steps, "the steps")?;
        let mut outcomes = vec![Outcome::default(); steps.len()];
        job.outcomes = self.outcomes.fill(&self.stream, &outcomes, "the losses")?;
        // SAFETY: all memories are this engine's and have room for the samples and for the plan's
        // parameters; rows exist, as the engine's user has checked; memory is given back only
        // after the kernel is done, which the driver sees to.
        unsafe { self.launch(&job, &steps, blocks)? };
        if waits {
            let memory = self.outcomes.reserve(&self.stream, 0, "")?;
            self.stream.read(memory, 0, &mut outcomes)?;
        }
        Ok(outcomes)
    }

    /// Its card.
    pub(super) fn card(&self) -> &Arc<Card> {
        &self.stream.card
    }

    /// Counts steps that it took as one of many networks.
    pub(super) fn stepped(&mut self, count: usize) {
        self.updates += count as u64;
    }

    pub(super) fn try_step(&mut self, samples: &Samples, hyper: &Hyper) -> Result<(f32, bool)> {
        let (batches, hypers) = (std::slice::from_ref(samples), std::slice::from_ref(hyper));
        let prepared = self.prepare_steps(batches, hypers)?;
        Ok(self.run(prepared, true)?[0].told())
    }

    pub(super) fn try_begin(&mut self, batches: &[Samples], hypers: &[Hyper]) -> Result<()> {
        let prepared = self.prepare_steps(batches, hypers)?;
        let which = (0..self.flights.len()).find(|which| !self.begun.contains(which));
        let Some(which) = which else { unreachable!("one is finished before a third begins") };
        let flight = &mut self.flights[which];
        let job = flight.tell(&self.stream, &prepared)?;
        // SAFETY: as in `run`; the flight's memories stay until it has landed.
        unsafe { self.launch(&job, &prepared.steps, prepared.blocks)? };
        let flight = &mut self.flights[which];
        flight.ask(&self.stream)?;
        flight.updates = self.updates;
        self.begun.push_back(which);
        Ok(())
    }

    pub(super) fn try_finish(&mut self) -> Result<Vec<(f32, bool)>> {
        let Some(which) = self.begun.pop_front() else { unreachable!("nothing has begun") };
        let flight = &mut self.flights[which];
        let (done, diverged) = told(flight.outcomes()?);
        if diverged {
            self.begun.clear();
            self.updates = flight.updates + done.len() as u64;
        }
        Ok(done)
    }
}

/// What the steps of a launch gave, up to the first that diverged, if there is one: those after it
/// count as not taken.
pub(super) fn told(outcomes: &[Outcome]) -> (Vec<(f32, bool)>, bool) {
    let mut done = Vec::new();
    for outcome in outcomes {
        let (loss, finite) = outcome.told();
        done.push((loss, finite));
        if !finite || !loss.is_finite() {
            return (done, true);
        }
    }
    (done, false)
}
