//! Every engine against PyTorch's own runs (see `tests/golden/README.md`).

use std::{collections::HashMap, fs, path::PathBuf};

use reshet::{prelude::*, *};
use safetensors::{SafeTensors, tensor::Dtype};
use serde::Deserialize;

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    layers: Vec<serde_json::Value>,
    loss: Loss,
    optimizer: serde_json::Value,
    batch_size: usize,
    samples: usize,
    steps: usize,
    clip_norm: Option<f32>,
    /// Targets of classes are probabilities.
    #[serde(default)]
    soft: bool,
}

struct Tensors {
    floats: HashMap<String, Vec<f32>>,
    classes: Option<Vec<u32>>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
}

fn cases() -> Vec<Case> {
    let text = fs::read_to_string(folder().join("cases.json")).unwrap();
    serde_json::from_str::<Cases>(&text).unwrap().cases
}

impl Case {
    fn network(&self) -> Sequential {
        let number = |layer: &serde_json::Value, key: &str| layer[key].as_f64().unwrap();
        let layer = |layer: &serde_json::Value| -> Layer {
            let activation = match layer["type"].as_str().unwrap() {
                "Linear" => {
                    let size = |key| number(layer, key) as usize;
                    return Layer::Linear(size("in"), size("out"));
                }
                "ReLU" => Activation::ReLU,
                "LeakyReLU" => Activation::LeakyReLU(number(layer, "negative_slope") as f32),
                "Sigmoid" => Activation::Sigmoid,
                "Tanh" => Activation::Tanh,
                "Softmax" => Activation::Softmax,
                "GELU" => Activation::GELU,
                "SiLU" => Activation::SiLU,
                "ELU" => {
                    Activation::ELU(layer.get("alpha").map_or(1.0, |a| a.as_f64().unwrap() as f32))
                }
                "Identity" => Activation::Identity,
                other => panic!("{other}"),
            };
            activation.into()
        };
        Sequential::new(self.layers.iter().map(layer)).unwrap()
    }

    fn optimizer(&self) -> Optimizer {
        let o = &self.optimizer;
        let number = |key: &str, default: f64| o.get(key).map_or(default, |x| x.as_f64().unwrap());
        let flag = |key: &str| o.get(key).is_some_and(|x| x.as_bool().unwrap());
        let betas = o
            .get("betas")
            .map_or((0.9, 0.999), |b| (b[0].as_f64().unwrap(), b[1].as_f64().unwrap()));
        let lr = number("lr", f64::NAN);
        let eps = number("eps", 1e-8);
        let amsgrad = flag("amsgrad");
        match o["type"].as_str().unwrap() {
            "SGD" => SGD {
                lr,
                momentum: number("momentum", 0.0),
                nesterov: flag("nesterov"),
                weight_decay: number("weight_decay", 0.0),
            }
            .into(),
            "Adam" => {
                Adam { lr, betas, eps, weight_decay: number("weight_decay", 0.0), amsgrad }.into()
            }
            "AdamW" => {
                AdamW { lr, betas, eps, weight_decay: number("weight_decay", 0.01), amsgrad }.into()
            }
            "RMSprop" => RMSprop {
                lr,
                alpha: number("alpha", 0.99),
                eps,
                weight_decay: number("weight_decay", 0.0),
                momentum: number("momentum", 0.0),
                centered: flag("centered"),
            }
            .into(),
            other => panic!("{other}"),
        }
    }

    fn tensors(&self) -> Tensors {
        let bytes = fs::read(folder().join(format!("{}.safetensors", self.name))).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut tensors = Tensors { floats: HashMap::new(), classes: None };
        for (name, view) in file.tensors() {
            if view.dtype() == Dtype::I64 {
                let numbers = view.data().as_chunks::<8>().0.iter();
                let classes = numbers.map(|b| i64::from_le_bytes(*b) as u32).collect();
                tensors.classes = Some(classes);
            } else {
                let numbers = view.data().as_chunks::<4>().0.iter();
                tensors.floats.insert(name, numbers.map(|b| f32::from_le_bytes(*b)).collect());
            }
        }
        tensors
    }

    fn dataset(&self, tensors: &Tensors, network: &Sequential) -> Dataset {
        let input = Storage::F32(tensors.floats["input"].clone());
        let features = Features::new(input, &[network.inputs()]).unwrap();
        let outputs = network.outputs();
        let targets = match &tensors.classes {
            Some(classes) => {
                let names = (0..outputs).map(|c| c.to_string()).collect();
                Targets::classes(classes.clone(), names)
            }
            None if self.soft => {
                let names = (0..outputs).map(|c| c.to_string()).collect();
                Targets::soft_classes(tensors.floats["target"].clone(), names).unwrap()
            }
            None => Targets::numbers(tensors.floats["target"].clone(), outputs),
        };
        Dataset::new(features, targets).unwrap()
    }

