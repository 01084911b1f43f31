//! How the threads go about a batch, decided once for it: who has which samples and weights.

use std::ops::Range;

use super::{
    first_layer::FirstLayer,
    layers::{Dense, Op},
    matrix::{Matrix, STRIP},
    shares::{own_strips, share},
    stages::Stage,
};

/// How the threads go about a batch: see `phases`.
pub(super) enum Strategy {
    /// Each thread takes its own samples through all layers; weights are shared out evenly.
    Samples,
    /// The same; the first layer skips zeros.
    SparseSamples(FirstLayer),
    /// The same, with rows of each strip of the first layer's weights for each thread.
    SparseRows(FirstLayer),
    /// The first layer skips zeros, and each thread has its own strips of it in all phases.
    SparseStrips(FirstLayer),
    /// And of the second layer, which is the last, the weights that those strips meet.
    SparseStripsOfTwo(FirstLayer, LastLayer),
}

/// A second layer that is the last, and sums by strips of its inputs.
#[derive(Clone, Copy)]
pub(super) struct LastLayer {
    pub layer: Dense,
    /// What each strip adds: see [`Stage::sums`].
    pub sums: Matrix,
}

impl LastLayer {
    /// The second layer, if it is one.
    fn of(ops: &[Op], stages: &[Stage]) -> Option<Self> {
        let &[_, Op::Dense(layer)] = ops else { return None };
        Some(Self { layer, sums: stages.last()?.sums? })
    }
}

impl Strategy {
    /// Whether threads that have strips of their own have them of both layers.
    pub fn has_strips_of_two(ops: &[Op], stages: &[Stage]) -> bool {
        LastLayer::of(ops, stages).is_some()
    }

    /// The strategy with a first layer that skips zeros: with strips of their own for threads
    /// where that can be; of a second layer that is `rounded`, they have samples.
    pub fn skipping(
        first: FirstLayer,
        owns_strips: bool,
        ops: &[Op],
        stages: &[Stage],
        rounded: bool,
    ) -> Self {
        if !owns_strips {
            return Self::SparseSamples(first);
        }
        match LastLayer::of(ops, stages).filter(|_| !rounded) {
            Some(last) => Self::SparseStripsOfTwo(first, last),
            None => Self::SparseStrips(first),
        }
    }

    /// The layer, if it skips zeros.
    #[inline(always)]
    pub fn skips_zeros_of(&self, op: usize) -> Option<&FirstLayer> {
        match self {
            Self::Samples => None,
            Self::SparseSamples(first)
            | Self::SparseRows(first)
            | Self::SparseStrips(first)
            | Self::SparseStripsOfTwo(first, _) => (op == 0).then_some(first),
        }
    }

    /// Whether all that a layer's weights meet in a step is of the thread that they belong to.
    #[inline(always)]
    pub fn keeps(&self, op: usize) -> bool {
        match self {
            Self::Samples | Self::SparseSamples(_) | Self::SparseRows(_) => false,
            Self::SparseStrips(_) => op == 0,
            Self::SparseStripsOfTwo(..) => true,
        }
    }

    /// The rows of a strip of weights that belong to a thread.
    pub fn own_rows(&self, part: &Strip, thread: usize, threads: usize) -> [Range<usize>; 2] {
        match self {
            Self::Samples | Self::SparseSamples(_) => {
                [part.rows_among(part.shared.clone(), thread, threads), 0..0]
            }
            Self::SparseRows(first) | Self::SparseStrips(first) if part.op > 0 => {
                let others = first.layer.weights.end().max(part.shared.start)..part.shared.end;
                [part.rows_among(others, thread, threads), 0..0]
            }
            Self::SparseRows(_) => {
                let at = |row| part.weights.at(part.number, row);
                let shared =
                    part.shared.start.max(at(0))..part.shared.end.min(at(part.weights.rows));
                [part.rows_among(shared, thread, threads), 0..0]
            }
            Self::SparseStrips(first) => [part.all_if_own(first, thread, threads), 0..0],
            Self::SparseStripsOfTwo(first, _) if part.op == 0 => {
                [part.all_if_own(first, thread, threads), 0..0]
            }
            Self::SparseStripsOfTwo(first, _) => {
                let own = own_strips(&first.layer.weights, thread, threads);
                let inputs = part.weights.rows - 1;
                // The bias goes with the first inputs, as in the sums.
                let bias = if own.start == 0 { inputs..part.weights.rows } else { 0..0 };
                [own.start * STRIP..inputs.min(own.end * STRIP), bias]
            }
        }
    }
}

