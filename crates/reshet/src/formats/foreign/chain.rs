//! A network as other programs write it: dense layers, activations, and scalings in between,
//! which are folded into the dense layer before or after them.
//!
//! | place of y = s·x + t | folded into |
//! |---|---|
//! | after a dense layer | W ← diag(s) W, b ← s·b + t |
//! | before a dense layer | b ← b + W t, W ← W diag(s) |
//! | before the network, for pictures | the kind of input: see `pixels.rs` |
//! | after the network | the units of the numbers |
//!
//! Folding is exact except for rounding: it is computed in f64 and rounded once.

use std::rc::Rc;

use super::{affine::Affine, pixels::KnownInputs};
use crate::{Activation, Layer, Result, Sequential, data::table::Unit, error::Error};

/// A layer of another program's network, or a scaling between layers.
pub enum ForeignLayer<'a> {
    Linear(Linear<'a>),
    /// s·x + t, with s and t the same for all values, or one per value.
    Affine(Affine),
    /// yᵢ = x at the i-th place in the list; only before the first dense layer.
    #[cfg_attr(not(feature = "onnx"), expect(dead_code, reason = "only ONNX has it"))]
    Reorder(Rc<Vec<u32>>),
    Activation(Activation),
    Dropout(f32),
}

/// A dense layer whose numbers are not read yet.
pub struct Linear<'a> {
    pub inputs: usize,
    pub outputs: usize,
    /// Writes W (outputs, inputs), then b.
    pub read: Reading<'a>,
}

type Reading<'a> = Box<dyn FnOnce(&mut [f32]) -> Result<()> + 'a>;

/// Our form of a network, and what could not be part of it.
pub struct Chain {
    pub network: Sequential,
    pub parameters: Vec<f32>,
    /// Whether the inputs are bytes that stand for x / 255.
    pub bytes: bool,
    /// The scaling of the outputs, after the last layer.
    pub units: Vec<Unit>,
    /// What was assumed, a line each.
    pub said: Vec<String>,
}

/// Builds the network. `most`: the most bytes of its parameters; `inputs`: what else is known of
/// the inputs.
///
/// # Errors
/// Layers do not fit; a scaling is between two activations; there are more parameters than
/// `most`; a number is not finite.
pub fn build(chain: Vec<ForeignLayer>, most: usize, inputs: &KnownInputs) -> Result<Chain> {
    let layers: Vec<Layer> = chain.iter().filter_map(layer).collect();
    let network = Sequential::new(layers).map_err(|e| Error::data(e.to_string()))?;
    if network.parameters().checked_mul(4).is_none_or(|bytes| bytes > most) {
        return Err(Error::data(format!(
            "the network would have {} parameters, more than the file holds",
            network.parameters()
        )));
    }
    let mut parameters = Vec::with_capacity(network.parameters());
    let (mut bytes, mut said) = (false, Vec::new());
    // A scaling to fold into the next dense layer, and the last layer, if it is dense.
    let mut waiting: Option<Affine> = None;
    let mut order: Option<Rc<Vec<u32>>> = None;
    let mut last: Option<(usize, usize)> = None;
    for layer in chain {
        match layer {
            ForeignLayer::Linear(linear) => {
                let (width, outputs) = (linear.inputs, linear.outputs);
                let start = parameters.len();
                parameters.resize(start + (width + 1) * outputs, 0.0);
                let new = &mut parameters[start..];
                (linear.read)(new)?;
                let mut affine = waiting.take();
                if start == 0 {
                    let scaled = inputs.scaled(affine, width)?;
                    (bytes, affine) = (scaled.bytes, scaled.affine);
                    said.extend(scaled.said);
                }
                if let Some(affine) = affine {
                    said.extend(fold_before(&affine, width, new)?);
                }
                if let Some(order) = order.take() {
                    reorder(&order, width, new)?;
                }
                last = Some((start, outputs));
            }
            ForeignLayer::Affine(affine) => match last {
                Some((start, outputs)) => fold_after(&affine, outputs, &mut parameters[start..])?,
                None => {
                    let before = waiting.take();
                    waiting = Some(before.map_or(affine.clone(), |b| b.then(&affine)));
                }
            },
            ForeignLayer::Reorder(new) if parameters.is_empty() => {
                waiting = waiting.map(|affine| affine.reordered(&new));
                order = Some(match order {
                    Some(before) => Rc::new(new.iter().map(|i| before[*i as usize]).collect()),
                    None => new,
                });
            }
            ForeignLayer::Reorder(_) => {
                return Err(Error::data("values are reordered inside the network"));
            }
            ForeignLayer::Activation(_) | ForeignLayer::Dropout(_) => {
                last = None;
                if waiting.as_ref().is_some_and(|affine| !affine.is_identity()) {
                    return Err(Error::data(
                        "there is a scaling between two activations, with no dense layer to take it",
                    ));
                }
                waiting = None;
            }
        }
    }
    let units = match waiting.filter(|affine| !affine.is_identity()) {
        Some(affine) => units(&affine, network.outputs())?,
        None => Vec::new(),
    };
    Ok(Chain { network, parameters, bytes, units, said })
}