    /// The rows of each step: in order, the last batch of a pass ragged, then
    /// from the start again.
    fn batches(&self) -> Vec<Vec<u32>> {
        let rows: Vec<u32> = (0..self.samples as u32).collect();
        let pass: Vec<Vec<u32>> = rows.chunks(self.batch_size).map(<[u32]>::to_vec).collect();
        pass.iter().cycle().take(self.steps).cloned().collect()
    }
}

/// max |a − b| ≤ 1e-5 · max |b|
fn close(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0f32, |m, x| m.max(x.abs()));
    for (g, w) in got.iter().zip(want) {
        assert!(
            (g - w).abs() <= 1e-5 * largest + 1e-12,
            "{what}: {g} should be {w} (of {largest})"
        );
    }
}

/// ‖a − b‖₂ ≤ 1e-4 ‖b‖₂
fn near(what: &str, got: &[f32], want: &[f32]) {
    let norm =
        |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(want).map(|(g, w)| g - w));
    let size = norm(&mut want.iter().copied());
    assert!(difference <= 1e-4 * size, "{what}: ‖Δ‖/‖final‖ = {:e}", difference / size);
}

fn reproduce(case: &Case, device: Device) {
    let (network, tensors) = (case.network(), case.tensors());
    let data = case.dataset(&tensors, &network);
    let at = |what: &str| format!("{} on {device}: {what}", case.name);
    let plan = Plan::new(&network, case.loss.clone()).unwrap();
    let named = plan.named_parameters();
    let pick = |kind: &str| -> Vec<f32> {
        named.iter().flat_map(|p| tensors.floats[&format!("{kind}.{}", p.name)].clone()).collect()
    };
    let new = || {
        let setup = network.clone().with_loss(case.loss.clone()).parameters(pick("initial"));
        let mut training = setup.on(device).unwrap().attach(&data).unwrap();
        training.clip_grad_norm(case.clip_norm);
        let with_cublaslt = std::env::var_os("RESHET_CUBLASLT_FROM").is_some();
        training.allow_cublaslt(with_cublaslt).unwrap();
        training
    };
    let (mut training, mut fused) = (new(), new());
    for (i, batch) in case.batches().iter().enumerate() {
        training.forward(batch).unwrap();
        if i == 0 {
            let output = training.output(batch.len());
            close(&at("output"), &output, &tensors.floats["output"]);
        }
        let loss = training.backward().unwrap();
        if i == 0 {
            close(&at("loss"), &[loss], &tensors.floats["loss"]);
            let gradients = training.gradients();
            for p in &named {
                let name = format!("gradient.{}", p.name);
                close(&at(&name), &gradients[p.range.clone()], &tensors.floats[&name]);
            }
        }
        training.update(case.optimizer()).unwrap();
        let want = tensors.floats["losses"][i];
        assert!(
            (loss - want).abs() <= 1e-4 * want.abs(),
            "{}: {loss} {want}",
            at(&format!("step {i}"))
        );
        assert_eq!(fused.step(batch, case.optimizer()).unwrap().to_bits(), loss.to_bits());
    }
    let end = training.parameters();
    assert!(end.iter().zip(fused.parameters()).all(|(a, b)| a.to_bits() == b.to_bits()));
    for p in &named {
        let name = format!("final.{}", p.name);
        near(&at(&name), &end[p.range.clone()], &tensors.floats[&name]);
    }
    let rows: Vec<u32> = (0..case.samples as u32).collect();
    training.forward(&rows).unwrap();
    near(&at("final output"), &training.output(case.samples), &tensors.floats["final_output"]);
}

#[test]
fn reference_reproduces_pytorch() {
    for case in cases() {
        reproduce(&case, Device::Reference);
    }
}

#[test]
fn cpu_reproduces_pytorch_on_every_path() {
    for instructions in Instructions::here() {
        for threads in [1, 2] {
            let device = Device::cpu().instructions(instructions).exact_threads(threads);
            for case in cases() {
                reproduce(&case, device);
            }
        }
    }
}

/// On a card, or the emulated one: `gpu/check.sh` sets the variable.
#[test]
fn cuda_reproduces_pytorch() {
    if std::env::var_os("RESHET_TEST_CUDA").is_none() {
        return;
    }
    let device = Device::cuda(0).unwrap();
    for case in cases() {
        reproduce(&case, device);
    }
}
