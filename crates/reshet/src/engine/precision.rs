//! The precision of products.

use std::{fmt, str::FromStr};

use super::{
    Device,
    cpu::{is_native, is_wide},
};
use crate::{Error, Plan, Result};

/// The precision in which a training multiplies.
///
/// With [`Precision::Bf16`] the factors of the products of wide layers (64 or more inputs and
/// outputs) are rounded to bfloat16, the upper half of an `f32`: X and W in Z = X·W + b, dZ and W in
/// dX = dZ·Wᵀ, X and dZ in dW = Xᵀ·dZ. Sums are in `f32`, and so is all else: weights, biases, the
/// optimiser's state, activations, the loss, narrower layers, a first layer whose inputs are mostly
/// zero, and predictions. So a model is the same kind of model, whichever way it was trained.
/// PyTorch's model of this is `torch.autocast` with `torch.bfloat16`.
///
/// The same seed gives the same bits for any number of threads; those of processors with
/// instructions for bfloat16 are those of others with fused multiply-adds.
///
/// ```
/// use reshet::{Features, Precision, Storage, Targets, prelude::*};
/// # let x = Features::new(Storage::F32((0..640).map(|i| (i % 7) as f32 / 7.0).collect()), &[64])?;
/// # let data = Dataset::new(x, Targets::numbers((0..10).map(|i| i as f32 / 10.0).collect(), 1))?;
/// let network = sequential![Linear(64, 64), ReLU, Linear(64, 1)]?;
/// let fit = Trainer::new(network).precision(Precision::Bf16).epochs(5).fit(&data)?;
/// # assert!(fit.final_loss.is_finite());
/// # Ok::<(), reshet::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// `f32` throughout.
    #[default]
    F32,
    /// Factors in bfloat16, sums in `f32`.
    Bf16,
}

/// Weights of wide layers, times samples of a batch, from which bfloat16 pays.
const PAYS_FROM: usize = 4_000_000;

impl Precision {
    /// Returns the precision in which training is fastest: [`Precision::Bf16`] where
    /// [`Precision::why_not_bf16`] has nothing against it.
    pub fn fastest(plan: &Plan, device: Device, batch_size: usize) -> Self {
        match Self::why_not_bf16(plan, device, batch_size) {
            Some(_) => Self::F32,
            None => Self::Bf16,
        }
    }

    /// Says why a network does not train faster on this device in bfloat16; None if it does.
    pub fn why_not_bf16(plan: &Plan, device: Device, batch_size: usize) -> Option<String> {
        let Device::Cpu { instructions, .. } = device else {
            return Some(format!("{} computes without", device.name()));
        };
        let wide = plan.dense().filter(|dense| is_wide(dense.inputs, dense.outputs));
        let weights: usize = wide.map(|dense| dense.inputs * dense.outputs).sum();
        if weights == 0 {
            return Some("no layer has 64 inputs and 64 outputs or more".into());
        }
        if !is_native(instructions) {
            return Some("this processor has no instructions for it".into());
        }
        if weights * batch_size < PAYS_FROM {
            return Some("the network is small for it".into());
        }
        None
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            _ => {
                let known = crate::network::did_you_mean(name, &["f32", "bf16"]);
                Err(Error::invalid(format!("no precision is called \"{name}\"{known}")))
            }
        }
    }
}
