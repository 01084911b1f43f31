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
    data::images,
    formats::source::{Program, c, html, rounded, rust},
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

/// What a page's script leaves in `data-test` of its root, run in a browser without a window.
#[track_caller]
fn page(folder: &Path, page: &str, script: &str) -> serde_json::Value {
    let path = folder.join("odd.html");
    let script = format!(
        "<script>document.documentElement.dataset.test = JSON.stringify((() => {{{script}}})());</script></body>"
    );
    fs::write(&path, page.replace("</body>", &script)).unwrap();
    let mut command = Command::new("chromium");
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=20000",
    ]);
    command.arg(format!("--user-data-dir={}", folder.join("browser").display()));
    let output =
        command.arg("--dump-dom").arg(format!("file://{}", path.display())).output().unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let root = dom.lines().find(|line| line.contains("<html")).unwrap_or_default();
    assert!(
        root.contains("data-check=\"right\""),
        "{root} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let test = root.split("data-test=\"").nth(1).and_then(|rest| rest.split('"').next());
    serde_json::from_str(&test.unwrap_or_default().replace("&quot;", "\"")).unwrap()
}

/// Numbers in lists of lists.
fn flat(value: &serde_json::Value) -> Vec<f32> {
    match value {
        serde_json::Value::Array(all) => all.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().map_or(f32::NAN, |x| x as f32)],
    }
}

#[test]
fn pages_answer_as_the_library() {
    if !is_there("chromium") {
        return;
    }
    for Odd { model, bytes, data } in odd_models() {
        let folder = tempfile::tempdir().unwrap();
        let text = html::write(&Program::new(&model).unwrap(), "odd </title> & \"").unwrap();
        let (width, rows) = (model.network().inputs(), data.features().rows().min(1000));
        let samples: String = match model.meaning().bytes {
            true => format!("{:?}", &bytes[..rows * width]),
            false => {
                let numbers = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
                format!("{:?}", numbers.take(rows * width).collect::<Vec<_>>())
            }
        };
        let script = format!(
            "const all = {samples}; return Array.from({{length: {rows}}}, (_, i) => ask(all.slice(i * {width}, (i + 1) * {width})));"
        );
        let got = flat(&page(folder.path(), &text, &script));
        let want = model.predict(&data).unwrap();
        compare(&format!("chromium, {}", model.network()), &got, &want[..got.len()]);
    }
    for Sheet { model, rows, want, .. } in sheets() {
        let folder = tempfile::tempdir().unwrap();
        let text = html::write(&Program::new(&model).unwrap(), "odd").unwrap();
        let cell = |cell: &models::Raw| match cell {
            models::Raw::Number(x) => serde_json::json!(x),
            models::Raw::Word(word) => serde_json::json!(word),
        };
        let all: Vec<Vec<_>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let all = serde_json::to_string(&all).unwrap().replace('<', "\\u003c");
        let got = flat(&page(folder.path(), &text, &format!("return {all}.map(ask);")));
        compare("chromium, rows of a table", &got, &want);
    }
}

/// A thick stroke through these points, dark on light, 140 pixels wide.
fn stroke(points: &[(f32, f32)]) -> Vec<u8> {
    let near = |x: f32, y: f32| {
        points.windows(2).any(|ends| {
            let ((ax, ay), (bx, by)) = (ends[0], ends[1]);
            let length = (bx - ax).powi(2) + (by - ay).powi(2);
            let t = (((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length).clamp(0.0, 1.0);
            (x - ax - t * (bx - ax)).hypot(y - ay - t * (by - ay)) < 5.0
        })
    };
    (0..140 * 140)
        .map(|i| if near((i % 140) as f32, (i / 140) as f32) { 20 } else { 240 })
        .collect()
}

#[test]
fn pages_see_drawings_as_the_library_does() {
    if !is_there("chromium") {
        return;
    }
    let model = odd_models().remove(0).model;
    let text = html::write(&Program::new(&model).unwrap(), "digits").unwrap();
    // None is the same upside down: its centre would lie between two pixels, and the last bit
    // would decide to which of them it goes.
    for points in [
        &[(30.0, 30.0), (90.0, 32.0), (50.0, 110.0)][..],
        &[(45.0, 35.0), (60.0, 20.0), (62.0, 120.0)],
        &[(20.0, 70.0), (120.0, 75.0), (110.0, 90.0)],
        &[(100.0, 20.0), (110.0, 30.0), (104.0, 46.0)],
    ] {
        let drawing = stroke(points);
        let want = images::digit_from_grey(&drawing, 140).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let got = flat(&page(folder.path(), &text, &format!("return digit({drawing:?}, 140);")));
        assert_eq!(got.len(), 784);
        let off = got.iter().zip(&want).filter(|(a, b)| (**a - f32::from(**b)).abs() > 1.0).count();
        assert_eq!(off, 0, "{points:?}");
    }
    let blank = page(
        tempfile::tempdir().unwrap().path(),
        &text,
        "return digit(new Array(19600).fill(255), 140);",
    );
    assert!(blank.is_null());
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
            if let reshet::data::table::ColumnKind::Number { centre, .. } = &mut column.kind {
                *centre = f64::INFINITY;
            }
        }
    };
    refused(&infinite, "not finite");
}
