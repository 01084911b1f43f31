// The passes through the layers, phase by phase; between two phases all blocks wait for one
// another. What works on single values (most activations, Dropout) is done where a value is
// stored, and is no phase.
#pragma once
#include "products.cuh"
#include "values.cuh"

// A step in progress.
struct Now {
    const Job &job;
    const Step &step;
    // Updates before it, which key the masks.
    u64 updates;

    // The sample's number, which keys its masks.
    DEVICE u32 row(u32 sample) const {
        u32 i = step.first + sample;
        return job.rows ? job.rows[i] : i;
    }

    // Where its inputs, target and weight are.
    DEVICE u32 place(u32 sample) const {
        return job.flags & GATHERED ? step.first + sample : row(sample);
    }

    DEVICE float input(u32 sample, u32 column) const {
        u64 at = (u64)place(sample) * job.inputs_wide + column;
        return job.flags & BYTES ? (float)((const u8 *)job.inputs)[at] / 255.0f
                                 : ((const float *)job.inputs)[at];
    }

    // What goes into layer i.
    DEVICE float before(u32 i, u32 sample, u32 column) const {
        if (i == 0) return input(sample, column);
        const Layer &layer = job.layers[i - 1];
        return job.stages[layer.y + (u64)sample * layer.outputs + column];
    }
};

// Whether a layer, other than Dense, works on each value by itself.
DEVICE bool by_value(const Layer &layer) {
    return layer.kind == DROPOUT || (layer.kind == ACTIVATION && layer.activation != SOFTMAX);
}

// Whether a library has computed the products of this layer.
DEVICE bool is_produced(const Job &job, const Layer &layer) { return (job.flags & PRODUCED) && (layer.tiles & LIBRARY); }

// Stores z of layer i, and all that follows from this value alone.
CALLED void store_value(const Now &now, u32 i, u32 sample, u32 column, float z) {
    const Job &job = now.job;
    for (;;) {
        const Layer &layer = job.layers[i];
        u64 at = (u64)sample * layer.outputs + column;
        if (layer.kind == DROPOUT) {
            if (job.flags & TRAINING) {
                z *= mask(job.seed, now.updates, layer, now.row(sample), column);
            }
        } else {
            if (layer.keeps_z) job.stages[layer.z + at] = z;
            z = activate(layer.activation, layer.alpha, z);
        }
        job.stages[layer.y + at] = z;
        // A row of z waits for its Softmax.
        if (layer.activation == SOFTMAX) return;
        ++i;
        if (i == job.layer_count || !by_value(job.layers[i])) return;
    }
}

// Stores the derivative by the output of layer i - 1, and by all before it that this value alone
// decides.
CALLED void store_derivative(const Now &now, u32 i, u32 sample, u32 column, float d) {
    const Job &job = now.job;
    while (i > 0) {
        --i;
        const Layer &layer = job.layers[i];
        u64 at = (u64)sample * layer.outputs + column;
        if (layer.kind == DROPOUT) {
            d *= mask(job.seed, now.updates, layer, now.row(sample), column);
            continue;
        }
        float y = job.stages[layer.y + at];
        float z = layer.keeps_z ? job.stages[layer.z + at] : y;
        if (layer.activation != SOFTMAX) d *= slope(layer.activation, layer.alpha, z, y);
        if (by_value(layer)) continue;
        job.stages[layer.d + at] = d;
        return;
    }
}

// x of a layer: (samples, inputs), and a column of 1 for the bias after it.
struct Samples {
    const Now &now;
    u32 layer;
    enum { along_sum = 1 };
    DEVICE float at(u32 sample, u32 column) const { return now.before(layer, sample, column); }
};

// Its columns from `skipped` on.
struct SamplesAndOne {
    const Now &now;
    u32 layer;
    u32 skipped;
    enum { along_sum = 0 };
    DEVICE float at(u32 column, u32 sample) const {
        column += skipped;
        bool bias = column == now.job.layers[layer].inputs;
        return bias ? 1.0f : now.before(layer, sample, column);
    }
};

// A matrix row by row, summed along its rows: W of a layer, (outputs, inputs), or dz, (samples, outputs).
struct Matrix {
    const float *values;
    u32 width;
    enum { along_sum = 1 };
    DEVICE float at(u32 row, u32 column) const { return values[(u64)row * width + column]; }
};

