//! A `state_dict`: named tensors; dense layers are recognised by name and shape.
//!
//! | names | |
//! |---|---|
//! | `X.weight` (out, in), perhaps `X.bias` (out) | a dense layer |
//! | `X.running_mean`, `X.running_var`, perhaps `X.weight`, `X.bias` | batch normalization, folded into a neighbour |
//!
//! `order.rs` finds the order of the layers. The file does not contain the activations.

use std::path::Path;

use super::{
    chain::{self, Affine, Linear, Step},
    import::{Found, Import},
    order::{self, Known},
    stored::{Entry, Kind, Store},
};
use crate::{Layer, Result, Sequential, error::Error};

/// PyTorch's default, which the file does not hold.
const EPSILON: f64 = 1e-5;
/// More tensors than this are no network of dense layers.
const MOST_TENSORS: usize = 10_000;
/// The most neurons that batch normalization is folded into.
const MOST_NORMALIZED: usize = 1 << 20;
/// Bytes for the zeros of missing biases, and the like.
const SPARE_BYTES: u64 = 32 << 20;

/// The tensors of one module.
struct Module {
    name: String,
    weight: Option<Entry>,
    bias: Option<Entry>,
    mean: Option<Entry>,
    var: Option<Entry>,
}

pub(super) enum Layers {
    Linear { name: String, weight: Entry, bias: Option<Entry> },
    Norm { name: String, affine: Affine },
}

impl Layers {
    /// The module's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Linear { name, .. } | Self::Norm { name, .. } => name,
        }
    }
}

/// The contents of a file.
pub(super) struct Contents {
    pub entries: Vec<Entry>,
    /// What it contains besides tensors.
    pub other: Vec<String>,
    /// Notes on what was skipped or chosen.
    pub said: Vec<String>,
    pub store: Store,
    /// Whether the entries are in the order of the modules' definitions.
    pub in_order: bool,
    /// The kind of file.
    pub how: &'static str,
}

/// Builds the network of a `state_dict`.
///
/// # Errors
/// A tensor belongs to no dense layer, layers do not fit, or the activations are not given: says
/// what to give.
pub(super) fn network(contents: Contents, import: &Import, path: &Path) -> Result<Found> {
    let Contents { entries, other, mut said, store, in_order, how } = contents;
    if entries.len() > MOST_TENSORS {
        let what = format!("{} tensors are too many for dense layers", entries.len());
        return Err(Error::data(what));
    }
    let entries = without_averages(entries, &mut said);
    let modules = modules(entries, other, &mut said)?;
    let normalized: usize = modules.iter().filter_map(|m| Some(m.mean.as_ref()?.count())).sum();
    if normalized > MOST_NORMALIZED {
        return Err(Error::data(format!("batch normalization of {normalized} values")));
    }
    let mut layers = Vec::new();
    for module in modules {
        layers.push(layer(module, &store)?);
    }
    let given = match &import.network {
        Some(text) => {
            let first = layers.iter().find_map(|layer| match layer {
                Layers::Linear { weight, .. } => weight.shape.last().copied(),
                Layers::Norm { .. } => None,
            });
            let alone = Sequential::parse(text, None);
            Some(alone.or_else(|_| Sequential::parse(text, first))?)
        }
        None => None,
    };
    let wanted: Option<Vec<usize>> =
        given.as_ref().map(|given| given.linears().map(|l| l.0).chain([given.outputs()]).collect());
    let known =
        Known { given: import.order.as_deref(), by_file: in_order, widths: wanted.as_deref() };
    let layers = order::arrange(layers, &known, &mut said)?;
    let widths = widths(&layers)?;
    let (Some(given), Some(wanted)) = (given, wanted) else {
        return Err(asking(&widths, &layers, path));
    };
    if wanted != widths {
        return Err(Error::invalid(format!(
            "the network {} has the widths {}, and the file {}",
            import.network.as_deref().unwrap_or_default(),
            joined(&wanted),
            joined(&widths)
        )));
    }
    let steps = steps(layers, &given, &store, &mut said)?;
    let most = store.size.saturating_mul(2).saturating_add(SPARE_BYTES);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut chain = chain::build(steps, most, &import.inputs())?;
    said.append(&mut chain.said);
    let how = format!("{how} state_dict");
    Ok(Found::Chain { chain, names: None, shape: None, decides: None, how, said })
}

