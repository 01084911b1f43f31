//! Writes a model as a graph, from raw inputs to labels.
//!
//! | | input | |
//! |---|---|---|
//! | a table of numbers | `input` | float32 [N, columns]; NaN: missing |
//! | a table with words | one per column, under its name | [N, 1] float32, or string; NaN or "": missing |
//! | bytes | `input` | float32 [N, values], 0 to 255 |
//! | everything else | `input` | float32 [N, values] |
//!
//! | question | output | |
//! |---|---|---|
//! | classes, yes or no | `label` | string [N] |
//! | | `probabilities` | float32 [N, classes]; no before yes |
//! | several yes/no questions | `label` | bool [N, questions] |
//! | | `probabilities` | float32 [N, questions], of yes |
//! | numbers | `value` | float32 [N, targets], in their own unit |
//!
//! Opset 19 (the first that compares strings), IR version 9. The file's metadata describes the
//! whole model, so that it can be read back.

use prost::Message;

use super::{
    encoding,
    graph::Builder,
    proto::{Entry, Model as File, OperatorSet, kind},
};
use crate::{
    Activation, Layer, Loss, Model, Result, Task,
    formats::metadata::{METADATA_KEY, Metadata},
    plan::Plan,
};

/// The operators' version: the first in which strings can be compared.
pub const OPSET: i64 = 19;
/// The file format's version that goes with it.
pub const IR_VERSION: i64 = 9;

/// A model as ONNX.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// The file.
    pub bytes: Vec<u8>,
    /// The graph's inputs.
    pub inputs: Vec<Port>,
    /// The graph's outputs.
    pub outputs: Vec<Port>,
}

/// An input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type: `float32`, `string` or `bool`.
    pub kind: &'static str,
    /// Its shape, with `N` for the batch: `[N, 4]`.
    pub shape: String,
}

/// Encodes a model as ONNX.
///
/// # Errors
/// A table's numbers need double precision; otherwise none for a model that [`Model::new`] has
/// accepted.
pub fn export(model: &Model) -> Result<Exported> {
    let plan = model.plan()?;
    model.meaning().columns.as_ref().map_or(Ok(()), |columns| columns.check_single())?;
    let mut to = Builder::default();
    to.graph.name = "reshet".into();
    // These names are documented; a column of the same name gets another one.
    let promised: &[&str] = match model.task() {
        Task::Number => &["value"],
        _ => &["label", "probabilities"],
    };
    for name in promised {
        to.name(name);
    }
    let inputs = match &model.meaning().columns {
        Some(columns) => encoding::table(&mut to, columns),
        None => plain(&mut to, model),
    };
    let z = layers(&mut to, model, &plan, inputs);
    answer(&mut to, model, &plan, &z);
    let ports = |values: &[super::proto::ValueInfo]| values.iter().map(port).collect();
    let (inputs, outputs) = (ports(&to.graph.input), ports(&to.graph.output));
    let file = File {
        ir_version: IR_VERSION,
        producer_name: "reshet".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: model.network().to_string(),
        graph: Some(to.graph),
        opset_import: vec![OperatorSet { domain: String::new(), version: OPSET }],
        metadata_props: vec![Entry {
            key: METADATA_KEY.into(),
            value: Metadata::of(model).json()?,
        }],
    };
    Ok(Exported { bytes: file.encode_to_vec(), inputs, outputs })
}

fn port(value: &super::proto::ValueInfo) -> Port {
    let tensor = value.kind.as_ref().and_then(|k| k.tensor.as_ref());
    let kind = match tensor.map(|t| t.elem_type) {
        Some(kind::STRING) => "string",
        Some(kind::BOOL) => "bool",
        _ => "float32",
    };
    let dims = tensor.and_then(|t| t.shape.as_ref()).map(|s| &s.dim[..]).unwrap_or_default();
    let dim = |d: &super::proto::Dim| {
        d.value.map_or_else(|| d.name.clone().unwrap_or_default(), |n| n.to_string())
    };
    let shape: Vec<String> = dims.iter().map(dim).collect();
    Port { name: value.name.clone(), kind, shape: format!("[{}]", shape.join(", ")) }
}

/// Samples that are numbers, or bytes.
fn plain(to: &mut Builder, model: &Model) -> String {
    let input = to.input("input", kind::FLOAT, model.network().inputs());
    if !model.meaning().bytes {
        return input;
    }
    let most = to.floats("most", &[], &[255.0]);
    to.node("Div", [&*input, &most])
}

