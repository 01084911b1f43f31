//! Writes a model as one header of C99.
//!
//! It needs no allocation, no library beyond `memcpy` and `strcmp`, and no initialisation; it
//! is also valid C++. A layer's outer loop runs over its inputs and its inner loop over its
//! outputs, so that compilers can vectorise it without reordering sums. Inputs that are 0 are
//! skipped, and the others taken four at a time. Layers of a few outputs sum in 16 lanes instead.

use super::{
    Input, Operation, OutputMeaning, Program, Weights,
    functions::called,
    layout::{FEW, by_input, padded},
    names::{c_comment, c_string, fields, identifier, numbers},
};
use crate::{
    Activation, Result,
    data::table::{ColumnKind, Columns, Unit},
    formats::probe::Raw,
};

/// Writes the header; its names begin with `name` (see [`identifier`]).
///
/// # Errors
/// A word or name cannot be a string of C99.
pub fn write(program: &Program, name: &str) -> Result<String> {
    let name = identifier(name, "model");
    let labels = strings("§_labels", program.output_meaning.labels())?;
    let labels = format!("/* {} */\n{labels}", program.output_meaning.labels_are());

    let (mut layers, mut run) = (String::new(), String::new());
    let mut row = ("input".to_string(), program.inputs);
    if !matches!(program.operations.first(), Some(Operation::Dense { .. })) {
        // The caller's numbers must not change.
        row.0 = "own".into();
        run += "    float own[¤_INPUTS];\n    for (i = 0; i < ¤_INPUTS; i++) own[i] = input[i];\n";
    }
    for (i, operation) in program.operations.iter().enumerate() {
        run += &match operation {
            Operation::Dense { outputs, .. } => {
                layers += &dense(i, operation);
                let (from, padded) = (row.0, padded(*outputs));
                row = (format!("h{i}"), *outputs);
                format!("    float h{i}[{padded}];\n    §_layer{i}({from}, h{i});\n")
            }
            Operation::Activation(Activation::Softmax) => {
                format!("    §_softmax({}, {});\n", row.0, row.1)
            }
            Operation::Activation(activation) => {
                let f = apply(*activation, &format!("{}[i]", row.0));
                format!("    for (i = 0; i < {}; i++) {}[i] = {f};\n", row.1, row.0)
            }
            Operation::Units(units) => {
                let unit = |(k, unit): (usize, &Unit)| {
                    let (h, centre, scale) = (&row.0, float(unit.centre), float(unit.scale));
                    format!("    {h}[{k}] = {centre} + {scale} * {h}[{k}];\n")
                };
                units.iter().enumerate().map(unit).collect()
            }
        };
    }
    let predict = format!(
        "/* {}\n * input: ¤_INPUTS numbers{}; output: ¤_OUTPUTS numbers. */\n\
         static inline void §_predict(const float *input, float *output) {{\n    int i;\n{run}    \
         for (i = 0; i < ¤_OUTPUTS; i++) output[i] = {}[i];\n}}\n\n",
        program.output_meaning.outputs_are("§_labels[1]"),
        match program.input {
            Input::Numbers => "",
            Input::Bytes => ", each a byte / 255",
            Input::Columns(_) => " that §_encode made",
        },
        row.0
    );
    let raw = match &program.input {
        Input::Numbers => String::new(),
        Input::Bytes => BYTES.into(),
        Input::Columns(columns) => table(columns)?,
    };
    let best = match program.output_meaning {
        OutputMeaning::YesNo(_) => YES_NO,
        OutputMeaning::Classes(_) => BEST,
        _ => "",
    };

    let body = format!("{layers}{predict}");
    let calls = format!("{body}{raw}");
    let nothing: Vec<String> =
        program.missing_words().iter().map(|word| c_string(word)).collect::<Result<_>>()?;
    let functions = called(include_str!("functions.c.txt"), "§_", &calls);
    let functions = functions.replace("%MISSING%", &nothing.join(", "));

    let about: String =
        program.about.iter().map(|line| format!(" * {}\n", c_comment(line))).collect();
    let head = HEAD.replace("%ABOUT%", about.trim_end()).replace(
        "%ASK%",
        match program.input {
            Input::Numbers => "const float input[¤_INPUTS] = {...};\n *     §_predict(input, answer);",
            Input::Bytes => "const unsigned char bytes[¤_INPUTS] = {...};\n *     §_predict_bytes(bytes, answer);",
            Input::Columns(_) => "const §_row row = {...};\n *     §_predict_row(&row, answer);",
        },
    );
    let head = head
        .replace("%VERSION%", env!("CARGO_PKG_VERSION"))
        .replace("%INPUTS%", &program.inputs.to_string())
        .replace("%OUTPUTS%", &program.outputs.to_string());
    let test = test(program)?;
    let all = format!("{head}{functions}{labels}\n{body}{raw}{best}{test}#endif /* ¤_H */\n");
    // Text of the model contains neither mark: it is ASCII by now.
    Ok(all.replace('§', &name).replace('¤', &name.to_uppercase()))
}

