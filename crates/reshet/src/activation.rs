//! Activations: each function with its derivative.
//!
//! Written for one number in `f64`, to be readable. The reference engine runs this code, and
//! the fast engines are tested against it. Only [`Activation::Softmax`] depends on a whole row.
//!
//! Definitions and defaults are PyTorch's
//! (<https://pytorch.org/docs/stable/nn.html#non-linear-activations-weighted-sum-nonlinearity>).

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// A function applied to each number (Softmax: to each row) of a layer's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// y = x
    Identity,
    /// y = max(x, 0)
    ReLU,
    /// y = x for x > 0, else slope · x
    LeakyReLU(f32),
    /// y = 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// y = tanh x
    Tanh,
    /// yᵢ = eˣⁱ / Σⱼ eˣʲ over the row
    Softmax,
    /// y = x Φ(x), Φ the normal distribution function (exact, by erf)
    GELU,
    /// y = x σ(x)
    SiLU,
    /// y = x for x > 0, else α (eˣ − 1)
    ELU(f32),
}

use Activation::*;

impl Activation {
    /// Computes y = f(x). Softmax is a function of the row: see [`Activation::forward`].
    pub fn value(self, x: f64) -> f64 {
        match self {
            Identity | Softmax => x,
            // Not `max`, which would turn NaN into 0.
            ReLU => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            LeakyReLU(slope) => x * if x > 0.0 { 1.0 } else { slope.into() },
            Sigmoid => sigmoid(x),
            Tanh => x.tanh(),
            GELU => x * normal_cdf(x),
            SiLU => x * sigmoid(x),
            ELU(alpha) => {
                if x > 0.0 {
                    x
                } else {
                    f64::from(alpha) * x.exp_m1()
                }
            }
        }
    }

    /// Computes dy/dx, given x and y = f(x). At a kink (ReLU at 0) it is the left derivative,
    /// as in PyTorch.
    pub fn derivative(self, x: f64, y: f64) -> f64 {
        match self {
            Identity | Softmax => 1.0,
            ReLU => f64::from(x > 0.0),
            LeakyReLU(slope) => {
                if x > 0.0 {
                    1.0
                } else {
                    slope.into()
                }
            }
            Sigmoid => y * (1.0 - y),
            Tanh => 1.0 - y * y,
            GELU => normal_cdf(x) + x * (-0.5 * x * x).exp() / (2.0 * PI).sqrt(),
            SiLU => {
                let s = sigmoid(x);
                s * (1.0 + x * (1.0 - s))
            }
            ELU(alpha) => {
                if x > 0.0 {
                    1.0
                } else {
                    y + f64::from(alpha)
                }
            }
        }
    }

    /// Computes the outputs of a row, in place.
    pub fn forward(self, row: &mut [f64]) {
        match self {
            Softmax => softmax(row),
            _ => row.iter_mut().for_each(|x| *x = self.value(*x)),
        }
    }

    /// Computes dx = dy · f′(x) for a row, in place in `d`, given inputs x and outputs y.
    ///
    /// Softmax: dxᵢ = yᵢ (dyᵢ − Σⱼ dyⱼ yⱼ).
    pub fn backward(self, x: &[f64], y: &[f64], d: &mut [f64]) {
        if self == Softmax {
            let mean: f64 = d.iter().zip(y).map(|(d, y)| d * y).sum();
            d.iter_mut().zip(y).for_each(|(d, y)| *d = y * (*d - mean));
        } else {
            for (d, (&x, &y)) in d.iter_mut().zip(x.iter().zip(y)) {
                *d *= self.derivative(x, y);
            }
        }
    }

    /// Whether the derivative needs the input x; otherwise it follows from y.
    pub(crate) fn needs_input(self) -> bool {
        match self {
            GELU | SiLU => true,
            // y does not tell the side of the kink where the slope is not positive.
            LeakyReLU(slope) => slope <= 0.0,
            ELU(alpha) => alpha <= 0.0,
            _ => false,
        }
    }
}

/// σ(x) = 1 / (1 + e⁻ˣ), without overflow on either side.
pub(crate) fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// Softmax of a row in place; the largest is subtracted first, so nothing overflows.
pub(crate) fn softmax(row: &mut [f64]) {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|x| *x = (*x - max).exp());
    let sum: f64 = row.iter().sum();
    row.iter_mut().for_each(|x| *x /= sum);
}

/// Φ(x), the share of a standard normal variable below x.
fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 9] =
        [Identity, ReLU, LeakyReLU(0.01), Sigmoid, Tanh, Softmax, GELU, SiLU, ELU(1.5)];

    #[test]
    fn derivatives_match_central_differences() {
        let x = [-30.0, -2.0, -0.7, 0.3, 1.1, 4.0];
        let dy = [0.3, -1.0, 0.5, 2.0, -0.1, 0.7];
        let loss = |f: Activation, x: &[f64]| {
            let mut y = x.to_vec();
            f.forward(&mut y);
            y.iter().zip(dy).map(|(y, d)| y * d).sum::<f64>()
        };
        for f in ALL {
            let mut y = x.to_vec();
            f.forward(&mut y);
            let mut dx = dy;
            f.backward(&x, &y, &mut dx);
            for i in 0..x.len() {
                let h = 1e-5;
                let (mut a, mut b) = (x, x);
                a[i] -= h;
                b[i] += h;
                let numeric = (loss(f, &b) - loss(f, &a)) / (2.0 * h);
                assert!((dx[i] - numeric).abs() < 1e-8, "{f:?} at {}: {} {numeric}", x[i], dx[i]);
            }
        }
    }

    #[test]
    fn finite_far_out() {
        for f in ALL {
            for x in [-1e4, 1e4] {
                let mut row = [x, 0.0];
                f.forward(&mut row);
                let mut d = [1.0, 1.0];
                f.backward(&[x, 0.0], &row, &mut d);
                assert!(row.iter().chain(&d).all(|v| v.is_finite()), "{f:?} at {x}");
            }
        }
    }

    #[test]
    fn nan_stays_nan() {
        for f in ALL {
            let mut row = [f64::NAN, 1.0];
            f.forward(&mut row);
            assert!(row[0].is_nan(), "{f:?}");
        }
    }

    #[test]
    fn kinks_are_pytorchs() {
        assert_eq!(ReLU.derivative(0.0, 0.0), 0.0);
        assert_eq!(LeakyReLU(0.25).derivative(0.0, 0.0), 0.25);
        assert_eq!(ELU(1.0).derivative(0.0, 0.0), 1.0);
    }
}