fn layer(layer: &ForeignLayer) -> Option<Layer> {
    match layer {
        ForeignLayer::Linear(linear) => Some(Layer::Linear(linear.inputs, linear.outputs)),
        ForeignLayer::Activation(activation) => Some((*activation).into()),
        ForeignLayer::Dropout(p) => Some(Layer::Dropout(*p)),
        ForeignLayer::Affine(_) | ForeignLayer::Reorder(_) => None,
    }
}

fn fits(affine: &Affine, width: usize) -> Result<()> {
    match affine.width() {
        Some(n) if n != width => {
            Err(Error::data(format!("a scaling of {n} values meets a layer of {width}")))
        }
        _ => Ok(()),
    }
}

fn fold_after(affine: &Affine, outputs: usize, layer: &mut [f32]) -> Result<()> {
    fits(affine, outputs)?;
    let inputs = layer.len() / outputs - 1;
    let (weights, biases) = layer.split_at_mut(inputs * outputs);
    for (o, (row, b)) in weights.chunks_exact_mut(inputs).zip(biases).enumerate() {
        let (s, t) = affine.at(o);
        if s != 1.0 {
            row.iter_mut().for_each(|w| *w = (s * f64::from(*w)) as f32);
        }
        *b = (s * f64::from(*b) + t) as f32;
    }
    Ok(())
}

/// Folds a scaling into the layer after it. Returns a warning if rounding matters: if inputs are
/// far from their centre.
fn fold_before(affine: &Affine, inputs: usize, layer: &mut [f32]) -> Result<Option<String>> {
    fits(affine, inputs)?;
    let outputs = layer.len() / (inputs + 1);
    let (weights, biases) = layer.split_at_mut(inputs * outputs);
    for (row, b) in weights.chunks_exact_mut(inputs).zip(biases) {
        let mut sum = f64::from(*b);
        for (i, w) in row.iter_mut().enumerate() {
            let (s, t) = affine.at(i);
            sum += f64::from(*w) * t;
            *w = (s * f64::from(*w)) as f32;
        }
        *b = sum as f32;
    }
    // A value x with s·x ≈ −t: s·x and t are rounded to 24 bits before they cancel.
    const FAR: f64 = 100.0;
    let far = (0..inputs).map(|i| affine.at(i).1.abs()).fold(0.0, f64::max);
    Ok((far > FAR).then(|| {
        format!(
            "an input is centred {far:.0} standard deviations away from 0; folded into the first \
             layer, that costs an accuracy of about {:.0e}",
            far * f64::from(f32::EPSILON)
        )
    }))
}

/// Reorders the weights of a layer whose inputs change their order.
fn reorder(order: &[u32], inputs: usize, layer: &mut [f32]) -> Result<()> {
    if order.len() != inputs {
        let n = order.len();
        return Err(Error::data(format!(
            "{n} values change their places before a layer of {inputs}"
        )));
    }
    let outputs = layer.len() / (inputs + 1);
    let mut row = vec![0.0; inputs];
    for weights in layer[..inputs * outputs].chunks_exact_mut(inputs) {
        order.iter().zip(&*weights).for_each(|(from, w)| row[*from as usize] = *w);
        weights.copy_from_slice(&row);
    }
    Ok(())
}

fn units(affine: &Affine, outputs: usize) -> Result<Vec<Unit>> {
    fits(affine, outputs)?;
    let unit = |o| {
        let (scale, centre) = affine.at(o);
        Unit { centre: centre as f32, scale: scale as f32 }
    };
    let units: Vec<Unit> = (0..outputs).map(unit).collect();
    match units.iter().all(|u| u.scale.is_finite() && u.scale != 0.0 && u.centre.is_finite()) {
        true => Ok(units),
        false => Err(Error::data("the scaling of the outputs is 0 or not finite")),
    }
}
