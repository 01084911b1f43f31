//! Recognises layers among the tensors of a `state_dict`, by names and shapes.
//!
//! | names | |
//! |---|---|
//! | `X.weight` (out, in), perhaps `X.bias` (out) | a dense layer |
//! | `X.running_mean`, `X.running_var`, perhaps `X.weight`, `X.bias` | batch normalization, folded into a neighbour |

use super::{
    affine::Affine,
    tensors::{ElementType, StoredTensor, TensorFile},
};
use crate::{Result, error::Error};

/// More tensors than this are no network of dense layers.
const MOST_TENSORS: usize = 10_000;
/// PyTorch's ε of batch normalization, which the file does not hold.
const EPSILON: f64 = 1e-5;
/// The most neurons that batch normalization is folded into.
const MOST_NORMALIZED: usize = 1 << 20;

/// The tensors of one module.
struct Module {
    name: String,
    weight: Option<StoredTensor>,
    bias: Option<StoredTensor>,
    mean: Option<StoredTensor>,
    var: Option<StoredTensor>,
}

/// A layer whose numbers are in a file.
pub enum StoredLayer {
    Linear { name: String, weight: StoredTensor, bias: Option<StoredTensor> },
    Norm { name: String, affine: Affine },
}

impl StoredLayer {
    /// The module's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Linear { name, .. } | Self::Norm { name, .. } => name,
        }
    }

    /// Inputs and outputs of a dense layer.
    pub fn size(&self) -> Option<[usize; 2]> {
        match self {
            Self::Linear { weight, .. } => match weight.shape[..] {
                [outputs, inputs] => Some([inputs, outputs]),
                _ => None,
            },
            Self::Norm { .. } => None,
        }
    }
}

/// Finds the layers that the tensors are of, in the tensors' order.
///
/// # Errors
/// A tensor belongs to no dense layer, or the tensors of a layer do not fit each other.
pub fn recognise(
    tensors: Vec<StoredTensor>,
    other: Vec<String>,
    file: &TensorFile,
    said: &mut Vec<String>,
) -> Result<Vec<StoredLayer>> {
    if tensors.len() > MOST_TENSORS {
        let what = format!("{} tensors are too many for dense layers", tensors.len());
        return Err(Error::data(what));
    }
    let tensors = without_averages(tensors, said);
    let modules = modules(tensors, other, said)?;
    let normalized: usize = modules.iter().filter_map(|m| Some(m.mean.as_ref()?.count())).sum();
    if normalized > MOST_NORMALIZED {
        return Err(Error::data(format!("batch normalization of {normalized} values")));
    }
    modules.into_iter().map(|module| layer(module, file)).collect()
}

/// Removes the prefixes that nn.DataParallel and torch.compile add.
fn unwrapped(mut name: &str) -> &str {
    while let Some(rest) = ["module.", "_orig_mod."].iter().find_map(|p| name.strip_prefix(p)) {
        name = rest;
    }
    name
}

/// Words in the names of averaged copies of a network.
pub const AVERAGES: [&str; 8] =
    ["ema", "swa", "avg", "averaged", "average", "shadow", "target", "teacher"];

/// Leaves out an averaged copy of the whole network, such as `ema.fc1.weight` beside
/// `model.fc1.weight` or `fc1.weight`.
fn without_averages(tensors: Vec<StoredTensor>, said: &mut Vec<String>) -> Vec<StoredTensor> {
    let split = |tensor: &StoredTensor| -> Option<(String, String)> {
        let (first, rest) = unwrapped(&tensor.name).split_once('.')?;
        let mut words = first.split('_');
        words.any(|word| AVERAGES.contains(&word)).then(|| (first.into(), unwrapped(rest).into()))
    };
    let (copies, own): (Vec<StoredTensor>, Vec<StoredTensor>) =
        tensors.into_iter().partition(|tensor| split(tensor).is_some());
    let is_copy = |copy: &StoredTensor| {
        let Some((_, rest)) = split(copy) else { return false };
        own.iter().any(|tensor| {
            let name = unwrapped(&tensor.name);
            let inside = name.split_once('.').map_or("", |(_, inside)| unwrapped(inside));
            (name == rest || inside == rest) && tensor.shape == copy.shape
        })
    };
    if own.is_empty() || copies.is_empty() || !copies.iter().all(is_copy) {
        // Without a copy all are `own`, so their order is kept.
        return own.into_iter().chain(copies).collect();
    }
    let first = copies.first().and_then(split).map_or(String::new(), |(first, _)| first);
    said.push(format!("{first}, an averaged copy of the network, is skipped"));
    own
}

