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
//!
//! Where there are `tiles`, they multiply, in an order of their own. Then pairs of X of two samples
//! are kept turned, whole tiles deep, and samples are shared out by sixteens.

mod convert;
#[cfg(target_arch = "x86_64")]
mod native;
mod pairs;
mod products;
#[cfg(test)]
mod tests;
#[cfg(any(test, all(target_arch = "x86_64", target_os = "linux", not(miri))))]
mod tiles;

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

/// Whether tiles multiply: of the instructions that need tiles' neighbours, AVX512-BF16, to round.
pub(in super::super) fn has_tiles(instructions: Instructions) -> bool {
    #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
    return is_native(instructions) && tiles::are_here();
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux", not(miri))))]
    {
        let _ = instructions;
        false
    }
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

/// What multiplies pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// What every processor has.
    Emulation,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
    Tiles,
    #[cfg(test)]
    EmulatedTiles,
}

impl By {
    /// The fastest.
    fn of(instructions: Instructions) -> Self {
        #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
        if has_tiles(instructions) {
            return Self::Tiles;
        }
        #[cfg(target_arch = "x86_64")]
        if is_native(instructions) {
            return Self::Avx512;
        }
        let _ = instructions;
        Self::Emulation
    }

    /// Pairs that a sum is rounded up to, and that belong together: a tile's, or one.
    const fn depth(self) -> usize {
        match self {
            #[cfg(all(target_arch = "x86_64", target_os = "linux", not(miri)))]
            Self::Tiles => tiles::TILE,
            #[cfg(test)]
            Self::EmulatedTiles => tiles::TILE,
            _ => 1,
        }
    }
}

/// A layer's rounded numbers, in pairs.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoundedLayer {
    inputs: usize,
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
    /// (samples / 2, width); or turned, (width, samples / 2).
    samples: Matrix,
    turned: bool,
}

impl RoundedStage {
    fn place(end: &mut usize, rows: usize, width: usize, depth: usize, turned: bool) -> Self {
        let pairs = |n: usize| n.div_ceil(2).next_multiple_of(depth);
        let columns = Matrix::place(end, rows, pairs(width));
        let (rows, columns_of) = if turned { (width, pairs(rows)) } else { (pairs(rows), width) };
        Self { columns, samples: Matrix::place(end, rows, columns_of), turned }
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
    by: By,
}

impl Rounded {
    /// Room for the weights of these layers.
    pub fn new(ops: &[Op], instructions: Instructions, arena: &mut Arena) -> Self {
        Self::by(ops, By::of(instructions), arena)
    }

    fn by(ops: &[Op], by: By, arena: &mut Arena) -> Self {
        let pairs = |n: usize| n.div_ceil(2).next_multiple_of(by.depth());
        let mut end = 0;
        let layer = |(i, op): (usize, &Op)| {
            let &Op::Dense(layer) = op else { return None };
            let (inputs, outputs) = (layer.weights.rows - 1, layer.weights.columns);
            is_wide(inputs, outputs).then(|| RoundedLayer {
                inputs,
                weights: Matrix::place(&mut end, pairs(inputs), outputs),
                turned: (i > 0).then(|| Matrix::place(&mut end, pairs(outputs), inputs)),
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
            by,
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
            let (inputs, outputs, depth) = (layer.inputs, layer.weights.columns, self.by.depth());
            layer.x = RoundedStage::place(&mut end, rows, inputs, depth, depth > 1);
            layer.d = RoundedStage::place(&mut end, rows, outputs, depth, false);
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
            by: self.by,
            weights: self.weights.as_mut_ptr(),
            weights_length: self.weights.as_slice().len(),
            stages: self.stages.as_mut_ptr(),
            stages_length: self.stages.as_slice().len(),
        }
    }
}

/// Where the rounded numbers are.
pub(super) struct SharedRounded<'a> {
    /// Some weights have to be rounded before they are used.
    pub stale: bool,
    layers: &'a [Option<RoundedLayer>],
    fresh: &'a [bool],
    single_first: bool,
    by: By,
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

    /// Samples that belong together.
    pub fn together(&self) -> usize {
        self.by.depth().max(2)
    }

    /// The pairs that so many numbers make, those that fill a tile up among them.
    #[inline(always)]
    fn pairs(&self, numbers: usize) -> usize {
        numbers.div_ceil(2).next_multiple_of(self.by.depth())
    }

    /// Whether AVX512-BF16 rounds.
    #[cfg(target_arch = "x86_64")]
    fn rounds_natively(&self) -> bool {
        match self.by {
            By::Avx512 => true,
            // Where there are tiles there is that too; but in a test.
            #[cfg(all(target_os = "linux", not(miri)))]
            By::Tiles => is_native(Instructions::Avx512),
            _ => false,
        }
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
