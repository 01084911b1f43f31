//! The fast engine for processors: `f32`, several threads, no allocation in a step.
//!
//! `phases` says what a step does, `work` what the threads of the `team` share in
//! it, `shares` which of it is whose, and `run` sets them to it; `linear` and
//! `rows` do it, with the matrix `product` under them, on matrices laid out as in
//! `matrix` in an `arena`; `sparse` is a first layer whose inputs are mostly zero, `ahead`
//! fetches the next batch's; `update` is the optimisers. Kernels are written once,
//! over a small `vector`, and compiled for each instruction set; the path is
//! picked when the program runs.

mod ahead;
mod arena;
mod instructions;
mod linear;
mod math;
mod matrix;
mod phases;
mod product;
mod rows;
mod run;
mod shares;
mod sparse;
mod subnormal;
mod team;
mod update;
mod vector;
mod work;

pub use self::instructions::Instructions;

use self::{
    arena::Arena,
    matrix::Matrix,
    run::{NOTHING, Pass, Weights},
    team::Team,
    work::{Accumulate, BLOCK, NORM_CHUNK, Op, Stage},
};
use super::{Buffer, Device, Engine, Samples};
use crate::{
    Plan,
    data::{Dataset, Rows},
    optim::{Hyper, Rule, clip_scale},
    plan::Step,
};

/// See the [module](self).
pub(super) struct Cpu {
    plan: Plan,
    seed: u64,
    instructions: Instructions,
    team: Team,
    ops: Vec<Op>,

    arena: Arena,
    /// The flat buffers, laid out as `ops` says.
    parameters: arena::Buffer,
    gradients: arena::Buffer,
    state: Vec<arena::Buffer>,
    flat_length: usize,
    updates: u64,

    /// What a batch leaves at each stage, room for `capacity` samples.
    stage: arena::Buffer,
    stages: Vec<Stage>,
    partial: Option<Matrix>,
    capacity: usize,
    losses: Vec<f64>,
    norms: Vec<f64>,
    scratch: arena::Buffer,
    scratch_each: usize,
    wide: Vec<f64>,
    wide_each: usize,

    /// Most of the attached data's inputs are zero, and the first layer skips them.
    sparse: bool,
    /// The same of batches made just now, decided by the first one of so many samples.
    sparse_given: Option<(usize, bool)>,
    masks: Vec<u64>,
    /// Of the batch's forward pass, how many threads have masks of their own; 0 before it.
    masked: usize,
    turned: Vec<u64>,
    /// See [`sparse::Sparse::seen`]; empty until a first layer skips zeros.
    seen: Vec<u64>,

    /// The rows of the last forward pass, and whether it skipped zeros.
    rows: Vec<u32>,
    skips_zeros: bool,
    /// The rows expected next.
    next: Vec<u32>,
    /// 0, 1, 2, …: all samples of what is predicted.
    all: Vec<u32>,
}

/// Strips of inputs of which the last layer is summed apart.
const PARTIAL: usize = 8;
/// Samples a thread predicts in one go.
const PREDICTED: usize = 4 * BLOCK;

