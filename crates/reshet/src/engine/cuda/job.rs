//! What the kernel is told: the structures of `kernels/job.cuh`, field by field.

use crate::{
    activation::Activation,
    loss::Loss,
    optim::{Hyper, Rule as Optimiser, TINY},
};

/// Threads of a block.
pub(super) const THREADS: u32 = 256;
/// Numbers of the gradient whose squares are summed up together.
pub(super) const CHUNK: usize = 4096;

// The parts of a step that a launch runs, and how.
pub(super) const FORWARD: u32 = 1;
/// From the derivatives by the outputs to those by each layer's z.
pub(super) const BACKWARD: u32 = 2;
pub(super) const UPDATE: u32 = 4;
pub(super) const LOSSES: u32 = 1024;
pub(super) const GRADIENTS: u32 = 2048;
/// Copies the inputs into the stages, as numbers, row by row.
pub(super) const COLLECT: u32 = 4096;
/// A library has computed the products of the layers that are marked so.
pub(super) const PRODUCED: u32 = 8192;
/// From the losses to the gradient.
pub(super) const TO_GRADIENT: u32 = LOSSES | BACKWARD | GRADIENTS;
/// Dropout is on.
pub(super) const TRAINING: u32 = 8;
/// The gradient is added to what is there.
pub(super) const ACCUMULATE: u32 = 16;
/// The inputs are bytes.
pub(super) const BYTES: u32 = 32;
/// Inputs, targets and weights are those of the steps' samples alone.
pub(super) const GATHERED: u32 = 64;
/// The factors of wide layers' products are rounded to bfloat16, or to TF32.
pub(super) const BF16: u32 = 128;
pub(super) const TF32: u32 = 512;
/// Those of large tiles are multiplied by tensor cores.
pub(super) const TENSOR_CORES: u32 = 256;

// How a layer's products are computed.
pub(super) const LARGE: u32 = 1;
pub(super) const WIDE: u32 = 2;
/// By a library, if the job is [`PRODUCED`].
pub(super) const LIBRARY: u32 = 4;

// The kinds of a layer.
pub(super) const DENSE: u32 = 0;
pub(super) const ACTIVATION: u32 = 1;
pub(super) const DROPOUT: u32 = 2;

// How targets are given.
pub(super) const CLASSES: u32 = 0;
pub(super) const VALUES: u32 = 1;
pub(super) const PARTIAL: u32 = 2;
pub(super) const CHOSEN: u32 = 3;
pub(super) const PROBABILITIES: u32 = 4;

