// What the kernel needs of a card. `gpu/emulation` has the same for a processor, so that the
// kernel can be tested without a card.
#pragma once
#include "job.cuh"

#ifdef RESHET_EMULATION
#include "emulated.h"
#else

#define DEVICE __device__ __forceinline__
// What is called from many places and is not worth a copy in each.
#define CALLED __device__ __noinline__
// Two blocks on each multiprocessor: no more registers than that leaves.
#define KERNEL(threads) extern "C" __global__ __launch_bounds__(threads, 2)

// A parameter that every thread reads where it is.
#define CONSTANT const __grid_constant__

// Memory that a block's threads share.
#define SHARED(type, name) __shared__ type name

DEVICE u32 thread() { return threadIdx.x; }
DEVICE u32 block() { return blockIdx.x; }
DEVICE u32 blocks() { return gridDim.x; }
// A launch of many networks has several rows of blocks.
DEVICE u32 grid_row() { return blockIdx.y; }
DEVICE u32 grid_rows() { return gridDim.y; }

// Waits for the other threads of the block.
DEVICE void block_sync() { __syncthreads(); }

// The value of the lane whose number differs from this lane's in these bits.
DEVICE float across(float x, u32 bits) { return __shfl_xor_sync(0xFFFFFFFF, x, bits); }
DEVICE double across(double x, u32 bits) { return __shfl_xor_sync(0xFFFFFFFF, x, bits); }

DEVICE u32 atomic_add(u32 *at, u32 n) { return atomicAdd(at, n); }
DEVICE void atomic_store(u32 *at, u32 n) { atomicExch(at, n); }
DEVICE u32 atomic_load(u32 *at) { return *(volatile u32 *)at; }

// Makes what this thread wrote visible to all blocks, and what they wrote to this thread.
DEVICE void fence() { __threadfence(); }

// Called in a loop that waits for another block.
DEVICE void pause() {}

// Called by each thread after a barrier of the grid, for tools.
DEVICE void grid_synced() {}

DEVICE u32 multiply_high(u32 a, u32 b) { return __umulhi(a, b); }

DEVICE u32 bits_of(float x) { return __float_as_uint(x); }
DEVICE float of_bits(u32 bits) { return __uint_as_float(bits); }

// Multiplies by tensor cores, which BF16 and TF32 are for from compute capability 8.0 on: the sums of 16 by
// 8 elements of C, four in each lane, plus 16 by 16 of A times 16 by 8 of B, two bfloat16 in each u32.
// Which lane has which is said by PTX: mma.m16n8k16.
#if __CUDA_ARCH__ >= 800
#define HAS_TENSOR_CORES 1
DEVICE void multiply_pairs(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// The same sums plus 16 by 8 of A times 8 by 8 of B, a TF32 number in each u32: mma.m16n8k8.
DEVICE void multiply_tf32(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#else
#define HAS_TENSOR_CORES 0
#endif

#endif

// Where the search for a maximum starts.
#define LOWEST -3.402823466e38f

// Waits for all threads of the grid, or of its row. All blocks are on the card at once.
DEVICE void grid_sync(Barrier *barrier) {
    block_sync();
    if (thread() == 0) {
        u32 generation = atomic_load(&barrier->generation);
        // Orders that load, and all that this block wrote, before it says that it has come.
        fence();
        if (atomic_add(&barrier->arrived, 1) == blocks() - 1) {
            atomic_store(&barrier->arrived, 0);
            fence();
            atomic_add(&barrier->generation, 1);
        } else {
            while (atomic_load(&barrier->generation) == generation) pause();
        }
        fence();
    }
    block_sync();
    grid_synced();
}

// Sums over a warp; every lane gets the same bits.
DEVICE double warp_sum(double x) {
    for (u32 bits = 16; bits > 0; bits /= 2) x += across(x, bits);
    return x;
}

DEVICE float warp_sum(float x) {
    for (u32 bits = 16; bits > 0; bits /= 2) x += across(x, bits);
    return x;
}

// The largest of a warp; NaN counts as the smallest.
template <class T> DEVICE T warp_max(T x) {
    for (u32 bits = 16; bits > 0; bits /= 2) {
        T other = across(x, bits);
        x = other > x || x != x ? other : x;
    }
    return x;
}
