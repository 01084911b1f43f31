//! The network of a `state_dict`: its layers in order, with the activations of the network that
//! the user gives. The file does not contain the activations.

use std::path::Path;

use super::{
    chain::{self, ForeignLayer, Linear},
    layers::{self, StoredLayer},
    network::ForeignNetwork,
    order::{self, Known},
    pixels::KnownInputs,
    tensors::{StateDict, TensorFile},
};
use crate::{Layer, Result, Sequential, error::Error};

/// Bytes for the zeros of missing biases, and the like.
const SPARE_BYTES: u64 = 32 << 20;

/// Builds the network of a `state_dict` that was read from `path`. `network`: its activations, as
/// [`Sequential::parse`] reads them; `order`: the layers' names in order.
///
/// # Errors
/// A tensor belongs to no dense layer, layers do not fit, or the activations are not given: says
/// what to give.
pub fn network(
    dict: StateDict,
    network: Option<&str>,
    order: Option<&[String]>,
    inputs: &KnownInputs,
    path: &Path,
) -> Result<ForeignNetwork> {
    let StateDict { tensors, other, mut said, file, in_order, origin } = dict;
    let layers = layers::recognise(tensors, other, &file, &mut said)?;
    let given = match network {
        Some(text) => {
            let first = layers.iter().find_map(StoredLayer::size).map(|[inputs, _]| inputs);
            let alone = Sequential::parse(text, None);
            Some(alone.or_else(|_| Sequential::parse(text, first))?)
        }
        None => None,
    };
    let wanted: Option<Vec<usize>> =
        given.as_ref().map(|given| given.linears().map(|l| l.0).chain([given.outputs()]).collect());
    let known = Known { given: order, by_file: in_order, widths: wanted.as_deref() };
    let layers = order::arrange(layers, &known, &mut said)?;
    let widths = widths(&layers)?;
    let (Some(given), Some(wanted)) = (given, wanted) else {
        return Err(asking(&widths, &layers, path));
    };
    if wanted != widths {
        return Err(Error::invalid(format!(
            "the network {} has the widths {}, and the file {}",
            network.unwrap_or_default(),
            joined(&wanted),
            joined(&widths)
        )));
    }
    let layers = with_activations(layers, &given, &file, &mut said)?;
    let most = file.size.saturating_mul(2).saturating_add(SPARE_BYTES);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut chain = chain::build(layers, most, inputs)?;
    said.append(&mut chain.said);
    let origin = format!("{origin} state_dict");
    Ok(ForeignNetwork { chain, names: None, shape: None, decision: None, origin, said })
}

fn joined(widths: &[usize]) -> String {
    widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
}

/// The layers' widths, the input's first.
fn widths(layers: &[StoredLayer]) -> Result<Vec<usize>> {
    let mut widths = Vec::new();
    let mut before = "";
    for layer in layers {
        let StoredLayer::Linear { name, weight, .. } = layer else { continue };
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
fn asking(widths: &[usize], layers: &[StoredLayer], path: &Path) -> Error {
    let names = layers.iter().map(|layer| match layer {
        StoredLayer::Linear { name, .. } => name.clone(),
        StoredLayer::Norm { name, .. } => format!("{name}, batch normalization"),
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
fn with_activations<'a>(
    layers: Vec<StoredLayer>,
    network: &Sequential,
    file: &'a TensorFile,
    said: &mut Vec<String>,
) -> Result<Vec<ForeignLayer<'a>>> {
    let mut between = network.layers().iter().peekable();
    let mut chain: Vec<ForeignLayer> = Vec::new();
    // The activations before the first dense layer.
    push_activations(&mut between, &mut chain);
    let mut layers = layers.into_iter().peekable();
    while let Some(layer) = layers.next() {
        let (name, weight, bias) = match layer {
            StoredLayer::Norm { affine, .. } => {
                chain.push(ForeignLayer::Affine(affine));
                continue;
            }
            StoredLayer::Linear { name, weight, bias } => (name, weight, bias),
        };
        between.next();
        let [outputs, inputs] = weight.shape[..] else { continue };
        let read = move |into: &mut [f32]| {
            let (weights, biases) = into.split_at_mut(inputs * outputs);
            weight.read(file, weights)?;
            bias.map_or(Ok(()), |bias| bias.read(file, biases))
        };
        chain.push(ForeignLayer::Linear(Linear { inputs, outputs, read: Box::new(read) }));
        // Batch normalization right after a dense layer, or after its activation?
        let mut before = name;
        while let Some(StoredLayer::Norm { name, .. }) = layers.peek() {
            match (numbered(&before), numbered(name)) {
                (Some((a, i)), Some((b, j))) if a == b && j > i + 1 => break,
                (Some((a, _)), Some((b, _))) if a == b => {}
                _ => said.push(format!(
                    "{name} is taken to stand right behind {before}, before the activation"
                )),
            }
            before = name.clone();
            if let Some(StoredLayer::Norm { affine, .. }) = layers.next() {
                chain.push(ForeignLayer::Affine(affine));
            }
        }
        push_activations(&mut between, &mut chain);
    }
    Ok(chain)
}

fn push_activations<'n>(
    between: &mut std::iter::Peekable<impl Iterator<Item = &'n Layer>>,
    chain: &mut Vec<ForeignLayer>,
) {
    while let Some(layer) = between.next_if(|layer| !matches!(layer, Layer::Linear(..))) {
        match layer {
            Layer::Activation(activation) => chain.push(ForeignLayer::Activation(*activation)),
            Layer::Dropout(p) => chain.push(ForeignLayer::Dropout(*p)),
            Layer::Linear(..) => {}
        }
    }
}
