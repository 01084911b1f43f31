//! The fast engine for processors: `f32`, several threads, no allocation in a step.
//!
//! What it owns (`state`): `layers` are the plan's layers with the places of their weights in the `flat`
//! buffers, `stages` is what a batch leaves behind, `scratch` what each thread has for itself,
//! and `sparse` knows of the inputs' zeros and skips them in a first layer (`first_layer`).
//!
//! `phases` says what a step does, `strategy` how the threads of the `team` go about it, decided
//! once a batch, `shares` how things are shared out, `work` what the threads are told, and `run`
//! sets them to it; `linear` and `rows` do it, with the matrix `product` under them, on matrices
//! laid out as in `matrix` in an `arena`; `bf16` has the products in bfloat16; `among` is a step that
//! the ranks of a group share; `ahead` fetches the next batch's features; `update` is
//! the optimisers. Kernels are written once, over a small `vector`, and compiled for each
//! instruction set; the path is picked when the program runs.

mod ahead;
mod among;
mod arena;
mod bf16;
mod first_layer;
mod flat;
mod instructions;
mod kernels;
mod layers;
mod linear;
mod math;
mod matrix;
mod phases;
mod product;
mod rows;
mod run;
mod scratch;
mod shares;
mod sparse;
mod stages;
mod state;
mod strategy;
mod subnormal;
mod team;
mod update;
mod vector;
mod work;

pub use self::instructions::Instructions;
pub(super) use self::state::Cpu;
pub(crate) use self::state::Workspace;
pub(super) use self::{
    bf16::{has_tiles, is_native, is_wide},
    sparse::are_mostly_zero,
};
pub(crate) use self::{shares::share, team::Team};

use self::{
    bf16::Rounded,
    matrix::BLOCK,
    run::Pass,
    work::{Accumulate, Task},
};
use super::{Among, Buffer, Device, Engine, Precision, Samples, Stepped};
use crate::{
    Plan, Result,
    data::{Dataset, Rows},
    optim::{Hyper, clip_scale},
};

/// Samples a thread predicts in one go.
const PREDICTED: usize = 4 * BLOCK;

// SAFETY of the phases' calls below: `Phases::of` gives only phases
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

    fn precision(&self) -> Precision {
        if self.rounded.is_some() { Precision::Bf16 } else { Precision::F32 }
    }

    fn set_precision(&mut self, precision: Precision) -> Result<()> {
        self.rounded = match precision {
            Precision::F32 => None,
            Precision::Bf16 => Some(Rounded::new(&self.ops, self.instructions, &mut self.arena)),
            Precision::Tf32 => return Err(precision.is_not_on(self.device())),
        };
        Ok(())
    }

    fn attach(&mut self, data: &Dataset) {
        self.zeros.attach(&self.ops, Rows::of(data.features()));
    }

    fn forward(&mut self, samples: &Samples) {
        // A batch made just now need not be there any more when its gradient is asked for:
        // what is copied for the dense products is.
        self.begin(samples, samples.attached && self.zeros.attached);
        self.run(&self.pass(), samples, Task::NOTHING, |phases, work, thread, barrier| unsafe {
            (phases.forward)(work, thread, barrier)
        });
    }

    fn output(&self, into: &mut [f32]) {
        let length = self.rows.len() * self.plan.outputs;
        let end = into.len().min(length);
        self.stages.copy_output(&mut into[..end]);
    }

    fn backward(&mut self, samples: &Samples, derivative: Option<&[f32]>, accumulate: bool) -> f32 {
        self.flat.keep_gradients(&mut self.arena);
        let denominator = samples.denominator(&self.plan.head);
        let gradient = Some(if accumulate { Accumulate::Yes } else { Accumulate::No });
        let pass = Pass { denominator, derivative, ..self.pass() };
        let task = Task { gradient, ..Task::NOTHING };
        self.run(&pass, samples, task, |phases, work, thread, barrier| unsafe {
            (phases.backward)(work, thread, barrier);
            (phases.weights)(work, thread);
        });
        self.loss(denominator)
    }

    fn update(&mut self, hyper: &Hyper) -> bool {
        let mut scale = 1.0;
        if let Some(most) = hyper.clip_norm {
            self.run_apart(Task::NOTHING, |phases, work, thread, _| unsafe {
                (phases.norms)(work, thread)
            });
            scale = clip_scale(self.flat.norm(), most) as f32;
        }
        let rule = Some(self.next_rule(hyper));
        let task = Task { rule, scale, ..Task::NOTHING };
        let finite = self
            .run_apart(task, |phases, work, thread, _| unsafe { (phases.weights)(work, thread) });
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
        let task = Task { gradient, rule, ..Task::NOTHING };
        let finite = self.run(&pass, samples, task, |phases, work, thread, barrier| unsafe {
            (phases.forward)(work, thread, barrier);
            (phases.backward)(work, thread, barrier);
            (phases.weights)(work, thread);
        });
        self.updates += 1;
        (self.loss(denominator), finite)
    }

    fn take(&mut self, workspace: &mut Workspace) {
        if let Some(stages) = workspace.of(&self.plan) {
            self.stages = stages;
        }
    }

    fn leave(&mut self, workspace: &mut Workspace) {
        workspace.keep(&self.plan, &mut self.stages);
    }

    fn step_among(&mut self, samples: &Samples, hyper: &Hyper, among: &Among) -> Result<Stepped> {
        self.take_part(samples, hyper, among)
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
            let samples = Samples::inputs(inputs, rows);
            self.run(&pass, &samples, Task::NOTHING, |phases, work, thread, barrier| unsafe {
                (phases.forward)(work, thread, barrier)
            });
            self.stages.copy_output(into);
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
        let Some(from) = self.flat.get(buffer) else { return into.fill(0.0) };
        layers::each_place(&self.plan, &self.ops, |theirs, ours| into[theirs] = from[ours]);
    }

    fn write(&mut self, buffer: Buffer, from: &[f32]) {
        if buffer != Buffer::Parameters {
            self.flat.keep_gradients(&mut self.arena);
            self.zeros.all_may_move();
        }
        self.put(buffer, from);
    }

    fn slots(&self) -> usize {
        self.flat.state.len()
    }

    fn laid_out(&self) -> Option<&[f32]> {
        Some(self.flat.parameters.as_slice())
    }

    fn copy_from(&mut self, other: &dyn Engine) -> bool {
        match other.laid_out() {
            // The layout follows from the plan.
            Some(from)
                if from.len() == self.flat.parameters.as_slice().len()
                    && other.plan() == &self.plan =>
            {
                self.flat.parameters.as_mut_slice().copy_from_slice(from);
                self.parameters_changed();
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
