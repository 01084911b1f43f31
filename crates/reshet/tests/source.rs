//! Models as source code, compiled and run by the compilers that are there, and compared with
//! the library on thousands of rows.

#[path = "source/models.rs"]
mod models;

use std::{
    fmt::Write as _,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use models::{Odd, Sheet, odd_models, sheets};
use reshet::{
    Model,
    formats::source::{Program, c, rounded, rust},
};

/// What a compiler is called and the flags under which nothing may be said.
const C_COMPILERS: [(&str, &[&str]); 4] = [
    ("gcc", &["-std=c99", "-O2"]),
    ("gcc", &["-std=c11", "-O3", "-march=native"]),
    ("clang", &["-std=c99", "-O2"]),
    ("g++", &["-x", "c++", "-std=c++17", "-O1", "-fwrapv"]),
];

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success());
    if !found {
        println!("skipped: no {program}");
    }
    found
}

/// Runs a command; what it says on either stream must be nothing unless it is told to succeed.
#[track_caller]
fn silent(command: &mut Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{command:?}: {said}");
}

/// Runs a program on bytes of float32 and gives back those it writes.
fn answers(program: &Path, input: &[u8]) -> Vec<f32> {
    let mut child =
        Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|s| {
        s.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success());
    output.stdout.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// The largest difference, relative where numbers are above 1.
#[track_caller]
fn compare(what: &str, got: &[f32], want: &[f32]) -> f32 {
    assert_eq!(got.len(), want.len(), "{what}");
    let off = |(a, b): (&f32, &f32)| (a - b).abs() / b.abs().max(1.0);
    // `max` would pass over NaN.
    let most = got.iter().zip(want).map(off).fold(0.0, |m, x| if x <= m { m } else { x });
    println!("{what}: {} rows' answers, largest difference {most:.3e}", got.len());
    assert!(most < 1e-5, "{what}: {most}");
    most
}

/// Compiles a header with a `main`, under no warning at all.
#[track_caller]
fn compile_c(folder: &Path, compiler: (&str, &[&str]), main: &str, define: Option<&str>) {
    let source = folder.join("main.c");
    fs::write(&source, main).unwrap();
    let mut command = Command::new(compiler.0);
    command.args(compiler.1).args(["-Wall", "-Wextra", "-Werror", "-pedantic"]);
    silent(command.args(define).arg(&source).arg("-o").arg(folder.join("main")));
}

const DRIVER: &str = r#"
#include <stdio.h>
#include "odd.h"
int main(void) {
    TYPE input[ODD_INPUTS];
    float answer[ODD_OUTPUTS];
    while (fread(input, sizeof *input, ODD_INPUTS, stdin) == ODD_INPUTS) {
        PREDICT(input, answer);
        fwrite(answer, sizeof *answer, ODD_OUTPUTS, stdout);
    }
    return 0;
}
"#;

#[test]
fn c_answers_as_the_library() {
    for compiler in C_COMPILERS {
        if !is_there(compiler.0) {
            continue;
        }
        for (i, Odd { model, bytes, data }) in odd_models().into_iter().enumerate() {
            for int8 in [false, true] {
                if int8 && (i > 3 || compiler.1.contains(&"-O3")) {
                    continue;
                }
                let folder = tempfile::tempdir().unwrap();
                let folder = folder.path();
                let program = if int8 { Program::int8(&model) } else { Program::new(&model) };
                let header = c::write(&program.unwrap(), "odd").unwrap();
                fs::write(folder.join("odd.h"), &header).unwrap();
                // It checks itself.
                compile_c(folder, compiler, "#include \"odd.h\"\n", Some("-DODD_TEST"));
                let own = Command::new(folder.join("main")).output().unwrap();
                assert!(own.status.success(), "{}", String::from_utf8_lossy(&own.stdout));
                // It answers as the library does.
                let (kind, predict) = match model.meaning().bytes {
                    true => ("unsigned char", "odd_predict_bytes"),
                    false => ("float", "odd_predict"),
                };
                let main = DRIVER.replace("TYPE", kind).replace("PREDICT", predict);
                compile_c(folder, compiler, &main, None);
                let got = answers(&folder.join("main"), &bytes);
                let wanted = if int8 { rounded(&model).unwrap() } else { model.clone() };
                let what = format!(
                    "{} {}, {}, int8: {int8}",
                    compiler.0,
                    compiler.1.join(" "),
                    model.network()
                );
                compare(&what, &got, &wanted.predict(&data).unwrap());
            }
        }
    }
}

/// A literal of C for any text without a zero byte.
fn literal(text: &str) -> String {
    let bytes = text.bytes().map(|b| format!("\\{b:03o}"));
    format!("\"{}\"", bytes.collect::<String>())
}

#[test]
fn c_takes_raw_rows() {
    for compiler in C_COMPILERS {
        if !is_there(compiler.0) {
            continue;
        }
        for Sheet { model, rows, want, .. } in sheets() {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            let header = c::write(&Program::new(&model).unwrap(), "odd").unwrap();
            fs::write(folder.join("odd.h"), &header).unwrap();
            compile_c(folder, compiler, "#include \"odd.h\"\n", Some("-DODD_TEST"));
            assert!(Command::new(folder.join("main")).output().unwrap().status.success());
            let mut main = String::from(
                "#include <stdio.h>\n#include \"odd.h\"\nstatic const odd_row rows[] = {\n",
            );
            for row in &rows {
                let cell = |cell: &models::Raw| match cell {
                    models::Raw::Number(Some(x)) => format!("{x:?}f"),
                    models::Raw::Number(None) => "NAN".into(),
                    models::Raw::Word(Some(word)) => literal(word),
                    models::Raw::Word(None) => "NULL".into(),
                };
                writeln!(main, "{{{}}},", row.iter().map(cell).collect::<Vec<_>>().join(", "))
                    .unwrap();
            }
            main += "};\nint main(void) {\n    size_t i;\n    for (i = 0; i < sizeof rows / sizeof *rows; i++) {\n        float y[ODD_OUTPUTS];\n        odd_predict_row(&rows[i], y);\n        fwrite(y, sizeof *y, ODD_OUTPUTS, stdout);\n    }\n    return 0;\n}\n";
            compile_c(folder, compiler, &main, None);
            let got = answers(&folder.join("main"), &[]);
            compare(&format!("{} {:?}, rows of a table", compiler.0, compiler.1), &got, &want);
        }
    }
}

const RUST_DRIVER: &str = r#"
#[path = "odd.rs"]
mod odd;
use std::io::{Read, Write};
fn main() {
    let (mut bytes, mut out) = (Vec::new(), Vec::new());
    std::io::stdin().read_to_end(&mut bytes).unwrap();
    let samples: Vec<TYPE> = bytes.chunks(std::mem::size_of::<TYPE>()).map(READ).collect();
    for sample in samples.chunks(odd::INPUTS) {
        let mut input = [Default::default(); odd::INPUTS];
        input.copy_from_slice(sample);
        for y in odd::PREDICT(&input).iter() {
            out.extend_from_slice(&y.to_le_bytes());
        }
    }
    std::io::stdout().write_all(&out).unwrap();
}
"#;

/// Compiles Rust under no warning at all.
#[track_caller]
fn compile_rust(program: &str, folder: &Path, source: &str, flags: &[&str]) {
    let path = folder.join("main.rs");
    fs::write(&path, source).unwrap();
    let mut command = Command::new(program);
    command.args(["-D", "warnings", "-C", "opt-level=2"]).args(flags).arg(&path);
    silent(command.arg("-o").arg(folder.join("main")));
}

/// The module checks itself, and is fit for a crate without `std`.
#[track_caller]
fn check_rust(folder: &Path) {
    compile_rust("rustc", folder, "#[path = \"odd.rs\"]\npub mod odd;\n", &["--test"]);
    let own = Command::new(folder.join("main")).output().unwrap();
    assert!(own.status.success(), "{}", String::from_utf8_lossy(&own.stdout));
    let bare = "#![no_std]\n#[path = \"odd.rs\"]\npub mod odd;\n";
    let flags = ["--crate-type", "lib", "--emit", "metadata", "--edition", "2024"];
    compile_rust("rustc", folder, bare, &flags);
    if is_there("clippy-driver") {
        compile_rust("clippy-driver", folder, bare, &[&flags[..], &["-D", "clippy::all"]].concat());
    }
}

#[test]
fn rust_answers_as_the_library() {
    if !is_there("rustc") {
        return;
    }
    for Odd { model, bytes, data } in odd_models() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let source = rust::write(&Program::new(&model).unwrap()).unwrap();
        fs::write(folder.join("odd.rs"), source).unwrap();
        check_rust(folder);
        let main = match model.meaning().bytes {
            true => RUST_DRIVER
                .replace("TYPE", "u8")
                .replace("PREDICT", "predict_bytes")
                .replace("READ", "|b| b[0]"),
            false => RUST_DRIVER
                .replace("TYPE", "f32")
                .replace("PREDICT", "predict")
                .replace("READ", "|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])"),
        };
        compile_rust("rustc", folder, &main, &[]);
        let got = answers(&folder.join("main"), &bytes);
        compare(&format!("rustc, {}", model.network()), &got, &model.predict(&data).unwrap());
    }
}

