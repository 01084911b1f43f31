//! Numbers too small to matter are taken for 0, so that no kernel works on subnormal ones.
//!
//! Once a network is sure of itself its gradients are tiny and their squares, which Adam keeps,
//! tinier still: subnormal, below 2⁻¹²⁶. Each operation on one costs the processor up to over a
//! hundred cycles; on the lecture's job that was seven tenths of the time. As numbers they mean
//! nothing here.
//!
//! The processor can be told to take them for 0, but not while compiled Rust runs: it counts on
//! the usual arithmetic. So what one kernel leaves for the next is 0 or at least [`LEAST`]:
//! activations and their derivatives (`math`, `rows`), the loss's derivative (`rows`), and every
//! so many updates momentum and weights that decay (`update`). Then a product of two of them is
//! 0 or a normal number, and a sum of products is too, unless it cancels almost wholly. The
//! user's features are taken as they are.

/// 2⁻⁶³: the product of two numbers at least as large is not subnormal.
pub(super) const LEAST: f32 = f32::from_bits((127 - 63) << 23);

/// `x` as a kernel may meet it. The comparison comes first: rounding to a subnormal number is
/// slow too.
#[inline(always)]
pub(super) fn narrow(x: f64) -> f32 {
    if x.abs() < LEAST as f64 { 0.0 } else { x as f32 }
}
