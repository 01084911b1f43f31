//! Writes a model as one page that runs it in a browser: a canvas for drawn digits, a form for
//! tables, a file for pictures, else a list of numbers.
//!
//! The page interprets the program (JSON) in `f64`; the weights are base64 of
//! little-endian `f32`. It checks itself each time it is opened.

use serde_json::{Value, json};

use super::{Input, Operation, OutputMeaning, Program, Weights};
use crate::{Activation, Pictures, Result, error::Error, formats::probe::Raw};

/// Writes the page.
///
/// # Errors
/// The program has weights of eight bits, which only C supports.
pub fn write(program: &Program, title: &str) -> Result<String> {
    let mut numbers = Vec::new();
    let mut steps = Vec::new();
    for operation in &program.operations {
        steps.push(match operation {
            Operation::Dense { inputs, outputs, weights, biases, activation } => {
                let Weights::F32(weights) = weights else {
                    return Err(Error::invalid("weights of 8 bits are written as C only"));
                };
                numbers.extend(weights.iter().chain(biases).flat_map(|x| x.to_le_bytes()));
                json!({"dense": [inputs, outputs], "activation": function(*activation)})
            }
            Operation::Activation(activation) => json!({"activation": function(*activation)}),
            Operation::Units(units) => {
                let units: Vec<_> = units.iter().map(|unit| [unit.centre, unit.scale]).collect();
                json!({"units": units})
            }
        });
    }
    let (input, columns) = match &program.input {
        Input::Numbers => ("numbers", Value::Null),
        Input::Bytes => ("bytes", Value::Null),
        Input::Columns(columns) => ("columns", json!(columns.inputs)),
    };
    let shape = &program.meaning.shape;
    let picture = match (program.meaning.pictures, &shape[..], &program.input) {
        (_, _, Input::Columns(_)) => None,
        (Pictures::Digit, [1, 28, 28], Input::Bytes) => Some("digit"),
        (Pictures::AsTheyAre, [1 | 3, _, _], _) => Some("as it is"),
        _ => None,
    };
    let kind = match program.output_meaning {
        OutputMeaning::YesNo(_) => "yes or no",
        OutputMeaning::Questions(_) => "questions",
        OutputMeaning::Classes(_) => "classes",
        OutputMeaning::Numbers(_) => "numbers",
    };
    let row = |row: &Vec<Raw>| row.iter().map(raw).collect::<Vec<_>>();
    let program = json!({
        "about": program.about,
        "input": input,
        "columns": columns,
        "shape": shape,
        "picture": picture,
        "steps": steps,
        "answer": {"kind": kind, "labels": program.output_meaning.labels()},
        "rows": program.probe.rows.iter().map(row).collect::<Vec<_>>(),
        "answers": program.probe.answers.chunks_exact(program.outputs).collect::<Vec<_>>(),
    });
    let script = [
        include_str!("page/network.js"),
        include_str!("page/digit.js"),
        include_str!("page/page.js"),
    ];
    let mut page = String::new();
    // Marks are replaced only in the template, not in the inserted text.
    for piece in include_str!("page/page.html").split_inclusive('%') {
        page += &match piece {
            "TITLE%" => escaped(title),
            "VERSION%" => env!("CARGO_PKG_VERSION").into(),
            "STYLE%" => include_str!("page/page.css").into(),
            // It means the same in a string of JSON, and cannot end the script.
            "PROGRAM%" => program.to_string().replace('<', "\\u003c"),
            "WEIGHTS%" => base64(&numbers),
            "SCRIPT%" => script.join("\n"),
            text => text.trim_end_matches('%').into(),
        };
    }
    Ok(page)
}

/// A cell of a table, a byte or a number.
fn raw(raw: &Raw) -> Value {
    match raw {
        Raw::Word(word) => json!(word),
        // NaN becomes null too.
        raw => json!(raw.number()),
    }
}

/// The function's name and its parameter.
fn function(activation: Activation) -> Value {
    match activation {
        Activation::Identity => json!(["identity"]),
        Activation::ReLU => json!(["relu"]),
        Activation::LeakyReLU(slope) => json!(["leaky_relu", slope]),
        Activation::Sigmoid => json!(["sigmoid"]),
        Activation::Tanh => json!(["tanh"]),
        Activation::Softmax => json!(["softmax"]),
        Activation::GELU => json!(["gelu"]),
        Activation::SiLU => json!(["silu"]),
        Activation::ELU(alpha) => json!(["elu", alpha]),
    }
}

/// Text as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// RFC 4648, with its padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for k in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * k)) as usize % 64];
            text.push(if k > three.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_as_in_the_rfc() {
        for (text, code) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(super::base64(text.as_bytes()), code);
        }
        assert_eq!(super::base64(&[255, 254, 253]), "//79");
    }
}
