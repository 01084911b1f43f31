//! The precision of products.

use std::{fmt, str::FromStr};

use super::{
    Device,
    cpu::{are_mostly_zero, is_native, is_wide},
};
use crate::{Dataset, Error, Plan, Result, data::Rows, plan::FusedLayer};

/// The precision in which a training multiplies.
///
/// With [`Precision::Bf16`] the factors of the products of wide layers (64 or more inputs and
/// outputs) are rounded to bfloat16, the upper half of an `f32`: X and W in Z = X·W + b, dZ and W in
/// dX = dZ·Wᵀ, X and dZ in dW = Xᵀ·dZ. Sums are in `f32`, and so is all else: weights, biases, the
/// optimiser's state, activations, the loss, narrower layers, a first layer whose inputs are mostly
/// zero, and predictions. So a model is the same kind of model, whichever way it was trained.
/// PyTorch's model of this is `torch.autocast` with `torch.bfloat16`.
///
/// On a graphics card a first layer is rounded as any other, and a bias's derivative is summed of
/// rounded numbers; the largest layers are multiplied by its tensor cores, if it has them for bfloat16
/// (compute capability 8.0).
///
/// The same seed gives the same bits for any number of threads. Where the processor has no
/// instructions for bfloat16 they are emulated, to the same bits and slowly.
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

/// Samples of a batch from which bfloat16 pays: with fewer, a step is mostly the update of the
/// weights, which are rounded in it (`docs/kernels.md`).
const PAYS_FROM: usize = 16;

impl Precision {
    /// Returns the precision in which training on this data is fastest: [`Precision::Bf16`] where
    /// [`Precision::why_not_bf16`] has nothing against it.
    pub fn fastest(plan: &Plan, data: &Dataset, device: Device, batch_size: usize) -> Self {
        match Self::why_not_bf16(plan, data, device, batch_size) {
            Some(_) => Self::F32,
            None => Self::Bf16,
        }
    }

    /// Says why training on this data is no faster on this device in bfloat16; None if it is.
    pub fn why_not_bf16(
        plan: &Plan,
        data: &Dataset,
        device: Device,
        batch_size: usize,
    ) -> Option<String> {
        let instructions = match device {
            Device::Cpu { instructions, .. } => instructions,
            Device::Cuda { .. } => return Some("on a card it has not been measured".into()),
            Device::Reference => return Some("reference computes without".into()),
        };
        let wide: Vec<bool> = plan.dense().map(|d| is_wide(d.inputs, d.outputs)).collect();
        if !wide.contains(&true) {
            return Some("no layer has 64 inputs and 64 outputs or more".into());
        }
        // Of a network that begins with another layer, no zeros are skipped.
        let dense_first = matches!(plan.layers.first(), Some(FusedLayer::Dense(_)));
        let skips = dense_first && are_mostly_zero(Rows::of(data.features()));
        if skips && !wide[1..].contains(&true) {
            return Some("only the first layer is wide, and skips the zeros of its inputs".into());
        }
        if !is_native(instructions) {
            return Some("this processor has no instructions for it".into());
        }
        (batch_size < PAYS_FROM).then(|| format!("batches of {batch_size} are small for it"))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, Instructions, Loss, Storage, Targets};

    #[test]
    fn bfloat16_pays_in_wide_layers_and_batches_where_it_is_native() {
        let why_not = |net: &str, zeros: bool, device, batch| {
            let plan = Plan::new(&net.parse().unwrap(), Loss::MSELoss).unwrap();
            let (n, rows) = (plan.inputs, 4);
            let number = |i: usize| if zeros && i % 4 > 0 { 0.0 } else { 1.0 };
            let x = Storage::F32((0..rows * n).map(number).collect());
            let targets = Targets::numbers(vec![0.5; rows * plan.outputs], plan.outputs);
            let data = Dataset::new(Features::new(x, &[n]).unwrap(), targets).unwrap();
            let why_not = Precision::why_not_bf16(&plan, &data, device, batch);
            let fastest = Precision::fastest(&plan, &data, device, batch);
            assert_eq!(fastest == Precision::Bf16, why_not.is_none());
            why_not.unwrap_or_default()
        };
        let here = Device::cpu().instructions(Instructions::Avx512);
        let portable = Device::cpu().instructions(Instructions::Portable);
        let native = is_native(Instructions::Avx512);
        for (net, zeros, device, batch, says) in [
            ("70-64:relu-1", false, Device::Reference, 64, "reference computes without"),
            ("70-63:relu-64", false, here, 64, "no layer has"),
            ("70-64:relu-1", true, here, 64, "only the first layer is wide"),
            ("70-64:relu-1", false, portable, 64, "no instructions"),
            ("70-64:relu-64", true, portable, 64, "no instructions"),
            ("70-64:relu-1", false, here, 8, if native { "batches of 8" } else { "no instr" }),
            ("70-64:relu-1", false, here, 16, if native { "" } else { "no instructions" }),
            ("70-64:relu-64", true, here, 16, if native { "" } else { "no instructions" }),
        ] {
            let why_not = why_not(net, zeros, device, batch);
            assert!(why_not.starts_with(says) || why_not.contains(says), "{net}: {why_not}");
            assert_eq!(why_not.is_empty(), says.is_empty(), "{net}: {why_not}");
        }
        assert_eq!("bf16".parse::<Precision>().unwrap(), Precision::Bf16);
        let unknown = "bfloat16".parse::<Precision>().unwrap_err().to_string();
        assert!(unknown.contains("no precision is called"), "{unknown}");
    }
}