/// A strip of a layer's weights, among those that the threads share out: all, or a bucket where
/// no thread has its own strips.
pub(super) struct Strip<'a> {
    pub op: usize,
    pub weights: &'a Matrix,
    pub number: usize,
    pub shared: Range<usize>,
    /// Of so many rows from one that is a multiple of it, all belong to one thread.
    pub together: usize,
}

impl Strip<'_> {
    /// The rows of it in a thread's share of these weights. A row belongs to whom its first
    /// number belongs to.
    fn rows_among(&self, weights: Range<usize>, thread: usize, threads: usize) -> Range<usize> {
        let mine = share(weights.len(), thread, threads);
        let (start, width) = (self.weights.at(self.number, 0), self.weights.width(self.number));
        let row = |at: usize| {
            let row = (weights.start + at).saturating_sub(start).div_ceil(width);
            row.next_multiple_of(self.together).min(self.weights.rows)
        };
        row(mine.start)..row(mine.end)
    }

    /// All rows, if the strip is one of a thread's own of the first layer.
    fn all_if_own(&self, first: &FirstLayer, thread: usize, threads: usize) -> Range<usize> {
        let own = own_strips(&first.layer.weights, thread, threads);
        if own.contains(&self.number) { 0..self.weights.rows } else { 0..0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        arena::Arena, layers::place, shares::can_own_strips, sparse::Zeros, stages::Stages,
    };
    use super::*;
    use crate::{Loss, Plan, Sequential};

    /// How many threads each weight belongs to.
    fn owners(
        strategy: &Strategy,
        ops: &[Op],
        length: usize,
        threads: usize,
        together: usize,
    ) -> Vec<u32> {
        let mut owners = vec![0; length];
        for (op, layer) in ops.iter().enumerate() {
            let Op::Dense(Dense { weights, .. }) = layer else { continue };
            for number in 0..weights.strips() {
                let part = Strip { op, weights, number, shared: 0..length, together };
                for rows in (0..threads).flat_map(|t| strategy.own_rows(&part, t, threads)) {
                    for row in rows {
                        let numbers =
                            &mut owners[weights.at(number, row)..][..weights.width(number)];
                        numbers.iter_mut().for_each(|count| *count += 1);
                    }
                }
            }
        }
        owners
    }

    #[test]
    fn every_weight_belongs_to_one_thread() {
        for net in ["90-3", "90-128:relu-3", "90-200:relu-70", "300-140:relu-70:relu-3"] {
            let network: Sequential = net.parse().unwrap();
            let plan = Plan::new(&network, Loss::cross_entropy()).unwrap();
            let (ops, length) = place(&plan);
            let (mut stages, mut zeros) = (Stages::default(), Zeros::default());
            stages.reserve(4, plan.inputs, &ops, &mut Arena::default());
            let Some(Op::Dense(first)) = ops.first() else {
                unreachable!("a dense layer is first")
            };
            for threads in 1..=4 {
                let first = zeros.share(*first, 4, None, threads);
                let all = stages.share().all;
                let mut strategies = vec![
                    Strategy::Samples,
                    Strategy::SparseRows(first),
                    Strategy::skipping(first, false, &ops, all, false),
                ];
                if can_own_strips(&ops, threads) {
                    strategies.push(Strategy::skipping(first, true, &ops, all, false));
                    strategies.push(Strategy::skipping(first, true, &ops, all, true));
                }
                for (i, strategy) in strategies.iter().enumerate() {
                    for together in [1, 16] {
                        let owners = owners(strategy, &ops, length, threads, together);
                        assert!(owners.iter().all(|n| *n == 1), "{net}, {threads} threads, {i}");
                    }
                }
            }
        }
    }
}
