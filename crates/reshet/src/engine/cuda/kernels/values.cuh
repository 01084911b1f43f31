// Functions of single values: activations, masks of Dropout, the optimisers' rules.
#pragma once
#include "device.cuh"

DEVICE float sigmoid(float x) {
    float e = expf(-fabsf(x));
    return (x >= 0 ? 1.0f : e) / (1.0f + e);
}

DEVICE float normal_cdf(float x) { return 0.5f * erfcf(-x * 0.70710678f); }

// y = f(x); Softmax is a function of a whole row.
DEVICE float activate(u32 activation, float alpha, float x) {
    switch (activation) {
    // Written so that NaN stays NaN.
    case RELU: return x < 0 ? 0.0f : x;
    case LEAKY_RELU: return x > 0 ? x : x * alpha;
    case SIGMOID: return sigmoid(x);
    case TANH: return tanhf(x);
    case GELU: return x * normal_cdf(x);
    case SILU: return x * sigmoid(x);
    case ELU: return x > 0 ? x : alpha * expm1f(x);
    default: return x;
    }
}

// dy/dx, given y = f(x), and x where that is needed.
DEVICE float slope(u32 activation, float alpha, float x, float y) {
    switch (activation) {
    case RELU: return y > 0 ? 1.0f : 0.0f;
    case LEAKY_RELU: return x > 0 ? 1.0f : alpha;
    case SIGMOID: return y * (1 - y);
    case TANH: return 1 - y * y;
    case GELU: return normal_cdf(x) + x * expf(-0.5f * x * x) * 0.39894228f;
    case SILU: {
        float s = sigmoid(x);
        return s * (1 + x * (1 - s));
    }
    case ELU: return x > 0 ? 1.0f : y + alpha;
    default: return 1.0f;
    }
}

// Philox-4x32-10, as in `rng.rs`: one of the four words of a block.
DEVICE u32 random_bits(u64 seed, u32 purpose, u32 index, u64 block, u32 word) {
    u32 c0 = (u32)block, c1 = (u32)(block >> 32), c2 = index, c3 = purpose;
    u32 k0 = (u32)seed, k1 = (u32)(seed >> 32);
    for (int round = 0; round < 10; ++round) {
        u32 a_low = c0 * 0xD2511F53u, a_high = multiply_high(c0, 0xD2511F53u);
        u32 b_low = c2 * 0xCD9E8D57u, b_high = multiply_high(c2, 0xCD9E8D57u);
        c0 = b_high ^ c1 ^ k0;
        c1 = b_low;
        c2 = a_high ^ c3 ^ k1;
        c3 = a_low;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return word == 0 ? c0 : word == 1 ? c1 : word == 2 ? c2 : c3;
}

// The factor of Dropout for one value, as in `dropout.rs`.
DEVICE float mask(u64 seed, u64 updates, const Layer &layer, u32 row, u32 column) {
    const u32 dropout = 3;
    seed ^= (u64)layer.module << 48;
    u64 block = (u64)row << 30 | column / 4;
    u32 bits = random_bits(seed, dropout, (u32)updates, block, column % 4);
    float uniform = (float)(bits >> 8) / 16777216.0f;
    return uniform < layer.alpha ? 0.0f : 1.0f / (1.0f - layer.alpha);
}

// The new parameter, given the old one and its gradient. `state` are the slots of this
// parameter.
DEVICE float update(const Rule &rule, float p, float g, float *const state[3], u64 i) {
    g += rule.decay * p;
    if (rule.kind == SGD) {
        if (rule.momentum != 0) {
            float b = rule.momentum * state[0][i] + g;
            state[0][i] = b;
            g = rule.variant ? g + rule.momentum * b : b;
        }
        return p - rule.lr * g;
    }
    if (rule.kind == RMSPROP) {
        float v = rule.a * state[0][i] + rule.one_minus_a * g * g;
        state[0][i] = v;
        if (rule.variant) {
            float *means = rule.momentum != 0 ? state[2] : state[1];
            float mean = means[i] + rule.one_minus_a * (g - means[i]);
            means[i] = mean;
            v -= mean * mean;
            // Rounding can take it below 0. NaN stays.
            if (v < 0) v = 0;
        }
        g = g / (sqrtf(v) + rule.eps);
        if (rule.momentum != 0) {
            g += rule.momentum * state[1][i];
            state[1][i] = g;
        }
        return p - rule.lr * g;
    }
    float m = state[0][i] + rule.one_minus_a * (g - state[0][i]);
    float v = rule.b * state[1][i] + rule.one_minus_b * g * g;
    state[0][i] = m;
    state[1][i] = v;
    if (rule.variant) {
        if (state[2][i] > v) v = state[2][i];
        state[2][i] = v;
    }
    return rule.shrink * p - rule.lr * m / (sqrtf(v) / rule.root + rule.eps);
}
