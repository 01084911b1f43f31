//! Writes the encoding of a table's columns as nodes of a graph.

use super::{graph::Builder, proto::kind};
use crate::data::table::{ColumnKind, Columns};

/// Encodes a table's columns.
pub(super) fn table(to: &mut Builder, columns: &Columns) -> String {
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
    // Blocks of inputs side by side: numbers, their pieces, their indicators, then each category.
    let mut blocks = Vec::new();
    let kinds = || columns.inputs.iter().map(|c| &c.kind);
    let pieces: usize = kinds().map(ColumnKind::pieces).sum();
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
        let Scaled { z, bent, missing } = scaled(to, &x, &numbers);
        blocks.push(bent);
        if pieces > 0 {
            blocks.push(in_pieces(to, &z, &numbers));
        }
        if kinds().any(has_indicator) {
            blocks.push(to.node_with("Cast", [&*missing], &[("to", kind::FLOAT.into())]));
        }
    }
    let indicators = if kinds().any(has_indicator) { numbers.len() } else { 0 };
    // The place of each of the network's inputs among the blocks.
    let mut place = numbers.len() + pieces + indicators;
    let (mut places, mut number, mut piece) = (Vec::new(), 0, numbers.len());
    for (i, column) in columns.inputs.iter().enumerate() {
        if is_number(&column.kind) {
            places.push(number);
            places.extend(piece..piece + column.kind.pieces());
            if has_indicator(&column.kind) {
                places.push(numbers.len() + pieces + number);
            }
            (number, piece) = (number + 1, piece + column.kind.pieces());
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

fn has_indicator(kind: &ColumnKind) -> bool {
    matches!(kind, ColumnKind::Number { indicator: true, .. })
}

/// Tensors of numbers.
struct Scaled {
    /// Standardised, the missing ones filled.
    z: String,
    /// And bent.
    bent: String,
    missing: String,
}

fn scaled(to: &mut Builder, x: &str, columns: &[&ColumnKind]) -> Scaled {
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
        return Scaled { bent: z.clone(), z, missing };
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
    let bent = to.node("Where", [&*which, &bent, &z]);
    Scaled { z, bent, missing }
}

/// The share of each piece of each number that lies below it.
fn in_pieces(to: &mut Builder, z: &str, columns: &[&ColumnKind]) -> String {
    let (mut places, mut starts, mut lengths) = (vec![], vec![], vec![]);
    for (place, column) in columns.iter().enumerate() {
        let ColumnKind::Number { knots, .. } = column else { continue };
        for ends in knots.windows(2) {
            let [from, to] = [ends[0] as f32, ends[1] as f32];
            places.push(place as i64);
            starts.push(from);
            lengths.push(to - from);
        }
    }
    let width = [places.len()];
    let places = to.ints("of", &places);
    let z = to.node_with("Gather", [z, &*places], &[("axis", 1)]);
    let start = to.floats("start", &width, &starts);
    let length = to.floats("length", &width, &lengths);
    let beyond = to.node("Sub", [&*z, &start]);
    let share = to.node("Div", [&*beyond, &length]);
    let least = to.floats("least", &[], &[0.0]);
    let most = to.floats("all", &[], &[1.0]);
    to.node("Clip", [&*share, &least, &most])
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