// The same across, summed along its columns.
struct Transposed {
    const float *values;
    u32 width;
    enum { along_sum = 0 };
    DEVICE float at(u32 column, u32 row) const { return values[(u64)row * width + column]; }
};

struct StoreValue {
    const Now &now;
    u32 layer;
    const float *biases;
    DEVICE void store(u32 sample, u32 output, float sum) const {
        store_value(now, layer, sample, output, sum + biases[output]);
    }
};

struct StoreDerivative {
    const Now &now;
    u32 layer;
    DEVICE void store(u32 sample, u32 input, float sum) const {
        store_derivative(now, layer, sample, input, sum);
    }
};

// Updates one parameter.
CALLED void update_at(const Now &now, Outcome &outcome, u64 i, float gradient) {
    float p = update(now.step.rule, now.job.parameters[i], gradient, now.job.state, i);
    now.job.parameters[i] = p;
    if (!isfinite(p)) atomic_store(&outcome.infinite, 1);
}

// Stores an element of the gradient of W and b, and updates its parameter if nothing of the
// whole gradient has to be known before.
struct StoreGradient {
    const Now &now;
    Outcome &outcome;
    const Layer &layer;
    u32 skipped;
    bool updates;
    DEVICE void store(u32 output, u32 input, float gradient) const {
        input += skipped;
        u64 inside = (u64)output * layer.inputs + input;
        u64 bias = (u64)layer.inputs * layer.outputs + output;
        u64 i = layer.weights + (input == layer.inputs ? bias : inside);
        if (now.job.flags & ACCUMULATE) gradient += now.job.gradients[i];
        now.job.gradients[i] = gradient;
        if (updates) update_at(now, outcome, i, gradient);
    }
};

// Softmax of each row of layer i: a warp each.
DEVICE void softmax_rows(const Now &now, u32 i) {
    const Job &job = now.job;
    const Layer &layer = job.layers[i];
    u32 lane = thread() % 32, width = layer.outputs;
    for (u32 r = block() * (THREADS / 32) + thread() / 32; r < now.step.rows; r += blocks() * (THREADS / 32)) {
        float *y = job.stages + layer.y + (u64)r * width;
        bool own = layer.kind == DENSE;
        float most = LOWEST, sum = 0;
        for (u32 c = lane; c < width; c += 32) {
            float z = own ? y[c] : now.before(i, r, c);
            y[c] = z;
            if (z > most) most = z;
        }
        most = warp_max(most);
        for (u32 c = lane; c < width; c += 32) {
            y[c] = expf(y[c] - most);
            sum += y[c];
        }
        sum = warp_sum(sum);
        for (u32 c = lane; c < width; c += 32) {
            y[c] /= sum;
            if (i + 1 < job.layer_count && by_value(job.layers[i + 1])) {
                store_value(now, i + 1, r, c, y[c]);
            }
        }
    }
}

// The derivative by the input of the Softmax of layer i.
DEVICE void softmax_derivative(const Now &now, u32 i) {
    const Job &job = now.job;
    const Layer &layer = job.layers[i];
    u32 lane = thread() % 32, width = layer.outputs;
    for (u32 r = block() * (THREADS / 32) + thread() / 32; r < now.step.rows; r += blocks() * (THREADS / 32)) {
        const float *y = job.stages + layer.y + (u64)r * width;
        float *d = job.stages + layer.d + (u64)r * width;
        float mean = 0;
        for (u32 c = lane; c < width; c += 32) mean += d[c] * y[c];
        mean = warp_sum(mean);
        for (u32 c = lane; c < width; c += 32) {
            float dz = y[c] * (d[c] - mean);
            if (layer.kind == DENSE) {
                d[c] = dz;
            } else {
                store_derivative(now, i, r, c, dz);
            }
        }
    }
}

// The inputs as a matrix of numbers, for a library.
DEVICE void collect(const Now &now) {
    const Job &job = now.job;
    u32 width = job.inputs_wide;
    for (u64 n = block() * THREADS + thread(); n < (u64)now.step.rows * width; n += blocks() * THREADS) {
        job.stages[job.collected + n] = now.input(n / width, n % width);
    }
}

