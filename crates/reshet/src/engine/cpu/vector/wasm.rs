//! The portable vector in WebAssembly's 128 bits: the same lanes and the same roundings, and so
//! the same bits.

// Of each body: the trait's contract, that the caller has enabled the instructions.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::arch::wasm32::*;

use super::Vector;

/// Four lanes, as everywhere else without instructions of its own.
#[derive(Clone, Copy)]
pub(in super::super) struct Portable(v128);

impl Vector for Portable {
    const LANES: usize = 4;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self(f32x4_splat(x))
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(v128_load(from.cast())) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { v128_store(to.cast(), self.0) }
    }
    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        unsafe { self.store(to) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        Self(f32x4_add(self.0, b.0))
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        Self(f32x4_sub(self.0, b.0))
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        Self(f32x4_mul(self.0, b.0))
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        Self(f32x4_div(self.0, b.0))
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        Self(f32x4_sqrt(self.0))
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        Self(f32x4_abs(self.0))
    }
    // pmax(a, b) is b where a < b, else a: of NaN the first one.
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        Self(f32x4_pmax(b.0, self.0))
    }
    #[inline(always)]
    unsafe fn min(self, b: Self) -> Self {
        Self(f32x4_pmin(b.0, self.0))
    }
    // Rounded twice, as the portable one does; relaxed SIMD leaves open how often.
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        Self(f32x4_add(f32x4_mul(self.0, b.0), c.0))
    }
    // Adding 1.5 · 2²³ leaves no bits for the fraction; |x| < 2²² here.
    #[inline(always)]
    unsafe fn round(self) -> Self {
        let large = f32x4_splat(12_582_912.0);
        Self(f32x4_sub(f32x4_add(self.0, large), large))
    }
    #[inline(always)]
    unsafe fn exp2_whole(self) -> Self {
        let n = i32x4_add(i32x4_trunc_sat_f32x4(self.0), i32x4_splat(127));
        Self(i32x4_shl(n, 23))
    }
    #[inline(always)]
    unsafe fn positive(self, a: Self, b: Self) -> Self {
        Self(v128_bitselect(a.0, b.0, f32x4_gt(self.0, f32x4_splat(0.0))))
    }
    #[inline(always)]
    unsafe fn not_below(self, least: Self) -> Self {
        Self(v128_andnot(self.0, f32x4_lt(self.0, least.0)))
    }
    #[inline(always)]
    unsafe fn not_within(self, least: Self) -> Self {
        Self(v128_andnot(self.0, f32x4_lt(f32x4_abs(self.0), least.0)))
    }
    #[inline(always)]
    unsafe fn nonzero_bytes(from: *const u8) -> u64 {
        let mut mask = 0;
        for i in 0..4 {
            let bytes = unsafe { v128_load(from.add(16 * i).cast()) };
            mask |= u64::from(i8x16_bitmask(i8x16_ne(bytes, i8x16_splat(0)))) << (16 * i);
        }
        mask
    }
    #[inline(always)]
    unsafe fn any_nan(self) -> bool {
        v128_any_true(f32x4_ne(self.0, self.0))
    }
    #[inline(always)]
    unsafe fn transpose(rows: &mut [Self; 16]) {
        let [a, b, c, d] = [rows[0].0, rows[1].0, rows[2].0, rows[3].0];
        // In pairs of rows: columns 0 and 1, columns 2 and 3.
        let (low, high) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
        let (low_below, high_below) =
            (i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d));
        rows[0] = Self(i64x2_shuffle::<0, 2>(low, low_below));
        rows[1] = Self(i64x2_shuffle::<1, 3>(low, low_below));
        rows[2] = Self(i64x2_shuffle::<0, 2>(high, high_below));
        rows[3] = Self(i64x2_shuffle::<1, 3>(high, high_below));
    }
}
