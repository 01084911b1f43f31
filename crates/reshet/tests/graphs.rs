//! ONNX graphs with one thing before, in or behind the network that must be taken over or refused
//! by name. `tests/foreign/graphs.py` makes them, and the answers are onnxruntime's.

use std::{collections::BTreeMap, fs, path::PathBuf};

use reshet::{
    Dataset, Features, Model, Storage, Task,
    formats::import::{Import, Imported},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    #[serde(default)]
    inputs: Vec<Vec<f32>>,
    /// What is decided, a row a sample.
    labels: Option<Vec<Vec<String>>>,
    /// What the network gives, a row a sample.
    outputs: Option<Vec<Vec<f32>>>,
    /// What the refusal must name.
    refused: Option<String>,
    answer: Option<String>,
    /// Whether the inputs are bytes, as x / 255.
    bytes: Option<bool>,
    white: Option<f32>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign/graphs")
}

fn expected() -> BTreeMap<String, Expected> {
    let json = fs::read_to_string(folder().join("expected.json")).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn import(name: &str, expected: &Expected, task: Option<Task>) -> Imported {
    let (answer, white) = (expected.answer.clone(), expected.white);
    let import = Import { answer, task, white, ..Import::default() };
    import.read(folder().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn answers(model: &Model, inputs: &[Vec<f32>]) -> Vec<f32> {
    let features = Features::new(Storage::F32(inputs.concat()), &model.meaning().shape).unwrap();
    model.predict(&Dataset::unlabelled(features).unwrap()).unwrap()
}

/// What a model says to one sample, as the program prints it.
fn label(model: &Model, row: &[f32]) -> Vec<String> {
    let names = &model.meaning().names;
    match (model.task(), row) {
        (Task::Binary, [yes]) => vec![names[usize::from(*yes > 0.5)].clone()],
        (Task::Binary, _) => row.iter().map(|p| u8::from(*p > 0.5).to_string()).collect(),
        (Task::Classes, _) => vec![names[reshet::metrics::argmax(row)].clone()],
        (Task::Number, _) => panic!("a number is no label"),
    }
}

#[test]
fn what_a_graph_decides_a_model_decides() {
    let mut count = 0;
    for (name, expected) in &expected() {
        let Some(labels) = &expected.labels else { continue };
        let model = import(name, expected, None).model;
        let answers = answers(&model, &expected.inputs);
        let rows = answers.chunks_exact(model.network().outputs());
        let ours: Vec<Vec<String>> = rows.map(|row| label(&model, row)).collect();
        assert_eq!(&ours, labels, "{name}");
        count += 1;
    }
    assert!(count > 40, "{count}");
}

#[test]
fn what_a_graph_computes_a_model_computes() {
    let mut count = 0;
    for (name, expected) in &expected() {
        let Some(outputs) = &expected.outputs else { continue };
        let imported = import(name, expected, Some(Task::Number));
        let model = imported.model;
        if let Some(bytes) = expected.bytes {
            assert_eq!(model.meaning().bytes, bytes, "{name}");
            assert!(imported.said.iter().any(|line| line.contains("taken as")), "{name}");
        }
        let ours = answers(&model, &expected.inputs);
        let theirs = outputs.concat();
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5 * b.abs().max(1.0);
        assert!(ours.iter().zip(&theirs).all(near), "{name}: {ours:?}, not {theirs:?}");
        count += 1;
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn what_a_model_cannot_do_is_refused_by_name() {
    let mut count = 0;
    for (name, expected) in &expected() {
        let Some(names) = &expected.refused else { continue };
        match Import::default().read(folder().join(name)) {
            Err(error) => {
                let error = error.to_string();
                assert!(error.contains(names.as_str()), "{name}: {error}");
                let unnamed = names.contains("inputs") || names.contains('…');
                assert!(error.contains("node ") || unnamed, "{name}: {error}");
            }
            Ok(imported) => panic!("{name}: read as {}", imported.model.network()),
        }
        count += 1;
    }
    assert!(count > 30, "{count}");
}

#[test]
fn what_is_left_out_is_said_and_what_is_asked_for_is_taken() {
    let all = expected();
    let said = |name: &str| import(name, &all[name], None).said.join("\n");
    assert!(said("label_and_hidden.onnx").contains("\"a\" is a stage on the way to the answer"));
    let asked = |answer: &str| {
        let answer = Some(answer.to_string());
        Import { answer, ..Import::default() }.read(folder().join("answer_p.onnx"))
    };
    assert!(asked("p").unwrap().said.iter().any(|line| line.contains("task binary")));
    let error = asked("g").unwrap_err().to_string();
    assert!(error.contains("Greater") && error.contains("decides at 0.3"), "{error}");
    let error = asked("q").unwrap_err().to_string();
    assert!(error.contains("no output is called \"q\"; there are g, p"), "{error}");
}
