//! The tile instructions, as processors with AMX have them.

use std::{
    arch::{
        asm,
        x86_64::{__cpuid_count, _xgetbv},
    },
    mem::offset_of,
    sync::OnceLock,
};

use super::{Block, Config, Emulated, Shape, TILE, Tiles, product};
use crate::engine::cpu::{
    Instructions,
    bf16::is_native,
    matrix::STRIP,
    product::{Fetch, Left, Product, Segment, Start},
};

/// Tiles on processors with AMX.
pub(in super::super) struct Amx;

impl Tiles for Amx {
    #[inline(never)]
    unsafe fn compute(shape: &Shape, blocks: &[Block]) {
        const { assert!(offset_of!(Shape, config) == 0 && size_of::<Config>() == 64) };
        const { assert!(STRIP == 4 * TILE && size_of::<f32>() * TILE == 64) };
        if blocks.is_empty() {
            return;
        }
        // SAFETY: the caller's promise. The tiles are left as they were, without a shape.
        unsafe {
            asm!(
                "ldtilecfg [{shape}]",
                "mov {step_b}, [{shape} + {STEP_B}]",
                // Each block: its sums,
                "2:",
                "cmp qword ptr [{block} + {ADDS}], 0",
                "je 3f",
                "mov {k}, [{shape} + {STEP_C}]",
                "mov {a0}, [{block} + {C}]",
                "tileloadd tmm0, [{a0} + {k}]",
                "mov {a0}, [{block} + {C} + 8]",
                "tileloadd tmm1, [{a0} + {k}]",
                "mov {a0}, [{block} + {C} + 16]",
                "tileloadd tmm2, [{a0} + {k}]",
                "mov {a0}, [{block} + {C} + 24]",
                "tileloadd tmm3, [{a0} + {k}]",
                "jmp 4f",
                "3:",
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                // its places,
                "4:",
                "mov {a0}, [{block} + {A}]",
                "mov {a1}, [{block} + {A} + 8]",
                "mov {b0}, [{block} + {B}]",
                "mov {b1}, [{block} + {B} + 8]",
                "mov {fetch}, [{block} + {FETCH}]",
                "mov {step_a}, [{shape} + {STEP_A}]",
                "mov {strips}, [{block} + {STRIPS}]",
                "test {strips}, {strips}",
                "jz 7f",
                // each strip of A, four tiles deep,
                "5:",
                "mov {k}, 4",
                "6:",
                "tileloadd tmm4, [{a0} + {step_a}]",
                "tileloadd tmm6, [{b0} + {step_b}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b1} + {step_b}]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tileloadd tmm5, [{a1} + {step_a}]",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "prefetcht1 [{fetch}]",
                "prefetcht1 [{fetch} + 64]",
                "prefetcht1 [{fetch} + 128]",
                "prefetcht1 [{fetch} + 192]",
                "add {fetch}, [{block} + {FETCH_STEP}]",
                "add {a0}, 64",
                "add {a1}, 64",
                "add {b0}, [{shape} + {STEP_B_TILE}]",
                "add {b1}, [{shape} + {STEP_B_TILE}]",
                "dec {k}",
                "jnz 6b",
                "dec {strips}",
                "js 8f",
                "jz 7f",
                "add {a0}, [{shape} + {NEXT_A}]",
                "add {a1}, [{shape} + {NEXT_A}]",
                "jmp 5b",
                // the last one, less deep,
                "7:",
                "mov {a0}, [{block} + {A_LAST}]",
                "mov {a1}, [{block} + {A_LAST} + 8]",
                "mov {step_a}, [{shape} + {STEP_A_LAST}]",
                "mov {k}, [{block} + {LAST}]",
                "jmp 6b",
                // and what has come out.
                "8:",
                "mov {k}, [{shape} + {STEP_C}]",
                "mov {a0}, [{block} + {C}]",
                "tilestored [{a0} + {k}], tmm0",
                "mov {a0}, [{block} + {C} + 8]",
                "tilestored [{a0} + {k}], tmm1",
                "mov {a0}, [{block} + {C} + 16]",
                "tilestored [{a0} + {k}], tmm2",
                "mov {a0}, [{block} + {C} + 24]",
                "tilestored [{a0} + {k}], tmm3",
                "add {block}, {BLOCK}",
                "dec {count}",
                "jnz 2b",
                "tilerelease",
                STEP_A = const offset_of!(Shape, step_a),
                STEP_A_LAST = const offset_of!(Shape, step_a_last),
                NEXT_A = const offset_of!(Shape, next_a),
                STEP_B = const offset_of!(Shape, step_b),
                STEP_B_TILE = const offset_of!(Shape, step_b_tile),
                STEP_C = const offset_of!(Shape, step_c),
                A = const offset_of!(Block, a),
                A_LAST = const offset_of!(Block, a_last),
                B = const offset_of!(Block, b),
                C = const offset_of!(Block, c),
                STRIPS = const offset_of!(Block, strips),
                LAST = const offset_of!(Block, last),
                ADDS = const offset_of!(Block, adds),
                FETCH = const offset_of!(Block, fetch),
                FETCH_STEP = const offset_of!(Block, fetch_step),
                BLOCK = const size_of::<Block>(),
                shape = in(reg) shape,
                block = inout(reg) blocks.as_ptr() => _,
                count = inout(reg) blocks.len() => _,
                a0 = out(reg) _,
                a1 = out(reg) _,
                b0 = out(reg) _,
                b1 = out(reg) _,
                step_a = out(reg) _,
                step_b = out(reg) _,
                strips = out(reg) _,
                k = out(reg) _,
                fetch = out(reg) _,
                out("tmm0") _,
                out("tmm1") _,
                out("tmm2") _,
                out("tmm3") _,
                out("tmm4") _,
                out("tmm5") _,
                out("tmm6") _,
                out("tmm7") _,
                options(nostack),
            );
        }
    }
}

