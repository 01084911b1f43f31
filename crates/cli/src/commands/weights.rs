//! `reshet info MODEL --weights`: the parameters, and of one dense layer the formula in the data's
//! own units.

use reshet::{
    Activation, Layer, Model, Plan, Result, Task, data::table::ColumnKind, plan, visible,
};
use serde_json::{Map, Value, json};

/// Formulas of more terms are no help to anybody.
const MOST_TERMS: usize = 50;

/// A parameter: its name, its shape, its numbers.
struct Parameter<'a> {
    name: String,
    shape: Vec<usize>,
    numbers: &'a [f32],
}

fn parameters(model: &Model) -> Result<Vec<Parameter<'_>>> {
    let named = Plan::new(model.network(), model.loss().clone())?.named_parameters();
    let with_numbers = |p: plan::Parameter| {
        let numbers = model.parameters().get(p.range.clone()).unwrap_or_default();
        Parameter { name: p.name, shape: p.shape, numbers }
    };
    Ok(named.into_iter().map(with_numbers).collect())
}

/// All parameters, a row of weights a line, and the formula if there is one.
pub fn text(model: &Model) -> Result<String> {
    let mut text = String::new();
    for Parameter { name, shape, numbers } in parameters(model)? {
        text += &format!("{name} {shape:?}\n");
        let width = shape.last().copied().unwrap_or(1).max(1);
        for row in numbers.chunks(width) {
            let row: Vec<String> = row.iter().map(f32::to_string).collect();
            text += &format!("  {}\n", row.join(" "));
        }
    }
    for formula in formulas(model) {
        text += &format!("{formula}\n");
    }
    Ok(text.trim_end().to_string())
}

/// Adds the parameters by their names, matrices row by row, and the formulas.
pub fn add(model: &Model, json: &mut Value) -> Result<()> {
    let mut all = Map::new();
    for Parameter { name, shape, numbers } in parameters(model)? {
        let value = match shape[..] {
            [_, width] if width > 0 => json!(numbers.chunks(width).collect::<Vec<_>>()),
            _ => json!(numbers),
        };
        all.insert(name, value);
    }
    json["weights"] = all.into();
    json["formulas"] = json!(formulas(model));
    Ok(())
}

/// Of one dense layer: `price = 0.0256·area + 0.23`, one an output; else none.
fn formulas(model: &Model) -> Vec<String> {
    let network = model.network();
    let linears = network.layers().iter().filter(|l| matches!(l, Layer::Linear(..))).count();
    let end = network.output_activation();
    let known = matches!(end, Activation::Identity | Activation::Sigmoid | Activation::Softmax);
    let Some(inputs) = inputs(model).filter(|inputs| inputs.len() <= MOST_TERMS) else {
        return Vec::new();
    };
    let activations = network.layers().iter().filter(|l| matches!(l, Layer::Activation(_))).count();
    let only_at_end = activations <= usize::from(end != Activation::Identity);
    let amounts = model.task() != Task::Number || end == Activation::Identity;
    if linears != 1 || !known || !only_at_end || !amounts {
        return Vec::new();
    }
    let (width, outputs) = (network.inputs(), network.outputs());
    let (weights, biases) = model.parameters().split_at(width * outputs);
    (0..outputs)
        .map(|o| formula(model, o, &inputs, &weights[o * width..][..width], biases[o]))
        .collect()
}

/// What an input is in the data's own units: (x − centre) / scale.
struct Input {
    name: String,
    centre: f64,
    scale: f64,
}

