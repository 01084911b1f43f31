//! Products in bfloat16: factors rounded to it, sums in `f32`.
//!
//! A bfloat16 number is the upper half of an `f32`. Two of them that meet two others in a sum stand
//! in one word of 32 bits, as processors multiply them, and the `product` is the same as of single
//! numbers: a pair of A meets a row of pairs of B.
//!
//! ```text
//! forward    Z  = X·W      A: X,  pairs of inputs      B: W,  pairs of inputs
//! backward   dX = dZ·Wᵀ    A: dZ, pairs of outputs     B: Wᵀ, pairs of outputs
//! gradient   dW = Xᵀ·dZ    A: X,  pairs of samples     B: dZ, pairs of samples
//! ```
//! So each of X, dZ and W is kept rounded twice, in pairs of one kind and of the other: X and dZ by
//! who has the samples, W by who updates it. The single numbers stay for all that is no product:
//! weights, biases and their gradients, activations, loss, the optimiser.
//!
//! **The order of a sum**: of a pair, the second product first, then the first one, each rounded to
//! `f32`. Each pass of a product (512 pairs, of samples 256) begins at 0; what the sum starts from,
//! a bias or the pass before, is added at the end of the pass. Rounding takes numbers below
//! [`LEAST`] for 0: then products and their sums are whole multiples of 2⁻¹²⁶, none is
//! subnormal, and processors that take such for 0 have the same bits as those that do not.
//!
//! Pairs never belong to two threads: samples are shared out in pairs, rows of weights by sixteens.

mod convert;
#[cfg(target_arch = "x86_64")]
mod native;
mod pairs;
mod products;
#[cfg(test)]
mod tests;

pub(super) use self::{
    convert::{round_samples, round_weights},
    pairs::Emulated,
    products::{backward, forward, gradient, round_inputs, round_outputs, round_rows, round_stale},
};
use super::{
    Instructions,
    arena::{self, Arena},
    layers::Op,
    matrix::{Matrix, ROUND, STRIP},
};

/// 2⁻⁵⁶: less is rounded to 0. The product of two numbers that are not is a whole multiple of
/// 2⁻¹²⁶, as each has eight significant bits.
const LEAST: f32 = f32::from_bits((127 - 56) << 23);

/// Rows of weights that one thread rounds, or none of them: a cache line of Wᵀ.
pub(super) const ROWS: usize = ROUND;

/// Inputs and outputs that a layer has at least to be computed in bfloat16. Of narrower ones,
/// such as most last layers, rounding takes as long as it saves.
const WIDE: usize = STRIP;

/// Whether a layer is computed in bfloat16.
pub(in super::super) fn is_wide(inputs: usize, outputs: usize) -> bool {
    inputs >= WIDE && outputs >= WIDE
}

/// Whether the processor multiplies pairs itself.
pub(in super::super) fn is_native(instructions: Instructions) -> bool {
    #[cfg(target_arch = "x86_64")]
    if instructions == Instructions::Avx512 {
        return instructions.available() && is_x86_feature_detected!("avx512bf16");
    }
    let _ = instructions;
    false
}

/// A layer's rounded numbers, in pairs.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundedLayer {
    /// W: (inputs / 2, outputs).
    weights: Matrix,
    /// Wᵀ: (outputs / 2, inputs); a first layer's is never asked for.
    turned: Option<Matrix>,
    /// X and dZ.
    x: RoundedStage,
    d: RoundedStage,
}

/// What a batch leaves of one stage.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundedStage {
    /// (samples, width / 2)
    columns: Matrix,
    /// (samples / 2, width)
    samples: Matrix,
}

impl RoundedStage {
    fn place(end: &mut usize, rows: usize, width: usize) -> Self {
        Self {
            columns: Matrix::place(end, rows, width.div_ceil(2)),
            samples: Matrix::place(end, rows.div_ceil(2), width),
        }
    }
}

/// All that the engine keeps rounded. Pairs stand in buffers of `f32`, as bits.
pub(super) struct Rounded {
    /// By op; None of what is not computed in bfloat16.
    layers: Vec<Option<RoundedLayer>>,
    /// Whether an op's rounded weights are those of now.
    fresh: Vec<bool>,
    weights: arena::Buffer,
    stages: arena::Buffer,
    capacity: usize,
    /// The first layer of the current batch is computed in `f32`: its zeros are skipped.
    single_first: bool,
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    native: bool,
}

