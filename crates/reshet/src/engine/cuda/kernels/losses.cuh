// The losses, in double precision as in `loss.rs`: a warp for each row.
#pragma once
#include "layers.cuh"

struct LossAt {
    double loss;
    double derivative;
};

// The loss of one output and its derivative by z.
DEVICE LossAt loss_at(const Job &job, double z, double t) {
    double error = z - t;
    double sign = (double)(error > 0) - (double)(error < 0);
    switch (job.loss) {
    case BINARY: {
        double x = job.scale * z;
        double e = exp(-fabs(x));
        double sigmoid = (x < 0 ? e : 1.0) / (1.0 + e);
        double positive = x > 0 ? x : 0.0;
        return {positive - x * t + log1p(e), job.scale * (sigmoid - t)};
    }
    case SQUARE: return {error * error, 2 * error};
    case SMOOTH: {
        double beta = job.smoothing;
        if (fabs(error) < beta) return {0.5 * error * error / beta, error / beta};
        return {fabs(error) - 0.5 * beta, sign};
    }
    case QUANTILE: {
        double quantile = job.smoothing;
        double slope = error < 0 ? -quantile : (1 - quantile) * sign;
        return {slope * error, slope};
    }
    default: return {fabs(error), sign};
    }
}

// ln Σ exp(z) of a row; lanes have every 32nd class.
struct LogSum {
    double most, sum;
    DEVICE double value() const { return most + log(sum); }
    DEVICE double probability(double z) const { return exp(z - most) / sum; }
};

DEVICE LogSum log_sum_of(const float *z, u32 classes) {
    LogSum of = {LOWEST, 0};
    for (u32 c = thread() % 32; c < classes; c += 32) {
        if (z[c] > of.most) of.most = z[c];
    }
    of.most = warp_max(of.most);
    for (u32 c = thread() % 32; c < classes; c += 32) of.sum += exp(z[c] - of.most);
    of.sum = warp_sum(of.sum);
    return of;
}

// Cross entropy of a row. `factor` is that of the derivative.
DEVICE double cross_entropy(const Now &now, u32 sample, const float *z, u32 target, double factor) {
    const Job &job = now.job;
    u32 classes = job.outputs, lane = thread() % 32;
    const float *weights = job.class_weights;
    double smoothing = job.smoothing;
    double hit = (1.0 - smoothing) * (weights ? weights[target] : 1.0);
    double spread = smoothing / classes;
    double total = 0, spread_loss = 0;
    LogSum of = log_sum_of(z, classes);
    double log_sum = of.value();
    for (u32 c = lane; c < classes; c += 32) {
        double w = weights ? weights[c] : 1.0;
        total += w;
        spread_loss += w * (log_sum - z[c]);
    }
    total = warp_sum(total);
    spread_loss = warp_sum(spread_loss);
    double loss = hit * (log_sum - z[target]) + (spread > 0 ? spread * spread_loss : 0.0);
    for (u32 c = lane; c < classes; c += 32) {
        double p = of.probability(z[c]);
        double w = weights ? weights[c] : 1.0;
        double d = hit * (p - (c == target ? 1.0 : 0.0)) + spread * (p * total - w);
        store_derivative(now, job.layer_count, sample, c, (float)(d * factor));
    }
    return loss;
}

// The same of soft labels: `targets` are the probabilities of the classes.
DEVICE double soft_cross_entropy(const Now &now, u32 sample, const float *z, const float *targets, double factor) {
    const Job &job = now.job;
    u32 classes = job.outputs, lane = thread() % 32;
    double smoothing = job.smoothing, spread = smoothing / classes;
    auto wanted = [&](u32 c) {
        double w = job.class_weights ? job.class_weights[c] : 1.0;
        return w * ((1.0 - smoothing) * targets[c] + spread);
    };
    LogSum of = log_sum_of(z, classes);
    double log_sum = of.value(), total = 0, loss = 0;
    for (u32 c = lane; c < classes; c += 32) {
        total += wanted(c);
        loss += wanted(c) * (log_sum - z[c]);
    }
    total = warp_sum(total);
    for (u32 c = lane; c < classes; c += 32) {
        double d = of.probability(z[c]) * total - wanted(c);
        store_derivative(now, job.layer_count, sample, c, (float)(d * factor));
    }
    return warp_sum(loss);
}

// The loss of a row whose outputs count each for itself.
DEVICE double by_output(const Now &now, u32 sample, u32 row, const float *z, double factor) {
    const Job &job = now.job;
    const float *targets = (const float *)job.targets + (u64)row * job.target_width;
    double sum = 0;
    for (u32 c = thread() % 32; c < job.outputs; c += 32) {
        bool counts = true;
        float target;
        if (job.target_kind == CHOSEN) {
            counts = c == job.chosen[row];
            target = targets[job.target_width == 1 || !counts ? 0 : c];
        } else {
            target = targets[c];
            if (job.target_kind == PARTIAL) counts = target == target;
        }
        LossAt at = {0.0, 0.0};
        if (counts) at = loss_at(job, z[c], target);
        sum += at.loss;
        store_derivative(now, job.layer_count, sample, c, (float)(at.derivative * factor));
    }
    return warp_sum(sum);
}

// The losses of the samples and the derivatives by the outputs.
DEVICE void losses(const Now &now) {
    const Job &job = now.job;
    const Layer &last = job.layers[job.layer_count - 1];
    u32 width = job.outputs;
    if (job.derivative) {
        for (u64 n = block() * THREADS + thread(); n < (u64)now.step.rows * width; n += blocks() * THREADS) {
            store_derivative(now, job.layer_count, n / width, n % width, job.derivative[n]);
        }
        return;
    }
    for (u32 r = block() * (THREADS / 32) + thread() / 32; r < now.step.rows; r += blocks() * (THREADS / 32)) {
        u32 row = now.place(r);
        double weight = job.weights ? job.weights[row] : 1.0;
        double factor = weight / now.step.denominator;
        const float *z = job.stages + last.y + (u64)r * width;
        double loss;
        if (job.loss != CROSS_ENTROPY) {
            loss = by_output(now, r, row, z, factor);
        } else if (job.target_kind == PROBABILITIES) {
            loss = soft_cross_entropy(now, r, z, (const float *)job.targets + (u64)row * width, factor);
        } else {
            loss = cross_entropy(now, r, z, ((const u32 *)job.targets)[row], factor);
        }
        if (thread() % 32 == 0) job.losses[r] = loss * weight;
    }
}

// The mean loss; by the first warp of the last block, which has the least to do.
DEVICE void mean_loss(const Now &now, Outcome &outcome) {
    if (now.job.derivative || block() + 1 != blocks() || thread() >= 32) return;
    double sum = 0;
    for (u32 r = thread(); r < now.step.rows; r += 32) sum += now.job.losses[r];
    sum = warp_sum(sum);
    if (thread() == 0) outcome.loss = sum / now.step.denominator;
}