impl Cpu {
    /// An engine with these parameters.
    pub fn new(
        plan: Plan,
        parameters: &[f32],
        seed: u64,
        threads: usize,
        instructions: Instructions,
    ) -> Self {
        let mut flat_length = 0;
        let ops: Vec<Op> = plan
            .steps
            .iter()
            .map(|step| match *step {
                Step::Dense(dense) => {
                    let weights = Matrix::place(&mut flat_length, dense.inputs + 1, dense.outputs);
                    Op::Dense(weights, dense.activation)
                }
                Step::Activation(activation) => Op::Activation(activation),
                Step::Dropout(p, module) => Op::Dropout(p, module),
            })
            .collect();
        let (team, mut arena) = (Team::new(threads), Arena::default());
        let widest = plan.dense().map(|d| d.inputs.max(d.outputs)).max().unwrap_or(0);
        // A strip of 64 × 64, and the widest layer's derivatives transposed.
        let scratch_each = 64 * (64 + widest.next_multiple_of(64));
        // Two rows of the widest, or a block of outputs; threads apart by a cache line.
        let wide_each = (2 * widest)
            .max(BLOCK * plan.outputs.next_multiple_of(matrix::ROUND))
            .next_multiple_of(8);
        let mut engine = Self {
            seed,
            instructions,
            parameters: arena.zeros(flat_length),
            gradients: arena::Buffer::default(),
            state: Vec::new(),
            flat_length,
            updates: 0,
            stage: arena::Buffer::default(),
            stages: Vec::new(),
            partial: None,
            capacity: 0,
            losses: Vec::new(),
            norms: vec![0.0; flat_length.div_ceil(NORM_CHUNK)],
            scratch: arena.zeros(scratch_each * team.threads()),
            scratch_each,
            wide: vec![0.0; wide_each * team.threads()],
            wide_each,
            sparse: false,
            sparse_given: None,
            masks: Vec::new(),
            masked: 0,
            turned: Vec::new(),
            seen: Vec::new(),
            rows: Vec::new(),
            skips_zeros: false,
            next: Vec::new(),
            all: Vec::new(),
            team,
            ops,
            plan,
            arena,
        };
        engine.write(Buffer::Parameters, parameters);
        engine
    }

    /// Makes room for batches of this many samples.
    fn reserve(&mut self, rows: usize) {
        if rows <= self.capacity {
            return;
        }
        let (mut end, mut width) = (0, self.plan.inputs);
        let mut place = |width| Matrix::place(&mut end, rows, width);
        let mut stages = vec![Stage { y: place(width), ..Stage::default() }];
        for op in &self.ops {
            let mut needs_input = false;
            match op {
                Op::Dense(weights, activation) => {
                    width = weights.columns;
                    needs_input = activation.needs_input();
                }
                Op::Activation(activation) => needs_input = activation.needs_input(),
                Op::Dropout(..) => {}
            }
            let z = needs_input.then(|| place(width));
            stages.push(Stage { y: place(width), d: place(width), z });
        }
        // So that threads can have their own strips of both layers. By the
        // network alone, so that all sums of it are always the same.
        self.partial = match self.ops[..] {
            [Op::Dense(one, _), Op::Dense(two, _)]
                if one.strips() > 1 && one.strips() <= PARTIAL && two.strips() == 1 =>
            {
                Some(Matrix::place(&mut end, one.strips() * rows, two.columns))
            }
            _ => None,
        };
        self.stages = stages;
        self.stage = self.arena.zeros(end);
        self.losses = vec![0.0; rows];
        self.capacity = rows;
    }

    /// Room for gradients: a fused step does without.
    fn keep_gradients(&mut self) {
        if self.gradients.as_slice().is_empty() {
            self.gradients = self.arena.zeros(self.flat_length);
        }
    }

    /// Whether the first layer should skip the zeros of these samples.
    fn skips_zeros(&mut self, samples: &Samples) -> bool {
        if samples.attached {
            return self.sparse;
        }
        let count = samples.rows.len();
        match self.sparse_given {
            Some((known, sparse)) if known == count => sparse,
            _ => {
                let sparse = sparse::is_worth_it(&self.ops, samples.inputs);
                self.sparse_given = Some((count, sparse));
                sparse
            }
        }
    }

    /// Makes room for a batch, and notes how it is gone through.
    fn begin(&mut self, samples: &Samples, skips_zeros: bool) {
        self.reserve(samples.rows.len());
        self.masked = 0;
        self.rows.clear();
        self.rows.extend_from_slice(samples.rows);
        self.skips_zeros = skips_zeros;
        if !skips_zeros {
            // Any weight of the first layer may get a gradient.
            self.seen.fill(u64::MAX);
        } else if self.seen.is_empty() {
            let fresh = self.updates == 0 && self.gradients.as_slice().is_empty();
            let length = self.team.threads() * sparse::seen_each(self.plan.inputs);
            self.seen = vec![if fresh { 0 } else { u64::MAX }; length];
        }
    }

