//! AVX-512 and AVX2.

// Of each body: the trait's contract, that the caller has enabled the instructions.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::arch::x86_64::*;

use super::Vector;

/// AVX-512: 16 lanes.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx512(pub(in super::super) __m512);

impl Vector for Avx512 {
    const LANES: usize = 16;
    const REGISTERS: usize = 32;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Self(_mm512_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm512_loadu_ps(from)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        unsafe { _mm512_stream_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        unsafe { Self(_mm512_add_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        unsafe { Self(_mm512_sub_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        unsafe { Self(_mm512_mul_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        unsafe { Self(_mm512_div_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        unsafe { Self(_mm512_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        unsafe { Self(_mm512_abs_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        unsafe { Self(_mm512_max_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, b: Self) -> Self {
        unsafe { Self(_mm512_min_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        unsafe { Self(_mm512_fmadd_ps(self.0, b.0, c.0)) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe { Self(_mm512_roundscale_ps::<0>(self.0)) }
    }
    #[inline(always)]
    unsafe fn exp2_whole(self) -> Self {
        unsafe {
            let n = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
            Self(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(n)))
        }
    }
    #[inline(always)]
    unsafe fn positive(self, a: Self, b: Self) -> Self {
        unsafe {
            let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, _mm512_setzero_ps());
            Self(_mm512_mask_blend_ps(mask, b.0, a.0))
        }
    }
    #[inline(always)]
    unsafe fn not_below(self, least: Self) -> Self {
        unsafe {
            let keep = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(self.0, least.0);
            Self(_mm512_maskz_mov_ps(keep, self.0))
        }
    }
    #[inline(always)]
    unsafe fn not_within(self, least: Self) -> Self {
        unsafe {
            let keep = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(self.abs().0, least.0);
            Self(_mm512_maskz_mov_ps(keep, self.0))
        }
    }
    #[inline(always)]
    unsafe fn nonzero_bytes(from: *const u8) -> u64 {
        unsafe {
            let bytes = _mm512_loadu_si512(from.cast());
            _mm512_test_epi8_mask(bytes, bytes)
        }
    }
    #[inline(always)]
    unsafe fn transpose(rows: &mut [Self; 16]) {
        unsafe {
            // In pairs, then fours of rows: r[4i + j] has columns j, j + 4, j + 8, j + 12
            // of rows 4i .. 4i + 4, a column a quarter.
            let mut r = *rows;
            for i in 0..8 {
                let (a, b) = (rows[2 * i].0, rows[2 * i + 1].0);
                r[2 * i] = Self(_mm512_unpacklo_ps(a, b));
                r[2 * i + 1] = Self(_mm512_unpackhi_ps(a, b));
            }
            let mut q = r;
            for i in (0..16).step_by(4) {
                for j in 0..2 {
                    let a = _mm512_castps_pd(r[i + j].0);
                    let b = _mm512_castps_pd(r[i + j + 2].0);
                    q[i + 2 * j] = Self(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)));
                    q[i + 2 * j + 1] = Self(_mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
                }
            }
            for j in 0..4 {
                let [a, b, c, d] = [q[j].0, q[j + 4].0, q[j + 8].0, q[j + 12].0];
                let (above, below) =
                    (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d));
                rows[j] = Self(_mm512_shuffle_f32x4::<0x88>(above, below));
                rows[j + 8] = Self(_mm512_shuffle_f32x4::<0xdd>(above, below));
                let (above, below) =
                    (_mm512_shuffle_f32x4::<0xdd>(a, b), _mm512_shuffle_f32x4::<0xdd>(c, d));
                rows[j + 4] = Self(_mm512_shuffle_f32x4::<0x88>(above, below));
                rows[j + 12] = Self(_mm512_shuffle_f32x4::<0xdd>(above, below));
            }
        }
    }
}

/// AVX2 with FMA: 8 lanes.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx2(__m256);

impl Vector for Avx2 {
    const LANES: usize = 8;
    const REGISTERS: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Self(_mm256_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Self(_mm256_loadu_ps(from)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        unsafe { _mm256_stream_ps(to, self.0) }
    }
    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        unsafe { Self(_mm256_add_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        unsafe { Self(_mm256_sub_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        unsafe { Self(_mm256_mul_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn div(self, b: Self) -> Self {
        unsafe { Self(_mm256_div_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        unsafe { Self(_mm256_sqrt_ps(self.0)) }
    }
    #[inline(always)]
    unsafe fn abs(self) -> Self {
        unsafe { Self(_mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0)) }
    }
    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        unsafe { Self(_mm256_max_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn min(self, b: Self) -> Self {
        unsafe { Self(_mm256_min_ps(self.0, b.0)) }
    }
    #[inline(always)]
    unsafe fn fma(self, b: Self, c: Self) -> Self {
        unsafe { Self(_mm256_fmadd_ps(self.0, b.0, c.0)) }
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        unsafe {
            Self(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0))
        }
    }
    #[inline(always)]
    unsafe fn exp2_whole(self) -> Self {
        unsafe {
            let n = _mm256_add_epi32(_mm256_cvtps_epi32(self.0), _mm256_set1_epi32(127));
            Self(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(n)))
        }
    }
    #[inline(always)]
    unsafe fn positive(self, a: Self, b: Self) -> Self {
        unsafe {
            let mask = _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, _mm256_setzero_ps());
            Self(_mm256_blendv_ps(b.0, a.0, mask))
        }
    }
    #[inline(always)]
    unsafe fn not_below(self, least: Self) -> Self {
        unsafe {
            let keep = _mm256_cmp_ps::<_CMP_NLT_UQ>(self.0, least.0);
            Self(_mm256_and_ps(keep, self.0))
        }
    }
    #[inline(always)]
    unsafe fn not_within(self, least: Self) -> Self {
        unsafe {
            let keep = _mm256_cmp_ps::<_CMP_NLT_UQ>(self.abs().0, least.0);
            Self(_mm256_and_ps(keep, self.0))
        }
    }
    #[inline(always)]
    unsafe fn nonzero_bytes(from: *const u8) -> u64 {
        unsafe {
            let (zero, high) = (_mm256_setzero_si256(), from.add(32).cast());
            let low = _mm256_cmpeq_epi8(_mm256_loadu_si256(from.cast()), zero);
            let high = _mm256_cmpeq_epi8(_mm256_loadu_si256(high), zero);
            let (low, high) = (_mm256_movemask_epi8(low), _mm256_movemask_epi8(high));
            !(u64::from(high as u32) << 32 | u64::from(low as u32))
        }
    }
    #[inline(always)]
    unsafe fn transpose(rows: &mut [Self; 16]) {
        unsafe {
            // As above; r[4i + j] has columns j and j + 4, a column a half.
            let mut r = *rows;
            for i in 0..4 {
                let (a, b) = (rows[2 * i].0, rows[2 * i + 1].0);
                r[2 * i] = Self(_mm256_unpacklo_ps(a, b));
                r[2 * i + 1] = Self(_mm256_unpackhi_ps(a, b));
            }
            let mut q = r;
            for i in (0..8).step_by(4) {
                for j in 0..2 {
                    let a = _mm256_castps_pd(r[i + j].0);
                    let b = _mm256_castps_pd(r[i + j + 2].0);
                    q[i + 2 * j] = Self(_mm256_castpd_ps(_mm256_unpacklo_pd(a, b)));
                    q[i + 2 * j + 1] = Self(_mm256_castpd_ps(_mm256_unpackhi_pd(a, b)));
                }
            }
            for j in 0..4 {
                rows[j] = Self(_mm256_permute2f128_ps::<0x20>(q[j].0, q[j + 4].0));
                rows[j + 4] = Self(_mm256_permute2f128_ps::<0x31>(q[j].0, q[j + 4].0));
            }
        }
    }
}