/// See [`product`].
///
/// # Safety
/// As there; the processor has AVX2.
#[target_feature(enable = "avx2")]
#[inline(never)]
pub(in super::super) unsafe fn by_instructions(of: &Product, fetch: &mut Fetch) {
    // SAFETY: the caller's promise.
    unsafe { product::<Amx>(of, fetch) }
}

/// Whether there are tiles: the processor has them, the system lets the process use them, and what
/// they calculate is what they should. `RESHET_INSTRUCTIONS`, if it names any, leaves them out.
pub(in super::super) fn are_here() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| {
        let asked = matches!(Instructions::asked(), Ok(None));
        // SAFETY: by then the processor has them, and the process may use them.
        asked && processor_has_them() && is_permitted() && unsafe { are_right::<Amx>() }
    })
}

/// Whether the processor has AMX for bfloat16, with tiles of this size, and the system keeps them.
pub(super) fn processor_has_them() -> bool {
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    /// What a thread's state consists of: tiles' shapes and numbers.
    const TILES: u64 = 0b11 << 17;
    #[allow(unused_unsafe, reason = "with older compilers it is not")]
    // SAFETY: every processor has the instruction.
    let cpuid = |leaf, part| unsafe { __cpuid_count(leaf, part) };
    // AVX-512 is there only where the system has a say in what a thread's state is.
    if !is_native(Instructions::Avx512) || cpuid(0, 0).eax < 0x1d {
        return false;
    }
    let has = cpuid(7, 0).edx & (AMX_BF16 | AMX_TILE) == AMX_BF16 | AMX_TILE;
    // Of palette 1: bytes of all tiles and of one; bytes of a row and tiles; rows.
    let sizes = cpuid(0x1d, 1);
    let are_so = (sizes.eax, sizes.ebx, sizes.ecx & 0xffff)
        == (1024 << 16 | 8192, 8 << 16 | 64, TILE as u32);
    // SAFETY: see above.
    has && are_so && unsafe { kept() } & TILES == TILES
}

/// The parts of a thread's state that the system keeps.
///
/// # Safety
/// The system has enabled XSAVE.
#[target_feature(enable = "xsave")]
unsafe fn kept() -> u64 {
    // SAFETY: the caller's promise.
    unsafe { _xgetbv(0) }
}

/// Asks the system for tiles, for all threads of the process.
fn is_permitted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_long = 18;
    // SAFETY: it changes what the process may do, and nothing else.
    let result =
        unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) };
    result == 0
}

/// Whether tiles give the bits that they should, in a product that comes by all of the assembler.
///
/// # Safety
/// The instructions are there.
pub(super) unsafe fn are_right<T: Tiles>() -> bool {
    const ROWS: usize = 34;
    const WIDTH: usize = 32;
    const STRIPS: usize = 5;
    const LAST: usize = TILE;
    // A hash's upper bits as numbers of about 1 and of both signs, two in a word.
    let pairs = |n: usize, seed: u32| -> Vec<f32> {
        let pair = |i: usize| (i as u32 + seed).wrapping_mul(2_654_435_769) ^ i as u32 >> 3;
        (0..n).map(|i| f32::from_bits(pair(i) & 0x80ff_80ff | 0x3f00_3f00)).collect()
    };
    let depth = (STRIPS - 1) * STRIP + LAST;
    let (a, b) = (pairs(ROWS * depth, 1), pairs(depth * WIDTH, 7));
    let bias = pairs(WIDTH, 3);
    let of = |row: usize, len: usize| Segment { row, step: 1, len };
    let next = ROWS * STRIP;
    let left = Left {
        at: a.as_ptr(),
        strips: STRIPS,
        next,
        inner: of(STRIP, STRIP),
        last: of(LAST, LAST),
    };
    let mut sums = [vec![0.0f32; ROWS * WIDTH], vec![0.0; ROWS * WIDTH]];
    let [got, want] = &mut sums;
    let of = |c: *mut f32| Product {
        left,
        first: 0,
        rows: ROWS,
        b: b.as_ptr(),
        step_b: WIDTH,
        start: Start::Row(bias.as_ptr()),
        c,
        step_c: WIDTH,
        width: WIDTH,
    };
    // SAFETY: both matrices are there, and room for the sums.
    unsafe {
        product::<T>(&of(got.as_mut_ptr()), &mut Fetch::NOTHING.clone());
        product::<Emulated>(&of(want.as_mut_ptr()), &mut Fetch::NOTHING.clone());
    }
    got.iter().zip(want).all(|(got, want)| got.to_bits() == want.to_bits())
}