/// What can be copied to a card and back: any bits are a value.
///
/// # Safety
/// The type has no pointers, no padding and no invalid values.
pub(super) unsafe trait Plain: Copy {}
// SAFETY: numbers.
unsafe impl Plain for u8 {}
// SAFETY: numbers.
unsafe impl Plain for u32 {}
// SAFETY: numbers.
unsafe impl Plain for f32 {}
// SAFETY: numbers.
unsafe impl Plain for f64 {}
// SAFETY: numbers without padding.
unsafe impl Plain for Layer {}
// SAFETY: numbers without padding.
unsafe impl Plain for Step {}
// SAFETY: numbers without padding.
unsafe impl Plain for Outcome {}
// SAFETY: numbers without padding.
unsafe impl Plain for Job {}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Layer {
    pub kind: u32,
    pub activation: u32,
    pub alpha: f32,
    pub module: u32,
    pub inputs: u32,
    pub outputs: u32,
    pub keeps_z: u32,
    pub tiles: u32,
    pub weights: u64,
    pub y: u64,
    pub z: u64,
    pub d: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Rule {
    pub kind: u32,
    pub variant: u32,
    pub lr: f32,
    pub decay: f32,
    pub momentum: f32,
    pub a: f32,
    pub one_minus_a: f32,
    pub b: f32,
    pub one_minus_b: f32,
    pub eps: f32,
    pub root: f32,
    pub shrink: f32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Step {
    pub first: u32,
    pub rows: u32,
    pub denominator: f64,
    pub rule: Rule,
    pub clip: f32,
    pub padding: u32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Outcome {
    pub loss: f64,
    pub infinite: u32,
    pub padding: u32,
}

impl Outcome {
    /// The loss, and whether all parameters are finite.
    pub fn told(&self) -> (f32, bool) {
        (self.loss as f32, self.infinite == 0)
    }
}

/// Addresses are of the card's memory.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Job {
    pub layers: u64,
    pub parameters: u64,
    pub gradients: u64,
    pub state: [u64; 3],
    pub stages: u64,
    pub inputs: u64,
    pub rows: u64,
    pub targets: u64,
    pub chosen: u64,
    pub weights: u64,
    pub class_weights: u64,
    pub derivative: u64,
    pub losses: u64,
    pub squares: u64,
    pub steps: u64,
    pub outcomes: u64,
    pub barrier: u64,
    pub parameter_count: u64,
    pub seed: u64,
    pub updates: u64,
    pub scale: f64,
    pub layer_count: u32,
    pub step_count: u32,
    pub flags: u32,
    pub inputs_wide: u32,
    pub outputs: u32,
    pub loss: u32,
    pub smoothing: f32,
    pub target_kind: u32,
    pub target_width: u32,
    /// The layers that FORWARD and BACKWARD are of.
    pub first: u32,
    pub end: u32,
    pub padding: u32,
    /// Where in the stages COLLECT leaves the inputs.
    pub collected: u64,
}

// `job.cuh` says the same.
const _: () = assert!(size_of::<Layer>() == 64 && size_of::<Step>() == 72);
const _: () = assert!(size_of::<Outcome>() == 16 && size_of::<Job>() == 240);

/// The number of an activation, and what it is given.
pub(super) fn activation(activation: Activation) -> (u32, f32) {
    match activation {
        Activation::Identity => (0, 0.0),
        Activation::ReLU => (1, 0.0),
        Activation::LeakyReLU(slope) => (2, slope),
        Activation::Sigmoid => (3, 0.0),
        Activation::Tanh => (4, 0.0),
        Activation::Softmax => (5, 0.0),
        Activation::GELU => (6, 0.0),
        Activation::SiLU => (7, 0.0),
        Activation::ELU(alpha) => (8, alpha),
    }
}

/// The number of a loss, and its label smoothing, beta or quantile.
pub(super) fn loss(loss: &Loss) -> (u32, f32) {
    match loss {
        Loss::BCELoss | Loss::BCEWithLogitsLoss => (0, 0.0),
        Loss::CrossEntropyLoss { label_smoothing, .. } => (1, *label_smoothing),
        Loss::MSELoss => (2, 0.0),
        Loss::L1Loss => (3, 0.0),
        Loss::SmoothL1Loss { beta } => (4, *beta),
        Loss::QuantileLoss { quantile } => (5, *quantile),
    }
}

impl Rule {
    /// The rule of update t, from 1.
    pub fn of(hyper: &Hyper, t: u64) -> Self {
        match hyper.optimizer.rule(t) {
            Optimiser::SGD(o) => Self {
                kind: 0,
                variant: o.nesterov.into(),
                lr: o.lr as f32,
                decay: o.weight_decay as f32,
                momentum: o.momentum as f32,
                ..Self::default()
            },
            Optimiser::RMSprop(o) => Self {
                kind: 1,
                variant: o.centered.into(),
                lr: o.lr as f32,
                decay: o.weight_decay as f32,
                momentum: o.momentum as f32,
                a: o.alpha as f32,
                one_minus_a: (1.0 - o.alpha) as f32,
                eps: o.eps.max(TINY) as f32,
                ..Self::default()
            },
            Optimiser::Adam { beta1, beta2, step, root, eps, decay, shrink, amsgrad } => Self {
                kind: 2,
                variant: amsgrad.into(),
                lr: step as f32,
                decay: decay as f32,
                one_minus_a: (1.0 - beta1) as f32,
                a: beta1 as f32,
                b: beta2 as f32,
                one_minus_b: (1.0 - beta2) as f32,
                eps: eps.max(TINY) as f32,
                root: root as f32,
                shrink: shrink as f32,
                ..Self::default()
            },
        }
    }
}
