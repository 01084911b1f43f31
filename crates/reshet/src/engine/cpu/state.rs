//! What the engine owns from one call to the next.

use super::{
    Instructions,
    arena::Arena,
    bf16::Rounded,
    flat::Flat,
    layers::{self, Op},
    scratch::Scratch,
    shares::samples_together,
    sparse::{self, Zeros},
    stages::Stages,
    team::Team,
};
use crate::{
    Plan,
    engine::{Buffer, Samples},
    optim::{Hyper, Rule},
};

/// See the [module](super).
pub(in crate::engine) struct Cpu {
    pub(super) plan: Plan,
    pub(super) seed: u64,
    pub(super) instructions: Instructions,
    pub(super) team: Team,
    pub(super) ops: Vec<Op>,
    /// Samples that go through the layers together.
    pub(super) together: usize,
    pub(super) arena: Arena,
    pub(super) flat: Flat,
    pub(super) stages: Stages,
    pub(super) scratch: Scratch,
    pub(super) zeros: Zeros,
    /// What is rounded, if products are in bfloat16.
    pub(super) rounded: Option<Rounded>,
    pub(super) updates: u64,
    /// The rows of the last forward pass.
    pub(super) rows: Vec<u32>,
    /// The rows expected next.
    pub(super) next: Vec<u32>,
    /// 0, 1, 2, …: all samples of what is predicted.
    pub(super) all: Vec<u32>,
}

/// Memory that a step needs and nobody else, for one engine after the other: what the engine
/// before has used is still in the cache.
#[derive(Default)]
pub(crate) struct Workspace {
    /// Of the first engine; others keep their own memory.
    plan: Option<Plan>,
    stages: Stages,
}

impl Workspace {
    /// What is there for this plan.
    pub(super) fn of(&mut self, plan: &Plan) -> Option<Stages> {
        (self.plan.as_ref() == Some(plan)).then(|| std::mem::take(&mut self.stages))
    }

    pub(super) fn keep(&mut self, plan: &Plan, stages: &mut Stages) {
        if self.plan.get_or_insert_with(|| plan.clone()) == plan {
            self.stages = std::mem::take(stages);
        }
    }
}

impl Cpu {
    /// An engine with these parameters.
    pub fn new(
        plan: Plan,
        parameters: &[f32],
        seed: u64,
        threads: usize,
        instructions: Instructions,
    ) -> Self {
        let (ops, flat_length) = layers::place(&plan);
        let (team, mut arena) = (Team::new(threads), Arena::default());
        let together = samples_together(plan.parameters);
        let mut engine = Self {
            seed,
            instructions,
            // In this order in the arena.
            flat: Flat::new(flat_length, &mut arena),
            scratch: Scratch::new(&plan, team.threads(), together, &mut arena),
            stages: Stages::default(),
            zeros: Zeros::default(),
            rounded: None,
            updates: 0,
            rows: Vec::new(),
            next: Vec::new(),
            all: Vec::new(),
            team,
            ops,
            together,
            plan,
            arena,
        };
        engine.put(Buffer::Parameters, parameters);
        engine
    }

    /// Lets so many samples go through the layers together.
    #[cfg(test)]
    pub(super) fn go_together(&mut self, samples: usize) {
        let threads = self.team.threads();
        self.scratch = Scratch::new(&self.plan, threads, samples, &mut self.arena);
        self.together = samples;
    }

    /// Overwrites a buffer with numbers in the plan's order.
    pub(super) fn put(&mut self, buffer: Buffer, from: &[f32]) {
        if buffer == Buffer::Parameters {
            self.parameters_changed();
        }
        let into = self.flat.get_mut(buffer, &mut self.arena);
        layers::each_place(&self.plan, &self.ops, |theirs, ours| into[ours] = from[theirs]);
    }

    /// Notes that parameters have been written to.
    pub(super) fn parameters_changed(&mut self) {
        if let Some(rounded) = &mut self.rounded {
            rounded.weights_changed();
        }
    }

    /// Whether the first layer should skip the zeros of these samples.
    pub(super) fn skips_zeros(&mut self, samples: &Samples) -> bool {
        if self.rounded.is_some() && !samples.attached {
            // It decides the bits: by this batch alone.
            return sparse::is_worth_it(&self.ops, samples.inputs);
        }
        self.zeros.are_worth_skipping(&self.ops, samples)
    }

    /// Makes room for batches of this many samples.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.stages.reserve(rows, self.plan.inputs, &self.ops, &mut self.arena);
    }

    /// Makes room for a batch, and notes how it is gone through.
    pub(super) fn begin(&mut self, samples: &Samples, skips_zeros: bool) {
        self.reserve(samples.rows.len());
        self.rows.clear();
        self.rows.extend_from_slice(samples.rows);
        let fresh = self.updates == 0 && !self.flat.has_gradients();
        self.zeros.begin(skips_zeros, fresh, self.plan.inputs, self.team.threads());
        // A batch without a sample has nothing to say of zeros.
        let single_first = !samples.rows.is_empty() && self.skips_zeros(samples);
        if let Some(rounded) = &mut self.rounded {
            rounded.begin(samples.rows.len(), single_first, &mut self.arena);
        }
    }

    /// The mean of the last backward pass's losses.
    pub(super) fn loss(&self, denominator: f64) -> f32 {
        (self.stages.sum_losses(self.rows.len()) / denominator) as f32
    }

    /// The next update's rule, and room for its state.
    pub(super) fn next_rule(&mut self, hyper: &Hyper) -> Rule {
        self.flat.keep_state(hyper.optimizer.slots(), &mut self.arena);
        let rule = hyper.optimizer.rule(self.updates + 1);
        if !rule.rests() {
            // Weight decay moves every weight, and may leave it a momentum.
            self.zeros.all_may_move();
        }
        rule
    }
}