const HEAD: &str = "\
/* A trained network as C99 (and C++). Written by reshet %VERSION%.
 *
%ABOUT%
 *
 *     #include \"§.h\"
 *     float answer[¤_OUTPUTS];
 *     %ASK%
 *
 * It allocates nothing and needs no library. It checks itself:
 *
 *     cc -O2 -D¤_TEST -x c §.h -o §_test && ./§_test
 */
#ifndef ¤_H
#define ¤_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define ¤_INPUTS %INPUTS%
#define ¤_OUTPUTS %OUTPUTS%

";

const BYTES: &str = "\
/* The same for bytes, which stand for x / 255: pixels, plane by plane and row by row. */
static inline void §_predict_bytes(const unsigned char *bytes, float *output) {
    float input[¤_INPUTS];
    int i;
    for (i = 0; i < ¤_INPUTS; i++) input[i] = (float)bytes[i] / 255.0f;
    §_predict(input, output);
}

";

const YES_NO: &str = "\
/* The more probable answer, as a place in §_labels. */
static inline int §_label(const float *output) {
    return output[0] > 0.5f;
}

";

const BEST: &str = "\
/* The most probable class, as a place in §_labels. */
static inline int §_label(const float *output) {
    int best = 0, i;
    for (i = 1; i < ¤_OUTPUTS; i++)
        if (output[i] > output[best]) best = i;
    return best;
}

";

/// A number in C's syntax.
fn float(x: f32) -> String {
    format!("{x:?}f")
}

fn strings(name: &str, texts: &[String]) -> Result<String> {
    let texts: Vec<String> = texts.iter().map(|text| c_string(text)).collect::<Result<_>>()?;
    // An array of C cannot be empty.
    let n = texts.len().max(1);
    let texts = if texts.is_empty() { vec!["0".into()] } else { texts };
    Ok(format!(
        "static const char *const {name}[{n}] = {{\n{}}};\n",
        numbers(&texts, String::clone)
    ))
}

/// The expression f(x); Softmax looks at the whole row and is called after it.
fn apply(activation: Activation, x: &str) -> String {
    match activation {
        Activation::Identity | Activation::Softmax => x.into(),
        Activation::ReLU => format!("§_relu({x})"),
        Activation::LeakyReLU(slope) => format!("§_leaky_relu({x}, {})", float(slope)),
        Activation::Sigmoid => format!("§_sigmoid({x})"),
        Activation::Tanh => format!("§_tanh({x})"),
        Activation::GELU => format!("§_gelu({x})"),
        Activation::SiLU => format!("§_silu({x})"),
        Activation::ELU(alpha) => format!("§_elu({x}, {})", float(alpha)),
    }
}

