//! Writes a Python program that builds a model's network in PyTorch and checks itself.

use std::fmt::Write;

use crate::{
    Activation, Layer, Loss, Model, Result, Task,
    data::table::{ColumnKind, Columns},
    formats::probe::{Probe, Raw},
};

/// Writes the program. It reads the parameters from a file beside it, with its own name and the
/// ending `.pt`: see [`state_dict`](super::state_dict()).
///
/// # Errors
/// A table's numbers need double precision; otherwise none for a model that [`Model::new`] has
/// accepted.
pub fn script(model: &Model) -> Result<String> {
    let meaning = model.meaning();
    meaning.columns.as_ref().map_or(Ok(()), |columns| columns.check_single())?;
    let probe = Probe::of(model)?;
    let mut text = String::new();
    let network = model.network();
    let takes = match (&meaning.columns, meaning.bytes) {
        (Some(_), _) => "rows of the table: lists in the order of COLUMNS, or dictionaries".into(),
        (_, true) => format!("{} values from 0 to 255 a row", network.inputs()),
        _ => format!("{} numbers a row", network.inputs()),
    };
    let gives = match (meaning.task, network.outputs()) {
        (Task::Number, _) => "the numbers, one row a sample",
        (Task::Binary, 1) => "the probability of NAMES[1], one row a sample",
        (Task::Binary, _) => "the probability of yes to each question of NAMES, one row a sample",
        (Task::Classes, _) => "the probability of each class of NAMES, one row a sample",
    };
    let version = env!("CARGO_PKG_VERSION");
    let _ = write!(
        text,
        r#""""A trained network, {network}, written by reshet {version}. Needs PyTorch 2 or newer.

Run as a program, it compares the network with answers that are stored below. From Python:
predict(rows) takes {takes}, and gives {gives}.
"""

import math
import sys
from pathlib import Path

import torch
from torch import nn

NAMES = {names}

network = nn.Sequential(
{layers})
network.load_state_dict(torch.load(Path(__file__).with_suffix(".pt"), weights_only=True))
network.eval()
"#,
        names = json(&meaning.names),
        layers = network.layers().iter().map(layer).collect::<String>(),
    );
    text += "\n\n";
    match &meaning.columns {
        Some(columns) => table(&mut text, columns),
        None => {
            let scale = if meaning.bytes { " / 255" } else { "" };
            let _ = write!(
                text,
                "def prepare(rows):\n    \"\"\"The network's inputs.\"\"\"\n    \
                 rows = torch.as_tensor(rows, dtype=torch.float32)\n    \
                 return rows.reshape(len(rows), -1){scale}\n"
            );
        }
    }
    let _ = write!(
        text,
        "\n\n@torch.no_grad()\ndef predict(rows):\n    \"\"\"The network's answers: see above.\"\"\"\n    \
         y = network(prepare(rows))\n    return {}\n",
        answer(model)
    );
    check(&mut text, model, &probe);
    Ok(text)
}

fn layer(layer: &Layer) -> String {
    let module = match layer {
        Layer::Linear(inputs, outputs) => format!("Linear({inputs}, {outputs})"),
        Layer::Activation(Activation::Softmax) => "Softmax(dim=1)".into(),
        Layer::Activation(Activation::LeakyReLU(slope)) => format!("LeakyReLU({slope:?})"),
        Layer::Activation(Activation::ELU(alpha)) => format!("ELU({alpha:?})"),
        Layer::Activation(activation) => format!("{activation:?}()"),
        Layer::Dropout(p) => format!("Dropout({p:?})"),
    };
    format!("    nn.{module},\n")
}

/// Converts the network's output y to the answer.
fn answer(model: &Model) -> String {
    let units = &model.meaning().units;
    match (model.loss(), model.network().output_activation()) {
        (Loss::BCELoss, Activation::Tanh) => "(1 + y) / 2".into(),
        (Loss::BCEWithLogitsLoss, _) => "torch.sigmoid(y)".into(),
        (Loss::CrossEntropyLoss { .. }, Activation::Identity) => "torch.softmax(y, dim=1)".into(),
        _ if !units.is_empty() => {
            let list = |f: fn(&crate::data::table::Unit) -> f32| {
                floats(&units.iter().map(f).collect::<Vec<_>>())
            };
            let (centre, scale) = (list(|u| u.centre), list(|u| u.scale));
            format!("torch.tensor({centre}) + torch.tensor({scale}) * y")
        }
        _ => "y".into(),
    }
}

/// Encodes a table's row, as in training.
fn table(text: &mut String, columns: &Columns) {
    let truth = |t: bool| if t { "True" } else { "False" };
    *text += "# Name, kind, and encoding of each column.\nCOLUMNS = [\n";
    for column in &columns.inputs {
        let (name, about) = (
            json(&column.name),
            match &column.kind {
                ColumnKind::Number {
                    centre, scale, bend, fill, indicator, missing, knots, ..
                } => {
                    format!(
                        "\"number\", dict(centre={centre:?}, scale={scale:?}, bend={}, fill={fill:?}, \
                         indicator={}, missing={}, knots={knots:?})",
                        truth(*bend),
                        truth(*indicator),
                        json(missing)
                    )
                }
                ColumnKind::Two { values } => format!("\"two\", dict(values={})", json(values)),
                ColumnKind::Category { values, rare, missing } => format!(
                    "\"category\", dict(values={}, rare={}, missing={})",
                    json(values),
                    truth(*rare),
                    truth(*missing)
                ),
            },
        );
        let _ = writeln!(text, "    ({name}, {about}),");
    }
    let _ = write!(
        text,
        "]\n# Words for a missing value, besides None and NaN.\nMISSING = {}\n",
        json(&columns.missing_words())
    );
    *text += r#"

def is_missing(cell):
    return cell is None or cell in MISSING or (isinstance(cell, float) and math.isnan(cell))


def number(cells, centre, scale, bend, fill, indicator, missing, knots):
    """Standardised, outliers bent inwards; the share of each piece that lies below; 1 for missing values."""
    known = [not (is_missing(c) or c in missing) and math.isfinite(float(c)) for c in cells]
    x = torch.tensor([float(c) if k else fill for c, k in zip(cells, known)])
    z = (x - centre) / scale
    inputs = [z / torch.sqrt(1 + (z / 3) ** 2) if bend else z]
    inputs += [((z - a) / (b - a)).clamp(0, 1) for a, b in zip(knots, knots[1:])]
    if indicator:
        inputs.append(1 - torch.tensor(known, dtype=torch.float32))
    return inputs


def two(cells, values):
    """-1 or 1; 0 for anything else."""
    return [torch.tensor([float(c == values[1]) - float(c == values[0]) for c in cells])]


def category(cells, values, rare, missing):
    """One input per value; one for rare values and one for missing ones, if there were any."""
    inputs = [torch.tensor([float(c == v) for c in cells]) for v in values]
    nothing = [is_missing(c) for c in cells]
    if rare:
        inputs.append(torch.tensor([float(not n and c not in values) for c, n in zip(cells, nothing)]))
    if missing:
        inputs.append(torch.tensor(nothing, dtype=torch.float32))
    return inputs


def prepare(rows):
    """The network's inputs."""
    inputs = []
    for i, (name, kind, about) in enumerate(COLUMNS):
        cells = [row[name] if isinstance(row, dict) else row[i] for row in rows]
        inputs += {"number": number, "two": two, "category": category}[kind](cells, **about)
    return torch.stack(inputs, dim=1)
"#;
}

/// The stored answers, and the comparison with them.
fn check(text: &mut String, model: &Model, probe: &Probe) {
    *text += "\n\n";
    if model.meaning().columns.is_some() {
        *text += "# Rows to check the network on.\nROWS = [\n";
        for row in &probe.rows {
            let cells: Vec<String> = row
                .iter()
                .map(|cell| match cell {
                    Raw::Number(x) => format!("{x:?}"),
                    Raw::Word(word) => json(word),
                    Raw::Missing => "None".into(),
                })
                .collect();
            let _ = writeln!(text, "    [{}],", cells.join(", "));
        }
        *text += "]\n";
    } else {
        let value = match model.meaning().bytes {
            true => "math.floor(256 * strength * spread)",
            false => "2 * strength * (2 * spread - 1)",
        };
        let _ = write!(
            text,
            "# Rows to check the network on: weak and strong ones.\nROWS = []\n\
             for n in range({}):\n    strength = [1.0, 0.25, 0.05, 0.0][n % 4]\n    \
             spreads = [(0.5 + n * 0.61803398875 + i * 0.75487766625) % 1 for i in range({})]\n    \
             ROWS.append([{value} for spread in spreads])\n",
            probe.rows.len(),
            model.network().inputs()
        );
    }
    *text += "\n# reshet's answers to them.\nANSWERS = [\n";
    for row in probe.answers.chunks_exact(model.network().outputs()) {
        let _ = writeln!(text, "    {},", floats(row));
    }
    *text += r#"]

if __name__ == "__main__":
    answers = torch.tensor(ANSWERS)
    difference = (predict(ROWS) - answers).abs().max().item()
    print(f"{len(ROWS)} samples, largest difference {difference:.1e}")
    # Of large numbers, float32 holds seven digits.
    sys.exit(not difference <= 1e-5 * max(1.0, answers.abs().max().item()))
"#;
}

fn floats(row: &[f32]) -> String {
    let all: Vec<String> = row.iter().map(|x| format!("{x:?}")).collect();
    format!("[{}]", all.join(", "))
}

/// Strings of JSON and lists of them are also valid Python.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
