//! How the threads are told of a batch, and set to work on it.

use std::{
    ptr::null_mut,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use super::{
    Cpu,
    phases::Phases,
    shares,
    sparse::{self, Sparse},
    team::Barrier,
    update::{SETTLES_EACH, Stretch},
    work::{Accumulate, BLOCK, Work},
};
use crate::{
    data::{Numbers, Rows},
    engine::Samples,
    optim::Rule,
};

/// Below this many multiply-adds, a second thread costs more than it gives: with
/// a first layer that skips zeros, whose weights stay with their threads, and without.
const WORTH_A_TEAM: [usize; 2] = [1_200_000, 1_500_000];
/// What looking for an input's zeros takes, in multiply-adds.
const A_LOOK: usize = 16;
/// What updating a weight takes, in multiply-adds.
const AN_UPDATE: usize = 16;
/// Multiply-adds that a thread does in a nanosecond or so.
const A_NANOSECOND: usize = 32;

/// What `weights` is asked to do.
#[derive(Clone, Copy)]
pub(super) struct Weights {
    pub gradient: Option<Accumulate>,
    pub rule: Option<Rule>,
    pub scale: f32,
}

/// How a batch is gone through.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    /// Dropout is on, and what comes next is fetched.
    pub training: bool,
    /// The first layer skips zeros.
    pub skips_zeros: bool,
    /// What the batch's losses are divided by.
    pub denominator: f64,
    /// The loss's derivative, where the caller has it.
    pub derivative: Option<&'a [f32]>,
}

impl Default for Pass<'_> {
    fn default() -> Self {
        Self { training: true, skips_zeros: false, denominator: 1.0, derivative: None }
    }
}

/// No weight is touched.
pub(super) const NOTHING: Weights = Weights { gradient: None, rule: None, scale: 1.0 };

impl Cpu {
    /// Room for the masks of this many samples, and for turning them.
    fn sparse(&mut self, rows: usize) -> Sparse {
        let samples = rows.next_multiple_of(BLOCK);
        let each = sparse::blocks(self.plan.inputs) * samples;
        for masks in [&mut self.masks, &mut self.turned] {
            masks.resize(masks.len().max(each * self.team.threads()), 0);
        }
        let (masks, turned) = (self.masks.as_mut_ptr(), self.turned.as_mut_ptr());
        Sparse { masks, samples, turned, each, seen: self.seen.as_mut_ptr() }
    }

    /// As the last batch began.
    pub(super) fn pass(&self) -> Pass<'static> {
        Pass { skips_zeros: self.skips_zeros, ..Pass::default() }
    }

    /// Describes the batch to the threads and runs phases on it.
    pub(super) fn run(
        &mut self,
        pass: &Pass,
        samples: &Samples,
        weights: Weights,
        job: impl Fn(&Phases, &Work, usize, &Barrier) + Sync,
    ) -> bool {
        let mut state = [null_mut(); 3];
        for (pointer, buffer) in state.iter_mut().zip(&mut self.state) {
            *pointer = buffer.as_mut_ptr();
        }
        let rows = samples.rows;
        let &Pass { training, skips_zeros, denominator, derivative } = pass;
        let each = rows.len() + if training { AN_UPDATE } else { 0 };
        let looks = if skips_zeros { self.plan.inputs * rows.len() } else { 0 };
        let multiply_adds = self.plan.parameters * each + A_LOOK * looks;
        let sparse = skips_zeros.then(|| self.sparse(rows.len()));
        let all = self.team.threads();
        let crew = if multiply_adds < WORTH_A_TEAM[usize::from(!skips_zeros)] {
            self.team.alone()
        } else {
            self.team.gather(Duration::from_nanos((multiply_adds / A_NANOSECOND) as u64))
        };
        let threads = crew.threads();
        // The forward pass may have had fewer threads, or have been a run of its own.
        let has_masks = self.masked == 0 || self.masked >= threads;
        let own_strips =
            skips_zeros && training && has_masks && shares::can_own_strips(&self.ops, threads);
        if self.masked == 0 {
            self.masked = if own_strips { threads } else { 1 };
        }
        let work = Work {
            ops: &self.ops,
            stages: &self.stages,
            head: &self.plan.head,
            outputs: self.plan.outputs,
            inputs: samples.inputs,
            targets: samples.targets,
            derivative,
            weights: samples.weights,
            rows,
            // Of the attached data alone.
            next: if training && samples.attached { &self.next } else { &[] },
            threads,
            sparse,
            own_strips,
            own_rest: own_strips && self.partial.is_some(),
            partial: self.partial,
            dropout: training.then_some((self.seed, self.updates)),
            denominator,
            stage: self.stage.as_mut_ptr(),
            losses: self.losses.as_mut_ptr(),
            scratch: self.scratch.as_mut_ptr(),
            scratch_each: self.scratch_each,
            wide: self.wide.as_mut_ptr(),
            wide_each: self.wide_each,
            flat: Stretch {
                parameters: self.parameters.as_mut_ptr(),
                gradients: self.gradients.as_mut_ptr(),
                state,
            },
            flat_length: self.flat_length,
            gradient: weights.gradient,
            rule: weights.rule,
            scale: weights.scale,
            settle: self.updates % SETTLES_EACH == 0,
            norms: self.norms.as_mut_ptr(),
            finite: AtomicBool::new(true),
        };
        let phases = self.instructions.phases();
        crew.run(&|thread: usize, barrier: &Barrier| job(phases, &work, thread, barrier));
        let finite = work.finite.load(Relaxed);
        if threads < all && weights.gradient.is_some() {
            // Who did not take part has not seen this batch.
            let each = self.seen.len() / all;
            let (first, others) = self.seen.split_at_mut(each);
            others.chunks_mut(each.max(1)).for_each(|seen| seen.copy_from_slice(first));
        }
        finite
    }

    /// Runs phases that look at no sample, by as many threads as the last batch.
    pub(super) fn run_apart(
        &mut self,
        weights: Weights,
        job: impl Fn(&Phases, &Work, usize, &Barrier) + Sync,
    ) -> bool {
        let rows = std::mem::take(&mut self.rows);
        let inputs = Rows { numbers: Numbers::F32(&[]), width: self.plan.inputs };
        let samples =
            Samples { inputs, targets: None, weights: None, rows: &rows, attached: false };
        let finite = self.run(&self.pass(), &samples, weights, job);
        self.rows = rows;
        finite
    }
}
