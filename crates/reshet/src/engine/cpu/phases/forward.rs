//! Forward: from features to what the loss sees.

use std::ops::Range;

use crate::{
    activation::Activation,
    engine::cpu::{
        bf16,
        first_layer::FirstLayer,
        kernels::Kernels,
        layers::{Dense, Op},
        linear,
        matrix::Matrix,
        rows,
        shares::{blocks_of, own_strips},
        sparse,
        stages::Stage,
        strategy::{LastLayer, Strategy},
        team::Barrier,
        work::Work,
    },
};

/// Takes the batch from features to what the loss sees.
///
/// # Safety
/// See [`Phases`](super::Phases); V's instructions are enabled.
#[inline(always)]
pub(super) unsafe fn forward<V: Kernels>(work: &Work, thread: usize, barrier: &Barrier) {
    debug_assert!(thread < work.threads);
    let mine = work.own_samples(thread);
    // Each piece is called from one place: it is compiled into each that calls it.
    // SAFETY: `Work` describes what is there; samples and strips are this thread's own.
    unsafe {
        if work.rounded.as_ref().is_some_and(|rounded| rounded.stale) {
            bf16::round_stale::<V>(work, thread);
            barrier.wait();
        }
        match &work.strategy {
            Strategy::Samples => {}
            Strategy::SparseSamples(first) | Strategy::SparseRows(first) => {
                sparse::scan::<V>(work, first, thread, mine.clone());
            }
            Strategy::SparseStrips(first) | Strategy::SparseStripsOfTwo(first, _) => {
                own_first_layer::<V>(work, first, thread);
                if let Strategy::SparseStripsOfTwo(_, last) = &work.strategy {
                    own_sums::<V>(work, first, last, thread);
                }
                barrier.wait();
            }
        }
        for block in blocks_of(mine, work.together) {
            let mut done = 1;
            match &work.strategy {
                Strategy::Samples => {
                    rows::gather(work, block.clone());
                    done = 0;
                }
                Strategy::SparseSamples(first) | Strategy::SparseRows(first) => {
                    let strips = 0..first.layer.weights.strips();
                    first_layer::<V>(work, first, thread, strips, &block);
                }
                Strategy::SparseStrips(_) => {}
                Strategy::SparseStripsOfTwo(_, last) => {
                    add_up::<V>(work, last, thread, &block);
                    continue;
                }
            }
            layers::<V>(work, thread, done, &block);
        }
    }
}

/// The thread's own strips of the first layer, zeros skipped, for all samples.
///
/// # Safety
/// As of [`forward`], with strips of their own for threads.
#[inline(always)]
unsafe fn own_first_layer<V: Kernels>(work: &Work, first: &FirstLayer, thread: usize) {
    let all = 0..work.batch.rows.len();
    let strips = own_strips(&first.layer.weights, thread, work.threads);
    // SAFETY: the caller's promise.
    unsafe {
        // What a thread looks at itself it need not wait for, nor fetch from another.
        sparse::scan::<V>(work, first, thread, all.clone());
        first_layer::<V>(work, first, thread, strips, &all);
    }
}

/// What the thread's own strips of the first layer add to the last one's sums.
///
/// # Safety
/// As of [`forward`]; the thread has computed these strips.
#[inline(always)]
unsafe fn own_sums<V: Kernels>(work: &Work, first: &FirstLayer, last: &LastLayer, thread: usize) {
    let all = 0..work.batch.rows.len();
    for strip in own_strips(&first.layer.weights, thread, work.threads) {
        let (weights, hidden) = (&last.layer.weights, &work.stages.all[1].y);
        // SAFETY: the caller's promise.
        unsafe { linear::partial::<V>(work, weights, hidden, strip, &last.sums, &all) }
    }
}

/// The last layer, of what all threads' strips add to it.
///
/// # Safety
/// As of [`forward`]; all threads have computed what theirs add, for these samples.
#[inline(always)]
unsafe fn add_up<V: Kernels>(work: &Work, last: &LastLayer, thread: usize, block: &Range<usize>) {
    let (hidden, stage) = (&work.stages.all[1].y, &work.stages.all[2]);
    // SAFETY: the caller's promise.
    unsafe {
        linear::add_up::<V>(work, hidden, &last.sums, &stage.input(), block);
        activate::<V>(work, thread, last.layer.activation, stage, block);
    }
}

/// Some strips of the first layer, zeros skipped.
///
/// # Safety
/// As of [`forward`]; the masks of these samples have been made, and these strips of these
/// samples are the thread's own.
#[inline(always)]
unsafe fn first_layer<V: Kernels>(
    work: &Work,
    first: &FirstLayer,
    thread: usize,
    strips: Range<usize>,
    samples: &Range<usize>,
) {
    let (stage, activation) = (&work.stages.all[1], first.layer.activation);
    // SAFETY: the caller's promise.
    unsafe {
        for strip in strips.clone() {
            V::sparse_forward(work, first, thread, &stage.input(), strip, samples.clone());
        }
        rows::activation_forward::<V>(work, thread, activation, stage, samples, strips);
    }
}

/// All layers but the first `done`, for some samples of the thread's own.
///
/// # Safety
/// As of [`forward`]; the stage before these layers is there.
#[inline(always)]
unsafe fn layers<V: Kernels>(work: &Work, thread: usize, done: usize, block: &Range<usize>) {
    for (i, op) in work.ops.iter().enumerate().skip(done) {
        let (x, stage) = (&work.stages.all[i].y, &work.stages.all[i + 1]);
        // SAFETY: the caller's promise.
        unsafe {
            match *op {
                Op::Dense(layer) => {
                    dense::<V>(work, i, &layer, x, stage, block);
                    activate::<V>(work, thread, layer.activation, stage, block);
                }
                Op::Activation(activation) => {
                    rows::copy(work, x, &stage.input(), block);
                    activate::<V>(work, thread, activation, stage, block);
                }
                Op::Dropout(p, module) => {
                    rows::copy(work, x, &stage.y, block);
                    rows::dropout(work, &stage.y, block, p, module);
                }
            }
        }
    }
}

/// Z = X·W + b for some samples, in the order of sums that the layer has.
///
/// # Safety
/// As of [`layers`].
#[inline(always)]
unsafe fn dense<V: Kernels>(
    work: &Work,
    op: usize,
    layer: &Dense,
    x: &Matrix,
    stage: &Stage,
    block: &Range<usize>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if let Some(rounded) = work.rounded(op) {
            bf16::round_inputs::<V>(work, rounded, x, block);
            return bf16::forward::<V>(work, rounded, &layer.weights, &stage.input(), block);
        }
        let Some(sums) = &stage.sums else {
            return linear::forward::<V>(work, &layer.weights, x, &stage.input(), block);
        };
        for strip in 0..x.strips() {
            linear::partial::<V>(work, &layer.weights, x, strip, sums, block);
        }
        linear::add_up::<V>(work, x, sums, &stage.input(), block);
    }
}

/// y = f(z) in all strips.
///
/// # Safety
/// As of [`layers`].
#[inline(always)]
unsafe fn activate<V: Kernels>(
    work: &Work,
    thread: usize,
    activation: Activation,
    stage: &Stage,
    block: &Range<usize>,
) {
    let strips = 0..stage.y.strips();
    // SAFETY: the caller's promise.
    unsafe { rows::activation_forward::<V>(work, thread, activation, stage, block, strips) }
}
