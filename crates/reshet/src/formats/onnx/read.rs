//! Reading the networks that PyTorch, Keras and scikit-learn export.

use std::rc::Rc;

use prost::{Message, bytes::Bytes};

use super::{
    proto::{self, kind},
    tensor::Const,
    walk::{Op, Value, Walk},
};
use crate::{
    Activation, Result,
    error::Error,
    formats::{
        METADATA_KEY,
        chain::{self, Linear, Step},
        import::Found,
    },
};

/// Reads a file's bytes.
///
/// # Errors
/// Not ONNX, damaged, or not a network of dense layers: names the node and its position.
pub(in crate::formats) fn read(bytes: Vec<u8>) -> Result<Found> {
    let size = bytes.len();
    proto::check(&bytes).map_err(|e| Error::data(format!("not an ONNX file: {e}")))?;
    let model = proto::Model::decode(Bytes::from(bytes))
        .map_err(|e| Error::data(format!("not an ONNX file: {e}")))?;
    let graph = model.graph.as_ref().filter(|g| !g.node.is_empty());
    let graph = graph.ok_or_else(|| Error::data("not an ONNX file: it has no graph"))?;
    if let Some(ours) = model.metadata_props.iter().find(|e| e.key == METADATA_KEY) {
        return Ok(Found::Ours(super::ours::read(&ours.value, graph)?));
    }
    let (input, shape) = input(graph)?;
    let walk = Walk::of(graph, input, shape.clone()).map_err(Error::data)?;
    let (end, labels) = output(graph, &walk)?;
    let (mut said, mut yes_no) = (Vec::new(), false);
    let steps = steps(&walk, end, &mut said, &mut yes_no)?;
    // Of half-precision numbers, ours take twice the bytes.
    let mut chain = chain::build(steps, 2 * size)?;
    said.append(&mut chain.said);
    let shape = shape.filter(|s| s.iter().product::<usize>() == chain.network.inputs());
    // A sample of Keras has its one channel last, which is the same order.
    let shape = shape.map(|shape| match shape[..] {
        [height, width, 1] => vec![1, height, width],
        _ => shape,
    });
    let by = format!("{} {}", model.producer_name, model.producer_version);
    let how = format!("ONNX, written by {}", by.trim());
    Ok(Found::Chain { chain, names: walk.names, shape, labels: labels || yes_no, how, said })
}

/// The one input and a sample's shape.
fn input(graph: &proto::Graph) -> Result<(&str, Option<Vec<usize>>)> {
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
    Ok((&input.name, shape))
}

/// The link of the output that says most, and whether labels are chosen from it.
fn output(graph: &proto::Graph, walk: &Walk) -> Result<(usize, bool)> {
    let values = || graph.output.iter().filter_map(|o| walk.values.get(&o.name));
    let labels = values().find_map(|v| if let Value::Label(x) = v { Some(*x) } else { None });
    let nets: Vec<usize> =
        values().filter_map(|v| if let Value::Net(x) = v { Some(*x) } else { None }).collect();
    let Some(end) = nets.iter().copied().max().or(labels) else {
        let why = values().find_map(|v| if let Value::Unknown(why) = v { Some(why) } else { None });
        return Err(Error::data(match why {
            Some(why) => format!("not a network of dense layers: {why}"),
            None => "no output of the graph depends on its input".into(),
        }));
    };
    // Several outputs may be stages of one network, such as logits and probabilities.
    let path: Vec<usize> = path(walk, end);
    if let Some(other) = nets.iter().find(|x| !path.contains(x)) {
        let (a, b) = (&walk.links[end].node, &walk.links[*other].node);
        return Err(Error::data(format!("two outputs that are two networks: {a}; {b}")));
    }
    Ok((end, labels.is_some()))
}

/// The links from the input to this one.
fn path(walk: &Walk, end: usize) -> Vec<usize> {
    let mut path = vec![end];
    let mut at = end;
    while at != 0 {
        at = walk.links[at].before;
        path.push(at);
    }
    path.reverse();
    path
}

fn steps<'a>(
    walk: &'a Walk,
    end: usize,
    said: &mut Vec<String>,
    yes_no: &mut bool,
) -> Result<Vec<Step<'a>>> {
    let mut steps = Vec::new();
    for x in path(walk, end) {
        let link = &walk.links[x];
        let not_here = |what: &str| Err(Error::data(format!("{}: {what}", link.node)));
        match &link.op {
            Op::Input | Op::Nothing => {}
            Op::Affine(affine) if affine.is_identity() => {}
            Op::Affine(affine) => steps.push(Step::Affine(affine.clone())),
            Op::Activation(activation) => steps.push(Step::Activation(*activation)),
            Op::LogSoftmax if x == end => {
                said.push(
                    "the file gives logarithms of probabilities; the model gives probabilities"
                        .into(),
                );
                steps.push(Step::Activation(Activation::Softmax));
            }
            Op::NoAndYes if x == end => *yes_no = true,
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
                steps.push(Step::Linear(Linear { inputs, outputs, read: Box::new(read) }));
            }
        }
    }
    Ok(steps)
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
