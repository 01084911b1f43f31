//! Activations on vectors: the same functions as [`Activation`]'s `f64` ones, to
//! a few units of `f32`'s last place (GELU: to 5e-7). NaN in gives NaN out.
//!
//! All are pure functions of one number, so a number's bits do not depend on
//! where in a batch it stands.

use super::{subnormal::LEAST, vector::Vector};
use crate::activation::Activation;

/// eˣ. Below −60 it stays at e⁻⁶⁰, with which one can calculate on without meeting subnormal
/// numbers, and which is taken for 0 in the end; above 88 it stays at e⁸⁸.
///
/// eˣ = 2ⁿ eʳ with n = round(x / ln 2), |r| ≤ ln 2 / 2, and eʳ by its Taylor
/// series to r⁶ (the next term is below 2⁻²³ there).
///
/// # Safety
/// V's instructions are enabled.
#[inline(always)]
unsafe fn exp<V: Vector>(x: V) -> V {
    // SAFETY: the caller has enabled V's instructions.
    unsafe {
        let c = |x: f32| V::splat(x);
        // In this order both keep a NaN.
        let x = c(88.0).min(c(-60.0).max(x));
        let n = x.mul(c(std::f32::consts::LOG2_E)).round();
        // ln 2 in two parts, so that the subtraction is exact.
        let r = n.fma(c(-0.693_359_4), x);
        let r = n.fma(c(2.121_944_4e-4), r);
        let mut y = c(1.0 / 720.0);
        for term in [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
            y = y.fma(r, c(term));
        }
        y.mul(n.exp2_whole())
    }
}

/// σ(x), from e^−|x| so that nothing overflows.
///
/// # Safety
/// V's instructions are enabled.
#[inline(always)]
unsafe fn sigmoid<V: Vector>(x: V) -> V {
    // SAFETY: the caller has enabled V's instructions.
    unsafe {
        let one = V::splat(1.0);
        let e = exp(V::splat(0.0).sub(x.abs()));
        x.positive(one, e).div(one.add(e))
    }
}

/// tanh x = (1 − e) / (1 + e) with e = e^−2|x|; near 0, where that cancels, by
/// x + x³ P(x²) (the coefficients of Cephes' tanhf, Moshier 1989).
///
/// # Safety
/// V's instructions are enabled.
#[inline(always)]
unsafe fn tanh<V: Vector>(x: V) -> V {
    // SAFETY: the caller has enabled V's instructions.
    unsafe {
        let c = |x: f32| V::splat(x);
        let size = x.abs();
        let e = exp(size.mul(c(-2.0)));
        let far = c(1.0).sub(e).div(c(1.0).add(e));
        let far = x.positive(far, c(0.0).sub(far));
        let square = x.mul(x);
        let mut p = c(-5.704_988_7e-3);
        for term in [2.063_909e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1] {
            p = p.fma(square, c(term));
        }
        let near = p.mul(square).fma(x, x);
        size.sub(c(0.625)).positive(far, near)
    }
}

/// eˣ − 1 = tanh(x/2) (eˣ + 1), which does not cancel near 0; for x ≤ 0.
///
/// # Safety
/// V's instructions are enabled.
#[inline(always)]
unsafe fn exp_m1<V: Vector>(x: V) -> V {
    // SAFETY: the caller has enabled V's instructions.
    unsafe { tanh(x.mul(V::splat(0.5))).mul(exp(x).add(V::splat(1.0))) }
}

/// Φ(x) = (1 + erf(x/√2)) / 2, and e^−x²/2 on the way (Abramowitz and Stegun
/// 7.1.26: the error of erf is below 1.5e-7).
///
/// # Safety
/// V's instructions are enabled.
#[inline(always)]
unsafe fn normal_cdf<V: Vector>(x: V) -> (V, V) {
    // SAFETY: the caller has enabled V's instructions.
    unsafe {
        let c = |x: f32| V::splat(x);
        let bell = exp(x.mul(x).mul(c(-0.5)));
        let t = c(1.0).div(x.abs().fma(c(0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2), c(1.0)));
        let mut p = c(1.061_405_4);
        for term in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
            p = p.fma(t, c(term));
        }
        // The share beyond |x|
        let tail = p.mul(t).mul(bell).mul(c(0.5));
        (x.positive(c(1.0).sub(tail), tail), bell)
    }
}

