//! The same on processors with AVX512-BF16.

// Of each body: the caller has enabled the instructions.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::{arch::x86_64::*, mem::transmute, ops::Range};

use super::{LEAST, RoundedLayer, RoundedStage, convert, pairs::Pairs};
use crate::engine::cpu::{
    matrix::Matrix,
    product::{Factor, Fetch, Product},
    vector::{Avx512, Vector},
    work::Work,
};

/// Pairs as the instructions have them.
struct Native;

impl Factor<Avx512> for Native {
    const STARTS_LAST: bool = true;

    #[inline(always)]
    unsafe fn add(a: Avx512, b: Avx512, sum: Avx512) -> Avx512 {
        unsafe {
            let (a, b) = (transmute::<__m512, __m512bh>(a.0), transmute::<__m512, __m512bh>(b.0));
            Avx512(_mm512_dpbf16_ps(sum.0, a, b))
        }
    }
}

impl Pairs<Avx512> for Native {
    #[inline(always)]
    unsafe fn of_two(first: Avx512, second: Avx512) -> Avx512 {
        unsafe {
            // In a row they are the 16 of the first and the 16 of the second.
            let row = Self::in_a_row(first, second);
            let order = _mm512_add_epi16(
                _mm512_cvtepu16_epi32(_mm256_setr_epi16(
                    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                )),
                _mm512_slli_epi32::<16>(_mm512_setr_epi32(
                    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                )),
            );
            let pairs = _mm512_permutexvar_epi16(order, _mm512_castps_si512(row.0));
            Avx512(_mm512_castsi512_ps(pairs))
        }
    }

    #[inline(always)]
    unsafe fn in_a_row(first: Avx512, second: Avx512) -> Avx512 {
        unsafe {
            let least = Avx512::splat(LEAST);
            let (first, second) = (first.not_within(least), second.not_within(least));
            let row = _mm512_cvtne2ps_pbh(second.0, first.0);
            Avx512(transmute::<__m512bh, __m512>(row))
        }
    }
}

/// See [`Product::compute`].
///
/// # Safety
/// As there; the processor has the instructions.
#[target_feature(enable = "avx512bf16,avx512f,avx512bw,avx2,fma,bmi1,bmi2")]
#[inline(never)]
pub(super) unsafe fn product(product: &Product, fetch: &mut Fetch) {
    unsafe { product.compute::<Avx512, Native>(fetch) }
}

/// See [`convert::round_samples`].
///
/// # Safety
/// As there; the processor has the instructions.
#[target_feature(enable = "avx512bf16,avx512f,avx512bw,avx2,fma,bmi1,bmi2")]
#[inline(never)]
pub(super) unsafe fn round_samples(
    work: &Work,
    from: &Matrix,
    to: &RoundedStage,
    rows: &Range<usize>,
) {
    unsafe { convert::round_samples::<Avx512, Native>(work, from, to, rows) }
}

/// See [`convert::round_weights`].
///
/// # Safety
/// As there; the processor has the instructions.
#[target_feature(enable = "avx512bf16,avx512f,avx512bw,avx2,fma,bmi1,bmi2")]
#[inline(never)]
pub(super) unsafe fn round_weights(
    work: &Work,
    layer: &RoundedLayer,
    weights: &Matrix,
    strip: usize,
    rows: Range<usize>,
    stream: bool,
) {
    unsafe { convert::round_weights::<Avx512, Native>(work, layer, weights, strip, rows, stream) }
}

/// Compares them with the emulation.
///
/// # Safety
/// The processor has the instructions.
#[cfg(test)]
#[target_feature(enable = "avx512bf16,avx512f,avx512bw,avx2,fma,bmi1,bmi2")]
pub(super) unsafe fn is_as_emulated() {
    use super::pairs::Emulated;

    let mut state = 1u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    let bits = |x: Avx512| -> [u32; 16] { unsafe { transmute(x.0) } };
    let mut infinite = 0;
    for round in 0..20_000 {
        // Of all sizes, then such as meet in a network.
        let mut vector = |all: bool| -> Avx512 {
            let number = |x: u32| if all { x } else { x & 0x87ff_ffff | 0x3800_0000 };
            let numbers: [u32; 16] = std::array::from_fn(|_| number(next()));
            unsafe { transmute(numbers) }
        };
        let (first, second) = (vector(round % 2 == 0), vector(round % 2 == 0));
        unsafe {
            let (two, row) = (Native::of_two(first, second), Native::in_a_row(first, second));
            let want: Avx512 = Emulated::of_two(first, second);
            assert_eq!(bits(two), bits(want));
            let want: Avx512 = Emulated::in_a_row(first, second);
            assert_eq!(bits(row), bits(want));
            // A sum that some products have made; of numbers that are too large it is infinite.
            let small = Native::of_two(vector(false), vector(false));
            let mut sums = [Avx512::splat(0.0); 2];
            for (a, b) in [(small, two), (row, small), (two, row), (small, small)] {
                sums =
                    [Native::add(a, b, sums[0]), <Emulated as Factor<Avx512>>::add(a, b, sums[1])];
            }
            for (got, want) in bits(sums[0]).into_iter().zip(bits(sums[1])) {
                let (got, want) = (f32::from_bits(got), f32::from_bits(want));
                infinite += u32::from(!want.is_finite());
                assert!(got.to_bits() == want.to_bits() || got.is_nan() && want.is_nan());
            }
        }
    }
    assert!((1..160_000).contains(&infinite), "{infinite}");
}
