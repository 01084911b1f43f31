//! Writes a model as one file of Rust that needs only `core`.
//!
//! No dependency, no allocation, no `unsafe`; it is a module of any edition, also under
//! `#![no_std]`. The sums are as in [`c`](super::c).

use super::{
    Input, Operation, OutputMeaning, Program, Weights,
    functions::called,
    layout::{FEW, by_input, padded},
    names::{fields, numbers, rust_doc, rust_string},
};
use crate::{
    Activation, Result,
    data::table::{ColumnKind, Columns, Unit},
    error::Error,
    formats::probe::Raw,
};

/// Writes the file.
///
/// # Errors
/// The program has weights of eight bits, which only C supports.
pub fn write(program: &Program) -> Result<String> {
    let (mut constants, mut run) = (String::new(), String::new());
    let (mut row, mut outputs, mut width) = ("*input".to_string(), program.inputs, program.inputs);
    for (i, operation) in program.operations.iter().enumerate() {
        run += &match operation {
            Operation::Dense { inputs, outputs: n, weights, biases, activation } => {
                let Weights::F32(weights) = weights else {
                    return Err(Error::invalid("weights of 8 bits are written as C only"));
                };
                let (from, kind) =
                    (row.trim_start_matches('*'), if *n < FEW { "narrow" } else { "wide" });
                constants += &dense(i, *inputs, *n, weights, biases);
                let from = format!("{}{from}", if row.starts_with('*') { "" } else { "&" });
                let call = format!("{kind}({from}, &WEIGHTS{i}, &BIASES{i})");
                (row, outputs, width) = (format!("h{i}"), *n, padded(*n));
                let mutable = if *activation == Activation::Identity { "" } else { "mut " };
                format!("    let {mutable}h{i} = {call};\n{}", apply(*activation, &row, outputs))
            }
            Operation::Activation(activation) => {
                let own = format!("    let mut y{i} = {row};\n");
                row = format!("y{i}");
                own + &apply(*activation, &row, outputs)
            }
            Operation::Units(units) => {
                let unit = |(k, Unit { centre, scale }): (usize, &Unit)| {
                    format!("{centre:?} + {scale:?} * {row}[{k}]")
                };
                let units: Vec<String> = units.iter().enumerate().map(unit).collect();
                (row, width) = (format!("y{i}"), outputs);
                format!("    let {row} = [\n{}    ];\n", numbers(&units, String::clone))
            }
        };
    }
    let given = if width != outputs {
        format!(
            "    let mut output = [0.0; OUTPUTS];\n    output.copy_from_slice(&{row}[..OUTPUTS]);\n    output\n"
        )
    } else {
        format!("    {row}\n")
    };
    let predict = format!(
        "/// {}\n/// `input`: {}.\npub fn predict(input: &[f32; INPUTS]) -> [f32; OUTPUTS] {{\n{run}{given}}}\n\n",
        program.output_meaning.outputs_are("`LABELS[1]`"),
        match program.input {
            Input::Numbers => "the network's numbers",
            Input::Bytes => "bytes / 255",
            Input::Columns(_) => "the numbers that [`encode`] makes",
        },
    );
    let raw = match &program.input {
        Input::Numbers => String::new(),
        Input::Bytes => BYTES.into(),
        Input::Columns(columns) => table(columns),
    };
    let best = match program.output_meaning {
        OutputMeaning::YesNo(_) => YES_NO,
        OutputMeaning::Classes(_) => BEST,
        _ => "",
    };
    let labels: Vec<String> =
        program.output_meaning.labels().iter().map(|name| rust_string(name)).collect();
    let (n, labels) = (labels.len(), numbers(&labels, String::clone));
    let labels = format!(
        "/// {}\npub static LABELS: [&str; {n}] = [\n{labels}];\n\n",
        program.output_meaning.labels_are()
    );
    let functions = called(include_str!("functions.rs.txt"), "", &format!("{predict}{raw}"));
    let nothing = if functions.contains("NOTHING") {
        let words: Vec<String> =
            program.missing_words().iter().map(|word| rust_string(word)).collect();
        let n = words.len();
        format!(
            "/// Words that mean a missing value.\nstatic NOTHING: [&str; {n}] = [\n{}];\n\n",
            numbers(&words, String::clone)
        )
    } else {
        String::new()
    };
    let about: String =
        program.about.iter().map(|line| format!("//! {}\n", rust_doc(line))).collect();
    let head = HEAD
        .replace("%ABOUT%\n", &about)
        .replace("%VERSION%", env!("CARGO_PKG_VERSION"))
        .replace("%INPUTS%", &program.inputs.to_string())
        .replace("%OUTPUTS%", &program.outputs.to_string());
    let test = test(program);
    Ok([head, labels, raw, predict, best.into(), functions, nothing, constants, test].concat())
}

const HEAD: &str = "\
//! A trained network. Written by reshet %VERSION%.
//!
%ABOUT%
//!
//! It needs only `core` and allocates nothing: as a module of a crate it works under
//! `#![no_std]`. It checks itself: `rustc -O --test FILE.rs`, and run the program.

