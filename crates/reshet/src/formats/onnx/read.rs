//! Reads the networks that PyTorch, Keras and scikit-learn export.

use std::rc::Rc;

use prost::{Message, bytes::Bytes};

use super::{
    links::Op,
    output::{Prediction, prediction},
    proto::{self, kind},
    tensor::Const,
    walk::Walk,
};
use crate::{
    Activation, Result,
    error::Error,
    formats::{
        foreign::{
            affine::Affine,
            chain::{self, ForeignLayer, Linear},
            network::{ForeignNetwork, Found, GraphOptions},
            pixels::KnownInputs,
        },
        metadata::METADATA_KEY,
    },
};

/// Reads a file's bytes.
///
/// # Errors
/// The file is not ONNX, is damaged, or is not a network of dense layers: names the node and its
/// position.
pub(in crate::formats) fn read(bytes: Vec<u8>, options: &GraphOptions) -> Result<Found> {
    let size = bytes.len();
    proto::check(&bytes).map_err(|e| Error::data(format!("not an ONNX file: {e}")))?;
    let model = proto::Model::decode(Bytes::from(bytes))
        .map_err(|e| Error::data(format!("not an ONNX file: {e}")))?;
    let graph = model.graph.as_ref().filter(|g| !g.node.is_empty());
    let graph = graph.ok_or_else(|| Error::data("not an ONNX file: it has no graph"))?;
    if let Some(ours) = model.metadata_props.iter().find(|e| e.key == METADATA_KEY) {
        let model = super::ours::read(&ours.value, graph)?;
        return Ok(Found::Ours(Box::new(model)));
    }
    let Input { name: input, shape, whole } = input(graph)?;
    let walk = Walk::of(graph, input, shape.clone()).map_err(Error::data)?;
    let mut prediction = prediction(graph, &walk, options.output, options.decides)?;
    let layers = layers(&walk, &mut prediction)?;
    let inputs = KnownInputs {
        picture: is_picture(options.shape.or(shape.as_deref())),
        whole,
        ..options.inputs.clone()
    };
    // Of half-precision numbers, ours take twice the bytes.
    let mut chain = chain::build(layers, 2 * size, &inputs)?;
    let Prediction { names, decision, mut said, .. } = prediction;
    said.append(&mut chain.said);
    let shape = shape.filter(|s| s.iter().product::<usize>() == chain.network.inputs());
    // A sample of Keras has its one channel last, which is the same order.
    let shape = shape.map(|shape| match shape[..] {
        [height, width, 1] => vec![1, height, width],
        _ => shape,
    });
    let by = format!("{} {}", model.producer_name, model.producer_version);
    let origin = format!("ONNX, written by {}", by.trim());
    let network = ForeignNetwork { chain, names, shape, decision, origin, said };
    Ok(Found::Foreign(Box::new(network)))
}

/// Whether samples of this shape are pictures, planes first or last.
fn is_picture(shape: Option<&[usize]>) -> bool {
    matches!(shape, Some([1 | 3, h, w] | [h, w, 1 | 3] | [h, w]) if *h > 1 && *w > 1)
}

/// The one input.
struct Input<'a> {
    name: &'a str,
    /// A sample's shape.
    shape: Option<Vec<usize>>,
    /// It takes bytes.
    whole: bool,
}

fn input(graph: &proto::Graph) -> Result<Input<'_>> {
    let is_constant = |name: &str| graph.initializer.iter().any(|t| t.name == name);
    let inputs: Vec<_> = graph.input.iter().filter(|i| !is_constant(&i.name)).collect();
    let [input] = inputs[..] else {
        let names: Vec<&str> = inputs.iter().map(|i| &*i.name).take(20).collect();
        return Err(Error::data(format!(
            "the graph has {} inputs ({}); a network that can be read has one",
            inputs.len(),
            names.join(", ")
        )));
    };
    let tensor = input.kind.as_ref().and_then(|k| k.tensor.as_ref());
    if tensor.is_some_and(|t| t.elem_type == kind::STRING) {
        return Err(Error::data(format!("the input \"{}\" is words, not numbers", input.name)));
    }
    let dims = tensor.and_then(|t| t.shape.as_ref()).map(|shape| &shape.dim[..]);
    let shape = dims.and_then(|dims| {
        let sizes =
            dims.get(1..)?.iter().map(|d| usize::try_from(d.value?).ok().filter(|n| *n > 0));
        sizes.collect::<Option<Vec<_>>>().filter(|sizes| !sizes.is_empty())
    });
    // Whole numbers of any size are pixels in a picture; in a table they are numbers.
    let of = tensor.map_or(kind::FLOAT, |t| t.elem_type);
    let whole = of == kind::UINT8
        || ([kind::INT32, kind::INT64].contains(&of) && is_picture(shape.as_deref()));
    Ok(Input { name: &input.name, shape, whole })
}