fn joined(widths: &[usize]) -> String {
    widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
}

/// Removes the prefixes that nn.DataParallel and torch.compile add.
fn unwrapped(mut name: &str) -> &str {
    while let Some(rest) = ["module.", "_orig_mod."].iter().find_map(|p| name.strip_prefix(p)) {
        name = rest;
    }
    name
}

/// Words in the names of averaged copies of a network.
pub(super) const AVERAGES: [&str; 8] =
    ["ema", "swa", "avg", "averaged", "average", "shadow", "target", "teacher"];

/// Leaves out an averaged copy of the whole network, such as `ema.fc1.weight` beside
/// `model.fc1.weight` or `fc1.weight`.
fn without_averages(entries: Vec<Entry>, said: &mut Vec<String>) -> Vec<Entry> {
    let split = |entry: &Entry| -> Option<(String, String)> {
        let (first, rest) = unwrapped(&entry.name).split_once('.')?;
        let mut words = first.split('_');
        words.any(|word| AVERAGES.contains(&word)).then(|| (first.into(), unwrapped(rest).into()))
    };
    let (copies, own): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| split(entry).is_some());
    let is_copy = |copy: &Entry| {
        let Some((_, rest)) = split(copy) else { return false };
        own.iter().any(|entry| {
            let name = unwrapped(&entry.name);
            let inside = name.split_once('.').map_or("", |(_, inside)| unwrapped(inside));
            (name == rest || inside == rest) && entry.shape == copy.shape
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
fn modules(entries: Vec<Entry>, other: Vec<String>, said: &mut Vec<String>) -> Result<Vec<Module>> {
    let mut modules: Vec<Module> = Vec::new();
    let mut strange = other;
    for entry in entries {
        // nn.DataParallel and torch.compile wrap the network under these names.
        let name = unwrapped(&entry.name);
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
        let fits = |entry: &Entry, dims: usize| {
            entry.shape.len() == dims && !matches!(entry.kind, Kind::Whole(_))
        };
        let place = match part {
            "weight" if fits(&entry, 2) || fits(&entry, 1) => &mut module.weight,
            "bias" if fits(&entry, 1) => &mut module.bias,
            "running_mean" if fits(&entry, 1) => &mut module.mean,
            "running_var" if fits(&entry, 1) => &mut module.var,
            "num_batches_tracked" => continue,
            // One number on its own: an epoch, a loss, a counter.
            _ if entry.shape.is_empty() || (module.name.is_empty() && entry.count() == 1) => {
                said.push(format!("{}, one number, is skipped", entry.name));
                continue;
            }
            _ => {
                strange.push(format!("{} of shape {:?}", entry.name, entry.shape));
                continue;
            }
        };
        *place = Some(entry);
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
                weight.map_or(0, Entry::count)
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

fn layer(module: Module, store: &Store) -> Result<Layers> {
    let Module { name, weight, bias, mean, var } = module;
    if let (Some(mean), Some(var)) = (mean, var) {
        let of = |entry: Option<Entry>, otherwise: f64| match entry {
            Some(entry) => entry.numbers(store),
            None => Ok(vec![otherwise; mean.count()]),
        };
        let lengths = [weight.as_ref(), bias.as_ref(), Some(&var)];
        if lengths.into_iter().flatten().any(|e| e.shape != mean.shape) {
            return Err(Error::data(format!("{name}: its parts are not of one length")));
        }
        let (scale, shift) = (of(weight, 1.0)?, of(bias, 0.0)?);
        let (mean, var) = (mean.numbers(store)?, var.numbers(store)?);
        let affine = Affine::batch_norm(&scale, &shift, &mean, &var, EPSILON);
        return Ok(Layers::Norm { name, affine });
    }
    // `modules` refuses everything else.
    let weight = weight.ok_or_else(|| Error::data(format!("{name}: no weight")))?;
    if bias.as_ref().is_some_and(|b| b.shape[..] != weight.shape[..1]) {
        return Err(Error::data(format!("{name}: weight and bias are of different lengths")));
    }
    Ok(Layers::Linear { name, weight, bias })
}

/// The layers' widths, the input's first.
fn widths(layers: &[Layers]) -> Result<Vec<usize>> {
    let mut widths = Vec::new();
    let mut before = "";
    for layer in layers {
        let Layers::Linear { name, weight, .. } = layer else { continue };
        let [outputs, inputs] = weight.shape[..] else { continue };
        if let Some(width) = widths.last().filter(|w| **w != inputs) {
            return Err(Error::data(format!(
                "{name}.weight takes {inputs} values, and {before} before it gives {width}: \
                 the layers do not follow each other in the file's order"
            )));
        }
        if widths.is_empty() {
            widths.push(inputs);
        }
        widths.push(outputs);
        before = name;
    }
    if widths.is_empty() {
        return Err(Error::data("there is no dense layer in it"));
    }
    Ok(widths)
}

/// The error that asks for the activations.
fn asking(widths: &[usize], layers: &[Layers], path: &Path) -> Error {
    let names = layers.iter().map(|layer| match layer {
        Layers::Linear { name, .. } => name.clone(),
        Layers::Norm { name, .. } => format!("{name}, batch normalization"),
    });
    let names: Vec<String> = names.collect();
    let last = widths.len() - 1;
    let net = |(i, width): (usize, &usize)| match i {
        0 => width.to_string(),
        _ if i < last => format!("-{width}:relu"),
        _ => format!("-{width}"),
    };
    let net: String = widths.iter().enumerate().map(net).collect();
    Error::invalid(format!(
        "{}: a state_dict says nothing of activations. Its layers are {} ({}); say what network \
         it is, with the activations (:tanh, :gelu, …, perhaps :sigmoid or :softmax at the end). \
         If ReLU stands between them and nothing at the end, it is {net}",
        path.display(),
        joined(widths),
        names.join("; "),
    ))
}

/// Splits a module's name into its number at the end, and the rest.
fn numbered(name: &str) -> Option<(&str, usize)> {
    let start = name.rfind('.').map_or(0, |dot| dot + 1);
    Some((&name[..start], name[start..].parse().ok()?))
}

/// The file's layers with the activations of `network` between them.
fn steps<'a>(
    layers: Vec<Layers>,
    network: &Sequential,
    store: &'a Store,
    said: &mut Vec<String>,
) -> Result<Vec<Step<'a>>> {
    let mut between = network.layers().iter().peekable();
    let mut steps: Vec<Step> = Vec::new();
    // The activations before the first dense layer.
    push_activations(&mut between, &mut steps);
    let mut layers = layers.into_iter().peekable();
    while let Some(layer) = layers.next() {
        let (name, weight, bias) = match layer {
            Layers::Norm { affine, .. } => {
                steps.push(Step::Affine(affine));
                continue;
            }
            Layers::Linear { name, weight, bias } => (name, weight, bias),
        };
        between.next();
        let [outputs, inputs] = weight.shape[..] else { continue };
        let read = move |into: &mut [f32]| {
            let (weights, biases) = into.split_at_mut(inputs * outputs);
            weight.read(store, weights)?;
            bias.map_or(Ok(()), |bias| bias.read(store, biases))
        };
        steps.push(Step::Linear(Linear { inputs, outputs, read: Box::new(read) }));
        // Batch normalization right after a dense layer, or after its activation?
        let mut before = name;
        while let Some(Layers::Norm { name, .. }) = layers.peek() {
            match (numbered(&before), numbered(name)) {
                (Some((a, i)), Some((b, j))) if a == b && j > i + 1 => break,
                (Some((a, _)), Some((b, _))) if a == b => {}
                _ => said.push(format!(
                    "{name} is taken to stand right behind {before}, before the activation"
                )),
            }
            before = name.clone();
            if let Some(Layers::Norm { affine, .. }) = layers.next() {
                steps.push(Step::Affine(affine));
            }
        }
        push_activations(&mut between, &mut steps);
    }
    Ok(steps)
}

fn push_activations<'n>(
    between: &mut std::iter::Peekable<impl Iterator<Item = &'n Layer>>,
    steps: &mut Vec<Step>,
) {
    while let Some(layer) = between.next_if(|layer| !matches!(layer, Layer::Linear(..))) {
        match layer {
            Layer::Activation(activation) => steps.push(Step::Activation(*activation)),
            Layer::Dropout(p) => steps.push(Step::Dropout(*p)),
            Layer::Linear(..) => {}
        }
    }
}
