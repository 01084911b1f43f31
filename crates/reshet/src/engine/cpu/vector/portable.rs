//! What works everywhere.

use super::Vector;

/// Plain arrays: the compiler makes what vectors there are of them.
#[derive(Clone, Copy)]
pub(in super::super) struct Portable([f32; 4]);

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
    const REGISTERS: usize = 16;

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
        abs() = |x: f32| x.abs();
        max(b) = |x: f32, b: f32| if x > b { x } else { b };
        min(b) = |x: f32, b: f32| if x < b { x } else { b };
        // Without the instruction, `mul_add` is a slow call.
        fma(b, c) = |x: f32, b: f32, c: f32| x * b + c;
        // Adding 1.5 · 2²³ leaves no bits for the fraction; |x| < 2²² here.
        round() = |x: f32| (x + 12_582_912.0) - 12_582_912.0;
        exp2_whole() = |x: f32| f32::from_bits(((x as i32 + 127) as u32) << 23);
        not_below(least) = |x: f32, least: f32| if x < least { 0.0 } else { x };
        not_within(least) = |x: f32, least: f32| if x.abs() < least { 0.0 } else { x };
        positive(a, b) = |x: f32, a: f32, b: f32| if x > 0.0 { a } else { b };
    }
}
