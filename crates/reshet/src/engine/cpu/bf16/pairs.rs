//! Pairs of bfloat16 numbers: rounding to them, and multiplying them.

use super::LEAST;
use crate::engine::cpu::{product::Factor, vector::Vector};

/// Pairs in the lanes of V: the first number in a lane's lower half.
pub(in super::super) trait Pairs<V: Vector>: Factor<V> {
    /// Rounds both; a lane has that of `first` and that of `second`.
    ///
    /// # Safety
    /// The instructions of V, and of this, are enabled.
    unsafe fn of_two(first: V, second: V) -> V;

    /// Rounds twice as many numbers as lanes, that follow each other.
    ///
    /// # Safety
    /// As of [`Pairs::of_two`].
    unsafe fn in_a_row(first: V, second: V) -> V;
}

/// Pairs on a processor without instructions for them.
pub(in super::super) struct Emulated;

/// The nearest bfloat16 number, ties to even, by its bits; 0 below [`LEAST`].
#[inline(always)]
pub(super) fn round(x: f32) -> u32 {
    let bits = x.to_bits();
    if x.is_nan() {
        return bits >> 16 | 0x40;
    }
    if x.abs() < LEAST { 0 } else { (bits + 0x7fff + (bits >> 16 & 1)) >> 16 }
}

/// The numbers of all lanes, and of lanes that are not there.
#[inline(always)]
unsafe fn lanes<V: Vector>(x: V) -> [f32; 16] {
    let mut lanes = [0.0; 16];
    // SAFETY: there is room for all lanes; the rest is the caller's promise.
    unsafe { x.store(lanes.as_mut_ptr()) };
    lanes
}

#[inline(always)]
unsafe fn of_lanes<V: Vector>(lanes: [f32; 16]) -> V {
    // SAFETY: all lanes are there; the rest is the caller's promise.
    unsafe { V::load(lanes.as_ptr()) }
}

impl<V: Vector> Factor<V> for Emulated {
    const STARTS_LAST: bool = true;

    #[inline(always)]
    unsafe fn add(a: V, b: V, sum: V) -> V {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b) = (lanes(a), lanes(b));
            let (mut upper, mut lower) = ([[0.0; 16]; 2], [[0.0; 16]; 2]);
            for i in 0..V::LANES {
                for (of, x) in [a[i].to_bits(), b[i].to_bits()].into_iter().enumerate() {
                    upper[of][i] = f32::from_bits(x & 0xffff_0000);
                    lower[of][i] = f32::from_bits(x << 16);
                }
            }
            // The products are exact, so it is the same whether the sum is fused.
            let [a, b] = upper;
            let sum = of_lanes::<V>(a).fma(of_lanes(b), sum);
            let [a, b] = lower;
            of_lanes::<V>(a).fma(of_lanes(b), sum)
        }
    }
}

impl<V: Vector> Pairs<V> for Emulated {
    #[inline(always)]
    unsafe fn of_two(first: V, second: V) -> V {
        // SAFETY: the caller's promise.
        unsafe {
            let (first, second) = (lanes(first), lanes(second));
            let mut pairs = [0.0; 16];
            for i in 0..V::LANES {
                pairs[i] = f32::from_bits(round(second[i]) << 16 | round(first[i]));
            }
            of_lanes(pairs)
        }
    }

    #[inline(always)]
    unsafe fn in_a_row(first: V, second: V) -> V {
        // SAFETY: the caller's promise.
        unsafe {
            let mut row = [0.0; 32];
            first.store(row.as_mut_ptr());
            second.store(row.as_mut_ptr().add(V::LANES));
            let mut pairs = [0.0; 16];
            for i in 0..V::LANES {
                pairs[i] = f32::from_bits(round(row[2 * i + 1]) << 16 | round(row[2 * i]));
            }
            of_lanes(pairs)
        }
    }
}
