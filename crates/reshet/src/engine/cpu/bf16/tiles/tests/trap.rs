//! The tile instructions on a processor without them: each is emulated where the program meets it.
//!
//! So what the assembler says, and not what it is meant to say, is run on every machine: which
//! tiles, which addresses, how often.

use std::{
    cell::RefCell,
    mem::zeroed,
    ptr::null_mut,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use libc::{
    REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RAX, REG_RBP,
    REG_RBX, REG_RCX, REG_RDI, REG_RDX, REG_RIP, REG_RSI, REG_RSP, SA_SIGINFO, SIG_DFL, SIGILL,
    c_int, c_void, greg_t, sigaction, siginfo_t, ucontext_t,
};

use super::super::{Config, emulated::Registers, instructions::processor_has_them};

/// The general registers, by number.
const GENERAL: [c_int; 16] = [
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9,
    REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
];

thread_local! {
    static TILES: RefCell<Registers> = const { RefCell::new(Registers::NONE) };
}

static CAUGHT: AtomicUsize = AtomicUsize::new(0);

/// From now on each tile instruction is emulated, where the processor has none.
pub(in super::super::super) fn catch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if processor_has_them() {
            assert!(super::are_here(), "the system does not permit tiles, or they are wrong");
            return;
        }
        // SAFETY: an action of zeros is an empty one; `caught` is of the type that SA_SIGINFO says.
        unsafe {
            let mut action: sigaction = zeroed();
            action.sa_sigaction = caught as *const () as usize;
            action.sa_flags = SA_SIGINFO;
            assert_eq!(sigaction(SIGILL, &action, null_mut()), 0);
        }
    });
}

/// Whether some instruction has been.
pub(super) fn has_caught() -> bool {
    CAUGHT.load(Relaxed) > 0
}

extern "C" fn caught(_: c_int, _: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the system passes the registers of the thread that has met the instruction.
    unsafe {
        let registers = &mut (*context.cast::<ucontext_t>()).uc_mcontext.gregs;
        match TILES.with_borrow_mut(|tiles| emulate(tiles, registers)) {
            Some(length) => registers[REG_RIP as usize] += length as greg_t,
            None => {
                // Another one: it is met again, and ends the process as if nothing had been caught.
                let mut action: sigaction = zeroed();
                action.sa_sigaction = SIG_DFL;
                sigaction(SIGILL, &action, null_mut());
            }
        }
    }
    CAUGHT.fetch_add(1, Relaxed);
}

/// Does what the instruction there says; gives its length, or None if it is no tile's.
///
/// # Safety
/// `general` are the registers of a thread that is about to run it.
unsafe fn emulate(tiles: &mut Registers, general: &[greg_t; 23]) -> Option<usize> {
    let at = general[REG_RIP as usize] as *const u8;
    // SAFETY: a page that ends here would have been met as another fault; of an instruction that is
    // shorter, no more is looked at than it has.
    let byte = |i: usize| unsafe { *at.add(i) };
    // Three bytes of VEX, map 0F38, 128 bits, W 0.
    if byte(0) != 0xc4 || byte(1) & 0x1f != 2 || byte(2) & 0x84 != 0 {
        return None;
    }
    let [upper_reg, upper_index, upper_base] =
        [7, 6, 5].map(|bit| usize::from(!byte(1) >> bit & 1) * 8);
    let (third, prefix, opcode) = (usize::from(!byte(2) >> 3 & 15), byte(2) & 3, byte(3));
    let (mode, reg, rm) =
        (byte(4) >> 6, upper_reg + usize::from(byte(4) >> 3 & 7), usize::from(byte(4) & 7));
    let register = |number: usize| general[GENERAL[number] as usize] as usize;
    // Where it is in memory, how far apart rows are, and the instruction's length.
    let memory = || {
        let (mut base, mut step, mut length) = (rm + upper_base, 0, 5);
        if rm == 4 {
            let index = usize::from(byte(5) >> 3 & 7) + upper_index;
            base = usize::from(byte(5) & 7) + upper_base;
            step = if index == 4 { 0 } else { register(index) << (byte(5) >> 6) };
            length = 6;
        }
        assert!(mode < 3 && !(mode == 0 && base % 8 == 5), "no place that the assembler asks for");
        let four = || i32::from_le_bytes([0, 1, 2, 3].map(|i| byte(length + i))) as isize;
        let (apart, bytes) = match mode {
            0 => (0, 0),
            1 => (byte(length) as i8 as isize, 1),
            _ => (four(), 4),
        };
        (register(base).wrapping_add_signed(apart) as *mut u8, step, length + bytes)
    };
    const F3: u8 = 2;
    const F2: u8 = 3;
    // SAFETY: the program has a place there.
    unsafe {
        match (prefix, opcode, mode) {
            (0, 0x49, 3) if byte(4) == 0xc0 => {
                tiles.release();
                Some(5)
            }
            (0, 0x49, 0..3) if reg == 0 => {
                let (at, _, length) = memory();
                tiles.configure(&at.cast::<Config>().read_unaligned());
                Some(length)
            }
            (F2, 0x49, 3) if rm == 0 => {
                tiles.zero(reg);
                Some(5)
            }
            (F2, 0x4b, 0..3) => {
                let (at, step, length) = memory();
                tiles.load(reg, at, step);
                Some(length)
            }
            (F3, 0x4b, 0..3) => {
                let (at, step, length) = memory();
                tiles.store(reg, at, step);
                Some(length)
            }
            (F3, 0x5c, 3) => {
                tiles.multiply(reg, rm + upper_base, third);
                Some(5)
            }
            _ => None,
        }
    }
}
