//! The fast engine for processors: `f32`, several threads, no allocation in a step.
//!
//! `phases` says what a step does and `work` what the threads of the `team` share
//! in it; `linear` and `rows` do it, with the matrix `product` under them, on
//! matrices laid out as in `matrix`; `sparse` is a first layer whose inputs are
//! mostly zero; `update` is the optimisers. Kernels are
//! written once, over a small `vector`, and compiled for each instruction set;
//! the path is picked when the program runs.

mod ahead;
mod instructions;
mod linear;
mod math;
mod matrix;
mod phases;
mod product;
mod rows;
mod sparse;
mod subnormal;
mod team;
mod update;
mod vector;
mod work;

use std::{
    ptr::null_mut,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

pub use self::instructions::Instructions;

use self::{
    matrix::Matrix,
    phases::Phases,
    sparse::Sparse,
    subnormal::FlushToZero,
    team::{Barrier, Team},
    update::Stretch,
    work::{Accumulate, BLOCK, NORM_CHUNK, Op, Stage, Work},
};
use super::{Buffer, Device, Engine, reference::clip_scale};
use crate::{
    Activation, Features, Plan,
    data::Dataset,
    optim::{Hyper, Rule},
    plan::Step,
};

/// See the [module](self).
pub struct Cpu {
    plan: Plan,
    data: Dataset,
    seed: u64,
    instructions: Instructions,
    team: Team,
    ops: Vec<Op>,

    /// The flat buffers, laid out as `ops` says.
    parameters: matrix::Buffer,
    gradients: matrix::Buffer,
    state: Vec<matrix::Buffer>,
    flat_length: usize,
    updates: u64,

    /// What a batch leaves at each stage, room for `capacity` samples.
    stage: matrix::Buffer,
    stages: Vec<Stage>,
    partial: Option<Matrix>,
    capacity: usize,
    losses: Vec<f64>,
    norms: Vec<f64>,
    scratch: matrix::Buffer,
    scratch_each: usize,
    wide: Vec<f64>,
    wide_each: usize,

    /// Most of the data's inputs are zero, and the first layer skips them.
    sparse: bool,
    masks: Vec<u64>,
    turned: Vec<u64>,
    seen: Vec<u64>,

    /// The rows of the last forward pass, and what their losses are divided by.
    rows: Vec<u32>,
    denominator: f64,
    /// The rows expected next.
    next: Vec<u32>,
}

/// Below this many multiply-adds a step, a second thread costs more than it gives.
const WORTH_A_TEAM: usize = 100_000;
/// Above this share of inputs that are not zero, the dense products are faster.
const SPARSE: f64 = 0.4;

/// Strips of inputs of which the last layer is summed apart.
const PARTIAL: usize = 8;
/// Samples a thread predicts in one go.
const PREDICTED: usize = 4 * BLOCK;

/// What `weights` is asked to do.
#[derive(Clone, Copy)]
struct Weights {
    gradient: Option<Accumulate>,
    rule: Option<Rule>,
    scale: f32,
}

impl Cpu {
    /// An engine with these parameters.
    pub fn new(
        plan: Plan,
        data: Dataset,
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
        let team = Team::new(threads);
        let widest = plan.dense().map(|d| d.inputs.max(d.outputs)).max().unwrap_or(0);
        // A strip of 64 × 64, and the widest layer's derivatives transposed.
        let scratch_each = 64 * (64 + widest.next_multiple_of(64));
        // Two rows of the widest, or a block of outputs; threads apart by a cache line.
        let wide_each = (2 * widest).max(BLOCK * plan.outputs).next_multiple_of(8);
        let sparse = takes_sparse(&ops, data.features(), 0..data.len());
        let seen =
            vec![0; if sparse { team.threads() * sparse::seen_each(plan.inputs) } else { 0 }];
        let mut engine = Self {
            data,
            seed,
            instructions,
            parameters: matrix::Buffer::zeros(flat_length),
            gradients: matrix::Buffer::default(),
            state: Vec::new(),
            flat_length,
            updates: 0,
            stage: matrix::Buffer::default(),
            stages: Vec::new(),
            partial: None,
            capacity: 0,
            losses: Vec::new(),
            norms: vec![0.0; flat_length.div_ceil(NORM_CHUNK)],
            scratch: matrix::Buffer::zeros(scratch_each * team.threads()),
            scratch_each,
            wide: vec![0.0; wide_each * team.threads()],
            wide_each,
            sparse,
            masks: Vec::new(),
            turned: Vec::new(),
            seen,
            rows: Vec::new(),
            denominator: 0.0,
            next: Vec::new(),
            team,
            ops,
            plan,
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
        // So that threads can have their own columns of both layers. By the
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
        self.stage = matrix::Buffer::zeros(end);
        self.losses = vec![0.0; rows];
        self.capacity = rows;
    }

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

    /// Describes the batch to the threads and runs phases on it. Of features
    /// other than the training's it must be said whether most are zero.
    fn run(
        &mut self,
        features: Option<(&Features, bool)>,
        rows: &[u32],
        weights: Weights,
        job: impl Fn(&Phases, &Work, usize, &Barrier) + Sync,
    ) -> bool {
        let mut state = [null_mut(); 3];
        for (pointer, buffer) in state.iter_mut().zip(&mut self.state) {
            *pointer = buffer.as_mut_ptr();
        }
        let flops = self.plan.parameters * rows.len();
        let threads = if flops < WORTH_A_TEAM { 1 } else { self.team.threads() };
        let training = features.is_none();
        let skips_zeros = features.map_or(self.sparse, |(_, sparse)| sparse);
        let sparse = skips_zeros.then(|| self.sparse(rows.len()));
        let own_columns = skips_zeros && training && own_columns(&self.ops, threads);
        let work = Work {
            ops: &self.ops,
            stages: &self.stages,
            head: &self.plan.head,
            outputs: self.plan.outputs,
            features: features.map_or(self.data.features(), |(features, _)| features),
            targets: self.data.targets(),
            rows,
            next: if training { &self.next } else { &[] },
            threads,
            sparse,
            own_columns,
            own_rest: own_columns && self.partial.is_some() && whole_strips(&self.ops, threads),
            partial: self.partial,
            dropout: training.then_some((self.seed, self.updates)),
            denominator: self.denominator,
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
            norms: self.norms.as_mut_ptr(),
            finite: AtomicBool::new(true),
        };
        let phases = self.instructions.phases();
        let job = |thread: usize, barrier: &Barrier| {
            let _flush = FlushToZero::on();
            job(phases, &work, thread, barrier);
        };
        if threads == 1 {
            job(0, &Barrier::alone())
        } else {
            self.team.run(&job)
        }
        let finite = work.finite.load(Relaxed);
        if threads < self.team.threads() && weights.gradient.is_some() {
            // Who did not take part has not seen this batch.
            let each = self.seen.len() / self.team.threads();
            let (first, others) = self.seen.split_at_mut(each);
            others.chunks_mut(each.max(1)).for_each(|seen| seen.copy_from_slice(first));
        }
        finite
    }

    /// The phases over the last batch's rows.
    fn run_batch(
        &mut self,
        weights: Weights,
        job: impl Fn(&Phases, &Work, usize, &Barrier) + Sync,
    ) -> bool {
        let rows = std::mem::take(&mut self.rows);
        let finite = self.run(None, &rows, weights, job);
        self.rows = rows;
        finite
    }

    /// Room for gradients: a fused step does without.
    fn keep_gradients(&mut self) {
        if self.gradients.as_slice().is_empty() {
            self.gradients = matrix::Buffer::zeros(self.flat_length);
        }
    }

    fn set_rows(&mut self, rows: &[u32]) {
        self.reserve(rows.len());
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        let (targets, head) = (self.data.targets(), &self.plan.head);
        let weight = |row: &u32| head.weight(targets.row(*row as usize), self.plan.outputs);
        self.denominator = rows.iter().map(weight).sum();
    }

    /// The mean of the last backward pass's losses, summed in the rows' order.
    fn loss(&self) -> f32 {
        let sum: f64 = self.losses[..self.rows.len()].iter().sum();
        (sum / self.denominator) as f32
    }

    /// The next update's rule, and room for its state.
    fn next_rule(&mut self, hyper: &Hyper) -> Rule {
        let length = self.flat_length;
        self.state.resize_with(hyper.optimizer.slots(), || matrix::Buffer::zeros(length));
        hyper.optimizer.rule(self.updates + 1)
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

/// Whether the first layer should skip the zeros of these samples.
fn takes_sparse(
    ops: &[Op],
    features: &Features,
    rows: impl ExactSizeIterator<Item = usize>,
) -> bool {
    matches!(ops.first(), Some(Op::Dense(..))) && sparse::density(features, rows) <= SPARSE
}

/// Whether each thread can have its own columns of the first layer.
fn own_columns(ops: &[Op], threads: usize) -> bool {
    match ops.first() {
        // Softmax needs whole rows.
        Some(Op::Dense(weights, activation)) if *activation != Activation::Softmax => {
            threads > 1 && weights.columns.div_ceil(matrix::ROUND) >= 2 * threads
        }
        _ => false,
    }
}

/// Whether each thread's own columns are whole strips.
fn whole_strips(ops: &[Op], threads: usize) -> bool {
    let Some(Op::Dense(weights, _)) = ops.first() else { return false };
    let start = |thread| phases::own_columns(weights, thread, threads).start;
    (0..threads).all(|thread| start(thread) % matrix::STRIP == 0)
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

const NOTHING: Weights = Weights { gradient: None, rule: None, scale: 1.0 };

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

    fn forward(&mut self, rows: &[u32]) {
        self.set_rows(rows);
        self.run_batch(NOTHING, |phases, work, thread, barrier| unsafe {
            (phases.forward)(work, thread, barrier)
        });
    }

    fn output(&self, into: &mut [f32]) {
        self.copy_output(self.rows.len(), into);
    }

    fn backward(&mut self, accumulate: bool) -> f32 {
        self.keep_gradients();
        let gradient = Some(if accumulate { Accumulate::Yes } else { Accumulate::No });
        self.run_batch(Weights { gradient, ..NOTHING }, |phases, work, thread, barrier| unsafe {
            (phases.backward)(work, thread, barrier);
            (phases.weights)(work, thread);
        });
        self.loss()
    }

    fn update(&mut self, hyper: &Hyper) -> bool {
        let mut scale = 1.0;
        if let Some(most) = hyper.clip_norm {
            self.run_batch(NOTHING, |phases, work, thread, _| unsafe {
                (phases.norms)(work, thread)
            });
            scale = clip_scale(self.norms.iter().sum::<f64>().sqrt(), most) as f32;
        }
        let rule = Some(self.next_rule(hyper));
        let weights = Weights { gradient: None, rule, scale };
        let finite = self.run_batch(weights, |phases, work, thread, _| unsafe {
            (phases.weights)(work, thread)
        });
        self.updates += 1;
        finite
    }

    fn prefetch(&mut self, rows: &[u32]) {
        self.next.clear();
        self.next.extend_from_slice(rows);
    }

    fn step(&mut self, rows: &[u32], hyper: &Hyper) -> (f32, bool) {
        if hyper.clip_norm.is_some() {
            // The norm needs the whole gradient before the first weight moves.
            self.forward(rows);
            let loss = self.backward(false);
            return (loss, self.update(hyper));
        }
        self.set_rows(rows);
        let (gradient, rule) = (Some(Accumulate::No), Some(self.next_rule(hyper)));
        let weights = Weights { gradient, rule, scale: 1.0 };
        let finite = self.run_batch(weights, |phases, work, thread, barrier| unsafe {
            (phases.forward)(work, thread, barrier);
            (phases.backward)(work, thread, barrier);
            (phases.weights)(work, thread);
        });
        self.updates += 1;
        (self.loss(), finite)
    }

    fn predict(&mut self, features: &Features, rows: &[u32], into: &mut [f32]) {
        let outputs = self.plan.outputs;
        let block = rows.len().min(PREDICTED * self.team.threads()).max(1);
        self.reserve(block);
        let sparse = takes_sparse(&self.ops, features, rows.iter().map(|row| *row as usize));
        let features = Some((features, sparse));
        for (rows, into) in rows.chunks(block).zip(into.chunks_mut(block * outputs)) {
            self.run(features, rows, NOTHING, |phases, work, thread, barrier| unsafe {
                (phases.forward)(work, thread, barrier)
            });
            self.copy_output(rows.len(), into);
        }
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
            self.seen.fill(u64::MAX);
            self.keep_gradients();
        }
        let into = match buffer {
            Buffer::Parameters => &mut self.parameters,
            Buffer::Gradients => &mut self.gradients,
            Buffer::State(slot) => {
                if self.state.len() <= slot {
                    self.state.resize_with(slot + 1, || matrix::Buffer::zeros(length));
                }
                &mut self.state[slot]
            }
        };
        let into = into.as_mut_slice();
        each_place(&self.plan, &self.ops, |theirs, ours| into[ours] = from[theirs]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, Loss, Sequential, Storage, Targets, init::Init};

    /// Nothing is read that the step has not written: with NaN in all its
    /// scratch memory it gives the same bits.
    #[test]
    fn poisoned_scratch_never_leaks() {
        for net in ["70-90:relu-33:softmax-65:gelu-3", "5:dropout(0.5)-7:relu:tanh-3"] {
            let network: Sequential = net.parse().unwrap();
            let plan = Plan::new(&network, Loss::cross_entropy()).unwrap();
            let n = network.inputs();
            let inputs = (0..20 * n).map(|i| (i % 7) as f32 / 7.0).collect();
            let features = Features::new(Storage::F32(inputs), &[n]).unwrap();
            let names = ["a", "b", "c"].map(String::from).into();
            let targets = Targets::classes((0..20).map(|i| i % 3).collect(), names);
            let data = Dataset::new(features, targets).unwrap();
            let parameters = plan.init(Init::Default, 0);
            let hyper = Hyper { optimizer: Adam::new(0.01).into(), clip_norm: None };
            for instructions in Instructions::ALL.into_iter().filter(|i| i.available()) {
                let run = |poison: bool| {
                    let (plan, data) = (plan.clone(), data.clone());
                    let mut cpu = Cpu::new(plan, data, &parameters, 0, 2, instructions);
                    for rows in [&[1, 2, 3, 4, 5][..], &[6, 7, 8], &[9; 19]] {
                        cpu.reserve(20);
                        if poison {
                            cpu.stage.as_mut_slice().fill(f32::NAN);
                            cpu.scratch.as_mut_slice().fill(f32::NAN);
                            cpu.wide.fill(f64::NAN);
                            cpu.losses.fill(f64::NAN);
                        }
                        assert!(cpu.step(rows, &hyper).1, "{net} {instructions}");
                    }
                    cpu.parameters.as_slice().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
                };
                assert_eq!(run(false), run(true), "{net} {instructions}");
            }
        }
    }

    /// Zeros skipped or not, columns owned or shared, fused or in stages: the
    /// same bits, but for the sign of zero.
    #[test]
    fn every_way_through_a_step_gives_the_same_bits() {
        for net in ["90-140:gelu-70:relu-3", "90-128:gelu-3", "90-100:relu-3", "90-200:tanh-70"] {
            every_way(net);
        }
    }

    fn every_way(net: &str) {
        let network: Sequential = net.parse().unwrap();
        let plan = Plan::new(&network, Loss::cross_entropy()).unwrap();
        let ink = |i: usize| if i % 90 == 7 || i * i % 11 > 1 { 0 } else { (i % 251) as u8 };
        let features = Features::new(Storage::U8((0..200 * 90).map(ink).collect()), &[90]).unwrap();
        let names = (0..network.outputs()).map(|c| c.to_string()).collect();
        let targets = Targets::classes((0..200).map(|i| i % 3).collect(), names);
        let data = Dataset::new(features, targets).unwrap();
        let parameters = plan.init(Init::Default, 0);
        let hyper = Hyper { optimizer: Adam::new(0.01).into(), clip_norm: None };
        let run = |threads, sparse, stages| {
            let (plan, data) = (plan.clone(), data.clone());
            let instructions = Instructions::best();
            let mut cpu = Cpu::new(plan, data, &parameters, 0, threads, instructions);
            assert!(cpu.sparse);
            cpu.sparse = sparse;
            for batch in 0..4 {
                let rows: Vec<u32> = (batch * 17..batch * 17 + 130).collect();
                if stages {
                    cpu.forward(&rows);
                    cpu.backward(false);
                    assert!(cpu.update(&hyper));
                } else {
                    assert!(cpu.step(&rows, &hyper).1);
                }
            }
            let mut out = vec![0.0; parameters.len()];
            cpu.read(Buffer::Parameters, &mut out);
            out.iter().map(|x| (x + 0.0).to_bits()).collect::<Vec<_>>()
        };
        let want = run(1, false, true);
        for threads in [1, 2, 4] {
            for sparse in [false, true] {
                for stages in [false, true] {
                    let got = run(threads, sparse, stages);
                    assert!(
                        got == want,
                        "{net}, {threads} threads, sparse {sparse}, stages {stages}"
                    );
                }
            }
        }
    }
}