/// None if an input is no straight line of what stands in the data.
fn inputs(model: &Model) -> Option<Vec<Input>> {
    let plain = |name: String| Input { name, centre: 0.0, scale: 1.0 };
    let meaning = model.meaning();
    let Some(columns) = &meaning.columns else {
        let scale = if meaning.bytes { 255.0 } else { 1.0 };
        let input = |i| Input { scale, ..plain(format!("x{i}")) };
        return Some((0..model.network().inputs()).map(input).collect());
    };
    let mut names = columns.input_names().into_iter();
    let mut inputs = Vec::new();
    for column in &columns.inputs {
        let own: Vec<String> = names.by_ref().take(column.kind.width()).collect();
        match &column.kind {
            ColumnKind::Number { bend: true, .. } => return None,
            ColumnKind::Number { knots, .. } if !knots.is_empty() => return None,
            ColumnKind::Number { centre, scale, .. } => {
                let mut own = own.into_iter();
                let name = visible(&own.next()?).into_owned();
                inputs.push(Input { name, centre: *centre, scale: *scale });
                inputs.extend(own.map(|name| plain(bracketed(&name))));
            }
            // −1 and 1 are 2·[it is so] − 1.
            ColumnKind::Two { .. } => {
                let name = bracketed(&own.concat());
                inputs.push(Input { name, centre: 0.5, scale: 0.5 });
            }
            ColumnKind::Category { .. } => {
                inputs.extend(own.iter().map(|name| plain(bracketed(name))));
            }
        }
    }
    Some(inputs)
}

/// 1 if it is so, 0 if not.
fn bracketed(name: &str) -> String {
    format!("[{}]", visible(name))
}

fn formula(model: &Model, output: usize, inputs: &[Input], weights: &[f32], bias: f32) -> String {
    let meaning = model.meaning();
    let (centre, unit) = match meaning.units.get(output) {
        Some(unit) => (f64::from(unit.centre), f64::from(unit.scale)),
        None => (0.0, 1.0),
    };
    let mut constant = centre + unit * f64::from(bias);
    let mut text = String::new();
    for (input, weight) in inputs.iter().zip(weights) {
        let slope = unit * f64::from(*weight) / input.scale;
        constant -= slope * input.centre;
        if slope != 0.0 {
            text += &format!("{}{}·{}", sign(&text, slope), short(slope.abs()), input.name);
        }
    }
    if constant != 0.0 || text.is_empty() {
        text += &format!("{}{}", sign(&text, constant), short(constant.abs()));
    }
    format!("{} = {text}", left_side(model, output))
}

/// Before a term, which may be the first.
fn sign(text: &str, value: f64) -> &'static str {
    match (text.is_empty(), value < 0.0) {
        (true, true) => "−",
        (true, false) => "",
        (false, true) => " − ",
        (false, false) => " + ",
    }
}

fn left_side(model: &Model, output: usize) -> String {
    let meaning = model.meaning();
    let name = |names: &[String], i: usize| names.get(i).map(|n| visible(n).into_owned());
    match meaning.task {
        Task::Number => {
            let targets = meaning.columns.as_ref().map(|columns| &columns.targets[..]);
            name(targets.unwrap_or_default(), output).unwrap_or_else(|| match output {
                0 if model.network().outputs() == 1 => "y".into(),
                _ => format!("y{output}"),
            })
        }
        Task::Binary => {
            let yes = if model.network().outputs() == 1 { 1 } else { output };
            let yes = name(&meaning.names, yes).unwrap_or_default();
            format!("ln(p / (1 − p)) of {yes}")
        }
        Task::Classes => {
            format!("score of {}", name(&meaning.names, output).unwrap_or_default())
        }
    }
}

/// Five significant digits.
fn short(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    let magnitude = x.abs().log10().floor() as i32;
    if !(-6..=9).contains(&magnitude) {
        return format!("{x:.4e}");
    }
    let digits = usize::try_from(4 - magnitude).unwrap_or(0);
    let text = format!("{x:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_five_digits() {
        for (x, text) in [
            (0.025_641_3, "0.025641"),
            (0.23, "0.23"),
            (12345.678, "12346"),
            (3.0, "3"),
            (100.5, "100.5"),
            (0.0, "0"),
            (1.5e-9, "1.5000e-9"),
            (1_234_567.0, "1234567"),
        ] {
            assert_eq!(short(x), text);
        }
    }
}