/// Groups the tensors by the module in their names.
fn modules(
    tensors: Vec<StoredTensor>,
    other: Vec<String>,
    said: &mut Vec<String>,
) -> Result<Vec<Module>> {
    let mut modules: Vec<Module> = Vec::new();
    let mut strange = other;
    for tensor in tensors {
        // nn.DataParallel and torch.compile wrap the network under these names.
        let name = unwrapped(&tensor.name);
        let (module, part) = name.rsplit_once('.').unwrap_or(("", name));
        let module = match modules.iter_mut().position(|m| m.name == module) {
            Some(i) => &mut modules[i],
            None => {
                let (weight, bias, mean, var) = Default::default();
                modules.push(Module { name: module.into(), weight, bias, mean, var });
                let last = modules.len() - 1;
                &mut modules[last]
            }
        };
        let fits = |tensor: &StoredTensor, dims: usize| {
            tensor.shape.len() == dims && !matches!(tensor.element, ElementType::Whole(_))
        };
        let place = match part {
            "weight" if fits(&tensor, 2) || fits(&tensor, 1) => &mut module.weight,
            "bias" if fits(&tensor, 1) => &mut module.bias,
            "running_mean" if fits(&tensor, 1) => &mut module.mean,
            "running_var" if fits(&tensor, 1) => &mut module.var,
            "num_batches_tracked" => continue,
            // One number on its own: an epoch, a loss, a counter.
            _ if tensor.shape.is_empty() || (module.name.is_empty() && tensor.count() == 1) => {
                said.push(format!("{}, one number, is skipped", tensor.name));
                continue;
            }
            _ => {
                strange.push(format!("{} of shape {:?}", tensor.name, tensor.shape));
                continue;
            }
        };
        if let Some(other) = place {
            let what = "are the same of one layer; save one of them alone";
            return Err(Error::data(format!("{} and {} {what}", other.name, tensor.name)));
        }
        *place = Some(tensor);
    }
    let holds = |m: &Module| [&m.weight, &m.bias, &m.mean, &m.var].iter().any(|e| e.is_some());
    modules.retain(holds);
    for module in &modules {
        let norm = module.mean.is_some() && module.var.is_some();
        let weight = module.weight.as_ref();
        if !norm && weight.is_some_and(|w| w.shape.len() == 1) {
            strange.push(format!(
                "{}.weight, a list of {:?}",
                module.name,
                weight.map_or(0, StoredTensor::count)
            ));
        } else if !norm && weight.is_none() && module.bias.is_some() && strange.is_empty() {
            strange.push(format!("{} without a weight", module.name));
        }
    }
    if !strange.is_empty() {
        let more = strange.len().saturating_sub(10);
        strange.truncate(10);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return Err(Error::data(format!(
            "only dense layers (nn.Linear, nn.BatchNorm1d) are read; it also has {}{more}",
            strange.join(", ")
        )));
    }
    Ok(modules)
}

fn layer(module: Module, file: &TensorFile) -> Result<StoredLayer> {
    let Module { name, weight, bias, mean, var } = module;
    if let (Some(mean), Some(var)) = (mean, var) {
        let of = |tensor: Option<StoredTensor>, otherwise: f64| match tensor {
            Some(tensor) => tensor.numbers(file),
            None => Ok(vec![otherwise; mean.count()]),
        };
        let lengths = [weight.as_ref(), bias.as_ref(), Some(&var)];
        if lengths.into_iter().flatten().any(|e| e.shape != mean.shape) {
            return Err(Error::data(format!("{name}: its parts are not of one length")));
        }
        let (scale, shift) = (of(weight, 1.0)?, of(bias, 0.0)?);
        let (mean, var) = (mean.numbers(file)?, var.numbers(file)?);
        let affine = Affine::batch_norm(&scale, &shift, &mean, &var, EPSILON);
        return Ok(StoredLayer::Norm { name, affine });
    }
    // `modules` refuses everything else.
    let weight = weight.ok_or_else(|| Error::data(format!("{name}: no weight")))?;
    if bias.as_ref().is_some_and(|b| b.shape[..] != weight.shape[..1]) {
        return Err(Error::data(format!("{name}: weight and bias are of different lengths")));
    }
    Ok(StoredLayer::Linear { name, weight, bias })
}
