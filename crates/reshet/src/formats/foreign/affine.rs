//! Scalings between the layers of other programs' networks.

/// s·x + t, with s and t one number, or one per neuron.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    pub scale: Vec<f64>,
    pub shift: Vec<f64>,
}

impl Affine {
    /// The same s and t for all.
    pub fn scalar(scale: f64, shift: f64) -> Self {
        Self { scale: vec![scale], shift: vec![shift] }
    }

    /// Batch normalization after training:
    /// y = (x − mean) / √(var + ε) · scale + b.
    pub fn batch_norm(scale: &[f64], b: &[f64], mean: &[f64], var: &[f64], epsilon: f64) -> Self {
        let s: Vec<f64> = scale.iter().zip(var).map(|(s, v)| s / (v + epsilon).sqrt()).collect();
        let shift = s.iter().zip(b.iter().zip(mean)).map(|(s, (b, mean))| b - s * mean).collect();
        Self { scale: s, shift }
    }

    /// s and t of value i.
    pub fn at(&self, i: usize) -> (f64, f64) {
        let of = |v: &[f64]| v.get(i).or(v.first()).copied().unwrap_or(0.0);
        (of(&self.scale), of(&self.shift))
    }

    /// This scaling followed by `next`.
    pub fn then(&self, next: &Self) -> Self {
        let all = [&self.scale, &self.shift, &next.scale, &next.shift];
        let width = all.map(Vec::len).into_iter().max().unwrap_or(1);
        let both = |i| {
            let ((s, t), (s2, t2)) = (self.at(i), next.at(i));
            (s2 * s, s2 * t + t2)
        };
        let (scale, shift) = (0..width).map(both).unzip();
        Self { scale, shift }
    }

    /// Whether it is s = 1, t = 0.
    pub fn is_identity(&self) -> bool {
        self.scale.iter().all(|s| (s - 1.0).abs() < 1e-7) && self.shift.iter().all(|t| *t == 0.0)
    }

    /// Whether it is x / 255.
    pub fn is_byte_scale(&self) -> bool {
        let byte = |s: &f64| (255.0 * s - 1.0).abs() < 1e-6;
        self.scale.iter().all(byte) && self.shift.iter().all(|t| *t == 0.0)
    }

    /// The same for values in another order.
    pub fn reordered(&self, order: &[u32]) -> Self {
        if self.width().is_none() {
            return self.clone();
        }
        let (scale, shift) = order.iter().map(|i| self.at(*i as usize)).unzip();
        Self { scale, shift }
    }

    /// The number of values it applies to; None: any number.
    pub fn width(&self) -> Option<usize> {
        Some(self.scale.len().max(self.shift.len())).filter(|n| *n > 1)
    }
}
