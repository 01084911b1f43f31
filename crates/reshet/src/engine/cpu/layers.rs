//! The plan's fused layers, with the places of their weights.

use super::matrix::Matrix;
use crate::{Plan, activation::Activation, plan::FusedLayer};

/// A dense layer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dense {
    /// The weights, (in + 1, out).
    pub weights: Matrix,
    /// The activation that follows.
    pub activation: Activation,
}

/// A fused layer of the plan, with the place of its weights.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    Dense(Dense),
    Activation(Activation),
    /// p and the module's number.
    Dropout(f32, usize),
}

/// The plan's layers, their weights one after the other; and how many numbers these are.
pub(super) fn place(plan: &Plan) -> (Vec<Op>, usize) {
    let mut length = 0;
    let ops = plan.layers.iter().map(|layer| match *layer {
        FusedLayer::Dense(dense) => Op::Dense(Dense {
            weights: Matrix::place(&mut length, dense.inputs + 1, dense.outputs),
            activation: dense.activation,
        }),
        FusedLayer::Activation(activation) => Op::Activation(activation),
        FusedLayer::Dropout(p, module) => Op::Dropout(p, module),
    });
    (ops.collect(), length)
}

/// Calls `f` with each parameter's place in the plan's order and in ours.
pub(super) fn each_place(plan: &Plan, ops: &[Op], mut f: impl FnMut(usize, usize)) {
    let matrices = ops.iter().filter_map(|op| match op {
        Op::Dense(layer) => Some(layer.weights),
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
