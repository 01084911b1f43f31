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
    graph::Builder,
    proto::{Entry, Model as File, OperatorSet, kind},
};
use crate::{
    Activation, Layer, Loss, Model, Result, Task,
    data::table::{ColumnKind, Columns},
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
        Some(columns) => table(&mut to, columns),
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

/// Encodes a table's columns.
fn table(to: &mut Builder, columns: &Columns) -> String {
    let is_number = |kind: &ColumnKind| matches!(kind, ColumnKind::Number { .. });
    let numbers: Vec<&ColumnKind> =
        columns.inputs.iter().map(|c| &c.kind).filter(|k| is_number(k)).collect();
    let mut raw = Vec::new();
    if numbers.len() == columns.inputs.len() {
        raw.push(to.input("input", kind::FLOAT, numbers.len()));
    } else {
        for column in &columns.inputs {
            let of = if is_number(&column.kind) { kind::FLOAT } else { kind::STRING };
            raw.push(to.input(&column.name, of, 1));
        }
    }
    // Blocks of inputs side by side: numbers, their indicators, then each category.
    let mut blocks = Vec::new();
    if !numbers.is_empty() {
        let all: Vec<&str> = match raw.len() == columns.inputs.len() {
            true => raw
                .iter()
                .zip(&columns.inputs)
                .filter(|(_, c)| is_number(&c.kind))
                .map(|(name, _)| &**name)
                .collect(),
            false => vec![&raw[0]],
        };
        let x =
            if all.len() > 1 { to.node_with("Concat", all, &[("axis", 1)]) } else { all[0].into() };
        let (z, missing) = scaled(to, &x, &numbers);
        blocks.push(z);
        if columns.inputs.iter().any(|c| is_number(&c.kind) && c.kind.width() == 2) {
            blocks.push(to.node_with("Cast", [&*missing], &[("to", kind::FLOAT.into())]));
        }
    }
    let indicators = blocks.len() == 2;
    // The place of each of the network's inputs among the blocks.
    let mut place = numbers.len() * if indicators { 2 } else { 1 };
    let (mut places, mut number) = (Vec::new(), 0);
    for (i, column) in columns.inputs.iter().enumerate() {
        if is_number(&column.kind) {
            places.push(number);
            if column.kind.width() == 2 {
                places.push(numbers.len() + number);
            }
            number += 1;
        } else {
            blocks.extend(category(to, &raw[i], &column.kind, &columns.missing_words()));
            places.extend(place..place + column.kind.width());
            place += column.kind.width();
        }
    }
    let all = match &blocks[..] {
        [one] => one.clone(),
        all => to.node_with("Concat", all.iter().map(String::as_str), &[("axis", 1)]),
    };
    if places.iter().copied().eq(0..place) {
        return all;
    }
    let places: Vec<i64> = places.into_iter().map(|p| p as i64).collect();
    let places = to.ints("places", &places);
    to.node_with("Gather", [&*all, &places], &[("axis", 1)])
}

/// Standardised numbers, the missing ones filled; and which were missing.
fn scaled(to: &mut Builder, x: &str, columns: &[&ColumnKind]) -> (String, String) {
    let (mut fills, mut centres, mut scales, mut bends) = (vec![], vec![], vec![], vec![]);
    for column in columns {
        if let ColumnKind::Number { centre, scale, bend, fill, .. } = column {
            fills.push(*fill as f32);
            centres.push(*centre as f32);
            scales.push(*scale as f32);
            bends.push(*bend);
        }
    }
    let nan = to.node("IsNaN", [x]);
    let infinite = to.node("IsInf", [x]);
    let missing = to.node("Or", [&*nan, &infinite]);
    let width = [columns.len()];
    let fill = to.floats("fill", &width, &fills);
    let x = to.node("Where", [&*missing, &fill, x]);
    let centre = to.floats("centre", &width, &centres);
    let scale = to.floats("scale", &width, &scales);
    let centred = to.node("Sub", [&*x, &centre]);
    let z = to.node("Div", [&*centred, &scale]);
    if !bends.contains(&true) {
        return (z, missing);
    }
    // z / √(1 + (z/3)²)
    let three = to.floats("three", &[], &[3.0]);
    let one = to.floats("one", &[], &[1.0]);
    let third = to.node("Div", [&*z, &three]);
    let square = to.node("Mul", [&*third, &third]);
    let sum = to.node("Add", [&*one, &square]);
    let root = to.node("Sqrt", [&*sum]);
    let bent = to.node("Div", [&*z, &root]);
    let which = to.truths("bend", &bends);
    (to.node("Where", [&*which, &bent, &z]), missing)
}

/// A column of words as inputs.
fn category(to: &mut Builder, word: &str, kind: &ColumnKind, nothing: &[String]) -> Vec<String> {
    let is_one_of = |to: &mut Builder, values: &[String]| {
        let values = to.words("values", values);
        let same = to.node("Equal", [word, &values]);
        to.node_with("Cast", [&*same], &[("to", kind::FLOAT.into())])
    };
    let any = |to: &mut Builder, each: &str| {
        let axis = to.ints("axis", &[1]);
        to.node_with("ReduceSum", [each, &axis], &[("keepdims", 1)])
    };
    match kind {
        ColumnKind::Number { .. } => Vec::new(),
        ColumnKind::Two { values } => {
            let no = is_one_of(to, &values[..1]);
            let yes = is_one_of(to, &values[1..]);
            vec![to.node("Sub", [&*yes, &no])]
        }
        ColumnKind::Category { values, rare, missing } => {
            let mut inputs = Vec::new();
            // A tensor must not be empty.
            let known = (!values.is_empty()).then(|| is_one_of(to, values));
            inputs.extend(known.clone());
            if !rare && !missing {
                return inputs;
            }
            let nothing = is_one_of(to, nothing);
            let nothing = any(to, &nothing);
            if *rare {
                let one = to.floats("one", &[], &[1.0]);
                let mut rest = to.node("Sub", [&*one, &nothing]);
                if let Some(known) = known {
                    let known = any(to, &known);
                    rest = to.node("Sub", [&*rest, &known]);
                }
                inputs.push(rest);
            }
            if *missing {
                inputs.push(nothing);
            }
            inputs
        }
    }
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
