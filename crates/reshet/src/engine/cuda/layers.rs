//! The plan as the kernel sees it.

use super::job::{self, Layer};
use crate::{Plan, activation::Activation, engine::cpu::is_wide, plan::FusedLayer};

/// From so many inputs and outputs on, products are computed in large tiles. By the network
/// alone, so that a sample's sums do not depend on the batch that it is in.
const LARGE: usize = 256;

/// Lowers the plan's layers; where they leave their values is set by [`place`].
pub(super) fn lower(plan: &Plan) -> Vec<Layer> {
    let mut width = plan.inputs;
    let mut layers = Vec::new();
    for layer in &plan.layers {
        let mut lowered = Layer::default();
        match layer {
            FusedLayer::Dense(dense) => {
                width = dense.outputs;
                lowered.kind = job::DENSE;
                lowered.weights = dense.offset as u64;
                lowered.inputs = dense.inputs as u32;
                let large = dense.inputs >= LARGE && dense.outputs >= LARGE;
                lowered.tiles = if large { job::LARGE } else { 0 };
                if is_wide(dense.inputs, dense.outputs) {
                    lowered.tiles |= job::WIDE;
                }
                set_activation(&mut lowered, dense.activation);
            }
            FusedLayer::Activation(activation) => {
                lowered.kind = job::ACTIVATION;
                set_activation(&mut lowered, *activation);
            }
            FusedLayer::Dropout(p, module) => {
                lowered.kind = job::DROPOUT;
                lowered.alpha = *p;
                lowered.module = *module as u32;
            }
        }
        lowered.outputs = width as u32;
        if lowered.kind != job::DENSE {
            lowered.inputs = width as u32;
        }
        layers.push(lowered);
    }
    layers
}

fn set_activation(layer: &mut Layer, activation: Activation) {
    (layer.activation, layer.alpha) = job::activation(activation);
    layer.keeps_z = activation.needs_input().into();
}

/// Places start at a multiple of so many numbers, 256 bytes: from there a library reads fastest.
const APART: u64 = 64;

/// Gives each layer its places in the stages of so many samples; returns the stages' length, and
/// where in them the inputs go for a library.
pub(super) fn place(layers: &mut [Layer], samples: usize) -> (usize, u64) {
    let mut end = 0;
    let collects = layers.first().filter(|layer| layer.tiles & job::LIBRARY != 0);
    let collected = samples as u64 * collects.map_or(0, |layer| layer.inputs.into());
    for layer in &mut *layers {
        let length = samples as u64 * u64::from(layer.outputs);
        let mut take = || {
            let start = end;
            end += length.next_multiple_of(APART);
            start
        };
        layer.y = take();
        layer.z = if layer.keeps_z == 0 { layer.y } else { take() };
        // Where a layer works on each value by itself, its derivative is not stored.
        let stores = layer.kind == job::DENSE || layer.activation == SOFTMAX;
        layer.d = if stores { take() } else { layer.y };
    }
    ((end + collected) as usize, end)
}

/// The number of Softmax.
pub(super) const SOFTMAX: u32 = 5;

/// The blocks that have something to do in the busiest phase of a step of so many samples.
pub(super) fn blocks(layers: &[Layer], samples: usize, parameters: usize, flags: u32) -> u32 {
    let tiles = |layer: &Layer, rows: u64, columns: u64| {
        let side = if layer.tiles & job::LARGE != 0 { 64 } else { 16 };
        rows.div_ceil(side) * columns.div_ceil(side)
    };
    // A warp for each sample, where rows are worked on.
    let warps = u64::from(job::THREADS / 32);
    let samples = samples as u64;
    let (mut most, mut gradient) = (samples.div_ceil(warps), 0);
    for layer in layers.iter().filter(|layer| layer.kind == job::DENSE) {
        let (inputs, outputs) = (u64::from(layer.inputs), u64::from(layer.outputs));
        most = most.max(tiles(layer, samples, outputs));
        if flags & job::GRADIENTS != 0 {
            most = most.max(tiles(layer, samples, inputs));
            gradient += tiles(layer, outputs, inputs + 1);
        }
    }
    if flags & job::UPDATE != 0 && flags & job::GRADIENTS == 0 {
        most = most.max((parameters as u64).div_ceil(job::THREADS.into()));
    }
    most.max(gradient).clamp(1, u32::MAX.into()) as u32
}
