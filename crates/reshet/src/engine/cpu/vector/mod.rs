//! A deliberately small vector: what the kernels need and no more, so that each
//! is written once. One implementation an instruction set.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// `LANES` numbers worked on at once.
///
/// # Safety
/// All methods need a processor with the type's instructions, and must be
/// inlined into a function that enables them (`#[target_feature]`), so they
/// are `inline(always)`. Pointers need not be aligned.
pub(super) trait Vector: Copy {
    const LANES: usize;

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Stores past the caches, to an aligned place: see [`fence`].
    unsafe fn stream(self, to: *mut f32);
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    unsafe fn div(self, b: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
    /// The larger; `b` if either is NaN.
    unsafe fn max(self, b: Self) -> Self;
    /// The smaller; `b` if either is NaN.
    unsafe fn min(self, b: Self) -> Self;
    /// self · b + c, rounded once where the processor can.
    unsafe fn fma(self, b: Self, c: Self) -> Self;
    /// The nearest whole number, ties to even.
    unsafe fn round(self) -> Self;
    /// 2ⁿ for a whole number n in −126..=127.
    unsafe fn exp2_whole(self) -> Self;
    /// `a` where self > 0, else `b`; `b` for NaN.
    unsafe fn positive(self, a: Self, b: Self) -> Self;

    /// Transposes the square of the first `LANES` of these.
    unsafe fn transpose(rows: &mut [Self; 16]);

    /// Bit i: byte i of 64 is not zero.
    #[inline(always)]
    unsafe fn nonzero_bytes(from: *const u8) -> u64 {
        const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        let mut mask = 0;
        for i in 0..8 {
            // SAFETY: the caller vouches for 64 bytes.
            let x = u64::from_le(unsafe { from.cast::<u64>().add(i).read_unaligned() });
            // The top bit of each byte that is not zero, pushed together.
            let tops = (((x & LOW) + LOW) | x) & !LOW;
            mask |= ((tops >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
        }
        mask
    }

    /// Whether any lane is NaN.
    #[inline(always)]
    unsafe fn any_nan(self) -> bool {
        let mut lanes = [0.0; 16];
        // SAFETY: the array has room for 16 ≥ `LANES` numbers.
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes.iter().any(|x| x.is_nan())
    }
}

/// Asks for a cache line that will soon be read; `from` need not be valid.
#[inline(always)]
pub(super) fn prefetch<T>(from: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address is harmless; SSE is always there.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(from.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}

/// After this, other threads that are told so see what was streamed.
pub(super) fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is always there.
    unsafe {
        _mm_sfence();
    }
}

/// Asks for a cache line that will soon be written, away from other cores.
#[inline(always)]
pub(super) fn prefetch_to_write<T>(to: *mut T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address is harmless; a processor without this
    // one takes it for nothing.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) to, options(nostack, preserves_flags));
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = to;
}

/// AVX-512: 16 lanes.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx512(__m512);

// SAFETY (of each body): the trait's contract, that the caller has enabled the instructions.
#[cfg(target_arch = "x86_64")]
#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait's contract covers each")]
impl Vector for Avx512 {
    const LANES: usize = 16;

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
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx2(__m256);

#[cfg(target_arch = "x86_64")]
#[allow(clippy::undocumented_unsafe_blocks, reason = "the trait's contract covers each")]
impl Vector for Avx2 {
    const LANES: usize = 8;

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

/// Plain arrays: the compiler makes SSE2 of them on x86-64, NEON on Arm.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; 4]);

macro_rules! lane_by_lane {
    ($($name:ident($($b:ident),*) = $f:expr;)*) => { $(
        #[inline(always)]
        unsafe fn $name(self, $($b: Self),*) -> Self {
            Self(std::array::from_fn(|i| $f(self.0[i], $($b.0[i]),*)))
        }
    )* };
}

impl Vector for Portable {
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 4])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for four numbers.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for four numbers.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn stream(self, to: *mut f32) {
        // SAFETY: the caller vouches for four numbers.
        unsafe { self.store(to) }
    }
    #[inline(always)]
    unsafe fn transpose(rows: &mut [Self; 16]) {
        let from = *rows;
        for i in 0..4 {
            rows[i] = Self(std::array::from_fn(|j| from[j].0[i]));
        }
    }
    lane_by_lane! {
        add(b) = |x: f32, b: f32| x + b;
        sub(b) = |x: f32, b: f32| x - b;
        mul(b) = |x: f32, b: f32| x * b;
        div(b) = |x: f32, b: f32| x / b;
        sqrt() = |x: f32| x.sqrt();
        max(b) = |x: f32, b: f32| if x > b { x } else { b };
        min(b) = |x: f32, b: f32| if x < b { x } else { b };
        // Without the instruction, `mul_add` is a slow call.
        fma(b, c) = |x: f32, b: f32, c: f32| {
            if cfg!(target_arch = "aarch64") { x.mul_add(b, c) } else { x * b + c }
        };
        // Adding 1.5 · 2²³ leaves no bits for the fraction; |x| < 2²² here.
        round() = |x: f32| (x + 12_582_912.0) - 12_582_912.0;
        exp2_whole() = |x: f32| f32::from_bits(((x as i32 + 127) as u32) << 23);
        positive(a, b) = |x: f32, a: f32, b: f32| if x > 0.0 { a } else { b };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transposes<V: Vector>() {
        let n = V::LANES;
        let numbers: Vec<f32> = (0..n * n).map(|i| i as f32).collect();
        let mut out = vec![0.0; n * n];
        // SAFETY: called for what the processor has; there are n rows of n numbers.
        unsafe {
            let mut rows = [V::splat(0.0); 16];
            (0..n).for_each(|i| rows[i] = V::load(numbers.as_ptr().add(i * n)));
            V::transpose(&mut rows);
            (0..n).for_each(|i| rows[i].store(out.as_mut_ptr().add(i * n)));
        }
        let want: Vec<f32> = (0..n * n).map(|i| (i % n * n + i / n) as f32).collect();
        assert_eq!(out, want);
    }

    #[test]
    fn squares_are_transposed() {
        transposes::<Portable>();
        #[cfg(target_arch = "x86_64")]
        {
            use super::super::Instructions;
            if Instructions::Avx2.available() {
                transposes::<Avx2>();
            }
            if Instructions::Avx512.available() {
                transposes::<Avx512>();
            }
        }
    }
}