#[test]
fn rust_takes_raw_rows() {
    if !is_there("rustc") {
        return;
    }
    for Sheet { model, rows, want, fields } in sheets() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let source = rust::write(&Program::new(&model).unwrap()).unwrap();
        fs::write(folder.join("odd.rs"), source).unwrap();
        check_rust(folder);
        let mut main = String::from(
            "use std::io::Write;\n#[path = \"odd.rs\"]\nmod odd;\nstatic ROWS: &[odd::Row] = &[\n",
        );
        for row in &rows {
            let cell = |(cell, field): (&models::Raw, &&str)| match cell {
                models::Raw::Number(Some(x)) => format!("{field}: {x:?}"),
                models::Raw::Number(None) => format!("{field}: f32::NAN"),
                models::Raw::Word(word) => format!("{field}: {word:?}"),
            };
            writeln!(
                main,
                "odd::Row {{{}}},",
                row.iter().zip(&fields).map(cell).collect::<Vec<_>>().join(", ")
            )
            .unwrap();
        }
        main += "];\nfn main() {\n    for row in ROWS {\n        for y in odd::predict_row(row).iter() {\n            std::io::stdout().write_all(&y.to_le_bytes()).unwrap();\n        }\n    }\n}\n";
        compile_rust("rustc", folder, &main, &[]);
        compare("rustc, rows of a table", &answers(&folder.join("main"), &[]), &want);
    }
}

#[test]
fn models_that_contradict_themselves_are_refused() {
    let refused = |change: &dyn Fn(&mut reshet::Meaning), says: &str| {
        let Sheet { model, .. } = sheets().remove(0);
        let mut meaning = model.meaning().clone();
        change(&mut meaning);
        let (network, loss) = (model.network().clone(), model.loss().clone());
        let model = Model::new(network, loss, model.parameters().to_vec(), meaning).unwrap();
        let program = Program::new(&model).and_then(|program| c::write(&program, "x"));
        let error = program.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    refused(&|m| m.names.clear(), "0 names");
    refused(&|m| m.names[0] = "a\0b".into(), "zero byte");
    refused(&|m| m.names[1] = "x".repeat(5000), "4095");
    refused(&|m| m.columns.as_mut().unwrap().inputs.truncate(1), "its columns make");
    let infinite = |m: &mut reshet::Meaning| {
        for column in &mut m.columns.as_mut().unwrap().inputs {
            if let reshet::data::table::Kind::Number { centre, .. } = &mut column.kind {
                *centre = f32::INFINITY;
            }
        }
    };
    refused(&infinite, "not finite");
}
