//! The optimisers on vectors: [`Rule::apply`], many parameters at once.

use super::vector::Vector;
use crate::optim::{Rule, TINY};

/// Pointers to the same stretch of each flat buffer.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    pub parameters: *mut f32,
    pub gradients: *mut f32,
    pub state: [*mut f32; 3],
}

impl Stretch {
    /// From the n-th number on.
    pub unsafe fn skip(self, n: usize) -> Self {
        // SAFETY: the caller vouches for n numbers; unused slots are null, and so
        // may gradients be that nobody reads.
        unsafe {
            Self {
                parameters: self.parameters.add(n),
                gradients: self.gradients.wrapping_add(n),
                state: self.state.map(|slot| if slot.is_null() { slot } else { slot.add(n) }),
            }
        }
    }
}

/// Updates `n` parameters, a multiple of 16; their gradients are scaled first.
/// False if a parameter is no longer finite.
///
/// # Safety
/// V's instructions are enabled, and `n` numbers are there at each pointer that
/// the rule uses.
#[inline(always)]
pub(super) unsafe fn update<V: Vector>(
    rule: &Rule,
    at: Stretch,
    n: usize,
    scale: f32,
    stream: bool,
) -> bool {
    let [first, second, third] = at.state;
    macro_rules! each {
        (|$i:ident, $p:ident, $g:ident| $new:expr) => {{
            let mut check = V::splat(0.0);
            for $i in (0..n).step_by(V::LANES) {
                let $p = V::load(at.parameters.add($i));
                let $g = V::load(at.gradients.add($i)).mul(V::splat(scale));
                let new: V = $new;
                if stream {
                    new.stream(at.parameters.add($i));
                } else {
                    new.store(at.parameters.add($i));
                }
                // 0 · x is NaN unless x is finite.
                check = new.fma(V::splat(0.0), check);
            }
            !check.any_nan()
        }};
    }
    // SAFETY: the caller's promise.
    unsafe {
        let c = |x: f64| V::splat(x as f32);
        match *rule {
            Rule::SGD(o) => {
                let (lr, decay, momentum) = (c(-o.lr), c(o.weight_decay), c(o.momentum));
                if o.momentum == 0.0 {
                    return each!(|i, p, g| p.fma(decay, g).fma(lr, p));
                }
                each!(|i, p, g| {
                    let g = p.fma(decay, g);
                    let b = V::load(first.add(i)).fma(momentum, g);
                    b.store(first.add(i));
                    let g = if o.nesterov { b.fma(momentum, g) } else { b };
                    g.fma(lr, p)
                })
            }
            Rule::RMSprop(o) => {
                let (lr, decay, eps) = (c(-o.lr), c(o.weight_decay), c(o.eps.max(TINY)));
                let (alpha, rest, momentum) = (c(o.alpha), c(1.0 - o.alpha), c(o.momentum));
                let mean = if o.momentum == 0.0 { second } else { third };
                each!(|i, p, g| {
                    let g = p.fma(decay, g);
                    let mut v = V::load(first.add(i)).mul(alpha).add(g.mul(g).mul(rest));
                    v.store(first.add(i));
                    if o.centered {
                        let m = V::load(mean.add(i));
                        let m = g.sub(m).fma(rest, m);
                        m.store(mean.add(i));
                        v = V::splat(0.0).max(v.sub(m.mul(m)));
                    }
                    let mut g = g.div(v.sqrt().add(eps));
                    if o.momentum != 0.0 {
                        g = V::load(second.add(i)).fma(momentum, g);
                        g.store(second.add(i));
                    }
                    g.fma(lr, p)
                })
            }
            Rule::Adam { beta1, beta2, step, root, eps, decay, shrink, amsgrad } => {
                let (rest1, beta2, rest2) = (c(1.0 - beta1), c(beta2), c(1.0 - beta2));
                let (step, root, eps) = (c(-step), c(1.0 / root), c(eps.max(TINY)));
                let (decay, shrink) = (c(decay), c(shrink));
                each!(|i, p, g| {
                    let g = p.fma(decay, g);
                    let m = V::load(first.add(i));
                    let m = g.sub(m).fma(rest1, m);
                    m.store(first.add(i));
                    let mut v = V::load(second.add(i)).mul(beta2).add(g.mul(g).mul(rest2));
                    v.store(second.add(i));
                    if amsgrad {
                        v = v.max(V::load(third.add(i)));
                        v.store(third.add(i));
                    }
                    let d = v.sqrt().fma(root, eps);
                    m.div(d).fma(step, p.mul(shrink))
                })
            }
        }
    }
}