#![allow(dead_code)] // Some functions may be unused.
#![allow(clippy::approx_constant, clippy::excessive_precision)] // Weights are what they are.
// Several arrays are read at the same place; one value after the other is given a name.
#![allow(clippy::needless_range_loop, clippy::single_match, clippy::let_and_return)]

/// Numbers that the network takes.
pub const INPUTS: usize = %INPUTS%;
/// Numbers that it gives.
pub const OUTPUTS: usize = %OUTPUTS%;

";

const BYTES: &str = "\
/// [`predict`] for bytes, which stand for x / 255: pixels, plane by plane and row by row.
pub fn predict_bytes(bytes: &[u8; INPUTS]) -> [f32; OUTPUTS] {
    let mut input = [0.0; INPUTS];
    for i in 0..INPUTS {
        input[i] = bytes[i] as f32 / 255.0;
    }
    predict(&input)
}

";

const YES_NO: &str = "\
/// The more probable answer, as a place in [`LABELS`].
pub fn label(output: &[f32; OUTPUTS]) -> usize {
    (output[0] > 0.5) as usize
}

";

const BEST: &str = "\
/// The most probable class, as a place in [`LABELS`].
pub fn label(output: &[f32; OUTPUTS]) -> usize {
    let mut best = 0;
    for i in 1..OUTPUTS {
        if output[i] > output[best] {
            best = i;
        }
    }
    best
}

";

/// y ← f(y)
fn apply(activation: Activation, row: &str, outputs: usize) -> String {
    let f = match activation {
        Activation::Identity => return String::new(),
        Activation::Softmax => return format!("    softmax(&mut {row}[..{outputs}]);\n"),
        Activation::ReLU => "relu(*y)".into(),
        Activation::LeakyReLU(slope) => format!("leaky_relu(*y, {slope:?})"),
        Activation::Sigmoid => "sigmoid(*y)".into(),
        Activation::Tanh => "tanh(*y)".into(),
        Activation::GELU => "gelu(*y)".into(),
        Activation::SiLU => "silu(*y)".into(),
        Activation::ELU(alpha) => format!("elu(*y, {alpha:?})"),
    };
    format!("    for y in {row}.iter_mut() {{\n        *y = {f};\n    }}\n")
}

/// A layer's constants.
fn dense(i: usize, inputs: usize, outputs: usize, weights: &[f32], biases: &[f32]) -> String {
    let float = |x: &f32| format!("{x:?}");
    let width = padded(outputs);
    let (weights, [rows, columns]) = match outputs < FEW {
        true => (weights.to_vec(), [outputs, inputs]),
        false => (by_input(weights, inputs, outputs), [inputs, width]),
    };
    let row = |row: &[f32]| format!("    [\n{}    ],\n", numbers(row, float));
    let weights: String = weights.chunks_exact(columns).map(row).collect();
    let mut all = biases.to_vec();
    all.resize(width, 0.0);
    format!(
        "#[rustfmt::skip]\nstatic WEIGHTS{i}: [[f32; {columns}]; {rows}] = [\n{weights}];\n\
         #[rustfmt::skip]\nstatic BIASES{i}: [f32; {width}] = [\n{}];\n\n",
        numbers(&all, float)
    )
}