    /// The mean of the last backward pass's losses, each eighth row's summed in order.
    fn loss(&self, denominator: f64) -> f32 {
        let mut sums = [0.0; 8];
        for losses in self.losses[..self.rows.len()].chunks(8) {
            sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss);
        }
        (sums.iter().sum::<f64>() / denominator) as f32
    }

    /// The next update's rule, and room for its state.
    fn next_rule(&mut self, hyper: &Hyper) -> Rule {
        let length = self.flat_length;
        self.state.resize_with(hyper.optimizer.slots(), || self.arena.zeros(length));
        let rule = hyper.optimizer.rule(self.updates + 1);
        if !rule.rests() {
            // Weight decay moves every weight, and may leave it a momentum.
            self.seen.fill(u64::MAX);
        }
        rule
    }

    fn copy_output(&self, rows: usize, into: &mut [f32]) {
        let Some(last) = self.stages.last() else { return };
        let (stage, outputs) = (self.stage.as_slice(), self.plan.outputs);
        for (row, into) in into.chunks_exact_mut(outputs).take(rows).enumerate() {
            for (column, into) in into.iter_mut().enumerate() {
                *into = stage[last.y.index(row, column)];
            }
        }
    }
}

/// Calls `f` with each parameter's place in the plan's order and in ours.
fn each_place(plan: &Plan, ops: &[Op], mut f: impl FnMut(usize, usize)) {
    let matrices = ops.iter().filter_map(|op| match op {
        Op::Dense(weights, _) => Some(weights),
        _ => None,
    });
    for (dense, matrix) in plan.dense().zip(matrices) {
        for o in 0..dense.outputs {
            for i in 0..dense.inputs {
                f(dense.offset + o * dense.inputs + i, matrix.index(i, o));
            }
            f(dense.bias().start + o, matrix.index(dense.inputs, o));
        }
    }
}

// SAFETY of the phases' calls below: `Instructions::phases` gives only phases
// whose instructions the processor has, `run` describes buffers it owns, and
// `reserve` has made room for the rows.
#[allow(clippy::undocumented_unsafe_blocks, reason = "the same for each, said above")]
impl Engine for Cpu {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn device(&self) -> Device {
        Device::Cpu { threads: self.team.threads(), instructions: self.instructions }
    }

    fn attach(&mut self, data: &Dataset) {
        self.sparse = sparse::is_worth_it(&self.ops, Rows::of(data.features()));
    }

    fn forward(&mut self, samples: &Samples) {
        // A batch made just now need not be there any more when its gradient is asked for:
        // what is copied for the dense products is.
        self.begin(samples, samples.attached && self.sparse);
        self.run(&self.pass(), samples, NOTHING, |phases, work, thread, barrier| unsafe {
            (phases.forward)(work, thread, barrier)
        });
    }

    fn output(&self, into: &mut [f32]) {
        self.copy_output(self.rows.len(), into);
    }

    fn backward(&mut self, samples: &Samples, derivative: Option<&[f32]>, accumulate: bool) -> f32 {
        self.keep_gradients();
        let denominator = samples.denominator(&self.plan.head);
        let gradient = Some(if accumulate { Accumulate::Yes } else { Accumulate::No });
        let pass = Pass { denominator, derivative, ..self.pass() };
        let weights = Weights { gradient, ..NOTHING };
        self.run(&pass, samples, weights, |phases, work, thread, barrier| unsafe {
            (phases.backward)(work, thread, barrier);
            (phases.weights)(work, thread);
        });
        self.loss(denominator)
    }

    fn update(&mut self, hyper: &Hyper) -> bool {
        let mut scale = 1.0;
        if let Some(most) = hyper.clip_norm {
            self.run_apart(NOTHING, |phases, work, thread, _| unsafe {
                (phases.norms)(work, thread)
            });
            scale = clip_scale(self.norms.iter().sum::<f64>().sqrt(), most) as f32;
        }
        let rule = Some(self.next_rule(hyper));
        let weights = Weights { gradient: None, rule, scale };
        let finite = self.run_apart(weights, |phases, work, thread, _| unsafe {
            (phases.weights)(work, thread)
        });
        self.updates += 1;
        finite
    }

