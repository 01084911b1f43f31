//! Arithmetic on what the network gives: scalings by constants, and the products of two branches
//! that are SiLU or GELU written out.

use std::{f64::consts::FRAC_1_SQRT_2, rc::Rc};

use super::{
    links::{Link, Links, Op},
    tensor::Const,
    value::Value,
};
use crate::{Activation, formats::foreign::affine::Affine};

impl Links {
    /// A constant spread over a sample's values.
    fn spread(&mut self, x: usize, c: &Const) -> Result<Vec<f64>, String> {
        if c.len() == 1 {
            return Ok(c.numbers());
        }
        let width = self.width(x).unwrap_or(0);
        self.hold(width)?;
        let does_not_fit = || format!("a constant of shape {:?} does not fit", c.dims);
        let dims = self.all[x].dims.as_ref().ok_or_else(does_not_fit)?;
        let surplus = c.dims.len().saturating_sub(dims.len());
        let own = &c.dims[surplus..];
        let lead = dims.len() - own.len();
        let fits = c.dims[..surplus].iter().all(|d| *d == 1)
            && own.iter().zip(&dims[lead..]).all(|(c, d)| c == d || *c == 1);
        if !fits {
            return Err(does_not_fit());
        }
        let mut place = vec![0; c.dims.len()];
        let value = |mut n: usize| {
            for (i, d) in dims.iter().enumerate().rev() {
                if i >= lead {
                    place[surplus + i - lead] = if own[i - lead] == 1 { 0 } else { n % d };
                }
                n /= d;
            }
            c.at(&place)
        };
        Ok((0..width).map(value).collect())
    }

    /// A constant added, subtracted, multiplied, divided by: a scaling.
    pub fn arithmetic(
        &mut self,
        op: &str,
        a: &Value,
        b: &Value,
        at: &Rc<str>,
    ) -> Result<Value, String> {
        let (x, c, swapped) = match (a, b) {
            (Value::Net(a), Value::Net(b)) if op == "Mul" => return self.product(*a, *b, at),
            (Value::Net(x), Value::Const(c)) => (*x, c, false),
            (Value::Const(c), Value::Net(x)) => (*x, c, true),
            _ => return Err("two branches of the network meet".into()),
        };
        let c = self.spread(x, c)?;
        let each = |f: fn(f64) -> f64| c.iter().map(|c| f(*c)).collect::<Vec<_>>();
        let (scale, shift) = match (op, swapped) {
            ("Add", _) => (vec![1.0], c),
            ("Sub", false) => (vec![1.0], each(|c| -c)),
            ("Sub", true) => (vec![-1.0], c),
            ("Mul", _) => (c, vec![0.0]),
            ("Div", false) => (each(|c| 1.0 / c), vec![0.0]),
            _ => return Err("a constant is divided by what the network gives".into()),
        };
        Ok(self.push(x, Op::Affine(Affine { scale, shift }), at))
    }

    /// x σ(x) is SiLU; c x (1 + erf(x/√2)) is GELU, 2c times.
    fn product(&mut self, a: usize, b: usize, at: &Rc<str>) -> Result<Value, String> {
        for (x, y) in [(a, b), (b, a)] {
            if self.all[y].before == x
                && matches!(self.all[y].op, Op::Activation(Activation::Sigmoid))
            {
                return Ok(self.push(x, Op::Activation(Activation::SiLU), at));
            }
            let (root, c) = self.unscaled(x);
            if let Some((inner, q, m)) = self.one_plus_erf(y)
                && inner == root
            {
                // m c R (1 + erf(q R)) with A = √2 q R is m c / (√2 q) · A (1 + erf(A/√2)).
                let stretch = q / FRAC_1_SQRT_2;
                let affine = |s: f64| Op::Affine(Affine::scalar(rounded(s), 0.0));
                let mut value = self.push(root, affine(stretch), at);
                for op in [Op::Activation(Activation::GELU), affine(2.0 * c * m / stretch)] {
                    if let Value::Net(x) = value {
                        value = self.push(x, op, at);
                    }
                }
                return Ok(value);
            }
        }
        Err("two branches of the network are multiplied".into())
    }

    /// Goes back over scalings by one number: (root, c) with x = c · root.
    fn unscaled(&self, mut x: usize) -> (usize, f64) {
        let mut scale = 1.0;
        while let Link { before, op: Op::Affine(a), .. } = &self.all[x] {
            match (&a.scale[..], &a.shift[..]) {
                ([s], [0.0]) => scale *= s,
                _ => break,
            }
            x = *before;
        }
        (x, scale)
    }

    /// (root, q, m) with x = m (1 + erf(q · root)), if it is so.
    fn one_plus_erf(&self, mut x: usize) -> Option<(usize, f64, f64)> {
        let (mut m, mut t) = (1.0, 0.0);
        while let Link { before, op: Op::Affine(a), .. } = &self.all[x] {
            let ([s], [shift]) = (&a.scale[..], &a.shift[..]) else { return None };
            (m, t) = (m * s, t + m * shift);
            x = *before;
        }
        let Link { before, op: Op::Erf { complement }, .. } = self.all[x] else { return None };
        let (root, q) = self.unscaled(before);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
        match complement {
            false if near(t, m) => Some((root, q, m)),
            // 1 − erf(−q x) = 1 + erf(q x)
            true if near(t, 0.0) => Some((root, -q, m)),
            _ => None,
        }
    }
}

/// 1 where it is 1 but for rounding to f32.
fn rounded(s: f64) -> f64 {
    if (s - 1.0).abs() < 1e-6 { 1.0 } else { s }
}
