//! The kernels that are functions of their own for each instruction set.
//!
//! All else is compiled into the phases that it is part of. What is large and called from several
//! places stands once: that halves the time that the engine takes to compile.

use std::ops::Range;

use super::{
    bf16::{self, Emulated, RoundedLayer, RoundedStage},
    first_layer::FirstLayer,
    flat::Stretch,
    math,
    matrix::Matrix,
    product::{Fetch, Product, Single},
    sparse,
    update::{self, How},
    vector::{self, Vector, for_each},
    work::{Accumulate, Work},
};
use crate::{activation::Activation, optim::Rule};

/// A vector's kernels.
pub(super) trait Kernels: Vector {
    /// See [`Product::compute`].
    ///
    /// # Safety
    /// As there.
    unsafe fn product(product: &Product, fetch: &mut Fetch);

    /// See [`Product::compute`]: of pairs.
    ///
    /// # Safety
    /// As there.
    unsafe fn product_of_pairs(product: &Product, fetch: &mut Fetch);

    /// See [`bf16::round_samples`].
    ///
    /// # Safety
    /// As there.
    unsafe fn round_samples(work: &Work, from: &Matrix, to: &RoundedStage, rows: &Range<usize>);

    /// See [`bf16::round_weights`].
    ///
    /// # Safety
    /// As there.
    unsafe fn round_weights(
        work: &Work,
        layer: &RoundedLayer,
        weights: &Matrix,
        strip: usize,
        rows: Range<usize>,
        stream: bool,
    );

    /// See [`math::activation_forward`].
    ///
    /// # Safety
    /// As there.
    unsafe fn activation_forward(activation: Activation, x: *const f32, y: *mut f32, n: usize);

    /// See [`math::activation_backward`].
    ///
    /// # Safety
    /// As there.
    unsafe fn activation_backward(
        activation: Activation,
        z: *const f32,
        y: *const f32,
        d: *mut f32,
        n: usize,
    );

    /// See [`sparse::forward`].
    ///
    /// # Safety
    /// As there.
    unsafe fn sparse_forward(
        work: &Work,
        first: &FirstLayer,
        thread: usize,
        z: &Matrix,
        strip: usize,
        samples: Range<usize>,
    );

    /// See [`sparse::gradient`].
    ///
    /// # Safety
    /// As there.
    #[allow(clippy::too_many_arguments)]
    unsafe fn sparse_gradient(
        work: &Work,
        first: &FirstLayer,
        thread: usize,
        dz: &Matrix,
        strip: usize,
        inputs: Range<usize>,
        dw: *mut f32,
        accumulate: Accumulate,
    );

    /// See [`update::update`].
    ///
    /// # Safety
    /// As there.
    unsafe fn update(rule: &Rule, at: Stretch, n: usize, how: How) -> bool;
}

macro_rules! kernels {
    ($name:ident, $vector:ident, $($features:literal)?) => {
        impl Kernels for vector::$vector {
            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn product(product: &Product, fetch: &mut Fetch) {
                // SAFETY: the instructions are enabled here; the rest is the caller's promise.
                unsafe { product.compute::<Self, Single>(fetch) }
            }

            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn product_of_pairs(product: &Product, fetch: &mut Fetch) {
                // SAFETY: as above.
                unsafe { product.compute::<Self, Emulated>(fetch) }
            }

            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn round_samples(
                work: &Work,
                from: &Matrix,
                to: &RoundedStage,
                rows: &Range<usize>,
            ) {
                // SAFETY: as above.
                unsafe { bf16::round_samples::<Self, Emulated>(work, from, to, rows) }
            }

            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn round_weights(
                work: &Work,
                layer: &RoundedLayer,
                weights: &Matrix,
                strip: usize,
                rows: Range<usize>,
                stream: bool,
            ) {
                // SAFETY: as above.
                unsafe {
                    bf16::round_weights::<Self, Emulated>(work, layer, weights, strip, rows, stream)
                }
            }

            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn activation_forward(
                activation: Activation,
                x: *const f32,
                y: *mut f32,
                n: usize,
            ) {
                // SAFETY: as above.
                unsafe { math::activation_forward::<Self>(activation, x, y, n) }
            }

            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn activation_backward(
                activation: Activation,
                z: *const f32,
                y: *const f32,
                d: *mut f32,
                n: usize,
            ) {
                // SAFETY: as above.
                unsafe { math::activation_backward::<Self>(activation, z, y, d, n) }
            }

            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn sparse_forward(
                work: &Work,
                first: &FirstLayer,
                thread: usize,
                z: &Matrix,
                strip: usize,
                samples: Range<usize>,
            ) {
                // SAFETY: as above.
                unsafe { sparse::forward::<Self>(work, first, thread, z, strip, samples) }
            }

            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn sparse_gradient(
                work: &Work,
                first: &FirstLayer,
                thread: usize,
                dz: &Matrix,
                strip: usize,
                inputs: Range<usize>,
                dw: *mut f32,
                accumulate: Accumulate,
            ) {
                // SAFETY: as above.
                unsafe {
                    sparse::gradient::<Self>(work, first, thread, dz, strip, inputs, dw, accumulate)
                }
            }

            $(#[target_feature(enable = $features)])?
            #[inline(never)]
            unsafe fn update(rule: &Rule, at: Stretch, n: usize, how: How) -> bool {
                // SAFETY: as above.
                unsafe { update::update::<Self>(rule, at, n, how) }
            }
        }
    };
}
for_each!(kernels);
