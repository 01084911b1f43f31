//! Features where they are stored: how a number is read there, and which are not zero.

use super::super::vector::Vector;

/// Where features are stored, and how a number is read there.
pub(super) trait Source: Copy {
    /// From the n-th number on.
    ///
    /// # Safety
    /// n numbers are there.
    unsafe fn skip(self, n: usize) -> Self;

    /// Number i.
    ///
    /// # Safety
    /// It is there.
    unsafe fn number(self, i: usize) -> f32;

    /// Bit i: number i of the first n is not zero.
    ///
    /// # Safety
    /// V's instructions are enabled; n numbers are there, and n is at most 64.
    unsafe fn not_zero<V: Vector>(self, n: usize) -> u64;
}

/// Bytes that stand for x / 255.
static BYTES: [f32; 256] = {
    let (mut table, mut i) = ([0.0; 256], 0);
    while i < 256 {
        table[i] = i as f32 / 255.0;
        i += 1;
    }
    table
};

impl Source for *const u8 {
    #[inline(always)]
    unsafe fn skip(self, n: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { self.add(n) }
    }

    #[inline(always)]
    unsafe fn number(self, i: usize) -> f32 {
        // SAFETY: the caller's promise; the table has a number for each byte.
        unsafe { *BYTES.get_unchecked(usize::from(*self.add(i))) }
    }

    #[inline(always)]
    unsafe fn not_zero<V: Vector>(self, n: usize) -> u64 {
        debug_assert!(n <= 64 && !self.is_null());
        // SAFETY: the caller vouches for n ≤ 64 bytes.
        unsafe {
            if n == 64 {
                return V::nonzero_bytes(self);
            }
            let mut bytes = [0u8; 64];
            self.copy_to_nonoverlapping(bytes.as_mut_ptr(), n);
            V::nonzero_bytes(bytes.as_ptr())
        }
    }
}

impl Source for *const f32 {
    #[inline(always)]
    unsafe fn skip(self, n: usize) -> Self {
        // SAFETY: the caller's promise.
        unsafe { self.add(n) }
    }

    #[inline(always)]
    unsafe fn number(self, i: usize) -> f32 {
        // SAFETY: the caller's promise.
        unsafe { *self.add(i) }
    }

    #[inline(always)]
    unsafe fn not_zero<V: Vector>(self, n: usize) -> u64 {
        debug_assert!(n <= 64 && !self.is_null() && self.is_aligned());
        // SAFETY: the caller vouches for n numbers.
        (0..n).fold(0, |mask, i| mask | u64::from(unsafe { *self.add(i) } != 0.0) << i)
    }
}

/// Calls a function on the features, whatever their storage.
macro_rules! with_source {
    ($work:expr, |$source:ident| $f:expr) => {
        match $work.batch.inputs.numbers {
            Numbers::U8(bytes) => {
                let $source = bytes.as_ptr();
                $f
            }
            Numbers::F32(values) => {
                let $source = values.as_ptr();
                $f
            }
        }
    };
}
pub(super) use with_source;

#[cfg(test)]
mod tests {
    use super::{super::super::vector::with_each_vector, *};

    #[test]
    fn masks_show_what_is_not_zero() {
        fn shows<V: Vector>() {
            for n in 0..=64 {
                let bytes: Vec<u8> = (0..n).map(|i| [0, 1, 128, 0, 255, 127][i * i % 6]).collect();
                let numbers: Vec<f32> = bytes.iter().map(|b| f32::from(*b) * -1e-40).collect();
                let want = (0..n).fold(0, |mask, i| mask | u64::from(bytes[i] != 0) << i);
                // SAFETY: called for what the processor has; there are n numbers.
                unsafe {
                    assert_eq!(bytes.as_ptr().not_zero::<V>(n), want);
                    assert_eq!(numbers.as_ptr().not_zero::<V>(n), want);
                }
            }
        }
        with_each_vector!(shows);
    }
}
