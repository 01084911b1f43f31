//! Activations on vectors: the same functions as [`Activation`]'s `f64` ones, to
//! a few units of `f32`'s last place (GELU: to 5e-7). NaN in gives NaN out.
//!
//! All are pure functions of one number, so a number's bits do not depend on
//! where in a batch it stands.

use super::vector::Vector;
use crate::activation::Activation;

/// eˣ. Below −87.3 the result is the smallest normal number, not a subnormal
/// one (those slow the processor down); above 88 it stays at e⁸⁸.
///
/// eˣ = 2ⁿ eʳ with n = round(x / ln 2), |r| ≤ ln 2 / 2, and eʳ by its Taylor
/// series to r⁶ (the next term is below 2⁻²³ there).
#[inline(always)]
unsafe fn exp<V: Vector>(x: V) -> V {
    // SAFETY: the caller has enabled V's instructions.
    unsafe {
        let c = |x: f32| V::splat(x);
        // In this order both keep a NaN.
        let x = c(88.0).min(c(-87.3).max(x));
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

#[inline(always)]
unsafe fn abs<V: Vector>(x: V) -> V {
    // SAFETY: the caller has enabled V's instructions.
    unsafe { x.max(V::splat(0.0).sub(x)) }
}

/// σ(x), from e^−|x| so that nothing overflows.
#[inline(always)]
unsafe fn sigmoid<V: Vector>(x: V) -> V {
    // SAFETY: the caller has enabled V's instructions.
    unsafe {
        let one = V::splat(1.0);
        let e = exp(V::splat(0.0).sub(abs(x)));
        x.positive(one, e).div(one.add(e))
    }
}

/// tanh x = (1 − e) / (1 + e) with e = e^−2|x|; near 0, where that cancels, by
/// x + x³ P(x²) (the coefficients of Cephes' tanhf, Moshier 1989).
#[inline(always)]
unsafe fn tanh<V: Vector>(x: V) -> V {
    // SAFETY: the caller has enabled V's instructions.
    unsafe {
        let c = |x: f32| V::splat(x);
        let size = abs(x);
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
#[inline(always)]
unsafe fn exp_m1<V: Vector>(x: V) -> V {
    // SAFETY: the caller has enabled V's instructions.
    unsafe { tanh(x.mul(V::splat(0.5))).mul(exp(x).add(V::splat(1.0))) }
}

/// Φ(x) = (1 + erf(x/√2)) / 2, and e^−x²/2 on the way (Abramowitz and Stegun
/// 7.1.26: the error of erf is below 1.5e-7).
#[inline(always)]
unsafe fn normal_cdf<V: Vector>(x: V) -> (V, V) {
    // SAFETY: the caller has enabled V's instructions.
    unsafe {
        let c = |x: f32| V::splat(x);
        let bell = exp(x.mul(x).mul(c(-0.5)));
        let t = c(1.0).div(abs(x).fma(c(0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2), c(1.0)));
        let mut p = c(1.061_405_4);
        for term in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
            p = p.fma(t, c(term));
        }
        // The share beyond |x|
        let tail = p.mul(t).mul(bell).mul(c(0.5));
        (x.positive(c(1.0).sub(tail), tail), bell)
    }
}

/// y = f(x) over `n` numbers, a multiple of the lanes. Not for Softmax.
#[inline(always)]
pub(super) unsafe fn activation_forward<V: Vector>(
    activation: Activation,
    x: *const f32,
    y: *mut f32,
    n: usize,
) {
    macro_rules! each {
        (|$x:ident| $f:expr) => {
            for i in (0..n).step_by(V::LANES) {
                let $x = V::load(x.add(i));
                V::store($f, y.add(i));
            }
        };
    }
    // SAFETY: the caller vouches for n numbers at x and y, and V's instructions.
    unsafe {
        let c = |x: f32| V::splat(x);
        match activation {
            Activation::Identity | Activation::Softmax => {}
            Activation::ReLU => each!(|x| c(0.0).max(x)),
            Activation::LeakyReLU(slope) => each!(|x| x.positive(x, x.mul(c(slope)))),
            Activation::Sigmoid => each!(|x| sigmoid(x)),
            Activation::Tanh => each!(|x| tanh(x)),
            Activation::GELU => each!(|x| x.mul(normal_cdf(x).0)),
            Activation::SiLU => each!(|x| x.mul(sigmoid(x))),
            Activation::ELU(alpha) => {
                each!(|x| x.positive(x, c(alpha).mul(exp_m1(c(0.0).min(x)))))
            }
        }
    }
}

/// d ← d · f′ over `n` numbers, from y, or from z where f needs it. Not for Softmax.
#[inline(always)]
pub(super) unsafe fn activation_backward<V: Vector>(
    activation: Activation,
    z: *const f32,
    y: *const f32,
    d: *mut f32,
    n: usize,
) {
    macro_rules! each {
        ($from:ident, |$x:ident, $d:ident| $f:expr) => {
            for i in (0..n).step_by(V::LANES) {
                let $x = V::load($from.add(i));
                let $d = V::load(d.add(i));
                V::store($f, d.add(i));
            }
        };
    }
    // SAFETY: the caller vouches for n numbers at each, and V's instructions.
    unsafe {
        let c = |x: f32| V::splat(x);
        match activation {
            Activation::Identity | Activation::Softmax => {}
            Activation::ReLU => each!(y, |y, d| y.positive(d, c(0.0))),
            Activation::LeakyReLU(slope) if activation.needs_input() => {
                each!(z, |z, d| z.positive(d, d.mul(c(slope))))
            }
            Activation::LeakyReLU(slope) => each!(y, |y, d| y.positive(d, d.mul(c(slope)))),
            Activation::Sigmoid => each!(y, |y, d| d.mul(y.mul(c(1.0).sub(y)))),
            Activation::Tanh => each!(y, |y, d| d.mul(c(1.0).sub(y.mul(y)))),
            Activation::GELU => each!(z, |z, d| {
                let (cdf, bell) = normal_cdf(z);
                // 1/√2π
                d.mul(z.mul(bell).fma(c(0.398_942_3), cdf))
            }),
            Activation::SiLU => each!(z, |z, d| {
                let s = sigmoid(z);
                d.mul(s.mul(z.mul(c(1.0).sub(s)).add(c(1.0))))
            }),
            Activation::ELU(alpha) if activation.needs_input() => {
                each!(z, |z, d| z.positive(d, d.mul(c(alpha).mul(exp(c(0.0).min(z))))))
            }
            Activation::ELU(alpha) => each!(y, |y, d| y.positive(d, d.mul(y.add(c(alpha))))),
        }
    }
}
