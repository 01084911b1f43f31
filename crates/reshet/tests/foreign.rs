//! Networks that PyTorch, Keras and scikit-learn wrote, imported: what they answered there, they
//! answer here. The files and answers are made by `tests/foreign/make.py`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use reshet::{
    Dataset, Error, Features, Storage, Task,
    formats::import::{Import, Imported},
};
use serde::Deserialize;

/// The difference allowed: half-precision files are compared with what PyTorch computes from
/// the rounded weights.
const TOLERANCE: f32 = 1e-5;

#[derive(Deserialize)]
struct Expected {
    /// What a state_dict leaves open.
    net: Option<String>,
    #[serde(default)]
    names: Vec<String>,
    inputs: Vec<Vec<f32>>,
    outputs: Vec<Vec<f32>>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign")
}

fn expected() -> BTreeMap<String, Expected> {
    let json = fs::read_to_string(folder().join("expected.json")).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn import(name: &str, import: Import) -> Imported {
    import.read(folder().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The largest difference, of large numbers as a part of the largest.
fn difference(name: &str, expected: &Expected) -> f32 {
    let network = expected.net.clone();
    let imported = import(name, Import { network, ..Import::default() });
    let model = &imported.model;
    // Logits are asked for by putting the question as one for numbers, where we would give
    // probabilities.
    let sums = expected.outputs.iter().map(|row| row.iter().sum::<f32>());
    let logits = model.task() == Task::Classes && !sums.clone().all(|s| (s - 1.0).abs() < 1e-4);
    let model = match logits {
        true => {
            let (network, task) = (expected.net.clone(), Some(Task::Number));
            import(name, Import { network, task, ..Import::default() }).model
        }
        false => model.clone(),
    };
    if !expected.names.is_empty() {
        assert_eq!(model.meaning().names, expected.names, "{name}");
    }
    // Bytes are taken as x / 255.
    let scale = if model.meaning().bytes { 255.0 } else { 1.0 };
    let inputs = expected.inputs.iter().flatten().map(|x| x / scale).collect();
    let features = Features::new(Storage::F32(inputs), &model.meaning().shape).unwrap();
    let answers = model.predict(&Dataset::unlabelled(features).unwrap()).unwrap();
    let all = expected.outputs.concat();
    assert_eq!(answers.len(), all.len(), "{name}");
    let largest = all.iter().fold(1.0f32, |m, y| m.max(y.abs()));
    answers.iter().zip(all).fold(0.0f32, |d, (a, b)| d.max((a - b).abs())) / largest
}

#[test]
fn imported_networks_answer_as_where_they_come_from() {
    let expected = expected();
    assert!(expected.len() > 30, "{}", expected.len());
    for (name, expected) in &expected {
        let d = difference(name, expected);
        println!("{name:32} {d:.1e}");
        assert!(d < TOLERANCE, "{name}: {d}");
    }
}

#[test]
fn what_is_no_network_of_dense_layers_is_named() {
    for (name, says) in [
        ("convolution.onnx", "node 1 of 1, Conv \"/Conv\""),
        ("convolution.pt", "0.weight of shape [2, 1, 3, 3]"),
        ("whole_module.pt", "torch.save(model.state_dict(), \"net.pt\")"),
    ] {
        let error = Import::default().read(folder().join(name)).unwrap_err();
        assert!(matches!(error, Error::Data(_)), "{name}: {error}");
        let error = error.to_string();
        assert!(error.contains(name) && error.contains(says), "{name}: {error}");
    }
}

#[test]
fn a_state_dict_asks_for_its_activations() {
    let read = |name: &str, network: Option<&str>| {
        let network = network.map(String::from);
        Import { network, ..Import::default() }.read(folder().join(name))
    };
    let error = read("named_wrapped.pt", None).unwrap_err();
    assert!(matches!(error, Error::Invalid(_)));
    let error = error.to_string();
    for part in ["3-6-4-1", "fc1; bn1, batch normalization; fc2; head", "it is 3-6:relu-4:relu-1"] {
        assert!(error.contains(part), "{error}");
    }
    let error = read("legacy.pt", Some("4-6:relu-3")).unwrap_err().to_string();
    assert!(
        error.contains("the network 4-6:relu-3 has the widths 4-6-3, and the file 4-5-3"),
        "{error}"
    );
    let said = read("named_wrapped.pt", Some("6:tanh-4:gelu-1:sigmoid")).unwrap().said;
    assert!(said.iter().any(|line| line.contains("bn1 is taken to stand right behind fc1")));
    let error = read("sklearn_plain.onnx", Some("3-4:relu-1")).unwrap_err().to_string();
    assert!(error.contains("the network is told for files that do not say"), "{error}");
}

#[test]
fn what_is_told_of_a_file_is_taken() {
    let network = Some("4-5:relu-3:softmax".to_string());
    let names = |names: &[&str]| Some(names.iter().map(|n| n.to_string()).collect());
    let told = Import {
        network: network.clone(),
        names: names(&["a", "b", "c"]),
        shape: Some(vec![1, 2, 2]),
        bytes: true,
        ..Import::default()
    };
    let model = import("sequential.pt", told.clone()).model;
    assert_eq!((model.task(), &model.meaning().shape[..]), (Task::Classes, &[1, 2, 2][..]));
    assert_eq!(model.meaning().names, ["a", "b", "c"]);
    assert!(model.meaning().bytes);
    assert!(model.notes["imported"].contains("sequential.pt"));
    let refused = |change: fn(&mut Import), says: &str| {
        let mut told = told.clone();
        change(&mut told);
        let error = told.read(folder().join("sequential.pt")).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    refused(|told| told.names = Some(vec!["a".into()]), "3 names are needed, not 1");
    refused(|told| told.shape = Some(vec![5]), "is not the 4 values");
    refused(|told| told.shape = Some(vec![usize::MAX, 4]), "is not the 4 values");
    refused(|told| told.task = Some(Task::Number), "a network that gives numbers has no classes");
    refused(|told| told.task = Some(Task::Binary), "BCELoss: needs a network that ends in");
}
