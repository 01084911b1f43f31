//! Backward: from the loss to every layer's dz.

use std::ops::Range;

use crate::{
    activation::Activation,
    engine::cpu::{
        bf16,
        first_layer::FirstLayer,
        kernels::Kernels,
        layers::Op,
        linear, rows,
        shares::{blocks, blocks_of, own_strips},
        stages::Stage,
        strategy::{LastLayer, Strategy},
        team::Barrier,
        work::Work,
    },
};

/// Takes the thread's samples from their loss back to every layer's dz, and
/// waits until all have.
///
/// # Safety
/// See [`Phases`](super::Phases); V's instructions are enabled.
#[inline(always)]
pub(super) unsafe fn backward<V: Kernels>(work: &Work, thread: usize, barrier: &Barrier) {
    debug_assert!(thread < work.threads);
    let mine = work.own_samples(thread);
    // SAFETY: `Work` describes what is there; samples and strips are this thread's own.
    unsafe {
        for block in blocks_of(mine, work.together) {
            for part in blocks(block.clone()) {
                rows::loss(work, thread, &part);
            }
            if let Strategy::SparseStripsOfTwo(_, last) = &work.strategy {
                let stage = &work.stages.all[2];
                derive::<V>(work, thread, last.layer.activation, stage, &block);
            } else {
                layers::<V>(work, thread, &block);
            }
        }
        barrier.wait();
        if let Strategy::SparseStripsOfTwo(first, last) = &work.strategy {
            own_first_layer::<V>(work, first, last, thread);
        }
    }
}

/// From the last layer's dz to that of the thread's own strips of the first, for all samples.
///
/// # Safety
/// As of [`backward`]; the last layer's dz is there.
#[inline(always)]
unsafe fn own_first_layer<V: Kernels>(
    work: &Work,
    first: &FirstLayer,
    last: &LastLayer,
    thread: usize,
) {
    let strips = own_strips(&first.layer.weights, thread, work.threads);
    let (hidden, d) = (&work.stages.all[1], &work.stages.all[2].d);
    let (activation, weights) = (first.layer.activation, &last.layer.weights);
    for block in blocks(0..work.batch.rows.len()) {
        let strips = || strips.clone();
        // SAFETY: the caller's promise.
        unsafe {
            linear::backward::<V>(work, thread, weights, d, &hidden.d, strips(), &block);
            rows::activation_backward::<V>(work, thread, activation, hidden, &block, strips());
        }
    }
}

/// All layers, for some samples of the thread's own.
///
/// # Safety
/// As of [`backward`]; the loss's derivative is there.
#[inline(always)]
unsafe fn layers<V: Kernels>(work: &Work, thread: usize, block: &Range<usize>) {
    for (i, op) in work.ops.iter().enumerate().rev() {
        let (before, stage) = (&work.stages.all[i], &work.stages.all[i + 1]);
        let (d, d_before) = (&stage.d, &before.d);
        // SAFETY: the caller's promise.
        unsafe {
            match *op {
                Op::Dense(layer) => {
                    derive::<V>(work, thread, layer.activation, stage, block);
                    if let Some(rounded) = work.rounded(i) {
                        bf16::round_outputs::<V>(work, rounded, d, block);
                        if i > 0 {
                            bf16::backward::<V>(work, rounded, d_before, block);
                        }
                    } else if i > 0 {
                        let (weights, inputs) = (&layer.weights, 0..d_before.strips());
                        linear::backward::<V>(work, thread, weights, d, d_before, inputs, block);
                    }
                }
                Op::Activation(activation) => {
                    derive::<V>(work, thread, activation, stage, block);
                    if i > 0 {
                        rows::copy(work, d, d_before, block);
                    }
                }
                Op::Dropout(p, module) => {
                    if i > 0 {
                        rows::copy(work, d, d_before, block);
                        rows::dropout(work, d_before, block, p, module);
                    }
                }
            }
        }
    }
}

/// dz = dy · f′ in all strips, in place.
///
/// # Safety
/// As of [`layers`].
#[inline(always)]
unsafe fn derive<V: Kernels>(
    work: &Work,
    thread: usize,
    activation: Activation,
    stage: &Stage,
    block: &Range<usize>,
) {
    let strips = 0..stage.d.strips();
    // SAFETY: the caller's promise.
    unsafe { rows::activation_backward::<V>(work, thread, activation, stage, block, strips) }
}
