// What `device.cuh` gives on a card, for a processor.
#pragma once
#include <math.h>

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

inline void fence() {}

inline u32 multiply_high(u32 a, u32 b) { return (u32)((u64)a * b >> 32); }
