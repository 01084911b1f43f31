//! A table's cells, from the numbers that a network takes for them.

use reshet::{
    Dataset, Targets,
    data::table::{ColumnKind, Columns},
    loss::Target,
    metrics::argmax,
};
use serde_json::{Map, Value, json};

/// The cells that a row's inputs came from; of rare and missing ones nothing is left.
pub fn cells(columns: &Columns, inputs: &[f32]) -> Map<String, Value> {
    let mut rest = inputs;
    let mut cell = |kind: &ColumnKind| {
        let (these, others) = rest.split_at(kind.width().min(rest.len()));
        rest = others;
        match kind {
            ColumnKind::Number { indicator: true, .. } if these.last() == Some(&1.0) => Value::Null,
            ColumnKind::Number { centre, scale, double, bend, .. } => {
                let z = these.first().copied().unwrap_or(0.0);
                let z = if *bend { z / (1.0 - (z / 3.0) * (z / 3.0)).max(1e-6).sqrt() } else { z };
                // Through standardising and back: six digits are what is left of f32.
                let x = f64::from(z) * scale + centre;
                // What is left of 0 itself is less than those digits of the column's own numbers.
                let x = if x.abs() < 2e-6 * scale.max(centre.abs()) { 0.0 } else { x };
                let digits = if *double { (x / scale).abs().log10().max(0.0) as usize } else { 0 };
                let x = format!("{x:.0$e}", 5 + digits).parse::<f64>();
                json!(x.unwrap_or(f64::NAN))
            }
            ColumnKind::Two { values: [no, yes] } => match these.first() {
                Some(x) if *x > 0.5 => json!(yes),
                Some(x) if *x < -0.5 => json!(no),
                _ => Value::Null,
            },
            ColumnKind::Category { values, .. } => {
                let at = these.iter().position(|x| *x == 1.0);
                json!(at.and_then(|at| values.get(at)))
            }
        }
    };
    columns.inputs.iter().map(|column| (column.name.clone(), cell(&column.kind))).collect()
}

/// The first rows of a table, as they were read: the inputs' cells, then what is asked.
pub fn rows(data: &Dataset, count: usize) -> Vec<Map<String, Value>> {
    let Some(columns) = data.features().columns() else { return Vec::new() };
    let row = |row: usize| {
        let mut input = vec![0.0; data.width()];
        data.features().read(row, &mut input);
        let mut cells = cells(columns, &input);
        if let [target] = &columns.targets[..] {
            cells.insert(target.clone(), target_cell(data.targets(), row));
        }
        cells
    };
    (0..data.len().min(count)).map(row).collect()
}

fn target_cell(targets: &Targets, row: usize) -> Value {
    match (targets.row(row), targets.names()) {
        (Target::Class(class), Some(names)) => json!(names.get(class as usize)),
        (Target::Probabilities(p), Some(names)) => json!(names.get(argmax(p))),
        (Target::Values([y]), None) => json!(y),
        (Target::Values([y]), Some([no, yes])) => json!(if *y > 0.5 { yes } else { no }),
        (Target::Values([y]), Some([name])) if *y > 0.5 => json!(name),
        (Target::Values([_]), Some([name])) => json!(format!("not {name}")),
        _ => Value::Null,
    }
}