/// Writes a table's row, its encoding, and its prediction.
fn table(columns: &Columns) -> String {
    let fields = fields(columns.inputs.iter().map(|column| &*column.name));
    let (mut members, mut encode) = (String::new(), String::new());
    let mut at = 0;
    let is_number = |kind: &ColumnKind| matches!(kind, ColumnKind::Number { .. });
    let words = |values: &[String]| {
        let values: Vec<String> = values.iter().map(|value| rust_string(value)).collect();
        format!("&[\n{}    ]", numbers(&values, String::clone))
    };
    for (column, field) in columns.inputs.iter().zip(&fields) {
        let what = rust_doc(&format!("{}: {}", column.name, column.kind.describe()));
        let kind = if is_number(&column.kind) { "f32" } else { "Option<&'a str>" };
        members += &format!("    /// {what}\n    pub {field}: {kind},\n");
        let end = at + column.kind.width();
        match &column.kind {
            ColumnKind::Number { centre, scale, bend, fill, indicator, knots, .. } => {
                encode += &format!(
                    "    let known = row.{field}.is_finite();\n    \
                     let z = ((if known {{ row.{field} }} else {{ {fill:?} }}) - ({centre:?})) / {scale:?};\n"
                );
                encode += &match bend {
                    true => format!("    input[{at}] = z / sqrt(1.0 + z / 3.0 * (z / 3.0));\n"),
                    false => format!("    input[{at}] = z;\n"),
                };
                if knots.len() > 1 {
                    let knots: Vec<f32> = knots.iter().map(|z| *z as f32).collect();
                    let first = at + 1;
                    encode += &format!(
                        "    for (i, ends) in [\n{}    ].windows(2).enumerate() {{\n        \
                         input[{first} + i] = piece(z, ends[0], ends[1]);\n    }}\n",
                        numbers(&knots, |z| format!("{z:?}"))
                    );
                }
                if *indicator {
                    encode += &format!("    input[{}] = (!known) as u8 as f32;\n", end - 1);
                }
            }
            ColumnKind::Two { values } => {
                encode += &format!(
                    "    input[{at}] = match find(row.{field}, {}) {{\n        Some(0) => -1.0,\n        \
                     Some(1) => 1.0,\n        _ => 0.0,\n    }};\n",
                    words(values)
                );
            }
            ColumnKind::Category { values, rare, missing } => {
                let n = values.len() + usize::from(*rare);
                if n == 0 && !missing {
                    continue;
                }
                encode += &format!("    match find(row.{field}, {}) {{\n", words(values));
                if n > 0 {
                    encode += &format!("        Some(i) if i < {n} => input[{at} + i] = 1.0,\n");
                }
                if *missing {
                    encode += &format!("        None => input[{}] = 1.0,\n", end - 1);
                }
                encode += "        _ => {}\n    }\n";
            }
        }
        at = end;
    }
    let life =
        if columns.inputs.iter().all(|c| is_number(&c.kind)) { ["", ""] } else { ["<'a>", "<'_>"] };
    format!(
        "/// A row of the table. Numbers: NaN if missing. Words: as written here; None if\n\
         /// missing.\n\
         #[derive(Clone, Copy, Debug, PartialEq)]\npub struct Row{} {{\n{members}}}\n\n\
         /// A row as the network's numbers.\n\
         pub fn encode(row: &Row{}) -> [f32; INPUTS] {{\n    let mut input = [0.0; INPUTS];\n{encode}    input\n}}\n\n\
         /// [`predict`] for a row of a table.\n\
         pub fn predict_row(row: &Row{}) -> [f32; OUTPUTS] {{\n    predict(&encode(row))\n}}\n\n",
        life[0], life[1], life[1]
    )
}

/// Writes the test vectors, and a test that checks them.
fn test(program: &Program) -> String {
    let fields = program.columns().map(|c| fields(c.inputs.iter().map(|column| &*column.name)));
    let row = |row: &Vec<Raw>| match (program.columns(), &fields) {
        (Some(columns), Some(fields)) => {
            let cells = columns.inputs.iter().zip(row).zip(fields);
            let cells = cells.map(|((column, raw), field)| match (raw, &column.kind) {
                (Raw::Word(word), _) => format!("{field}: Some({})", rust_string(word)),
                (Raw::Missing, ColumnKind::Two { .. } | ColumnKind::Category { .. }) => {
                    format!("{field}: None")
                }
                (raw, _) if raw.number().is_nan() => format!("{field}: f32::NAN"),
                (raw, _) => format!("{field}: {:?}", raw.number()),
            });
            vec![format!("Row {{ {} }}", cells.collect::<Vec<_>>().join(", "))]
        }
        _ if program.input == Input::Bytes => {
            row.iter().map(|raw| format!("{:.0}", raw.number())).collect()
        }
        _ => row.iter().map(|raw| format!("{:?}", raw.number())).collect(),
    };
    let rows: Vec<Vec<String>> = program.probe.rows.iter().map(row).collect();
    let (kind, function) = match program.input {
        Input::Numbers => ("[f32; INPUTS]", "predict"),
        Input::Bytes => ("[u8; INPUTS]", "predict_bytes"),
        Input::Columns(_) => ("Row", "predict_row"),
    };
    let is_row = program.columns().is_some();
    let each = |row: &Vec<String>| match is_row {
        true => numbers(row, String::clone),
        false => format!("    [\n{}    ],\n", numbers(row, String::clone)),
    };
    let samples: String = rows.iter().map(each).collect();
    let answers = program.probe.answers.chunks_exact(program.outputs);
    let answers: String = answers
        .map(|row| format!("    [\n{}    ],\n", numbers(row, |x| format!("{x:?}"))))
        .collect();
    TEST.replace("%KIND%", kind)
        .replace("%N%", &rows.len().to_string())
        .replace("%FUNCTION%", function)
        .replace("%SAMPLES%", &samples)
        .replace("%ANSWERS%", &answers)
}

const TEST: &str = "\
#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip]
    static SAMPLES: [%KIND%; %N%] = [
%SAMPLES%    ];
    #[rustfmt::skip]
    static ANSWERS: [[f32; OUTPUTS]; %N%] = [
%ANSWERS%    ];

    #[test]
    fn answers_are_those_of_reshet() {
        for (sample, answer) in SAMPLES.iter().zip(ANSWERS.iter()) {
            for (got, want) in %FUNCTION%(sample).iter().zip(answer.iter()) {
                let off = (got - want).abs() / want.abs().max(1.0);
                assert!(off < 1e-5, \"{} instead of {}\", got, want);
            }
        }
    }
}
";
