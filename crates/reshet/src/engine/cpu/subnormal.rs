//! Numbers below 2⁻¹²⁶ are taken for 0 while kernels run.
//!
//! Once a network is sure of itself its gradients are tiny and their squares,
//! which Adam keeps, tinier still: subnormal. Each operation on one costs the
//! processor over a hundred cycles; on the lecture's job that was seven tenths
//! of the time. As a number they mean nothing here.

/// Restores the thread's way with subnormal numbers when dropped.
pub(super) struct FlushToZero {
    before: u64,
}

impl FlushToZero {
    pub fn on() -> Self {
        let before = control();
        set_control(before | FLUSH);
        Self { before }
    }
}

impl Drop for FlushToZero {
    fn drop(&mut self) {
        set_control(self.before);
    }
}

/// Bits 15 (results) and 6 (operands) of MXCSR.
#[cfg(target_arch = "x86_64")]
const FLUSH: u64 = 1 << 15 | 1 << 6;
/// Bit 24 of FPCR, for both.
#[cfg(target_arch = "aarch64")]
const FLUSH: u64 = 1 << 24;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const FLUSH: u64 = 0;

fn control() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        let mut bits = 0u32;
        // SAFETY: stores the control register into `bits`; every x86-64 has it.
        unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut bits, options(nostack)) };
        bits.into()
    }
    #[cfg(target_arch = "aarch64")]
    {
        let bits: u64;
        // SAFETY: reads the control register, which every Arm of 64 bits has.
        unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) bits, options(nostack)) };
        bits
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    0
}

#[allow(unused_variables, reason = "elsewhere there is no such switch")]
fn set_control(bits: u64) {
    #[cfg(target_arch = "x86_64")]
    {
        let bits = bits as u32;
        // SAFETY: only the two flush bits differ from what was there, and they
        // are put back before any code but the kernels runs.
        unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const bits, options(nostack)) };
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("msr fpcr, {}", in(reg) bits, options(nostack))
    };
}
