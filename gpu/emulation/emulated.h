// What `device.cuh` gives on a card, for a processor.
#pragma once
#include <math.h>
#include <string.h>

#define DEVICE inline
#define CALLED inline
#define KERNEL(threads) extern "C"
#define CONSTANT const
#define SHARED(type, name) type &name = *(type *)emulation::shared(sizeof(type))

struct alignas(16) float4 {
    float x, y, z, w;
};

using std::isfinite;

// Implemented in `threads.cpp`.
namespace emulation {
u32 thread();
u32 block();
u32 blocks();
u32 grid_row();
u32 grid_rows();
void *shared(u64 bytes);
void block_sync();
void pause();
void grid_synced();
u64 across(u64 bits, u32 lanes);
void show(const void *what);
const void *shown(u32 lane);
void all_seen();
u32 atomic_add(u32 *at, u32 n);
void atomic_store(u32 *at, u32 n);
u32 atomic_load(u32 *at);
} // namespace emulation

using emulation::atomic_add;
using emulation::atomic_load;
using emulation::atomic_store;
using emulation::block;
using emulation::block_sync;
using emulation::blocks;
using emulation::grid_row;
using emulation::grid_rows;
using emulation::grid_synced;
using emulation::pause;
using emulation::thread;

template <typename Number>
inline Number across(Number x, u32 lanes) {
    union {
        u64 bits;
        Number number;
    } both = {};
    both.number = x;
    both.bits = emulation::across(both.bits, lanes);
    return both.number;
}

inline u32 bits_of(float x) {
    u32 bits;
    memcpy(&bits, &x, 4);
    return bits;
}

inline float of_bits(u32 bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

// What a lane gives to a product of its warp.
struct Given {
    const u32 *a, *b;
};

#define HAS_TENSOR_CORES 1

// The same product number by number: exact, and each added to a sum in float. A card adds several at
// once, so its last bits may be others. Who has which is as NVIDIA says (PTX, mma.m16n8k16).
inline void multiply_pairs(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    Given given = {a, b};
    emulation::show(&given);
    u32 lane = thread() % 32;
    for (u32 i = 0; i < 4; ++i) {
        u32 row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        for (u32 k = 0; k < 16; ++k) {
            const Given &left = *(const Given *)emulation::shown(row % 8 * 4 + k % 8 / 2);
            const Given &right = *(const Given *)emulation::shown(column * 4 + k % 8 / 2);
            u32 from_a = left.a[row / 8 + k / 8 * 2], from_b = right.b[k / 8];
            float x = of_bits(k % 2 ? from_a & 0xFFFF0000 : from_a << 16);
            float y = of_bits(k % 2 ? from_b & 0xFFFF0000 : from_b << 16);
            c[i] += x * y;
        }
    }
    emulation::all_seen();
}

// As above, of PTX's mma.m16n8k8 for TF32.
inline void multiply_tf32(float (&c)[4], const u32 (&a)[4], const u32 (&b)[2]) {
    Given given = {a, b};
    emulation::show(&given);
    u32 lane = thread() % 32;
    for (u32 i = 0; i < 4; ++i) {
        u32 row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        for (u32 k = 0; k < 8; ++k) {
            const Given &left = *(const Given *)emulation::shown(row % 8 * 4 + k % 4);
            const Given &right = *(const Given *)emulation::shown(column * 4 + k % 4);
            // A card reads no more of a number than TF32 has.
            float x = of_bits(left.a[row / 8 + k / 4 * 2] & 0xFFFFE000);
            float y = of_bits(right.b[k / 4] & 0xFFFFE000);
            c[i] += x * y;
        }
    }
    emulation::all_seen();
}

inline void fence() {}

inline u32 multiply_high(u32 a, u32 b) { return (u32)((u64)a * b >> 32); }
