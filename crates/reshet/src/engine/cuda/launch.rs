//! The launches of an engine's steps.

use std::sync::Arc;

use super::{
    card::Card,
    engine::Cuda,
    job::{self, Job, Outcome, Rule, Step},
    layers,
};
use crate::{Result, engine::Samples, optim::Hyper};

impl Cuda {
    /// Runs a job on batches, each a step, and waits if outcomes are wanted.
    pub(super) fn run(
        &mut self,
        mut job: Job,
        batches: &[Samples],
        hypers: &[Hyper],
        waits: bool,
    ) -> Result<Vec<Outcome>> {
        let (rows, steps) = self.steps_of(batches, hypers);
        job.rows = self.rows.fill(&self.stream, &rows, "the numbers of the samples")?;
        let most = batches.iter().map(|samples| samples.rows.len()).max().unwrap_or(0);
        self.launch(job, &steps, most, waits)
    }

    /// The numbers of the samples of a launch, and its steps.
    pub(super) fn steps_of(&self, batches: &[Samples], hypers: &[Hyper]) -> (Vec<u32>, Vec<Step>) {
        let (mut rows, mut steps) = (Vec::new(), Vec::new());
        for (i, samples) in batches.iter().enumerate() {
            steps.push(self.step_of(i, samples, hypers.get(i), rows.len()));
            rows.extend_from_slice(samples.rows);
        }
        (rows, steps)
    }

    /// The i-th step of a launch; its samples' numbers begin at `first`.
    pub(super) fn step_of(
        &self,
        i: usize,
        samples: &Samples,
        hyper: Option<&Hyper>,
        first: usize,
    ) -> Step {
        Step {
            first: first as u32,
            rows: samples.rows.len() as u32,
            denominator: samples.denominator(&self.plan.head),
            rule: hyper
                .map_or(Rule::default(), |hyper| Rule::of(hyper, self.updates + i as u64 + 1)),
            clip: hyper.and_then(|hyper| hyper.clip_norm).unwrap_or(0.0),
            padding: 0,
        }
    }

    /// Gives a job room for what the layers compute.
    pub(super) fn give_room(&mut self, job: &mut Job, samples: usize) -> Result<()> {
        self.reserve(samples)?;
        job.stages = self.stages.reserve(&self.stream, 0, "")?.address();
        job.losses = self.losses.reserve(&self.stream, 0, "")?.address();
        Ok(())
    }

    /// A step on these samples as one of many networks', all but where its step, its outcome and
    /// its samples' numbers are; and how many blocks have something to do.
    pub(super) fn member(&mut self, samples: &Samples, hyper: &Hyper) -> Result<(Job, Step, u32)> {
        self.prepare_state(hyper.optimizer.slots())?;
        let batches = std::slice::from_ref(samples);
        let mut job = self.job(job::FORWARD | job::BACKWARD | job::UPDATE | job::TRAINING);
        self.bring_inputs(batches, &mut job)?;
        self.bring_targets(batches, &mut job)?;
        self.give_room(&mut job, samples.rows.len())?;
        job.step_count = 1;
        let blocks =
            layers::blocks(&self.layers, samples.rows.len(), self.plan.parameters, job.flags);
        Ok((job, self.step_of(0, samples, Some(hyper), 0), blocks))
    }

    /// Its card.
    pub(super) fn card(&self) -> &Arc<Card> {
        &self.stream.card
    }

    /// Counts a step that it took as one of many networks.
    pub(super) fn stepped(&mut self) {
        self.updates += 1;
    }

    pub(super) fn launch(
        &mut self,
        mut job: Job,
        steps: &[Step],
        samples: usize,
        waits: bool,
    ) -> Result<Vec<Outcome>> {
        self.give_room(&mut job, samples)?;
        job.step_count = steps.len() as u32;
        job.steps = self.steps.fill(&self.stream, steps, "the steps")?;
        let mut outcomes = vec![Outcome::default(); steps.len()];
        job.outcomes = self.outcomes.fill(&self.stream, &outcomes, "the losses")?;
        let blocks = layers::blocks(&self.layers, samples, self.plan.parameters, job.flags);
        // SAFETY: all memories are this engine's and have room for the samples and for the plan's
        // parameters; rows exist, as the engine's user has checked; memory is given back only
        // after the kernel is done, which the driver sees to.
        unsafe { self.stream.launch(&job, blocks)? };
        if waits {
            let memory = self.outcomes.reserve(&self.stream, 0, "")?;
            self.stream.read(memory, 0, &mut outcomes)?;
        }
        Ok(outcomes)
    }

    pub(super) fn try_steps(
        &mut self,
        batches: &[Samples],
        hypers: &[Hyper],
    ) -> Result<Vec<(f32, bool)>> {
        let slots = hypers.first().map_or(0, |hyper| hyper.optimizer.slots());
        self.prepare_state(slots)?;
        let mut job = self.job(job::FORWARD | job::BACKWARD | job::UPDATE | job::TRAINING);
        self.bring_inputs(batches, &mut job)?;
        self.bring_targets(batches, &mut job)?;
        let outcomes = self.run(job, batches, hypers, true)?;
        Ok(outcomes.iter().map(|outcome| (outcome.loss as f32, outcome.infinite == 0)).collect())
    }

    pub(super) fn try_begin(&mut self, batches: &[Samples], hypers: &[Hyper]) -> Result<()> {
        let slots = hypers.first().map_or(0, |hyper| hyper.optimizer.slots());
        self.prepare_state(slots)?;
        let mut job = self.job(job::FORWARD | job::BACKWARD | job::UPDATE | job::TRAINING);
        self.bring_inputs(batches, &mut job)?;
        self.bring_targets(batches, &mut job)?;
        let (rows, steps) = self.steps_of(batches, hypers);
        let most = batches.iter().map(|samples| samples.rows.len()).max().unwrap_or(0);
        self.give_room(&mut job, most)?;
        let blocks = layers::blocks(&self.layers, most, self.plan.parameters, job.flags);
        let which = (0..self.flights.len()).find(|which| !self.begun.contains(which));
        let Some(which) = which else { unreachable!("one is finished before a third begins") };
        let flight = &mut self.flights[which];
        flight.tell(&self.stream, &mut job, &rows, &steps)?;
        // SAFETY: as in `launch`; the flight's memories stay until it has landed.
        unsafe { self.stream.launch(&job, blocks)? };
        flight.ask(&self.stream)?;
        flight.updates = self.updates;
        self.begun.push_back(which);
        Ok(())
    }

    pub(super) fn try_finish(&mut self) -> Result<Vec<(f32, bool)>> {
        let Some(which) = self.begun.pop_front() else { unreachable!("nothing has begun") };
        let flight = &mut self.flights[which];
        let outcomes = flight.outcomes()?.iter();
        let mut done: Vec<(f32, bool)> =
            outcomes.map(|outcome| (outcome.loss as f32, outcome.infinite == 0)).collect();
        let diverged = done.iter().position(|(loss, finite)| !finite || !loss.is_finite());
        if let Some(i) = diverged {
            // Steps after it count as not taken.
            done.truncate(i + 1);
            self.begun.clear();
            self.updates = flight.updates + done.len() as u64;
        }
        Ok(done)
    }
}
