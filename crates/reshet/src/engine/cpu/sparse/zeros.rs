//! What an engine knows of the zeros among its samples' inputs.

use super::is_worth_it;
use crate::{
    data::Rows,
    engine::{
        Samples,
        cpu::{
            first_layer::{FirstLayer, blocks, seen_each},
            layers::{Dense, Op},
            matrix::BLOCK,
        },
    },
};

/// Which samples have so many zeros that the first layer skips them, and where they are.
#[derive(Default)]
pub(in super::super) struct Zeros {
    /// Most of the attached data's inputs are zero.
    pub attached: bool,
    /// The same of batches made just now, decided by the first one of so many samples.
    given: Option<(usize, bool)>,
    /// Whether the last batch's forward pass skipped zeros.
    pub skipped: bool,
    masks: Vec<u64>,
    /// Of the batch's forward pass, how many threads have masks of their own; 0 before it.
    masked: usize,
    turned: Vec<u64>,
    /// See [`FirstLayer::seen`]; empty until a first layer skips zeros.
    seen: Vec<u64>,
}

impl Zeros {
    /// Looks at data whose rows will be asked for.
    pub fn attach(&mut self, ops: &[Op], inputs: Rows) {
        self.attached = is_worth_it(ops, inputs);
    }

    /// Whether the first layer should skip the zeros of these samples.
    pub fn are_worth_skipping(&mut self, ops: &[Op], samples: &Samples) -> bool {
        if samples.attached {
            return self.attached;
        }
        let count = samples.rows.len();
        match self.given {
            Some((known, sparse)) if known == count => sparse,
            _ => {
                let sparse = is_worth_it(ops, samples.inputs);
                self.given = Some((count, sparse));
                sparse
            }
        }
    }

    /// Begins a batch. While the weights are `fresh`, none has a gradient or a momentum.
    pub fn begin(&mut self, skips: bool, fresh: bool, inputs: usize, threads: usize) {
        self.masked = 0;
        self.skipped = skips;
        if !skips {
            // Any weight of the first layer may get a gradient.
            self.all_may_move();
        } else if self.seen.is_empty() {
            self.seen = vec![if fresh { 0 } else { u64::MAX }; threads * seen_each(inputs)];
        }
    }

    /// From here on any weight may have a gradient or a momentum.
    pub fn all_may_move(&mut self) {
        self.seen.fill(u64::MAX);
    }

    /// Whether the masks of this batch serve so many threads that own their strips: the forward
    /// pass may have had fewer, or have been a run of its own.
    pub fn has_masks_for(&self, threads: usize) -> bool {
        self.masked == 0 || self.masked >= threads
    }

    /// Lets all threads share the masks of this batch: none has its own strips in it.
    pub fn share_masks(&mut self) {
        self.masked = 1;
    }

    /// What the threads share of a first layer, with room for the masks of this many samples and
    /// for turning them: with masks of their own for so many that `own` their strips, else one
    /// set for all.
    pub fn share(
        &mut self,
        layer: Dense,
        samples: usize,
        own: Option<usize>,
        threads: usize,
    ) -> FirstLayer {
        if self.masked == 0 {
            self.masked = own.unwrap_or(1);
        }
        let inputs = layer.weights.rows - 1;
        let samples = samples.next_multiple_of(BLOCK);
        let each = blocks(inputs) * samples;
        for masks in [&mut self.masks, &mut self.turned] {
            masks.resize(masks.len().max(each * threads), 0);
        }
        FirstLayer {
            layer,
            samples,
            masks: self.masks.as_mut_ptr(),
            masks_each: if own.is_some() { each } else { 0 },
            turned: self.turned.as_mut_ptr(),
            turned_each: each,
            seen: self.seen.as_mut_ptr(),
            seen_length: self.seen.len(),
            threads,
        }
    }

    /// Tells those of all threads that did not take part in a batch which inputs it has shown.
    pub fn tell_absent_threads(&mut self, threads: usize) {
        let each = self.seen.len() / threads;
        let (first, others) = self.seen.split_at_mut(each);
        others.chunks_mut(each.max(1)).for_each(|seen| seen.copy_from_slice(first));
    }
}