/// A layer: its constants, and a function that computes it.
fn dense(i: usize, operation: &Operation) -> String {
    let Operation::Dense { inputs, outputs, weights, biases, activation } = operation else {
        return String::new();
    };
    let (inputs, outputs) = (*inputs, *outputs);
    let width = padded(outputs);
    fn placed<T: Copy + Default>(weights: &[T], inputs: usize, outputs: usize) -> Vec<T> {
        if outputs < FEW { weights.to_vec() } else { by_input(weights, inputs, outputs) }
    }
    let array = |name: &str, kind: &str, n: usize, text: String| {
        format!("static const {kind} §_{name}{i}[{n}] = {{\n{text}}};\n")
    };
    let floats = |name: &str, values: &[f32]| {
        let mut all = values.to_vec();
        all.resize(width, 0.0);
        array(name, "float", width, numbers(&all, |x| float(*x)))
    };
    let n = inputs * width;
    let mut text = match weights {
        Weights::F32(weights) => {
            array("weights", "float", n, numbers(&placed(weights, inputs, outputs), |x| float(*x)))
        }
        Weights::I8(values, scales) => {
            let values = placed(values, inputs, outputs);
            array("weights", "signed char", n, numbers(&values, i8::to_string))
                + &floats("scales", scales)
        }
    };
    text += &floats("biases", biases);
    let int8 = matches!(weights, Weights::I8(..));
    let (start, sum) = match int8 {
        true => ("0.0f".to_string(), format!("sum[k] * §_scales{i}[k] + §_biases{i}[k]")),
        false => (format!("§_biases{i}[k]"), "sum[k]".into()),
    };
    let kind = if int8 { "signed char" } else { "float" };
    let body = if outputs < FEW {
        let whole = inputs - inputs % 16;
        let sum = match int8 {
            true => format!("s * §_scales{i}[k] + §_biases{i}[k]"),
            false => format!("s + §_biases{i}[k]"),
        };
        NARROW.replace("%WHOLE%", &whole.to_string()).replace("%F%", &apply(*activation, &sum))
    } else {
        WIDE.replace("%START%", &start).replace("%F%", &apply(*activation, &sum))
    };
    let body = body
        .replace("%I%", &i.to_string())
        .replace("%TYPE%", kind)
        .replace("%INPUTS%", &inputs.to_string())
        .replace("%WIDTH%", &width.to_string());
    let softmax = match activation {
        Activation::Softmax => format!("    §_softmax(y, {outputs});\n"),
        _ => String::new(),
    };
    format!("{text}\n{}\n", body.replace("%SOFTMAX%", &softmax))
}

// A loop that ends at a mark cannot be mixed with the one inside it: where the number of turns
// is known, gcc -O3 does that, and 784 → 100 takes seven times as long.
const WIDE: &str = "\
static inline void §_layer%I%(const float *x, float *y) {
    float sum[%WIDTH%], value[%INPUTS% + 4];
    int used[%INPUTS% + 4];
    int i, k, n = 0;
    for (i = 0; i < %INPUTS%; i++) {
        used[n] = i;
        value[n] = x[i];
        n += x[i] != 0.0f;
    }
    for (; n % 4 != 0; n++) {
        used[n] = 0;
        value[n] = 0.0f;
    }
    used[n] = -1;
    for (k = 0; k < %WIDTH%; k++) sum[k] = %START%;
    for (i = 0; used[i] >= 0; i += 4) {
        const %TYPE% *a = §_weights%I% + used[i] * %WIDTH%, *b = §_weights%I% + used[i + 1] * %WIDTH%;
        const %TYPE% *c = §_weights%I% + used[i + 2] * %WIDTH%, *d = §_weights%I% + used[i + 3] * %WIDTH%;
        const float p = value[i], q = value[i + 1], r = value[i + 2], s = value[i + 3];
        for (k = 0; k < %WIDTH%; k++) sum[k] += p * a[k] + q * b[k] + r * c[k] + s * d[k];
    }
    for (k = 0; k < %WIDTH%; k++) y[k] = %F%;
%SOFTMAX%}
";