/// The shift that puts an output exactly at the threshold above it; large enough to change a
/// Sigmoid's f32.
const TIE: f64 = 2.5e-7;

/// The layers up to the prediction.
fn layers<'a>(walk: &'a Walk, prediction: &mut Prediction) -> Result<Vec<ForeignLayer<'a>>> {
    let mut layers = Vec::new();
    let path = walk.links.path(prediction.link);
    let activation = |x: &usize| matches!(walk.links.all[*x].op, Op::Activation(_));
    let last_activation = path.iter().copied().rfind(activation);
    let last_linear = path.iter().rposition(|x| matches!(walk.links.all[*x].op, Op::Linear { .. }));
    // 1 − σ(z) = σ(−z), and −tanh(z) = tanh(−z).
    let turn = Affine::scalar(
        if prediction.turned { -1.0 } else { 1.0 },
        if prediction.tie { TIE } else { 0.0 },
    );
    let behind = path.iter().position(|x| Some(*x) == last_activation) > last_linear;
    for x in path {
        let link = &walk.links.all[x];
        let not_here = |what: &str| Err(Error::data(format!("{}: {what}", link.node)));
        match &link.op {
            Op::Input | Op::Nothing => {}
            Op::Affine(affine) if affine.is_identity() => {}
            Op::Affine(affine) => layers.push(ForeignLayer::Affine(affine.clone())),
            Op::Reorder(order) => layers.push(ForeignLayer::Reorder(order.clone())),
            Op::Activation(activation) => {
                if behind && Some(x) == last_activation && !turn.is_identity() {
                    layers.push(ForeignLayer::Affine(turn.clone()));
                }
                layers.push(ForeignLayer::Activation(*activation));
            }
            Op::LogSoftmax if x == prediction.link => {
                prediction.said.push(
                    "the file gives logarithms of probabilities; the model gives probabilities"
                        .into(),
                );
                layers.push(ForeignLayer::Activation(Activation::Softmax));
            }
            Op::NoAndYes if x == prediction.link => {}
            Op::LogSoftmax | Op::NoAndYes => {
                return not_here("it stands in the middle of the network");
            }
            Op::Erf { .. } => return not_here("it is not part of a GELU"),
            Op::Linear { weight, by_output, alpha, bias } => {
                let (by_output, alpha) = (*by_output, *alpha);
                let (o, i) = if by_output { (0, 1) } else { (1, 0) };
                let (outputs, inputs) = (weight.dims[o], weight.dims[i]);
                let read = move |into: &mut [f32]| {
                    dense(weight, by_output, alpha, bias, inputs, into);
                    Ok(())
                };
                layers.push(ForeignLayer::Linear(Linear { inputs, outputs, read: Box::new(read) }));
            }
        }
    }
    if !behind && !turn.is_identity() {
        layers.push(ForeignLayer::Affine(turn));
    }
    Ok(layers)
}

fn dense(
    weight: &Const,
    by_output: bool,
    alpha: f64,
    bias: &Option<(Rc<Const>, f64)>,
    inputs: usize,
    into: &mut [f32],
) {
    let outputs = into.len() / (inputs + 1);
    let (weights, biases) = into.split_at_mut(inputs * outputs);
    for (o, row) in weights.chunks_exact_mut(inputs).enumerate() {
        for (i, w) in row.iter_mut().enumerate() {
            let place = if by_output { [o, i] } else { [i, o] };
            *w = (alpha * weight.at(&place)) as f32;
        }
    }
    if let Some((bias, beta)) = bias {
        let numbers = bias.numbers();
        let b = |o: usize| numbers.get(o).or(numbers.first()).copied().unwrap_or(0.0);
        biases.iter_mut().enumerate().for_each(|(o, x)| *x = (beta * b(o)) as f32);
    }
}
