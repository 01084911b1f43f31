// The kernels: any part of a step, or many steps, of one network or of many, in one launch.
#include "losses.cuh"

// Numbers of the gradient whose squares are summed up together.
enum : u32 { CHUNK = 4096 };

// The sum of squares of each chunk of the gradient: a warp each.
DEVICE void sum_squares(const Job &job) {
    u64 chunks = (job.parameter_count + CHUNK - 1) / CHUNK;
    for (u64 n = block() * (THREADS / 32) + thread() / 32; n < chunks; n += blocks() * (THREADS / 32)) {
        u64 start = n * CHUNK, end = start + CHUNK;
        if (end > job.parameter_count) end = job.parameter_count;
        double sum = 0;
        for (u64 i = start + thread() % 32; i < end; i += 32) {
            double g = job.gradients[i];
            sum += g * g;
        }
        sum = warp_sum(sum);
        if (thread() % 32 == 0) job.squares[n] = sum;
    }
}

// The factor that brings the gradient's norm down to at most `clip`. All warps sum in one order.
DEVICE float clip_scale(const Job &job, float clip) {
    u64 chunks = (job.parameter_count + CHUNK - 1) / CHUNK;
    double sum = 0;
    for (u64 n = thread() % 32; n < chunks; n += 32) sum += job.squares[n];
    double scale = clip / (sqrt(warp_sum(sum)) + 1e-6);
    return scale > 1.0 ? 1.0f : (float)scale;
}

DEVICE void update_all(const Now &now, Outcome &outcome) {
    const Job &job = now.job;
    float scale = 1.0f;
    if (now.step.clip > 0) {
        sum_squares(job);
        grid_sync(job.barrier);
        scale = clip_scale(job, now.step.clip);
    }
    for (u64 i = block() * THREADS + thread(); i < job.parameter_count; i += blocks() * THREADS) {
        update_at(now, outcome, i, job.gradients[i] * scale);
    }
}

DEVICE void run(const Job &job, TileMemory &memory) {
    for (u32 s = 0; s < job.step_count; ++s) {
        const Step &step = job.steps[s];
        Outcome &outcome = job.outcomes[s];
        Now now = {job, step, job.updates + s};
        if (s > 0) grid_sync(job.barrier);
        if (job.flags & COLLECT) collect(now);
        if (job.flags & FORWARD) forward(now, memory);
        // A library leaves a gradient where it is to be, and updates nothing.
        bool separate = !(job.flags & GRADIENTS) || (job.flags & PRODUCED) || step.clip > 0;
        bool updates = job.flags & UPDATE;
        if (job.flags & LOSSES) {
            losses(now);
            grid_sync(job.barrier);
        }
        if (job.flags & BACKWARD) backward(now, memory);
        if (job.flags & GRADIENTS) {
            mean_loss(now, outcome);
            gradients(now, memory, outcome, updates && !separate);
        }
        if (updates && separate) {
            if (job.flags & GRADIENTS) grid_sync(job.barrier);
            update_all(now, outcome);
        }
    }
}

// One network, by all blocks.
KERNEL(256) void reshet_steps(CONSTANT Job job) {
    SHARED(TileMemory, memory);
    run(job, memory);
}

// Many networks: each row of the grid takes one after the other. The blocks of a row wait for one
// another, not for other rows.
KERNEL(256) void reshet_members(const Job *jobs, u32 count) {
    SHARED(TileMemory, memory);
    for (u32 member = grid_row(); member < count; member += grid_rows()) run(jobs[member], memory);
}
