//! The precision of products.

use std::{fmt, str::FromStr};

use super::{
    Device,
    cpu::{are_mostly_zero, has_tiles, is_native, is_wide},
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
/// With [`Precision::Tf32`], which graphics cards alone have, the factors of the same layers are rounded to
/// TF32: the range of an `f32` with 10 bits after the point, so off by 1/2048 of themselves at most,
/// where bfloat16 has 7. Its tensor cores are those of bfloat16. PyTorch's model of this is
/// `torch.set_float32_matmul_precision("high")`. A training whose card fails goes on on the processor
/// in `f32`.
///
/// The same seed gives the same bits for any number of threads. Where the processor has no
/// instructions for bfloat16 they are emulated, to the same bits and slowly. Where it has tiles (AMX, on
/// Linux) these multiply, and add in an order of their own:
/// [`Precision::instructions`] says what does.
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
    /// Factors in TF32, sums in `f32`: on a graphics card.
    Tf32,
}

/// Samples of a batch from which bfloat16 pays: with fewer, a step is mostly the update of the
/// weights, which are rounded in it (`docs/kernels.md`).
const PAYS_FROM: usize = 16;

impl Precision {
    /// Returns what multiplies in this precision on a device, as far as it decides the bits: its vector
    /// instructions, and `amx` beside them where tiles multiply wide layers; or the device's name.
    ///
    /// ```
    /// use reshet::{Instructions, Precision, prelude::*};
    /// let device = Device::cpu().instructions(Instructions::Portable);
    /// assert_eq!(Precision::Bf16.instructions(device), "portable");
    /// ```
    pub fn instructions(self, device: Device) -> String {
        match device {
            Device::Cpu { instructions, .. } if self == Self::Bf16 && has_tiles(instructions) => {
                format!("{instructions}, amx")
            }
            Device::Cpu { instructions, .. } => instructions.to_string(),
            Device::Cuda { .. } => "cuda".into(),
            Device::Reference => "reference".into(),
        }
    }

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

    /// This precision, or `f32` if it is one that this device never has.
    pub(crate) fn or_f32(self, device: Device) -> Self {
        match (self, device) {
            (Self::Tf32, Device::Cpu { .. } | Device::Reference) => Self::F32,
            (Self::Bf16, Device::Reference) => Self::F32,
            _ => self,
        }
    }

    /// Says that products in this precision are not computed on this device.
    pub(crate) fn is_not_on(self, device: Device) -> Error {
        let (devices, device) =
            (if self == Self::Tf32 { "cuda" } else { "cpu and cuda" }, device.name());
        Error::invalid(format!("products in {self} are computed on {devices}, not on {device}"))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Tf32 => "tf32",
        })
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            "tf32" => Ok(Self::Tf32),
            _ => {
                let known = crate::network::did_you_mean(name, &["f32", "bf16", "tf32"]);
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
        for precision in [Precision::F32, Precision::Bf16, Precision::Tf32] {
            assert_eq!(precision.to_string().parse::<Precision>().unwrap(), precision);
            assert_eq!(precision.or_f32(Device::Cuda { card: 0 }), precision);
            assert_eq!(precision.or_f32(Device::Reference), Precision::F32);
        }
        assert_eq!(Precision::Bf16.or_f32(here), Precision::Bf16);
        assert_eq!(Precision::Tf32.or_f32(here), Precision::F32);
        let unknown = "bfloat16".parse::<Precision>().unwrap_err().to_string();
        assert!(unknown.contains("no precision is called"), "{unknown}");
    }
}