    fn prefetch(&mut self, rows: &[u32]) {
        self.next.clear();
        self.next.extend_from_slice(rows);
    }

    fn step(&mut self, samples: &Samples, hyper: &Hyper) -> (f32, bool) {
        if hyper.clip_norm.is_some() {
            // The norm needs the whole gradient before the first weight moves.
            self.forward(samples);
            let loss = self.backward(samples, None, false);
            return (loss, self.update(hyper));
        }
        let skips_zeros = self.skips_zeros(samples);
        self.begin(samples, skips_zeros);
        let denominator = samples.denominator(&self.plan.head);
        let pass = Pass { denominator, ..self.pass() };
        let (gradient, rule) = (Some(Accumulate::No), Some(self.next_rule(hyper)));
        let weights = Weights { gradient, rule, scale: 1.0 };
        let finite = self.run(&pass, samples, weights, |phases, work, thread, barrier| unsafe {
            (phases.forward)(work, thread, barrier);
            (phases.backward)(work, thread, barrier);
            (phases.weights)(work, thread);
        });
        self.updates += 1;
        (self.loss(denominator), finite)
    }

    fn predict(&mut self, inputs: Rows, into: &mut [f32]) {
        let (outputs, count) = (self.plan.outputs, inputs.len());
        let block = count.min(PREDICTED * self.team.threads()).max(1);
        self.reserve(block);
        let skips_zeros = sparse::is_worth_it(&self.ops, inputs);
        let pass = Pass { training: false, skips_zeros, ..Pass::default() };
        self.all.extend(self.all.len() as u32..count as u32);
        let all = std::mem::take(&mut self.all);
        for (rows, into) in all[..count].chunks(block).zip(into.chunks_mut(block * outputs)) {
            let samples = Samples { inputs, targets: None, weights: None, rows, attached: false };
            self.run(&pass, &samples, NOTHING, |phases, work, thread, barrier| unsafe {
                (phases.forward)(work, thread, barrier)
            });
            self.copy_output(rows.len(), into);
        }
        self.all = all;
    }

    fn updates(&self) -> u64 {
        self.updates
    }

    fn set_updates(&mut self, updates: u64) {
        self.updates = updates;
    }

    fn read(&self, buffer: Buffer, into: &mut [f32]) {
        let from = match buffer {
            Buffer::Parameters => &self.parameters,
            Buffer::Gradients if self.gradients.as_slice().is_empty() => return into.fill(0.0),
            Buffer::Gradients => &self.gradients,
            Buffer::State(slot) => match self.state.get(slot) {
                Some(state) => state,
                None => return into.fill(0.0),
            },
        };
        let from = from.as_slice();
        each_place(&self.plan, &self.ops, |theirs, ours| into[theirs] = from[ours]);
    }

    fn write(&mut self, buffer: Buffer, from: &[f32]) {
        let length = self.flat_length;
        if buffer != Buffer::Parameters {
            // From here on any weight may have a gradient or a momentum.
            self.keep_gradients();
            self.seen.fill(u64::MAX);
        }
        let into = match buffer {
            Buffer::Parameters => &mut self.parameters,
            Buffer::Gradients => &mut self.gradients,
            Buffer::State(slot) => {
                if self.state.len() <= slot {
                    self.state.resize_with(slot + 1, || self.arena.zeros(length));
                }
                &mut self.state[slot]
            }
        };
        let into = into.as_mut_slice();
        each_place(&self.plan, &self.ops, |theirs, ours| into[ours] = from[theirs]);
    }

    fn slots(&self) -> usize {
        self.state.len()
    }

    fn laid_out(&self) -> Option<&[f32]> {
        Some(self.parameters.as_slice())
    }

    fn copy_from(&mut self, other: &dyn Engine) -> bool {
        match other.laid_out() {
            // The layout follows from the plan.
            Some(from) if from.len() == self.flat_length && other.plan() == &self.plan => {
                self.parameters.as_mut_slice().copy_from_slice(from);
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
