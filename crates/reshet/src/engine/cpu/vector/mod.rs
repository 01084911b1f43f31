//! A deliberately small vector: what the kernels need and no more, so that each
//! is written once. One implementation an instruction set.

#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg_attr(all(target_arch = "wasm32", target_feature = "simd128"), path = "wasm.rs")]
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
use std::arch::asm;
#[cfg(all(target_arch = "x86_64", not(miri)))]
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch, _mm_sfence};

#[cfg(target_arch = "aarch64")]
pub(super) use neon::Neon;
pub(super) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

/// `LANES` numbers worked on at once.
///
/// # Safety
/// All methods need a processor with the type's instructions, and must be
/// inlined into a function that enables them (`#[target_feature]`), so they
/// are `inline(always)`. Pointers need not be aligned.
pub(super) trait Vector: Copy {
    const LANES: usize;
    /// How many the processor has room for.
    const REGISTERS: usize;

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
    unsafe fn abs(self) -> Self;
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
    /// self where self ≥ least, or is NaN; else 0.
    unsafe fn not_below(self, least: Self) -> Self;
    /// self where |self| ≥ least, or is NaN; else 0.
    unsafe fn not_within(self, least: Self) -> Self;

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
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch of any address is harmless; SSE is always there.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(from.cast());
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as on x86.
    unsafe {
        asm!("prfm pldl1keep, [{}]", in(reg) from, options(nostack, preserves_flags, readonly));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = from;
}

/// After this, other threads that are told so see what was streamed.
pub(super) fn fence() {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: SSE is always there.
    unsafe {
        _mm_sfence();
    }
}

/// Asks for a cache line that will soon be written, away from other cores.
#[inline(always)]
pub(super) fn prefetch_to_write<T>(to: *mut T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch of any address is harmless; a processor without this
    // one takes it for nothing.
    unsafe {
        asm!("prefetchw [{}]", in(reg) to, options(nostack, preserves_flags));
    }
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    // SAFETY: as on x86.
    unsafe {
        asm!("prfm pstl1keep, [{}]", in(reg) to, options(nostack, preserves_flags));
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    let _ = to;
}

/// Calls a macro with each instruction set of the architecture: its name, its vector, and the
/// features that `Instructions::available` asks for.
macro_rules! for_each {
    ($with:ident) => {
        #[cfg(target_arch = "x86_64")]
        $with!(AVX512, Avx512, "avx512f,avx512bw,avx2,fma,bmi1,bmi2");
        #[cfg(target_arch = "x86_64")]
        $with!(AVX2, Avx2, "avx2,fma,bmi1,bmi2");
        #[cfg(target_arch = "aarch64")]
        $with!(NEON, Neon, "neon");
        $with!(PORTABLE, Portable,);
    };
}
pub(super) use for_each;

/// Calls a function made for a vector with each that the processor has.
#[cfg(test)]
macro_rules! with_each_vector {
    ($f:ident) => {{
        use crate::engine::cpu::{Instructions, vector};
        $f::<vector::Portable>();
        #[cfg(target_arch = "aarch64")]
        if Instructions::Neon.available() {
            $f::<vector::Neon>();
        }
        #[cfg(target_arch = "x86_64")]
        {
            if Instructions::Avx2.available() {
                $f::<vector::Avx2>();
            }
            if Instructions::Avx512.available() {
                $f::<vector::Avx512>();
            }
        }
    }};
}
#[cfg(test)]
pub(super) use with_each_vector;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_transposed() {
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
        with_each_vector!(transposes);
    }

    /// 2ⁿ, exactly: Miri's `exp2` is off by a random last place, as a platform's may be.
    fn power_of_two(n: f32) -> f32 {
        let factor = if n < 0.0 { 0.5 } else { 2.0 };
        (0..n.abs() as u32).fold(1.0, |power, _| power * factor)
    }

    #[test]
    fn every_lane_is_computed_alike() {
        fn computes<V: Vector>() {
            const SOME: [f32; 8] = [0.0, -0.0, 1.5, 2.5, -3.5, f32::NAN, f32::INFINITY, -88.25];
            let n = V::LANES;
            for (i, b) in SOME.into_iter().cycle().take(64).enumerate() {
                let lane = |l: usize| SOME[(i / 8 + l) % 8];
                let lanes: Vec<f32> = (0..n).map(lane).collect();
                let check = |name: &str, got: V, want: &dyn Fn(f32) -> f32| {
                    let mut out = vec![0.0; n];
                    // SAFETY: there is room for all lanes.
                    unsafe { got.store(out.as_mut_ptr()) };
                    for (x, got) in lanes.iter().zip(out) {
                        let want = want(*x);
                        let same = got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan();
                        assert!(same, "{name} of {x} and {b}: {got}, not {want}");
                    }
                };
                // SAFETY: called for what the processor has; there are as many numbers as lanes.
                unsafe {
                    let (x, y) = (V::load(lanes.as_ptr()), V::splat(b));
                    check("add", x.add(y), &|x| x + b);
                    check("sub", x.sub(y), &|x| x - b);
                    check("mul", x.mul(y), &|x| x * b);
                    check("div", x.div(y), &|x| x / b);
                    check("abs", x.abs(), &f32::abs);
                    check("sqrt", x.sqrt(), &f32::sqrt);
                    check("max", x.max(y), &|x| if x > b { x } else { b });
                    check("min", x.min(y), &|x| if x < b { x } else { b });
                    check("fma", x.fma(y, V::splat(0.5)), &|x| x * b + 0.5);
                    check("positive", x.positive(y, x), &|x| if x > 0.0 { b } else { x });
                    check("not_below", x.not_below(y), &|x| if x < b { 0.0 } else { x });
                    check("not_within", x.not_within(y), &|x| if x.abs() < b { 0.0 } else { x });
                    assert_eq!(x.any_nan(), lanes.iter().any(|x| x.is_nan()));
                    if b.is_finite() {
                        // Of a zero, the sign may go.
                        let round = y.round().add(V::splat(0.0));
                        check("round", round, &|_| b.round_ties_even() + 0.0);
                        check("2ⁿ", y.round().exp2_whole(), &|_| {
                            power_of_two(b.round_ties_even())
                        });
                    }
                }
            }
        }
        with_each_vector!(computes);
    }
}
