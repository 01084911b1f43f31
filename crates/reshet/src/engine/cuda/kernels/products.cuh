// Products of matrices, C = A B, tile by tile. The operands are functions of their place, so that
// one code serves the three products of a layer, and reads a batch where the data is.
//
// The order in which each element is summed up follows from the length of the sum alone: the
// same bits for any number of blocks.
#pragma once
#include "device.cuh"

enum : u32 { THREADS = 256 };

// x rounded to the nearest BF16 or TF32 number, or x itself. BF16: ties to even, as on the processor:
// what is below 2^-56 is 0. TF32: 10 bits after the point, ties away from 0, as PTX's cvt.rna.tf32.f32.
DEVICE float rounded(float x, u32 to) {
    u32 bits = bits_of(x);
    if (to == 0 || x != x) return x;
    if (to == TF32) return of_bits((bits + 0x1000) & 0xFFFFE000);
    if (fabsf(x) < 1.3877787807814457e-17f) return 0.0f;
    return of_bits((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000);
}

// The side of a tile of C.
DEVICE u32 tile_side(bool large) { return large ? 64 : 16; }

DEVICE u32 tile_count(bool large, u32 rows, u32 columns) {
    u32 side = tile_side(large);
    return ((rows + side - 1) / side) * ((columns + side - 1) / side);
}

// A strip of A and of B, and the sums of the four groups of threads of a small tile.
union TileMemory {
    struct {
        float a[64][17];
        float b[64][17];
    } small;
    float sums[4][16][17];
    struct {
        alignas(16) float a[16][68];
        alignas(16) float b[16][68];
    } large;
};

// Copies `depth` elements along the sum, of `side` rows of A or columns of B, into shared
// memory. An operand says along which of its two sides its numbers follow one another.
template <u32 side, u32 depth, u32 stride, class Operand>
DEVICE void load(float (*into)[stride], Operand operand, u32 from, u32 end, u32 k, u32 length, u32 rounding) {
    for (u32 n = thread(); n < side * depth; n += THREADS) {
        u32 i = Operand::along_sum ? n / depth : n % side;
        u32 j = Operand::along_sum ? n % depth : n / side;
        bool inside = from + i < end && k + j < length;
        float x = inside ? operand.at(from + i, k + j) : 0.0f;
        into[j][i] = rounded(x, rounding);
    }
}

// A tile of 16 by 16: four groups of threads share the sum, each thread has 2 by 2 elements.
template <class A, class B, class C>
DEVICE void small_tile(TileMemory &memory, u32 tile, u32 rows, u32 columns, u32 length, u32 rounding, A a, B b, C c) {
    u32 across = (columns + 15) / 16;
    u32 row = tile / across * 16, column = tile % across * 16;
    u32 group = thread() / 64, y = thread() % 64 / 8 * 2, x = thread() % 8 * 2;
    float sums[2][2] = {};
    for (u32 k = 0; k < length; k += 64) {
        load<16, 64, 17>(memory.small.a, a, row, rows, k, length, rounding);
        load<16, 64, 17>(memory.small.b, b, column, columns, k, length, rounding);
        block_sync();
#pragma unroll 4
        for (u32 j = group * 16; j < group * 16 + 16; ++j) {
            float a0 = memory.small.a[j][y], a1 = memory.small.a[j][y + 1];
            float b0 = memory.small.b[j][x], b1 = memory.small.b[j][x + 1];
            sums[0][0] = fmaf(a0, b0, sums[0][0]);
            sums[0][1] = fmaf(a0, b1, sums[0][1]);
            sums[1][0] = fmaf(a1, b0, sums[1][0]);
            sums[1][1] = fmaf(a1, b1, sums[1][1]);
        }
        block_sync();
    }
    for (u32 i = 0; i < 2; ++i) {
        for (u32 j = 0; j < 2; ++j) memory.sums[group][y + i][x + j] = sums[i][j];
    }
    block_sync();
    u32 i = thread() / 16, j = thread() % 16;
    float sum = (memory.sums[0][i][j] + memory.sums[1][i][j]) +
                (memory.sums[2][i][j] + memory.sums[3][i][j]);
    if (row + i < rows && column + j < columns) c.store(row + i, column + j, sum);
    block_sync();
}

// A tile of 64 by 64: each thread has 4 by 4 elements.
template <class A, class B, class C>
DEVICE void large_tile(TileMemory &memory, u32 tile, u32 rows, u32 columns, u32 length, u32 rounding, A a, B b, C c) {
    u32 across = (columns + 63) / 64;
    u32 row = tile / across * 64, column = tile % across * 64;
    u32 y = thread() / 16 * 4, x = thread() % 16 * 4;
    float sums[4][4] = {};
    for (u32 k = 0; k < length; k += 16) {
        load<64, 16, 68>(memory.large.a, a, row, rows, k, length, rounding);
        load<64, 16, 68>(memory.large.b, b, column, columns, k, length, rounding);
        block_sync();
#pragma unroll
        for (u32 j = 0; j < 16; ++j) {
            float4 ours = *(const float4 *)&memory.large.a[j][y];
            float4 theirs = *(const float4 *)&memory.large.b[j][x];
            float left[4] = {ours.x, ours.y, ours.z, ours.w};
            float right[4] = {theirs.x, theirs.y, theirs.z, theirs.w};
#pragma unroll
            for (u32 m = 0; m < 4; ++m) {
#pragma unroll
                for (u32 n = 0; n < 4; ++n) sums[m][n] = fmaf(left[m], right[n], sums[m][n]);
            }
        }
        block_sync();
    }
#pragma unroll
    for (u32 i = 0; i < 4; ++i) {
#pragma unroll
        for (u32 j = 0; j < 4; ++j) {
            if (row + y + i < rows && column + x + j < columns) {
                c.store(row + y + i, column + x + j, sums[i][j]);
            }
        }
    }
}

#if HAS_TENSOR_CORES

// Two bfloat16, the first in the lower half.
DEVICE u32 pair(float first, float second) { return bits_of(first) >> 16 | (bits_of(second) & 0xFFFF0000); }

// A tile of 64 by 64 of factors rounded to BF16 or TF32: each of the eight warps has 16 by 32 elements.
template <u32 rounding, class A, class B, class C>
DEVICE void tensor_tile(TileMemory &memory, u32 tile, u32 rows, u32 columns, u32 length, A a, B b, C c) {
    u32 across = (columns + 63) / 64;
    u32 row = tile / across * 64, column = tile % across * 64;
    u32 warp = thread() / 32, quad = thread() % 32 / 4, k = thread() % 4 * 2;
    u32 y = warp / 2 * 16 + quad, x = warp % 2 * 32;
    float sums[4][4] = {};
    for (u32 start = 0; start < length; start += 16) {
        load<64, 16, 68>(memory.large.a, a, row, rows, start, length, rounding);
        load<64, 16, 68>(memory.large.b, b, column, columns, start, length, rounding);
        block_sync();
        float(*left)[68] = memory.large.a, (*right)[68] = memory.large.b;
        if (rounding == BF16) {
            u32 ours[4] = {pair(left[k][y], left[k + 1][y]), pair(left[k][y + 8], left[k + 1][y + 8]),
                           pair(left[k + 8][y], left[k + 9][y]), pair(left[k + 8][y + 8], left[k + 9][y + 8])};
#pragma unroll
            for (u32 n = 0; n < 4; ++n) {
                u32 at = x + n * 8 + quad;
                u32 theirs[2] = {pair(right[k][at], right[k + 1][at]), pair(right[k + 8][at], right[k + 9][at])};
                multiply_pairs(sums[n], ours, theirs);
            }
        } else {
            // Of eight along the sum a lane has two neighbours, not those four apart that its registers
            // stand for: the same for A and B, so the same products, and its reads of shared memory
            // are not in the way of other lanes'.
#pragma unroll
            for (u32 j = k; j < 16; j += 8) {
                u32 ours[4] = {bits_of(left[j][y]), bits_of(left[j][y + 8]), bits_of(left[j + 1][y]),
                               bits_of(left[j + 1][y + 8])};
#pragma unroll
                for (u32 n = 0; n < 4; ++n) {
                    u32 at = x + n * 8 + quad;
                    u32 theirs[2] = {bits_of(right[j][at]), bits_of(right[j + 1][at])};
                    multiply_tf32(sums[n], ours, theirs);
                }
            }
        }
        block_sync();
    }
#pragma unroll
    for (u32 n = 0; n < 4; ++n) {
#pragma unroll
        for (u32 i = 0; i < 4; ++i) {
            u32 at_row = row + y + i / 2 * 8, at_column = column + x + n * 8 + k + i % 2;
            if (at_row < rows && at_column < columns) c.store(at_row, at_column, sums[n][i]);
        }
    }
}

#endif

// Computes this block's share of the tiles of C, (rows, columns). `before` tiles of other
// products are shared out in the same phase. `flags` are the job's.
template <class A, class B, class C>
DEVICE void product(TileMemory &memory, u32 how, u32 flags, u32 before, u32 rows, u32 columns, u32 length, A a, B b, C c) {
    bool large = how & LARGE;
    u32 rounding = how & WIDE ? flags & (BF16 | TF32) : 0;
    u32 tiles = tile_count(large, rows, columns);
    u32 first = (block() + blocks() - before % blocks()) % blocks();
    for (u32 tile = first; tile < tiles; tile += blocks()) {
#if HAS_TENSOR_CORES
        if (large && rounding && (flags & TENSOR_CORES)) {
            if (rounding == BF16) {
                tensor_tile<BF16>(memory, tile, rows, columns, length, a, b, c);
            } else {
                tensor_tile<TF32>(memory, tile, rows, columns, length, a, b, c);
            }
            continue;
        }
#endif
        if (large) {
            large_tile(memory, tile, rows, columns, length, rounding, a, b, c);
        } else {
            small_tile(memory, tile, rows, columns, length, rounding, a, b, c);
        }
    }
}
