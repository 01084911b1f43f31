//! Initial weights.

use serde::{Deserialize, Serialize};

use crate::rng::{Purpose, Stream};

/// How weights are initialised. Biases are always uniform in ±1/√fan_in, as in
/// PyTorch. `fan_in` and `fan_out` are a layer's numbers of inputs and outputs.
/// See <https://pytorch.org/docs/stable/nn.init.html>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// Uniform in ±1/√fan_in, as PyTorch's `nn.Linear`.
    #[default]
    Default,
    /// Uniform in ±√(6 / fan_in) (He et al. 2015, for ReLU).
    KaimingUniform,
    /// Normal, σ = √(2 / fan_in).
    KaimingNormal,
    /// Uniform in ±√(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
    XavierUniform,
    /// Normal, σ = √(2 / (fan_in + fan_out)).
    XavierNormal,
}

impl Init {
    /// Fills the weights, (out, in) row by row, and the biases of a Linear, the
    /// `module`-th of its network.
    pub(crate) fn fill(self, module: usize, seed: u64, weights: &mut [f32], biases: &mut [f32]) {
        let (inputs, outputs) = ((weights.len() / biases.len()) as f32, biases.len() as f32);
        let layer = 2 * module as u32;
        let stream = Stream::new(seed, Purpose::Init, layer);
        let uniform =
            |stream: Stream, bound: f32, i: usize| bound * (2.0 * stream.uniform(i as u64) - 1.0);
        let bound = 1.0 / inputs.sqrt();
        for (i, w) in weights.iter_mut().enumerate() {
            *w = match self {
                Init::Default => uniform(stream, bound, i),
                Init::KaimingUniform => uniform(stream, (6.0 / inputs).sqrt(), i),
                Init::XavierUniform => uniform(stream, (6.0 / (inputs + outputs)).sqrt(), i),
                Init::KaimingNormal => (2.0 / inputs).sqrt() * stream.normal(i as u64),
                Init::XavierNormal => (2.0 / (inputs + outputs)).sqrt() * stream.normal(i as u64),
            };
        }
        let stream = Stream::new(seed, Purpose::Init, layer + 1);
        for (i, b) in biases.iter_mut().enumerate() {
            *b = uniform(stream, bound, i);
        }
    }
}
