//! The optimisers on vectors: [`Rule::apply`], many parameters at once.

use super::{flat::Stretch, subnormal::LEAST, vector::Vector};
use crate::optim::{Rule, TINY};

/// Of so many updates, one takes what is tiny for 0: in between nothing decays far.
pub(super) const SETTLES_EACH: u64 = 16;

/// How an update is to be done.
#[derive(Clone, Copy)]
pub(super) struct How {
    /// What gradients are multiplied by first.
    pub scale: f32,
    /// Takes tiny state for 0, and tiny parameters if they decay.
    pub settle: bool,
    /// Stores parameters past the caches.
    pub stream: bool,
}

/// The loops for all of [`How`], and for what most steps are: each operation more in them takes
/// one per cent of the lecture's step.
const GENERAL: u8 = 0;
/// Gradients as they are, nothing settles.
const DECAYS: u8 = 1;
/// And no weight decay.
const PLAIN: u8 = 2;

/// The least |g| that goes into a mean of squares with this weight, so that the product of
/// all three is not subnormal. It is some 3e-17, which is nothing beside an optimiser's ε.
fn least_gradient(weight: f64) -> f64 {
    8.0 * f64::from(LEAST) / weight.max(1e-12).sqrt()
}

/// Updates `n` parameters, a multiple of 16. False if one is no longer finite.
///
/// # Safety
/// V's instructions are enabled, and `n` numbers are there at each pointer that the rule uses,
/// which nobody else touches meanwhile; to be streamed, parameters must be aligned to 64 bytes.
#[inline(always)]
pub(super) unsafe fn update<V: Vector>(rule: &Rule, at: Stretch, n: usize, how: How) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        if how.scale != 1.0 || how.settle {
            update_by::<V, GENERAL>(rule, at, n, how)
        } else if rule.rests() {
            update_by::<V, PLAIN>(rule, at, n, how)
        } else {
            update_by::<V, DECAYS>(rule, at, n, how)
        }
    }
}

/// # Safety
/// As of [`update`]; KIND is what `rule` and `how` need.
#[inline(always)]
unsafe fn update_by<V: Vector, const KIND: u8>(
    rule: &Rule,
    at: Stretch,
    n: usize,
    how: How,
) -> bool {
    debug_assert!(n % 16 == 0 && !at.parameters.is_null() && !at.gradients.is_null());
    debug_assert!(!how.stream || at.parameters.addr() % 64 == 0);
    debug_assert!(KIND == GENERAL || how.scale == 1.0 && !how.settle);
    debug_assert!(KIND != PLAIN || rule.rests());
    let [first, second, third] = at.state;
    let settle = KIND == GENERAL && how.settle;
    let settles_parameters = settle && !rule.rests();
    macro_rules! each {
        (|$i:ident, $p:ident, $g:ident| $new:expr) => {{
            let mut check = V::splat(0.0);
            for $i in (0..n).step_by(V::LANES) {
                let $p = V::load(at.parameters.add($i));
                let mut $g = V::load(at.gradients.add($i));
                if KIND == GENERAL {
                    $g = $g.not_within(V::splat(LEAST / how.scale)).mul(V::splat(how.scale));
                }
                let mut new: V = $new;
                if settles_parameters {
                    new = new.not_within(V::splat(LEAST));
                }
                if how.stream {
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
    macro_rules! settled {
        ($x:expr) => {{
            let x: V = $x;
            if settle { x.not_within(V::splat(LEAST)) } else { x }
        }};
    }
    // g plus what decays of p.
    macro_rules! decayed {
        ($p:expr, $g:expr, $decay:expr) => {
            if KIND == PLAIN { $g } else { $p.fma($decay, $g) }
        };
    }
    // SAFETY: the caller's promise.
    unsafe {
        let c = |x: f64| V::splat(x as f32);
        match *rule {
            Rule::SGD(o) => {
                let (lr, decay, momentum) = (c(-o.lr), c(o.weight_decay), c(o.momentum));
                if o.momentum == 0.0 {
                    return each!(|i, p, g| decayed!(p, g, decay).fma(lr, p));
                }
                each!(|i, p, g| {
                    let g = decayed!(p, g, decay);
                    let b = settled!(V::load(first.add(i)).fma(momentum, g));
                    b.store(first.add(i));
                    let g = if o.nesterov { b.fma(momentum, g) } else { b };
                    g.fma(lr, p)
                })
            }
            Rule::RMSprop(o) => {
                let (lr, decay, eps) = (c(-o.lr), c(o.weight_decay), c(o.eps.max(TINY)));
                let least_g = c(least_gradient(1.0 - o.alpha));
                let (alpha, rest, momentum) = (c(o.alpha), c(1.0 - o.alpha), c(o.momentum));
                let mean = if o.momentum == 0.0 { second } else { third };
                each!(|i, p, g| {
                    let g = decayed!(p, g, decay);
                    let size = least_g.max(g.abs());
                    let mut v = V::load(first.add(i)).mul(alpha).add(size.mul(size).mul(rest));
                    v.store(first.add(i));
                    if o.centered {
                        let m = V::load(mean.add(i));
                        // It is squared: at no time may it be tiny.
                        let m = g.sub(m).fma(rest, m).not_within(V::splat(LEAST));
                        m.store(mean.add(i));
                        v = V::splat(0.0).max(v.sub(m.mul(m)));
                    }
                    let mut g = g.div(v.sqrt().add(eps));
                    if o.momentum != 0.0 {
                        g = settled!(V::load(second.add(i)).fma(momentum, g));
                        g.store(second.add(i));
                    }
                    g.fma(lr, p)
                })
            }
            Rule::Adam { beta1, beta2, step, root, eps, decay, shrink, amsgrad } => {
                let least_g = c(least_gradient(1.0 - beta2));
                let (rest1, beta2, rest2) = (c(1.0 - beta1), c(beta2), c(1.0 - beta2));
                let (step, root, eps) = (c(-step), c(1.0 / root), c(eps.max(TINY)));
                let (decay, shrink) = (c(decay), c(shrink));
                each!(|i, p, g| {
                    let g = decayed!(p, g, decay);
                    let m = V::load(first.add(i));
                    let m = settled!(g.sub(m).fma(rest1, m));
                    m.store(first.add(i));
                    let size = least_g.max(g.abs());
                    let mut v = V::load(second.add(i)).mul(beta2).add(size.mul(size).mul(rest2));
                    v.store(second.add(i));
                    if amsgrad {
                        v = v.max(V::load(third.add(i)));
                        v.store(third.add(i));
                    }
                    let d = v.sqrt().fma(root, eps);
                    m.div(d).fma(step, if KIND == PLAIN { p } else { p.mul(shrink) })
                })
            }
        }
    }
}
