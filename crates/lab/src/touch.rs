//! A network with some of its numbers changed: what it says then, and how right it is.

use reshet::{Error, Model, Result};
use serde::Deserialize;

use crate::{
    answers::{Neuron, Test, Touched},
    ask,
    lesson::part,
    run::Run,
};

/// Multiplications of one test, about: it is done again with each move of a slider.
const WORK: usize = 1_000_000_000;
/// Samples of a test, at least.
const LEAST: usize = 100;
/// Numbers that can be changed at once.
const MOST_CHANGES: usize = 1000;

/// What is changed, and what is asked about the network then.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Touch {
    #[serde(default)]
    changes: Vec<Tweak>,
    /// `train` or `test`; None: what the run has for a test.
    part: Option<String>,
    #[serde(default)]
    row: u32,
    neuron: Option<Place>,
}

/// Another value for one parameter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tweak {
    tensor: String,
    index: Vec<usize>,
    value: f32,
}

/// A neuron: of which Linear layer, and which, from 0.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    layer: usize,
    neuron: usize,
}

/// The network as it is with the changes.
///
/// # Errors
/// There is no such parameter, neuron or sample; a value is not finite.
pub fn touched(run: &Run, step: usize, model: &Model, asked: &Touch) -> Result<Touched> {
    let changed = changed(run, model, &asked.changes)?;
    let part_asked = asked.part.as_deref().unwrap_or(ask::usual_part(run));
    let told = ask::trace_row(run, step, &changed, part_asked, asked.row)?;
    let one = ask::part_of(run, part_asked)?.select(&[asked.row]);
    let loss = changed.test(&one)?.loss;
    let test = match run.lesson.as_ref().and_then(|lesson| lesson.test.as_ref()) {
        Some(test) => {
            let most = (WORK / changed.parameters().len().max(1)).max(LEAST);
            let device = reshet::Device::cpu().threads(1);
            Some(Test::of(step, &changed.test_on(&part(test, most), device)?))
        }
        None => None,
    };
    let neuron = asked.neuron.map(|place| neuron(run, &changed, place, &told.input)).transpose()?;
    Ok(Touched { trace: told, loss, test, neuron })
}

fn changed(run: &Run, model: &Model, changes: &[Tweak]) -> Result<Model> {
    if changes.len() > MOST_CHANGES {
        return Err(Error::Invalid(format!("changes: at most {MOST_CHANGES} at once")));
    }
    if changes.is_empty() {
        return Ok(model.clone());
    }
    let mut parameters = model.parameters().to_vec();
    for Tweak { tensor, index, value } in changes {
        let place = run.tensor(tensor).map_err(Error::Invalid)?;
        let outside = || {
            let shape = &place.shape;
            Error::Invalid(format!("{tensor}{index:?}: there is none; its shape is {shape:?}"))
        };
        if index.len() != place.shape.len() || index.iter().zip(&place.shape).any(|(i, n)| i >= n) {
            return Err(outside());
        }
        if !value.is_finite() {
            return Err(Error::Invalid(format!("{tensor}{index:?}: a number, not {value}")));
        }
        let at = index.iter().zip(&place.shape).fold(0, |at, (i, n)| at * n + i);
        parameters[place.range.start + at] = *value;
    }
    run.model_with(parameters)
}

/// A neuron on the sample: what comes in, with which weights, and what comes of it.
fn neuron(run: &Run, model: &Model, place: Place, input: &[f32]) -> Result<Neuron> {
    let Place { layer, neuron } = place;
    let trace = reshet::explain::Trace::new(model, input)?;
    let named = run.named();
    let tensors: Vec<_> = named.chunks(2).collect();
    let (Some([weight, bias]), Some(sum)) =
        (tensors.get(layer), trace.sums.get(layer).and_then(|sums| sums.get(neuron)))
    else {
        return Err(Error::Invalid(format!("layer {layer} has no neuron {neuron}")));
    };
    let inputs = match layer.checked_sub(1) {
        Some(before) => trace.layers[before].clone(),
        None => input.to_vec(),
    };
    let of_layer = &model.parameters()[weight.range.clone()];
    let weights = of_layer[neuron * inputs.len()..][..inputs.len()].to_vec();
    let (_, activation) = ask::linear(model).swap_remove(layer);
    Ok(Neuron {
        layer,
        neuron,
        weight_name: weight.name.clone(),
        bias_name: bias.name.clone(),
        activation,
        bias: model.parameters()[bias.range.start + neuron],
        sum: *sum,
        output: trace.layers[layer][neuron],
        largest: of_layer.iter().fold(0.0, |most, w| most.max(w.abs())),
        inputs,
        weights,
    })
}