const NARROW: &str = "\
static inline void §_layer%I%(const float *x, float *y) {
    int i, j, k;
    for (k = 0; k < %WIDTH%; k++) {
        const %TYPE% *w = §_weights%I% + k * %INPUTS%;
        float lane[16] = {0.0f}, s = 0.0f;
        for (i = 0; i < %WHOLE%; i += 16)
            for (j = 0; j < 16; j++) lane[j] += x[i + j] * w[i + j];
        for (j = 0; j < 8; j++) s += lane[j] + lane[j + 8];
        for (i = %WHOLE%; i < %INPUTS%; i++) s += x[i] * w[i];
        y[k] = %F%;
    }
%SOFTMAX%}
";

/// Writes a table's row, its encoding, and its prediction.
fn table(columns: &Columns) -> Result<String> {
    let fields = fields(columns.inputs.iter().map(|column| &*column.name));
    let (mut members, mut values, mut encode) = (String::new(), String::new(), String::new());
    let mut at = 0;
    for (i, (column, field)) in columns.inputs.iter().zip(&fields).enumerate() {
        let what = c_comment(&format!("\"{}\": {}", column.name, column.kind.describe()));
        let width = column.kind.width();
        match &column.kind {
            ColumnKind::Number { centre, scale, bend, fill, indicator, knots, .. } => {
                members += &format!("    float {field}; /* {what} */\n");
                let [centre, scale, fill] = [centre, scale, fill].map(|x| float(*x as f32));
                encode += &format!(
                    "    known = §_known(row->{field});\n    \
                     z = ((known ? row->{field} : {fill}) - ({centre})) / {scale};\n"
                );
                encode += &match bend {
                    true => {
                        format!("    input[{at}] = z / §_sqrt(1.0f + z / 3.0f * (z / 3.0f));\n")
                    }
                    false => format!("    input[{at}] = z;\n"),
                };
                if knots.len() > 1 {
                    let all: Vec<String> = knots.iter().map(|z| float(*z as f32)).collect();
                    let count = knots.len();
                    values += &format!(
                        "static const float §_knots{i}[{count}] = {{\n{}}};\n\n",
                        numbers(&all, String::clone)
                    );
                    encode += &format!(
                        "    for (i = 0; i < {}; i++) input[{} + i] = §_piece(z, §_knots{i} + i);\n",
                        count - 1,
                        at + 1
                    );
                }
                if *indicator {
                    encode += &format!("    input[{}] = known ? 0.0f : 1.0f;\n", at + width - 1);
                }
            }
            ColumnKind::Two { values: two } => {
                members += &format!("    const char *{field}; /* {what} */\n");
                values += &strings(&format!("§_values{i}"), two)?;
                encode += &format!(
                    "    place = §_find(row->{field}, §_values{i}, 2);\n    \
                     input[{at}] = place == 0 ? -1.0f : place == 1 ? 1.0f : 0.0f;\n"
                );
            }
            ColumnKind::Category { values: known, rare, missing } => {
                members += &format!("    const char *{field}; /* {what} */\n");
                values += &strings(&format!("§_values{i}"), known)?;
                let n = known.len();
                encode += &format!(
                    "    place = §_find(row->{field}, §_values{i}, {n});\n    \
                     for (i = 0; i < {n}; i++) input[{at} + i] = i == place ? 1.0f : 0.0f;\n"
                );
                if *rare {
                    encode += &format!("    input[{}] = place == {n} ? 1.0f : 0.0f;\n", at + n);
                }
                if *missing {
                    encode +=
                        &format!("    input[{}] = place < 0 ? 1.0f : 0.0f;\n", at + width - 1);
                }
            }
        }
        at += width;
    }
    let uses = |what: &str| encode.contains(what);
    let mut locals = String::new();
    for (mark, local) in [
        ("z = ", "    float z;\n    int known;\n"),
        ("place = ", "    int place;\n"),
        ("(i = 0", "    int i;\n"),
    ] {
        if uses(mark) {
            locals += local;
        }
    }
    Ok(format!(
        "/* A row of the table. Numbers: NAN if missing. Words: as written here; NULL if\n \
         * missing. */\n\
         typedef struct {{\n{members}}} §_row;\n\n{values}\n\
         /* A row as the network's numbers. */\n\
         static inline void §_encode(const §_row *row, float *input) {{\n{locals}{encode}}}\n\n\
         /* §_predict for a row of a table. */\n\
         static inline void §_predict_row(const §_row *row, float *output) {{\n    \
         float input[¤_INPUTS];\n    §_encode(row, input);\n    \
         §_predict(input, output);\n}}\n\n"
    ))
}

