//! What a batch leaves behind on its way through the layers.

use super::{
    arena::{self, Arena},
    layers::Op,
    matrix::{Matrix, ROUND},
};

/// Strips of inputs of which the last layer is summed apart.
const SUMMED_APART: usize = 8;

/// The places of what a step leaves behind, (samples, width) each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stage {
    /// The output. Stage 0 is the network's input.
    pub y: Matrix,
    /// The loss's derivative by the output, then by the activation's input.
    pub d: Matrix,
    /// The activation's input, where its derivative needs that.
    pub z: Option<Matrix>,
    /// What each strip of a layer's inputs adds to its sums, a strip's samples below those of
    /// the strip before; where the layer sums by strips.
    pub sums: Option<Matrix>,
}

impl Stage {
    /// The activation's input, which it replaces where its derivative does not need it.
    pub fn input(&self) -> Matrix {
        self.z.unwrap_or(self.y)
    }
}

/// The stages of a batch, with room for `capacity` samples.
#[derive(Default)]
pub(super) struct Stages {
    pub numbers: arena::Buffer,
    all: Vec<Stage>,
    /// The loss of each sample.
    pub losses: Vec<f64>,
    capacity: usize,
}

impl Stages {
    /// Makes room for batches of this many samples, each of so many inputs.
    pub fn reserve(&mut self, rows: usize, inputs: usize, ops: &[Op], arena: &mut Arena) {
        if rows <= self.capacity {
            return;
        }
        let (mut end, mut width) = (0, inputs);
        let mut place = |rows, width| Matrix::place(&mut end, rows, width);
        self.all = vec![Stage { y: place(rows, width), ..Stage::default() }];
        for op in ops {
            let mut needs_input = false;
            match op {
                Op::Dense(layer) => {
                    width = layer.weights.columns;
                    needs_input = layer.activation.needs_input();
                }
                Op::Activation(activation) => needs_input = activation.needs_input(),
                Op::Dropout(..) => {}
            }
            let z = needs_input.then(|| place(rows, width));
            self.all.push(Stage { y: place(rows, width), d: place(rows, width), z, sums: None });
        }
        if let Some(strips) = summed_apart(ops) {
            self.all[2].sums = Some(place(strips * rows, width));
        }
        self.numbers = arena.zeros(end);
        self.losses = vec![0.0; rows];
        self.capacity = rows;
    }

    /// Copies out what the loss sees of the first samples, as many as there is room for.
    pub fn copy_output(&self, into: &mut [f32]) {
        let Some(last) = self.all.last() else { return };
        let numbers = self.numbers.as_slice();
        for (row, into) in into.chunks_exact_mut(last.y.columns).enumerate() {
            for (column, into) in into.iter_mut().enumerate() {
                *into = numbers[last.y.index(row, column)];
            }
        }
    }

    /// The sum of the first samples' losses: of each eighth sample's in order, then of these.
    pub fn sum_losses(&self, rows: usize) -> f64 {
        let mut sums = [0.0; 8];
        for losses in self.losses[..rows].chunks(8) {
            sums.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += loss);
        }
        sums.iter().sum()
    }

    /// What the threads share of it.
    pub fn share(&mut self) -> SharedStages<'_> {
        SharedStages {
            length: self.numbers.as_slice().len(),
            start: self.numbers.as_mut_ptr(),
            all: &self.all,
            losses: self.losses.as_mut_ptr(),
            capacity: self.capacity,
        }
    }
}

/// The strips of inputs by which a second layer that is the last sums, so that threads can have
/// their own strips of both. By the network alone, so that all sums of it are always the same.
fn summed_apart(ops: &[Op]) -> Option<usize> {
    let [Op::Dense(one), Op::Dense(two)] = ops else { return None };
    let strips = one.weights.strips();
    ((2..=SUMMED_APART).contains(&strips) && two.weights.strips() == 1).then_some(strips)
}

/// Where the stages are.
pub(super) struct SharedStages<'a> {
    pub all: &'a [Stage],
    start: *mut f32,
    length: usize,
    losses: *mut f64,
    capacity: usize,
}

impl SharedStages<'_> {
    /// Where a row of a strip starts.
    ///
    /// # Safety
    /// The matrix is one of the stages', and has that row, or ends before it.
    #[inline(always)]
    pub unsafe fn at(&self, matrix: &Matrix, strip: usize, row: usize) -> *mut f32 {
        debug_assert!(matrix.end() <= self.length && strip < matrix.strips() && row <= matrix.rows);
        debug_assert!(matrix.at(strip, row) % ROUND == 0 && self.start.addr() % 64 == 0);
        // SAFETY: the caller's promise.
        unsafe { self.start.add(matrix.at(strip, row)) }
    }

    /// Where one number is.
    ///
    /// # Safety
    /// The matrix is one of the stages', and has that row and column.
    #[inline(always)]
    pub unsafe fn number(&self, matrix: &Matrix, row: usize, column: usize) -> *mut f32 {
        debug_assert!(matrix.end() <= self.length && row < matrix.rows && column < matrix.columns);
        // SAFETY: the caller's promise.
        unsafe { self.start.add(matrix.index(row, column)) }
    }

    /// Where a sample's loss is, and those of the samples after it.
    ///
    /// # Safety
    /// There is room for that sample.
    #[inline(always)]
    pub unsafe fn loss(&self, row: usize) -> *mut f64 {
        debug_assert!(row <= self.capacity);
        // SAFETY: the caller's promise.
        unsafe { self.losses.add(row) }
    }
}
