//! PyTorch's runs through the program: arrays and weights in, the same weights out.

use std::{fs, path::Path, process::Command};

use assert_cmd::cargo::CommandCargoExt;
use reshet::Model;
use safetensors::{SafeTensors, tensor::TensorView};
use serde_json::Value;

/// The case's network in the program's spelling.
fn network(case: &Value) -> String {
    let layers = case["layers"].as_array().unwrap();
    let mut net = layers[0]["in"].to_string();
    for layer in layers {
        let name = layer["type"].as_str().unwrap();
        net += &match name {
            "Linear" => format!("-{}", layer["out"]),
            "LeakyReLU" => format!(":leaky_relu({})", layer["negative_slope"]),
            "ELU" => format!(":elu({})", layer.get("alpha").unwrap_or(&1.0.into())),
            _ => format!(":{}", name.to_lowercase()),
        };
    }
    net
}

/// The flags, or None for what the program has no flag for.
fn flags(case: &Value) -> Option<Vec<String>> {
    let mut flags: Vec<(String, String)> = Vec::new();
    let mut add = |flag: &str, value: String| flags.push((flag.into(), value));
    let loss = &case["loss"];
    if loss.get("weight").is_some() || loss.get("beta").is_some() {
        return None;
    }
    let names = [
        ("BCELoss", "bce"),
        ("BCEWithLogitsLoss", "bce-logits"),
        ("CrossEntropyLoss", "cross-entropy"),
        ("MSELoss", "mse"),
        ("L1Loss", "l1"),
        ("SmoothL1Loss", "smooth-l1"),
    ];
    add("loss", names.iter().find(|(name, _)| loss["type"] == *name).unwrap().1.into());
    if let Some(x) = loss.get("label_smoothing") {
        add("label-smoothing", x.to_string());
    }
    if let Some(x) = case.get("clip_norm") {
        add("clip-norm", x.to_string());
    }
    if case.get("soft").is_some() {
        add("task", "classes".into());
    }
    let steps = case["steps"].as_u64().unwrap();
    let pass = case["samples"].as_u64().unwrap().div_ceil(case["batch_size"].as_u64().unwrap());
    add("epochs", (steps / pass).to_string());
    add("batch-size", case["batch_size"].to_string());
    for (key, value) in case["optimizer"].as_object().unwrap() {
        let key = key.replace('_', "-");
        match value {
            Value::String(name) => add("optimizer", name.to_lowercase()),
            Value::Array(pair) => add("betas", format!("{},{}", pair[0], pair[1])),
            // A switch has no value.
            Value::Bool(on) if *on => add(&key, String::new()),
            Value::Bool(_) => {}
            number => add(&key, number.to_string()),
        }
    }
    let words = |(flag, value): (String, String)| {
        [format!("--{flag}"), value].into_iter().filter(|word| !word.is_empty())
    };
    Some(flags.into_iter().flat_map(words).collect())
}

/// A tensor as NumPy saves it.
fn npy(tensor: &TensorView) -> Vec<u8> {
    let kind = if format!("{:?}", tensor.dtype()) == "I64" { "<i8" } else { "<f4" };
    let shape: String = tensor.shape().iter().map(|n| format!("{n},")).collect();
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    [&bytes, header.as_bytes(), tensor.data()].concat()
}

#[test]
fn the_program_reproduces_pytorch() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let cases: Value =
        serde_json::from_str(&fs::read_to_string(golden.join("cases.json")).unwrap()).unwrap();
    let mut run = 0;
    for case in cases["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let Some(flags) = flags(case) else { continue };
        let bytes = fs::read(golden.join(format!("{name}.safetensors"))).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(place.path().join(name), bytes).unwrap();
        write("x.npy", &npy(&file.tensor("input").unwrap()));
        write("y.npy", &npy(&file.tensor("target").unwrap()));
        let initial = file.tensors().into_iter().filter_map(|(name, tensor)| {
            Some((name.strip_prefix("initial.")?.to_string(), tensor))
        });
        write("initial.safetensors", &safetensors::serialize(initial, None).unwrap());
        let output = Command::cargo_bin("reshet")
            .unwrap()
            .current_dir(place.path())
            .args(
                "train x.npy --targets y.npy --load initial.safetensors --no-shuffle --no-scale"
                    .split(' '),
            )
            .args("--test-fraction 0 --out run --json".split(' '))
            .args(["--net", &network(case)])
            .args(&flags)
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {error}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["steps"], case["steps"], "{name}");
        let losses = file.tensor("losses").unwrap();
        let losses = losses.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b));
        let epochs = report["epochs"].as_u64().unwrap() as usize;
        let last: Vec<f32> =
            losses.skip(case["steps"].as_u64().unwrap() as usize / epochs * (epochs - 1)).collect();
        let mean = last.iter().sum::<f32>() as f64 / last.len() as f64;
        let final_loss = report["final_loss"].as_f64().unwrap();
        assert!((final_loss - mean).abs() <= 1e-4 * mean, "{name}: {final_loss} {mean}");

        let model = Model::load(place.path().join("run/model.safetensors")).unwrap();
        for (tensor_name, tensor) in file.tensors() {
            let Some(parameter) = tensor_name.strip_prefix("final.") else { continue };
            let want =
                tensor.data().as_chunks::<4>().0.iter().map(|b| f64::from(f32::from_le_bytes(*b)));
            let got = model.parameter(parameter).unwrap().iter().map(|x| f64::from(*x));
            let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
            let size = norm(&mut want.clone());
            let off = norm(&mut got.zip(want).map(|(g, w)| g - w));
            assert!(off <= 1e-4 * size, "{name}: {parameter} is off by {:e}", off / size);
        }
        run += 1;
    }
    assert!(run >= 24, "{run}");
}