/// The test vectors and a `main` that checks them.
fn test(program: &Program) -> Result<String> {
    let row = |row: &Vec<Raw>| match program.columns() {
        Some(columns) => {
            let cells =
                columns.inputs.iter().zip(row).map(|(column, raw)| match (raw, &column.kind) {
                    (Raw::Word(word), _) => c_string(word),
                    (Raw::Missing, ColumnKind::Two { .. } | ColumnKind::Category { .. }) => {
                        Ok("NULL".into())
                    }
                    (Raw::Missing, _) => Ok("NAN".into()),
                    (Raw::Number(x), _) => Ok(float(*x)),
                });
            Ok(vec![format!("{{{}}}", cells.collect::<Result<Vec<_>>>()?.join(", "))])
        }
        None if program.input == Input::Bytes => {
            Ok(row.iter().map(|raw| format!("{:.0}", raw.number())).collect())
        }
        None => Ok(row.iter().map(|raw| float(raw.number())).collect()),
    };
    let rows = program.probe.rows.iter().map(row).collect::<Result<Vec<Vec<String>>>>()?;
    let (count, inputs, answers) = (rows.len(), rows.concat(), &program.probe.answers);
    let (kind, ask) = match program.input {
        Input::Numbers => ("float", "predict(§_inputs + i * ¤_INPUTS, answer)"),
        Input::Bytes => ("unsigned char", "predict_bytes(§_inputs + i * ¤_INPUTS, answer)"),
        Input::Columns(_) => ("§_row", "predict_row(§_inputs + i, answer)"),
    };
    let label = match program.output_meaning {
        OutputMeaning::YesNo(_) | OutputMeaning::Classes(_) => "§_labels[§_label(answer)]",
        _ => "§_labels[0]",
    };
    let head = TEST[0].replace("%KIND%", kind).replace("%N%", &inputs.len().to_string());
    let middle = TEST[1].replace("%N%", &answers.len().to_string());
    let foot = TEST[2]
        .replace("%ASK%", &format!("§_{ask}"))
        .replace("%LABEL%", label)
        .replace("%N%", &count.to_string());
    let (inputs, answers) = (numbers(&inputs, String::clone), numbers(answers, |x| float(*x)));
    Ok(format!("{head}{inputs}{middle}{answers}{foot}"))
}

const TEST: [&str; 3] = [
    "#ifdef ¤_TEST\n#include <stdio.h>\n\nstatic const %KIND% §_inputs[%N%] = {\n",
    "};\nstatic const float §_answers[%N%] = {\n",
    "};

int main(void) {
    double most = 0.0;
    int i, k;
    for (i = 0; i < %N%; i++) {
        float answer[¤_OUTPUTS];
        %ASK%;
        for (k = 0; k < ¤_OUTPUTS; k++) {
            const double want = §_answers[i * ¤_OUTPUTS + k], size = want < 0.0 ? -want : want;
            double off = answer[k] - want;
            off = (off < 0.0 ? -off : off) / (size > 1.0 ? size : 1.0);
            /* Written so that NaN is the largest. */
            if (!(off <= most)) most = off;
        }
        printf(\"%d: %g (%s)\\n\", i, (double)answer[0], %LABEL%);
    }
    printf(\"largest difference: %.3g\\n\", most);
    return !(most < 1e-5);
}
#endif

",
];
