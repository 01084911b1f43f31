//! NEON, which all 64-bit Arm processors have.

// Of each body: the trait's contract, that the caller has enabled the instructions.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::arch::aarch64::*;

use super::Vector;

/// NEON: 4 lanes.
#[derive(Clone, Copy)]
pub(in super::super) struct Neon(float32x4_t);

impl Vector for Neon {
    const LANES: usize = 4;
    const REGISTERS: usize = 32;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Self(vdupq_n_f32(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(vld1q_f32(from)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self.0) }
    }
    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        unsafe { self.store(to) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        unsafe { Self(vaddq_f32(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        unsafe { Self(vsubq_f32(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        unsafe { Self(vmulq_f32(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        unsafe { Self(vdivq_f32(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        unsafe { Self(vsqrtq_f32(self.0)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        unsafe { Self(vabsq_f32(self.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        unsafe { Self(vbslq_f32(vcgtq_f32(self.0, b.0), self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, b: Self) -> Self {
        unsafe { Self(vbslq_f32(vcltq_f32(self.0, b.0), self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        unsafe { Self(vfmaq_f32(c.0, self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { Self(vrndnq_f32(self.0)) }
    }
    #[inline(always)]
    unsafe fn exp2_whole(self) -> Self {
        unsafe {
            let n = vaddq_s32(vcvtq_s32_f32(self.0), vdupq_n_s32(127));
            Self(vreinterpretq_f32_s32(vshlq_n_s32::<23>(n)))
        }
    }
    #[inline(always)]
    unsafe fn positive(self, a: Self, b: Self) -> Self {
        unsafe { Self(vbslq_f32(vcgtzq_f32(self.0), a.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn not_below(self, least: Self) -> Self {
        unsafe {
            let below = vcltq_f32(self.0, least.0);
            Self(vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(self.0), below)))
        }
    }
    #[inline(always)]
    unsafe fn not_within(self, least: Self) -> Self {
        unsafe {
            let within = vcltq_f32(self.abs().0, least.0);
            Self(vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(self.0), within)))
        }
    }
    #[inline(always)]
    unsafe fn nonzero_bytes(from: *const u8) -> u64 {
        unsafe {
            // A byte's place among its eight; adding neighbours three times leaves a byte of them.
            let places = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
            let mut bits = [places; 4];
            for (i, bits) in bits.iter_mut().enumerate() {
                let bytes = vld1q_u8(from.add(16 * i));
                *bits = vandq_u8(vtstq_u8(bytes, bytes), places);
            }
            let halves = vpaddq_u8(vpaddq_u8(bits[0], bits[1]), vpaddq_u8(bits[2], bits[3]));
            vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(halves, halves)))
        }
    }
    #[inline(always)]
    unsafe fn transpose(rows: &mut [Self; 16]) {
        unsafe {
            // In pairs of rows: columns 0 and 2, columns 1 and 3.
            let pairs = |a: Self, b: Self| {
                let (even, odd) = (vtrn1q_f32(a.0, b.0), vtrn2q_f32(a.0, b.0));
                (vreinterpretq_f64_f32(even), vreinterpretq_f64_f32(odd))
            };
            let (even, odd) = pairs(rows[0], rows[1]);
            let (even_below, odd_below) = pairs(rows[2], rows[3]);
            rows[0] = Self(vreinterpretq_f32_f64(vtrn1q_f64(even, even_below)));
            rows[1] = Self(vreinterpretq_f32_f64(vtrn1q_f64(odd, odd_below)));
            rows[2] = Self(vreinterpretq_f32_f64(vtrn2q_f64(even, even_below)));
            rows[3] = Self(vreinterpretq_f32_f64(vtrn2q_f64(odd, odd_below)));
        }
    }
}