/// The layers up to the loss's inputs.
fn layers(to: &mut Builder, model: &Model, plan: &Plan, mut x: String) -> String {
    let layers = match model.network().layers() {
        [before @ .., Layer::Activation(last)] if *last == plan.head.output => before,
        all => all,
    };
    let mut parameters = plan.named_parameters().into_iter();
    for layer in layers {
        x = match layer {
            Layer::Linear(..) => {
                let tensors: Vec<String> = parameters
                    .by_ref()
                    .take(2)
                    .map(|p| to.floats(&p.name, &p.shape, &model.parameters()[p.range]))
                    .collect();
                to.node_with("Gemm", [&*x, &tensors[0], &tensors[1]], &[("transB", 1)])
            }
            Layer::Activation(activation) => activate(to, *activation, x),
            Layer::Dropout(_) => x,
        };
    }
    x
}

fn activate(to: &mut Builder, activation: Activation, x: String) -> String {
    match activation {
        Activation::Identity => x,
        Activation::ReLU => to.node("Relu", [&*x]),
        Activation::LeakyReLU(slope) => to.node_alpha("LeakyRelu", &x, slope),
        Activation::ELU(alpha) => to.node_alpha("Elu", &x, alpha),
        Activation::Sigmoid => to.node("Sigmoid", [&*x]),
        Activation::Tanh => to.node("Tanh", [&*x]),
        Activation::Softmax => to.node_with("Softmax", [&*x], &[("axis", -1)]),
        Activation::SiLU => {
            let sigmoid = to.node("Sigmoid", [&*x]);
            to.node("Mul", [&*x, &sigmoid])
        }
        // x/2 · (1 + erf(x/√2)); an operator for it comes only with opset 20.
        Activation::GELU => {
            let root = to.floats("root", &[], &[std::f32::consts::SQRT_2]);
            let (one, half) = (to.floats("one", &[], &[1.0]), to.floats("half", &[], &[0.5]));
            let inner = to.node("Div", [&*x, &root]);
            let erf = to.node("Erf", [&*inner]);
            let sum = to.node("Add", [&*erf, &one]);
            let product = to.node("Mul", [&*x, &sum]);
            to.node("Mul", [&*product, &half])
        }
    }
}

/// From what the loss sees to labels, probabilities, numbers.
fn answer(to: &mut Builder, model: &Model, plan: &Plan, z: &str) {
    let (meaning, outputs) = (model.meaning(), plan.outputs);
    let answer = match plan.loss() {
        Loss::BCELoss | Loss::BCEWithLogitsLoss => {
            let mut z = z.to_string();
            if plan.head.scale != 1.0 {
                let scale = to.floats("sharpness", &[], &[plan.head.scale as f32]);
                z = to.node("Mul", [&*z, &scale]);
            }
            to.node("Sigmoid", [&*z])
        }
        Loss::CrossEntropyLoss { .. } => to.node_with("Softmax", [z], &[("axis", -1)]),
        _ => z.to_string(),
    };
    let index = |to: &mut Builder, truth: &str| {
        to.node_with("Cast", [truth], &[("to", kind::INT64.into())])
    };
    match meaning.task {
        Task::Number => {
            let mut value = answer;
            if !meaning.units.is_empty() {
                let of = |f: fn(&crate::data::table::Unit) -> f32| -> Vec<f32> {
                    meaning.units.iter().map(f).collect()
                };
                let scale = to.floats("unit", &[outputs], &of(|u| u.scale));
                let centre = to.floats("zero", &[outputs], &of(|u| u.centre));
                let scaled = to.node("Mul", [&*value, &scale]);
                value = to.node("Add", [&*scaled, &centre]);
            }
            to.output("value", &value, kind::FLOAT, &[outputs]);
        }
        Task::Binary if outputs > 1 => {
            let half = to.floats("threshold", &[], &[0.5]);
            let is = to.node("Greater", [&*answer, &half]);
            to.output("label", &is, kind::BOOL, &[outputs]);
            to.output("probabilities", &answer, kind::FLOAT, &[outputs]);
        }
        Task::Binary => {
            let one = to.floats("one", &[], &[1.0]);
            let no = to.node("Sub", [&*one, &answer]);
            let both = to.node_with("Concat", [&*no, &answer], &[("axis", 1)]);
            let half = to.floats("threshold", &[], &[0.5]);
            let is = to.node("Greater", [&*answer, &half]);
            let axis = to.ints("axis", &[1]);
            let is = to.node("Squeeze", [&*is, &axis]);
            let which = index(to, &is);
            let names = to.words("names", &meaning.names);
            let label = to.node("Gather", [&*names, &which]);
            to.output("label", &label, kind::STRING, &[]);
            to.output("probabilities", &both, kind::FLOAT, &[2]);
        }
        Task::Classes => {
            let which = to.node_with("ArgMax", [&*answer], &[("axis", 1), ("keepdims", 0)]);
            let names = to.words("names", &meaning.names);
            let label = to.node("Gather", [&*names, &which]);
            to.output("label", &label, kind::STRING, &[]);
            to.output("probabilities", &answer, kind::FLOAT, &[outputs]);
        }
    }
}
