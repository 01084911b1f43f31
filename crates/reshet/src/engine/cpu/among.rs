//! A step of which each rank of a group computes a part.
//!
//! ```text
//! forward, backward   this rank's samples, as in a step by itself
//! for each bucket     its gradient; the group begins to add it up, while the next is computed
//! for each bucket     wait for the sum
//! update              all weights, as in a step by itself
//! ```
//! A bucket is some strips of weights. All sums are there before the first weight moves: when a
//! rank ends, the parameters are those of the last whole step.

use super::{
    layers::Op,
    run::Pass,
    state::Cpu,
    work::{Accumulate, Bucket, Task},
};
use crate::{
    Result,
    engine::{Among, Buffer, Engine, Samples, Stepped},
    optim::Hyper,
};

/// Numbers that a bucket has at least, but the last one: 1 MiB. With fewer, a network's latency
/// counts; with more, less of the exchange is hidden behind the computation.
const BUCKET: usize = 1 << 18;

/// Divides the weights into buckets.
pub(super) fn buckets(ops: &[Op], length: usize) -> Vec<Bucket> {
    let mut buckets = Vec::new();
    let mut start = 0;
    for op in ops {
        let Op::Dense(layer) = op else { continue };
        for strip in 0..layer.weights.strips() {
            let end = layer.weights.at(strip, layer.weights.rows);
            if end - start >= BUCKET || end == length {
                buckets.push(Bucket { start, end });
                start = end;
            }
        }
    }
    buckets
}

// SAFETY of the phases' calls below: as in the module above.
#[allow(clippy::undocumented_unsafe_blocks, reason = "the same for each, said above")]
impl Cpu {
    /// See [`Engine::step_among`].
    pub(super) fn take_part(
        &mut self,
        samples: &Samples,
        hyper: &Hyper,
        among: &Among,
    ) -> Result<Stepped> {
        let buckets = buckets(&self.ops, self.flat.parameters.as_slice().len());
        let skips_zeros = !samples.rows.is_empty() && self.skips_zeros(samples);
        self.begin(samples, skips_zeros);
        self.zeros.share_masks();
        // Another rank may have seen what this one has not.
        self.zeros.all_may_move();
        self.flat.keep_gradients(&mut self.arena);
        let pass = Pass { denominator: among.denominator, ..self.pass() };
        if samples.rows.is_empty() {
            self.flat.get_mut(Buffer::Gradients, &mut self.arena).fill(0.0);
        } else {
            self.run(&pass, samples, Task::NOTHING, |phases, work, thread, barrier| unsafe {
                (phases.forward)(work, thread, barrier);
                (phases.backward)(work, thread, barrier);
            });
        }
        let loss = self.loss(among.denominator);
        for bucket in &buckets {
            if !samples.rows.is_empty() {
                let gradient = Some(Accumulate::No);
                let task = Task { bucket: Some(*bucket), gradient, ..Task::NOTHING };
                self.run(&pass, samples, task, |phases, work, thread, _| unsafe {
                    (phases.weights)(work, thread)
                });
                // What comes next has been fetched.
                self.next.clear();
            }
            let gradients = self.flat.get(Buffer::Gradients).unwrap_or_default();
            let mut numbers = gradients[bucket.start..bucket.end].to_vec();
            if bucket.end == gradients.len() {
                numbers.extend(among.votes(loss));
            }
            among.group.start_sum(numbers)?;
        }
        let mut votes = Vec::new();
        for bucket in &buckets {
            let mut sum = among.group.finish_sum()?;
            votes = sum.split_off(bucket.end - bucket.start);
            let gradients = self.flat.get_mut(Buffer::Gradients, &mut self.arena);
            gradients[bucket.start..bucket.end].copy_from_slice(&sum);
        }
        Ok(Stepped::of(&votes, self.update(hyper)))
    }
}