// Goes on from the products x W^T of layer i, which a library has left where z will be.
DEVICE void finish_values(const Now &now, u32 i, const float *biases) {
    const Job &job = now.job;
    const Layer &layer = job.layers[i];
    u32 width = layer.outputs;
    for (u64 n = block() * THREADS + thread(); n < (u64)now.step.rows * width; n += blocks() * THREADS) {
        u32 sample = n / width, column = n % width;
        store_value(now, i, sample, column, job.stages[layer.z + n] + biases[column]);
    }
}

// Goes on from the products dz W of layer i, which a library has left where the derivative of a layer
// before it will be.
DEVICE void finish_derivatives(const Now &now, u32 i) {
    const Job &job = now.job;
    u32 width = job.layers[i].inputs, before = i - 1;
    while (by_value(job.layers[before])) --before;
    const float *products = job.stages + job.layers[before].d;
    for (u64 n = block() * THREADS + thread(); n < (u64)now.step.rows * width; n += blocks() * THREADS) {
        store_derivative(now, i, n / width, n % width, products[n]);
    }
}

DEVICE void forward(const Now &now, TileMemory &memory) {
    const Job &job = now.job;
    u32 rows = now.step.rows;
    if (job.first == 0 && by_value(job.layers[0])) {
        u32 width = job.inputs_wide;
        for (u64 n = block() * THREADS + thread(); n < (u64)rows * width; n += blocks() * THREADS) {
            u32 sample = n / width, column = n % width;
            store_value(now, 0, sample, column, now.input(sample, column));
        }
        grid_sync(job.barrier);
    }
    for (u32 i = job.first; i < job.end; ++i) {
        const Layer &layer = job.layers[i];
        if (layer.kind == DENSE) {
            const float *weights = job.parameters + layer.weights;
            const float *biases = weights + (u64)layer.inputs * layer.outputs;
            if (is_produced(job, layer)) {
                finish_values(now, i, biases);
            } else {
                product(memory, layer.tiles, job.flags, 0, rows, layer.outputs, layer.inputs, Samples{now, i},
                        Matrix{weights, layer.inputs}, StoreValue{now, i, biases});
            }
            grid_sync(job.barrier);
        }
        if (layer.activation == SOFTMAX) {
            softmax_rows(now, i);
            grid_sync(job.barrier);
        }
    }
}

// From the derivative by the outputs to those by each layer's z.
DEVICE void backward(const Now &now, TileMemory &memory) {
    const Job &job = now.job;
    u32 first = 0;
    while (first < job.layer_count && job.layers[first].kind != DENSE) ++first;
    for (u32 i = job.end; i-- > (first > job.first ? first : job.first);) {
        const Layer &layer = job.layers[i];
        if (layer.activation == SOFTMAX) {
            softmax_derivative(now, i);
            grid_sync(job.barrier);
        }
        if (layer.kind == DENSE && i > first) {
            const float *weights = job.parameters + layer.weights;
            if (is_produced(job, layer)) {
                finish_derivatives(now, i);
            } else {
                product(memory, layer.tiles, job.flags, 0, now.step.rows, layer.inputs, layer.outputs,
                        Matrix{job.stages + layer.d, layer.outputs},
                        Transposed{weights, layer.inputs}, StoreDerivative{now, i});
            }
            grid_sync(job.barrier);
        }
    }
}

// The gradient of all weights and biases: one phase.
DEVICE void gradients(const Now &now, TileMemory &memory, Outcome &outcome, bool updates) {
    const Job &job = now.job;
    u32 before = 0;
    for (u32 i = 0; i < job.layer_count; ++i) {
        const Layer &layer = job.layers[i];
        if (layer.kind != DENSE) continue;
        // Of a layer whose products a library computes the biases alone are left, in small tiles.
        bool produced = is_produced(job, layer);
        u32 skipped = produced ? layer.inputs : 0, tiles = produced ? layer.tiles & WIDE : layer.tiles;
        u32 columns = layer.inputs + 1 - skipped;
        product(memory, tiles, job.flags, before, layer.outputs, columns, now.step.rows,
                Transposed{job.stages + layer.d, layer.outputs}, SamplesAndOne{now, i, skipped},
                StoreGradient{now, outcome, layer, skipped, updates});
        before += tile_count(tiles & LARGE, layer.outputs, columns);
    }
}
