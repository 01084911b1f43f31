//! What the machine itself can do: the peak rates of multiply-adds and the
//! bandwidth of the memory, on as many cores as the contenders get.

use std::{env, hint::black_box, sync::Barrier, thread, time::Instant};

use reshet::{Device, Precision};

/// What all threads reach together, the best of ten tries.
pub struct Peak {
    /// GFLOP/s of f32.
    pub f32: f64,
    /// GFLOP/s of bfloat16 with sums in f32, where the processor has an instruction for it.
    pub bf16: Option<f64>,
    /// GB/s read from memory.
    pub read: f64,
}

/// Measures with the instructions that `RESHET_INSTRUCTIONS` allows.
pub fn measure(threads: usize) -> Peak {
    let most = env::var("RESHET_INSTRUCTIONS").ok();
    let flops = best(threads, |_| multiply_adds(most.as_deref()));
    let bf16 =
        bf16(most.as_deref()).map(|_| best(threads, |_| bf16(most.as_deref()).unwrap_or(0)) / 1e9);
    let numbers: Vec<f32> = vec![1.0; 64 << 20];
    let part = numbers.len() / threads;
    let bytes = best(threads, |thread| {
        let numbers = &numbers[thread * part..][..part];
        let mut sums = [0.0; 64];
        for chunk in numbers.chunks_exact(64) {
            sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += x);
        }
        black_box(sums);
        4 * part as u64
    });
    Peak { f32: flops / 1e9, bf16, read: bytes / 1e9 }
}

/// Work a second, all threads together; `work` says how much it did.
fn best(threads: usize, work: impl Fn(usize) -> u64 + Sync) -> f64 {
    let barrier = Barrier::new(threads);
    let mut best = 0f64;
    for _ in 0..10 {
        let rate = thread::scope(|scope| {
            let (work, barrier) = (&work, &barrier);
            let run = move |thread| {
                barrier.wait();
                let start = Instant::now();
                work(thread) as f64 / start.elapsed().as_secs_f64()
            };
            let all: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
            all.into_iter().filter_map(|thread| thread.join().ok()).sum()
        });
        best = best.max(rate);
    }
    best
}

/// Runs multiply-adds in twelve chains, more than their latency needs; gives the FLOP.
fn multiply_adds(most: Option<&str>) -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && matches!(most, None | Some("avx512")) {
            // SAFETY: the processor has the instructions.
            return unsafe { avx512() };
        }
        if is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("avx2")
            && most != Some("portable")
        {
            // SAFETY: the processor has the instructions.
            return unsafe { avx2() };
        }
    }
    portable()
}

const TURNS: u64 = 5_000_000;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512() -> u64 {
    use std::arch::x86_64::*;
    let (a, b) = (_mm512_set1_ps(black_box(0.999)), _mm512_set1_ps(black_box(0.001)));
    let mut sums = [a; 12];
    for _ in 0..TURNS {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, a, b);
        }
    }
    black_box(sums);
    TURNS * 12 * 16 * 2
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2() -> u64 {
    use std::arch::x86_64::*;
    let (a, b) = (_mm256_set1_ps(black_box(0.999)), _mm256_set1_ps(black_box(0.001)));
    let mut sums = [a; 12];
    for _ in 0..TURNS {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, a, b);
        }
    }
    black_box(sums);
    TURNS * 12 * 8 * 2
}

/// Runs products of pairs in bfloat16 in twelve chains, where there is an instruction for it;
/// gives the FLOP.
fn bf16(most: Option<&str>) -> Option<u64> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    if Precision::Bf16.instructions(Device::cpu()).ends_with("amx") {
        // SAFETY: the library has found that the processor has them and that the system permits them.
        return Some(unsafe { amx() });
    }
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512bf16") && matches!(most, None | Some("avx512")) {
        // SAFETY: the processor has the instructions.
        return Some(unsafe { avx512_bf16() });
    }
    let _ = most;
    None
}

/// Tiles of 16 × 16 sums, each of 32 products an instruction, in four chains.
///
/// # Safety
/// The processor has the instructions, and the system permits them.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
unsafe fn amx() -> u64 {
    /// As LDTILECFG reads it: palette 1, eight tiles of 16 rows of 64 bytes.
    #[repr(C, align(64))]
    struct Config {
        palette: [u8; 16],
        row_bytes: [u16; 16],
        rows: [u8; 16],
    }
    let mut config = Config { palette: [0; 16], row_bytes: [0; 16], rows: [0; 16] };
    config.palette[0] = 1;
    config.row_bytes[..8].fill(64);
    config.rows[..8].fill(16);
    // SAFETY: the caller's promise; the tiles are left without a shape.
    unsafe {
        std::arch::asm!(
            "ldtilecfg [{config}]",
            "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
            "tilezero tmm4", "tilezero tmm5", "tilezero tmm6", "tilezero tmm7",
            "2:",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "dec {turns}",
            "jnz 2b",
            "tilerelease",
            config = in(reg) &config,
            turns = inout(reg) TURNS => _,
            options(nostack, readonly),
        );
    }
    TURNS * 4 * 16 * 16 * 32 * 2
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
fn avx512_bf16() -> u64 {
    use std::arch::x86_64::*;
    let ones = _mm512_set1_ps(black_box(1.0));
    let pairs = black_box(_mm512_cvtne2ps_pbh(ones, ones));
    let mut sums = [_mm512_set1_ps(black_box(0.001)); 12];
    for _ in 0..TURNS {
        for sum in &mut sums {
            *sum = _mm512_dpbf16_ps(*sum, pairs, pairs);
        }
    }
    black_box(sums);
    TURNS * 12 * 32 * 2
}

/// As the compiler makes it of plain arrays: NEON on Arm.
fn portable() -> u64 {
    let (a, b) = (black_box(0.999f32), black_box(0.001f32));
    let mut sums = [[a; 4]; 12];
    for _ in 0..TURNS {
        for x in sums.as_flattened_mut() {
            *x = if cfg!(target_arch = "aarch64") { x.mul_add(a, b) } else { *x * a + b };
        }
    }
    black_box(sums);
    TURNS * 12 * 4 * 2
}