/// y = f(x) over `n` numbers, a multiple of the lanes; what is tiny becomes 0. Not for Softmax.
///
/// # Safety
/// V's instructions are enabled; n numbers are at `x`, and room for as many at `y`, which may be the
/// same. Nobody else touches them meanwhile.
#[inline(always)]
pub(super) unsafe fn activation_forward<V: Vector>(
    activation: Activation,
    x: *const f32,
    y: *mut f32,
    n: usize,
) {
    debug_assert!(n % V::LANES == 0 && activation != Activation::Softmax);
    macro_rules! each {
        (|$x:ident| $f:expr) => {
            for i in (0..n).step_by(V::LANES) {
                let $x = V::load(x.add(i));
                V::store($f, y.add(i));
            }
        };
    }
    // What squares x or multiplies it by something small must not meet a tiny one either.
    macro_rules! each_large {
        (|$x:ident| $f:expr) => {
            each!(|x| {
                let $x = x.not_within(V::splat(LEAST));
                $f.not_within(V::splat(LEAST))
            })
        };
    }
    // SAFETY: the caller vouches for n numbers at x and y, and V's instructions.
    unsafe {
        let c = |x: f32| V::splat(x);
        match activation {
            Activation::Softmax => {}
            Activation::Identity => each!(|x| x.not_within(c(LEAST))),
            Activation::ReLU => each!(|x| x.not_below(c(LEAST))),
            Activation::LeakyReLU(slope) => each_large!(|x| x.positive(x, x.mul(c(slope)))),
            Activation::Sigmoid => each_large!(|x| sigmoid(x)),
            Activation::Tanh => each_large!(|x| tanh(x)),
            Activation::GELU => each_large!(|x| x.mul(normal_cdf(x).0)),
            Activation::SiLU => each_large!(|x| x.mul(sigmoid(x))),
            Activation::ELU(alpha) => {
                each_large!(|x| x.positive(x, c(alpha).mul(exp_m1(c(0.0).min(x)))))
            }
        }
    }
}

/// d ← d · f′ over `n` numbers, from y, or from z where f needs it; what is tiny becomes 0.
/// Not for Softmax.
///
/// # Safety
/// V's instructions are enabled; n numbers are at `d`, and at `z` and `y` what f′ is computed from.
/// Nobody else writes them or touches `d` meanwhile.
#[inline(always)]
pub(super) unsafe fn activation_backward<V: Vector>(
    activation: Activation,
    z: *const f32,
    y: *const f32,
    d: *mut f32,
    n: usize,
) {
    debug_assert!(n % V::LANES == 0 && activation != Activation::Softmax);
    macro_rules! each {
        ($from:ident, |$x:ident, $d:ident| $f:expr) => {
            for i in (0..n).step_by(V::LANES) {
                let $x = V::load($from.add(i));
                let $d = V::load(d.add(i));
                V::store($f.not_within(V::splat(LEAST)), d.add(i));
            }
        };
    }
    // d times a slope that is at least `LEAST` or 0.
    macro_rules! times {
        ($from:ident, |$x:ident| $slope:expr) => {
            each!($from, |$x, d| d.not_within(V::splat(LEAST)).mul($slope))
        };
    }
    // SAFETY: the caller vouches for n numbers at each, and V's instructions.
    unsafe {
        let c = |x: f32| V::splat(x);
        let one = c(1.0);
        match activation {
            Activation::Softmax => {}
            Activation::Identity => each!(d, |_d, d| d),
            Activation::ReLU => each!(y, |y, d| y.positive(d, c(0.0))),
            Activation::LeakyReLU(slope) if activation.needs_input() => {
                times!(z, |z| z.positive(one, c(slope)))
            }
            Activation::LeakyReLU(slope) => times!(y, |y| y.positive(one, c(slope))),
            Activation::Sigmoid => times!(y, |y| y.mul(one.sub(y))),
            Activation::Tanh => times!(y, |y| one.sub(y.mul(y))),
            Activation::GELU => times!(z, |z| {
                let (cdf, bell) = normal_cdf(z.not_within(c(LEAST)));
                // 1/√2π
                z.mul(bell).fma(c(0.398_942_3), cdf).not_within(c(LEAST))
            }),
            Activation::SiLU => times!(z, |z| {
                let s = sigmoid(z);
                s.mul(z.mul(one.sub(s)).add(one)).not_within(c(LEAST))
            }),
            Activation::ELU(alpha) if activation.needs_input() => times!(z, |z| {
                z.positive(one, c(alpha).mul(exp(c(0.0).min(z))).not_within(c(LEAST)))
            }),
            Activation::ELU(alpha) => times!(y, |y| y.positive(one, y.add(c(alpha)))),
        }
    }
}
