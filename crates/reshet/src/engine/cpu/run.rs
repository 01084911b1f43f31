//! How the threads are told of a batch, and set to work on it.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use super::{
    bf16::Rounded,
    layers::Op,
    phases::Phases,
    shares,
    state::Cpu,
    strategy::Strategy,
    team::Barrier,
    update::SETTLES_EACH,
    work::{Batch, Objective, Task, Work},
};
use crate::{
    data::{Numbers, Rows},
    engine::Samples,
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

impl Cpu {
    /// As the last batch began.
    pub(super) fn pass(&self) -> Pass<'static> {
        Pass { skips_zeros: self.zeros.skipped, ..Pass::default() }
    }

    /// What a pass takes, in multiply-adds.
    fn multiply_adds(&self, pass: &Pass, samples: usize) -> usize {
        let each = samples + if pass.training { AN_UPDATE } else { 0 };
        let looks = if pass.skips_zeros { self.plan.inputs * samples } else { 0 };
        self.plan.parameters * each + A_LOOK * looks
    }

    /// Describes the batch to the threads and runs phases on it.
    pub(super) fn run(
        &mut self,
        pass: &Pass,
        samples: &Samples,
        task: Task,
        job: impl Fn(&Phases, &Work, usize, &Barrier) + Sync,
    ) -> bool {
        let &Pass { training, skips_zeros, denominator, derivative } = pass;
        let multiply_adds = self.multiply_adds(pass, samples.rows.len());
        let all = self.team.threads();
        let crew = if multiply_adds < WORTH_A_TEAM[usize::from(!skips_zeros)] {
            self.team.alone()
        } else {
            self.team.gather(Duration::from_nanos((multiply_adds / A_NANOSECOND) as u64))
        };
        let threads = crew.threads();
        let stages = self.stages.share();
        let rounded = self.rounded.as_ref().filter(|_| training);
        let second = rounded.is_some_and(|rounded| rounded.has(1));
        let strategy = match self.ops.first() {
            Some(Op::Dense(layer)) if skips_zeros => {
                let can_own = training && shares::can_own_strips(&self.ops, threads);
                let lanes = self.instructions.lanes();
                // Narrow vectors take longer than the memory: a thread with more of them is
                // waited for. Not where strips of two layers need hardly any of what others have.
                let by_rows = can_own
                    && lanes == 4
                    && !Strategy::has_strips_of_two(&self.ops, stages.all)
                    && !shares::are_strips_even(&layer.weights, threads, lanes);
                let owns = can_own && !by_rows && self.zeros.has_masks_for(threads);
                let first =
                    self.zeros.share(*layer, samples.rows.len(), owns.then_some(threads), all);
                match by_rows {
                    true => Strategy::SparseRows(first),
                    false => Strategy::skipping(first, owns, &self.ops, stages.all, second),
                }
            }
            _ => Strategy::Samples,
        };
        let work = Work {
            ops: &self.ops,
            threads,
            together: self.together,
            strategy,
            batch: Batch {
                inputs: samples.inputs,
                rows: samples.rows,
                // Of the attached data alone.
                next: if training && samples.attached { &self.next } else { &[] },
                dropout: training.then_some((self.seed, self.updates)),
            },
            objective: Objective {
                head: &self.plan.head,
                targets: samples.targets,
                derivative,
                weights: samples.weights,
                denominator,
            },
            stages,
            scratch: self.scratch.share(),
            flat: self.flat.share(),
            rounded: self.rounded.as_mut().filter(|_| training).map(Rounded::share),
            task: Task { settle: self.updates % SETTLES_EACH == 0, ..task },
            finite: AtomicBool::new(true),
        };
        let phases = Phases::of(self.instructions);
        crew.run(&|thread: usize, barrier: &Barrier| job(phases, &work, thread, barrier));
        let finite = work.finite.load(Relaxed);
        if training && let Some(rounded) = &mut self.rounded {
            rounded.ended(task.rule.is_some());
        }
        if threads < all && task.gradient.is_some() {
            self.zeros.tell_absent_threads(all);
        }
        finite
    }

    /// Runs phases that look at no sample, by as many threads as the last batch.
    pub(super) fn run_apart(
        &mut self,
        task: Task,
        job: impl Fn(&Phases, &Work, usize, &Barrier) + Sync,
    ) -> bool {
        let rows = std::mem::take(&mut self.rows);
        let inputs = Rows { numbers: Numbers::F32(&[]), width: self.plan.inputs };
        let samples = Samples::inputs(inputs, &rows);
        let finite = self.run(&self.pass(), &samples, task, job);
        self.rows = rows;
        finite
    }
}
