// What the host tells the kernel. `../job.rs` has the same structures, field by field.
#pragma once

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

// The kinds of a layer.
enum { DENSE = 0, ACTIVATION = 1, DROPOUT = 2 };

// How a layer's products are computed: in large tiles; with rounded factors, if that is asked for; by a
// library, if the job is PRODUCED.
enum : u32 { LARGE = 1, WIDE = 2, LIBRARY = 4 };

// The activations, in the order of the library's.
enum { IDENTITY, RELU, LEAKY_RELU, SIGMOID, TANH, SOFTMAX, GELU, SILU, ELU };

// The losses.
enum { BINARY, CROSS_ENTROPY, SQUARE, ABSOLUTE, SMOOTH, QUANTILE };

// How targets are given.
enum { CLASSES, VALUES, PARTIAL, CHOSEN, PROBABILITIES };

// The optimisers.
enum { SGD, RMSPROP, ADAM };

// The parts of a step that a launch runs, and how.
enum {
    FORWARD = 1,
    // From the derivatives by the outputs to those by each layer's z.
    BACKWARD = 2,
    UPDATE = 4,
    // Dropout is on.
    TRAINING = 8,
    // The gradient is added to what is there.
    ACCUMULATE = 16,
    // The inputs are bytes, x / 255.
    BYTES = 32,
    // Inputs, targets and weights are those of the steps' samples alone, in their order.
    GATHERED = 64,
    // The factors of wide layers' products are rounded to bfloat16, or to TF32.
    BF16 = 128,
    TF32 = 512,
    // Those of large tiles are multiplied by tensor cores.
    TENSOR_CORES = 256,
    LOSSES = 1024,
    GRADIENTS = 2048,
    // Copies the inputs into the stages, as numbers, row by row.
    COLLECT = 4096,
    // A library has computed the products of the layers that are marked so: x W^T is where z will be,
    // dz W where the derivative will be, and dz^T x is the gradient of W.
    PRODUCED = 8192,
};

// A layer: y = f(z), and d, the loss's derivative by y, then by z. `y`, `z` and `d` are places in
// the job's `stages`, (rows, outputs) each. Where f' follows from y, z is not kept.
struct Layer {
    u32 kind;
    u32 activation;
    // The slope of LeakyReLU, the alpha of ELU, the p of Dropout.
    float alpha;
    // What keys a mask of Dropout.
    u32 module;
    u32 inputs;
    u32 outputs;
    // Whether f' needs z.
    u32 keeps_z;
    // How the products are computed.
    u32 tiles;
    // Where W starts in the parameters; b follows it.
    u64 weights;
    u64 y;
    u64 z;
    u64 d;
};

// An optimiser at one step, its constants computed.
struct Rule {
    u32 kind;
    // Nesterov, centered or amsgrad.
    u32 variant;
    float lr;
    float decay;
    // SGD, RMSprop
    float momentum;
    // RMSprop's alpha; Adam's betas.
    float a;
    float one_minus_a;
    float b;
    float one_minus_b;
    float eps;
    // Adam: sqrt(1 - beta2^t), and 1 - lr * decay of AdamW.
    float root;
    float shrink;
};

// One step's samples and its optimiser.
struct Step {
    // Its samples are `rows[first..first + rows]`.
    u32 first;
    u32 rows;
    // By which the sum of the losses is divided.
    double denominator;
    Rule rule;
    // The largest norm of the gradient, or 0.
    float clip;
    u32 padding;
};

// What a step gives. All 0 before it.
struct Outcome {
    double loss;
    // Not 0 if a parameter is no longer finite.
    u32 infinite;
    u32 padding;
};

struct Barrier {
    u32 arrived;
    u32 generation;
};

struct Job {
    const Layer *layers;
    float *parameters;
    float *gradients;
    float *state[3];
    float *stages;
    const void *inputs;
    // The samples' numbers; null: 0, 1, 2, ...
    const u32 *rows;
    const void *targets;
    // The output that counts, where targets are CHOSEN.
    const u32 *chosen;
    // How much each sample counts; null: 1.
    const float *weights;
    const float *class_weights;
    // The loss's derivative by the outputs, instead of targets; or null.
    const float *derivative;
    // (rows)
    double *losses;
    // Sums of squares of the gradient, one for each CHUNK of it.
    double *squares;
    const Step *steps;
    Outcome *outcomes;
    Barrier *barrier;
    u64 parameter_count;
    u64 seed;
    // Updates before the first step.
    u64 updates;
    // Of a binary loss: it is given scale * z.
    double scale;
    u32 layer_count;
    u32 step_count;
    u32 flags;
    u32 inputs_wide;
    u32 outputs;
    u32 loss;
    // Label smoothing, or the beta of smooth L1.
    float smoothing;
    u32 target_kind;
    u32 target_width;
    // FORWARD and BACKWARD are of the layers from `first` up to `end`.
    u32 first;
    u32 end;
    u32 padding;
    // Where in the stages COLLECT leaves the inputs.
    u64 collected;
};

// `../job.rs` says the same.
static_assert(sizeof(Layer) == 64 && sizeof(Step) == 72, "as in job.rs");
static_assert(sizeof(Outcome) == 16 && sizeof(Job) == 240, "as in job.rs");