impl Rounded {
    /// Room for the weights of these layers.
    pub fn new(ops: &[Op], instructions: Instructions, arena: &mut Arena) -> Self {
        let mut end = 0;
        let layer = |(i, op): (usize, &Op)| {
            let &Op::Dense(layer) = op else { return None };
            let (inputs, outputs) = (layer.weights.rows - 1, layer.weights.columns);
            is_wide(inputs, outputs).then(|| RoundedLayer {
                weights: Matrix::place(&mut end, inputs.div_ceil(2), outputs),
                turned: (i > 0).then(|| Matrix::place(&mut end, outputs.div_ceil(2), inputs)),
                x: RoundedStage::default(),
                d: RoundedStage::default(),
            })
        };
        let layers: Vec<_> = ops.iter().enumerate().map(layer).collect();
        Self {
            fresh: vec![false; layers.len()],
            layers,
            weights: arena.zeros(end),
            stages: arena::Buffer::default(),
            capacity: 0,
            single_first: false,
            native: is_native(instructions),
        }
    }

    /// Whether a layer is computed in bfloat16, but for its zeros.
    pub fn has(&self, op: usize) -> bool {
        self.layers.get(op).is_some_and(Option::is_some)
    }

    /// Makes room for a batch of this many samples.
    pub fn begin(&mut self, rows: usize, single_first: bool, arena: &mut Arena) {
        self.single_first = single_first;
        if rows <= self.capacity {
            return;
        }
        let mut end = 0;
        for layer in self.layers.iter_mut().flatten() {
            let outputs = layer.weights.columns;
            // Of an odd number of inputs, the last pair's second is not there.
            let inputs = layer.turned.map_or(2 * layer.weights.rows, |turned| turned.columns);
            layer.x = RoundedStage::place(&mut end, rows, inputs);
            layer.d = RoundedStage::place(&mut end, rows, outputs);
        }
        self.stages = arena.zeros(end);
        self.capacity = rows;
    }

    /// Notes that the weights have been written to.
    pub fn weights_changed(&mut self) {
        self.fresh.fill(false);
    }

    /// Notes that a pass is over, which has rounded what it needs and, if it `updates`, again what
    /// it has updated.
    pub fn ended(&mut self, updates: bool) {
        let first = self.fresh.first().copied();
        self.fresh.fill(true);
        // A first layer in f32 was not rounded.
        if let (true, Some(was)) = (self.single_first, first) {
            self.fresh[0] = was && !updates;
        }
    }

    /// What the threads share of it.
    pub fn share(&mut self) -> SharedRounded<'_> {
        let first = usize::from(self.single_first);
        let stale = |i: usize| self.layers[i].is_some() && !self.fresh[i];
        SharedRounded {
            stale: (first..self.layers.len()).any(stale),
            layers: &self.layers,
            fresh: &self.fresh,
            single_first: self.single_first,
            native: self.native,
            weights: self.weights.as_mut_ptr(),
            weights_length: self.weights.as_slice().len(),
            stages: self.stages.as_mut_ptr(),
            stages_length: self.stages.as_slice().len(),
        }
    }

    /// Leaves the instructions for pairs unused, to compare with them.
    #[cfg(test)]
    pub fn emulate(&mut self) {
        self.native = false;
    }
}

/// Where the rounded numbers are.
pub(super) struct SharedRounded<'a> {
    /// Some weights have to be rounded before they are used.
    pub stale: bool,
    layers: &'a [Option<RoundedLayer>],
    fresh: &'a [bool],
    single_first: bool,
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    native: bool,
    weights: *mut f32,
    weights_length: usize,
    stages: *mut f32,
    stages_length: usize,
}

impl SharedRounded<'_> {
    /// The layer, if it is computed in bfloat16 in this batch.
    #[inline(always)]
    pub fn layer(&self, op: usize) -> Option<&RoundedLayer> {
        if op == 0 && self.single_first { None } else { self.layers[op].as_ref() }
    }

    /// The layer, if its weights have to be rounded first.
    pub fn stale_layer(&self, op: usize) -> Option<&RoundedLayer> {
        self.layer(op).filter(|_| !self.fresh[op])
    }

    /// Where a row of a strip of rounded weights starts.
    ///
    /// # Safety
    /// The matrix is one of the rounded weights', and has that row, or ends before it.
    #[inline(always)]
    unsafe fn weights(&self, matrix: &Matrix, strip: usize, row: usize) -> *mut f32 {
        debug_assert!(matrix.end() <= self.weights_length);
        debug_assert!(strip < matrix.strips() && row <= matrix.rows);
        // SAFETY: the caller's promise.
        unsafe { self.weights.add(matrix.at(strip, row)) }
    }

    /// Where a row of a strip of rounded samples starts.
    ///
    /// # Safety
    /// The matrix is one of the rounded stages', and has that row, or ends before it.
    #[inline(always)]
    unsafe fn stage(&self, matrix: &Matrix, strip: usize, row: usize) -> *mut f32 {
        debug_assert!(matrix.end() <= self.stages_length);
        debug_assert!(strip < matrix.strips() && row <= matrix.rows);
        // SAFETY: the caller's promise.
        unsafe { self.stages.add(matrix.at(strip, row)) }
    }
}
